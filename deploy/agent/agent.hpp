// The host's daemon: does for the command line what `Host` says, for any number of clusters, and keeps what it was told
// to start running. Nodes are processes of their own: they go on when the agent ends, and the next agent finds them.
//
//     DIR/CLUSTER/                as deploy/host/local_host.hpp
//     DIR/lock                    one agent a directory
#pragma once

#include <map>
#include <mutex>
#include <thread>

#include "deploy/agent/back_off.hpp"
#include "deploy/host/host_call.hpp"
#include "deploy/host/local_host.hpp"
#include "runtime/operator_link/server.hpp"

namespace troupe {

struct AgentOptions {
    std::filesystem::path directory;
    /// Key, certificate and trusted authorities (operator_link::from_bundle); replaced when the operator rotates.
    std::filesystem::path credentials_file;
    std::string listen_host = "127.0.0.1";
    std::uint16_t listen_port = 9600;
    /// As LocalHost's.
    std::filesystem::path executable;
};

class Agent {
public:
    [[nodiscard]] static Result<std::unique_ptr<Agent>> start(AgentOptions options);
    ~Agent();

    [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Starts again what ended by itself, as far as its back-off lets it. Called twice a second.
    void look_after();

private:
    struct ClusterHost {
        ClusterHost(std::filesystem::path directory, std::filesystem::path executable)
            : host(std::move(directory), std::move(executable)) {}
        LocalHost host;
        /// Held by whatever starts or stops nodes.
        std::mutex changing;
        std::map<std::string, BackOff> back_offs;
    };

    Agent(AgentOptions options, operator_link::Credentials credentials, FileLock lock, std::string name);
    [[nodiscard]] Result<Bytes> answer(operator_link::Caller& caller, const std::string& method, ByteView body);
    [[nodiscard]] Result<Bytes> answer_call(const std::string& method, HostCall& call);
    [[nodiscard]] AgentFacts facts();
    [[nodiscard]] Status take_credentials(const operator_link::Credentials& credentials);
    [[nodiscard]] ClusterHost& cluster(const std::string& name);

    AgentOptions options_;
    FileLock lock_;
    std::string name_;
    std::mutex mutex_;
    operator_link::Credentials credentials_;
    std::map<std::string, std::unique_ptr<ClusterHost>> clusters_;
    std::unique_ptr<operator_link::Server> server_;
};

/// `troupe agent`: until SIGTERM or SIGINT; gives the process's exit code.
[[nodiscard]] int run_agent(const AgentOptions& options);

}  // namespace troupe
