// Which definitions are emitted as parts of their only user.
#include "jit/opt/selection.hpp"
#include "vm/dmir/passes/effects.hpp"

namespace troupe::jit::opt {

bool Selection::fold_load(Value v, std::uint32_t at, Op load) {
    const auto* d = foldable(v);
    if (d == nullptr || d->op != load || d->immediate > INT32_MAX || is_skipped(v)) return false;
    if (barriers_[definition_[v] - f_.blocks[block_].first_instruction] != barriers_[at]) return false;
    skip(v);
    return true;
}

void Selection::fold_compared(const dmir::Instruction& d, std::uint32_t at) {
    const bool wide = f_.types[d.arguments[0]] == Type::i64;
    if (f_.types[d.arguments[0]] != Type::i32 && !wide) return;
    const auto right = d.arguments[1];
    const auto left = d.arguments[0];
    const auto load = wide ? Op::i64_load : Op::i32_load;
    if (right != no_value && fold_load(right, at, load)) return;
    if (fold_load(left, at, load) || right == no_value) return;
    // Signed orders, every second one from lt_s on, would take a byte's upper bit for its sign.
    const auto c = constant(right);
    const auto order = distance(d.op, wide ? Op::i64_eq : Op::i32_eq);
    const bool is_signed = is_comparison(d.op) && order >= static_cast<int>(Condition::lt_s) && order % 2 == 0;
    if (c && *c <= 0xFF && !is_signed) (void)fold_load(left, at, wide ? Op::i64_load8_u : Op::i32_load8_u);
}

void Selection::fold_operand(const dmir::Instruction& i, std::uint32_t at) {
    const auto left = i.arguments[0];
    const auto right = i.arguments[1];
    const auto try_both = [&](Op load, bool commutes) {
        if (is_skipped(left) || is_skipped(right) || constant(left) || constant(right)) return;
        if (!fold_load(right, at, load) && commutes) (void)fold_load(left, at, load);
    };
    const bool wide = i.op >= Op::i64_clz;
    switch (narrowed(i.op)) {
        case Op::i32_add:
        case Op::i32_mul:
        case Op::i32_and:
        case Op::i32_or:
        case Op::i32_xor: return try_both(wide ? Op::i64_load : Op::i32_load, true);
        case Op::i32_sub: return try_both(wide ? Op::i64_load : Op::i32_load, false);
        case Op::f32_add:
        case Op::f32_mul: return try_both(Op::f32_load, true);
        case Op::f32_sub:
        case Op::f32_div: return try_both(Op::f32_load, false);
        case Op::f64_add:
        case Op::f64_mul: return try_both(Op::f64_load, true);
        case Op::f64_sub:
        case Op::f64_div: return try_both(Op::f64_load, false);
        default: return;
    }
}

void Selection::fold_question(Value v, std::uint32_t at) {
    const auto* d = foldable(v);
    while (d != nullptr && is_comparison(d->op)) {
        skip(v);
        if (d->op != Op::i32_eqz && d->op != Op::i64_eqz) {
            fold_test(*d, at);
            return;
        }
        v = d->arguments[0];
        const auto* inner = foldable(v);
        if (inner == nullptr) return;
        if (inner->op == Op::i32_and || inner->op == Op::i64_and) {
            skip(v);
            return fold_compared(*inner, at);
        }
        if (!is_comparison(inner->op)) return fold_compared(*d, at);
        d = inner;
    }
    if (d == nullptr) return;
    if (d->op == Op::i32_and) {
        skip(v);
        return fold_compared(*d, at);
    }
    (void)fold_load(v, at, Op::i32_load);
}

void Selection::fold_test(const dmir::Instruction& d, std::uint32_t at) {
    const bool is_equality = d.op == Op::i32_eq || d.op == Op::i32_ne || d.op == Op::i64_eq || d.op == Op::i64_ne;
    if (is_equality && constant(d.arguments[1]) == 0U) {
        const auto* inner = foldable(d.arguments[0]);
        if (inner != nullptr && (inner->op == Op::i32_and || inner->op == Op::i64_and)) {
            skip(d.arguments[0]);
            return fold_compared(*inner, at);
        }
    }
    fold_compared(d, at);
}

void Selection::mark_folded(const dmir::Block& block) {
    barriers_.clear();
    std::uint32_t barriers = 0;
    for (const auto& i : f_.instructions_of(block)) {
        barriers_.push_back(barriers);
        const bool computes = dmir::info(i.op).trap == dmir::Trap::none && dmir::is_repeatable(i.op);
        if (!computes && dmir::info(i.op).kind != dmir::OpKind::load && dmir::info(i.op).kind != dmir::OpKind::constant)
            ++barriers;
    }
    barriers_.push_back(barriers);
    if (block.terminator.kind == dmir::Terminator::Kind::branch_if)
        fold_question(block.terminator.condition, block.instruction_count);
    for (std::uint32_t k = block.instruction_count; k-- > 0;) {
        if (skipped_[k]) continue;
        const auto& i = f_.instructions[block.first_instruction + k];
        if (i.op == Op::select) fold_question(i.arguments[2], k);
        if (is_comparison(i.op)) {
            if (i.op == Op::i32_eqz)
                fold_question(i.arguments[0], k);
            else
                fold_test(i, k);
        }
        if (i.op == Op::i32_add || i.op == Op::i64_add) fold_shift(i);
        if (i.op == Op::i32_and || i.op == Op::i64_and) fold_not(i);
        fold_operand(i, k);
    }
}

void Selection::fold_not(const dmir::Instruction& i) {
    const auto ones = f_.types[i.first_result] == Type::i32 ? 0xFFFFFFFFU : ~std::uint64_t{0};
    for (auto side : {0, 1}) {
        const auto* d = foldable(i.arguments[side]);
        if (d == nullptr || (d->op != Op::i32_xor && d->op != Op::i64_xor) || constant(d->arguments[1]) != ones)
            continue;
        if (!constant(d->arguments[0]) && !constant(i.arguments[1 - side])) return skip(i.arguments[side]);
    }
}

std::optional<Value> Selection::inverted(Value v) const {
    if (!is_skipped(v)) return std::nullopt;
    const auto* d = definition(v);
    if (d->op != Op::i32_xor && d->op != Op::i64_xor) return std::nullopt;
    return d->arguments[0];
}

void Selection::fold_shift(const dmir::Instruction& i) {
    for (auto side : {1, 0}) {
        const auto* d = foldable(i.arguments[side]);
        if (d == nullptr || (d->op != Op::i32_shl && d->op != Op::i64_shl)) continue;
        const auto by = constant(d->arguments[1]);
        if (!by || *by > 3 || *by == 0 || constant(d->arguments[0]) || constant(i.arguments[1 - side])) continue;
        return skip(i.arguments[side]);
    }
    const auto* d = foldable(i.arguments[0]);
    if (d == nullptr || d->op != i.op || !small_constant(i.arguments[1])) return;
    if (constant(d->arguments[0]) || constant(d->arguments[1])) return;
    const auto index = definition_[i.arguments[0]] - f_.blocks[block_].first_instruction;
    if (skipped_[index]) return;
    skip(i.arguments[0]);
    fold_shift(*d);
}

}  // namespace troupe::jit::opt
