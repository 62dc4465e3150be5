#include "jit/opt/allocation.hpp"

#include <algorithm>
#include <deque>
#include <queue>

#include "jit/opt/intervals.hpp"
#include "jit/opt/operands.hpp"
#include "jit/opt/resolution.hpp"

namespace troupe::jit::opt {
namespace {

constexpr std::uint32_t forever = 0xFFFFFFFF;
/// Pieces made by splitting: bounds the time for hostile shapes.
constexpr std::size_t pieces_max = 2'000'000;
/// Blocks that are looked at for the next join.
constexpr std::uint32_t join_distance_max = 64;

class LinearScan {
public:
    LinearScan(const Function& f, Intervals& intervals) : f_(f), in_(intervals) {}

    bool run(Assignment& out) {
        find_hints();
        count_ways_in();
        next_.assign(in_.of.size(), forever);
        pieces_.reserve(in_.of.size() * 2);
        pieces_ = std::move(in_.of);
        for (std::uint32_t p = 0; p < pieces_.size(); ++p)
            if (!pieces_[p].ranges.empty()) push(p);
        registers_ = static_cast<std::uint32_t>(pieces_.size());
        while (!unhandled_.empty() && !failed_) {
            const auto p = unhandled_.top().second;
            unhandled_.pop();
            advance(pieces_[p].begin());
            allocate(p);
            if (pieces_.size() > pieces_max) return false;
        }
        out.pieces = std::move(pieces_);
        out.next = std::move(next_);
        return !failed_;
    }

private:
    struct Scanned {
        std::vector<std::uint32_t> active;
        std::vector<std::uint32_t> inactive;
    };

    void push(std::uint32_t p) { unhandled_.emplace(pieces_[p].begin(), p); }
    [[nodiscard]] Bank bank(std::uint32_t p) const { return f_.registers[pieces_[p].value].bank; }
    [[nodiscard]] Scanned& lists(std::uint32_t p) { return lists_[static_cast<std::size_t>(bank(p))]; }
    [[nodiscard]] bool is_constant(std::uint32_t p) const { return f_.registers[pieces_[p].value].constant; }

    // Hints: registers that a value would best share.

    void find_hints() {
        related_.resize(f_.registers.size());
        fixed_.assign(f_.registers.size(), -1);
        const auto relate = [&](Register a, Register b) {
            if (f_.registers[a].constant || f_.registers[b].constant) return;
            if (related_[a].size() < 8) related_[a].push_back(b);
            if (related_[b].size() < 8) related_[b].push_back(a);
        };
        for (std::size_t at = f_.blocks.size(); at-- > 0;) {
            const auto& block = f_.blocks[at];
            for (const auto& edge : block.edges) {
                const auto& parameters = f_.blocks[edge.block].parameters;
                const auto arguments = f_.values(edge.arguments);
                for (std::size_t k = 0; k < parameters.size(); ++k) relate(parameters[k], arguments[k]);
            }
            for (const auto& i : block.instructions) {
                if (is_call(i.code) && i.code != Code::helper) fix_arguments(f_.values(i.list));
                if (i.code == Code::return_values && f_.values(i.list).size() == 1) fix(f_.values(i.list)[0], 0);
                if (i.result == no_register) continue;
                if (is_call(i.code)) {
                    if (i.result_count == 1) fix(i.result, 0);
                } else if (i.code == Code::divide) {
                    const bool remainder = i.op == dmir::Op::i32_rem_s || i.op == dmir::Op::i32_rem_u ||
                                           i.op == dmir::Op::i64_rem_s || i.op == dmir::Op::i64_rem_u;
                    fix(i.result, remainder ? rdx_number : rax_number);
                    fix(i.operands[0], rax_number);
                } else if (i.code == Code::multiply_high) {
                    fix(i.operands[0], rdx_number);
                } else if (i.code == Code::select) {
                    relate(i.result, i.operands[f_.registers[i.result].bank == Bank::floating ? 2 : 3]);
                } else if (i.operands[0] != no_register &&
                           f_.registers[i.operands[0]].bank == f_.registers[i.result].bank) {
                    relate(i.result, i.operands[0]);
                }
            }
        }
        fix_arguments(f_.blocks[0].parameters);
    }
    void count_ways_in() {
        ways_in_.assign(f_.blocks.size(), 0);
        for (const auto& block : f_.blocks)
            for (const auto& edge : block.edges) ++ways_in_[edge.block];
    }
    void fix(Register r, int physical) {
        if (fixed_[r] < 0) fixed_[r] = static_cast<std::int8_t>(physical);
    }
    void fix_arguments(std::span<const Register> list) {
        std::size_t integers = 0;
        std::size_t floats = 0;
        for (auto r : list) {
            if (f_.registers[r].bank == Bank::integer) {
                if (integers < integer_arguments.size()) fix(r, integer_arguments[integers++]);
            } else if (floats < float_arguments.size()) {
                fix(r, float_arguments[floats++]);
            }
        }
    }

