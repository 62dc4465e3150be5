#include "vm/wasm/function_body.hpp"

#include <algorithm>
#include <array>

#include "vm/dmir/dead_code.hpp"
#include "vm/dmir/place_charges.hpp"
#include "vm/wasm/ssa_builder.hpp"

namespace troupe::wasm {
namespace {

using enum ErrorCode;
using dmir::no_value;
using dmir::Op;
using dmir::OpKind;
using dmir::Value;

/// An operand's type, or any (the type of what unreachable code pops).
struct OperandType {
    std::uint8_t code = 0;
    constexpr OperandType() = default;
    constexpr OperandType(ValueType type) : code(static_cast<std::uint8_t>(type)) {}
    constexpr bool operator==(const OperandType&) const = default;
    [[nodiscard]] constexpr bool any() const { return code == 0; }
    [[nodiscard]] constexpr bool is_reference() const {
        return code == static_cast<std::uint8_t>(ValueType::funcref) ||
               code == static_cast<std::uint8_t>(ValueType::externref);
    }
};

[[nodiscard]] std::string name_of(OperandType type) {
    return type.any() ? "any" : std::string(to_string(static_cast<ValueType>(type.code)));
}

[[nodiscard]] constexpr ValueType from_letter(char letter) {
    switch (letter) {
        case 'i': return ValueType::i32;
        case 'l': return ValueType::i64;
        case 'f': return ValueType::f32;
        case 'd': return ValueType::f64;
        default: return ValueType::v128;
    }
}

struct Operand {
    OperandType type;
    Value value = no_value;
};

enum class FrameKind : std::uint8_t { function, block, loop, if_, else_ };

struct Frame {
    FrameKind kind{};
    std::span<const ValueType> parameters;
    std::span<const ValueType> results;
    /// Operands below belong to enclosing frames.
    std::size_t height = 0;
    bool unreachable = false;
    std::uint32_t index = 0;  // in BodyFacts::frames
    // Validation only.
    std::vector<std::uint32_t> assigned;
    std::uint32_t mark = 0;
    std::uint32_t branches = 0;
    bool has_else = false;
    // Building only.
    /// The frame's opening was reachable, so that it exists in SSA.
    bool built = false;
    dmir::BlockIndex header = 0;
    /// Edges that wait for the block after this frame.
    std::vector<std::uint32_t> pending;
    /// Of an if: the edge to its else block, and what the else block starts with.
    std::uint32_t else_edge = 0;
    std::vector<Value> else_locals;
    std::vector<Value> else_operands;

    [[nodiscard]] std::span<const ValueType> label_types() const {
        return kind == FrameKind::loop ? parameters : results;
    }
};

/// Reads one body. With `Build` it has been validated and becomes SSA: a join's parameters are the label's operands and
/// those locals assigned inside the frame that really differ between its edges; a loop's are all assigned inside it.
template <bool Build>
class BodyReader {
public:
    BodyReader(const Module& module, std::uint32_t function, const Limits& limits, BodyScratch& scratch,
               BodyFacts& facts)
        : module_(module),
          limits_(limits),
          scratch_(scratch),
          facts_(facts),
          type_(module.types[module.functions[function].type_index]),
          reader_(module.bytes, module.functions[function].body_offset,
                  module.functions[function].body_offset + module.functions[function].body_size) {}

    void run(bool keep_frames) {
        keep_frames_ = keep_frames;
        declare_locals();
        if (!reader_.ok()) return;
        if constexpr (Build) start_function();
        push_frame(FrameKind::function, {}, type_.results);
        if constexpr (Build) frames_.back().built = true;
        while (reader_.ok() && !frames_.empty()) instruction();
        if (!reader_.ok()) return;
        if (!reader_.at_end()) reader_.fail(malformed, "section size mismatch: bytes after the body's end");
        facts_.stack_units = call_stack_units + local_units_ + operand_units_max_;
    }

    [[nodiscard]] const Reader& reader() const { return reader_; }
    SsaBuilder builder;

private:
    // Locals.

