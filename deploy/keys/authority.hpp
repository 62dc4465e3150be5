// The operator's certificate authority on disk, and the command line's own certificate.
//
//     DIR/ca.pem          the authority: key, certificate, itself as trusted; 0600
//     DIR/next.pem        its successor while a rotation is under way
//     DIR/commander.pem   what the command line shows to agents
//     DIR/issued.jsonl    IssuedCertificate, one a line
//     DIR/revoked.pem     the authorities' lists of certificates that they trust no longer, once there is one
#pragma once

#include <filesystem>

#include "runtime/operator_link/certificate.hpp"

namespace troupe {

struct IssuedCertificate {
    std::string name;
    std::string kind;
    std::string fingerprint;
    std::string serial;
    TimeMs until;
    bool revoked = false;

    static constexpr auto reflect() {
        using I = IssuedCertificate;
        return fields("IssuedCertificate", field("name", &I::name), field("kind", &I::kind),
                      field("fingerprint", &I::fingerprint), field("serial", &I::serial), field("until", &I::until),
                      field("revoked", &I::revoked));
    }
};

class Authority {
public:
    /// $TROUPE_CA, else ~/.troupe/ca
    [[nodiscard]] static std::filesystem::path usual_directory();
    /// ErrorCode::already_exists if there is one.
    [[nodiscard]] static Result<Authority> create(const std::filesystem::path& directory,
                                                  const std::string& operator_name, std::uint32_t days);
    /// ErrorCode::not_found, with what to do, if there is none.
    [[nodiscard]] static Result<Authority> open(const std::filesystem::path& directory);

    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
    /// By the successor, if there is one.
    [[nodiscard]] Result<operator_link::Credentials> issue(const std::string& name, operator_link::Kind kind,
                                                           std::uint32_t days) const;
    /// The command line's. During a rotation it is still the old authority's, which agents that do not yet know the new
    /// one trust.
    [[nodiscard]] Result<operator_link::Credentials> commander() const;
    /// Of all authorities that are trusted at present, with their revocation lists.
    [[nodiscard]] std::string trust() const;
    /// The oldest first.
    [[nodiscard]] Result<std::vector<IssuedCertificate>> issued() const;
    /// From the next `troupe up` on nobody accepts the certificates with this name, or the one with this fingerprint;
    /// gives those. ErrorCode::not_found if there are none that have not ended or been revoked. The command line's own
    /// is replaced.
    [[nodiscard]] Result<std::vector<IssuedCertificate>> revoke(const std::string& name_or_fingerprint);
    [[nodiscard]] Result<std::vector<operator_link::CertificateFacts>> trusted() const;

    [[nodiscard]] bool is_rotating() const noexcept { return !next_.key.empty(); }
    /// Makes the successor; both are trusted from now on.
    [[nodiscard]] Status rotate(std::uint32_t days);
    /// Trusts only the successor from now on.
    [[nodiscard]] Status finish_rotation();

private:
    explicit Authority(std::filesystem::path directory) : directory_(std::move(directory)) {}
    [[nodiscard]] Status write_commander() const;
    [[nodiscard]] Result<operator_link::Credentials> issue_by(const operator_link::Credentials& authority,
                                                              const std::string& name, operator_link::Kind kind,
                                                              std::uint32_t days) const;
    /// By all trusted authorities, of these serial numbers.
    [[nodiscard]] Status write_revoked(const std::vector<std::string>& serials);

    std::filesystem::path directory_;
    operator_link::Credentials current_;
    operator_link::Credentials next_;
    /// The content of revoked.pem.
    std::string revoked_;
};

/// How long certificates last unless told otherwise; those of agents are renewed by `troupe up` in their last third.
inline constexpr std::uint32_t certificate_days = 365;
inline constexpr std::uint32_t authority_days = 3650;

}  // namespace troupe
