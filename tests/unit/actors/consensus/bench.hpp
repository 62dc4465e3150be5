// A bench of consensus cores whose messages, timers and crashes the test steers by hand, and a monitor of all that the
// validators sign.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include <doctest/doctest.h>

#include "actors/consensus/core.hpp"
#include "runtime/crypto/sim_signature.hpp"

namespace troupe::consensus {

inline constexpr std::uint64_t bench_chain_id = 7;

/// The roles of the reference's scenarios (consensus.md A12) for n = 4 and height 1: n0 is the primary of view 0, n1
/// that of view 1.
inline constexpr std::uint32_t n0 = 1, n1 = 0, n2 = 2, n3 = 3;

template <class Body>
[[nodiscard]] bool is(const Message& m) {
    return std::holds_alternative<Body>(m.body);
}
[[nodiscard]] inline bool is_recovery(const Message& m) { return is<RecoveryMessage>(m) || is<RecoveryRequest>(m); }

[[nodiscard]] inline Block block_of(std::uint64_t height, std::uint64_t salt, std::uint32_t proposer) {
    Block block;
    block.header.height = Height{height};
    block.header.timestamp = TimeMs{salt};
    block.header.proposer = ValidatorIndex{proposer};
    seal(block);
    return block;
}

/// Collects what each validator says with its signature, across restarts, and names the first contradiction.
class Monitor {
public:
    explicit Monitor(ConsensusRules rules) : rules_(rules) {}

    void said(const Message& m) {
        if (const auto* request = std::get_if<PrepareRequest>(&m.body))
            return vote(m, 0, hash_of(request->block.header));
        if (const auto* response = std::get_if<PrepareResponse>(&m.body)) return vote(m, 0, response->block);
        if (const auto* commit = std::get_if<Commit>(&m.body)) {
            vote(m, 1, commit->block);
            if (rules_ == ConsensusRules::dbft2 &&
                !single_commit_.emplace(std::pair{m.sender, m.height}, m.view).second &&
                single_commit_.at({m.sender, m.height}) != m.view)
                blame(m, "commits in two views");
            return;
        }
        if (const auto* change = std::get_if<ChangeView>(&m.body)) {
            auto& left = left_[{m.sender, m.height}];
            left = std::max(left, change->target);
            if (rules_ == ConsensusRules::dbft2 && single_commit_.contains({m.sender, m.height}))
                blame(m, "a change view after its commit");
        }
    }
    [[nodiscard]] const std::string& fault() const { return fault_; }

private:
    void vote(const Message& m, int kind, const BlockHash& block) {
        const auto [it, is_new] = votes_.emplace(std::tuple{m.sender, m.height, m.view, kind}, block);
        if (!is_new && it->second != block) blame(m, "two votes in one view");
        if (!is_new) return;
        const auto left = left_.find({m.sender, m.height});
        if (rules_ == ConsensusRules::troupe && left != left_.end() && m.view < left->second)
            blame(m, "a vote in a view that it has left");
    }
    void blame(const Message& m, const char* what) {
        if (fault_.empty())
            fault_ = "validator " + std::to_string(m.sender.value) + ", height " + std::to_string(m.height.value) +
                     ", view " + std::to_string(m.view.value) + ": " + what;
    }

    ConsensusRules rules_;
    std::map<std::tuple<ValidatorIndex, Height, View, int>, BlockHash> votes_;
    std::map<std::pair<ValidatorIndex, Height>, View> single_commit_;
    std::map<std::pair<ValidatorIndex, Height>, View> left_;
    std::string fault_;
};

/// Where a crash strikes, relative to one Persist of the validator.
enum class CrashPoint { none, before_write, after_write, after_send };

/// The proposal of (height, view) is what the bench makes of it; every proposal is judged valid unless `judge` differs.
struct Bench {
    explicit Bench(std::size_t n, ConsensusRules rules) : scheme(make_sim_scheme(1, n)), monitor(rules) {
        for (std::uint32_t i = 0; i < n; ++i) {
            signers.push_back(make_sim_signer(1, ValidatorIndex{i}));
            Config config;
            config.chain_id = bench_chain_id;
            config.rules = rules;
            config.validators = n;
            config.self = ValidatorIndex{i};
            configs.push_back(config);
            cores.push_back(std::make_unique<Core>(config, *scheme, signers[i].get()));
        }
        inboxes.resize(n);
        records.resize(n);
        committed.resize(n);
        synced.resize(n);
        persists.assign(n, 0);
        alive.assign(n, true);
        for (std::uint32_t i = 0; i < n; ++i) run(i, [&](Outbox& out) { cores[i]->start({}, std::nullopt, now, out); });
    }

