#include "vm/dmir/passes/enter_at.hpp"

#include <algorithm>

#include "vm/dmir/passes/cfg.hpp"

namespace troupe::dmir {
namespace {

constexpr std::uint32_t nowhere = 0xFFFFFFFF;
constexpr std::size_t growth_max = 4;

/// Copies the function by regions, one for each loop around the head, from the innermost out: the blocks that are
/// reached from the loop's head without passing the head of a loop further out. A region uses values of its own, and
/// others only from before its head: they dominate the head that is entered, too, and are alive there.
class Enterer {
public:
    Enterer(const Function& function, BlockIndex head) : f_(function), cfg_(function), head_(head) {}

    std::optional<EnteredFunction> run() {
        if (head_ >= f_.blocks.size() || !cfg_.reachable(head_) || !cfg_.heads_loop(head_)) return std::nullopt;
        definitions_ = find_definitions(f_);
        level_.assign(f_.blocks.size(), nowhere);
        for (auto loop = head_; loop != no_block; loop = cfg_.loop_parent[loop]) {
            level_[loop] = static_cast<std::uint32_t>(heads_.size());
            heads_.push_back({.block = loop});
        }
        copy_.assign(f_.types.size(), {});
        entered_.assign(f_.types.size(), no_value);
        region_.assign(f_.blocks.size(), nowhere);
        number_.resize(f_.blocks.size());
        auto& out = out_.function;
        out.blocks.emplace_back();
        out.edges.emplace_back();
        heads_[0].is_reached = true;
        for (std::uint32_t level = 0; level < heads_.size(); ++level)
            if (heads_[level].is_reached && !copy_region(level)) return std::nullopt;
        for (const auto& edge : outward_) out.edges[edge.edge].block = heads_[edge.level].copy;
        finish_entry();
        if (out_.values.size() > entered_values_max) return std::nullopt;
        return std::move(out_);
    }

private:
    struct Head {
        BlockIndex block = 0;
        bool is_reached = false;
        BlockIndex copy = 0;
    };
    struct Copy {
        Value value = no_value;
        /// The region that it is of.
        std::uint32_t level = nowhere;
    };
    struct OutwardEdge {
        std::uint32_t edge;
        std::uint32_t level;
    };

    [[nodiscard]] bool copy_region(std::uint32_t level) {
        const auto blocks = find_region(level);
        for (auto b : blocks) size_ += size_of(f_.blocks[b]);
        if (size_ > growth_max * (f_.instructions.size() + f_.blocks.size() + f_.edges.size() + f_.lists.size()))
            return false;
        auto& out = out_.function;
        heads_[level].copy = static_cast<BlockIndex>(out.blocks.size());
        for (auto b : blocks) {
            number_[b] = static_cast<BlockIndex>(out.blocks.size());
            auto& block = out.blocks.emplace_back();
            for (auto v : f_.blocks[b].parameters) block.parameters.push_back(define(v, level));
            for (const auto& i : f_.instructions_of(f_.blocks[b]))
                for (std::uint32_t r = 0; r < i.result_count; ++r) static_cast<void>(define(i.first_result + r, level));
        }
        for (auto b : blocks) copy_block(b, level);
        return true;
    }
    /// In the function's order, beginning with the head.
    [[nodiscard]] std::vector<BlockIndex> find_region(std::uint32_t level) {
        std::vector<BlockIndex> out{heads_[level].block};
        region_[out[0]] = level;
        for (std::size_t k = 0; k < out.size(); ++k) {
            for (const auto& edge : f_.edges_of(f_.blocks[out[k]])) {
                if (leads_out(edge.block, level)) {
                    heads_[level_[edge.block]].is_reached = true;
                } else if (region_[edge.block] != level) {
                    region_[edge.block] = level;
                    out.push_back(edge.block);
                }
            }
        }
        std::ranges::sort(out);
        return out;
    }
    [[nodiscard]] bool leads_out(BlockIndex to, std::uint32_t level) const {
        return level_[to] != nowhere && level_[to] > level;
    }
    [[nodiscard]] std::size_t size_of(const Block& block) const {
        auto out =
            1 + block.instruction_count + block.terminator.edge_count + std::size_t{block.terminator.values.count};
        for (const auto& i : f_.instructions_of(block)) out += i.list.count;
        for (const auto& edge : f_.edges_of(block)) out += edge.arguments.count;
        return out;
    }

