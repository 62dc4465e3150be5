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
.macro troupe_row_4 source, t0, t1, t2, t3, t4
    xor %eax, %eax
    mulx 0(%\source), %rax, %rbx
    adcx %rax, %\t0
    adox %rbx, %\t1
    mulx 8(%\source), %rax, %rbx
    adcx %rax, %\t1
    adox %rbx, %\t2
    mulx 16(%\source), %rax, %rbx
    adcx %rax, %\t2
    adox %rbx, %\t3
    mulx 24(%\source), %rax, %rbx
    adcx %rax, %\t3
    adox %rbx, %\t4
    mov $0, %eax
    adcx %rax, %\t4
.endm
.macro troupe_first_row_4 source, t0, t1, t2, t3, t4
    mulx (%\source), %\t0, %\t1
    mulx 8(%\source), %rax, %\t2
    add %rax, %\t1
    mulx 16(%\source), %rax, %\t3
    adc %rax, %\t2
    mulx 24(%\source), %rax, %\t4
    adc %rax, %\t3
    adc $0, %\t4
.endm
.macro troupe_reduction_row_4 t0, rest:vararg
    mov %\t0, %rdx
    imul %r8, %rdx
    troupe_row_4 rcx, \t0, \rest
.endm
.macro troupe_montgomery_row_4 limb, registers:vararg
    mov 8*\limb(%rbp), %rdx
    troupe_row_4 rsi, \registers
    troupe_reduction_row_4 \registers
.endm
.macro troupe_product_row_4 limb, t0, rest:vararg
    mov 8*\limb(%rbp), %rdx
    troupe_row_4 rsi, \t0, \rest
    mov %\t0, 8*\limb(%rdi)
    mov $0, %\t0
.endm

.macro troupe_row_6 source, t0, t1, t2, t3, t4, t5, t6
    xor %eax, %eax
    mulx 0(%\source), %rax, %rbx
    adcx %rax, %\t0
    adox %rbx, %\t1
    mulx 8(%\source), %rax, %rbx
    adcx %rax, %\t1
    adox %rbx, %\t2
    mulx 16(%\source), %rax, %rbx
    adcx %rax, %\t2
    adox %rbx, %\t3
    mulx 24(%\source), %rax, %rbx
    adcx %rax, %\t3
    adox %rbx, %\t4
    mulx 32(%\source), %rax, %rbx
    adcx %rax, %\t4
    adox %rbx, %\t5
    mulx 40(%\source), %rax, %rbx
    adcx %rax, %\t5
    adox %rbx, %\t6
    mov $0, %eax
    adcx %rax, %\t6
.endm
.macro troupe_first_row_6 source, t0, t1, t2, t3, t4, t5, t6
    mulx (%\source), %\t0, %\t1
    mulx 8(%\source), %rax, %\t2
    add %rax, %\t1
    mulx 16(%\source), %rax, %\t3
    adc %rax, %\t2
    mulx 24(%\source), %rax, %\t4
    adc %rax, %\t3
    mulx 32(%\source), %rax, %\t5
    adc %rax, %\t4
    mulx 40(%\source), %rax, %\t6
    adc %rax, %\t5
    adc $0, %\t6
.endm
.macro troupe_reduction_row_6 t0, rest:vararg
    mov %\t0, %rdx
    imul %r8, %rdx
    troupe_row_6 rcx, \t0, \rest
.endm
.macro troupe_montgomery_row_6 limb, registers:vararg
    mov 8*\limb(%rbp), %rdx
    troupe_row_6 rsi, \registers
    troupe_reduction_row_6 \registers
.endm
.macro troupe_product_row_6 limb, t0, rest:vararg
    mov 8*\limb(%rbp), %rdx
    troupe_row_6 rsi, \t0, \rest
    mov %\t0, 8*\limb(%rdi)
    mov $0, %\t0
.endm

troupe_begin troupe_montgomery_multiply_4
    troupe_push rbx, rbp, r12, r13
    mov %rdx, %rbp
    mov (%rbp), %rdx
    troupe_first_row_4 rsi, r9, r10, r11, r12, r13
    troupe_reduction_row_4 r9, r10, r11, r12, r13
    troupe_montgomery_row_4 1, r10, r11, r12, r13, r9
    troupe_montgomery_row_4 2, r11, r12, r13, r9, r10
    troupe_montgomery_row_4 3, r12, r13, r9, r10, r11
    troupe_subtract_once 4, r13, r9, r10, r11
    troupe_store rdi, 0, r13, r9, r10, r11
    troupe_pop r13, r12, rbp, rbx
troupe_end troupe_montgomery_multiply_4

