// Transactions without signatures, network or disk: one line a figure. Arguments are ERC-20 contracts in WebAssembly
// (vm/contract/examples), measured as the EVM's is.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>

#include "deploy/examples/erc20/token_bytecode.hpp"
#include "jit/opt/opt.hpp"
#include "runtime/crypto/keccak.hpp"
#include "tests/bench/world.hpp"
#include "vm/contract/engine.hpp"
#include "vm/evm/transaction.hpp"

using namespace troupe;
using namespace troupe::evm;

namespace {

constexpr auto revision = Revision::Osaka;

[[nodiscard]] BlockContext make_block() {
    BlockContext block;
    block.number = 1;
    block.timestamp = 1;
    block.coinbase = account_address(1'000'000);
    block.gas_limit = 2'000'000'000;
    block.base_fee = uint256{1};
    block.chain_id = uint256{1337};
    return block;
}

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

[[nodiscard]] Bytes transfer_data(const Address& to, std::uint64_t amount) {
    Bytes data{0xa9, 0x05, 0x9c, 0xbb};
    append(data, to_big_endian(to_word(to)).view());
    append(data, to_big_endian(uint256{amount}).view());
    return data;
}

/// Nanoseconds an item, the best of `runs`.
template <class Work>
double measure(std::size_t items, int runs, Work&& work) {
    double best = 1e300;
    for (int run = 0; run < runs; ++run) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / static_cast<double>(items));
    }
    return best;
}

void print(const char* what, double ns) { std::printf("%-52s %10.1f ns\n", what, ns); }

/// Blocks of transfers from 64 accounts, as the cluster bench sends them.
void bench_transactions(World world, const char* what, const std::optional<Address>& token, AnalysisCache& codes) {
    constexpr std::size_t senders = 64;
    constexpr std::size_t transfers = 2000;
    const auto block = make_block();
    std::vector<TransactionInput> batch;
    for (std::size_t i = 0; i < transfers; ++i) {
        auto tx = make_transaction(account_address(i % senders),
                                   world.accounts[account_address(i % senders)].nonce + i / senders);
        const auto receiver = account_address((i * 7 + 1) % senders);
        tx.to = token ? *token : receiver;
        if (token) tx.data = transfer_data(receiver, 1);
        if (!token) tx.value = uint256{1};
        batch.push_back(std::move(tx));
    }
    std::uint64_t gas = 0;
    const auto ns = measure(transfers, 15, [&] {
        JournaledState state{world};
        gas = 0;
        for (const auto& tx : batch) {
            if (validate_transaction(state, tx, block, revision)) std::abort();
            const auto receipt = execute_transaction(state, block, tx, revision, codes);
            if (!receipt.succeeded) std::abort();
            gas += receipt.gas_used;
        }
        if (state.diff().accounts.empty()) std::abort();
    });
    print(what, ns);
    std::printf("%-52s %10.1f\n", "  gas of one", static_cast<double>(gas) / transfers);
}

/// One call of code that loops; prints nanoseconds an instruction.
void bench_loop(const char* what, std::string_view code_hex, double instructions) {
    World world;
    const auto sender = account_address(0);
    const auto target = account_address(1);
    world.accounts[sender] = {0, uint256{1} << 100, empty_code_hash};
    const auto code = *from_hex(code_hex);
    const auto hash = CodeHash::from(keccak256(code));
    world.accounts[target] = {1, {}, hash};
    world.codes[hash] = std::make_shared<const Bytes>(code);
    const auto block = make_block();
    AnalysisCache codes;
    auto tx = make_transaction(sender, 0);
    tx.gas_limit = 16'000'000;
    tx.to = target;
    const auto ns = measure(1, 7, [&] {
        JournaledState state{world};
        if (!execute_transaction(state, block, tx, revision, codes).succeeded) std::abort();
    });
    print(what, ns / instructions);
}

/// Of a token that `init_code` creates; false if that fails. `world` has the senders.
[[nodiscard]] bool bench_token(World world, const std::string& what, Bytes init_code, AnalysisCache& codes) {
    const auto block = make_block();
    JournaledState state{world};
    auto deploy = make_transaction(account_address(0), 0);
    deploy.data = std::move(init_code);
    const auto deployed = execute_transaction(state, block, deploy, revision, codes);
    if (!deployed.created) return std::printf("deployment failed: %s\n", deployed.error.c_str()), false;
    for (std::uint64_t i = 1; i < 64; ++i) {
        auto tx = make_transaction(account_address(0), i);
        tx.to = *deployed.created;
        tx.data = transfer_data(account_address(i), 1'000'000);
        if (!execute_transaction(state, block, tx, revision, codes).succeeded) return false;
    }
    world.apply(state.diff());
    bench_transactions(std::move(world), what.c_str(), *deployed.created, codes);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    World world;
    for (std::uint64_t i = 0; i < 64; ++i) world.accounts[account_address(i)] = {0, uint256{1} << 100, empty_code_hash};
    AnalysisCache codes{contract::make_engine({.compiler = jit::make_adaptive_compiler()})};
    bench_transactions(world, "native transfer, a transaction", std::nullopt, codes);
    if (!bench_token(world, "ERC-20 transfer (OpenZeppelin), a transaction", *from_hex(token_bytecode), codes))
        return 1;
    for (int i = 1; i < argc; ++i) {
        std::ifstream stream{argv[i], std::ios::binary};
        Bytes code{std::istreambuf_iterator<char>{stream}, {}};
        append(code, to_big_endian(uint256{1} << 64).view());
        const auto name = std::string_view(argv[i]).substr(std::string_view(argv[i]).rfind('/') + 1);
        if (!bench_token(world, "ERC-20 transfer (" + std::string(name) + "), a transaction", code, codes)) return 1;
    }

    // PUSH3 n; JUMPDEST; PUSH1 1; SWAP1; SUB; DUP1; PUSH1 4; JUMPI
    bench_loop("counting loop, an instruction", "6207a1205b6001900380600457", 500'000 * 7);
    // The same with MULMOD over 256-bit words: JUMPDEST; DUP1; NOT; DUP1; DUP1; MULMOD; POP; ...
    bench_loop("loop of 256-bit MULMOD, an instruction", "6203d0905b801980800950600190038060045700", 250'000 * 13);
}
