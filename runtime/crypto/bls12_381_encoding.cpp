#include "runtime/crypto/bls12_381_encoding.hpp"

#include <algorithm>
#include <string>

namespace troupe::bls12_381 {
namespace {

constexpr std::uint8_t flag_compressed = 0x80;
constexpr std::uint8_t flag_infinity = 0x40;
constexpr std::uint8_t flag_greater = 0x20;
constexpr std::uint8_t flags = flag_compressed | flag_infinity | flag_greater;

void put(std::uint8_t* to, const Fp& a) noexcept { std::ranges::copy(a.to_bytes(), to); }
void put(std::uint8_t* to, const Fp2& a) noexcept {
    put(to, a.c1);
    put(to + Fp::size_bytes, a.c0);
}

std::optional<Fp> get(const Fp*, ByteView bytes) noexcept { return Fp::from_bytes(bytes.first<Fp::size_bytes>()); }
std::optional<Fp2> get(const Fp2*, ByteView bytes) noexcept {
    const auto imaginary = Fp::from_bytes(bytes.first<Fp::size_bytes>());
    const auto real = Fp::from_bytes(bytes.subspan<Fp::size_bytes, Fp::size_bytes>());
    if (!imaginary || !real) return std::nullopt;
    return Fp2{*real, *imaginary};
}

bool is_greater_root(const Fp& y) noexcept { return y.is_upper_half(); }
bool is_greater_root(const Fp2& y) noexcept { return y.c1.is_zero() ? y.c0.is_upper_half() : y.c1.is_upper_half(); }

template <std::size_t N, class Affine>
std::array<std::uint8_t, N> compress_as(const Affine& point) noexcept {
    std::array<std::uint8_t, N> out{};
    if (point.infinity) {
        out[0] = flag_compressed | flag_infinity;
        return out;
    }
    put(out.data(), point.x);
    out[0] = static_cast<std::uint8_t>(out[0] | flag_compressed | (is_greater_root(point.y) ? flag_greater : 0));
    return out;
}

template <std::size_t N, class Affine>
std::array<std::uint8_t, N> serialize_as(const Affine& point) noexcept {
    std::array<std::uint8_t, N> out{};
    if (point.infinity) {
        out[0] = flag_infinity;
        return out;
    }
    put(out.data(), point.x);
    put(out.data() + N / 2, point.y);
    return out;
}

template <class Curve>
Result<AffinePoint<Curve>> parse(ByteView bytes, std::size_t compressed_bytes, const char* name) {
    using Field = typename Curve::Field;
    const auto wrong = [&](ErrorCode code, const char* what) {
        return make_error(code, std::string{name} + " point: " + what);
    };
    if (bytes.empty()) return wrong(ErrorCode::malformed, "no bytes");
    const bool compressed = (bytes[0] & flag_compressed) != 0;
    const bool infinity = (bytes[0] & flag_infinity) != 0;
    const bool greater = (bytes[0] & flag_greater) != 0;
    if (bytes.size() != (compressed ? compressed_bytes : 2 * compressed_bytes))
        return wrong(ErrorCode::malformed, "wrong length for its form");
    if (greater && (!compressed || infinity)) return wrong(ErrorCode::malformed, "sign flag out of place");
    Bytes coordinates{bytes.begin(), bytes.end()};
    coordinates[0] = static_cast<std::uint8_t>(coordinates[0] & ~flags);
    if (infinity) {
        if (!std::ranges::all_of(coordinates, [](auto byte) { return byte == 0; }))
            return wrong(ErrorCode::malformed, "infinity with coordinates");
        return AffinePoint<Curve>{};
    }
    const auto x = get(static_cast<const Field*>(nullptr), coordinates);
    if (!x) return wrong(ErrorCode::malformed, "x is not below the modulus");
    if (!compressed) {
        const auto y = get(static_cast<const Field*>(nullptr), ByteView{coordinates}.subspan(compressed_bytes));
        if (!y) return wrong(ErrorCode::malformed, "y is not below the modulus");
        const AffinePoint<Curve> point{*x, *y, false};
        if (!point.is_on_curve()) return wrong(ErrorCode::invalid, "not on the curve");
        return point;
    }
    const auto y = (x->squared() * *x + Curve::b).square_root();
    if (!y) return wrong(ErrorCode::invalid, "not on the curve");
    return AffinePoint<Curve>{*x, is_greater_root(*y) == greater ? *y : -*y, false};
}

}  // namespace

std::array<std::uint8_t, g1_compressed_bytes> compress(const G1Affine& point) noexcept {
    return compress_as<g1_compressed_bytes>(point);
}
std::array<std::uint8_t, g2_compressed_bytes> compress(const G2Affine& point) noexcept {
    return compress_as<g2_compressed_bytes>(point);
}
std::array<std::uint8_t, 2 * g1_compressed_bytes> serialize(const G1Affine& point) noexcept {
    return serialize_as<2 * g1_compressed_bytes>(point);
}
std::array<std::uint8_t, 2 * g2_compressed_bytes> serialize(const G2Affine& point) noexcept {
    return serialize_as<2 * g2_compressed_bytes>(point);
}

Result<G1Affine> parse_g1(ByteView bytes) { return parse<G1Curve>(bytes, g1_compressed_bytes, "G1"); }
Result<G2Affine> parse_g2(ByteView bytes) { return parse<G2Curve>(bytes, g2_compressed_bytes, "G2"); }

}  // namespace troupe::bls12_381
