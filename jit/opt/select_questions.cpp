// Conditions of branches, selects and sets.
#include "jit/opt/selection.hpp"

namespace troupe::jit::opt {

namespace {
constexpr std::array<Condition, 10> negated{Condition::ne,   Condition::eq,   Condition::ge_s, Condition::ge_u,
                                            Condition::le_s, Condition::le_u, Condition::gt_s, Condition::gt_u,
                                            Condition::lt_s, Condition::lt_u};
constexpr std::array<Condition, 10> swapped{Condition::eq,   Condition::ne,   Condition::gt_s, Condition::gt_u,
                                            Condition::lt_s, Condition::lt_u, Condition::ge_s, Condition::ge_u,
                                            Condition::le_s, Condition::le_u};
}  // namespace

bool Selection::is_comparison(Op op) {
    return op == Op::i32_eqz || op == Op::i64_eqz || op == Op::ref_is_null || between(op, Op::i32_eq, Op::i32_ge_u) ||
           between(op, Op::i64_eq, Op::i64_ge_u) || between(op, Op::f32_eq, Op::f64_ge);
}

Question Selection::question(Value v) {
    bool negate = false;
    while (is_skipped(v) && !is_memory(v)) {
        const auto& d = *definition(v);
        if (d.op == Op::i32_eqz || d.op == Op::i64_eqz) {
            negate = !negate;
            v = d.arguments[0];
            continue;
        }
        auto out = comparison(d);
        if (negate) negate_question(out);
        return out;
    }
    Question out;
    out.wide = f_.types[v] == Type::i64;
    out.condition = negate ? Condition::eq : Condition::ne;
    left_operand(out, v);
    return out;
}

void Selection::left_operand(Question& q, Value v) {
    q.immediate = true;
    if (!is_memory(v)) {
        q.left = reg(v);
        return;
    }
    const auto& load = *definition(v);
    q.memory = true;
    q.byte = load.op == Op::i32_load8_u || load.op == Op::i64_load8_u;
    const auto at = address(load);
    q.displacement = static_cast<std::uint32_t>(at.offset);
    q.left = at.base;
}

void Selection::negate_question(Question& q) {
    if (q.compare == Compare::floats)
        flip_ = !flip_;
    else
        q.condition = negated[static_cast<std::size_t>(q.condition)];
}

Question Selection::test(const dmir::Instruction& d, Condition condition) {
    Question out;
    out.compare = Compare::bits;
    out.condition = condition;
    out.wide = d.op == Op::i64_and;
    operands(out, d.arguments[0], d.arguments[1]);
    return out;
}

void Selection::operands(Question& q, Value left, Value right) {
    if (constant(left) && !constant(right)) {
        std::swap(left, right);
        if (q.compare == Compare::integers) q.condition = swapped[static_cast<std::size_t>(q.condition)];
    }
    if (const auto small = small_constant(right)) {
        left_operand(q, left);
        q.value = static_cast<std::uint64_t>(std::int64_t{*small});
        return;
    }
    if (is_memory(left)) {
        std::swap(left, right);
        if (q.compare == Compare::integers) q.condition = swapped[static_cast<std::size_t>(q.condition)];
    }
    q.left = reg(left);
    q.memory = is_memory(right);
    const auto [from, displacement] = q.memory ? address(*definition(right)) : Address{reg(right), 0};
    q.displacement = static_cast<std::uint32_t>(displacement);
    q.right = from;
}

bool Selection::compare_sum(Question& q, const dmir::Instruction& d) {
    const auto sum = sums_.find(d.arguments[0]);
    const auto c = constant(d.arguments[1]);
    if (sum == sums_.end() || !c) return false;
    const auto value = *c + sum->second.constant;
    const auto wanted = q.wide ? static_cast<std::int64_t>(value)
                               : std::int64_t{static_cast<std::int32_t>(static_cast<std::uint32_t>(value))};
    if (wanted < INT32_MIN || wanted > INT32_MAX) return false;
    q.left = register_of_[sum->second.value];
    q.immediate = true;
    q.value = static_cast<std::uint64_t>(wanted);
    return true;
}

Question Selection::comparison(const dmir::Instruction& d) {
    Question out;
    if (d.op == Op::i32_and || d.op == Op::i64_and) return test(d, Condition::ne);
    if (between(d.op, Op::f32_eq, Op::f64_ge)) {
        out.compare = Compare::floats;
        out.wide = d.op >= Op::f64_eq;
        const auto first = out.wide ? Op::f64_eq : Op::f32_eq;
        out.condition = static_cast<Condition>(static_cast<int>(Condition::feq) + distance(d.op, first));
        out.left = reg(d.arguments[0]);
        out.right = reg(d.arguments[1]);
        return out;
    }
    if (d.op == Op::ref_is_null || d.op == Op::i32_eqz || d.op == Op::i64_eqz) {
        out.wide = d.op != Op::i32_eqz;
        out.condition = Condition::eq;
        left_operand(out, d.arguments[0]);
        return out;
    }
    out.wide = d.op >= Op::i64_eq;
    out.condition = static_cast<Condition>(distance(d.op, out.wide ? Op::i64_eq : Op::i32_eq));
    const auto left = d.arguments[0];
    if (constant(d.arguments[1]) == 0U && is_skipped(left) && !is_memory(left))
        return test(*definition(left), out.condition);
    if ((out.condition == Condition::eq || out.condition == Condition::ne) && compare_sum(out, d)) return out;
    operands(out, left, d.arguments[1]);
    return out;
}

void Selection::put(Instruction& i, const Question& q) {
    i.compare = q.compare;
    i.condition = q.condition;
    i.compare_wide = q.wide;
    i.immediate = q.immediate;
    i.value = q.value;
    i.memory = q.memory;
    i.byte = q.byte;
    i.displacement = q.displacement;
    i.operands[0] = q.left;
    i.operands[1] = q.right;
}

void Selection::set(const dmir::Instruction& i) {
    flip_ = false;
    auto q = i.op == Op::i32_eqz ? question(i.arguments[0]) : comparison(i);
    if (i.op == Op::i32_eqz) negate_question(q);
    if (flip_) {
        // not (a < b): no single condition says it. 1 - (a < b) does.
        const auto plain = out_.add_register(Type::i32);
        auto& first = emit(Code::set);
        put(first, q);
        first.result = plain;
        auto& out = emit(Code::bit_xor);
        out.operands[0] = plain;
        out.immediate = true;
        out.value = 1;
        out.result = i.first_result;
        return;
    }
    auto& out = emit(Code::set);
    put(out, q);
    out.result = i.first_result;
}

void Selection::select(const dmir::Instruction& i) {
    flip_ = false;
    const auto q = question(i.arguments[2]);
    const bool must_be_exact = bank_of(f_.types[i.first_result]) == Bank::floating && !loose_[i.first_result];
    auto yes = must_be_exact ? exact(i.arguments[0]) : reg(i.arguments[0]);
    auto no = must_be_exact ? exact(i.arguments[1]) : reg(i.arguments[1]);
    if (flip_) std::swap(yes, no);
    auto& out = emit(Code::select, f_.types[i.first_result] != Type::i32 && f_.types[i.first_result] != Type::f32);
    put(out, q);
    out.operands[2] = yes;
    out.operands[3] = no;
    out.result = i.first_result;
}

}  // namespace troupe::jit::opt
