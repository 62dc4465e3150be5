// A host as the cluster's commands see it: where nodes are installed, started, watched and stopped. LocalHost does it
// in this process; RemoteHost asks the host's agent, which does it with a LocalHost of its own.
#pragma once

#include "deploy/node/node_config.hpp"
#include "runtime/base/json.hpp"

namespace troupe {

/// What a host needs to run a node. Empty texts: the files that the configuration names are there already.
struct NodePackage {
    NodeConfig config;
    std::string genesis;
    /// The node's secret, 64 hex digits. Stored 0600, never logged.
    std::string identity;
    /// Key and certificate (operator_link::to_bundle). Likewise.
    std::string credentials;
    /// Of a gateway that shows hosts with agents: the cluster's nodes and hosts, as JSON.
    std::string cluster;

    static constexpr auto reflect() {
        using P = NodePackage;
        return fields("NodePackage", field("config", &P::config), field("genesis", &P::genesis),
                      field("identity", &P::identity), field("credentials", &P::credentials),
                      field("cluster", &P::cluster));
    }
};

/// A node as its host sees it.
struct NodeState {
    std::string name;
    /// stopped, dead, starting, silent (no word for seconds), catching_up, ready, draining, drained
    std::string state = "stopped";
    std::uint32_t pid = 0;
    std::uint64_t height = 0;
    std::uint64_t view = 0;
    std::string role;
    /// Indices of the nodes it has a link to.
    std::vector<std::uint32_t> peers;
    /// It runs with the configuration that is installed.
    bool is_current = false;
    /// By the agent, after it ended by itself.
    std::uint64_t restarts = 0;

    static constexpr auto reflect() {
        using S = NodeState;
        return fields("NodeState", field("name", &S::name), field("state", &S::state), field("pid", &S::pid),
                      field("height", &S::height), field("view", &S::view), field("role", &S::role),
                      field("peers", &S::peers), field("is_current", &S::is_current), field("restarts", &S::restarts));
    }
};

/// A port that a node will listen on.
struct WantedPort {
    std::string node;
    std::string host;
    std::uint16_t port = 0;

    bool operator==(const WantedPort&) const = default;
    static constexpr auto reflect() {
        return fields("WantedPort", field("node", &WantedPort::node), field("host", &WantedPort::host),
                      field("port", &WantedPort::port));
    }
};

/// Part of a node's log or of a file of its data.
struct FilePart {
    std::uint64_t size = 0;  // of the whole file
    Bytes bytes;

    static constexpr auto reflect() {
        return fields("FilePart", field("size", &FilePart::size), field("bytes", &FilePart::bytes));
    }
};

/// What a node's inspection endpoint (deploy/inspect/endpoint.hpp) answers; status 0: it does not answer.
struct NodeView {
    std::string node;
    std::uint32_t status = 0;
    std::string body;

    static constexpr auto reflect() {
        return fields("NodeView", field("node", &NodeView::node), field("status", &NodeView::status),
                      field("body", &NodeView::body));
    }
};

inline constexpr std::size_t file_part_bytes_max = 1 << 20;

/// Every call may fail with ErrorCode::unavailable if the host does not answer.
class Host {
public:
    virtual ~Host() = default;

    /// Writes the node's files; a running node goes on with what it has until it is reloaded or restarted.
    [[nodiscard]] virtual Status install(const NodePackage& package) = 0;
    /// ErrorCode::already_exists naming who listens on the first port that can't be had.
    [[nodiscard]] virtual Status check_ports(const std::vector<WantedPort>& ports) = 0;
    /// Does nothing if it runs.
    [[nodiscard]] virtual Status start(const std::string& node) = 0;
    /// SIGTERM, after the grace SIGKILL; returns when they are gone. Gives how many ran.
    [[nodiscard]] virtual Result<std::uint64_t> stop(const std::vector<std::string>& nodes) = 0;
    /// The running node reads where its peers listen again.
    [[nodiscard]] virtual Status reload(const std::string& node) = 0;
    /// The node takes no new work and says "drained" when none is left.
    [[nodiscard]] virtual Status drain(const std::string& node) = 0;
    /// In the order asked for.
    [[nodiscard]] virtual Result<std::vector<NodeState>> states(const std::vector<std::string>& nodes) = 0;
    /// GET `path` of the endpoints of these nodes, at once and for at most `patience_ms`, in the order asked for.
    [[nodiscard]] virtual Result<std::vector<NodeView>> look(const std::vector<std::string>& nodes,
                                                             const std::string& path, std::uint32_t patience_ms) = 0;
    /// At most `file_part_bytes_max` from `offset`; nothing at or after the end.
    [[nodiscard]] virtual Result<FilePart> read_log(const std::string& node, std::uint64_t offset) = 0;

    // Moving a node's data: only while it is stopped.
    /// Names of the files of its data directory.
    [[nodiscard]] virtual Result<std::vector<std::string>> data_files(const std::string& node) = 0;
    [[nodiscard]] virtual Result<FilePart> read_data(const std::string& node, const std::string& file,
                                                     std::uint64_t offset) = 0;
    /// Appends at `offset`, which is the file's present size; 0 begins the file anew.
    [[nodiscard]] virtual Status write_data(const std::string& node, const std::string& file, std::uint64_t offset,
                                            const Bytes& bytes) = 0;
    /// The node's directory with its key and data.
    [[nodiscard]] virtual Status remove(const std::string& node) = 0;
};

}  // namespace troupe
