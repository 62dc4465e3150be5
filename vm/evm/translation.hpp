// Code in the form that the fast loop runs: decoded instructions in basic blocks, each with one check of gas and stack
// at its head.
//
// A block ends where control can leave it, and after each instruction that must see the exact gas (GAS, SSTORE, calls,
// creations). Anything else that fails inside of a block takes all gas and undoes all changes, so that it makes no
// difference that the block was paid for as a whole. Where a block's check fails, the exact loop runs the block instead
// and finds out what fails first.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"
#include "vm/evm/revision.hpp"

namespace troupe::evm {

/// What an instruction does: an opcode, or one of these. Names of several: these instructions, in this order.
enum Handler : std::uint16_t {
    BLOCK = 256,  // operand: block_operand(); need, growth
    PUSH_SMALL,   // operand: the word
    PUSH_WIDE,    // operand: index into constants
    // operand: index of the target's block
    PUSH_JUMP,
    PUSH_JUMPI,
    ISZERO_PUSH_JUMPI,
    // operand: the word pushed
    PUSH_ADD,
    PUSH_SUB,
    PUSH_SWAP1_SUB,
    PUSH_MUL,
    PUSH_AND,
    PUSH_EQ,
    PUSH_LT,
    PUSH_GT,
    PUSH_SHL,
    PUSH_SHR,
    PUSH_MLOAD,
    PUSH_MSTORE,
    PUSH_DUP2,
    // no operand
    SWAP1_POP,
    SWAP2_POP,
    SWAP3_POP,
    POP_POP,
    DUP2_ADD,
    DUP2_LT,
    DUP2_MSTORE,
    SWAP1_DUP2,
    HANDLERS_END,
};

struct Instruction {
    std::uint16_t handler = 0;
    /// BLOCK: words that must be on the stack, and words that come on top of them at most.
    std::uint16_t need = 0;
    std::uint16_t growth = 0;
    std::uint64_t operand = 0;
};
static_assert(sizeof(Instruction) == 16);

struct Translation {
    Revision revision{};
    /// Ends with STOP.
    std::vector<Instruction> instructions;
    std::vector<uint256> constants;
    /// By byte of code: index of the block that begins there if it is a JUMPDEST, otherwise 0. The code's own first
    /// block is instruction 0; a JUMPDEST there has a block of its own at 1.
    std::vector<std::uint32_t> targets;
};

[[nodiscard]] constexpr std::uint64_t block_operand(std::uint32_t gas, std::uint32_t pc) noexcept {
    return static_cast<std::uint64_t>(pc) << 32 | gas;
}

struct AnalyzedCode;
[[nodiscard]] Translation translate(const AnalyzedCode& code, Revision revision);

}  // namespace troupe::evm
