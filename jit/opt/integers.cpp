// Integer and memory operations.
#ifdef __x86_64__

#include <memory>

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {

using dmir::Op;
using dmir::Trap;

/// Whether the instruction before has left the flags of a comparison of this one's operand with zero.
bool FunctionEmitter::flags_tell(const Instruction& i) const {
    if (flags_of_ == no_register || flags_of_ != i.operands[0] || flags_wide_ != i.compare_wide) return false;
    return flags_full_ || i.condition == Condition::eq || i.condition == Condition::ne;
}
void FunctionEmitter::keep_flags(const Instruction& i, bool full) {
    flags_of_ = i.result;
    flags_wide_ = i.wide;
    flags_full_ = full;
}

void FunctionEmitter::compare(const Instruction& i) {
    if (i.compare == Compare::floats) {
        auto left = in_float(i.operands[0]);
        auto right = in_float(i.operands[1]);
        // A NaN makes the carry: less is asked as the swapped greater.
        if (i.condition == Condition::flt || i.condition == Condition::fle) std::swap(left, right);
        i.compare_wide ? vucomisd(left, right) : vucomiss(left, right);
        return;
    }
    const auto value = static_cast<std::uint32_t>(i.value);
    if (i.memory) return compare_memory(i, value);
    if (i.immediate && in_slot(i.operands[0])) {
        const auto at = address(source(i.operands[0]));
        const auto spilled = i.compare_wide ? qword[at] : dword[at];
        if (i.compare == Compare::integers) return cmp(spilled, value);
        return value <= 0x7F ? test(byte[at], value) : test(spilled, value);
    }
    const auto left = in(i.operands[0], i.compare_wide);
    if (!i.immediate && in_slot(i.operands[1])) {
        const auto spilled = slot(i.operands[1]);
        return i.compare == Compare::bits ? test(spilled, left) : cmp(left, spilled);
    }
    if (i.compare == Compare::bits) {
        if (!i.immediate)
            test(left, in(i.operands[1], i.compare_wide));
        else if (value <= 0x7F)
            test(in(i.operands[0]).cvt8(), value);
        else if (value <= 0x7FFFFFFF)
            test(left.cvt32(), value);
        else
            test(left, value);
        return;
    }
    if (!i.immediate)
        cmp(left, in(i.operands[1], i.compare_wide));
    else if (i.value == 0 && flags_tell(i))
        return;
    else if (i.value == 0)
        test(left, left);
    else
        cmp(left, value);
}

Xbyak::RegExp FunctionEmitter::linear(Register base, std::uint32_t displacement) const {
    const auto from = base == no_register ? Xbyak::RegExp(rbx) : rbx + in(base);
    return from + static_cast<int>(displacement);
}

Xbyak::RegExp FunctionEmitter::memory_operand(const Instruction& i, std::size_t operand) const {
    return linear(i.operands[operand], i.displacement);
}

void FunctionEmitter::compare_memory(const Instruction& i, std::uint32_t value) {
    if (!i.immediate) {
        const auto left = in(i.operands[0], i.compare_wide);
        const auto right = ptr[memory_operand(i, 1)];
        return i.compare == Compare::bits ? test(right, left) : cmp(left, right);
    }
    const auto at = memory_operand(i, 0);
    const auto left = i.byte ? byte[at] : i.compare_wide ? qword[at] : dword[at];
    if (i.compare == Compare::bits)
        test(left, value);
    else
        cmp(left, i.byte ? value & 0xFF : value);
}

void FunctionEmitter::set(const Instruction& i) {
    const auto to = out(i);
    if (i.condition == Condition::feq || i.condition == Condition::fne) {
        const auto left = in_float(i.operands[0]);
        const auto right = in_float(i.operands[1]);
        const std::uint8_t predicate = i.condition == Condition::feq ? 0 : 4;
        i.compare_wide ? vcmpsd(xmm15, left, right, predicate) : vcmpss(xmm15, left, right, predicate);
        vmovd(to.cvt32(), xmm15);
        and_(to.cvt32(), 1);
        return;
    }
    compare(i);
    const auto low = to.cvt8();
    switch (i.condition) {
        case Condition::eq: sete(low); break;
        case Condition::ne: setne(low); break;
        case Condition::lt_s: setl(low); break;
        case Condition::lt_u: setb(low); break;
        case Condition::gt_s: setg(low); break;
        case Condition::fgt:
        case Condition::flt:
        case Condition::gt_u: seta(low); break;
        case Condition::le_s: setle(low); break;
        case Condition::le_u: setbe(low); break;
        case Condition::ge_s: setge(low); break;
        default: setae(low); break;
    }
    movzx(to.cvt32(), low);
}

void FunctionEmitter::select(const Instruction& i) {
    compare(i);
    if (is_float(i.result)) {
        const auto to = out_float(i);
        const auto yes = in_float(i.operands[2]);
        const auto no = in_float(i.operands[3]);
        if (to.getIdx() != yes.getIdx()) vmovaps(to, yes);
        if (yes.getIdx() == no.getIdx()) return;
        auto& done = ways_.emplace_back();
        jump_if(i, true, done);
        vmovaps(to, no);
        L(done);
        return;
    }
    const auto to = out(i);
    const auto yes = in(i.operands[2]);
    const auto no = in(i.operands[3]);
    if (i.condition == Condition::feq) {
        if (to.getIdx() != yes.getIdx()) mov(to, yes);
        cmovne(to, no);
        cmovp(to, no);
        return;
    }
    if (to.getIdx() != no.getIdx()) mov(to, no);
    switch (i.condition) {
        case Condition::eq: cmove(to, yes); break;
        case Condition::ne: cmovne(to, yes); break;
        case Condition::lt_s: cmovl(to, yes); break;
        case Condition::lt_u: cmovb(to, yes); break;
        case Condition::gt_s: cmovg(to, yes); break;
        case Condition::fgt:
        case Condition::flt:
        case Condition::gt_u: cmova(to, yes); break;
        case Condition::le_s: cmovle(to, yes); break;
        case Condition::le_u: cmovbe(to, yes); break;
        case Condition::ge_s: cmovge(to, yes); break;
        case Condition::fne:
            cmovne(to, yes);
            cmovp(to, yes);
            break;
        default: cmovae(to, yes); break;
    }
}

/// Commutative operations on the result's own register.
template <class F>
void FunctionEmitter::tied(const Instruction& i, F&& apply) {
    const auto to = sized(out(i), i.wide);
    const auto left = in(i.operands[0], i.wide);
    if (i.code != Code::multiply) keep_flags(i, true);
    if (i.immediate) {
        if (to.getIdx() != left.getIdx()) mov(to, left);
        return apply(to, static_cast<std::uint32_t>(i.value));
    }
    if (i.memory) {
        if (to.getIdx() != left.getIdx()) mov(to, left);
        return apply(to, ptr[memory_operand(i, 1)]);
    }
    if (in_slot(i.operands[1])) {
        if (to.getIdx() != left.getIdx()) mov(to, left);
        return apply(to, slot(i.operands[1]));
    }
    const auto right = in(i.operands[1], i.wide);
    if (to.getIdx() == right.getIdx()) return apply(to, left);
    if (to.getIdx() != left.getIdx()) mov(to, left);
    apply(to, right);
}

void FunctionEmitter::addition(const Instruction& i) {
    const auto to = out(i);
    const auto left = in(i.operands[0]);
    if (to.getIdx() == left.getIdx()) keep_flags(i, false);
    if (i.immediate) {
        const auto value = static_cast<std::int32_t>(i.value);
        if (to.getIdx() == left.getIdx() && (value == 1 || value == -1))
            value == 1 ? inc(sized(to, i.wide)) : dec(sized(to, i.wide));
        else if (to.getIdx() == left.getIdx())
            value == 128 ? sub(sized(to, i.wide), static_cast<std::uint32_t>(-128))
                         : add(sized(to, i.wide), static_cast<std::uint32_t>(value));
        else
            lea(sized(to, i.wide), ptr[left + value]);
        return;
    }
    if (i.memory) {
        if (to.getIdx() != left.getIdx()) mov(sized(to, i.wide), sized(left, i.wide));
        return add(sized(to, i.wide), ptr[memory_operand(i, 1)]);
    }
    if (in_slot(i.operands[1])) {
        if (to.getIdx() != left.getIdx()) mov(sized(to, i.wide), sized(left, i.wide));
        return add(sized(to, i.wide), slot(i.operands[1]));
    }
    const auto right = in(i.operands[1]);
    if (to.getIdx() == left.getIdx())
        add(sized(to, i.wide), sized(right, i.wide));
    else if (to.getIdx() == right.getIdx())
        add(sized(to, i.wide), sized(left, i.wide));
    else
        lea(sized(to, i.wide), ptr[left + right]);
}

void FunctionEmitter::subtract(const Instruction& i) {
    const auto to = sized(out(i), i.wide);
    const auto left = in(i.operands[0], i.wide);
    keep_flags(i, false);
    if (i.immediate) {
        if (to.getIdx() != left.getIdx()) mov(to, left);
        return sub(to, static_cast<std::uint32_t>(i.value));
    }
    if (i.memory) {
        if (to.getIdx() != left.getIdx()) mov(to, left);
        return sub(to, ptr[memory_operand(i, 1)]);
    }
    if (in_slot(i.operands[1])) {
        if (to.getIdx() != left.getIdx()) mov(to, left);
        return sub(to, slot(i.operands[1]));
    }
    const auto right = in(i.operands[1], i.wide);
    if (to.getIdx() == right.getIdx() && to.getIdx() != left.getIdx()) {
        neg(to);
        return add(to, left);
    }
    if (to.getIdx() != left.getIdx()) mov(to, left);
    sub(to, right);
}

void FunctionEmitter::shift(const Instruction& i) {
    const auto to = sized(out(i), i.wide);
    const auto from = in(i.operands[0], i.wide);
    if (i.immediate) {
        const auto count = static_cast<int>(i.value & (i.wide ? 63U : 31U));
        if (to.getIdx() != from.getIdx()) mov(to, from);
        if (count == 0) {
            // The upper half is to be clear even so.
            if (!i.wide && to.getIdx() == from.getIdx()) mov(to, to);
            return;
        }
        switch (i.code) {
            case Code::shift_left: shl(to, count); break;
            case Code::shift_right: shr(to, count); break;
            default: sar(to, count); break;
        }
        return;
    }
    const auto to3 = i.wide ? Xbyak::Reg32e(to.getIdx(), 64) : Xbyak::Reg32e(to.getIdx(), 32);
    const auto from3 = i.wide ? Xbyak::Reg32e(from.getIdx(), 64) : Xbyak::Reg32e(from.getIdx(), 32);
    const auto count =
        i.wide ? Xbyak::Reg32e(in(i.operands[1]).getIdx(), 64) : Xbyak::Reg32e(in(i.operands[1]).getIdx(), 32);
    switch (i.code) {
        case Code::shift_left: shlx(to3, from3, count); break;
        case Code::shift_right: shrx(to3, from3, count); break;
        default: sarx(to3, from3, count); break;
    }
}

void FunctionEmitter::rotate(const Instruction& i) {
    const auto to = sized(out(i), i.wide);
    const auto from = in(i.operands[0], i.wide);
    const bool left = i.code == Code::rotate_left;
    if (i.immediate) {
        const auto bits = i.wide ? 64U : 32U;
        auto count = static_cast<std::uint32_t>(i.value) & (bits - 1);
        if (left) count = (bits - count) & (bits - 1);
        rorx(Xbyak::Reg32e(to.getIdx(), static_cast<int>(bits)), Xbyak::Reg32e(from.getIdx(), static_cast<int>(bits)),
             static_cast<std::uint8_t>(count));
        return;
    }
    const auto count = in(i.operands[1]);
    if (count.getIdx() != rcx_number) mov(ecx, count.cvt32());
    if (to.getIdx() != from.getIdx()) mov(to, from);
    left ? rol(to, cl) : ror(to, cl);
}

void FunctionEmitter::divide(const Instruction& i) {
    const auto op = i.wide ? static_cast<Op>(static_cast<int>(i.op) - static_cast<int>(Op::i64_div_s) +
                                             static_cast<int>(Op::i32_div_s))
                           : i.op;
    const bool is_signed = op == Op::i32_div_s || op == Op::i32_rem_s;
    const bool remainder = op == Op::i32_rem_s || op == Op::i32_rem_u;
    const auto dividend = in(i.operands[0], i.wide);
    const auto by = in(i.operands[1], i.wide);
    if (dividend.getIdx() != rax_number) mov(sized(rax, i.wide), dividend);
    Label done;
    if (!i.immediate) {
        test(by, by);
        jz(trap(Trap::integer_divide_by_zero), reach(trap(Trap::integer_divide_by_zero)));
    }
    if (is_signed) {
        if (!i.immediate) {
            Label divide_now;
            cmp(by, -1);
            jne(divide_now);
            if (remainder) {
                xor_(edx, edx);
                jmp(done);
            } else {
                // Only the least number minus one overflows.
                cmp(sized(rax, i.wide), 1);
                jo(trap(Trap::integer_overflow), reach(trap(Trap::integer_overflow)));
            }
            L(divide_now);
        }
        i.wide ? cqo() : cdq();
        idiv(by);
    } else {
        xor_(edx, edx);
        div(by);
    }
    L(done);
    const auto result = static_cast<std::uint32_t>(remainder ? rdx_number : rax_number);
    take_late(i, {Location::Kind::integer, result, 0}, i.wide);
}

namespace {
[[nodiscard]] bool is_float_access(Op op) {
    return op == Op::f32_load || op == Op::f64_load || op == Op::f32_store || op == Op::f64_store;
}
}  // namespace

/// At most 2^32 - 1 plus a 32-bit offset behind rbx: inside the guarded range.
void FunctionEmitter::load(const Instruction& i) {
    const auto at = linear(i.operands[0], static_cast<std::uint32_t>(i.value));
    if (is_float_access(i.op)) {
        i.op == Op::f32_load ? vmovss(out_float(i), dword[at]) : vmovsd(out_float(i), qword[at]);
        return;
    }
    load_integer(i.op, out(i), at);
}

void FunctionEmitter::store(const Instruction& i) {
    const auto at = linear(i.operands[0], static_cast<std::uint32_t>(i.value));
    if (i.immediate) {
        const auto value = static_cast<std::uint32_t>(i.value >> 32U);
        const auto sign_extended = static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)});
        switch (i.op) {
            case Op::i64_store: mov(qword[at], sign_extended); break;
            case Op::i32_store:
            case Op::i64_store32: mov(dword[at], value); break;
            case Op::i32_store8:
            case Op::i64_store8: mov(byte[at], value & 0xFF); break;
            default: mov(word[at], value & 0xFFFF); break;
        }
        return;
    }
    if (is_float_access(i.op)) {
        const auto value = in_float(i.operands[1]);
        i.op == Op::f32_store ? vmovss(dword[at], value) : vmovsd(qword[at], value);
        if (i.canonical) check_stored(i, at);
        return;
    }
    store_integer(i.op, in(i.operands[1]), at);
}

