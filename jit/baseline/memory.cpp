// Loads and stores.
#include "jit/baseline/function_emitter.hpp"

#ifdef __x86_64__

#include <memory>

namespace troupe::jit {

Xbyak::RegExp FunctionEmitter::address(std::uint16_t slot, std::uint32_t offset) {
    return with_offset(get(slot, rax), offset);
}

Xbyak::RegExp FunctionEmitter::with_offset(const Reg64& base, std::uint32_t offset) {
    if (offset <= 0x7FFFFFFF) return rbx + base + static_cast<int>(offset);
    mov(edx, offset);
    add(rdx, base);
    return rbx + rdx;
}

Xbyak::RegExp FunctionEmitter::scaled_address(std::uint16_t base, std::uint16_t index, const Instruction& i) {
    const auto index_register = get(index, rdx);
    const auto base_register = get(base, rax);
    lea(eax, ptr[base_register + index_register * (1 << i.high())]);
    return with_offset(rax, i.low());
}

void FunctionEmitter::load_memory(Op op, std::uint16_t slot, const Xbyak::RegExp& at) {
    if (op == Op::f32_load || op == Op::f64_load) {
        const auto to = target_float(slot, xmm0);
        op == Op::f32_load ? movss(to, dword[at]) : movsd(to, qword[at]);
        return store_float(slot, to);
    }
    const auto to = target(slot, rax);
    load_integer(op, to, at);
    store(slot, to);
}

void FunctionEmitter::store_memory(Op op, std::uint16_t slot, const Xbyak::RegExp& at) {
    store_value(op, slot, at);
    if (options_.charges_chunks) written(op, at);
}

void FunctionEmitter::written(Op op, const Xbyak::RegExp& at) {
    const auto size = 1U << dmir::info(op).n;
    auto clean = std::make_shared<Label>();
    auto across = std::make_shared<Label>();
    auto done = std::make_shared<Label>();
    // The store did not fault, so that the address fits 32 bits.
    lea(rdx, ptr[at]);
    sub(edx, ebx);
    if (size > 1) {
        test(dl, size - 1);
        jnz(*across, T_NEAR);
    }
    shr(edx, chunk_bits);
    cmp(chunk_entry(rdx), bl);
    je(*clean, T_NEAR);
    L(*done);
    later([this, size, clean, across, done] {
        L(*clean);
        call(chunk_payments_.clean(rdx));
        jmp(*done, T_NEAR);
        if (size == 1) return;
        L(*across);
        call(chunk_payments_.across(rdx, size));
        jmp(*done, T_NEAR);
    });
}

void FunctionEmitter::store_value(Op op, std::uint16_t slot, const Xbyak::RegExp& at) {
    if (!has_home(slot) || is_float(slot)) {
        const auto value = get_float_bits(slot);
        switch (op) {
            case Op::i32_store:
            case Op::f32_store:
            case Op::i64_store32: movd(dword[at], value); return;
            case Op::i64_store:
            case Op::f64_store: movq(qword[at], value); return;
            case Op::i32_store8:
            case Op::i64_store8: pextrb(byte[at], value, 0); return;
            default: pextrw(word[at], value, 0); return;
        }
    }
    store_integer(op, home(slot), at);
}

Xmm FunctionEmitter::get_float_bits(std::uint16_t slot) {
    if (has_home(slot)) return float_home(slot);
    movq(xmm0, cell(slot));
    return xmm0;
}

}  // namespace troupe::jit

#endif
