// Entries, blocks, their ends, and code out of line.
#ifdef __x86_64__

#include <algorithm>
#include <cstring>
#include <utility>

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {

using dmir::Trap;

namespace {
/// Tables of up to so many targets are chains of comparisons.
constexpr std::uint32_t chain_max = 5;
/// What a copy may hold in instructions.
constexpr std::size_t copied_table_max = 20;
constexpr std::size_t copied_test_max = 8;
constexpr std::size_t aligned_loop_bytes_max = 128;
/// What all copies in a function may hold, and a share of what it has itself.
constexpr std::size_t copies_min = 500;
constexpr std::size_t copies_share = 16;
/// A loop of more blocks gains nothing by a jump less in its round.
constexpr dmir::BlockIndex copied_round_blocks_max = 16;
}  // namespace

PassedArguments pass(std::span<const dmir::Type> types) {
    PassedArguments out;
    std::size_t integers = 0;
    std::size_t floats = 0;
    for (auto type : types) {
        Location at;
        if (bank_of(type) == Bank::integer && integers < integer_arguments.size())
            at = {Location::Kind::integer, static_cast<std::uint32_t>(integer_arguments[integers++]), 0};
        else if (bank_of(type) == Bank::floating && floats < float_arguments.size())
            at = {Location::Kind::floating, static_cast<std::uint32_t>(float_arguments[floats++]), 0};
        else
            at = {Location::Kind::stack_argument, out.on_stack++, 0};
        out.locations.push_back(at);
    }
    return out;
}

bool FunctionEmitter::lay_out_frame() {
    std::uint32_t outgoing = 0;
    for (const auto& block : f_.blocks)
        for (const auto& i : block.instructions) {
            if (i.code != Code::call && i.code != Code::call_indirect) continue;
            std::vector<dmir::Type> types;
            for (auto r : f_.values(i.list)) types.push_back(f_.registers[r].type);
            outgoing = std::max(outgoing, pass(types).on_stack);
        }
    outgoing_bytes_ = 8 * outgoing;
    constexpr std::uint32_t units_max = 1U << 20U;
    if (f_.stack_units > units_max) return false;
    frame_bytes_ = f_.stack_units * 16 - 8;
    for (auto r : preserved_registers)
        if ((a_.used >> static_cast<std::uint32_t>(r) & 1U) != 0) saved_.push_back(r);
    return outgoing_bytes_ + a_.slot_bytes + 8 * saved_.size() <= frame_bytes_;
}

Emitted FunctionEmitter::run() {
    if (!lay_out_frame()) return {};
    L(fast_);
    entry();
    copies_left_ = copies_min;
    for (const auto& block : f_.blocks) copies_left_ += block.instructions.size() / copies_share;
    for (block_ = 0; block_ < f_.blocks.size(); ++block_) {
        following_ = block_ + 1;
        block();
    }
    blocks_end_ = getSize();
    late_code();
    auto code = bytes();
    for (const auto& [block, table] : tables_)
        for (std::size_t k = 0; k < table.targets.size(); ++k) {
            const auto distance = static_cast<std::int32_t>(table.targets[k]->getAddress() - table.label.getAddress());
            std::memcpy(code.data() + table.offset + 4 * k, &distance, 4);
        }
    return {std::move(code), std::move(relocations_)};
}

void FunctionEmitter::entry() {
    for (auto r : saved_) push(gpr(static_cast<std::uint32_t>(r)));
    sub(rsp, static_cast<int>(frame_bytes_ - 8 * saved_.size()));
    mov(rax, ptr[r15 + instance_machine]);
    cmp(rsp, ptr[rax + machine_limit]);
    jb(trap(Trap::call_stack_exhausted), reach(trap(Trap::call_stack_exhausted)));
    auto passed = pass(shape_.parameters);
    std::vector<Move> moves;
    const auto& parameters = f_.blocks[0].parameters;
    for (std::size_t k = 0; k < parameters.size(); ++k) {
        auto from = passed.locations[k];
        if (from.kind == Location::Kind::stack_argument)
            // Above this frame and the return address.
            from = {Location::Kind::slot, (frame_bytes_ + 8 - outgoing_bytes_) / 4 + 2 * from.index, 0};
        moves.push_back({a_.at(parameters[k], 0), from, is_wide(parameters[k])});
    }
    move_all(std::move(moves));
}
void FunctionEmitter::epilogue() {
    constexpr std::size_t saved_worth_a_jump = 2;
    if (epilogue_ != nullptr && saved_.size() >= saved_worth_a_jump) {
        jmp(*epilogue_, reach(*epilogue_));
        return islands();
    }
    epilogue_ = &ways_.emplace_back();
    L(*epilogue_);
    add(rsp, static_cast<int>(frame_bytes_ - 8 * saved_.size()));
    for (auto r = saved_.rbegin(); r != saved_.rend(); ++r) pop(gpr(static_cast<std::uint32_t>(*r)));
    ret();
    islands();
}

std::vector<Move> FunctionEmitter::take_inserted(std::uint32_t index) {
    std::vector<Move> out;
    for (; next_inserted_ < a_.inserted.size() && a_.inserted[next_inserted_].index == index; ++next_inserted_)
        out.push_back(a_.inserted[next_inserted_].move);
    return out;
}

void FunctionEmitter::inserted_moves(std::uint32_t index) {
    auto moves = take_inserted(index);
    if (moves.empty()) return;
    flags_of_ = no_register;
    move_all(std::move(moves));
}

void FunctionEmitter::take_late(const Instruction& i, const Location& from, bool wide) {
    auto moves = take_inserted(position_ / 2 + 1);
    if (const auto to = a_.at(i.result, position_ + 2); to != from) moves.push_back({to, from, wide});
    flags_of_ = no_register;
    move_all(std::move(moves));
}

bool FunctionEmitter::innermost(dmir::BlockIndex head) const {
    for (auto b = head + 1; b < f_.blocks[head].loop_end; ++b)
        if (f_.blocks[b].loop_end > 0) return false;
    return true;
}

bool FunctionEmitter::calls_in_loop(dmir::BlockIndex head) const {
    const auto blocks = std::span(f_.blocks).subspan(head, f_.blocks[head].loop_end - head);
    return std::ranges::any_of(blocks, [](const Block& block) {
        return std::ranges::any_of(block.instructions, [](const Instruction& i) { return is_call(i.code); });
    });
}

/// What fits a line of the instruction cache does not take two. Long rounds gain nothing.
void FunctionEmitter::align_loop() {
    const auto bytes = block_ < learned_.loop_bytes.size() ? learned_.loop_bytes[block_] : 0;
    if (bytes > aligned_loop_bytes_max) return;
    align(16);
    if (bytes > 0 && bytes <= code_line_bytes && getSize() % code_line_bytes + bytes > code_line_bytes)
        align(code_line_bytes);
}

void FunctionEmitter::block() {
    const auto& block = f_.blocks[block_];
    // Inner loops run longest, if they don't call.
    if (block.loop_end > 0 && innermost(block_) && !calls_in_loop(block_)) align_loop();
    L(labels_[block_]);
    body();
}

void FunctionEmitter::body() {
    const auto& block = f_.blocks[block_];
    flags_of_ = no_register;
    charge(block.fuel, block.checked);
    count_steps(block.steps, block.fuel);
    position_ = 2 * a_.heads[block_];
    inserted_moves(position_ / 2);
    const auto store = [&](Register r, std::uint32_t position) {
        if (a_.stored_at_definition[r] == Allocation::no_slot) return;
        const auto kind = is_wide(r) ? Location::Kind::slot : Location::Kind::half_slot;
        move({{kind, a_.stored_at_definition[r], 0}, a_.at(r, position)});
    };
    for (auto r : block.parameters) store(r, position_);
    for (const auto& i : block.instructions) {
        position_ += 2;
        ++emitted_;
        inserted_moves(position_ / 2);
        if (is_terminator(i.code)) {
            terminator(i);
            continue;
        }
        const auto flags = flags_of_;
        instruction(i);
        if (flags_of_ == flags) flags_of_ = no_register;
        if (i.result == no_register) continue;
        const auto count = is_call(i.code) ? i.result_count : 1U;
        for (std::uint32_t k = 0; k < count; ++k)
            store(i.result + k, has_late_result(i) ? position_ + 2 : position_ + 1);
    }
}

void FunctionEmitter::terminator(const Instruction& i) {
    switch (i.code) {
        case Code::jump: return go(a_.edge_moves[block_][0], f_.blocks[block_].edges[0].block);
        case Code::branch: return branch(i);
        case Code::branch_table: return branch_table(i);
        case Code::return_values: return return_values(i);
        default:
            // Nothing follows it, as behind a jump.
            trap_here(Trap::unreachable);
            islands();
    }
}

void FunctionEmitter::go(const std::vector<Move>& moves, dmir::BlockIndex to) {
    if (!moves.empty()) {
        auto* same = is_shared(moves, to) && to != following_ ? placed_way(moves, to) : nullptr;
        if (same != nullptr) {
            jmp(*same, reach(*same));
            return islands();
        }
        offer_way(moves, to);
    }
    move_all(moves);
    if (to == following_) return;
    if (copied(to)) return copy(to);
    jmp(labels_[to], reach(labels_[to]));
    islands();
}

/// Whether jumps to the block are replaced by copies of it: where a table leads on, so that each way to it has a jump
/// of its own to predict, and where a short test begins or ends a loop's round, so that a round needs one jump less.
bool FunctionEmitter::copied(dmir::BlockIndex to) const {
    std::size_t size = 0;
    for (auto b = to; f_.blocks[b].loop_depth > 0;) {
        const auto& block = f_.blocks[b];
        size += block.instructions.size();
        if (size > std::min(copied_table_max, copies_left_)) return false;
        for (const auto& i : block.instructions)
            if (is_call(i.code)) return false;
        switch (block.instructions.back().code) {
            case Code::branch_table: return block.edges.size() > chain_max;
            case Code::branch:
                return b == to && size <= copied_test_max && begins_or_ends_short_round(to) &&
                       f_.blocks[block_].instructions.back().code == Code::jump;
            case Code::jump: b = block.edges[0].block; break;
            default: return false;
        }
    }
    return false;
}

bool FunctionEmitter::begins_or_ends_short_round(dmir::BlockIndex b) const {
    const auto is_short = [&](dmir::BlockIndex head) {
        return f_.blocks[head].loop_end - head <= copied_round_blocks_max;
    };
    if (b <= block_) return is_short(b);
    return std::ranges::any_of(f_.blocks[b].edges,
                               [&](const Edge& edge) { return edge.block <= b && is_short(edge.block); });
}

void FunctionEmitter::copy(dmir::BlockIndex b) {
    const auto block = std::exchange(block_, b);
    const auto position = position_;
    const auto inserted = next_inserted_;
    copies_left_ -= f_.blocks[b].instructions.size();
    const auto first = std::lower_bound(a_.inserted.begin(), a_.inserted.end(), a_.heads[b],
                                        [](const auto& i, std::uint32_t index) { return i.index < index; });
    next_inserted_ = static_cast<std::size_t>(first - a_.inserted.begin());
    body();
    block_ = block;
    position_ = position;
    next_inserted_ = inserted;
}

Label& FunctionEmitter::way(std::size_t edge) {
    const auto target = f_.blocks[block_].edges[edge].block;
    const auto& moves = a_.edge_moves[block_][edge];
    if (moves.empty()) return labels_[target];
    if (auto* same = same_way(moves, target)) return *same;
    auto& label = ways_.emplace_back();
    waiting_ways_.push_back({&label, &moves, target, emitted_});
    return label;
}

void FunctionEmitter::branch(const Instruction& i) {
    const auto& edges = f_.blocks[block_].edges;
    const auto& moves = a_.edge_moves[block_];
    // One edge is gone on with, the other one jumped.
    std::size_t on = edges[0].block == following_ && edges[1].block != following_ ? 0 : 1;
    // Moves on the way to the next round stand where they are reached without a jump.
    if (!moves[1 - on].empty() && edges[1 - on].block <= block_) on = 1 - on;
    if (edges[on].block != following_ && copied(edges[1 - on].block)) on = 1 - on;
    compare(i);
    jump_if(i, on == 1, way(1 - on));
    go(moves[on], edges[on].block);
}

/// Jumps if the condition, just compared, holds or does not.
void FunctionEmitter::jump_if(const Instruction& i, bool holds, Label& to) {
    switch (i.condition) {
        case Condition::eq: holds ? je(to, reach(to)) : jne(to, reach(to)); break;
        case Condition::ne: holds ? jne(to, reach(to)) : je(to, reach(to)); break;
        case Condition::lt_s: holds ? jl(to, reach(to)) : jge(to, reach(to)); break;
        case Condition::lt_u: holds ? jb(to, reach(to)) : jae(to, reach(to)); break;
        case Condition::gt_s: holds ? jg(to, reach(to)) : jle(to, reach(to)); break;
        case Condition::gt_u: holds ? ja(to, reach(to)) : jbe(to, reach(to)); break;
        case Condition::le_s: holds ? jle(to, reach(to)) : jg(to, reach(to)); break;
        case Condition::le_u: holds ? jbe(to, reach(to)) : ja(to, reach(to)); break;
        case Condition::ge_s: holds ? jge(to, reach(to)) : jl(to, reach(to)); break;
        case Condition::ge_u: holds ? jae(to, reach(to)) : jb(to, reach(to)); break;
        case Condition::flt:
        case Condition::fgt: holds ? ja(to, reach(to)) : jbe(to, reach(to)); break;
        case Condition::fle:
        case Condition::fge: holds ? jae(to, reach(to)) : jb(to, reach(to)); break;
        case Condition::feq:
        case Condition::fne:
            if ((i.condition == Condition::fne) == holds) {
                jp(to, reach(to));
                jne(to, reach(to));
            } else {
                Label no;
                jp(no);
                je(to, reach(to));
                L(no);
            }
            break;
    }
}

void FunctionEmitter::branch_table(const Instruction& i) {
    const auto count = static_cast<std::uint32_t>(f_.blocks[block_].edges.size());
    const auto index = in(i.operands[0]);
    if (count > 1) {
        cmp(index.cvt32(), count - 1);
        auto& otherwise = way(count - 1);
        jae(otherwise, reach(otherwise));
        if (count <= chain_max) {
            for (std::uint32_t k = 0; k + 2 < count; ++k) {
                cmp(index.cvt32(), k + 1);
                auto& to = way(k);
                jb(to, reach(to));
            }
            auto& to = way(count - 2);
            jmp(to, reach(to));
            return islands();
        }
        auto& table = tables_[block_];
        if (table.targets.empty())
            for (std::uint32_t k = 0; k + 1 < count; ++k) table.targets.push_back(&way(k));
        const auto base = temporary(i);
        const auto target = out(i);
        lea(base, ptr[rip + table.label]);
        movsxd(target, dword[base + index * 4]);
        add(target, base);
        jmp(target);
        return islands();
    }
    go(a_.edge_moves[block_][0], f_.blocks[block_].edges[0].block);
}

void FunctionEmitter::return_values(const Instruction& i) {
    const auto values = f_.values(i.list);
    if (values.size() == 1) {
        const auto kind = is_float(values[0]) ? Location::Kind::floating : Location::Kind::integer;
        const Location to{kind, 0, 0};
        if (const auto from = source(values[0]); from != to) move({to, from, is_wide(values[0])});
    } else if (values.size() > 1) {
        base_is_frame();
        for (std::size_t k = 0; k < values.size(); ++k) {
            auto from = source(values[k]);
            const auto to = qword[rbx + static_cast<int>(8 * k)];
            if (from.kind != Location::Kind::integer && from.kind != Location::Kind::floating) {
                const Location saved{Location::Kind::floating, 15, 0};
                move({saved, from});
                from = saved;
            }
            if (from.kind == Location::Kind::integer)
                mov(to, gpr(from.index));
            else
                vmovsd(to, Xmm(static_cast<int>(from.index)));
        }
        base_is_memory();
    }
    epilogue();
}

void FunctionEmitter::base_is_frame() {
    mov(rbx, ptr[r15 + instance_machine]);
    mov(rbx, ptr[rbx + machine_frame]);
}

void FunctionEmitter::base_is_memory() {
    Label none;
    mov(rbx, ptr[r15 + instance_memory]);
    test(rbx, rbx);
    jz(none);
    mov(rbx, ptr[rbx + memory_base]);
    L(none);
}

Xbyak::Address FunctionEmitter::pooled(std::uint64_t low, std::uint64_t high) { return ptr[rip + pool_[{low, high}]]; }

void FunctionEmitter::late_code() {
    for (std::size_t k = 0; k < late_.size(); ++k) late_[k]();
    chunk_payments_.emit([this] {
        auto& stop = trap(Trap::out_of_fuel);
        js(stop, reach(stop));
    });
    last_islands();
    if (!pool_.empty() || !records_.empty()) align(16);
    for (auto& [bits, label] : pool_) {
        L(label);
        dq(bits.first);
        dq(bits.second);
    }
    for (auto& [label, record] : records_) {
        L(label);
        std::array<std::uint64_t, 2> words{};
        std::memcpy(words.data(), &record, sizeof(record));
        dq(words[0]);
        dq(words[1]);
    }
    for (auto& [block, table] : tables_) {
        L(table.label);
        table.offset = getSize();
        for (std::size_t k = 0; k < table.targets.size(); ++k) dd(0);
    }
}

Assembler::LabelType FunctionEmitter::reach(Label& to) {
    const auto k = jumps_.size();
    jumps_.push_back({getSize(), &to});
    return k < learned_.is_short.size() && learned_.is_short[k] ? T_SHORT : T_NEAR;
}

Layout FunctionEmitter::layout() {
    // Alignment may grow by a few bytes where code before it shrinks.
    constexpr std::ptrdiff_t distance_max = 112;
    Layout out;
    const auto* begin = getCode();
    for (const auto& jump : jumps_) {
        const auto distance = jump.to->getAddress() - begin - static_cast<std::ptrdiff_t>(jump.from);
        out.is_short.push_back(distance >= -distance_max && distance <= distance_max);
    }
    out.loop_bytes.resize(f_.blocks.size());
    for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b) {
        const auto end = f_.blocks[b].loop_end;
        if (end == 0 || !innermost(b)) continue;
        const auto* after = end < f_.blocks.size() ? labels_[end].getAddress() : begin + blocks_end_;
        out.loop_bytes[b] = static_cast<std::size_t>(after - labels_[b].getAddress());
    }
    return out;
}

Emitted emit(const Function& function, const Allocation& allocation, const CallShape& shape,
             const Surroundings& around) {
    try {
        FunctionEmitter first(function, allocation, shape, around);
        auto out = first.run();
        if (out.bytes.empty()) return out;
        auto layout = first.layout();
        // Short jumps bring others' targets nearer.
        for (int round = 0; round < 2; ++round) {
            try {
                FunctionEmitter next(function, allocation, shape, around, layout);
                out = next.run();
                layout = next.layout();
            } catch (const Xbyak::Error&) {
                // A loop was moved too far.
                layout.loop_bytes.clear();
            }
        }
        return out;
    } catch (const Xbyak::Error&) {
        return {};
    }
}

}  // namespace troupe::jit::opt

#endif
