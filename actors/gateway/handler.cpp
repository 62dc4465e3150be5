#include "actors/gateway/handler.hpp"

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

namespace troupe::gateway {

Failure invalid_params(std::string message) { return {{-32602, std::move(message), ""}}; }

std::string quoted_quantity(const uint256& value) { return "\"" + to_quantity(value) + "\""; }
std::string quoted_bytes(ByteView value) { return "\"" + to_hex_prefixed(value) + "\""; }

// Parameters ----------------------------------------------------------------------------------------------------------

namespace {

/// An array of plain strings as framing gives it (valid JSON without spaces), which nearly all parameters are: several
/// times as quick as the general parser. False: something else; `values` is then of no use.
[[nodiscard]] bool read_plain_strings(std::string_view json, std::vector<Json>& values) {
    if (!json.starts_with("[\"") || json.find('\\') != std::string_view::npos) return false;
    std::size_t at = 1;
    for (;;) {
        if (at >= json.size() || json[at] != '"') return false;
        const auto end = json.find('"', at + 1);
        if (end == std::string_view::npos) return false;
        values.emplace_back(std::string{json.substr(at + 1, end - at - 1)});
        at = end + 1;
        if (json.substr(at) == "]") return true;
        if (at >= json.size() || json[at] != ',') return false;
        ++at;
    }
}

}  // namespace

Parameters::Parameters(const std::string& json) {
    if (json.empty() || read_plain_strings(json, values_)) return;
    values_.clear();
    auto parsed = Json::parse(json, nullptr, false);
    if (parsed.is_null()) return;
    if (!parsed.is_array()) throw Failure{{-32602, "non-array args", ""}};
    for (auto& value : parsed) values_.push_back(std::move(value));
}

const Json& Parameters::at(std::size_t i) const {
    if (!has(i)) throw invalid_params("missing value for required argument " + std::to_string(i));
    return values_[i];
}

namespace {

[[nodiscard]] const std::string& text_of(const Json& value, const std::string& where) {
    if (!value.is_string()) throw invalid_params(where + "expected a hex string");
    return value.get_ref<const std::string&>();
}

}  // namespace

Bytes Parameters::bytes(std::size_t i) const {
    const auto where = "invalid argument " + std::to_string(i) + ": ";
    const auto& text = text_of(at(i), where);
    if (!text.starts_with("0x")) throw invalid_params(where + "hex string without 0x prefix");
    if (text.size() % 2 != 0) throw invalid_params(where + "hex string of odd length: odd number of digits");
    auto data = from_hex(text);
    if (!data) throw invalid_params(where + "invalid hex string");
    return std::move(*data);
}

Address Parameters::address(std::size_t i) const { return fixed<Address>(i); }

uint256 Parameters::quantity(std::size_t i) const {
    const auto& value = at(i);
    if (value.is_number_unsigned()) return uint256{value.get<std::uint64_t>()};
    if (value.is_string() && !value.get_ref<const std::string&>().starts_with("0x"))
        throw invalid_params("invalid argument " + std::to_string(i) + ": hex string without 0x prefix");
    const auto number = parse_uint256(text_of(value, "invalid argument " + std::to_string(i) + ": "));
    if (!number) throw invalid_params("invalid argument " + std::to_string(i) + ": invalid quantity");
    return *number;
}

// Dispatch ------------------------------------------------------------------------------------------------------------

const std::unordered_map<std::string_view, Handler::Method>& Handler::methods() {
    using H = Handler;
    static const std::unordered_map<std::string_view, Method> table{
        {"eth_chainId", &H::chain_id},
        {"net_version", &H::net_version},
        {"eth_blockNumber", &H::block_number},
        {"eth_gasPrice", &H::gas_price},
        {"eth_maxPriorityFeePerGas", &H::max_priority_fee},
        {"eth_blobBaseFee", &H::blob_base_fee},
        {"eth_feeHistory", &H::fee_history},
        {"eth_getBlockByNumber", &H::block_by_number},
        {"eth_getBlockByHash", &H::block_by_hash},
        {"eth_getBlockReceipts", &H::block_receipts},
        {"eth_getBlockTransactionCountByNumber", &H::transaction_count_by_number},
        {"eth_getBlockTransactionCountByHash", &H::transaction_count_by_hash},
        {"eth_getUncleCountByBlockNumber", &H::zero_if_block},
        {"eth_getUncleCountByBlockHash", &H::zero_if_block},
        {"eth_getUncleByBlockNumberAndIndex", &H::no_uncle},
        {"eth_getUncleByBlockHashAndIndex", &H::no_uncle},
        {"eth_syncing", &H::syncing},
        {"eth_accounts", &H::accounts},
        {"web3_clientVersion", &H::client_version},
        {"web3_sha3", &H::sha3},
        {"net_listening", &H::listening},
        {"net_peerCount", &H::peer_count},
        {"troupe_nodeInfo", &H::node_info},
        {"troupe_transactionStatus", &H::transaction_status},
        {"troupe_getBlock", &H::agreed_block},
        {"eth_getBalance", &H::balance},
        {"eth_getCode", &H::code},
        {"eth_getStorageAt", &H::storage_at},
        {"eth_getTransactionCount", &H::transaction_count},
        {"eth_getAccountInfo", &H::account_info},
        {"eth_getProof", &H::proof},
        {"eth_call", &H::call},
        {"eth_estimateGas", &H::estimate_gas},
        {"eth_createAccessList", &H::create_access_list},
        {"eth_fillTransaction", &H::fill_transaction},
        {"eth_simulateV1", &H::simulate_v1},
        {"debug_traceTransaction", &H::trace_transaction},
        {"debug_traceBlockByNumber", &H::trace_block_by_number},
        {"debug_traceBlockByHash", &H::trace_block_by_hash},
        {"debug_traceCall", &H::trace_call},
        {"eth_sendRawTransaction", &H::send_raw},
        {"eth_sendRawTransactionSync", &H::send_raw_sync},
        {"eth_requestAccounts", &H::accounts},
        {"eth_sendTransaction", &H::send_transaction},
        {"eth_signTransaction", &H::sign_transaction_only},
        {"eth_sign", &H::sign_message},
        {"personal_sign", &H::personal_sign},
        {"eth_signTypedData", &H::sign_typed_data},
        {"eth_signTypedData_v4", &H::sign_typed_data},
        {"eth_getTransactionByHash", &H::transaction_by_hash},
        {"eth_getTransactionByBlockNumberAndIndex", &H::transaction_by_block},
        {"eth_getTransactionByBlockHashAndIndex", &H::transaction_by_block},
        {"eth_getRawTransactionByHash", &H::raw_transaction},
        {"eth_getTransactionReceipt", &H::receipt},
        {"txpool_status", &H::pool_status},
        {"txpool_content", &H::pool_content},
        {"eth_getLogs", &H::logs},
        {"eth_newFilter", &H::new_filter},
        {"eth_newBlockFilter", &H::new_block_filter},
        {"eth_newPendingTransactionFilter", &H::new_pending_filter},
        {"eth_getFilterChanges", &H::filter_changes},
        {"eth_getFilterLogs", &H::filter_logs},
        {"eth_uninstallFilter", &H::uninstall_filter},
        {"eth_subscribe", &H::subscribe},
        {"eth_unsubscribe", &H::unsubscribe},
    };
    return table;
}

Handler::Handler(HandlerOptions options, std::shared_ptr<Backend> backend)
    : options_(std::move(options)),
      backend_(std::move(backend)),
      runner_(backend_->chain(), std::shared_ptr<const Genesis>(backend_, &backend_->genesis()), options_.code_cache) {
    for (const auto& key : options_.accounts) account_order_.push_back(key.address());
}

void Handler::handle(const std::shared_ptr<rpc::Peer>& peer, rpc::Request request, rpc::Respond respond) {
    const auto& table = methods();
    const auto method = table.find(request.method);
    if (method == table.end())
        return respond(
            {"", rpc::RpcError{-32601, "the method " + request.method + " does not exist/is not available", ""}});
    try {
        const Parameters parameters{std::string{request.params_json}};
        auto result = (this->*method->second)({parameters, peer, respond});
        if (result) respond({std::move(*result), std::nullopt});
    } catch (Failure& failure) {
        respond({"", std::move(failure.error)});
    } catch (const std::exception& error) {
        spdlog::error("{}: {}", request.method, error.what());
        respond({"", rpc::RpcError{-32000, "internal error", ""}});
    }
}

std::optional<rpc::HttpAnswer> Handler::on_get(std::string_view path) {
    if (options_.get)
        if (auto answer = options_.get(path)) return answer;
    if (path == "/health" || path == "/ready")
        return rpc::HttpAnswer{
            200, "application/json",
            "{\"status\":\"ok\",\"height\":" + std::to_string(backend_->chain().latest().value) + "}"};
    return std::nullopt;
}

// Blocks as parameters ------------------------------------------------------------------------------------------------

Height Handler::resolve(const Json& block) const {
    const auto& chain = backend_->chain();
    if (block.is_object()) {
        // EIP-1898
        if (block.contains("blockHash") && block.contains("blockNumber"))
            throw invalid_params("cannot specify both BlockHash and BlockNumber, choose one or the other");
        if (block.contains("blockHash")) {
            const auto hash = block["blockHash"].is_string()
                                  ? fixed_from_hex<BlockHash>(block["blockHash"].get<std::string>())
                                  : std::nullopt;
            if (!hash) throw invalid_params("invalid block hash");
            const auto height = chain.height_of(*hash);
            if (!height) throw Failure{{-32001, "header for hash not found", ""}};
            return *height;
        }
        if (block.contains("blockNumber")) return resolve(block["blockNumber"]);
        throw invalid_params("block parameter without blockHash or blockNumber");
    }
    if (!block.is_string()) throw invalid_params("invalid block parameter: expected a tag or a hex number");
    const auto& text = block.get_ref<const std::string&>();
    if (text == "latest" || text == "pending") return chain.latest();
    if (text == "safe" || text == "finalized") return chain.finalized();
    if (text == "earliest") return Height{0};
    // geth takes a plain block hash too.
    if (text.size() == 66) return resolve(Json{{"blockHash", block}});
    const auto number = text.starts_with("0x") ? parse_uint256(text) : std::nullopt;
    if (!number || !number->fits_u64()) throw invalid_params("invalid block parameter: " + text.substr(0, 80));
    return Height{number->low64()};
}

Height Handler::height_parameter(const Call& call, std::size_t index) const {
    const auto height = call.parameters.has(index) ? resolve(call.parameters.at(index)) : backend_->chain().latest();
    const auto latest = backend_->chain().latest();
    if (height > latest)
        throw invalid_params("BlockOutOfRangeError: block height is " + std::to_string(latest.value) +
                             " but requested was " + std::to_string(height.value));
    return height;
}

std::optional<Height> Handler::height_or_pending(const Call& call, std::size_t index, bool pending_is_default) const {
    const bool is_pending = call.parameters.has(index) ? call.parameters.at(index) == "pending" : pending_is_default;
    return is_pending ? std::nullopt : std::optional{height_parameter(call, index)};
}

ExecutedBlockPtr Handler::block_parameter(const Call& call, std::size_t index) const {
    const auto& value = call.parameters.at(index);
    const auto& chain = backend_->chain();
    if (value.is_string() && value.get_ref<const std::string&>().size() == 66) {
        const auto hash = call.parameters.fixed<BlockHash>(index);
        const auto height = chain.height_of(hash);
        return height ? chain.block(*height) : nullptr;
    }
    const auto height = resolve(value);
    return height > chain.latest() ? nullptr : chain.block(height);
}

std::unique_ptr<StateAt> Handler::state(const Call& call, std::size_t index) const {
    auto state = backend_->chain().state_at(height_parameter(call, index));
    if (!state) throw Failure{{-32000, "missing trie node: state of this block is pruned", ""}};
    return state;
}

std::string Handler::block_json(const ExecutedBlock& block, bool full, bool header_only) const {
    const auto& genesis = backend_->genesis();
    BlockFacts facts{genesis.parameters.block_gas_limit, genesis.parameters.base_fee, {}};
    if (block.proposer.value < genesis.validators.size())
        facts.coinbase = genesis.validators[block.proposer.value].beneficiary;
    JsonText out;
    write_block(out, block, facts, full, header_only);
    return out.take();
}

// Read calls ----------------------------------------------------------------------------------------------------------

std::shared_ptr<void> Handler::count_call() {
    if (calls_.fetch_add(1) >= options_.calls_max) {
        calls_.fetch_sub(1);
        return nullptr;
    }
    // Until the job is gone, whether it ran or not. What it points to is not its own.
    return {this, [self = shared_from_this()](void*) { self->calls_.fetch_sub(1); }};
}

namespace {

[[nodiscard]] Failure too_many_calls() { return {{-32005, "request limit exceeded, try again", ""}}; }

void answer_with(const rpc::Respond& respond, const std::function<std::optional<std::string>()>& work) {
    try {
        if (auto result = work()) respond({std::move(*result), std::nullopt, {}});
    } catch (Failure& failure) {
        respond({"", std::move(failure.error), {}});
    } catch (const std::exception& error) {
        spdlog::error("read call: {}", error.what());
        respond({"", rpc::RpcError{-32000, "internal error", ""}, {}});
    }
}

[[nodiscard]] std::optional<std::string> shown(
    const Result<CallResult>& result, const std::function<std::optional<std::string>(const CallResult&)>& show) {
    if (!result && result.error().code == ErrorCode::not_found)
        throw Failure{{-32000, "missing trie node: state of this block is pruned", ""}};
    if (!result) throw std::runtime_error(result.error().message);
    if (result->succeeded) return show(*result);
    if (result->reverted) throw Failure{{3, revert_message(result->output), quoted_bytes(result->output)}};
    throw Failure{{-32000, result->error, ""}};
}

}  // namespace

void Handler::run_later(const Call& call, std::function<Answer()> work) {
    auto counted = count_call();
    if (!counted) throw too_many_calls();
    auto job = [counted = std::move(counted), work = std::move(work), respond = call.respond] {
        answer_with(respond, work);
    };
    caf::anon_send(options_.vm_pool, vm_pool::Job{std::make_shared<const std::function<void()>>(std::move(job))});
}

void Handler::run_call(const Call& call, ReadKind kind, CallRequest request, std::optional<Height> height,
                       std::function<Answer(const CallResult&)> show) {
    const auto after = height ? std::nullopt : backend_->last_pending(request.transaction.sender);
    auto start = [self = shared_from_this(), kind, request = std::move(request), height, show = std::move(show),
                  respond = call.respond] {
        auto counted = self->count_call();
        if (!counted) return respond({"", too_many_calls().error, {}});
        auto work = std::make_shared<vm_pool::ReadWork>();
        work->kind = kind;
        work->request = request;
        work->open = [self, height] { return self->runner_.open(height.value_or(self->backend_->chain().latest())); };
        work->done = [counted = std::move(counted), show, respond](const Result<CallResult>& result) {
            answer_with(respond, [&] { return shown(result, show); });
        };
        caf::anon_send(self->options_.vm_pool, vm_pool::ReadWorkPtr{std::move(work)});
    };
    if (after && backend_->await_execution(*after, std::nullopt, [start](bool) { start(); })) return;
    start();
}

std::string revert_message(ByteView data) {
    const std::string plain = "execution reverted";
    if (data.empty()) return plain;
    if (data.size() < 4) return plain;
    const auto selector = to_hex(data.first(4));
    if (selector == "08c379a0" && data.size() >= 68) {
        const auto size = from_big_endian(data.subspan(36, 32));
        if (size <= uint256{data.size() - 68}) {
            const auto text = data.subspan(68, size.low64());
            return plain + ": " + std::string{text.begin(), text.end()};
        }
        return plain;
    }
    if (selector == "4e487b71" && data.size() >= 36) {
        const auto code = from_big_endian(data.subspan(4, 32)).low64();
        const char* what = code == 0x01   ? "assertion failed"
                           : code == 0x11 ? "arithmetic underflow or overflow"
                           : code == 0x12 ? "division or modulo by zero"
                           : code == 0x21 ? "enum conversion out of range"
                           : code == 0x22 ? "incorrectly encoded storage byte array"
                           : code == 0x31 ? "pop on an empty array"
                           : code == 0x32 ? "array index out of bounds"
                           : code == 0x41 ? "memory allocation error"
                           : code == 0x51 ? "call to a zero-initialized function"
                                          : "generic panic";
        char hex[8];
        std::snprintf(hex, sizeof hex, "0x%02x", static_cast<unsigned>(code & 0xff));
        return plain + ": panic: " + what + " (" + hex + ")";
    }
    return plain + ": custom error 0x" + selector;
}

}  // namespace troupe::gateway
