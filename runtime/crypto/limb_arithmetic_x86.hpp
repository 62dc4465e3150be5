// limb_arithmetic for 4 and 6 limbs on x86-64, in assembly: carries stay in flags, and two chains of them run beside
// each other where the CPU has MULX, ADCX and ADOX. For limb_arithmetic.hpp only. Operands may be the same.
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::limb_arithmetic::x86 {

/// The functions for N limbs, if there are any.
template <std::size_t N>
struct Assembly {
    static constexpr bool exists = false;
};

/// Whether the CPU has BMI2 and ADX. False until it was asked, in the start of the program.
extern const bool has_mulx_adx;

#if defined(__x86_64__)

extern "C" {
// out = a + b mod m and a - b mod m, for a and b below m.
void troupe_add_mod_4(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* m);
void troupe_add_mod_6(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* m);
void troupe_subtract_mod_4(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* m);
void troupe_subtract_mod_6(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* m);
// out = a + b, whose sum fits.
void troupe_add_4(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b);
void troupe_add_6(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b);
// out = a + b and a - b mod m 2^(64 N), of 2 N limbs, for a and b below that.
void troupe_add_mod_wide_4(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* m);
void troupe_add_mod_wide_6(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* m);
void troupe_subtract_mod_wide_4(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                                const std::uint64_t* m);
void troupe_subtract_mod_wide_6(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                                const std::uint64_t* m);

// Only with MULX and ADX. out = a * b / 2^(64 N) mod m, for a below m; inverse is -1 / m mod 2^64.
void troupe_montgomery_multiply_4(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                                  const std::uint64_t* m, std::uint64_t inverse);
void troupe_montgomery_multiply_6(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b,
                                  const std::uint64_t* m, std::uint64_t inverse);
// out (2 N limbs) = a * b; out is apart from a and b.
void troupe_multiply_4(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b);
void troupe_multiply_6(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b);
// out = a (2 N limbs, below m 2^(64 N)) / 2^(64 N) mod m.
void troupe_montgomery_reduce_4(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* m,
                                std::uint64_t inverse);
void troupe_montgomery_reduce_6(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* m,
                                std::uint64_t inverse);
}

template <>
struct Assembly<4> {
    static constexpr bool exists = true;
    static constexpr auto add_mod = troupe_add_mod_4;
    static constexpr auto subtract_mod = troupe_subtract_mod_4;
    static constexpr auto add_fitting = troupe_add_4;
    static constexpr auto add_mod_wide = troupe_add_mod_wide_4;
    static constexpr auto subtract_mod_wide = troupe_subtract_mod_wide_4;
    static constexpr auto multiply = troupe_multiply_4;
    static constexpr auto montgomery_multiply = troupe_montgomery_multiply_4;
    static constexpr auto montgomery_reduce = troupe_montgomery_reduce_4;
};
template <>
struct Assembly<6> {
    static constexpr bool exists = true;
    static constexpr auto add_mod = troupe_add_mod_6;
    static constexpr auto subtract_mod = troupe_subtract_mod_6;
    static constexpr auto add_fitting = troupe_add_6;
    static constexpr auto add_mod_wide = troupe_add_mod_wide_6;
    static constexpr auto subtract_mod_wide = troupe_subtract_mod_wide_6;
    static constexpr auto multiply = troupe_multiply_6;
    static constexpr auto montgomery_multiply = troupe_montgomery_multiply_6;
    static constexpr auto montgomery_reduce = troupe_montgomery_reduce_6;
};

#endif

}  // namespace troupe::limb_arithmetic::x86
