// dMIR to register form: instruction selection over blocks, then slots by linear scan over coalesced live ranges.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "vm/interp/code.hpp"
#include "vm/interp/slots.hpp"

namespace troupe::vm {
namespace {

using dmir::no_value;
using dmir::Op;
using dmir::Type;
using dmir::Value;

constexpr auto op_of(Op op, int distance) { return static_cast<Op>(static_cast<int>(op) + distance); }

/// i32.eq .. i32.ge_u and i64.eq .. i64.ge_u, in the list's order.
[[nodiscard]] std::optional<int> integer_comparison(Op op, bool& wide) {
    if (op >= Op::i32_eq && op <= Op::i32_ge_u) {
        wide = false;
        return static_cast<int>(op) - static_cast<int>(Op::i32_eq);
    }
    if (op >= Op::i64_eq && op <= Op::i64_ge_u) {
        wide = true;
        return static_cast<int>(op) - static_cast<int>(Op::i64_eq);
    }
    return std::nullopt;
}
// In the order eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u.
constexpr std::array<int, 10> negated{1, 0, 8, 9, 6, 7, 4, 5, 2, 3};
constexpr std::array<int, 10> swapped{0, 1, 4, 5, 2, 3, 8, 9, 6, 7};

[[nodiscard]] std::optional<int> float_comparison(Op op, bool& wide) {
    if (op >= Op::f32_eq && op <= Op::f32_ge) {
        wide = false;
        return static_cast<int>(op) - static_cast<int>(Op::f32_eq);
    }
    if (op >= Op::f64_eq && op <= Op::f64_ge) {
        wide = true;
        return static_cast<int>(op) - static_cast<int>(Op::f64_eq);
    }
    return std::nullopt;
}

using Forms = std::array<Extended, dmir::op_count>;
/// The form with an immediate; `count` if there is none.
constexpr Forms immediate_forms = [] {
    Forms out{};
    out.fill(Extended::count);
#define X(name)                                                                       \
    out[static_cast<std::size_t>(Op::i32_##name)] = Extended::i32_##name##_immediate; \
    out[static_cast<std::size_t>(Op::i64_##name)] = Extended::i64_##name##_immediate;
    TROUPE_IMMEDIATE_OPS(X)
#undef X
    return out;
}();
/// The form whose address is a sum; `count` if there is none.
constexpr Forms scaled_forms = [] {
    Forms out{};
    out.fill(Extended::count);
#define X(name) out[static_cast<std::size_t>(Op::name)] = Extended::name##_scaled;
    TROUPE_SCALAR_LOADS(X)
    TROUPE_SCALAR_STORES(X)
#undef X
    return out;
}();
[[nodiscard]] constexpr std::optional<Extended> form_of(const Forms& forms, Op op) {
    const auto form = forms[static_cast<std::size_t>(op)];
    return form != Extended::count ? std::optional{form} : std::nullopt;
}
[[nodiscard]] constexpr bool is_commutative(Op op) {
    switch (op) {
        case Op::i32_add:
        case Op::i32_mul:
        case Op::i32_and:
        case Op::i32_or:
        case Op::i32_xor:
        case Op::i64_add:
        case Op::i64_mul:
        case Op::i64_and:
        case Op::i64_or:
        case Op::i64_xor: return true;
        default: return false;
    }
}

class Selector {
public:
    explicit Selector(const dmir::Function& function) : f_(function) {}

    Result<Code> run(Placement* placement = nullptr) {
        count_uses();
        find_loops();
        machine_.types = f_.types;
        machine_.blocks.resize(f_.blocks.size());
        machine_.instructions.reserve(f_.instructions.size() + f_.blocks.size() + hoisted_max);
        machine_.edges.reserve(f_.edges.size());
        machine_.lists.reserve(f_.lists.size());
        made_in_.assign(f_.types.size(), no_value);
        made_.assign(f_.types.size(), no_value);
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b) block(b);
        hoist_constants();
        return encode(f_, machine_, placement);
    }

private:
    void count_uses() {
        uses_.assign(f_.types.size(), 0);
        definition_.assign(f_.types.size(), no_value);
        block_of_.assign(f_.instructions.size(), 0);
        const auto use = [&](Value v) { ++uses_[v]; };
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            const auto& block = f_.blocks[b];
            for (auto i = block.first_instruction; i < block.first_instruction + block.instruction_count; ++i) {
                const auto& instruction = f_.instructions[i];
                block_of_[i] = b;
                for_each_operand(f_, instruction, use);
                for (std::uint32_t r = 0; r < instruction.result_count; ++r)
                    definition_[instruction.first_result + r] = i;
            }
            if (block.terminator.condition != no_value) use(block.terminator.condition);
            for (auto v : f_.values(block.terminator.values)) use(v);
            for (const auto& edge : f_.edges_of(block))
                for (auto v : f_.values(edge.arguments)) use(v);
        }
    }

    /// A back edge's target heads a loop that ends with the last block that leads back to it.
    void find_loops() {
        auto& ends = machine_.loop_end;
        ends.assign(f_.blocks.size(), 0);
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b)
            for (const auto& edge : f_.edges_of(f_.blocks[b]))
                if (edge.block <= b) ends[edge.block] = b + 1;
        machine_.loop_of.assign(f_.blocks.size(), no_value);
        machine_.loop_parent.assign(f_.blocks.size(), no_value);
        machine_.loop_depth.assign(f_.blocks.size(), 0);
        std::vector<dmir::BlockIndex> open;
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            while (!open.empty() && ends[open.back()] <= b) open.pop_back();
            if (ends[b] > 0) {
                machine_.loop_parent[b] = open.empty() ? no_value : open.back();
                // A branch from an inner loop may be the outer one's last: all of the inner one is inside still.
                for (auto outer = open.rbegin(); outer != open.rend() && ends[*outer] < ends[b]; ++outer)
                    ends[*outer] = ends[b];
                open.push_back(b);
            }
            machine_.loop_of[b] = open.empty() ? no_value : open.back();
            machine_.loop_depth[b] = static_cast<std::uint32_t>(open.size());
        }
    }

    [[nodiscard]] const dmir::Instruction* definition(Value v) const {
        return definition_[v] == no_value ? nullptr : &f_.instructions[definition_[v]];
    }
    [[nodiscard]] std::optional<std::uint64_t> constant(Value v) const {
        const auto* d = definition(v);
        if (d == nullptr || (d->op != Op::i32_const && d->op != Op::i64_const)) return std::nullopt;
        return d->immediate;
    }
    /// As an immediate that is sign-extended from 32 bits.
    [[nodiscard]] std::optional<std::int32_t> small_constant(Value v, bool wide) const {
        const auto c = constant(v);
        if (!c) return std::nullopt;
        if (!wide) return static_cast<std::int32_t>(*c);
        const auto s = static_cast<std::int64_t>(*c);
        if (s < INT32_MIN || s > INT32_MAX) return std::nullopt;
        return static_cast<std::int32_t>(s);
    }
    /// `v`'s definition, if it stands in this block, has this one use, and so can be done as a part of its user.
    [[nodiscard]] const dmir::Instruction* foldable(Value v) const {
        if (uses_[v] != 1 || definition_[v] == no_value || block_of_[definition_[v]] != block_) return nullptr;
        return definition(v);
    }

    MachineInstruction& emit(std::uint16_t op) {
        machine_.instructions.push_back({.op = op});
        return machine_.instructions.back();
    }

    /// The value in a register: constants are made where they are used, or before all else if that is in a loop.
    [[nodiscard]] Value reg(Value v) {
        const auto* d = definition(v);
        if (d == nullptr || dmir::info(d->op).kind != dmir::OpKind::constant) return v;
        if (machine_.loop_depth[block_] > 0 && d->op != Op::v128_const) {
            const auto found = std::ranges::find_if(
                hoisted_, [&](const auto& h) { return h.op == d->op && h.immediate == d->immediate; });
            if (found != hoisted_.end()) return found->value;
            if (hoisted_.size() < hoisted_max) {
                hoisted_.push_back({d->op, d->immediate, machine_.new_value(f_.types[v])});
                return hoisted_.back().value;
            }
        }
        if (made_in_[v] == block_) return made_[v];
        const auto made = machine_.new_value(f_.types[v]);
        auto& i = emit(code(d->op));
        i.destination = made;
        i.immediate = d->immediate;
        i.immediate_high = d->immediate_high;
        made_in_[v] = block_;
        made_[v] = made;
        return made;
    }

    void block(dmir::BlockIndex b) {
        block_ = b;
        machine_.blocks[b].first_instruction = static_cast<std::uint32_t>(machine_.instructions.size());
        const auto& block = f_.blocks[b];
        skipped_.assign(block.instruction_count, false);
        mark_folded(block);
        for (std::uint32_t k = 0; k < block.instruction_count; ++k)
            if (!skipped_[k]) instruction(f_.instructions[block.first_instruction + k]);
        terminator(block);
        machine_.blocks[b].instruction_count =
            static_cast<std::uint32_t>(machine_.instructions.size()) - machine_.blocks[b].first_instruction;
    }

    void skip(Value v) { skipped_[definition_[v] - f_.blocks[block_].first_instruction] = true; }

    /// Decides, users first, which definitions their users take in.
    void mark_folded(const dmir::Block& block) {
        const auto& t = block.terminator;
        if (t.kind == dmir::Terminator::Kind::branch_if) {
            auto v = t.condition;
            const auto* d = foldable(v);
            if (d != nullptr && d->op == Op::i32_eqz) {
                skip(v);
                const auto inner = d->arguments[0];
                d = foldable(inner);
                v = inner;
            }
            bool wide = false;
            if (d != nullptr && (integer_comparison(d->op, wide) || float_comparison(d->op, wide) ||
                                 d->op == Op::i64_eqz || (d->op == Op::i32_eqz && v != t.condition)))
                skip(v);
        }
        for (std::uint32_t k = block.instruction_count; k-- > 0;) {
            const auto& i = f_.instructions[block.first_instruction + k];
            if (skipped_[k] || !form_of(scaled_forms, i.op)) continue;
            const auto* sum = foldable(i.arguments[0]);
            if (sum == nullptr || sum->op != Op::i32_add || constant(sum->arguments[0]) || constant(sum->arguments[1]))
                continue;
            skip(i.arguments[0]);
            for (auto side : {1, 0}) {
                const auto* shift = foldable(sum->arguments[side]);
                if (shift == nullptr || shift->op != Op::i32_shl || !constant(shift->arguments[1])) continue;
                if (*constant(shift->arguments[1]) > 3 || constant(shift->arguments[0])) continue;
                skip(sum->arguments[side]);
                break;
            }
        }
    }
    [[nodiscard]] bool is_skipped(Value v) const {
        if (definition_[v] == no_value || block_of_[definition_[v]] != block_) return false;
        return skipped_[definition_[v] - f_.blocks[block_].first_instruction];
    }

    void instruction(const dmir::Instruction& i) {
        const auto& facts = dmir::info(i.op);
        if (facts.kind == dmir::OpKind::constant) return;
        if (i.op == Op::call || i.op == Op::call_indirect) return call(i);
        if (with_immediate(i) || scaled(i)) return;
        std::array<Value, 3> operands{no_value, no_value, no_value};
        for (std::size_t a = 0; a < 3; ++a)
            if (i.arguments[a] != no_value) operands[a] = reg(i.arguments[a]);
        auto op = code(i.op);
        const auto type = i.result_count > 0           ? f_.types[i.first_result]
                          : i.arguments[0] != no_value ? f_.types[i.arguments[0]]
                                                       : Type::i32;
        if (type == Type::v128) {
            if (i.op == Op::select) op = code(Extended::select_v128);
            if (i.op == Op::global_get) op = code(Extended::global_get_v128);
            if (i.op == Op::global_set) op = code(Extended::global_set_v128);
        }
        auto& out = emit(op);
        out.destination = i.result_count > 0 ? i.first_result : no_value;
        out.sources = operands;
        out.immediate = i.immediate;
        out.immediate_high = i.immediate_high;
    }

    [[nodiscard]] bool with_immediate(const dmir::Instruction& i) {
        auto op = i.op;
        auto left = i.arguments[0];
        auto right = i.arguments[1];
        bool wide = left != no_value && f_.types[left] == Type::i64;
        if (op == Op::i32_eqz || op == Op::i64_eqz) {
            if (constant(left)) return false;
            auto& out = emit(code(op == Op::i32_eqz ? Extended::i32_eq_immediate : Extended::i64_eq_immediate));
            out.destination = i.first_result;
            out.sources[0] = left;
            return true;
        }
        if (right == no_value) return false;
        bool w = false;
        if (constant(left) && !constant(right)) {
            if (is_commutative(op)) {
                std::swap(left, right);
            } else if (const auto c = integer_comparison(op, w)) {
                std::swap(left, right);
                op = op_of(w ? Op::i64_eq : Op::i32_eq, swapped[static_cast<std::size_t>(*c)]);
            }
        }
        const auto c = constant(right);
        if (!c || constant(left)) return false;
        auto value = *c;
        if (op == Op::i32_sub || op == Op::i64_sub) {
            wide = op == Op::i64_sub;
            op = wide ? Op::i64_add : Op::i32_add;
            value = std::uint64_t{0} - value;
        } else if (op == Op::i32_rotr || op == Op::i64_rotr) {
            wide = op == Op::i64_rotr;
            op = wide ? Op::i64_rotl : Op::i32_rotl;
            value = std::uint64_t{0} - value;
        }
        const auto form = form_of(immediate_forms, op);
        if (!form) return false;
        auto& out = emit(code(*form));
        out.destination = i.first_result;
        out.sources[0] = left;
        out.immediate = wide ? value : value & 0xFFFFFFFF;
        return true;
    }

    [[nodiscard]] bool scaled(const dmir::Instruction& i) {
        const auto form = form_of(scaled_forms, i.op);
        if (!form || !is_skipped(i.arguments[0])) return false;
        const auto* sum = definition(i.arguments[0]);
        auto base = sum->arguments[0];
        auto index = sum->arguments[1];
        std::uint64_t shift = 0;
        if (is_skipped(base)) std::swap(base, index);
        if (is_skipped(index)) {
            const auto* by = definition(index);
            shift = *constant(by->arguments[1]);
            index = by->arguments[0];
        }
        const bool is_store = i.result_count == 0;
        const auto stored = is_store ? reg(i.arguments[1]) : no_value;
        auto& out = emit(code(*form));
        out.destination = is_store ? no_value : i.first_result;
        out.sources = {base, index, stored};
        out.immediate = i.immediate | shift << 32U;
        return true;
    }

    [[nodiscard]] dmir::List list(dmir::List from) {
        const dmir::List out{static_cast<std::uint32_t>(machine_.lists.size()), from.count};
        for (auto v : f_.values(from)) machine_.lists.push_back(reg(v));
        return out;
    }

    void call(const dmir::Instruction& i) {
        const auto callee = i.arguments[0] == no_value ? no_value : reg(i.arguments[0]);
        const auto arguments = list(i.list);
        auto& out = emit(code(i.op));
        out.sources[0] = callee;
        out.immediate = i.immediate;
        out.destination = i.result_count > 0 ? i.first_result : no_value;
        out.destination_count = i.result_count;
        out.list = arguments;
    }

    void terminator(const dmir::Block& block) {
        using Kind = dmir::Terminator::Kind;
        const auto& t = block.terminator;
        auto& made = machine_.blocks[block_];
        made.first_edge = static_cast<std::uint32_t>(machine_.edges.size());
        made.edge_count = t.edge_count;
        for (const auto& e : f_.edges_of(block)) machine_.edges.push_back({e.block, list(e.arguments)});
        const auto values = list(t.values);
        switch (t.kind) {
            case Kind::none:
            case Kind::unreachable: emit(code(Extended::trap_unreachable)); break;
            case Kind::branch: emit(code(Extended::jump)); break;
            case Kind::branch_table: {
                const auto index = reg(t.condition);
                emit(code(Extended::branch_table)).sources[0] = index;
                break;
            }
            case Kind::return_values: {
                auto op = Extended::return_many;
                if (values.count == 0) op = Extended::return_none;
                if (values.count == 1 && machine_.types[machine_.values(values)[0]] != Type::v128)
                    op = Extended::return_one;
                emit(code(op)).list = values;
                break;
            }
            case Kind::branch_if: branch_if(t.condition); break;
        }
    }

    void branch_if(Value condition) {
        bool negate = false;
        auto v = condition;
        while (is_skipped(v) && definition(v)->op == Op::i32_eqz) {
            negate = !negate;
            v = definition(v)->arguments[0];
        }
        const auto* d = is_skipped(v) ? definition(v) : nullptr;
        bool wide = false;
        if (d != nullptr && d->op == Op::i64_eqz) {
            const auto operand = reg(d->arguments[0]);
            auto& out = emit(code(negate ? Extended::branch_i64_ne_immediate : Extended::branch_i64_eq_immediate));
            out.sources[0] = operand;
            return;
        }
        if (d != nullptr) {
            if (const auto c = integer_comparison(d->op, wide)) return branch_integer(*d, *c, wide, negate);
            const auto c = float_comparison(d->op, wide);
            const auto left = reg(d->arguments[0]);
            const auto right = reg(d->arguments[1]);
            const auto first = code(Extended::branch_f32_eq) + *c * 4 + (negate ? 2 : 0) + (wide ? 1 : 0);
            emit(static_cast<std::uint16_t>(first)).sources = {left, right, no_value};
            return;
        }
        const auto operand = reg(v);
        emit(code(negate ? Extended::branch_zero : Extended::branch_nonzero)).sources[0] = operand;
    }
    void branch_integer(const dmir::Instruction& d, int comparison, bool wide, bool negate) {
        auto left = d.arguments[0];
        auto right = d.arguments[1];
        if (negate) comparison = negated[static_cast<std::size_t>(comparison)];
        if (constant(left) && !constant(right)) {
            std::swap(left, right);
            comparison = swapped[static_cast<std::size_t>(comparison)];
        }
        const auto immediate = small_constant(right, wide);
        left = reg(left);
        if (!immediate) right = reg(right);
        const auto op = code(Extended::branch_i32_eq) + comparison * 4 + (immediate ? 2 : 0) + (wide ? 1 : 0);
        auto& out = emit(static_cast<std::uint16_t>(op));
        out.sources[0] = left;
        if (immediate)
            out.immediate = static_cast<std::uint64_t>(static_cast<std::uint32_t>(*immediate)) << 32U;
        else
            out.sources[1] = right;
    }

    void hoist_constants() {
        std::ranges::sort(hoisted_, {}, [](const auto& h) { return std::pair{h.op, h.immediate}; });
        std::vector<MachineInstruction> constants;
        for (const auto& h : hoisted_)
            constants.push_back({.op = code(h.op), .destination = h.value, .immediate = h.immediate});
        machine_.instructions.insert(machine_.instructions.begin(), constants.begin(), constants.end());
        const auto count = static_cast<std::uint32_t>(constants.size());
        for (auto& block : machine_.blocks) block.first_instruction += count;
        machine_.blocks[0].first_instruction = 0;
        machine_.blocks[0].instruction_count += count;
    }

    static constexpr std::size_t hoisted_max = 24;

    const dmir::Function& f_;
    MachineFunction machine_;
    dmir::BlockIndex block_ = 0;
    std::vector<std::uint32_t> uses_;
    std::vector<std::uint32_t> definition_;
    std::vector<dmir::BlockIndex> block_of_;
    std::vector<bool> skipped_;
    /// Constants in registers: of this block, and of the whole function.
    std::vector<Value> made_;
    /// Of each value: the block that `made_` holds for.
    std::vector<dmir::BlockIndex> made_in_;
    struct Hoisted {
        Op op;
        std::uint64_t immediate;
        Value value;
    };
    std::vector<Hoisted> hoisted_;
};

}  // namespace

Result<Code> select_code(const dmir::Function& function) { return Selector(function).run(); }

Result<Placement> place_code(const dmir::Function& function) {
    Placement out;
    const auto code = Selector(function).run(&out);
    if (!code) return code.error();
    return out;
}

}  // namespace troupe::vm
