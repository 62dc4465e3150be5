// P256VERIFY (EIP-7951): ECDSA over secp256r1 of a 32-byte digest.
#include <memory>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "runtime/base/result.hpp"
#include "vm/evm/precompile_functions.hpp"

namespace troupe::evm::precompiles {
namespace {

template <auto free>
struct Free {
    template <class T>
    void operator()(T* object) const noexcept {
        free(object);
    }
};
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

/// Null if the coordinates are not those of a point of the curve, other than the point at infinity.
[[nodiscard]] Key public_key(ByteView x_and_y) {
    Bytes point{0x04};
    append(point, x_and_y);
    char group[] = "P-256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()};
    const KeyContext context{EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr)};
    TROUPE_ASSERT(context && EVP_PKEY_fromdata_init(context.get()) == 1);
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(parameters)) != 1)
        return nullptr;
    return Key{key};
}

[[nodiscard]] Bytes der(ByteView r, ByteView s) {
    const Signature signature{ECDSA_SIG_new()};
    TROUPE_ASSERT(signature &&
                  ECDSA_SIG_set0(signature.get(), BN_bin2bn(r.data(), 32, nullptr), BN_bin2bn(s.data(), 32, nullptr)));
    Bytes out(static_cast<std::size_t>(i2d_ECDSA_SIG(signature.get(), nullptr)));
    auto* at = out.data();
    i2d_ECDSA_SIG(signature.get(), &at);
    return out;
}

}  // namespace

Gas p256_verify_gas(ByteView, Revision) { return 6900; }

Output p256_verify(ByteView input, Revision) {
    if (input.size() != 160) return Bytes{};
    const auto key = public_key(input.subspan(96, 64));
    if (!key) return Bytes{};
    const KeyContext context{EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr)};
    TROUPE_ASSERT(context && EVP_PKEY_verify_init(context.get()) == 1);
    const auto signature = der(input.subspan(32, 32), input.subspan(64, 32));
    // OpenSSL refuses r and s outside 1..n-1.
    if (EVP_PKEY_verify(context.get(), signature.data(), signature.size(), input.data(), 32) != 1) return Bytes{};
    Bytes out(32);
    out[31] = 1;
    return out;
}

}  // namespace troupe::evm::precompiles
