// Messages coming in: what is kept, what is refused, what it sets off.
#include <algorithm>

#include "actors/consensus/core.hpp"

namespace troupe::consensus {
namespace {

/// Views ahead of the own one for which proposals and votes are kept.
constexpr std::uint32_t views_ahead_max = 8;
/// Early messages kept from one validator: a request, a response, a commit and a change view for two views.
constexpr std::size_t early_max = 8;
/// A RecoveryMessage carries originals, and those are no RecoveryMessages.
constexpr unsigned recovery_depth_max = 1;

}  // namespace

void Core::on_message(ValidatorIndex from, ByteView encoded, TimeMs now, Outbox& out) {
    receive(std::make_shared<const Bytes>(encoded.begin(), encoded.end()), from, 0, now, out);
}

bool Core::authentic(const SignedMessage& signed_message) const {
    const auto& m = signed_message.message;
    if (m.sender.value >= config_.validators) return false;
    if (const auto* response = std::get_if<PrepareResponse>(&m.body))
        return signed_message.signature.empty() &&
               scheme_.verify(m.sender, prepare_signing_payload(config_.chain_id, m.height, m.view, response->block),
                              response->preparation);
    if (const auto* commit = std::get_if<Commit>(&m.body))
        return signed_message.signature.empty() &&
               scheme_.verify(m.sender, commit_signing_payload(config_.chain_id, m.height, m.view, commit->block),
                              commit->signature);
    return scheme_.verify(m.sender, message_signing_payload(config_.chain_id, m), signed_message.signature);
}

/// The same bytes have been taken in before: their signature need not be checked again.
bool Core::knows(const Message& message, ByteView original) const {
    const auto same = [&](const Encoded& known) { return known && std::ranges::equal(*known, original); };
    if (std::holds_alternative<ChangeView>(message.body)) {
        const auto it = change_views_.find(message.sender);
        return it != change_views_.end() && same(it->second.original);
    }
    const auto view = views_.find(message.view);
    if (view == views_.end()) return false;
    if (std::holds_alternative<PrepareRequest>(message.body)) return same(view->second.request);
    const auto in = [&](const std::map<ValidatorIndex, Vote>& votes) {
        const auto it = votes.find(message.sender);
        return it != votes.end() && same(it->second.original);
    };
    if (std::holds_alternative<PrepareResponse>(message.body)) return in(view->second.preparations);
    if (std::holds_alternative<Commit>(message.body)) return in(view->second.commits);
    return false;
}

void Core::receive(const Encoded& original, ValidatorIndex from, unsigned depth, TimeMs now, Outbox& out) {
    auto decoded = decode<SignedMessage>(*original);
    if (!decoded) return out.push_back(Note{"malformed message from " + std::to_string(from.value)});
    auto& message = decoded->message;

    if (message.height < height_) {
        if (message.height.next() == height_)
            if (const auto* commit = std::get_if<Commit>(&message.body); commit != nullptr && authentic(*decoded))
                return on_late_commit(message, *commit);
        // Whoever still works on an old height lacks blocks. Recovered messages of others say nothing about the sender.
        if (depth == 0 && message.sender == from && from.value < config_.validators &&
            !std::holds_alternative<Commit>(message.body) && !std::holds_alternative<PrepareResponse>(message.body)) {
            auto& sent = blocks_sent_[from];
            if (sent.value != 0 && now < sent + config_.view_time) return;
            sent = now;
            out.push_back(SendBlocks{from, message.height});
        }
        return;
    }
    if (message.height > height_) {
        if (message.sender.value >= config_.validators) return;
        auto& early = early_[message.sender];
        const bool is_recovery = std::holds_alternative<RecoveryMessage>(message.body) ||
                                 std::holds_alternative<RecoveryRequest>(message.body);
        // Only what its sender signed: others must not fill its place.
        if (message.height == height_.next() && !is_recovery && early.size() < early_max &&
            std::ranges::none_of(early, [&](const Encoded& known) { return *known == *original; }) &&
            authentic(*decoded))
            early.push_back(original);
        // The next height's first messages usually arrive a moment before our last commit does.
        const bool far = message.height > height_.next();
        auto& asked = blocks_asked_[from];
        if (asked.value == 0 && !far) asked = now;
        const auto patience = far ? DurationMs{config_.view_time.value / 4} : DurationMs{config_.view_time.value / 2};
        if ((far && asked.value == 0) || now >= asked + patience) {
            asked = now;
            out.push_back(RequestBlocks{from, height_});
        }
        return;
    }
    blocks_asked_.erase(from);

    // Change views, alone or in a recovery message, bring a node into any view: there is one of each validator.
    const bool is_of_a_view = std::holds_alternative<PrepareRequest>(message.body) ||
                              std::holds_alternative<PrepareResponse>(message.body) ||
                              std::holds_alternative<Commit>(message.body);
    if (is_of_a_view && message.view.value > std::uint64_t{view_.value} + views_ahead_max) return;
    if (knows(message, *original)) return;
    const bool is_own = config_.self && message.sender == *config_.self;
    // Own messages come back only by recovery, or from the record at the start.
    if (is_own && std::ranges::none_of(own_, [&](const Encoded& own) { return *own == *original; })) {
        if (!authentic(*decoded)) return;
        own_.push_back(original);
    } else if (!is_own && !authentic(*decoded)) {
        return out.push_back(Note{std::string{kind_name(message.body)} + " of " + std::to_string(message.sender.value) +
                                  " is not authentic"});
    }
    auto& seen = seen_[message.sender];
    seen = std::max(seen, {message.height, message.view});

    if (auto* request = std::get_if<PrepareRequest>(&message.body)) {
        on_request(message, *request, original, now, out);
    } else if (const auto* response = std::get_if<PrepareResponse>(&message.body)) {
        on_vote(message, response->block, response->preparation, false, original, now, out);
    } else if (const auto* commit = std::get_if<Commit>(&message.body)) {
        on_vote(message, commit->block, commit->signature, true, original, now, out);
    } else if (auto* change = std::get_if<ChangeView>(&message.body)) {
        on_change_view(message, *change, original, from, now, out);
    } else if (std::holds_alternative<RecoveryRequest>(message.body)) {
        answer_recovery(message.sender, now, out);
    } else if (const auto* recovery = std::get_if<RecoveryMessage>(&message.body)) {
        if (depth >= recovery_depth_max) return;
        const auto height = height_;
        const auto count = std::min<std::size_t>(recovery->messages.size(), 8 * config_.validators + 8);
        for (std::size_t i = 0; i < count && height_ == height; ++i)
            receive(std::make_shared<const Bytes>(recovery->messages[i]), from, depth + 1, now, out);
    }
}

void Core::on_late_commit(const Message& message, const Commit& body) {
    if (last_commit_ && last_commit_->view == message.view && last_commit_->block == body.block && !last_votes_.empty())
        last_votes_.emplace(message.sender, body.signature);
}

void Core::on_request(const Message& message, PrepareRequest& body, const Encoded& original, TimeMs now, Outbox& out) {
    if (message.sender != primary(message.view)) return;
    const auto hash = hash_of(body.block.header);
    auto& state = views_[message.view];
    if (state.has_request) {
        if (state.proposed != hash)
            out.push_back(Evidence{message.sender, "two proposals in one view", *state.request, *original});
        return;
    }
    if (body.block.header.height != height_ || !is_sealed(body.block)) return;
    if (!scheme_.verify(message.sender, prepare_signing_payload(config_.chain_id, height_, message.view, hash),
                        body.preparation))
        return;
    // NEO (C#): no proposal is taken while view-changing (S4).
    if (rules_.commit_locks && !takes_part_in(message.view)) return;
    if (rules_.carries_certificates && message.view.value > 0) {
        if (const auto why = check_justification(message, body))
            return out.push_back(
                Note{"proposal of view " + std::to_string(message.view.value) + " not justified: " + *why});
        // The justification is also the reason to be in that view.
        if (message.view > view_)
            for (const auto& change : body.justification)
                receive(std::make_shared<const Bytes>(change), message.sender, recovery_depth_max, now, out);
    }
    auto& current_state = views_[message.view];
    current_state.request = original;
    current_state.has_request = true;
    current_state.proposed = hash;
    current_state.preparations[message.sender] = {hash, body.preparation, original};
    blocks_.emplace(hash, std::make_shared<const Block>(std::move(body.block)));
    if (config_.self && message.sender == *config_.self) current_state.validity = Validity::valid;
    if (message.view == view_) {
        extend_deadline(2, now);
        adopt_request(message.view, now, out);
    }
    check_commits(now, out);
}

void Core::on_vote(const Message& message, const BlockHash& block, const Bytes& signature, bool is_commit,
                   const Encoded& original, TimeMs now, Outbox& out) {
    auto& state = views_[message.view];
    auto& votes = is_commit ? state.commits : state.preparations;
    if (const auto it = votes.find(message.sender); it != votes.end()) {
        if (it->second.block != block)
            out.push_back(Evidence{message.sender,
                                   is_commit ? "two commits in one view" : "two preparations in one view",
                                   *it->second.original, *original});
        return;
    }
    if (is_commit && rules_.commit_locks) {
        // A8: one commit a height; the first of each validator counts.
        for (const auto& [view, other] : views_)
            if (view != message.view && other.commits.contains(message.sender))
                return out.push_back(Evidence{message.sender, "commits in two views",
                                              *other.commits.at(message.sender).original, *original});
    }
    votes.emplace(message.sender, Vote{block, signature, original});
    if (message.view == view_) extend_deadline(is_commit ? 4 : 2, now);
    if (is_commit) {
        const auto height = height_;
        check_commits(now, out);
        // This commit may be the one that lets a view-changing node go on.
        if (height_ == height && rules_.commit_locks && has_left(view_)) adopt_request(view_, now, out);
        return;
    }
    if (message.view == view_) check_preparations(now, out);
}

bool Core::check_prepared(const PreparedCertificate& prepared) const {
    if (prepared.block.header.height != height_ || !is_sealed(prepared.block)) return false;
    if (signer_set::count(prepared.preparations.signers) < quorum_size()) return false;
    const auto payload =
        prepare_signing_payload(config_.chain_id, height_, prepared.view, hash_of(prepared.block.header));
    return scheme_.verify_aggregate(payload, prepared.preparations).ok();
}

/// Nothing wrong: nothing. A quorum of change views for this view, and the value that the highest certificate demands.
std::optional<std::string> Core::check_justification(const Message& message, const PrepareRequest& body) const {
    if (body.justification.size() > config_.validators) return "too many change views";
    std::set<ValidatorIndex> senders;
    std::optional<View> highest;
    BlockHash demanded;
    for (const auto& bytes : body.justification) {
        const auto decoded = decode<SignedMessage>(bytes);
        if (!decoded) return decoded.error().message;
        const auto& m = decoded->message;
        const auto* change = std::get_if<ChangeView>(&m.body);
        if (change == nullptr || m.height != height_ || change->target < message.view)
            return "not a change view for it";
        if (!knows(m, bytes)) {
            if (!authentic(*decoded)) return "a change view is not authentic";
            if (change->prepared.size() > 1 || (!change->prepared.empty() && !check_prepared(change->prepared[0])))
                return "a prepared certificate does not verify";
        }
        if (!senders.insert(m.sender).second) return "a validator twice";
        if (change->prepared.empty()) continue;
        const auto& prepared = change->prepared[0];
        if (prepared.view >= message.view) return "a certificate of a later view";
        if (!highest || prepared.view > *highest) {
            highest = prepared.view;
            demanded = hash_of(prepared.block.header);
        }
    }
    if (senders.size() < quorum_size()) return "fewer change views than a quorum";
    if (highest && demanded != hash_of(body.block.header)) return "another value than the highest certificate's";
    return std::nullopt;
}

void Core::on_change_view(const Message& message, ChangeView& body, const Encoded& original, ValidatorIndex from,
                          TimeMs now, Outbox& out) {
    // A primary that restarted in a later view lacks the change views that justify its proposal.
    const bool is_wanted = rules_.carries_certificates && body.target == view_ && view_.value > 0 && lacks_proposal();
    if (body.target <= view_ && !is_wanted) {
        // Its sender is behind: tell it how this view came to be.
        if (message.sender == from) answer_recovery(message.sender, now, out);
        return;
    }
    const auto known = change_views_.find(message.sender);
    if (known != change_views_.end() && known->second.target >= body.target) return;
    if (rules_.carries_certificates) {
        if (body.prepared.size() > 1) return;
        if (!body.prepared.empty() && (body.prepared[0].view >= body.target || !check_prepared(body.prepared[0])))
            return;
    } else if (!body.prepared.empty()) {
        return;
    }
    // A8: a committed validator does not follow; it helps with what it has.
    if (rules_.commit_locks && has_committed()) {
        if (message.sender == from) answer_recovery(message.sender, now, out);
        return;
    }
    ChangeViewEntry entry{body.target, std::nullopt, {}, original};
    if (!body.prepared.empty()) {
        entry.prepared_hash = hash_of(body.prepared[0].block.header);
        blocks_.emplace(entry.prepared_hash, std::make_shared<const Block>(body.prepared[0].block));
        entry.prepared = std::move(body.prepared[0]);
    }
    if (config_.self && message.sender == *config_.self) left_before_ = std::max(left_before_, body.target);
    change_views_.insert_or_assign(message.sender, std::move(entry));
    if (is_wanted) return propose(now, out);
    check_change_views(now, out);
}

}  // namespace troupe::consensus
