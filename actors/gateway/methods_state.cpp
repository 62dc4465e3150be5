// Methods about accounts and code, and calls that change nothing.
#include "actors/gateway/handler.hpp"

namespace troupe::gateway {

std::optional<std::string> Handler::balance(const Call& call) {
    const auto address = call.parameters.address(0);
    const auto account = state(call, 1)->account(address);
    return quoted_quantity(account ? account->balance : uint256{});
}

std::optional<std::string> Handler::code(const Call& call) {
    const auto address = call.parameters.address(0);
    const auto view = state(call, 1);
    const auto account = view->account(address);
    return quoted_bytes(account ? ByteView{*view->code(account->code_hash)} : ByteView{});
}

std::optional<std::string> Handler::storage_at(const Call& call) {
    const auto address = call.parameters.address(0);
    const auto slot = call.parameters.quantity(1);
    return quoted_bytes(to_big_endian(state(call, 2)->storage(address, slot)).view());
}

std::optional<std::string> Handler::transaction_count(const Call& call) {
    const auto address = call.parameters.address(0);
    const bool pending = call.parameters.has(1) && call.parameters.at(1) == "pending";
    if (pending) return quoted_quantity(uint256{backend_->pending_nonce(address)});
    const auto account = state(call, 1)->account(address);
    return quoted_quantity(uint256{account ? account->nonce : 0});
}

std::optional<std::string> Handler::account_info(const Call& call) {
    const auto address = call.parameters.address(0);
    const auto view = state(call, 1);
    const auto account = view->account(address).value_or(AccountRecord{0, {}, empty_code_hash});
    JsonText out;
    out.begin_object().key("balance").quantity(account.balance).key("nonce").quantity(account.nonce);
    out.key("code").bytes(*view->code(account.code_hash));
    return out.end_object().take();
}

std::optional<std::string> Handler::proof(const Call& call) {
    const auto address = call.parameters.address(0);
    std::vector<uint256> slots;
    std::vector<std::string> keys;
    if (call.parameters.has(1)) {
        const auto& list = call.parameters.at(1);
        if (!list.is_array() || list.size() > 1024)
            throw invalid_params("invalid argument 1: expected at most 1024 keys");
        for (const auto& key : list) {
            const auto slot = key.is_string() ? parse_uint256(key.get<std::string>()) : std::nullopt;
            if (!slot) throw invalid_params("invalid argument 1: invalid storage key");
            slots.push_back(*slot);
            keys.push_back(key.get<std::string>());
        }
    }
    const auto view = state(call, 2);
    const auto account = view->trie().prove_account(address);
    if (!account) throw Failure{{-32000, account.error().message, ""}};
    const auto storage = view->trie().prove_storage(address, slots);
    if (!storage) throw Failure{{-32000, storage.error().message, ""}};
    auto facts = account->account.value_or(TrieAccount{});
    if (!account->account) facts.code_hash = empty_code_hash;
    JsonText out;
    out.begin_object().key("address").bytes(address.view()).key("accountProof").begin_array();
    for (const auto& node : account->nodes) out.bytes(node);
    out.end_array().key("balance").quantity(facts.balance).key("codeHash").bytes(facts.code_hash.view());
    out.key("nonce").quantity(facts.nonce).key("storageHash").bytes(facts.storage_root.view());
    out.key("storageProof").begin_array();
    for (std::size_t i = 0; i < storage->size(); ++i) {
        out.begin_object().key("key").escaped(keys[i]).key("value").quantity((*storage)[i].value);
        out.key("proof").begin_array();
        for (const auto& node : (*storage)[i].nodes) out.bytes(node);
        out.end_array().end_object();
    }
    return out.end_array().end_object().take();
}

// Calls ---------------------------------------------------------------------------------------------------------------

CallRequest Handler::call_request(const Json& object) const {
    if (!object.is_object()) throw invalid_params("invalid argument 0: expected a transaction object");
    CallRequest request;
    auto& tx = request.transaction;
    tx.type = 2;
    const auto text = [&](const char* name) -> const std::string* {
        const auto it = object.find(name);
        if (it == object.end() || it->is_null()) return nullptr;
        if (!it->is_string())
            throw invalid_params(std::string{"invalid argument 0: field "} + name + ": expected a hex string");
        return &it->get_ref<const std::string&>();
    };
    const auto number = [&](const char* name) -> std::optional<uint256> {
        const auto* value = text(name);
        if (value == nullptr) return std::nullopt;
        const auto parsed = parse_uint256(*value);
        if (!parsed || !value->starts_with("0x"))
            throw invalid_params(std::string{"invalid argument 0: field "} + name + ": invalid quantity");
        return parsed;
    };
    const auto address = [&](const char* name) -> std::optional<Address> {
        const auto* value = text(name);
        if (value == nullptr || value->empty() || *value == "0x") return std::nullopt;
        const auto parsed = fixed_from_hex<Address>(*value);
        if (!parsed) throw invalid_params(std::string{"invalid argument 0: field "} + name + ": invalid address");
        return parsed;
    };
    tx.sender = address("from").value_or(Address{});
    tx.to = address("to");
    tx.value = number("value").value_or(uint256{});
    const auto* data = text("input");
    if (data == nullptr) data = text("data");
    if (data != nullptr) {
        auto bytes = from_hex(*data);
        if (!bytes) throw invalid_params("invalid argument 0: field data: invalid hex string");
        tx.data = std::move(*bytes);
    }
    if (const auto gas = number("gas")) {
        request.gas_named = true;
        tx.gas_limit = gas->fits_u64() ? gas->low64() : ~std::uint64_t{0};
    }
    const auto price = number("gasPrice");
    const auto cap = number("maxFeePerGas");
    tx.max_fee_per_gas = price ? *price : cap.value_or(uint256{});
    tx.max_priority_fee_per_gas = price ? *price : number("maxPriorityFeePerGas").value_or(uint256{});
    if (tx.max_fee_per_gas < tx.max_priority_fee_per_gas && !tx.max_fee_per_gas.is_zero())
        throw Failure{{-32000, "max priority fee per gas higher than max fee per gas", ""}};
    if (!tx.max_fee_per_gas.is_zero() && tx.max_fee_per_gas < backend_->genesis().parameters.base_fee)
        throw Failure{{-32000,
                       "max fee per gas less than block base fee: maxFeePerGas: " + to_decimal(tx.max_fee_per_gas) +
                           ", baseFee: " + to_decimal(backend_->genesis().parameters.base_fee),
                       ""}};
    if (const auto nonce = number("nonce")) tx.nonce = nonce->low64();
    if (const auto list = object.find("accessList"); list != object.end() && list->is_array()) {
        for (const auto& entry : *list) {
            if (!entry.is_object() || !entry.contains("address") || !entry["address"].is_string())
                throw invalid_params("invalid argument 0: field accessList");
            const auto at = fixed_from_hex<Address>(entry["address"].get<std::string>());
            if (!at) throw invalid_params("invalid argument 0: field accessList: invalid address");
            evm::AccessListItem item{*at, {}};
            if (entry.contains("storageKeys") && entry["storageKeys"].is_array())
                for (const auto& key : entry["storageKeys"])
                    if (const auto slot = key.is_string() ? parse_uint256(key.get<std::string>()) : std::nullopt)
                        item.slots.push_back(*slot);
            tx.access_list.push_back(std::move(item));
        }
    }
    return request;
}

namespace {

/// geth's state override set.
void read_overrides(const Json& object, CallRequest& request) {
    if (!object.is_object()) throw invalid_params("invalid argument 2: expected state overrides");
    for (const auto& [key, value] : object.items()) {
        const auto address = fixed_from_hex<Address>(key);
        if (!address || !value.is_object())
            throw invalid_params("invalid argument 2: invalid address " + key.substr(0, 50));
        auto& change = request.overrides[*address];
        const auto number = [&](const char* name) -> std::optional<uint256> {
            const auto it = value.find(name);
            if (it == value.end() || it->is_null()) return std::nullopt;
            const auto parsed = it->is_string() ? parse_uint256(it->template get<std::string>()) : std::nullopt;
            if (!parsed) throw invalid_params(std::string{"invalid argument 2: field "} + name);
            return parsed;
        };
        change.balance = number("balance");
        if (const auto nonce = number("nonce")) change.nonce = nonce->low64();
        if (value.contains("code") && value["code"].is_string())
            change.code = from_hex(value["code"].get<std::string>());
        for (const char* name : {"state", "stateDiff"})
            if (value.contains(name) && value[name].is_object())
                for (const auto& [slot_text, word] : value[name].items()) {
                    const auto slot = parse_uint256(slot_text);
                    const auto content =
                        word.is_string() ? parse_uint256(word.template get<std::string>()) : std::nullopt;
                    if (!slot || !content) throw invalid_params("invalid argument 2: invalid storage override");
                    change.slots.emplace_back(*slot, *content);
                }
    }
}

}  // namespace

std::optional<std::string> Handler::call(const Call& c) {
    auto request = call_request(c.parameters.at(0));
    const auto height = height_parameter(c, 1);
    if (c.parameters.has(2)) read_overrides(c.parameters.at(2), request);
    if (c.parameters.has(3) && c.parameters.at(3).is_object()) {
        const auto& block = c.parameters.at(3);
        if (block.contains("number") && block["number"].is_string())
            request.block_number = parse_uint256(block["number"].get<std::string>());
        if (block.contains("time") && block["time"].is_string())
            request.block_timestamp = parse_uint256(block["time"].get<std::string>());
    }
    run_call(
        c, std::move(request), height,
        [](const CallRunner& runner, const CallRequest& r, Height h) { return runner.call(r, h); },
        [](const CallResult& result, const CallRequest&) { return quoted_bytes(result.output); });
    return std::nullopt;
}

std::optional<std::string> Handler::estimate_gas(const Call& c) {
    auto request = call_request(c.parameters.at(0));
    const auto height = height_parameter(c, 1);
    if (c.parameters.has(2)) read_overrides(c.parameters.at(2), request);
    run_call(
        c, std::move(request), height,
        [](const CallRunner& runner, const CallRequest& r, Height h) { return runner.estimate(r, h); },
        [](const CallResult& result, const CallRequest&) { return quoted_quantity(uint256{result.gas}); });
    return std::nullopt;
}

std::optional<std::string> Handler::create_access_list(const Call& c) {
    run_call(
        c, call_request(c.parameters.at(0)), height_parameter(c, 1),
        [](const CallRunner& runner, const CallRequest& r, Height h) { return runner.access_list(r, h); },
        [](const CallResult& result, const CallRequest&) {
            JsonText out;
            out.begin_object().key("accessList").begin_array();
            for (const auto& [address, slots] : result.accessed) {
                out.begin_object().key("address").bytes(address.view()).key("storageKeys").begin_array();
                for (const auto& slot : slots) out.bytes(to_big_endian(slot).view());
                out.end_array().end_object();
            }
            return out.end_array().key("gasUsed").quantity(result.gas).end_object().take();
        });
    return std::nullopt;
}

/// viem's first call of every send: what a wallet would have to ask for one by one.
std::optional<std::string> Handler::fill_transaction(const Call& c) {
    const auto& object = c.parameters.at(0);
    auto request = call_request(object);
    const auto& parameters = backend_->genesis().parameters;
    const auto tip = suggested_tip();
    const bool fees_named = object.contains("maxFeePerGas") || object.contains("gasPrice");
    const bool tip_named = object.contains("maxPriorityFeePerGas") || object.contains("gasPrice");
    const auto nonce = object.contains("nonce") && !object["nonce"].is_null()
                           ? request.transaction.nonce
                           : backend_->pending_nonce(request.transaction.sender);
    const auto max_tip = tip_named ? request.transaction.max_priority_fee_per_gas : tip;
    const auto max_fee = fees_named ? request.transaction.max_fee_per_gas : parameters.base_fee * uint256{2} + max_tip;
    const auto chain = parameters.chain_id;
    run_call(
        c, std::move(request), backend_->chain().latest(),
        [](const CallRunner& runner, const CallRequest& r, Height h) {
            if (!r.gas_named) return runner.estimate(r, h);
            CallResult known;
            known.succeeded = true;
            known.gas = r.transaction.gas_limit;
            return std::optional{known};
        },
        [=](const CallResult& result, const CallRequest& r) {
            Transaction tx;
            tx.type = TransactionType::dynamic_fee;
            tx.chain_id = chain;
            tx.nonce = nonce;
            tx.max_fee_per_gas = max_fee;
            tx.max_priority_fee_per_gas = max_tip;
            tx.gas_limit = result.gas;
            tx.to = r.transaction.to;
            tx.value = r.transaction.value;
            tx.data = r.transaction.data;
            JsonText out;
            out.begin_object().key("raw").bytes(encode_transaction(tx)).key("tx").begin_object();
            out.key("type").text("0x2").key("chainId").quantity(chain).key("nonce").quantity(nonce);
            out.key("from").bytes(r.transaction.sender.view());
            if (tx.to)
                out.key("to").bytes(tx.to->view());
            else
                out.key("to").null();
            out.key("gas").quantity(result.gas).key("value").quantity(tx.value).key("input").bytes(tx.data);
            out.key("maxFeePerGas").quantity(max_fee).key("maxPriorityFeePerGas").quantity(max_tip);
            out.key("gasPrice").null().key("accessList").begin_array().end_array();
            return out.end_object().end_object().take();
        });
    return std::nullopt;
}

}  // namespace troupe::gateway
