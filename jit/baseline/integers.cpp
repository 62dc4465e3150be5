// Integer arithmetic and comparisons, with slots and with immediates.
#include "jit/baseline/function_emitter.hpp"

#ifdef __x86_64__

namespace troupe::jit {

template <class F>
void FunctionEmitter::binary(const Instruction& i, bool wide, bool commutative, F&& emit) {
    auto left = i.b;
    auto right = i.c;
    auto to = target(i.a, rax);
    if (has_home(right) && to.getIdx() == home(right).getIdx() && left != right) {
        if (commutative)
            std::swap(left, right);
        else
            to = rax;
    }
    load(to, left);
    if (has_home(right)) {
        if (wide)
            emit(to, home(right));
        else
            emit(to.cvt32(), home(right).cvt32());
    } else if (wide) {
        emit(to, cell(right));
    } else {
        emit(to.cvt32(), cell32(right));
    }
    store(i.a, to);
}

template <class F>
void FunctionEmitter::shift(const Instruction& i, bool wide, F&& emit) {
    const auto count = get(i.c, rdx);
    const auto value = get(i.b, rax);
    const auto to = target(i.a, rax);
    if (wide)
        emit(to, value, count);
    else
        emit(to.cvt32(), value.cvt32(), count.cvt32());
    store(i.a, to);
}

void FunctionEmitter::rotate(const Instruction& i, bool wide, bool left) {
    load(rax, i.b);
    load(rdx, i.c);
    xchg(rcx, rdx);
    if (wide)
        left ? rol(rax, cl) : ror(rax, cl);
    else
        left ? rol(eax, cl) : ror(eax, cl);
    mov(rcx, rdx);
    store(i.a, rax);
}

void FunctionEmitter::set_condition(std::uint16_t to, int condition) {
    switch (condition) {
        case 0: sete(al); break;
        case 1: setne(al); break;
        case 2: setl(al); break;
        case 3: setb(al); break;
        case 4: setg(al); break;
        case 5: seta(al); break;
        case 6: setle(al); break;
        case 7: setbe(al); break;
        case 8: setge(al); break;
        default: setae(al); break;
    }
    const auto out = target(to, rax);
    movzx(out.cvt32(), al);
    store(to, out);
}

void FunctionEmitter::compare(std::uint16_t left, std::uint16_t right, bool wide) {
    const auto a = get(left, rax);
    if (has_home(right))
        wide ? cmp(a, home(right)) : cmp(a.cvt32(), home(right).cvt32());
    else
        wide ? cmp(a, cell(right)) : cmp(a.cvt32(), cell32(right));
}

void FunctionEmitter::compare_immediate(std::uint16_t left, std::int32_t right, bool wide) {
    if (has_home(left)) {
        const auto a = home(left);
        if (right == 0)
            wide ? test(a, a) : test(a.cvt32(), a.cvt32());
        else
            wide ? cmp(a, static_cast<std::uint32_t>(right)) : cmp(a.cvt32(), static_cast<std::uint32_t>(right));
    } else {
        wide ? cmp(cell(left), static_cast<std::uint32_t>(right))
             : cmp(cell32(left), static_cast<std::uint32_t>(right));
    }
}

void FunctionEmitter::compare_zero(const Instruction& i, bool wide) {
    compare_immediate(i.b, 0, wide);
    set_condition(i.a, 0);
}

void FunctionEmitter::divide(const Instruction& i, bool wide, bool is_signed, bool remainder) {
    load(rax, i.b);
    const bool in_register = has_home(i.c);
    if (in_register)
        wide ? test(home(i.c), home(i.c)) : test(home(i.c).cvt32(), home(i.c).cvt32());
    else
        wide ? cmp(cell(i.c), 0) : cmp(cell32(i.c), 0);
    jz(trap(Trap::integer_divide_by_zero), T_NEAR);
    Label done;
    if (is_signed) {
        Label divide_now;
        if (in_register)
            wide ? cmp(home(i.c), -1) : cmp(home(i.c).cvt32(), -1);
        else
            wide ? cmp(cell(i.c), -1) : cmp(cell32(i.c), -1);
        jne(divide_now);
        if (remainder) {
            xor_(edx, edx);
            jmp(done);
        } else {
            // Only the least number minus one overflows.
            wide ? cmp(rax, 1) : cmp(eax, 1);
            jo(trap(Trap::integer_overflow), T_NEAR);
        }
        L(divide_now);
        wide ? cqo() : cdq();
    } else {
        xor_(edx, edx);
    }
    const auto by = [&](const Xbyak::Operand& operand) { is_signed ? idiv(operand) : div(operand); };
    if (in_register)
        wide ? by(home(i.c)) : by(home(i.c).cvt32());
    else
        wide ? by(cell(i.c)) : by(cell32(i.c));
    L(done);
    store(i.a, remainder ? rdx : rax);
}

bool FunctionEmitter::integer(Op op, const Instruction& i) {
    const bool is32 = op >= Op::i32_clz && op <= Op::i32_rotr;
    const bool is64 = op >= Op::i64_clz && op <= Op::i64_rotr;
    if (op >= Op::i32_eq && op <= Op::i32_ge_u) {
        compare(i.b, i.c, false);
        set_condition(i.a, static_cast<int>(op) - static_cast<int>(Op::i32_eq));
        return true;
    }
    if (op >= Op::i64_eq && op <= Op::i64_ge_u) {
        compare(i.b, i.c, true);
        set_condition(i.a, static_cast<int>(op) - static_cast<int>(Op::i64_eq));
        return true;
    }
    if (op == Op::i32_eqz || op == Op::i64_eqz) {
        compare_zero(i, op == Op::i64_eqz);
        return true;
    }
    if (!is32 && !is64) return false;
    const bool w = is64;
    switch (static_cast<Op>(static_cast<int>(op) -
                            (w ? static_cast<int>(Op::i64_clz) - static_cast<int>(Op::i32_clz) : 0))) {
        case Op::i32_clz: unary(i, w, [&](auto to, auto from) { lzcnt(to, from); }); break;
        case Op::i32_ctz: unary(i, w, [&](auto to, auto from) { tzcnt(to, from); }); break;
        case Op::i32_popcnt: unary(i, w, [&](auto to, auto from) { popcnt(to, from); }); break;
        case Op::i32_add: binary(i, w, true, [&](const auto& a, const auto& b) { add(a, b); }); break;
        case Op::i32_sub: binary(i, w, false, [&](const auto& a, const auto& b) { sub(a, b); }); break;
        case Op::i32_mul: binary(i, w, true, [&](const auto& a, const auto& b) { imul(a, b); }); break;
        case Op::i32_and: binary(i, w, true, [&](const auto& a, const auto& b) { and_(a, b); }); break;
        case Op::i32_or: binary(i, w, true, [&](const auto& a, const auto& b) { or_(a, b); }); break;
        case Op::i32_xor: binary(i, w, true, [&](const auto& a, const auto& b) { xor_(a, b); }); break;
        case Op::i32_shl: shift(i, w, [&](auto a, auto b, auto c) { shlx(a, b, c); }); break;
        case Op::i32_shr_s: shift(i, w, [&](auto a, auto b, auto c) { sarx(a, b, c); }); break;
        case Op::i32_shr_u: shift(i, w, [&](auto a, auto b, auto c) { shrx(a, b, c); }); break;
        case Op::i32_rotl: rotate(i, w, true); break;
        case Op::i32_rotr: rotate(i, w, false); break;
        case Op::i32_div_s: divide(i, w, true, false); break;
        case Op::i32_div_u: divide(i, w, false, false); break;
        case Op::i32_rem_s: divide(i, w, true, true); break;
        default: divide(i, w, false, true); break;
    }
    return true;
}

void FunctionEmitter::immediate(const Instruction& i) {
    const auto first = vm::code(Extended::i32_add_immediate);
    const bool wide = ((i.op - first) & 1) != 0;
    const auto form = static_cast<Extended>(wide ? i.op - 1 : i.op);
    const auto value = wide ? static_cast<std::int64_t>(i.immediate) : std::int64_t{static_cast<std::int32_t>(i.low())};
    const bool small = value >= INT32_MIN && value <= INT32_MAX;
    const auto value32 = static_cast<std::uint32_t>(value);
    const auto comparison = (i.op - vm::code(Extended::i32_eq_immediate)) / 2;
    if (i.op >= vm::code(Extended::i32_eq_immediate)) {
        if (small) {
            compare_immediate(i.b, static_cast<std::int32_t>(value), wide);
        } else {
            const auto left = get(i.b, rax);
            mov(rdx, static_cast<std::uint64_t>(value));
            cmp(left, rdx);
        }
        return set_condition(i.a, comparison);
    }
    const auto to64 = target(i.a, rax);
    const auto from64 = get(i.b, rax);
    const auto width = [&](const Reg64& r) -> Xbyak::Reg { return wide ? Xbyak::Reg(r) : Xbyak::Reg(r.cvt32()); };
    const auto to = width(to64);
    const auto from = width(from64);
    const auto count = static_cast<int>(i.immediate & (wide ? 63U : 31U));
    const auto copy = [&] {
        if (to.getIdx() != from.getIdx()) mov(to, from);
    };
    const auto apply = [&](auto&& small_form, auto&& register_form) {
        if (small) {
            copy();
            small_form();
        } else {
            copy();
            mov(rdx, static_cast<std::uint64_t>(value));
            register_form();
        }
    };
    switch (form) {
        case Extended::i32_add_immediate:
            if (small && to.getIdx() != from.getIdx())
                wide ? lea(to64, ptr[from64 + static_cast<std::int32_t>(value)])
                     : lea(to64.cvt32(), ptr[from64 + static_cast<std::int32_t>(value)]);
            else
                apply([&] { add(to, value32); }, [&] { add(to, rdx); });
            break;
        case Extended::i32_mul_immediate:
            if (small) {
                imul(to, from, static_cast<int>(value));
            } else {
                copy();
                mov(rdx, static_cast<std::uint64_t>(value));
                imul(to, rdx);
            }
            break;
        case Extended::i32_and_immediate: apply([&] { and_(to, value32); }, [&] { and_(to, rdx); }); break;
        case Extended::i32_or_immediate: apply([&] { or_(to, value32); }, [&] { or_(to, rdx); }); break;
        case Extended::i32_xor_immediate: apply([&] { xor_(to, value32); }, [&] { xor_(to, rdx); }); break;
        case Extended::i32_shl_immediate:
            copy();
            shl(to, count);
            break;
        case Extended::i32_shr_s_immediate:
            copy();
            sar(to, count);
            break;
        case Extended::i32_shr_u_immediate:
            copy();
            shr(to, count);
            break;
        default:
            copy();
            rol(to, count);
            break;
    }
    // A 32-bit operation of no effect, such as a shift by zero, still has to clear the upper half; all above do.
    store(i.a, to64);
}

}  // namespace troupe::jit

#endif