void FunctionEmitter::cell(const Instruction& i) {
    const auto at = in(i.operands[0]);
    if (i.code == Code::cell_load) {
        if (is_float(i.result))
            vmovsd(out_float(i), qword[at]);
        else
            mov(out(i), qword[at]);
    } else if (is_float(i.operands[1])) {
        vmovsd(qword[at], in_float(i.operands[1]));
    } else {
        mov(qword[at], in(i.operands[1]));
    }
}

void FunctionEmitter::instruction(const Instruction& i) {
    if (float_instruction(i)) return;
    switch (i.code) {
        case Code::add: return addition(i);
        case Code::sub: return subtract(i);
        case Code::negate: {
            const auto to = sized(out(i), i.wide);
            if (const auto from = in(i.operands[0], i.wide); to.getIdx() != from.getIdx()) mov(to, from);
            keep_flags(i, false);
            return neg(to);
        }
        case Code::bit_and:
            if (i.immediate && i.value == 0xFF) return movzx(out(i).cvt32(), in(i.operands[0]).cvt8());
            if (i.immediate && i.value == 0xFFFF) return movzx(out(i).cvt32(), in(i.operands[0]).cvt16());
            return tied(i, [this](const auto& a, const auto& b) { and_(a, b); });
        case Code::bit_and_not: {
            keep_flags(i, true);
            const auto bits = i.wide ? 64 : 32;
            const Xbyak::Reg32e to(out(i).getIdx(), bits);
            const Xbyak::Reg32e without(in(i.operands[0]).getIdx(), bits);
            if (i.memory) return andn(to, without, ptr[memory_operand(i, 1)]);
            return andn(to, without, Xbyak::Reg32e(in(i.operands[1]).getIdx(), bits));
        }
        case Code::bit_or: return tied(i, [this](const auto& a, const auto& b) { or_(a, b); });
        case Code::bit_xor: return tied(i, [this](const auto& a, const auto& b) { xor_(a, b); });
        case Code::multiply:
            if (i.immediate)
                return imul(sized(out(i), i.wide), in(i.operands[0], i.wide), static_cast<std::int32_t>(i.value));
            return tied(i, [this](const Reg& a, const auto& b) {
                if constexpr (!std::is_integral_v<std::remove_cvref_t<decltype(b)>>) imul(a, b);
            });
        case Code::multiply_high: {
            const auto from = in(i.operands[0]);
            if (from.getIdx() != rdx_number) mov(rdx, from);
            return mulx(Xbyak::Reg64(out(i)), Xbyak::Reg64(out(i)), in(i.operands[1]));
        }
        case Code::address: {
            const auto at = in(i.operands[0]) + in(i.operands[1]) * (1 << i.scale) + static_cast<std::int32_t>(i.value);
            return lea(sized(out(i), i.wide), ptr[at]);
        }
        case Code::shift_left:
        case Code::shift_right:
        case Code::shift_right_signed: return shift(i);
        case Code::rotate_left:
        case Code::rotate_right: return rotate(i);
        case Code::count_leading_zeros: return lzcnt(sized(out(i), i.wide), in(i.operands[0], i.wide));
        case Code::count_trailing_zeros: return tzcnt(sized(out(i), i.wide), in(i.operands[0], i.wide));
        case Code::count_ones: return popcnt(sized(out(i), i.wide), in(i.operands[0], i.wide));
        case Code::zero_extend32: return mov(out(i).cvt32(), in(i.operands[0]).cvt32());
        case Code::sign_extend8: return movsx(sized(out(i), i.wide), in(i.operands[0]).cvt8());
        case Code::sign_extend16: return movsx(sized(out(i), i.wide), in(i.operands[0]).cvt16());
        case Code::sign_extend32: return movsxd(out(i), in(i.operands[0]).cvt32());
        case Code::divide: return divide(i);
        case Code::set: return set(i);
        case Code::select: return select(i);
        case Code::load: return load(i);
        case Code::store:
            store(i);
            if (i.chunk_test != ChunkTest::none) written(i);
            return;
        case Code::global_address: {
            const auto to = out(i);
            mov(to, ptr[r15 + instance_globals]);
            return mov(to, ptr[to + static_cast<int>(i.value * 8)]);
        }
        case Code::cell_load:
        case Code::cell_store: return cell(i);
        case Code::memory_size: {
            const auto to = out(i);
            mov(to, ptr[r15 + instance_memory]);
            mov(to, ptr[to + memory_size]);
            return shr(to, 16);
        }
        case Code::stack_check: {
            const auto end = temporary(i);
            mov(end, ptr[r15 + instance_machine]);
            mov(end, ptr[end + machine_limit]);
            add(end, static_cast<std::uint32_t>(i.value * 16));
            cmp(rsp, end);
            auto& stop = trap(Trap::call_stack_exhausted);
            return jb(stop, reach(stop));
        }
        case Code::call: return direct_call(i);
        case Code::call_indirect: return call_indirect(i);
        case Code::helper: return helper(i);
        default: break;
    }
    TROUPE_ASSERT(false);
}

}  // namespace troupe::jit::opt

#endif
