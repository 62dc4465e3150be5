// Emits one function: see emitter.hpp for the registers. Each operation's code is in the file of its kind.
#pragma once

#ifdef __x86_64__

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "jit/baseline/assembler.hpp"
#include "jit/baseline/chunk_payments.hpp"
#include "jit/baseline/emitter.hpp"
#include "jit/baseline/homes.hpp"
#include "jit/baseline/operands.hpp"

namespace troupe::jit {

using dmir::Op;
using dmir::Trap;
using vm::Code;
using vm::Extended;
using vm::FunctionObject;
using vm::Instance;
using vm::Instruction;
using vm::Slot;
using vm::SlotKind;
using Xbyak::Label;
using Xbyak::Reg64;
using Xbyak::Xmm;

class FunctionEmitter : Assembler {
public:
    FunctionEmitter(const Code& code, const Stubs& stubs, const EmitOptions& options)
        : code_(code), stubs_(stubs), options_(options), homes_(choose_homes(code)) {}

    EmittedFunction run();

private:
    // Homes.

    [[nodiscard]] bool has_home(std::uint16_t slot) const {
        return slot < homes_.of_slot.size() && homes_.of_slot[slot] >= 0;
    }
    [[nodiscard]] Reg64 home(std::uint16_t slot) const;
    [[nodiscard]] Xmm float_home(std::uint16_t slot) const { return Xmm(3 + homes_.of_slot[slot]); }
    [[nodiscard]] Xbyak::Address cell(std::uint16_t slot) const { return qword[rbp + slot * 8]; }
    [[nodiscard]] Xbyak::Address cell32(std::uint16_t slot) const { return dword[rbp + slot * 8]; }
    [[nodiscard]] bool is_float(std::uint16_t slot) const { return code_.slots[slot] == SlotKind::floating; }

    /// The slot's register, or `scratch` loaded with it.
    [[nodiscard]] Reg64 get(std::uint16_t slot, const Reg64& scratch);
    void load(const Reg64& to, std::uint16_t slot);
    void store(std::uint16_t slot, const Reg64& from);
    /// Where a result is best computed.
    [[nodiscard]] Reg64 target(std::uint16_t slot, const Reg64& scratch);
    [[nodiscard]] Xmm get_float(std::uint16_t slot, const Xmm& scratch);
    [[nodiscard]] Xmm target_float(std::uint16_t slot, const Xmm& scratch);
    void store_float(std::uint16_t slot, const Xmm& from);
    void spill(std::uint32_t mask);
    void reload(std::uint32_t mask);
    [[nodiscard]] std::uint32_t live_after() const { return homes_.live_after[index_]; }

    // Traps and code out of line.

    [[nodiscard]] Label& trap(Trap kind) { return traps_[kind]; }
    void leave();
    template <class F>
    void later(F&& emit) {
        late_.emplace_back(std::forward<F>(emit));
    }
    void late_code();
    /// Entries are distances from the table's start, known once all is placed.
    void fill_tables(std::vector<std::uint8_t>& out);

    /// What follows the call just emitted is known by its address.
    void site() {
        if (options_.stops) sites_.push_back({static_cast<std::uint32_t>(getSize()), at_});
    }

    void count();
    /// rax is the function, rbp its frame: what is called instead finds them so.
    void count_call();
    /// At the head of a loop.
    void count_round();
    void ask_in_round();
    /// The first block of a loop.
    [[nodiscard]] bool is_loop_head(std::uint32_t at);

    void prologue();
    /// What stands for the prologue at EmitOptions::enter_at.
    void enter_at_block(std::uint32_t at);
    void epilogue();

    // Instructions.

    void instruction(const Instruction& i);

    void constant(const Instruction& i);
    void select(const Instruction& i);

    // Integers.

    template <class F>
    void binary(const Instruction& i, bool wide, bool commutative, F&& emit);
    template <class F>
    void shift(const Instruction& i, bool wide, F&& emit);
    /// Rotation counts must stand in cl, which may be a home.
    void rotate(const Instruction& i, bool wide, bool left);
    void set_condition(std::uint16_t to, int condition);
    void compare(std::uint16_t left, std::uint16_t right, bool wide);
    void compare_immediate(std::uint16_t left, std::int32_t right, bool wide);
    void compare_zero(const Instruction& i, bool wide);
    void divide(const Instruction& i, bool wide, bool is_signed, bool remainder);
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

