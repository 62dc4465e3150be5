// The operator's certificate authority: who belongs to one operator, and as what. X.509 with Ed25519 keys, made and
// checked by OpenSSL. A subject is O = the operator, OU = the kind, CN = the name.
//
// Rotation: a new authority is made while the old one is still trusted; every certificate is issued anew; then the old
// one is trusted no longer. `Credentials::trust` holds one or both.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/reflect.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/strong.hpp"

namespace troupe::operator_link {

enum class Kind : std::uint8_t {
    authority,  // signs the others
    commander,  // the command line: may tell agents what to do
    agent,      // a host's daemon
    node,       // a node: may take and give work
};
[[nodiscard]] const char* to_string(Kind kind) noexcept;

/// All PEM. Holds a secret: store 0600, never log.
struct Credentials {
    std::string key;
    std::string certificate;
    /// Certificates of the authorities whose word counts, and their lists of those whom they trust no longer.
    std::string trust;

    bool operator==(const Credentials&) const = default;
    static constexpr auto reflect() {
        using C = Credentials;
        return fields("Credentials", field("key", &C::key), field("certificate", &C::certificate),
                      field("trust", &C::trust));
    }
};

struct CertificateFacts {
    std::string operator_name;
    std::string name;
    Kind kind = Kind::node;
    TimeMs not_before;
    TimeMs not_after;
    /// 16 hex digits of the certificate's SHA-256.
    std::string fingerprint;
    /// Hex.
    std::string serial;
};

/// A self-signed authority that trusts itself.
[[nodiscard]] Result<Credentials> make_authority(const std::string& operator_name, TimeMs now, std::uint32_t days);
/// `trust` becomes the new credentials' trust; of the authority itself if empty.
[[nodiscard]] Result<Credentials> issue(const Credentials& authority, const std::string& name, Kind kind, TimeMs now,
                                        std::uint32_t days, const std::string& trust = "");
/// Of the first certificate in the text.
[[nodiscard]] Result<CertificateFacts> read_certificate(const std::string& pem);
/// Of all certificates in the text: which authorities are trusted.
[[nodiscard]] Result<std::vector<CertificateFacts>> read_certificates(const std::string& pem);

/// PEM, signed by the authority: certificates with these serial numbers are refused, by whoever has the list in
/// `Credentials::trust`, whatever else they say. Valid as long as the authority.
[[nodiscard]] Result<std::string> make_revocation_list(const Credentials& authority,
                                                       const std::vector<std::string>& serials, TimeMs now);
/// The serial numbers in all lists of a `Credentials::trust`.
[[nodiscard]] std::vector<std::string> revoked_serials(const std::string& trust);
/// By which two trusts are compared: a fingerprint for each certificate and for each list.
[[nodiscard]] std::vector<std::string> trust_fingerprints(const std::string& trust);

/// One file: key, certificate, then the trusted ones.
[[nodiscard]] std::string to_bundle(const Credentials& credentials);
[[nodiscard]] Result<Credentials> from_bundle(const std::string& text);

}  // namespace troupe::operator_link
