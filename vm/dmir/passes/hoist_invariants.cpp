#include "vm/dmir/passes/cfg.hpp"
#include "vm/dmir/passes/effects.hpp"
#include "vm/dmir/passes/passes.hpp"

namespace troupe::dmir {
namespace {

class Hoister {
public:
    Hoister(Function& function, const OptimizeOptions& options)
        : f_(function), options_(options), cfg_(function), write_counts_(function) {
        const auto definitions = find_definitions(f_);
        definition_.reserve(definitions.size());
        home_of_value_.reserve(definitions.size());
        for (const auto& d : definitions) {
            definition_.push_back(d.instruction);
            home_of_value_.push_back(d.block);
        }
        home_.resize(f_.instructions.size());
    }

    void run() {
        find_entries();
        bool moved = false;
        for (BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            const auto& block = f_.blocks[b];
            for (auto k = block.first_instruction; k < block.first_instruction + block.instruction_count; ++k) {
                home_[k] = b;
                if (worthwhile(f_.instructions[k].op)) moved |= hoist(k);
            }
        }
        if (moved) rearrange();
    }

private:
    /// Of each loop: the block before it, if that only leads into it.
    void find_entries() {
        entry_.assign(f_.blocks.size(), no_block);
        for (BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            if (!cfg_.heads_loop(b)) continue;
            auto outside = no_block;
            bool one = true;
            for (const auto& p : cfg_.predecessors(b)) {
                if (p.block >= b) continue;
                one &= outside == no_block;
                outside = p.block;
            }
            if (one && outside != no_block && f_.blocks[outside].terminator.edge_count == 1) entry_[b] = outside;
        }
    }

    /// Cheap operations take a register for the loop's length and fuse with their users where they are.
    [[nodiscard]] static bool worthwhile(Op op) {
        if (info(op).kind == OpKind::constant) return false;
        return is_repeatable(op) && (takes_long(op) || op == Op::global_get || op == Op::memory_size);
    }
    [[nodiscard]] static bool takes_long(Op op) {
        const auto between = [op](Op first, Op last) { return op >= first && op <= last; };
        return info(op).kind == OpKind::load || info(op).fuel > 1 || op == Op::i32_mul || op == Op::i64_mul ||
               between(Op::f32_add, Op::f32_copysign) || between(Op::f64_add, Op::f64_copysign) ||
               between(Op::f32_convert_i32_s, Op::f64_promote_f32);
    }

    [[nodiscard]] std::optional<std::uint64_t> constant(Value v) const {
        if (definition_[v] == no_value) return std::nullopt;
        const auto& i = f_.instructions[definition_[v]];
        if (i.op != Op::i32_const && i.op != Op::i64_const) return std::nullopt;
        return i.immediate;
    }
    /// It can't trap, whatever happens before.
    [[nodiscard]] bool is_safe(const Instruction& i) const {
        const auto trap = info(i.op).trap;
        if (trap == Trap::none) return true;
        if (trap == Trap::integer_division) {
            const auto divisor = constant(i.arguments[1]);
            return divisor && *divisor != 0 && *divisor != 0xFFFFFFFF && *divisor != ~std::uint64_t{0};
        }
        if (info(i.op).kind != OpKind::load) return false;
        const auto address = constant(i.arguments[0]);
        return address && *address + i.immediate + access_bytes(i.op) <= options_.memory_bytes_min;
    }

    /// Moves instruction `k` and the cheap operations that it needs out of as many loops as it can.
    [[nodiscard]] bool hoist(std::uint32_t k) {
        if (!is_safe(f_.instructions[k])) return false;
        bool moved = false;
        for (int level = 0; level < levels_max; ++level) {
            const auto loop = cfg_.loop_of[home_[k]];
            chain_.clear();
            if (loop == no_block || entry_[loop] == no_block || !is_invariant(k, loop, 0)) break;
            // Operands come before users.
            for (auto c : chain_) {
                home_[c] = entry_[loop];
                home_of_value_[f_.instructions[c].first_result] = entry_[loop];
            }
            moved = true;
        }
        return moved;
    }
    /// With all that must move along, appended to chain_.
    [[nodiscard]] bool is_invariant(std::uint32_t k, BlockIndex loop, int depth) {
        const auto& i = f_.instructions[k];
        if (depth > depth_max || i.result_count != 1 || !is_repeatable(i.op) || !is_safe(i)) return false;
        if (const auto place = read_by(i.op))
            if (write_counts_.written_between(loop, cfg_.loop_end[loop], *place)) return false;
        for (auto v : i.arguments) {
            if (v == no_value || home_of_value_[v] < loop) continue;
            if (definition_[v] == no_value || !is_invariant(definition_[v], loop, depth + 1)) return false;
        }
        chain_.push_back(k);
        return true;
    }

    /// Instructions at their new homes: behind those that stood there, in their old order.
    void rearrange() {
        std::vector<std::uint32_t> first(f_.blocks.size() + 1, 0);
        for (auto home : home_) ++first[home + 1];
        for (std::size_t b = 1; b < first.size(); ++b) first[b] += first[b - 1];
        std::vector<Instruction> out(f_.instructions.size());
        auto next = first;
        for (BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            auto& block = f_.blocks[b];
            for (auto k = block.first_instruction; k < block.first_instruction + block.instruction_count; ++k)
                out[next[home_[k]]++] = f_.instructions[k];
            block.first_instruction = first[b];
            block.instruction_count = first[b + 1] - first[b];
        }
        f_.instructions = std::move(out);
    }

    static constexpr int depth_max = 4;
    static constexpr int levels_max = 8;

    Function& f_;
    const OptimizeOptions& options_;
    Cfg cfg_;
    WriteCounts write_counts_;
    std::vector<std::uint32_t> definition_;
    std::vector<BlockIndex> home_of_value_;
    /// Of each instruction: the block that it stands in, or moves to the end of.
    std::vector<BlockIndex> home_;
    std::vector<BlockIndex> entry_;
    std::vector<std::uint32_t> chain_;
};

}  // namespace

void hoist_invariants(Function& function, const OptimizeOptions& options) { Hoister(function, options).run(); }

}  // namespace troupe::dmir
