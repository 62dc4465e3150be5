#include "runtime/link/tls_identity.hpp"

#include <memory>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace troupe::link {
namespace {

template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;

/// Validity plays no part: the key is pinned. The dates only have to be there.
[[nodiscard]] CertificatePtr self_signed(EVP_PKEY* key) {
    CertificatePtr certificate{X509_new()};
    if (!certificate) return nullptr;
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate.get()), "20200101000000Z");
    ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate.get()), "99991231235959Z");
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("troupe"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    if (X509_set_pubkey(certificate.get(), key) != 1 || X509_sign(certificate.get(), key, nullptr) == 0) return nullptr;
    return certificate;
}

/// The pinned key decides, not a chain of issuers.
int accept_any_issuer(int, X509_STORE_CTX*) { return 1; }

}  // namespace

Status configure_tls(ssl_ctx_st* context, const Ed25519Seed& identity) {
    const KeyPtr key{EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, identity.data(), identity.size())};
    const auto certificate = key ? self_signed(key.get()) : nullptr;
    if (!certificate) return make_error(ErrorCode::invalid, "link identity: OpenSSL does not accept the key");
    const bool done =
        SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
        SSL_CTX_set1_groups_list(context, "X25519") == 1 && SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1 &&
        SSL_CTX_use_certificate(context, certificate.get()) == 1 && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
    if (!done) return make_error(ErrorCode::invalid, "link identity: TLS context can't be made");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any_issuer);
    // One small certificate: what a stranger may make us hold of its chain.
    SSL_CTX_set_max_cert_list(context, 4096);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    return Done{};
}

std::optional<Ed25519PublicKey> peer_key(ssl_st* connection) {
    const CertificatePtr certificate{SSL_get1_peer_certificate(connection)};
    if (!certificate) return std::nullopt;
    EVP_PKEY* key = X509_get0_pubkey(certificate.get());
    if (key == nullptr || EVP_PKEY_id(key) != EVP_PKEY_ED25519) return std::nullopt;
    Ed25519PublicKey out;
    std::size_t size = out.size();
    if (EVP_PKEY_get_raw_public_key(key, out.data(), &size) != 1 || size != out.size()) return std::nullopt;
    return out;
}

}  // namespace troupe::link
