#include "jit/baseline/emitter.hpp"

#ifdef __x86_64__

#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "jit/baseline/assembler.hpp"
#include "jit/baseline/homes.hpp"
#include "jit/baseline/operands.hpp"

namespace troupe::jit {
namespace {

using dmir::Op;
using dmir::Trap;
using vm::Code;
using vm::Extended;
using vm::FunctionObject;
using vm::Instance;
using vm::Instruction;
using vm::Machine;
using vm::Slot;
using vm::SlotKind;
using Xbyak::Label;
using Xbyak::Reg32;
using Xbyak::Reg64;
using Xbyak::Xmm;

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

class FunctionEmitter : Assembler {
public:
    FunctionEmitter(const Code& code, std::uint32_t imported, const Stubs& stubs, HotCounter* counter, OnHot on_hot)
        : code_(code),
          imported_(imported),
          stubs_(stubs),
          counter_(counter),
          on_hot_(on_hot),
          homes_(choose_homes(code)) {}

    std::vector<std::uint8_t> run() {
        labels_.resize(code_.instructions.size() + 1);
        frame_bytes_ = static_cast<int>(code_.slots.size() * sizeof(Slot));
        prologue();
        for (index_ = 0; index_ < homes_.starts.size() && !failed_; ++index_) {
            at_ = homes_.starts[index_];
            instruction(code_.instructions[at_]);
        }
        if (failed_) return {};
        late_code();
        auto out = bytes();
        fill_tables(out);
        return out;
    }

private:
    // Homes.

    [[nodiscard]] bool has_home(std::uint16_t slot) const {
        return slot < homes_.of_slot.size() && homes_.of_slot[slot] >= 0;
    }
    [[nodiscard]] Reg64 home(std::uint16_t slot) const {
        static const std::array<Reg64, integer_homes> registers{Reg64(Xbyak::Operand::RCX), Reg64(Xbyak::Operand::RSI),
                                                                Reg64(Xbyak::Operand::RDI), Reg64(Xbyak::Operand::R8),
                                                                Reg64(Xbyak::Operand::R9),  Reg64(Xbyak::Operand::R10),
                                                                Reg64(Xbyak::Operand::R11), Reg64(Xbyak::Operand::R12)};
        return registers[static_cast<std::size_t>(homes_.of_slot[slot])];
    }
    [[nodiscard]] Xmm float_home(std::uint16_t slot) const { return Xmm(3 + homes_.of_slot[slot]); }
    [[nodiscard]] Xbyak::Address cell(std::uint16_t slot) const { return qword[rbp + slot * 8]; }
    [[nodiscard]] Xbyak::Address cell32(std::uint16_t slot) const { return dword[rbp + slot * 8]; }
    [[nodiscard]] bool is_float(std::uint16_t slot) const { return code_.slots[slot] == SlotKind::floating; }

