#include "vm/contract/engine.hpp"

#include <algorithm>

#include "runtime/crypto/keccak.hpp"
#include "vm/contract/call.hpp"
#include "vm/contract/contract_cache.hpp"
#include "vm/contract/module_extent.hpp"
#include "vm/contract/package.hpp"
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
    fuel -= entry.contract.instance_fuel;
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
        // The machine itself failed: going on would let this node differ from the others.
        TROUPE_ASSERT(call.has_ended);
        out.status = call.status;
    } else if (trap == Trap::out_of_fuel) {
        out.status = Status::out_of_gas;
    } else if (trap != Trap::none) {
        out.status = Status::trap;
        out.opcode = static_cast<std::uint8_t>(trap);
    }
    if (out.status != Status::success && out.status != Status::revert) return out;
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
        auto rest = message;
        ContractPtr contract;
        switch (evm::code_kind(code)) {
            case evm::CodeKind::part: {
                // As an EVM code that begins with STOP.
                CallOutcome out;
                out.gas_left = message.gas;
                return out;
            }
            case evm::CodeKind::package: {
                const auto package = parse_package(code);
                if (!package) return failed(Status::invalid_module);
                if (!charge_parts(host, *package, rest.gas)) return failed(Status::out_of_gas);
                const auto key = package_key(host, *package);
                contract = cache_.find(key);
                if (contract == nullptr) {
                    const auto module = assemble(host, *package);
                    if (module) contract = or_null(cache_.get(key, *module));
                }
                break;
            }
            default: contract = or_null(cache_.get(hash, code));
        }
        if (contract == nullptr) return failed(Status::invalid_module);
        return enter({*contract, contract->call, message.input}, host, rest, revision, tracer);
    }

    CallOutcome create(evm::Host& host, const CallMessage& message, evm::Revision revision,
                       evm::Tracer* tracer) override {
        auto rest = message;
        ByteView code = message.input;
        CallOutcome out;
        ContractPtr contract;
        switch (evm::code_kind(code)) {
            case evm::CodeKind::part:
                out.gas_left = message.gas;
                out.output = code;
                return out;
            case evm::CodeKind::package: {
                const auto package = parse_package(code);
                if (!package) return failed(Status::invalid_module);
                code = code.first(package->size);
                if (!charge_parts(host, *package, rest.gas)) return failed(Status::out_of_gas);
                const auto module = assemble(host, *package);
                if (!module) return failed(Status::invalid_module);
                const auto words = static_cast<std::int64_t>((module->size() + 31) / 32);
                if (!charge(words * assembly_gas_per_word + admission_gas(*module), rest.gas))
                    return failed(Status::out_of_gas);
                if (module_extent(*module) == module->size())
                    contract = or_null(cache_.get(package_key(host, *package), *module));
                break;
            }
            default:
                code = code.first(module_extent(code));
                if (!charge(admission_gas(code), rest.gas)) return failed(Status::out_of_gas);
                contract = or_null(cache_.get(CodeHash::from(keccak256(code)), code));
        }
        if (contract == nullptr) return failed(Status::invalid_module);
        out.gas_left = rest.gas;
        if (contract->deploy)
            out =
                enter({*contract, *contract->deploy, message.input.subspan(code.size())}, host, rest, revision, tracer);
        if (out.status == Status::success && out.output.empty()) out.output = code;
        return out;
    }

    Status admit(ByteView code, std::int64_t& gas) override {
        switch (evm::code_kind(code)) {
            case evm::CodeKind::part: return Status::success;
            // Only as init code, which is checked against its parts.
            case evm::CodeKind::package: return Status::invalid_module;
            default: break;
        }
        if (!charge(admission_gas(code), gas)) return Status::out_of_gas;
        if (module_extent(code) != code.size()) return Status::invalid_module;
        return cache_.get(CodeHash::from(keccak256(code)), code) ? Status::success : Status::invalid_module;
    }

private:
    [[nodiscard]] static bool charge(std::int64_t cost, std::int64_t& gas) {
        if (gas < cost) return false;
        gas -= cost;
        return true;
    }
    [[nodiscard]] static std::int64_t admission_gas(ByteView code) {
        return admission_gas_per_byte * static_cast<std::int64_t>(code.size());
    }
    [[nodiscard]] static bool charge_parts(evm::Host& host, const Package& package, std::int64_t& gas) {
        for (const auto& part : package.parts)
            if (!charge(host.warm_account(part) ? evm::cold_account_gas : evm::warm_access_gas, gas)) return false;
        return true;
    }
    [[nodiscard]] static ContractPtr or_null(Result<ContractPtr> made) { return made ? std::move(*made) : nullptr; }

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
