#include "deploy/sim/simulation.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "deploy/sim/faults.hpp"
#include "deploy/sim/sim_node.hpp"
#include "deploy/sim/stalls.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/secp256k1.hpp"
#include "runtime/crypto/sim_signature.hpp"
#include "runtime/ledger/sign.hpp"

namespace troupe::sim {
namespace {

constexpr TimeMs epoch_start_time{1'700'000'000'000};
constexpr std::size_t account_count = 6;

[[nodiscard]] Secp256k1SecretKey account_key(std::size_t i) {
    return std::move(
        *Secp256k1SecretKey::from_bytes(keccak256(as_bytes("simulated account " + std::to_string(i))).view()));
}

/// Signed once, used by every run: signing is not what is simulated.
[[nodiscard]] const std::vector<RecoveredTransactionPtr>& workload() {
    static const auto transactions = [] {
        std::vector<RecoveredTransactionPtr> out;
        std::vector<Secp256k1SecretKey> keys;
        for (std::size_t i = 0; i < account_count; ++i) keys.push_back(account_key(i));
        for (std::size_t i = 0; i < 600; ++i) {
            Transaction tx;
            tx.type = TransactionType::dynamic_fee;
            tx.chain_id = simulated_chain_id;
            tx.nonce = i / account_count;
            tx.gas_limit = 21000;
            tx.max_fee_per_gas = uint256{2'000'000'000};
            tx.max_priority_fee_per_gas = uint256{1'000'000};
            tx.to = Address{};
            (*tx.to)[19] = 0x77;
            tx.value = uint256{1};
            sign_transaction(tx, keys[i % account_count]);
            out.push_back(*recover_transaction(encode_transaction(tx)));
        }
        return out;
    }();
    return transactions;
}

[[nodiscard]] Genesis make_genesis(const SimOptions& options) {
    Genesis genesis;
    genesis.timestamp = epoch_start_time;
    auto& p = genesis.parameters;
    p.chain_id = simulated_chain_id;
    p.rules = options.rules;
    for (std::size_t i = 0; i < options.nodes; ++i) {
        GenesisNode node;
        node.name = "n" + std::to_string(i);
        node.public_key[0] = static_cast<std::uint8_t>(i);
        node.beneficiary[0] = 0xbe;
        node.beneficiary[19] = static_cast<std::uint8_t>(i + 1);
        genesis.validators.push_back(node);
    }
    for (std::size_t i = 0; i < account_count; ++i) {
        GenesisAccount account;
        account.address = account_key(i).address();
        account.balance = uint256{1'000'000'000'000'000'000ULL} * uint256{1000};
        genesis.accounts.push_back(account);
    }
    return genesis;
}

class Simulation final : public SimObserver, private FaultTarget {
public:
    explicit Simulation(const SimOptions& options)
        : options_(options),
          genesis_(make_genesis(options)),
          world_(options.seed, options.nodes, epoch_start_time),
          scheme_(make_sim_scheme(options.seed, options.nodes)),
          chain_(genesis_),
          pool_([&] {
              gateway::PoolConfig config;
              config.parameters = genesis_.parameters;
              return config;
          }()),
          tracker_(genesis_.parameters, options.nodes),
          faults_(options_, world_, *this) {
        world_.keep_trace(options.keep_trace);
        for (std::uint32_t i = 0; i < options.nodes; ++i) {
            disks_.push_back(std::make_unique<SimDisk>());
            signers_.push_back(make_sim_signer(options.seed, ValidatorIndex{i}));
            nodes_.push_back(nullptr);
        }
    }

    SimReport run() {
        for (std::uint32_t i = 0; i < options_.nodes; ++i) boot(i);
        faults_.begin();
        submit_next();
        // Phase 1: under faults, until three quarters of the heights. Phase 2: healed, until all of them.
        const auto phase_one = options_.heights * 3 / 4;
        run_until([&] { return lowest_live() >= phase_one; }, DurationMs{options_.heights * 20'000});
        if (report_.violation.empty()) {
            run_for(faults_.let_die(Height{lowest_live() + 1}));
            faults_.heal();
            stall_ = !run_until([&] { return lowest() >= options_.heights && all_executed(); },
                                DurationMs{options_.heights * 4'000 + 120'000});
        }
        finish();
        return std::move(report_);
    }

    // SimObserver -----------------------------------------------------------------------------------------------------

    void on_commit(std::uint32_t node, const CommittedBlock& block) override {
        const auto height = block.block.header.height.value;
        report_.height = std::max(report_.height, height);
        report_.view_max = std::max<std::uint64_t>(report_.view_max, block.commit.view.value);
        const auto [it, is_first] = committed_.emplace(height, block.commit.block);
        if (!is_first && it->second != block.commit.block)
            violate("two blocks at height " + std::to_string(height) + ", seen by node " + std::to_string(node));
        if (is_first) {
            if (!block.block.certificates.empty()) ++report_.blocks_with_chunks;
            if (const auto status = verify_committed(simulated_chain_id, block, *scheme_); !status)
                violate("block " + std::to_string(height) + " does not verify: " + status.error().message);
            const auto before = committed_.find(height - 1);
            const auto expected = height == 1                  ? hash_of(genesis_)
                                  : before == committed_.end() ? BlockHash{}
                                                               : before->second;
            if (block.block.header.previous != expected)
                violate("block " + std::to_string(height) + " does not follow its predecessor");
        }
    }

    void on_executed(std::uint32_t node, const ExecutionOutcomePtr& outcome, const StateDiff& diff) override {
        const auto& result = outcome->executed.result;
        const auto [it, is_first] = results_.emplace(result.height.value, result);
        if (!is_first && it->second != result)
            violate("execution of block " + std::to_string(result.height.value) + " differs at node " +
                    std::to_string(node));
        if (!is_first) return;
        chain_.apply(diff);
        tracker_.observe(outcome->block->block);
        report_.transactions_executed += outcome->executed.transactions.size();
        report_.filtered += outcome->filtered.size();
        for (const auto& executed : outcome->executed.transactions)
            if (!receipts_.insert(executed.receipt.transaction).second) violate("a transaction executed twice");
        for (const auto& dropped : pool_.on_executed(*outcome, chain_)) violate("lost receipt: " + dropped.why);
    }

    void on_said(std::uint32_t node, const Bytes& bytes) override {
        const auto decoded = decode<consensus::SignedMessage>(bytes);
        stalls_.on_said(node, incarnation_[node], decoded->message);
        faults_.on_said(node, decoded->message);
    }

    void on_evidence(std::uint32_t, const std::string& what) override {
        violate("an honest validator was blamed: " + what);
    }

    void send(std::uint32_t from, std::uint32_t to, FrameKind kind, const Encoded& payload) override {
        if (to >= options_.nodes || !faults_.may_send(from)) return;
        world_.send(from, to, static_cast<std::uint8_t>(kind), payload, [this, from, to, kind](const Encoded& bytes) {
            if (nodes_[to]) nodes_[to]->on_frame(from, kind, *bytes);
        });
    }

private:
    void violate(const std::string& what) {
        world_.note("VIOLATION " + what);
        if (report_.violation.empty()) report_.violation = what;
    }

    // FaultTarget -----------------------------------------------------------------------------------------------------

    [[nodiscard]] bool is_up(std::uint32_t i) const override { return nodes_[i] != nullptr; }

    void boot(std::uint32_t i) override {
        ++incarnation_[i];
        nodes_[i] = std::make_unique<SimNode>(i, genesis_, *scheme_, *signers_[i], *disks_[i], *this, world_);
        nodes_[i]->start();
        world_.note("node " + std::to_string(i) + " starts");
        tick(i, incarnation_[i]);
    }

    void crash(std::uint32_t i, bool loses_power) override {
        if (!nodes_[i]) return;
        nodes_[i].reset();
        ++report_.crashes;
        if (loses_power) disks_[i]->lose_unsynced(world_.random().below(3));
        world_.note("node " + std::to_string(i) + (loses_power ? " loses power" : " is killed"));
        pool_.on_builder_lost(ValidatorIndex{i});
    }

    void cut_off(std::uint32_t i, bool is_cut) override {
        world_.isolate(i, is_cut);
        world_.note("node " + std::to_string(i) + (is_cut ? " is cut off" : " is back"));
        if (!is_cut) return;
        ++report_.isolations;
        pool_.on_builder_lost(ValidatorIndex{i});
    }

    // Time ------------------------------------------------------------------------------------------------------------

    /// Timers: looked at when they are due, at least ten times a second.
    void tick(std::uint32_t i, std::uint64_t incarnation) {
        if (!nodes_[i] || incarnation_[i] != incarnation) return;
        nodes_[i]->on_timer();
        const auto next = nodes_[i]->next_deadline();
        const auto limit = world_.now() + DurationMs{100};
        const auto at = next ? std::clamp(*next, world_.now() + DurationMs{1}, limit) : limit;
        world_.at(at, [this, i, incarnation] { tick(i, incarnation); });
    }

    void run_for(DurationMs duration) {
        const auto end = world_.now() + duration;
        while (world_.now() < end && report_.violation.empty() && world_.step()) {
        }
    }

    void submit_next() {
        if (submitted_ < std::min(options_.transactions, workload().size())) {
            const auto& transaction = workload()[submitted_++];
            if (const auto status = pool_.add(transaction, world_.now(), chain_); !status)
                violate("the pool refuses: " + status.error().message);
        }
        for (const auto& dropped : pool_.sweep(world_.now())) violate("lost receipt: " + dropped.why);
        for (const auto& [builder, transactions] : pool_.collect(world_.now(), tracker_, 1 << 18)) {
            SubmitTransactions submit;
            for (const auto& transaction : transactions) submit.transactions.push_back(transaction->raw);
            send(builder.value, builder.value, FrameKind::submit, to_payload(submit));
        }
        world_.after(DurationMs{world_.random().between(50, 900)}, [this] { submit_next(); });
    }

    [[nodiscard]] std::uint64_t lowest() const {
        std::uint64_t low = ~std::uint64_t{0};
        for (std::uint32_t i = 0; i < options_.nodes; ++i)
            if (!faults_.is_gone(i)) low = std::min(low, nodes_[i] ? nodes_[i]->height() : 0);
        return low;
    }
    [[nodiscard]] std::uint64_t lowest_live() const {
        std::vector<std::uint64_t> heights;
        for (const auto& node : nodes_) heights.push_back(node ? node->height() : 0);
        std::ranges::sort(heights, std::greater{});
        return heights[quorum(options_.nodes) - 1];
    }
    [[nodiscard]] bool all_executed() const {
        return pool_.size() == 0 && submitted_ >= std::min(options_.transactions, workload().size());
    }

    /// False if `patience` passes without it, or without a new block for much longer than any fault lasts.
    template <class Done>
    bool run_until(const Done& done, DurationMs patience) {
        const auto deadline = world_.now() + patience;
        auto last_height = report_.height;
        auto last_progress = world_.now();
        while (!done()) {
            if (!world_.step() || world_.now() > deadline || !report_.violation.empty()) return false;
            if (report_.height != last_height) {
                last_height = report_.height;
                last_progress = world_.now();
            }
            if (world_.now() > last_progress + DurationMs{300'000}) return false;
        }
        return true;
    }

    void finish() {
        report_.seed = options_.seed;
        report_.messages = world_.messages();
        report_.virtual_ms = (world_.now() - epoch_start_time).value;
        report_.transactions_submitted = submitted_;
        report_.trace_hash = to_hex(world_.trace_hash().view());
        report_.trace = world_.trace();
        if (!stall_ || !report_.violation.empty()) return;
        std::map<std::string, int> shapes;
        bool is_lock = false;
        for (const auto& node : nodes_) {
            if (!node) continue;
            ++shapes[node->stance()];
            is_lock = is_lock || node->status().phase == "committed";
        }
        report_.stall = stalls_.kind(Height{report_.height + 1}, is_lock, faults_.has_dead()) + ": ";
        bool is_first = true;
        for (const auto& [shape, count] : shapes) {
            report_.stall += (is_first ? "" : ", ") + std::to_string(count) + "x " + shape;
            is_first = false;
        }
        report_.stall += "; " + std::to_string(pool_.size()) + " transactions pending";
    }

    SimOptions options_;
    Genesis genesis_;
    World world_;
    std::unique_ptr<SignatureScheme> scheme_;
    std::vector<std::unique_ptr<Signer>> signers_;
    std::vector<std::unique_ptr<SimDisk>> disks_;
    std::vector<std::unique_ptr<SimNode>> nodes_;
    std::map<std::uint32_t, std::uint64_t> incarnation_;
    SimState chain_;
    gateway::Pool pool_;
    ActivityTracker tracker_;
    Faults faults_;
    StallWatch stalls_;
    std::size_t submitted_ = 0;
    std::map<std::uint64_t, BlockHash> committed_;
    std::map<std::uint64_t, ExecutionResult> results_;
    std::set<TransactionHash> receipts_;
    bool stall_ = false;
    SimReport report_;
};

}  // namespace

SimReport run_simulation(const SimOptions& options) { return Simulation{options}.run(); }

}  // namespace troupe::sim
