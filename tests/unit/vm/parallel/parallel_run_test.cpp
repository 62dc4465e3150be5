// Random transactions among few accounts, executed in parallel and one after the other: the same in every bit.
#include "vm/parallel/parallel_run.hpp"

#include <map>
#include <random>
#include <thread>

#include <doctest/doctest.h>

#include "runtime/crypto/keccak.hpp"

using namespace troupe;
using parallel::Index;
using parallel::ParallelRun;

namespace {

class Base final : public StateReader {
public:
    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override {
        const auto it = accounts.find(address);
        return it == accounts.end() ? std::nullopt : std::optional{it->second};
    }
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override {
        const auto it = slots.find({address, slot});
        return it == slots.end() ? uint256{} : it->second;
    }
    [[nodiscard]] bool has_storage(const Address& address) override {
        const auto it = slots.lower_bound({address, uint256{}});
        return it != slots.end() && it->first.first == address;
    }
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        const auto it = codes.find(hash);
        return it == codes.end() ? std::make_shared<const Bytes>() : it->second;
    }

    std::map<Address, AccountRecord> accounts;
    std::map<std::pair<Address, uint256>, uint256> slots;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes;
};

[[nodiscard]] Address address(std::uint64_t n) {
    Address out;
    out[0] = 0xac;
    out[19] = static_cast<std::uint8_t>(n);
    return out;
}

struct Workload {
    std::uint64_t seed = 0;
    Index count = 0;
    std::uint64_t accounts = 0;
    std::uint64_t slots = 0;
};

[[nodiscard]] Base make_base(const Workload& load) {
    std::mt19937_64 random{load.seed};
    Base base;
    for (std::uint64_t i = 0; i < load.accounts; ++i) {
        if (random() % 4 == 0) continue;
        AccountRecord record{random() % 3, uint256{random() % 100}, empty_code_hash};
        if (random() % 3 == 0) {
            const Bytes code{static_cast<std::uint8_t>(i)};
            record.code_hash = CodeHash::from(keccak256(code));
            record.nonce = 1;
            base.codes[record.code_hash] = std::make_shared<const Bytes>(code);
            for (std::uint64_t s = 0; s < load.slots; ++s)
                if (random() % 2 == 0) base.slots[{address(i), uint256{s}}] = uint256{random() % 5 + 1};
        }
        base.accounts[address(i)] = record;
    }
    return base;
}

/// Does some of everything that a transaction can do, depending on what it reads; gives a digest of what it saw.
[[nodiscard]] std::uint64_t run_transaction(const Workload& load, Index index, JournaledState& state) {
    std::mt19937_64 random{load.seed * 1'000'003 + index};
    std::uint64_t seen = 17;
    const auto see = [&](std::uint64_t value) {
        seen = (seen ^ value) * 0x9e3779b97f4a7c15ULL;
        return value;
    };
    const auto some = [&] { return address(random() % load.accounts); };
    state.begin_transaction();
    const auto steps = 1 + random() % 6;
    std::vector<JournaledState::Snapshot> snapshots;
    for (std::uint64_t i = 0; i < steps; ++i) {
        const auto a = some(), b = some();
        const uint256 slot{random() % load.slots};
        snapshots.push_back(state.snapshot());
        // Only contracts write and destroy themselves, and these have a nonce.
        const bool is_contract = state.nonce(a) != 0;
        switch (random() % 14) {
            case 0:
            case 1: {
                const auto have = see(state.balance(a).low64());
                const uint256 amount{have == 0 ? 0 : random() % (have + 1)};
                state.subtract_balance(a, amount);
                state.add_balance(b, amount);
                break;
            }
            case 2: state.set_nonce(a, see(state.nonce(a)) + 1); break;
            case 3:
            case 4:
                if (is_contract) state.set_storage(a, slot, uint256{see(state.storage(a, slot).low64()) + 1});
                break;
            case 5:
                if (is_contract) state.set_storage(a, slot, uint256{see(state.balance(b).low64())});
                break;
            case 6:
                if (is_contract) state.set_storage(a, slot, uint256{});
                break;
            case 7:
                if (see(state.nonce(a)) == 0 && state.code_hash(a) == empty_code_hash && !state.has_storage(a)) {
                    state.create_account(a);
                    state.set_nonce(a, 1);
                    state.set_storage(a, slot, uint256{9});
                    if (random() % 2 == 0) state.set_code(a, {static_cast<std::uint8_t>(index), 1});
                }
                break;
            case 8:
                if (is_contract) state.self_destruct(a);
                break;
            case 9: {
                const auto code = state.code(a);
                see(code->size());
                if (code->empty()) state.set_nonce(a, state.nonce(a) + 1);
                state.set_code(a, code->empty() ? Bytes{7, static_cast<std::uint8_t>(random() % 3)} : Bytes{});
                break;
            }
            case 10: see(state.warm_address(a)); break;
            case 11:
                snapshots.resize(1 + random() % snapshots.size());
                state.revert(snapshots.back());
                break;
            case 12: state.touch(a); break;
            default: see(state.exists(a)); see(state.original_storage(a, slot).low64());
        }
    }
    state.credit(some(), uint256{random() % 3});
    state.finish_transaction(true);
    return seen;
}

