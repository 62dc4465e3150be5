#include "jit/opt/resolution.hpp"

#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>

namespace troupe::jit::opt {
namespace {

constexpr std::uint32_t none = 0xFFFFFFFF;

class Resolver {
public:
    Resolver(const Function& f, const Intervals& in, const Assignment& assignment) : f_(f), in_(in), as_(assignment) {}

    Allocation run() {
        out_.heads = in_.heads;
        find_pieces();
        assign_slots();
        locate();
        choose_stores();
        insert_moves();
        out_.edge_moves.resize(f_.blocks.size());
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b)
            for (const auto& edge : f_.blocks[b].edges) out_.edge_moves[b].push_back(moves_of(b, edge));
        return std::move(out_);
    }

private:
    [[nodiscard]] const RegisterFacts& facts(Register r) const { return f_.registers[r]; }

    void find_pieces() {
        out_.pieces.resize(f_.registers.size());
        for (Register r = 0; r < f_.registers.size(); ++r)
            for (auto p = r; p != none; p = as_.next[p]) {
                const auto& piece = as_.pieces[p];
                if (piece.ranges.empty()) continue;
                Location at;
                if (piece.physical >= 0) {
                    at.kind = facts(r).bank == Bank::integer ? Location::Kind::integer : Location::Kind::floating;
                    at.index = static_cast<std::uint32_t>(piece.physical);
                    if (facts(r).bank == Bank::integer) out_.used |= 1U << at.index;
                } else if (facts(r).constant) {
                    at.kind = Location::Kind::constant;
                    at.bits = facts(r).bits;
                } else {
                    at.kind = is_wide(facts(r).type) ? Location::Kind::slot : Location::Kind::half_slot;
                }
                out_.pieces[r].push_back({piece.begin(), piece.end(), at});
            }
    }

    /// Registers whose lives don't overlap share a slot. What is used most gets the places that the shortest
    /// instructions reach.
    void assign_slots() {
        slot_of_.assign(f_.registers.size(), none);
        struct Kept {
            std::uint32_t begin;
            Register value;
            std::size_t uses;
        };
        std::vector<Kept> order;
        for (Register r = 0; r < f_.registers.size(); ++r) {
            std::size_t uses = 0;
            std::size_t k = 0;
            for (auto p = r; p != none; p = as_.next[p]) {
                if (as_.pieces[p].ranges.empty()) continue;
                // What is done with it there, and taking it elsewhere.
                if (out_.pieces[r][k++].location.is_slot()) uses += as_.pieces[p].uses.size() + 1;
            }
            if (uses > 0) order.push_back({out_.pieces[r].front().begin, r, uses});
        }
        std::ranges::sort(order, {}, [](const Kept& kept) { return std::pair(kept.begin, kept.value); });
        struct Slot {
            bool wide = false;
            std::size_t uses = 0;
            std::uint32_t place = 0;
        };
        std::vector<Slot> slots;
        using Active = std::pair<std::uint32_t, std::uint32_t>;
        std::priority_queue<Active, std::vector<Active>, std::greater<>> active;
        std::array<std::vector<std::uint32_t>, 2> free;
        for (const auto& [begin, r, uses] : order) {
            while (!active.empty() && active.top().first <= begin) {
                const auto slot = active.top().second;
                free[slots[slot].wide ? 1 : 0].push_back(slot);
                active.pop();
            }
            const bool wide = is_wide(facts(r).type);
            auto& list = free[wide ? 1 : 0];
            if (list.empty()) {
                list.push_back(static_cast<std::uint32_t>(slots.size()));
                slots.push_back({.wide = wide});
            }
            slot_of_[r] = list.back();
            slots[list.back()].uses += uses;
            list.pop_back();
            active.emplace(out_.pieces[r].back().end, slot_of_[r]);
        }
        std::vector<std::uint32_t> by_uses(slots.size());
        std::iota(by_uses.begin(), by_uses.end(), 0);
        // Half a slot is worth a whole one's uses twice.
        std::ranges::stable_sort(by_uses, std::greater<>{},
                                 [&](std::uint32_t s) { return slots[s].uses * (slots[s].wide ? 1 : 2); });
        std::uint32_t end = 0;
        std::optional<std::uint32_t> gap;
        for (auto s : by_uses) {
            if (!slots[s].wide && gap) {
                slots[s].place = *std::exchange(gap, std::nullopt);
                continue;
            }
            if (slots[s].wide && end % 2 != 0) gap = end++;
            slots[s].place = end;
            end += slots[s].wide ? 2 : 1;
        }
        out_.slot_bytes = (end + 1) / 2 * 8;
        for (const auto& kept : order) slot_of_[kept.value] = slots[slot_of_[kept.value]].place;
    }
    void locate() {
        for (Register r = 0; r < f_.registers.size(); ++r)
            for (auto& piece : out_.pieces[r])
                if (piece.location.is_slot()) piece.location.index = slot_of_[r];
    }

