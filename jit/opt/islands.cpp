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

bool FunctionEmitter::is_shared(const std::vector<Move>& moves, dmir::BlockIndex to) const {
    return moves.size() >= 2 && to > block_ && !copied(to);
}

namespace {
template <class Way>
[[nodiscard]] Label* find_way(const std::vector<Way>& ways, const std::vector<Move>& moves, dmir::BlockIndex to) {
    constexpr std::size_t looked_at_max = 16;
    for (const auto& way : std::span(ways).last(std::min(ways.size(), looked_at_max)))
        if (way.target == to && *way.moves == moves) return way.label;
    return nullptr;
}
}  // namespace

Label* FunctionEmitter::placed_way(const std::vector<Move>& moves, dmir::BlockIndex to) {
    return find_way(placed_ways_[to], moves, to);
}

Label* FunctionEmitter::same_way(const std::vector<Move>& moves, dmir::BlockIndex to) {
    auto* waiting = find_way(waiting_ways_, moves, to);
    return waiting != nullptr ? waiting : placed_way(moves, to);
}

void FunctionEmitter::offer_way(const std::vector<Move>& moves, dmir::BlockIndex to) {
    auto* label = find_way(waiting_ways_, moves, to);
    if (label != nullptr)
        std::erase_if(waiting_ways_, [&](const Way& way) { return way.label == label; });
    else
        label = &ways_.emplace_back();
    L(*label);
    placed_ways_[to].push_back({label, &moves, to, emitted_});
}

void FunctionEmitter::emit_way(const Way& way) {
    L(*way.label);
    placed_ways_[way.target].push_back(way);
    move_all(*way.moves);
}

void FunctionEmitter::islands() {
    for (auto at = waiting_traps_.begin(); at != waiting_traps_.end();) {
        auto& [kind, island] = *at;
        if (emitted_ - island.at <= reach_max) {
            L(*island.label);
            trap_here(kind);
            placed_traps_[kind] = {island.label, emitted_};
        } else {
            late_traps_.emplace_back(kind, island.label);
        }
        at = waiting_traps_.erase(at);
    }
    // What leads to the next block stands right before it.
    const auto leads_on = [this](const Way& way) { return way.target == following_; };
    std::optional<Way> last;
    if (const auto at = std::ranges::find_if(waiting_ways_, leads_on); at != waiting_ways_.end()) {
        last = *at;
        waiting_ways_.erase(at);
    }
    const auto near = [this](const Way& way) { return emitted_ - way.at <= reach_max; };
    for (const auto& way : waiting_ways_) {
        if (!near(way)) continue;
        emit_way(way);
        jmp(labels_[way.target], reach(labels_[way.target]));
    }
    std::erase_if(waiting_ways_, near);
    if (last) emit_way(*last);
}

void FunctionEmitter::last_islands() {
    for (const auto& way : waiting_ways_) {
        emit_way(way);
        jmp(labels_[way.target], reach(labels_[way.target]));
    }
    waiting_ways_.clear();
    for (const auto& [kind, island] : waiting_traps_) late_traps_.emplace_back(kind, island.label);
    waiting_traps_.clear();
    std::ranges::stable_sort(late_traps_, {}, [](const auto& late) { return late.first; });
    for (std::size_t k = 0; k < late_traps_.size(); ++k) {
        L(*late_traps_[k].second);
        if (k + 1 == late_traps_.size() || late_traps_[k + 1].first != late_traps_[k].first)
            trap_here(late_traps_[k].first);
    }
}

}  // namespace troupe::jit::opt

#endif
