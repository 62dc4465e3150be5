// Q = u1 G + u2 R with u1 = -digest / r and u2 = s / r (SEC 1, 4.1.6). Each scalar is split into two halves by the
// endomorphism, and the four products share their doublings (Strauss), with signed digits over odd multiples.
#include "runtime/crypto/secp256k1_recover.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "runtime/base/result.hpp"
#include "runtime/crypto/secp256k1_nonce.hpp"
#include "runtime/crypto/secp256k1_scalar.hpp"

namespace troupe {

using namespace secp256k1_detail;

namespace {

constexpr std::size_t group_max = 64;
constexpr std::size_t half_bits = 130;
constexpr unsigned nonce_window = 5;
constexpr unsigned generator_window = 12;

/// 1, 3, 5, ... times a point: all odd digits of a window.
template <unsigned window>
using OddMultiples = std::array<AffinePoint, std::size_t{1} << (window - 2)>;

/// Non-adjacent form: digit i weighs 2^i, is 0 or odd and below 2^(window-1) in size; `window` neighbours have at most
/// one digit that is not 0.
using Digits = std::array<std::int16_t, half_bits>;

template <unsigned window>
void put_digits(const uint256& scalar, bool is_negative, Digits& out) noexcept {
    out.fill(0);
    std::uint32_t carry = 0;
    for (std::size_t bit = 0; bit < half_bits;) {
        const auto word = scalar.limb[bit / 64] >> (bit % 64);
        if ((static_cast<std::uint32_t>(word) & 1) == carry) {
            ++bit;
            continue;
        }
        auto bits = word;
        if (bit % 64 + window > 64) bits |= scalar.limb[bit / 64 + 1] << (64 - bit % 64);
        const auto value = (static_cast<std::uint32_t>(bits) & ((1u << window) - 1)) + carry;
        carry = value >> (window - 1) & 1;
        const auto digit = static_cast<std::int32_t>(value) - static_cast<std::int32_t>(carry << window);
        out[bit] = static_cast<std::int16_t>(is_negative ? -digit : digit);
        bit += window;
    }
    TROUPE_ASSERT(carry == 0);
}

/// The digits of both halves of a scalar.
template <unsigned window>
void put_split_digits(const uint256& scalar, Digits& first, Digits& second) noexcept {
    constexpr auto half_order =
        uint256{0x7FFFFFFFFFFFFFFFULL, 0xFFFFFFFFFFFFFFFFULL, 0x5D576E7357A4501DULL, 0xDFE92F46681B20A0ULL};
    const auto [k1, k2] = split_by_lambda(scalar);
    const auto put = [&](const uint256& k, Digits& out) {
        const bool is_negative = k > half_order;
        put_digits<window>(is_negative ? scalar_negated(k) : k, is_negative, out);
    };
    put(k1, first);
    put(k2, second);
}

/// None may be 0.
void invert_fields(std::span<FieldElement> values) {
    std::vector<FieldElement> before(values.size());
    FieldElement product{1};
    for (std::size_t i = 0; i < values.size(); ++i) {
        before[i] = product;
        product = product * values[i];
    }
    auto rest = inverse(product);
    for (std::size_t i = values.size(); i-- > 0;) {
        const auto own = rest * before[i];
        rest = rest * values[i];
        values[i] = own;
    }
}

/// None may be at infinity.
void to_affine(std::span<const JacobianPoint> points, std::span<AffinePoint> out) {
    std::vector<FieldElement> z(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) z[i] = points[i].z;
    invert_fields(z);
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto z2 = squared(z[i]);
        out[i] = {points[i].x * z2, points[i].y * (z2 * z[i])};
    }
}

template <std::size_t count>
void put_odd_multiples(const AffinePoint& point, std::span<JacobianPoint, count> out) noexcept {
    out[0] = {point.x, point.y, {1}, false};
    const auto twice = doubled(out[0]);
    for (std::size_t i = 1; i < count; ++i) out[i] = sum(out[i - 1], twice);
}

struct GeneratorTable {
    OddMultiples<generator_window> plain;
    OddMultiples<generator_window> times_lambda;
};

const GeneratorTable& generator_table() {
    static const auto table = [] {
        auto made = std::make_unique<GeneratorTable>();
        constexpr auto count = std::size_t{1} << (generator_window - 2);
        std::vector<JacobianPoint> multiples(count);
        put_odd_multiples(generator, std::span<JacobianPoint, count>{multiples});
        to_affine(multiples, made->plain);
        std::ranges::transform(made->plain, made->times_lambda.begin(), secp256k1_detail::times_lambda);
        return made;
    }();
    return *table;
}

template <class Table>
void add_digit(JacobianPoint& total, int digit, const Table& table) noexcept {
    if (digit > 0)
        total = sum(total, table[static_cast<std::size_t>(digit) / 2]);
    else if (digit < 0)
        total = sum(total, negated(table[static_cast<std::size_t>(-digit) / 2]));
}

struct Item {
    std::size_t position = 0;
    AffinePoint nonce;
    uint256 r;
    uint256 s;
    uint256 digest;
};

constexpr std::size_t nonce_multiples = std::size_t{1} << (nonce_window - 2);

[[nodiscard]] JacobianPoint key_of(const Item& item, const uint256& r_inverse,
                                   std::span<const AffinePoint, nonce_multiples> table) noexcept {
    std::array<AffinePoint, nonce_multiples> lambda_table;
    std::ranges::transform(table, lambda_table.begin(), times_lambda);
    Digits nonce_digits[2];
    Digits generator_digits[2];
    put_split_digits<nonce_window>(scalar_product(item.s, r_inverse), nonce_digits[0], nonce_digits[1]);
    put_split_digits<generator_window>(scalar_negated(scalar_product(item.digest, r_inverse)), generator_digits[0],
                                       generator_digits[1]);
    const auto& of_generator = generator_table();
    JacobianPoint total;
    for (std::size_t bit = half_bits; bit-- > 0;) {
        total = doubled(total);
        add_digit(total, nonce_digits[0][bit], table);
        add_digit(total, nonce_digits[1][bit], lambda_table);
        add_digit(total, generator_digits[0][bit], of_generator.plain);
        add_digit(total, generator_digits[1][bit], of_generator.times_lambda);
    }
    return total;
}

[[nodiscard]] Secp256k1PublicKey serialized(const AffinePoint& point) noexcept {
    Secp256k1PublicKey out;
    const auto x = to_big_endian(to_uint256(point.x));
    const auto y = to_big_endian(to_uint256(point.y));
    std::copy(x.begin(), x.end(), out.bytes.begin());
    std::copy(y.begin(), y.end(), out.bytes.begin() + 32);
    return out;
}

void recover_group(const std::vector<Item>& group, std::vector<std::optional<Secp256k1PublicKey>>& out) {
    std::vector<uint256> r_inverse;
    std::vector<JacobianPoint> multiples(group.size() * nonce_multiples);
    for (std::size_t i = 0; i < group.size(); ++i) {
        r_inverse.push_back(group[i].r);
        put_odd_multiples(group[i].nonce, std::span<JacobianPoint, nonce_multiples>{
                                              multiples.data() + i * nonce_multiples, nonce_multiples});
    }
    invert_all(r_inverse);
    std::vector<AffinePoint> tables(multiples.size());
    to_affine(multiples, tables);

    std::vector<JacobianPoint> keys;
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < group.size(); ++i) {
        const auto key =
            key_of(group[i], r_inverse[i],
                   std::span<const AffinePoint, nonce_multiples>{tables.data() + i * nonce_multiples, nonce_multiples});
        if (key.infinity) continue;
        keys.push_back(key);
        positions.push_back(group[i].position);
    }
    std::vector<AffinePoint> affine(keys.size());
    to_affine(keys, affine);
    for (std::size_t i = 0; i < keys.size(); ++i) out[positions[i]] = serialized(affine[i]);
}

}  // namespace

std::vector<std::optional<Secp256k1PublicKey>> recover_public_keys(std::span<const UnknownKeySignature> signatures) {
    std::vector<std::optional<Secp256k1PublicKey>> out(signatures.size());
    std::vector<Item> group;
    for (std::size_t i = 0; i < signatures.size(); ++i) {
        const auto& [digest, signature] = signatures[i];
        const auto r = from_big_endian(signature.r_s.view().first(32));
        const auto s = from_big_endian(signature.r_s.view().subspan(32));
        if (is_scalar(r) && is_scalar(s))
            if (const auto nonce = nonce_point(r, signature.recovery_id))
                group.push_back({i, *nonce, r, s, reduce_once(from_big_endian(digest.view()))});
        if (group.size() < group_max && i + 1 < signatures.size()) continue;
        if (!group.empty()) recover_group(group, out);
        group.clear();
    }
    return out;
}

}  // namespace troupe