    void declare_locals() {
        locals_ = {};
        for (auto type : type_.parameters) add_locals(1, type);
        const auto groups = reader_.u32();
        std::uint64_t total = locals_.size();
        for (std::uint32_t g = 0; g < groups && reader_.ok(); ++g) {
            const auto n = reader_.u32();
            total += n;
            if (total > 0xFFFFFFFF) return reader_.fail(malformed, "too many locals");
            const auto type = read_value_type(reader_, limits_);
            if (!reader_.ok()) return;
            if (total > limits_.locals)
                return reader_.fail(too_large, fmt::format("{} locals; the limit is {}", total, limits_.locals));
            add_locals(n, type);
        }
        if (scratch_.marks.size() < locals_.size()) scratch_.marks.resize(locals_.size(), 0);
    }
    void add_locals(std::uint32_t n, ValueType type) {
        locals_.insert(locals_.end(), n, type);
        local_units_ += n * units(type);
        if (type == ValueType::v128) facts_.uses_simd = true;
    }
    [[nodiscard]] static std::uint32_t units(OperandType type) { return type == OperandType(ValueType::v128) ? 2 : 1; }

    [[nodiscard]] std::uint32_t local_index() {
        const auto at = reader_.position();
        const auto index = reader_.u32();
        if (index < locals_.size()) return index;
        reader_.fail_at(at, invalid, "unknown local");
        return 0;
    }
    void assign(std::uint32_t local, Value value) {
        if constexpr (Build) {
            local_values_[local] = value;
        } else {
            auto& frame = frames_.back();
            if (scratch_.marks[local] == frame.mark) return;
            scratch_.marks[local] = frame.mark;
            frame.assigned.push_back(local);
            spend(1);
        }
    }
    /// Work that SSA construction will have.
    void spend(std::uint64_t n) {
        joins_ += n;
        if (joins_ > limits_.joins) reader_.fail(too_large, "function too complex: too many values meet at its joins");
    }

    // Operands.

    void push(OperandType type, Value value = no_value) {
        if (operands_.size() >= limits_.operand_stack) return reader_.fail(too_large, "operand stack too deep");
        operands_.push_back({type, value});
        operand_units_ += units(type);
        operand_units_max_ = std::max(operand_units_max_, operand_units_);
    }
    Operand pop() {
        if constexpr (!Build) {
            const auto& frame = frames_.back();
            if (operands_.size() == frame.height) {
                if (!frame.unreachable) reader_.fail_at(start_, invalid, "type mismatch: operand stack is empty");
                return {};
            }
        } else {
            if (operands_.size() == frames_.back().height) return {};
        }
        const auto out = operands_.back();
        operands_.pop_back();
        operand_units_ -= units(out.type);
        return out;
    }
    Operand pop(OperandType expected) {
        const auto out = pop();
        if constexpr (!Build)
            if (out.type != expected && !out.type.any() && !expected.any())
                reader_.fail_at(
                    start_, invalid,
                    fmt::format("type mismatch: expected {}, found {}", name_of(expected), name_of(out.type)));
        return out;
    }
    void pop_all(std::span<const ValueType> types, std::vector<Value>* values = nullptr) {
        if (Build && values != nullptr) values->resize(types.size());
        for (std::size_t i = types.size(); i-- > 0 && reader_.ok();) {
            const auto operand = pop(types[i]);
            if (Build && values != nullptr) (*values)[i] = operand.value;
        }
    }
    void push_all(std::span<const ValueType> types, const std::vector<Value>* values = nullptr) {
        for (std::size_t i = 0; i < types.size(); ++i)
            push(types[i], values != nullptr && Build ? (*values)[i] : no_value);
    }
    void shrink_to(std::size_t height) {
        while (operands_.size() > height) {
            operand_units_ -= units(operands_.back().type);
            operands_.pop_back();
        }
    }

    // Frames.