    // Places.

    [[nodiscard]] dmir::BlockIndex block_at(std::uint32_t position) const {
        const auto at = std::upper_bound(in_.heads.begin(), in_.heads.end(), position / 2);
        return static_cast<dmir::BlockIndex>(at - in_.heads.begin()) - 1;
    }
    /// How often a boundary before the block is passed: a loop's own back edges seldom move anything.
    [[nodiscard]] std::uint32_t boundary_depth(dmir::BlockIndex b) const {
        return f_.blocks[b].loop_depth - (f_.blocks[b].loop_end > 0 ? 1U : 0U);
    }
    /// The best even position in [low, high] to change place at: the latest in the outermost loop.
    [[nodiscard]] std::uint32_t split_position(std::uint32_t low, std::uint32_t high) const {
        high &= ~1U;
        if (low >= high) return high;
        auto best = high;
        auto b = block_at(high);
        auto depth = f_.blocks[b].loop_depth;
        const auto first = block_at(low);
        for (;; --b) {
            const auto at = 2 * in_.heads[b];
            if (at < low) break;
            if (boundary_depth(b) < depth || (boundary_depth(b) == depth && best == high && at == high)) {
                depth = boundary_depth(b);
                best = at;
            }
            if (b == 0 || b == first) break;
        }
        return best;
    }

    // Intervals.

    [[nodiscard]] static bool covers(const Interval& i, std::uint32_t position) {
        const auto at = std::upper_bound(i.ranges.begin(), i.ranges.end(), position,
                                         [](std::uint32_t x, const Range& r) { return x < r.end; });
        return at != i.ranges.end() && at->begin <= position;
    }
    [[nodiscard]] static std::uint32_t next_must(const Interval& i, std::uint32_t position) {
        for (auto use = uses_from(i, position); use != i.uses.end(); ++use)
            if (use->must) return use->at;
        return forever;
    }
    /// The same, or where a register is better.
    [[nodiscard]] static std::uint32_t next_need(const Interval& i, std::uint32_t position) {
        for (auto use = uses_from(i, position); use != i.uses.end(); ++use)
            if (use->must || use->should) return use->at;
        return forever;
    }
    [[nodiscard]] static std::vector<Use>::const_iterator uses_from(const Interval& i, std::uint32_t position) {
        return std::lower_bound(i.uses.begin(), i.uses.end(), position,
                                [](const Use& use, std::uint32_t x) { return use.at < x; });
    }
    [[nodiscard]] static std::uint32_t intersection(const Interval& a, const Interval& b) {
        auto i = a.cursor;
        std::size_t j = b.cursor;
        while (i < a.ranges.size() && j < b.ranges.size()) {
            if (a.ranges[i].end <= b.ranges[j].begin)
                ++i;
            else if (b.ranges[j].end <= a.ranges[i].begin)
                ++j;
            else
                return std::max(a.ranges[i].begin, b.ranges[j].begin);
        }
        return forever;
    }
    [[nodiscard]] static std::uint32_t next_covered(const Interval& i, const std::vector<std::uint32_t>& positions) {
        auto at = std::lower_bound(positions.begin(), positions.end(), i.begin());
        for (const auto& range : i.ranges) {
            while (at != positions.end() && *at < range.begin) ++at;
            if (at == positions.end()) return forever;
            if (*at < range.end) return *at;
        }
        return forever;
    }
    /// The part from `position` on, as a piece of its own.
    [[nodiscard]] std::uint32_t split(std::uint32_t p, std::uint32_t position) {
        const auto made = static_cast<std::uint32_t>(pieces_.size());
        pieces_.emplace_back();
        auto& from = pieces_[p];
        auto& to = pieces_[made];
        to.value = from.value;
        std::size_t r = 0;
        while (from.ranges[r].end <= position) ++r;
        to.ranges.assign(from.ranges.begin() + static_cast<std::ptrdiff_t>(r), from.ranges.end());
        from.ranges.resize(r + 1);
        if (from.ranges[r].begin < position) {
            from.ranges[r].end = position;
            to.ranges[0].begin = position;
        } else {
            from.ranges.pop_back();
        }
        const auto u = std::lower_bound(from.uses.begin(), from.uses.end(), position,
                                        [](const Use& use, std::uint32_t x) { return use.at < x; });
        to.uses.assign(u, from.uses.end());
        from.uses.erase(u, from.uses.end());
        next_.push_back(next_[p]);
        next_[p] = made;
        return made;
    }

