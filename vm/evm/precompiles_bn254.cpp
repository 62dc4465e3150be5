// BN254 addition, multiplication (EIP-196) and pairing check (EIP-197).
#include <vector>

#include "runtime/crypto/bn254.hpp"
#include "vm/evm/precompile_functions.hpp"

namespace troupe::evm::precompiles {
namespace {

constexpr std::size_t pair_bytes = 192;

[[nodiscard]] Bytes encoded(const bn254::G1& point) {
    const auto bytes = bn254::encode(point);
    return {bytes.begin(), bytes.end()};
}

}  // namespace

Gas bn254_add_gas(ByteView, Revision revision) { return revision >= Revision::Istanbul ? 150 : 500; }
Output bn254_add(ByteView input, Revision) {
    const auto data = slice(input, 0, 128);
    const auto a = bn254::decode_g1(ByteView{data}.first<64>());
    const auto b = bn254::decode_g1(ByteView{data}.subspan<64, 64>());
    if (!a || !b) return std::nullopt;
    return encoded(bn254::add(*a, *b));
}

Gas bn254_mul_gas(ByteView, Revision revision) { return revision >= Revision::Istanbul ? 6000 : 40'000; }
Output bn254_mul(ByteView input, Revision) {
    const auto data = slice(input, 0, 96);
    const auto point = bn254::decode_g1(ByteView{data}.first<64>());
    if (!point) return std::nullopt;
    return encoded(bn254::multiply(*point, from_big_endian(ByteView{data}.subspan(64, 32))));
}

Gas bn254_pairing_gas(ByteView input, Revision revision) {
    const auto pairs = static_cast<std::int64_t>(input.size() / pair_bytes);
    return revision >= Revision::Istanbul ? 45'000 + 34'000 * pairs : 100'000 + 80'000 * pairs;
}
Output bn254_pairing(ByteView input, Revision) {
    if (input.size() % pair_bytes != 0) return std::nullopt;
    std::vector<bn254::PairingInput> pairs;
    for (; !input.empty(); input = input.subspan(pair_bytes)) {
        const auto p = bn254::decode_g1(input.first<64>());
        if (!p) return std::nullopt;
        const auto q = bn254::decode_g2(input.subspan<64, 128>());
        if (!q) return std::nullopt;
        pairs.push_back({*p, *q});
    }
    Bytes out(32);
    out[31] = bn254::pairing_product_is_one(pairs) ? 1 : 0;
    return out;
}

}  // namespace troupe::evm::precompiles
