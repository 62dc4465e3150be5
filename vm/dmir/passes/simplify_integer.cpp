// Rules for integer arithmetic. Constants stand on the right of what commutes.
#include <algorithm>
#include <bit>

#include "vm/dmir/passes/simplifier.hpp"

namespace troupe::dmir {
namespace {

[[nodiscard]] constexpr bool commutes(Op op) {
    switch (op) {
        case Op::i32_add:
        case Op::i32_mul:
        case Op::i32_and:
        case Op::i32_or:
        case Op::i32_xor:
        case Op::i32_eq:
        case Op::i32_ne: return true;
        default: return false;
    }
}

}  // namespace

Value Simplifier::integer_rule(Instruction& i, IntegerOp op) {
    if (commutes(op.op) && constant(i.arguments[0])) std::swap(i.arguments[0], i.arguments[1]);
    switch (op.op) {
        case Op::i32_add: return add_rule(i, op);
        case Op::i32_sub: return sub_rule(i, op);
        case Op::i32_mul: return mul_rule(i, op);
        case Op::i32_div_s:
        case Op::i32_div_u:
        case Op::i32_rem_s:
        case Op::i32_rem_u: return division_rule(i, op);
        case Op::i32_and:
        case Op::i32_or:
        case Op::i32_xor: return bitwise_rule(i, op);
        case Op::i32_shl:
        case Op::i32_shr_s:
        case Op::i32_shr_u:
        case Op::i32_rotl:
        case Op::i32_rotr: return shift_rule(i, op);
        case Op::i32_eqz: return eqz_rule(i, op);
        default: return op.op <= Op::i32_ge_u ? comparison_rule(i, op) : no_value;
    }
}

Value Simplifier::add_rule(Instruction& i, IntegerOp op) {
    const auto a = i.arguments[0];
    const auto b = i.arguments[1];
    if (const auto c = constant(b)) {
        if (*c == 0) return a;
        if (const auto* d = definition(a, op.of(Op::i32_add)))
            if (const auto inner = constant(d->arguments[1])) {
                const auto base = d->arguments[0];
                become(i, i.op, base, make_constant(op.type(), (*c + *inner) & op.mask()));
            }
        return no_value;
    }
    // x + (0 - y), (x - y) + y
    for (const auto& [x, y] : {std::pair{a, b}, std::pair{b, a}}) {
        const auto* d = definition(y, op.of(Op::i32_sub));
        if (d == nullptr) continue;
        if (d->arguments[1] == x) return d->arguments[0];
        if (is_constant(d->arguments[0], 0)) {
            become(i, op.of(Op::i32_sub), x, d->arguments[1]);
            return no_value;
        }
    }
    return no_value;
}

Value Simplifier::sub_rule(Instruction& i, IntegerOp op) {
    const auto a = i.arguments[0];
    const auto b = i.arguments[1];
    if (a == b) {
        become_constant(i, 0);
        return no_value;
    }
    if (const auto c = constant(b)) {
        if (*c == 0) return a;
        become(i, op.of(Op::i32_add), a, make_constant(op.type(), (0 - *c) & op.mask()));
        return no_value;
    }
    if (const auto* d = definition(a, op.of(Op::i32_add))) {
        if (d->arguments[1] == b) return d->arguments[0];
        if (d->arguments[0] == b) return d->arguments[1];
    }
    return no_value;
}

Value Simplifier::mul_rule(Instruction& i, IntegerOp op) {
    const auto c = constant(i.arguments[1]);
    if (!c) return no_value;
    if (*c == 0) return i.arguments[1];
    if (*c == 1) return i.arguments[0];
    const auto a = i.arguments[0];
    if (*c == op.mask()) become(i, op.of(Op::i32_sub), make_constant(op.type(), 0), a);
    if (std::has_single_bit(*c))
        become(i, op.of(Op::i32_shl), a, make_constant(op.type(), static_cast<std::uint64_t>(std::countr_zero(*c))));
    return no_value;
}

Value Simplifier::division_rule(Instruction& i, IntegerOp op) {
    const auto a = i.arguments[0];
    const auto c = constant(i.arguments[1]);
    if (!c || *c == 0) return no_value;
    const bool remainder = op.op == Op::i32_rem_s || op.op == Op::i32_rem_u;
    if (*c == 1) {
        if (!remainder) return a;
        become_constant(i, 0);
        return no_value;
    }
    if (*c == op.mask() && op.op == Op::i32_rem_s) {
        become_constant(i, 0);
        return no_value;
    }
    const auto sign = std::uint64_t{1} << (op.bits() - 1);
    const bool is_signed = op.op == Op::i32_div_s || op.op == Op::i32_rem_s;
    // Neither is negative: the unsigned operation does the same.
    if (is_signed && (zeros(a) & sign) != 0 && (*c & sign) == 0) {
        i.op = op.of(remainder ? Op::i32_rem_u : Op::i32_div_u);
        return no_value;
    }
    if (!std::has_single_bit(*c) || (is_signed && *c == sign)) return no_value;
    const auto shift = static_cast<std::uint64_t>(std::countr_zero(*c));
    const auto amount = [&](std::uint64_t n) { return make_constant(op.type(), n); };
    if (!is_signed) {
        if (remainder)
            become(i, op.of(Op::i32_and), a, amount(*c - 1));
        else
            become(i, op.of(Op::i32_shr_u), a, amount(shift));
        return no_value;
    }
    // Rounding towards zero: a negative number first grows by 2^shift - 1.
    const auto type = op.type();
    const auto all_sign = make(op.of(Op::i32_shr_s), type, a, amount(op.bits() - 1));
    const auto extra = make(op.of(Op::i32_shr_u), type, all_sign, amount(op.bits() - shift));
    const auto sum = make(op.of(Op::i32_add), type, a, extra);
    if (remainder)
        become(i, op.of(Op::i32_sub), a, make(op.of(Op::i32_and), type, sum, amount(~(*c - 1) & op.mask())));
    else
        become(i, op.of(Op::i32_shr_s), sum, amount(shift));
    return no_value;
}

Value Simplifier::bitwise_rule(Instruction& i, IntegerOp op) {
    const auto a = i.arguments[0];
    const auto b = i.arguments[1];
    if (a == b) {
        if (op.op != Op::i32_xor) return a;
        become_constant(i, 0);
        return no_value;
    }
    const auto c = constant(b);
    if (!c) return no_value;
    const auto possible = ~zeros(a) & op.mask();
    switch (op.op) {
        case Op::i32_and:
            if ((possible & *c) == 0) {
                become_constant(i, 0);
                return no_value;
            }
            if ((possible & ~*c) == 0) return a;
            break;
        case Op::i32_or:
            if (*c == 0) return a;
            if ((possible & ~*c) == 0) return b;
            break;
        default:
            if (*c == 0) return a;
            break;
    }
    if (const auto* d = definition(a, i.op))
        if (const auto inner = constant(d->arguments[1])) {
            const auto base = d->arguments[0];
            const auto both = op.op == Op::i32_and ? *c & *inner : op.op == Op::i32_or ? *c | *inner : *c ^ *inner;
            become(i, i.op, base, make_constant(op.type(), both));
        }
    return no_value;
}

Value Simplifier::shift_rule(Instruction& i, IntegerOp op) {
    const auto a = i.arguments[0];
    const auto b = i.arguments[1];
    const std::uint64_t count_mask = op.bits() - 1;
    if (is_constant(a, 0)) return a;
    const auto c = constant(b);
    if (!c) {
        // Counts are taken modulo the width anyway.
        const auto* d = definition(b, op.of(Op::i32_and));
        if (d == nullptr) return no_value;
        const auto m = constant(d->arguments[1]);
        if (m && (*m & count_mask) == count_mask) i.arguments[1] = d->arguments[0];
        return no_value;
    }
    const auto by = *c & count_mask;
    if (by == 0) return a;
    const auto amount = [&](std::uint64_t n) { return make_constant(op.type(), n); };
    if (by != *c) {
        i.arguments[1] = amount(by);
        return no_value;
    }
    const auto sign = std::uint64_t{1} << (op.bits() - 1);
    if (op.op == Op::i32_shr_s && (zeros(a) & sign) != 0) {
        i.op = op.of(Op::i32_shr_u);
        return no_value;
    }
    if (op.op == Op::i32_rotl || op.op == Op::i32_rotr) return no_value;
    const auto* d = definition(a);
    const auto inner_op = d == nullptr ? std::nullopt : integer_op(d->op);
    if (!inner_op || inner_op->wide != op.wide) return no_value;
    const bool is_shift = inner_op->op == Op::i32_shl || inner_op->op == Op::i32_shr_u || inner_op->op == Op::i32_shr_s;
    const auto inner_count = is_shift ? constant(d->arguments[1]) : std::nullopt;
    if (!inner_count || *inner_count >= op.bits()) return no_value;
    const auto x = d->arguments[0];
    if (inner_op->op == op.op) {
        const auto sum = by + *inner_count;
        if (sum < op.bits())
            become(i, i.op, x, amount(sum));
        else if (op.op == Op::i32_shr_s)
            become(i, i.op, x, amount(op.bits() - 1));
        else
            become_constant(i, 0);
        return no_value;
    }
    if (*inner_count != by) return no_value;
    if (op.op == Op::i32_shr_u && inner_op->op == Op::i32_shl)
        become(i, op.of(Op::i32_and), x, amount(op.mask() >> by));
    else if (op.op == Op::i32_shl && inner_op->op != Op::i32_shl)
        become(i, op.of(Op::i32_and), x, amount((op.mask() << by) & op.mask()));
    else if (op.op == Op::i32_shr_s && inner_op->op == Op::i32_shl && op.bits() - by == 8)
        become(i, op.wide ? Op::i64_extend8_s : Op::i32_extend8_s, x);
    else if (op.op == Op::i32_shr_s && inner_op->op == Op::i32_shl && op.bits() - by == 16)
        become(i, op.wide ? Op::i64_extend16_s : Op::i32_extend16_s, x);
    else if (op.op == Op::i32_shr_s && inner_op->op == Op::i32_shl && op.wide && by == 32)
        become(i, Op::i64_extend32_s, x);
    return no_value;
}

}  // namespace troupe::dmir
