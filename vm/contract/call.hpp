// One call of a contract in WebAssembly, as its host functions see it.
#pragma once

#include "vm/contract/gas.hpp"
#include "vm/engine/sandbox.hpp"
#include "vm/evm/access_costs.hpp"
#include "vm/evm/code_engine.hpp"

namespace troupe::contract {

struct Call {
    evm::Host& host;
    const evm::CallMessage& message;
    evm::Revision revision;
    evm::Tracer* tracer;
    vm::Machine& machine;
    /// Null: the module has none.
    vm::Memory* memory;
    /// Calldata, or the constructor's arguments.
    ByteView input;
    /// Of finish and revert. Outlives the instance.
    Bytes& output;
    /// What the machine started with.
    std::int64_t fuel_at_start = 0;
    /// Of the last call or creation that this one made.
    ByteView return_data{};
    /// How a host function ended the call, if one did.
    evm::Status status = evm::Status::success;
    bool has_ended = false;
    std::int64_t refund = 0;

    [[nodiscard]] std::int64_t gas_left() const noexcept { return machine.fuel / fuel_per_gas; }
    /// False: it can't be paid, and all fuel is gone.
    [[nodiscard]] bool charge(std::int64_t gas) noexcept {
        return machine.charge(static_cast<std::uint64_t>(gas) * static_cast<std::uint64_t>(fuel_per_gas));
    }
    [[nodiscard]] vm::Trap end(evm::Status how) noexcept {
        status = how;
        has_ended = true;
        return vm::Trap::host_error;
    }

    /// Null if the range is not inside the memory; never null for a size of zero.
    [[nodiscard]] std::uint8_t* range(std::uint32_t at, std::uint32_t size) const noexcept {
        static std::uint8_t none = 0;
        if (size == 0) return &none;
        if (memory == nullptr || std::uint64_t{at} + size > memory->size_bytes) return nullptr;
        return memory->base + at;
    }
};

}  // namespace troupe::contract
