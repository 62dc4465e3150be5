#include "runtime/crypto/sha256.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "runtime/base/result.hpp"

// OpenSSL 3 deprecates the low-level SHA256_* functions in favour of EVP, whose fetch and context allocation cost
// more than the hash of a short message. The low-level functions remain part of libcrypto's stable interface.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace troupe {

Hash256 sha256(ByteView data) noexcept {
    Hash256 out;
    ::SHA256(data.data(), data.size(), out.data());
    return out;
}

std::optional<Ripemd160Digest> ripemd160(ByteView data) noexcept {
    Ripemd160Digest out;
    unsigned size = 0;
    if (EVP_Digest(data.data(), data.size(), out.data(), &size, EVP_ripemd160(), nullptr) != 1) return std::nullopt;
    TROUPE_ASSERT(size == out.size());
    return out;
}

struct Sha256::State {
    SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(ByteView data) noexcept {
    SHA256_Update(&state_->context, data.data(), data.size());
    return *this;
}

Hash256 Sha256::finish() noexcept {
    Hash256 out;
    SHA256_Final(out.data(), &state_->context);
    SHA256_Init(&state_->context);
    return out;
}

}  // namespace troupe