    /// The slot's register, or `scratch` loaded with it.
    [[nodiscard]] Reg64 get(std::uint16_t slot, const Reg64& scratch) {
        if (has_home(slot) && !is_float(slot)) return home(slot);
        load(scratch, slot);
        return scratch;
    }
    void load(const Reg64& to, std::uint16_t slot) {
        if (!has_home(slot))
            mov(to, cell(slot));
        else if (is_float(slot))
            movq(to, float_home(slot));
        else if (to.getIdx() != home(slot).getIdx())
            mov(to, home(slot));
    }
    void store(std::uint16_t slot, const Reg64& from) {
        if (!has_home(slot))
            mov(cell(slot), from);
        else if (is_float(slot))
            movq(float_home(slot), from);
        else if (from.getIdx() != home(slot).getIdx())
            mov(home(slot), from);
    }
    /// Where a result is best computed.
    [[nodiscard]] Reg64 target(std::uint16_t slot, const Reg64& scratch) {
        return has_home(slot) && !is_float(slot) ? home(slot) : scratch;
    }
    [[nodiscard]] Xmm get_float(std::uint16_t slot, const Xmm& scratch) {
        if (has_home(slot)) return float_home(slot);
        movq(scratch, cell(slot));
        return scratch;
    }
    [[nodiscard]] Xmm target_float(std::uint16_t slot, const Xmm& scratch) {
        return has_home(slot) ? float_home(slot) : scratch;
    }
    void store_float(std::uint16_t slot, const Xmm& from) {
        if (!has_home(slot))
            movq(cell(slot), from);
        else if (float_home(slot).getIdx() != from.getIdx())
            movaps(float_home(slot), from);
    }
    void spill(std::uint32_t mask) {
        for (int k = 0; k < homes_.integers; ++k) {
            const auto slot = homes_.integer_slot[static_cast<std::size_t>(k)];
            if (mask & (1U << k)) mov(cell(slot), home(slot));
        }
        for (int k = 0; k < homes_.floats; ++k) {
            const auto slot = homes_.float_slot[static_cast<std::size_t>(k)];
            if (mask & (1U << (integer_homes + k))) movq(cell(slot), float_home(slot));
        }
    }
    void reload(std::uint32_t mask) {
        for (int k = 0; k < homes_.integers; ++k) {
            const auto slot = homes_.integer_slot[static_cast<std::size_t>(k)];
            if (mask & (1U << k)) mov(home(slot), cell(slot));
        }
        for (int k = 0; k < homes_.floats; ++k) {
            const auto slot = homes_.float_slot[static_cast<std::size_t>(k)];
            if (mask & (1U << (integer_homes + k))) movq(float_home(slot), cell(slot));
        }
    }
    [[nodiscard]] std::uint32_t live_after() const { return homes_.live_after[index_]; }

    // Traps and code out of line.

    [[nodiscard]] Label& trap(Trap kind) { return traps_[kind]; }
    void leave() {
        mov(rdx, reinterpret_cast<std::uint64_t>(stubs_.trap_exit));
        jmp(rdx);
    }
    template <class F>
    void later(F&& emit) {
        late_.emplace_back(std::forward<F>(emit));
    }
    void late_code() {
        for (std::size_t k = 0; k < late_.size(); ++k) late_[k]();
        for (auto& [kind, label] : traps_) {
            L(label);
            mov(eax, static_cast<std::uint32_t>(kind));
            leave();
        }
        L(leave_with_eax_);
        leave();
        align(8);
        for (auto& table : tables_) {
            L(table.label);
            table.offset = getSize();
            for (std::size_t k = 0; k < table.targets.size(); ++k) dd(0);
        }
    }
    /// Entries are distances from the table's start, known once all is placed.
    void fill_tables(std::vector<std::uint8_t>& out) {
        for (const auto& table : tables_)
            for (std::size_t k = 0; k < table.targets.size(); ++k) {
                const auto distance =
                    static_cast<std::int32_t>(labels_[table.targets[k]].getAddress() - table.label.getAddress());
                std::memcpy(out.data() + table.offset + 4 * k, &distance, 4);
            }
    }

    void count() {
        mov(rdx, reinterpret_cast<std::uint64_t>(counter_));
        sub(dword[rdx + static_cast<int>(offsetof(HotCounter, left))], 1);
    }
    /// rax is the function, rbp its frame: what is called instead finds them so.
    void count_call() {
        count();
        Label cold;
        jns(cold);
        push(rax);
        mov(rsi, rax);
        mov(rdi, rdx);
        call_function(on_hot_);
        pop(rcx);
        mov(rdx, rax);
        mov(rax, rcx);
        test(rdx, rdx);
        jz(cold);
        jmp(rdx);
        L(cold);
    }
    /// The first block of a loop.
    [[nodiscard]] bool is_loop_head(std::uint32_t at) {
        while (next_head_ < code_.blocks.size() && code_.blocks[next_head_].at < at) ++next_head_;
        if (next_head_ == code_.blocks.size() || code_.blocks[next_head_].at != at) return false;
        const auto before = next_head_ == 0 ? 0 : code_.blocks[next_head_ - 1].loop_depth;
        return code_.blocks[next_head_].loop_depth > before;
    }

