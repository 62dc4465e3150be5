// Machine instructions and slots to the final code: edges become moves and jumps.
#include <algorithm>

#include <fmt/format.h>

#include "vm/interp/slots.hpp"

namespace troupe::vm {
namespace {

using dmir::no_value;
using dmir::Op;
using dmir::Type;
using dmir::Value;

struct Move {
    std::uint16_t to;
    std::uint16_t from;
    SlotKind kind;
};

class Encoder {
public:
    Encoder(const dmir::Function& function, const MachineFunction& machine, SlotAssignment assignment)
        : f_(function), m_(machine), slot_(std::move(assignment.slot_of_value)) {
        out_.slots = std::move(assignment.slots);
    }

    Result<Code> run() {
        find_targets();
        starts_.resize(m_.blocks.size(), 0);
        out_.instructions.reserve(m_.instructions.size() + m_.instructions.size() / 2 + m_.blocks.size());
        for (dmir::BlockIndex b = 0; b < m_.blocks.size(); ++b) block(b);
        for (std::size_t s = 0; s < stubs_.size(); ++s) stub(s);
        fix_targets();
        const auto frame = out_.slots.size();
        for (auto at : calls_) out_.instructions[at].c = static_cast<std::uint16_t>(frame);
        for (auto at : result_moves_)
            out_.instructions[at].b = static_cast<std::uint16_t>(out_.instructions[at].b + frame);
        if (frame > 60'000) return make_error(ErrorCode::too_large, "function needs too many slots");
        out_.parameter_slots = slots_of(f_.signature.parameters);
        out_.result_slots = slots_of(f_.signature.results);
        out_.returns_one = f_.signature.results.size() == 1 && f_.signature.results[0] != Type::v128;
        out_.uses_v128 = std::find(m_.types.begin(), m_.types.end(), Type::v128) != m_.types.end();
        out_.stack_units = f_.stack_units;
        return std::move(out_);
    }
    /// After run().
    Placement placement() {
        starts_.resize(m_.blocks.size());
        return {std::move(slot_), std::move(starts_)};
    }

private:
    struct Stub {
        dmir::BlockIndex target;
        std::uint32_t first_move;
        std::uint32_t move_count;
        std::uint32_t loop_depth;
    };
    /// Where a target's index is to be written: the low half of an instruction's immediate, or entry `entry` of the
    /// places after it. Block numbers of blocks.size() and more are stubs.
    struct Fix {
        std::uint32_t at;
        std::uint32_t entry;
        std::uint32_t target;
    };
    static constexpr std::uint32_t in_immediate = 0xFFFFFFFF;

    [[nodiscard]] std::uint32_t here() const { return static_cast<std::uint32_t>(out_.instructions.size()); }
    Instruction& emit(std::uint16_t op) {
        out_.instructions.push_back({op, 0, 0, 0, 0});
        return out_.instructions.back();
    }
    [[nodiscard]] std::uint16_t slot(Value v) const { return v == no_value ? std::uint16_t{0} : slot_[v]; }

    /// Which blocks are reached other than by falling out of the block before.
    void find_targets() {
        is_target_.assign(m_.blocks.size(), false);
        for (dmir::BlockIndex b = 0; b < m_.blocks.size(); ++b) {
            const auto edges = m_.edges_of(m_.blocks[b]);
            const bool jumps = !edges.empty() && m_.instructions_of(m_.blocks[b]).back().op == code(Extended::jump);
            for (const auto& edge : edges)
                if (!jumps || edge.block != b + 1) is_target_[edge.block] = true;
        }
    }

    /// Appends what the edge has to move to `moves_`; returns how many.
    std::uint32_t add_moves(const MachineEdge& edge) {
        const auto before = moves_.size();
        const auto& parameters = f_.blocks[edge.block].parameters;
        const auto arguments = m_.values(edge.arguments);
        for (std::size_t k = 0; k < parameters.size(); ++k) {
            const Move move{slot_[parameters[k]], slot_[arguments[k]], kind_of(m_.types[parameters[k]])};
            if (move.to != move.from) moves_.push_back(move);
        }
        return static_cast<std::uint32_t>(moves_.size() - before);
    }

    void emit_move(std::uint16_t to, std::uint16_t from, SlotKind kind) {
        auto& i = emit(code(kind == SlotKind::vector ? Extended::move_v128 : Extended::move));
        i.a = to;
        i.b = from;
    }
    [[nodiscard]] std::uint16_t spare(SlotKind kind) {
        auto& slot = spares_[static_cast<std::size_t>(kind)];
        if (slot == no_slot) {
            slot = static_cast<std::uint16_t>(out_.slots.size());
            out_.slots.insert(out_.slots.end(), kind == SlotKind::vector ? 2 : 1, kind);
        }
        return slot;
    }
    /// What spare() may add to the slots during one set of moves.
    static constexpr std::size_t spares_room = 4;
    /// All at once: each target gets what its source held before.
    void parallel_moves(std::span<Move> moves) {
        if (moves.empty()) return;
        if (moves.size() == 1) return emit_move(moves[0].to, moves[0].from, moves[0].kind);
        readers_.resize(std::max(readers_.size(), out_.slots.size() + spares_room), 0);
        for (const auto& move : moves) ++readers_[move.from];
        auto& ready = ready_;
        auto& done = done_;
        ready.clear();
        done.assign(moves.size(), false);
        for (std::size_t k = 0; k < moves.size(); ++k)
            if (readers_[moves[k].to] == 0) ready.push_back(k);
        std::size_t left = moves.size();
        std::size_t next_cycle = 0;
        writers_.resize(readers_.size(), 0xFFFFFFFF);
        for (std::size_t k = 0; k < moves.size(); ++k) writers_[moves[k].to] = static_cast<std::uint32_t>(k);
        while (left > 0) {
            if (ready.empty()) {
                // Only cycles remain, in which each target has one reader: free one by copying what it holds.
                if (next_cycle == 0) {
                    reader_.resize(readers_.size());
                    for (std::size_t k = 0; k < moves.size(); ++k)
                        if (!done[k]) reader_[moves[k].from] = static_cast<std::uint32_t>(k);
                }
                while (done[next_cycle]) ++next_cycle;
                const auto held = moves[next_cycle].to;
                const auto copy = spare(moves[next_cycle].kind);
                emit_move(copy, held, moves[next_cycle].kind);
                moves[reader_[held]].from = copy;
                ++readers_[copy];
                readers_[held] = 0;
                ready.push_back(next_cycle);
                continue;
            }
            const auto k = ready.back();
            ready.pop_back();
            done[k] = true;
            --left;
            emit_move(moves[k].to, moves[k].from, moves[k].kind);
            if (--readers_[moves[k].from] == 0) {
                const auto writer = writers_[moves[k].from];
                if (writer != 0xFFFFFFFF && !done[writer]) ready.push_back(writer);
            }
        }
        for (const auto& move : moves) {
            readers_[move.from] = 0;
            writers_[move.to] = 0xFFFFFFFF;
        }
    }

    void block(dmir::BlockIndex b) {
        const auto& block = f_.blocks[b];
        starts_[b] = here();
        if (b == 0 || is_target_[b] || block.fuel != 0 || block.steps != 0 || block.checked) {
            out_.blocks.push_back({here(), m_.loop_depth[b], m_.loop_end[b] > 0});
            auto& charge = emit(code(Extended::charge));
            charge.a = block.checked ? 1 : 0;
            charge.immediate = block.fuel | std::uint64_t{block.steps} << 32U;
        }
        const auto instructions = m_.instructions_of(m_.blocks[b]);
        for (std::size_t k = 0; k + 1 < instructions.size(); ++k) instruction(instructions[k]);
        terminator(b, instructions.back());
    }

    void instruction(const MachineInstruction& i) {
        if (i.op == code(Op::call) || i.op == code(Op::call_indirect)) return call(i);
        auto& out = emit(i.op);
        out.immediate = i.immediate;
        if (i.destination != no_value) {
            out.a = slot(i.destination);
            out.b = slot(i.sources[0]);
            out.c = slot(i.sources[1]);
            if (i.sources[2] != no_value) out.immediate = slot(i.sources[2]);
        } else if (i.sources[2] != no_value) {
            // Three operands and no result: bulk operations, and scaled stores.
            out.a = slot(i.sources[0]);
            out.b = slot(i.sources[1]);
            out.c = slot(i.sources[2]);
        } else {
            out.b = slot(i.sources[0]);
            out.c = slot(i.sources[1]);
        }
        if (i.op == code(Op::v128_const) || i.op == code(Op::i8x16_shuffle)) emit(0).immediate = i.immediate_high;
    }

    /// The values' slots, and those of `last`, if it is one, after them.
    [[nodiscard]] std::uint16_t slot_list(dmir::List values, Value last = no_value) {
        std::array<std::uint16_t, 8> eight{};
        std::size_t count = 0;
        const auto flush = [&] {
            std::memcpy(static_cast<void*>(&emit(0)), eight.data(), sizeof(eight));
            eight = {};
        };
        const auto add = [&](std::uint32_t slot) {
            eight[count % 8] = static_cast<std::uint16_t>(slot);
            if (++count % 8 == 0) flush();
        };
        for (auto v : m_.values(values)) {
            add(slot(v));
            if (m_.types[v] == Type::v128) add(slot(v) + 1U);
        }
        const auto listed = static_cast<std::uint16_t>(count);
        if (last != no_value) add(slot(last));
        if (count % 8 != 0) flush();
        return listed;
    }

    void call(const MachineInstruction& i) {
        const auto at = here();
        calls_.push_back(at);
        const bool one = i.destination != no_value && i.destination_count == 1 && m_.types[i.destination] != Type::v128;
        auto& out = emit(i.op);
        out.a = one ? slot(i.destination) : no_slot;
        out.immediate = i.immediate;
        // An indirect call's index is a last entry of the list.
        out_.instructions[at].b = slot_list(i.list, i.sources[0]);
        if (one || i.destination == no_value) return;
        std::uint16_t offset = 0;
        for (std::uint32_t k = 0; k < i.destination_count; ++k) {
            const auto kind = kind_of(m_.types[i.destination + k]);
            result_moves_.push_back(here());
            emit_move(slot(i.destination + k), offset, kind);
            offset = static_cast<std::uint16_t>(offset + (kind == SlotKind::vector ? 2 : 1));
        }
    }

    void target(std::uint32_t at, const MachineEdge& edge, std::uint32_t entry, std::uint32_t loop_depth) {
        const auto first = static_cast<std::uint32_t>(moves_.size());
        const auto count = add_moves(edge);
        if (count == 0) {
            fixes_.push_back({at, entry, edge.block});
            return;
        }
        fixes_.push_back({at, entry, static_cast<std::uint32_t>(m_.blocks.size() + stubs_.size())});
        stubs_.push_back({edge.block, first, count, loop_depth});
    }
    void go(dmir::BlockIndex b, const MachineEdge& edge) {
        const auto count = add_moves(edge);
        parallel_moves(std::span(moves_).last(count));
        moves_.resize(moves_.size() - count);
        if (edge.block == b + 1) return;
        fixes_.push_back({here(), in_immediate, edge.block});
        emit(code(Extended::jump));
    }
    void stub(std::size_t s) {
        const auto stub = stubs_[s];
        starts_.push_back(here());
        out_.blocks.push_back({here(), stub.loop_depth});
        emit(code(Extended::charge));
        parallel_moves(std::span(moves_).subspan(stub.first_move, stub.move_count));
        fixes_.push_back({here(), in_immediate, stub.target});
        emit(code(Extended::jump));
    }
    void fix_targets() {
        for (const auto& fix : fixes_) {
            const auto start = starts_[fix.target];
            if (fix.entry == in_immediate) {
                auto& i = out_.instructions[fix.at];
                i.immediate = (i.immediate & 0xFFFFFFFF00000000ULL) | start;
            } else {
                auto* place = reinterpret_cast<char*>(&out_.instructions[fix.at + 1 + fix.entry / 4]);
                std::memcpy(place + 4 * (fix.entry % 4), &start, 4);
            }
        }
    }

    [[nodiscard]] static std::uint16_t opposite(std::uint16_t op) {
        constexpr std::array<std::uint16_t, 10> negated{1, 0, 8, 9, 6, 7, 4, 5, 2, 3};
        if (op == code(Extended::branch_nonzero)) return code(Extended::branch_zero);
        if (op == code(Extended::branch_zero)) return code(Extended::branch_nonzero);
        const auto first_float = code(Extended::branch_f32_eq);
        if (op >= first_float) return static_cast<std::uint16_t>(first_float + ((op - first_float) ^ 2));
        const auto first = code(Extended::branch_i32_eq);
        const auto at = static_cast<std::uint16_t>(op - first);
        return static_cast<std::uint16_t>(first + negated[at / 4U] * 4 + at % 4U);
    }

    void terminator(dmir::BlockIndex b, const MachineInstruction& i) {
        const auto edges = m_.edges_of(m_.blocks[b]);
        const auto depth = m_.loop_depth[b];
        if (edges.empty()) {
            const auto at = here();
            emit(i.op);
            if (i.op == code(Extended::return_one)) out_.instructions[at].a = slot(m_.values(i.list)[0]);
            if (i.op == code(Extended::return_many)) {
                const auto count = slot_list(i.list);
                out_.instructions[at].a = count;
            }
            return;
        }
        if (i.op == code(Extended::jump)) return go(b, edges[0]);
        if (i.op == code(Extended::branch_table)) {
            const auto at = here();
            auto& out = emit(i.op);
            out.a = slot(i.sources[0]);
            out.immediate = edges.size();
            for (std::size_t k = 0; k < edges.size(); k += 4) emit(0);
            for (std::uint32_t k = 0; k < edges.size(); ++k) target(at, edges[k], k, depth);
            return;
        }
        const bool swap = edges[0].block == b + 1 && edges[1].block != b + 1;
        const auto at = here();
        auto& out = emit(swap ? opposite(i.op) : i.op);
        out.a = slot(i.sources[0]);
        out.b = slot(i.sources[1]);
        out.immediate = i.immediate;
        target(at, edges[swap ? 1 : 0], in_immediate, depth);
        go(b, edges[swap ? 0 : 1]);
    }

    const dmir::Function& f_;
    const MachineFunction& m_;
    std::vector<std::uint16_t> slot_;
    Code out_;
    std::vector<std::uint32_t> starts_;
    std::vector<bool> is_target_;
    std::vector<Stub> stubs_;
    std::vector<Fix> fixes_;
    std::vector<std::uint32_t> calls_;
    std::vector<std::uint32_t> result_moves_;
    std::array<std::uint16_t, 3> spares_{no_slot, no_slot, no_slot};
    /// Of the stubs, and then of the edge in hand.
    std::vector<Move> moves_;
    /// Of each slot: how many moves read it, which writes it, and in a cycle which reads it.
    std::vector<std::uint32_t> readers_;
    std::vector<std::uint32_t> writers_;
    std::vector<std::uint32_t> reader_;
    std::vector<std::size_t> ready_;
    std::vector<bool> done_;
};

}  // namespace

std::uint32_t slots_of(const std::vector<Type>& types) noexcept {
    std::uint32_t out = 0;
    for (auto type : types) out += type == Type::v128 ? 2 : 1;
    return out;
}

Result<Code> encode(const dmir::Function& function, const MachineFunction& machine, Placement* placement) {
    auto slots = assign_slots(function, machine);
    if (!slots) return slots.error();
    Encoder encoder(function, machine, std::move(*slots));
    auto code = encoder.run();
    if (code && placement != nullptr) *placement = encoder.placement();
    return code;
}

}  // namespace troupe::vm
