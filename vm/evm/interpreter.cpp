// The loop. One function, one label an instruction, and a jump through a table at the end of each (GNU's labels as
// values): every instruction has a dispatch jump of its own for the processor to predict.
#include "vm/evm/interpreter.hpp"

#include <limits>

#include "vm/evm/call_stack.hpp"
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

/// Limb by limb: words are written limb by limb too, and a processor can't forward two stores to one wider load.
[[gnu::always_inline]] inline void put(uint256& to, const uint256& from) noexcept {
    const auto l0 = from.limb[0], l1 = from.limb[1], l2 = from.limb[2], l3 = from.limb[3];
    to.limb[0] = l0;
    to.limb[1] = l1;
    to.limb[2] = l2;
    to.limb[3] = l3;
}

[[gnu::always_inline]] inline void swap(uint256& a, uint256& b) noexcept {
    const uint256 kept{a.limb[3], a.limb[2], a.limb[1], a.limb[0]};
    put(a, b);
    put(b, kept);
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

/// Three loops from one text: over the bytes of the code with each instruction checked by itself, the same with a
/// tracer looking on, and over the translated code.
enum class Mode { exact, traced, translated };

/// Where a loop stopped: at the end of the frame, or where the other one is to go on.
struct Exit {
    enum class Kind { ended, hot, unpaid_block } kind = Kind::ended;
    /// A JUMPDEST or a block's first byte.
    std::uint64_t pc = 0;
};

/// `heat`: taken jumps after which the exact loop stops; what is left is given back.
template <Mode mode>
Exit run(Frame& f, const Translation* translation, std::uint64_t start, std::int64_t& heat) {
    constexpr bool is_traced = mode == Mode::traced;
    constexpr bool is_translated = mode == Mode::translated;
    static const void* const labels[HANDLERS_END] = {
#include "vm/evm/interpreter_labels.inc"
    };
    const auto* const code = f.code.padded.data();
    const auto* ip = [&] {
        if constexpr (is_translated)
            return translation->instructions.data() + start;
        else
            return code + start;
    }();
    const auto handler = [](const auto* at) {
        if constexpr (is_translated)
            return at->handler;
        else
            return *at;
    };
    auto* const stack = f.stack;
    auto* top = f.top;
    auto gas = f.gas;
    [[maybe_unused]] const auto revision = f.revision;
    const uint256* destination = nullptr;

#define NEXT()                     \
    if constexpr (is_traced) {     \
        goto next;                 \
    } else {                       \
        ++ip;                      \
        goto* labels[handler(ip)]; \
    }
#define BEGIN(op)                                                 \
    op_##op : if constexpr (!is_translated) {                     \
        const auto status = check<op>(revision, stack, top, gas); \
        if (status != Status::success) [[unlikely]] {             \
            f.status = status;                                    \
            goto failed_check;                                    \
        }                                                         \
    }
/// Instructions of translated code alone.
#define FUSED(name)                                                        \
    op_##name : if constexpr (!is_translated) { __builtin_unreachable(); } \
    else
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
        put(top[-2], (result));  \
        --top;                   \
        NEXT()                   \
    }
#define UNARY(op, result)        \
    BEGIN(op) {                  \
        const auto& a = top[-1]; \
        put(top[-1], (result));  \
        NEXT()                   \
    }
#define NULLARY(op, result)  \
    BEGIN(op) {              \
        put(*top, (result)); \
        ++top;               \
        NEXT()               \
    }
#define PUSH(n)                                   \
    BEGIN(PUSH##n) {                              \
        if constexpr (!is_translated) {           \
            put(*top, load_immediate<n>(ip + 1)); \
            ++top;                                \
            ip += n;                              \
            NEXT()                                \
        }                                         \
        __builtin_unreachable();                  \
    }
#define PUSHED(name, result)                           \
    FUSED(name) {                                      \
        [[maybe_unused]] const uint256 a{ip->operand}; \
        const auto& b = top[-1];                       \
        put(top[-1], (result));                        \
        NEXT()                                         \
    }
#define DUP(n)              \
    BEGIN(DUP##n) {         \
        put(*top, top[-n]); \
        ++top;              \
        NEXT()              \
    }
#define SWAP(n)                     \
    BEGIN(SWAP##n) {                \
        swap(top[-1], top[-1 - n]); \
        NEXT()                      \
    }