    [[nodiscard]] dmir::BlockIndex block_at(std::uint32_t position) const {
        const auto at = std::upper_bound(in_.heads.begin(), in_.heads.end(), position / 2);
        return static_cast<dmir::BlockIndex>(at - in_.heads.begin()) - 1;
    }
    [[nodiscard]] bool is_boundary(std::uint32_t position) const {
        return position % 2 == 0 && std::binary_search(in_.heads.begin(), in_.heads.end(), position / 2);
    }
    [[nodiscard]] double weight(dmir::BlockIndex b) const {
        constexpr std::array<double, 7> by_depth{1, 8, 64, 512, 4096, 32768, 262144};
        return by_depth[std::min<std::size_t>(f_.blocks[b].loop_depth, 6)];
    }
    /// Calls visit(register) for each one alive over the edge that is not in one place throughout.
    template <class Visit>
    void for_each_moving(dmir::BlockIndex target, Visit&& visit) const {
        const auto* live = in_.live_at(target);
        for (std::size_t w = 0; w < in_.words; ++w)
            for (auto bits = live[w]; bits != 0; bits &= bits - 1) {
                const auto r = static_cast<Register>(w * 64 + static_cast<std::size_t>(__builtin_ctzll(bits)));
                if (out_.pieces[r].size() > 1) visit(r);
            }
    }

    /// Either a value is stored once where it is defined, or wherever it moves to memory: what costs less.
    void choose_stores() {
        std::vector<double> cost(f_.registers.size(), 0);
        for (Register r = 0; r < f_.registers.size(); ++r) {
            if (slot_of_[r] == none) continue;
            const auto& pieces = out_.pieces[r];
            for (std::size_t k = 0; k + 1 < pieces.size(); ++k)
                if (pieces[k].location.is_register() && !pieces[k + 1].location.is_register() &&
                    pieces[k].end == pieces[k + 1].begin && !is_boundary(pieces[k + 1].begin))
                    cost[r] += weight(block_at(pieces[k + 1].begin));
        }
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b)
            for (const auto& edge : f_.blocks[b].edges)
                for_each_moving(edge.block, [&](Register r) {
                    if (slot_of_[r] == none) return;
                    if (out_.at(r, 2 * in_.heads[b + 1] - 1).is_register() &&
                        !out_.at(r, 2 * in_.heads[edge.block]).is_register())
                        cost[r] += std::min(weight(b), weight(edge.block));
                });
        out_.stored_at_definition.assign(f_.registers.size(), Allocation::no_slot);
        stores_.assign(f_.registers.size(), false);
        for (Register r = 0; r < f_.registers.size(); ++r) {
            if (slot_of_[r] == none || !out_.pieces[r].front().location.is_register()) continue;
            if (cost[r] >= weight(block_at(out_.pieces[r].front().begin)))
                out_.stored_at_definition[r] = slot_of_[r];
            else
                stores_[r] = true;
        }
    }

    [[nodiscard]] bool needs_move(Register r, const Location& from, const Location& to) const {
        if (from == to) return false;
        return to.is_register() || (to.is_slot() && from.is_register() && stores_[r]);
    }
    void insert_moves() {
        for (Register r = 0; r < f_.registers.size(); ++r) {
            const auto& pieces = out_.pieces[r];
            for (std::size_t k = 0; k + 1 < pieces.size(); ++k) {
                const auto at = pieces[k + 1].begin;
                if (pieces[k].end != at || is_boundary(at)) continue;
                if (needs_move(r, pieces[k].location, pieces[k + 1].location))
                    out_.inserted.push_back(
                        {at / 2, {pieces[k + 1].location, pieces[k].location, is_wide(facts(r).type)}});
            }
        }
        std::stable_sort(out_.inserted.begin(), out_.inserted.end(),
                         [](const auto& a, const auto& b) { return a.index < b.index; });
    }

    [[nodiscard]] std::vector<Move> moves_of(dmir::BlockIndex b, const Edge& edge) const {
        std::vector<Move> out;
        const auto end = 2 * in_.heads[b + 1] - 1;
        const auto begin = 2 * in_.heads[edge.block];
        const auto& parameters = f_.blocks[edge.block].parameters;
        const auto arguments = f_.values(edge.arguments);
        for (std::size_t k = 0; k < parameters.size(); ++k) {
            const auto to = out_.at(parameters[k], begin);
            const auto from = out_.at(arguments[k], end);
            if (to != from) out.push_back({to, from, is_wide(facts(arguments[k]).type)});
        }
        for_each_moving(edge.block, [&](Register r) {
            const auto from = out_.at(r, end);
            const auto to = out_.at(r, begin);
            if (needs_move(r, from, to)) out.push_back({to, from, is_wide(facts(r).type)});
        });
        return out;
    }

    const Function& f_;
    const Intervals& in_;
    const Assignment& as_;
    Allocation out_;
    std::vector<std::uint32_t> slot_of_;
    std::vector<bool> stores_;
};

}  // namespace

Allocation resolve(const Function& function, const Intervals& intervals, const Assignment& assignment) {
    return Resolver(function, intervals, assignment).run();
}

}  // namespace troupe::jit::opt
