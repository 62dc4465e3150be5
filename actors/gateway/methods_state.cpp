// Methods about accounts and code, and calls that change nothing.
#include "actors/gateway/handler.hpp"

namespace troupe::gateway {
namespace {

[[nodiscard]] std::optional<uint256> number_field(const Json& object, const char* name, std::size_t argument) {
    const auto it = object.find(name);
    if (it == object.end() || it->is_null()) return std::nullopt;
    const auto parsed = it->is_string() ? parse_uint256(it->get_ref<const std::string&>()) : std::nullopt;
    if (!parsed) throw invalid_params("invalid argument " + std::to_string(argument) + ": field " + name);
    return parsed;
}

}  // namespace

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
    if (price && (cap || number("maxPriorityFeePerGas")))
        throw Failure{{-32000, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified", ""}};
    const auto chain = backend_->genesis().parameters.chain_id;
    if (const auto id = number("chainId"); id && *id != uint256{chain})
        throw Failure{
            {-32000, "chainId does not match node's (have=" + to_decimal(*id) + ", want=" + std::to_string(chain) + ")",
             ""}};
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
                for (const auto& key : entry["storageKeys"]) {
                    const auto slot = key.is_string() ? parse_uint256(key.get<std::string>()) : std::nullopt;
                    if (!slot) throw invalid_params("invalid argument 0: field accessList: invalid storage key");
                    item.slots.push_back(*slot);
                }
            tx.access_list.push_back(std::move(item));
        }
    }
    if (const auto list = object.find("authorizationList");
        list != object.end() && list->is_array() && !list->empty()) {
        tx.type = 4;
        for (const auto& entry : *list) {
            const auto part = [&](const char* name) {
                const auto value = entry.is_object() ? number_field(entry, name, 0) : std::nullopt;
                if (!value) throw invalid_params(std::string{"invalid argument 0: field authorizationList: "} + name);
                return *value;
            };
            Authorization authorization;
            authorization.chain_id = part("chainId");
            authorization.address = evm::to_address(part("address"));
            authorization.nonce = part("nonce").low64();
            authorization.y_parity = part("yParity");
            authorization.r = part("r");
            authorization.s = part("s");
            tx.authorization_list.push_back(
                {authorization.chain_id, authorization.address, authorization.nonce, recover_authority(authorization)});
        }
    }
    return request;
}

StateOverrides read_state_overrides(const Json& object, std::size_t argument) {
    const auto where = "invalid argument " + std::to_string(argument) + ": ";
    if (!object.is_object()) throw invalid_params(where + "expected state overrides");
    StateOverrides out;
    for (const auto& [key, value] : object.items()) {
        const auto address = fixed_from_hex<Address>(key);
        if (!address || !value.is_object()) throw invalid_params(where + "invalid address " + key.substr(0, 50));
        auto& change = out[*address];
        change.balance = number_field(value, "balance", argument);
        if (const auto nonce = number_field(value, "nonce", argument)) change.nonce = nonce->low64();
        if (value.contains("code") && !value["code"].is_null()) {
            auto code =
                value["code"].is_string() ? from_hex(value["code"].get_ref<const std::string&>()) : std::nullopt;
            if (!code) throw invalid_params(where + "field code: invalid hex string");
            change.code = std::move(*code);
        }
        const auto present = [&entry = value](const char* name) {
            return entry.contains(name) && !entry[name].is_null();
        };
        if (present("state") && present("stateDiff"))
            throw invalid_params("account " + key.substr(0, 50) + " has both 'state' and 'stateDiff'");
        change.replaces_storage = present("state");
        for (const char* name : {"state", "stateDiff"}) {
            if (!present(name)) continue;
            if (!value[name].is_object()) throw invalid_params(where + "invalid storage override");
            for (const auto& [slot_text, word] : value[name].items()) {
                const auto slot = parse_uint256(slot_text);
                const auto content = word.is_string() ? parse_uint256(word.template get<std::string>()) : std::nullopt;
                if (!slot || !content) throw invalid_params(where + "invalid storage override");
                change.slots.emplace_back(*slot, *content);
            }
        }
    }
    return out;
}