    void copy_block(BlockIndex b, std::uint32_t level) {
        auto& out = out_.function;
        const auto& from = f_.blocks[b];
        auto& to = out.blocks[number_[b]];
        to.fuel = from.fuel;
        to.steps = from.steps;
        to.checked = from.checked;
        to.first_instruction = static_cast<std::uint32_t>(out.instructions.size());
        to.instruction_count = from.instruction_count;
        for (auto i : f_.instructions_of(from)) {
            if (i.result_count > 0) i.first_result = use(i.first_result, level);
            for (auto& v : i.arguments)
                if (v != no_value) v = use(v, level);
            i.list = use(i.list, level);
            out.instructions.push_back(i);
        }
        to.terminator = from.terminator;
        if (from.terminator.condition != no_value) to.terminator.condition = use(from.terminator.condition, level);
        to.terminator.values = use(from.terminator.values, level);
        to.terminator.first_edge = static_cast<std::uint32_t>(out.edges.size());
        for (const auto& edge : f_.edges_of(from)) {
            const bool outward = leads_out(edge.block, level);
            if (outward) outward_.push_back({static_cast<std::uint32_t>(out.edges.size()), level_[edge.block]});
            out.edges.push_back({outward ? 0 : number_[edge.block], use(edge.arguments, level)});
        }
    }

    [[nodiscard]] Value define(Value v, std::uint32_t level) {
        copy_[v] = {out_.function.new_value(f_.types[v]), level};
        return copy_[v].value;
    }
    [[nodiscard]] Value use(Value v, std::uint32_t level) {
        return copy_[v].level == level ? copy_[v].value : entered(v);
    }
    [[nodiscard]] List use(List list, std::uint32_t level) {
        auto& lists = out_.function.lists;
        const List out{static_cast<std::uint32_t>(lists.size()), list.count};
        for (auto v : f_.values(list)) {
            const auto used = use(v, level);
            lists.push_back(used);
        }
        return out;
    }
    /// What the entry has for it.
    [[nodiscard]] Value entered(Value v) {
        auto& made = entered_[v];
        if (made != no_value) return made;
        made = out_.function.new_value(f_.types[v]);
        const auto at = definitions_[v].instruction;
        if (at != no_value && info(f_.instructions[at].op).kind == OpKind::constant) {
            constants_.push_back(f_.instructions[at]);
            constants_.back().first_result = made;
        } else {
            out_.function.blocks[0].parameters.push_back(made);
            out_.values.push_back(v);
        }
        return made;
    }

    void finish_entry() {
        auto& out = out_.function;
        const auto& parameters = f_.blocks[head_].parameters;
        const List arguments{static_cast<std::uint32_t>(out.lists.size()),
                             static_cast<std::uint32_t>(parameters.size())};
        for (auto v : parameters) {
            const auto value = entered(v);
            out.lists.push_back(value);
        }
        out.edges[0] = {heads_[0].copy, arguments};
        out.instructions.insert(out.instructions.begin(), constants_.begin(), constants_.end());
        const auto count = static_cast<std::uint32_t>(constants_.size());
        for (auto& block : out.blocks) block.first_instruction += count;
        auto& entry = out.blocks[0];
        entry.first_instruction = 0;
        entry.instruction_count = count;
        entry.terminator = {.kind = Terminator::Kind::branch, .first_edge = 0, .edge_count = 1};
        out.name = f_.name;
        out.stack_units = f_.stack_units;
        for (auto v : out_.values) out.signature.parameters.push_back(f_.types[v]);
        out.signature.results = f_.signature.results;
    }

    const Function& f_;
    Cfg cfg_;
    BlockIndex head_;
    EnteredFunction out_;
    std::vector<Definition> definitions_;
    /// The loops around the head, from its own out; of each block: its place among their heads, if it is one.
    std::vector<Head> heads_;
    std::vector<std::uint32_t> level_;
    /// Of each block: the last region that it is in, and its number there.
    std::vector<std::uint32_t> region_;
    std::vector<BlockIndex> number_;
    std::vector<OutwardEdge> outward_;
    std::vector<Copy> copy_;
    /// Of each value: the entry's parameter or constant for it.
    std::vector<Value> entered_;
    std::vector<Instruction> constants_;
    std::size_t size_ = 0;
};

}  // namespace

std::optional<EnteredFunction> enter_at(const Function& function, BlockIndex head) {
    return Enterer(function, head).run();
}

}  // namespace troupe::dmir
