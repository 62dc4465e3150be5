// A cluster: its directory, and the hosts that its nodes run on.
//
//     DIR/cluster.json            manifest as launched, nodes and their places in the genesis
//     DIR/genesis.json
//     DIR/keys/NAME.identity      Ed25519 seed of a node, 0600; DIR/keys/NAME.json: keystores of accounts
//     DIR/nodes/...               nodes of this host (deploy/host/local_host.hpp)
//     DIR/lock                    held by the one command that changes the cluster
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "deploy/cluster/change.hpp"
#include "deploy/cluster/health.hpp"
#include "deploy/cluster/process.hpp"
#include "deploy/host/local_host.hpp"
#include "deploy/host/remote_host.hpp"
#include "deploy/keys/authority.hpp"

namespace troupe {

class Cluster {
public:
    /// Progress lines for a person.
    using Progress = std::function<void(const std::string&)>;

    explicit Cluster(std::filesystem::path directory, Progress progress = {})
        : directory_(std::move(directory)), progress_(std::move(progress)), local_host_(directory_) {}
    /// As one of its nodes sees it, by the cluster.json that it was given: it may look, with its own credentials, and
    /// change nothing. Nodes without an agent are known by name only.
    Cluster(std::filesystem::path directory, operator_link::Credentials observer) : Cluster(std::move(directory)) {
        observer_ = std::move(observer);
    }

    [[nodiscard]] bool exists() const { return std::filesystem::exists(directory_ / "cluster.json"); }
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
    [[nodiscard]] Result<ClusterState> state() const;
    /// Whoever changes the cluster holds it. ErrorCode::already_exists: another command does.
    [[nodiscard]] Result<FileLock> lock() const;

    /// Makes keys and genesis. Refuses a directory that has a cluster.
    [[nodiscard]] Status create(const Manifest& manifest, const std::string& text);
    /// Writes the nodes' files on their hosts, as far as they are not there: also what a host that was away has missed.
    [[nodiscard]] Status complete_installation() const;
    /// What differs between the cluster and a manifest; an error naming the fields that the genesis fixes.
    [[nodiscard]] Result<ClusterChange> compare(const Manifest& manifest) const;
    /// Makes the cluster what the manifest says: stops removed nodes and brings the files of all others up to date.
    /// Running nodes take it up in `refresh`, new ones when they start.
    [[nodiscard]] Result<ClusterChange> apply(const Manifest& manifest, const std::string& text);
    /// Running nodes whose files are newer than what they run with take them up: by reading them again where that is
    /// enough, else by a restart, one after the other.
    [[nodiscard]] Status refresh(std::chrono::milliseconds patience);

    /// Gives agents new certificates where theirs near their end or what they are to trust has changed: all that can be
    /// told, then ErrorCode::unavailable naming one that does not answer.
    [[nodiscard]] Status renew_agents() const;
    /// The node takes no new work; returns when none is left in it.
    [[nodiscard]] Status drain(const std::string& node, std::chrono::milliseconds patience);

    /// Starts all nodes that are not alive, on the hosts that answer; gives how many.
    [[nodiscard]] Result<std::size_t> start_all();
    [[nodiscard]] Status start(const std::string& node);
    /// Gives how many ran. A host that does not answer is an error, after all others were told.
    [[nodiscard]] Result<std::size_t> stop(const std::vector<std::string>& nodes);
    [[nodiscard]] Result<std::size_t> stop_all();
    /// Those that are down at once, then one after the other, each when the others make a quorum, until it is back.
    [[nodiscard]] Status restart(const std::vector<std::string>& nodes, std::chrono::milliseconds patience);
    /// Until these are ready, linked to all others that run, and have their height. ErrorCode::unavailable says what
    /// is missing.
    [[nodiscard]] Status wait_healthy(const std::vector<std::string>& nodes, std::chrono::milliseconds patience);
    [[nodiscard]] Status wait_healthy(std::chrono::milliseconds patience);

    [[nodiscard]] Result<std::vector<NodeHealth>> health() const;
    /// What these nodes' inspection endpoints answer to GET `path`, wherever they run; all hosts at once.
    [[nodiscard]] Result<std::vector<NodeView>> look(const std::vector<std::string>& nodes, const std::string& path,
                                                     std::uint32_t patience_ms) const;
    [[nodiscard]] Result<FilePart> read_log(const std::string& node, std::uint64_t offset) const;
    /// "http://host:port" of the first gateway; empty if there is none.
    [[nodiscard]] std::string rpc_url() const;
    [[nodiscard]] std::vector<std::string> names() const;

private:
    static constexpr auto poll = std::chrono::milliseconds(50);

    [[nodiscard]] static std::vector<WantedPort> ports_of(const ManifestNode& node);
    [[nodiscard]] Result<Genesis> genesis() const;
    [[nodiscard]] Status write_state(const ClusterState& state) const;
    [[nodiscard]] Status install(const ClusterState& state) const;
    [[nodiscard]] Status check_ports(const ClusterState& now, const ClusterState& next,
                                     const ClusterChange& change) const;
    [[nodiscard]] Status wait_quorum_without(const std::string& node, std::chrono::milliseconds patience) const;
    /// Of the node, which must be one of `state`.
    [[nodiscard]] Result<Host*> host_of(const ClusterState& state, const std::string& node) const;
    [[nodiscard]] Result<Host*> host(const ClusterState& state, const std::string& name) const;
    [[nodiscard]] Result<RemoteHost*> remote_host(const ClusterState& state, const std::string& name) const;
    [[nodiscard]] Status renew_agent(const ClusterState& now, const std::string& host,
                                     const Authority& authority) const;
    [[nodiscard]] Status copy_data(Host& from, Host& to, const std::string& node) const;
    /// Nodes whose host has changed: stopped, their data carried over, started again, one after the other.
    [[nodiscard]] Status finish_moves(std::chrono::milliseconds patience);
    void say(const std::string& text) const {
        if (progress_) progress_(text);
    }

    /// Asks each host about those of `nodes` that are there, all hosts at once: one that is cut off must not make the
    /// others wait. Nothing comes from those that do not answer.
    template <class Answer, class Ask>
    [[nodiscard]] Result<std::vector<Answer>> ask_hosts(const ClusterState& state,
                                                        const std::vector<std::string>& nodes, const Ask& ask) const;

    std::filesystem::path directory_;
    Progress progress_;
    std::optional<operator_link::Credentials> observer_;
    mutable LocalHost local_host_;
    /// Several threads may look at once.
    mutable std::unique_ptr<std::mutex> remote_mutex_ = std::make_unique<std::mutex>();
    mutable std::map<std::string, std::unique_ptr<RemoteHost>> remote_hosts_;
};

}  // namespace troupe
