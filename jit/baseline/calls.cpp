// Calls of functions, and of C++ for what is not worth inline code.
#include "jit/baseline/function_emitter.hpp"

#ifdef __x86_64__

namespace troupe::jit {
namespace {

// What compiled code calls.

struct Resolved {
    FunctionObject* function;
    std::uint64_t trap;
};
Resolved resolve_call(Instance* instance, const Instruction* i, std::uint32_t index) {
    Resolved out{nullptr, 0};
    out.trap = static_cast<std::uint64_t>(vm::resolve_indirect(*instance, *i, index, out.function));
    return out;
}
std::uint32_t call_slow(Instance* instance, const Instruction* i, Slot* frame) {
    return static_cast<std::uint32_t>(vm::run_slow(*instance->machine, *instance, *i, frame));
}
std::uint32_t call_rare(const Instruction* i, Slot* frame) { return static_cast<std::uint32_t>(run_rare(*i, frame)); }

}  // namespace

void FunctionEmitter::pass_arguments(const Instruction& i) {
    for (std::uint32_t k = 0; k < i.b; ++k) {
        const auto slot = listed_slot(&i, k);
        const auto to = qword[rbp + frame_bytes_ + static_cast<int>(k) * 8];
        if (has_home(slot) && is_float(slot))
            movq(to, float_home(slot));
        else
            mov(to, get(slot, rax));
    }
}

void FunctionEmitter::after_call(const Instruction& i, std::uint32_t kept) {
    sub(rbp, frame_bytes_);
    if (i.a != vm::no_slot) store(i.a, rax);
    reload(kept);
}

std::uint32_t FunctionEmitter::kept_over(std::uint16_t written) const {
    return live_after() & ~homes_.bit(code_, written);
}

void FunctionEmitter::call_direct(const Instruction& i) {
    const auto kept = kept_over(i.a);
    spill(kept);
    pass_arguments(i);
    add(rbp, frame_bytes_);
    if (i.low() < options_.imported) {
        mov(rax, ptr[r15 + instance_functions]);
        mov(rax, ptr[rax + static_cast<int>(i.low() * 8)]);
        mov(rdx, reinterpret_cast<std::uint64_t>(stubs_.any));
        call(rdx);
    } else {
        lea(rax, ptr[r15 + instance_function(i.low() - options_.imported)]);
        call(ptr[rax + function_native]);
    }
    site();
    after_call(i, kept);
}

void FunctionEmitter::call_indirect(const Instruction& i) {
    const auto kept = kept_over(i.a);
    const auto index = listed_slot(&i, i.b);
    spill(kept);
    pass_arguments(i);
    load(rdx, index);
    mov(rdi, r15);
    mov(rsi, reinterpret_cast<std::uint64_t>(&i));
    call_function(resolve_call);
    // rax is the function, rdx the trap.
    Label good;
    test(edx, edx);
    jz(good);
    mov(eax, edx);
    jmp(leave_with_eax_, T_NEAR);
    L(good);
    add(rbp, frame_bytes_);
    Label elsewhere;
    Label done;
    cmp(ptr[rax + function_instance], r15);
    jne(elsewhere);
    call(ptr[rax + function_native]);
    site();
    jmp(done);
    L(elsewhere);
    mov(rdx, reinterpret_cast<std::uint64_t>(stubs_.any));
    call(rdx);
    site();
    L(done);
    after_call(i, kept);
}

void FunctionEmitter::helper(const Instruction& i, bool slow) {
    const auto operands = operands_of(i);
    const auto kept = kept_over(operands.written);
    auto stored = kept;
    for (auto slot : operands.read) stored |= homes_.bit(code_, slot);
    spill(stored);
    if (slow) {
        save_counters();
        mov(rdi, r15);
        mov(rsi, reinterpret_cast<std::uint64_t>(&i));
        mov(rdx, rbp);
        call_function(call_slow);
        load_counters();
    } else {
        mov(rdi, reinterpret_cast<std::uint64_t>(&i));
        mov(rsi, rbp);
        call_function(call_rare);
    }
    test(eax, eax);
    jnz(leave_with_eax_, T_NEAR);
    reload(kept | homes_.bit(code_, operands.written));
}

}  // namespace troupe::jit

#endif
