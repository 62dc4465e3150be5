// Floating-point operations.
#ifdef __x86_64__

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {

using dmir::Op;
using dmir::Trap;

namespace {
constexpr std::uint64_t sign64 = 0x8000000000000000ULL;
constexpr std::uint64_t sign32 = 0x80000000ULL;
}  // namespace

bool FunctionEmitter::float_instruction(const Instruction& i) {
    switch (i.code) {
        case Code::copy:
            if (is_float(i.result))
                vmovaps(out_float(i), in_float(i.operands[0]));
            else
                mov(out(i), in(i.operands[0]));
            return true;
        case Code::float_arithmetic: float_arithmetic(i); return true;
        case Code::float_extreme: float_extreme(i); return true;
        case Code::float_unary: float_unary(i); return true;
        case Code::float_sign: float_sign(i); return true;
        case Code::float_copysign: {
            const auto mask = i.wide ? sign64 : sign32;
            const auto magnitude = i.wide ? ~sign64 : ~sign32 & 0xFFFFFFFF;
            const auto to = out_float(i);
            vandps(xmm15, in_float(i.operands[1]), pooled(mask));
            vandps(to, in_float(i.operands[0]), pooled(magnitude));
            vorps(to, to, xmm15);
            return true;
        }
        case Code::canonicalize: canonicalize(i); return true;
        case Code::integer_to_float: integer_to_float(i); return true;
        case Code::float_to_integer: float_to_integer(i); return true;
        case Code::reinterpret: reinterpret(i); return true;
        default: return false;
    }
}

void FunctionEmitter::float_arithmetic(const Instruction& i) {
    const auto to = out_float(i);
    const auto a = in_float(i.operands[0]);
    const auto memory = i.memory ? ptr[memory_operand(i, 1)] : ptr[rbx];
    const Xmm in_register = i.memory ? xmm0 : in_float(i.operands[1]);
    const Xbyak::Operand& b = i.memory ? static_cast<const Xbyak::Operand&>(memory) : in_register;
    switch (i.op) {
        case Op::f32_add: i.wide ? vaddsd(to, a, b) : vaddss(to, a, b); break;
        case Op::f32_sub: i.wide ? vsubsd(to, a, b) : vsubss(to, a, b); break;
        case Op::f32_mul: i.wide ? vmulsd(to, a, b) : vmulss(to, a, b); break;
        default: i.wide ? vdivsd(to, a, b) : vdivss(to, a, b); break;
    }
}

void FunctionEmitter::load_nan(const Xmm& to, bool wide) {
    vmovsd(to, pooled(wide ? canonical_nan64 : canonical_nan32));
}

/// Equal values differ at most in the sign of zero.
void FunctionEmitter::float_extreme(const Instruction& i) {
    const auto to = out_float(i);
    const auto a = in_float(i.operands[0]);
    const auto b = in_float(i.operands[1]);
    const bool maximum = i.op == Op::f32_max;
    const bool wide = i.wide;
    auto& rare = ways_.emplace_back();
    auto& done = ways_.emplace_back();
    wide ? vucomisd(a, b) : vucomiss(a, b);
    // Equal or unordered.
    je(rare, reach(rare));
    if (wide)
        maximum ? vmaxsd(to, a, b) : vminsd(to, a, b);
    else
        maximum ? vmaxss(to, a, b) : vminss(to, a, b);
    L(done);
    later([this, to, a, b, maximum, wide, &rare, &done] {
        Label nan;
        L(rare);
        jp(nan);
        maximum ? vandps(to, a, b) : vorps(to, a, b);
        jmp(done, reach(done));
        L(nan);
        load_nan(to, wide);
        jmp(done, reach(done));
    });
}

void FunctionEmitter::float_unary(const Instruction& i) {
    const auto to = out_float(i);
    const auto from = in_float(i.operands[0]);
    const auto round = [&](std::uint8_t mode) {
        i.wide ? vroundsd(to, from, from, mode) : vroundss(to, from, from, mode);
    };
    switch (i.op) {
        case Op::f32_ceil: return round(10);
        case Op::f32_floor: return round(9);
        case Op::f32_trunc: return round(11);
        case Op::f32_nearest: return round(8);
        case Op::f32_sqrt: i.wide ? vsqrtsd(to, from, from) : vsqrtss(to, from, from); return;
        case Op::f32_demote_f64:
            // An f32's upper half is zero everywhere.
            vxorps(xmm15, xmm15, xmm15);
            return vcvtsd2ss(to, xmm15, from);
        default: return vcvtss2sd(to, from, from);
    }
}

void FunctionEmitter::float_sign(const Instruction& i) {
    const auto to = out_float(i);
    const auto from = in_float(i.operands[0]);
    if (i.op == Op::f32_neg)
        vxorps(to, from, pooled(i.wide ? sign64 : sign32));
    else
        vandps(to, from, pooled(i.wide ? ~sign64 : ~sign32 & 0xFFFFFFFF));
}

void FunctionEmitter::canonicalize(const Instruction& i) {
    const auto to = out_float(i);
    const auto from = in_float(i.operands[0]);
    const bool wide = i.wide;
    if (to.getIdx() != from.getIdx()) vmovaps(to, from);
    auto& nan = ways_.emplace_back();
    auto& done = ways_.emplace_back();
    wide ? vucomisd(to, to) : vucomiss(to, to);
    jp(nan, reach(nan));
    L(done);
    later([this, to, wide, &nan, &done] {
        L(nan);
        load_nan(to, wide);
        jmp(done, reach(done));
    });
}

/// Asks the memory, with integer instructions: chains of floating-point arithmetic that end in stores are bound by how
/// many such instructions the processor can hold. Infinities take the rare way, too.
void FunctionEmitter::check_stored(const Instruction& i, const Xbyak::RegExp& at) {
    const bool wide = i.op == Op::f64_store;
    const auto bits = temporary(i);
    const auto value = in_float(i.operands[1]);
    auto& rare = ways_.emplace_back();
    auto& done = ways_.emplace_back();
    // The sign goes to the lowest bit, where it is no matter.
    rorx(Xbyak::Reg32e(bits.getIdx(), 32), dword[wide ? at + 4 : at], 31);
    cmp(bits.cvt32(), wide ? 0xFFE00000U : 0xFF000000U);
    jae(rare, reach(rare));
    L(done);
    later([this, wide, bits, value, at, &rare, &done] {
        L(rare);
        wide ? vucomisd(value, value) : vucomiss(value, value);
        jnp(done, reach(done));
        if (wide) {
            mov(bits, canonical_nan64);
            mov(qword[at], bits);
        } else {
            mov(dword[at], canonical_nan32);
        }
        jmp(done, reach(done));
    });
}

void FunctionEmitter::integer_to_float(const Instruction& i) {
    const auto to = out_float(i);
    const auto from = in(i.operands[0]);
    const bool from32 = i.op == Op::f32_convert_i32_s || i.op == Op::f64_convert_i32_s;
    vxorps(xmm15, xmm15, xmm15);
    if (from32)
        i.wide ? vcvtsi2sd(to, xmm15, from.cvt32()) : vcvtsi2ss(to, xmm15, from.cvt32());
    else
        i.wide ? vcvtsi2sd(to, xmm15, from) : vcvtsi2ss(to, xmm15, from);
}

/// Where the processor's answer is the one for "does not fit", a look at the number decides.
void FunctionEmitter::float_to_integer(const Instruction& i) {
    const auto to = out(i);
    const auto from = in_float(i.operands[0]);
    const bool from64 = i.op == Op::i32_trunc_f64_s || i.op == Op::i32_trunc_f64_u || i.op == Op::i64_trunc_f64_s ||
                        i.op == Op::i64_trunc_f64_u;
    auto& doubtful = ways_.emplace_back();
    auto& done = ways_.emplace_back();
    if (i.temporary != no_register) {
        // Unsigned 32 bits: as a signed 64-bit number whose upper half must be zero.
        const auto upper = temporary(i);
        from64 ? vcvttsd2si(to, from) : vcvttss2si(to, from);
        mov(upper, to);
        shr(upper, 32);
        jnz(doubtful, reach(doubtful));
        later([this, from, from64, &doubtful] {
            L(doubtful);
            from64 ? vucomisd(from, from) : vucomiss(from, from);
            jp(trap(Trap::invalid_conversion_to_integer), reach(trap(Trap::invalid_conversion_to_integer)));
            jmp(trap(Trap::integer_overflow), reach(trap(Trap::integer_overflow)));
        });
        return;
    }
    const auto sized_to = i.wide ? Xbyak::Reg32e(to.getIdx(), 64) : Xbyak::Reg32e(to.getIdx(), 32);
    from64 ? cvttsd2si(sized_to, from) : cvttss2si(sized_to, from);
    cmp(sized_to, 1);
    jo(doubtful, reach(doubtful));
    L(done);
    // The least integer is right for numbers above `bound`, or from it on where no number lies between.
    const bool exclusive = from64 && !i.wide;
    std::uint64_t bound = 0;
    if (from64)
        bound = i.wide ? 0xC3E0000000000000ULL : 0xC1E0000000200000ULL;
    else
        bound = i.wide ? 0xDF000000ULL : 0xCF000000ULL;
    later([this, from, from64, exclusive, bound, &doubtful, &done] {
        L(doubtful);
        from64 ? vucomisd(from, from) : vucomiss(from, from);
        jp(trap(Trap::invalid_conversion_to_integer), reach(trap(Trap::invalid_conversion_to_integer)));
        vxorps(xmm15, xmm15, xmm15);
        from64 ? vucomisd(from, xmm15) : vucomiss(from, xmm15);
        jae(trap(Trap::integer_overflow), reach(trap(Trap::integer_overflow)));
        from64 ? vucomisd(from, pooled(bound)) : vucomiss(from, pooled(bound));
        exclusive ? ja(done, reach(done)) : jae(done, reach(done));
        jmp(trap(Trap::integer_overflow), reach(trap(Trap::integer_overflow)));
    });
}

void FunctionEmitter::reinterpret(const Instruction& i) {
    if (is_float(i.result))
        i.wide ? vmovq(out_float(i), in(i.operands[0])) : vmovd(out_float(i), in(i.operands[0]).cvt32());
    else
        i.wide ? vmovq(out(i), in_float(i.operands[0])) : vmovd(out(i).cvt32(), in_float(i.operands[0]));
}

}  // namespace troupe::jit::opt

#endif
