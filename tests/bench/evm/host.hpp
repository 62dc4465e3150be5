// An EVMC host in memory for benchmarks: storage and balances, no calls into other contracts. Both machines run on it.
#pragma once

#include <cstring>
#include <unordered_map>

#include "vm/evmc/abi.hpp"

namespace troupe::bench {

class MemoryHost {
public:
    [[nodiscard]] static const evmc::HostInterface& table() {
        static const auto interface = make_table();
        return interface;
    }
    [[nodiscard]] evmc::HostContext* context() { return reinterpret_cast<evmc::HostContext*>(this); }
    /// Of the one contract under test: what its constructor and a first call wrote.
    void begin_transaction() { is_warm_.clear(); }

private:
    struct Hash {
        std::size_t operator()(const evmc::Bytes32& word) const noexcept {
            std::uint64_t out;
            std::memcpy(&out, word.bytes + 24, 8);
            return out * 0x9e3779b97f4a7c15ULL ^ word.bytes[0];
        }
    };
    struct Equal {
        bool operator()(const evmc::Bytes32& a, const evmc::Bytes32& b) const noexcept {
            return std::memcmp(a.bytes, b.bytes, 32) == 0;
        }
    };

    [[nodiscard]] static MemoryHost& of(evmc::HostContext* context) { return *reinterpret_cast<MemoryHost*>(context); }

    static evmc::HostInterface make_table() {
        using namespace evmc;
        using Context = evmc::HostContext*;
        HostInterface t{};
        t.account_exists = [](Context, const Address20*) { return true; };
        t.get_storage = [](Context c, const Address20*, const Bytes32* key) { return of(c).slots_[*key]; };
        t.set_storage = [](Context c, const Address20*, const Bytes32* key, const Bytes32* value) {
            of(c).slots_[*key] = *value;
            return MODIFIED;
        };
        t.get_balance = [](Context, const Address20*) { return Bytes32{}; };
        t.get_code_size = [](Context, const Address20*) { return std::size_t{0}; };
        t.get_code_hash = [](Context, const Address20*) { return Bytes32{}; };
        t.copy_code = [](Context, const Address20*, std::size_t, std::uint8_t*, std::size_t) { return std::size_t{0}; };
        t.selfdestruct = [](Context, const Address20*, const Address20*) { return false; };
        t.call = [](Context, const Message* message) {
            Result out{};
            out.gas_left = message->gas;
            return out;
        };
        t.get_tx_context = [](Context) { return evmc::TransactionContext{}; };
        t.get_block_hash = [](Context, std::int64_t) { return Bytes32{}; };
        t.emit_log = [](Context, const Address20*, const std::uint8_t*, std::size_t, const Bytes32*, std::size_t) {};
        t.access_account = [](Context, const Address20*) { return WARM; };
        t.access_storage = [](Context c, const Address20*, const Bytes32* key) {
            return of(c).is_warm_.emplace(*key, true).second ? COLD : WARM;
        };
        t.get_transient_storage = [](Context, const Address20*, const Bytes32*) { return Bytes32{}; };
        t.set_transient_storage = [](Context, const Address20*, const Bytes32*, const Bytes32*) {};
        return t;
    }

    std::unordered_map<evmc::Bytes32, evmc::Bytes32, Hash, Equal> slots_;
    std::unordered_map<evmc::Bytes32, bool, Hash, Equal> is_warm_;
};

}  // namespace troupe::bench
