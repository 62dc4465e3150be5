#include "jit/baseline/homes.hpp"

#include <algorithm>

#include "jit/baseline/operands.hpp"

namespace troupe::jit {
namespace {

using vm::Code;
using vm::Extended;
using vm::Instruction;
using vm::SlotKind;

template <class Visit>
void for_each_read(const Instruction* i, const Operands& operands, Visit&& visit) {
    for (auto slot : operands.read)
        if (slot != vm::no_slot) visit(slot);
    for (std::uint32_t k = 0; k < operands.listed; ++k) visit(listed_slot(i, k));
}

template <class Visit>
void for_each_target(const Instruction& i, const Instruction* at, Visit&& visit) {
    if (i.op == vm::code(Extended::branch_table)) {
        for (std::uint32_t k = 0; k < i.low(); ++k) {
            std::uint32_t target = 0;
            std::memcpy(&target, reinterpret_cast<const char*>(at + 1) + std::size_t{4} * k, 4);
            visit(target);
        }
    } else if (i.op == vm::code(Extended::jump) || i.op == vm::code(Extended::branch_nonzero) ||
               i.op == vm::code(Extended::branch_zero) || is_integer_branch(i.op) || is_float_branch(i.op)) {
        visit(i.low());
    }
}

[[nodiscard]] bool falls_through(std::uint16_t op) {
    switch (static_cast<Extended>(op)) {
        case Extended::jump:
        case Extended::branch_table:
        case Extended::trap_unreachable:
        case Extended::return_none:
        case Extended::return_one:
        case Extended::return_many: return false;
        default: return true;
    }
}

void find_liveness(const Code& code, Homes& homes) {
    const auto n = homes.starts.size();
    std::vector<std::uint32_t> live_at(code.instructions.size() + 1, 0);
    homes.live_after.assign(n, 0);
    for (bool changed = true; changed;) {
        changed = false;
        std::uint32_t live = 0;
        for (std::size_t k = n; k-- > 0;) {
            const auto* i = &code.instructions[homes.starts[k]];
            auto after = falls_through(i->op) ? live : 0U;
            for_each_target(*i, i, [&](std::uint32_t target) { after |= live_at[target]; });
            homes.live_after[k] = after;
            const auto operands = operands_of(*i);
            live = after & ~homes.bit(code, operands.written);
            for_each_read(i, operands, [&](std::uint16_t slot) { live |= homes.bit(code, slot); });
            auto& at = live_at[homes.starts[k]];
            if (at != live) {
                at = live;
                changed = true;
            }
        }
    }
}

}  // namespace

Homes choose_homes(const Code& code) {
    Homes out;
    std::vector<std::uint64_t> weight(code.slots.size(), 0);
    std::size_t block = 0;
    std::uint64_t here = 1;
    for (std::uint32_t at = 0; at < code.instructions.size();) {
        while (block < code.blocks.size() && code.blocks[block].at <= at)
            here = std::uint64_t{1} << (3 * std::min(code.blocks[block++].loop_depth, 8U));
        const auto* i = &code.instructions[at];
        out.starts.push_back(at);
        const auto operands = operands_of(*i);
        const auto count = [&](std::uint16_t slot) {
            if (slot < weight.size()) weight[slot] += here;
        };
        count(operands.written);
        for_each_read(i, operands, count);
        at += 1 + vm::places_after(*i);
    }
    out.of_slot.assign(code.slots.size(), -1);
    std::vector<std::uint16_t> order;
    for (std::size_t s = 0; s < code.slots.size(); ++s)
        if (weight[s] > 0) order.push_back(static_cast<std::uint16_t>(s));
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return weight[a] > weight[b]; });
    for (auto slot : order) {
        if (code.slots[slot] == SlotKind::integer && out.integers < integer_homes) {
            out.integer_slot[static_cast<std::size_t>(out.integers)] = slot;
            out.of_slot[slot] = static_cast<std::int8_t>(out.integers++);
        } else if (code.slots[slot] == SlotKind::floating && out.floats < float_homes) {
            out.float_slot[static_cast<std::size_t>(out.floats)] = slot;
            out.of_slot[slot] = static_cast<std::int8_t>(out.floats++);
        }
    }
    find_liveness(code, out);
    return out;
}

}  // namespace troupe::jit
