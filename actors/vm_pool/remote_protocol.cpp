#include "actors/vm_pool/remote_protocol.hpp"

namespace troupe::vm_pool::remote {

Context Context::of(const RootHash& root, const evm::BlockContext& context) {
    Context out;
    out.root = root;
    out.number = context.number;
    out.timestamp = context.timestamp;
    out.coinbase = context.coinbase;
    out.gas_limit = context.gas_limit;
    out.base_fee = context.base_fee;
    out.prevrandao = context.prevrandao;
    out.chain_id = context.chain_id;
    out.blob_base_fee = context.blob_base_fee;
    if (context.tips) {
        out.tips_to = context.tips->recipient;
        out.tips_numerator = context.tips->numerator;
        out.tips_denominator = context.tips->denominator;
    }
    return out;
}

evm::BlockContext Context::block() const {
    evm::BlockContext out;
    out.number = number;
    out.timestamp = timestamp;
    out.coinbase = coinbase;
    out.gas_limit = gas_limit;
    out.base_fee = base_fee;
    out.prevrandao = prevrandao;
    out.chain_id = chain_id;
    out.blob_base_fee = blob_base_fee;
    if (tips_denominator != 0) out.tips = {tips_to, tips_numerator, tips_denominator};
    return out;
}

AccountReply AccountReply::of(const std::optional<AccountRecord>& record) {
    return record ? AccountReply{true, record->nonce, record->balance, record->code_hash} : AccountReply{};
}

std::optional<AccountRecord> AccountReply::record() const {
    return exists ? std::optional{AccountRecord{nonce, balance, code_hash}} : std::nullopt;
}

ReadCall to_message(const ReadWork& work, const ReadBase& base) {
    ReadCall out;
    out.kind = work.kind;
    out.transaction = work.request.transaction;
    out.gas_named = work.request.gas_named;
    out.overrides.assign(work.request.overrides.begin(), work.request.overrides.end());
    out.block = work.request.block;
    out.context = Context::of(base.root, base.context);
    return out;
}

CallRequest request_of(const ReadCall& message) {
    return {
        message.transaction, message.gas_named, {message.overrides.begin(), message.overrides.end()}, message.block};
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

Result<Bytes> answer_query(StateReader& state, const evm::BlockContext& context, const std::string& method,
                           ByteView body) {
    if (method == query::alive) return Bytes{};
    if (method == query::account || method == query::has_storage) {
        const auto asked = decode<AccountQuery>(body);
        if (!asked) return asked.error();
        if (method == query::has_storage) return encode(state.has_storage(asked->address));
        return encode(AccountReply::of(state.account(asked->address)));
    }
    if (method == query::slot) {
        const auto asked = decode<SlotQuery>(body);
        if (!asked) return asked.error();
        return encode(state.storage(asked->address, asked->slot));
    }
    if (method == query::code) {
        const auto hash = decode<CodeHash>(body);
        if (!hash) return hash.error();
        return Bytes{*state.code(*hash)};
    }
    if (method == query::block_hash) {
        const auto number = decode<std::uint64_t>(body);
        if (!number) return number.error();
        return encode(context.block_hash ? context.block_hash(*number) : Hash256{});
    }
    return make_error(ErrorCode::malformed, "a worker asks for what is none of its business: " + method.substr(0, 64));
}

}  // namespace troupe::vm_pool::remote
