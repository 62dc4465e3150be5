#include <algorithm>
#include <optional>

#include "vm/dmir/passes/cfg.hpp"
#include "vm/dmir/passes/passes.hpp"

namespace troupe::dmir {
namespace {

using Kind = Terminator::Kind;

class ControlFlow {
public:
    explicit ControlFlow(Function& function) : f_(function) {}

    void run() {
        for (auto& block : f_.blocks) simplify_terminator(block.terminator);
        replace_parameters();
        thread_edges();
        rebuild();
    }

private:
    void simplify_terminator(Terminator& t) {
        if (t.kind == Kind::branch_table && t.edge_count == 1)
            t = {.kind = Kind::branch, .first_edge = t.first_edge, .edge_count = 1};
        if (t.kind != Kind::branch_if) return;
        const auto& a = f_.edges[t.first_edge];
        const auto& b = f_.edges[t.first_edge + 1];
        const auto same = a.block == b.block && std::ranges::equal(f_.values(a.arguments), f_.values(b.arguments));
        if (same) t = {.kind = Kind::branch, .first_edge = t.first_edge, .edge_count = 1};
    }

    // A parameter that gets one value over every edge, or itself, is that value.

    [[nodiscard]] Value find(Value v) {
        while (replacement_[v] != v) {
            replacement_[v] = replacement_[replacement_[v]];
            v = replacement_[v];
        }
        return v;
    }
    [[nodiscard]] Value only_argument(const Cfg& cfg, BlockIndex b, std::size_t p) {
        const auto self = f_.blocks[b].parameters[p];
        auto out = no_value;
        for (const auto& from : cfg.predecessors(b)) {
            const auto v = find(f_.lists[f_.edges[from.edge].arguments.begin + p]);
            if (v == self || v == out) continue;
            if (out != no_value) return no_value;
            out = v;
        }
        return out;
    }
    void replace_parameters() {
        const Cfg cfg(f_);
        replacement_.resize(f_.types.size());
        for (Value v = 0; v < replacement_.size(); ++v) replacement_[v] = v;
        bool any = false;
        bool changed = true;
        for (int round = 0; changed && round < rounds_max; ++round) {
            changed = false;
            for (BlockIndex b = 1; b < f_.blocks.size(); ++b) {
                if (!cfg.reachable(b)) continue;
                for (std::size_t p = 0; p < f_.blocks[b].parameters.size(); ++p) {
                    const auto self = f_.blocks[b].parameters[p];
                    if (replacement_[self] != self) continue;
                    const auto v = only_argument(cfg, b, p);
                    if (v == no_value) continue;
                    replacement_[self] = v;
                    changed = true;
                }
            }
            any |= changed;
        }
        if (!any) return;
        for (auto& i : f_.instructions)
            for (auto& v : i.arguments)
                if (v != no_value) v = find(v);
        for (auto& v : f_.lists) v = find(v);
        for (auto& block : f_.blocks)
            if (block.terminator.condition != no_value) block.terminator.condition = find(block.terminator.condition);
        drop_parameters();
    }
    void drop_parameters() {
        for (auto& edge : f_.edges) {
            const auto& parameters = f_.blocks[edge.block].parameters;
            std::uint32_t kept = 0;
            for (std::uint32_t a = 0; a < edge.arguments.count; ++a)
                if (replacement_[parameters[a]] == parameters[a])
                    f_.lists[edge.arguments.begin + kept++] = f_.lists[edge.arguments.begin + a];
            edge.arguments.count = kept;
        }
        for (std::size_t b = 1; b < f_.blocks.size(); ++b)
            std::erase_if(f_.blocks[b].parameters, [&](Value v) { return replacement_[v] != v; });
    }

