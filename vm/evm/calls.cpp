// Message calls, contract creation, storage writes and self-destruction: the instructions that reach into the state.
#include <algorithm>

#include "runtime/base/limits.hpp"
#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"
#include "vm/evm/frame.hpp"
#include "vm/evm/precompiles.hpp"

namespace troupe::evm {
namespace {

constexpr std::int64_t cold_account = 2600;
constexpr std::int64_t warm_access = 100;
constexpr std::int64_t cold_slot = 2100;

}  // namespace

std::optional<Address> delegate_of(ByteView code) noexcept {
    if (code.size() != 23 || code[0] != 0xef || code[1] != 0x01 || code[2] != 0x00) return std::nullopt;
    return Address::from_view(code.subspan(3));
}

Address create_address(const Address& sender, std::uint64_t nonce) {
    rlp::Encoder out;
    const auto list = out.begin_list();
    out.bytes(sender);
    out.integer(nonce);
    out.end_list(list);
    const auto hash = keccak256(out.view());
    return *Address::from_view(hash.view().subspan(12));
}

Address create2_address(const Address& sender, const uint256& salt, ByteView init_code) {
    Bytes data{0xff};
    append(data, sender.view());
    append(data, to_big_endian(salt).view());
    append(data, keccak256(init_code).view());
    const auto hash = keccak256(data);
    return *Address::from_view(hash.view().subspan(12));
}

std::int64_t Machine::account_access(const Address& address, std::int64_t before_berlin) {
    if (!at_least(Revision::Berlin)) return before_berlin;
    return state_.warm_address(address) ? cold_account : warm_access;
}

std::pair<AnalyzedCodePtr, bool> Machine::executable(const Address& address) {
    auto code = state_.code(address);
    auto hash = state_.code_hash(address);
    if (at_least(Revision::Prague)) {
        if (const auto delegate = delegate_of(*code)) {
            if (find_precompile(*delegate, revision_) != nullptr) return {nullptr, true};
            code = state_.code(*delegate);
            hash = state_.code_hash(*delegate);
        }
    }
    if (code->empty()) return {nullptr, false};
    return {codes_.get(hash, *code), false};
}

CallOutcome Machine::run(const CallMessage& message) {
    const bool creates = message.kind == CallKind::create || message.kind == CallKind::create2;
    return creates ? run_create(message) : run_call(message);
}

CallOutcome Machine::run_call(const CallMessage& message) {
    const auto snapshot = state_.snapshot();
    if (message.kind == CallKind::call) {
        // EIP-161: a call without value does not bring an account into being.
        if (!message.value.is_zero()) {
            state_.subtract_balance(message.sender, message.value);
            state_.add_balance(message.recipient, message.value);
        } else if (at_least(Revision::SpuriousDragon)) {
            state_.touch(message.recipient);
        } else {
            state_.add_balance(message.recipient, uint256{});
        }
    } else if (message.kind == CallKind::staticcall) {
        state_.touch(message.recipient);
    }
    CallOutcome out;
    if (const auto* precompile = find_precompile(message.code_address, revision_)) {
        const auto gas = precompile->gas(message.input, revision_);
        if (!gas || *gas > message.gas) {
            out.error = "out of gas";
        } else if (auto result = precompile->run(message.input, revision_)) {
            out.succeeded = true;
            out.gas_left = message.gas - *gas;
            out.output = std::move(*result);
        } else {
            out.error = "precompile failed";
        }
    } else if (const auto [code, nothing] = executable(message.code_address); code) {
        out = execute(message, *code);
    } else {
        out.succeeded = true;
        out.gas_left = message.gas;
    }
    if (!out.succeeded) state_.revert(snapshot);
    return out;
}

CallOutcome Machine::run_create(const CallMessage& message) {
    CallOutcome out;
    const auto& address = message.recipient;
    if (at_least(Revision::Berlin)) state_.warm_address(address);
    // EIP-684, EIP-7610.
    if (state_.nonce(address) != 0 || state_.code_hash(address) != empty_code_hash || state_.has_storage(address)) {
        out.error = "contract address collision";
        return out;
    }
    const auto snapshot = state_.snapshot();
    state_.create_account(address);
    if (at_least(Revision::SpuriousDragon)) state_.set_nonce(address, 1);
    state_.subtract_balance(message.sender, message.value);
    state_.add_balance(address, message.value);
    const auto code = analyze(message.input);
    out = execute(message, *code);
    if (out.succeeded) {
        const auto deposit = 200 * static_cast<std::int64_t>(out.output.size());
        if (at_least(Revision::SpuriousDragon) && out.output.size() > limits::contract_code_bytes_max) {
            out = {};
            out.error = "max code size exceeded";
        } else if (at_least(Revision::London) && !out.output.empty() && out.output[0] == 0xef) {
            out = {};
            out.error = "invalid code: must not begin with 0xef";
        } else if (out.gas_left < deposit) {
            if (at_least(Revision::Homestead)) {
                out = {};
                out.error = "contract creation code storage out of gas";
            } else {
                out.output.clear();
            }
        } else {
            out.gas_left -= deposit;
            state_.set_code(address, std::move(out.output));
        }
        if (out.succeeded) {
            out.output.clear();
            out.created = address;
        }
    }
    if (!out.succeeded) state_.revert(snapshot);
    return out;
}

bool Machine::do_call(Frame& f, CallKind kind) {
    auto& top = f.top;
    const bool has_value = kind == CallKind::call || kind == CallKind::callcode;
    const auto requested = top[-1];
    const auto target = to_address(top[-2]);
    const auto value = has_value ? top[-3] : uint256{};
    const auto* args = top - (has_value ? 4 : 3);
    const auto in_offset = args[0], in_size = args[-1], out_offset = args[-2], out_size = args[-3];
    top -= has_value ? 7 : 6;

    if (kind == CallKind::call && f.message.is_static && !value.is_zero()) return f.fail("write protection"), false;
    if (!f.expand(in_offset, in_size) || !f.expand(out_offset, out_size)) return false;
    auto cost = account_access(target, at_least(Revision::TangerineWhistle) ? 700 : 40);
    if (at_least(Revision::Prague))
        if (const auto delegate = delegate_of(*state_.code(target))) cost += account_access(*delegate, 0);
    if (!value.is_zero()) cost += 9000;
    if (kind == CallKind::call) {
        const bool comes_to_be =
            at_least(Revision::SpuriousDragon) ? !value.is_zero() && state_.is_empty(target) : !state_.exists(target);
        if (comes_to_be) cost += 25000;
    }
    if (!f.charge(cost)) return false;

    // EIP-150: all but one 64th.
    std::int64_t gas = requested.fits_u64() && requested.low64() < (std::uint64_t{1} << 62)
                           ? static_cast<std::int64_t>(requested.low64())
                           : std::int64_t{1} << 62;
    if (at_least(Revision::TangerineWhistle)) gas = std::min(gas, f.gas - f.gas / 64);
    if (!f.charge(gas)) return false;
    if (!value.is_zero()) gas += 2300;

    f.return_data.clear();
    if (f.message.depth >= limits::call_depth_max || (has_value && state_.balance(f.message.recipient) < value)) {
        f.gas += gas;
        *top++ = uint256{};
        return true;
    }
    CallMessage message;
    message.kind = kind;
    message.is_static = f.message.is_static || kind == CallKind::staticcall;
    message.depth = f.message.depth + 1;
    message.gas = gas;
    message.code_address = target;
    message.recipient = has_value && kind == CallKind::call ? target : f.message.recipient;
    if (kind == CallKind::staticcall) message.recipient = target;
    message.sender = kind == CallKind::delegatecall ? f.message.sender : f.message.recipient;
    message.value = kind == CallKind::delegatecall ? f.message.value : value;
    const Bytes input = [&] {
        const auto view = f.view(in_offset, in_size);
        return Bytes{view.begin(), view.end()};
    }();
    message.input = input;
    auto outcome = run_call(message);
    f.gas += outcome.gas_left;
    f.return_data = std::move(outcome.output);
    if (!out_size.is_zero() && !f.return_data.empty())
        std::memcpy(f.memory.data() + out_offset.low64(), f.return_data.data(),
                    std::min<std::size_t>(out_size.low64(), f.return_data.size()));
    *top++ = uint256{outcome.succeeded};
    return true;
}

bool Machine::do_create(Frame& f, CallKind kind) {
    auto& top = f.top;
    if (f.message.is_static) return f.fail("write protection"), false;
    const auto value = top[-1], offset = top[-2], size = top[-3];
    const auto salt = kind == CallKind::create2 ? top[-4] : uint256{};
    top -= kind == CallKind::create2 ? 4 : 3;
    if (!f.expand(offset, size)) return false;
    const auto words = Frame::words(size.low64());
    if (at_least(Revision::Shanghai)) {
        if (size > uint256{limits::init_code_bytes_max}) return f.fail("max initcode size exceeded"), false;
        if (!f.charge(2 * words)) return false;
    }
    if (kind == CallKind::create2 && !f.charge(6 * words)) return false;

    f.return_data.clear();
    const auto& self = f.message.recipient;
    const auto nonce = state_.nonce(self);
    if (f.message.depth >= limits::call_depth_max || state_.balance(self) < value || nonce == ~std::uint64_t{0}) {
        *top++ = uint256{};
        return true;
    }
    const auto gas = at_least(Revision::TangerineWhistle) ? f.gas - f.gas / 64 : f.gas;
    f.gas -= gas;
    state_.set_nonce(self, nonce + 1);
    const auto view = f.view(offset, size);
    const Bytes init_code{view.begin(), view.end()};
    CallMessage message;
    message.kind = kind;
    message.depth = f.message.depth + 1;
    message.gas = gas;
    message.sender = self;
    message.value = value;
    message.input = init_code;
    message.salt = salt;
    message.recipient = kind == CallKind::create ? create_address(self, nonce) : create2_address(self, salt, init_code);
    message.code_address = message.recipient;
    auto outcome = run_create(message);
    f.gas += outcome.gas_left;
    if (outcome.reverted) f.return_data = std::move(outcome.output);
    *top++ = outcome.succeeded ? to_word(outcome.created) : uint256{};
    return true;
}

bool Machine::do_sstore(Frame& f) {
    if (f.message.is_static) return f.fail("write protection"), false;
    const auto& self = f.message.recipient;
    const auto key = f.top[-1];
    const auto value = f.top[-2];
    f.top -= 2;
    const bool is_net = revision_ == Revision::Constantinople || at_least(Revision::Istanbul);
    if (at_least(Revision::Istanbul) && f.gas <= 2300) return f.fail("out of gas"), false;
    std::int64_t cold = 0;
    if (at_least(Revision::Berlin)) cold = state_.warm_slot(self, key) ? cold_slot : 0;
    const auto current = state_.storage(self, key);
    if (!is_net) {
        if (!f.charge(current.is_zero() && !value.is_zero() ? 20000 : 5000)) return false;
        if (!current.is_zero() && value.is_zero()) state_.add_refund(15000);
        state_.set_storage(self, key, value);
        return true;
    }
    const std::int64_t load = at_least(Revision::Berlin) ? warm_access : at_least(Revision::Istanbul) ? 800 : 200;
    const std::int64_t reset = at_least(Revision::Berlin) ? 5000 - cold_slot : 5000;
    const std::int64_t clear_refund = at_least(Revision::London) ? 4800 : 15000;
    const auto original = state_.original_storage(self, key);
    std::int64_t cost = load;
    std::int64_t refund = 0;
    if (current != value) {
        if (original == current) {
            cost = original.is_zero() ? 20000 : reset;
            if (!original.is_zero() && value.is_zero()) refund += clear_refund;
        } else {
            if (!original.is_zero()) {
                if (current.is_zero()) refund -= clear_refund;
                if (value.is_zero()) refund += clear_refund;
            }
            if (original == value) refund += (original.is_zero() ? 20000 : reset) - load;
        }
    }
    if (!f.charge(cost + cold)) return false;
    state_.add_refund(refund);
    state_.set_storage(self, key, value);
    return true;
}

bool Machine::do_self_destruct(Frame& f) {
    if (f.message.is_static) return f.fail("write protection"), false;
    const auto& self = f.message.recipient;
    const auto heir = to_address(f.top[-1]);
    std::int64_t cost = at_least(Revision::TangerineWhistle) ? 5000 : 0;
    if (at_least(Revision::Berlin) && state_.warm_address(heir)) cost += cold_account;
    const auto balance = state_.balance(self);
    if (at_least(Revision::SpuriousDragon)) {
        if (!balance.is_zero() && state_.is_empty(heir)) cost += 25000;
    } else if (at_least(Revision::TangerineWhistle) && !state_.exists(heir)) {
        cost += 25000;
    }
    if (!f.charge(cost)) return false;
    if (!at_least(Revision::London) && !state_.has_self_destructed(self)) state_.add_refund(24000);
    const bool dies = !at_least(Revision::Cancun) || state_.created_in_transaction(self);
    if (heir != self) {
        state_.subtract_balance(self, balance);
        state_.add_balance(heir, balance);
    } else if (dies) {
        state_.set_balance(self, uint256{});
    }
    if (dies) state_.self_destruct(self);
    return true;
}

bool Machine::do_log(Frame& f, unsigned topics) {
    if (f.message.is_static) return f.fail("write protection"), false;
    const auto offset = f.top[-1], size = f.top[-2];
    if (!f.expand(offset, size) || !f.charge(8 * static_cast<std::int64_t>(size.low64()))) return false;
    EvmLog log;
    log.address = f.message.recipient;
    for (unsigned i = 0; i < topics; ++i) log.topics.push_back(to_big_endian(f.top[-3 - static_cast<int>(i)]));
    const auto view = f.view(offset, size);
    log.data.assign(view.begin(), view.end());
    f.top -= topics + 2;
    state_.add_log(std::move(log));
    return true;
}

}  // namespace troupe::evm
