// Instruction selection, shared by its files.
#pragma once

#include <map>
#include <optional>

#include "jit/opt/machine.hpp"

namespace troupe::jit::opt {

using dmir::no_value;
using dmir::Op;
using dmir::Type;
using dmir::Value;

[[nodiscard]] constexpr bool between(Op op, Op first, Op last) { return op >= first && op <= last; }
[[nodiscard]] constexpr int distance(Op op, Op from) { return static_cast<int>(op) - static_cast<int>(from); }
/// The 32-bit operation of the same name as a 64-bit one.
[[nodiscard]] constexpr Op narrowed(Op op) {
    return between(op, Op::i64_clz, Op::i64_rotr)
               ? static_cast<Op>(static_cast<int>(Op::i32_clz) + distance(op, Op::i64_clz))
               : op;
}

/// What a branch, a set or a select asks.
struct Question {
    Compare compare = Compare::integers;
    Condition condition = Condition::ne;
    bool wide = false;
    bool immediate = false;
    bool memory = false;
    bool byte = false;
    std::uint32_t displacement = 0;
    std::uint64_t value = 0;
    Register left = no_register;
    Register right = no_register;
};

/// Walks a function's blocks in order, and in each decides first which definitions are parts of their only user
/// (`mark_folded`), then emits what remains.
class Selection {
public:
    /// `chunk_tests`: of each instruction; empty where no chunks are paid for.
    Selection(const dmir::Function& function, std::vector<ChunkTest> chunk_tests);
    std::optional<Function> run();

private:
    // Facts about the function, and what is emitted.

    void count_uses();
    void find_loops();
    [[nodiscard]] const dmir::Instruction* definition(Value v) const {
        return definition_[v] == no_value ? nullptr : &f_.instructions[definition_[v]];
    }
    /// `v`'s definition, if it stands in this block, has this one use, and so can be done as a part of its user.
    [[nodiscard]] const dmir::Instruction* foldable(Value v) const {
        if (uses_[v] != 1 || definition_[v] == no_value || block_of_[definition_[v]] != block_) return nullptr;
        return definition(v);
    }
    [[nodiscard]] std::optional<std::uint64_t> constant(Value v) const {
        const auto* d = definition(v);
        if (d == nullptr || (d->op != Op::i32_const && d->op != Op::i64_const)) return std::nullopt;
        return d->op == Op::i32_const ? d->immediate & 0xFFFFFFFF : d->immediate;
    }
    /// As an immediate that is sign-extended from 32 bits.
    [[nodiscard]] std::optional<std::int32_t> small_constant(Value v) const {
        const auto c = constant(v);
        if (!c) return std::nullopt;
        if (f_.types[v] == Type::i32) return static_cast<std::int32_t>(*c);
        const auto s = static_cast<std::int64_t>(*c);
        if (s < INT32_MIN || s > INT32_MAX) return std::nullopt;
        return static_cast<std::int32_t>(s);
    }
    Instruction& emit(Code code, bool wide = false) {
        auto& list = out_.blocks[block_].instructions;
        list.push_back({.code = code, .wide = wide});
        return list.back();
    }
    /// `anywhere`: for a use that takes its operand wherever it is (UseKind::any).
    [[nodiscard]] Register constant_register(Type type, std::uint64_t bits, bool anywhere = false);
    [[nodiscard]] Register reg(Value v, bool anywhere = false);
    /// With the exact bits of a NaN.
    [[nodiscard]] Register exact(Value v, bool anywhere = false);
    /// Its bits may be of another NaN, and nothing here has made them exact.
    [[nodiscard]] bool is_loose(Value v) const { return loose_[v] && !exact_everywhere_[v] && !exact_.contains(v); }
    [[nodiscard]] dmir::List list_of(const std::vector<Register>& registers);
    void block();
    void skip(Value v) { skipped_[definition_[v] - f_.blocks[block_].first_instruction] = true; }
    [[nodiscard]] bool is_skipped(Value v) const {
        if (definition_[v] == no_value || block_of_[definition_[v]] != block_) return false;
        return skipped_[definition_[v] - f_.blocks[block_].first_instruction];
    }
    void instruction(const dmir::Instruction& i);
    void global(const dmir::Instruction& i);
    void call(const dmir::Instruction& i);
    void helper(const dmir::Instruction& i);
    void terminator(const dmir::Block& block);

    // What users take in (select_folding.cpp).

    /// The chain of eqz and comparison that a question about `v` takes in.
    void fold_question(Value v, std::uint32_t at);
    /// (x & y) compared with zero.
    void fold_test(const dmir::Instruction& d, std::uint32_t at);
    /// Decides, users first, which definitions their users take in.
    void mark_folded(const dmir::Block& block);
    /// x & ~y.
    void fold_not(const dmir::Instruction& i);
    /// y of such an and's operand ~y, if it is taken in.
    [[nodiscard]] std::optional<Value> inverted(Value v) const;
    /// x + (y << 1..3) and (x + y) + constant.
    void fold_shift(const dmir::Instruction& i);
    /// Loads whose value is an operand of instruction `at` of the block, or of its end, with nothing between that a
    /// trap must not overtake.
    [[nodiscard]] bool fold_load(Value v, std::uint32_t at, Op load);
    void fold_compared(const dmir::Instruction& d, std::uint32_t at);
    void fold_operand(const dmir::Instruction& i, std::uint32_t at);
    [[nodiscard]] bool is_memory(Value v) const { return is_skipped(v) && is_load(definition(v)->op); }
    [[nodiscard]] static bool is_load(Op op) { return between(op, Op::i32_load, Op::i64_load32_u); }

