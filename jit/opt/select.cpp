#include "jit/opt/select.hpp"

#include <map>

#include "jit/opt/nan.hpp"

namespace troupe::jit::opt {
namespace {

using dmir::no_value;
using dmir::Op;
using dmir::Type;
using dmir::Value;

constexpr std::array<Condition, 10> negated{Condition::ne,   Condition::eq,   Condition::ge_s, Condition::ge_u,
                                            Condition::le_s, Condition::le_u, Condition::gt_s, Condition::gt_u,
                                            Condition::lt_s, Condition::lt_u};
constexpr std::array<Condition, 10> swapped{Condition::eq,   Condition::ne,   Condition::gt_s, Condition::gt_u,
                                            Condition::lt_s, Condition::lt_u, Condition::ge_s, Condition::ge_u,
                                            Condition::le_s, Condition::le_u};

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
    std::uint64_t value = 0;
    Register left = no_register;
    Register right = no_register;
};

class Selection {
public:
    explicit Selection(const dmir::Function& function) : f_(function), loose_(find_loose_nans(function)) {}

    std::optional<Function> run() {
        for (auto type : f_.types) {
            if (type == Type::v128 || type == Type::i256) return std::nullopt;
            (void)out_.add_register(type);
        }
        out_.results = f_.signature.results;
        out_.stack_units = f_.stack_units;
        out_.blocks.resize(f_.blocks.size());
        register_of_.resize(f_.types.size());
        for (Value v = 0; v < f_.types.size(); ++v) register_of_[v] = v;
        count_uses();
        find_loops();
        for (block_ = 0; block_ < f_.blocks.size(); ++block_) block();
        return std::move(out_);
    }

private:
    void count_uses() {
        uses_.assign(f_.types.size(), 0);
        definition_.assign(f_.types.size(), no_value);
        block_of_.assign(f_.instructions.size(), 0);
        home_.assign(f_.types.size(), no_value);
        exact_everywhere_.assign(f_.types.size(), false);
        const auto use = [&](Value v) { ++uses_[v]; };
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            const auto& block = f_.blocks[b];
            for (auto v : block.parameters) home_[v] = b;
            for (auto i = block.first_instruction; i < block.first_instruction + block.instruction_count; ++i) {
                const auto& instruction = f_.instructions[i];
                block_of_[i] = b;
                for_each_operand(f_, instruction, use);
                for (std::uint32_t r = 0; r < instruction.result_count; ++r) {
                    definition_[instruction.first_result + r] = i;
                    home_[instruction.first_result + r] = b;
                }
            }
            if (block.terminator.condition != no_value) use(block.terminator.condition);
            for (auto v : f_.values(block.terminator.values)) use(v);
            for (const auto& edge : f_.edges_of(block))
                for (auto v : f_.values(edge.arguments)) use(v);
        }
    }
    void find_loops() {
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b)
            for (const auto& edge : f_.edges_of(f_.blocks[b]))
                if (edge.block <= b) out_.blocks[edge.block].loop_end = b + 1;
        std::vector<dmir::BlockIndex> open;
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            while (!open.empty() && out_.blocks[open.back()].loop_end <= b) open.pop_back();
            if (out_.blocks[b].loop_end > 0) open.push_back(b);
            out_.blocks[b].loop_depth = static_cast<std::uint32_t>(open.size());
        }
    }

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
    [[nodiscard]] Register constant_register(Type type, std::uint64_t bits) {
        const auto [at, added] = constants_.try_emplace({bank_of(type), bits}, no_register);
        if (added) {
            at->second = out_.add_register(type);
            out_.registers[at->second].constant = true;
            out_.registers[at->second].bits = bits;
        }
        return at->second;
    }
    [[nodiscard]] Register reg(Value v) {
        const auto* d = definition(v);
        if (d != nullptr && (dmir::info(d->op).kind == dmir::OpKind::constant || d->op == Op::ref_null)) {
            const bool narrow = d->op == Op::i32_const || d->op == Op::f32_const;
            const auto bits = d->op == Op::ref_null ? 0 : d->immediate;
            return constant_register(f_.types[v], narrow ? bits & 0xFFFFFFFF : bits);
        }
        return register_of_[v];
    }
    /// With the exact bits of a NaN.
    [[nodiscard]] Register exact(Value v) {
        const auto from = reg(v);
        if (!loose_[v] || exact_everywhere_[v]) return from;
        const auto [at, added] = exact_.try_emplace(v, no_register);
        if (added) {
            at->second = out_.add_register(f_.types[v]);
            auto& i = emit(Code::canonicalize, f_.types[v] == Type::f64);
            i.operands[0] = from;
            i.result = at->second;
            // Where it is defined here, all that follows takes it for the value itself.
            if (home_[v] == block_) {
                exact_everywhere_[v] = true;
                register_of_[v] = at->second;
            }
        }
        return at->second;
    }
    [[nodiscard]] dmir::List list_of(const std::vector<Register>& registers) {
        const dmir::List out{static_cast<std::uint32_t>(out_.lists.size()),
                             static_cast<std::uint32_t>(registers.size())};
        out_.lists.insert(out_.lists.end(), registers.begin(), registers.end());
        return out;
    }

    void block() {
        const auto& from = f_.blocks[block_];
        auto& to = out_.blocks[block_];
        to.parameters = from.parameters;
        to.fuel = from.fuel;
        to.steps = from.steps;
        exact_.clear();
        cells_.clear();
        sums_.clear();
        skipped_.assign(from.instruction_count, false);
        mark_folded(from);
        for (std::uint32_t k = 0; k < from.instruction_count; ++k)
            if (!skipped_[k]) instruction(f_.instructions[from.first_instruction + k]);
        terminator(from);
    }
    void skip(Value v) { skipped_[definition_[v] - f_.blocks[block_].first_instruction] = true; }
    [[nodiscard]] bool is_skipped(Value v) const {
        if (definition_[v] == no_value || block_of_[definition_[v]] != block_) return false;
        return skipped_[definition_[v] - f_.blocks[block_].first_instruction];
    }

    [[nodiscard]] static bool is_comparison(Op op) {
        return op == Op::i32_eqz || op == Op::i64_eqz || op == Op::ref_is_null ||
               between(op, Op::i32_eq, Op::i32_ge_u) || between(op, Op::i64_eq, Op::i64_ge_u) ||
               between(op, Op::f32_eq, Op::f64_ge);
    }
    /// The chain of eqz and comparison that a question about `v` takes in.
    void fold_question(Value v) {
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
    /// (x & y) compared with zero.
    void fold_test(const dmir::Instruction& d) {
        if (d.op != Op::i32_eq && d.op != Op::i32_ne && d.op != Op::i64_eq && d.op != Op::i64_ne) return;
        if (constant(d.arguments[1]) != 0U) return;
        const auto* inner = foldable(d.arguments[0]);
        if (inner != nullptr && (inner->op == Op::i32_and || inner->op == Op::i64_and)) skip(d.arguments[0]);
    }
    /// Decides, users first, which definitions their users take in.
    void mark_folded(const dmir::Block& block) {
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
    /// x + (y << 1..3) and (x + y) + constant.
    void fold_shift(const dmir::Instruction& i) {
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

    /// The question whether `v` is not zero; takes in what is folded.
    [[nodiscard]] Question question(Value v) {
        bool negate = false;
        while (is_skipped(v)) {
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
        out.left = reg(v);
        out.immediate = true;
        return out;
    }
    /// Floats' conditions have no opposite: their users swap instead, see `flip`.
    void negate_question(Question& q) {
        if (q.compare == Compare::floats)
            flip_ = !flip_;
        else
            q.condition = negated[static_cast<std::size_t>(q.condition)];
    }
    [[nodiscard]] Question test(const dmir::Instruction& d, Condition condition) {
        Question out;
        out.compare = Compare::bits;
        out.condition = condition;
        out.wide = d.op == Op::i64_and;
        operands(out, d.arguments[0], d.arguments[1]);
        return out;
    }
    void operands(Question& q, Value left, Value right) {
        if (constant(left) && !constant(right)) {
            std::swap(left, right);
            if (q.compare == Compare::integers) q.condition = swapped[static_cast<std::size_t>(q.condition)];
        }
        q.left = reg(left);
        if (const auto small = small_constant(right)) {
            q.immediate = true;
            q.value = static_cast<std::uint64_t>(std::int64_t{*small});
        } else {
            q.right = reg(right);
        }
    }
    /// x == c where this block has made x + k: asking for x + k == c + k lets x end there.
    [[nodiscard]] bool compare_sum(Question& q, const dmir::Instruction& d) {
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
    /// A comparison, or an `and` that is asked for not being zero.
    [[nodiscard]] Question comparison(const dmir::Instruction& d) {
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
            out.left = reg(d.arguments[0]);
            out.immediate = true;
            return out;
        }
        out.wide = d.op >= Op::i64_eq;
        out.condition = static_cast<Condition>(distance(d.op, out.wide ? Op::i64_eq : Op::i32_eq));
        const auto left = d.arguments[0];
        if (constant(d.arguments[1]) == 0U && is_skipped(left)) return test(*definition(left), out.condition);
        if ((out.condition == Condition::eq || out.condition == Condition::ne) && compare_sum(out, d)) return out;
        operands(out, left, d.arguments[1]);
        return out;
    }
    static void put(Instruction& i, const Question& q) {
        i.compare = q.compare;
        i.condition = q.condition;
        i.compare_wide = q.wide;
        i.immediate = q.immediate;
        i.value = q.value;
        i.operands[0] = q.left;
        i.operands[1] = q.right;
    }

    void instruction(const dmir::Instruction& i) {
        if (dmir::info(i.op).kind == dmir::OpKind::constant || i.op == Op::ref_null) return;
        if (between(i.op, Op::i32_load, Op::i64_load32_u)) {
            const auto [at, offset] = address(i);
            auto& out = emit(Code::load);
            out.op = i.op;
            out.operands[0] = at;
            out.value = offset;
            out.result = i.first_result;
            return;
        }
        if (between(i.op, Op::i32_store, Op::i64_store32)) return store(i);
        if (is_comparison(i.op)) return set(i);
        if (between(narrowed(i.op), Op::i32_clz, Op::i32_rotr)) return integer(i, i.op >= Op::i64_clz);
        if (floating(i) || conversion(i)) return;
        switch (i.op) {
            case Op::select: return select(i);
            case Op::global_get:
            case Op::global_set: return global(i);
            case Op::memory_size: emit(Code::memory_size).result = i.first_result; return;
            case Op::stack_check: {
                auto& out = emit(Code::stack_check);
                out.value = i.immediate;
                out.temporary = out_.add_register(Type::i64);
                return;
            }
            case Op::call:
            case Op::call_indirect: return call(i);
            default: return helper(i);
        }
    }

    struct Address {
        Register base;
        std::uint64_t offset;
    };
    /// An offset beyond 31 bits is no displacement: the sum is made without wrapping.
    [[nodiscard]] Address address(const dmir::Instruction& i) {
        const auto base = reg(i.arguments[0]);
        if (i.immediate <= 0x7FFFFFFF) return {base, i.immediate};
        const auto offset = constant_register(Type::i64, i.immediate);
        auto& sum = emit(Code::add, true);
        sum.operands[0] = base;
        sum.operands[1] = offset;
        sum.result = out_.add_register(Type::i64);
        return {sum.result, 0};
    }
    void store(const dmir::Instruction& i) {
        const auto [at, offset] = address(i);
        const auto small = small_constant(i.arguments[1]);
        const auto value = small ? no_register : exact(i.arguments[1]);
        auto& out = emit(Code::store);
        out.op = i.op;
        out.operands[0] = at;
        out.value = offset;
        if (small) {
            out.immediate = true;
            // The address takes `value`'s lower half, the stored immediate its upper half.
            out.value = offset | std::uint64_t{static_cast<std::uint32_t>(*small)} << 32U;
        } else {
            out.operands[1] = value;
        }
    }
    void set(const dmir::Instruction& i) {
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
    void select(const dmir::Instruction& i) {
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

    void integer(const dmir::Instruction& i, bool wide) {
        auto left = i.arguments[0];
        auto right = i.arguments[1];
        const auto op = narrowed(i.op);
        const auto unary = [&](Code code) {
            const auto from = reg(left);
            auto& out = emit(code, wide);
            out.operands[0] = from;
            out.result = i.first_result;
        };
        const auto commutes =
            op == Op::i32_add || op == Op::i32_mul || op == Op::i32_and || op == Op::i32_or || op == Op::i32_xor;
        if (commutes && constant(left) && !constant(right)) std::swap(left, right);
        switch (op) {
            case Op::i32_clz: return unary(Code::count_leading_zeros);
            case Op::i32_ctz: return unary(Code::count_trailing_zeros);
            case Op::i32_popcnt: return unary(Code::count_ones);
            case Op::i32_add: return add(i, left, right, wide);
            case Op::i32_sub:
                if (const auto c = small_constant(right); c && *c != INT32_MIN)
                    return binary(i, Code::add, left, -std::int64_t{*c}, wide);
                return binary(i, Code::sub, left, right, wide);
            case Op::i32_mul: return multiply(i, left, right, wide);
            case Op::i32_and:
                if (wide && constant(right) == 0xFFFFFFFFU) return unary(Code::zero_extend32);
                return binary(i, Code::bit_and, left, right, wide);
            case Op::i32_or: return binary(i, Code::bit_or, left, right, wide);
            case Op::i32_xor: return binary(i, Code::bit_xor, left, right, wide);
            case Op::i32_shl: return binary(i, Code::shift_left, left, right, wide);
            case Op::i32_shr_s: return binary(i, Code::shift_right_signed, left, right, wide);
            case Op::i32_shr_u: return binary(i, Code::shift_right, left, right, wide);
            case Op::i32_rotl: return binary(i, Code::rotate_left, left, right, wide);
            case Op::i32_rotr: return binary(i, Code::rotate_right, left, right, wide);
            default: return divide(i, left, right, wide);
        }
    }
    void binary(const dmir::Instruction& i, Code code, Value left, Value right, bool wide) {
        if (const auto c = small_constant(right)) return binary(i, code, left, std::int64_t{*c}, wide);
        const auto a = reg(left);
        const auto b = reg(right);
        auto& out = emit(code, wide);
        out.operands[0] = a;
        out.operands[1] = b;
        out.result = i.first_result;
    }
    void binary(const dmir::Instruction& i, Code code, Value left, std::int64_t right, bool wide) {
        const auto a = reg(left);
        auto& out = emit(code, wide);
        out.operands[0] = a;
        out.immediate = true;
        out.value = static_cast<std::uint64_t>(right);
        out.result = i.first_result;
    }
    void add(const dmir::Instruction& i, Value left, Value right, bool wide) {
        if (is_skipped(right)) std::swap(left, right);
        if (!is_skipped(left)) {
            if (const auto c = constant(right)) sums_[left] = {i.first_result, *c};
            return binary(i, Code::add, left, right, wide);
        }
        const auto& d = *definition(left);
        Register base = no_register;
        Register index = no_register;
        std::uint8_t scale = 0;
        std::uint64_t value = 0;
        if (d.op == Op::i32_shl || d.op == Op::i64_shl) {
            base = reg(right);
            index = reg(d.arguments[0]);
            scale = static_cast<std::uint8_t>(*constant(d.arguments[1]));
        } else {
            // (x + y) + constant, where x + y itself may hold a shift.
            value = static_cast<std::uint64_t>(std::int64_t{*small_constant(right)});
            auto x = d.arguments[0];
            auto y = d.arguments[1];
            if (is_skipped(x)) std::swap(x, y);
            base = reg(x);
            if (is_skipped(y)) {
                index = reg(definition(y)->arguments[0]);
                scale = static_cast<std::uint8_t>(*constant(definition(y)->arguments[1]));
            } else {
                index = reg(y);
            }
        }
        auto& out = emit(Code::address, wide);
        out.operands[0] = base;
        out.operands[1] = index;
        out.scale = scale;
        out.value = value;
        out.result = i.first_result;
    }
    void multiply(const dmir::Instruction& i, Value left, Value right, bool wide) {
        if (const auto c = constant(right)) {
            if (*c != 0 && (*c & (*c - 1)) == 0)
                return binary(i, Code::shift_left, left, std::int64_t{__builtin_ctzll(*c)}, wide);
            if (*c == 3 || *c == 5 || *c == 9) {
                const auto a = reg(left);
                auto& out = emit(Code::address, wide);
                out.operands[0] = a;
                out.operands[1] = a;
                out.scale = *c == 3 ? 1 : *c == 5 ? 2 : 3;
                out.result = i.first_result;
                return;
            }
        }
        binary(i, Code::multiply, left, right, wide);
    }
    void divide(const dmir::Instruction& i, Value left, Value right, bool wide) {
        const auto a = reg(left);
        const auto b = reg(right);
        auto& out = emit(Code::divide, wide);
        out.op = i.op;
        out.operands[0] = a;
        out.operands[1] = b;
        if (const auto c = constant(right)) {
            // What the divisor can't be needs no check.
            out.immediate = *c != 0 && *c != (wide ? ~std::uint64_t{0} : 0xFFFFFFFFU);
        }
        out.result = i.first_result;
    }

    [[nodiscard]] bool floating(const dmir::Instruction& i) {
        const bool narrow = between(i.op, Op::f32_abs, Op::f32_copysign);
        const bool wide = between(i.op, Op::f64_abs, Op::f64_copysign);
        if (!narrow && !wide) return false;
        const auto op = wide ? static_cast<Op>(static_cast<int>(Op::f32_abs) + distance(i.op, Op::f64_abs)) : i.op;
        const bool sign = op == Op::f32_abs || op == Op::f32_neg || op == Op::f32_copysign;
        const auto a = sign ? exact(i.arguments[0]) : reg(i.arguments[0]);
        auto b = no_register;
        if (i.arguments[1] != no_value) b = sign ? exact(i.arguments[1]) : reg(i.arguments[1]);
        auto code = Code::float_unary;
        if (op == Op::f32_copysign)
            code = Code::float_copysign;
        else if (sign)
            code = Code::float_sign;
        else if (op == Op::f32_min || op == Op::f32_max)
            code = Code::float_extreme;
        else if (b != no_register)
            code = Code::float_arithmetic;
        auto& out = emit(code, wide);
        out.op = op;
        out.operands[0] = a;
        out.operands[1] = b;
        out.result = i.first_result;
        return true;
    }
    [[nodiscard]] bool conversion(const dmir::Instruction& i) {
        const auto unary = [&](Code code, bool wide) {
            const auto from = code == Code::reinterpret ? exact(i.arguments[0]) : reg(i.arguments[0]);
            auto& out = emit(code, wide);
            out.op = i.op;
            out.operands[0] = from;
            out.result = i.first_result;
            return true;
        };
        switch (i.op) {
            case Op::i64_extend_i32_u:
                // An i32's upper half is zero everywhere.
                register_of_[i.first_result] = reg(i.arguments[0]);
                return true;
            case Op::i32_wrap_i64: return unary(Code::zero_extend32, true);
            case Op::i64_extend_i32_s:
            case Op::i64_extend32_s: return unary(Code::sign_extend32, true);
            case Op::i32_extend8_s: return unary(Code::sign_extend8, false);
            case Op::i32_extend16_s: return unary(Code::sign_extend16, false);
            case Op::i64_extend8_s: return unary(Code::sign_extend8, true);
            case Op::i64_extend16_s: return unary(Code::sign_extend16, true);
            case Op::i32_reinterpret_f32:
            case Op::f32_reinterpret_i32: return unary(Code::reinterpret, false);
            case Op::i64_reinterpret_f64:
            case Op::f64_reinterpret_i64: return unary(Code::reinterpret, true);
            case Op::f32_demote_f64:
            case Op::f64_promote_f32: return unary(Code::float_unary, i.op == Op::f64_promote_f32);
            case Op::f32_convert_i32_s:
            case Op::f32_convert_i32_u:
            case Op::f32_convert_i64_s: return unary(Code::integer_to_float, false);
            case Op::f64_convert_i32_s:
            case Op::f64_convert_i32_u:
            case Op::f64_convert_i64_s: return unary(Code::integer_to_float, true);
            case Op::i32_trunc_f32_s:
            case Op::i32_trunc_f64_s:
            case Op::i64_trunc_f32_s:
            case Op::i64_trunc_f64_s: return unary(Code::float_to_integer, i.op >= Op::i64_trunc_f32_s);
            case Op::i32_trunc_f32_u:
            case Op::i32_trunc_f64_u: {
                (void)unary(Code::float_to_integer, false);
                out_.blocks[block_].instructions.back().temporary = out_.add_register(Type::i64);
                return true;
            }
            default: return false;
        }
    }

    void global(const dmir::Instruction& i) {
        const auto index = static_cast<std::uint32_t>(i.immediate);
        const bool is_set = i.op == Op::global_set;
        const auto value = is_set ? exact(i.arguments[0]) : no_register;
        const auto [at, added] = cells_.try_emplace(index, no_register);
        if (added) {
            at->second = out_.add_register(Type::i64);
            auto& address = emit(Code::global_address);
            address.value = index;
            address.result = at->second;
        }
        auto& out = emit(is_set ? Code::cell_store : Code::cell_load);
        out.operands[0] = at->second;
        if (is_set)
            out.operands[1] = value;
        else
            out.result = i.first_result;
    }
    void call(const dmir::Instruction& i) {
        std::vector<Register> arguments;
        for (auto v : f_.values(i.list)) arguments.push_back(exact(v));
        const auto index = i.arguments[0] == no_value ? no_register : reg(i.arguments[0]);
        auto& out = emit(i.op == Op::call ? Code::call : Code::call_indirect);
        out.value = i.immediate;
        out.operands[0] = index;
        out.list = list_of(arguments);
        out.result = i.result_count > 0 ? i.first_result : no_register;
        out.result_count = i.result_count;
    }
    void helper(const dmir::Instruction& i) {
        std::vector<Register> arguments;
        for (auto v : i.arguments)
            if (v != no_value) arguments.push_back(exact(v));
        auto& out = emit(Code::helper);
        out.op = i.op;
        out.value = i.immediate;
        out.list = list_of(arguments);
        out.result = i.result_count > 0 ? i.first_result : no_register;
        out.result_count = i.result_count;
    }

    void terminator(const dmir::Block& block) {
        using Kind = dmir::Terminator::Kind;
        const auto& t = block.terminator;
        std::vector<Edge> edges;
        for (const auto& edge : f_.edges_of(block)) {
            const auto& parameters = f_.blocks[edge.block].parameters;
            const auto values = f_.values(edge.arguments);
            std::vector<Register> arguments;
            for (std::size_t k = 0; k < values.size(); ++k)
                arguments.push_back(loose_[parameters[k]] ? reg(values[k]) : exact(values[k]));
            edges.push_back({edge.block, list_of(arguments)});
        }
        switch (t.kind) {
            case Kind::none:
            case Kind::unreachable: emit(Code::unreachable); break;
            case Kind::branch: emit(Code::jump); break;
            case Kind::branch_table: {
                const auto index = reg(t.condition);
                auto& out = emit(Code::branch_table);
                out.operands[0] = index;
                out.temporary = out_.add_register(Type::i64);
                out.result = out_.add_register(Type::i64);
                break;
            }
            case Kind::return_values: {
                std::vector<Register> values;
                for (auto v : f_.values(t.values)) values.push_back(exact(v));
                const auto list = list_of(values);
                emit(Code::return_values).list = list;
                break;
            }
            case Kind::branch_if: {
                flip_ = false;
                const auto q = question(t.condition);
                put(emit(Code::branch), q);
                if (flip_) std::swap(edges[0], edges[1]);
                break;
            }
        }
        out_.blocks[block_].edges = std::move(edges);
    }

    const dmir::Function& f_;
    std::vector<bool> loose_;
    Function out_;
    dmir::BlockIndex block_ = 0;
    std::vector<std::uint32_t> uses_;
    std::vector<std::uint32_t> definition_;
    std::vector<dmir::BlockIndex> block_of_;
    std::vector<bool> skipped_;
    /// The block that defines each value.
    std::vector<dmir::BlockIndex> home_;
    std::vector<Register> register_of_;
    std::vector<bool> exact_everywhere_;
    std::map<std::pair<Bank, std::uint64_t>, Register> constants_;
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

}  // namespace

std::optional<Function> select(const dmir::Function& function) { return Selection(function).run(); }

}  // namespace troupe::jit::opt
