// Conversions between numbers; those that run_rare does are not here.
#include "jit/baseline/function_emitter.hpp"

#ifdef __x86_64__

#include <memory>

namespace troupe::jit {

void FunctionEmitter::truncate32(const Instruction& i, bool wide_source, bool is_signed) {
    const auto from = get_float(i.b, xmm0);
    wide_source ? cvttsd2si(rax, from) : cvttss2si(rax, from);
    if (is_signed)
        movsxd(rdx, eax);
    else
        mov(edx, eax);
    cmp(rdx, rax);
    auto slow = std::make_shared<Label>();
    jne(*slow, T_NEAR);
    later([this, slow, from, wide_source] {
        L(*slow);
        wide_source ? ucomisd(from, from) : ucomiss(from, from);
        jp(trap(Trap::invalid_conversion_to_integer), T_NEAR);
        jmp(trap(Trap::integer_overflow), T_NEAR);
    });
    mov(eax, eax);
    store(i.a, rax);
}

void FunctionEmitter::convert_integer(const Instruction& i, bool wide_target, bool from64, bool is_signed) {
    const auto from = get(i.b, rax);
    const auto to = target_float(i.a, xmm0);
    xorps(xmm1, xmm1);
    if (from64 || !is_signed)
        wide_target ? cvtsi2sd(xmm1, from) : cvtsi2ss(xmm1, from);
    else
        wide_target ? cvtsi2sd(xmm1, from.cvt32()) : cvtsi2ss(xmm1, from.cvt32());
    movaps(to, xmm1);
    store_float(i.a, to);
}

bool FunctionEmitter::conversion(Op op, const Instruction& i) {
    switch (op) {
        case Op::i32_wrap_i64:
        case Op::i64_extend_i32_u: unary(i, false, [&](auto to, auto from) { mov(to, from); }); return true;
        case Op::i64_extend_i32_s:
        case Op::i64_extend32_s:
            unary(i, true, [&](auto to, auto from) { movsxd(Reg64(to.getIdx()), Reg64(from.getIdx()).cvt32()); });
            return true;
        case Op::i32_extend8_s:
            unary(i, false, [&](auto to, auto from) { movsx(to, Reg64(from.getIdx()).cvt8()); });
            return true;
        case Op::i32_extend16_s:
            unary(i, false, [&](auto to, auto from) { movsx(to, Reg64(from.getIdx()).cvt16()); });
            return true;
        case Op::i64_extend8_s:
            unary(i, true, [&](auto to, auto from) { movsx(to, Reg64(from.getIdx()).cvt8()); });
            return true;
        case Op::i64_extend16_s:
            unary(i, true, [&](auto to, auto from) { movsx(to, Reg64(from.getIdx()).cvt16()); });
            return true;
        case Op::i32_reinterpret_f32:
            load(rax, i.b);
            mov(eax, eax);
            store(i.a, rax);
            return true;
        case Op::f32_reinterpret_i32:
        case Op::f64_reinterpret_i64:
        case Op::i64_reinterpret_f64: {
            load(rax, i.b);
            store(i.a, rax);
            return true;
        }
        case Op::i32_trunc_f32_s: truncate32(i, false, true); return true;
        case Op::i32_trunc_f32_u: truncate32(i, false, false); return true;
        case Op::i32_trunc_f64_s: truncate32(i, true, true); return true;
        case Op::i32_trunc_f64_u: truncate32(i, true, false); return true;
        case Op::f32_convert_i32_s: convert_integer(i, false, false, true); return true;
        case Op::f32_convert_i32_u: convert_integer(i, false, false, false); return true;
        case Op::f32_convert_i64_s: convert_integer(i, false, true, true); return true;
        case Op::f64_convert_i32_s: convert_integer(i, true, false, true); return true;
        case Op::f64_convert_i32_u: convert_integer(i, true, false, false); return true;
        case Op::f64_convert_i64_s: convert_integer(i, true, true, true); return true;
        case Op::f32_demote_f64:
            float_unary(i, false, [&](const Xmm& to, const Xmm& from) { cvtsd2ss(to, from); });
            return true;
        case Op::f64_promote_f32:
            float_unary(i, true, [&](const Xmm& to, const Xmm& from) { cvtss2sd(to, from); });
            return true;
        default: return false;
    }
}

}  // namespace troupe::jit

#endif