    // The scan.

    void advance(std::uint32_t position) {
        position_ = position;
        for (auto& list : lists_) {
            moved_.clear();
            std::erase_if(list.active, [&](std::uint32_t p) {
                auto& i = pieces_[p];
                while (i.cursor < i.ranges.size() && i.ranges[i.cursor].end <= position) ++i.cursor;
                if (i.cursor == i.ranges.size()) return true;
                if (i.ranges[i.cursor].begin <= position) return false;
                moved_.push_back(p);
                return true;
            });
            std::erase_if(list.inactive, [&](std::uint32_t p) {
                auto& i = pieces_[p];
                while (i.cursor < i.ranges.size() && i.ranges[i.cursor].end <= position) ++i.cursor;
                if (i.cursor == i.ranges.size()) return true;
                if (i.ranges[i.cursor].begin > position) return false;
                list.active.push_back(p);
                return true;
            });
            list.inactive.insert(list.inactive.end(), moved_.begin(), moved_.end());
        }
    }

    void allocate(std::uint32_t p) {
        const auto first = next_must(pieces_[p], 0);
        if (is_constant(p)) {
            if (first == forever) return;
            // Not before it is needed, but before the loops around that place.
            // A first piece only says where the constant is not yet made.
            const auto begin = pieces_[p].begin();
            if (p < registers_ || split_position(begin, first) > begin) return spill(p);
        }
        // What follows an operand's place, see find_limits.
        if (p >= registers_ && pieces_[p].begin() % 2 != 0) return spill(p);
        leave_at_ = has_late_result(p) ? position_ - 1 : position_;
        find_limits(p);
        if (const auto r = better_kept(p); r >= 0) return evict(p, r);
        if (assign_free(p, first)) return;
        const bool needed_now = first != forever && (first & ~1U) <= pieces_[p].begin();
        if (!needed_now && !worth_evicting(p, first)) return spill(p);
        evict(p, farthest(p));
    }

