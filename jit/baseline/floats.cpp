// Floating point, every NaN made the canonical one.
#include "jit/baseline/function_emitter.hpp"

#ifdef __x86_64__

#include <memory>

namespace troupe::jit {

void FunctionEmitter::canonicalize(const Xmm& x, bool wide) {
    auto slow = std::make_shared<Label>();
    auto back = std::make_shared<Label>();
    wide ? ucomisd(x, x) : ucomiss(x, x);
    jp(*slow, T_NEAR);
    L(*back);
    later([this, x, wide, slow, back] {
        L(*slow);
        load_nan(x, wide);
        jmp(*back, T_NEAR);
    });
}

void FunctionEmitter::load_nan(const Xmm& x, bool wide) {
    mov(rax, wide ? canonical_nan64 : canonical_nan32);
    movq(x, rax);
}

template <class F>
void FunctionEmitter::float_binary(const Instruction& i, bool wide, bool commutative, F&& emit) {
    auto left = i.b;
    auto right = i.c;
    auto to = target_float(i.a, xmm0);
    if (has_home(right) && to.getIdx() == float_home(right).getIdx() && left != right) {
        if (commutative)
            std::swap(left, right);
        else
            to = xmm0;
    }
    if (has_home(left)) {
        if (to.getIdx() != float_home(left).getIdx()) movaps(to, float_home(left));
    } else {
        movq(to, cell(left));
    }
    const auto by = get_float(right, xmm1);
    emit(to, by);
    canonicalize(to, wide);
    store_float(i.a, to);
}

void FunctionEmitter::float_minimum(const Instruction& i, bool wide, bool maximum) {
    const auto left = get_float(i.b, xmm0);
    const auto right = get_float(i.c, xmm1);
    Label equal;
    Label nan;
    Label done;
    movaps(xmm2, left);
    wide ? ucomisd(left, right) : ucomiss(left, right);
    jp(nan, T_NEAR);
    je(equal);
    if (wide)
        maximum ? maxsd(xmm2, right) : minsd(xmm2, right);
    else
        maximum ? maxss(xmm2, right) : minss(xmm2, right);
    jmp(done, T_NEAR);
    L(equal);
    // Equal values differ at most in the sign of zero.
    maximum ? andps(xmm2, right) : orps(xmm2, right);
    jmp(done, T_NEAR);
    L(nan);
    load_nan(xmm2, wide);
    L(done);
    store_float(i.a, xmm2);
}

void FunctionEmitter::float_condition(std::uint16_t left, std::uint16_t right, bool wide) {
    const auto a = get_float(left, xmm0);
    const auto b = get_float(right, xmm1);
    wide ? ucomisd(a, b) : ucomiss(a, b);
}

void FunctionEmitter::float_compare(const Instruction& i, bool wide, int condition) {
    const bool swap = condition == 2 || condition == 4;
    float_condition(swap ? i.c : i.b, swap ? i.b : i.c, wide);
    if (condition == 0) {
        setnp(al);
        sete(dl);
        and_(al, dl);
    } else if (condition == 1) {
        setp(al);
        setne(dl);
        or_(al, dl);
    } else if (condition <= 3) {
        seta(al);
    } else {
        setae(al);
    }
    const auto out = target(i.a, rax);
    movzx(out.cvt32(), al);
    store(i.a, out);
}

void FunctionEmitter::float_branch(const Instruction& i, bool wide, int condition, bool negate) {
    const bool swap = condition == 2 || condition == 4;
    float_condition(swap ? i.b : i.a, swap ? i.a : i.b, wide);
    auto& to = labels_[i.low()];
    if (condition >= 2) {
        const bool strict = condition <= 3;
        if (negate)
            strict ? jbe(to, T_NEAR) : jb(to, T_NEAR);
        else
            strict ? ja(to, T_NEAR) : jae(to, T_NEAR);
        return;
    }
    if ((condition == 1) != negate) {
        jp(to, T_NEAR);
        jne(to, T_NEAR);
    } else {
        Label no;
        jp(no);
        je(to, T_NEAR);
        L(no);
    }
}

void FunctionEmitter::copy_sign(const Instruction& i, bool wide) {
    load(rax, i.b);
    load(rdx, i.c);
    if (wide) {
        shr(rdx, 63);
        btr(rax, 63);
        shl(rdx, 63);
    } else {
        and_(edx, 0x80000000U);
        and_(eax, 0x7FFFFFFFU);
    }
    or_(rax, rdx);
    store(i.a, rax);
}

void FunctionEmitter::change_sign(const Instruction& i, bool wide, bool clear) {
    load(rax, i.b);
    if (wide)
        clear ? btr(rax, 63) : btc(rax, 63);
    else
        clear ? btr(eax, 31) : btc(eax, 31);
    store(i.a, rax);
}

bool FunctionEmitter::floating(Op op, const Instruction& i) {
    if (op >= Op::f32_eq && op <= Op::f32_ge) {
        float_compare(i, false, static_cast<int>(op) - static_cast<int>(Op::f32_eq));
        return true;
    }
    if (op >= Op::f64_eq && op <= Op::f64_ge) {
        float_compare(i, true, static_cast<int>(op) - static_cast<int>(Op::f64_eq));
        return true;
    }
    const bool is32 = op >= Op::f32_abs && op <= Op::f32_copysign;
    const bool is64 = op >= Op::f64_abs && op <= Op::f64_copysign;
    if (!is32 && !is64) return false;
    const bool w = is64;
    const auto round = [&](int mode) {
        float_unary(i, w,
                    [&](const Xmm& to, const Xmm& from) { w ? roundsd(to, from, mode) : roundss(to, from, mode); });
    };
    switch (static_cast<Op>(static_cast<int>(op) -
                            (w ? static_cast<int>(Op::f64_abs) - static_cast<int>(Op::f32_abs) : 0))) {
        case Op::f32_abs: change_sign(i, w, true); break;
        case Op::f32_neg: change_sign(i, w, false); break;
        case Op::f32_ceil: round(10); break;
        case Op::f32_floor: round(9); break;
        case Op::f32_trunc: round(11); break;
        case Op::f32_nearest: round(8); break;
        case Op::f32_sqrt:
            float_unary(i, w, [&](const Xmm& to, const Xmm& from) { w ? sqrtsd(to, from) : sqrtss(to, from); });
            break;
        case Op::f32_add:
            float_binary(i, w, true, [&](const Xmm& a, const Xmm& b) { w ? addsd(a, b) : addss(a, b); });
            break;
        case Op::f32_sub:
            float_binary(i, w, false, [&](const Xmm& a, const Xmm& b) { w ? subsd(a, b) : subss(a, b); });
            break;
        case Op::f32_mul:
            float_binary(i, w, true, [&](const Xmm& a, const Xmm& b) { w ? mulsd(a, b) : mulss(a, b); });
            break;
        case Op::f32_div:
            float_binary(i, w, false, [&](const Xmm& a, const Xmm& b) { w ? divsd(a, b) : divss(a, b); });
            break;
        case Op::f32_min: float_minimum(i, w, false); break;
        case Op::f32_max: float_minimum(i, w, true); break;
        default: copy_sign(i, w); break;
    }
    return true;
}

}  // namespace troupe::jit

#endif
