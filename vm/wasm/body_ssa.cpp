// The blocks, edges and parameters that the reading builds.
#include "vm/wasm/body_reader.hpp"

namespace troupe::wasm {

template <bool Build>
void BodyReader<Build>::start_function() {
    auto& f = builder.function;
    for (auto type : type_->parameters) f.signature.parameters.push_back(to_dmir(type));
    for (auto type : type_->results) f.signature.results.push_back(to_dmir(type));
    builder.start_block();
    for (std::size_t i = 0; i < locals_.size(); ++i) {
        if (i < type_->parameters.size()) {
            const auto value = f.new_value(to_dmir(locals_[i]));
            builder.block().parameters.push_back(value);
            local_values_.push_back(value);
        } else {
            local_values_.push_back(no_value);
        }
    }
    // One zero of each type for the other locals.
    std::array<Value, 8> zeros;
    zeros.fill(no_value);
    for (std::size_t i = type_->parameters.size(); i < locals_.size(); ++i) {
        const auto type = to_dmir(locals_[i]);
        auto& zero = zeros[static_cast<std::size_t>(type)];
        if (zero == no_value) {
            constexpr std::array<Op, 6> constants{Op::i32_const, Op::i64_const,  Op::f32_const,
                                                  Op::f64_const, Op::v128_const, Op::ref_null};
            zero = builder.result(builder.append(constants[static_cast<std::size_t>(type)]), type);
        }
        local_values_[i] = zero;
    }
}

template <bool Build>
dmir::List BodyReader<Build>::edge_arguments(const Frame& frame, std::span<const Value> operands) {
    auto& lists = builder.function.lists;
    const auto begin = static_cast<std::uint32_t>(lists.size());
    lists.insert(lists.end(), operands.begin(), operands.end());
    for (auto local : assigned_in(frame)) lists.push_back(local_values_[local]);
    return {begin, static_cast<std::uint32_t>(lists.size()) - begin};
}

template <bool Build>
void BodyReader<Build>::edge_to(Frame& frame, std::span<const Value> operands) {
    const auto arguments = edge_arguments(frame, operands);
    if (frame.kind == FrameKind::loop)
        builder.edge(arguments, frame.header);
    else
        wait(frame, builder.edge(arguments));
}

template <bool Build>
void BodyReader<Build>::top_operands(std::size_t n) {
    values_.resize(n);
    const auto have = std::min(n, operands_.size());
    if constexpr (Build)
        for (std::size_t i = 0; i < have; ++i) values_[n - 1 - i] = operands_.from_top(i);
}

template <bool Build>
void BodyReader<Build>::join(Frame& frame) {
    auto& f = builder.function;
    const auto block = builder.start_block();
    const auto assigned = assigned_in(frame);
    pending_.clear();
    for (auto edge = frame.last_pending; edge != no_edge; edge = pending_before_[edge]) pending_.push_back(edge);
    const auto operand_count = frame.results.size();
    const auto total = operand_count + assigned.size();
    values_.assign(operand_count, no_value);
    std::uint32_t kept = 0;
    for (std::size_t i = 0; i < total; ++i) {
        const auto type = i < operand_count ? to_dmir(frame.results[i]) : to_dmir(locals_[assigned[i - operand_count]]);
        auto value = f.lists[f.edges[pending_[0]].arguments.begin + i];
        const bool same = std::all_of(pending_.begin(), pending_.end(),
                                      [&](auto edge) { return f.lists[f.edges[edge].arguments.begin + i] == value; });
        if (!same) {
            for (auto edge : pending_) {
                const auto begin = f.edges[edge].arguments.begin;
                f.lists[begin + kept] = f.lists[begin + i];
            }
            value = f.new_value(type);
            f.blocks[block].parameters.push_back(value);
            ++kept;
        }
        if (i < operand_count)
            values_[i] = value;
        else
            local_values_[assigned[i - operand_count]] = value;
    }
    for (auto edge : pending_) {
        f.edges[edge].block = block;
        f.edges[edge].arguments.count = kept;
    }
}

template <bool Build>
void BodyReader<Build>::open_loop(const BlockType& type, const FrameFacts& facts) {
    auto& f = builder.function;
    auto arguments = builder.list(values_);
    const auto assigned = body_frames_->assigned_in(facts);
    for (auto local : assigned) f.lists.push_back(local_values_[local]);
    arguments.count += facts.assigned_count;
    const auto header = static_cast<dmir::BlockIndex>(f.blocks.size());
    builder.edge(arguments, header);
    builder.terminate(dmir::Terminator::Kind::branch);
    builder.start_block();
    for (std::size_t i = 0; i < values_.size(); ++i) {
        values_[i] = f.new_value(to_dmir(type.parameters[i]));
        builder.block().parameters.push_back(values_[i]);
    }
    for (auto local : assigned) {
        local_values_[local] = f.new_value(to_dmir(locals_[local]));
        builder.block().parameters.push_back(local_values_[local]);
    }
    push_frame(FrameKind::loop, type.parameters, type.results);
    frames_.back().header = header;
    frames_.back().built = true;
}

template <bool Build>
void BodyReader<Build>::open_if(const BlockType& type, const FrameFacts& facts, Value condition) {
    builder.charge(fuel::branch_if);
    const auto then_edge = builder.edge({});
    const auto else_edge = builder.edge({});
    builder.terminate(dmir::Terminator::Kind::branch_if, condition);
    const auto kept = kept_for_else_.size();
    if (facts.has_else) {
        for (auto local : body_frames_->assigned_in(facts)) kept_for_else_.push_back(local_values_[local]);
        kept_for_else_.insert(kept_for_else_.end(), values_.begin(), values_.end());
    }
    push_frame(FrameKind::if_, type.parameters, type.results);
    auto& frame = frames_.back();
    frame.built = true;
    frame.else_edge = else_edge;
    frame.kept_for_else = kept;
    if (!facts.has_else) {
        const auto arguments = edge_arguments(frame, values_);
        builder.function.edges[else_edge].arguments = arguments;
        wait(frame, else_edge);
    }
    const auto block = builder.start_block();
    builder.function.edges[then_edge].block = block;
}

template <bool Build>
void BodyReader<Build>::end_built(Frame& frame) {
    if (frame.kind == FrameKind::if_ || frame.kind == FrameKind::else_) kept_for_else_.resize(frame.kept_for_else);
    if (!frame.built) {
        values_.assign(frame.results.size(), no_value);
        return;
    }
    if (frame.kind == FrameKind::loop) return;  // its label is its head; falling out changes nothing
    if (frame.last_pending != no_edge) {
        if (live()) {
            const auto arguments = edge_arguments(frame, values_);
            wait(frame, builder.edge(arguments));
            builder.terminate(dmir::Terminator::Kind::branch);
        }
        join(frame);
    } else if (!live()) {
        values_.assign(frame.results.size(), no_value);
    }
    if (frame.kind == FrameKind::function && live()) {
        builder.charge(fuel::return_values);
        const auto list = builder.list(values_);
        builder.terminate(dmir::Terminator::Kind::return_values, no_value, list);
    }
}

template void BodyReader<true>::start_function();
template dmir::List BodyReader<true>::edge_arguments(const Frame& frame, std::span<const Value> operands);
template void BodyReader<false>::edge_to(Frame& frame, std::span<const Value> operands);
template void BodyReader<true>::edge_to(Frame& frame, std::span<const Value> operands);
template void BodyReader<false>::top_operands(std::size_t n);
template void BodyReader<true>::top_operands(std::size_t n);
template void BodyReader<true>::open_loop(const BlockType& type, const FrameFacts& facts);
template void BodyReader<true>::open_if(const BlockType& type, const FrameFacts& facts, Value condition);
template void BodyReader<true>::end_built(Frame& frame);

}  // namespace troupe::wasm
