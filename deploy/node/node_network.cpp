#include "deploy/node/node_network.hpp"

#include <mutex>

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include "runtime/actor/observed.hpp"

namespace troupe {

NodeNetwork::NodeNetwork(NodeIndex self, const Genesis& genesis) : self_(self) {
    for (std::uint32_t i = 0; i < genesis.validators.size(); ++i) validators_.emplace_back(i);
    chain_ = validators_;
    const auto followers = nodes_offering(genesis, Service::chain);
    chain_.insert(chain_.end(), followers.begin(), followers.end());
}

void NodeNetwork::send(NodeIndex to, FrameKind kind, std::shared_ptr<const Bytes> payload) {
    if (to == self_) return deliver(self_, kind, Bytes{*payload});
    std::shared_ptr<link::Hub> hub;
    {
        const std::shared_lock lock{mutex_};
        hub = hub_;
    }
    const auto bytes = payload->size();
    // What finds no link, such as to an identity that nobody has taken, was not sent.
    if (hub && hub->send(to, static_cast<link::Kind>(kind), std::move(payload))) count_sent_frame(kind, to, bytes);
}

void NodeNetwork::broadcast(FrameKind kind, std::shared_ptr<const Bytes> payload, bool validators_only) {
    for (const auto node : validators_only ? validators_ : chain_)
        if (node != self_) send(node, kind, payload);
}

void NodeNetwork::report(NodeIndex peer, std::string_view why) {
    if (peer == self_) {
        spdlog::error("this node sent itself something malformed: {}", why);
        return;
    }
    const std::shared_lock lock{mutex_};
    if (hub_) hub_->disconnect(peer, why);
}

void NodeNetwork::add_receiver(FrameKind kind, FrameReceiver receiver) {
    const std::unique_lock lock{mutex_};
    receivers_[static_cast<std::size_t>(kind)].push_back(std::move(receiver));
}

void NodeNetwork::set_hub(std::shared_ptr<link::Hub> hub) {
    const std::unique_lock lock{mutex_};
    hub_ = std::move(hub);
}

void NodeNetwork::deliver(NodeIndex from, FrameKind kind, Bytes payload) {
    const std::shared_lock lock{mutex_};
    const auto& receivers = receivers_[static_cast<std::size_t>(kind)];
    for (std::size_t i = 1; i < receivers.size(); ++i) caf::anon_send(receivers[i], PeerFrame{from, kind, payload});
    if (!receivers.empty()) caf::anon_send(receivers[0], PeerFrame{from, kind, std::move(payload)});
}

void NodeNetwork::close() {
    const std::unique_lock lock{mutex_};
    hub_.reset();
    receivers_ = {};
}

std::vector<link::KindFacts> NodeNetwork::kinds() {
    std::vector<link::KindFacts> out;
    for (const auto& facts : frame_table)
        out.push_back({static_cast<link::Kind>(facts.kind), facts.name, facts.bytes_max, facts.priority});
    return out;
}

}  // namespace troupe
