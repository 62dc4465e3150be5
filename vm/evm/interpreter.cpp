// The loop. One function, one label an instruction, and a jump through a table at the end of each (GNU's labels as
// values): every instruction has a dispatch jump of its own for the processor to predict.
#include "vm/evm/interpreter.hpp"

#include "vm/evm/instructions.hpp"
#include "vm/evm/word.hpp"

#pragma GCC diagnostic ignored "-Wpedantic"

namespace troupe::evm {
namespace {

/// Memory offsets above it take the slow way, so that adding a word's size can't overflow.
constexpr std::uint64_t memory_fast_max = 0xffffffff;

/// Checks an instruction's facts that are known while compiling. Requires room in the registers, nothing else.
template <Opcode op>
[[nodiscard]] [[gnu::always_inline]] inline Status check(Revision revision, const uint256* stack, const uint256* top,
                                                         std::int64_t& gas) noexcept {
    constexpr auto facts = opcode_table[op];
    if constexpr (facts.since > Revision::Frontier)
        if (revision < facts.since) return Status::undefined_instruction;
    if constexpr (facts.pops > 0)
        if (top < stack + facts.pops) return Status::stack_underflow;
    if constexpr (facts.pushes > facts.pops)
        if (top > stack + (stack_words_max - (facts.pushes - facts.pops))) return Status::stack_overflow;
    if constexpr (facts.gas > 0)
        if ((gas -= facts.gas) < 0) return Status::out_of_gas;
    return Status::success;
}

/// `n` bytes, most significant first. The code has 33 bytes of padding.
template <std::size_t n>
[[nodiscard]] [[gnu::always_inline]] inline uint256 load_immediate(const std::uint8_t* bytes) noexcept {
    const auto limb = [bytes](std::size_t from_end, std::size_t count) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < count; ++i) word = word << 8 | bytes[n - from_end - count + i];
        return word;
    };
    uint256 out;
    for (std::size_t i = 0; 8 * i < n; ++i) out.limb[i] = limb(8 * i, std::min<std::size_t>(8, n - 8 * i));
    return out;
}

void report_step(Frame& f, std::uint64_t pc, std::uint8_t opcode) {
    f.gas_before = f.gas;
    f.unpaid = 0;
    f.is_cost_reported = false;
    f.tracer->on_step({pc,
                       opcode,
                       f.gas,
                       f.message.depth,
                       f.message.recipient,
                       {f.stack, static_cast<std::size_t>(f.top - f.stack)},
                       f.memory.view(),
                       f.return_data,
                       f.message.refund_before + f.refund});
}

void report_end(Frame& f) {
    if (f.status == Status::success || f.status == Status::revert) {
        if (!f.is_cost_reported) f.tracer->on_cost(f.gas_before - f.gas);
    } else {
        f.tracer->on_fault(f.gas_before - f.gas + f.unpaid, f.status);
    }
}

