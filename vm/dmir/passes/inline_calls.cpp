#include <algorithm>

#include "vm/dmir/passes/passes.hpp"
#include "vm/dmir/place_charges.hpp"

namespace troupe::dmir {
namespace {

using Kind = Terminator::Kind;

/// How much a function may grow by its callees.
constexpr std::size_t growth_max = 600;

/// Copies the function block by block; a call becomes its callee's blocks, and the rest of its block one more.
class Inliner {
public:
    Inliner(Function& function, const OptimizeOptions& options) : f_(function), options_(options) {}

    void run() {
        if (!find_calls()) return;
        out_.types = std::move(f_.types);
        first_block_of_.resize(f_.blocks.size());
        for (BlockIndex b = 0; b < f_.blocks.size(); ++b) copy_block(b);
        // Edges of the function's own blocks still name its old numbers.
        for (auto e : own_edges_) out_.edges[e].block = first_block_of_[out_.edges[e].block];
        f_.blocks = std::move(out_.blocks);
        f_.instructions = std::move(out_.instructions);
        f_.edges = std::move(out_.edges);
        f_.lists = std::move(out_.lists);
        f_.types = std::move(out_.types);
    }

private:
    [[nodiscard]] bool find_calls() {
        callees_.assign(f_.instructions.size(), nullptr);
        std::size_t growth = 0;
        for (std::size_t k = 0; k < f_.instructions.size(); ++k) {
            if (f_.instructions[k].op != Op::call) continue;
            const auto* callee = options_.callee(static_cast<std::uint32_t>(f_.instructions[k].immediate));
            if (callee == nullptr || !is_small_leaf(*callee)) continue;
            growth += callee->instructions.size() + callee->blocks.size();
            if (growth > growth_max) break;
            callees_[k] = callee;
        }
        return growth > 0;
    }

    /// With the charge of another one.
    void open_block(std::vector<Value> parameters, const Block& charge) {
        Block block;
        block.parameters = std::move(parameters);
        block.fuel = charge.fuel;
        block.steps = charge.steps;
        block.checked = charge.checked;
        block.first_instruction = static_cast<std::uint32_t>(out_.instructions.size());
        out_.blocks.push_back(std::move(block));
    }
    void close_block(const Terminator& terminator) {
        auto& block = out_.blocks.back();
        block.instruction_count = static_cast<std::uint32_t>(out_.instructions.size()) - block.first_instruction;
        block.terminator = terminator;
    }
    template <class Map>
    [[nodiscard]] List copy(std::span<const Value> values, Map&& map) {
        const List made{static_cast<std::uint32_t>(out_.lists.size()), static_cast<std::uint32_t>(values.size())};
        for (auto v : values) out_.lists.push_back(map(v));
        return made;
    }
    [[nodiscard]] static Value same(Value v) { return v; }

    void copy_block(BlockIndex b) {
        auto& block = f_.blocks[b];
        first_block_of_[b] = static_cast<BlockIndex>(out_.blocks.size());
        open_block(std::move(block.parameters), block);
        for (auto k = block.first_instruction; k < block.first_instruction + block.instruction_count; ++k) {
            auto i = f_.instructions[k];
            if (callees_[k] != nullptr) {
                replace(i, *callees_[k]);
                continue;
            }
            i.list = copy(f_.values(i.list), same);
            out_.instructions.push_back(i);
        }
        auto t = block.terminator;
        t.values = copy(f_.values(t.values), same);
        t.first_edge = static_cast<std::uint32_t>(out_.edges.size());
        for (const auto& edge : f_.edges_of(block)) {
            own_edges_.push_back(static_cast<std::uint32_t>(out_.edges.size()));
            out_.edges.push_back({edge.block, copy(f_.values(edge.arguments), same)});
        }
        close_block(t);
    }

    /// Ends the open block with a branch into the callee, whose returns lead to a block with the call's results.
    void replace(const Instruction& call, const Function& callee) {
        out_.instructions.push_back({.op = Op::stack_check, .immediate = callee.stack_units});
        const auto entry = static_cast<BlockIndex>(out_.blocks.size());
        const auto rest = entry + static_cast<BlockIndex>(callee.blocks.size());
        close_block(branch(entry, copy(f_.values(call.list), same)));
        const auto first_value = static_cast<Value>(out_.types.size());
        out_.types.insert(out_.types.end(), callee.types.begin(), callee.types.end());
        const auto shifted = [&](Value v) { return v == no_value ? no_value : v + first_value; };
        for (const auto& block : callee.blocks) {
            auto parameters = block.parameters;
            for (auto& p : parameters) p = shifted(p);
            open_block(std::move(parameters), block);
            for (auto i : callee.instructions_of(block)) {
                i.first_result = shifted(i.first_result);
                for (auto& v : i.arguments) v = shifted(v);
                i.list = copy(callee.values(i.list), shifted);
                out_.instructions.push_back(i);
            }
            auto t = block.terminator;
            if (t.kind == Kind::return_values) {
                close_block(branch(rest, copy(callee.values(t.values), shifted)));
                continue;
            }
            t.condition = shifted(t.condition);
            t.first_edge = static_cast<std::uint32_t>(out_.edges.size());
            for (const auto& edge : callee.edges_of(block))
                out_.edges.push_back({edge.block + entry, copy(callee.values(edge.arguments), shifted)});
            close_block(t);
        }
        std::vector<Value> results;
        for (std::uint32_t r = 0; r < call.result_count; ++r) results.push_back(call.first_result + r);
        open_block(std::move(results), {});
    }
    [[nodiscard]] Terminator branch(BlockIndex block, List arguments) {
        out_.edges.push_back({block, arguments});
        return {.kind = Kind::branch, .first_edge = static_cast<std::uint32_t>(out_.edges.size() - 1), .edge_count = 1};
    }

    Function& f_;
    const OptimizeOptions& options_;
    Function out_;
    std::vector<const Function*> callees_;
    std::vector<BlockIndex> first_block_of_;
    std::vector<std::uint32_t> own_edges_;
};

}  // namespace

void inline_calls(Function& function, const OptimizeOptions& options) { Inliner(function, options).run(); }

}  // namespace troupe::dmir
