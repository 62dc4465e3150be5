// Products and squares modulo secp256k1's p with MULX, ADCX and ADOX: two chains of carries beside each other, all of
// it in registers. A third less work than what compilers make of wide_arithmetic.hpp. For secp256k1_field.hpp only.
#pragma once

#include <cstdint>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/limb_arithmetic_x86.hpp"

#if defined(__x86_64__)

namespace troupe::secp256k1_detail {

using limb_arithmetic::x86::has_mulx_adx;

// AT&T order of operands (mulx: source, low half, high half). A row adds rdx times the limbs at rsi to five registers,
// of which the last is cleared before.
#define TROUPE_ROW(multiplier, r0, r1, r2, r3, r4) \
    "mov " multiplier                              \
    ", %%rdx\n"                                    \
    "xor %%" r4 "d, %%" r4                         \
    "d\n"                                          \
    "mulx (%%rsi), %%rax, %%rbx\n"                 \
    "adcx %%rax, %%" r0                            \
    "\n"                                           \
    "adox %%rbx, %%" r1                            \
    "\n"                                           \
    "mulx 8(%%rsi), %%rax, %%rbx\n"                \
    "adcx %%rax, %%" r1                            \
    "\n"                                           \
    "adox %%rbx, %%" r2                            \
    "\n"                                           \
    "mulx 16(%%rsi), %%rax, %%rbx\n"               \
    "adcx %%rax, %%" r2                            \
    "\n"                                           \
    "adox %%rbx, %%" r3                            \
    "\n"                                           \
    "mulx 24(%%rsi), %%rax, %%rbx\n"               \
    "adcx %%rax, %%" r3                            \
    "\n"                                           \
    "adox %%rbx, %%" r4                            \
    "\n"                                           \
    "mov $0, %%eax\n"                              \
    "adcx %%rax, %%" r4 "\n"

// r8..r15 to four limbs: 2^256 is 2^32 + 977 modulo p. What the first folding carries out is below 2^34; its product
// may overflow once more, and then leaves less than 2^67.
#define TROUPE_FOLD              \
    "mov %[fold], %%rdx\n"       \
    "xor %%ecx, %%ecx\n"         \
    "mulx %%r12, %%rax, %%rbx\n" \
    "adcx %%rax, %%r8\n"         \
    "adox %%rbx, %%r9\n"         \
    "mulx %%r13, %%rax, %%rbx\n" \
    "adcx %%rax, %%r9\n"         \
    "adox %%rbx, %%r10\n"        \
    "mulx %%r14, %%rax, %%rbx\n" \
    "adcx %%rax, %%r10\n"        \
    "adox %%rbx, %%r11\n"        \
    "mulx %%r15, %%rax, %%rbx\n" \
    "adcx %%rax, %%r11\n"        \
    "adox %%rbx, %%rcx\n"        \
    "mov $0, %%eax\n"            \
    "adcx %%rax, %%rcx\n"        \
    "mulx %%rcx, %%rax, %%rbx\n" \
    "add %%rax, %%r8\n"          \
    "adc %%rbx, %%r9\n"          \
    "adc $0, %%r10\n"            \
    "adc $0, %%r11\n"            \
    "sbb %%rax, %%rax\n"         \
    "and %%rdx, %%rax\n"         \
    "add %%rax, %%r8\n"          \
    "adc $0, %%r9\n"

/// Only with has_mulx_adx.
[[nodiscard, gnu::always_inline]] inline uint256 mulx_product(const uint256& a, const uint256& b) noexcept {
    register std::uint64_t r0 asm("r8");
    register std::uint64_t r1 asm("r9");
    register std::uint64_t r2 asm("r10");
    register std::uint64_t r3 asm("r11");
    const auto* factor = b.limb.data();
    asm("mov (%%rcx), %%rdx\n"
        "mulx (%%rsi), %%r8, %%r9\n"
        "mulx 8(%%rsi), %%rax, %%r10\n"
        "add %%rax, %%r9\n"
        "mulx 16(%%rsi), %%rax, %%r11\n"
        "adc %%rax, %%r10\n"
        "mulx 24(%%rsi), %%rax, %%r12\n"
        "adc %%rax, %%r11\n"
        "adc $0, %%r12\n"
        // clang-format off
        TROUPE_ROW("8(%%rcx)", "r9", "r10", "r11", "r12", "r13")
        TROUPE_ROW("16(%%rcx)", "r10", "r11", "r12", "r13", "r14")
        TROUPE_ROW("24(%%rcx)", "r11", "r12", "r13", "r14", "r15")
        TROUPE_FOLD
        // clang-format on
        : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3), "+c"(factor)
        : "S"(a.limb.data()), "m"(a), "m"(b), [fold] "i"(0x1000003D1LL)
        : "rax", "rbx", "rdx", "r12", "r13", "r14", "r15", "cc");
    return {r3, r2, r1, r0};
}