    /// Late results appear before the moves at their own position: what was in their register must be gone by then.
    [[nodiscard]] bool has_late_result(std::uint32_t p) const {
        return p < registers_ && position_ % 2 == 0 && !std::ranges::binary_search(in_.heads, position_ / 2);
    }
    /// Until when each register is free for the piece: `free_` before any other piece or fixed use, `fixed_limit_`
    /// before a fixed use alone. A register becomes free for a split piece only at even positions, but at a call.
    void find_limits(std::uint32_t p) {
        const auto& piece = pieces_[p];
        const auto begin = piece.begin();
        const auto call = next_covered(piece, in_.calls);
        const auto used = uses_from(piece, call - 1);
        // Beside a call's operands another register may not be free yet: only memory takes a value over there.
        const bool is_operand = used != piece.uses.end() && used->at == call - 1;
        fixed_limit_.fill(call == forever || is_operand ? call : std::max(begin, call - 1));
        if (bank(p) == Bank::integer) {
            for (auto r : preserved_registers) fixed_limit_[static_cast<std::size_t>(r)] = forever;
            for (std::size_t r = 0; r < 16; ++r) {
                if (in_.clobbers[r].empty()) continue;
                const auto at = next_covered(piece, in_.clobbers[r]);
                if (at != forever) fixed_limit_[r] = std::min(fixed_limit_[r], std::max(begin, at & ~1U));
            }
        }
        free_ = fixed_limit_;
        auto& list = lists(p);
        for (auto other : list.active) free_[physical(other)] = begin;
        for (auto other : list.inactive) {
            auto& limit = free_[physical(other)];
            if (limit <= begin) continue;
            const auto at = intersection(pieces_[other], piece);
            if (at != forever) limit = std::min(limit, std::max(begin, at & ~1U));
        }
    }
    [[nodiscard]] std::size_t physical(std::uint32_t p) const { return static_cast<std::size_t>(pieces_[p].physical); }
    template <class F>
    void for_each_physical(std::uint32_t p, F&& visit) const {
        if (bank(p) == Bank::integer)
            for (auto r : integer_registers) visit(r);
        else
            for (auto r : float_registers) visit(r);
    }

    [[nodiscard]] int hint(std::uint32_t p, std::uint32_t wanted) const {
        const auto v = pieces_[p].value;
        const auto consider = [&](int r) { return r >= 0 && free_[static_cast<std::size_t>(r)] >= wanted; };
        if (p >= registers_) {
            // The register that it had before.
            for (auto q = v; q != p && q != forever; q = next_[q])
                if (pieces_[q].physical >= 0 && consider(pieces_[q].physical)) return pieces_[q].physical;
        }
        if (consider(fixed_[v])) return fixed_[v];
        for (auto other : related_[v]) {
            for (auto q = other; q != forever; q = next_[q])
                if (pieces_[q].physical >= 0 && consider(pieces_[q].physical)) return pieces_[q].physical;
        }
        for (auto other : related_[v])
            if (consider(fixed_[other])) return fixed_[other];
        return -1;
    }

    [[nodiscard]] bool assign_free(std::uint32_t p, std::uint32_t first) {
        const auto begin = pieces_[p].begin();
        const auto end = pieces_[p].end();
        int best = -1;
        std::uint32_t best_limit = begin;
        for_each_physical(p, [&](int r) {
            const auto limit = free_[static_cast<std::size_t>(r)];
            if (best_limit >= end || limit <= best_limit) return;
            best = r;
            best_limit = limit;
        });
        if (best < 0) return false;
        const auto wanted = std::min(best_limit, end);
        // A register for a stretch without use is no use.
        if (wanted < end && first >= wanted && !has_use_before(p, wanted)) return false;
        if (const auto better = hint(p, wanted); better >= 0) best = better;
        take(p, best, free_[static_cast<std::size_t>(best)]);
        return true;
    }
    [[nodiscard]] bool has_use_before(std::uint32_t p, std::uint32_t position) const {
        const auto& uses = pieces_[p].uses;
        return !uses.empty() && uses.front().at < position;
    }
    void take(std::uint32_t p, int r, std::uint32_t limit) {
        if (const auto join = reloaded(p) ? next_join(p) : forever; join < std::min(limit, pieces_[p].end()))
            spill(split(p, join));
        else if (limit < pieces_[p].end())
            push(split(p, limit));
        pieces_[p].physical = r;
        pieces_[p].cursor = 0;
        lists(p).active.push_back(p);
    }

