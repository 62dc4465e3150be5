// Rules for integer comparisons. Constants stand on the right.
#include <array>

#include "vm/dmir/passes/simplifier.hpp"

namespace troupe::dmir {
namespace {

// In the order eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u.
constexpr std::array<int, 10> negated{1, 0, 8, 9, 6, 7, 4, 5, 2, 3};
constexpr std::array<int, 10> swapped{0, 1, 4, 5, 2, 3, 8, 9, 6, 7};

[[nodiscard]] constexpr std::size_t number(Op op) {
    return static_cast<std::size_t>(static_cast<int>(op) - static_cast<int>(Op::i32_eq));
}
[[nodiscard]] constexpr Op comparison(int n) { return static_cast<Op>(static_cast<int>(Op::i32_eq) + n); }
[[nodiscard]] bool is_comparison(const std::optional<IntegerOp>& op) {
    return op && op->op >= Op::i32_eq && op->op <= Op::i32_ge_u;
}

}  // namespace

Value Simplifier::eqz_rule(Instruction& i, IntegerOp op) {
    const auto a = i.arguments[0];
    const auto* d = definition(a);
    if (d == nullptr) return no_value;
    if (d->op == Op::i64_extend_i32_u || d->op == Op::i64_extend_i32_s) {
        become(i, Op::i32_eqz, d->arguments[0]);
        return no_value;
    }
    if (op.wide) return no_value;
    const auto inner = integer_op(d->op);
    if (is_comparison(inner)) {
        become(i, inner->of(comparison(negated[number(inner->op)])), d->arguments[0], d->arguments[1]);
        return no_value;
    }
    if (d->op == Op::i32_eqz || d->op == Op::i64_eqz) {
        const auto x = d->arguments[0];
        if (d->op == Op::i32_eqz && is_truth(x)) return x;
        const auto type = f_.types[x];
        become(i, type == Type::i64 ? Op::i64_ne : Op::i32_ne, x, make_constant(type, 0));
        return no_value;
    }
    if (d->op == Op::f32_eq || d->op == Op::f64_eq || d->op == Op::f32_ne || d->op == Op::f64_ne) {
        constexpr std::array<std::pair<Op, Op>, 4> opposite{
            {{Op::f32_eq, Op::f32_ne}, {Op::f32_ne, Op::f32_eq}, {Op::f64_eq, Op::f64_ne}, {Op::f64_ne, Op::f64_eq}}};
        for (const auto& [from, to] : opposite)
            if (d->op == from) {
                become(i, to, d->arguments[0], d->arguments[1]);
                break;
            }
    }
    return no_value;
}

Value Simplifier::comparison_rule(Instruction& i, IntegerOp op) {
    const auto n = number(op.op);
    if (i.arguments[0] == i.arguments[1]) {
        constexpr std::array<bool, 10> reflexive{true, false, false, false, false, false, true, true, true, true};
        become_constant(i, reflexive[n]);
        return no_value;
    }
    if (constant(i.arguments[0])) {
        i.op = op.of(comparison(swapped[n]));
        std::swap(i.arguments[0], i.arguments[1]);
        return no_value;
    }
    const auto a = i.arguments[0];
    const auto c = constant(i.arguments[1]);
    if (!c) return narrower_comparison(i, op);
    const auto bound = at_most(a);
    const auto sign = std::uint64_t{1} << (op.bits() - 1);
    // What is never negative compares signed as it does unsigned.
    if ((bound & sign) == 0 && (*c & sign) == 0) {
        constexpr std::array<int, 10> as_unsigned{0, 1, 3, 3, 5, 5, 7, 7, 9, 9};
        if (as_unsigned[n] != static_cast<int>(n)) {
            i.op = op.of(comparison(as_unsigned[n]));
            return no_value;
        }
    }
    const auto known = [&](bool value) {
        become_constant(i, value);
        return no_value;
    };
    switch (op.op) {
        case Op::i32_eq:
            if (*c > bound || (*c & zeros(a) & op.mask()) != 0) return known(false);
            if (*c == 0) {
                become(i, op.of(Op::i32_eqz), a);
                return no_value;
            }
            if (*c == 1 && !op.wide && is_truth(a)) return a;
            break;
        case Op::i32_ne:
            if (*c > bound || (*c & zeros(a) & op.mask()) != 0) return known(true);
            if (*c == 0 && !op.wide && is_truth(a)) return a;
            if (*c == 1 && !op.wide && is_truth(a)) {
                become(i, Op::i32_eqz, a);
                return no_value;
            }
            break;
        case Op::i32_lt_u:
            if (bound < *c) return known(true);
            if (*c == 0) return known(false);
            if (*c == 1) {
                become(i, op.of(Op::i32_eqz), a);
                return no_value;
            }
            break;
        case Op::i32_ge_u:
            if (bound < *c) return known(false);
            if (*c == 0) return known(true);
            if (*c == 1) {
                become(i, op.of(Op::i32_ne), a, make_constant(op.type(), 0));
                return no_value;
            }
            break;
        case Op::i32_gt_u:
            if (bound <= *c) return known(false);
            if (*c == 0) {
                i.op = op.of(Op::i32_ne);
                return no_value;
            }
            break;
        case Op::i32_le_u:
            if (bound <= *c) return known(true);
            if (*c == 0) {
                become(i, op.of(Op::i32_eqz), a);
                return no_value;
            }
            break;
        default: break;
    }
    if (op.op == Op::i32_eq || op.op == Op::i32_ne)
        if (const auto* d = definition(a, op.of(Op::i32_add)))
            if (const auto added = constant(d->arguments[1])) {
                const auto base = d->arguments[0];
                become(i, i.op, base, make_constant(op.type(), (*c - *added) & op.mask()));
                return no_value;
            }
    return narrower_comparison(i, op);
}

/// i64 comparisons of what was extended from i32.
Value Simplifier::narrower_comparison(Instruction& i, IntegerOp op) {
    if (!op.wide) return no_value;
    const auto* a = definition(i.arguments[0]);
    if (a == nullptr || (a->op != Op::i64_extend_i32_u && a->op != Op::i64_extend_i32_s)) return no_value;
    const bool is_signed =
        op.op == Op::i32_lt_s || op.op == Op::i32_gt_s || op.op == Op::i32_le_s || op.op == Op::i32_ge_s;
    const bool sign_extended = a->op == Op::i64_extend_i32_s;
    const bool equality = op.op == Op::i32_eq || op.op == Op::i32_ne;
    auto narrow = op.op;
    if (!equality && !sign_extended && is_signed) {
        // Neither is negative as an i64.
        constexpr std::array<int, 10> as_unsigned{0, 1, 3, 3, 5, 5, 7, 7, 9, 9};
        narrow = comparison(as_unsigned[number(op.op)]);
    }
    // Sign extension keeps the unsigned order too.
    const auto x = a->arguments[0];
    if (const auto c = constant(i.arguments[1])) {
        const auto low = static_cast<std::uint32_t>(*c);
        const auto extended = sign_extended ? static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(low)})
                                            : std::uint64_t{low};
        if (extended != *c) return no_value;
        become(i, narrow, x, make_constant(Type::i32, low));
        return no_value;
    }
    if (const auto* b = definition(i.arguments[1], a->op)) become(i, narrow, x, b->arguments[0]);
    return no_value;
}

}  // namespace troupe::dmir