    void push_frame(FrameKind kind, std::span<const ValueType> parameters, std::span<const ValueType> results) {
        if (frames_.size() >= limits_.nesting) return reader_.fail(too_large, "blocks nested too deep");
        Frame frame;
        frame.kind = kind;
        frame.parameters = parameters;
        frame.results = results;
        frame.height = operands_.size();
        frame.index = next_frame_++;
        frame.mark = scratch_.next_mark++;
        if (!Build && keep_frames_) facts_.frames.emplace_back();
        frames_.push_back(std::move(frame));
        push_all(parameters, Build ? &values_ : nullptr);
    }
    void make_unreachable() {
        auto& frame = frames_.back();
        shrink_to(frame.height);
        frame.unreachable = true;
    }
    [[nodiscard]] Frame* label(std::uint32_t depth, std::size_t at) {
        if (depth >= frames_.size()) {
            reader_.fail_at(at, invalid, "unknown label");
            return nullptr;
        }
        return &frames_[frames_.size() - 1 - depth];
    }

    struct BlockType {
        std::span<const ValueType> parameters;
        std::span<const ValueType> results;
    };
    [[nodiscard]] BlockType block_type() {
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

    // SSA.

    [[nodiscard]] bool live() const { return Build && builder.reachable(); }

    void start_function() {
        auto& f = builder.function;
        for (auto type : type_.parameters) f.signature.parameters.push_back(to_dmir(type));
        for (auto type : type_.results) f.signature.results.push_back(to_dmir(type));
        builder.start_block();
        for (std::size_t i = 0; i < locals_.size(); ++i) {
            if (i < type_.parameters.size()) {
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
        for (std::size_t i = type_.parameters.size(); i < locals_.size(); ++i) {
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

    /// What a branch to `frame` passes: `operands` and the assigned locals' values now.
    [[nodiscard]] dmir::List edge_arguments(const Frame& frame, std::span<const Value> operands) {
        auto& lists = builder.function.lists;
        const auto begin = static_cast<std::uint32_t>(lists.size());
        lists.insert(lists.end(), operands.begin(), operands.end());
        if (frame.kind != FrameKind::function)
            for (auto local : facts_.frames[frame.index].assigned) lists.push_back(local_values_[local]);
        return {begin, static_cast<std::uint32_t>(lists.size()) - begin};
    }
    void edge_to(Frame& frame, std::span<const Value> operands) {
        const auto arguments = edge_arguments(frame, operands);
        if (frame.kind == FrameKind::loop)
            builder.edge(arguments, frame.header);
        else
            frame.pending.push_back(builder.edge(arguments));
    }
    void top_operands(std::size_t n) {
        values_.resize(n);
        const auto have = std::min(n, operands_.size());
        for (std::size_t i = 0; i < have; ++i) values_[n - 1 - i] = operands_[operands_.size() - 1 - i].value;
    }

    /// Opens the block where `frame`'s edges meet; `values_` gets the label's operands.
    void join(Frame& frame) {
        auto& f = builder.function;
        const auto block = builder.start_block();
        const auto& assigned = frame.kind == FrameKind::function ? no_locals_ : facts_.frames[frame.index].assigned;
        const auto operand_count = frame.results.size();
        const auto total = operand_count + assigned.size();
        values_.assign(operand_count, no_value);
        std::uint32_t kept = 0;
        for (std::size_t i = 0; i < total; ++i) {
            const auto type =
                i < operand_count ? to_dmir(frame.results[i]) : to_dmir(locals_[assigned[i - operand_count]]);
            auto value = f.lists[f.edges[frame.pending[0]].arguments.begin + i];
            const bool same = std::all_of(frame.pending.begin(), frame.pending.end(), [&](auto edge) {
                return f.lists[f.edges[edge].arguments.begin + i] == value;
            });
            if (!same) {
                for (auto edge : frame.pending) {
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
        for (auto edge : frame.pending) {
            f.edges[edge].block = block;
            f.edges[edge].arguments.count = kept;
        }
    }

    void charge(std::uint32_t fuel) {
        if constexpr (Build)
            if (builder.reachable()) builder.charge(fuel);
    }

    // Instructions.

    void open_block(FrameKind kind) {
        const auto type = block_type();
        const auto condition = kind == FrameKind::if_ ? pop(ValueType::i32) : Operand{};
        pop_all(type.parameters, &values_);
        if (!reader_.ok()) return;
        const bool built = live();
        if constexpr (Build) {
            const auto& facts = facts_.frames[next_frame_];
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
    void open_loop(const BlockType& type, const FrameFacts& facts) {
        auto& f = builder.function;
        auto arguments = builder.list(values_);
        for (auto local : facts.assigned) f.lists.push_back(local_values_[local]);
        arguments.count += static_cast<std::uint32_t>(facts.assigned.size());
        const auto header = static_cast<dmir::BlockIndex>(f.blocks.size());
        builder.edge(arguments, header);
        builder.terminate(dmir::Terminator::Kind::branch);
        builder.start_block();
        for (std::size_t i = 0; i < values_.size(); ++i) {
            values_[i] = f.new_value(to_dmir(type.parameters[i]));
            builder.block().parameters.push_back(values_[i]);
        }
        for (auto local : facts.assigned) {
            local_values_[local] = f.new_value(to_dmir(locals_[local]));
            builder.block().parameters.push_back(local_values_[local]);
        }
        push_frame(FrameKind::loop, type.parameters, type.results);
        frames_.back().header = header;
        frames_.back().built = true;
    }
    void open_if(const BlockType& type, const FrameFacts& facts, Value condition) {
        builder.charge(fuel::branch_if);
        const auto then_edge = builder.edge({});
        const auto else_edge = builder.edge({});
        builder.terminate(dmir::Terminator::Kind::branch_if, condition);
        auto operands = values_;
        push_frame(FrameKind::if_, type.parameters, type.results);
        auto& frame = frames_.back();
        frame.built = true;
        frame.else_edge = else_edge;
        if (facts.has_else) {
            for (auto local : facts.assigned) frame.else_locals.push_back(local_values_[local]);
            frame.else_operands = std::move(operands);
        } else {
            const auto arguments = edge_arguments(frame, operands);
            builder.function.edges[else_edge].arguments = arguments;
            frame.pending.push_back(else_edge);
        }
        const auto block = builder.start_block();
        builder.function.edges[then_edge].block = block;
    }

    void else_() {
        auto& frame = frames_.back();
        if (frame.kind != FrameKind::if_) return reader_.fail_at(start_, malformed, "else without if");
        pop_all(frame.results, &values_);
        if constexpr (!Build) {
            if (reader_.ok() && operands_.size() != frame.height)
                reader_.fail_at(start_, invalid, "type mismatch: values left on the stack at else");
            if (keep_frames_) facts_.frames[frame.index].has_else = true;
        }
        if (!reader_.ok()) return;
        if constexpr (Build) {
            if (live()) {
                edge_to(frame, values_);
                builder.terminate(dmir::Terminator::Kind::branch);
            }
            if (frame.built) {
                builder.function.edges[frame.else_edge].block = builder.start_block();
                const auto& assigned = facts_.frames[frame.index].assigned;
                for (std::size_t i = 0; i < assigned.size(); ++i) local_values_[assigned[i]] = frame.else_locals[i];
                values_ = frame.else_operands;
            } else {
                values_.assign(frame.parameters.size(), no_value);
            }
        }
        shrink_to(frame.height);
        frame.kind = FrameKind::else_;
        frame.unreachable = false;
        push_all(frame.parameters, Build ? &values_ : nullptr);
    }

    void end() {
        auto& frame = frames_.back();
        pop_all(frame.results, &values_);
        if constexpr (!Build) {
            if (reader_.ok() && operands_.size() != frame.height)
                reader_.fail_at(start_, invalid, "type mismatch: values left on the stack at the block's end");
            if (reader_.ok() && frame.kind == FrameKind::if_ &&
                !std::equal(frame.parameters.begin(), frame.parameters.end(), frame.results.begin(),
                            frame.results.end()))
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
    void end_built(Frame& frame) {
        if (!frame.built) {
            values_.assign(frame.results.size(), no_value);
            return;
        }
        if (frame.kind == FrameKind::loop) return;  // its label is its head; falling out changes nothing
        if (!frame.pending.empty()) {
            if (live()) {
                const auto arguments = edge_arguments(frame, values_);
                frame.pending.push_back(builder.edge(arguments));
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
    void end_validated(Frame& frame) {
        auto& assigned = frame.assigned;
        std::sort(assigned.begin(), assigned.end());
        assigned.erase(std::unique(assigned.begin(), assigned.end()), assigned.end());
        spend((std::uint64_t{frame.branches} + 2) * (assigned.size() + frame.results.size()));
        if (frames_.size() > 1) {
            auto& parent = frames_[frames_.size() - 2];
            for (auto local : assigned) {
                if (scratch_.marks[local] == parent.mark) continue;
                scratch_.marks[local] = parent.mark;
                parent.assigned.push_back(local);
            }
        }
        if (keep_frames_) facts_.frames[frame.index].assigned = std::move(assigned);
    }

    void branch(std::uint32_t depth, std::size_t at) {
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
    void branch_if() {
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
    void branch_table() {
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
    /// That the operands on top have these types, leaving them.
    void check_top(std::span<const ValueType> types) {
        const auto& frame = frames_.back();
        for (std::size_t i = 0; i < types.size(); ++i) {
            if (operands_.size() - frame.height <= i) {
                if (!frame.unreachable) reader_.fail_at(start_, invalid, "type mismatch: operand stack is empty");
                return;
            }
            const auto have = operands_[operands_.size() - 1 - i].type;
            const OperandType want = types[types.size() - 1 - i];
            if (!have.any() && have != want)
                return reader_.fail_at(
                    start_, invalid, fmt::format("type mismatch: expected {}, found {}", name_of(want), name_of(have)));
        }
    }
    void return_() {
        pop_all(type_.results, &values_);
        if (!reader_.ok()) return;
        if (live()) {
            const auto list = builder.list(values_);
            builder.terminate(dmir::Terminator::Kind::return_values, no_value, list);
        }
        make_unreachable();
    }

    void call_of(const FunctionType& type, Op op, std::uint64_t immediate, Value callee) {
        pop_all(type.parameters, &values_);
        if (!reader_.ok()) return;
        if (!live()) {
            values_.assign(type.results.size(), no_value);
            return push_all(type.results, Build ? &values_ : nullptr);
        }
        const auto list = builder.list(values_);
        auto& call = builder.append(op);
        call.list = list;
        call.immediate = immediate;
        call.arguments[0] = callee;
        call.result_count = static_cast<std::uint32_t>(type.results.size());
        values_.clear();
        for (auto result : type.results) values_.push_back(builder.function.new_value(to_dmir(result)));
        if (!values_.empty()) call.first_result = values_[0];
        push_all(type.results, &values_);
    }

    void select(bool typed) {
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

    /// The memory's immediate: alignment as a power of two, and offset.
    [[nodiscard]] std::uint32_t memory_argument(unsigned natural) {
        need_memory();
        const auto at = reader_.position();
        const auto alignment = reader_.u32();
        if (reader_.ok() && alignment >= 32) reader_.fail_at(at, malformed, "malformed memop flags");
        if (reader_.ok() && alignment > natural)
            reader_.fail_at(at, invalid, "alignment must not be larger than natural");
        return reader_.u32();
    }
    void need_memory() {
        if (module_.memories.empty()) reader_.fail_at(start_, invalid, "unknown memory 0");
    }
    void zero_byte() {
        if (reader_.byte() != 0 && reader_.ok())
            reader_.fail_at(reader_.position() - 1, malformed, "zero byte expected");
    }
    [[nodiscard]] std::uint32_t index_below(std::size_t count, std::string_view what) {
        const auto at = reader_.position();
        const auto index = reader_.u32();
        if (reader_.ok() && index >= count) reader_.fail_at(at, invalid, fmt::format("unknown {} {}", what, index));
        return reader_.ok() ? index : 0;
    }
    [[nodiscard]] std::uint32_t table_index() { return index_below(module_.tables.size(), "table"); }

    /// Every operation whose types stand in the table.
    void simple(Op op, const dmir::OpInfo& facts) {
        std::uint64_t immediate = 0;
        std::uint64_t immediate_high = 0;
        switch (facts.kind) {
            case OpKind::plain: break;
            case OpKind::constant: constant(op, immediate, immediate_high); break;
            case OpKind::load:
            case OpKind::store: immediate = memory_argument(facts.n); break;
            case OpKind::lane: immediate = lane(facts.n); break;
            case OpKind::load_lane:
            case OpKind::store_lane: {
                const auto offset = memory_argument(facts.n);
                immediate = offset | std::uint64_t{lane(16U >> facts.n)} << 32;
                break;
            }
            case OpKind::shuffle:
                immediate = reader_.little_endian<std::uint64_t>();
                immediate_high = reader_.little_endian<std::uint64_t>();
                if (((immediate | immediate_high) & 0xE0E0E0E0E0E0E0E0ULL) != 0)
                    reader_.fail_at(start_, invalid, "invalid lane index");
                break;
            case OpKind::special: break;
        }
        emit(op, facts, immediate, immediate_high);
    }
    void constant(Op op, std::uint64_t& low, std::uint64_t& high) {
        switch (op) {
            case Op::i32_const: low = static_cast<std::uint32_t>(reader_.s32()); break;
            case Op::i64_const: low = static_cast<std::uint64_t>(reader_.s64()); break;
            case Op::f32_const: low = reader_.little_endian<std::uint32_t>(); break;
            case Op::f64_const: low = reader_.little_endian<std::uint64_t>(); break;
            default:
                low = reader_.little_endian<std::uint64_t>();
                high = reader_.little_endian<std::uint64_t>();
                break;
        }
    }
    [[nodiscard]] std::uint8_t lane(unsigned lanes) {
        const auto at = reader_.position();
        const auto out = reader_.byte();
        if (out >= lanes) reader_.fail_at(at, invalid, "invalid lane index");
        return out;
    }
    /// Pops, appends and pushes by the table's signature; 'r' in it is `reference`.
    void emit(Op op, const dmir::OpInfo& facts, std::uint64_t immediate, std::uint64_t immediate_high = 0,
              ValueType reference = ValueType::funcref) {
        const auto type_of = [&](char letter) { return letter == 'r' ? reference : from_letter(letter); };
        const auto colon = facts.signature.find(':');
        std::array<Value, 3> arguments{no_value, no_value, no_value};
        for (std::size_t a = colon; a-- > 0;) arguments[a] = pop(type_of(facts.signature[a])).value;
        if (!reader_.ok()) return;
        const bool has_result = colon + 1 < facts.signature.size();
        Value value = no_value;
        if (live()) {
            auto& i = builder.append(op);
            i.arguments = arguments;
            i.immediate = immediate;
            i.immediate_high = immediate_high;
            if (has_result) value = builder.result(i, to_dmir(type_of(facts.signature[colon + 1])));
        }
        if (has_result) push(type_of(facts.signature[colon + 1]), value);
    }

    void instruction() {
        start_ = reader_.position();
        std::uint16_t opcode = reader_.byte();
        if (opcode == 0xFC || opcode == 0xFD) {
            const auto sub = reader_.u32();
            if (!reader_.ok()) return;
            if (opcode == 0xFD) {
                facts_.uses_simd = true;
                if (!limits_.simd)
                    return reader_.fail_at(start_, unsupported, "fixed-width SIMD is switched off by the profile");
                if (sub >= 0x100 && sub < 0x130)
                    return reader_.fail_at(start_, unsupported,
                                           "the relaxed SIMD proposal is nondeterministic and not done here");
            }
            if (sub > 0xFF) return reader_.fail_at(start_, malformed, "illegal opcode");
            opcode = static_cast<std::uint16_t>(opcode << 8 | sub);
        }
        const auto op = dmir::op_from_wasm(opcode);
        if (op) {
            const auto& facts = dmir::info(*op);
            if (facts.kind != OpKind::special) {
                charge(facts.fuel);
                return simple(*op, facts);
            }
            charge(facts.fuel);
            return special(*op, facts);
        }
        control(opcode);
    }

    void control(std::uint16_t opcode) {
        switch (opcode) {
            case 0x00:
                charge(0);
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
                charge(0);
                static_cast<void>(pop());
                return;
            case 0x1C: charge(1); return select(true);
            case 0x20: {
                charge(fuel::local);
                const auto index = local_index();
                return push(locals_.empty() ? OperandType{} : OperandType(locals_[index]),
                            live() ? local_values_[index] : no_value);
            }
            case 0x21:
            case 0x22: {
                charge(fuel::local);
                const auto index = local_index();
                if (!reader_.ok()) return;
                const auto operand = pop(locals_[index]);
                assign(index, operand.value);
                if (opcode == 0x22) push(locals_[index], operand.value);
                return;
            }
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
                return reader_.fail_at(start_, unsupported,
                                       "the threads proposal is nondeterministic and not done here");
            default: return reader_.fail_at(start_, malformed, fmt::format("illegal opcode {:#x}", opcode));
        }
    }

    void special(Op op, const dmir::OpInfo& facts) {
        switch (op) {
            case Op::select: return select(false);
            case Op::call: {
                const auto index = index_below(module_.function_types.size(), "function");
                if (reader_.ok()) call_of(module_.type_of_function(index), op, index, no_value);
                return;
            }
            case Op::call_indirect: {
                const auto type = index_below(module_.types.size(), "type");
                const auto table = table_index();
                if (reader_.ok() && module_.tables[table].element != ValueType::funcref)
                    reader_.fail_at(start_, invalid, "type mismatch: call_indirect needs a table of funcref");
                const auto callee = pop(ValueType::i32);
                if (reader_.ok()) call_of(module_.types[type], op, type | std::uint64_t{table} << 32, callee.value);
                return;
            }
            case Op::global_get:
            case Op::global_set: return global(op);
            case Op::ref_null: {
                const auto type = read_value_type(reader_, limits_);
                if (reader_.ok() && !OperandType(type).is_reference())
                    return reader_.fail_at(start_, malformed, "malformed reference type");
                return emit(op, facts, 0, 0, type);
            }
            case Op::ref_is_null: {
                const auto operand = pop();
                if (reader_.ok() && !operand.type.any() && !operand.type.is_reference())
                    return reader_.fail_at(start_, invalid, "type mismatch: ref.is_null needs a reference");
                Value value = no_value;
                if (live()) {
                    auto& i = builder.append(op);
                    i.arguments[0] = operand.value;
                    value = builder.result(i, dmir::Type::i32);
                }
                return push(ValueType::i32, value);
            }
            case Op::ref_func: {
                const auto index = index_below(module_.function_types.size(), "function");
                if (reader_.ok() && !module_.referable[index])
                    reader_.fail_at(start_, invalid, "undeclared function reference");
                return emit(op, facts, index);
            }
            case Op::table_get:
            case Op::table_set:
            case Op::table_grow:
            case Op::table_fill:
            case Op::table_size: {
                const auto table = table_index();
                if (reader_.ok()) emit(op, facts, table, 0, module_.tables[table].element);
                return;
            }
            case Op::table_copy: {
                const auto to = table_index();
                const auto from = table_index();
                if (reader_.ok() && module_.tables[to].element != module_.tables[from].element)
                    reader_.fail_at(start_, invalid, "type mismatch between tables");
                return emit(op, facts, to | std::uint64_t{from} << 32);
            }
            case Op::table_init: {
                const auto segment = index_below(module_.elements.size(), "elem segment");
                const auto table = table_index();
                if (reader_.ok() && module_.tables[table].element != module_.elements[segment].type)
                    reader_.fail_at(start_, invalid, "type mismatch between table and element segment");
                return emit(op, facts, segment | std::uint64_t{table} << 32);
            }
            case Op::elem_drop: return emit(op, facts, index_below(module_.elements.size(), "elem segment"));
            case Op::memory_size:
            case Op::memory_grow:
            case Op::memory_fill:
                zero_byte();
                need_memory();
                return emit(op, facts, 0);
            case Op::memory_copy:
                zero_byte();
                zero_byte();
                need_memory();
                return emit(op, facts, 0);
            case Op::memory_init:
            case Op::data_drop: {
                const auto at = reader_.position();
                const auto segment = reader_.u32();
                if (op == Op::memory_init) {
                    zero_byte();
                    need_memory();
                }
                if (!module_.data_count) reader_.fail_at(at, malformed, "data count section required");
                if (reader_.ok() && segment >= *module_.data_count)
                    reader_.fail_at(at, invalid, fmt::format("unknown data segment {}", segment));
                return emit(op, facts, segment);
            }
            default: return reader_.fail_at(start_, malformed, "illegal opcode");
        }
    }
    void global(Op op) {
        const auto index = index_below(module_.global_types.size(), "global");
        if (!reader_.ok()) return;
        const auto& type = module_.global_types[index];
        if (op == Op::global_set && !type.is_mutable) return reader_.fail_at(start_, invalid, "global is immutable");
        const auto operand = op == Op::global_set ? pop(type.value) : Operand{};
        if (!reader_.ok()) return;
        Value value = no_value;
        if (live()) {
            auto& i = builder.append(op);
            i.immediate = index;
            i.arguments[0] = operand.value;
            if (op == Op::global_get) value = builder.result(i, to_dmir(type.value));
        }
        if (op == Op::global_get) push(type.value, value);
    }

    const Module& module_;
    const Limits& limits_;
    BodyScratch& scratch_;
    BodyFacts& facts_;
    const FunctionType& type_;
    Reader reader_;
    bool keep_frames_ = false;
    std::size_t start_ = 0;
    std::vector<ValueType> locals_;
    std::vector<Value> local_values_;
    std::vector<Operand> operands_;
    std::vector<Frame> frames_;
    std::vector<Value> values_;
    std::uint32_t next_frame_ = 0;
    std::uint64_t joins_ = 0;
    std::uint32_t local_units_ = 0;
    std::uint32_t operand_units_ = 0;
    std::uint32_t operand_units_max_ = 0;
    const std::vector<std::uint32_t> no_locals_;
};

}  // namespace

Result<BodyFacts> validate_body(const Module& module, std::uint32_t function, const Limits& limits,
                                BodyScratch& scratch, bool keep_frames) {
    BodyFacts facts;
    BodyReader<false> reader(module, function, limits, scratch, facts);
    reader.run(keep_frames);
    if (!reader.reader().ok()) {
        auto error = reader.reader().error();
        error.message += fmt::format(" (function {})", module.imported_functions + function);
        return error;
    }
    return facts;
}

Result<dmir::Function> lower(const Module& module, std::uint32_t index, const Limits& limits) {
    BodyScratch scratch;
    auto facts = validate_body(module, index, limits, scratch, true);
    if (!facts) return facts.error();
    BodyReader<true> reader(module, index, limits, scratch, *facts);
    reader.run(false);
    if (!reader.reader().ok()) return reader.reader().error();
    auto function = std::move(reader.builder.function);
    function.name = std::to_string(module.imported_functions + index);
    function.stack_units = facts->stack_units;
    dmir::remove_dead_code(function);
    dmir::place_charges(function);
    return function;
}

}  // namespace troupe::wasm