    /// Whether the piece begins in memory.
    [[nodiscard]] bool reloaded(std::uint32_t p) const { return p < reloaded_.size() && reloaded_[p]; }
    void reload(std::uint32_t p) {
        if (reloaded_.size() <= p) reloaded_.resize(p + std::size_t{1});
        reloaded_[p] = true;
        push(p);
    }
    /// Where other ways, on which a value was not reloaded, come in; none that are in a loop that this is not in.
    [[nodiscard]] std::uint32_t next_join(std::uint32_t p) const {
        const auto first = block_at(pieces_[p].begin());
        const auto depth = f_.blocks[first].loop_depth;
        const auto last = std::min<std::size_t>(f_.blocks.size(), first + std::size_t{join_distance_max});
        for (auto b = first + 1; b < last; ++b)
            if (ways_in_[b] > 1 && f_.blocks[b].loop_depth <= depth && f_.blocks[b].loop_end == 0)
                return 2 * in_.heads[b];
        return forever;
    }
    /// In memory until shortly before it must be in a register again.
    void spill(std::uint32_t p) {
        const auto first = next_must(pieces_[p], 0);
        if (first == forever) return;
        const auto begin = pieces_[p].begin();
        if ((first & ~1U) <= begin) {
            failed_ = true;
            return;
        }
        const auto at = split_position(begin + 1, first);
        if (at <= begin) {
            failed_ = true;
            return;
        }
        reload(split(p, at));
    }

    [[nodiscard]] std::uint32_t use_limit(std::uint32_t other) const {
        const auto at = next_must(pieces_[other], leave_at_);
        if (at != forever && (at & ~1U) <= position_) return 0;
        return next_need(pieces_[other], position_);
    }
    void find_uses(std::uint32_t p) {
        uses_.fill(forever);
        auto& list = lists(p);
        for (auto other : list.active) {
            auto& at = uses_[physical(other)];
            at = std::min(at, use_limit(other));
        }
        for (auto other : list.inactive) {
            if (intersection(pieces_[other], pieces_[p]) == forever) continue;
            auto& at = uses_[physical(other)];
            at = std::min(at, next_need(pieces_[other], position_));
        }
    }
    [[nodiscard]] int farthest(std::uint32_t p) {
        find_uses(p);
        int best = -1;
        std::uint32_t best_at = 0;
        for_each_physical(p, [&](int r) {
            const auto n = static_cast<std::size_t>(r);
            const auto at = std::min(uses_[n], fixed_limit_[n] <= pieces_[p].begin() ? 0U : forever);
            if (at <= best_at) return;
            best = r;
            best_at = at;
        });
        return best;
    }
    /// Whether another piece is needed later than this one.
    [[nodiscard]] bool worth_evicting(std::uint32_t p, std::uint32_t first) {
        if (first == forever) return false;
        const auto r = farthest(p);
        return r >= 0 && uses_[static_cast<std::size_t>(r)] > first &&
               fixed_limit_[static_cast<std::size_t>(r)] > first;
    }
    /// A preserved register for a value that is needed after the next call, before the one that is in it; -1 if there
    /// is none.
    [[nodiscard]] int better_kept(std::uint32_t p) const {
        const auto& piece = pieces_[p];
        if (bank(p) != Bank::integer || is_constant(p)) return -1;
        const auto call = next_covered(piece, in_.calls);
        if (call == forever) return -1;
        const auto wanted = next_use(piece, call);
        if (wanted == forever) return -1;
        int best = -1;
        auto best_at = wanted;
        for (auto r : preserved_registers) {
            const auto n = static_cast<std::size_t>(r);
            if (free_[n] > call) return -1;
            if (fixed_limit_[n] <= wanted) continue;
            if (const auto at = needed_at(p, r); at > best_at) {
                best = r;
                best_at = at;
            }
        }
        return best;
    }
    /// When what is in the register while `p` lives is used next.
    [[nodiscard]] std::uint32_t needed_at(std::uint32_t p, int r) const {
        const auto& list = lists_[static_cast<std::size_t>(bank(p))];
        auto out = forever;
        for (auto other : list.active) {
            if (pieces_[other].physical != r) continue;
            const auto must = next_must(pieces_[other], leave_at_);
            if (must != forever && (must & ~1U) <= position_) return 0;
            out = std::min(out, next_use(pieces_[other], position_));
        }
        for (auto other : list.inactive)
            if (pieces_[other].physical == r && intersection(pieces_[other], pieces_[p]) != forever)
                out = std::min(out, next_use(pieces_[other], position_));
        return out;
    }
    [[nodiscard]] static std::uint32_t next_use(const Interval& i, std::uint32_t position) {
        const auto use = uses_from(i, position);
        return use == i.uses.end() ? forever : use->at;
    }
    void evict(std::uint32_t p, int r) {
        if (r < 0) {
            failed_ = true;
            return;
        }
        auto& list = lists(p);
        auto active = list.active;
        for (auto other : active) {
            if (pieces_[other].physical != r) continue;
            std::erase(list.active, other);
            give_up(other, leave_at_);
        }
        auto inactive = list.inactive;
        for (auto other : inactive) {
            if (pieces_[other].physical != r) continue;
            if (intersection(pieces_[other], pieces_[p]) == forever) continue;
            // It is in a hole here: what follows starts anew.
            std::erase(list.inactive, other);
            push(split(other, position_));
        }
        take(p, r, fixed_limit_[static_cast<std::size_t>(r)]);
    }
    /// `other` loses its register at `at`, or earlier where that is in an outer loop and it isn't used in between.
    void give_up(std::uint32_t other, std::uint32_t at) {
        auto& piece = pieces_[other];
        const auto later = uses_from(piece, at);
        const auto last = later == piece.uses.begin() ? piece.begin() : std::prev(later)->at;
        if (block_at(last) != block_at(at)) {
            const auto earlier = split_position(last + 1, at);
            if (earlier > piece.begin() && earlier > last) at = std::min(at, earlier);
        }
        if (at <= piece.begin()) {
            piece.physical = -1;
            return spill(other);
        }
        // A hole may lie before.
        const auto tail = split(other, at);
        if (pieces_[tail].begin() > position_) return push(tail);
        spill_tail(tail);
    }
    void spill_tail(std::uint32_t p) {
        const auto first = next_must(pieces_[p], 0);
        if (first == forever) return;
        const auto low = std::max(pieces_[p].begin(), position_) + 1;
        if ((first & ~1U) < low) {
            failed_ = true;
            return;
        }
        reload(split(p, split_position(low, first)));
    }

