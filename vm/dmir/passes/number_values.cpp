// Global value numbering over the dominator tree, with a version for each part of the state that reads depend on.
#include <bit>

#include "vm/dmir/passes/cfg.hpp"
#include "vm/dmir/passes/effects.hpp"
#include "vm/dmir/passes/passes.hpp"

namespace troupe::dmir {
namespace {

[[nodiscard]] constexpr bool commutes(Op op) {
    switch (op) {
        case Op::i32_add:
        case Op::i32_mul:
        case Op::i32_and:
        case Op::i32_or:
        case Op::i32_xor:
        case Op::i32_eq:
        case Op::i32_ne:
        case Op::i64_add:
        case Op::i64_mul:
        case Op::i64_and:
        case Op::i64_or:
        case Op::i64_xor:
        case Op::i64_eq:
        case Op::i64_ne:
        case Op::f32_add:
        case Op::f32_mul:
        case Op::f32_eq:
        case Op::f32_ne:
        case Op::f64_add:
        case Op::f64_mul:
        case Op::f64_eq:
        case Op::f64_ne: return true;
        default: return false;
    }
}

/// What a full-width store leaves for the load of the same bits.
[[nodiscard]] constexpr std::optional<Op> load_of(Op store) {
    switch (store) {
        case Op::i32_store: return Op::i32_load;
        case Op::i64_store: return Op::i64_load;
        case Op::f32_store: return Op::f32_load;
        case Op::f64_store: return Op::f64_load;
        case Op::v128_store: return Op::v128_load;
        default: return std::nullopt;
    }
}

/// Versions that were given out; the same number means that nothing was written between.
using State = std::array<std::uint32_t, place_count>;

struct Known {
    Instruction i;
    std::uint32_t version = 0;
    BlockIndex block = no_block;
    Value value = no_value;
};

class Numbering {
public:
    Numbering(Function& function, const OptimizeOptions& options)
        : f_(function),
          options_(options),
          cfg_(function),
          write_counts_(function),
          after_(function.blocks.size()),
          table_(std::bit_ceil(function.instructions.size() * 2 + 16), none) {
        replacement_.resize(f_.types.size());
        for (Value v = 0; v < replacement_.size(); ++v) replacement_[v] = v;
    }

    void run() {
        std::uint32_t out = 0;
        for (block_ = 0; block_ < f_.blocks.size(); ++block_) {
            auto& block = f_.blocks[block_];
            enter(block_);
            const auto begin = block.first_instruction;
            const auto end = begin + block.instruction_count;
            block.first_instruction = out;
            for (auto k = begin; k < end; ++k)
                if (auto i = f_.instructions[k]; !instruction(i)) f_.instructions[out++] = i;
            block.instruction_count = out - block.first_instruction;
            if (block.terminator.condition != no_value)
                block.terminator.condition = replacement_[block.terminator.condition];
            after_[block_] = state_;
        }
        f_.instructions.resize(out);
        for (auto& v : f_.lists) v = replacement_[v];
    }

private:
    /// The state at the block's start: its predecessors' where they agree, and no loop changes it.
    void enter(BlockIndex b) {
        const auto from = cfg_.predecessors(b);
        if (from.size() != 1 || from[0].block + 1 != b) recent_.clear();
        for (auto place : all_places) {
            const auto p = static_cast<std::size_t>(place);
            bool first = true;
            bool agree = true;
            std::uint32_t version = 0;
            for (const auto& predecessor : from) {
                if (predecessor.block >= b) continue;
                const auto theirs = after_[predecessor.block][p];
                agree &= first || theirs == version;
                version = theirs;
                first = false;
            }
            if (cfg_.heads_loop(b) && write_counts_.written_between(b, cfg_.loop_end[b], place)) agree = false;
            state_[p] = agree && !first ? version : next_version_++;
        }
    }

    /// True if the instruction's result is known, so that it goes.
    [[nodiscard]] bool instruction(Instruction& i) {
        for (auto& v : i.arguments)
            if (v != no_value) v = replacement_[v];
        if (!is_repeatable(i.op)) {
            write(i);
            return false;
        }
        if (commutes(i.op) && i.arguments[0] > i.arguments[1]) std::swap(i.arguments[0], i.arguments[1]);
        const auto place = read_by(i.op);
        const auto version = place ? state_[static_cast<std::size_t>(*place)] : 0;
        const Known known{i, version, block_, i.first_result};
        auto& slot = find(known);
        if (slot != none && cfg_.dominates(known_[slot].block, block_)) {
            if (i.result_count > 0) replacement_[i.first_result] = known_[slot].value;
            return true;
        }
        remember(slot, known);
        if (place == Place::memory) note_recent(known);
        return false;
    }

