// eth_simulateV1: reading what is asked, showing what came out.
#include "actors/gateway/handler.hpp"
#include "actors/gateway/simulate.hpp"

namespace troupe::gateway {
namespace {

void write_call(JsonText& out, const SimulatedBlockResult& result, std::size_t index, std::uint64_t first_log) {
    const auto& receipt = result.calls[index].receipt;
    out.begin_object().key("returnData").bytes(receipt.output).key("logs").begin_array();
    for (const auto& log : result.block.transactions[index].receipt.logs)
        write_log(out, result.block, index, log, first_log++);
    out.end_array().key("gasUsed").quantity(receipt.gas_used);
    out.key("status").text(receipt.succeeded ? "0x1" : "0x0");
    if (!receipt.succeeded) {
        out.key("error").begin_object();
        const auto message = receipt.reverted ? revert_message(receipt.output) : receipt.error;
        out.key("code").raw(receipt.reverted ? "3" : "-32015").key("message").raw(rpc::quote(message));
        if (receipt.reverted) out.key("data").bytes(receipt.output);
        out.end_object();
    }
    out.end_object();
}

[[nodiscard]] std::string show(const SimulatedBlockResult& result, bool full_transactions) {
    const BlockFacts facts{result.context.gas_limit, result.context.base_fee, result.context.coinbase};
    JsonText header;
    write_block(header, result.block, facts, false, true);
    // The header's object goes on with what a block has besides.
    auto text = header.take();
    text.pop_back();
    JsonText out;
    out.begin_array();
    for (std::size_t i = 0; i < result.calls.size(); ++i) {
        const auto& receipt = result.block.transactions[i].receipt;
        if (!full_transactions) {
            out.bytes(receipt.transaction.view());
            continue;
        }
        RecoveredTransaction transaction;
        transaction.transaction = result.calls[i].transaction;
        transaction.hash = receipt.transaction;
        transaction.sender = receipt.sender;
        write_transaction(out, transaction,
                          Placed{result.block.hash, result.block.result.height, result.block.timestamp, i,
                                 result.calls[i].receipt.effective_gas_price});
    }
    text += ",\"transactions\":" + out.end_array().take() + ",\"uncles\":[],\"withdrawals\":[],\"size\":\"0x258\"";
    JsonText calls;
    calls.begin_array();
    std::uint64_t logs = 0;
    for (std::size_t i = 0; i < result.calls.size(); ++i) {
        write_call(calls, result, i, logs);
        logs += result.block.transactions[i].receipt.logs.size();
    }
    return text + ",\"calls\":" + calls.end_array().take() + "}";
}

}  // namespace

std::optional<std::string> Handler::simulate_v1(const Call& call) {
    const auto& object = call.parameters.at(0);
    const auto flag = [&](const char* name) { return object.contains(name) && object[name] == true; };
    if (!object.is_object() || !object.contains("blockStateCalls") || !object["blockStateCalls"].is_array())
        throw invalid_params("invalid argument 0: expected blockStateCalls");
    const auto& blocks = object["blockStateCalls"];
    if (blocks.empty()) throw invalid_params("empty input");
    if (blocks.size() > simulated_blocks_max) throw Failure{{-38026, "too many blocks", ""}};
    if (flag("traceTransfers")) throw invalid_params("invalid argument 0: traceTransfers is not supported");
    auto simulation = std::make_shared<Simulation>();
    simulation->validates = flag("validation");
    std::size_t calls = 0;
    for (const auto& entry : blocks) {
        if (!entry.is_object()) throw invalid_params("invalid argument 0: expected blocks as objects");
        auto& block = simulation->blocks.emplace_back();
        const auto named = [&entry = entry](const char* name) {
            return entry.contains(name) && !entry[name].is_null();
        };
        if (named("blockOverrides")) block.block = read_block_overrides(entry["blockOverrides"], 0);
        if (named("stateOverrides")) block.state = read_state_overrides(entry["stateOverrides"], 0);
        if (!named("calls")) continue;
        if (!entry["calls"].is_array()) throw invalid_params("invalid argument 0: expected calls as a list");
        for (const auto& one : entry["calls"]) {
            if (++calls > simulated_calls_max) throw Failure{{-38026, "too many calls", ""}};
            block.calls.push_back({call_request(one), one.contains("nonce") && !one["nonce"].is_null()});
        }
    }
    const auto height = height_parameter(call, 1);
    run_later(call, [self = shared_from_this(), simulation, height, full = flag("returnFullTransactions")] {
        const auto result = simulate(self->runner_, *simulation, height);
        if (!result) throw Failure{{-32000, "missing trie node: state of this block is pruned", ""}};
        if (result->error) throw Failure{{result->error->code, result->error->message, ""}};
        std::string out = "[";
        for (const auto& block : result->blocks) {
            if (out.size() > 1) out += ',';
            out += show(block, full);
        }
        return out + "]";
    });
    return std::nullopt;
}

}  // namespace troupe::gateway
