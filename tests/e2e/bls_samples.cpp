// Prints, as JSON, what our BLS12-381 makes of random inputs, for bls.test.mjs to compute again with another
// implementation: bls_samples SEED COUNT.
#include <cstdio>
#include <cstdlib>
#include <random>

#include <nlohmann/json.hpp>

#include "runtime/crypto/bls.hpp"
#include "runtime/crypto/bls12_381_encoding.hpp"
#include "runtime/crypto/bls12_381_hash.hpp"
#include "runtime/crypto/bls12_381_msm.hpp"

using namespace troupe;
using namespace troupe::bls12_381;

namespace {

Bytes random_bytes(std::mt19937_64& random, std::size_t size) {
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
}

nlohmann::json sample(std::mt19937_64& random) {
    const auto secret = *bls::SecretKey::generate(random_bytes(random, 32));
    const auto other = *bls::SecretKey::generate(random_bytes(random, 32));
    const auto message = random_bytes(random, random() % 200);
    const auto tag = random_bytes(random, 1 + random() % 300);
    const auto scalar = Fr::from_bytes_reduced(random_bytes(random, 32));
    const auto p = hash_to_g1(message, tag);
    const auto q = hash_to_g2(message, tag);
    const std::array signatures{secret.sign(message), other.sign(message)};
    const std::array points{p, g1_generator};
    const std::array scalars{scalar, -scalar.squared()};
    nlohmann::json out;
    out["secret"] = to_hex(secret.bytes().view());
    out["public"] = to_hex(secret.public_key().bytes().view());
    out["other_public"] = to_hex(other.public_key().bytes().view());
    out["message"] = to_hex(message);
    out["tag"] = to_hex(tag);
    out["signature"] = to_hex(signatures[0].bytes().view());
    out["aggregate"] = to_hex(bls::aggregate(signatures)->bytes().view());
    out["possession"] = to_hex(secret.prove_possession().bytes().view());
    out["hash_1"] = to_hex(compress(p));
    out["hash_2"] = to_hex(compress(q));
    out["hash_2_uncompressed"] = to_hex(serialize(q));
    out["scalar"] = to_hex(scalar.to_bytes());
    out["multiple_1"] = to_hex(compress(multiply(p, scalar).to_affine()));
    out["multiple_2"] = to_hex(compress(multiply(q, scalar).to_affine()));
    out["sum_1"] = to_hex(compress(multi_multiply(points, scalars).to_affine()));
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::fprintf(stderr, "usage: bls_samples SEED COUNT\n"), 2;
    std::mt19937_64 random{std::strtoull(argv[1], nullptr, 10)};
    auto out = nlohmann::json::array();
    for (auto count = std::strtoul(argv[2], nullptr, 10); count > 0; --count) out.push_back(sample(random));
    std::printf("%s\n", out.dump().c_str());
}
