#include "vm/interp/slots.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>

#include <fmt/format.h>

namespace troupe::vm {
namespace {

using dmir::no_value;
using dmir::Value;

/// Instruction n reads at position 2n and writes at 2n + 1. A block's head counts as an instruction that writes the
/// block's parameters. Half open.
struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};

/// Classes of more ranges than this are not coalesced further: it bounds the time for hostile shapes.
constexpr std::size_t ranges_max = 256;

class Assigner {
public:
    Assigner(const dmir::Function& function, const MachineFunction& machine) : f_(function), m_(machine) {}

    Result<SlotAssignment> run() {
        ranges_.resize(m_.types.size());
        block_of_.assign(m_.types.size(), no_value);
        number_blocks();
        link_loops();
        define_all();
        use_all();
        coalesce();
        return scan();
    }

private:
    void number_blocks() {
        std::uint32_t n = 0;
        for (const auto& block : m_.blocks) {
            heads_.push_back(n);
            n += 1 + static_cast<std::uint32_t>(block.instructions.size());
        }
        heads_.push_back(n);
    }

    /// Of each loop, by its head: a loop further out, so that a walk outwards takes logarithmic time (Myers: An
    /// Applicative Random-Access Stack).
    void link_loops() {
        outer_.assign(m_.blocks.size(), no_value);
        const auto depth = [&](dmir::BlockIndex loop) { return loop == no_value ? 0 : m_.loop_depth[loop]; };
        for (dmir::BlockIndex b = 0; b < m_.blocks.size(); ++b) {
            const auto parent = m_.loop_parent[b];
            if (m_.loop_end[b] == 0 || parent == no_value) continue;
            const auto once = outer_[parent];
            const auto twice = once == no_value ? no_value : outer_[once];
            outer_[b] = depth(parent) - depth(once) == depth(once) - depth(twice) ? twice : parent;
        }
    }
    /// The outermost loop around `block` that `definition` is not in.
    [[nodiscard]] dmir::BlockIndex outermost_loop(dmir::BlockIndex block, dmir::BlockIndex definition) const {
        auto loop = m_.loop_of[block];
        if (loop == no_value || loop <= definition) return no_value;
        const auto outside = [&](dmir::BlockIndex l) { return l != no_value && l > definition; };
        while (outside(m_.loop_parent[loop])) loop = outside(outer_[loop]) ? outer_[loop] : m_.loop_parent[loop];
        return loop;
    }

    void define(Value v, dmir::BlockIndex block, std::uint32_t n) {
        ranges_[v] = {2 * n + 1, 2 * n + 2};
        block_of_[v] = block;
    }
    void define_all() {
        for (dmir::BlockIndex b = 0; b < m_.blocks.size(); ++b) {
            auto n = heads_[b];
            for (auto v : f_.blocks[b].parameters) define(v, b, n);
            for (const auto& i : m_.blocks[b].instructions) {
                ++n;
                if (i.destination == no_value) continue;
                for (std::uint32_t k = 0; k < i.destination_count; ++k) define(i.destination + k, b, n);
            }
        }
    }

    void use(Value v, dmir::BlockIndex block, std::uint32_t n) {
        auto end = 2 * n + 1;
        // A value from outside a loop lives through all of it.
        if (const auto loop = outermost_loop(block, block_of_[v]); loop != no_value)
            end = std::max(end, 2 * heads_[m_.loop_end[loop]]);
        ranges_[v].end = std::max(ranges_[v].end, end);
    }
    void use_all() {
        for (dmir::BlockIndex b = 0; b < m_.blocks.size(); ++b) {
            auto n = heads_[b];
            for (const auto& i : m_.blocks[b].instructions) {
                ++n;
                for (auto v : i.sources)
                    if (v != no_value) use(v, b, n);
                for (auto v : i.list) use(v, b, n);
            }
            for (const auto& edge : m_.blocks[b].edges)
                for (auto v : edge.arguments) use(v, b, n);
        }
    }

