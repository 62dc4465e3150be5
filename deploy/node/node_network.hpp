// The node's links as its actors see them: frames out through the hub, frames in to the role they are for.
#pragma once

#include <array>
#include <shared_mutex>

#include "runtime/actor/messages.hpp"
#include "runtime/ledger/genesis.hpp"
#include "runtime/link/link.hpp"

namespace troupe {

class NodeNetwork final : public Network {
public:
    NodeNetwork(NodeIndex self, const Genesis& genesis);

    void send(NodeIndex to, FrameKind kind, std::shared_ptr<const Bytes> payload) override;
    void broadcast(FrameKind kind, std::shared_ptr<const Bytes> payload, bool validators_only) override;
    void report(NodeIndex peer, std::string_view why) override;

    /// Before frames come in. Kinds without a receiver are dropped: the node does not have that role. Where several
    /// roles take a kind, each gets it.
    void add_receiver(FrameKind kind, FrameReceiver receiver);
    void set_hub(std::shared_ptr<link::Hub> hub);
    /// On the hub's thread.
    void deliver(NodeIndex from, FrameKind kind, Bytes payload);
    /// Forgets receivers and hub, so that actors can end.
    void close();

    [[nodiscard]] static std::vector<link::KindFacts> kinds();

private:
    NodeIndex self_;
    std::vector<NodeIndex> validators_;
    /// Validators and followers that execute the chain.
    std::vector<NodeIndex> chain_;
    mutable std::shared_mutex mutex_;
    std::shared_ptr<link::Hub> hub_;
    std::array<std::vector<FrameReceiver>, frame_kinds_max> receivers_;
};

}  // namespace troupe
