// Arithmetic modulo an odd prime of a few 64-bit limbs, in Montgomery form: what the fields of the pairing-friendly
// curves share. Products are Montgomery products with the operand scanned limb by limb (CIOS), without a carry limb
// because the moduli leave their highest bit free. Time does not depend on values, except in functions whose comment
// says so.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"
#include "runtime/crypto/limb_arithmetic.hpp"
#include "runtime/crypto/modular_inverse.hpp"

namespace troupe {

/// `Params::modulus` is an odd prime as std::array<std::uint64_t, N>, least significant limb first, whose highest bit
/// is clear.
template <class Params>
class PrimeField {
public:
    static constexpr std::size_t limbs = Params::modulus.size();
    static constexpr std::size_t size_bytes = 8 * limbs;
    using Limbs = std::array<std::uint64_t, limbs>;
    /// A product of two elements before it is reduced.
    using Wide = std::array<std::uint64_t, 2 * limbs>;
    static constexpr Limbs modulus = Params::modulus;
    static constexpr std::size_t modulus_bits = 64 * limbs - static_cast<std::size_t>(std::countl_zero(modulus.back()));
    static_assert(modulus[0] % 2 == 1 && modulus.back() < (std::uint64_t{1} << 63) - 1);

    /// Zero.
    constexpr PrimeField() noexcept : n_{} {}

    [[nodiscard]] static constexpr PrimeField zero() noexcept { return {}; }
    [[nodiscard]] static constexpr PrimeField one() noexcept { return PrimeField{r1}; }
    [[nodiscard]] static constexpr PrimeField from_uint64(std::uint64_t value) noexcept {
        Limbs limb{};
        limb[0] = value;
        return from_limbs(limb);
    }
    /// Reduces: `value` may be anything of that many limbs.
    [[nodiscard]] static constexpr PrimeField from_limbs(const Limbs& value) noexcept {
        return PrimeField{r2} * PrimeField{value};
    }
    /// Big-endian. Nothing if the value is not below the modulus.
    [[nodiscard]] static constexpr std::optional<PrimeField> from_bytes(
        std::span<const std::uint8_t, size_bytes> bytes) noexcept {
        const auto value = load(bytes);
        if (!limb_arithmetic::less(value, modulus)) return std::nullopt;
        return from_limbs(value);
    }
    /// Big-endian, of any length, reduced modulo the prime. Time depends on the length only.
    [[nodiscard]] static constexpr PrimeField from_bytes_reduced(ByteView bytes) noexcept {
        PrimeField out;
        while (!bytes.empty()) {
            // The first piece takes the odd bytes, so that all others are whole.
            const auto piece = bytes.size() % size_bytes == 0 ? size_bytes : bytes.size() % size_bytes;
            std::array<std::uint8_t, size_bytes> padded{};
            for (std::size_t i = 0; i < piece; ++i) padded[size_bytes - piece + i] = bytes[i];
            out = out * PrimeField{r2} + from_limbs(load(padded));
            bytes = bytes.subspan(piece);
        }
        return out;
    }
    /// From limbs that are in Montgomery form already and below the modulus.
    [[nodiscard]] static constexpr PrimeField from_montgomery(const Limbs& value) noexcept { return PrimeField{value}; }
    [[nodiscard]] constexpr const Limbs& montgomery() const noexcept { return n_; }

    /// The value itself, below the modulus.
    [[nodiscard]] constexpr Limbs to_limbs() const noexcept {
        Limbs unit{};
        unit[0] = 1;
        return (*this * PrimeField{unit}).n_;
    }
    /// Big-endian.
    [[nodiscard]] constexpr std::array<std::uint8_t, size_bytes> to_bytes() const noexcept {
        const auto value = to_limbs();
        std::array<std::uint8_t, size_bytes> out{};
        for (std::size_t i = 0; i < size_bytes; ++i)
            out[size_bytes - 1 - i] = static_cast<std::uint8_t>(value[i / 8] >> (8 * (i % 8)));
        return out;
    }

