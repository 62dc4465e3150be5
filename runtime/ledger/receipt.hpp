// What executing a transaction left behind, as stored and as RPC shows it.
#pragma once

#include <vector>

#include "runtime/ledger/block.hpp"

namespace troupe {

struct LogEntry {
    Address address;
    std::vector<Hash256> topics;
    Bytes data;

    bool operator==(const LogEntry&) const = default;
    static constexpr auto reflect() {
        return fields("LogEntry", field("address", &LogEntry::address), field("topics", &LogEntry::topics),
                      field("data", &LogEntry::data));
    }
};

struct Receipt {
    TransactionHash transaction;
    /// EIP-2718 type byte.
    std::uint8_t type = 0;
    bool succeeded = false;
    Address sender;
    std::vector<Address> to;                // none for contract creation
    std::vector<Address> contract_created;  // one for contract creation
    std::uint64_t gas_used = 0;
    std::uint64_t cumulative_gas_used = 0;
    /// Wei per gas actually paid.
    uint256 effective_gas_price;
    std::vector<LogEntry> logs;

    bool operator==(const Receipt&) const = default;
    static constexpr auto reflect() {
        return fields("Receipt", field("transaction", &Receipt::transaction), field("type", &Receipt::type),
                      field("succeeded", &Receipt::succeeded), field("sender", &Receipt::sender),
                      field("to", &Receipt::to), field("contract_created", &Receipt::contract_created),
                      field("gas_used", &Receipt::gas_used),
                      field("cumulative_gas_used", &Receipt::cumulative_gas_used),
                      field("effective_gas_price", &Receipt::effective_gas_price), field("logs", &Receipt::logs));
    }
};

struct ExecutedTransaction {
    Bytes raw;
    Receipt receipt;

    bool operator==(const ExecutedTransaction&) const = default;
    static constexpr auto reflect() {
        return fields("ExecutedTransaction", field("raw", &ExecutedTransaction::raw),
                      field("receipt", &ExecutedTransaction::receipt));
    }
};

/// Consecutive transactions of an executed block that were in one chunk: who got their tips, and how many of the
/// validators signed the chunk, which is the part of the tips that was not burned (C-16).
struct TipRange {
    Address recipient;
    std::uint32_t signers = 0;
    std::uint32_t transactions = 0;

    bool operator==(const TipRange&) const = default;
    static constexpr auto reflect() {
        return fields("TipRange", field("recipient", &TipRange::recipient), field("signers", &TipRange::signers),
                      field("transactions", &TipRange::transactions));
    }
};

/// A block after execution: everything that RPC needs of it.
struct ExecutedBlock {
    BlockHash hash;
    BlockHash previous;
    TimeMs timestamp;
    ValidatorIndex proposer;
    ExecutionResult result;
    LogsBloom logs_bloom;
    std::vector<ExecutedTransaction> transactions;
    /// Of all of them, in order.
    std::vector<TipRange> tips;

    bool operator==(const ExecutedBlock&) const = default;
    static constexpr auto reflect() {
        return fields("ExecutedBlock", field("hash", &ExecutedBlock::hash), field("previous", &ExecutedBlock::previous),
                      field("timestamp", &ExecutedBlock::timestamp), field("proposer", &ExecutedBlock::proposer),
                      field("result", &ExecutedBlock::result), field("logs_bloom", &ExecutedBlock::logs_bloom),
                      field("transactions", &ExecutedBlock::transactions), field("tips", &ExecutedBlock::tips));
    }
};

/// Yellow paper 4.3.1: address and topics of every log.
void add_to_bloom(LogsBloom& bloom, const LogEntry& log);
void add_to_bloom(LogsBloom& bloom, ByteView address_or_topic);
[[nodiscard]] LogsBloom bloom_of(const Receipt& receipt);
[[nodiscard]] bool bloom_may_contain(const LogsBloom& bloom, ByteView address_or_topic);
/// EIP-2718 receipt bytes (type || rlp(status, cumulative gas, bloom, logs)) for the receipts trie.
[[nodiscard]] Bytes encode_receipt(const Receipt& receipt);

}  // namespace troupe
