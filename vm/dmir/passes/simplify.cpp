#include "vm/dmir/passes/evaluate.hpp"
#include "vm/dmir/passes/simplifier.hpp"

namespace troupe::dmir {
namespace {

constexpr bool between(Op op, Op first, Op last) { return op >= first && op <= last; }
constexpr Op shifted(Op op, Op from, Op to) {
    return static_cast<Op>(static_cast<int>(op) - static_cast<int>(from) + static_cast<int>(to));
}

/// A rule may enable the next one; no chain of them is longer in practice.
constexpr int rounds_max = 8;

}  // namespace

Op IntegerOp::of(Op narrow) const {
    if (!wide) return narrow;
    return between(narrow, Op::i32_eqz, Op::i32_ge_u) ? shifted(narrow, Op::i32_eqz, Op::i64_eqz)
                                                      : shifted(narrow, Op::i32_clz, Op::i64_clz);
}

std::optional<IntegerOp> integer_op(Op op) {
    if (between(op, Op::i32_eqz, Op::i32_ge_u) || between(op, Op::i32_clz, Op::i32_rotr)) return IntegerOp{op, false};
    if (between(op, Op::i64_eqz, Op::i64_ge_u)) return IntegerOp{shifted(op, Op::i64_eqz, Op::i32_eqz), true};
    if (between(op, Op::i64_clz, Op::i64_rotr)) return IntegerOp{shifted(op, Op::i64_clz, Op::i32_clz), true};
    return std::nullopt;
}

Simplifier::Simplifier(Function& function, const OptimizeOptions& options) : f_(function), options_(options) {
    const auto values = f_.types.size();
    replacement_.resize(values);
    for (Value v = 0; v < values; ++v) replacement_[v] = v;
    definition_.assign(values, no_value);
    zeros_.resize(values);
    for (Value v = 0; v < values; ++v) zeros_[v] = f_.types[v] == Type::i32 ? 0xFFFFFFFF00000000 : 0;
    out_.reserve(f_.instructions.size() + f_.instructions.size() / 8);
}

void Simplifier::run() {
    for (auto& b : f_.blocks) block(b);
    f_.instructions = std::move(out_);
    // Edges back name values that come later: all are known only now.
    for (auto& v : f_.lists) v = find(v);
}

void Simplifier::block(Block& b) {
    const auto begin = b.first_instruction;
    const auto end = begin + b.instruction_count;
    b.first_instruction = static_cast<std::uint32_t>(out_.size());
    for (auto i = begin; i < end; ++i) instruction(f_.instructions[i]);
    terminator(b);
    b.instruction_count = static_cast<std::uint32_t>(out_.size()) - b.first_instruction;
}

void Simplifier::instruction(Instruction i) {
    for (auto& v : i.arguments)
        if (v != no_value) v = find(v);
    auto standing = no_value;
    for (int round = 0; round < rounds_max && standing == no_value; ++round) {
        const auto before = i;
        standing = rule(i);
        if (before.op == i.op && before.arguments == i.arguments && before.immediate == i.immediate) break;
    }
    if (standing != no_value)
        replacement_[i.first_result] = standing;
    else
        append(i);
}

Value Simplifier::rule(Instruction& i) {
    switch (info(i.op).kind) {
        case OpKind::constant: return no_value;
        case OpKind::store:
        case OpKind::store_lane: stored_value_rule(i); [[fallthrough]];
        case OpKind::load:
        case OpKind::load_lane: address_rule(i); return no_value;
        case OpKind::plain: break;
        case OpKind::special: return i.op == Op::select ? select_rule(i) : no_value;
        default: return no_value;
    }
    if (i.arguments[0] != no_value && i.arguments[2] == no_value) {
        const auto a = constant(i.arguments[0]);
        const auto b = i.arguments[1] == no_value ? std::uint64_t{0} : constant(i.arguments[1]);
        if (a && b)
            if (const auto bits = evaluate(i.op, *a, *b)) {
                become_constant(i, *bits);
                return no_value;
            }
    }
    if (const auto integer = integer_op(i.op)) return integer_rule(i, *integer);
    const auto type = i.result_count == 1 ? f_.types[i.first_result] : Type::v128;
    if (type == Type::i32 || type == Type::i64) return conversion_rule(i);
    if (type == Type::f32 || type == Type::f64) return float_rule(i);
    return no_value;
}

/// Sees through `x == 0` and `x != 0`.
Value Simplifier::condition_of(Value v, bool& negated) const {
    for (;;) {
        const auto* d = definition(v);
        if (d == nullptr) return v;
        if (d->op == Op::i32_eqz) {
            negated = !negated;
        } else if (d->op != Op::i32_ne || !is_constant(d->arguments[1], 0)) {
            return v;
        }
        v = d->arguments[0];
    }
}

void Simplifier::terminator(Block& b) {
    using Kind = Terminator::Kind;
    auto& t = b.terminator;
    if (t.kind != Kind::branch_if && t.kind != Kind::branch_table) return;
    t.condition = find(t.condition);
    if (const auto c = constant(t.condition)) {
        const auto last = t.edge_count - 1;
        const auto taken = t.kind == Kind::branch_if ? (static_cast<std::uint32_t>(*c) != 0 ? 0U : 1U)
                                                     : std::min(static_cast<std::uint32_t>(*c), last);
        t = {.kind = Kind::branch, .first_edge = t.first_edge + taken, .edge_count = 1};
        return;
    }
    if (t.kind == Kind::branch_table) return;
    bool negated = false;
    t.condition = condition_of(t.condition, negated);
    if (negated) std::swap(f_.edges[t.first_edge], f_.edges[t.first_edge + 1]);
}

/// A constant added to an address joins the offset where the sum can't wrap.
void Simplifier::address_rule(Instruction& i) {
    const auto* sum = definition(i.arguments[0], Op::i32_add);
    const auto offset = i.immediate & 0xFFFFFFFF;
    if (sum == nullptr) {
        // A constant address is all offset.
        const auto c = constant(i.arguments[0]);
        if (!c || *c == 0 || *c + offset > 0xFFFFFFFF) return;
        i.immediate = (i.immediate & ~std::uint64_t{0xFFFFFFFF}) | (*c + offset);
        i.arguments[0] = make_constant(Type::i32, 0);
        return;
    }
    const auto c = constant(sum->arguments[1]);
    const auto base = sum->arguments[0];
    if (!c || at_most(base) + *c > 0xFFFFFFFF || offset + *c > 0xFFFFFFFF) return;
    i.immediate += *c;
    i.arguments[0] = base;
}

/// A narrow store reads only the lower bits.
void Simplifier::stored_value_rule(Instruction& i) {
    std::uint64_t read = 0;
    switch (i.op) {
        case Op::i32_store8:
        case Op::i64_store8: read = 0xFF; break;
        case Op::i32_store16:
        case Op::i64_store16: read = 0xFFFF; break;
        case Op::i64_store32: read = 0xFFFFFFFF; break;
        default: return;
    }
    const auto* d = definition(i.arguments[1]);
    if (d == nullptr) return;
    switch (d->op) {
        case Op::i32_and:
        case Op::i64_and:
            if (const auto c = constant(d->arguments[1]); c && (*c & read) == read) i.arguments[1] = d->arguments[0];
            return;
        case Op::i32_extend16_s:
        case Op::i64_extend16_s:
            if (read > 0xFFFF) return;
            [[fallthrough]];
        case Op::i32_extend8_s:
        case Op::i64_extend8_s:
            if (read > 0xFF && (d->op == Op::i32_extend8_s || d->op == Op::i64_extend8_s)) return;
            [[fallthrough]];
        case Op::i64_extend32_s: i.arguments[1] = d->arguments[0]; return;
        case Op::i64_extend_i32_s:
        case Op::i64_extend_i32_u:
            i.op = i.op == Op::i64_store8 ? Op::i32_store8 : i.op == Op::i64_store16 ? Op::i32_store16 : Op::i32_store;
            i.arguments[1] = d->arguments[0];
            return;
        default: return;
    }
}

std::optional<std::uint64_t> Simplifier::constant(Value v) const {
    const auto* d = definition(v);
    if (d == nullptr || info(d->op).kind != OpKind::constant || d->op == Op::v128_const) return std::nullopt;
    return d->immediate;
}

void Simplifier::append(const Instruction& i) {
    for (std::uint32_t r = 0; r < i.result_count; ++r)
        definition_[i.first_result + r] = static_cast<std::uint32_t>(out_.size());
    if (i.result_count == 1) zeros_[i.first_result] = zeros_of(i);
    out_.push_back(i);
}

Value Simplifier::make(Op op, Type type, Value a, Value b) {
    const auto v = f_.new_value(type);
    replacement_.push_back(v);
    definition_.push_back(no_value);
    zeros_.push_back(0);
    append({.op = op, .first_result = v, .result_count = 1, .arguments = {a, b, no_value}});
    return v;
}

Value Simplifier::make_constant(Type type, std::uint64_t bits) {
    constexpr std::array<Op, 4> ops{Op::i32_const, Op::i64_const, Op::f32_const, Op::f64_const};
    const auto v = make(ops[static_cast<std::size_t>(type)], type, no_value);
    out_.back().immediate = bits;
    zeros_[v] = ~bits;
    return v;
}

void Simplifier::become(Instruction& i, Op op, Value a, Value b) {
    i.op = op;
    i.arguments = {a, b, no_value};
    i.immediate = 0;
}

void Simplifier::become_constant(Instruction& i, std::uint64_t bits) const {
    constexpr std::array<Op, 4> ops{Op::i32_const, Op::i64_const, Op::f32_const, Op::f64_const};
    become(i, ops[static_cast<std::size_t>(f_.types[i.first_result])], no_value);
    i.immediate = bits;
}

void simplify(Function& function, const OptimizeOptions& options) { Simplifier(function, options).run(); }

}  // namespace troupe::dmir