template <bool is_traced>
void run(Frame& f) {
    static const void* const labels[256] = {
        &&op_STOP,
        &&op_ADD,
        &&op_MUL,
        &&op_SUB,
        &&op_DIV,
        &&op_SDIV,
        &&op_MOD,
        &&op_SMOD,
        &&op_ADDMOD,
        &&op_MULMOD,
        &&op_EXP,
        &&op_SIGNEXTEND,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_LT,
        &&op_GT,
        &&op_SLT,
        &&op_SGT,
        &&op_EQ,
        &&op_ISZERO,
        &&op_AND,
        &&op_OR,
        &&op_XOR,
        &&op_NOT,
        &&op_BYTE,
        &&op_SHL,
        &&op_SHR,
        &&op_SAR,
        &&op_CLZ,
        &&op_undefined,
        &&op_KECCAK256,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_ADDRESS,
        &&op_BALANCE,
        &&op_ORIGIN,
        &&op_CALLER,
        &&op_CALLVALUE,
        &&op_CALLDATALOAD,
        &&op_CALLDATASIZE,
        &&op_CALLDATACOPY,
        &&op_CODESIZE,
        &&op_CODECOPY,
        &&op_GASPRICE,
        &&op_EXTCODESIZE,
        &&op_EXTCODECOPY,
        &&op_RETURNDATASIZE,
        &&op_RETURNDATACOPY,
        &&op_EXTCODEHASH,
        &&op_BLOCKHASH,
        &&op_COINBASE,
        &&op_TIMESTAMP,
        &&op_NUMBER,
        &&op_PREVRANDAO,
        &&op_GASLIMIT,
        &&op_CHAINID,
        &&op_SELFBALANCE,
        &&op_BASEFEE,
        &&op_BLOBHASH,
        &&op_BLOBBASEFEE,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_POP,
        &&op_MLOAD,
        &&op_MSTORE,
        &&op_MSTORE8,
        &&op_SLOAD,
        &&op_SSTORE,
        &&op_JUMP,
        &&op_JUMPI,
        &&op_PC,
        &&op_MSIZE,
        &&op_GAS,
        &&op_JUMPDEST,
        &&op_TLOAD,
        &&op_TSTORE,
        &&op_MCOPY,
        &&op_PUSH0,
        &&op_PUSH1,
        &&op_PUSH2,
        &&op_PUSH3,
        &&op_PUSH4,
        &&op_PUSH5,
        &&op_PUSH6,
        &&op_PUSH7,
        &&op_PUSH8,
        &&op_PUSH9,
        &&op_PUSH10,
        &&op_PUSH11,
        &&op_PUSH12,
        &&op_PUSH13,
        &&op_PUSH14,
        &&op_PUSH15,
        &&op_PUSH16,
        &&op_PUSH17,
        &&op_PUSH18,
        &&op_PUSH19,
        &&op_PUSH20,
        &&op_PUSH21,
        &&op_PUSH22,
        &&op_PUSH23,
        &&op_PUSH24,
        &&op_PUSH25,
        &&op_PUSH26,
        &&op_PUSH27,
        &&op_PUSH28,
        &&op_PUSH29,
        &&op_PUSH30,
        &&op_PUSH31,
        &&op_PUSH32,
        &&op_DUP1,
        &&op_DUP2,
        &&op_DUP3,
        &&op_DUP4,
        &&op_DUP5,
        &&op_DUP6,
        &&op_DUP7,
        &&op_DUP8,
        &&op_DUP9,
        &&op_DUP10,
        &&op_DUP11,
        &&op_DUP12,
        &&op_DUP13,
        &&op_DUP14,
        &&op_DUP15,
        &&op_DUP16,
        &&op_SWAP1,
        &&op_SWAP2,
        &&op_SWAP3,
        &&op_SWAP4,
        &&op_SWAP5,
        &&op_SWAP6,
        &&op_SWAP7,
        &&op_SWAP8,
        &&op_SWAP9,
        &&op_SWAP10,
        &&op_SWAP11,
        &&op_SWAP12,
        &&op_SWAP13,
        &&op_SWAP14,
        &&op_SWAP15,
        &&op_SWAP16,
        &&op_LOG0,
        &&op_LOG1,
        &&op_LOG2,
        &&op_LOG3,
        &&op_LOG4,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_CREATE,
        &&op_CALL,
        &&op_CALLCODE,
        &&op_RETURN,
        &&op_DELEGATECALL,
        &&op_CREATE2,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_undefined,
        &&op_STATICCALL,
        &&op_undefined,
        &&op_undefined,
        &&op_REVERT,
        &&op_INVALID,
        &&op_SELFDESTRUCT,
    };
    const auto* const code = f.code.padded.data();
    const auto* ip = code;
    auto* const stack = f.stack;
    auto* top = stack;
    auto gas = f.gas;
    const auto revision = f.revision;

    goto dispatch;

#define NEXT()                 \
    if constexpr (is_traced) { \
        goto next;             \
    } else {                   \
        ++ip;                  \
        goto* labels[*ip];     \
    }
#define BEGIN(op)                                                                                                     \
    op_##op : if (const auto status = check<op>(revision, stack, top, gas); status != Status::success) [[unlikely]] { \
        f.status = status;                                                                                            \
        goto failed_check;                                                                                            \
    }
/// Instructions in functions of their own find gas and stack in the frame.
#define OUTSIDE(function)      \
    f.gas = gas;               \
    f.top = top;               \
    if (!(function)) goto end; \
    gas = f.gas;               \
    top = f.top;
