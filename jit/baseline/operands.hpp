// Which slots an instruction reads and writes.
#pragma once

#include <array>
#include <cstring>

#include "vm/interp/code.hpp"

namespace troupe::jit {

struct Operands {
    std::uint16_t written = vm::no_slot;
    std::array<std::uint16_t, 3> read{vm::no_slot, vm::no_slot, vm::no_slot};
    /// Slots of a call's or a return's list.
    std::uint32_t listed = 0;
};

/// Calls and returns list slots after themselves.
[[nodiscard]] inline std::uint16_t listed_slot(const vm::Instruction* i, std::uint32_t k) noexcept {
    std::uint16_t out = 0;
    std::memcpy(&out, reinterpret_cast<const char*>(i + 1) + std::size_t{2} * k, 2);
    return out;
}

[[nodiscard]] Operands operands_of(const vm::Instruction& i) noexcept;

/// An address is made of several slots: name_scaled operations.
[[nodiscard]] constexpr bool is_scaled_load(std::uint16_t op) noexcept {
    return op >= vm::code(vm::Extended::i32_load_scaled) && op <= vm::code(vm::Extended::i64_load32_u_scaled);
}
[[nodiscard]] constexpr bool is_scaled_store(std::uint16_t op) noexcept {
    return op >= vm::code(vm::Extended::i32_store_scaled) && op <= vm::code(vm::Extended::i64_store32_scaled);
}
[[nodiscard]] constexpr bool is_integer_branch(std::uint16_t op) noexcept {
    return op >= vm::code(vm::Extended::branch_i32_eq) && op <= vm::code(vm::Extended::branch_i64_ge_u_immediate);
}
[[nodiscard]] constexpr bool is_float_branch(std::uint16_t op) noexcept {
    return op >= vm::code(vm::Extended::branch_f32_eq) && op <= vm::code(vm::Extended::branch_not_f64_ge);
}
[[nodiscard]] constexpr bool is_immediate_form(std::uint16_t op) noexcept {
    return op >= vm::code(vm::Extended::i32_add_immediate) && op <= vm::code(vm::Extended::i64_ge_u_immediate);
}

}  // namespace troupe::jit
