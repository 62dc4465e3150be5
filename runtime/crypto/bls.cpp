#include "runtime/crypto/bls.hpp"

#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "runtime/crypto/bls12_381_encoding.hpp"
#include "runtime/crypto/bls12_381_hash.hpp"
#include "runtime/crypto/bls12_381_pairing.hpp"
#include "runtime/crypto/random.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe::bls {
namespace {

using namespace bls12_381;

constexpr std::string_view signature_tag = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
constexpr std::string_view possession_tag = "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

Hash256 hmac_sha256(ByteView key, ByteView data) {
    Hash256 out;
    unsigned size = 0;
    TROUPE_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(), data.size(), out.data(),
                       &size) != nullptr &&
                  size == Hash256::size_bytes);
    return out;
}

/// e(-g1, signature) * prod e(key, point) == 1.
bool holds(std::vector<PairingInput> pairs, const bls::Signature& signature) {
    pairs.push_back({-g1_generator, signature.point()});
    return pairing_product_is_one(pairs);
}

bool verify_under_tag(const PublicKey& key, ByteView message, std::string_view tag, const Signature& signature) {
    return holds({{key.point(), hash_to_g2(message, as_bytes(tag))}}, signature);
}

}  // namespace

Result<PublicKey> PublicKey::parse(ByteView bytes) {
    const auto point = parse_g1(bytes);
    if (!point) return point.error();
    if (point->infinity) return make_error(ErrorCode::invalid, "BLS public key: infinity");
    if (!is_in_subgroup(*point)) return make_error(ErrorCode::invalid, "BLS public key: not in the subgroup");
    return PublicKey{*point};
}
PublicKeyBytes PublicKey::bytes() const noexcept { return {compress(point_)}; }

Result<Signature> Signature::parse(ByteView bytes) {
    const auto point = parse_g2(bytes);
    if (!point) return point.error();
    if (!is_in_subgroup(*point)) return make_error(ErrorCode::invalid, "BLS signature: not in the subgroup");
    return Signature{*point};
}
SignatureBytes Signature::bytes() const noexcept { return {compress(point_)}; }

Result<SecretKey> SecretKey::generate(ByteView key_material, ByteView key_info) {
    constexpr std::uint8_t output_bytes = 48;
    if (key_material.size() < 32)
        return make_error(ErrorCode::invalid, "BLS key: key material must have at least 32 bytes");
    Bytes material{key_material.begin(), key_material.end()};
    material.push_back(0);
    Bytes info{key_info.begin(), key_info.end()};
    info.push_back(0);
    info.push_back(output_bytes);
    auto salt = sha256(as_bytes("BLS-SIG-KEYGEN-SALT-"));
    for (;;) {
        // HKDF (RFC 5869): extract, then expand to two blocks.
        auto key = hmac_sha256(salt.view(), material);
        Bytes input{info};
        input.push_back(1);
        auto first = hmac_sha256(key.view(), input);
        Bytes second_input{first.begin(), first.end()};
        append(second_input, info);
        second_input.push_back(2);
        auto second = hmac_sha256(key.view(), second_input);
        Bytes output{first.begin(), first.end()};
        output.insert(output.end(), second.begin(), second.begin() + (output_bytes - Hash256::size_bytes));
        const SecretKey out{Fr::from_bytes_reduced(output)};
        wipe(output);
        wipe(second_input);
        wipe(first.bytes);
        wipe(second.bytes);
        wipe(key.bytes);
        if (!out.scalar_.is_zero()) {
            wipe(material);
            return out;
        }
        salt = sha256(salt.view());
    }
}

Result<SecretKey> SecretKey::from_bytes(const SecretKeyBytes& bytes) {
    const auto scalar = Fr::from_bytes(bytes.bytes);
    if (!scalar || scalar->is_zero()) return make_error(ErrorCode::invalid, "BLS secret key: out of range");
    return SecretKey{*scalar};
}

SecretKey::~SecretKey() { wipe({reinterpret_cast<std::uint8_t*>(&scalar_), sizeof(scalar_)}); }

SecretKeyBytes SecretKey::bytes() const noexcept { return {scalar_.to_bytes()}; }
PublicKey SecretKey::public_key() const noexcept { return PublicKey{multiply_secret(g1_generator, scalar_)}; }
Signature SecretKey::sign(ByteView message) const {
    return Signature{multiply_secret(hash_to_g2(message, as_bytes(signature_tag)), scalar_)};
}
Signature SecretKey::prove_possession() const {
    const auto key = public_key().bytes();
    return Signature{multiply_secret(hash_to_g2(key.view(), as_bytes(possession_tag)), scalar_)};
}

bool verify(const PublicKey& key, ByteView message, const Signature& signature) {
    return verify_under_tag(key, message, signature_tag, signature);
}
bool verify_possession(const PublicKey& key, const Signature& proof) {
    return verify_under_tag(key, key.bytes().view(), possession_tag, proof);
}

Result<Signature> aggregate(std::span<const Signature> signatures) {
    if (signatures.empty()) return make_error(ErrorCode::invalid, "BLS aggregate: no signatures");
    G2 sum;
    for (const auto& signature : signatures) sum += signature.point();
    return Signature{sum.to_affine()};
}

bool aggregate_verify(std::span<const PublicKey> keys, std::span<const ByteView> messages, const Signature& signature) {
    if (keys.empty() || keys.size() != messages.size()) return false;
    std::vector<PairingInput> pairs;
    pairs.reserve(keys.size() + 1);
    for (std::size_t i = 0; i < keys.size(); ++i)
        pairs.push_back({keys[i].point(), hash_to_g2(messages[i], as_bytes(signature_tag))});
    return holds(std::move(pairs), signature);
}

bool fast_aggregate_verify(std::span<const PublicKey> keys, ByteView message, const Signature& signature) {
    if (keys.empty()) return false;
    G1 sum;
    for (const auto& key : keys) sum += key.point();
    if (sum.is_infinity()) return false;
    return verify(PublicKey{sum.to_affine()}, message, signature);
}

}  // namespace troupe::bls