struct Result {
    std::vector<std::uint64_t> seen;
    StateDiff diff;
    bool operator==(const Result&) const = default;
};

[[nodiscard]] Result run_in_order(const Workload& load, Base& base) {
    Result out;
    JournaledState state{base};
    for (Index i = 0; i < load.count; ++i) out.seen.push_back(run_transaction(load, i, state));
    out.diff = state.diff();
    return out;
}

[[nodiscard]] Result run_in_parallel(const Workload& load, Base& base, std::size_t threads,
                                     parallel::Counters* counters = nullptr) {
    Result out;
    out.seen.resize(load.count);
    std::vector<ParallelRun::Transaction> transactions(load.count);
    for (Index i = 3; i < load.count; i += 5) transactions[i].after = i - 3;
    ParallelRun run{base, transactions,
                    [&](Index i, JournaledState& state) { out.seen[i] = run_transaction(load, i, state); },
                    static_cast<Index>(1 + load.seed % 4)};
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back([&] { run.work(); });
    run.finish();
    helpers.clear();
    out.diff = run.diff();
    if (counters != nullptr) *counters += run.counters();
    return out;
}

}  // namespace

TEST_CASE("random conflicting transactions come out of parallel execution as out of sequential execution") {
    parallel::Counters counters;
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        std::mt19937_64 random{seed};
        const Workload load{seed, static_cast<Index>(1 + random() % 60), 1 + random() % 12, 1 + random() % 4};
        auto base = make_base(load);
        const auto expected = run_in_order(load, base);
        for (const std::size_t threads : {1, 2, 4}) {
            CAPTURE(seed);
            CAPTURE(threads);
            const auto got = run_in_parallel(load, base, threads, &counters);
            REQUIRE(got.seen == expected.seen);
            REQUIRE(got.diff == expected.diff);
        }
    }
    MESSAGE(counters.transactions << " transactions, " << counters.executions << " executions, " << counters.validations
                                  << " validations, " << counters.aborts << " aborts, " << counters.waits << " waits");
    CHECK(counters.executions >= counters.transactions);
    CHECK(counters.aborts > 0);
}

TEST_CASE("no transactions are done at once") {
    const Workload load{1, 0, 1, 1};
    auto base = make_base(load);
    CHECK(run_in_parallel(load, base, 2) == run_in_order(load, base));
}

TEST_CASE("a credit to an account that nobody reads makes nobody wait or execute again") {
    Base base;
    base.accounts[address(1)] = {0, uint256{5}, empty_code_hash};
    constexpr Index count = 100;
    ParallelRun run{base, std::vector<ParallelRun::Transaction>(count), [](Index i, JournaledState& state) {
                        state.begin_transaction();
                        state.set_nonce(address(10 + i), 1);
                        state.warm_address(address(1));
                        state.credit(address(1), uint256{i});
                        state.finish_transaction(true);
                    }};
    std::jthread helper{[&] { run.work(); }};
    run.finish();
    const auto counters = run.counters();
    CHECK(counters.executions == count);
    CHECK(counters.aborts == 0);
    const auto diff = run.diff();
    REQUIRE(diff.accounts.size() == count + 1);
    CHECK(diff.accounts[0].address == address(1));
    CHECK(diff.accounts[0].balance == uint256{5 + count * (count - 1) / 2});
}

TEST_CASE("a chain of transactions that each need the one before is executed once each when that is said") {
    Base base;
    constexpr Index count = 64;
    std::vector<ParallelRun::Transaction> transactions(count);
    for (Index i = 1; i < count; ++i) transactions[i].after = i - 1;
    ParallelRun run{base, transactions, [](Index, JournaledState& state) {
                        state.begin_transaction();
                        state.set_nonce(address(1), state.nonce(address(1)) + 1);
                        state.finish_transaction(true);
                    }};
    std::jthread helper{[&] { run.work(); }};
    run.finish();
    CHECK(run.counters().executions == count);
    CHECK(run.diff().accounts.at(0).nonce == count);
}

TEST_CASE("work that comes when all is done returns without touching the base") {
    auto base = std::make_unique<Base>();
    const auto run = std::make_shared<ParallelRun>(*base, std::vector<ParallelRun::Transaction>(3),
                                                   [](Index i, JournaledState& state) {
                                                       state.begin_transaction();
                                                       state.set_nonce(address(i), 1);
                                                       state.finish_transaction(true);
                                                   });
    run->finish();
    base.reset();
    run->work();
    CHECK(run->counters().executions == 3);
}
