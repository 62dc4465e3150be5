#include "actors/gateway/json_out.hpp"

#include <charconv>

#include "runtime/crypto/sha256.hpp"

namespace troupe::gateway {
namespace {

constexpr std::string_view empty_uncles = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
constexpr std::string_view zero_hash = "0x0000000000000000000000000000000000000000000000000000000000000000";

}  // namespace

void JsonText::separate() {
    if (needs_comma_) out_.push_back(',');
    needs_comma_ = true;
}
JsonText& JsonText::open(char c) {
    separate();
    out_.push_back(c);
    needs_comma_ = false;
    return *this;
}
JsonText& JsonText::close(char c) {
    out_.push_back(c);
    needs_comma_ = true;
    return *this;
}
JsonText& JsonText::key(std::string_view name) {
    separate();
    out_.push_back('"');
    out_ += name;
    out_ += "\":";
    needs_comma_ = false;
    return *this;
}
JsonText& JsonText::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}
JsonText& JsonText::text(std::string_view plain) {
    separate();
    out_.push_back('"');
    out_ += plain;
    out_.push_back('"');
    return *this;
}
JsonText& JsonText::escaped(std::string_view value) {
    separate();
    out_.push_back('"');
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            out_.push_back('\\');
            out_.push_back(c);
        } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
            constexpr char digits[] = "0123456789abcdef";
            out_ += "\\u00";
            out_.push_back(digits[static_cast<unsigned char>(c) >> 4]);
            out_.push_back(digits[c & 0xf]);
        } else {
            out_.push_back(c);
        }
    }
    out_.push_back('"');
    return *this;
}
JsonText& JsonText::bytes(ByteView value) {
    constexpr char digits[] = "0123456789abcdef";
    separate();
    const auto at = out_.size();
    out_.resize(at + 4 + 2 * value.size());
    auto* p = out_.data() + at;
    *p++ = '"';
    *p++ = '0';
    *p++ = 'x';
    for (const auto byte : value) {
        *p++ = digits[byte >> 4];
        *p++ = digits[byte & 0xf];
    }
    *p = '"';
    return *this;
}
JsonText& JsonText::quantity(std::uint64_t value) {
    char buffer[20] = "\"0x";
    auto* end = std::to_chars(buffer + 3, buffer + 19, value, 16).ptr;
    *end++ = '"';
    return raw({buffer, static_cast<std::size_t>(end - buffer)});
}

void write_transaction(JsonText& out, const RecoveredTransaction& transaction, const std::optional<Placed>& placed) {
    const auto& tx = transaction.transaction;
    const bool is_native = tx.type == TransactionType::native;
    out.begin_object();
    out.key("hash").bytes(transaction.hash.view());
    out.key("type").quantity(static_cast<std::uint64_t>(tx.type));
    out.key("from").bytes(transaction.sender.view());
    if (tx.to)
        out.key("to").bytes(tx.to->view());
    else
        out.key("to").null();
    out.key("nonce").quantity(tx.nonce);
    out.key("value").quantity(tx.value);
    out.key("gas").quantity(tx.gas_limit);
    out.key("input").bytes(tx.data);
    if (placed) {
        out.key("blockHash").bytes(placed->block.view());
        out.key("blockNumber").quantity(placed->height.value);
        out.key("blockTimestamp").quantity(placed->timestamp.value / 1000);
        out.key("transactionIndex").quantity(placed->index);
    } else {
        out.key("blockHash").null().key("blockNumber").null().key("transactionIndex").null();
    }
    if (tx.chain_id) out.key("chainId").quantity(*tx.chain_id);
    const auto price = placed ? placed->effective_gas_price : tx.max_fee_per_gas;
    out.key("gasPrice").quantity(price);
    if (tx.type == TransactionType::dynamic_fee || tx.type == TransactionType::set_code) {
        out.key("maxFeePerGas").quantity(tx.max_fee_per_gas);
        out.key("maxPriorityFeePerGas").quantity(tx.max_priority_fee_per_gas);
    }
    if (tx.type != TransactionType::legacy && !is_native) {
        out.key("accessList").begin_array();
        for (const auto& entry : tx.access_list) {
            out.begin_object().key("address").bytes(entry.address.view()).key("storageKeys").begin_array();
            for (const auto& slot : entry.slots) out.bytes(slot.view());
            out.end_array().end_object();
        }
        out.end_array();
    }
    if (tx.type == TransactionType::set_code) {
        out.key("authorizationList").begin_array();
        for (const auto& a : tx.authorization_list) {
            out.begin_object().key("chainId").quantity(a.chain_id).key("address").bytes(a.address.view());
            out.key("nonce").quantity(a.nonce).key("yParity").quantity(a.y_parity);
            out.key("r").quantity(a.r).key("s").quantity(a.s).end_object();
        }
        out.end_array();
    }
    if (is_native) {
        out.key("expiry").quantity(tx.expiry.value).key("sponsor").bytes(tx.sponsor.view());
        out.key("maxFee").quantity(tx.max_fee).key("kind").text(tx.kind == NativeKind::bond ? "bond" : "call");
    }
    const auto& s = tx.signature;
    if (tx.type == TransactionType::legacy) {
        const std::uint64_t v = tx.chain_id ? 35 + 2 * *tx.chain_id + s.y_parity : 27u + s.y_parity;
        out.key("v").quantity(v);
    } else {
        out.key("yParity").quantity(s.y_parity).key("v").quantity(s.y_parity);
    }
    out.key("r").quantity(s.r).key("s").quantity(s.s);
    out.end_object();
}