    const Function& f_;
    Intervals& in_;
    std::vector<Interval> pieces_;
    std::vector<std::uint32_t> next_;
    std::uint32_t registers_ = 0;
    std::vector<std::vector<Register>> related_;
    std::vector<std::int8_t> fixed_;
    /// Of each piece, as far as any is; and of each block its edges.
    std::vector<bool> reloaded_;
    std::vector<std::uint32_t> ways_in_;
    using Entry = std::pair<std::uint32_t, std::uint32_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> unhandled_;
    std::array<Scanned, 2> lists_;
    std::vector<std::uint32_t> moved_;
    std::array<std::uint32_t, 16> free_{};
    std::array<std::uint32_t, 16> fixed_limit_{};
    std::array<std::uint32_t, 16> uses_{};
    std::uint32_t position_ = 0;
    /// Where others leave the registers that the piece at `position_` takes from them.
    std::uint32_t leave_at_ = 0;
    bool failed_ = false;
};

}  // namespace

std::optional<Allocation> allocate(const Function& function) {
    Intervals intervals;
    if (!build_intervals(function, intervals)) return std::nullopt;
    Assignment assignment;
    if (!LinearScan(function, intervals).run(assignment)) return std::nullopt;
    return resolve(function, intervals, assignment);
}

Location Allocation::at(Register r, std::uint32_t position) const {
    const auto& list = pieces[r];
    for (std::size_t k = list.size(); k-- > 0;)
        if (list[k].begin <= position) return list[k].location;
    return list.empty() ? Location{} : list.front().location;
}

}  // namespace troupe::jit::opt