    // Conditions (select_questions.cpp).

    [[nodiscard]] static bool is_comparison(Op op);
    /// The question whether `v` is not zero; takes in what is folded.
    [[nodiscard]] Question question(Value v);
    /// Floats' conditions have no opposite: their users swap instead, see `flip`.
    void negate_question(Question& q);
    [[nodiscard]] Question test(const dmir::Instruction& d, Condition condition);
    void operands(Question& q, Value left, Value right);
    /// `v` as the one that is compared with an immediate.
    void left_operand(Question& q, Value v);
    /// x == c where this block has made x + k: asking for x + k == c + k lets x end there.
    [[nodiscard]] bool compare_sum(Question& q, const dmir::Instruction& d);
    /// A comparison, or an `and` that is asked for not being zero.
    [[nodiscard]] Question comparison(const dmir::Instruction& d);
    static void put(Instruction& i, const Question& q);
    void set(const dmir::Instruction& i);
    void select(const dmir::Instruction& i);

    // Memory (select_memory.cpp).

    struct Address {
        Register base;
        std::uint64_t offset;
    };
    /// Without a base where the address is constant. An offset beyond 31 bits is no displacement: the sum is made
    /// without wrapping.
    [[nodiscard]] Address address(const dmir::Instruction& i);
    void load(const dmir::Instruction& i);
    void store(const dmir::Instruction& i);

    // Integers (select_integers.cpp).

    void integer(const dmir::Instruction& i, bool wide);
    void binary(const dmir::Instruction& i, Code code, Value left, Value right, bool wide);
    void binary(const dmir::Instruction& i, Code code, Value left, std::int64_t right, bool wide);
    void add(const dmir::Instruction& i, Value left, Value right, bool wide);
    void multiply(const dmir::Instruction& i, Value left, Value right, bool wide);
    void divide(const dmir::Instruction& i, Value left, Value right, bool wide);

    // Division by constants (select_divisions.cpp).

    /// The result of a further instruction.
    [[nodiscard]] Register made(Code code, bool wide, Register a, Register b);
    [[nodiscard]] Register shifted(Code code, bool wide, Register a, std::uint32_t count);
    /// Of the last instruction.
    void set_immediate(std::uint64_t value);
    [[nodiscard]] Register multiplied(bool wide, Register a, std::uint64_t factor);
    /// Of divisors of three or more that are no powers of two.
    [[nodiscard]] Register quotient32(Register x, std::uint32_t divisor);
    [[nodiscard]] Register quotient64(Register x, std::uint64_t divisor);
    [[nodiscard]] Register signed_quotient(Register x, std::uint64_t divisor, bool wide);
    /// False, and nothing emitted, where a division is better.
    [[nodiscard]] bool divide_by_constant(const dmir::Instruction& i, Value left, std::uint64_t divisor, bool wide);

    // Floating point and conversions (select_floats.cpp).

    [[nodiscard]] bool floating(const dmir::Instruction& i);
    [[nodiscard]] bool conversion(const dmir::Instruction& i);
    /// Of an i64, if its definition says so at once.
    [[nodiscard]] bool fits_32_bits(Value v) const;

    const dmir::Function& f_;
    std::vector<bool> loose_;
    std::vector<ChunkTest> chunk_tests_;
    Function out_;
    dmir::BlockIndex block_ = 0;
    std::vector<std::uint32_t> uses_;
    std::vector<std::uint32_t> definition_;
    std::vector<dmir::BlockIndex> block_of_;
    std::vector<bool> skipped_;
    /// Of this block's instructions and its end: how many before it do more than compute or load.
    std::vector<std::uint32_t> barriers_;
    /// The block that defines each value.
    std::vector<dmir::BlockIndex> home_;
    std::vector<Register> register_of_;
    std::vector<bool> exact_everywhere_;
    /// Constants worth a register for long; those that one short instruction makes anew, for each block; and the same
    /// for uses that need no register, so that none is taken for them.
    using Constants = std::map<std::pair<Bank, std::uint64_t>, Register>;
    Constants constants_;
    Constants block_constants_;
    Constants moved_constants_;
    /// In this block: values with exact NaNs, and globals' addresses.
    std::map<Value, Register> exact_;
    std::map<std::uint32_t, Register> cells_;
    /// In this block: x + constant, by x.
    struct Sum {
        Value value;
        std::uint64_t constant;
    };
    std::map<Value, Sum> sums_;
    /// A float question is to be read the other way round.
    bool flip_ = false;
};

}  // namespace troupe::jit::opt
