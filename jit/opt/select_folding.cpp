// Which definitions are emitted as parts of their only user.
#include "jit/opt/selection.hpp"

namespace troupe::jit::opt {

void Selection::fold_question(Value v) {
    const auto* d = foldable(v);
    while (d != nullptr && is_comparison(d->op)) {
        skip(v);
        if (d->op != Op::i32_eqz && d->op != Op::i64_eqz) {
            fold_test(*d);
            return;
        }
        v = d->arguments[0];
        d = foldable(v);
        if (d != nullptr && (d->op == Op::i32_and || d->op == Op::i64_and)) return skip(v);
    }
    if (d != nullptr && d->op == Op::i32_and) skip(v);
}

void Selection::fold_test(const dmir::Instruction& d) {
    if (d.op != Op::i32_eq && d.op != Op::i32_ne && d.op != Op::i64_eq && d.op != Op::i64_ne) return;
    if (constant(d.arguments[1]) != 0U) return;
    const auto* inner = foldable(d.arguments[0]);
    if (inner != nullptr && (inner->op == Op::i32_and || inner->op == Op::i64_and)) skip(d.arguments[0]);
}

void Selection::mark_folded(const dmir::Block& block) {
    if (block.terminator.kind == dmir::Terminator::Kind::branch_if) fold_question(block.terminator.condition);
    for (std::uint32_t k = block.instruction_count; k-- > 0;) {
        if (skipped_[k]) continue;
        const auto& i = f_.instructions[block.first_instruction + k];
        if (i.op == Op::select) fold_question(i.arguments[2]);
        if (is_comparison(i.op)) {
            if (i.op == Op::i32_eqz)
                fold_question(i.arguments[0]);
            else
                fold_test(i);
        }
        if (i.op == Op::i32_add || i.op == Op::i64_add) fold_shift(i);
    }
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
