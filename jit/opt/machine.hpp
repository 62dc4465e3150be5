// The optimizing tier's machine IR: x86-64 instructions over virtual registers, between selection and allocation. A
// dMIR value keeps its number as its virtual register; further ones are made by the selection.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "vm/dmir/function.hpp"

namespace troupe::jit::opt {

using Register = std::uint32_t;
inline constexpr Register no_register = 0xFFFFFFFF;

enum class Bank : std::uint8_t { integer, floating };

enum class Code : std::uint8_t {
    copy,
    add,  // operands, or operand and immediate
    sub,
    negate,
    bit_and,
    bit_and_not,  // operand 1 without operand 0's bits
    bit_or,
    bit_xor,
    multiply,
    multiply_high,  // the upper half of the product of unsigned 64-bit numbers
    address,        // operand 0 + operand 1 << scale + immediate, truncated to the width
    shift_left,
    shift_right,
    shift_right_signed,
    rotate_left,
    rotate_right,
    count_leading_zeros,
    count_trailing_zeros,
    count_ones,
    zero_extend32,
    sign_extend8,
    sign_extend16,
    sign_extend32,
    divide,  // op tells which
    set,     // 1 if the condition holds, else 0
    select,  // operand 2 if the condition on operands 0 and 1 holds, else operand 3
    load,    // op tells the width; operand 0 + immediate
    store,   // operand 1 to operand 0 + immediate
    float_arithmetic,
    float_extreme,  // min, max
    float_unary,
    float_sign,  // abs, neg
    float_copysign,
    canonicalize,  // replaces a NaN by the canonical one
    integer_to_float,
    float_to_integer,
    reinterpret,
    global_address,
    cell_load,  // from the address in operand 0
    cell_store,
    memory_size,
    stack_check,  // traps if a call of `value` units would not fit
    call,
    call_indirect,  // operand 0 is the index
    helper,         // through C++
    // Ends of blocks.
    jump,
    branch,  // to edge 0 if the condition holds, else to edge 1
    branch_table,
    return_values,
    unreachable,
};

/// What a store looks up among the chunks that were written to before: nothing, where they are paid for in any case or
/// not at all; one chunk; or one, and whether it reaches into the next.
enum class ChunkTest : std::uint8_t { none, one, across };

/// How a condition's operands are compared.
enum class Compare : std::uint8_t { integers, bits, floats };

/// In dMIR's order; of floats eq ne lt gt le ge.
enum class Condition : std::uint8_t {
    eq,
    ne,
    lt_s,
    lt_u,
    gt_s,
    gt_u,
    le_s,
    le_u,
    ge_s,
    ge_u,
    feq,
    fne,
    flt,
    fgt,
    fle,
    fge
};

struct Instruction {
    Code code{};
    /// 64 bits rather than 32; of floats, too. A condition's operands have a width of their own.
    bool wide = false;
    bool compare_wide = false;
    /// The second operand is `value`, sign-extended from 32 bits.
    bool immediate = false;
    /// The second operand, or the first one that is compared with an immediate, is in memory: its register holds the
    /// address, `displacement` before it. `byte`: one byte is compared.
    bool memory = false;
    bool byte = false;
    /// Of a store: a NaN that it wrote is made the canonical one at once.
    bool canonical = false;
    ChunkTest chunk_test{};
    std::uint32_t displacement = 0;
    Compare compare{};
    Condition condition{};
    std::uint8_t scale = 0;
    dmir::Op op{};
    Register result = no_register;
    std::array<Register, 4> operands{no_register, no_register, no_register, no_register};
    /// Clobbered while the instruction runs.
    Register temporary = no_register;
    std::uint64_t value = 0;
    /// Calls: results are result, result + 1, ...
    std::uint32_t result_count = 0;
    /// A slice of Function::lists, anywhere: of calls, helpers and returns.
    dmir::List list;
};

struct Edge {
    dmir::BlockIndex block = 0;
    dmir::List arguments;
};

struct Block {
    std::vector<Register> parameters;
    std::vector<Instruction> instructions;
    std::vector<Edge> edges;
    std::uint32_t fuel = 0;
    std::uint32_t steps = 0;
    bool checked = false;
    std::uint32_t loop_depth = 0;
    /// One past the last block of the loop that it heads, or 0.
    dmir::BlockIndex loop_end = 0;
};

struct RegisterFacts {
    Bank bank{};
    /// Never defined: made again wherever it is needed.
    bool constant = false;
    /// A constant that no block takes over from another one.
    bool local = false;
    std::uint64_t bits = 0;
    dmir::Type type{};
};

struct Function {
    std::vector<Block> blocks;
    std::vector<Register> lists;
    std::vector<RegisterFacts> registers;
    std::vector<dmir::Type> results;
    std::uint32_t stack_units = 0;

    [[nodiscard]] Register add_register(dmir::Type type);
    [[nodiscard]] std::span<const Register> values(dmir::List list) const {
        return {lists.data() + list.begin, list.count};
    }
};

[[nodiscard]] constexpr Bank bank_of(dmir::Type type) noexcept {
    return type == dmir::Type::f32 || type == dmir::Type::f64 ? Bank::floating : Bank::integer;
}
/// In 64 bits rather than 32.
[[nodiscard]] constexpr bool is_wide(dmir::Type type) noexcept {
    return type != dmir::Type::i32 && type != dmir::Type::f32;
}
inline Register Function::add_register(dmir::Type type) {
    registers.push_back({.bank = bank_of(type), .type = type});
    return static_cast<Register>(registers.size() - 1);
}

/// Clobbers all registers that are not preserved, and takes its operands wherever they are.
[[nodiscard]] constexpr bool is_call(Code code) noexcept {
    return code == Code::call || code == Code::call_indirect || code == Code::helper;
}
[[nodiscard]] constexpr bool is_terminator(Code code) noexcept { return code >= Code::jump; }

}  // namespace troupe::jit::opt
