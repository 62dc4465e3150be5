#include "actors/arbiter/core.hpp"

#include <algorithm>

#include "runtime/crypto/sha256.hpp"

namespace troupe::arbiter {
namespace {

/// (6.1) A draw of its own for each checkpoint, attempt and purpose.
[[nodiscard]] std::uint64_t draw(const Hash256& seed, const CheckpointRecord& record, std::string_view purpose) {
    Bytes input;
    Writer writer{input};
    writer.array(5);
    write_value(writer, seed);
    write_value(writer, record.checkpoint.block);
    write_value(writer, record.checkpoint.height);
    write_value(writer, record.attempt);
    writer.text(purpose);
    const auto hash = sha256(input);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8 | hash[i];
    return value;
}

[[nodiscard]] bool contains(const std::vector<NodeIndex>& nodes, NodeIndex node) {
    return std::ranges::find(nodes, node) != nodes.end();
}

[[nodiscard]] Status refused(std::string why) { return make_error(ErrorCode::invalid, std::move(why)); }
[[nodiscard]] Status repeated() { return make_error(ErrorCode::already_exists, "changes nothing"); }

[[nodiscard]] bool is_open(Phase phase) noexcept { return phase == Phase::posted || phase == Phase::assigned; }

}  // namespace

Bytes draw_payload(std::uint64_t chain_id, std::uint64_t index, const Hash256& log_hash) {
    Bytes out;
    Writer writer{out};
    writer.array(4);
    writer.text("troupe arbiter draw");
    writer.unsigned_integer(chain_id);
    writer.unsigned_integer(index);
    write_value(writer, log_hash);
    return out;
}

Hash256 hash_of(const State& state) { return sha256(encode(state)); }

Config Config::of(const Genesis& genesis) {
    Config config;
    const auto& p = genesis.parameters;
    config.chain_id = p.chain_id;
    config.checkpoint_interval = p.checkpoint_interval;
    config.validation_time = p.validation_time;
    config.revalidation_permille = p.revalidation_permille;
    config.deposit = p.validator_deposit;
    for (const auto node : nodes_offering(genesis, Service::metadata))
        config.metadata_nodes.emplace(node, node_at(genesis, node)->public_key);
    for (const auto node : nodes_offering(genesis, Service::batch_validation))
        config.batch_validators.emplace(node, node_at(genesis, node)->public_key);
    return config;
}

Core::Core(Config config) : config_(std::move(config)) {
    for (const auto& [node, key] : config_.batch_validators) {
        Validator validator;
        validator.node = node;
        validator.deposit = config_.deposit;
        state_.validators.push_back(validator);
    }
}

const Validator* Core::validator(NodeIndex node) const {
    const auto it = std::ranges::lower_bound(state_.validators, node, {}, &Validator::node);
    return it != state_.validators.end() && it->node == node ? &*it : nullptr;
}
Validator* Core::validator(NodeIndex node) { return const_cast<Validator*>(std::as_const(*this).validator(node)); }

const CheckpointRecord* Core::record(Height height) const {
    const auto it = std::ranges::lower_bound(state_.checkpoints, height, {},
                                             [](const CheckpointRecord& r) { return r.checkpoint.height; });
    return it != state_.checkpoints.end() && it->checkpoint.height == height ? &*it : nullptr;
}
CheckpointRecord* Core::record(Height height) {
    return const_cast<CheckpointRecord*>(std::as_const(*this).record(height));
}

// Checking
// -------------------------------------------------------------------------------------------------------------

Status Core::check(const SignedCommand& command) const {
    const auto* posted = std::get_if<PostCheckpoint>(&command.body);
    const auto& senders = posted != nullptr ? config_.metadata_nodes : config_.batch_validators;
    const auto key = senders.find(command.sender);
    if (key == senders.end())
        return make_error(ErrorCode::unauthorized, "node " + std::to_string(command.sender.value) +
                                                       (posted != nullptr ? " is no registered metadata node"
                                                                          : " is no registered batch validator"));
    if (!ed25519_verify(key->second, command_signing_payload(config_.chain_id, command.sender, command.body),
                        command.signature))
        return make_error(ErrorCode::unauthorized, "not signed by its sender");

    if (posted != nullptr) {
        const auto height = posted->checkpoint.height;
        if (height.value == 0 || height.value % config_.checkpoint_interval != 0)
            return refused("no block of this height is checkpointed");
        if (const auto* known = record(height)) {
            if (contains(known->posted_by, command.sender)) return repeated();
            for (const auto& dispute : state_.disputes)
                if (const auto* claim = std::get_if<Contradiction>(&dispute.claim);
                    claim != nullptr && claim->node == command.sender && dispute.height == height)
                    return repeated();
            return Done{};
        }
        if (height <= state_.forgotten_to) return repeated();
        const auto open = std::ranges::count_if(state_.checkpoints, [](const auto& r) { return is_open(r.phase); });
        if (static_cast<std::size_t>(open) >= open_checkpoints_max)
            return make_error(ErrorCode::overloaded, "too many checkpoints wait for a validator");
        return Done{};
    }
    const auto* sender = validator(command.sender);
    TROUPE_ASSERT(sender != nullptr);
    if (std::holds_alternative<Register>(command.body)) {
        if (sender->active) return repeated();
        return sender->deposit.is_zero() ? refused("its deposit is used up") : Status{Done{}};
    }
    if (std::holds_alternative<Leave>(command.body)) return sender->active ? Status{Done{}} : repeated();

    const auto [height, attempt] = std::visit(
        [](const auto& body) -> std::pair<Height, std::uint32_t> {
            if constexpr (requires { body.attempt; })
                return {body.height, body.attempt};
            else
                return {};
        },
        command.body);
    const auto* target = record(height);
    if (target == nullptr || target->assigned != command.sender || target->attempt != attempt) return repeated();
    if (const auto* confirmation = std::get_if<Confirm>(&command.body);
        confirmation != nullptr && confirmation->state_root != target->checkpoint.state_root)
        return refused("confirms another state than the checkpoint's");
    if (const auto* unable = std::get_if<Unable>(&command.body);
        unable != nullptr && unable->why.size() > why_bytes_max)
        return refused("says too much");
    return Done{};
}

bool Core::is_due(TimeMs now) const {
    return std::ranges::any_of(state_.checkpoints, [&](const CheckpointRecord& record) {
        return record.phase == Phase::assigned && now >= record.deadline;
    });
}

// Applying
// -------------------------------------------------------------------------------------------------------------

void Core::apply(const LogEntry& entry, Outbox& out) {
    TROUPE_ASSERT(entry.index == state_.entries);
    const auto seed = sha256(entry.draw);
    Bytes link;
    append(link, state_.log_hash.view());
    append(link, encode(entry));
    state_.log_hash = sha256(link);
    ++state_.entries;

    expire(entry.time, out);
    if (entry.command) carry(*entry.command, entry, seed, out);
    assign(seed, entry.time, out);
    forget_closed();
}

void Core::carry(const SignedCommand& command, const LogEntry& entry, const Hash256& seed, Outbox& out) {
    if (const auto* posted = std::get_if<PostCheckpoint>(&command.body))
        return post(command.sender, posted->checkpoint, entry.time);
    auto* sender = validator(command.sender);
    TROUPE_ASSERT(sender != nullptr);
    if (std::holds_alternative<Register>(command.body)) {
        sender->active = true;
        sender->missed = 0;
    } else if (std::holds_alternative<Leave>(command.body)) {
        sender->active = false;
        // What it was at goes to another; leaving costs nothing.
        if (sender->busy_with) {
            auto& target = *record(*sender->busy_with);
            target.assigned.reset();
            target.phase = Phase::posted;
            sender->busy_with.reset();
        }
    } else if (const auto* confirmation = std::get_if<Confirm>(&command.body)) {
        // Its time may have run out in this very entry.
        const auto* target = record(confirmation->height);
        if (target != nullptr && target->assigned == sender->node) confirm(*sender, *confirmation, seed, out);
    } else if (const auto* reported = std::get_if<Report>(&command.body)) {
        const auto* target = record(reported->height);
        if (target != nullptr && target->assigned == sender->node)
            dispute(*sender, {0, reported->height, sender->node, entry.time, *reported}, out);
    } else if (const auto* unable = std::get_if<Unable>(&command.body)) {
        const auto* target = record(unable->height);
        if (target != nullptr && target->assigned == sender->node)
            dispute(*sender, {0, unable->height, sender->node, entry.time, *unable}, out);
    }
}

void Core::post(NodeIndex sender, const Checkpoint& checkpoint, TimeMs time) {
    if (auto* known = record(checkpoint.height)) {
        if (known->checkpoint == checkpoint)
            known->posted_by.push_back(sender);
        else
            open_dispute({0, checkpoint.height, sender, time, Contradiction{sender, checkpoint}});
        return;
    }
    // In order of height, not of arrival: one that is far ahead must not shut out those before it.
    const auto next = std::ranges::upper_bound(state_.checkpoints, checkpoint.height, {},
                                               [](const CheckpointRecord& r) { return r.checkpoint.height; });
    CheckpointRecord added;
    added.checkpoint = checkpoint;
    added.from = next == state_.checkpoints.begin() ? state_.forgotten_to : std::prev(next)->checkpoint.height;
    added.posted_by.push_back(sender);
    if (next != state_.checkpoints.end() && next->phase == Phase::posted) next->from = checkpoint.height;
    state_.checkpoints.insert(next, std::move(added));
}

void Core::confirm(Validator& by, const Confirm& confirmation, const Hash256& seed, Outbox& out) {
    auto& target = *record(confirmation.height);
    by.busy_with.reset();
    by.missed = 0;
    ++by.confirmed;
    target.assigned.reset();
    target.confirmed_by.push_back(by.node);
    state_.latest_confirmed = std::max(state_.latest_confirmed, target.checkpoint.height);
    const bool again = draw(seed, target, "again") % 1000 < config_.revalidation_permille;
    if (!again || candidates(target, true).empty()) return verify(target, out);
    target.phase = Phase::posted;
}

void Core::dispute(Validator& by, Dispute opened, Outbox& out) {
    auto& target = *record(opened.height);
    by.busy_with.reset();
    by.missed = 0;
    ++by.reported;
    target.assigned.reset();
    target.phase = Phase::disputed;
    open_dispute(std::move(opened));
    tell_posters(target, out);
}

void Core::expire(TimeMs now, Outbox& out) {
    for (auto& target : state_.checkpoints) {
        if (target.phase != Phase::assigned || now < target.deadline) continue;
        auto& late = *validator(*target.assigned);
        const auto cost = std::max(late.deposit / uint256{miss_costs_one_in}, uint256{1});
        const auto taken = std::min(cost, late.deposit);
        late.deposit = late.deposit - taken;
        state_.slashed = state_.slashed + taken;
        late.busy_with.reset();
        if (++late.missed >= misses_max || late.deposit.is_zero()) late.active = false;
        out.push_back({late.node, {Settled{target.checkpoint.height, target.attempt}}});
        target.assigned.reset();
        target.phase = Phase::posted;
    }
}

/// Active, with a deposit, and not one of those who have confirmed it already; ascending by node.
std::vector<Validator*> Core::candidates(const CheckpointRecord& target, bool also_busy) {
    std::vector<Validator*> out;
    for (auto& validator : state_.validators)
        if (validator.active && (also_busy || !validator.busy_with) && !contains(target.confirmed_by, validator.node))
            out.push_back(&validator);
    return out;
}

void Core::assign(const Hash256& seed, TimeMs now, Outbox& out) {
    for (auto& target : state_.checkpoints) {
        if (target.phase != Phase::posted) continue;
        // Confirmed, and nobody is left to confirm it again.
        if (!target.confirmed_by.empty() && candidates(target, true).empty()) {
            verify(target, out);
            continue;
        }
        const auto free = candidates(target, false);
        // In order: a later checkpoint does not overtake one that waits.
        if (free.empty()) return;
        auto& chosen = *free[draw(seed, target, "who") % free.size()];
        ++target.attempt;
        target.phase = Phase::assigned;
        target.assigned = chosen.node;
        target.deadline = now + config_.validation_time;
        chosen.busy_with = target.checkpoint.height;
        out.push_back({chosen.node, {Assignment{target.from, target.checkpoint, target.attempt, target.deadline}}});
    }
}

void Core::verify(CheckpointRecord& target, Outbox& out) {
    target.phase = Phase::verified;
    ++state_.verified;
    state_.latest_verified = std::max(state_.latest_verified, target.checkpoint.height);
    tell_posters(target, out);
}

void Core::open_dispute(Dispute dispute) {
    dispute.number = state_.disputes_opened++;
    state_.disputes.push_back(std::move(dispute));
    if (state_.disputes.size() > disputes_kept) state_.disputes.erase(state_.disputes.begin());
}

void Core::tell_posters(const CheckpointRecord& target, Outbox& out) const {
    for (const auto node : target.posted_by)
        out.push_back({node, {CheckpointStanding{target.checkpoint.height, target.phase}}});
}

void Core::forget_closed() {
    auto closed = static_cast<std::size_t>(
        std::ranges::count_if(state_.checkpoints, [](const auto& r) { return !is_open(r.phase); }));
    while (closed > closed_checkpoints_kept) {
        const auto oldest = std::ranges::find_if(state_.checkpoints, [](const auto& r) { return !is_open(r.phase); });
        state_.forgotten_to = std::max(state_.forgotten_to, oldest->checkpoint.height);
        state_.checkpoints.erase(oldest);
        --closed;
    }
}

void Core::remind(Outbox& out) const {
    for (const auto& target : state_.checkpoints)
        if (target.phase == Phase::assigned)
            out.push_back(
                {*target.assigned, {Assignment{target.from, target.checkpoint, target.attempt, target.deadline}}});
}

void Core::answer(const SignedCommand& command, Outbox& out) const {
    if (const auto* posted = std::get_if<PostCheckpoint>(&command.body)) {
        const auto* known = record(posted->checkpoint.height);
        // Forgotten or covered by a later one: closed either way.
        out.push_back(
            {command.sender, {CheckpointStanding{posted->checkpoint.height, known ? known->phase : Phase::verified}}});
        return;
    }
    if (const auto* confirmation = std::get_if<Confirm>(&command.body)) {
        out.push_back({command.sender, {Settled{confirmation->height, confirmation->attempt}}});
    } else if (const auto* reported = std::get_if<Report>(&command.body)) {
        out.push_back({command.sender, {Settled{reported->height, reported->attempt}}});
    } else if (const auto* unable = std::get_if<Unable>(&command.body)) {
        out.push_back({command.sender, {Settled{unable->height, unable->attempt}}});
    } else if (std::holds_alternative<Register>(command.body)) {
        out.push_back({command.sender, {Registered{}}});
        const auto* sender = validator(command.sender);
        if (sender == nullptr || !sender->busy_with) return;
        const auto* target = record(*sender->busy_with);
        TROUPE_ASSERT(target != nullptr);
        out.push_back(
            {command.sender, {Assignment{target->from, target->checkpoint, target->attempt, target->deadline}}});
    }
}

}  // namespace troupe::arbiter
