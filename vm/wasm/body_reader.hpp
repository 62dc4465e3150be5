// The reading of one function body, for validation and for building SSA: see function_body.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "vm/wasm/assigned_locals.hpp"
#include "vm/wasm/function_body.hpp"
#include "vm/wasm/ssa_builder.hpp"

namespace troupe::wasm {

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

[[nodiscard]] inline std::string name_of(OperandType type) {
    return type.any() ? "any" : std::string(to_string(static_cast<ValueType>(type.code)));
}

struct Operand {
    OperandType type;
    Value value = no_value;
};

/// Operands by their types or by their values. Its cells may be reached by pointer: between `begin` and `top`, which
/// must not pass `limit`; four cells before `begin` may be read.
template <class Cell>
class OperandStack {
    static constexpr std::size_t padding = 4;
    std::vector<Cell> room_ = std::vector<Cell>(padding);

public:
    Cell* begin = room_.data() + padding;
    Cell* top = begin;
    Cell* limit = begin;

    OperandStack() = default;
    OperandStack(const OperandStack&) = delete;
    OperandStack& operator=(const OperandStack&) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(top - begin); }
    [[nodiscard]] Cell& from_top(std::size_t depth) const noexcept { return *(top - 1 - depth); }
    /// Room for more; false if that would be more than `cells_max`.
    [[nodiscard]] bool grow(std::size_t cells_max) {
        const auto have = size();
        if (have >= cells_max) return false;
        room_.resize(padding + std::min(cells_max, std::max<std::size_t>(4096, 2 * have)));
        begin = room_.data() + padding;
        top = begin + have;
        limit = room_.data() + room_.size();
        return true;
    }
};

inline constexpr std::uint32_t no_edge = 0xFFFFFFFF;

enum class FrameKind : std::uint8_t { function, block, loop, if_, else_ };

struct Frame {
    FrameKind kind{};
    std::span<const ValueType> parameters;
    std::span<const ValueType> results;
    /// Operands below belong to enclosing frames.
    std::size_t height = 0;
    bool unreachable = false;
    std::uint32_t index = 0;  // in BodyFrames::frames
    // Validation only.
    AssignedLocals::Frame assigned;
    std::uint32_t branches = 0;
    // Building only.
    /// The frame's opening was reachable, so that it exists in SSA.
    bool built = false;
    dmir::BlockIndex header = 0;
    /// The last of the edges that wait for the block after this frame; each knows the one before it.
    std::uint32_t last_pending = no_edge;
    /// Of an if: the edge to its else block, and where the locals and operands that the else block starts with are
    /// kept.
    std::uint32_t else_edge = 0;
    std::size_t kept_for_else = 0;

    [[nodiscard]] std::span<const ValueType> label_types() const {
        return kind == FrameKind::loop ? parameters : results;
    }
};

/// Reads one body. With `Build` it has been validated and becomes SSA: a join's parameters are the label's operands and
/// those locals assigned inside the frame that really differ between its edges; a loop's are all assigned inside it.
template <bool Build>
class BodyReader {
public:
    BodyReader(const Module& module, const Limits& limits) : module_(module), limits_(limits), reader_({}, 0, 0) {
        static_cast<void>(operands_.grow(limits.operand_stack));
    }

    /// With `Build`, from what find_frames() gave; else the facts are filled.
    void run(std::uint32_t function, std::conditional_t<Build, const BodyFrames, BodyFacts>& of_body);

    [[nodiscard]] const Reader& reader() const { return reader_; }
    SsaBuilder builder;

private:
    using enum ErrorCode;

    // Locals.

