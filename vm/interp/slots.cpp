#include "vm/interp/slots.hpp"

#include <algorithm>
#include <numeric>

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
        defined_.reserve(m_.types.size());
        number_blocks();
        link_loops();
        find_ranges();
        coalesce();
        return scan();
    }

private:
    void number_blocks() {
        std::uint32_t n = 0;
        for (const auto& block : m_.blocks) {
            heads_.push_back(n);
            n += 1 + block.instruction_count;
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
        defined_.push_back(v);
    }
    void use(Value v, dmir::BlockIndex block, std::uint32_t n) {
        auto end = 2 * n + 1;
        // A value from outside a loop lives through all of it.
        if (const auto loop = outermost_loop(block, block_of_[v]); loop != no_value)
            end = std::max(end, 2 * heads_[m_.loop_end[loop]]);
        ranges_[v].end = std::max(ranges_[v].end, end);
    }
    /// A definition precedes its uses but for those through back edges, whose values the loop's head has defined.
    void find_ranges() {
        for (dmir::BlockIndex b = 0; b < m_.blocks.size(); ++b) {
            auto n = heads_[b];
            for (auto v : f_.blocks[b].parameters) define(v, b, n);
            for (const auto& i : m_.instructions_of(m_.blocks[b])) {
                ++n;
                for (auto v : i.sources)
                    if (v != no_value) use(v, b, n);
                for (auto v : m_.values(i.list)) use(v, b, n);
                if (i.destination == no_value) continue;
                for (std::uint32_t k = 0; k < i.destination_count; ++k) define(i.destination + k, b, n);
            }
            for (const auto& edge : m_.edges_of(m_.blocks[b]))
                for (auto v : m_.values(edge.arguments)) use(v, b, n);
        }
    }

    [[nodiscard]] Value root(Value v) {
        while (class_[v] != v) {
            class_[v] = class_[class_[v]];
            v = class_[v];
        }
        return v;
    }
    [[nodiscard]] bool overlap(Value a, Value b) const {
        while (a != no_value && b != no_value) {
            if (ranges_[a].end <= ranges_[b].begin)
                a = next_[a];
            else if (ranges_[b].end <= ranges_[a].begin)
                b = next_[b];
            else
                return true;
        }
        return false;
    }
    /// Two chains, each ascending, become one.
    [[nodiscard]] Value merge(Value a, Value b) {
        Value first = no_value;
        auto* last = &first;
        while (a != no_value && b != no_value) {
            auto& from = ranges_[b].begin < ranges_[a].begin ? b : a;
            *last = from;
            last = &next_[from];
            from = *last;
        }
        *last = a != no_value ? a : b;
        return first;
    }
    void try_join(Value parameter, Value argument) {
        const auto a = root(parameter);
        const auto b = root(argument);
        if (a == b || kind_of(m_.types[a]) != kind_of(m_.types[b])) return;
        auto& into = classes_[a];
        const auto& from = classes_[b];
        if (into.ranges + from.ranges > ranges_max || overlap(into.first, from.first)) return;
        into = {merge(into.first, from.first), into.ranges + from.ranges, std::max(into.end, from.end)};
        class_[b] = a;
    }
    /// Parameters and their arguments share a class where their lives don't overlap. Inner loops first: what they save
    /// counts most.
    void coalesce() {
        class_.resize(m_.types.size());
        std::iota(class_.begin(), class_.end(), 0);
        next_.assign(m_.types.size(), no_value);
        classes_.resize(m_.types.size());
        for (auto v : defined_) classes_[v] = {v, 1, ranges_[v].end};
        std::vector<dmir::BlockIndex> order(m_.blocks.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](auto a, auto b) { return m_.loop_depth[a] > m_.loop_depth[b]; });
        for (auto b : order)
            for (const auto& edge : m_.edges_of(m_.blocks[b])) {
                const auto& parameters = f_.blocks[edge.block].parameters;
                const auto arguments = m_.values(edge.arguments);
                for (std::size_t k = 0; k < parameters.size(); ++k) try_join(parameters[k], arguments[k]);
            }
    }

    Result<SlotAssignment> scan() {
        SlotAssignment out;
        std::vector<std::uint16_t> slot_of_class(m_.types.size(), no_slot);
        std::vector<bool> is_placed(m_.types.size(), false);
        const auto make = [&](SlotKind kind) {
            const auto slot = static_cast<std::uint16_t>(out.slots.size());
            out.slots.insert(out.slots.end(), kind == SlotKind::vector ? 2 : 1, kind);
            return slot;
        };
        // The entry's parameters stand first, in order.
        for (auto v : f_.blocks[0].parameters) slot_of_class[root(v)] = make(kind_of(m_.types[v]));
        // Classes by the position where they end.
        std::vector<Value> ending(std::size_t{2} * heads_.back() + 2, no_value);
        std::vector<Value> ending_next(m_.types.size(), no_value);
        std::uint32_t now = 0;
        std::array<std::vector<std::uint16_t>, 3> free;
        for (auto v : defined_) {
            const auto c = root(v);
            if (is_placed[c]) continue;
            is_placed[c] = true;
            for (; now <= ranges_[v].begin; ++now)
                for (auto ended = ending[now]; ended != no_value; ended = ending_next[ended]) {
                    const auto slot = slot_of_class[ended];
                    free[static_cast<std::size_t>(out.slots[slot])].push_back(slot);
                }
            const auto kind = kind_of(m_.types[c]);
            auto& pool = free[static_cast<std::size_t>(kind)];
            auto& slot = slot_of_class[c];
            if (slot == no_slot && !pool.empty()) {
                slot = pool.back();
                pool.pop_back();
            } else if (slot == no_slot) {
                slot = make(kind);
            }
            auto& others = ending[classes_[c].end];
            ending_next[c] = others;
            others = c;
            if (out.slots.size() > 60'000 || out.slots.size() > std::size_t{8} * std::max(f_.stack_units, 64U))
                return make_error(ErrorCode::too_large, fmt::format("function {} needs too many slots", f_.name));
        }
        out.slot_of_value.assign(m_.types.size(), no_slot);
        for (auto v : defined_) out.slot_of_value[v] = slot_of_class[root(v)];
        return out;
    }

    /// Values that share a slot: a chain of ranges that ascend and don't overlap.
    struct Class {
        Value first = no_value;
        std::uint32_t ranges = 0;
        std::uint32_t end = 0;
    };

    const dmir::Function& f_;
    const MachineFunction& m_;
    std::vector<std::uint32_t> heads_;
    std::vector<dmir::BlockIndex> outer_;
    std::vector<Range> ranges_;
    std::vector<dmir::BlockIndex> block_of_;
    /// All values, in the order of their definitions.
    std::vector<Value> defined_;
    std::vector<Value> class_;
    /// Of each value: the next one in its class, by position.
    std::vector<Value> next_;
    std::vector<Class> classes_;
};

}  // namespace

Result<SlotAssignment> assign_slots(const dmir::Function& function, const MachineFunction& machine) {
    return Assigner(function, machine).run();
}

}  // namespace troupe::vm
