// The sweep behind simplify(): instructions are taken in order, simplified, and appended to a new list.
#pragma once

#include <optional>
#include <vector>

#include "vm/dmir/passes/passes.hpp"

namespace troupe::dmir {

/// Integer operations come in pairs: both widths are handled by the one of i32.
struct IntegerOp {
    Op op{};
    bool wide = false;

    [[nodiscard]] std::uint32_t bits() const { return wide ? 64 : 32; }
    [[nodiscard]] std::uint64_t mask() const { return wide ? ~std::uint64_t{0} : 0xFFFFFFFF; }
    [[nodiscard]] Type type() const { return wide ? Type::i64 : Type::i32; }
    /// This width's operation for one of i32.
    [[nodiscard]] Op of(Op narrow) const;
};
/// Nothing if it is neither a comparison nor arithmetic of integers.
[[nodiscard]] std::optional<IntegerOp> integer_op(Op op);

class Simplifier {
public:
    Simplifier(Function& function, const OptimizeOptions& options);
    void run();

private:
    // A rule either gives a value that stands for the result, or changes the instruction and gives no_value.
    [[nodiscard]] Value rule(Instruction& i);
    [[nodiscard]] Value integer_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value add_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value sub_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value mul_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value division_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value bitwise_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value shift_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value eqz_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value comparison_rule(Instruction& i, IntegerOp op);
    [[nodiscard]] Value narrower_comparison(Instruction& i, IntegerOp op);
    [[nodiscard]] Value conversion_rule(Instruction& i);
    [[nodiscard]] Value float_rule(Instruction& i);
    [[nodiscard]] Value select_rule(Instruction& i);
    void address_rule(Instruction& i);
    void stored_value_rule(Instruction& i);

    void block(Block& block);
    void instruction(Instruction i);
    void terminator(Block& block);
    [[nodiscard]] Value condition_of(Value v, bool& negated) const;

    // The function so far.
    [[nodiscard]] Value find(Value v) const { return replacement_[v]; }
    [[nodiscard]] const Instruction* definition(Value v) const {
        return definition_[v] == no_value ? nullptr : &out_[definition_[v]];
    }
    /// The definition if it is `op`.
    [[nodiscard]] const Instruction* definition(Value v, Op op) const {
        const auto* d = definition(v);
        return d != nullptr && d->op == op ? d : nullptr;
    }
    [[nodiscard]] std::optional<std::uint64_t> constant(Value v) const;
    [[nodiscard]] bool is_constant(Value v, std::uint64_t bits) const { return constant(v) == bits; }
    /// What an integer is at most, unsigned, from its bits known to be zero.
    [[nodiscard]] std::uint64_t at_most(Value v) const;
    [[nodiscard]] std::uint64_t zeros(Value v) const { return zeros_[v]; }
    [[nodiscard]] std::uint64_t zeros_of(const Instruction& i) const;
    [[nodiscard]] std::uint64_t zeros_of_integer(const Instruction& i, IntegerOp op) const;
    /// 0 or 1.
    [[nodiscard]] bool is_truth(Value v) const { return at_most(v) <= 1; }
    /// The result of arithmetic, so that a NaN in it is the canonical one.
    [[nodiscard]] bool is_canonical(Value v) const;

    void append(const Instruction& i);
    [[nodiscard]] Value make(Op op, Type type, Value a, Value b = no_value);
    [[nodiscard]] Value make_constant(Type type, std::uint64_t bits);
    static void become(Instruction& i, Op op, Value a, Value b = no_value);
    void become_constant(Instruction& i, std::uint64_t bits) const;

    Function& f_;
    const OptimizeOptions& options_;
    std::vector<Instruction> out_;
    std::vector<Value> replacement_;
    /// Into out_.
    std::vector<std::uint32_t> definition_;
    std::vector<std::uint64_t> zeros_;
};

}  // namespace troupe::dmir
