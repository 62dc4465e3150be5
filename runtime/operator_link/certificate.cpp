#include "runtime/operator_link/certificate.hpp"

#include <array>
#include <ctime>

#include "runtime/base/bytes.hpp"
#include "runtime/crypto/random.hpp"
#include "runtime/operator_link/openssl_handles.hpp"

namespace troupe::operator_link {
namespace {

constexpr std::size_t name_size_max = 64;
/// A host whose clock is a little behind shall accept what was issued just now.
constexpr std::uint64_t backdate_seconds = 300;

[[nodiscard]] Error failed(const std::string& what) {
    return make_error(ErrorCode::invalid, what + ": " + openssl_error());
}

[[nodiscard]] bool is_name(const std::string& name) {
    if (name.empty() || name.size() > name_size_max) return false;
    for (const char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_' && c != '.' && c != ' ')
            return false;
    return true;
}

[[nodiscard]] KeyPtr generate_key() {
    EVP_PKEY* key = nullptr;
    const std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>> context{
        EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr)};
    if (!context || EVP_PKEY_keygen_init(context.get()) != 1 || EVP_PKEY_keygen(context.get(), &key) != 1)
        return nullptr;
    return KeyPtr{key};
}

template <class Write>
[[nodiscard]] std::string to_pem(Write&& write) {
    const BioPtr out{BIO_new(BIO_s_mem())};
    if (!out || write(out.get()) != 1) return "";
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
}

[[nodiscard]] std::string key_to_pem(EVP_PKEY* key) {
    return to_pem([&](BIO* out) { return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

[[nodiscard]] std::string certificate_to_pem(X509* certificate) {
    return to_pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

[[nodiscard]] KeyPtr key_from_pem(const std::string& pem) {
    const auto in = reader_of(pem);
    return KeyPtr{PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr)};
}

[[nodiscard]] CertificatePtr certificate_from_pem(const std::string& pem) {
    const auto in = reader_of(pem);
    return CertificatePtr{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
}

[[nodiscard]] bool add_name(X509_NAME* name, const char* field, const std::string& text) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

[[nodiscard]] std::string name_field(X509_NAME* name, int field) {
    std::array<char, name_size_max + 1> text{};
    return X509_NAME_get_text_by_NID(name, field, text.data(), static_cast<int>(text.size())) > 0 ? text.data() : "";
}

[[nodiscard]] bool add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension{X509V3_EXT_conf_nid(nullptr, &context, kind, value)};
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

struct Subject {
    std::string operator_name;
    std::string name;
    Kind kind;
};

/// Null after an OpenSSL error. Self-signed if `issuer` is null.
[[nodiscard]] CertificatePtr sign(EVP_PKEY* key, const Subject& subject, X509* issuer, EVP_PKEY* issuer_key, TimeMs now,
                                  std::uint32_t days) {
    CertificatePtr certificate{X509_new()};
    if (!certificate || X509_set_version(certificate.get(), 2) != 1) return nullptr;
    std::array<std::uint8_t, 16> serial;
    fill_random(serial);
    serial[0] &= 0x7f;
    const std::unique_ptr<BIGNUM, Deleter<BN_free>> number{BN_bin2bn(serial.data(), serial.size(), nullptr)};
    if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr)
        return nullptr;
    const auto begin = static_cast<std::time_t>(now.value / 1000 - backdate_seconds);
    const auto end = static_cast<std::time_t>(now.value / 1000 + std::uint64_t{days} * 86'400);
    if (ASN1_TIME_set(X509_getm_notBefore(certificate.get()), begin) == nullptr ||
        ASN1_TIME_set(X509_getm_notAfter(certificate.get()), end) == nullptr)
        return nullptr;
    X509_NAME* name = X509_get_subject_name(certificate.get());
    if (!add_name(name, "O", subject.operator_name) || !add_name(name, "OU", to_string(subject.kind)) ||
        !add_name(name, "CN", subject.name))
        return nullptr;
    X509* signer = issuer != nullptr ? issuer : certificate.get();
    if (X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer)) != 1 ||
        X509_set_pubkey(certificate.get(), key) != 1)
        return nullptr;
    const bool is_authority = subject.kind == Kind::authority;
    const bool extended = add_extension(certificate.get(), signer, NID_basic_constraints,
                                        is_authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
                          add_extension(certificate.get(), signer, NID_key_usage,
                                        is_authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
                          // By these, and not by name, two generations of an authority are told apart.
                          add_extension(certificate.get(), signer, NID_subject_key_identifier, "hash") &&
                          add_extension(certificate.get(), signer, NID_authority_key_identifier, "keyid:always");
    if (!extended || X509_sign(certificate.get(), issuer_key, nullptr) == 0) return nullptr;
    return certificate;
}

[[nodiscard]] TimeMs to_time(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return TimeMs{0};
    return TimeMs{static_cast<std::uint64_t>(std::max<std::time_t>(::timegm(&parts), 0)) * 1000};
}

[[nodiscard]] std::string serial_text(const ASN1_INTEGER* serial) {
    const std::unique_ptr<BIGNUM, Deleter<BN_free>> number{ASN1_INTEGER_to_BN(serial, nullptr)};
    const std::unique_ptr<char, decltype([](char* text) { OPENSSL_free(text); })> text{BN_bn2hex(number.get())};
    return text.get();
}

[[nodiscard]] Result<CertificateFacts> facts_of(X509* certificate) {
    CertificateFacts facts;
    X509_NAME* subject = X509_get_subject_name(certificate);
    facts.operator_name = name_field(subject, NID_organizationName);
    facts.name = name_field(subject, NID_commonName);
    const auto unit = name_field(subject, NID_organizationalUnitName);
    bool known = false;
    for (const auto kind : {Kind::authority, Kind::commander, Kind::agent, Kind::node})
        if (unit == to_string(kind)) {
            facts.kind = kind;
            known = true;
        }
    if (!known) return make_error(ErrorCode::invalid, "a certificate of an unknown kind (OU = \"" + unit + "\")");
    facts.not_before = to_time(X509_get0_notBefore(certificate));
    facts.not_after = to_time(X509_get0_notAfter(certificate));
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    X509_digest(certificate, EVP_sha256(), digest.data(), &size);
    facts.fingerprint = to_hex({digest.data(), size}).substr(0, 16);
    facts.serial = serial_text(X509_get0_serialNumber(certificate));
    return facts;
}

/// Calls `use` with each list in the text.
template <class Use>
void each_revocation_list(const std::string& pem, Use&& use) {
    const auto in = reader_of(pem);
    while (const RevocationListPtr list{PEM_read_bio_X509_CRL(in.get(), nullptr, nullptr, nullptr)}) use(list.get());
    ERR_clear_error();
}

}  // namespace

const char* to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::authority: return "authority";
        case Kind::commander: return "commander";
        case Kind::agent: return "agent";
        case Kind::node: return "node";
    }
    return "unknown";
}

Result<Credentials> make_authority(const std::string& operator_name, TimeMs now, std::uint32_t days) {
    if (!is_name(operator_name))
        return make_error(ErrorCode::invalid, "the operator's name: expected 1 to 64 letters, digits, - _ . or spaces");
    const auto key = generate_key();
    const auto certificate =
        key ? sign(key.get(), {operator_name, operator_name + " CA", Kind::authority}, nullptr, key.get(), now, days)
            : nullptr;
    if (!certificate) return failed("the authority can't be made");
    Credentials out{key_to_pem(key.get()), certificate_to_pem(certificate.get()), ""};
    out.trust = out.certificate;
    return out;
}

Result<Credentials> issue(const Credentials& authority, const std::string& name, Kind kind, TimeMs now,
                          std::uint32_t days, const std::string& trust) {
    if (!is_name(name))
        return make_error(ErrorCode::invalid, "the name \"" + name.substr(0, name_size_max) +
                                                  "\": expected 1 to 64 letters, digits, - _ . or spaces");
    const auto issuer = certificate_from_pem(authority.certificate);
    const auto issuer_key = key_from_pem(authority.key);
    if (!issuer || !issuer_key) return failed("the authority's files can't be read");
    const auto by = facts_of(issuer.get());
    if (!by) return by.error();
    const auto key = generate_key();
    const auto certificate =
        key ? sign(key.get(), {by->operator_name, name, kind}, issuer.get(), issuer_key.get(), now, days) : nullptr;
    if (!certificate) return failed("the certificate can't be made");
    return Credentials{key_to_pem(key.get()), certificate_to_pem(certificate.get()),
                       trust.empty() ? authority.trust : trust};
}

Result<CertificateFacts> read_certificate(const std::string& pem) {
    const auto certificate = certificate_from_pem(pem);
    if (!certificate) return failed("not a certificate in PEM form");
    return facts_of(certificate.get());
}

Result<std::vector<CertificateFacts>> read_certificates(const std::string& pem) {
    std::vector<CertificateFacts> out;
    const auto in = reader_of(pem);
    while (const CertificatePtr certificate{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
        auto facts = facts_of(certificate.get());
        if (!facts) return facts.error();
        out.push_back(std::move(*facts));
    }
    ERR_clear_error();
    if (out.empty()) return make_error(ErrorCode::malformed, "no certificate in PEM form");
    return out;
}

Result<std::string> make_revocation_list(const Credentials& authority, const std::vector<std::string>& serials,
                                         TimeMs now) {
    const auto issuer = certificate_from_pem(authority.certificate);
    const auto key = key_from_pem(authority.key);
    const RevocationListPtr list{X509_CRL_new()};
    if (!issuer || !key || !list) return failed("the authority's files can't be read");
    if ((X509_get_key_usage(issuer.get()) & KU_CRL_SIGN) == 0)
        return make_error(ErrorCode::invalid,
                          "the authority's certificate does not let it sign revocation lists; replace it first: "
                          "`troupe keys ca rotate`, `troupe up`, `troupe keys ca rotate --finish`");
    const std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>> from{
        ASN1_TIME_set(nullptr, static_cast<std::time_t>(now.value / 1000 - backdate_seconds))};
    // Two generations of an authority have one name: the list says by key which of them it is.
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer.get(), nullptr, nullptr, list.get(), 0);
    const ExtensionPtr signer{X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always")};
    bool is_made = signer && X509_CRL_add_ext(list.get(), signer.get(), -1) == 1 && from &&
                   X509_CRL_set_version(list.get(), 1) == 1 &&
                   X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.get())) == 1 &&
                   X509_CRL_set1_lastUpdate(list.get(), from.get()) == 1 &&
                   X509_CRL_set1_nextUpdate(list.get(), X509_get0_notAfter(issuer.get())) == 1;
    for (const auto& serial : serials) {
        X509_REVOKED* entry = X509_REVOKED_new();
        BIGNUM* number = nullptr;
        BN_hex2bn(&number, serial.c_str());
        const std::unique_ptr<BIGNUM, Deleter<BN_free>> owned{number};
        const std::unique_ptr<ASN1_INTEGER, Deleter<ASN1_INTEGER_free>> integer{BN_to_ASN1_INTEGER(number, nullptr)};
        is_made = is_made && entry != nullptr && integer && X509_REVOKED_set_serialNumber(entry, integer.get()) == 1 &&
                  X509_REVOKED_set_revocationDate(entry, from.get()) == 1 && X509_CRL_add0_revoked(list.get(), entry);
    }
    if (!is_made || X509_CRL_sort(list.get()) != 1 || X509_CRL_sign(list.get(), key.get(), nullptr) == 0)
        return failed("the revocation list can't be made");
    return to_pem([&](BIO* out) { return PEM_write_bio_X509_CRL(out, list.get()); });
}

std::vector<std::string> revoked_serials(const std::string& trust) {
    std::vector<std::string> out;
    each_revocation_list(trust, [&](X509_CRL* list) {
        auto* entries = X509_CRL_get_REVOKED(list);
        for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i)
            out.push_back(serial_text(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i))));
    });
    return out;
}

