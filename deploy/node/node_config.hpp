// Everything one node process needs to run, as a file: nodes/NAME/node.json.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/codec.hpp"
#include "runtime/crypto/ed25519.hpp"

namespace troupe {

struct NodePeer {
    std::uint32_t index = 0;
    std::string name;
    Ed25519PublicKey public_key;
    std::string host;
    std::uint16_t port = 0;

    bool operator==(const NodePeer&) const = default;
    static constexpr auto reflect() {
        return fields("NodePeer", field("index", &NodePeer::index), field("name", &NodePeer::name),
                      field("public_key", &NodePeer::public_key), field("host", &NodePeer::host),
                      field("port", &NodePeer::port));
    }
};

/// A worker of the cluster that takes read calls (actors/vm_pool).
struct NodeWorker {
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    /// Calls that it gets at a time from one node.
    std::uint32_t lanes = 1;

    bool operator==(const NodeWorker&) const = default;
    static constexpr auto reflect() {
        return fields("NodeWorker", field("name", &NodeWorker::name), field("host", &NodeWorker::host),
                      field("port", &NodeWorker::port), field("lanes", &NodeWorker::lanes));
    }
};

struct NodeConfig {
    std::string name;
    /// Position in the genesis: validators first, then followers. A worker has none.
    std::uint32_t index = 0;
    bool is_validator = false;
    std::vector<std::string> roles;
    /// Links of nodes; a worker's operator link.
    std::string link_host;
    std::uint16_t link_port = 0;
    std::vector<NodePeer> peers;
    std::string rpc_host;
    /// 0: no RPC server.
    std::uint16_t rpc_port = 0;
    std::string genesis_path;
    /// 64 hex digits: the Ed25519 seed. Mode 0600.
    std::string identity_path;
    std::string data_directory;
    /// Key, certificate and trusted authorities for operator links (operator_link::from_bundle); empty if it has none.
    std::string credentials_path;
    /// Differs when that file does.
    std::string credentials_fingerprint;
    std::vector<NodeWorker> workers;
    std::uint32_t vm_workers = 2;
    /// trace, debug, info, warn, error
    std::string log_level = "info";

    bool operator==(const NodeConfig&) const = default;
    static constexpr auto reflect() {
        using C = NodeConfig;
        return fields("NodeConfig", field("name", &C::name), field("index", &C::index),
                      field("is_validator", &C::is_validator), field("roles", &C::roles),
                      field("link_host", &C::link_host), field("link_port", &C::link_port), field("peers", &C::peers),
                      field("rpc_host", &C::rpc_host), field("rpc_port", &C::rpc_port),
                      field("genesis_path", &C::genesis_path), field("identity_path", &C::identity_path),
                      field("data_directory", &C::data_directory), field("credentials_path", &C::credentials_path),
                      field("credentials_fingerprint", &C::credentials_fingerprint), field("workers", &C::workers),
                      field("vm_workers", &C::vm_workers), field("log_level", &C::log_level));
    }
};

/// Errors name the file and the field.
[[nodiscard]] Result<NodeConfig> read_node_config(const std::filesystem::path& file);
[[nodiscard]] Status write_node_config(const std::filesystem::path& file, const NodeConfig& config);

/// By which a node tells with which configuration it runs: hex digits that differ when the file does.
[[nodiscard]] std::string configuration_fingerprint(const std::filesystem::path& file);

/// The whole file; ErrorCode::io naming it if that fails, too_large over `bytes_max`.
[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& file, std::size_t bytes_max = 64 << 20);
/// Written beside and renamed: readers see the old or the new content. With mode 0600 if `secret`.
[[nodiscard]] Status write_text_file(const std::filesystem::path& file, std::string_view content, bool secret = false);

}  // namespace troupe