    [[nodiscard]] Value root(Value v) {
        while (class_[v] != v) {
            class_[v] = class_[class_[v]];
            v = class_[v];
        }
        return v;
    }
    [[nodiscard]] static bool overlap(const std::vector<Range>& a, const std::vector<Range>& b) {
        for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
            if (a[i].end <= b[j].begin)
                ++i;
            else if (b[j].end <= a[i].begin)
                ++j;
            else
                return true;
        }
        return false;
    }
    void try_join(Value parameter, Value argument) {
        const auto a = root(parameter);
        const auto b = root(argument);
        if (a == b || kind_of(m_.types[a]) != kind_of(m_.types[b])) return;
        if (members_[a].size() + members_[b].size() > ranges_max || overlap(members_[a], members_[b])) return;
        auto& into = members_[a];
        const auto middle = static_cast<std::ptrdiff_t>(into.size());
        into.insert(into.end(), members_[b].begin(), members_[b].end());
        std::inplace_merge(into.begin(), into.begin() + middle, into.end(),
                           [](const Range& x, const Range& y) { return x.begin < y.begin; });
        members_[b].clear();
        class_[b] = a;
    }
    /// Parameters and their arguments share a class where their lives don't overlap. Inner loops first: what they save
    /// counts most.
    void coalesce() {
        class_.resize(m_.types.size());
        std::iota(class_.begin(), class_.end(), 0);
        members_.resize(m_.types.size());
        for (Value v = 0; v < m_.types.size(); ++v)
            if (block_of_[v] != no_value) members_[v].push_back(ranges_[v]);
        std::vector<dmir::BlockIndex> order(m_.blocks.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](auto a, auto b) { return m_.loop_depth[a] > m_.loop_depth[b]; });
        for (auto b : order)
            for (const auto& edge : m_.blocks[b].edges) {
                const auto& parameters = f_.blocks[edge.block].parameters;
                for (std::size_t k = 0; k < parameters.size(); ++k) try_join(parameters[k], edge.arguments[k]);
            }
    }

    Result<SlotAssignment> scan() {
        SlotAssignment out;
        out.slot_of_value.assign(m_.types.size(), no_slot);
        std::vector<Value> order;
        for (Value v = 0; v < m_.types.size(); ++v)
            if (!members_[v].empty()) order.push_back(v);
        const auto begin_of = [&](Value v) { return members_[v].front().begin; };
        std::stable_sort(order.begin(), order.end(), [&](Value a, Value b) { return begin_of(a) < begin_of(b); });

        std::vector<std::uint16_t> slot_of_class(m_.types.size(), no_slot);
        for (auto v : f_.blocks[0].parameters) {
            slot_of_class[root(v)] = static_cast<std::uint16_t>(out.slots.size());
            const auto kind = kind_of(m_.types[v]);
            out.slots.insert(out.slots.end(), kind == SlotKind::vector ? 2 : 1, kind);
        }
        using Active = std::pair<std::uint32_t, std::uint16_t>;  // end, slot
        std::priority_queue<Active, std::vector<Active>, std::greater<>> active;
        std::array<std::vector<std::uint16_t>, 3> free;
        for (auto v : order) {
            const auto begin = begin_of(v);
            while (!active.empty() && active.top().first <= begin) {
                const auto slot = active.top().second;
                free[static_cast<std::size_t>(out.slots[slot])].push_back(slot);
                active.pop();
            }
            const auto kind = kind_of(m_.types[v]);
            auto& pool = free[static_cast<std::size_t>(kind)];
            auto& slot = slot_of_class[v];
            if (slot == no_slot) {
                if (!pool.empty()) {
                    slot = pool.back();
                    pool.pop_back();
                } else {
                    slot = static_cast<std::uint16_t>(out.slots.size());
                    out.slots.insert(out.slots.end(), kind == SlotKind::vector ? 2 : 1, kind);
                }
            }
            std::uint32_t end = 0;
            for (const auto& range : members_[v]) end = std::max(end, range.end);
            active.emplace(end, slot);
            if (out.slots.size() > 60'000 || out.slots.size() > std::size_t{8} * std::max(f_.stack_units, 64U))
                return make_error(ErrorCode::too_large, fmt::format("function {} needs too many slots", f_.name));
        }
        for (Value v = 0; v < m_.types.size(); ++v)
            if (block_of_[v] != no_value) out.slot_of_value[v] = slot_of_class[root(v)];
        return out;
    }

    const dmir::Function& f_;
    const MachineFunction& m_;
    std::vector<std::uint32_t> heads_;
    std::vector<dmir::BlockIndex> outer_;
    std::vector<Range> ranges_;
    std::vector<dmir::BlockIndex> block_of_;
    std::vector<Value> class_;
    std::vector<std::vector<Range>> members_;
};

}  // namespace

Result<SlotAssignment> assign_slots(const dmir::Function& function, const MachineFunction& machine) {
    return Assigner(function, machine).run();
}

}  // namespace troupe::vm
