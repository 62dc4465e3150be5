#include "vm/dmir/opcodes.hpp"

#include <map>

namespace troupe::dmir {
namespace {

constexpr std::uint16_t no_wasm_opcode = 0xFFFF;

constexpr auto facts = [] {
    using enum OpKind;
    using enum Trap;
    return std::array<OpInfo, op_count>{{
#define TROUPE_DMIR_OP(id, text, code, signature, kind, n, fuel, trap) {text, code, signature, kind, n, fuel, trap},
#include "vm/dmir/opcodes.inc"
    }};
}();

struct WasmIndex {
    std::array<std::uint16_t, 768> ops{};
};

[[nodiscard]] constexpr std::size_t wasm_slot(std::uint16_t opcode) noexcept {
    if (opcode < 256) return opcode;
    if (opcode >> 8 == 0xFC) return 256 + (opcode & 0xFF);
    if (opcode >> 8 == 0xFD) return 512 + (opcode & 0xFF);
    return 768;
}

constexpr auto by_wasm = [] {
    WasmIndex index;
    for (auto& op : index.ops) op = no_wasm_opcode;
    for (std::size_t i = 0; i < op_count; ++i) {
        const auto slot = wasm_slot(facts[i].wasm_opcode);
        if (slot < index.ops.size()) index.ops[slot] = static_cast<std::uint16_t>(i);
    }
    return index;
}();

}  // namespace

const OpInfo& info(Op op) noexcept { return facts[static_cast<std::size_t>(op)]; }

std::optional<Op> op_from_string(std::string_view text) noexcept {
    static const auto names = [] {
        std::map<std::string_view, Op> out;
        for (std::size_t i = 0; i < op_count; ++i) out.emplace(facts[i].name, static_cast<Op>(i));
        return out;
    }();
    const auto found = names.find(text);
    if (found == names.end()) return std::nullopt;
    return found->second;
}

std::optional<Op> op_from_wasm(std::uint16_t opcode) noexcept {
    const auto slot = wasm_slot(opcode);
    if (slot >= by_wasm.ops.size() || by_wasm.ops[slot] == no_wasm_opcode) return std::nullopt;
    return static_cast<Op>(by_wasm.ops[slot]);
}

bool is_pure(Op op) noexcept {
    const auto& facts_of = info(op);
    if (facts_of.trap != Trap::none) return false;
    switch (op) {
        case Op::global_set:
        case Op::table_grow:
        case Op::memory_grow:
        case Op::elem_drop:
        case Op::data_drop: return false;
        default: return true;
    }
}

std::optional<Type> type_from_string(std::string_view text) noexcept {
    for (auto type : {Type::i32, Type::i64, Type::f32, Type::f64, Type::v128, Type::ref, Type::i256})
        if (to_string(type) == text) return type;
    return std::nullopt;
}

std::string_view message(Trap trap) noexcept {
    switch (trap) {
        case Trap::none: return "none";
        case Trap::unreachable: return "unreachable";
        case Trap::memory_out_of_bounds: return "out of bounds memory access";
        case Trap::table_out_of_bounds: return "out of bounds table access";
        case Trap::undefined_element: return "undefined element";
        case Trap::uninitialized_element: return "uninitialized element";
        case Trap::indirect_call_type_mismatch: return "indirect call type mismatch";
        case Trap::integer_divide_by_zero: return "integer divide by zero";
        case Trap::integer_overflow: return "integer overflow";
        case Trap::invalid_conversion_to_integer: return "invalid conversion to integer";
        case Trap::call_stack_exhausted: return "call stack exhausted";
        case Trap::out_of_fuel: return "out of fuel";
        case Trap::function_too_complex: return "function too complex";
        case Trap::host_error: return "host error";
        case Trap::integer_division: return "integer divide by zero or overflow";
        case Trap::float_to_integer: return "integer overflow or invalid conversion to integer";
        case Trap::callee: return "what the callee raises, or call stack exhausted";
    }
    return "unknown";
}

}  // namespace troupe::dmir
