#include "vm/contract/host_functions.hpp"

#include <array>

#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/sha256.hpp"
#include "vm/contract/calls.hpp"

namespace troupe::contract {
namespace functions {
namespace {

using evm::Status;
using vm::Slot;
using vm::Trap;

// EVM prices of what the EVM has.
constexpr std::int64_t base_gas = 2;
constexpr std::int64_t copy_gas = 3;
constexpr std::int64_t copy_word_gas = 3;

[[nodiscard]] std::uint32_t u32(Slot slot) noexcept { return static_cast<std::uint32_t>(slot); }
[[nodiscard]] std::int64_t words(std::uint32_t bytes) noexcept { return (std::int64_t{bytes} + 31) / 32; }

Trap put(Call& c, Slot at, ByteView bytes) { return c.put(u32(at), bytes); }
Trap put(Call& c, Slot at, const uint256& word) { return put(c, at, to_big_endian(word).view()); }

/// Charges, then gives bytes or a word.
template <class T>
Trap give(Call& c, Slot at, const T& what) {
    if (!c.charge(base_gas)) return Trap::out_of_fuel;
    if constexpr (std::is_same_v<T, uint256>)
        return put(c, at, what);
    else
        return put(c, at, what.view());
}
Trap give_number(Call& c, Slot* frame, std::uint64_t number) {
    if (!c.charge(base_gas)) return Trap::out_of_fuel;
    frame[0] = number;
    return Trap::none;
}

/// Into memory at frame[0]: `size` bytes of `source` from `offset`, zeros after its end.
Trap copy_padded(Call& c, Slot at, ByteView source, std::uint32_t offset, std::uint32_t size) {
    std::uint8_t* to = nullptr;
    if (const auto trap = c.write_to(u32(at), size, to); to == nullptr) return trap;
    std::size_t copied = 0;
    if (offset < source.size()) {
        copied = std::min<std::size_t>(size, source.size() - offset);
        std::memcpy(to, source.data() + offset, copied);
    }
    std::memset(to + copied, 0, size - copied);
    return Trap::none;
}

// The call itself.

Trap input_size(Call& c, Slot* frame) { return give_number(c, frame, c.input.size()); }
Trap input_read(Call& c, Slot* frame) {
    const auto size = u32(frame[2]);
    if (!c.charge(copy_gas + copy_word_gas * words(size))) return Trap::out_of_fuel;
    return copy_padded(c, frame[0], c.input, u32(frame[1]), size);
}
Trap end_with(Call& c, const Slot* frame, Status status) {
    const auto* data = c.range(u32(frame[0]), u32(frame[1]));
    if (data == nullptr) return Trap::memory_out_of_bounds;
    if (!c.charge(copy_word_gas * words(u32(frame[1])))) return Trap::out_of_fuel;
    c.output.assign(data, data + u32(frame[1]));
    return c.end(status);
}
Trap finish(Call& c, Slot* frame) { return end_with(c, frame, Status::success); }
Trap revert(Call& c, Slot* frame) { return end_with(c, frame, Status::revert); }
Trap returned_size(Call& c, Slot* frame) { return give_number(c, frame, c.return_data.size()); }
Trap returned_read(Call& c, Slot* frame) {
    const auto offset = u32(frame[1]), size = u32(frame[2]);
    if (!c.charge(copy_gas + copy_word_gas * words(size))) return Trap::out_of_fuel;
    if (std::uint64_t{offset} + size > c.return_data.size()) return c.end(Status::return_data_out_of_bounds);
    return copy_padded(c, frame[0], c.return_data, offset, size);
}
Trap self_address(Call& c, Slot* frame) { return give(c, frame[0], c.message.recipient); }
Trap caller(Call& c, Slot* frame) { return give(c, frame[0], c.message.sender); }
Trap call_value(Call& c, Slot* frame) { return give(c, frame[0], c.message.value); }
Trap gas_left(Call& c, Slot* frame) {
    if (!c.charge(base_gas)) return Trap::out_of_fuel;
    frame[0] = static_cast<Slot>(c.gas_left());
    return Trap::none;
}
Trap is_static(Call& c, Slot* frame) { return give_number(c, frame, c.message.is_static ? 1 : 0); }

// Storage and logs.

[[nodiscard]] const std::uint8_t* word_at(const Call& c, Slot at) { return c.range(u32(at), 32); }

Trap storage_load(Call& c, Slot* frame) {
    const auto* key = word_at(c, frame[0]);
    if (key == nullptr) return Trap::memory_out_of_bounds;
    const auto [value, was_cold] = c.host.load(c.message.recipient, load_big_endian(key));
    if (!c.charge(was_cold ? evm::cold_slot_gas : evm::warm_access_gas)) return Trap::out_of_fuel;
    return put(c, frame[1], value);
}
Trap storage_store(Call& c, Slot* frame) {
    const auto* key = word_at(c, frame[0]);
    const auto* value = word_at(c, frame[1]);
    if (key == nullptr || value == nullptr) return Trap::memory_out_of_bounds;
    if (c.message.is_static) return c.end(Status::write_protection);
    if (c.gas_left() <= evm::call_stipend_gas) return Trap::out_of_fuel;
    // Written before it is paid for: a call that can't pay is undone as a whole.
    const auto [status, was_cold] = c.host.store(c.message.recipient, load_big_endian(key), load_big_endian(value));
    const auto cost = evm::store_cost(c.revision, status);
    c.refund += cost.refund;
    return c.charge(cost.gas + (was_cold ? evm::cold_slot_gas : 0)) ? Trap::none : Trap::out_of_fuel;
}
Trap transient_load(Call& c, Slot* frame) {
    const auto* key = word_at(c, frame[0]);
    if (key == nullptr) return Trap::memory_out_of_bounds;
    if (!c.charge(evm::warm_access_gas)) return Trap::out_of_fuel;
    return put(c, frame[1], c.host.load_transient(c.message.recipient, load_big_endian(key)));
}
Trap transient_store(Call& c, Slot* frame) {
    const auto* key = word_at(c, frame[0]);
    const auto* value = word_at(c, frame[1]);
    if (key == nullptr || value == nullptr) return Trap::memory_out_of_bounds;
    if (c.message.is_static) return c.end(Status::write_protection);
    if (!c.charge(evm::warm_access_gas)) return Trap::out_of_fuel;
    c.host.store_transient(c.message.recipient, load_big_endian(key), load_big_endian(value));
    return Trap::none;
}
/// (data, its size, topics of 32 bytes each, how many)
Trap log(Call& c, Slot* frame) {
    const auto size = u32(frame[1]), count = u32(frame[3]);
    if (count > 4) return Trap::unreachable;
    const auto* data = c.range(u32(frame[0]), size);
    const auto* topics = c.range(u32(frame[2]), 32 * count);
    if (data == nullptr || topics == nullptr) return Trap::memory_out_of_bounds;
    if (c.message.is_static) return c.end(Status::write_protection);
    if (!c.charge(375 + 375 * std::int64_t{count} + 8 * std::int64_t{size})) return Trap::out_of_fuel;
    std::array<Hash256, 4> list;
    for (std::size_t i = 0; i < count; ++i) std::memcpy(list[i].data(), topics + 32 * i, 32);
    const std::span<const Hash256> used{list.data(), count};
    if (c.tracer != nullptr) c.tracer->on_log(c.message.recipient, used, {data, size});
    c.host.log(c.message.recipient, used, {data, size});
    return Trap::none;
}
Trap self_destruct(Call& c, Slot* frame) {
    const auto* heir_at = c.range(u32(frame[0]), 20);
    if (heir_at == nullptr) return Trap::memory_out_of_bounds;
    if (c.message.is_static) return c.end(Status::write_protection);
    const auto heir = *Address::from_view({heir_at, 20});
    const auto& self = c.message.recipient;
    const auto balance = c.host.balance(self);
    auto cost = 5000 + (c.host.warm_account(heir) ? evm::cold_account_gas : 0);
    if (!c.host.is_alive(heir) && !balance.is_zero()) cost += evm::new_account_gas;
    if (!c.charge(cost)) return Trap::out_of_fuel;
    if (c.tracer != nullptr) c.tracer->on_self_destruct(self, heir, balance);
    static_cast<void>(c.host.self_destruct(self, heir));
    return c.end(Status::success);
}

// Accounts: frame[0] is an address.

/// Null: outside the memory.
[[nodiscard]] const std::uint8_t* account_at(const Call& c, Slot at) { return c.range(u32(at), 20); }
[[nodiscard]] std::int64_t access_gas(Call& c, const Address& account) {
    return c.host.warm_account(account) ? evm::cold_account_gas : evm::warm_access_gas;
}

template <class F>
Trap with_account(Call& c, const Slot* frame, std::int64_t more_gas, F&& f) {
    const auto* at = account_at(c, frame[0]);
    if (at == nullptr) return Trap::memory_out_of_bounds;
    const auto account = *Address::from_view({at, 20});
    if (!c.charge(access_gas(c, account) + more_gas)) return Trap::out_of_fuel;
    return f(account);
}

Trap balance(Call& c, Slot* frame) {
    return with_account(c, frame, 0, [&](const Address& a) { return put(c, frame[1], c.host.balance(a)); });
}
Trap code_size(Call& c, Slot* frame) {
    return with_account(c, frame, 0, [&](const Address& a) {
        frame[0] = c.host.code_size(a);
        return Trap::none;
    });
}
Trap code_hash(Call& c, Slot* frame) {
    return with_account(c, frame, 0, [&](const Address& a) { return put(c, frame[1], c.host.code_hash(a).view()); });
}
/// (address, to, offset, size)
Trap code_read(Call& c, Slot* frame) {
    const auto size = u32(frame[3]);
    return with_account(c, frame, copy_word_gas * words(size), [&](const Address& a) {
        std::uint8_t* to = nullptr;
        if (const auto trap = c.write_to(u32(frame[1]), size, to); to == nullptr) return trap;
        const auto copied = c.host.copy_code(a, u32(frame[2]), {to, size});
        std::memset(to + copied, 0, size - copied);
        return Trap::none;
    });
}

// Facts of the transaction and the block.

[[nodiscard]] const evm::BlockContext& block(Call& c) { return c.host.context().block; }

Trap origin(Call& c, Slot* frame) { return give(c, frame[0], c.host.context().origin); }
Trap gas_price(Call& c, Slot* frame) { return give(c, frame[0], c.host.context().gas_price); }
/// (index, to)
Trap blob_hash(Call& c, Slot* frame) {
    const auto hashes = c.host.context().blob_hashes;
    return give(c, frame[1], u32(frame[0]) < hashes.size() ? hashes[u32(frame[0])] : Hash256{});
}
Trap chain_id(Call& c, Slot* frame) { return give(c, frame[0], block(c).chain_id); }
Trap block_number(Call& c, Slot* frame) { return give_number(c, frame, block(c).number); }
Trap block_timestamp(Call& c, Slot* frame) { return give_number(c, frame, block(c).timestamp); }
Trap block_gas_limit(Call& c, Slot* frame) { return give_number(c, frame, block(c).gas_limit); }
Trap block_coinbase(Call& c, Slot* frame) { return give(c, frame[0], block(c).coinbase); }
Trap block_base_fee(Call& c, Slot* frame) { return give(c, frame[0], block(c).base_fee); }
Trap block_blob_base_fee(Call& c, Slot* frame) { return give(c, frame[0], block(c).blob_base_fee); }
Trap block_prevrandao(Call& c, Slot* frame) { return give(c, frame[0], block(c).prevrandao); }
/// (number l, to)
Trap block_hash(Call& c, Slot* frame) {
    if (!c.charge(20)) return Trap::out_of_fuel;
    const auto number = frame[0], current = block(c).number;
    const bool is_in_reach = number < current && current - number <= 256;
    return put(c, frame[1], (is_in_reach ? c.host.block_hash(number) : Hash256{}).view());
}
/// The block's time, and on from there by the fuel that this call has used.
Trap clock_ns(Call& c, Slot* frame) {
    const auto used = c.fuel_at_start - c.machine.fuel;
    return give_number(c, frame,
                       block(c).timestamp * 1'000'000'000 + static_cast<std::uint64_t>(used * clock_ns_per_fuel));
}

// Hashes: (data, its size, to)

template <auto hash>
Trap hash_with(Call& c, const Slot* frame, std::int64_t first_gas, std::int64_t word_gas) {
    const auto size = u32(frame[1]);
    const auto* data = c.range(u32(frame[0]), size);
    if (data == nullptr) return Trap::memory_out_of_bounds;
    if (!c.charge(first_gas + word_gas * words(size))) return Trap::out_of_fuel;
    return put(c, frame[2], hash(ByteView{data, size}).view());
}
Trap keccak_256(Call& c, Slot* frame) { return hash_with<keccak256>(c, frame, 30, 6); }
Trap sha_256(Call& c, Slot* frame) { return hash_with<sha256>(c, frame, 60, 12); }

}  // namespace
}  // namespace functions

namespace {

template <vm::Trap (*f)(Call&, vm::Slot*)>
vm::Trap host_call(void*, vm::Machine& machine, vm::Instance*, vm::Slot* frame) {
    return f(*static_cast<Call*>(machine.host_context), frame);
}

using namespace functions;

constexpr HostFunction table[] = {
    {"input_size", ">i", host_call<input_size>},
    {"input_read", "iii>", host_call<input_read>},
    {"finish", "ii>", host_call<finish>},
    {"revert", "ii>", host_call<revert>},
    {"returned_size", ">i", host_call<returned_size>},
    {"returned_read", "iii>", host_call<returned_read>},
    {"self_address", "i>", host_call<self_address>},
    {"caller", "i>", host_call<caller>},
    {"call_value", "i>", host_call<call_value>},
    {"gas_left", ">l", host_call<gas_left>},
    {"is_static", ">i", host_call<is_static>},
    {"storage_load", "ii>", host_call<storage_load>},
    {"storage_store", "ii>", host_call<storage_store>},
    {"transient_load", "ii>", host_call<transient_load>},
    {"transient_store", "ii>", host_call<transient_store>},
    {"log", "iiii>", host_call<functions::log>},
    {"self_destruct", "i>", host_call<self_destruct>},
    {"call", "liiii>i", host_call<functions::call>},
    {"delegate_call", "liii>i", host_call<delegate_call>},
    {"static_call", "liii>i", host_call<static_call>},
    {"create", "iiii>i", host_call<functions::create>},
    {"create2", "iiiii>i", host_call<create2>},
    {"balance", "ii>", host_call<balance>},
    {"code_size", "i>i", host_call<code_size>},
    {"code_hash", "ii>", host_call<code_hash>},
    {"code_read", "iiii>", host_call<code_read>},
    {"origin", "i>", host_call<origin>},
    {"gas_price", "i>", host_call<gas_price>},
    {"blob_hash", "ii>", host_call<blob_hash>},
    {"chain_id", "i>", host_call<chain_id>},
    {"block_number", ">l", host_call<block_number>},
    {"block_timestamp", ">l", host_call<block_timestamp>},
    {"block_gas_limit", ">l", host_call<block_gas_limit>},
    {"block_coinbase", "i>", host_call<block_coinbase>},
    {"block_base_fee", "i>", host_call<block_base_fee>},
    {"block_blob_base_fee", "i>", host_call<block_blob_base_fee>},
    {"block_prevrandao", "i>", host_call<block_prevrandao>},
    {"block_hash", "li>", host_call<block_hash>},
    {"clock_ns", ">l", host_call<clock_ns>},
    {"keccak256", "iii>", host_call<keccak_256>},
    {"sha256", "iii>", host_call<sha_256>},
};

}  // namespace

std::span<const HostFunction> host_functions() noexcept { return table; }

wasm::FunctionType function_type(std::string_view signature) {
    wasm::FunctionType out;
    auto* into = &out.parameters;
    for (const char letter : signature) {
        if (letter == '>')
            into = &out.results;
        else
            into->push_back(letter == 'l' ? wasm::ValueType::i64 : wasm::ValueType::i32);
    }
    return out;
}

}  // namespace troupe::contract
