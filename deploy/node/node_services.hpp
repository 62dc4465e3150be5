// The roles beside the chain that a node has: storage node, metadata node, batch validator, arbiter.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>

#include "actors/executor/interface.hpp"
#include "deploy/node/node_network.hpp"
#include "runtime/actor/role_status.hpp"
#include "runtime/crypto/multi_signature.hpp"

namespace troupe {

struct NodeServicesOptions {
    std::shared_ptr<const Genesis> genesis;
    NodeIndex self;
    std::vector<std::string> roles;
    std::filesystem::path directory;
    std::shared_ptr<const SignatureScheme> scheme;
    Ed25519Seed seed;
    std::shared_ptr<NodeNetwork> network;
};

class NodeServices {
public:
    /// Spawns an actor for each role that is one of these, and lets it have its frames.
    [[nodiscard]] Status spawn(caf::actor_system& system, const NodeServicesOptions& options);
    /// After the links are up.
    void start();
    /// Before the links close: roles may have last words. Waits for them, not for long.
    void stop(caf::actor_system& system);

    /// Who wants to hear of executed blocks.
    [[nodiscard]] const std::vector<executor::OutcomeListener>& listeners() const noexcept { return listeners_; }
    [[nodiscard]] bool empty() const noexcept { return actors_.empty(); }
    /// All roles in one: lines joined, ready if all are, the greatest height. Nothing if one does not answer in time.
    [[nodiscard]] std::optional<RoleStatus> status(caf::actor_system& system) const;

private:
    std::vector<ServiceActor> actors_;
    std::vector<executor::OutcomeListener> listeners_;
};

}  // namespace troupe
