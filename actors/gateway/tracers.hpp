// geth's tracers: what debug_traceTransaction and its siblings answer, in geth's JSON shapes, as Foundry and Hardhat
// read them (go-ethereum: eth/tracers; docs: "Built-in tracers").
#pragma once

#include <map>
#include <memory>
#include <set>

#include "actors/gateway/json_out.hpp"
#include "runtime/base/json.hpp"
#include "vm/evm/transaction.hpp"

namespace troupe::gateway {

/// What a trace may take of memory before it is cut off with an error.
inline constexpr std::size_t trace_bytes_max = 200 << 20;

/// What a tracer is told when the transaction has ended.
struct TraceEnd {
    const evm::TransactionInput& transaction;
    const evm::ExecutionReceipt& receipt;
    /// Before the transaction.
    StateReader& before;
    JournaledState& after;
    /// Gets the tip.
    Address tip_recipient;
};

class JsonTracer : public evm::Tracer {
public:
    /// Before the transaction; `state` is what it will execute on.
    virtual void begin(JournaledState& state) { state_ = &state; }
    /// The tracer's JSON. Nothing: it came to more than trace_bytes_max.
    [[nodiscard]] virtual std::optional<std::string> finish(const TraceEnd& end) = 0;

protected:
    JournaledState* state_ = nullptr;
};

/// `config` is the third parameter of debug_traceTransaction: {tracer, tracerConfig, enableMemory, ...}, or null.
/// Nothing: it names a tracer that does not exist.
[[nodiscard]] std::unique_ptr<JsonTracer> make_tracer(const Json& config);

/// Shared by the tracers' files.
[[nodiscard]] std::unique_ptr<JsonTracer> make_struct_logger(const Json& config);
[[nodiscard]] std::unique_ptr<JsonTracer> make_call_tracer(const Json& config);
[[nodiscard]] std::unique_ptr<JsonTracer> make_prestate_tracer(const Json& config);
[[nodiscard]] inline bool flag_of(const Json& config, const char* name) {
    return config.is_object() && config.contains(name) && config[name] == true;
}

}  // namespace troupe::gateway
