// The register form that the interpreter runs and the baseline compiler reads: dMIR after instruction selection, with
// each value in a slot of the call's frame. All tiers share the slots, so that execution can change tier at a block's
// head.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/result.hpp"
#include "vm/dmir/function.hpp"

namespace troupe::vm {

/// A frame's cell. i32 and f32 stand in the lower half, the upper half is zero. v128 takes two.
using Slot = std::uint64_t;

/// One instruction; operands are slots. What a, b, c and immediate mean stands with each operation below.
struct Instruction {
    std::uint16_t op = 0;
    std::uint16_t a = 0;
    std::uint16_t b = 0;
    std::uint16_t c = 0;
    std::uint64_t immediate = 0;

    [[nodiscard]] std::uint32_t low() const noexcept { return static_cast<std::uint32_t>(immediate); }
    [[nodiscard]] std::uint32_t high() const noexcept { return static_cast<std::uint32_t>(immediate >> 32U); }
};
static_assert(sizeof(Instruction) == 16);

// dMIR's operations keep their numbers: a is the result, b, c the operands, a third operand stands in the immediate's
// low half (select's condition, bitselect's mask). Loads: a, [b + offset]. Stores: [b + offset], c. A 16-byte immediate
// follows in the next instruction's place (v128.const, shuffle); calls are followed by their arguments' slots, eight a
// place.

// The formatter moves these lists a little further with each run.
// clang-format off
/// Integer operations with a form whose second operand is the immediate.
#define TROUPE_IMMEDIATE_OPS(X)                                                                                      \
    X(add)                                                                                                           \
    X(mul)                                                                                                           \
    X(and) X(or) X(xor) X(shl) X(shr_s) X(shr_u) X(rotl) X(eq) X(ne) X(lt_s) X(lt_u) X(gt_s) X(gt_u) X(le_s) X(le_u) \
        X(ge_s) X(ge_u)
#define TROUPE_INTEGER_COMPARISONS(X) X(eq) X(ne) X(lt_s) X(lt_u) X(gt_s) X(gt_u) X(le_s) X(le_u) X(ge_s) X(ge_u)
#define TROUPE_FLOAT_COMPARISONS(X) X(eq) X(ne) X(lt) X(gt) X(le) X(ge)
#define TROUPE_SCALAR_LOADS(X)                                                                           \
    X(i32_load)                                                                                          \
    X(i64_load)                                                                                          \
    X(f32_load) X(f64_load) X(i32_load8_s) X(i32_load8_u) X(i32_load16_s) X(i32_load16_u) X(i64_load8_s) \
        X(i64_load8_u) X(i64_load16_s) X(i64_load16_u) X(i64_load32_s) X(i64_load32_u)
#define TROUPE_SCALAR_STORES(X) \
    X(i32_store)                \
    X(i64_store) X(f32_store) X(f64_store) X(i32_store8) X(i32_store16) X(i64_store8) X(i64_store16) X(i64_store32)
// clang-format on

enum class Extended : std::uint16_t {
    /// The head of a block: low is its fuel, high its steps, a not zero if fuel is checked. Every branch leads to one
    /// and carries it out itself.
    charge = static_cast<std::uint16_t>(dmir::Op::count),
    /// low is the target's index.
    jump,
    /// If slot a is not zero (zero) to low.
    branch_nonzero,
    branch_zero,
    /// a is the index, b the number of targets; the targets' indexes follow, four a place.
    branch_table,
    trap_unreachable,
    return_none,
    return_one,   // slot a
    return_many,  // a slots, listed after it like a call's arguments
    move,         // a = b
    move_v128,
    select_v128,
    global_get_v128,
    global_set_v128,
#define X(name) i32_##name##_immediate, i64_##name##_immediate,
    TROUPE_IMMEDIATE_OPS(X)
#undef X
/// Compare slots a and b, or a and the sign-extended high half; to low if it holds.
#define X(name) branch_i32_##name, branch_i64_##name, branch_i32_##name##_immediate, branch_i64_##name##_immediate,
        TROUPE_INTEGER_COMPARISONS(X)
#undef X
/// If it holds (does not hold, which a NaN makes differ from the opposite comparison).
#define X(name) branch_f32_##name, branch_f64_##name, branch_not_f32_##name, branch_not_f64_##name,
            TROUPE_FLOAT_COMPARISONS(X)
#undef X
/// Load a from [b + (c << high) + low], the sum wrapping before the offset is added.
#define X(name) name##_scaled,
                TROUPE_SCALAR_LOADS(X)
    /// Store c to [a + (b << high) + low].
    TROUPE_SCALAR_STORES(X)
#undef X
        count
};
inline constexpr std::size_t opcode_count = static_cast<std::size_t>(Extended::count);

[[nodiscard]] constexpr std::uint16_t code(dmir::Op op) noexcept { return static_cast<std::uint16_t>(op); }
[[nodiscard]] constexpr std::uint16_t code(Extended op) noexcept { return static_cast<std::uint16_t>(op); }

inline constexpr std::uint16_t no_slot = 0xFFFF;

/// What a slot holds throughout the function.
enum class SlotKind : std::uint8_t { integer, floating, vector };

struct Code {
    std::vector<Instruction> instructions;
    /// Kind of each slot; the parameters' come first.
    std::vector<SlotKind> slots;
    /// Heads of blocks in `instructions`, ascending, with the depth of loops around each.
    struct BlockHead {
        std::uint32_t at;
        std::uint32_t loop_depth;
        bool heads_loop = false;
    };
    std::vector<BlockHead> blocks;
    std::uint32_t parameter_slots = 0;
    std::uint32_t result_slots = 0;
    /// A single result that fits one slot is returned by return_one.
    bool returns_one = false;
    bool uses_v128 = false;
    std::uint32_t stack_units = 0;
};

/// Slots that values of these types take.
[[nodiscard]] std::uint32_t slots_of(const std::vector<dmir::Type>& types) noexcept;

/// Selects instructions and assigns slots. Fails (too_large) if the function needs more slots than an instruction can
/// name, or than its stack units allow.
[[nodiscard]] Result<Code> select_code(const dmir::Function& function);

/// Where a function's values and blocks are in the code made from it.
struct Placement {
    /// no_slot for constants, which are made where they are needed, and for what is part of another instruction.
    std::vector<std::uint16_t> slot_of_value;
    std::vector<std::uint32_t> block_starts;
};
/// The same, and nothing else: it depends on the function only.
[[nodiscard]] Result<Placement> place_code(const dmir::Function& function);

/// Places of `code` after an instruction that belong to it.
[[nodiscard]] std::uint32_t places_after(const Instruction& instruction) noexcept;

/// For people: one line an instruction.
[[nodiscard]] std::string disassemble(const Code& code);

}  // namespace troupe::vm