/// Only with has_mulx_adx.
[[nodiscard, gnu::always_inline]] inline uint256 mulx_square(const uint256& a) noexcept {
    register std::uint64_t r0 asm("r8");
    register std::uint64_t r1 asm("r9");
    register std::uint64_t r2 asm("r10");
    register std::uint64_t r3 asm("r11");
    asm("mov (%%rsi), %%rdx\n"
        "mulx 8(%%rsi), %%r9, %%r10\n"
        "mulx 16(%%rsi), %%rax, %%r11\n"
        "add %%rax, %%r10\n"
        "mulx 24(%%rsi), %%rax, %%r12\n"
        "adc %%rax, %%r11\n"
        "adc $0, %%r12\n"
        "mov 8(%%rsi), %%rdx\n"
        "xor %%r13d, %%r13d\n"
        "mulx 16(%%rsi), %%rax, %%rbx\n"
        "adcx %%rax, %%r11\n"
        "adox %%rbx, %%r12\n"
        "mulx 24(%%rsi), %%rax, %%rbx\n"
        "adcx %%rax, %%r12\n"
        "adox %%rbx, %%r13\n"
        "mov $0, %%eax\n"
        "adcx %%rax, %%r13\n"
        "mov 16(%%rsi), %%rdx\n"
        "mulx 24(%%rsi), %%rax, %%r14\n"
        "add %%rax, %%r13\n"
        "adc $0, %%r14\n"
        // Twice the products of different limbs, then the squares of the limbs.
        "xor %%r15d, %%r15d\n"
        "add %%r9, %%r9\n"
        "adc %%r10, %%r10\n"
        "adc %%r11, %%r11\n"
        "adc %%r12, %%r12\n"
        "adc %%r13, %%r13\n"
        "adc %%r14, %%r14\n"
        "adc %%r15, %%r15\n"
        "mov (%%rsi), %%rdx\n"
        "mulx %%rdx, %%r8, %%rax\n"
        "add %%rax, %%r9\n"
        "mov 8(%%rsi), %%rdx\n"
        "mulx %%rdx, %%rax, %%rbx\n"
        "adc %%rax, %%r10\n"
        "adc %%rbx, %%r11\n"
        "mov 16(%%rsi), %%rdx\n"
        "mulx %%rdx, %%rax, %%rbx\n"
        "adc %%rax, %%r12\n"
        "adc %%rbx, %%r13\n"
        "mov 24(%%rsi), %%rdx\n"
        "mulx %%rdx, %%rax, %%rbx\n"
        "adc %%rax, %%r14\n"
        "adc %%rbx, %%r15\n" TROUPE_FOLD
        : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3)
        : "S"(a.limb.data()), "m"(a), [fold] "i"(0x1000003D1LL)
        : "rax", "rbx", "rcx", "rdx", "r12", "r13", "r14", "r15", "cc");
    return {r3, r2, r1, r0};
}

#undef TROUPE_ROW
#undef TROUPE_FOLD

}  // namespace troupe::secp256k1_detail

#endif