#define BINARY(op, result)       \
    BEGIN(op) {                  \
        const auto& a = top[-1]; \
        const auto& b = top[-2]; \
        top[-2] = (result);      \
        --top;                   \
        NEXT()                   \
    }
#define UNARY(op, result)        \
    BEGIN(op) {                  \
        const auto& a = top[-1]; \
        top[-1] = (result);      \
        NEXT()                   \
    }
#define NULLARY(op, result) \
    BEGIN(op) {             \
        *top = (result);    \
        ++top;              \
        NEXT()              \
    }
#define PUSH(n)                           \
    BEGIN(PUSH##n) {                      \
        *top = load_immediate<n>(ip + 1); \
        ++top;                            \
        ip += n;                          \
        NEXT()                            \
    }
#define DUP(n)          \
    BEGIN(DUP##n) {     \
        *top = top[-n]; \
        ++top;          \
        NEXT()          \
    }
#define SWAP(n)                    \
    BEGIN(SWAP##n) {               \
        const auto word = top[-1]; \
        top[-1] = top[-1 - n];     \
        top[-1 - n] = word;        \
        NEXT()                     \
    }
#define CALLING(op, function) BEGIN(op){OUTSIDE(function) NEXT()}

[[maybe_unused]] next:
    if constexpr (is_traced) {
        f.gas = gas;
        if (!f.is_cost_reported) f.tracer->on_cost(f.gas_before - f.gas);
        ++ip;
    }
