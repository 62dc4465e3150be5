#include "vm/evm/translation.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "vm/evm/analysis.hpp"
#include "vm/evm/opcodes.hpp"

namespace troupe::evm {
namespace {

[[nodiscard]] constexpr bool ends_block(std::uint8_t op) noexcept {
    switch (op) {
        case STOP:
        case JUMP:
        case JUMPI:
        case RETURN:
        case REVERT:
        case INVALID:
        case SELFDESTRUCT:
        case GAS:
        case SSTORE:
        case CREATE:
        case CREATE2:
        case CALL:
        case CALLCODE:
        case DELEGATECALL:
        case STATICCALL: return true;
        default: return false;
    }
}

/// Handlers for a small constant that is pushed right before an instruction.
[[nodiscard]] constexpr std::optional<Handler> with_push(std::uint8_t op) noexcept {
    switch (op) {
        case ADD: return PUSH_ADD;
        case SUB: return PUSH_SUB;
        case MUL: return PUSH_MUL;
        case AND: return PUSH_AND;
        case EQ: return PUSH_EQ;
        case LT: return PUSH_LT;
        case GT: return PUSH_GT;
        case SHL: return PUSH_SHL;
        case SHR: return PUSH_SHR;
        case MLOAD: return PUSH_MLOAD;
        case MSTORE: return PUSH_MSTORE;
        case DUP2: return PUSH_DUP2;
        default: return std::nullopt;
    }
}

struct Pair {
    std::uint16_t first;
    std::uint8_t second;
    Handler both;
};
constexpr std::array pairs{
    Pair{SWAP1, POP, SWAP1_POP},     Pair{SWAP2, POP, SWAP2_POP},   Pair{SWAP3, POP, SWAP3_POP},
    Pair{POP, POP, POP_POP},         Pair{DUP2, ADD, DUP2_ADD},     Pair{DUP2, LT, DUP2_LT},
    Pair{DUP2, MSTORE, DUP2_MSTORE}, Pair{SWAP1, DUP2, SWAP1_DUP2},
};

class Translator {
public:
    Translator(const AnalyzedCode& analyzed, Revision revision)
        : analyzed_(analyzed), code_(analyzed.padded), size_(analyzed.size) {
        out_.revision = revision;
        out_.targets.resize(size_ + 1);
        out_.instructions.reserve(size_ + 2);
    }

    Translation run() {
        begin_block(0);
        std::size_t pc = 0;
        while (pc < size_) {
            const auto op = code_[pc];
            const auto& facts = opcode_table[op];
            if (op == JUMPDEST) {
                pc = skip_landings(pc);
                begin_block(pc);
                out_.targets[pc] = static_cast<std::uint32_t>(block_);
            }
            if (facts.name == nullptr || facts.since > out_.revision) {
                // Found undefined by the exact loop, which the impossible need of its block leads to.
                begin_block(pc);
                need_ = 0xffff;
                gas_ = 1;
                begin_block(++pc);
                continue;
            }
            account(facts);
            emit(op, pc);
            pc += 1 + facts.immediate;
            if (ends_block(op)) begin_block(pc);
        }
        add(STOP);
        finish_block();
        resolve_jumps();
        return std::move(out_);
    }

private:
    void add(std::uint16_t handler, std::uint64_t operand = 0) {
        out_.instructions.push_back({handler, 0, 0, operand});
    }

