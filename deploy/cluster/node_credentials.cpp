#include "deploy/cluster/node_credentials.hpp"

#include "deploy/node/node_config.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe {
namespace {

using operator_link::Credentials;
using operator_link::Kind;

/// Nothing if there are none, or none that will do for long.
[[nodiscard]] std::optional<Credentials> usable(const std::filesystem::path& file, const std::string& node,
                                                const Authority& authority) {
    const auto text = read_text_file(file, 1 << 20);
    if (!text) return std::nullopt;
    auto credentials = operator_link::from_bundle(*text);
    if (!credentials || credentials->trust != authority.trust()) return std::nullopt;
    const auto facts = operator_link::read_certificate(credentials->certificate);
    const auto last_third = std::uint64_t{certificate_days} * 86'400'000 / 3;
    if (!facts || facts->name != node || facts->kind != Kind::node ||
        facts->not_after.value < wall_clock_now().value + last_third)
        return std::nullopt;
    return std::move(*credentials);
}

}  // namespace

Result<Authority> authority_of(const ClusterState& state, const std::filesystem::path& directory) {
    if (!state.hosts.empty()) return Authority::open(Authority::usual_directory());
    auto known = Authority::open(directory / "ca");
    if (known || known.error().code != ErrorCode::not_found) return known;
    return Authority::create(directory / "ca", state.name, authority_days);
}

Result<NodeCredentials> credentials_of_node(const Authority& authority, const std::string& node,
                                            const std::filesystem::path& directory) {
    NodeCredentials out;
    out.file = directory / "keys" / (node + ".pem");
    auto credentials = usable(out.file, node, authority);
    if (!credentials) {
        auto issued = authority.issue(node, Kind::node, certificate_days);
        if (!issued) return issued.error();
        credentials = std::move(*issued);
        if (auto status = write_text_file(out.file, operator_link::to_bundle(*credentials), true); !status)
            return status.error();
    }
    out.bundle = operator_link::to_bundle(*credentials);
    out.fingerprint = to_hex(sha256(as_bytes(credentials->certificate + credentials->trust)).view()).substr(0, 16);
    return out;
}

}  // namespace troupe