    template <class Event>
    void run(std::uint32_t i, Event&& event) {
        Outbox out;
        event(out);
        bool dies_after_send = false;
        for (std::size_t k = 0; k < out.size(); ++k) {
            auto effect = std::move(out[k]);
            if (auto* persist = std::get_if<Persist>(&effect)) {
                const bool strikes =
                    crash_point != CrashPoint::none && i == crash_node && persists[i]++ == crash_persist;
                if (strikes && crash_point == CrashPoint::before_write) return die(i);
                records[i] = persist->record;
                if (strikes && crash_point == CrashPoint::after_write) return die(i);
                dies_after_send = dies_after_send || strikes;
            }
            if (const auto* all = std::get_if<Broadcast>(&effect)) {
                observe(i, *all->message);
                for (std::uint32_t to = 0; to < cores.size(); ++to)
                    if (to != i) inboxes[to].push_back({i, all->message});
                if (dies_after_send) return die(i);
            }
            if (const auto* one = std::get_if<Send>(&effect)) {
                sends.push_back({i, one->to.value});
                inboxes[one->to.value].push_back({i, one->message});
            }
            if (const auto* build = std::get_if<BuildProposal>(&effect); build && builds)
                cores[i]->on_proposal_built(block_of(build->height.value, 1000 + build->view.value, i), build->view,
                                            now, out);
            if (const auto* judge = std::get_if<Judge>(&effect)) {
                const auto why = judged ? judged(i, *judge->block) : std::string{};
                cores[i]->on_judged(judge->hash, why.empty(), why, now, out);
            }
            if (const auto* done = std::get_if<Committed>(&effect)) {
                CHECK(verify_committed(bench_chain_id, *done->block, *scheme).ok());
                committed[i].push_back(done->block);
            }
            if (const auto* ask = std::get_if<RequestBlocks>(&effect))
                synchronize(ask->from.value, i, ask->first.value);
            if (const auto* give = std::get_if<SendBlocks>(&effect)) synchronize(i, give->to.value, give->first.value);
            if (const auto* proof = std::get_if<Evidence>(&effect)) evidence.push_back(*proof);
        }
    }
    /// Blocks of the past come to those who lack them at the next `pass`.
    void synchronize(std::uint32_t from, std::uint32_t to, std::uint64_t first) {
        for (const auto& block : committed[from])
            if (block->block.header.height.value >= first) synced[to].push_back({from, block});
    }
    void take_synced() {
        for (std::uint32_t to = 0; to < cores.size(); ++to) {
            auto blocks = std::move(synced[to]);
            synced[to].clear();
            for (const auto& [from, block] : blocks)
                if (alive[to] && alive[from])
                    run(to, [&](Outbox& out) { cores[to]->on_block_synced(*block, now, out); });
        }
    }
    void die(std::uint32_t i) {
        alive[i] = false;
        crash_point = CrashPoint::none;
    }
    /// What a core broadcasts in its own name; recoveries repeat what was said before.
    void observe(std::uint32_t i, const Bytes& bytes) {
        const auto decoded = decode<SignedMessage>(bytes);
        REQUIRE(decoded.ok());
        if (decoded->message.sender.value == i) monitor.said(decoded->message);
    }

