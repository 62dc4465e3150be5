// dMIR's operations and the facts that every reader of them shares. vm/dmir/README.md specifies what they do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::dmir {

/// i256 is the EVM's word. A reference is a function or a host object; zero is null.
enum class Type : std::uint8_t { i32, i64, f32, f64, v128, ref, i256 };

[[nodiscard]] constexpr std::string_view to_string(Type type) noexcept {
    constexpr std::array<std::string_view, 7> names{"i32", "i64", "f32", "f64", "v128", "ref", "i256"};
    return names[static_cast<std::size_t>(type)];
}
[[nodiscard]] std::optional<Type> type_from_string(std::string_view text) noexcept;

enum class Op : std::uint16_t {
#define TROUPE_DMIR_OP(id, text, code, signature, kind, n, fuel, trap) id,
#include "vm/dmir/opcodes.inc"
    count
};
inline constexpr std::size_t op_count = static_cast<std::size_t>(Op::count);

enum class OpKind : std::uint8_t { plain, constant, load, store, lane, load_lane, store_lane, shuffle, special };

/// Why execution stopped. The order is part of receipts: append only.
enum class Trap : std::uint8_t {
    none,
    unreachable,
    memory_out_of_bounds,
    table_out_of_bounds,
    undefined_element,
    uninitialized_element,
    indirect_call_type_mismatch,
    integer_divide_by_zero,
    integer_overflow,
    invalid_conversion_to_integer,
    call_stack_exhausted,
    out_of_fuel,
    function_too_complex,
    host_error,
    // Families, only in the facts table: which of the above an operation may raise.
    integer_division,
    float_to_integer,
    callee,
};

/// The WebAssembly specification's words for a trap.
[[nodiscard]] std::string_view message(Trap trap) noexcept;

struct OpInfo {
    std::string_view name;
    std::uint16_t wasm_opcode;
    /// See opcodes.inc.
    std::string_view signature;
    OpKind kind;
    std::uint8_t n;
    /// Charged for each execution, as part of its block's charge.
    std::uint8_t fuel;
    Trap trap;
};

/// Of each operation.
extern const std::array<OpInfo, op_count> op_facts;
[[nodiscard]] inline const OpInfo& info(Op op) noexcept { return op_facts[static_cast<std::size_t>(op)]; }
[[nodiscard]] std::optional<Op> op_from_string(std::string_view text) noexcept;
/// WebAssembly's opcodes in one range: those without a prefix, with 0xFC, with 0xFD; 768 for others.
[[nodiscard]] constexpr std::size_t wasm_slot(std::uint16_t opcode) noexcept {
    if (opcode < 256) return opcode;
    if (opcode >> 8 == 0xFC) return 256 + (opcode & 0xFF);
    if (opcode >> 8 == 0xFD) return 512 + (opcode & 0xFF);
    return 768;
}
/// By slot; `count` where there is none.
extern const std::array<Op, 768> ops_of_wasm;
/// The operation of a WebAssembly opcode (prefix * 256 + number for 0xFC and 0xFD), if it has one of its own.
[[nodiscard]] inline std::optional<Op> op_from_wasm(std::uint16_t opcode) noexcept {
    const auto slot = wasm_slot(opcode);
    if (slot >= ops_of_wasm.size() || ops_of_wasm[slot] == Op::count) return std::nullopt;
    return ops_of_wasm[slot];
}
extern const std::array<bool, op_count> pure_ops;
/// True if an unused result makes the operation removable: it can't trap and changes nothing.
[[nodiscard]] inline bool is_pure(Op op) noexcept { return pure_ops[static_cast<std::size_t>(op)]; }

[[nodiscard]] constexpr Type type_from_letter(char letter) noexcept {
    switch (letter) {
        case 'i': return Type::i32;
        case 'l': return Type::i64;
        case 'f': return Type::f32;
        case 'd': return Type::f64;
        case 'v': return Type::v128;
        default: return Type::ref;
    }
}

}  // namespace troupe::dmir
