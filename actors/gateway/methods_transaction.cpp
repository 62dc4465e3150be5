// Methods about transactions, from sending to receipt.
#include "actors/gateway/handler.hpp"
#include "runtime/base/limits.hpp"

namespace troupe::gateway {
namespace {

/// Longest wait of eth_sendRawTransactionSync (EIP-7966's default is 2 s).
constexpr std::uint64_t sync_wait_ms_default = 20'000;
constexpr std::uint64_t sync_wait_ms_max = 60'000;

[[nodiscard]] Failure rejected(const Error& error) {
    switch (error.code) {
        case ErrorCode::overloaded: return {{-32005, error.message + ": limit exceeded, try again", ""}};
        case ErrorCode::malformed:
        case ErrorCode::too_large: return {{-32602, error.message, ""}};
        default: return {{-32000, error.message, ""}};
    }
}

}  // namespace

void Handler::on_batch(std::span<const rpc::Parsed> batch) {
    std::vector<Bytes> raw;
    for (const auto& parsed : batch) {
        if (parsed.error || parsed.request.method != "eth_sendRawTransaction") continue;
        try {
            raw.push_back(Parameters{parsed.request.params_json}.bytes(0));
        } catch (const Failure&) {
            // Its own turn answers it.
        }
    }
    backend_->recover_ahead(raw);
}

void Handler::submit(ByteView raw, const rpc::Respond& respond) {
    // The hash is a promise: given once the transaction survives a kill of this process.
    auto stored = [hash = transaction_hash(raw), respond](const Status& status) {
        if (status) return respond({quoted_bytes(hash.view()), std::nullopt, {}});
        respond({"", rpc::RpcError{-32000, "the transaction could not be stored: " + status.error().message, ""}, {}});
    };
    if (const auto hash = backend_->submit(raw, std::move(stored)); !hash) throw rejected(hash.error());
}

std::optional<std::string> Handler::send_raw(const Call& call) {
    submit(call.parameters.bytes(0), call.respond);
    return std::nullopt;
}

std::optional<std::string> Handler::send_raw_sync(const Call& call) {
    auto wait = sync_wait_ms_default;
    if (call.parameters.has(1)) {
        const auto asked = call.parameters.quantity(1);
        if (!asked.is_zero() && asked.fits_u64()) wait = std::min(asked.low64(), sync_wait_ms_max);
    }
    const auto submitted = backend_->submit(call.parameters.bytes(0), [](const Status&) {});
    if (!submitted) throw rejected(submitted.error());
    const auto hash = *submitted;
    auto done = [self = shared_from_this(), hash, respond = call.respond](bool) {
        if (auto json = self->receipt_json(hash)) return respond({std::move(*json), std::nullopt});
        respond({"", rpc::RpcError{4, "The transaction was added to the mempool but wasn't processed in the time given",
                                   quoted_bytes(hash.view())}});
    };
    if (!backend_->await_execution(hash, DurationMs{wait}, done)) done(true);
    return std::nullopt;
}

std::optional<std::string> Handler::transaction_by_hash(const Call& call) {
    const auto hash = call.parameters.fixed<TransactionHash>(0);
    JsonText out;
    if (const auto place = backend_->chain().find(hash)) {
        const auto block = backend_->chain().block(place->height);
        if (!block || place->index >= block->transactions.size()) return "null";
        const auto& executed = block->transactions[place->index];
        const auto decoded = decode_transaction(executed.raw);
        if (!decoded) return "null";
        RecoveredTransaction transaction;
        transaction.transaction = *decoded;
        transaction.hash = hash;
        transaction.sender = executed.receipt.sender;
        write_transaction(
            out, transaction,
            Placed{block->hash, place->height, block->timestamp, place->index, executed.receipt.effective_gas_price});
        return out.take();
    }
    const auto pending = backend_->pending(hash);
    if (!pending) return "null";
    write_transaction(out, *pending, std::nullopt);
    return out.take();
}

std::optional<std::string> Handler::transaction_by_block(const Call& call) {
    const auto block = block_parameter(call, 0);
    const auto index = call.parameters.quantity(1);
    if (!block || index >= uint256{block->transactions.size()}) return "null";
    const auto& executed = block->transactions[index.low64()];
    const auto decoded = decode_transaction(executed.raw);
    if (!decoded) return "null";
    RecoveredTransaction transaction;
    transaction.transaction = *decoded;
    transaction.hash = executed.receipt.transaction;
    transaction.sender = executed.receipt.sender;
    JsonText out;
    write_transaction(out, transaction,
                      Placed{block->hash, block->result.height, block->timestamp, index.low64(),
                             executed.receipt.effective_gas_price});
    return out.take();
}

std::optional<std::string> Handler::raw_transaction(const Call& call) {
    const auto hash = call.parameters.fixed<TransactionHash>(0);
    if (const auto pending = backend_->pending(hash)) return quoted_bytes(pending->raw);
    const auto place = backend_->chain().find(hash);
    const auto block = place ? backend_->chain().block(place->height) : nullptr;
    return block ? quoted_bytes(block->transactions[place->index].raw) : "null";
}

std::optional<std::string> Handler::receipt_json(const TransactionHash& hash) const {
    const auto place = backend_->chain().find(hash);
    const auto block = place ? backend_->chain().block(place->height) : nullptr;
    if (!block || place->index >= block->transactions.size()) return std::nullopt;
    JsonText out;
    write_receipt(out, *block, place->index, logs_before(*block, place->index));
    return out.take();
}

std::optional<std::string> Handler::receipt(const Call& call) {
    const auto hash = call.parameters.fixed<TransactionHash>(0);
    if (auto json = receipt_json(hash)) return json;
    // Accepted and not executed yet: held open, since a client that hears null sleeps for seconds.
    auto done = [self = shared_from_this(), hash, respond = call.respond](bool) {
        auto json = self->receipt_json(hash);
        respond({json ? std::move(*json) : "null", std::nullopt});
    };
    if (backend_->await_execution(hash, std::nullopt, done)) return std::nullopt;
    // It may have executed between the two looks.
    auto json = receipt_json(hash);
    return json ? json : std::optional<std::string>{"null"};
}

std::optional<std::string> Handler::pool_status(const Call&) {
    const auto all = backend_->pool_size();
    const auto queued = std::min(backend_->queued(), all);
    JsonText out;
    out.begin_object().key("pending").quantity(all - queued).key("queued").quantity(queued);
    return out.end_object().take();
}

std::optional<std::string> Handler::pool_content(const Call&) {
    std::size_t bytes = 0;
    using BySender = std::map<Address, std::map<std::uint64_t, RecoveredTransactionPtr>>;
    BySender pending, queued;
    std::map<Address, std::uint64_t> gaps;
    for (const auto& transaction : backend_->all_pending(5000)) {
        // As text about two bytes each, and the other fields.
        if ((bytes += 2 * transaction->raw.size() + 1000) > limits::rpc_response_bytes_max) break;
        const auto& sender = transaction->sender;
        const auto nonce = transaction->transaction.nonce;
        const auto [gap, is_new] = gaps.try_emplace(sender, 0);
        if (is_new) gap->second = backend_->pending_nonce(sender);
        // A native transaction has no nonce to wait for.
        const bool waits = transaction->transaction.type != TransactionType::native && nonce >= gap->second;
        (waits ? queued : pending)[sender][nonce] = transaction;
    }
    JsonText out;
    const auto write = [&](const char* name, const BySender& senders) {
        out.key(name).begin_object();
        for (const auto& [sender, transactions] : senders) {
            out.key(to_hex_prefixed(sender.view())).begin_object();
            for (const auto& [nonce, transaction] : transactions) {
                out.key(std::to_string(nonce));
                write_transaction(out, *transaction, std::nullopt);
            }
            out.end_object();
        }
        out.end_object();
    };
    out.begin_object();
    write("pending", pending);
    write("queued", queued);
    return out.end_object().take();
}

}  // namespace troupe::gateway
