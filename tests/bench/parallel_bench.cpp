// A block's transactions in order and in parallel, by how much they conflict: microseconds a transaction, all that the
// executor does with the state included. "1.2x of 1.5x": the gain, and what this machine gives at most, which is the
// throughput of as many threads that each execute the whole block in order (hardware threads may share a core, or its
// memory). Best of 12 rounds. Usage: parallel_bench [THREADS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>
#include <unordered_map>

#include "deploy/examples/erc20/token_bytecode.hpp"
#include "runtime/crypto/keccak.hpp"
#include "tests/bench/world.hpp"
#include "vm/evm/transaction.hpp"
#include "vm/evm/word.hpp"
#include "vm/parallel/parallel_run.hpp"

using namespace troupe;
using namespace troupe::evm;

namespace {

constexpr auto revision = Revision::Osaka;

[[nodiscard]] TransactionInput make_transaction(const Address& sender, std::uint64_t nonce) {
    TransactionInput tx;
    tx.type = 2;
    tx.sender = sender;
    tx.nonce = nonce;
    tx.gas_limit = 3'000'000;
    tx.max_fee_per_gas = uint256{10};
    tx.max_priority_fee_per_gas = uint256{1};
    return tx;
}

void must(bool condition) {
    if (!condition) std::abort();
}

struct Bench {
    World world;
    BlockContext block;
    AnalysisCache codes;
    std::size_t threads = 2;

    void run_one(const TransactionInput& tx, JournaledState& state) {
        if (validate_transaction(state, tx, block, revision)) return;
        static_cast<void>(execute_transaction(state, block, tx, revision, codes));
    }

    template <class Work>
    [[nodiscard]] static double microseconds(Work&& work) {
        const auto start = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    }

    void run_in_order(const std::vector<TransactionInput>& batch, StateDiff& diff) {
        JournaledState state{world};
        for (const auto& tx : batch) run_one(tx, state);
        diff = state.diff();
    }

    void run_in_parallel(const std::vector<TransactionInput>& batch, StateDiff& diff, parallel::Counters& counters) {
        std::vector<parallel::ParallelRun::Transaction> transactions(batch.size());
        std::unordered_map<Address, parallel::Index, AddressHash> last;
        for (parallel::Index i = 0; i < batch.size(); ++i) {
            const auto [it, is_first] = last.try_emplace(batch[i].sender, i);
            if (!is_first) transactions[i].after = std::exchange(it->second, i);
        }
        parallel::ParallelRun run{world, transactions,
                                  [&](parallel::Index i, JournaledState& state) { run_one(batch[i], state); }};
        together([&](std::size_t thread) { thread == 0 ? run.finish() : run.work(); });
        diff = run.diff();
        counters = run.counters();
    }

    /// Each thread has its number; 0 is the caller's.
    template <class Work>
    void together(Work&& work) const {
        std::vector<std::jthread> helpers;
        for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back([&work, i] { work(i); });
        work(0);
    }

    void measure(const char* what, const std::vector<TransactionInput>& batch) {
        StateDiff in_order, in_parallel;
        parallel::Counters counters;
        std::vector<StateDiff> copies(threads);
        double ordered = 1e300, parallel = 1e300, copied = 1e300;
        for (int round = 0; round < 12; ++round) {
            ordered = std::min(ordered, microseconds([&] { run_in_order(batch, in_order); }));
            parallel = std::min(parallel, microseconds([&] { run_in_parallel(batch, in_parallel, counters); }));
            copied = std::min(copied, microseconds([&] {
                                  together([&](std::size_t thread) { run_in_order(batch, copies[thread]); });
                              }));
        }
        must(in_order == in_parallel);
        const auto count = static_cast<double>(batch.size());
        std::printf("%-46s %6.2f us in order %6.2f us in parallel %5.2fx of %4.2fx  %4.2f executions, %4.2f aborts\n",
                    what, ordered / count, parallel / count, ordered / parallel,
                    static_cast<double>(threads) * ordered / copied, static_cast<double>(counters.executions) / count,
                    static_cast<double>(counters.aborts) / count);
    }
};

}  // namespace

int main(int argc, char** argv) {
    Bench bench;
    bench.threads = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2;
    constexpr std::uint64_t accounts = 8192;
    constexpr std::uint64_t transfers = 2000;
    auto& world = bench.world;
    for (std::uint64_t i = 0; i < accounts; ++i)
        world.accounts[account_address(i)] = {0, uint256{1} << 100, empty_code_hash};
    bench.block.number = 1;
    bench.block.timestamp = 1;
    bench.block.coinbase = account_address(1'000'000);
    bench.block.gas_limit = 2'000'000'000;
    bench.block.base_fee = uint256{1};
    bench.block.chain_id = uint256{1337};
    world.accounts[bench.block.coinbase] = {0, uint256{1}, empty_code_hash};

    std::uint64_t nonce = 0;
    Address token, work;
    {
        JournaledState state{world};
        auto deploy = make_transaction(account_address(0), nonce++);
        deploy.data = *from_hex(token_bytecode);
        token = *execute_transaction(state, bench.block, deploy, revision, bench.codes).created;
        for (std::uint64_t i = 1; i < accounts; ++i) {
            auto tx = make_transaction(account_address(0), nonce++);
            tx.to = token;
            tx.data = *from_hex("a9059cbb");
            append(tx.data, to_big_endian(to_word(account_address(i))).view());
            append(tx.data, to_big_endian(uint256{1'000'000}).view());
            must(execute_transaction(state, bench.block, tx, revision, bench.codes).succeeded);
        }
        world.apply(state.diff());
    }
    // Counts to 2000, then stores it under its caller.
    const auto loop = *from_hex("6107d05b6001900380600357503354600101335500");
    work = account_address(2'000'000);
    world.codes[CodeHash::from(keccak256(loop))] = std::make_shared<const Bytes>(loop);
    world.accounts[work] = {1, {}, CodeHash::from(keccak256(loop))};

    const auto batch = [&](auto sender, auto receiver, int kind) {
        std::vector<TransactionInput> out;
        std::map<std::uint64_t, std::uint64_t> sent;
        for (std::uint64_t i = 0; i < transfers; ++i) {
            const auto from = sender(i);
            auto tx =
                make_transaction(account_address(from), world.accounts[account_address(from)].nonce + sent[from]++);
            const auto to = account_address(receiver(i));
            tx.to = kind == 0 ? to : kind == 1 ? token : work;
            if (kind == 0) tx.value = uint256{1};
            if (kind == 1) {
                tx.data = *from_hex("a9059cbb");
                append(tx.data, to_big_endian(to_word(to)).view());
                append(tx.data, to_big_endian(uint256{1}).view());
            }
            out.push_back(std::move(tx));
        }
        return out;
    };
    const auto own = [](std::uint64_t i) { return 1 + i; };
    const auto other = [](std::uint64_t i) { return 4000 + i; };
    const auto few = [](std::uint64_t i) { return 1 + i * 31 % 64; };
    const auto few_others = [](std::uint64_t i) { return 1 + i * 17 % 61; };
    const auto one = [](std::uint64_t) { return std::uint64_t{5000}; };
    const char* kinds[] = {"transfers", "ERC-20 transfers", "calls of 14,000 instructions"};
    for (int kind = 0; kind < 3; ++kind) {
        const auto name = [&](const char* which) { return std::string{kinds[kind]} + ", " + which; };
        bench.measure(name("independent").c_str(), batch(own, other, kind));
        bench.measure(name("among 64 accounts").c_str(), batch(few, few_others, kind));
        bench.measure(name("all to one").c_str(), batch(own, one, kind));
    }
}
