// Code that all compiled functions share: entering it, leaving it, and calls of what is not compiled.
#ifdef __x86_64__

#include "jit/baseline/assembler.hpp"
#include "jit/baseline/emitter.hpp"
#include "jit/baseline/stops.hpp"

namespace troupe::jit {
namespace {

using vm::FunctionObject;
using vm::Instance;
using vm::Slot;
using Xbyak::Label;

std::uint32_t call_any(FunctionObject* function, Instance* caller, Slot* frame, const std::uint64_t* stack) {
    if (caller->machine->can_stop) return static_cast<std::uint32_t>(stop_at_call(*function, *caller, frame, stack));
    return static_cast<std::uint32_t>(vm::call(*caller->machine, *function, caller, frame));
}
const void* prepare(FunctionObject* function, std::uint32_t* trap) {
    auto& machine = *function->instance->machine;
    *trap = 0;
    if (function->code == nullptr) *trap = static_cast<std::uint32_t>(machine.prepare(machine, *function));
    return function->native;
}
std::uint32_t stop(const std::uint64_t* stack, Slot* frame, Instance* instance) {
    return static_cast<std::uint32_t>(stop_at_block(*instance, frame, stack));
}

class StubEmitter : Assembler {
public:
    std::vector<std::uint8_t> run(StubOffsets& offsets) {
        offsets.enter = getSize();
        for (const auto& r : {rbx, rbp, r12, r13, r14, r15}) push(r);
        sub(rsp, 8);
        mov(ptr[rcx + machine_exit], rsp);
        test(r8, r8);
        cmovnz(rsp, r8);
        mov(rax, rdi);
        mov(rbp, rsi);
        mov(r15, rdx);
        mov(r13, ptr[rcx + machine_fuel]);
        mov(r14, ptr[rcx + machine_steps]);
        add(r14, r13);
        mov(rbx, ptr[r15 + instance_memory]);
        Label no_memory;
        test(rbx, rbx);
        jz(no_memory);
        mov(rbx, ptr[rbx + memory_base]);
        L(no_memory);
        call(r9);
        offsets.entered = getSize();
        mov(ptr[rbp], rax);
        xor_(eax, eax);

        align(16);
        offsets.trap_exit = getSize();
        L(exit_);
        mov(rdx, ptr[r15 + instance_machine]);
        mov(rsp, ptr[rdx + machine_exit]);
        store_counters(rdx);
        add(rsp, 8);
        for (const auto& r : {r15, r14, r13, r12, rbp, rbx}) pop(r);
        ret();

        Label leave;
        align(16);
        offsets.lazy = getSize();
        sub(rsp, 24);
        mov(r12, rax);
        mov(rdi, rax);
        mov(rsi, rsp);
        call_function(prepare);
        mov(rdx, rax);
        mov(ecx, dword[rsp]);
        add(rsp, 24);
        test(ecx, ecx);
        jnz(leave, T_NEAR);
        mov(rax, r12);
        jmp(rdx);

        align(16);
        offsets.any = getSize();
        Label no_host;
        Label called;
        Label short_of_fuel;
        sub(rsp, 8);
        mov(rdi, rax);
        // Leaves the machine in rdx.
        save_counters();
        mov(rax, ptr[rdi + function_host]);
        test(rax, rax);
        jz(no_host);
        test(r13, r13);
        js(short_of_fuel, T_NEAR);
        mov(rsi, rdx);
        mov(rdi, ptr[rdi + function_user]);
        mov(rdx, r15);
        mov(rcx, rbp);
        call(rax);
        movzx(eax, al);
        jmp(called);
        L(no_host);
        mov(rsi, r15);
        mov(rdx, rbp);
        mov(rcx, rsp);
        call_function(call_any);
        L(called);
        load_counters();
        add(rsp, 8);
        mov(ecx, eax);
        test(ecx, ecx);
        jnz(leave, T_NEAR);
        mov(rax, ptr[rbp]);
        ret();

        align(16);
        offsets.stop = getSize();
        save_counters();
        add(r14, r13);
        mov(rdi, rsp);
        mov(rsi, rbp);
        mov(rdx, r15);
        sub(rsp, 8);
        call_function(stop);
        mov(ecx, eax);

        L(leave);
        mov(eax, ecx);
        jmp(exit_, T_NEAR);

        L(short_of_fuel);
        add(r14, r13);
        mov(eax, static_cast<std::uint32_t>(vm::Trap::out_of_fuel));
        jmp(exit_, T_NEAR);
        return bytes();
    }

private:
    Label exit_;
};

}  // namespace

std::vector<std::uint8_t> emit_stubs(StubOffsets& offsets) { return StubEmitter().run(offsets); }

}  // namespace troupe::jit

#endif
