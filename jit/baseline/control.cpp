// Blocks, branches and returns.
#include "jit/baseline/function_emitter.hpp"

#ifdef __x86_64__

#include <cstring>
#include <memory>

namespace troupe::jit {

void FunctionEmitter::jump_if(int condition, Label& to) {
    switch (condition) {
        case 0: je(to, T_NEAR); break;
        case 1: jne(to, T_NEAR); break;
        case 2: jl(to, T_NEAR); break;
        case 3: jb(to, T_NEAR); break;
        case 4: jg(to, T_NEAR); break;
        case 5: ja(to, T_NEAR); break;
        case 6: jle(to, T_NEAR); break;
        case 7: jbe(to, T_NEAR); break;
        case 8: jge(to, T_NEAR); break;
        default: jae(to, T_NEAR); break;
    }
}

void FunctionEmitter::charge(const Instruction& i) {
    L(labels_[at_]);
    if (options_.counter != nullptr && is_loop_head(at_)) count_round();
    if (i.low() > 0x7FFFFFFF || i.high() > 0x7FFFFFFF) {
        failed_ = true;
        return;
    }
    auto out_of_fuel = std::make_shared<Label>();
    auto out_of_steps = std::make_shared<Label>();
    const bool checked = i.a != 0;
    Assembler::charge(i.low(), checked && !options_.stops);
    if (checked && options_.stops) {
        test(r13, r13);
        js(*out_of_fuel, T_NEAR);
    }
    if (i.high() > 0 && options_.stops) {
        lea(rax, ptr[r14 + (static_cast<int>(i.high()) - static_cast<int>(i.low()))]);
        sub(rax, r13);
        mov(rdx, ptr[r15 + instance_machine]);
        cmp(rax, ptr[rdx + machine_steps_max]);
        ja(*out_of_steps, T_NEAR);
    }
    count_steps(i.high(), i.low());
    if (options_.stops)
        later([this, &i, at = at_, live = live_after(), out_of_fuel, out_of_steps] {
            L(*out_of_fuel);
            mov(rdx, ptr[r15 + instance_machine]);
            cmp(byte[rdx + machine_can_stop], 0);
            jne(*out_of_steps);
            sub(r14, static_cast<int>(i.low()));
            jmp(trap(Trap::out_of_fuel), T_NEAR);
            L(*out_of_steps);
            if (i.low() > 0) add(r13, static_cast<int>(i.low()));
            spill(live);
            mov(rdx, reinterpret_cast<std::uint64_t>(stubs_.stop));
            call(rdx);
            at_ = at;
            site();
        });
}

void FunctionEmitter::branch_table(const Instruction& i) {
    tables_.emplace_back();
    auto& table = tables_.back();
    for (std::uint32_t k = 0; k < i.low(); ++k) {
        std::uint32_t at = 0;
        std::memcpy(&at, reinterpret_cast<const char*>(&i + 1) + std::size_t{4} * k, 4);
        table.targets.push_back(at);
    }
    load(rax, i.a);
    mov(edx, i.low() - 1);
    cmp(eax, edx);
    cmova(eax, edx);
    lea(rdx, ptr[rip + table.label]);
    movsxd(rax, dword[rdx + rax * 4]);
    add(rax, rdx);
    jmp(rax);
}

void FunctionEmitter::return_many(const Instruction& i) {
    const int count = i.a;
    const int room = (count * 8 + 15) / 16 * 16;
    sub(rsp, room);
    for (int k = 0; k < count; ++k) {
        load(rax, listed_slot(&i, static_cast<std::uint32_t>(k)));
        mov(ptr[rsp + k * 8], rax);
    }
    for (int k = 0; k < count; ++k) {
        mov(rax, ptr[rsp + k * 8]);
        mov(ptr[rbp + k * 8], rax);
    }
    add(rsp, room);
    mov(rax, ptr[rbp]);
    epilogue();
}

}  // namespace troupe::jit

#endif
