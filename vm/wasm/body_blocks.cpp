// Blocks, loops and ifs: where they open and end.
#include "vm/wasm/body_reader.hpp"

namespace troupe::wasm {

template <bool Build>
void BodyReader<Build>::push_frame(FrameKind kind, std::span<const ValueType> parameters,
                                   std::span<const ValueType> results) {
    if (frames_.size() >= limits_.nesting) return reader_.fail(too_large, "blocks nested too deep");
    Frame frame;
    frame.kind = kind;
    frame.parameters = parameters;
    frame.results = results;
    frame.height = operands_.size();
    frame.index = next_frame_++;
    if constexpr (!Build) frame.assigned = assigned_.open();
    frame.kept_for_else = kept_for_else_.size();
    frames_.push_back(frame);
    push_all(parameters, Build ? &values_ : nullptr);
}

template <bool Build>
typename BodyReader<Build>::BlockType BodyReader<Build>::block_type() {
    static constexpr std::array<ValueType, 7> singles{ValueType::i32,      ValueType::i64,  ValueType::f32,
                                                      ValueType::f64,      ValueType::v128, ValueType::funcref,
                                                      ValueType::externref};
    const auto at = reader_.position();
    const auto first = reader_.peek();
    if (first == 0x40) {
        reader_.skip(1);
        return {};
    }
    if ((first & 0xC0U) == 0x40) {
        const auto type = read_value_type(reader_, limits_);
        for (const auto& single : singles)
            if (single == type) return {{}, {&single, 1}};
        return {};
    }
    const auto index = reader_.s33();
    if (!reader_.ok()) return {};
    if (index < 0 || static_cast<std::uint64_t>(index) >= module_.types.size()) {
        reader_.fail_at(at, invalid, "unknown type");
        return {};
    }
    const auto& type = module_.types[static_cast<std::size_t>(index)];
    return {type.parameters, type.results};
}

template <bool Build>
void BodyReader<Build>::open_block(FrameKind kind) {
    const auto type = block_type();
    const auto condition = kind == FrameKind::if_ ? pop(ValueType::i32) : Operand{};
    pop_all(type.parameters, &values_);
    if (!reader_.ok()) return;
    const bool built = live();
    if constexpr (Build) {
        const auto& facts = body_frames_->frames[next_frame_];
        if (built && kind == FrameKind::loop) {
            open_loop(type, facts);
            return;
        }
        if (built && kind == FrameKind::if_) {
            open_if(type, facts, condition.value);
            return;
        }
    }
    push_frame(kind, type.parameters, type.results);
    if (reader_.ok()) frames_.back().built = built;
}

template <bool Build>
void BodyReader<Build>::else_() {
    auto& frame = frames_.back();
    if (frame.kind != FrameKind::if_) return reader_.fail_at(start_, malformed, "else without if");
    pop_all(frame.results, &values_);
    if constexpr (!Build) {
        if (reader_.ok() && operands_.size() != frame.height)
            reader_.fail_at(start_, invalid, "type mismatch: values left on the stack at else");
    }
    if (!reader_.ok()) return;
    if constexpr (Build) {
        if (live()) {
            edge_to(frame, values_);
            builder.terminate(dmir::Terminator::Kind::branch);
        }
        if (frame.built) {
            builder.function.edges[frame.else_edge].block = builder.start_block();
            const auto* kept = kept_for_else_.data() + frame.kept_for_else;
            for (auto local : assigned_in(frame)) local_values_[local] = *kept++;
            values_.assign(kept, kept + frame.parameters.size());
        } else {
            values_.assign(frame.parameters.size(), no_value);
        }
    }
    shrink_to(frame.height);
    frame.kind = FrameKind::else_;
    frame.unreachable = false;
    push_all(frame.parameters, Build ? &values_ : nullptr);
}

template <bool Build>
void BodyReader<Build>::end() {
    auto& frame = frames_.back();
    pop_all(frame.results, &values_);
    if constexpr (!Build) {
        if (reader_.ok() && operands_.size() != frame.height)
            reader_.fail_at(start_, invalid, "type mismatch: values left on the stack at the block's end");
        if (reader_.ok() && frame.kind == FrameKind::if_ &&
            !std::equal(frame.parameters.begin(), frame.parameters.end(), frame.results.begin(), frame.results.end()))
            reader_.fail_at(start_, invalid, "type mismatch: if without else must leave what it took");
    }
    if (!reader_.ok()) return;
    if constexpr (Build) {
        shrink_to(frame.height);
        end_built(frame);
    } else {
        end_validated(frame);
    }
    const auto results = frame.results;
    frames_.pop_back();
    if (!frames_.empty()) push_all(results, Build ? &values_ : nullptr);
}

template <bool Build>
void BodyReader<Build>::end_validated(Frame& frame) {
    const auto* outer = frames_.size() > 1 ? &frames_[frames_.size() - 2].assigned : nullptr;
    const auto count = assigned_.close(frame.assigned, outer).size();
    spend((std::uint64_t{frame.branches} + 2) * (count + frame.results.size()));
}

template void BodyReader<false>::push_frame(FrameKind kind, std::span<const ValueType> parameters,
                                            std::span<const ValueType> results);
template void BodyReader<true>::push_frame(FrameKind kind, std::span<const ValueType> parameters,
                                           std::span<const ValueType> results);
template void BodyReader<false>::open_block(FrameKind kind);
template void BodyReader<true>::open_block(FrameKind kind);
template void BodyReader<false>::else_();
template void BodyReader<true>::else_();
template void BodyReader<false>::end();
template void BodyReader<true>::end();

}  // namespace troupe::wasm