dispatch:
    if constexpr (is_traced) {
        f.gas = gas;
        f.top = top;
        report_step(f, static_cast<std::uint64_t>(ip - code), *ip);
    }
    goto* labels[*ip];

    BEGIN(STOP) {
        f.gas = gas;
        goto end;
    }
    BINARY(ADD, a + b)
    BINARY(MUL, a * b)
    BINARY(SUB, a - b)
    BINARY(DIV, a / b)
    BINARY(SDIV, signed_divide(a, b))
    BINARY(MOD, a % b)
    BINARY(SMOD, signed_remainder(a, b))
    BEGIN(ADDMOD) {
        top[-3] = add_modulo(top[-1], top[-2], top[-3]);
        top -= 2;
        NEXT()
    }
    BEGIN(MULMOD) {
        top[-3] = multiply_modulo(top[-1], top[-2], top[-3]);
        top -= 2;
        NEXT()
    }
    CALLING(EXP, instructions::exponentiate(f))
    BINARY(SIGNEXTEND, a.fits_u64() ? sign_extend(b, a.low64()) : b)
    BINARY(LT, uint256{a < b})
    BINARY(GT, uint256{b < a})
    BINARY(SLT, uint256{signed_less(a, b)})
    BINARY(SGT, uint256{signed_less(b, a)})
    BINARY(EQ, uint256{a == b})
    UNARY(ISZERO, uint256{a.is_zero()})
    BINARY(AND, a & b)
    BINARY(OR, a | b)
    BINARY(XOR, a ^ b)
    UNARY(NOT, ~a)
    BINARY(BYTE, uint256{a.fits_u64() ? byte_at(b, a.low64()) : std::uint8_t{0}})
    BINARY(SHL, a.fits_u64() ? b << a.low64() : uint256{})
    BINARY(SHR, a.fits_u64() ? b >> a.low64() : uint256{})
    BINARY(SAR, arithmetic_shift_right(b, a.fits_u64() ? a.low64() : 256))
    UNARY(CLZ, uint256{256 - bit_length(a)})
    CALLING(KECCAK256, instructions::hash(f))
    NULLARY(ADDRESS, to_word(f.message.recipient))
    CALLING(BALANCE, instructions::balance(f))
    NULLARY(ORIGIN, to_word(f.host.context().origin))
    NULLARY(CALLER, to_word(f.message.sender))
    NULLARY(CALLVALUE, f.message.value)
    BEGIN(CALLDATALOAD) {
        auto& word = top[-1];
        if (word.fits_u64() && f.calldata.size() >= 32 && word.low64() <= f.calldata.size() - 32) {
            word = load_big_endian(f.calldata.data() + word.low64());
        } else {
            std::uint8_t bytes[32];
            Frame::copy_padded(bytes, f.calldata, word, 32);
            word = load_big_endian(bytes);
        }
        NEXT()
    }
    NULLARY(CALLDATASIZE, uint256{f.calldata.size()})
    CALLING(CALLDATACOPY, instructions::copy_calldata(f))
    NULLARY(CODESIZE, uint256{f.code.size})
    CALLING(CODECOPY, instructions::copy_code(f))
    NULLARY(GASPRICE, f.host.context().gas_price)
    CALLING(EXTCODESIZE, instructions::external_code_size(f))
    CALLING(EXTCODECOPY, instructions::copy_external_code(f))
    NULLARY(RETURNDATASIZE, uint256{f.return_data.size()})
    CALLING(RETURNDATACOPY, instructions::copy_return_data(f))
    CALLING(EXTCODEHASH, instructions::external_code_hash(f))
    CALLING(BLOCKHASH, instructions::block_hash(f))
    NULLARY(COINBASE, to_word(f.host.context().block.coinbase))
    NULLARY(TIMESTAMP, uint256{f.host.context().block.timestamp})
    NULLARY(NUMBER, uint256{f.host.context().block.number})
    NULLARY(PREVRANDAO, f.host.context().block.prevrandao)
    NULLARY(GASLIMIT, uint256{f.host.context().block.gas_limit})
    NULLARY(CHAINID, f.host.context().block.chain_id)
    NULLARY(SELFBALANCE, f.host.balance(f.message.recipient))
    NULLARY(BASEFEE, f.host.context().block.base_fee)
    CALLING(BLOBHASH, instructions::blob_hash(f))
    NULLARY(BLOBBASEFEE, f.host.context().block.blob_base_fee)
    BEGIN(POP) {
        --top;
        NEXT()
    }
    BEGIN(MLOAD) {
        auto& word = top[-1];
        if (!word.fits_u64() || word.low64() + 32 > f.memory.size() || word.low64() > memory_fast_max) [[unlikely]] {
            OUTSIDE(f.expand_by(word, 32))
        }
        word = load_big_endian(f.memory.data() + word.low64());
        NEXT()
    }
    BEGIN(MSTORE) {
        const auto& to = top[-1];
        if (!to.fits_u64() || to.low64() + 32 > f.memory.size() || to.low64() > memory_fast_max) [[unlikely]] {
            OUTSIDE(f.expand_by(to, 32))
        }
        store_big_endian(f.memory.data() + to.low64(), top[-2]);
        top -= 2;
        NEXT()
    }
    BEGIN(MSTORE8) {
        const auto& to = top[-1];
        OUTSIDE(f.expand_by(to, 1))
        f.memory.data()[to.low64()] = static_cast<std::uint8_t>(top[-2].low64());
        top -= 2;
        NEXT()
    }
    CALLING(SLOAD, instructions::load(f))
    CALLING(SSTORE, instructions::store(f))
    BEGIN(JUMP) {
        const auto& to = *--top;
        if (!to.fits_u64() || !f.code.is_jump_destination(to.low64())) goto bad_jump;
        ip = code + to.low64();
        goto jumped;
    }
    BEGIN(JUMPI) {
        top -= 2;
        if (top[0].is_zero()) {
            NEXT()
        }
        const auto& to = top[1];
        if (!to.fits_u64() || !f.code.is_jump_destination(to.low64())) goto bad_jump;
        ip = code + to.low64();
        goto jumped;
    }
    NULLARY(PC, uint256{static_cast<std::uint64_t>(ip - code)})
    NULLARY(MSIZE, uint256{f.memory.size()})
    NULLARY(GAS, uint256{static_cast<std::uint64_t>(gas)})
    BEGIN(JUMPDEST){NEXT()} CALLING(TLOAD, instructions::load_transient(f))
        CALLING(TSTORE, instructions::store_transient(f)) CALLING(MCOPY, instructions::copy_memory(f))
            NULLARY(PUSH0, uint256{}) PUSH(1) PUSH(2) PUSH(3) PUSH(4) PUSH(5) PUSH(6) PUSH(7) PUSH(8) PUSH(9) PUSH(10)
                PUSH(11) PUSH(12) PUSH(13) PUSH(14) PUSH(15) PUSH(16) PUSH(17) PUSH(18) PUSH(19) PUSH(20) PUSH(21)
                    PUSH(22) PUSH(23) PUSH(24) PUSH(25) PUSH(26) PUSH(27) PUSH(28) PUSH(29) PUSH(30) PUSH(31) PUSH(32)
                        DUP(1) DUP(2) DUP(3) DUP(4) DUP(5) DUP(6) DUP(7) DUP(8) DUP(9) DUP(10) DUP(11) DUP(12) DUP(13)
                            DUP(14) DUP(15) DUP(16) SWAP(1) SWAP(2) SWAP(3) SWAP(4) SWAP(5) SWAP(6) SWAP(7) SWAP(8)
                                SWAP(9) SWAP(10) SWAP(11) SWAP(12) SWAP(13) SWAP(14) SWAP(15) SWAP(16)
                                    CALLING(LOG0, instructions::log(f, 0)) CALLING(LOG1, instructions::log(f, 1))
                                        CALLING(LOG2, instructions::log(f, 2)) CALLING(LOG3, instructions::log(f, 3))
                                            CALLING(LOG4, instructions::log(f, 4))
                                                CALLING(CREATE, instructions::create(f, CallKind::create))
                                                    CALLING(CALL, instructions::call(f, CallKind::call))
                                                        CALLING(CALLCODE, instructions::call(f, CallKind::callcode))
                                                            BEGIN(RETURN) {
        OUTSIDE(instructions::set_output(f))
        goto end;
    }
    CALLING(DELEGATECALL, instructions::call(f, CallKind::delegatecall))
    CALLING(CREATE2, instructions::create(f, CallKind::create2))
    CALLING(STATICCALL, instructions::call(f, CallKind::staticcall))
    BEGIN(REVERT) {
        OUTSIDE(instructions::set_output(f))
        f.status = Status::revert;
        goto end;
    }
