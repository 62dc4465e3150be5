#include "jit/baseline/operands.hpp"

namespace troupe::jit {

using dmir::Op;
using vm::Extended;
using vm::Instruction;
using vm::no_slot;

Operands operands_of(const Instruction& i) noexcept {
    Operands out;
    if (i.op < dmir::op_count) {
        const auto op = static_cast<Op>(i.op);
        switch (op) {
            case Op::select: return {i.a, {i.b, i.c, static_cast<std::uint16_t>(i.low())}, 0};
            case Op::global_get: return {i.a, {no_slot, no_slot, no_slot}, 0};
            case Op::global_set: return {no_slot, {i.b, no_slot, no_slot}, 0};
            case Op::call: return {i.a, {no_slot, no_slot, no_slot}, i.b};
            case Op::call_indirect: return {i.a, {no_slot, no_slot, no_slot}, i.b + 1U};
            default: break;
        }
        const auto& signature = dmir::info(op).signature;
        const auto operands = signature.find(':');
        if (operands + 1 < signature.size()) out.written = i.a;
        if (operands == 3) {
            out.read = {i.a, i.b, i.c};
            return out;
        }
        if (operands > 0) out.read[0] = i.b;
        if (operands > 1) out.read[1] = i.c;
        return out;
    }
    if (is_immediate_form(i.op)) return {i.a, {i.b, no_slot, no_slot}, 0};
    if (is_scaled_load(i.op)) return {i.a, {i.b, i.c, no_slot}, 0};
    if (is_scaled_store(i.op)) return {no_slot, {i.a, i.b, i.c}, 0};
    if (is_float_branch(i.op)) return {no_slot, {i.a, i.b, no_slot}, 0};
    if (is_integer_branch(i.op)) {
        const bool immediate = ((i.op - vm::code(Extended::branch_i32_eq)) & 2) != 0;
        return {no_slot, {i.a, immediate ? no_slot : i.b, no_slot}, 0};
    }
    switch (static_cast<Extended>(i.op)) {
        case Extended::branch_nonzero:
        case Extended::branch_zero:
        case Extended::branch_table:
        case Extended::return_one: return {no_slot, {i.a, no_slot, no_slot}, 0};
        case Extended::return_many: out.listed = i.a; return out;
        case Extended::move: return {i.a, {i.b, no_slot, no_slot}, 0};
        default: return out;
    }
}

}  // namespace troupe::jit