    void declare_locals();
    void add_locals(std::uint32_t n, ValueType type) {
        locals_.insert(locals_.end(), n, type);
        local_units_ += n * units(type);
        if (type == ValueType::v128) note_simd();
    }
    void note_simd() {
        if constexpr (!Build) facts_->uses_simd = true;
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
            if (assigned_.assign(local, frames_.back().assigned)) spend(1);
        }
    }
    /// Work that SSA construction will have.
    void spend(std::uint64_t n) {
        joins_ += n;
        if (joins_ > limits_.joins) reader_.fail(too_large, "function too complex: too many values meet at its joins");
    }

    // Operands.

    void push(OperandType type, [[maybe_unused]] Value value = no_value) {
        if (operands_.top == operands_.limit && !operands_.grow(limits_.operand_stack))
            return reader_.fail(too_large, "operand stack too deep");
        if constexpr (Build) {
            *operands_.top++ = value;
        } else {
            *operands_.top++ = type;
            vectors_ += units(type) - 1;
            operand_units_max_ = std::max(operand_units_max_, static_cast<std::uint32_t>(operands_.size()) + vectors_);
        }
    }
    Operand pop() {
        const auto& frame = frames_.back();
        if (operands_.size() == frame.height) {
            if (!Build && !frame.unreachable) reader_.fail_at(start_, invalid, "type mismatch: operand stack is empty");
            return {};
        }
        const auto top = *--operands_.top;
        if constexpr (Build) {
            return {{}, top};
        } else {
            vectors_ -= units(top) - 1;
            return {top, no_value};
        }
    }
    Operand pop(OperandType expected) {
        const auto out = pop();
        if constexpr (!Build)
            if (out.type != expected && !out.type.any() && !expected.any()) [[unlikely]]
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
        if constexpr (!Build)
            for (auto* cell = operands_.begin + height; vectors_ > 0 && cell < operands_.top; ++cell)
                vectors_ -= units(*cell) - 1;
        operands_.top = operands_.begin + height;
    }

    // Frames.

    void push_frame(FrameKind kind, std::span<const ValueType> parameters, std::span<const ValueType> results);
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
    [[nodiscard]] BlockType block_type();

    // SSA.

    /// Locals whose values may differ where the frame's edges meet.
    [[nodiscard]] std::span<const std::uint32_t> assigned_in(const Frame& frame) const {
        if (frame.kind == FrameKind::function) return {};
        return body_frames_->assigned_in(body_frames_->frames[frame.index]);
    }

    [[nodiscard]] bool live() const { return Build && builder.reachable(); }

    void start_function();

    /// What a branch to `frame` passes: `operands` and the assigned locals' values now.
    [[nodiscard]] dmir::List edge_arguments(const Frame& frame, std::span<const Value> operands);
    void edge_to(Frame& frame, std::span<const Value> operands);
    void top_operands(std::size_t n);

    void wait(Frame& frame, std::uint32_t edge) {
        pending_before_.resize(std::max<std::size_t>(pending_before_.size(), edge + 1));
        pending_before_[edge] = frame.last_pending;
        frame.last_pending = edge;
    }

    /// Opens the block where `frame`'s edges meet; `values_` gets the label's operands.
    void join(Frame& frame);

    void charge(std::uint32_t fuel) {
        if constexpr (Build)
            if (builder.reachable()) builder.charge(fuel);
    }

    // Instructions.

    void open_block(FrameKind kind);
    void open_loop(const BlockType& type, const FrameFacts& facts);
    void open_if(const BlockType& type, const FrameFacts& facts, Value condition);
    void else_();
    void end();
    void end_built(Frame& frame);
    void end_validated(Frame& frame);
    void branch(std::uint32_t depth, std::size_t at);
    void branch_if();
    void branch_table();
    /// That the operands on top have these types, leaving them.
    void check_top(std::span<const ValueType> types);
    void return_();
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

    void select(bool typed);
    /// The memory's immediate: alignment as a power of two, and offset.
    [[nodiscard]] std::uint32_t memory_argument(unsigned natural);
    void need_memory();
    void zero_byte();
    [[nodiscard]] std::uint32_t index_below(std::size_t count, std::string_view what) {
        const auto at = reader_.position();
        const auto index = reader_.u32();
        if (reader_.ok() && index >= count) reader_.fail_at(at, invalid, fmt::format("unknown {} {}", what, index));
        return reader_.ok() ? index : 0;
    }
    [[nodiscard]] std::uint32_t table_index() { return index_below(module_.tables.size(), "table"); }

    /// Every operation whose types stand in the table.
    void simple(Op op, const dmir::OpInfo& facts);
    void constant(Op op, std::uint64_t& low, std::uint64_t& high);
    [[nodiscard]] std::uint8_t lane(unsigned lanes);
    /// Pops, appends and pushes by the operation's types; a reference in them is `reference`.
    void emit(Op op, std::uint64_t immediate, std::uint64_t immediate_high = 0,
              ValueType reference = ValueType::funcref);

    void instruction();
    /// Reads instructions as long as they are of the common kinds and valid.
    void skim();
    void local(std::uint16_t opcode);
    void control(std::uint16_t opcode);
    void special(Op op);
    void global(Op op);

    const Module& module_;
    const Limits& limits_;
    BodyFacts* facts_ = nullptr;
    const BodyFrames* body_frames_ = nullptr;
    const FunctionType* type_ = nullptr;
    Reader reader_;
    std::size_t start_ = 0;
    std::vector<ValueType> locals_;
    OperandStack<std::conditional_t<Build, Value, OperandType>> operands_;
    std::vector<Frame> frames_;
    std::vector<Value> values_;
    std::uint32_t next_frame_ = 0;
    // Validation only.
    AssignedLocals assigned_;
    std::uint64_t joins_ = 0;
    /// Types of the first locals; any for those that there are not, and for vectors, which skim() leaves out.
    static constexpr std::size_t quick_locals = 128;
    std::array<OperandType, quick_locals> quick_locals_;
    std::uint32_t local_units_ = 0;
    /// Operands that take two units.
    std::uint32_t vectors_ = 0;
    std::uint32_t operand_units_max_ = 0;
    // Building only.
    std::vector<Value> local_values_;
    /// Of each edge: see Frame::last_pending.
    std::vector<std::uint32_t> pending_before_;
    std::vector<std::uint32_t> pending_;
    /// Of the open ifs.
    std::vector<Value> kept_for_else_;
};

}  // namespace troupe::wasm
