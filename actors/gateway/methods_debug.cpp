// debug_trace...: transactions executed again under a tracer, by a worker of the VM pool.
#include "actors/execution/evm_input.hpp"
#include "actors/gateway/handler.hpp"
#include "actors/gateway/replay.hpp"

namespace troupe::gateway {
namespace {

[[nodiscard]] Json config_of(const Handler::Call& call, std::size_t index) {
    auto config = call.parameters.has(index) ? call.parameters.at(index) : Json{};
    if (!config.is_null() && !config.is_object())
        throw invalid_params("invalid argument " + std::to_string(index) + ": expected an object");
    if (!make_tracer(config)) throw invalid_params("tracer not found: " + config["tracer"].dump());
    return config;
}

[[nodiscard]] Failure pruned() { return {{-32000, "missing trie node: state before this block is pruned", ""}}; }

[[nodiscard]] Replay replay_of(const CallRunner& runner, Backend& backend, const ExecutedBlockPtr& block) {
    Replay replay{runner, backend.genesis(), block,
                  [&backend](ByteView raw) { return backend.transactions().get(raw); }};
    if (!replay.is_possible()) throw pruned();
    return replay;
}

[[nodiscard]] std::string take(std::variant<std::string, ReplayError> result) {
    if (const auto* error = std::get_if<ReplayError>(&result)) throw Failure{{-32000, error->message, ""}};
    return std::move(std::get<std::string>(result));
}

}  // namespace

std::optional<std::string> Handler::trace_transaction(const Call& call) {
    const auto place = backend_->chain().find(call.parameters.fixed<TransactionHash>(0));
    const auto block = place ? backend_->chain().block(place->height) : nullptr;
    if (!block || place->index >= block->transactions.size()) throw Failure{{-32000, "transaction not found", ""}};
    run_later(call, [self = shared_from_this(), block, index = place->index, config = config_of(call, 1)] {
        auto replay = replay_of(self->runner_, *self->backend_, block);
        while (replay.next() < index) static_cast<void>(take(replay.run(nullptr)));
        const auto tracer = make_tracer(config);
        return take(replay.run(tracer.get()));
    });
    return std::nullopt;
}

std::optional<std::string> Handler::trace_block_by_number(const Call& call) {
    return trace_block(call, backend_->chain().block(height_parameter(call, 0)));
}

std::optional<std::string> Handler::trace_block_by_hash(const Call& call) {
    const auto height = backend_->chain().height_of(call.parameters.fixed<BlockHash>(0));
    return trace_block(call, height ? backend_->chain().block(*height) : nullptr);
}

std::optional<std::string> Handler::trace_block(const Call& call, const ExecutedBlockPtr& block) {
    if (!block) throw Failure{{-32000, "block not found", ""}};
    if (block->result.height.value == 0) throw Failure{{-32000, "genesis is not traceable", ""}};
    run_later(call, [self = shared_from_this(), block, config = config_of(call, 1)] {
        auto replay = replay_of(self->runner_, *self->backend_, block);
        std::string out = "[";
        while (replay.next() < block->transactions.size()) {
            const auto& hash = block->transactions[replay.next()].receipt.transaction;
            if (out.size() > 1) out += ',';
            const auto tracer = make_tracer(config);
            out += "{\"txHash\":\"" + to_hex_prefixed(hash.view()) + "\",\"result\":" + take(replay.run(tracer.get())) +
                   '}';
            if (out.size() > trace_bytes_max) throw Failure{{-32000, "trace is larger than this node gives out", ""}};
        }
        return out + ']';
    });
    return std::nullopt;
}

std::optional<std::string> Handler::trace_call(const Call& call) {
    auto request = call_request(call.parameters.at(0));
    const auto height = height_parameter(call, 1);
    const auto config = config_of(call, 2);
    const auto named = [&](const char* name) {
        return config.is_object() && config.contains(name) && !config[name].is_null();
    };
    if (named("stateOverrides")) request.overrides = read_state_overrides(config["stateOverrides"], 2);
    if (named("blockOverrides")) request.block = read_block_overrides(config["blockOverrides"], 2);
    run_later(call, [self = shared_from_this(), request = std::move(request), height, config] {
        const auto block = self->backend_->chain().block(height);
        const auto base = self->backend_->chain().state_at(height);
        if (!block || !base) throw pruned();
        Overlay before{*base};
        {
            JournaledState changed{*base};
            apply_overrides(changed, request.overrides);
            before.apply(changed.diff());
        }
        auto context = self->runner_.context(*block);
        apply_overrides(context, request.block);
        auto transaction = request.transaction;
        transaction.gas_limit = request.gas_named ? std::min(transaction.gas_limit, call_gas_max) : call_gas_max;
        if (const auto wrong = evm::validate_stateless(transaction, context, chain_revision, evm::Charging::call))
            throw Failure{{-32000, wrong->message, ""}};
        JournaledState state{before};
        const auto tracer = make_tracer(config);
        tracer->begin(state);
        const auto receipt = evm::execute_transaction(state, context, transaction, chain_revision,
                                                      self->runner_.codes(), evm::Charging::call, tracer.get());
        const auto result = tracer->finish({transaction, receipt, before, state, context.coinbase});
        if (!result) throw Failure{{-32000, "trace is larger than this node gives out", ""}};
        return *result;
    });
    return std::nullopt;
}

}  // namespace troupe::gateway