    void prologue() {
        if (counter_ != nullptr) count_call();
        sub(rsp, 8);
        mov(rdx, ptr[r15 + instance_machine]);
        sub(qword[rdx + machine_units], static_cast<int>(code_.stack_units));
        js(trap(Trap::call_stack_exhausted), T_NEAR);
        std::uint32_t mask = 0;
        for (std::uint16_t s = 0; s < code_.parameter_slots; ++s) mask |= homes_.bit(code_, s);
        reload(mask);
    }
    void epilogue() {
        mov(rdx, ptr[r15 + instance_machine]);
        add(qword[rdx + machine_units], static_cast<int>(code_.stack_units));
        add(rsp, 8);
        ret();
    }

    // Instructions.

    void instruction(const Instruction& i) {
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

    void constant(const Instruction& i) {
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
    void select(const Instruction& i) {
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

    // Integers.

    template <class F>
    void binary(const Instruction& i, bool wide, bool commutative, F&& emit) {
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
    void shift(const Instruction& i, bool wide, F&& emit) {
        const auto count = get(i.c, rdx);
        const auto value = get(i.b, rax);
        const auto to = target(i.a, rax);
        if (wide)
            emit(to, value, count);
        else
            emit(to.cvt32(), value.cvt32(), count.cvt32());
        store(i.a, to);
    }
    /// Rotation counts must stand in cl, which may be a home.
    void rotate(const Instruction& i, bool wide, bool left) {
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
    void set_condition(std::uint16_t to, int condition) {
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
    void compare(std::uint16_t left, std::uint16_t right, bool wide) {
        const auto a = get(left, rax);
        if (has_home(right))
            wide ? cmp(a, home(right)) : cmp(a.cvt32(), home(right).cvt32());
        else
            wide ? cmp(a, cell(right)) : cmp(a.cvt32(), cell32(right));
    }
    void compare_immediate(std::uint16_t left, std::int32_t right, bool wide) {
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
    void compare_zero(const Instruction& i, bool wide) {
        compare_immediate(i.b, 0, wide);
        set_condition(i.a, 0);
    }
    void divide(const Instruction& i, bool wide, bool is_signed, bool remainder) {
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
    template <class F>
    void unary(const Instruction& i, bool wide, F&& emit) {
        const auto from = get(i.b, rax);
        const auto to = target(i.a, rax);
        if (wide)
            emit(to, from);
        else
            emit(to.cvt32(), from.cvt32());
        store(i.a, to);
    }

    [[nodiscard]] bool integer(Op op, const Instruction& i) {
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

    void immediate(const Instruction& i) {
        const auto first = vm::code(Extended::i32_add_immediate);
        const bool wide = ((i.op - first) & 1) != 0;
        const auto form = static_cast<Extended>(wide ? i.op - 1 : i.op);
        const auto value =
            wide ? static_cast<std::int64_t>(i.immediate) : std::int64_t{static_cast<std::int32_t>(i.low())};
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

    // Memory.

    /// What follows rbx in the access: at most 2^32 - 1 plus a 32-bit offset, inside the guarded range.
    [[nodiscard]] Xbyak::RegExp address(std::uint16_t slot, std::uint32_t offset) {
        return with_offset(get(slot, rax), offset);
    }
    [[nodiscard]] Xbyak::RegExp with_offset(const Reg64& base, std::uint32_t offset) {
        if (offset <= 0x7FFFFFFF) return rbx + base + static_cast<int>(offset);
        mov(edx, offset);
        add(rdx, base);
        return rbx + rdx;
    }
    [[nodiscard]] Xbyak::RegExp scaled_address(std::uint16_t base, std::uint16_t index, const Instruction& i) {
        const auto index_register = get(index, rdx);
        const auto base_register = get(base, rax);
        lea(eax, ptr[base_register + index_register * (1 << i.high())]);
        return with_offset(rax, i.low());
    }
    void load_memory(Op op, std::uint16_t slot, const Xbyak::RegExp& at) {
        if (op == Op::f32_load || op == Op::f64_load) {
            const auto to = target_float(slot, xmm0);
            op == Op::f32_load ? movss(to, dword[at]) : movsd(to, qword[at]);
            return store_float(slot, to);
        }
        const auto to = target(slot, rax);
        load_integer(op, to, at);
        store(slot, to);
    }
    /// rax or rdx may be part of the address: a value from the frame goes through xmm0.
    void store_memory(Op op, std::uint16_t slot, const Xbyak::RegExp& at) {
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
    [[nodiscard]] Xmm get_float_bits(std::uint16_t slot) {
        if (has_home(slot)) return float_home(slot);
        movq(xmm0, cell(slot));
        return xmm0;
    }

    // Floats.

    /// Replaces a NaN in `x` by the canonical one.
    void canonicalize(const Xmm& x, bool wide) {
        auto slow = std::make_shared<Label>();
        auto back = std::make_shared<Label>();
        wide ? ucomisd(x, x) : ucomiss(x, x);
        jp(*slow, T_NEAR);
        L(*back);
        later([this, x, wide, slow, back] {
            L(*slow);
            load_nan(x, wide);
            jmp(*back, T_NEAR);
        });
    }
    void load_nan(const Xmm& x, bool wide) {
        mov(rax, wide ? 0x7FF8000000000000ULL : 0x7FC00000ULL);
        movq(x, rax);
    }
    template <class F>
    void float_binary(const Instruction& i, bool wide, bool commutative, F&& emit) {
        auto left = i.b;
        auto right = i.c;
        auto to = target_float(i.a, xmm0);
        if (has_home(right) && to.getIdx() == float_home(right).getIdx() && left != right) {
            if (commutative)
                std::swap(left, right);
            else
                to = xmm0;
        }
        if (has_home(left)) {
            if (to.getIdx() != float_home(left).getIdx()) movaps(to, float_home(left));
        } else {
            movq(to, cell(left));
        }
        const auto by = get_float(right, xmm1);
        emit(to, by);
        canonicalize(to, wide);
        store_float(i.a, to);
    }
    void float_minimum(const Instruction& i, bool wide, bool maximum) {
        const auto left = get_float(i.b, xmm0);
        const auto right = get_float(i.c, xmm1);
        Label equal;
        Label nan;
        Label done;
        movaps(xmm2, left);
        wide ? ucomisd(left, right) : ucomiss(left, right);
        jp(nan, T_NEAR);
        je(equal);
        if (wide)
            maximum ? maxsd(xmm2, right) : minsd(xmm2, right);
        else
            maximum ? maxss(xmm2, right) : minss(xmm2, right);
        jmp(done, T_NEAR);
        L(equal);
        // Equal values differ at most in the sign of zero.
        maximum ? andps(xmm2, right) : orps(xmm2, right);
        jmp(done, T_NEAR);
        L(nan);
        load_nan(xmm2, wide);
        L(done);
        store_float(i.a, xmm2);
    }
    void float_condition(std::uint16_t left, std::uint16_t right, bool wide) {
        const auto a = get_float(left, xmm0);
        const auto b = get_float(right, xmm1);
        wide ? ucomisd(a, b) : ucomiss(a, b);
    }
    /// 0 eq, 1 ne, 2 lt, 3 gt, 4 le, 5 ge; less-than is the swapped greater-than, for which a NaN is false.
    void float_compare(const Instruction& i, bool wide, int condition) {
        const bool swap = condition == 2 || condition == 4;
        float_condition(swap ? i.c : i.b, swap ? i.b : i.c, wide);
        if (condition == 0) {
            setnp(al);
            sete(dl);
            and_(al, dl);
        } else if (condition == 1) {
            setp(al);
            setne(dl);
            or_(al, dl);
        } else if (condition <= 3) {
            seta(al);
        } else {
            setae(al);
        }
        const auto out = target(i.a, rax);
        movzx(out.cvt32(), al);
        store(i.a, out);
    }
    void float_branch(const Instruction& i, bool wide, int condition, bool negate) {
        const bool swap = condition == 2 || condition == 4;
        float_condition(swap ? i.b : i.a, swap ? i.a : i.b, wide);
        auto& to = labels_[i.low()];
        if (condition >= 2) {
            const bool strict = condition <= 3;
            if (negate)
                strict ? jbe(to, T_NEAR) : jb(to, T_NEAR);
            else
                strict ? ja(to, T_NEAR) : jae(to, T_NEAR);
            return;
        }
        if ((condition == 1) != negate) {
            jp(to, T_NEAR);
            jne(to, T_NEAR);
        } else {
            Label no;
            jp(no);
            je(to, T_NEAR);
            L(no);
        }
    }
    template <class F>
    void float_unary(const Instruction& i, bool wide, F&& emit) {
        const auto from = get_float(i.b, xmm0);
        // These leave the upper bits of what they write: zero for f32, and no wait for what was there.
        xorps(xmm1, xmm1);
        emit(xmm1, from);
        canonicalize(xmm1, wide);
        store_float(i.a, xmm1);
    }
    void copy_sign(const Instruction& i, bool wide) {
        load(rax, i.b);
        load(rdx, i.c);
        if (wide) {
            shr(rdx, 63);
            btr(rax, 63);
            shl(rdx, 63);
        } else {
            and_(edx, 0x80000000U);
            and_(eax, 0x7FFFFFFFU);
        }
        or_(rax, rdx);
        store(i.a, rax);
    }
    void change_sign(const Instruction& i, bool wide, bool clear) {
        load(rax, i.b);
        if (wide)
            clear ? btr(rax, 63) : btc(rax, 63);
        else
            clear ? btr(eax, 31) : btc(eax, 31);
        store(i.a, rax);
    }

    [[nodiscard]] bool floating(Op op, const Instruction& i) {
        if (op >= Op::f32_eq && op <= Op::f32_ge) {
            float_compare(i, false, static_cast<int>(op) - static_cast<int>(Op::f32_eq));
            return true;
        }
        if (op >= Op::f64_eq && op <= Op::f64_ge) {
            float_compare(i, true, static_cast<int>(op) - static_cast<int>(Op::f64_eq));
            return true;
        }
        const bool is32 = op >= Op::f32_abs && op <= Op::f32_copysign;
        const bool is64 = op >= Op::f64_abs && op <= Op::f64_copysign;
        if (!is32 && !is64) return false;
        const bool w = is64;
        const auto round = [&](int mode) {
            float_unary(i, w,
                        [&](const Xmm& to, const Xmm& from) { w ? roundsd(to, from, mode) : roundss(to, from, mode); });
        };
        switch (static_cast<Op>(static_cast<int>(op) -
                                (w ? static_cast<int>(Op::f64_abs) - static_cast<int>(Op::f32_abs) : 0))) {
            case Op::f32_abs: change_sign(i, w, true); break;
            case Op::f32_neg: change_sign(i, w, false); break;
            case Op::f32_ceil: round(10); break;
            case Op::f32_floor: round(9); break;
            case Op::f32_trunc: round(11); break;
            case Op::f32_nearest: round(8); break;
            case Op::f32_sqrt:
                float_unary(i, w, [&](const Xmm& to, const Xmm& from) { w ? sqrtsd(to, from) : sqrtss(to, from); });
                break;
            case Op::f32_add:
                float_binary(i, w, true, [&](const Xmm& a, const Xmm& b) { w ? addsd(a, b) : addss(a, b); });
                break;
            case Op::f32_sub:
                float_binary(i, w, false, [&](const Xmm& a, const Xmm& b) { w ? subsd(a, b) : subss(a, b); });
                break;
            case Op::f32_mul:
                float_binary(i, w, true, [&](const Xmm& a, const Xmm& b) { w ? mulsd(a, b) : mulss(a, b); });
                break;
            case Op::f32_div:
                float_binary(i, w, false, [&](const Xmm& a, const Xmm& b) { w ? divsd(a, b) : divss(a, b); });
                break;
            case Op::f32_min: float_minimum(i, w, false); break;
            case Op::f32_max: float_minimum(i, w, true); break;
            default: copy_sign(i, w); break;
        }
        return true;
    }

    // Conversions.

    /// Traps unless the conversion was exact in range; `back` is where the result goes on.
    void truncate32(const Instruction& i, bool wide_source, bool is_signed) {
        const auto from = get_float(i.b, xmm0);
        wide_source ? cvttsd2si(rax, from) : cvttss2si(rax, from);
        if (is_signed)
            movsxd(rdx, eax);
        else
            mov(edx, eax);
        cmp(rdx, rax);
        auto slow = std::make_shared<Label>();
        jne(*slow, T_NEAR);
        later([this, slow, from, wide_source] {
            L(*slow);
            wide_source ? ucomisd(from, from) : ucomiss(from, from);
            jp(trap(Trap::invalid_conversion_to_integer), T_NEAR);
            jmp(trap(Trap::integer_overflow), T_NEAR);
        });
        mov(eax, eax);
        store(i.a, rax);
    }
    void convert_integer(const Instruction& i, bool wide_target, bool from64, bool is_signed) {
        const auto from = get(i.b, rax);
        const auto to = target_float(i.a, xmm0);
        xorps(xmm1, xmm1);
        if (from64 || !is_signed)
            wide_target ? cvtsi2sd(xmm1, from) : cvtsi2ss(xmm1, from);
        else
            wide_target ? cvtsi2sd(xmm1, from.cvt32()) : cvtsi2ss(xmm1, from.cvt32());
        movaps(to, xmm1);
        store_float(i.a, to);
    }
    [[nodiscard]] bool conversion(Op op, const Instruction& i) {
        switch (op) {
            case Op::i32_wrap_i64:
            case Op::i64_extend_i32_u: unary(i, false, [&](auto to, auto from) { mov(to, from); }); return true;
            case Op::i64_extend_i32_s:
            case Op::i64_extend32_s:
                unary(i, true, [&](auto to, auto from) { movsxd(Reg64(to.getIdx()), Reg64(from.getIdx()).cvt32()); });
                return true;
            case Op::i32_extend8_s:
                unary(i, false, [&](auto to, auto from) { movsx(to, Reg64(from.getIdx()).cvt8()); });
                return true;
            case Op::i32_extend16_s:
                unary(i, false, [&](auto to, auto from) { movsx(to, Reg64(from.getIdx()).cvt16()); });
                return true;
            case Op::i64_extend8_s:
                unary(i, true, [&](auto to, auto from) { movsx(to, Reg64(from.getIdx()).cvt8()); });
                return true;
            case Op::i64_extend16_s:
                unary(i, true, [&](auto to, auto from) { movsx(to, Reg64(from.getIdx()).cvt16()); });
                return true;
            case Op::i32_reinterpret_f32:
                load(rax, i.b);
                mov(eax, eax);
                store(i.a, rax);
                return true;
            case Op::f32_reinterpret_i32:
            case Op::f64_reinterpret_i64:
            case Op::i64_reinterpret_f64: {
                load(rax, i.b);
                store(i.a, rax);
                return true;
            }
            case Op::i32_trunc_f32_s: truncate32(i, false, true); return true;
            case Op::i32_trunc_f32_u: truncate32(i, false, false); return true;
            case Op::i32_trunc_f64_s: truncate32(i, true, true); return true;
            case Op::i32_trunc_f64_u: truncate32(i, true, false); return true;
            case Op::f32_convert_i32_s: convert_integer(i, false, false, true); return true;
            case Op::f32_convert_i32_u: convert_integer(i, false, false, false); return true;
            case Op::f32_convert_i64_s: convert_integer(i, false, true, true); return true;
            case Op::f64_convert_i32_s: convert_integer(i, true, false, true); return true;
            case Op::f64_convert_i32_u: convert_integer(i, true, false, false); return true;
            case Op::f64_convert_i64_s: convert_integer(i, true, true, true); return true;
            case Op::f32_demote_f64:
                float_unary(i, false, [&](const Xmm& to, const Xmm& from) { cvtsd2ss(to, from); });
                return true;
            case Op::f64_promote_f32:
                float_unary(i, true, [&](const Xmm& to, const Xmm& from) { cvtss2sd(to, from); });
                return true;
            default: return false;
        }
    }

    // Control.

    void extended(const Instruction& i) {
        if (is_immediate_form(i.op)) return immediate(i);
        if (is_scaled_load(i.op)) {
            const auto op =
                static_cast<Op>(static_cast<int>(Op::i32_load) + i.op - vm::code(Extended::i32_load_scaled));
            return load_memory(op, i.a, scaled_address(i.b, i.c, i));
        }
        if (is_scaled_store(i.op)) {
            const auto op =
                static_cast<Op>(static_cast<int>(Op::i32_store) + i.op - vm::code(Extended::i32_store_scaled));
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
    void jump_if(int condition, Label& to) {
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
    void charge(const Instruction& i) {
        L(labels_[at_]);
        if (counter_ != nullptr && is_loop_head(at_)) count();
        if (i.low() > 0x7FFFFFFF || i.high() > 0x7FFFFFFF) {
            failed_ = true;
            return;
        }
        if (i.low() > 0) {
            sub(r13, static_cast<int>(i.low()));
            js(trap(Trap::out_of_fuel), T_NEAR);
        }
        if (i.high() > 0) add(r14, static_cast<int>(i.high()));
    }
    void move(const Instruction& i) {
        if (is_float(i.a)) {
            const auto from = get_float(i.b, xmm0);
            if (has_home(i.a) && !has_home(i.b)) return movq(float_home(i.a), cell(i.b));
            return store_float(i.a, from);
        }
        if (has_home(i.a)) return load(home(i.a), i.b);
        store(i.a, get(i.b, rax));
    }
    void branch_table(const Instruction& i) {
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
    /// Results to the frame's start: all are on the native stack before any is written.
    void return_many(const Instruction& i) {
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

    // Calls.

    void pass_arguments(const Instruction& i) {
        for (std::uint32_t k = 0; k < i.b; ++k) {
            const auto slot = listed_slot(&i, k);
            const auto to = qword[rbp + frame_bytes_ + static_cast<int>(k) * 8];
            if (has_home(slot) && is_float(slot))
                movq(to, float_home(slot));
            else
                mov(to, get(slot, rax));
        }
    }
    void after_call(const Instruction& i, std::uint32_t kept) {
        sub(rbp, frame_bytes_);
        if (i.a != vm::no_slot) store(i.a, rax);
        reload(kept);
    }
    [[nodiscard]] std::uint32_t kept_over(std::uint16_t written) const {
        return live_after() & ~homes_.bit(code_, written);
    }
    void call_direct(const Instruction& i) {
        const auto kept = kept_over(i.a);
        spill(kept);
        pass_arguments(i);
        mov(rax, ptr[r15 + instance_functions]);
        mov(rax, ptr[rax + static_cast<int>(i.low() * 8)]);
        add(rbp, frame_bytes_);
        if (i.low() < imported_) {
            mov(rdx, reinterpret_cast<std::uint64_t>(stubs_.any));
            call(rdx);
        } else {
            call(ptr[rax + function_native]);
        }
        after_call(i, kept);
    }
    void call_indirect(const Instruction& i) {
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
        jmp(done);
        L(elsewhere);
        mov(rdx, reinterpret_cast<std::uint64_t>(stubs_.any));
        call(rdx);
        L(done);
        after_call(i, kept);
    }
    /// Through C++: operands in the frame, the result too.
    void helper(const Instruction& i, bool slow) {
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

    struct Table {
        Label label;
        std::vector<std::uint32_t> targets;
        std::size_t offset = 0;
    };

    const Code& code_;
    std::uint32_t imported_;
    const Stubs& stubs_;
    HotCounter* counter_;
    OnHot on_hot_;
    std::size_t next_head_ = 0;
    Homes homes_;
    std::vector<Label> labels_;
    std::map<Trap, Label> traps_;
    Label leave_with_eax_;
    std::deque<Table> tables_;
    std::deque<std::function<void()>> late_;
    int frame_bytes_ = 0;
    std::size_t index_ = 0;
    std::uint32_t at_ = 0;
    bool failed_ = false;
};

}  // namespace

std::vector<std::uint8_t> emit_function(const Code& code, std::uint32_t imported, const Stubs& stubs,
                                        HotCounter* counter, OnHot on_hot) {
    try {
        return FunctionEmitter(code, imported, stubs, counter, on_hot).run();
    } catch (const Xbyak::Error&) {
        return {};
    }
}

}  // namespace troupe::jit

#endif