op_INVALID:
    f.status = Status::invalid_instruction;
    goto failed_check;
    BEGIN(SELFDESTRUCT) {
        OUTSIDE(instructions::self_destruct(f))
        goto end;
    }

jumped:
    if constexpr (is_traced) {
        f.gas = gas;
        f.tracer->on_cost(f.gas_before - f.gas);
        goto dispatch;
    }
    goto* labels[*ip];
bad_jump:
    f.status = Status::bad_jump;
    goto failed_check;
op_undefined:
    f.status = Status::undefined_instruction;
failed_check:
    f.gas = gas;
    if (f.status == Status::undefined_instruction) f.opcode = *ip;
end:
    if constexpr (is_traced) report_end(f);
#undef NEXT
#undef BEGIN
#undef OUTSIDE
#undef BINARY
#undef UNARY
#undef NULLARY
#undef CALLING
#undef PUSH
#undef DUP
#undef SWAP
}

}  // namespace

FrameArena& FrameArena::of_thread() {
    static thread_local FrameArena arena;
    return arena;
}

void FrameArena::trim() {
    constexpr std::size_t slots_kept = 16;
    constexpr std::size_t memory_kept = 1 << 20;
    if (slots_.size() > slots_kept) slots_.resize(slots_kept);
    for (auto& slot : slots_) {
        slot->memory.release_above(memory_kept);
        if (slot->output.capacity() > memory_kept) Bytes{}.swap(slot->output);
    }
}

CallOutcome interpret(Host& host, const CallMessage& message, const AnalyzedCode& code, Revision revision,
                      Tracer* tracer) {
    auto& arena = FrameArena::of_thread();
    auto& slot = arena.acquire();
    Frame f{host, message, code, tracer, slot.stack.get(), slot.memory, revision};
    if (tracer != nullptr)
        run<true>(f);
    else
        run<false>(f);
    arena.release();
    CallOutcome out;
    out.status = f.status;
    out.opcode = f.opcode;
    if (f.status == Status::success || f.status == Status::revert) {
        out.gas_left = f.gas;
        out.output = f.output;
    }
    if (f.status == Status::success) out.refund = f.refund;
    return out;
}

}  // namespace troupe::evm
