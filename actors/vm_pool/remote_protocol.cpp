#include "actors/vm_pool/remote_protocol.hpp"

namespace troupe::vm_pool::remote {

ReadCall to_message(const ReadWork& work, const ReadBase& base) {
    const auto& context = base.context;
    ReadCall out;
    out.kind = work.kind;
    out.transaction = work.request.transaction;
    out.gas_named = work.request.gas_named;
    out.overrides.assign(work.request.overrides.begin(), work.request.overrides.end());
    out.block = work.request.block;
    out.root = base.root;
    out.number = context.number;
    out.timestamp = context.timestamp;
    out.coinbase = context.coinbase;
    out.gas_limit = context.gas_limit;
    out.base_fee = context.base_fee;
    out.prevrandao = context.prevrandao;
    out.chain_id = context.chain_id;
    out.blob_base_fee = context.blob_base_fee;
    return out;
}

CallRequest request_of(const ReadCall& message) {
    return {
        message.transaction, message.gas_named, {message.overrides.begin(), message.overrides.end()}, message.block};
}

evm::BlockContext context_of(const ReadCall& message) {
    evm::BlockContext out;
    out.number = message.number;
    out.timestamp = message.timestamp;
    out.coinbase = message.coinbase;
    out.gas_limit = message.gas_limit;
    out.base_fee = message.base_fee;
    out.prevrandao = message.prevrandao;
    out.chain_id = message.chain_id;
    out.blob_base_fee = message.blob_base_fee;
    return out;
}

ReadReply to_message(CallResult result) {
    ReadReply out{result.succeeded, result.reverted, std::move(result.error), std::move(result.output), result.gas, {}};
    for (const auto& [address, slots] : result.accessed)
        out.accessed.push_back({address, {slots.begin(), slots.end()}});
    return out;
}

CallResult result_of(ReadReply message) {
    CallResult out{message.succeeded,         message.reverted, std::move(message.error),
                   std::move(message.output), message.gas,      {}};
    for (const auto& item : message.accessed) out.accessed[item.address].insert(item.slots.begin(), item.slots.end());
    return out;
}

Result<Bytes> answer_query(ReadBase& base, const std::string& method, ByteView body) {
    if (method == query::alive) return Bytes{};
    if (method == query::account || method == query::has_storage) {
        const auto asked = decode<AccountQuery>(body);
        if (!asked) return asked.error();
        if (method == query::has_storage) return encode(base.state->has_storage(asked->address));
        AccountReply reply;
        if (const auto account = base.state->account(asked->address))
            reply = {true, account->nonce, account->balance, account->code_hash};
        return encode(reply);
    }
    if (method == query::slot) {
        const auto asked = decode<SlotQuery>(body);
        if (!asked) return asked.error();
        return encode(base.state->storage(asked->address, asked->slot));
    }
    if (method == query::code) {
        const auto hash = decode<CodeHash>(body);
        if (!hash) return hash.error();
        return Bytes{*base.state->code(*hash)};
    }
    if (method == query::block_hash) {
        const auto number = decode<std::uint64_t>(body);
        if (!number) return number.error();
        return encode(base.context.block_hash ? base.context.block_hash(*number) : Hash256{});
    }
    return make_error(ErrorCode::malformed, "a worker asks for what is none of its business: " + method.substr(0, 64));
}

}  // namespace troupe::vm_pool::remote