troupe_begin troupe_multiply_4
    troupe_push rbx, rbp, r12, r13
    mov %rdx, %rbp
    mov (%rbp), %rdx
    troupe_first_row_4 rsi, r9, r10, r11, r12, r13
    mov %r9, (%rdi)
    mov $0, %r9
    troupe_product_row_4 1, r10, r11, r12, r13, r9
    troupe_product_row_4 2, r11, r12, r13, r9, r10
    troupe_product_row_4 3, r12, r13, r9, r10, r11
    troupe_store rdi, 8*4, r13, r9, r10, r11
    troupe_pop r13, r12, rbp, rbx
troupe_end troupe_multiply_4

# The lower half is reduced first and becomes at most m; then the upper half is added.
troupe_begin troupe_montgomery_reduce_4
    troupe_push rbx, rbp, r12, r13
    mov %rcx, %r8
    mov %rdx, %rcx
    troupe_load rsi, 0, r9, r10, r11, r12
    mov $0, %r13
    troupe_reduction_row_4 r9, r10, r11, r12, r13
    troupe_reduction_row_4 r10, r11, r12, r13, r9
    troupe_reduction_row_4 r11, r12, r13, r9, r10
    troupe_reduction_row_4 r12, r13, r9, r10, r11
    troupe_each add, adc, rsi, 8*4, r13, r9, r10, r11
    troupe_subtract_once 4, r13, r9, r10, r11
    troupe_store rdi, 0, r13, r9, r10, r11
    troupe_pop r13, r12, rbp, rbx
troupe_end troupe_montgomery_reduce_4

troupe_begin troupe_montgomery_multiply_6
    troupe_push rbx, rbp, r12, r13, r14, r15
    mov %rdx, %rbp
    mov (%rbp), %rdx
    troupe_first_row_6 rsi, r9, r10, r11, r12, r13, r14, r15
    troupe_reduction_row_6 r9, r10, r11, r12, r13, r14, r15
    troupe_montgomery_row_6 1, r10, r11, r12, r13, r14, r15, r9
    troupe_montgomery_row_6 2, r11, r12, r13, r14, r15, r9, r10
    troupe_montgomery_row_6 3, r12, r13, r14, r15, r9, r10, r11
    troupe_montgomery_row_6 4, r13, r14, r15, r9, r10, r11, r12
    troupe_montgomery_row_6 5, r14, r15, r9, r10, r11, r12, r13
    troupe_subtract_once 6, r15, r9, r10, r11, r12, r13
    troupe_store rdi, 0, r15, r9, r10, r11, r12, r13
    troupe_pop r15, r14, r13, r12, rbp, rbx
troupe_end troupe_montgomery_multiply_6

troupe_begin troupe_multiply_6
    troupe_push rbx, rbp, r12, r13, r14, r15
    mov %rdx, %rbp
    mov (%rbp), %rdx
    troupe_first_row_6 rsi, r9, r10, r11, r12, r13, r14, r15
    mov %r9, (%rdi)
    mov $0, %r9
    troupe_product_row_6 1, r10, r11, r12, r13, r14, r15, r9
    troupe_product_row_6 2, r11, r12, r13, r14, r15, r9, r10
    troupe_product_row_6 3, r12, r13, r14, r15, r9, r10, r11
    troupe_product_row_6 4, r13, r14, r15, r9, r10, r11, r12
    troupe_product_row_6 5, r14, r15, r9, r10, r11, r12, r13
    troupe_store rdi, 8*6, r15, r9, r10, r11, r12, r13
    troupe_pop r15, r14, r13, r12, rbp, rbx
troupe_end troupe_multiply_6

# The lower half is reduced first and becomes at most m; then the upper half is added.
troupe_begin troupe_montgomery_reduce_6
    troupe_push rbx, rbp, r12, r13, r14, r15
    mov %rcx, %r8
    mov %rdx, %rcx
    troupe_load rsi, 0, r9, r10, r11, r12, r13, r14
    mov $0, %r15
    troupe_reduction_row_6 r9, r10, r11, r12, r13, r14, r15
    troupe_reduction_row_6 r10, r11, r12, r13, r14, r15, r9
    troupe_reduction_row_6 r11, r12, r13, r14, r15, r9, r10
    troupe_reduction_row_6 r12, r13, r14, r15, r9, r10, r11
    troupe_reduction_row_6 r13, r14, r15, r9, r10, r11, r12
    troupe_reduction_row_6 r14, r15, r9, r10, r11, r12, r13
    troupe_each add, adc, rsi, 8*6, r15, r9, r10, r11, r12, r13
    troupe_subtract_once 6, r15, r9, r10, r11, r12, r13
    troupe_store rdi, 0, r15, r9, r10, r11, r12, r13
    troupe_pop r15, r14, r13, r12, rbp, rbx
troupe_end troupe_montgomery_reduce_6
)");

#else

const bool troupe::limb_arithmetic::x86::has_mulx_adx = false;

#endif
