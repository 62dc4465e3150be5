// Ethereum's JSON shapes (execution-apis; fields as geth names them), appended as text: 20,000 receipts are fetched in
// one go, and building a tree for each would be most of the work.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/ledger/receipt.hpp"
#include "runtime/ledger/transaction.hpp"

namespace troupe::gateway {

/// Writes one JSON object or array; keys and values given are plain text that needs no escaping unless said.
class JsonText {
public:
    JsonText& begin_object() { return open('{'); }
    JsonText& end_object() { return close('}'); }
    JsonText& begin_array() { return open('['); }
    JsonText& end_array() { return close(']'); }
    JsonText& key(std::string_view name);
    JsonText& raw(std::string_view json);
    JsonText& text(std::string_view plain);
    /// With escapes.
    JsonText& escaped(std::string_view text);
    JsonText& null() { return raw("null"); }
    JsonText& boolean(bool value) { return raw(value ? "true" : "false"); }
    JsonText& bytes(ByteView value);
    JsonText& quantity(std::uint64_t value);
    JsonText& quantity(const uint256& value) { return text(to_quantity(value)); }
    [[nodiscard]] std::string take() { return std::move(out_); }

private:
    JsonText& open(char c);
    JsonText& close(char c);
    void separate();

    std::string out_;
    bool needs_comma_ = false;
};

/// Where a transaction is; nothing while it is pending.
struct Placed {
    BlockHash block;
    Height height;
    TimeMs timestamp;
    std::uint64_t index = 0;
    uint256 effective_gas_price;
};

void write_transaction(JsonText& out, const RecoveredTransaction& transaction, const std::optional<Placed>& placed);
/// `first_log` is the number of logs of the block before this receipt's.
void write_receipt(JsonText& out, const ExecutedBlock& block, std::size_t index, std::uint64_t first_log);
void write_log(JsonText& out, const ExecutedBlock& block, std::size_t transaction, const LogEntry& log,
               std::uint64_t log_index);
/// With full transactions or hashes only; `gas_limit` and `base_fee` are the chain's. `coinbase` is the proposer's
/// beneficiary. As the newHeads subscription shows it with `header_only`.
struct BlockFacts {
    std::uint64_t gas_limit = 0;
    uint256 base_fee;
    Address coinbase;
};
void write_block(JsonText& out, const ExecutedBlock& block, const BlockFacts& facts, bool full,
                 bool header_only = false);

/// Logs of the block before transaction `index`.
[[nodiscard]] std::uint64_t logs_before(const ExecutedBlock& block, std::size_t index);

}  // namespace troupe::gateway