std::uint64_t logs_before(const ExecutedBlock& block, std::size_t index) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < index; ++i) count += block.transactions[i].receipt.logs.size();
    return count;
}

void write_log(JsonText& out, const ExecutedBlock& block, std::size_t transaction, const LogEntry& log,
               std::uint64_t log_index) {
    out.begin_object().key("address").bytes(log.address.view()).key("topics").begin_array();
    for (const auto& topic : log.topics) out.bytes(topic.view());
    out.end_array().key("data").bytes(log.data);
    out.key("blockHash").bytes(block.hash.view()).key("blockNumber").quantity(block.result.height.value);
    out.key("blockTimestamp").quantity(block.timestamp.value / 1000);
    out.key("transactionHash").bytes(block.transactions[transaction].receipt.transaction.view());
    out.key("transactionIndex").quantity(transaction).key("logIndex").quantity(log_index);
    out.key("removed").boolean(false).end_object();
}

void write_receipt(JsonText& out, const ExecutedBlock& block, std::size_t index, std::uint64_t first_log) {
    const auto& receipt = block.transactions[index].receipt;
    out.begin_object();
    out.key("transactionHash").bytes(receipt.transaction.view()).key("transactionIndex").quantity(index);
    out.key("blockHash").bytes(block.hash.view()).key("blockNumber").quantity(block.result.height.value);
    out.key("type").quantity(receipt.type).key("status").quantity(receipt.succeeded ? 1 : 0);
    out.key("from").bytes(receipt.sender.view());
    if (receipt.to.empty())
        out.key("to").null();
    else
        out.key("to").bytes(receipt.to[0].view());
    if (receipt.contract_created.empty())
        out.key("contractAddress").null();
    else
        out.key("contractAddress").bytes(receipt.contract_created[0].view());
    out.key("gasUsed").quantity(receipt.gas_used).key("cumulativeGasUsed").quantity(receipt.cumulative_gas_used);
    out.key("effectiveGasPrice").quantity(receipt.effective_gas_price);
    LogsBloom bloom;
    out.key("logs").begin_array();
    for (const auto& log : receipt.logs) {
        add_to_bloom(bloom, log);
        write_log(out, block, index, log, first_log++);
    }
    out.end_array().key("logsBloom").bytes(bloom.view()).end_object();
}

void write_block(JsonText& out, const ExecutedBlock& block, const BlockFacts& facts, bool full, bool header_only) {
    const auto& result = block.result;
    out.begin_object();
    out.key("number").quantity(result.height.value).key("hash").bytes(block.hash.view());
    out.key("parentHash").bytes(block.previous.view()).key("sha3Uncles").text(empty_uncles);
    out.key("miner").bytes(facts.coinbase.view()).key("stateRoot").bytes(result.state_root.view());
    out.key("transactionsRoot").bytes(result.transactions_root.view());
    out.key("receiptsRoot").bytes(result.receipts_root.view()).key("logsBloom").bytes(block.logs_bloom.view());
    out.key("difficulty").text("0x0").key("totalDifficulty").text("0x0").key("extraData").text("0x");
    out.key("gasLimit").quantity(facts.gas_limit).key("gasUsed").quantity(result.gas_used);
    out.key("timestamp").quantity(block.timestamp.value / 1000);
    out.key("timestampMs").quantity(block.timestamp.value);
    // PREVRANDAO as the block's transactions saw it.
    out.key("mixHash");
    if (result.height.value == 0)
        out.text(zero_hash);
    else
        out.bytes(sha256(block.previous.view()).view());
    out.key("nonce").text("0x0000000000000000");
    out.key("baseFeePerGas")
        .quantity(facts.base_fee)
        .key("withdrawalsRoot")
        .bytes(fixed_from_hex<Hash256>("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")->view());
    out.key("blobGasUsed").text("0x0").key("excessBlobGas").text("0x0").key("parentBeaconBlockRoot").text(zero_hash);
    if (!header_only) {
        std::size_t size = 600;
        out.key("uncles").begin_array().end_array().key("withdrawals").begin_array().end_array();
        out.key("transactions").begin_array();
        for (std::size_t i = 0; i < block.transactions.size(); ++i) {
            const auto& executed = block.transactions[i];
            size += executed.raw.size();
            if (!full) {
                out.bytes(executed.receipt.transaction.view());
                continue;
            }
            const auto decoded = decode_transaction(executed.raw);
            if (!decoded) continue;
            RecoveredTransaction recovered;
            recovered.transaction = *decoded;
            recovered.hash = executed.receipt.transaction;
            recovered.sender = executed.receipt.sender;
            write_transaction(
                out, recovered,
                Placed{block.hash, result.height, block.timestamp, i, executed.receipt.effective_gas_price});
        }
        out.end_array().key("size").quantity(size);
    }
    out.end_object();
}

}  // namespace troupe::gateway
