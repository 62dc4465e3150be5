#include "vm/dmir/passes/cfg.hpp"

namespace troupe::dmir {

Cfg::Cfg(const Function& function) {
    find_predecessors(function);
    find_dominators();
    number_dominator_tree();
    find_loops(function);
}

void Cfg::find_predecessors(const Function& f) {
    first_.assign(f.blocks.size() + 2, 0);
    std::vector<bool> reached(f.blocks.size());
    std::vector<BlockIndex> work{0};
    reached[0] = true;
    while (!work.empty()) {
        const auto b = work.back();
        work.pop_back();
        for (const auto& edge : f.edges_of(f.blocks[b])) {
            ++first_[edge.block + 2];
            if (reached[edge.block]) continue;
            reached[edge.block] = true;
            work.push_back(edge.block);
        }
    }
    for (std::size_t b = 2; b < first_.size(); ++b) first_[b] += first_[b - 1];
    predecessors_.resize(first_.back());
    for (BlockIndex b = 0; b < f.blocks.size(); ++b) {
        if (!reached[b]) continue;
        const auto& t = f.blocks[b].terminator;
        for (auto e = t.first_edge; e < t.first_edge + t.edge_count; ++e)
            predecessors_[first_[f.edges[e].block + 1]++] = {b, e};
    }
    first_.pop_back();
}

/// Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm, on the blocks' own order, which is a reverse postorder.
/// Later predecessors first: those of one join often lie on one chain of dominators, which is then walked once.
void Cfg::find_dominators() {
    const auto count = first_.size() - 1;
    dominator.assign(count, no_block);
    dominator[0] = 0;
    const auto meet = [&](BlockIndex a, BlockIndex b) {
        while (a != b) {
            while (a > b) a = dominator[a];
            while (b > a) b = dominator[b];
        }
        return a;
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (BlockIndex b = 1; b < count; ++b) {
            auto next = no_block;
            const auto from = predecessors(b);
            for (auto p = from.rbegin(); p != from.rend(); ++p)
                if (dominator[p->block] != no_block) next = next == no_block ? p->block : meet(next, p->block);
            if (next == dominator[b]) continue;
            dominator[b] = next;
            changed = true;
        }
    }
    dominator[0] = no_block;
}

void Cfg::number_dominator_tree() {
    const auto count = dominator.size();
    std::vector<std::uint32_t> size(count, 1);
    for (auto b = count; b-- > 1;)
        if (dominator[b] != no_block) size[dominator[b]] += size[b];
    enter_.assign(count, 0);
    leave_.assign(count, 0);
    // The next free number below each block: children take theirs in the blocks' order.
    std::vector<std::uint32_t> next(count, 0);
    for (BlockIndex b = 0; b < count; ++b) {
        if (!reachable(b)) continue;
        if (b > 0) {
            enter_[b] = next[dominator[b]];
            next[dominator[b]] += size[b];
        }
        next[b] = enter_[b] + 1;
        leave_[b] = enter_[b] + size[b];
    }
}

void Cfg::find_loops(const Function& f) {
    const auto count = static_cast<BlockIndex>(f.blocks.size());
    loop_end.assign(count, 0);
    for (BlockIndex b = 0; b < count; ++b)
        for (const auto& p : predecessors(b))
            if (p.block >= b && p.block + 1 > loop_end[b]) loop_end[b] = p.block + 1;
    loop_of.assign(count, no_block);
    loop_parent.assign(count, no_block);
    std::vector<BlockIndex> open;
    for (BlockIndex b = 0; b < count; ++b) {
        while (!open.empty() && loop_end[open.back()] <= b) open.pop_back();
        if (loop_end[b] > 0) {
            loop_parent[b] = open.empty() ? no_block : open.back();
            // A branch from an inner loop may be the outer one's last: all of the inner one is inside still.
            for (auto outer = open.rbegin(); outer != open.rend() && loop_end[*outer] < loop_end[b]; ++outer)
                loop_end[*outer] = loop_end[b];
            open.push_back(b);
        }
        loop_of[b] = open.empty() ? no_block : open.back();
    }
}

std::vector<Definition> find_definitions(const Function& f) {
    std::vector<Definition> out(f.types.size());
    for (BlockIndex b = 0; b < f.blocks.size(); ++b) {
        const auto& block = f.blocks[b];
        for (auto v : block.parameters) out[v] = {no_value, b};
        for (auto i = block.first_instruction; i < block.first_instruction + block.instruction_count; ++i)
            for (std::uint32_t r = 0; r < f.instructions[i].result_count; ++r)
                out[f.instructions[i].first_result + r] = {i, b};
    }
    return out;
}

}  // namespace troupe::dmir