    [[nodiscard]] constexpr bool is_zero() const noexcept {
        std::uint64_t any = 0;
        for (const auto limb : n_) any |= limb;
        return any == 0;
    }
    [[nodiscard]] constexpr bool is_one() const noexcept { return *this == one(); }
    constexpr bool operator==(const PrimeField& other) const noexcept {
        std::uint64_t different = 0;
        for (std::size_t i = 0; i < limbs; ++i) different |= n_[i] ^ other.n_[i];
        return different == 0;
    }
    /// Of the value below the modulus.
    [[nodiscard]] constexpr bool is_odd() const noexcept { return (to_limbs()[0] & 1) != 0; }
    /// Whether the value is above (p - 1) / 2: the sign in serialized points.
    [[nodiscard]] constexpr bool is_upper_half() const noexcept {
        return limb_arithmetic::less(half_modulus, to_limbs());
    }

    /// `yes` where `condition`, otherwise `no`.
    [[nodiscard]] static constexpr PrimeField select(bool condition, const PrimeField& yes,
                                                     const PrimeField& no) noexcept {
        return PrimeField{limb_arithmetic::select(condition, yes.n_, no.n_)};
    }

    [[nodiscard]] friend constexpr PrimeField operator+(const PrimeField& a, const PrimeField& b) noexcept {
        PrimeField out{Uninitialized{}};
        limb_arithmetic::add_mod(out.n_, a.n_, b.n_, modulus);
        return out;
    }
    [[nodiscard]] friend constexpr PrimeField operator-(const PrimeField& a, const PrimeField& b) noexcept {
        PrimeField out{Uninitialized{}};
        limb_arithmetic::subtract_mod(out.n_, a.n_, b.n_, modulus);
        return out;
    }
    [[nodiscard]] constexpr PrimeField operator-() const noexcept { return zero() - *this; }
    [[nodiscard]] constexpr PrimeField doubled() const noexcept { return *this + *this; }
    [[nodiscard]] friend constexpr PrimeField operator*(const PrimeField& a, const PrimeField& b) noexcept {
        PrimeField out{Uninitialized{}};
        limb_arithmetic::montgomery_multiply(out.n_, a.n_, b.n_, modulus, inverse_of_modulus);
        return out;
    }
    [[nodiscard]] constexpr PrimeField squared() const noexcept { return *this * *this; }
    // In place: a copy of what was just written in 8-byte pieces by 16-byte moves stalls the CPU.
    constexpr PrimeField& operator+=(const PrimeField& b) noexcept {
        limb_arithmetic::add_mod(n_, n_, b.n_, modulus);
        return *this;
    }
    constexpr PrimeField& operator-=(const PrimeField& b) noexcept {
        limb_arithmetic::subtract_mod(n_, n_, b.n_, modulus);
        return *this;
    }
    constexpr PrimeField& operator*=(const PrimeField& b) noexcept {
        limb_arithmetic::montgomery_multiply(n_, n_, b.n_, modulus, inverse_of_modulus);
        return *this;
    }
    /// A square, in place.
    constexpr void square() noexcept { limb_arithmetic::montgomery_multiply(n_, n_, n_, modulus, inverse_of_modulus); }

    /// For sums of products that are reduced once. The factors need not be reduced: what counts is that the product is
    /// below modulus * 2^(64 * limbs), modulo which sums and differences are taken.
    [[nodiscard]] static constexpr Wide multiply_wide(const Limbs& a, const Limbs& b) noexcept {
        Wide out;
        limb_arithmetic::multiply(out, a, b);
        return out;
    }
    [[nodiscard]] static constexpr Wide add_wide(const Wide& a, const Wide& b) noexcept {
        Wide out;
        limb_arithmetic::add_mod_wide(out, a, b, modulus);
        return out;
    }
    [[nodiscard]] static constexpr Wide subtract_wide(const Wide& a, const Wide& b) noexcept {
        Wide out;
        limb_arithmetic::subtract_mod_wide(out, a, b, modulus);
        return out;
    }
    [[nodiscard]] static constexpr PrimeField reduce(const Wide& product) noexcept {
        PrimeField out{Uninitialized{}};
        limb_arithmetic::montgomery_reduce(out.n_, product, modulus, inverse_of_modulus);
        return out;
    }

