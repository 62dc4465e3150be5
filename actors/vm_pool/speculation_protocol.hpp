// Speculative execution as a pool and a worker of another process speak of it. State that the worker lacks it asks for
// as in a read call.
#pragma once

#include "actors/vm_pool/remote_protocol.hpp"
#include "actors/vm_pool/speculative_work.hpp"

namespace troupe::vm_pool::remote {

struct SpeculationCall {
    Context context;
    std::vector<evm::TransactionInput> transactions;

    static constexpr auto reflect() {
        using C = SpeculationCall;
        return fields("SpeculationCall", field("context", &C::context), field("transactions", &C::transactions));
    }
};

struct AccountEntry {
    Address address;
    AccountReply account;

    static constexpr auto reflect() {
        return fields("AccountEntry", field("address", &AccountEntry::address),
                      field("account", &AccountEntry::account));
    }
};
struct SlotEntry {
    Address address;
    uint256 slot;
    uint256 value;

    static constexpr auto reflect() {
        return fields("SlotEntry", field("address", &SlotEntry::address), field("slot", &SlotEntry::slot),
                      field("value", &SlotEntry::value));
    }
};
struct AccountWrite {
    AccountEntry entry;
    bool storage_cleared = false;
    std::optional<Bytes> code;

    static constexpr auto reflect() {
        using W = AccountWrite;
        return fields("AccountWrite", field("entry", &W::entry), field("storage_cleared", &W::storage_cleared),
                      field("code", &W::code));
    }
};
struct Log {
    Address address;
    std::vector<Hash256> topics;
    Bytes data;

    static constexpr auto reflect() {
        return fields("Log", field("address", &Log::address), field("topics", &Log::topics), field("data", &Log::data));
    }
};

struct SpeculationResult {
    /// An evm::Invalid.
    std::optional<std::uint8_t> invalid;
    bool succeeded = false;
    std::uint64_t gas_used = 0;
    uint256 effective_gas_price;
    std::optional<Address> created;
    std::vector<Log> logs;
    std::vector<AccountEntry> accounts_read;
    std::vector<SlotEntry> slots_read;
    std::vector<std::pair<Address, bool>> storages_read;
    std::vector<AccountWrite> accounts;
    std::vector<SlotEntry> slots;
    std::vector<std::pair<Address, uint256>> credits;

    static constexpr auto reflect() {
        using R = SpeculationResult;
        return fields("SpeculationResult", field("invalid", &R::invalid), field("succeeded", &R::succeeded),
                      field("gas_used", &R::gas_used), field("effective_gas_price", &R::effective_gas_price),
                      field("created", &R::created), field("logs", &R::logs), field("accounts_read", &R::accounts_read),
                      field("slots_read", &R::slots_read), field("storages_read", &R::storages_read),
                      field("accounts", &R::accounts), field("slots", &R::slots), field("credits", &R::credits));
    }
};

struct SpeculationReply {
    std::vector<SpeculationResult> results;
    static constexpr auto reflect() { return fields("SpeculationReply", field("results", &SpeculationReply::results)); }
};

[[nodiscard]] SpeculationCall to_message(const SpeculativeWork& work);
[[nodiscard]] SpeculationReply to_message(std::vector<SpeculativeResult> results);
/// ErrorCode::malformed for what no execution comes to.
[[nodiscard]] Result<std::vector<SpeculativeResult>> results_of(SpeculationReply message);

}  // namespace troupe::vm_pool::remote
