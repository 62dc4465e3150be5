#include "vm/evm/machine.hpp"

#include <algorithm>

#include "runtime/base/limits.hpp"
#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"
#include "vm/evm/code_engine.hpp"
#include "vm/evm/frame.hpp"
#include "vm/evm/interpreter.hpp"
#include "vm/evm/precompiles.hpp"

namespace troupe::evm {
namespace {

[[nodiscard]] CallOutcome failed(Status status, std::int64_t gas_left = 0) {
    CallOutcome out;
    out.status = status;
    out.gas_left = gas_left;
    return out;
}

[[nodiscard]] Address ripemd160_address() noexcept {
    Address address;
    address[19] = 3;
    return address;
}

[[nodiscard]] StorageStatus classify(const uint256& original, const uint256& current, const uint256& value) noexcept {
    if (current == value) return StorageStatus::assigned;
    if (original == current) {
        if (original.is_zero()) return StorageStatus::added;
        return value.is_zero() ? StorageStatus::deleted : StorageStatus::modified;
    }
    if (original.is_zero()) return value.is_zero() ? StorageStatus::added_deleted : StorageStatus::assigned;
    if (current.is_zero()) return value == original ? StorageStatus::deleted_restored : StorageStatus::deleted_added;
    if (value.is_zero()) return StorageStatus::modified_deleted;
    return value == original ? StorageStatus::modified_restored : StorageStatus::assigned;
}

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

// Calls ---------------------------------------------------------------------------------------------------------------

CallOutcome Machine::run(const CallMessage& message) {
    if (tracer_ != nullptr) tracer_->on_enter(message);
    const auto out = is_creation(message.kind) ? run_create(message) : run_call(message);
    if (tracer_ != nullptr) tracer_->on_exit(message, out);
    return out;
}

CallOutcome Machine::call(const CallMessage& message) {
    if (!is_creation(message.kind)) {
        if (tracer_ != nullptr) return run(message);
        return run_call(message);
    }
    const auto nonce = state_.nonce(message.sender);
    if (nonce == ~std::uint64_t{0}) return failed(Status::nonce_exhausted, message.gas);
    state_.set_nonce(message.sender, nonce + 1);
    auto creation = message;
    creation.recipient = message.kind == CallKind::create
                             ? create_address(message.sender, nonce)
                             : create2_address(message.sender, message.salt, message.input);
    creation.code_address = creation.recipient;
    return run(creation);
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
    const auto* precompile = message.is_delegated ? nullptr : find_precompile(message.code_address, revision_);
    if (precompile != nullptr) {
        if (message.recipient == ripemd160_address()) state_.touch_for_good(message.recipient);
        out = run_precompile(message, *precompile);
    } else if (const auto* code = used_code(message.code_address)) {
        out = run_code(message, *code);
    } else {
        out.gas_left = message.gas;
    }
    if (out.status != Status::success) state_.revert(snapshot);
    return out;
}

CallOutcome Machine::run_precompile(const CallMessage& message, const Precompile& precompile) {
    const auto gas = precompile.gas(message.input, revision_);
    if (!gas || *gas > message.gas) return failed(Status::out_of_gas);
    auto result = precompile.run(message.input, revision_);
    if (!result) return failed(Status::precompile_failed);
    auto& kept = FrameArena::of_thread().next().output;
    kept = std::move(*result);
    CallOutcome out;
    out.gas_left = message.gas - *gas;
    out.output = kept;
    return out;
}

CallOutcome Machine::run_create(const CallMessage& message) {
    const auto& address = message.recipient;
    if (at_least(Revision::Berlin)) state_.warm_address(address);
    // EIP-684, EIP-7610.
    if (state_.nonce(address) != 0 || state_.code_hash(address) != empty_code_hash || state_.has_storage(address))
        return failed(Status::address_collision);
    const auto snapshot = state_.snapshot();
    state_.create_account(address);
    if (at_least(Revision::SpuriousDragon)) state_.set_nonce(address, 1);
    state_.subtract_balance(message.sender, message.value);
    state_.add_balance(address, message.value);
    CallOutcome out;
    if (is_foreign(message.input)) {
        out = codes_.engine()->create(*this, message, revision_, tracer_);
    } else {
        const auto code = analyze(message.input);
        out = interpret(*this, message, *code, revision_, tracer_);
    }
    if (out.status == Status::success) deposit_code(message, out);
    if (out.status == Status::success)
        out.created = address;
    else
        state_.revert(snapshot);
    return out;
}

void Machine::deposit_code(const CallMessage& message, CallOutcome& out) {
    const bool is_other = is_foreign(out.output);
    const bool is_input =
        out.output.data() >= message.input.data() && out.output.data() < message.input.data() + message.input.size();
    if (is_other && !(is_foreign(message.input) && is_input)) {
        if (const auto status = codes_.engine()->admit(out.output, out.gas_left); status != Status::success) {
            out = failed(status);
            return;
        }
    }
    const auto deposit = 200 * static_cast<std::int64_t>(out.output.size());
    const auto size_max = is_other ? limits::package_bytes_max : limits::contract_code_bytes_max;
    if (at_least(Revision::SpuriousDragon) && out.output.size() > size_max) {
        out = failed(Status::code_too_large);
    } else if (at_least(Revision::London) && !out.output.empty() && out.output[0] == 0xef) {
        out = failed(Status::code_begins_with_ef);
    } else if (out.gas_left >= deposit) {
        out.gas_left -= deposit;
        state_.set_code(message.recipient, {out.output.begin(), out.output.end()});
    } else if (at_least(Revision::Homestead)) {
        out = failed(Status::code_deposit_out_of_gas);
    } else {
        out.output = {};
    }
}

CallOutcome Machine::run_code(const CallMessage& message, const UsedCode& code) {
    if (code.analyzed != nullptr) {
        // The frame may make calls, which move the list.
        const auto& analyzed = *code.analyzed;
        return interpret(*this, message, analyzed, revision_, tracer_);
    }
    const auto bytes = code.foreign;
    const auto hash = code.hash;
    return codes_.engine()->run(*this, message, hash, *bytes, revision_, tracer_);
}

const Machine::UsedCode* Machine::used_code(const Address& address) {
    const auto& hash = state_.code_hash(address);
    if (hash == empty_code_hash) return nullptr;
    for (const auto& used : used_codes_)
        if (used.hash == hash) return &used;
    const auto bytes = state_.code(address);
    if (is_foreign(*bytes)) return &used_codes_.emplace_back(UsedCode{hash, nullptr, bytes});
    return &used_codes_.emplace_back(UsedCode{hash, codes_.get(hash, *bytes), nullptr});
}

// State ---------------------------------------------------------------------------------------------------------------

Host::Load Machine::load(const Address& address, const uint256& slot) {
    const auto access = state_.access_slot(address, slot);
    return {access.current, access.was_cold};
}

Host::Store Machine::store(const Address& address, const uint256& slot, const uint256& value) {
    const auto before = state_.write_slot(address, slot, value);
    return {classify(before.original, before.current, value), before.was_cold};
}

uint256 Machine::load_transient(const Address& address, const uint256& slot) {
    return state_.transient_storage(address, slot);
}

void Machine::store_transient(const Address& address, const uint256& slot, const uint256& value) {
    state_.set_transient_storage(address, slot, value);
}

bool Machine::is_alive(const Address& address) {
    return at_least(Revision::SpuriousDragon) ? !state_.is_empty(address) : state_.exists(address);
}

std::size_t Machine::code_size(const Address& address) { return state_.code(address)->size(); }

Hash256 Machine::code_hash(const Address& address) {
    return state_.is_empty(address) ? Hash256{} : Hash256::from(state_.code_hash(address));
}

std::size_t Machine::copy_code(const Address& address, std::size_t offset, std::span<std::uint8_t> to) {
    const auto& code = *state_.code(address);
    if (offset >= code.size()) return 0;
    const auto size = std::min(to.size(), code.size() - offset);
    std::copy_n(code.begin() + static_cast<std::ptrdiff_t>(offset), size, to.begin());
    return size;
}

std::optional<Address> Machine::delegate(const Address& address) {
    return state_.code_hash(address) == empty_code_hash ? std::nullopt : delegate_of(*state_.code(address));
}

bool Machine::self_destruct(const Address& address, const Address& heir) {
    const bool is_first = !state_.has_self_destructed(address);
    const auto balance = state_.balance(address);
    // EIP-6780.
    const bool dies = !at_least(Revision::Cancun) || state_.created_in_transaction(address);
    if (heir != address) {
        state_.subtract_balance(address, balance);
        state_.add_balance(heir, balance);
    } else if (dies) {
        state_.set_balance(address, uint256{});
    }
    if (dies) state_.self_destruct(address);
    return is_first;
}

void Machine::log(const Address& address, std::span<const Hash256> topics, ByteView data) {
    state_.add_log({address, {topics.begin(), topics.end()}, {data.begin(), data.end()}});
}

Hash256 Machine::block_hash(std::uint64_t number) {
    return context_.block.block_hash ? context_.block.block_hash(number) : Hash256{};
}

}  // namespace troupe::evm