BlockOverride read_block_overrides(const Json& object, std::size_t argument) {
    if (!object.is_object())
        throw invalid_params("invalid argument " + std::to_string(argument) + ": expected block overrides");
    BlockOverride out;
    const auto number = [&](std::initializer_list<const char*> names) -> std::optional<uint256> {
        for (const auto* name : names)
            if (auto value = number_field(object, name, argument)) return value;
        return std::nullopt;
    };
    out.number = number({"number"});
    out.time = number({"time", "timestamp"});
    out.gas_limit = number({"gasLimit"});
    out.base_fee = number({"baseFeePerGas", "baseFee"});
    out.prevrandao = number({"prevRandao", "random"});
    if (const auto coinbase = number({"feeRecipient", "coinbase"})) out.coinbase = evm::to_address(*coinbase);
    return out;
}

std::optional<std::string> Handler::call(const Call& c) {
    auto request = call_request(c.parameters.at(0));
    const auto height = height_or_pending(c, 1, false);
    if (c.parameters.has(2)) request.overrides = read_state_overrides(c.parameters.at(2), 2);
    if (c.parameters.has(3)) request.block = read_block_overrides(c.parameters.at(3), 3);
    run_call(c, ReadKind::call, std::move(request), height,
             [](const CallResult& result) { return quoted_bytes(result.output); });
    return std::nullopt;
}

std::optional<std::string> Handler::estimate_gas(const Call& c) {
    auto request = call_request(c.parameters.at(0));
    const auto height = height_or_pending(c, 1, true);
    if (c.parameters.has(2)) request.overrides = read_state_overrides(c.parameters.at(2), 2);
    if (c.parameters.has(3)) request.block = read_block_overrides(c.parameters.at(3), 3);
    run_call(c, ReadKind::estimate, std::move(request), height,
             [](const CallResult& result) { return quoted_quantity(uint256{result.gas}); });
    return std::nullopt;
}

std::optional<std::string> Handler::create_access_list(const Call& c) {
    run_call(c, ReadKind::access_list, call_request(c.parameters.at(0)), height_or_pending(c, 1, true),
             [](const CallResult& result) {
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

void Handler::fill(const Call& c, const Json& object, std::function<Answer(Transaction, const Address&)> done) {
    auto request = call_request(object);
    const auto named = [&](const char* name) { return object.contains(name) && !object[name].is_null(); };
    const auto& input = request.transaction;
    Transaction tx;
    tx.type = !named("gasPrice")    ? TransactionType::dynamic_fee
              : named("accessList") ? TransactionType::access_list
                                    : TransactionType::legacy;
    tx.chain_id = backend_->genesis().parameters.chain_id;
    tx.nonce = named("nonce") ? input.nonce : backend_->pending_nonce(input.sender);
    tx.max_priority_fee_per_gas =
        named("maxPriorityFeePerGas") || named("gasPrice") ? input.max_priority_fee_per_gas : suggested_tip();
    tx.max_fee_per_gas = named("maxFeePerGas") || named("gasPrice")
                             ? input.max_fee_per_gas
                             : backend_->genesis().parameters.base_fee * uint256{2} + tx.max_priority_fee_per_gas;
    // A low cap of the wallet's bounds the suggestion too.
    tx.max_priority_fee_per_gas = std::min(tx.max_priority_fee_per_gas, tx.max_fee_per_gas);
    tx.to = input.to;
    tx.value = input.value;
    tx.data = input.data;
    for (const auto& item : input.access_list) {
        auto& entry = tx.access_list.emplace_back(AccessListEntry{item.address, {}});
        for (const auto& slot : item.slots) entry.slots.push_back(to_big_endian(slot));
    }
    auto finish = [tx, sender = input.sender, done = std::move(done)](std::uint64_t gas) {
        auto filled = tx;
        filled.gas_limit = gas;
        return done(std::move(filled), sender);
    };
    if (request.gas_named) {
        if (auto answer = finish(request.transaction.gas_limit)) c.respond({std::move(*answer), std::nullopt});
        return;
    }
    run_call(c, ReadKind::estimate, std::move(request), std::nullopt,
             [finish](const CallResult& result) { return finish(result.gas); });
}

/// viem's first call of every send: what a wallet would have to ask for one by one.
std::optional<std::string> Handler::fill_transaction(const Call& c) {
    fill(c, c.parameters.at(0), [](Transaction tx, const Address& sender) -> Answer {
        RecoveredTransaction filled;
        filled.transaction = std::move(tx);
        filled.raw = encode_transaction(filled.transaction);
        filled.hash = transaction_hash(filled.raw);
        filled.sender = sender;
        JsonText out;
        out.begin_object().key("raw").bytes(filled.raw).key("tx");
        write_transaction(out, filled, std::nullopt);
        return out.end_object().take();
    });
    return std::nullopt;
}

}  // namespace troupe::gateway
