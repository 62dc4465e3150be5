// Where compiled code finds the members of the structs that it runs against.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vm/interp/runtime.hpp"

namespace troupe::jit {

// Layout of plain structs whose members are of several kinds: conditionally supported by the standard, exact in GCC.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
inline constexpr int instance_memory = offsetof(vm::Instance, memory);
inline constexpr int instance_functions = offsetof(vm::Instance, function_table);
inline constexpr int instance_globals = offsetof(vm::Instance, global_table);
inline constexpr int instance_machine = offsetof(vm::Instance, machine);
// A std::vector begins with the addresses of its first element and of the place after its last one (libstdc++).
inline constexpr int instance_tables = offsetof(vm::Instance, tables);
inline constexpr int instance_signatures = offsetof(vm::Instance, signatures);
/// Of a function that the module defines: see vm::InstanceBlock.
[[nodiscard]] constexpr int instance_function(std::uint32_t index) noexcept {
    return static_cast<int>(sizeof(vm::Instance) + index * sizeof(vm::FunctionObject));
}
/// Of a type, in a module that defines so many functions.
[[nodiscard]] constexpr int instance_call_type(std::uint32_t type, std::uint32_t functions) noexcept {
    return instance_function(functions) + static_cast<int>(type * sizeof(vm::CallType));
}
inline constexpr int call_type_stub = offsetof(vm::CallType, stub);
inline constexpr int call_type_signature = offsetof(vm::CallType, signature);
inline constexpr int table_begin = offsetof(vm::Table, elements);
inline constexpr int table_end = table_begin + static_cast<int>(sizeof(void*));
inline constexpr int function_direct = offsetof(vm::FunctionObject, direct);
inline constexpr int function_fast = offsetof(vm::FunctionObject, fast);
inline constexpr int function_signature = offsetof(vm::FunctionObject, signature);
inline constexpr int function_host = offsetof(vm::FunctionObject, host);
inline constexpr int function_user = offsetof(vm::FunctionObject, user);
inline constexpr int function_native = offsetof(vm::FunctionObject, native);
inline constexpr int function_instance = offsetof(vm::FunctionObject, instance);
inline constexpr int machine_fuel = offsetof(vm::Machine, fuel);
inline constexpr int machine_steps = offsetof(vm::Machine, steps);
inline constexpr int machine_can_stop = offsetof(vm::Machine, can_stop);
inline constexpr int machine_steps_max = offsetof(vm::Machine, steps_max);
inline constexpr int machine_units = offsetof(vm::Machine, stack_units_left);
inline constexpr int machine_frame = offsetof(vm::Machine, native_frame);
inline constexpr int machine_limit = offsetof(vm::Machine, native_limit);
inline constexpr int machine_chunk_fuel =
    offsetof(vm::Machine, limits) + offsetof(vm::MachineLimits, fuel_per_dirty_chunk);
inline constexpr int machine_exit = offsetof(vm::Machine, native_exit);
inline constexpr int memory_base = offsetof(vm::Memory, base);
inline constexpr int memory_size = offsetof(vm::Memory, size_bytes);
#pragma GCC diagnostic pop

}  // namespace troupe::jit