    [[nodiscard]] bool integer(Op op, const Instruction& i);

    void immediate(const Instruction& i);

    // Memory.

    /// What follows rbx in the access: at most 2^32 - 1 plus a 32-bit offset, inside the guarded range.
    [[nodiscard]] Xbyak::RegExp address(std::uint16_t slot, std::uint32_t offset);
    [[nodiscard]] Xbyak::RegExp with_offset(const Reg64& base, std::uint32_t offset);
    [[nodiscard]] Xbyak::RegExp scaled_address(std::uint16_t base, std::uint16_t index, const Instruction& i);
    void load_memory(Op op, std::uint16_t slot, const Xbyak::RegExp& at);
    void store_memory(Op op, std::uint16_t slot, const Xbyak::RegExp& at);
    /// rax or rdx may be part of the address and stay: a value from the frame goes through xmm0.
    void store_value(Op op, std::uint16_t slot, const Xbyak::RegExp& at);
    /// After a store: pays for the chunks that were clean.
    void written(Op op, const Xbyak::RegExp& at);
    [[nodiscard]] Xmm get_float_bits(std::uint16_t slot);

    // Floats.

    /// Replaces a NaN in `x` by the canonical one.
    void canonicalize(const Xmm& x, bool wide);
    void load_nan(const Xmm& x, bool wide);
    template <class F>
    void float_binary(const Instruction& i, bool wide, bool commutative, F&& emit);
    void float_minimum(const Instruction& i, bool wide, bool maximum);
    void float_condition(std::uint16_t left, std::uint16_t right, bool wide);
    /// 0 eq, 1 ne, 2 lt, 3 gt, 4 le, 5 ge; less-than is the swapped greater-than, for which a NaN is false.
    void float_compare(const Instruction& i, bool wide, int condition);
    void float_branch(const Instruction& i, bool wide, int condition, bool negate);
    template <class F>
    void float_unary(const Instruction& i, bool wide, F&& emit) {
        const auto from = get_float(i.b, xmm0);
        // These leave the upper bits of what they write: zero for f32, and no wait for what was there.
        xorps(xmm1, xmm1);
        emit(xmm1, from);
        canonicalize(xmm1, wide);
        store_float(i.a, xmm1);
    }
    void copy_sign(const Instruction& i, bool wide);
    void change_sign(const Instruction& i, bool wide, bool clear);

    [[nodiscard]] bool floating(Op op, const Instruction& i);

    // Conversions.

    /// Traps unless the conversion was exact in range; `back` is where the result goes on.
    void truncate32(const Instruction& i, bool wide_source, bool is_signed);
    void convert_integer(const Instruction& i, bool wide_target, bool from64, bool is_signed);
    [[nodiscard]] bool conversion(Op op, const Instruction& i);

    // Control.

    void extended(const Instruction& i);
    void jump_if(int condition, Label& to);
    void charge(const Instruction& i);
    void move(const Instruction& i);
    void branch_table(const Instruction& i);
    /// Results to the frame's start: all are on the native stack before any is written.
    void return_many(const Instruction& i);

    // Calls.

    void pass_arguments(const Instruction& i);
    void after_call(const Instruction& i, std::uint32_t kept);
    [[nodiscard]] std::uint32_t kept_over(std::uint16_t written) const;
    void call_direct(const Instruction& i);
    void call_indirect(const Instruction& i);
    /// Through C++: operands in the frame, the result too.
    void helper(const Instruction& i, bool slow);

    struct Table {
        Label label;
        std::vector<std::uint32_t> targets;
        std::size_t offset = 0;
    };

    const Code& code_;
    const Stubs& stubs_;
    const EmitOptions& options_;
    std::size_t next_head_ = 0;
    Homes homes_;
    std::vector<Label> labels_;
    std::map<Trap, Label> traps_;
    Label leave_with_eax_;
    /// Called with a loop head's place in esi: goes on elsewhere, or returns.
    Label ask_in_round_;
    std::deque<Table> tables_;
    std::deque<std::function<void()>> late_;
    ChunkPayments chunk_payments_{*this};
    std::vector<StopSite> sites_;
    int frame_bytes_ = 0;
    std::size_t index_ = 0;
    std::uint32_t at_ = 0;
    bool failed_ = false;
};

}  // namespace troupe::jit

#endif
