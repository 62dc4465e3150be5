// Calls: of this module's functions and of others, and through C++.
#ifdef __x86_64__

#include <cstring>

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {
namespace {

using dmir::Trap;

[[nodiscard]] CallShape shape_of(const Function& f, const Instruction& i) {
    CallShape out;
    for (auto r : f.values(i.list)) out.parameters.push_back(f.registers[r].type);
    for (std::uint32_t k = 0; k < i.result_count; ++k) out.results.push_back(f.registers[i.result + k].type);
    return out;
}

}  // namespace

std::uint64_t address_of(const Relocation& relocation, const Surroundings& around) {
    switch (relocation.what) {
        case Outside::slow_helper: return reinterpret_cast<std::uint64_t>(around.slow_helper);
        case Outside::rare_helper: return reinterpret_cast<std::uint64_t>(around.rare_helper);
        case Outside::any_adapter: break;
    }
    return reinterpret_cast<std::uint64_t>(around.any_adapter(relocation.shape));
}

void relocate(Emitted& code, const Surroundings& around) {
    for (const auto& relocation : code.relocations) {
        const auto address = address_of(relocation, around);
        std::memcpy(code.bytes.data() + relocation.offset, &address, sizeof(address));
    }
}

void FunctionEmitter::outside(const Reg64& to, Outside what, CallShape shape) {
    const Relocation relocation{static_cast<std::uint32_t>(getSize() + 2), what, std::move(shape)};
    // mov with eight bytes of immediate, which xbyak would choose by the value.
    db(to.getIdx() >= 8 ? 0x49 : 0x48);
    db(0xB8 | (to.getIdx() & 7));
    dq(address_of(relocation, around_));
    relocations_.push_back(relocation);
}

void FunctionEmitter::pass_arguments(const Instruction& i, const Move* further) {
    const auto values = f_.values(i.list);
    std::vector<dmir::Type> types;
    for (auto r : values) types.push_back(f_.registers[r].type);
    const auto passed = pass(types);
    std::vector<Move> moves;
    for (std::size_t k = 0; k < values.size(); ++k)
        moves.push_back({passed.locations[k], source(values[k]), is_wide(values[k])});
    if (further != nullptr) moves.push_back(*further);
    move_all(std::move(moves));
}

void FunctionEmitter::take_results(const Instruction& i) {
    if (i.result == no_register || i.result_count == 0) return;
    if (i.result_count == 1) {
        const auto kind = is_float(i.result) ? Location::Kind::floating : Location::Kind::integer;
        return take_late(i, {kind, 0, 0}, is_wide(i.result));
    }
    inserted_moves(position_ / 2 + 1);
    base_is_frame();
    for (std::uint32_t k = 0; k < i.result_count; ++k) {
        const auto to = a_.at(i.result + k, position_ + 2);
        const auto from = qword[rbx + static_cast<int>(8 * k)];
        if (to.kind == Location::Kind::floating) {
            vmovsd(Xmm(static_cast<int>(to.index)), from);
        } else if (to.is_slot()) {
            vmovsd(xmm15, from);
            is_wide(i.result + k) ? vmovsd(qword[address(to)], xmm15) : vmovss(dword[address(to)], xmm15);
        } else {
            mov(gpr(to.index), from);
        }
    }
    base_is_memory();
}

void FunctionEmitter::direct_call(const Instruction& i) {
    pass_arguments(i, nullptr);
    const auto index = static_cast<std::uint32_t>(i.value);
    if (index == around_.self) {
        call(fast_);
    } else if (index < around_.imported) {
        mov(rax, ptr[r15 + instance_functions]);
        mov(rax, ptr[rax + static_cast<int>(index * 8)]);
        outside(gpr(call_scratch), Outside::any_adapter, shape_of(f_, i));
        call(gpr(call_scratch));
    } else {
        // The distance, of 32 bits, tells the adapter of what is not compiled which function it is.
        const auto distance = instance_function(index - around_.imported) + function_direct;
        static_assert(instance_function(0) > 0x7F);
        call(ptr[r15 + distance]);
    }
    take_results(i);
}

void FunctionEmitter::call_indirect(const Instruction& i) {
    const Move index{{Location::Kind::integer, rax_number, 0}, source(i.operands[0]), false};
    pass_arguments(i, &index);
    const auto type = static_cast<std::uint32_t>(i.value);
    if (i.value >= vm::call_types_max || !has_indirect_stub(i.list.count)) {
        call_through_table(i);
    } else {
        call(ptr[r15 + (instance_call_type(type, around_.functions) + call_type_stub)]);
    }
    take_results(i);
}

void FunctionEmitter::call_through_table(const Instruction& i) {
    const auto type = static_cast<std::uint32_t>(i.value);
    const auto table = static_cast<std::uint32_t>(i.value >> 32U);
    const auto scratch = gpr(call_scratch);
    mov(scratch, ptr[r15 + instance_tables]);
    mov(scratch, ptr[scratch + static_cast<int>(table * 8)]);
    shl(rax, 3);
    add(rax, ptr[scratch + table_begin]);
    cmp(rax, ptr[scratch + table_end]);
    jae(trap(Trap::undefined_element), reach(trap(Trap::undefined_element)));
    mov(rax, ptr[rax]);
    test(rax, rax);
    jz(trap(Trap::uninitialized_element), reach(trap(Trap::uninitialized_element)));
    mov(scratch, ptr[r15 + instance_signatures]);
    mov(scratch.cvt32(), ptr[scratch + static_cast<int>(type * 4)]);
    cmp(ptr[rax + function_signature], scratch.cvt32());
    jne(trap(Trap::indirect_call_type_mismatch), reach(trap(Trap::indirect_call_type_mismatch)));
    cmp(ptr[rax + function_instance], r15);
    auto& elsewhere = ways_.emplace_back();
    auto& back = ways_.emplace_back();
    jne(elsewhere, reach(elsewhere));
    call(ptr[rax + function_fast]);
    L(back);
    later([this, &elsewhere, &back, &i] {
        L(elsewhere);
        outside(gpr(call_scratch), Outside::any_adapter, shape_of(f_, i));
        call(gpr(call_scratch));
        jmp(back, reach(back));
    });
}

void FunctionEmitter::helper(const Instruction& i) {
    const auto values = f_.values(i.list);
    std::vector<Move> moves;
    for (std::size_t k = 0; k < values.size(); ++k)
        moves.push_back({{Location::Kind::integer, static_cast<std::uint32_t>(integer_arguments[k]), 0},
                         source(values[k]),
                         is_wide(values[k])});
    move_all(std::move(moves));
    vm::Instruction record;
    record.op = vm::code(i.op);
    record.immediate = i.value;
    // The first operand is in slot 1.
    if (i.result_count > 0 || values.size() < 3) {
        record.b = 1;
        record.c = 2;
    } else {
        record.a = 1;
        record.b = 2;
        record.c = 3;
    }
    auto& [label, kept] = records_.emplace_back();
    kept = record;
    lea(gpr(helper_record), ptr[rip + label]);
    const bool is_special = dmir::info(i.op).kind == dmir::OpKind::special;
    outside(rax, is_special ? Outside::slow_helper : Outside::rare_helper);
    call(rax);
    if (i.result_count > 0 && is_float(i.result)) vmovq(xmm0, rax);
    take_results(i);
}

}  // namespace troupe::jit::opt

#endif