    void write(const Instruction& i) {
        const auto memory = static_cast<std::size_t>(Place::memory);
        for (auto place : all_places)
            if (writes(i.op, place)) state_[static_cast<std::size_t>(place)] = next_version_++;
        if (i.op == Op::global_set) {
            if (i.immediate < options_.imported_globals) return;
            Instruction get{.op = Op::global_get, .result_count = 1, .immediate = i.immediate};
            const auto globals = static_cast<std::size_t>(Place::globals);
            const Known known{get, state_[globals], block_, i.arguments[0]};
            remember(find(known), known);
            return;
        }
        if (!writes(i.op, Place::memory)) return;
        if (info(i.op).kind != OpKind::store) {
            recent_.clear();
            return;
        }
        // What this store does not touch is as it was.
        std::erase_if(recent_, [&](const Known& known) { return !apart(known.i, i); });
        for (auto& known : recent_) {
            known.version = state_[memory];
            remember(find(known), known);
        }
        if (const auto load = load_of(i.op)) {
            Instruction as_load = i;
            as_load.op = *load;
            as_load.arguments = {i.arguments[0], no_value, no_value};
            as_load.result_count = 1;
            const Known known{as_load, state_[memory], block_, i.arguments[1]};
            remember(find(known), known);
            note_recent(known);
        }
    }
    /// Offsets are added without wrapping: from one base, different ranges never meet.
    [[nodiscard]] static bool apart(const Instruction& load, const Instruction& store) {
        if (load.arguments[0] != store.arguments[0]) return false;
        const auto a = load.immediate & 0xFFFFFFFF;
        const auto b = store.immediate & 0xFFFFFFFF;
        return a + access_bytes(load.op) <= b || b + access_bytes(store.op) <= a;
    }
    void note_recent(const Known& known) {
        if (info(known.i.op).kind != OpKind::load) return;
        if (recent_.size() == recent_max) recent_.erase(recent_.begin());
        recent_.push_back(known);
    }

    [[nodiscard]] static bool same(const Known& a, const Known& b) {
        return a.i.op == b.i.op && a.version == b.version && a.i.arguments == b.i.arguments &&
               a.i.immediate == b.i.immediate && a.i.immediate_high == b.i.immediate_high;
    }
    [[nodiscard]] static std::uint64_t hash(const Known& k) {
        constexpr std::uint64_t factor = 0x9E3779B97F4A7C15;
        std::uint64_t h = static_cast<std::uint64_t>(k.i.op);
        for (std::uint64_t part :
             {std::uint64_t{k.i.arguments[0]}, std::uint64_t{k.i.arguments[1]}, std::uint64_t{k.i.arguments[2]},
              k.i.immediate, k.i.immediate_high, std::uint64_t{k.version}})
            h = (std::rotl(h, 23) ^ part) * factor;
        return h ^ h >> 32U;
    }
    /// Its place in the table, free or taken by the same.
    [[nodiscard]] std::uint32_t& find(const Known& known) {
        if (known_.size() * 2 >= table_.size()) grow();
        auto at = hash(known) & (table_.size() - 1);
        while (table_[at] != none && !same(known_[table_[at]], known)) at = (at + 1) & (table_.size() - 1);
        return table_[at];
    }
    void remember(std::uint32_t& slot, const Known& known) {
        if (slot == none) {
            slot = static_cast<std::uint32_t>(known_.size());
            known_.push_back(known);
        } else {
            known_[slot] = known;
        }
    }
    void grow() {
        table_.assign(table_.size() * 2, none);
        for (std::uint32_t k = 0; k < known_.size(); ++k) {
            auto at = hash(known_[k]) & (table_.size() - 1);
            while (table_[at] != none) at = (at + 1) & (table_.size() - 1);
            table_[at] = k;
        }
    }

    static constexpr std::uint32_t none = 0xFFFFFFFF;
    static constexpr std::size_t recent_max = 16;

    Function& f_;
    const OptimizeOptions& options_;
    Cfg cfg_;
    WriteCounts write_counts_;
    BlockIndex block_ = 0;
    State state_{};
    std::vector<State> after_;
    std::uint32_t next_version_ = 1;
    std::vector<Known> known_;
    std::vector<std::uint32_t> table_;
    std::vector<Value> replacement_;
    /// Loads known in this straight line of blocks, oldest first.
    std::vector<Known> recent_;
};

}  // namespace

void number_values(Function& function, const OptimizeOptions& options) { Numbering(function, options).run(); }

}  // namespace troupe::dmir
