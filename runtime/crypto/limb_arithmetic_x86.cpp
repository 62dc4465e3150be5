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

// Shared by the functions below. The order of operands is AT&T's: mulx is source, low, high.
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

# Results before the last step wait below the stack pointer, for the choice between the two.
troupe_begin troupe_add_mod_4
    mov 0(%rsi), %rax
    mov 8(%rsi), %r8
    mov 16(%rsi), %r9
    mov 24(%rsi), %rsi
    add 0(%rdx), %rax
    adc 8(%rdx), %r8
    adc 16(%rdx), %r9
    adc 24(%rdx), %rsi
    mov %rax, -32(%rsp)
    mov %r8, -24(%rsp)
    mov %r9, -16(%rsp)
    mov %rsi, -8(%rsp)
    sub 0(%rcx), %rax
    sbb 8(%rcx), %r8
    sbb 16(%rcx), %r9
    sbb 24(%rcx), %rsi
    cmovc -32(%rsp), %rax
    cmovc -24(%rsp), %r8
    cmovc -16(%rsp), %r9
    cmovc -8(%rsp), %rsi
    mov %rax, 0(%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %rsi, 24(%rdi)
troupe_end troupe_add_mod_4
troupe_begin troupe_subtract_mod_4
    mov 0(%rsi), %rax
    mov 8(%rsi), %r8
    mov 16(%rsi), %r9
    mov 24(%rsi), %rsi
    sub 0(%rdx), %rax
    sbb 8(%rdx), %r8
    sbb 16(%rdx), %r9
    sbb 24(%rdx), %rsi
    sbb %rdx, %rdx
    mov %rax, -32(%rsp)
    mov %r8, -24(%rsp)
    mov %r9, -16(%rsp)
    mov %rsi, -8(%rsp)
    add 0(%rcx), %rax
    adc 8(%rcx), %r8
    adc 16(%rcx), %r9
    adc 24(%rcx), %rsi
    test %rdx, %rdx
    cmovz -32(%rsp), %rax
    cmovz -24(%rsp), %r8
    cmovz -16(%rsp), %r9
    cmovz -8(%rsp), %rsi
    mov %rax, 0(%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %rsi, 24(%rdi)
troupe_end troupe_subtract_mod_4
troupe_begin troupe_add_4
    mov 0(%rsi), %rax
    mov 8(%rsi), %r8
    mov 16(%rsi), %r9
    mov 24(%rsi), %r10
    add 0(%rdx), %rax
    adc 8(%rdx), %r8
    adc 16(%rdx), %r9
    adc 24(%rdx), %r10
    mov %rax, 0(%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %r10, 24(%rdi)
troupe_end troupe_add_4
troupe_begin troupe_add_mod_6
    mov 0(%rsi), %rax
    mov 8(%rsi), %r8
    mov 16(%rsi), %r9
    mov 24(%rsi), %r10
    mov 32(%rsi), %r11
    mov 40(%rsi), %rsi
    add 0(%rdx), %rax
    adc 8(%rdx), %r8
    adc 16(%rdx), %r9
    adc 24(%rdx), %r10
    adc 32(%rdx), %r11
    adc 40(%rdx), %rsi
    mov %rax, -48(%rsp)
    mov %r8, -40(%rsp)
    mov %r9, -32(%rsp)
    mov %r10, -24(%rsp)
    mov %r11, -16(%rsp)
    mov %rsi, -8(%rsp)
    sub 0(%rcx), %rax
    sbb 8(%rcx), %r8
    sbb 16(%rcx), %r9
    sbb 24(%rcx), %r10
    sbb 32(%rcx), %r11
    sbb 40(%rcx), %rsi
    cmovc -48(%rsp), %rax
    cmovc -40(%rsp), %r8
    cmovc -32(%rsp), %r9
    cmovc -24(%rsp), %r10
    cmovc -16(%rsp), %r11
    cmovc -8(%rsp), %rsi
    mov %rax, 0(%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %r10, 24(%rdi)
    mov %r11, 32(%rdi)
    mov %rsi, 40(%rdi)
troupe_end troupe_add_mod_6
troupe_begin troupe_subtract_mod_6
    mov 0(%rsi), %rax
    mov 8(%rsi), %r8
    mov 16(%rsi), %r9
    mov 24(%rsi), %r10
    mov 32(%rsi), %r11
    mov 40(%rsi), %rsi
    sub 0(%rdx), %rax
    sbb 8(%rdx), %r8
    sbb 16(%rdx), %r9
    sbb 24(%rdx), %r10
    sbb 32(%rdx), %r11
    sbb 40(%rdx), %rsi
    sbb %rdx, %rdx
    mov %rax, -48(%rsp)
    mov %r8, -40(%rsp)
    mov %r9, -32(%rsp)
    mov %r10, -24(%rsp)
    mov %r11, -16(%rsp)
    mov %rsi, -8(%rsp)
    add 0(%rcx), %rax
    adc 8(%rcx), %r8
    adc 16(%rcx), %r9
    adc 24(%rcx), %r10
    adc 32(%rcx), %r11
    adc 40(%rcx), %rsi
    test %rdx, %rdx
    cmovz -48(%rsp), %rax
    cmovz -40(%rsp), %r8
    cmovz -32(%rsp), %r9
    cmovz -24(%rsp), %r10
    cmovz -16(%rsp), %r11
    cmovz -8(%rsp), %rsi
    mov %rax, 0(%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %r10, 24(%rdi)
    mov %r11, 32(%rdi)
    mov %rsi, 40(%rdi)
troupe_end troupe_subtract_mod_6
troupe_begin troupe_add_6
    mov 0(%rsi), %rax
    mov 8(%rsi), %r8
    mov 16(%rsi), %r9
    mov 24(%rsi), %r10
    mov 32(%rsi), %r11
    mov 40(%rsi), %rcx
    add 0(%rdx), %rax
    adc 8(%rdx), %r8
    adc 16(%rdx), %r9
    adc 24(%rdx), %r10
    adc 32(%rdx), %r11
    adc 40(%rdx), %rcx
    mov %rax, 0(%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %r10, 24(%rdi)
    mov %r11, 32(%rdi)
    mov %rcx, 40(%rdi)
troupe_end troupe_add_6

# Of wide products modulo m 2^(64 N): the choice is about the upper half.
troupe_begin troupe_subtract_mod_wide_4
    mov 0(%rsi), %rax
    sub 0(%rdx), %rax
    mov %rax, 0(%rdi)
    mov 8(%rsi), %r8
    sbb 8(%rdx), %r8
    mov %r8, 8(%rdi)
    mov 16(%rsi), %r9
    sbb 16(%rdx), %r9
    mov %r9, 16(%rdi)
    mov 24(%rsi), %rax
    sbb 24(%rdx), %rax
    mov %rax, 24(%rdi)
    mov 32(%rsi), %rax
    sbb 32(%rdx), %rax
    mov 40(%rsi), %r8
    sbb 40(%rdx), %r8
    mov 48(%rsi), %r9
    sbb 48(%rdx), %r9
    mov 56(%rsi), %rsi
    sbb 56(%rdx), %rsi
    sbb %rdx, %rdx
    mov %rax, -32(%rsp)
    mov %r8, -24(%rsp)
    mov %r9, -16(%rsp)
    mov %rsi, -8(%rsp)
    add 0(%rcx), %rax
    adc 8(%rcx), %r8
    adc 16(%rcx), %r9
    adc 24(%rcx), %rsi
    test %rdx, %rdx
    cmovz -32(%rsp), %rax
    cmovz -24(%rsp), %r8
    cmovz -16(%rsp), %r9
    cmovz -8(%rsp), %rsi
    mov %rax, 32(%rdi)
    mov %r8, 40(%rdi)
    mov %r9, 48(%rdi)
    mov %rsi, 56(%rdi)
troupe_end troupe_subtract_mod_wide_4
troupe_begin troupe_add_mod_wide_4
    mov 0(%rsi), %rax
    add 0(%rdx), %rax
    mov %rax, 0(%rdi)
    mov 8(%rsi), %r8
    adc 8(%rdx), %r8
    mov %r8, 8(%rdi)
    mov 16(%rsi), %r9
    adc 16(%rdx), %r9
    mov %r9, 16(%rdi)
    mov 24(%rsi), %rax
    adc 24(%rdx), %rax
    mov %rax, 24(%rdi)
    mov 32(%rsi), %rax
    adc 32(%rdx), %rax
    mov 40(%rsi), %r8
    adc 40(%rdx), %r8
    mov 48(%rsi), %r9
    adc 48(%rdx), %r9
    mov 56(%rsi), %rsi
    adc 56(%rdx), %rsi
    mov %rax, -32(%rsp)
    mov %r8, -24(%rsp)
    mov %r9, -16(%rsp)
    mov %rsi, -8(%rsp)
    sub 0(%rcx), %rax
    sbb 8(%rcx), %r8
    sbb 16(%rcx), %r9
    sbb 24(%rcx), %rsi
    cmovc -32(%rsp), %rax
    cmovc -24(%rsp), %r8
    cmovc -16(%rsp), %r9
    cmovc -8(%rsp), %rsi
    mov %rax, 32(%rdi)
    mov %r8, 40(%rdi)
    mov %r9, 48(%rdi)
    mov %rsi, 56(%rdi)
troupe_end troupe_add_mod_wide_4
troupe_begin troupe_subtract_mod_wide_6
    mov 0(%rsi), %rax
    sub 0(%rdx), %rax
    mov %rax, 0(%rdi)
    mov 8(%rsi), %r8
    sbb 8(%rdx), %r8
    mov %r8, 8(%rdi)
    mov 16(%rsi), %r9
    sbb 16(%rdx), %r9
    mov %r9, 16(%rdi)
    mov 24(%rsi), %rax
    sbb 24(%rdx), %rax
    mov %rax, 24(%rdi)
    mov 32(%rsi), %r8
    sbb 32(%rdx), %r8
    mov %r8, 32(%rdi)
    mov 40(%rsi), %r9
    sbb 40(%rdx), %r9
    mov %r9, 40(%rdi)
    mov 48(%rsi), %rax
    sbb 48(%rdx), %rax
    mov 56(%rsi), %r8
    sbb 56(%rdx), %r8
    mov 64(%rsi), %r9
    sbb 64(%rdx), %r9
    mov 72(%rsi), %r10
    sbb 72(%rdx), %r10
    mov 80(%rsi), %r11
    sbb 80(%rdx), %r11
    mov 88(%rsi), %rsi
    sbb 88(%rdx), %rsi
    sbb %rdx, %rdx
    mov %rax, -48(%rsp)
    mov %r8, -40(%rsp)
    mov %r9, -32(%rsp)
    mov %r10, -24(%rsp)
    mov %r11, -16(%rsp)
    mov %rsi, -8(%rsp)
    add 0(%rcx), %rax
    adc 8(%rcx), %r8
    adc 16(%rcx), %r9
    adc 24(%rcx), %r10
    adc 32(%rcx), %r11
    adc 40(%rcx), %rsi
    test %rdx, %rdx
    cmovz -48(%rsp), %rax
    cmovz -40(%rsp), %r8
    cmovz -32(%rsp), %r9
    cmovz -24(%rsp), %r10
    cmovz -16(%rsp), %r11
    cmovz -8(%rsp), %rsi
    mov %rax, 48(%rdi)
    mov %r8, 56(%rdi)
    mov %r9, 64(%rdi)
    mov %r10, 72(%rdi)
    mov %r11, 80(%rdi)
    mov %rsi, 88(%rdi)
troupe_end troupe_subtract_mod_wide_6
troupe_begin troupe_add_mod_wide_6
    mov 0(%rsi), %rax
    add 0(%rdx), %rax
    mov %rax, 0(%rdi)
    mov 8(%rsi), %r8
    adc 8(%rdx), %r8
    mov %r8, 8(%rdi)
    mov 16(%rsi), %r9
    adc 16(%rdx), %r9
    mov %r9, 16(%rdi)
    mov 24(%rsi), %rax
    adc 24(%rdx), %rax
    mov %rax, 24(%rdi)
    mov 32(%rsi), %r8
    adc 32(%rdx), %r8
    mov %r8, 32(%rdi)
    mov 40(%rsi), %r9
    adc 40(%rdx), %r9
    mov %r9, 40(%rdi)
    mov 48(%rsi), %rax
    adc 48(%rdx), %rax
    mov 56(%rsi), %r8
    adc 56(%rdx), %r8
    mov 64(%rsi), %r9
    adc 64(%rdx), %r9
    mov 72(%rsi), %r10
    adc 72(%rdx), %r10
    mov 80(%rsi), %r11
    adc 80(%rdx), %r11
    mov 88(%rsi), %rsi
    adc 88(%rdx), %rsi
    mov %rax, -48(%rsp)
    mov %r8, -40(%rsp)
    mov %r9, -32(%rsp)
    mov %r10, -24(%rsp)
    mov %r11, -16(%rsp)
    mov %rsi, -8(%rsp)
    sub 0(%rcx), %rax
    sbb 8(%rcx), %r8
    sbb 16(%rcx), %r9
    sbb 24(%rcx), %r10
    sbb 32(%rcx), %r11
    sbb 40(%rcx), %rsi
    cmovc -48(%rsp), %rax
    cmovc -40(%rsp), %r8
    cmovc -32(%rsp), %r9
    cmovc -24(%rsp), %r10
    cmovc -16(%rsp), %r11
    cmovc -8(%rsp), %rsi
    mov %rax, 48(%rdi)
    mov %r8, 56(%rdi)
    mov %r9, 64(%rdi)
    mov %r10, 72(%rdi)
    mov %r11, 80(%rdi)
    mov %rsi, 88(%rdi)
troupe_end troupe_add_mod_wide_6

# Rows of a product with one limb (rdx), added to t0..t4, of which t4 is zero at first: low halves in the carry chain,
# high halves in the overflow chain. A reduction's row adds the multiple of m (rcx) that makes t0 zero, which so
# becomes the next row's highest.
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
.macro troupe_reduction_row_4 t0, t1, t2, t3, t4
    mov %\t0, %rdx
    imul %r8, %rdx
    troupe_row_4 rcx, \t0, \t1, \t2, \t3, \t4
.endm

troupe_begin troupe_montgomery_multiply_4
    troupe_push rbx, rbp, r12, r13
    push %rdi
    .cfi_adjust_cfa_offset 8
    mov %rdx, %rbp
    mov 0(%rbp), %rdx
    troupe_first_row_4 rsi, r9, r10, r11, r12, r13
    troupe_reduction_row_4 r9, r10, r11, r12, r13
    mov 8(%rbp), %rdx
    troupe_row_4 rsi, r10, r11, r12, r13, r9
    troupe_reduction_row_4 r10, r11, r12, r13, r9
    mov 16(%rbp), %rdx
    troupe_row_4 rsi, r11, r12, r13, r9, r10
    troupe_reduction_row_4 r11, r12, r13, r9, r10
    mov 24(%rbp), %rdx
    troupe_row_4 rsi, r12, r13, r9, r10, r11
    troupe_reduction_row_4 r12, r13, r9, r10, r11
    pop %rdi
    .cfi_adjust_cfa_offset -8
    mov %r13, %rax
    mov %r9, %rbx
    mov %r10, %rdx
    mov %r11, %rbp
    sub 0(%rcx), %rax
    sbb 8(%rcx), %rbx
    sbb 16(%rcx), %rdx
    sbb 24(%rcx), %rbp
    cmovc %r13, %rax
    cmovc %r9, %rbx
    cmovc %r10, %rdx
    cmovc %r11, %rbp
    mov %rax, 0(%rdi)
    mov %rbx, 8(%rdi)
    mov %rdx, 16(%rdi)
    mov %rbp, 24(%rdi)
    troupe_pop r13, r12, rbp, rbx
troupe_end troupe_montgomery_multiply_4

troupe_begin troupe_multiply_4
    troupe_push rbx, rbp, r12, r13
    mov %rdx, %rbp
    mov 0(%rbp), %rdx
    troupe_first_row_4 rsi, r9, r10, r11, r12, r13
    mov %r9, 0(%rdi)
    mov 8(%rbp), %rdx
    xor %r9d, %r9d
    troupe_row_4 rsi, r10, r11, r12, r13, r9
    mov %r10, 8(%rdi)
    mov 16(%rbp), %rdx
    xor %r10d, %r10d
    troupe_row_4 rsi, r11, r12, r13, r9, r10
    mov %r11, 16(%rdi)
    mov 24(%rbp), %rdx
    xor %r11d, %r11d
    troupe_row_4 rsi, r12, r13, r9, r10, r11
    mov %r12, 24(%rdi)
    mov %r13, 32(%rdi)
    mov %r9, 40(%rdi)
    mov %r10, 48(%rdi)
    mov %r11, 56(%rdi)
    troupe_pop r13, r12, rbp, rbx
troupe_end troupe_multiply_4

# The lower half is reduced first and becomes at most m; then the upper half is added.
troupe_begin troupe_montgomery_reduce_4
    troupe_push rbx, rbp, r12, r13
    push %rdi
    .cfi_adjust_cfa_offset 8
    mov %rcx, %r8
    mov %rdx, %rcx
    mov 0(%rsi), %r9
    mov 8(%rsi), %r10
    mov 16(%rsi), %r11
    mov 24(%rsi), %r12
    xor %r13d, %r13d
    troupe_reduction_row_4 r9, r10, r11, r12, r13
    troupe_reduction_row_4 r10, r11, r12, r13, r9
    troupe_reduction_row_4 r11, r12, r13, r9, r10
    troupe_reduction_row_4 r12, r13, r9, r10, r11
    add 32(%rsi), %r13
    adc 40(%rsi), %r9
    adc 48(%rsi), %r10
    adc 56(%rsi), %r11
    pop %rdi
    .cfi_adjust_cfa_offset -8
    mov %r13, %rax
    mov %r9, %rbx
    mov %r10, %rdx
    mov %r11, %rbp
    sub 0(%rcx), %rax
    sbb 8(%rcx), %rbx
    sbb 16(%rcx), %rdx
    sbb 24(%rcx), %rbp
    cmovc %r13, %rax
    cmovc %r9, %rbx
    cmovc %r10, %rdx
    cmovc %r11, %rbp
    mov %rax, 0(%rdi)
    mov %rbx, 8(%rdi)
    mov %rdx, 16(%rdi)
    mov %rbp, 24(%rdi)
    troupe_pop r13, r12, rbp, rbx
troupe_end troupe_montgomery_reduce_4

# Rows of a product with one limb (rdx), added to t0..t6, of which t6 is zero at first: low halves in the carry chain,
# high halves in the overflow chain. A reduction's row adds the multiple of m (rcx) that makes t0 zero, which so
# becomes the next row's highest.
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
.macro troupe_reduction_row_6 t0, t1, t2, t3, t4, t5, t6
    mov %\t0, %rdx
    imul %r8, %rdx
    troupe_row_6 rcx, \t0, \t1, \t2, \t3, \t4, \t5, \t6
.endm

troupe_begin troupe_montgomery_multiply_6
    troupe_push rbx, rbp, r12, r13, r14, r15
    push %rdi
    .cfi_adjust_cfa_offset 8
    mov %rdx, %rbp
    mov 0(%rbp), %rdx
    troupe_first_row_6 rsi, r9, r10, r11, r12, r13, r14, r15
    troupe_reduction_row_6 r9, r10, r11, r12, r13, r14, r15
    mov 8(%rbp), %rdx
    troupe_row_6 rsi, r10, r11, r12, r13, r14, r15, r9
    troupe_reduction_row_6 r10, r11, r12, r13, r14, r15, r9
    mov 16(%rbp), %rdx
    troupe_row_6 rsi, r11, r12, r13, r14, r15, r9, r10
    troupe_reduction_row_6 r11, r12, r13, r14, r15, r9, r10
    mov 24(%rbp), %rdx
    troupe_row_6 rsi, r12, r13, r14, r15, r9, r10, r11
    troupe_reduction_row_6 r12, r13, r14, r15, r9, r10, r11
    mov 32(%rbp), %rdx
    troupe_row_6 rsi, r13, r14, r15, r9, r10, r11, r12
    troupe_reduction_row_6 r13, r14, r15, r9, r10, r11, r12
    mov 40(%rbp), %rdx
    troupe_row_6 rsi, r14, r15, r9, r10, r11, r12, r13
    troupe_reduction_row_6 r14, r15, r9, r10, r11, r12, r13
    pop %rdi
    .cfi_adjust_cfa_offset -8
    mov %r15, %rax
    mov %r9, %rbx
    mov %r10, %rdx
    mov %r11, %rbp
    mov %r12, %rsi
    mov %r13, %r8
    sub 0(%rcx), %rax
    sbb 8(%rcx), %rbx
    sbb 16(%rcx), %rdx
    sbb 24(%rcx), %rbp
    sbb 32(%rcx), %rsi
    sbb 40(%rcx), %r8
    cmovc %r15, %rax
    cmovc %r9, %rbx
    cmovc %r10, %rdx
    cmovc %r11, %rbp
    cmovc %r12, %rsi
    cmovc %r13, %r8
    mov %rax, 0(%rdi)
    mov %rbx, 8(%rdi)
    mov %rdx, 16(%rdi)
    mov %rbp, 24(%rdi)
    mov %rsi, 32(%rdi)
    mov %r8, 40(%rdi)
    troupe_pop r15, r14, r13, r12, rbp, rbx
troupe_end troupe_montgomery_multiply_6

troupe_begin troupe_multiply_6
    troupe_push rbx, rbp, r12, r13, r14, r15
    mov %rdx, %rbp
    mov 0(%rbp), %rdx
    troupe_first_row_6 rsi, r9, r10, r11, r12, r13, r14, r15
    mov %r9, 0(%rdi)
    mov 8(%rbp), %rdx
    xor %r9d, %r9d
    troupe_row_6 rsi, r10, r11, r12, r13, r14, r15, r9
    mov %r10, 8(%rdi)
    mov 16(%rbp), %rdx
    xor %r10d, %r10d
    troupe_row_6 rsi, r11, r12, r13, r14, r15, r9, r10
    mov %r11, 16(%rdi)
    mov 24(%rbp), %rdx
    xor %r11d, %r11d
    troupe_row_6 rsi, r12, r13, r14, r15, r9, r10, r11
    mov %r12, 24(%rdi)
    mov 32(%rbp), %rdx
    xor %r12d, %r12d
    troupe_row_6 rsi, r13, r14, r15, r9, r10, r11, r12
    mov %r13, 32(%rdi)
    mov 40(%rbp), %rdx
    xor %r13d, %r13d
    troupe_row_6 rsi, r14, r15, r9, r10, r11, r12, r13
    mov %r14, 40(%rdi)
    mov %r15, 48(%rdi)
    mov %r9, 56(%rdi)
    mov %r10, 64(%rdi)
    mov %r11, 72(%rdi)
    mov %r12, 80(%rdi)
    mov %r13, 88(%rdi)
    troupe_pop r15, r14, r13, r12, rbp, rbx
troupe_end troupe_multiply_6

# The lower half is reduced first and becomes at most m; then the upper half is added.
troupe_begin troupe_montgomery_reduce_6
    troupe_push rbx, rbp, r12, r13, r14, r15
    push %rdi
    .cfi_adjust_cfa_offset 8
    mov %rcx, %r8
    mov %rdx, %rcx
    mov 0(%rsi), %r9
    mov 8(%rsi), %r10
    mov 16(%rsi), %r11
    mov 24(%rsi), %r12
    mov 32(%rsi), %r13
    mov 40(%rsi), %r14
    xor %r15d, %r15d
    troupe_reduction_row_6 r9, r10, r11, r12, r13, r14, r15
    troupe_reduction_row_6 r10, r11, r12, r13, r14, r15, r9
    troupe_reduction_row_6 r11, r12, r13, r14, r15, r9, r10
    troupe_reduction_row_6 r12, r13, r14, r15, r9, r10, r11
    troupe_reduction_row_6 r13, r14, r15, r9, r10, r11, r12
    troupe_reduction_row_6 r14, r15, r9, r10, r11, r12, r13
    add 48(%rsi), %r15
    adc 56(%rsi), %r9
    adc 64(%rsi), %r10
    adc 72(%rsi), %r11
    adc 80(%rsi), %r12
    adc 88(%rsi), %r13
    pop %rdi
    .cfi_adjust_cfa_offset -8
    mov %r15, %rax
    mov %r9, %rbx
    mov %r10, %rdx
    mov %r11, %rbp
    mov %r12, %rsi
    mov %r13, %r8
    sub 0(%rcx), %rax
    sbb 8(%rcx), %rbx
    sbb 16(%rcx), %rdx
    sbb 24(%rcx), %rbp
    sbb 32(%rcx), %rsi
    sbb 40(%rcx), %r8
    cmovc %r15, %rax
    cmovc %r9, %rbx
    cmovc %r10, %rdx
    cmovc %r11, %rbp
    cmovc %r12, %rsi
    cmovc %r13, %r8
    mov %rax, 0(%rdi)
    mov %rbx, 8(%rdi)
    mov %rdx, 16(%rdi)
    mov %rbp, 24(%rdi)
    mov %rsi, 32(%rdi)
    mov %r8, 40(%rdi)
    troupe_pop r15, r14, r13, r12, rbp, rbx
troupe_end troupe_montgomery_reduce_6
)");

#endif
