// Calls and creations as their instructions see them: what they cost, what they pass on, what comes back.
#include <limits>

#include "runtime/base/limits.hpp"
#include "vm/evm/access_costs.hpp"
#include "vm/evm/instructions.hpp"
#include "vm/evm/word.hpp"

namespace troupe::evm::instructions {
namespace {

/// The tracer hears what a call takes, gas passed on included, before it hears the called code.
void report_cost(Frame& f) {
    if (f.tracer == nullptr) return;
    f.tracer->on_cost(f.gas_before - f.gas);
    f.is_cost_reported = true;
}

[[nodiscard]] std::int64_t gas_to_pass(const Frame& f) {
    return f.at_least(Revision::TangerineWhistle) ? evm::gas_to_pass(f.gas) : f.gas;
}

}  // namespace

bool call(Frame& f, CallKind kind) {
    const bool has_value = kind == CallKind::call || kind == CallKind::callcode;
    const auto& requested = f.top[-1];
    const auto target = to_address(f.top[-2]);
    const auto value = has_value ? f.top[-3] : uint256{};
    const auto* args = f.top - (has_value ? 4 : 3);
    const auto in_offset = args[0], in_size = args[-1], out_offset = args[-2], out_size = args[-3];

    if (kind == CallKind::call && f.message.is_static && !value.is_zero()) return f.fail(Status::write_protection);
    if (!f.expand(in_offset, in_size) || !f.expand(out_offset, out_size)) return false;
    auto cost = account_access(f, target, f.at_least(Revision::TangerineWhistle) ? 700 : 40);
    CallMessage message;
    message.code_address = target;
    if (f.at_least(Revision::Prague)) {
        if (const auto delegate = f.host.delegate(target)) {
            cost += account_access(f, *delegate, 0);
            message.code_address = *delegate;
            message.is_delegated = true;
        }
    }
    if (!value.is_zero()) cost += value_transfer_gas;
    if (kind == CallKind::call && (!value.is_zero() || !f.at_least(Revision::SpuriousDragon)))
        if (!f.host.is_alive(target)) cost += new_account_gas;
    if (!f.charge(cost)) return false;

    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    auto gas = requested.fits_u64() && requested.low64() < most ? static_cast<std::int64_t>(requested.low64()) : most;
    if (f.at_least(Revision::TangerineWhistle)) gas = std::min(gas, gas_to_pass(f));
    if (!f.charge(gas)) return false;
    report_cost(f);
    if (!value.is_zero()) gas += call_stipend_gas;

    f.top -= has_value ? 6 : 5;
    f.return_data = {};
    f.top[-1] = uint256{};
    if (f.message.depth >= limits::call_depth_max ||
        (!value.is_zero() && f.host.balance(f.message.recipient) < value)) {
        f.gas += gas;
        return true;
    }
    message.kind = kind;
    message.is_static = f.message.is_static || kind == CallKind::staticcall;
    message.depth = f.message.depth + 1;
    message.gas = gas;
    message.recipient = kind == CallKind::call || kind == CallKind::staticcall ? target : f.message.recipient;
    message.sender = kind == CallKind::delegatecall ? f.message.sender : f.message.recipient;
    message.value = kind == CallKind::delegatecall ? f.message.value : value;
    message.input = f.view(in_offset, in_size);
    message.refund_before = f.message.refund_before + f.refund;
    const auto outcome = f.host.call(message);
    f.gas += outcome.gas_left;
    f.refund += outcome.refund;
    f.return_data = outcome.output;
    if (const auto size = std::min<std::size_t>(out_size.low64(), outcome.output.size()); size != 0)
        std::memcpy(f.memory.data() + out_offset.low64(), outcome.output.data(), size);
    f.top[-1] = uint256{outcome.status == Status::success};
    return true;
}

bool create(Frame& f, CallKind kind) {
    if (f.message.is_static) return f.fail(Status::write_protection);
    const bool is_salted = kind == CallKind::create2;
    const auto value = f.top[-1], offset = f.top[-2], size = f.top[-3];
    CallMessage message;
    if (is_salted) message.salt = f.top[-4];
    if (!f.expand(offset, size)) return false;
    const auto words = Frame::words(size.low64());
    if (f.at_least(Revision::Shanghai)) {
        if (size > uint256{limits::init_code_bytes_max}) return f.fail(Status::init_code_too_large);
        if (!f.charge(2 * words)) return false;
    }
    if (is_salted && !f.charge(6 * words)) return false;

    f.top -= is_salted ? 3 : 2;
    f.return_data = {};
    f.top[-1] = uint256{};
    const auto& self = f.message.recipient;
    const bool is_refused = f.message.depth >= limits::call_depth_max || f.host.balance(self) < value;
    report_cost(f);
    if (is_refused) return true;
    message.gas = gas_to_pass(f);
    f.gas -= message.gas;
    message.kind = kind;
    message.depth = f.message.depth + 1;
    message.sender = self;
    message.value = value;
    message.input = f.view(offset, size);
    message.refund_before = f.message.refund_before + f.refund;
    const auto outcome = f.host.call(message);
    f.gas += outcome.gas_left;
    f.refund += outcome.refund;
    if (outcome.status == Status::revert) f.return_data = outcome.output;
    if (outcome.status == Status::success) f.top[-1] = to_word(outcome.created);
    return true;
}

}  // namespace troupe::evm::instructions
