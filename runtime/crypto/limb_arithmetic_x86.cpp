#include "runtime/crypto/limb_arithmetic_x86.hpp"

#if defined(__x86_64__)

#include <cpuid.h>

namespace troupe::limb_arithmetic::x86 {
namespace {

bool ask_cpu() noexcept {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    constexpr unsigned bmi2 = 1u << 8;
    constexpr unsigned adx = 1u << 19;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bmi2) != 0 && (ebx & adx) != 0;
}

}  // namespace

const bool has_mulx_adx = ask_cpu();

}  // namespace troupe::limb_arithmetic::x86

// GNU assembler; the order of operands is AT&T's (mulx: source, low, high). Functions take their arguments in rdi, rsi,
// rdx, rcx and r8.
asm(R"(
.macro troupe_begin name
    .pushsection .text
    .p2align 5
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    .cfi_startproc
.endm
.macro troupe_end name
    ret
    .cfi_endproc
    .size \name, .-\name
    .popsection
.endm
.macro troupe_push registers:vararg
    .irp register, \registers
    push %\register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset \register, 0
    .endr
.endm
.macro troupe_pop registers:vararg
    .irp register, \registers
    pop %\register
    .cfi_adjust_cfa_offset -8
    .cfi_restore \register
    .endr
.endm

# An instruction for each register with the limb of memory that belongs to it: one for the first, one for the rest.
.macro troupe_each first, rest, pointer, offset, registers:vararg
    .set troupe_at, \offset
    .irp register, \registers
    .if troupe_at == (\offset)
    \first troupe_at(%\pointer), %\register
    .else
    \rest troupe_at(%\pointer), %\register
    .endif
    .set troupe_at, troupe_at + 8
    .endr
.endm
.macro troupe_load pointer, offset, registers:vararg
    troupe_each mov, mov, \pointer, \offset, \registers
.endm
.macro troupe_store pointer, offset, registers:vararg
    .set troupe_at, \offset
    .irp register, \registers
    mov %\register, troupe_at(%\pointer)
    .set troupe_at, troupe_at + 8
    .endr
.endm
# Less m (rcx) where that does not borrow. Meanwhile the value waits below the stack pointer.
.macro troupe_subtract_once n, registers:vararg
    troupe_store rsp, -8*\n, \registers
    troupe_each sub, sbb, rcx, 0, \registers
    troupe_each cmovc, cmovc, rsp, -8*\n, \registers
.endm
# Plus m where the carry is set.
.macro troupe_add_if_borrowed n, registers:vararg
    sbb %rdx, %rdx
    troupe_store rsp, -8*\n, \registers
    troupe_each add, adc, rcx, 0, \registers
    test %rdx, %rdx
    troupe_each cmovz, cmovz, rsp, -8*\n, \registers
.endm

# Sums and differences. The last register is rsi: it is loaded when the operand it points to was read.
.macro troupe_sums n, registers:vararg
troupe_begin troupe_add_mod_\n
    troupe_load rsi, 0, \registers
    troupe_each add, adc, rdx, 0, \registers
    troupe_subtract_once \n, \registers
    troupe_store rdi, 0, \registers
troupe_end troupe_add_mod_\n

troupe_begin troupe_subtract_mod_\n
    troupe_load rsi, 0, \registers
    troupe_each sub, sbb, rdx, 0, \registers
    troupe_add_if_borrowed \n, \registers
    troupe_store rdi, 0, \registers
troupe_end troupe_subtract_mod_\n

troupe_begin troupe_add_\n
    troupe_load rsi, 0, \registers
    troupe_each add, adc, rdx, 0, \registers
    troupe_store rdi, 0, \registers
troupe_end troupe_add_\n

troupe_begin troupe_add_mod_wide_\n
    troupe_lower_half add, adc, \n
    troupe_load rsi, 8*\n, \registers
    troupe_each adc, adc, rdx, 8*\n, \registers
    troupe_subtract_once \n, \registers
    troupe_store rdi, 8*\n, \registers
troupe_end troupe_add_mod_wide_\n

troupe_begin troupe_subtract_mod_wide_\n
    troupe_lower_half sub, sbb, \n
    troupe_load rsi, 8*\n, \registers
    troupe_each sbb, sbb, rdx, 8*\n, \registers
    troupe_add_if_borrowed \n, \registers
    troupe_store rdi, 8*\n, \registers
troupe_end troupe_subtract_mod_wide_\n
.endm
.macro troupe_lower_half first, rest, n
    mov (%rsi), %rax
    \first (%rdx), %rax
    mov %rax, (%rdi)
    .set troupe_at, 8
    .rept \n - 1
    mov troupe_at(%rsi), %rax
    \rest troupe_at(%rdx), %rax
    mov %rax, troupe_at(%rdi)
    .set troupe_at, troupe_at + 8
    .endr
.endm
troupe_sums 4, rax, r8, r9, rsi
troupe_sums 6, rax, r8, r9, r10, r11, rsi

# Rows of a product with one limb (rdx), added to t0..tN, of which tN is zero at first: low halves in the carry chain,
# high halves in the overflow chain. A reduction's row adds the multiple of m (rcx) that makes t0 zero, which so becomes
# the next row's tN.
.macro troupe_row source, columns:vararg
    xor %eax, %eax
    troupe_row_from \source, 0, \columns
.endm
.macro troupe_row_from source, offset, t0, t1, rest:vararg
    mulx \offset(%\source), %rax, %rbx
    adcx %rax, %\t0
    adox %rbx, %\t1
    .ifnb \rest
    troupe_row_from \source, \offset+8, \t1, \rest
    .else
    mov $0, %eax
    adcx %rax, %\t1
    .endif
.endm
.macro troupe_first_row source, t0, t1, rest:vararg
    mulx (%\source), %\t0, %\t1
    troupe_first_row_from add, \source, 8, \t1, \rest
.endm
.macro troupe_first_row_from adding, source, offset, t0, t1, rest:vararg
    mulx \offset(%\source), %rax, %\t1
    \adding %rax, %\t0
    .ifnb \rest
    troupe_first_row_from adc, \source, \offset+8, \t1, \rest
    .else
    adc $0, %\t1
    .endif
.endm
.macro troupe_reduction_row limb, t0, rest:vararg
    mov %\t0, %rdx
    imul %r8, %rdx
    troupe_row rcx, \t0, \rest
.endm
.macro troupe_montgomery_row limb, columns:vararg
    mov 8*(\limb)(%rbp), %rdx
    troupe_row rsi, \columns
    troupe_reduction_row \limb, \columns
.endm
.macro troupe_product_row limb, t0, rest:vararg
    mov 8*(\limb)(%rbp), %rdx
    troupe_row rsi, \t0, \rest
    mov %\t0, 8*(\limb)(%rdi)
    mov $0, %\t0
.endm
# A row for each limb from `limb` on, each time with the columns one place further.
.macro troupe_rows row, limb, n, t0, rest:vararg
    .if \limb < \n
    \row \limb, \rest, \t0
    troupe_rows \row, \limb+1, \n, \rest, \t0
    .endif
.endm

# Products of n limbs. Columns: `lower` and `last`, of which `result` are those that hold it in the end.
.macro troupe_products n, saved, restored, lower, last, result
troupe_begin troupe_montgomery_multiply_\n
    troupe_push rbx, rbp, \saved
    mov %rdx, %rbp
    mov (%rbp), %rdx
    troupe_first_row rsi, \lower, \last
    troupe_reduction_row 0, \lower, \last
    troupe_rows troupe_montgomery_row, 1, \n, \lower, \last
    troupe_subtract_once \n, \result
    troupe_store rdi, 0, \result
    troupe_pop \restored, rbp, rbx
troupe_end troupe_montgomery_multiply_\n

troupe_begin troupe_multiply_\n
    troupe_push rbx, rbp, \saved
    mov %rdx, %rbp
    mov (%rbp), %rdx
    troupe_first_row rsi, \lower, \last
    mov %r9, (%rdi)
    mov $0, %r9
    troupe_rows troupe_product_row, 1, \n, \lower, \last
    troupe_store rdi, 8*\n, \result
    troupe_pop \restored, rbp, rbx
troupe_end troupe_multiply_\n

# The lower half is reduced first and becomes at most m; then the upper half is added.
troupe_begin troupe_montgomery_reduce_\n
    troupe_push rbx, rbp, \saved
    mov %rcx, %r8
    mov %rdx, %rcx
    troupe_load rsi, 0, \lower
    mov $0, %\last
    troupe_reduction_row 0, \lower, \last
    troupe_rows troupe_reduction_row, 1, \n, \lower, \last
    troupe_each add, adc, rsi, 8*\n, \result
    troupe_subtract_once \n, \result
    troupe_store rdi, 0, \result
    troupe_pop \restored, rbp, rbx
troupe_end troupe_montgomery_reduce_\n
.endm
troupe_products 4, "r12, r13", "r13, r12", "r9, r10, r11, r12", r13, "r13, r9, r10, r11"
troupe_products 6, "r12, r13, r14, r15", "r15, r14, r13, r12", "r9, r10, r11, r12, r13, r14", r15, "r15, r9, r10, r11, r12, r13"
)");

#else

const bool troupe::limb_arithmetic::x86::has_mulx_adx = false;

#endif
