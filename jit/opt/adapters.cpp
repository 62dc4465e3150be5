// Between the two conventions of calls: arguments in a frame in memory, and in registers.
#ifdef __x86_64__

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {
namespace {

class AdapterEmitter : Assembler {
public:
    /// With `stubs` for any function.
    std::vector<std::uint8_t> run(const CallShape& shape, const Stubs* stubs) {
        const auto passed = pass(shape.parameters);
        if (stubs == nullptr) find_function();
        // Code of other tiers preserves nothing.
        for (auto r : preserved_registers) push(Reg64(r));
        mov(r12, ptr[r15 + instance_machine]);
        mov(rbp, ptr[r12 + machine_frame]);
        for (std::size_t k = 0; k < passed.locations.size(); ++k) {
            const auto to = qword[rbp + static_cast<int>(8 * k)];
            const auto& from = passed.locations[k];
            if (from.kind == Location::Kind::integer) {
                mov(to, Reg64(static_cast<int>(from.index)));
            } else if (from.kind == Location::Kind::floating) {
                vmovsd(to, Xmm(static_cast<int>(from.index)));
            } else {
                mov(r11, ptr[rsp + static_cast<int>(pushed_bytes + 8 * from.index)]);
                mov(to, r11);
            }
        }
        // What is left of the stack limit at the caller's, in units.
        lea(r11, ptr[rsp + pushed_bytes]);
        sub(r11, ptr[r12 + machine_limit]);
        sar(r11, 4);
        mov(ptr[r12 + machine_units], r11);
        if (pushed_bytes % 16 != 0) sub(rsp, 8);
        if (stubs != nullptr) {
            mov(rdx, reinterpret_cast<std::uint64_t>(stubs->any));
            call(rdx);
        } else {
            call(ptr[rax + function_native]);
        }
        if (pushed_bytes % 16 != 0) add(rsp, 8);
        for (auto r = preserved_registers.rbegin(); r != preserved_registers.rend(); ++r) pop(Reg64(*r));
        if (shape.results.size() == 1) {
            if (bank_of(shape.results[0]) == Bank::floating)
                vmovq(xmm0, rax);
            else if (shape.results[0] == dmir::Type::i32)
                mov(eax, eax);
        }
        ret();
        return bytes();
    }

private:
    /// With the return address.
    static constexpr int pushed_bytes = 8 * static_cast<int>(preserved_registers.size() + 1);

    /// To rax.
    void find_function() {
        load_call_distance(r11);
        lea(rax, ptr[r15 + r11 - function_direct]);
        nop(adapter_fast_offset - getSize());
    }
};

std::uint32_t call_slow(vm::Instance* instance, const vm::Instruction* i, vm::Slot* frame) {
    return static_cast<std::uint32_t>(vm::run_slow(*instance->machine, *instance, *i, frame));
}
std::uint32_t call_rare(const vm::Instruction* i, vm::Slot* frame) {
    return static_cast<std::uint32_t>(run_rare(*i, frame));
}

class HelperEmitter : Assembler {
public:
    std::vector<std::uint8_t> run(bool slow, const Stubs& stubs) {
        Label trap;
        mov(rax, ptr[r15 + instance_machine]);
        mov(r11, ptr[rax + machine_frame]);
        for (std::size_t k = 0; k < 3; ++k) mov(ptr[r11 + static_cast<int>(8 * (k + 1))], Reg64(integer_arguments[k]));
        // With the return address they keep the stack aligned.
        static_assert(preserved_here_only.size() % 2 == 1);
        for (auto r : preserved_here_only) push(Reg64(r));
        if (slow) {
            store_counters(rax);
            mov(rdi, r15);
            mov(rsi, Reg64(helper_record));
            mov(rdx, r11);
            call_function(call_slow);
            load_counters();
        } else {
            mov(rdi, Reg64(helper_record));
            mov(rsi, r11);
            call_function(call_rare);
        }
        test(eax, eax);
        jnz(trap);
        mov(rax, ptr[r15 + instance_machine]);
        mov(rax, ptr[rax + machine_frame]);
        mov(rax, ptr[rax]);
        for (auto r = preserved_here_only.rbegin(); r != preserved_here_only.rend(); ++r) pop(Reg64(*r));
        ret();
        L(trap);
        mov(rdx, reinterpret_cast<std::uint64_t>(stubs.trap_exit));
        jmp(rdx);
        return bytes();
    }
};

class IndirectEmitter : Assembler {
public:
    std::vector<std::uint8_t> run(const void* any_adapter) {
        Label undefined;
        Label uninitialized;
        Label mismatch;
        Label elsewhere;
        mov(r11, ptr[r15 + instance_tables]);
        mov(r11, ptr[r11]);
        shl(rax, 3);
        add(rax, ptr[r11 + table_begin]);
        cmp(rax, ptr[r11 + table_end]);
        jae(undefined);
        mov(rax, ptr[rax]);
        test(rax, rax);
        jz(uninitialized);
        load_call_distance(r11);
        mov(r11d, ptr[r15 + r11 + (call_type_signature - call_type_stub)]);
        cmp(ptr[rax + function_signature], r11d);
        jne(mismatch);
        cmp(ptr[rax + function_instance], r15);
        jne(elsewhere);
        jmp(ptr[rax + function_fast]);
        L(elsewhere);
        mov(r11, reinterpret_cast<std::uint64_t>(any_adapter));
        jmp(r11);
        trap(undefined, dmir::Trap::undefined_element);
        trap(uninitialized, dmir::Trap::uninitialized_element);
        trap(mismatch, dmir::Trap::indirect_call_type_mismatch);
        return bytes();
    }

private:
    void trap(Label& label, dmir::Trap kind) {
        L(label);
        trap_here(kind);
    }
};

class EntryEmitter : Assembler {
public:
    void call_in_r11() { call(ptr[r11 + function_fast]); }
    void call_behind(std::size_t bytes) {
        constexpr std::size_t call_bytes = 5;
        db(0xE8);
        dd(static_cast<std::uint32_t>(-static_cast<std::int64_t>(bytes + getSize() - 1 + call_bytes)));
    }
    /// `call_target` emits the call; each argument comes from `slot_of`'s slot.
    template <class Call, class SlotOf>
    std::vector<std::uint8_t> run(const CallShape& shape, Call&& call_target, SlotOf&& slot_of) {
        const auto passed = pass(shape.parameters);
        mov(r11, rax);
        mov(rcx, ptr[r15 + instance_machine]);
        push(qword[rcx + machine_frame]);
        push(qword[rcx + machine_limit]);
        push(qword[rcx + machine_units]);
        mov(ptr[rcx + machine_frame], rbp);
        const auto stack_bytes = static_cast<int>((passed.on_stack * 8 + 15) / 16 * 16);
        if (stack_bytes > 0) sub(rsp, stack_bytes);
        imul(rax, qword[rcx + machine_units], -16);
        add(rax, rsp);
        mov(ptr[rcx + machine_limit], rax);
        for (std::size_t k = 0; k < passed.locations.size(); ++k) {
            const auto from = qword[rbp + static_cast<int>(8 * slot_of(k))];
            const auto& to = passed.locations[k];
            if (to.kind == Location::Kind::integer) {
                mov(Reg64(static_cast<int>(to.index)), from);
            } else if (to.kind == Location::Kind::floating) {
                vmovsd(Xmm(static_cast<int>(to.index)), from);
            } else {
                mov(rax, from);
                mov(ptr[rsp + static_cast<int>(8 * to.index)], rax);
            }
        }
        call_target(*this);
        if (stack_bytes > 0) add(rsp, stack_bytes);
        if (shape.results.size() == 1 && bank_of(shape.results[0]) == Bank::floating) vmovq(rax, xmm0);
        mov(rcx, ptr[r15 + instance_machine]);
        mov(rbp, ptr[rcx + machine_frame]);
        if (shape.results.size() > 1) mov(rax, ptr[rbp]);
        pop(qword[rcx + machine_units]);
        pop(qword[rcx + machine_limit]);
        pop(qword[rcx + machine_frame]);
        ret();
        return bytes();
    }
};

}  // namespace

std::vector<std::uint8_t> emit_entry(const CallShape& shape) {
    return EntryEmitter().run(
        shape, [](EntryEmitter& code) { code.call_in_r11(); }, [](std::size_t k) { return k; });
}

std::vector<std::uint8_t> emit_entry_in_loop(const CallShape& shape, std::span<const std::uint16_t> slots,
                                             std::size_t behind_bytes) {
    return EntryEmitter().run(
        shape, [&](EntryEmitter& code) { code.call_behind(behind_bytes); },
        [&](std::size_t k) { return std::size_t{slots[k]}; });
}

std::vector<std::uint8_t> emit_adapter(const CallShape& shape) { return AdapterEmitter().run(shape, nullptr); }

std::vector<std::uint8_t> emit_any_adapter(const CallShape& shape, const Stubs& stubs) {
    return AdapterEmitter().run(shape, &stubs);
}

std::vector<std::uint8_t> emit_helper(bool slow, const Stubs& stubs) { return HelperEmitter().run(slow, stubs); }

std::vector<std::uint8_t> emit_indirect_stub(const void* any_adapter) { return IndirectEmitter().run(any_adapter); }

}  // namespace troupe::jit::opt

#endif
