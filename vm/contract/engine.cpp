#include "vm/contract/engine.hpp"

#include <algorithm>

#include "runtime/crypto/keccak.hpp"
#include "vm/contract/call.hpp"
#include "vm/contract/contract_cache.hpp"
#include "vm/contract/module_extent.hpp"
#include "vm/evm/call_stack.hpp"
#include "vm/evm/frame.hpp"

namespace troupe::contract {
namespace {

using evm::CallMessage;
using evm::CallOutcome;
using evm::Status;
using vm::Trap;

[[nodiscard]] CallOutcome failed(Status status) {
    CallOutcome out;
    out.status = status;
    return out;
}

/// What one call runs on.
struct Entry {
    const Contract& contract;
    std::uint32_t function;
    ByteView input;
};

[[nodiscard]] CallOutcome execute(const Entry& entry, evm::Host& host, const CallMessage& message,
                                  evm::Revision revision, evm::Tracer* tracer, Bytes& output) {
    const auto gas = std::min(message.gas, gas_in_fuel_max);
    const auto set_aside = message.gas - gas;
    auto fuel = gas * fuel_per_gas;
    const auto fuel_at_start = fuel;
    fuel -= entry.contract.instance_fuel + entry.contract.pages * chunks_per_page * fuel_per_dirty_chunk;
    if (fuel < 0) return failed(Status::out_of_gas);

    const auto sandbox = entry.contract.pool->acquire();
    // Not a property of the transaction: going on would let this node differ from the others.
    TROUPE_ASSERT(sandbox != nullptr);
    auto& machine = sandbox->machine();
    Call call{.host = host,
              .message = message,
              .revision = revision,
              .tracer = tracer,
              .machine = machine,
              .memory = sandbox->memory(),
              .input = entry.input,
              .output = output,
              .fuel_at_start = fuel_at_start};
    machine.fuel = fuel;
    machine.host_context = &call;
    output.clear();
    auto trap = sandbox->start();
    if (trap == Trap::none) trap = sandbox->run(entry.function);

    CallOutcome out;
    if (trap == Trap::host_error) {
        out.status = call.status;
    } else if (trap == Trap::out_of_fuel) {
        out.status = Status::out_of_gas;
    } else if (trap != Trap::none) {
        out.status = Status::trap;
        out.opcode = static_cast<std::uint8_t>(trap);
    }
    if (out.status != Status::success && out.status != Status::revert) return out;
    if (call.memory != nullptr) {
        const auto chunks = static_cast<std::int64_t>(call.memory->size_bytes / vm::chunk_bytes);
        machine.fuel += (chunks - static_cast<std::int64_t>(sandbox->dirty_chunks())) * fuel_per_dirty_chunk;
    }
    out.gas_left = machine.fuel / fuel_per_gas + set_aside;
    out.output = output;
    if (out.status == Status::success) out.refund = call.refund;
    return out;
}

class Engine final : public evm::CodeEngine {
public:
    explicit Engine(EngineOptions options) : cache_(std::move(options)) {}

    CallOutcome run(evm::Host& host, const CallMessage& message, const CodeHash& hash, ByteView code,
                    evm::Revision revision, evm::Tracer* tracer) override {
        const auto contract = cache_.get(hash, code);
        if (!contract) return failed(Status::invalid_module);
        return enter({**contract, (*contract)->call, message.input}, host, message, revision, tracer);
    }

    CallOutcome create(evm::Host& host, const CallMessage& message, evm::Revision revision,
                       evm::Tracer* tracer) override {
        const auto code = message.input.first(module_extent(message.input));
        auto rest = message;
        if (const auto status = charge_admission(code, rest.gas); status != Status::success) return failed(status);
        const auto contract = cache_.get(CodeHash::from(keccak256(code)), code);
        if (!contract) return failed(Status::invalid_module);
        CallOutcome out;
        out.gas_left = rest.gas;
        if ((*contract)->deploy)
            out = enter({**contract, *(*contract)->deploy, message.input.subspan(code.size())}, host, rest, revision,
                        tracer);
        if (out.status == Status::success && out.output.empty()) out.output = code;
        return out;
    }

    Status admit(ByteView code, std::int64_t& gas) override {
        if (const auto status = charge_admission(code, gas); status != Status::success) return status;
        if (module_extent(code) != code.size()) return Status::invalid_module;
        return cache_.get(CodeHash::from(keccak256(code)), code) ? Status::success : Status::invalid_module;
    }

private:
    [[nodiscard]] static Status charge_admission(ByteView code, std::int64_t& gas) {
        const auto cost = admission_gas_per_byte * static_cast<std::int64_t>(code.size());
        if (gas < cost) return Status::out_of_gas;
        gas -= cost;
        return Status::success;
    }

    /// On this thread's stack or, where that is used up, on another.
    [[nodiscard]] CallOutcome enter(const Entry& entry, evm::Host& host, const CallMessage& message,
                                    evm::Revision revision, evm::Tracer* tracer) {
        auto& arena = evm::FrameArena::of_thread();
        if (!evm::has_stack_room()) [[unlikely]] {
            CallOutcome out;
            evm::run_on_large_stack([&] {
                evm::FrameArena::lend_to_thread(arena);
                out = enter(entry, host, message, revision, tracer);
            });
            return out;
        }
        // What this call returns lies here until its caller calls again.
        auto& slot = arena.acquire();
        auto out = execute(entry, host, message, revision, tracer, slot.output);
        arena.release();
        return out;
    }

    ContractCache cache_;
};

}  // namespace

std::shared_ptr<evm::CodeEngine> make_engine(EngineOptions options) {
    return std::make_shared<Engine>(std::move(options));
}

}  // namespace troupe::contract
