#include "deploy/sim/stalls.hpp"

#include <algorithm>

namespace troupe::sim {

void StallWatch::on_said(std::uint32_t node, std::uint64_t incarnation, const consensus::Message& message) {
    if (message.sender.value != node) return;
    auto& left = left_[node];
    if (const auto* change = std::get_if<consensus::ChangeView>(&message.body)) {
        if (left.height != message.height) left = {message.height, View{0}, 0};
        left.before = std::max(left.before, change->target);
        left.incarnation = incarnation;
    } else if (std::holds_alternative<consensus::Commit>(message.body)) {
        if (left.height == message.height && message.view < left.before)
            (left.incarnation == incarnation ? unlocked_ : forgetful_).insert(message.height);
    }
}

std::string StallWatch::kind(Height height, bool has_lock, bool has_dead) const {
    if (forgetful_.contains(height)) return "forgotten change view (S12)";
    if (unlocked_.contains(height)) return "lost is a guess (S3)";
    if (has_lock) return has_dead ? "crash lock (S2)" : "lock with everybody up";
    return "no progress";
}

}  // namespace troupe::sim
