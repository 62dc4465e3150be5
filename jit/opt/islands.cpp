// Traps and moves on edges, put where short jumps reach them: behind jumps that stand there anyway.
#ifdef __x86_64__

#include <algorithm>

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {

namespace {
/// Machine instructions that a short jump probably spans. Where it does not, it is a long one.
constexpr std::uint32_t reach_max = 20;
}  // namespace

Label& FunctionEmitter::trap(dmir::Trap kind) {
    if (const auto placed = placed_traps_.find(kind);
        placed != placed_traps_.end() && emitted_ - placed->second.at <= reach_max)
        return *placed->second.label;
    const auto waiting = waiting_traps_.find(kind);
    if (waiting != waiting_traps_.end()) {
        if (emitted_ - waiting->second.at <= reach_max) return *waiting->second.label;
        late_traps_.emplace_back(kind, waiting->second.label);
        waiting_traps_.erase(waiting);
    }
    auto& label = ways_.emplace_back();
    waiting_traps_[kind] = {&label, emitted_};
    return label;
}

void FunctionEmitter::emit_trap(dmir::Trap kind) {
    for (auto code : coded(kind)) db(code);
}

bool FunctionEmitter::is_shared(const std::vector<Move>& moves, dmir::BlockIndex to) const {
    return moves.size() >= 2 && to > block_ && !copied(to);
}

Label* FunctionEmitter::same_way(const std::vector<Move>& moves, dmir::BlockIndex to) {
    constexpr std::size_t looked_at_max = 8;
    const auto find = [&](const std::vector<Way>& ways) -> Label* {
        const auto count = std::min(ways.size(), looked_at_max);
        for (const auto& way : std::span(ways).last(count))
            if (way.target == to && *way.moves == moves) return way.label;
        return nullptr;
    };
    auto* placed = find(placed_ways_[to]);
    return placed != nullptr ? placed : find(waiting_ways_);
}

void FunctionEmitter::emit_way(const Way& way) {
    placed_ways_[way.target].push_back(way);
    L(*way.label);
    move_all(*way.moves);
    jmp(labels_[way.target], reach(labels_[way.target]));
}

void FunctionEmitter::islands() {
    for (auto at = waiting_traps_.begin(); at != waiting_traps_.end();) {
        auto& [kind, island] = *at;
        if (emitted_ - island.at <= reach_max) {
            L(*island.label);
            emit_trap(kind);
            placed_traps_[kind] = {island.label, emitted_};
        } else {
            late_traps_.emplace_back(kind, island.label);
        }
        at = waiting_traps_.erase(at);
    }
    const auto near = [this](const Way& way) { return emitted_ - way.at <= reach_max; };
    for (const auto& way : waiting_ways_)
        if (near(way)) emit_way(way);
    std::erase_if(waiting_ways_, near);
}

void FunctionEmitter::last_islands() {
    for (const auto& way : waiting_ways_) emit_way(way);
    waiting_ways_.clear();
    for (const auto& [kind, island] : waiting_traps_) late_traps_.emplace_back(kind, island.label);
    waiting_traps_.clear();
    std::ranges::stable_sort(late_traps_, {}, [](const auto& late) { return late.first; });
    for (std::size_t k = 0; k < late_traps_.size(); ++k) {
        L(*late_traps_[k].second);
        if (k + 1 == late_traps_.size() || late_traps_[k + 1].first != late_traps_[k].first)
            emit_trap(late_traps_[k].first);
    }
}

}  // namespace troupe::jit::opt

#endif
