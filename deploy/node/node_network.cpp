#include "deploy/node/node_network.hpp"

#include <mutex>

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include "runtime/actor/observed.hpp"

namespace troupe {

void NodeNetwork::send(NodeIndex to, FrameKind kind, std::shared_ptr<const Bytes> payload) {
    if (to == self_) return deliver(self_, kind, Bytes{*payload});
    std::shared_ptr<link::Hub> hub;
    {
        const std::shared_lock lock{mutex_};
        hub = hub_;
    }
    count_sent_frame(kind, to, payload->size());
    if (hub) hub->send(to, static_cast<link::Kind>(kind), std::move(payload));
}

void NodeNetwork::broadcast(FrameKind kind, std::shared_ptr<const Bytes> payload, bool validators_only) {
    const auto count = validators_only ? validators_ : nodes_;
    for (std::uint32_t i = 0; i < count; ++i)
        if (NodeIndex{i} != self_) send(NodeIndex{i}, kind, payload);
}

void NodeNetwork::report(NodeIndex peer, std::string_view why) {
    if (peer == self_) {
        spdlog::error("this node sent itself something malformed: {}", why);
        return;
    }
    const std::shared_lock lock{mutex_};
    if (hub_) hub_->disconnect(peer, why);
}

void NodeNetwork::set_receiver(FrameKind kind, FrameReceiver receiver) {
    const std::unique_lock lock{mutex_};
    receivers_[static_cast<std::size_t>(kind)] = std::move(receiver);
}

void NodeNetwork::set_hub(std::shared_ptr<link::Hub> hub) {
    const std::unique_lock lock{mutex_};
    hub_ = std::move(hub);
}

void NodeNetwork::deliver(NodeIndex from, FrameKind kind, Bytes payload) {
    FrameReceiver receiver;
    {
        const std::shared_lock lock{mutex_};
        receiver = receivers_[static_cast<std::size_t>(kind)];
    }
    if (receiver) caf::anon_send(receiver, PeerFrame{from, kind, std::move(payload)});
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
