// Rules for conversions, floats and select.
#include "vm/dmir/passes/simplifier.hpp"

namespace troupe::dmir {

Value Simplifier::conversion_rule(Instruction& i) {
    const auto a = i.arguments[0];
    const auto* d = definition(a);
    const auto* inner = d == nullptr ? nullptr : d;
    const auto below = [&](unsigned bits) { return (at_most(a) >> bits) == 0; };
    switch (i.op) {
        case Op::i32_wrap_i64:
            if (inner == nullptr) break;
            if (inner->op == Op::i64_extend_i32_s || inner->op == Op::i64_extend_i32_u) return inner->arguments[0];
            if (inner->op == Op::i64_and)
                if (const auto c = constant(inner->arguments[1]); c && (*c & 0xFFFFFFFF) == 0xFFFFFFFF)
                    i.arguments[0] = inner->arguments[0];
            break;
        case Op::i64_extend_i32_s:
            if (below(31)) i.op = Op::i64_extend_i32_u;
            break;
        case Op::i64_extend_i32_u:
            if (inner != nullptr && inner->op == Op::i32_wrap_i64) {
                const auto x = inner->arguments[0];
                if (at_most(x) <= 0xFFFFFFFF) return x;
                become(i, Op::i64_and, x, make_constant(Type::i64, 0xFFFFFFFF));
            }
            break;
        case Op::i32_extend8_s:
        case Op::i64_extend8_s:
            if (below(7)) return a;
            break;
        case Op::i32_extend16_s:
        case Op::i64_extend16_s:
            if (below(15)) return a;
            break;
        case Op::i64_extend32_s:
            if (below(31)) return a;
            break;
        case Op::i32_reinterpret_f32:
            if (inner != nullptr && inner->op == Op::f32_reinterpret_i32) return inner->arguments[0];
            break;
        case Op::i64_reinterpret_f64:
            if (inner != nullptr && inner->op == Op::f64_reinterpret_i64) return inner->arguments[0];
            break;
        default: break;
    }
    return no_value;
}

bool Simplifier::is_canonical(Value v) const {
    const auto* d = definition(v);
    if (d == nullptr) return false;
    switch (d->op) {
        case Op::f32_abs:
        case Op::f64_abs: return is_canonical(d->arguments[0]);
        case Op::f32_neg:
        case Op::f64_neg:
        case Op::f32_copysign:
        case Op::f64_copysign:
        case Op::f32_reinterpret_i32:
        case Op::f64_reinterpret_i64: return false;
        default: return info(d->op).kind == OpKind::plain;
    }
}

Value Simplifier::float_rule(Instruction& i) {
    const bool wide = f_.types[i.first_result] == Type::f64;
    const auto one = wide ? 0x3FF0000000000000U : 0x3F800000U;
    const auto minus_zero = wide ? std::uint64_t{1} << 63 : std::uint64_t{1} << 31;
    const auto a = i.arguments[0];
    const auto b = i.arguments[1];
    switch (i.op) {
        case Op::f32_mul:
        case Op::f64_mul:
            if (is_constant(b, one) && is_canonical(a)) return a;
            if (is_constant(a, one) && is_canonical(b)) return b;
            if (is_constant(b, wide ? 0x4000000000000000U : 0x40000000U))
                become(i, wide ? Op::f64_add : Op::f32_add, a, a);
            break;
        case Op::f32_div:
        case Op::f64_div:
            if (is_constant(b, one) && is_canonical(a)) return a;
            break;
        case Op::f32_add:
        case Op::f64_add:
            if (is_constant(b, minus_zero) && is_canonical(a)) return a;
            break;
        case Op::f32_sub:
        case Op::f64_sub:
            if (is_constant(b, 0) && is_canonical(a)) return a;
            break;
        case Op::f32_neg:
        case Op::f64_neg:
            if (const auto* d = definition(a, i.op)) return d->arguments[0];
            break;
        case Op::f32_abs:
        case Op::f64_abs:
            if (definition(a, i.op) != nullptr) return a;
            if (const auto* d = definition(a, wide ? Op::f64_neg : Op::f32_neg)) i.arguments[0] = d->arguments[0];
            break;
        case Op::f32_reinterpret_i32:
            if (const auto* d = definition(a, Op::i32_reinterpret_f32)) return d->arguments[0];
            break;
        case Op::f64_reinterpret_i64:
            if (const auto* d = definition(a, Op::i64_reinterpret_f64)) return d->arguments[0];
            break;
        default: break;
    }
    return no_value;
}

Value Simplifier::select_rule(Instruction& i) {
    const auto a = i.arguments[0];
    const auto b = i.arguments[1];
    if (a == b) return a;
    if (const auto c = constant(i.arguments[2])) return static_cast<std::uint32_t>(*c) != 0 ? a : b;
    bool negated = false;
    const auto condition = condition_of(i.arguments[2], negated);
    if (negated || condition != i.arguments[2]) {
        i.arguments = {negated ? b : a, negated ? a : b, condition};
        return no_value;
    }
    if (f_.types[i.first_result] != Type::i32) return no_value;
    if (is_constant(a, 1) && is_constant(b, 0) && is_truth(condition)) return condition;
    if (is_constant(a, 0) && is_constant(b, 1)) become(i, Op::i32_eqz, condition);
    return no_value;
}

}  // namespace troupe::dmir
