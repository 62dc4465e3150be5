#include "vm/evmc/host_adapter.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "vm/evm/machine.hpp"

namespace troupe::evmc {
namespace {

// Addresses and hashes are arrays of bytes on both sides: the client gets pointers to ours.
[[nodiscard]] const Address20* pointer(const Address& address) noexcept {
    static_assert(sizeof(Address) == sizeof(Address20) && alignof(Address) == 1);
    return reinterpret_cast<const Address20*>(address.data());
}
[[nodiscard]] Address20 to_c(const Address& address) noexcept {
    Address20 out;
    std::memcpy(out.bytes, address.data(), sizeof out.bytes);
    return out;
}
[[nodiscard]] Bytes32 to_c(const uint256& word) noexcept {
    Bytes32 out;
    store_big_endian(out.bytes, word);
    return out;
}
[[nodiscard]] uint256 from_c(const Bytes32& word) noexcept { return load_big_endian(word.bytes); }
[[nodiscard]] Hash256 to_hash(const Bytes32& word) noexcept { return *Hash256::from_view(word.bytes); }
[[nodiscard]] Address from_c(const Address20& address) noexcept { return *Address::from_view(address.bytes); }

[[nodiscard]] CallKind to_c(evm::CallKind kind) noexcept {
    switch (kind) {
        case evm::CallKind::call:
        case evm::CallKind::staticcall: return CALL;
        case evm::CallKind::callcode: return CALLCODE;
        case evm::CallKind::delegatecall: return DELEGATECALL;
        case evm::CallKind::create: return CREATE;
        case evm::CallKind::create2: return CREATE2;
    }
    return CALL;
}

}  // namespace

evm::Status from_status(StatusCode code) noexcept {
    switch (code) {
        case SUCCESS: return evm::Status::success;
        case REVERT: return evm::Status::revert;
        case OUT_OF_GAS: return evm::Status::out_of_gas;
        case INVALID_INSTRUCTION: return evm::Status::invalid_instruction;
        case UNDEFINED_INSTRUCTION: return evm::Status::undefined_instruction;
        case STACK_OVERFLOW: return evm::Status::stack_overflow;
        case STACK_UNDERFLOW: return evm::Status::stack_underflow;
        case BAD_JUMP_DESTINATION: return evm::Status::bad_jump;
        case INVALID_MEMORY_ACCESS: return evm::Status::return_data_out_of_bounds;
        case CALL_DEPTH_EXCEEDED: return evm::Status::depth_exceeded;
        case STATIC_MODE_VIOLATION: return evm::Status::write_protection;
        case PRECOMPILE_FAILURE: return evm::Status::precompile_failed;
        case INSUFFICIENT_BALANCE: return evm::Status::insufficient_balance;
        default: return evm::Status::failure;
    }
}

StatusCode to_status(evm::Status status) noexcept {
    switch (status) {
        case evm::Status::success: return SUCCESS;
        case evm::Status::revert: return REVERT;
        case evm::Status::out_of_gas:
        case evm::Status::init_code_too_large: return OUT_OF_GAS;
        case evm::Status::invalid_instruction: return INVALID_INSTRUCTION;
        case evm::Status::undefined_instruction: return UNDEFINED_INSTRUCTION;
        case evm::Status::stack_overflow: return STACK_OVERFLOW;
        case evm::Status::stack_underflow: return STACK_UNDERFLOW;
        case evm::Status::bad_jump: return BAD_JUMP_DESTINATION;
        case evm::Status::return_data_out_of_bounds: return INVALID_MEMORY_ACCESS;
        case evm::Status::write_protection: return STATIC_MODE_VIOLATION;
        case evm::Status::depth_exceeded: return CALL_DEPTH_EXCEEDED;
        case evm::Status::precompile_failed: return PRECOMPILE_FAILURE;
        case evm::Status::insufficient_balance: return INSUFFICIENT_BALANCE;
        default: return FAILURE;
    }
}

bool HostAdapter::warm_account(const Address& address) {
    return host_.access_account(host_context_, pointer(address)) == COLD;
}

evm::Host::Load HostAdapter::load(const Address& address, const uint256& slot) {
    const auto key = to_c(slot);
    const bool was_cold =
        revision_ >= evm::Revision::Berlin && host_.access_storage(host_context_, pointer(address), &key) == COLD;
    return {from_c(host_.get_storage(host_context_, pointer(address), &key)), was_cold};
}

evm::Host::Store HostAdapter::store(const Address& address, const uint256& slot, const uint256& value) {
    const auto key = to_c(slot);
    const auto word = to_c(value);
    const bool was_cold =
        revision_ >= evm::Revision::Berlin && host_.access_storage(host_context_, pointer(address), &key) == COLD;
    const auto status = host_.set_storage(host_context_, pointer(address), &key, &word);
    // The numbers are the same on both sides; one from beyond them would index a table.
    const bool is_known = status >= ASSIGNED && status <= MODIFIED_RESTORED;
    return {is_known ? static_cast<evm::StorageStatus>(status) : evm::StorageStatus::assigned, was_cold};
}

uint256 HostAdapter::load_transient(const Address& address, const uint256& slot) {
    const auto key = to_c(slot);
    return from_c(host_.get_transient_storage(host_context_, pointer(address), &key));
}

void HostAdapter::store_transient(const Address& address, const uint256& slot, const uint256& value) {
    const auto key = to_c(slot);
    const auto word = to_c(value);
    host_.set_transient_storage(host_context_, pointer(address), &key, &word);
}

bool HostAdapter::is_alive(const Address& address) { return host_.account_exists(host_context_, pointer(address)); }

uint256 HostAdapter::balance(const Address& address) {
    return from_c(host_.get_balance(host_context_, pointer(address)));
}

std::size_t HostAdapter::code_size(const Address& address) {
    return host_.get_code_size(host_context_, pointer(address));
}

Hash256 HostAdapter::code_hash(const Address& address) {
    return to_hash(host_.get_code_hash(host_context_, pointer(address)));
}

std::size_t HostAdapter::copy_code(const Address& address, std::size_t offset, std::span<std::uint8_t> to) {
    return std::min(to.size(), host_.copy_code(host_context_, pointer(address), offset, to.data(), to.size()));
}

std::optional<Address> HostAdapter::delegate(const Address& address) {
    // One byte more than a designator, to tell one from longer code.
    std::array<std::uint8_t, 24> code{};
    return evm::delegate_of({code.data(), copy_code(address, 0, code)});
}

bool HostAdapter::self_destruct(const Address& address, const Address& heir) {
    return host_.selfdestruct(host_context_, pointer(address), pointer(heir));
}

void HostAdapter::log(const Address& address, std::span<const Hash256> topics, ByteView data) {
    host_.emit_log(host_context_, pointer(address), data.data(), data.size(),
                   reinterpret_cast<const Bytes32*>(topics.data()), topics.size());
}

evm::CallOutcome HostAdapter::call(const evm::CallMessage& message) {
    release();
    Message out{};
    out.kind = to_c(message.kind);
    out.flags = (message.is_static ? STATIC : 0U) | (message.is_delegated ? DELEGATED : 0U);
    out.depth = static_cast<std::int32_t>(message.depth);
    out.gas = message.gas;
    out.recipient = to_c(message.recipient);
    out.sender = to_c(message.sender);
    out.input_data = message.input.data();
    out.input_size = message.input.size();
    out.value = to_c(message.value);
    out.create2_salt = to_c(message.salt);
    out.code_address = to_c(message.code_address);
    last_ = host_.call(host_context_, &out);
    evm::CallOutcome outcome;
    outcome.status = from_status(last_.status_code);
    outcome.gas_left = last_.gas_left;
    outcome.refund = last_.gas_refund;
    outcome.output = {last_.output_data, last_.output_size};
    outcome.created = from_c(last_.create_address);
    return outcome;
}

void HostAdapter::release() noexcept {
    if (last_.release != nullptr) last_.release(&last_);
    last_ = {};
}

const evm::TransactionContext& HostAdapter::context() {
    if (facts_) return facts_->transaction;
    facts_ = std::make_unique<Facts>();
    const auto given = host_.get_tx_context(host_context_);
    auto& block = facts_->block;
    block.number = static_cast<std::uint64_t>(given.block_number);
    block.timestamp = static_cast<std::uint64_t>(given.timestamp);
    block.coinbase = from_c(given.coinbase);
    block.gas_limit = static_cast<std::uint64_t>(given.gas_limit);
    block.base_fee = from_c(given.base_fee);
    block.prevrandao = from_c(given.prev_randao);
    block.chain_id = from_c(given.chain_id);
    block.blob_base_fee = from_c(given.blob_base_fee);
    for (std::size_t i = 0; i < given.blob_hashes_count; ++i)
        facts_->blob_hashes.push_back(to_hash(given.blob_hashes[i]));
    facts_->transaction.origin = from_c(given.origin);
    facts_->transaction.gas_price = from_c(given.gas_price);
    facts_->transaction.blob_hashes = facts_->blob_hashes;
    return facts_->transaction;
}

Hash256 HostAdapter::block_hash(std::uint64_t number) {
    return to_hash(host_.get_block_hash(host_context_, static_cast<std::int64_t>(number)));
}

}  // namespace troupe::evmc