    /// By windows of five bits that begin and end with a one. Time depends on the exponent (least significant limb
    /// first), not on the base.
    [[nodiscard]] constexpr PrimeField power(std::span<const std::uint64_t> exponent) const noexcept {
        constexpr std::size_t window = 5;
        const auto bit = [&](std::size_t i) { return exponent[i / 64] >> (i % 64) & 1; };
        std::array<PrimeField, std::size_t{1} << (window - 1)> odd_powers;
        const auto square_of_this = squared();
        odd_powers[0] = *this;
        for (std::size_t i = 1; i < odd_powers.size(); ++i) odd_powers[i] = odd_powers[i - 1] * square_of_this;
        auto out = one();
        bool started = false;
        for (std::size_t end = 64 * exponent.size(); end > 0;) {
            if (bit(end - 1) == 0) {
                if (started) out.square();
                --end;
                continue;
            }
            auto begin = end > window ? end - window : 0;
            while (bit(begin) == 0) ++begin;
            std::size_t digit = 0;
            for (auto i = end; i-- > begin;) digit = 2 * digit + static_cast<std::size_t>(bit(i));
            if (started) {
                for (auto i = begin; i < end; ++i) out.square();
                out *= odd_powers[digit / 2];
            } else {
                out = odd_powers[digit / 2];
            }
            started = true;
            end = begin;
        }
        return out;
    }
    /// Of zero: zero.
    [[nodiscard]] constexpr PrimeField inverse() const noexcept {
        const PrimeField raw{limb_arithmetic::modular_inverse(n_, modulus, inverse_of_modulus, modulus_bits)};
        return raw * PrimeField{r3};
    }
    /// w with w^2 * (*this) = 1 for a square, -1 for a non-residue, and 0 for zero: *this to the power (p - 3) / 4. So
    /// w * (*this) is a square root, if there is one, and w its inverse. The modulus must be 3 mod 4.
    [[nodiscard]] constexpr PrimeField inverse_square_root() const noexcept requires(modulus[0] % 4 == 3) {
        return power(limb_arithmetic::shift_right(modulus, 2));
    }
    /// One of the two square roots; nothing for a non-residue. The modulus must be 3 mod 4.
    [[nodiscard]] constexpr std::optional<PrimeField> square_root() const noexcept requires(modulus[0] % 4 == 3) {
        const auto root = *this * inverse_square_root();
        if (root.squared() != *this) return std::nullopt;
        return root;
    }

private:
    struct Uninitialized {};
    explicit constexpr PrimeField(Uninitialized) noexcept {}
    explicit constexpr PrimeField(const Limbs& n) noexcept : n_(n) {}

    [[nodiscard]] static constexpr Limbs load(std::span<const std::uint8_t, size_bytes> bytes) noexcept {
        Limbs out{};
        for (std::size_t i = 0; i < size_bytes; ++i)
            out[i / 8] |= static_cast<std::uint64_t>(bytes[size_bytes - 1 - i]) << (8 * (i % 8));
        return out;
    }

    /// -1 / modulus mod 2^64, by Newton's iteration.
    static constexpr std::uint64_t inverse_of_modulus = [] {
        std::uint64_t x = modulus[0];
        for (int i = 0; i < 6; ++i) x *= 2 - modulus[0] * x;
        return 0 - x;
    }();
    static constexpr Limbs power_of_two(std::size_t exponent) noexcept {
        Limbs out{};
        out[0] = 1;
        for (std::size_t i = 0; i < exponent; ++i) limb_arithmetic::add_mod(out, out, out, modulus);
        return out;
    }
    /// 2^(64 limbs), its square and its cube modulo the prime.
    static constexpr Limbs r1 = power_of_two(64 * limbs);
    static constexpr Limbs r2 = power_of_two(128 * limbs);
    static constexpr Limbs r3 = power_of_two(192 * limbs);
    static constexpr Limbs half_modulus = limb_arithmetic::shift_right(modulus, 1);

    Limbs n_;
};

}  // namespace troupe
