#include "runtime/crypto/secp256k1_msm.hpp"

#include <algorithm>

#include "runtime/base/result.hpp"

namespace troupe::secp256k1_detail {
namespace {

constexpr std::size_t scalar_bits = 129;
constexpr std::size_t window_bits_max = 12;

/// Windows that cover a scalar and the carry of its signed digits.
[[nodiscard]] constexpr std::size_t windows_of(std::size_t bits) noexcept {
    return (scalar_bits + 1 + bits - 1) / bits;
}

/// The width with the least work: a bucket addition costs about 11 field products, an addition of buckets 16.
[[nodiscard]] std::size_t best_window(std::size_t points) noexcept {
    std::size_t best = 2;
    std::size_t least = SIZE_MAX;
    for (std::size_t bits = 2; bits <= window_bits_max; ++bits) {
        const auto work = windows_of(bits) * (11 * points + (std::size_t{16} << bits));
        if (work < least) {
            least = work;
            best = bits;
        }
    }
    return best;
}

/// Digits in -2^(bits-1)..2^(bits-1), least significant first.
void signed_digits(const uint256& scalar, std::size_t bits, std::int16_t* out) noexcept {
    const std::uint32_t base = 1u << bits;
    std::uint32_t carry = 0;
    for (std::size_t window = 0; window < windows_of(bits); ++window) {
        const auto at = window * bits;
        auto word = at / 64 < 4 ? scalar.limb[at / 64] >> (at % 64) : 0;
        if (at % 64 + bits > 64 && at / 64 < 3) word |= scalar.limb[at / 64 + 1] << (64 - at % 64);
        const auto digit = static_cast<std::uint32_t>(word & (base - 1)) + carry;
        carry = digit > base / 2 ? 1 : 0;
        out[window] = static_cast<std::int16_t>(static_cast<std::int32_t>(digit) -
                                                static_cast<std::int32_t>(carry != 0 ? base : 0));
    }
    TROUPE_ASSERT(carry == 0);
}

}  // namespace

JacobianPoint multi_scalar_product(const std::vector<Term>& terms) {
    const auto bits = best_window(terms.size());
    const auto windows = windows_of(bits);
    std::vector<std::int16_t> digits(terms.size() * windows);
    for (std::size_t i = 0; i < terms.size(); ++i) signed_digits(terms[i].scalar, bits, digits.data() + i * windows);

    // buckets[d - 1] is the sum of the points whose digit is d, less those whose digit is -d.
    std::vector<JacobianPoint> buckets(std::size_t{1} << (bits - 1));
    JacobianPoint total;
    for (std::size_t window = windows; window-- > 0;) {
        for (std::size_t i = 0; i < bits; ++i) total = doubled(total);
        std::fill(buckets.begin(), buckets.end(), JacobianPoint{});
        for (std::size_t i = 0; i < terms.size(); ++i) {
            const int digit = digits[i * windows + window];
            if (digit > 0) {
                auto& bucket = buckets[static_cast<std::size_t>(digit - 1)];
                bucket = sum(bucket, terms[i].point);
            } else if (digit < 0) {
                auto& bucket = buckets[static_cast<std::size_t>(-digit - 1)];
                bucket = sum(bucket, negated(terms[i].point));
            }
        }
        // Sum of d * bucket_d: each bucket is in as many running sums as its digit.
        JacobianPoint running;
        JacobianPoint window_sum;
        for (std::size_t d = buckets.size(); d-- > 0;) {
            running = sum(running, buckets[d]);
            window_sum = sum(window_sum, running);
        }
        total = sum(total, window_sum);
    }
    return total;
}

}  // namespace troupe::secp256k1_detail
