#include "jit/baseline/function_emitter.hpp"

#ifdef __x86_64__

#include <algorithm>
#include <cstring>
#include <memory>

namespace troupe::jit {

EmittedFunction FunctionEmitter::run() {
    labels_.resize(code_.instructions.size() + 1);
    frame_bytes_ = static_cast<int>(code_.slots.size() * sizeof(Slot));
    prologue();
    for (index_ = 0; index_ < homes_.starts.size() && !failed_; ++index_) {
        at_ = homes_.starts[index_];
        instruction(code_.instructions[at_]);
    }
    if (failed_) return {};
    const auto enter_offset = getSize();
    if (options_.enter_at) enter_at_block(*options_.enter_at);
    late_code();
    EmittedFunction out{bytes(), std::move(sites_), enter_offset};
    fill_tables(out.bytes);
    std::ranges::sort(out.sites, {}, &StopSite::offset);
    return out;
}

void FunctionEmitter::leave() {
    mov(rdx, reinterpret_cast<std::uint64_t>(stubs_.trap_exit));
    jmp(rdx);
}

void FunctionEmitter::late_code() {
    for (std::size_t k = 0; k < late_.size(); ++k) late_[k]();
    chunk_payments_.emit([this] { js(trap(Trap::out_of_fuel), T_NEAR); });
    for (auto& [kind, label] : traps_) {
        L(label);
        mov(eax, static_cast<std::uint32_t>(kind));
        leave();
    }
    L(leave_with_eax_);
    leave();
    if (options_.counter != nullptr) ask_in_round();
    align(8);
    for (auto& table : tables_) {
        L(table.label);
        table.offset = getSize();
        for (std::size_t k = 0; k < table.targets.size(); ++k) dd(0);
    }
}

void FunctionEmitter::fill_tables(std::vector<std::uint8_t>& out) {
    for (const auto& table : tables_)
        for (std::size_t k = 0; k < table.targets.size(); ++k) {
            const auto distance =
                static_cast<std::int32_t>(labels_[table.targets[k]].getAddress() - table.label.getAddress());
            std::memcpy(out.data() + table.offset + 4 * k, &distance, 4);
        }
}

void FunctionEmitter::count() {
    mov(rdx, reinterpret_cast<std::uint64_t>(options_.counter));
    sub(dword[rdx + static_cast<int>(offsetof(HotCounter, left))], 1);
}

void FunctionEmitter::count_call() {
    count();
    Label cold;
    jns(cold);
    push(rax);
    mov(rsi, rax);
    mov(rdi, rdx);
    call_function(options_.on_hot);
    pop(rcx);
    mov(rdx, rax);
    mov(rax, rcx);
    test(rdx, rdx);
    jz(cold);
    jmp(rdx);
    L(cold);
}

void FunctionEmitter::count_round() {
    count();
    auto ask = std::make_shared<Label>();
    auto back = std::make_shared<Label>();
    js(*ask, T_NEAR);
    L(*back);
    later([this, at = at_, live = live_after(), ask, back] {
        L(*ask);
        spill(live);
        mov(esi, at);
        call(ask_in_round_);
        reload(live);
        jmp(*back, T_NEAR);
    });
}

void FunctionEmitter::ask_in_round() {
    L(ask_in_round_);
    mov(rdi, reinterpret_cast<std::uint64_t>(options_.counter));
    mov(rdx, r15);
    sub(rsp, 8);
    call_function(options_.on_hot_round);
    add(rsp, 8);
    Label go;
    test(rax, rax);
    jnz(go);
    ret();
    L(go);
    // Back to where the function was called.
    mov(rdx, ptr[r15 + instance_machine]);
    add(qword[rdx + machine_units], static_cast<int>(code_.stack_units));
    add(rsp, 16);
    jmp(rax);
}

bool FunctionEmitter::is_loop_head(std::uint32_t at) {
    while (next_head_ < code_.blocks.size() && code_.blocks[next_head_].at < at) ++next_head_;
    if (next_head_ == code_.blocks.size() || code_.blocks[next_head_].at != at) return false;
    return code_.blocks[next_head_].heads_loop;
}

void FunctionEmitter::prologue() {
    if (options_.counter != nullptr) count_call();
    sub(rsp, 8);
    mov(rdx, ptr[r15 + instance_machine]);
    sub(qword[rdx + machine_units], static_cast<int>(code_.stack_units));
    js(trap(Trap::call_stack_exhausted), T_NEAR);
    std::uint32_t mask = 0;
    for (std::uint16_t s = 0; s < code_.parameter_slots; ++s) mask |= homes_.bit(code_, s);
    reload(mask);
}

void FunctionEmitter::enter_at_block(std::uint32_t at) {
    const auto head = std::ranges::lower_bound(homes_.starts, at);
    TROUPE_ASSERT(head != homes_.starts.end() && *head == at);
    sub(rsp, 8);
    reload(homes_.live_after[static_cast<std::size_t>(head - homes_.starts.begin())]);
    jmp(labels_[at], T_NEAR);
}

void FunctionEmitter::epilogue() {
    mov(rdx, ptr[r15 + instance_machine]);
    add(qword[rdx + machine_units], static_cast<int>(code_.stack_units));
    add(rsp, 8);
    ret();
}

void FunctionEmitter::instruction(const Instruction& i) {
    if (i.op >= dmir::op_count) return extended(i);
    const auto op = static_cast<Op>(i.op);
    if (op >= Op::i32_load && op <= Op::i64_load32_u) return load_memory(op, i.a, address(i.b, i.low()));
    if (op >= Op::i32_store && op <= Op::i64_store32) return store_memory(op, i.c, address(i.b, i.low()));
    if (integer(op, i) || floating(op, i) || conversion(op, i)) return;
    switch (op) {
        case Op::i32_const:
        case Op::i64_const:
        case Op::ref_null:
        case Op::f32_const:
        case Op::f64_const: return constant(i);
        case Op::select: return select(i);
        case Op::ref_is_null: return compare_zero(i, true);
        case Op::global_get: {
            mov(rax, ptr[r15 + instance_globals]);
            mov(rax, ptr[rax + static_cast<int>(i.low() * 8)]);
            const auto to = target(i.a, rax);
            mov(to, ptr[rax]);
            return store(i.a, to);
        }
        case Op::global_set: {
            const auto value = get(i.b, rdx);
            mov(rax, ptr[r15 + instance_globals]);
            mov(rax, ptr[rax + static_cast<int>(i.low() * 8)]);
            mov(ptr[rax], value);
            return;
        }
        case Op::memory_size: {
            mov(rax, ptr[r15 + instance_memory]);
            mov(rax, ptr[rax + memory_size]);
            shr(rax, 16);
            return store(i.a, rax);
        }
        case Op::call: return call_direct(i);
        case Op::call_indirect: return call_indirect(i);
        default: break;
    }
    if (dmir::info(op).kind == dmir::OpKind::special) return helper(i, true);
    helper(i, false);
}

void FunctionEmitter::extended(const Instruction& i) {
    if (is_immediate_form(i.op)) return immediate(i);
    if (is_scaled_load(i.op)) {
        const auto op = static_cast<Op>(static_cast<int>(Op::i32_load) + i.op - vm::code(Extended::i32_load_scaled));
        return load_memory(op, i.a, scaled_address(i.b, i.c, i));
    }
    if (is_scaled_store(i.op)) {
        const auto op = static_cast<Op>(static_cast<int>(Op::i32_store) + i.op - vm::code(Extended::i32_store_scaled));
        return store_memory(op, i.c, scaled_address(i.a, i.b, i));
    }
    if (is_float_branch(i.op)) {
        const auto k = i.op - vm::code(Extended::branch_f32_eq);
        return float_branch(i, (k & 1) != 0, k / 4, (k & 2) != 0);
    }
    if (is_integer_branch(i.op)) {
        const auto k = i.op - vm::code(Extended::branch_i32_eq);
        const bool wide = (k & 1) != 0;
        if ((k & 2) != 0)
            compare_immediate(i.a, static_cast<std::int32_t>(i.high()), wide);
        else
            compare(i.a, i.b, wide);
        return jump_if(k / 4, labels_[i.low()]);
    }
    switch (static_cast<Extended>(i.op)) {
        case Extended::charge: return charge(i);
        case Extended::jump: jmp(labels_[i.low()], T_NEAR); return;
        case Extended::branch_nonzero:
        case Extended::branch_zero:
            compare_immediate(i.a, 0, false);
            return jump_if(i.op == vm::code(Extended::branch_zero) ? 0 : 1, labels_[i.low()]);
        case Extended::branch_table: return branch_table(i);
        case Extended::trap_unreachable: jmp(trap(Trap::unreachable), T_NEAR); return;
        case Extended::return_none: return epilogue();
        case Extended::return_one: load(rax, i.a); return epilogue();
        case Extended::return_many: return return_many(i);
        case Extended::move: return move(i);
        default: failed_ = true;
    }
}

EmittedFunction emit_function(const Code& code, const Stubs& stubs, const EmitOptions& options) {
    try {
        return FunctionEmitter(code, stubs, options).run();
    } catch (const Xbyak::Error&) {
        return {};
    }
}

}  // namespace troupe::jit

#endif