    void finish_block() {
        auto& head = out_.instructions[block_];
        head.need = static_cast<std::uint16_t>(std::min(need_, 0xffff));
        head.growth = static_cast<std::uint16_t>(std::clamp(growth_, 0, 0xffff));
        head.operand = block_operand(gas_, pc_);
    }
    void begin_block(std::size_t pc) {
        if (!out_.instructions.empty()) {
            // An empty block gives way, but the first: 0 is no target.
            const bool is_empty = out_.instructions.size() == block_ + 1 && gas_ == 0 && block_ != 0;
            if (is_empty)
                out_.instructions.pop_back();
            else
                finish_block();
        }
        block_ = out_.instructions.size();
        pc_ = static_cast<std::uint32_t>(pc);
        gas_ = 0;
        height_ = need_ = growth_ = 0;
        add(BLOCK);
    }
    /// Gives the last of the JUMPDESTs in a row that begin at `pc`. Those before it pay for all up to it, and go there.
    [[nodiscard]] std::size_t skip_landings(std::size_t pc) {
        auto last = pc;
        while (last + 1 < size_ && code_[last + 1] == JUMPDEST) ++last;
        if (last - pc < 2) return pc;
        for (auto at = pc; at < last; ++at) {
            begin_block(at);
            out_.targets[at] = static_cast<std::uint32_t>(block_);
            gas_ = static_cast<std::uint32_t>(last - at);
            add(PUSH_JUMP, last);
        }
        return last;
    }
    /// Heights are relative to the stack at the block's head.
    void account(const OpcodeFacts& facts) {
        gas_ += static_cast<std::uint32_t>(facts.gas);
        need_ = std::max(need_, facts.pops - height_);
        height_ += facts.pushes - facts.pops;
        growth_ = std::max(growth_, height_);
    }

    /// BLOCK where the block has fewer than two instructions.
    [[nodiscard]] std::uint16_t before_last() const {
        const auto size = out_.instructions.size();
        return size - block_ > 2 ? out_.instructions[size - 2].handler : std::uint16_t{BLOCK};
    }

    void emit(std::uint8_t op, std::size_t pc) {
        if (op == JUMPDEST) return;
        if (op == PC) return add(PUSH_SMALL, pc);
        if (op >= PUSH0 && op <= PUSH32) return emit_push(op, pc);
        auto& last = out_.instructions.back();
        const bool in_block = out_.instructions.size() - 1 > block_;
        if (in_block && last.handler == PUSH_SMALL) {
            // A jump to nowhere stays as it is, and fails when it is reached.
            if ((op == JUMP || op == JUMPI) && analyzed_.is_jump_destination(last.operand)) {
                const bool is_negated = op == JUMPI && before_last() == ISZERO;
                const auto target = last.operand;
                if (is_negated) out_.instructions.pop_back();
                out_.instructions.back() = {is_negated   ? ISZERO_PUSH_JUMPI
                                            : op == JUMP ? PUSH_JUMP
                                                         : PUSH_JUMPI,
                                            0, 0, target};
                return;
            }
            if (const auto both = with_push(op)) {
                last.handler = *both;
                return;
            }
        }
        if (in_block && op == SUB && last.handler == SWAP1 && before_last() == PUSH_SMALL) {
            out_.instructions.pop_back();
            out_.instructions.back().handler = PUSH_SWAP1_SUB;
            return;
        }
        if (in_block) {
            for (const auto& pair : pairs) {
                if (pair.first != last.handler || pair.second != op) continue;
                last.handler = pair.both;
                return;
            }
        }
        add(op);
    }

    void emit_push(std::uint8_t op, std::size_t pc) {
        const auto word = from_big_endian(code_.subspan(pc + 1, static_cast<std::size_t>(op - PUSH0)));
        if (word.fits_u64()) return add(PUSH_SMALL, word.low64());
        add(PUSH_WIDE, out_.constants.size());
        out_.constants.push_back(word);
    }

    /// Until all blocks are known, the operand is the byte that the jump goes to.
    void resolve_jumps() {
        for (auto& at : out_.instructions)
            if (at.handler == PUSH_JUMP || at.handler == PUSH_JUMPI || at.handler == ISZERO_PUSH_JUMPI)
                at.operand = out_.targets[at.operand];
    }

    const AnalyzedCode& analyzed_;
    ByteView code_;
    std::size_t size_;
    Translation out_;
    std::size_t block_ = 0;
    std::uint32_t pc_ = 0;
    std::uint32_t gas_ = 0;
    int height_ = 0;
    int need_ = 0;
    int growth_ = 0;
};

}  // namespace

Translation translate(const AnalyzedCode& code, Revision revision) { return Translator{code, revision}.run(); }

}  // namespace troupe::evm
