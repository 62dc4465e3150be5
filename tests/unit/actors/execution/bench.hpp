// A chain in memory: blocks of chunks are executed one after another by the production code on accounts of the test.
#pragma once

#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "actors/execution/block_execution.hpp"
#include "actors/execution/bonds.hpp"
#include "actors/execution/contract_engine.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/ledger/sign.hpp"

namespace troupe {

class MemoryState final : public StateReader {
public:
    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override {
        const auto it = accounts.find(address);
        return it == accounts.end() ? std::nullopt : std::optional{it->second};
    }
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override {
        const auto it = slots.find({address, slot});
        return it == slots.end() ? uint256{} : it->second;
    }
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        const auto it = codes.find(hash);
        return it == codes.end() ? std::make_shared<const Bytes>() : it->second;
    }
    void apply(const StateDiff& diff) {
        for (const auto& [hash, bytes] : diff.codes) codes[hash] = std::make_shared<const Bytes>(bytes);
        for (const auto& change : diff.accounts) {
            if (change.deleted)
                accounts.erase(change.address);
            else
                accounts[change.address] = {change.nonce, change.balance, change.code_hash};
            for (const auto& [slot, value] : change.storage) slots[{change.address, slot}] = value;
        }
    }
    [[nodiscard]] uint256 balance(const Address& address) const {
        const auto it = accounts.find(address);
        return it == accounts.end() ? uint256{} : it->second.balance;
    }
    /// All money there is.
    [[nodiscard]] uint256 supply() const {
        uint256 sum;
        for (const auto& [address, record] : accounts) sum = sum + record.balance;
        return sum;
    }

    std::map<Address, AccountRecord> accounts;
    std::map<std::pair<Address, uint256>, uint256> slots;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes;
};

inline constexpr std::uint64_t gwei = 1'000'000'000;
inline constexpr uint256 ether{1'000'000'000'000'000'000ULL};

class Chain {
public:
    static constexpr std::size_t validators = 4;

    Chain() : tracker(parameters(), validators) {
        Genesis genesis;
        genesis.parameters = parameters();
        for (std::size_t i = 0; i < 4; ++i)
            genesis.accounts.push_back({key(i).address(), ether * uint256{10}, 0, {}, {}});
        // Reverts.
        genesis.accounts.push_back({address(0xdd), uint256{}, 1, *from_hex("0x5f5ffd"), {}});
        // Logs its calldata under one topic, stores the block number in slot 1.
        genesis.accounts.push_back(
            {address(0xee), uint256{}, 1, *from_hex("0x36600060003760aa366000a1436001550000"), {}});
        state.apply(genesis_state(genesis));
    }

