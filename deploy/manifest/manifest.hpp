// The manifest: a TOML file that describes a cluster. Strict: every fault is reported at once, each with file, line,
// column, field, what was expected, and the nearest valid name for a typo.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/ledger/genesis.hpp"

namespace troupe {

/// A host that an agent looks after.
struct ManifestHost {
    std::string name;
    /// IPv4: of its agent, and of its nodes unless they name another.
    std::string address;
    std::uint16_t agent_port = 9600;
    std::vector<std::string> labels;

    bool operator==(const ManifestHost&) const = default;
    static constexpr auto reflect() {
        using H = ManifestHost;
        return fields("ManifestHost", field("name", &H::name), field("address", &H::address),
                      field("agent_port", &H::agent_port), field("labels", &H::labels));
    }
};

/// The host of nodes that run where the command line does, without an agent.
inline constexpr const char* local_host_name = "local";

struct ManifestNode {
    std::string name;
    std::vector<std::string> roles;
    std::string host = local_host_name;
    std::string address = "127.0.0.1";
    std::uint16_t link_port = 0;
    /// 0: no RPC.
    std::uint16_t rpc_port = 0;
    std::string rpc_host = "127.0.0.1";
    std::uint32_t vm_workers = 2;
    std::string log_level = "info";

    bool operator==(const ManifestNode&) const = default;
    [[nodiscard]] bool has_role(std::string_view role) const;
    [[nodiscard]] bool is_validator() const { return has_role("consensus"); }
    /// Needs no copy of the chain's state: a metadata node, a batch validator, an arbiter.
    [[nodiscard]] bool runs_beside_the_chain() const;
    /// It only runs read calls for the cluster's other nodes: no key in the genesis, no links, no copy of the chain.
    [[nodiscard]] bool is_worker() const { return roles.size() == 1 && roles.front() == "vm_pool"; }
    /// It hands read calls to workers.
    [[nodiscard]] bool gives_work() const { return has_role("gateway"); }
    /// What the genesis registers the node for.
    [[nodiscard]] std::vector<Service> services() const;

    static constexpr auto reflect() {
        using N = ManifestNode;
        return fields("ManifestNode", field("name", &N::name), field("roles", &N::roles), field("host", &N::host),
                      field("address", &N::address), field("link_port", &N::link_port), field("rpc_port", &N::rpc_port),
                      field("rpc_host", &N::rpc_host), field("vm_workers", &N::vm_workers),
                      field("log_level", &N::log_level));
    }
};

/// An account at the genesis whose address is that of a keystore: DIR/keys/KEY.json, made by `troupe keys new KEY`.
struct ManifestKeyAccount {
    std::string key;
    uint256 balance;

    bool operator==(const ManifestKeyAccount&) const = default;
};

struct Manifest {
    std::string name = "troupe";
    ChainParameters chain;
    std::uint32_t dev_accounts = 64;
    uint256 dev_balance;  // wei
    std::vector<GenesisAccount> accounts;
    std::vector<ManifestKeyAccount> key_accounts;
    /// Follower identities in the genesis that no node has yet: gateways can be added later.
    std::uint32_t spare_followers = 16;
    std::vector<ManifestHost> hosts;
    /// Validators first, then the others, each in the manifest's order.
    std::vector<ManifestNode> nodes;

    [[nodiscard]] std::size_t validators() const;
    bool operator==(const Manifest&) const = default;
};

struct ManifestFault {
    std::size_t line = 0;
    std::size_t column = 0;
    std::string field;
    std::string message;
    bool is_warning = false;
};

struct ManifestReport {
    Manifest manifest;
    std::vector<ManifestFault> faults;
    [[nodiscard]] bool ok() const;
};

/// Of a cluster, host or node: it becomes a directory, part of commands and of log lines.
[[nodiscard]] bool is_valid_name(std::string_view name);

/// Ports of running nodes by name: a node that names none keeps them, so that adding one moves no other.
struct KnownPorts {
    std::uint16_t link = 0;
    /// 0: no RPC.
    std::uint16_t rpc = 0;
};
using PortsByNode = std::map<std::string, KnownPorts>;

[[nodiscard]] ManifestReport parse_manifest(std::string_view text, const std::string& file,
                                            const PortsByNode& known = {});
/// For a person: file:line:column, the line itself with a caret, what is wrong.
[[nodiscard]] std::string format_fault(const ManifestFault& fault, std::string_view text, const std::string& file);

/// The manifest with every value written out, defaults and given-out ports too. Parses to the same manifest.
[[nodiscard]] std::string to_toml(const Manifest& manifest);
/// "view_time_ms 1000 -> 500", one for each parameter that differs.
[[nodiscard]] std::vector<std::string> differences(const ChainParameters& before, const ChainParameters& after);
/// "link_port 9700 -> 9750", one for each field that differs.
[[nodiscard]] std::vector<std::string> differences(const ManifestNode& before, const ManifestNode& after);
/// Everything that differs and that the genesis fixes once the cluster is launched, nodes apart: the chain's
/// parameters, accounts, spare identities. "[accounts] dev 64 -> 10".
[[nodiscard]] std::vector<std::string> fixed_differences(const Manifest& before, const Manifest& after);

/// The example, with comments: what `troupe manifest init` writes and `troupe up` uses without a manifest.
[[nodiscard]] const char* builtin_manifest();
[[nodiscard]] const std::vector<std::string>& known_roles();

/// The candidate nearest to `word` if it is near enough to be a typo of it; else empty.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace troupe
