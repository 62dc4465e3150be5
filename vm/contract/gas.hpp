// Fuel and gas are one account: while WebAssembly runs, the machine's fuel is the call's gas in smaller units. All
// figures are of the chain's rules. vm/contract/README.md gives the reasons.
#pragma once

#include <cstdint>

namespace troupe::contract {

/// A gas is this much fuel. Leaving WebAssembly rounds what is left down to whole gas.
inline constexpr std::int64_t fuel_per_gas = 32;
/// More gas than any block has is set aside for the call's end, so that fuel never overflows.
inline constexpr std::int64_t gas_in_fuel_max = std::int64_t{1} << 56;

/// Per byte of a module that is to be stored, for decoding and validating it.
inline constexpr std::int64_t admission_gas_per_byte = 1;
/// Per word of a package's parts when it is created, for putting them together and hashing them.
inline constexpr std::int64_t assembly_gas_per_word = 6;

/// For an instance.
inline constexpr std::int64_t instance_fuel = 8192;
/// For so many bytes of active data, or so many elements of tables, one unit.
inline constexpr std::int64_t data_bytes_per_fuel = 16;
inline constexpr std::int64_t elements_per_fuel = 2;
/// For a chunk of 4 KiB, when the call first writes to it.
inline constexpr std::uint32_t fuel_per_dirty_chunk = 2048;
/// For a page that memory.grow adds.
inline constexpr std::uint32_t fuel_per_grown_page = 1024;

/// Of the virtual clock: nanoseconds that a unit of fuel takes.
inline constexpr std::int64_t clock_ns_per_fuel = 1;

}  // namespace troupe::contract
