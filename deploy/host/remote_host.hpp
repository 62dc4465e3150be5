// A host that an agent looks after, reached over the operator's link.
#pragma once

#include <memory>

#include "deploy/host/host_call.hpp"
#include "runtime/operator_link/client.hpp"

namespace troupe {

class RemoteHost final : public Host {
public:
    /// `cluster`: agents keep several apart.
    [[nodiscard]] static Result<std::unique_ptr<RemoteHost>> create(const operator_link::Credentials& credentials,
                                                                    const std::string& name, const std::string& address,
                                                                    std::uint16_t agent_port, std::string cluster);

    [[nodiscard]] Result<AgentFacts> facts();
    /// The agent's own, from now on.
    [[nodiscard]] Status give_credentials(const operator_link::Credentials& credentials);

    [[nodiscard]] Status install(const NodePackage& package) override;
    [[nodiscard]] Status check_ports(const std::vector<WantedPort>& ports) override;
    [[nodiscard]] Status start(const std::string& node) override;
    [[nodiscard]] Result<std::uint64_t> stop(const std::vector<std::string>& nodes) override;
    [[nodiscard]] Status reload(const std::string& node) override;
    [[nodiscard]] Status drain(const std::string& node) override;
    [[nodiscard]] Result<std::vector<NodeState>> states(const std::vector<std::string>& nodes) override;
    [[nodiscard]] Result<std::vector<NodeView>> look(const std::vector<std::string>& nodes, const std::string& path,
                                                     std::uint32_t patience_ms) override;
    [[nodiscard]] Result<FilePart> read_log(const std::string& node, std::uint64_t offset) override;
    [[nodiscard]] Result<std::vector<std::string>> data_files(const std::string& node) override;
    [[nodiscard]] Result<FilePart> read_data(const std::string& node, const std::string& file,
                                             std::uint64_t offset) override;
    [[nodiscard]] Status write_data(const std::string& node, const std::string& file, std::uint64_t offset,
                                    const Bytes& bytes) override;
    [[nodiscard]] Status remove(const std::string& node) override;

private:
    RemoteHost(std::unique_ptr<operator_link::Client> client, std::string name, std::string cluster);
    [[nodiscard]] HostCall about(const std::string& node) const;
    template <class Reply>
    [[nodiscard]] Result<Reply> ask(const char* method, const HostCall& call, std::chrono::milliseconds patience);
    [[nodiscard]] Status tell(const char* method, const HostCall& call);

    std::unique_ptr<operator_link::Client> client_;
    std::string name_;
    std::string cluster_;
};

}  // namespace troupe
