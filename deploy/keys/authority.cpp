#include "deploy/keys/authority.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "deploy/cluster/registry.hpp"
#include "deploy/node/node_config.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/json.hpp"

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
    if (std::filesystem::exists(directory / "revoked.pem")) {
        auto revoked = read_text_file(directory / "revoked.pem", 1 << 22);
        if (!revoked) return revoked.error();
        authority.revoked_ = std::move(*revoked);
    }
    return authority;
}

std::string Authority::trust() const { return next_.certificate + current_.certificate + revoked_; }

Result<std::vector<operator_link::CertificateFacts>> Authority::trusted() const {
    return operator_link::read_certificates(trust());
}

Result<Credentials> Authority::issue(const std::string& name, Kind kind, std::uint32_t days) const {
    return issue_by(is_rotating() ? next_ : current_, name, kind, days);
}

Result<Credentials> Authority::issue_by(const Credentials& authority, const std::string& name, Kind kind,
                                        std::uint32_t days) const {
    auto credentials = operator_link::issue(authority, name, kind, wall_clock_now(), days, trust());
    if (!credentials) return credentials;
    const auto facts = operator_link::read_certificate(credentials->certificate);
    if (!facts) return facts.error();
    const IssuedCertificate record{name, to_string(kind), facts->fingerprint, facts->serial, facts->not_after, false};
    // What is not on record could never be revoked.
    std::ofstream out{directory_ / "issued.jsonl", std::ios::app};
    out << to_json_value(record).dump() << "\n";
    out.close();
    if (!out) return make_error(ErrorCode::io, (directory_ / "issued.jsonl").string() + ": can't be written");
    return credentials;
}

Result<std::vector<IssuedCertificate>> Authority::issued() const {
    std::vector<IssuedCertificate> out;
    const auto file = directory_ / "issued.jsonl";
    if (!std::filesystem::exists(file)) return out;
    const auto text = read_text_file(file);
    if (!text) return text.error();
    const auto revoked = operator_link::revoked_serials(revoked_);
    std::istringstream lines{*text};
    for (std::string line; std::getline(lines, line);) {
        const auto json = parse_json(line);
        IssuedCertificate record;
        if (!json || !from_json_value(*json, record, ""))
            return make_error(ErrorCode::malformed,
                              file.string() + ":" + std::to_string(out.size() + 1) + ": not a record of a certificate");
        record.revoked = std::ranges::find(revoked, record.serial) != revoked.end();
        out.push_back(std::move(record));
    }
    return out;
}

Result<std::vector<IssuedCertificate>> Authority::revoke(const std::string& name_or_fingerprint) {
    const auto all = issued();
    if (!all) return all.error();
    std::vector<IssuedCertificate> out;
    for (const auto& record : *all)
        if ((record.name == name_or_fingerprint || record.fingerprint == name_or_fingerprint) && !record.revoked &&
            record.until > wall_clock_now())
            out.push_back(record);
    if (out.empty())
        return make_error(ErrorCode::not_found, "no valid certificate has the name or fingerprint \"" +
                                                    name_or_fingerprint + "\"; `troupe keys ca show` lists them");
    auto serials = operator_link::revoked_serials(revoked_);
    for (const auto& record : out) serials.push_back(record.serial);
    if (auto status = write_revoked(serials); !status) return status.error();
    const auto is_commander = [](const IssuedCertificate& record) { return record.kind == to_string(Kind::commander); };
    if (std::ranges::any_of(out, is_commander))
        if (auto status = write_commander(); !status) return status.error();
    return out;
}

Status Authority::write_revoked(const std::vector<std::string>& serials) {
    std::string text;
    for (const auto* authority : {&next_, &current_}) {
        if (authority->key.empty()) continue;
        const auto list = operator_link::make_revocation_list(*authority, serials, wall_clock_now());
        if (!list) return list.error();
        text += *list;
    }
    if (auto status = write_text_file(directory_ / "revoked.pem", text); !status) return status;
    revoked_ = std::move(text);
    return Done{};
}

Result<Credentials> Authority::commander() const {
    auto credentials = read_bundle(directory_ / "commander.pem");
    if (!credentials) return credentials;
    credentials->trust = trust();
    return credentials;
}

Status Authority::write_commander() const {
    const auto credentials = issue_by(current_, "commander", Kind::commander, authority_days);
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
    if (auto status = write_bundle(directory_ / "next.pem", next_); !status) return status;
    return revoked_.empty() ? Status{Done{}} : write_revoked(operator_link::revoked_serials(revoked_));
}

Status Authority::finish_rotation() {
    if (!is_rotating()) return make_error(ErrorCode::not_found, "no rotation is under way");
    if (auto status = write_bundle(directory_ / "ca.pem", next_); !status) return status;
    current_ = std::exchange(next_, {});
    std::error_code error;
    std::filesystem::remove(directory_ / "next.pem", error);
    if (error) return make_error(ErrorCode::io, directory_.string() + ": " + error.message());
    if (!revoked_.empty())
        if (auto status = write_revoked(operator_link::revoked_serials(revoked_)); !status) return status;
    return write_commander();
}

}  // namespace troupe