std::vector<std::string> trust_fingerprints(const std::string& trust) {
    std::vector<std::string> out;
    if (const auto certificates = read_certificates(trust))
        for (const auto& facts : *certificates) out.push_back(facts.fingerprint);
    each_revocation_list(trust, [&](X509_CRL* list) {
        std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
        unsigned size = 0;
        X509_CRL_digest(list, EVP_sha256(), digest.data(), &size);
        out.push_back(to_hex({digest.data(), size}).substr(0, 16));
    });
    return out;
}

std::string to_bundle(const Credentials& credentials) {
    return credentials.key + credentials.certificate + credentials.trust;
}

Result<Credentials> from_bundle(const std::string& text) {
    Credentials out;
    const auto key = key_from_pem(text);
    if (!key) return failed("no private key in the file");
    out.key = key_to_pem(key.get());
    const auto in = reader_of(text);
    while (const CertificatePtr certificate{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)})
        (out.certificate.empty() ? out.certificate : out.trust) += certificate_to_pem(certificate.get());
    ERR_clear_error();
    each_revocation_list(
        text, [&](X509_CRL* list) { out.trust += to_pem([&](BIO* to) { return PEM_write_bio_X509_CRL(to, list); }); });
    if (out.certificate.empty() || out.trust.empty())
        return make_error(ErrorCode::malformed, "expected a key, its certificate and the authority's certificate");
    const auto certificate = certificate_from_pem(out.certificate);
    if (X509_check_private_key(certificate.get(), key.get()) != 1) return failed("the key is not the certificate's");
    return out;
}

}  // namespace troupe::operator_link