#define CALLING(op, function) \
    BEGIN(op) { OUTSIDE(function) NEXT() }

    goto dispatch;

    [[maybe_unused]] next : if constexpr (is_traced) {
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
    goto* labels[handler(ip)];

    // clang-format off
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
        destination = --top;
        goto jump;
    }
    BEGIN(JUMPI) {
        top -= 2;
        if (top[0].is_zero()) {
            NEXT()
        }
        destination = &top[1];
        goto jump;
    }
    BEGIN(PC) {
        if constexpr (!is_translated) put(*top, uint256{static_cast<std::uint64_t>(ip - code)});
        ++top;
        NEXT()
    }
    NULLARY(MSIZE, uint256{f.memory.size()})
    NULLARY(GAS, uint256{static_cast<std::uint64_t>(gas)})
    BEGIN(JUMPDEST) {
        NEXT()
    }
    CALLING(TLOAD, instructions::load_transient(f))
    CALLING(TSTORE, instructions::store_transient(f))
    CALLING(MCOPY, instructions::copy_memory(f))
    NULLARY(PUSH0, uint256{})
    PUSH(1) PUSH(2) PUSH(3) PUSH(4) PUSH(5) PUSH(6) PUSH(7) PUSH(8)
    PUSH(9) PUSH(10) PUSH(11) PUSH(12) PUSH(13) PUSH(14) PUSH(15) PUSH(16)
    PUSH(17) PUSH(18) PUSH(19) PUSH(20) PUSH(21) PUSH(22) PUSH(23) PUSH(24)
    PUSH(25) PUSH(26) PUSH(27) PUSH(28) PUSH(29) PUSH(30) PUSH(31) PUSH(32)
    DUP(1) DUP(2) DUP(3) DUP(4) DUP(5) DUP(6) DUP(7) DUP(8)
    DUP(9) DUP(10) DUP(11) DUP(12) DUP(13) DUP(14) DUP(15) DUP(16)
    SWAP(1) SWAP(2) SWAP(3) SWAP(4) SWAP(5) SWAP(6) SWAP(7) SWAP(8)
    SWAP(9) SWAP(10) SWAP(11) SWAP(12) SWAP(13) SWAP(14) SWAP(15) SWAP(16)
    CALLING(LOG0, instructions::log(f, 0))
    CALLING(LOG1, instructions::log(f, 1))
    CALLING(LOG2, instructions::log(f, 2))
    CALLING(LOG3, instructions::log(f, 3))
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

    FUSED(block) {
        const auto cost = static_cast<std::int64_t>(ip->operand & 0xffffffff);
        if (gas < cost || top - stack < ip->need ||
            top - stack > static_cast<std::ptrdiff_t>(stack_words_max) - ip->growth) [[unlikely]] {
            f.gas = gas;
            f.top = top;
            return {Exit::Kind::unpaid_block, ip->operand >> 32};
        }
        gas -= cost;
        NEXT()
    }
#include "vm/evm/interpreter_fused.inc"

jump:
    if (!destination->fits_u64()) goto bad_jump;
    if constexpr (is_translated) {
        const auto to = destination->low64();
        if (to >= f.code.size || translation->targets[to] == 0) goto bad_jump;
        ip = translation->instructions.data() + translation->targets[to];
    } else {
        if (!f.code.is_jump_destination(destination->low64())) goto bad_jump;
        ip = code + destination->low64();
    }
    if constexpr (is_traced) {
        f.gas = gas;
        f.tracer->on_cost(f.gas_before - f.gas);
        goto dispatch;
    } else if constexpr (!is_translated) {
        if (--heat < 0) [[unlikely]] {
            f.gas = gas;
            f.top = top;
            return {Exit::Kind::hot, static_cast<std::uint64_t>(ip - code)};
        }
    }
    goto* labels[handler(ip)];
bad_jump:
    f.status = Status::bad_jump;
    goto failed_check;
op_undefined:
    f.status = Status::undefined_instruction;
failed_check:
    f.gas = gas;
    if constexpr (!is_translated)
        if (f.status == Status::undefined_instruction) f.opcode = *ip;
end:
    if constexpr (is_traced) report_end(f);
    return {};
    // clang-format on
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
#undef FUSED
#undef PUSHED
}

/// From one loop to the other until the frame ends.
void run(Frame& f) {
    constexpr auto never = std::numeric_limits<std::int64_t>::max();
    auto unlimited = never;
    if (f.tracer != nullptr) {
        run<Mode::traced>(f, nullptr, 0, unlimited);
        return;
    }
    const auto* translation = f.code.translation(f.revision);
    std::uint64_t block = 0;
    if (translation == nullptr) {
        auto heat = std::max<std::int64_t>(0, f.code.heat_left());
        const auto before = heat;
        const auto exit = run<Mode::exact>(f, nullptr, 0, heat);
        f.code.add_heat(1 + before - heat);
        if (exit.kind == Exit::Kind::ended) return;
        translation = f.code.translate_for(f.revision);
        if (translation == nullptr) {
            run<Mode::exact>(f, nullptr, exit.pc, unlimited);
            return;
        }
        block = translation->targets[exit.pc];
    }
    const auto exit = run<Mode::translated>(f, translation, block, unlimited);
    if (exit.kind == Exit::Kind::unpaid_block) run<Mode::exact>(f, nullptr, exit.pc, unlimited);
}

}  // namespace

CallOutcome interpret(Host& host, const CallMessage& message, const AnalyzedCode& code, Revision revision,
                      Tracer* tracer) {
    auto& arena = FrameArena::of_thread();
    if (!has_stack_room()) [[unlikely]] {
        CallOutcome out;
        run_on_large_stack([&] {
            FrameArena::lend_to_thread(arena);
            out = interpret(host, message, code, revision, tracer);
        });
        return out;
    }
    auto& slot = arena.acquire();
    Frame f{host, message, code, tracer, slot.stack.get(), slot.memory, revision};
    run(f);
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
