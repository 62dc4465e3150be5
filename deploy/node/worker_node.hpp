// A process that only works for others: a VM pool behind an operator link. It has no key in the genesis and no copy of
// the chain; what it needs of a state it asks of the node whose call it runs.
#pragma once

#include <caf/actor_system.hpp>

#include "actors/vm_pool/worker_service.hpp"
#include "deploy/node/node_files.hpp"

namespace troupe {

class WorkerNode {
public:
    WorkerNode(NodeConfig config, std::filesystem::path directory, caf::actor_system& system)
        : config_(std::move(config)), directory_(std::move(directory)), system_(system) {}

    [[nodiscard]] Status start();
    /// Writes status.json; called twice a second.
    void report();
    /// Takes up a new certificate.
    void reload();
    /// What runs is finished, what comes is given back to those who sent it.
    void drain();
    void stop();

private:
    NodeConfig config_;
    std::filesystem::path directory_;
    caf::actor_system& system_;
    std::string fingerprint_ = configuration_fingerprint(directory_ / "node.json");
    vm_pool::Actor pool_;
    std::unique_ptr<vm_pool::WorkerService> service_;
    std::shared_ptr<NodeObserver> observer_;
    std::unique_ptr<InspectEndpoint> inspection_;
    bool draining_ = false;
};

}  // namespace troupe
