// One call of a contract in WebAssembly, as its host functions see it.
#pragma once

#include <cstring>

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

    /// For reading. Null if the range is not inside the memory; never null for a size of zero.
    [[nodiscard]] const std::uint8_t* range(std::uint32_t at, std::uint32_t size) const noexcept {
        static constexpr std::uint8_t none = 0;
        if (size == 0) return &none;
        if (memory == nullptr || std::uint64_t{at} + size > memory->size_bytes) return nullptr;
        return memory->base + at;
    }
    /// For writing, which is a store to all chunks of the range: pays for those that were clean.
    [[nodiscard]] vm::Trap write_to(std::uint32_t at, std::uint32_t size, std::uint8_t*& out) noexcept {
        out = nullptr;
        if (size == 0) return vm::Trap::none;
        if (range(at, size) == nullptr) return vm::Trap::memory_out_of_bounds;
        if (!vm::charge_written(machine, *memory, at, size)) return vm::Trap::out_of_fuel;
        out = memory->base + at;
        return vm::Trap::none;
    }
    [[nodiscard]] vm::Trap put(std::uint32_t at, ByteView bytes) noexcept {
        std::uint8_t* to = nullptr;
        const auto trap = write_to(at, static_cast<std::uint32_t>(bytes.size()), to);
        if (to != nullptr) std::memcpy(to, bytes.data(), bytes.size());
        return trap;
    }
};

}  // namespace troupe::contract