    /// A block that charges and checks nothing, does nothing and takes nothing.
    [[nodiscard]] bool only_leads_on(const Block& block) const {
        return block.instruction_count == 0 && block.fuel == 0 && block.steps == 0 && !block.checked &&
               block.parameters.empty() && block.terminator.kind == Kind::branch;
    }
    /// Edges to a block that only leads on go where it leads. Not into a loop: what leads on before it is where
    /// invariants are hoisted to.
    void thread_edges() {
        const auto old_edges = f_.edges;
        // Every edge gets arguments of its own.
        const auto lists_max = 2 * f_.lists.size() + 1000;
        for (BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            const auto& t = f_.blocks[b].terminator;
            for (auto e = t.first_edge; e < t.first_edge + t.edge_count; ++e) {
                auto target = f_.edges[e].block;
                for (int hops = 0; hops < rounds_max && target != b && only_leads_on(f_.blocks[target]); ++hops) {
                    const auto& next = old_edges[f_.blocks[target].terminator.first_edge];
                    const bool enters_loop = next.block > target && is_loop_head(next.block);
                    if (enters_loop || next.block == target || f_.lists.size() + next.arguments.count > lists_max)
                        break;
                    const auto begin = static_cast<std::uint32_t>(f_.lists.size());
                    for (std::uint32_t k = 0; k < next.arguments.count; ++k)
                        f_.lists.push_back(f_.lists[next.arguments.begin + k]);
                    f_.edges[e] = {next.block, {begin, next.arguments.count}};
                    target = next.block;
                }
            }
        }
        for (auto& block : f_.blocks) simplify_terminator(block.terminator);
    }
    [[nodiscard]] bool is_loop_head(BlockIndex block) {
        if (loop_heads_.empty()) {
            loop_heads_.resize(f_.blocks.size());
            for (BlockIndex b = 0; b < f_.blocks.size(); ++b)
                for (const auto& edge : f_.edges_of(f_.blocks[b]))
                    if (edge.block <= b) loop_heads_[edge.block] = true;
        }
        return loop_heads_[block];
    }

    // The blocks that stay, each with those that join it at its end.

    void rebuild() {
        const Cfg cfg(f_);
        std::vector<BlockIndex> number(f_.blocks.size(), no_block);
        std::vector<bool> joined(f_.blocks.size());
        Function out;
        for (BlockIndex b = 0; b < f_.blocks.size(); ++b) {
            if (!cfg.reachable(b) || joined[b]) continue;
            number[b] = static_cast<BlockIndex>(out.blocks.size());
            Block block;
            block.parameters = std::move(f_.blocks[b].parameters);
            block.fuel = f_.blocks[b].fuel;
            block.steps = f_.blocks[b].steps;
            block.checked = f_.blocks[b].checked;
            block.first_instruction = static_cast<std::uint32_t>(out.instructions.size());
            auto last = b;
            append(out, last);
            while (const auto next = follower(cfg, last, block, out)) {
                last = *next;
                joined[last] = true;
                block.fuel += f_.blocks[last].fuel;
                block.steps += f_.blocks[last].steps;
                append(out, last);
            }
            block.instruction_count = static_cast<std::uint32_t>(out.instructions.size()) - block.first_instruction;
            block.terminator = f_.blocks[last].terminator;
            block.terminator.values = copy(out, block.terminator.values);
            block.terminator.first_edge = static_cast<std::uint32_t>(out.edges.size());
            for (const auto& edge : f_.edges_of(f_.blocks[last]))
                out.edges.push_back({edge.block, copy(out, edge.arguments)});
            out.blocks.push_back(std::move(block));
        }
        for (auto& edge : out.edges) edge.block = number[edge.block];
        f_.blocks = std::move(out.blocks);
        f_.instructions = std::move(out.instructions);
        f_.edges = std::move(out.edges);
        f_.lists = std::move(out.lists);
    }
    /// The block that always and only follows `last`, if entering it can as well be charged with entering `block`.
    [[nodiscard]] std::optional<BlockIndex> follower(const Cfg& cfg, BlockIndex last, const Block& block,
                                                     const Function& out) const {
        const auto& t = f_.blocks[last].terminator;
        if (t.kind != Kind::branch) return std::nullopt;
        const auto next = f_.edges[t.first_edge].block;
        const auto& to = f_.blocks[next];
        if (next == 0 || next <= last || cfg.predecessors(next).size() != 1 || !to.parameters.empty() || to.checked)
            return std::nullopt;
        if (to.fuel == 0 && to.steps == 0) return next;
        // No check has come before, and nothing done that anybody could see.
        if (block.checked) return std::nullopt;
        for (auto i = block.first_instruction; i < out.instructions.size(); ++i)
            if (!is_pure(out.instructions[i].op)) return std::nullopt;
        return next;
    }
    void append(Function& out, BlockIndex b) {
        for (auto i : f_.instructions_of(f_.blocks[b])) {
            i.list = copy(out, i.list);
            out.instructions.push_back(i);
        }
    }
    [[nodiscard]] List copy(Function& out, List list) const {
        const List made{static_cast<std::uint32_t>(out.lists.size()), list.count};
        const auto values = f_.values(list);
        out.lists.insert(out.lists.end(), values.begin(), values.end());
        return made;
    }

    static constexpr int rounds_max = 8;

    Function& f_;
    std::vector<Value> replacement_;
    std::vector<bool> loop_heads_;
};

}  // namespace

void simplify_control_flow(Function& function) { ControlFlow(function).run(); }

}  // namespace troupe::dmir
