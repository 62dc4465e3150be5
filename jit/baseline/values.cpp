// Where values are: in a slot's home or in the frame.
#include "jit/baseline/function_emitter.hpp"

#ifdef __x86_64__

namespace troupe::jit {

Reg64 FunctionEmitter::home(std::uint16_t slot) const {
    static const std::array<Reg64, integer_homes> registers{
        Reg64(Xbyak::Operand::RCX), Reg64(Xbyak::Operand::RSI), Reg64(Xbyak::Operand::RDI), Reg64(Xbyak::Operand::R8),
        Reg64(Xbyak::Operand::R9),  Reg64(Xbyak::Operand::R10), Reg64(Xbyak::Operand::R11), Reg64(Xbyak::Operand::R12)};
    return registers[static_cast<std::size_t>(homes_.of_slot[slot])];
}

Reg64 FunctionEmitter::get(std::uint16_t slot, const Reg64& scratch) {
    if (has_home(slot) && !is_float(slot)) return home(slot);
    load(scratch, slot);
    return scratch;
}

void FunctionEmitter::load(const Reg64& to, std::uint16_t slot) {
    if (!has_home(slot))
        mov(to, cell(slot));
    else if (is_float(slot))
        movq(to, float_home(slot));
    else if (to.getIdx() != home(slot).getIdx())
        mov(to, home(slot));
}

void FunctionEmitter::store(std::uint16_t slot, const Reg64& from) {
    if (!has_home(slot))
        mov(cell(slot), from);
    else if (is_float(slot))
        movq(float_home(slot), from);
    else if (from.getIdx() != home(slot).getIdx())
        mov(home(slot), from);
}

Reg64 FunctionEmitter::target(std::uint16_t slot, const Reg64& scratch) {
    return has_home(slot) && !is_float(slot) ? home(slot) : scratch;
}

Xmm FunctionEmitter::get_float(std::uint16_t slot, const Xmm& scratch) {
    if (has_home(slot)) return float_home(slot);
    movq(scratch, cell(slot));
    return scratch;
}

Xmm FunctionEmitter::target_float(std::uint16_t slot, const Xmm& scratch) {
    return has_home(slot) ? float_home(slot) : scratch;
}

void FunctionEmitter::store_float(std::uint16_t slot, const Xmm& from) {
    if (!has_home(slot))
        movq(cell(slot), from);
    else if (float_home(slot).getIdx() != from.getIdx())
        movaps(float_home(slot), from);
}

void FunctionEmitter::spill(std::uint32_t mask) {
    for (int k = 0; k < homes_.integers; ++k) {
        const auto slot = homes_.integer_slot[static_cast<std::size_t>(k)];
        if (mask & (1U << k)) mov(cell(slot), home(slot));
    }
    for (int k = 0; k < homes_.floats; ++k) {
        const auto slot = homes_.float_slot[static_cast<std::size_t>(k)];
        if (mask & (1U << (integer_homes + k))) movq(cell(slot), float_home(slot));
    }
}

void FunctionEmitter::reload(std::uint32_t mask) {
    for (int k = 0; k < homes_.integers; ++k) {
        const auto slot = homes_.integer_slot[static_cast<std::size_t>(k)];
        if (mask & (1U << k)) mov(home(slot), cell(slot));
    }
    for (int k = 0; k < homes_.floats; ++k) {
        const auto slot = homes_.float_slot[static_cast<std::size_t>(k)];
        if (mask & (1U << (integer_homes + k))) movq(float_home(slot), cell(slot));
    }
}

void FunctionEmitter::constant(const Instruction& i) {
    if (is_float(i.a)) {
        if (i.immediate == 0 && has_home(i.a)) return xorps(float_home(i.a), float_home(i.a));
        mov(rax, i.immediate);
        return store(i.a, rax);
    }
    const auto to = target(i.a, rax);
    if (i.immediate == 0)
        xor_(to.cvt32(), to.cvt32());
    else
        mov(to, i.immediate);
    store(i.a, to);
}

void FunctionEmitter::select(const Instruction& i) {
    const auto condition = static_cast<std::uint16_t>(i.low());
    load(rax, i.c);
    load(rdx, i.b);
    if (has_home(condition))
        test(home(condition).cvt32(), home(condition).cvt32());
    else
        cmp(cell32(condition), 0);
    cmovne(rax, rdx);
    store(i.a, rax);
}

void FunctionEmitter::move(const Instruction& i) {
    if (is_float(i.a)) {
        const auto from = get_float(i.b, xmm0);
        if (has_home(i.a) && !has_home(i.b)) return movq(float_home(i.a), cell(i.b));
        return store_float(i.a, from);
    }
    if (has_home(i.a)) return load(home(i.a), i.b);
    store(i.a, get(i.b, rax));
}

}  // namespace troupe::jit

#endif
