// Leaving a view, entering the next, and helping those who missed something.
#include <algorithm>

#include "actors/consensus/core.hpp"

namespace troupe::consensus {
namespace {

constexpr std::uint32_t shift_max = 6;

}  // namespace

bool Core::has_committed() const {
    return config_.self &&
           std::ranges::any_of(views_, [&](const auto& entry) { return entry.second.commits.contains(*config_.self); });
}

/// A3: validators with a stored commit of any view.
std::size_t Core::count_committed() const {
    std::set<ValidatorIndex> committed;
    for (const auto& [view, state] : views_)
        for (const auto& [validator, vote] : state.commits) committed.insert(validator);
    return committed.size();
}

/// A3 (Go): no commit, and not heard of in this view of this height.
std::size_t Core::count_lost() const {
    std::size_t lost = 0;
    for (std::uint32_t i = 0; i < config_.validators; ++i) {
        const ValidatorIndex validator{i};
        if (config_.self && validator == *config_.self) continue;
        const bool committed =
            std::ranges::any_of(views_, [&](const auto& entry) { return entry.second.commits.contains(validator); });
        const auto seen = seen_.find(validator);
        if (!committed && (seen == seen_.end() || seen->second < std::pair{height_, view_})) ++lost;
    }
    return lost;
}

bool Core::many_committed_or_lost() const { return count_committed() + count_lost() > faulty(); }

void Core::timeout(TimeMs now, Outbox& out) {
    if (rules_.commit_locks && has_committed()) {
        out.push_back(Broadcast{std::make_shared<const Bytes>(recovery_message())});
        view_deadline_ = now + DurationMs{config_.view_time.value << 1};
        return;
    }
    request_change_view(ChangeViewReason::timeout, now, out);
}

void Core::request_change_view(ChangeViewReason reason, TimeMs now, Outbox& out) {
    if (!votes()) return;
    view_deadline_ = now + DurationMs{config_.view_time.value << (std::min(view_.value, shift_max) + 2)};
    if (rules_.recovers_when_many_are_gone && many_committed_or_lost()) return ask_for_recovery(now, out);
    if (has_left(view_)) return;  // it is sent again with the own messages
    send_change_view(view_.next(), reason, now, out);
}

void Core::send_change_view(View target, ChangeViewReason reason, TimeMs now, Outbox& out) {
    ChangeView change;
    change.target = target;
    change.reason = reason;
    if (rules_.carries_certificates && prepared_) change.prepared.push_back(*prepared_);
    out.push_back(Note{"asks for view " + std::to_string(target.value) + ": " + to_string(reason)});
    publish(sign(std::move(change), view_), out);
    check_change_views(now, out);
}

/// A5 CheckExpectedView: the highest view above the own one that a quorum wants is entered.
void Core::check_change_views(TimeMs now, Outbox& out) {
    std::vector<View> targets;
    for (const auto& [validator, entry] : change_views_)
        if (entry.target > view_) targets.push_back(entry.target);
    std::ranges::sort(targets, std::greater{});

    // More than f want to leave: at least one of them is honest, waiting for the own timer helps nobody.
    if (rules_.carries_certificates && votes() && targets.size() > faulty()) {
        const auto target = targets[faulty()];
        const auto own = change_views_.find(*config_.self);
        if (own == change_views_.end() || own->second.target < target)
            return send_change_view(target, ChangeViewReason::agreement, now, out);
    }
    if (targets.size() < quorum_size()) return;
    const auto target = targets[quorum_size() - 1];
    if (rules_.commit_locks && votes()) {
        const auto own = change_views_.find(*config_.self);
        if (own == change_views_.end() || own->second.target < target)
            return send_change_view(target, ChangeViewReason::agreement, now, out);
    }
    enter_view(target, now, out);
    if (votes()) persist(out);
}

// Recovery ------------------------------------------------------------------------------------------------------------

void Core::ask_for_recovery(TimeMs now, Outbox& out) {
    if (!votes()) return;
    out.push_back(Broadcast{sign(RecoveryRequest{now}, view_)});
}

/// A6: a committed validator always answers, otherwise those f + 1 that follow the asker.
void Core::answer_recovery(ValidatorIndex to, TimeMs now, Outbox& out) {
    if (!config_.self || to == *config_.self) return;
    const auto n = config_.validators;
    const auto distance = (config_.self->value + n - to.value) % n;
    if (!has_committed() && (distance < 1 || distance > faulty() + 1)) return;
    auto& answered = recovery_answered_[to];
    if (answered.value != 0 && now < answered + DurationMs{config_.view_time.value / 4}) return;
    answered = now;
    out.push_back(Send{to, std::make_shared<const Bytes>(recovery_message())});
}

Bytes Core::recovery_message() const {
    RecoveryMessage recovery;
    // First why this view, then what happened in it, then all commits.
    for (const auto& [validator, entry] : change_views_) recovery.messages.push_back(*entry.original);
    for (const auto& [view, state] : views_) {
        if (view == view_) {
            if (state.request) recovery.messages.push_back(*state.request);
            for (const auto& [validator, vote] : state.preparations)
                if (vote.original != state.request) recovery.messages.push_back(*vote.original);
        }
        for (const auto& [validator, vote] : state.commits) recovery.messages.push_back(*vote.original);
    }
    SignedMessage message;
    message.message = {height_, view_, *config_.self, std::move(recovery)};
    message.signature = signer_->sign(message_signing_payload(config_.chain_id, message.message));
    return encode(message);
}

}  // namespace troupe::consensus
