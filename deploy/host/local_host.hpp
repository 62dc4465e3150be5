// Nodes as processes of this host.
//
//     DIR/nodes/NAME/node.json    what the node runs with
//     DIR/nodes/NAME/identity     its key, 0600, if it was shipped here
//     DIR/nodes/NAME/operator.pem its key and certificate for operator links, likewise
//     DIR/nodes/NAME/node.log, process.json (while it should run), status.json (written by the node), data/
//     DIR/genesis.json            if it was shipped here
#pragma once

#include <optional>

#include "deploy/cluster/process.hpp"
#include "deploy/host/host.hpp"

namespace troupe {

class LocalHost final : public Host {
public:
    /// `executable` runs a node by `EXECUTABLE node DIR`; empty: this program's own.
    explicit LocalHost(std::filesystem::path directory, std::filesystem::path executable = {})
        : directory_(std::move(directory)), executable_(std::move(executable)) {}

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

    /// Nodes that were started and not stopped, running or not.
    [[nodiscard]] std::vector<std::string> wanted() const;
    /// Nothing if it was stopped or never started.
    [[nodiscard]] std::optional<ProcessIdentity> process(const std::string& node) const;
    [[nodiscard]] std::filesystem::path node_directory(const std::string& node) const {
        return directory_ / "nodes" / node;
    }

private:
    [[nodiscard]] Status check_stopped(const std::string& node) const;
    [[nodiscard]] Status signal(const std::string& node, int number) const;

    std::filesystem::path directory_;
    std::filesystem::path executable_;
};

}  // namespace troupe
