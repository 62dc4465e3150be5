#include "vm/contract/calls.hpp"

#include "runtime/base/limits.hpp"
#include "vm/evm/call_stack.hpp"

namespace troupe::contract::functions {
namespace {

using evm::CallKind;
using evm::Status;
using vm::Slot;
using vm::Trap;

[[nodiscard]] std::uint32_t u32(Slot slot) noexcept { return static_cast<std::uint32_t>(slot); }

/// The nested call, on whatever stack this one runs.
[[nodiscard]] evm::CallOutcome pass_on(Call& c, const evm::CallMessage& message) {
    const evm::OtherStack here(c.machine.native_exit != nullptr ? c.machine.native_stack : nullptr);
    const auto outcome = c.host.call(message);
    c.machine.fuel += outcome.gas_left * fuel_per_gas;
    c.refund += outcome.refund;
    return outcome;
}

/// The rules of the EVM's instructions from Prague on (EIP-150, EIP-2929, EIP-7702).
Trap call_other(Call& c, Slot* frame, CallKind kind) {
    const bool has_value = kind == CallKind::call;
    const auto* address_at = c.range(u32(frame[1]), 20);
    const auto* value_at = has_value ? c.range(u32(frame[2]), 32) : nullptr;
    const auto* rest = frame + (has_value ? 3 : 2);
    const auto* input = c.range(u32(rest[0]), u32(rest[1]));
    if (address_at == nullptr || input == nullptr || (has_value && value_at == nullptr))
        return Trap::memory_out_of_bounds;
    const auto target = *Address::from_view({address_at, 20});
    const auto value = has_value ? load_big_endian(value_at) : uint256{};
    if (c.message.is_static && !value.is_zero()) return c.end(Status::write_protection);

    auto cost = c.host.warm_account(target) ? evm::cold_account_gas : evm::warm_access_gas;
    evm::CallMessage message;
    message.code_address = target;
    if (const auto delegate = c.host.delegate(target)) {
        cost += c.host.warm_account(*delegate) ? evm::cold_account_gas : evm::warm_access_gas;
        message.code_address = *delegate;
        message.is_delegated = true;
    }
    if (!value.is_zero()) {
        cost += evm::value_transfer_gas;
        if (!c.host.is_alive(target)) cost += evm::new_account_gas;
    }
    if (!c.charge(cost)) return Trap::out_of_fuel;

    const auto requested = frame[0];
    const auto most = evm::gas_to_pass(c.gas_left());
    auto gas = requested < static_cast<std::uint64_t>(most) ? static_cast<std::int64_t>(requested) : most;
    if (!c.charge(gas)) return Trap::out_of_fuel;
    if (!value.is_zero()) gas += evm::call_stipend_gas;

    c.return_data = {};
    frame[0] = 0;
    if (c.message.depth >= limits::call_depth_max ||
        (!value.is_zero() && c.host.balance(c.message.recipient) < value)) {
        c.machine.fuel += gas * fuel_per_gas;
        return Trap::none;
    }
    const bool is_delegate = kind == CallKind::delegatecall;
    message.kind = kind;
    message.is_static = c.message.is_static || kind == CallKind::staticcall;
    message.depth = c.message.depth + 1;
    message.gas = gas;
    message.recipient = is_delegate ? c.message.recipient : target;
    message.sender = is_delegate ? c.message.sender : c.message.recipient;
    message.value = is_delegate ? c.message.value : value;
    message.input = {input, u32(rest[1])};
    message.refund_before = c.message.refund_before + c.refund;
    const auto outcome = pass_on(c, message);
    c.return_data = outcome.output;
    frame[0] = outcome.status == Status::success ? 1 : 0;
    return Trap::none;
}

Trap create_other(Call& c, Slot* frame, CallKind kind) {
    const bool is_salted = kind == CallKind::create2;
    if (c.message.is_static) return c.end(Status::write_protection);
    const auto* value_at = c.range(u32(frame[0]), 32);
    const auto size = u32(frame[2]);
    const auto* code = c.range(u32(frame[1]), size);
    const auto* salt_at = is_salted ? c.range(u32(frame[3]), 32) : nullptr;
    const auto created_at = u32(frame[is_salted ? 4 : 3]);
    if (value_at == nullptr || code == nullptr || c.range(created_at, 20) == nullptr ||
        (is_salted && salt_at == nullptr))
        return Trap::memory_out_of_bounds;
    evm::CallMessage message;
    message.input = {code, size};
    if (size > evm::init_code_limit(message.input)) return c.end(Status::init_code_too_large);
    const std::int64_t words = (std::int64_t{size} + 31) / 32;
    // EIP-3860; CREATE2 hashes the code.
    if (!c.charge(32000 + 2 * words + (is_salted ? 6 * words : 0))) return Trap::out_of_fuel;
    if (is_salted) message.salt = load_big_endian(salt_at);
    message.value = load_big_endian(value_at);

    c.return_data = {};
    frame[0] = 0;
    const auto& self = c.message.recipient;
    if (c.message.depth >= limits::call_depth_max || c.host.balance(self) < message.value) return Trap::none;
    message.gas = evm::gas_to_pass(c.gas_left());
    if (!c.charge(message.gas)) return Trap::out_of_fuel;
    message.kind = kind;
    message.depth = c.message.depth + 1;
    message.sender = self;
    message.refund_before = c.message.refund_before + c.refund;
    const auto outcome = pass_on(c, message);
    if (outcome.status == Status::revert) c.return_data = outcome.output;
    if (outcome.status != Status::success) return Trap::none;
    frame[0] = 1;
    return c.put(created_at, outcome.created.view());
}

}  // namespace

Trap call(Call& c, Slot* frame) { return call_other(c, frame, CallKind::call); }
Trap delegate_call(Call& c, Slot* frame) { return call_other(c, frame, CallKind::delegatecall); }
Trap static_call(Call& c, Slot* frame) { return call_other(c, frame, CallKind::staticcall); }
Trap create(Call& c, Slot* frame) { return create_other(c, frame, CallKind::create); }
Trap create2(Call& c, Slot* frame) { return create_other(c, frame, CallKind::create2); }

}  // namespace troupe::contract::functions
