#include "vm/evm/precompiles_bls.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "runtime/crypto/bls12_381_hash.hpp"
#include "runtime/crypto/bls12_381_msm.hpp"
#include "runtime/crypto/bls12_381_pairing.hpp"
#include "runtime/crypto/kzg.hpp"

namespace troupe::evm::precompiles {
namespace {

using namespace bls12_381;
using bls12_381::Fp2;

constexpr std::size_t scalar_bytes = 32;
constexpr std::size_t fp_bytes = 64;

/// In thousandths of the price of a multiplication, by the number of terms; beyond the table, its last.
using Discounts = std::array<std::uint16_t, 128>;
constexpr Discounts g1_discounts{
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665, 661, 658, 654,
    651,  648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615, 613, 611, 609, 608, 606, 604,
    603,  601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585, 584, 582, 581, 580, 579, 577, 576, 575, 574,
    573,  572, 570, 569, 568, 567, 566, 565, 564, 563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551,
    550,  549, 548, 547, 547, 546, 545, 544, 543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532,
    532,  531, 530, 529, 528, 528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519};
constexpr Discounts g2_discounts{
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699, 693, 688, 683,
    679,  674,  670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629, 627, 624, 622, 620, 618, 615,
    613,  611,  609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592, 590, 589, 587, 586, 584, 583, 582, 580, 579,
    578,  576,  575, 574, 573, 571, 570, 569, 568, 567, 566, 565, 563, 562, 561, 560, 559, 558, 557, 556, 555, 554,
    553,  552,  552, 551, 550, 549, 548, 547, 546, 545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536,
    535,  535,  534, 533, 532, 532, 531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524};

// Encodings are big-endian, each Fp in 64 bytes, the real part of an Fp2 first, infinity as zeros.

std::optional<Fp> read(const Fp*, ByteView bytes) {
    constexpr std::size_t padding = fp_bytes - Fp::size_bytes;
    if (std::any_of(bytes.begin(), bytes.begin() + padding, [](auto byte) { return byte != 0; })) return std::nullopt;
    return Fp::from_bytes(bytes.subspan<padding, Fp::size_bytes>());
}
std::optional<Fp2> read(const Fp2*, ByteView bytes) {
    const auto real = read(static_cast<const Fp*>(nullptr), bytes.first(fp_bytes));
    const auto imaginary = read(static_cast<const Fp*>(nullptr), bytes.subspan(fp_bytes, fp_bytes));
    if (!real || !imaginary) return std::nullopt;
    return Fp2{*real, *imaginary};
}
void write(Bytes& to, const Fp& a) {
    to.resize(to.size() + fp_bytes - Fp::size_bytes);
    append(to, a.to_bytes());
}
void write(Bytes& to, const Fp2& a) {
    write(to, a.c0);
    write(to, a.c1);
}

template <class Curve>
struct Encoding;
template <>
struct Encoding<G1Curve> {
    static constexpr std::size_t coordinate_bytes = fp_bytes;
    static constexpr std::size_t point_bytes = 2 * coordinate_bytes;
};
template <>
struct Encoding<G2Curve> {
    static constexpr std::size_t coordinate_bytes = 2 * fp_bytes;
    static constexpr std::size_t point_bytes = 2 * coordinate_bytes;
};

/// On the curve; the subgroup is another question.
template <class Curve>
std::optional<AffinePoint<Curve>> read_point(ByteView bytes) {
    using Field = typename Curve::Field;
    constexpr auto half = Encoding<Curve>::coordinate_bytes;
    const auto x = read(static_cast<const Field*>(nullptr), bytes.first(half));
    const auto y = read(static_cast<const Field*>(nullptr), bytes.subspan(half, half));
    if (!x || !y) return std::nullopt;
    if (x->is_zero() && y->is_zero()) return AffinePoint<Curve>{};
    const AffinePoint<Curve> point{*x, *y, false};
    if (!point.is_on_curve()) return std::nullopt;
    return point;
}
template <class Curve>
std::optional<AffinePoint<Curve>> read_group_point(ByteView bytes) {
    const auto point = read_point<Curve>(bytes);
    return point && is_in_subgroup(*point) ? point : std::nullopt;
}
template <class Curve>
Bytes encode(const AffinePoint<Curve>& point) {
    Bytes out;
    out.reserve(Encoding<Curve>::point_bytes);
    write(out, point.x);
    write(out, point.y);
    return out;
}

template <class Curve>
Output add(ByteView input) {
    constexpr auto size = Encoding<Curve>::point_bytes;
    if (input.size() != 2 * size) return std::nullopt;
    const auto a = read_point<Curve>(input.first(size));
    const auto b = read_point<Curve>(input.subspan(size));
    if (!a || !b) return std::nullopt;
    return encode((JacobianPoint<Curve>{*a} + *b).to_affine());
}

template <class Curve>
Gas msm_gas(ByteView input, std::int64_t multiplication, const Discounts& discounts) {
    const auto terms = input.size() / (Encoding<Curve>::point_bytes + scalar_bytes);
    if (terms == 0) return 0;
    return static_cast<std::int64_t>(terms) * multiplication * discounts[std::min(terms, discounts.size()) - 1] / 1000;
}

template <class Curve>
Output msm(ByteView input) {
    constexpr auto point_size = Encoding<Curve>::point_bytes;
    constexpr auto term_size = point_size + scalar_bytes;
    if (input.empty() || input.size() % term_size != 0) return std::nullopt;
    std::vector<AffinePoint<Curve>> points;
    std::vector<Fr> scalars;
    points.reserve(input.size() / term_size);
    scalars.reserve(input.size() / term_size);
    for (; !input.empty(); input = input.subspan(term_size)) {
        const auto point = read_group_point<Curve>(input.first(point_size));
        if (!point) return std::nullopt;
        points.push_back(*point);
        scalars.push_back(Fr::from_bytes_reduced(input.subspan(point_size, scalar_bytes)));
    }
    return encode(multi_multiply(points, scalars).to_affine());
}

}  // namespace

Gas kzg_point_evaluation_gas(ByteView, Revision) { return 50000; }

// Versioned hash, z, y, commitment, proof.
Output kzg_point_evaluation(ByteView input, Revision) {
    if (input.size() != 192) return std::nullopt;
    const auto commitment = input.subspan<96, 48>();
    if (!std::ranges::equal(kzg::versioned_hash(commitment), input.first(32))) return std::nullopt;
    if (!kzg::verify_proof(commitment, input.subspan<32, 32>(), input.subspan<64, 32>(), input.subspan<144, 48>()))
        return std::nullopt;
    Bytes out(32);
    out[30] = static_cast<std::uint8_t>(kzg::elements_per_blob >> 8);
    out[31] = static_cast<std::uint8_t>(kzg::elements_per_blob);
    for (std::size_t i = 0; i < Fr::size_bytes; ++i) {
        const auto at = Fr::size_bytes - 1 - i;
        out.push_back(static_cast<std::uint8_t>(Fr::modulus[at / 8] >> (8 * (at % 8))));
    }
    return out;
}

Gas bls12_g1_add_gas(ByteView, Revision) { return 375; }
Output bls12_g1_add(ByteView input, Revision) { return add<G1Curve>(input); }
Gas bls12_g1_msm_gas(ByteView input, Revision) { return msm_gas<G1Curve>(input, 12000, g1_discounts); }
Output bls12_g1_msm(ByteView input, Revision) { return msm<G1Curve>(input); }
Gas bls12_g2_add_gas(ByteView, Revision) { return 600; }
Output bls12_g2_add(ByteView input, Revision) { return add<G2Curve>(input); }
Gas bls12_g2_msm_gas(ByteView input, Revision) { return msm_gas<G2Curve>(input, 22500, g2_discounts); }
Output bls12_g2_msm(ByteView input, Revision) { return msm<G2Curve>(input); }

namespace {
constexpr auto pair_bytes = Encoding<G1Curve>::point_bytes + Encoding<G2Curve>::point_bytes;
}

Gas bls12_pairing_gas(ByteView input, Revision) {
    return 37700 + 32600 * static_cast<std::int64_t>(input.size() / pair_bytes);
}
Output bls12_pairing(ByteView input, Revision) {
    if (input.empty() || input.size() % pair_bytes != 0) return std::nullopt;
    std::vector<PairingInput> pairs;
    pairs.reserve(input.size() / pair_bytes);
    for (; !input.empty(); input = input.subspan(pair_bytes)) {
        const auto p = read_group_point<G1Curve>(input.first(Encoding<G1Curve>::point_bytes));
        const auto q = read_group_point<G2Curve>(input.subspan(Encoding<G1Curve>::point_bytes));
        if (!p || !q) return std::nullopt;
        pairs.push_back({*p, *q});
    }
    Bytes out(32);
    out[31] = pairing_product_is_one(pairs) ? 1 : 0;
    return out;
}

Gas bls12_map_fp_to_g1_gas(ByteView, Revision) { return 5500; }
Output bls12_map_fp_to_g1(ByteView input, Revision) {
    if (input.size() != fp_bytes) return std::nullopt;
    const auto u = read(static_cast<const Fp*>(nullptr), input);
    if (!u) return std::nullopt;
    return encode(clear_cofactor(map_to_curve_1(*u)).to_affine());
}

Gas bls12_map_fp2_to_g2_gas(ByteView, Revision) { return 23800; }
Output bls12_map_fp2_to_g2(ByteView input, Revision) {
    if (input.size() != 2 * fp_bytes) return std::nullopt;
    const auto u = read(static_cast<const Fp2*>(nullptr), input);
    if (!u) return std::nullopt;
    return encode(clear_cofactor(map_to_curve_2(*u)).to_affine());
}

}  // namespace troupe::evm::precompiles