    void timers(TimeMs at) {
        now = at;
        for (std::uint32_t i = 0; i < cores.size(); ++i)
            if (alive[i]) run(i, [&](Outbox& out) { cores[i]->on_timer(now, out); });
    }
    /// The view timer of one validator runs out; nobody else looks at the clock.
    void fire(std::uint32_t i) {
        now = now + DurationMs{10'000};
        run(i, [&](Outbox& out) { cores[i]->on_timer(now, out); });
    }
    /// The primary of the height proposes; what it sends is still undelivered.
    void propose() { timers(now + DurationMs{1000}); }

    /// Delivers what `wanted` lets through; the rest is lost.
    template <class Wanted>
    void deliver(Wanted&& wanted) {
        for (bool any = true; any;) {
            any = false;
            for (std::uint32_t to = 0; to < cores.size(); ++to) {
                while (!inboxes[to].empty()) {
                    const auto [from, message] = inboxes[to].front();
                    inboxes[to].pop_front();
                    any = true;
                    const auto decoded = decode<SignedMessage>(*message);
                    if (!alive[to] || !alive[from] || !wanted(from, to, decoded->message)) continue;
                    hand(to, from, *message);
                }
            }
        }
    }
    void deliver_all() {
        deliver([](auto, auto, const Message&) { return true; });
    }
    void drop_all() {
        for (auto& inbox : inboxes) inbox.clear();
    }
    void hand(std::uint32_t to, std::uint32_t from, const Bytes& message) {
        run(to, [&](Outbox& out) { cores[to]->on_message(ValidatorIndex{from}, message, now, out); });
    }
    /// Time goes on in steps of 100 ms, everything is delivered.
    void pass(std::uint64_t ms) {
        for (const auto end = now.value + ms; now.value < end;) {
            timers(TimeMs{now.value + 100});
            deliver_all();
            take_synced();
        }
    }
    /// From its record, its blocks kept.
    void restart(std::uint32_t i) {
        cores[i] = std::make_unique<Core>(configs[i], *scheme, signers[i].get());
        inboxes[i].clear();
        alive[i] = true;
        Tip tip;
        if (!committed[i].empty()) {
            const auto& last = *committed[i].back();
            tip = {last.block.header.height, last.commit.block, {last.commit}};
        }
        run(i, [&](Outbox& out) { cores[i]->start(tip, records[i], now, out); });
    }

    [[nodiscard]] Bytes craft(std::uint32_t sender, std::uint32_t view, Body body, std::uint64_t height = 1) const {
        SignedMessage message;
        message.message = {Height{height}, View{view}, ValidatorIndex{sender}, std::move(body)};
        const bool is_vote = is<PrepareResponse>(message.message) || is<Commit>(message.message);
        if (!is_vote)
            message.signature = signers[sender]->sign(message_signing_payload(bench_chain_id, message.message));
        return encode(message);
    }
    [[nodiscard]] Bytes preparation(std::uint32_t sender, std::uint32_t view, const BlockHash& block) const {
        return signers[sender]->sign(prepare_signing_payload(bench_chain_id, Height{1}, View{view}, block));
    }
    [[nodiscard]] Bytes request(std::uint32_t sender, std::uint32_t view, const Block& block,
                                std::vector<Bytes> justification = {}) const {
        return craft(sender, view,
                     PrepareRequest{block, preparation(sender, view, hash_of(block.header)), std::move(justification)});
    }
    [[nodiscard]] Bytes response(std::uint32_t sender, std::uint32_t view, const BlockHash& block) const {
        return craft(sender, view, PrepareResponse{block, preparation(sender, view, block)});
    }
    [[nodiscard]] Bytes commit(std::uint32_t sender, std::uint32_t view, const BlockHash& block) const {
        return craft(
            sender, view,
            Commit{block, signers[sender]->sign(commit_signing_payload(bench_chain_id, Height{1}, View{view}, block))});
    }
    [[nodiscard]] PreparedCertificate certificate(std::uint32_t view, const Block& block,
                                                  const std::vector<std::uint32_t>& by) const {
        std::vector<std::pair<ValidatorIndex, Bytes>> signatures;
        for (const auto i : by) signatures.emplace_back(ValidatorIndex{i}, preparation(i, view, hash_of(block.header)));
        return {View{view}, block, *scheme->aggregate(std::move(signatures))};
    }
    [[nodiscard]] Bytes change_view(std::uint32_t sender, std::uint32_t target,
                                    std::vector<PreparedCertificate> prepared = {},
                                    ChangeViewReason reason = ChangeViewReason::timeout) const {
        return craft(sender, target - 1, ChangeView{View{target}, reason, std::move(prepared)});
    }
    /// All have been heard of at this height, so that nobody counts as lost (A12: counting the lost is a way out).
    void all_heard() {
        for (std::uint32_t from = 0; from < cores.size(); ++from)
            for (std::uint32_t to = 0; to < cores.size(); ++to)
                if (to != from) hand(to, from, craft(from, 0, RecoveryRequest{now}));
        drop_all();
    }

    [[nodiscard]] bool nobody_has_a_block() const {
        return std::ranges::all_of(committed, [](const auto& blocks) { return blocks.empty(); });
    }
    /// Height 1 is decided at all live validators, on one block; its view.
    std::uint64_t require_block() const {
        const CommittedBlock* first = nullptr;
        std::uint64_t view = 0;
        for (std::size_t i = 0; i < committed.size(); ++i) {
            if (!alive[i] && committed[i].empty()) continue;
            REQUIRE_FALSE(committed[i].empty());
            if (first == nullptr) first = committed[i][0].get();
            CHECK(committed[i][0]->commit.block == first->commit.block);
            view = std::max<std::uint64_t>(view, committed[i][0]->commit.view.value);
        }
        CHECK(monitor.fault() == "");
        return view;
    }

    std::unique_ptr<SignatureScheme> scheme;
    std::vector<std::unique_ptr<Signer>> signers;
    std::vector<Config> configs;
    std::vector<std::unique_ptr<Core>> cores;
    std::vector<std::deque<std::pair<std::uint32_t, Encoded>>> inboxes;
    std::vector<std::optional<Bytes>> records;
    std::vector<std::vector<std::shared_ptr<const CommittedBlock>>> committed;
    std::vector<std::vector<std::pair<std::uint32_t, std::shared_ptr<const CommittedBlock>>>> synced;
    std::vector<bool> alive;
    std::vector<Evidence> evidence;
    /// Direct sends: from, to.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> sends;
    std::function<std::string(std::uint32_t, const Block&)> judged;
    bool builds = true;
    Monitor monitor;
    CrashPoint crash_point = CrashPoint::none;
    std::uint32_t crash_node = 0;
    std::uint64_t crash_persist = 0;
    std::vector<std::uint64_t> persists;
    TimeMs now{1'000'000};
};

}  // namespace troupe::consensus
