#include "runtime/crypto/bls12_381_msm.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe::bls12_381 {
namespace {

/// A point and the part of a scalar that goes with it.
template <class Affine>
struct Term {
    Affine point;
    uint128 scalar = 0;
};

std::vector<Term<G1Affine>> split(std::span<const G1Affine> points, std::span<const Fr> scalars) {
    std::vector<Term<G1Affine>> out;
    out.reserve(2 * points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].infinity) continue;
        const auto digits = digits_of_x_abs(scalars[i].to_limbs());
        const auto low = static_cast<uint128>(digits[1]) * x_abs + digits[0];
        const auto high = static_cast<uint128>(digits[3]) * x_abs + digits[2];
        if (low != 0) out.push_back({points[i], low});
        if (high != 0) out.push_back({-phi(points[i]), high});
    }
    return out;
}

std::vector<Term<G2Affine>> split(std::span<const G2Affine> points, std::span<const Fr> scalars) {
    std::vector<Term<G2Affine>> out;
    out.reserve(4 * points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].infinity) continue;
        auto point = points[i];
        for (const auto digit : digits_of_x_abs(scalars[i].to_limbs())) {
            if (digit != 0) out.push_back({point, digit});
            point = -psi(point);
        }
    }
    return out;
}

unsigned bit_length(uint128 a) noexcept {
    const auto high = static_cast<std::uint64_t>(a >> 64);
    return static_cast<unsigned>(high != 0 ? 64 + std::bit_width(high) : std::bit_width(static_cast<std::uint64_t>(a)));
}

/// Width-5 non-adjacent form: digits are zero or odd in -15..15, least significant first. The parts of scalars are
/// below |x|^2, so that rounding up does not overflow.
std::vector<std::int8_t> non_adjacent_form(uint128 scalar) {
    std::vector<std::int8_t> out;
    out.reserve(129);
    for (; scalar != 0; scalar >>= 1) {
        int digit = 0;
        if ((scalar & 1) != 0) {
            digit = static_cast<int>(scalar & 31);
            if (digit >= 16) digit -= 32;
            scalar = digit < 0 ? scalar + static_cast<unsigned>(-digit) : scalar - static_cast<unsigned>(digit);
        }
        out.push_back(static_cast<std::int8_t>(digit));
    }
    return out;
}

template <class Affine, class Jacobian>
Jacobian straus(const std::vector<Term<Affine>>& terms) {
    constexpr std::size_t multiples = 8;
    std::vector<Jacobian> odd;
    odd.reserve(multiples * terms.size());
    for (const auto& term : terms) {
        const Jacobian point{term.point};
        const auto twice = point.doubled();
        odd.push_back(point);
        for (std::size_t k = 1; k < multiples; ++k) odd.push_back(odd.back() + twice);
    }
    const auto table = Jacobian::to_affine(odd);
    std::vector<std::vector<std::int8_t>> digits;
    std::size_t length = 0;
    for (const auto& term : terms) {
        digits.push_back(non_adjacent_form(term.scalar));
        length = std::max(length, digits.back().size());
    }
    Jacobian out;
    for (std::size_t i = length; i-- > 0;) {
        out = out.doubled();
        for (std::size_t t = 0; t < terms.size(); ++t) {
            if (i >= digits[t].size() || digits[t][i] == 0) continue;
            const int digit = digits[t][i];
            const auto& entry = table[multiples * t + static_cast<std::size_t>(digit < 0 ? -digit : digit) / 2];
            out += digit < 0 ? -entry : entry;
        }
    }
    return out;
}

/// Signed windows of w bits: digits in -2^(w-1)..2^(w-1), one bucket for each absolute value.
template <class Affine, class Jacobian>
Jacobian pippenger(const std::vector<Term<Affine>>& terms) {
    unsigned bits = 0;
    for (const auto& term : terms) bits = std::max(bits, bit_length(term.scalar));
    const auto size = static_cast<unsigned>(std::bit_width(terms.size()));
    const unsigned width = size < 5 ? 3 : size < 15 ? size - 2 : 13;
    const unsigned windows = bits / width + 1;
    const auto half = std::size_t{1} << (width - 1);
    std::vector<std::int32_t> digits(windows * terms.size());
    for (std::size_t t = 0; t < terms.size(); ++t) {
        std::size_t carry = 0;
        for (unsigned w = 0; w < windows; ++w) {
            const auto shift = w * width;
            const auto window = shift < 128 ? static_cast<std::size_t>(terms[t].scalar >> shift) & (2 * half - 1) : 0;
            const auto raw = window + carry;
            carry = raw > half ? 1 : 0;
            digits[w * terms.size() + t] = static_cast<std::int32_t>(raw) - static_cast<std::int32_t>(carry * 2 * half);
        }
    }
    Jacobian out;
    std::vector<Jacobian> buckets(half);
    for (unsigned w = windows; w-- > 0;) {
        for (unsigned k = 0; k < width; ++k) out = out.doubled();
        std::fill(buckets.begin(), buckets.end(), Jacobian{});
        for (std::size_t t = 0; t < terms.size(); ++t) {
            const auto digit = digits[w * terms.size() + t];
            if (digit > 0) buckets[static_cast<std::size_t>(digit) - 1] += terms[t].point;
            if (digit < 0) buckets[static_cast<std::size_t>(-digit) - 1] += -terms[t].point;
        }
        Jacobian running;
        Jacobian sum;
        for (std::size_t i = half; i-- > 0;) {
            running += buckets[i];
            sum += running;
        }
        out += sum;
    }
    return out;
}

/// Above this many terms the buckets are cheaper (measured).
constexpr std::size_t straus_terms_max = 32;

template <class Jacobian, class Affine>
Jacobian sum_of(std::span<const Affine> points, std::span<const Fr> scalars) {
    TROUPE_ASSERT(points.size() == scalars.size());
    const auto terms = split(points, scalars);
    if (terms.empty()) return {};
    return terms.size() <= straus_terms_max ? straus<Affine, Jacobian>(terms) : pippenger<Affine, Jacobian>(terms);
}

}  // namespace

G1 multi_multiply(std::span<const G1Affine> points, std::span<const Fr> scalars) { return sum_of<G1>(points, scalars); }
G2 multi_multiply(std::span<const G2Affine> points, std::span<const Fr> scalars) { return sum_of<G2>(points, scalars); }

}  // namespace troupe::bls12_381
