// Branches and the other instructions that dMIR has no operation for, but locals.
#include "vm/wasm/body_reader.hpp"

namespace troupe::wasm {

template <bool Build>
void BodyReader<Build>::branch(std::uint32_t depth, std::size_t at) {
    auto* frame = label(depth, at);
    if (frame == nullptr) return;
    ++frame->branches;
    pop_all(frame->label_types(), &values_);
    if (!reader_.ok()) return;
    if (live()) {
        edge_to(*frame, values_);
        builder.terminate(dmir::Terminator::Kind::branch);
    }
    make_unreachable();
}

template <bool Build>
void BodyReader<Build>::branch_if() {
    const auto at = reader_.position();
    const auto depth = reader_.u32();
    const auto condition = pop(ValueType::i32);
    auto* frame = reader_.ok() ? label(depth, at) : nullptr;
    if (frame == nullptr) return;
    ++frame->branches;
    const auto types = frame->label_types();
    pop_all(types, &values_);
    if (!reader_.ok()) return;
    if (live()) {
        edge_to(*frame, values_);
        const auto next = builder.edge({});
        builder.terminate(dmir::Terminator::Kind::branch_if, condition.value);
        const auto block = builder.start_block();
        builder.function.edges[next].block = block;
    }
    push_all(types, Build ? &values_ : nullptr);
}

template <bool Build>
void BodyReader<Build>::branch_table() {
    const auto at = reader_.position();
    const auto n = reader_.u32();
    if (n > reader_.remaining()) return reader_.fail_at(at, malformed, "unexpected end of section or function");
    if (n > limits_.branch_table) return reader_.fail_at(at, too_large, "branch table too large");
    std::vector<std::uint32_t> depths(std::size_t{n} + 1);
    for (auto& depth : depths) depth = reader_.u32();
    const auto condition = pop(ValueType::i32);
    auto* last = reader_.ok() ? label(depths.back(), at) : nullptr;
    if (last == nullptr) return;
    const auto arity = last->label_types().size();
    for (auto depth : depths) {
        auto* frame = label(depth, at);
        if (frame == nullptr) return;
        ++frame->branches;
        const auto types = frame->label_types();
        if constexpr (Build) continue;
        if (types.size() != arity)
            return reader_.fail_at(at, invalid, "type mismatch: br_table labels differ in arity");
        check_top(types);
        if (!reader_.ok()) return;
    }
    if (live()) {
        top_operands(arity);
        for (auto depth : depths) edge_to(*label(depth, at), values_);
        builder.terminate(dmir::Terminator::Kind::branch_table, condition.value);
    }
    make_unreachable();
}

template <bool Build>
void BodyReader<Build>::check_top(std::span<const ValueType> types) {
    if constexpr (!Build) {
        const auto& frame = frames_.back();
        for (std::size_t i = 0; i < types.size(); ++i) {
            if (operands_.size() - frame.height <= i) {
                if (!frame.unreachable) reader_.fail_at(start_, invalid, "type mismatch: operand stack is empty");
                return;
            }
            const auto have = operands_.from_top(i);
            const OperandType want = types[types.size() - 1 - i];
            if (!have.any() && have != want)
                return reader_.fail_at(
                    start_, invalid, fmt::format("type mismatch: expected {}, found {}", name_of(want), name_of(have)));
        }
    }
}

template <bool Build>
void BodyReader<Build>::return_() {
    pop_all(type_->results, &values_);
    if (!reader_.ok()) return;
    if (live()) {
        const auto list = builder.list(values_);
        builder.terminate(dmir::Terminator::Kind::return_values, no_value, list);
    }
    make_unreachable();
}

template <bool Build>
void BodyReader<Build>::select(bool typed) {
    OperandType type;
    if (typed) {
        const auto n = reader_.u32();
        if (n != 1) return reader_.fail_at(start_, invalid, "invalid result arity");
        type = read_value_type(reader_, limits_);
    }
    const auto condition = pop(ValueType::i32);
    const auto second = pop(type);
    const auto first = pop(typed ? type : second.type);
    if (!reader_.ok()) return;
    if (!typed) {
        type = first.type.any() ? second.type : first.type;
        if (type.is_reference())
            return reader_.fail_at(start_, invalid, "type mismatch: select of references needs its type");
    }
    Value value = no_value;
    if (live()) {
        auto& i = builder.append(Op::select);
        i.arguments = {first.value, second.value, condition.value};
        value = builder.result(i, builder.function.types[first.value]);
    }
    push(type, value);
}

template <bool Build>
void BodyReader<Build>::control(std::uint16_t opcode) {
    switch (opcode) {
        case 0x00:
            charge(1);
            if (live()) builder.terminate(dmir::Terminator::Kind::unreachable);
            return make_unreachable();
        case 0x01: return;
        case 0x02: return open_block(FrameKind::block);
        case 0x03: return open_block(FrameKind::loop);
        case 0x04: return open_block(FrameKind::if_);
        case 0x05: return else_();
        case 0x0B: return end();
        case 0x0C: {
            charge(fuel::branch);
            const auto at = reader_.position();
            return branch(reader_.u32(), at);
        }
        case 0x0D: charge(fuel::branch_if); return branch_if();
        case 0x0E: charge(fuel::branch_table); return branch_table();
        case 0x0F: charge(fuel::return_values); return return_();
        case 0x1A:
            charge(1);
            static_cast<void>(pop());
            return;
        case 0x1C: charge(1); return select(true);
        case 0x06:
        case 0x07:
        case 0x08:
        case 0x09:
        case 0x0A:
        case 0x18:
        case 0x19:
        case 0x1F: return reader_.fail_at(start_, unsupported, "the exception handling proposal is not done here");
        case 0x12:
        case 0x13: return reader_.fail_at(start_, unsupported, "the tail call proposal is not done here");
        case 0x14:
        case 0x15:
            return reader_.fail_at(start_, unsupported, "the typed function references proposal is not done here");
        case 0xFB: return reader_.fail_at(start_, unsupported, "the garbage collection proposal is not done here");
        case 0xFE:
            return reader_.fail_at(start_, unsupported, "the threads proposal is nondeterministic and not done here");
        default: return reader_.fail_at(start_, malformed, fmt::format("illegal opcode {:#x}", opcode));
    }
}

template void BodyReader<false>::control(std::uint16_t opcode);
template void BodyReader<true>::control(std::uint16_t opcode);
template void BodyReader<false>::select(bool typed);
template void BodyReader<true>::select(bool typed);
template void BodyReader<false>::branch(std::uint32_t depth, std::size_t at);
template void BodyReader<true>::branch(std::uint32_t depth, std::size_t at);

}  // namespace troupe::wasm
