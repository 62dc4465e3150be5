#include "actors/consensus/core.hpp"

#include <algorithm>

namespace troupe::consensus {

/// What a restarted node must know to say nothing that contradicts what it said before.
struct Core::Record {
    Height height;
    View view;
    std::vector<Bytes> own;
    std::vector<PreparedCertificate> prepared;

    static constexpr auto reflect() {
        return fields("ConsensusRecord", field("height", &Record::height), field("view", &Record::view),
                      field("own", &Record::own), field("prepared", &Record::prepared));
    }
};

namespace {

/// Views double their time up to here: waiting longer than 2^7 T helps nobody.
constexpr std::uint32_t shift_max = 6;

}  // namespace

Rules Rules::of(ConsensusRules rules) noexcept {
    if (rules == ConsensusRules::dbft2)
        return {.commit_locks = true,
                .carries_certificates = false,
                .recovers_when_many_are_gone = true,
                .accepts_commits_of_any_view = false,
                .forgets_change_views = true};
    return {.commit_locks = false,
            .carries_certificates = true,
            .recovers_when_many_are_gone = false,
            .accepts_commits_of_any_view = true,
            .forgets_change_views = false};
}

Core::Core(Config config, const SignatureScheme& scheme, const Signer* signer)
    : config_(std::move(config)), rules_(Rules::of(config_.rules)), scheme_(scheme), signer_(signer) {
    TROUPE_ASSERT(config_.validators > 0 && config_.validators <= limits::validators_max);
    TROUPE_ASSERT(!config_.self || (signer_ != nullptr && config_.self->value < config_.validators));
}

ValidatorIndex Core::primary(View view) const noexcept {
    const auto n = config_.validators;
    return ValidatorIndex{static_cast<std::uint32_t>((height_.value % n + n - view.value % n) % n)};
}

// Heights and views ---------------------------------------------------------------------------------------------------

void Core::start(Tip tip, const std::optional<Bytes>& record, TimeMs now, Outbox& out) {
    height_ = tip.height.next();
    previous_ = tip.hash;
    if (!tip.votes.empty()) last_commit_ = tip.votes.front();
    if (record) {
        const auto restored = decode<Record>(*record);
        TROUPE_ASSERT(restored.ok());
        // A record of an earlier height is normal: the block came by synchronization.
        // One of a later height means that the last blocks were lost with the power: silence until they are back.
        vote_from_ = restored->height;
        if (vote_from_ >= height_) record_ = *record;
    }
    begin_height(now, out);
}

/// Goes on where the record of this height ends.
void Core::resume(TimeMs now, Outbox& out) {
    auto restored = decode<Record>(*std::exchange(record_, std::nullopt));
    for (auto& certificate : restored->prepared) {
        blocks_.emplace(hash_of(certificate.block.header), std::make_shared<const Block>(certificate.block));
        prepared_ = std::move(certificate);
    }
    vote_from_ = restored->height;
    enter_view(restored->view, now, out);
    for (auto& own : restored->own) {
        const auto original = std::make_shared<const Bytes>(std::move(own));
        own_.push_back(original);
        receive(original, *config_.self, 0, now, out);
        if (height_ != restored->height) return;
    }
    ask_for_recovery(now, out);
}

void Core::begin_height(TimeMs now, Outbox& out) {
    view_ = View{0};
    left_before_ = View{0};
    views_.clear();
    change_views_.clear();
    blocks_.clear();
    prepared_.reset();
    own_.clear();
    seen_.clear();
    recovery_answered_.clear();
    height_began_ = now;
    const bool resumes = record_ && height_ == vote_from_;
    if (resumes) vote_from_ = height_.next();  // nothing is said before the record is read
    enter_view(View{0}, now, out);
    if (resumes) resume(now, out);
    auto early = std::move(early_);
    early_.clear();
    for (auto& [sender, messages] : early)
        for (const auto& message : messages) receive(message, sender, 0, now, out);
}

void Core::enter_view(View view, TimeMs now, Outbox& out) {
    view_ = view;
    building_ = false;
    const auto wait = view.value == 0 ? (work_ ? config_.block_interval : config_.heartbeat_interval) : DurationMs{0};
    view_deadline_ = now + wait + DurationMs{config_.view_time.value << (std::min(view.value, shift_max) + 1)};
    resend_at_ = now + wait + config_.view_time;
    if (view.value > 0) out.push_back(Note{"entered view " + std::to_string(view.value)});
    // Views far behind can matter no more, except for their commits.
    if (views_[view].has_request) adopt_request(view, now, out);
    on_timer(now, out);
}

void Core::set_work(bool available, TimeMs now) {
    if (work_ == available) return;
    work_ = available;
    // A backup that knows of work expects the proposal sooner, and so notices a dead primary sooner.
    if (!available || view_.value != 0 || current().has_request) return;
    const auto due = std::max(height_began_ + config_.block_interval, now);
    view_deadline_ = std::min(view_deadline_, due + DurationMs{config_.view_time.value << 1});
}

std::optional<TimeMs> Core::next_deadline() const {
    if (!votes()) return resend_at_;
    auto at = std::min(view_deadline_, resend_at_);
    const auto it = views_.find(view_);
    const bool proposed = it != views_.end() && it->second.has_request;
    if (is_primary() && !proposed && !building_) {
        const auto due = view_.value > 0
                             ? height_began_
                             : height_began_ + (work_ ? config_.block_interval : config_.heartbeat_interval);
        at = std::min(at, due);
    }
    return at;
}

void Core::on_timer(TimeMs now, Outbox& out) {
    if (!votes()) {
        resend_at_ = now + config_.view_time;
        return;
    }
    if (lacks_proposal()) propose(now, out);
    if (now >= resend_at_) {
        resend_at_ = now + config_.view_time;
        // Links may have lost what was sent: the originals again, so that nobody waits for a message forever.
        if (!own_.empty())
            out.push_back(Broadcast{std::make_shared<const Bytes>([&] {
                RecoveryMessage mine;
                for (const auto& message : own_) mine.messages.push_back(*message);
                return *sign(std::move(mine), view_);
            }())});
    }
    if (now >= view_deadline_) timeout(now, out);
}

// Proposing and preparing ---------------------------------------------------------------------------------------------

void Core::propose(TimeMs now, Outbox& out) {
    if (view_.value == 0) {
        const auto due = height_began_ + (work_ ? config_.block_interval : config_.heartbeat_interval);
        if (now < due) return;
    }
    if (rules_.carries_certificates && view_.value > 0) {
        // After a restart the change views that led here come by recovery: without them nobody takes a proposal, and
        // there is only one.
        if (justification(nullptr).size() < quorum_size()) return;
        building_ = true;
        // The highest certificate among the change views decides; only without one is the choice free.
        if (const auto* highest = highest_certificate())
            return on_proposal_built(highest->prepared->block, view_, now, out);
    }
    building_ = true;
    out.push_back(BuildProposal{height_, view_});
}

/// Of the change views that can justify a proposal of the current view.
const Core::ChangeViewEntry* Core::highest_certificate() const {
    const ChangeViewEntry* highest = nullptr;
    for (const auto& [sender, entry] : change_views_)
        if (entry.target >= view_ && entry.prepared && entry.prepared->view < view_ &&
            (highest == nullptr || entry.prepared->view > highest->prepared->view))
            highest = &entry;
    return highest;
}

/// A quorum of change views, `highest` among them; fewer if there are fewer.
std::vector<Bytes> Core::justification(const ChangeViewEntry* highest) const {
    std::vector<Bytes> chosen;
    if (highest != nullptr) chosen.push_back(*highest->original);
    for (const auto& [sender, entry] : change_views_) {
        const bool fits = entry.target >= view_ && (!entry.prepared || entry.prepared->view < view_);
        if (fits && &entry != highest && chosen.size() < quorum_size()) chosen.push_back(*entry.original);
    }
    return chosen;
}

void Core::on_proposal_built(Block block, View view, TimeMs now, Outbox& out) {
    if (block.header.height != height_ || view != view_ || !building_ || current().has_request) return;
    building_ = false;
    if (has_left(view_)) return;
    PrepareRequest request;
    if (rules_.carries_certificates && view_.value > 0) {
        // A certificate may have come while the block was built.
        const auto* highest = highest_certificate();
        if (highest != nullptr) block = highest->prepared->block;
        request.justification = justification(highest);
    }
    const auto hash = hash_of(block.header);
    request.preparation = signer_->sign(prepare_signing_payload(config_.chain_id, height_, view_, hash));
    request.block = std::move(block);
    auto& state = current();
    // Its own proposal needs no judging.
    state.validity = Validity::valid;
    publish(sign(std::move(request), view_), out);
    view_deadline_ = std::max(view_deadline_, now + config_.view_time);
    check_preparations(now, out);
}

/// The request of the current view is known: have it judged, or answer it.
void Core::adopt_request(View view, TimeMs now, Outbox& out) {
    if (view != view_) return;
    auto& state = current();
    if (!state.has_request || !takes_part_in(view)) return;
    if (state.validity == Validity::unknown && votes()) {
        state.validity = Validity::asked;
        out.push_back(Judge{state.proposed, blocks_.at(state.proposed)});
        return;
    }
    check_preparations(now, out);
}

void Core::on_judged(const BlockHash& hash, bool valid, const std::string& why, TimeMs now, Outbox& out) {
    auto& state = current();
    if (!state.has_request || state.proposed != hash || state.validity != Validity::asked) return;
    state.validity = valid ? Validity::valid : Validity::invalid;
    if (!valid) {
        out.push_back(Note{"proposal refused: " + why});
        return request_change_view(ChangeViewReason::rejected, now, out);
    }
    if (!takes_part_in(view_) || (rules_.commit_locks && has_committed())) return;
    if (!state.preparations.contains(*config_.self)) {
        PrepareResponse response;
        response.block = hash;
        response.preparation = signer_->sign(prepare_signing_payload(config_.chain_id, height_, view_, hash));
        publish(sign(std::move(response), view_), out);
        extend_deadline(2, now);
    }
    check_preparations(now, out);
}

/// A quorum of preparations: the value is locked in for this view, commit to it.
void Core::check_preparations(TimeMs now, Outbox& out) {
    if (!votes()) return;
    auto& state = current();
    if (!state.has_request || state.validity != Validity::valid || state.commits.contains(*config_.self)) return;
    if (!takes_part_in(view_)) return;
    if (rules_.commit_locks && has_committed()) return;
    std::vector<std::pair<ValidatorIndex, Bytes>> signatures;
    for (const auto& [validator, vote] : state.preparations)
        if (vote.block == state.proposed) signatures.emplace_back(validator, vote.signature);
    if (signatures.size() < quorum_size()) return;

    if (rules_.carries_certificates) {
        auto preparations = scheme_.aggregate(std::move(signatures));
        TROUPE_ASSERT(preparations.ok());
        prepared_ = PreparedCertificate{view_, *blocks_.at(state.proposed), std::move(*preparations)};
    }
    Commit commit;
    commit.block = state.proposed;
    commit.signature = signer_->sign(commit_signing_payload(config_.chain_id, height_, view_, state.proposed));
    publish(sign(std::move(commit), view_), out);
    if (rules_.commit_locks) view_deadline_ = now + config_.view_time;
    check_commits(now, out);
}

void Core::check_commits(TimeMs now, Outbox& out) {
    for (auto& [view, state] : views_) {
        if (view != view_ && !rules_.accepts_commits_of_any_view) continue;
        std::map<BlockHash, std::vector<std::pair<ValidatorIndex, Bytes>>> by_block;
        for (const auto& [validator, vote] : state.commits)
            by_block[vote.block].emplace_back(validator, vote.signature);
        for (auto& [hash, signatures] : by_block) {
            if (signatures.size() < quorum_size()) continue;
            const auto block = blocks_.find(hash);
            if (block == blocks_.end()) {
                // Others have it; it comes by recovery or as a committed block.
                ask_for_recovery(now, out);
                continue;
            }
            std::map<ValidatorIndex, Bytes> votes{signatures.begin(), signatures.end()};
            auto aggregate = scheme_.aggregate(std::move(signatures));
            TROUPE_ASSERT(aggregate.ok());
            auto committed = std::make_shared<const CommittedBlock>(
                CommittedBlock{*block->second, {height_, view, hash, std::move(*aggregate)}});
            last_votes_ = std::move(votes);
            return finish(std::move(committed), now, out);
        }
    }
}

void Core::finish(std::shared_ptr<const CommittedBlock> block, TimeMs now, Outbox& out) {
    last_commit_ = block->commit;
    previous_ = block->commit.block;
    out.push_back(Committed{std::move(block)});
    height_ = height_.next();
    begin_height(now, out);
}

void Core::on_block_synced(const CommittedBlock& block, TimeMs now, Outbox& out) {
    if (block.block.header.height != height_) return;
    last_votes_.clear();
    finish(std::make_shared<const CommittedBlock>(block), now, out);
}

/// A4: progress earns time; +quarters * T / (2 M).
void Core::extend_deadline(std::uint64_t quarters, TimeMs) {
    if (rules_.commit_locks && has_committed()) return;
    if (has_left(view_)) return;
    view_deadline_ = view_deadline_ + DurationMs{quarters * config_.view_time.value / quorum_size()};
}

// Own messages --------------------------------------------------------------------------------------------------------

Encoded Core::sign(Body body, View view) {
    SignedMessage message;
    message.message = {height_, view, *config_.self, std::move(body)};
    // Votes carry a signature over all that they say already.
    const bool is_vote = std::holds_alternative<PrepareResponse>(message.message.body) ||
                         std::holds_alternative<Commit>(message.message.body);
    if (!is_vote) message.signature = signer_->sign(message_signing_payload(config_.chain_id, message.message));
    return std::make_shared<const Bytes>(encode(message));
}

void Core::publish(const Encoded& message, Outbox& out) {
    own_.push_back(message);
    // Taken in first, so that the record shows the state that the message belongs to.
    auto decoded = decode<SignedMessage>(*message);
    TROUPE_ASSERT(decoded.ok());
    auto& m = decoded->message;
    auto& state = views_[m.view];
    if (auto* request = std::get_if<PrepareRequest>(&m.body)) {
        const auto hash = hash_of(request->block.header);
        state.request = message;
        state.has_request = true;
        state.proposed = hash;
        state.preparations[m.sender] = {hash, request->preparation, message};
        blocks_.emplace(hash, std::make_shared<const Block>(std::move(request->block)));
    } else if (const auto* response = std::get_if<PrepareResponse>(&m.body)) {
        state.preparations[m.sender] = {response->block, response->preparation, message};
    } else if (const auto* commit = std::get_if<Commit>(&m.body)) {
        state.commits[m.sender] = {commit->block, commit->signature, message};
    } else if (auto* change = std::get_if<ChangeView>(&m.body)) {
        ChangeViewEntry entry{change->target, std::nullopt, {}, message};
        if (!change->prepared.empty()) {
            entry.prepared_hash = hash_of(change->prepared.front().block.header);
            entry.prepared = std::move(change->prepared.front());
        }
        change_views_.insert_or_assign(m.sender, std::move(entry));
        left_before_ = std::max(left_before_, change->target);
    }
    persist(out);
    out.push_back(Broadcast{message});
}

void Core::persist(Outbox& out) const {
    Record record;
    record.height = height_;
    record.view = rules_.forgets_change_views && !has_committed() ? View{0} : view_;
    for (const auto& message : own_) {
        const bool is_forgotten = rules_.forgets_change_views && [&] {
            const auto decoded = decode<SignedMessage>(*message);
            TROUPE_ASSERT(decoded.ok());
            return std::holds_alternative<ChangeView>(decoded->message.body);
        }();
        if (!is_forgotten) record.own.push_back(*message);
    }
    if (prepared_) record.prepared.push_back(*prepared_);
    out.push_back(Persist{encode(record)});
}

// Looking in ----------------------------------------------------------------------------------------------------------

std::vector<CommitCertificate> Core::previous_votes() const {
    if (!last_commit_) return {};
    auto votes = *last_commit_;
    if (last_votes_.size() > signer_set::count(votes.signatures.signers)) {
        auto all = scheme_.aggregate({last_votes_.begin(), last_votes_.end()});
        TROUPE_ASSERT(all.ok());
        votes.signatures = std::move(*all);
    }
    return {std::move(votes)};
}

ConsensusStatus Core::status() const {
    ConsensusStatus status;
    status.height = height_;
    status.view = view_;
    status.role = !config_.self ? "follower" : is_primary() ? "primary" : "backup";
    status.change_views = change_views_.size();
    const auto it = views_.find(view_);
    if (it == views_.end()) return status;
    const auto& state = it->second;
    status.preparations = state.preparations.size();
    status.commits = state.commits.size();
    if (has_left(view_))
        status.phase = "changing view";
    else if (config_.self && state.commits.contains(*config_.self))
        status.phase = "committed";
    else if (config_.self && state.preparations.contains(*config_.self))
        status.phase = "prepared";
    else
        status.phase = state.has_request ? "judging" : "waiting for the proposal";
    return status;
}

}  // namespace troupe::consensus
