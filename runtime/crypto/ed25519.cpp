#include "runtime/crypto/ed25519.hpp"

#include <array>

#include <openssl/evp.h>

#include "runtime/base/result.hpp"
#include "runtime/crypto/random.hpp"

namespace troupe {
namespace {

struct DigestContextFree {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, DigestContextFree>;

}  // namespace

void detail::EvpKeyFree::operator()(evp_pkey_st* key) const noexcept { EVP_PKEY_free(key); }

std::optional<Ed25519Verifier> Ed25519Verifier::from(const Ed25519PublicKey& key) {
    detail::EvpKey handle{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size())};
    if (!handle) return std::nullopt;
    return Ed25519Verifier{key, std::move(handle)};
}

bool Ed25519Verifier::verify(ByteView message, ByteView signature) const noexcept {
    if (signature.size() != Ed25519Signature::size()) return false;
    const DigestContext context{EVP_MD_CTX_new()};
    TROUPE_ASSERT(context);
    if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle_.get()) != 1) return false;
    return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

std::optional<Ed25519KeyPair> Ed25519KeyPair::from_seed(ByteView seed) {
    if (seed.size() != 32) return std::nullopt;
    detail::EvpKey handle{EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size())};
    if (!handle) return std::nullopt;
    Ed25519PublicKey key;
    std::size_t size = key.size();
    if (EVP_PKEY_get_raw_public_key(handle.get(), key.data(), &size) != 1) return std::nullopt;
    return Ed25519KeyPair{key, std::move(handle)};
}

Ed25519KeyPair Ed25519KeyPair::generate() {
    std::array<std::uint8_t, 32> seed;
    fill_random(seed);
    auto pair = from_seed(seed);
    wipe(seed);
    TROUPE_ASSERT(pair.has_value());
    return std::move(*pair);
}

Ed25519Signature Ed25519KeyPair::sign(ByteView message) const noexcept {
    const DigestContext context{EVP_MD_CTX_new()};
    TROUPE_ASSERT(context);
    Ed25519Signature out;
    std::size_t size = out.size();
    TROUPE_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, handle_.get()) == 1);
    TROUPE_ASSERT(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1);
    return out;
}

Ed25519Seed Ed25519KeyPair::reveal_seed() const noexcept {
    Ed25519Seed seed;
    std::size_t size = seed.size();
    TROUPE_ASSERT(EVP_PKEY_get_raw_private_key(handle_.get(), seed.data(), &size) == 1);
    return seed;
}

bool ed25519_verify(const Ed25519PublicKey& key, ByteView message, ByteView signature) noexcept {
    const auto verifier = Ed25519Verifier::from(key);
    return verifier && verifier->verify(message, signature);
}

}  // namespace troupe