    [[nodiscard]] static ChainParameters parameters() {
        ChainParameters p;
        p.chain_id = 7;
        return p;
    }
    [[nodiscard]] static Address address(std::uint8_t last) {
        Address out;
        out[0] = 0xab;
        out[19] = last;
        return out;
    }
    [[nodiscard]] static const Secp256k1SecretKey& key(std::size_t i) {
        static const auto keys = [] {
            std::vector<Secp256k1SecretKey> out;
            for (int n = 0; n < 5; ++n)
                out.push_back(std::move(*Secp256k1SecretKey::from_bytes(
                    keccak256(as_bytes("execution test " + std::to_string(n))).view())));
            return out;
        }();
        return keys[i];
    }
    [[nodiscard]] static Bytes transfer(std::size_t from, std::uint64_t nonce, uint256 value = uint256{1},
                                        const std::function<void(Transaction&)>& change = {}) {
        Transaction tx;
        tx.type = TransactionType::dynamic_fee;
        tx.chain_id = 7;
        tx.nonce = nonce;
        tx.gas_limit = 100'000;
        tx.max_fee_per_gas = uint256{3 * gwei};
        tx.max_priority_fee_per_gas = uint256{gwei};
        tx.to = address(1);
        tx.value = value;
        if (change) change(tx);
        sign_transaction(tx, key(from));
        return encode_transaction(tx);
    }
    [[nodiscard]] Bytes native(std::size_t from, std::size_t sponsor,
                               const std::function<void(Transaction&)>& change = {}) const {
        Transaction tx;
        tx.type = TransactionType::native;
        tx.chain_id = 7;
        tx.gas_limit = 100'000;
        tx.max_fee = uint256{tx.gas_limit} * uint256{gwei};
        tx.to = address(1);
        tx.value = uint256{1};
        tx.expiry = now + DurationMs{20'000};
        if (change) change(tx);
        sign_native(tx, key(from), key(sponsor));
        return encode_transaction(tx);
    }
    [[nodiscard]] Bytes bond(std::size_t from, uint256 amount, std::uint64_t salt = 0) const {
        return native(from, from, [&](Transaction& tx) {
            tx.kind = NativeKind::bond;
            tx.to.reset();
            tx.value = amount;
            tx.expiry = tx.expiry + DurationMs{salt};
        });
    }

    [[nodiscard]] ValidatorIndex builder(std::size_t payer) const {
        return *tracker.builder(key(payer).address(), epoch_of(expiry(), parameters()));
    }
    /// A chunk of this payer's builder.
    [[nodiscard]] Chunk chunk(std::size_t payer, std::vector<Bytes> transactions) const {
        Chunk out;
        out.producer = builder(payer);
        out.expiry = expiry();
        out.beneficiary = address(0xbe);
        out.transactions = std::move(transactions);
        return out;
    }
    [[nodiscard]] TimeMs expiry() const { return now + DurationMs{1020}; }

    /// The next block, of these chunks, each signed by the first `signers` validators; nothing of it is kept.
    [[nodiscard]] BlockOutput try_block(const std::vector<Chunk>& chunks, std::size_t signers = 3) {
        CommittedBlock block;
        block.block.header.height = Height{height + 1};
        block.block.header.timestamp = now + DurationMs{20};
        std::vector<std::shared_ptr<const Chunk>> contents;
        for (const auto& one : chunks) {
            ChunkCertificate certificate;
            certificate.chunk = reference_of(one);
            for (std::uint32_t i = 0; i < signers; ++i)
                signer_set::add(certificate.signatures.signers, ValidatorIndex{i});
            block.block.certificates.push_back(certificate);
            contents.push_back(std::make_shared<const Chunk>(one));
        }
        seal(block.block);
        block.commit.height = block.block.header.height;
        block.commit.block = hash_of(block.block.header);
        const auto p = parameters();
        const BlockInput input{p,
                               validators,
                               address(0xcb),
                               tracker,
                               block,
                               contents,
                               [](ByteView raw) { return recover_transaction(raw); },
                               [&](const TransactionHash& hash) { return natives.contains(hash); },
                               [](std::uint64_t) { return Hash256{}; },
                               parallelism,
                               speculator};
        return execute_block(input, state, codes);
    }
    BlockOutput block(const std::vector<Chunk>& chunks, std::size_t signers = 3) {
        auto output = try_block(chunks, signers);
        state.apply(output.diff);
        for (const auto& [hash, until] : output.natives) natives.insert(hash);
        ++height;
        now = now + DurationMs{20};
        return output;
    }
    /// One chunk of key 0's builder with these.
    BlockOutput run(std::vector<Bytes> transactions) { return block({chunk(0, std::move(transactions))}); }
    [[nodiscard]] uint256 bond_of(std::size_t i) { return state.storage(bond_registry(), bond_slot(key(i).address())); }

    /// Null: blocks execute in order.
    Parallelism* parallelism = nullptr;
    /// Null: nothing is handed out.
    Speculator* speculator = nullptr;
    MemoryState state;
    ActivityTracker tracker;
    evm::AnalysisCache codes{contract_engine()};
    std::set<TransactionHash> natives;
    std::uint64_t height = 0;
    TimeMs now{1'700'000'000'000};
};

[[nodiscard]] inline Bytes call_of(std::size_t from, std::uint64_t nonce, std::uint8_t to, Bytes data) {
    return Chain::transfer(from, nonce, uint256{1}, [&](Transaction& tx) {
        tx.to = Chain::address(to);
        tx.data = std::move(data);
    });
}

/// Transfers, calls, native transactions with bonds that run out, repetitions and faults, in the chunks of their
/// builders.
[[nodiscard]] inline std::vector<Chunk> random_chunks(Chain& chain, std::uint64_t seed,
                                                      std::array<std::uint64_t, 4>& nonces) {
    std::mt19937_64 random{seed};
    std::vector<Chunk> chunks;
    for (std::size_t payer = 0; payer < 4; ++payer) {
        std::vector<Bytes> transactions;
        for (auto count = 4 + random() % 12; count > 0; --count) {
            auto& nonce = nonces[payer];
            switch (random() % 9) {
                case 0:
                case 1: transactions.push_back(Chain::transfer(payer, nonce++, uint256{random() % 1000})); break;
                case 2: transactions.push_back(call_of(payer, nonce++, 0xee, Bytes(random() % 40, 7))); break;
                case 3: transactions.push_back(call_of(payer, nonce++, 0xdd, {})); break;
                case 4: transactions.push_back(chain.bond(payer, ether / uint256{50}, random() % 9)); break;
                case 5:
                case 6:
                    transactions.push_back(chain.native(random() % 4, payer, [&](Transaction& tx) {
                        tx.expiry = tx.expiry + DurationMs{random() % 20};
                        if (random() % 3 == 0) tx.value = ether * uint256{20};
                    }));
                    break;
                case 7: transactions.push_back(Chain::transfer(payer, nonce + random() % 3)); break;
                default:
                    transactions.push_back(random() % 2 == 0 || transactions.empty() ? Bytes{1, 2} : transactions[0]);
            }
        }
        chunks.push_back(chain.chunk(payer, std::move(transactions)));
    }
    return chunks;
}

}  // namespace troupe
