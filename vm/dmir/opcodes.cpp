#include "vm/dmir/opcodes.hpp"

#include <map>

namespace troupe::dmir {
constexpr std::array<OpInfo, op_count> op_facts = [] {
    using enum OpKind;
    using enum Trap;
    return std::array<OpInfo, op_count>{{
#define TROUPE_DMIR_OP(id, text, code, signature, kind, n, fuel, trap) {text, code, signature, kind, n, fuel, trap},
#include "vm/dmir/opcodes.inc"
    }};
}();

constexpr std::array<Op, 768> ops_of_wasm = [] {
    std::array<Op, 768> out{};
    out.fill(Op::count);
    for (std::size_t i = 0; i < op_count; ++i) {
        const auto slot = wasm_slot(op_facts[i].wasm_opcode);
        if (slot < out.size()) out[slot] = static_cast<Op>(i);
    }
    return out;
}();

constexpr std::array<bool, op_count> pure_ops = [] {
    std::array<bool, op_count> out{};
    for (std::size_t i = 0; i < op_count; ++i) out[i] = op_facts[i].trap == Trap::none;
    for (auto op : {Op::global_set, Op::table_grow, Op::memory_grow, Op::elem_drop, Op::data_drop})
        out[static_cast<std::size_t>(op)] = false;
    return out;
}();

std::optional<Op> op_from_string(std::string_view text) noexcept {
    static const auto names = [] {
        std::map<std::string_view, Op> out;
        for (std::size_t i = 0; i < op_count; ++i) out.emplace(op_facts[i].name, static_cast<Op>(i));
        return out;
    }();
    const auto found = names.find(text);
    if (found == names.end()) return std::nullopt;
    return found->second;
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
