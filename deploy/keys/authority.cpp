#include "deploy/keys/authority.hpp"

#include <cstdlib>

#include "deploy/cluster/registry.hpp"
#include "deploy/node/node_config.hpp"
#include "runtime/base/clock.hpp"

namespace troupe {
namespace {

using operator_link::Credentials;
using operator_link::Kind;

[[nodiscard]] Result<Credentials> read_bundle(const std::filesystem::path& file) {
    const auto text = read_text_file(file, 1 << 20);
    if (!text) return text.error();
    auto credentials = operator_link::from_bundle(*text);
    if (!credentials) return make_error(credentials.error().code, file.string() + ": " + credentials.error().message);
    return credentials;
}

[[nodiscard]] Status write_bundle(const std::filesystem::path& file, const Credentials& credentials) {
    return write_text_file(file, operator_link::to_bundle(credentials), true);
}

}  // namespace

std::filesystem::path Authority::usual_directory() {
    const char* given = std::getenv("TROUPE_CA");
    return given != nullptr && *given != '\0' ? std::filesystem::absolute(given) : troupe_home() / "ca";
}

Result<Authority> Authority::create(const std::filesystem::path& directory, const std::string& operator_name,
                                    std::uint32_t days) {
    if (std::filesystem::exists(directory / "ca.pem"))
        return make_error(ErrorCode::already_exists, directory.string() + " has an authority already");
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return make_error(ErrorCode::io, directory.string() + ": " + error.message());
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
    auto made = operator_link::make_authority(operator_name, wall_clock_now(), days);
    if (!made) return made.error();
    Authority authority{directory};
    authority.current_ = std::move(*made);
    if (auto status = write_bundle(directory / "ca.pem", authority.current_); !status) return status.error();
    if (auto status = authority.write_commander(); !status) return status.error();
    return authority;
}

Result<Authority> Authority::open(const std::filesystem::path& directory) {
    if (!std::filesystem::exists(directory / "ca.pem"))
        return make_error(ErrorCode::not_found, "no certificate authority in " + directory.string() +
                                                    ": other hosts need one; `troupe keys ca new` makes it");
    Authority authority{directory};
    auto current = read_bundle(directory / "ca.pem");
    if (!current) return current.error();
    authority.current_ = std::move(*current);
    if (std::filesystem::exists(directory / "next.pem")) {
        auto next = read_bundle(directory / "next.pem");
        if (!next) return next.error();
        authority.next_ = std::move(*next);
    }
    return authority;
}

std::string Authority::trust() const { return next_.certificate + current_.certificate; }

Result<std::vector<operator_link::CertificateFacts>> Authority::trusted() const {
    return operator_link::read_certificates(trust());
}

Result<Credentials> Authority::issue(const std::string& name, Kind kind, std::uint32_t days) const {
    return operator_link::issue(is_rotating() ? next_ : current_, name, kind, wall_clock_now(), days, trust());
}

Result<Credentials> Authority::commander() const {
    auto credentials = read_bundle(directory_ / "commander.pem");
    if (!credentials) return credentials;
    credentials->trust = trust();
    return credentials;
}

Status Authority::write_commander() const {
    const auto credentials =
        operator_link::issue(current_, "commander", Kind::commander, wall_clock_now(), authority_days, trust());
    if (!credentials) return credentials.error();
    return write_bundle(directory_ / "commander.pem", *credentials);
}

Status Authority::rotate(std::uint32_t days) {
    if (is_rotating())
        return make_error(ErrorCode::already_exists,
                          "a rotation is under way; `troupe up` gives agents their new certificates, `troupe keys ca "
                          "rotate --finish` ends it");
    const auto facts = operator_link::read_certificate(current_.certificate);
    if (!facts) return facts.error();
    auto made = operator_link::make_authority(facts->operator_name, wall_clock_now(), days);
    if (!made) return made.error();
    next_ = std::move(*made);
    return write_bundle(directory_ / "next.pem", next_);
}

Status Authority::finish_rotation() {
    if (!is_rotating()) return make_error(ErrorCode::not_found, "no rotation is under way");
    if (auto status = write_bundle(directory_ / "ca.pem", next_); !status) return status;
    current_ = std::exchange(next_, {});
    std::error_code error;
    std::filesystem::remove(directory_ / "next.pem", error);
    if (error) return make_error(ErrorCode::io, directory_.string() + ": " + error.message());
    return write_commander();
}

}  // namespace troupe
