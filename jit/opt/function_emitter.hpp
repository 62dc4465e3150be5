// The emitter's inside, shared by its files.
#pragma once

#include <deque>
#include <map>

#include "jit/baseline/assembler.hpp"
#include "jit/baseline/chunk_payments.hpp"
#include "jit/baseline/code_arena.hpp"
#include "jit/opt/emitter.hpp"
#include "jit/opt/operands.hpp"

namespace troupe::jit::opt {

using Xbyak::Label;
using Xbyak::Reg;
using Xbyak::Reg32;
using Xbyak::Reg64;
using Xbyak::Xmm;

/// Where each parameter is passed. Stack arguments are counted from the lowest.
struct PassedArguments {
    std::vector<Location> locations;
    std::uint32_t on_stack = 0;
};
[[nodiscard]] PassedArguments pass(std::span<const dmir::Type> types);

/// What one emission learns for the next.
struct Layout {
    /// Of each jump: it reaches its target in 8 bits.
    std::vector<bool> is_short;
    /// Of each innermost loop, by its head; 0 for other blocks.
    std::vector<std::size_t> loop_bytes;
};

class FunctionEmitter : public Assembler {
public:
    FunctionEmitter(const Function& f, const Allocation& a, const CallShape& shape, const Surroundings& around,
                    Layout learned = {})
        : f_(f), a_(a), shape_(shape), around_(around), learned_(std::move(learned)), labels_(f.blocks.size()) {}

    [[nodiscard]] Emitted run();
    /// After run.
    [[nodiscard]] Layout layout();

private:
    // Places.

    [[nodiscard]] static Reg64 gpr(std::uint32_t number) { return Reg64(static_cast<int>(number)); }
    [[nodiscard]] static Reg sized(const Reg64& r, bool wide) { return wide ? Reg(r) : Reg(r.cvt32()); }
    [[nodiscard]] Location source(Register r) const { return a_.at(r, position_); }
    [[nodiscard]] Reg64 in(Register r) const { return gpr(source(r).index); }
    [[nodiscard]] Reg in(Register r, bool wide) const { return sized(in(r), wide); }
    [[nodiscard]] Xmm in_float(Register r) const { return Xmm(static_cast<int>(source(r).index)); }
    /// An operand that the instruction reads from its slot, takes_slot.
    [[nodiscard]] bool in_slot(Register r) const { return source(r).is_slot(); }
    [[nodiscard]] Xbyak::Address slot(Register r) const { return ptr[address(source(r))]; }
    [[nodiscard]] Reg64 out(const Instruction& i) const { return gpr(a_.at(i.result, position_ + 1).index); }
    [[nodiscard]] Xmm out_float(const Instruction& i) const {
        return Xmm(static_cast<int>(a_.at(i.result, position_ + 1).index));
    }
    [[nodiscard]] Reg64 temporary(const Instruction& i) const { return in(i.temporary); }
    [[nodiscard]] bool is_wide(Register r) const { return opt::is_wide(f_.registers[r].type); }
    [[nodiscard]] bool is_float(Register r) const { return f_.registers[r].bank == Bank::floating; }
    [[nodiscard]] Xbyak::RegExp address(const Location& at) const;
    /// A constant beside the code.
    [[nodiscard]] Xbyak::Address pooled(std::uint64_t low, std::uint64_t high = 0);

    // Moves (moves.cpp).

    void move(const Move& m);
    void move_all(std::vector<Move> moves);
    void move_cycle(const Move& first);
    void constant_to(const Reg64& to, std::uint64_t bits);

    // Frame, blocks and their ends (control.cpp).

    [[nodiscard]] bool lay_out_frame();
    void entry();
    void epilogue();
    [[nodiscard]] bool innermost(dmir::BlockIndex head) const;
    [[nodiscard]] bool calls_in_loop(dmir::BlockIndex head) const;
    void align_loop();
    void block();
    void body();
    /// The moves before an instruction that are not yet made.
    [[nodiscard]] std::vector<Move> take_inserted(std::uint32_t index);
    void inserted_moves(std::uint32_t index);
    /// A result that appears after its instruction goes to its place together with the moves before the next one: a
    /// value that they take away may still be there.
    void take_late(const Instruction& i, const Location& from, bool wide);
    void terminator(const Instruction& i);
    void branch(const Instruction& i);
    void branch_table(const Instruction& i);
    void return_values(const Instruction& i);
    /// What rbx holds: the machine's frame, while several results are moved, or as ever the memory's base.
    void base_is_frame();
    void base_is_memory();
    void go(const std::vector<Move>& moves, dmir::BlockIndex to);
    [[nodiscard]] bool copied(dmir::BlockIndex to) const;
    [[nodiscard]] bool begins_or_ends_short_round(dmir::BlockIndex b) const;
    void copy(dmir::BlockIndex b);
    /// The label of the block itself, or of moves on the way there.
    [[nodiscard]] Label& way(std::size_t edge);
    void jump_if(const Instruction& i, bool holds, Label& to);
    /// To be asked once for each jump, where it stands. The label stays as long as this.
    [[nodiscard]] LabelType reach(Label& to);
    void late_code();

    // What jumps lead to that stands aside (islands.cpp).

    [[nodiscard]] Label& trap(dmir::Trap kind);
    /// Moves on an edge, and a jump to its target.
    struct Way {
        Label* label;
        const std::vector<Move>* moves;
        dmir::BlockIndex target;
        std::uint32_t at;
    };
    void emit_way(const Way& way);
    /// Whether moves at a block's end may be ones that stand elsewhere, at the price of a jump: not in a loop's next
    /// round.
    [[nodiscard]] bool is_shared(const std::vector<Move>& moves, dmir::BlockIndex to) const;
    /// One of the last ways that led there, with the same moves: one that stands, or also one that will.
    [[nodiscard]] Label* placed_way(const std::vector<Move>& moves, dmir::BlockIndex to);
    [[nodiscard]] Label* same_way(const std::vector<Move>& moves, dmir::BlockIndex to);
    /// Moves stand here that other edges may take, too.
    void offer_way(const std::vector<Move>& moves, dmir::BlockIndex to);
    /// What jumps shortly before wait for is put here, where nothing comes by itself: within reach of short jumps.
    void islands();
    void last_islands();
    template <class F>
    void later(F&& emit) {
        late_.emplace_back(std::forward<F>(emit));
    }

    // Calls (calls.cpp).

    /// The address of what is not part of this code.
    void outside(const Reg64& to, Outside what, CallShape shape = {});

    void direct_call(const Instruction& i);
    void call_indirect(const Instruction& i);
    /// Without the type's stub, with the index in rax.
    void call_through_table(const Instruction& i);
    void helper(const Instruction& i);
    void pass_arguments(const Instruction& i, const Move* further);
    void take_results(const Instruction& i);

    // Operations.

    void instruction(const Instruction& i);
    void compare(const Instruction& i);
    void compare_memory(const Instruction& i, std::uint32_t value);
    /// In the linear memory; without a base register at the displacement itself.
    [[nodiscard]] Xbyak::RegExp linear(Register base, std::uint32_t displacement) const;
    [[nodiscard]] Xbyak::RegExp memory_operand(const Instruction& i, std::size_t operand) const;
    [[nodiscard]] bool flags_tell(const Instruction& i) const;
    void keep_flags(const Instruction& i, bool full);
    void set(const Instruction& i);
    void select(const Instruction& i);
    template <class F>
    void tied(const Instruction& i, F&& apply);
    void addition(const Instruction& i);
    void subtract(const Instruction& i);
    void shift(const Instruction& i);
    void rotate(const Instruction& i);
    void divide(const Instruction& i);
    void load(const Instruction& i);
    void store(const Instruction& i);
    void written(const Instruction& i);
    void written_at(const Instruction& i, std::uint64_t address);
    void cell(const Instruction& i);

    [[nodiscard]] bool float_instruction(const Instruction& i);
    void float_arithmetic(const Instruction& i);
    void float_extreme(const Instruction& i);
    void float_unary(const Instruction& i);
    void float_sign(const Instruction& i);
    void canonicalize(const Instruction& i);
    void float_to_integer(const Instruction& i);
    void integer_to_float(const Instruction& i);
    void reinterpret(const Instruction& i);
    void load_nan(const Xmm& to, bool wide);
    void check_stored(const Instruction& i, const Xbyak::RegExp& at);

    struct Table {
        Label label;
        std::vector<Label*> targets;
        std::size_t offset = 0;
    };

    const Function& f_;
    const Allocation& a_;
    const CallShape& shape_;
    const Surroundings& around_;
    struct Jump {
        std::size_t from;
        const Label* to;
    };
    std::vector<Jump> jumps_;
    Layout learned_;
    std::size_t blocks_end_ = 0;
    std::vector<Label> labels_;
    Label fast_;
    /// Machine instructions that were emitted so far: a measure of distance that stays when jumps become short.
    std::uint32_t emitted_ = 0;
    struct Island {
        Label* label;
        /// Of the first jump, or of the island once it is there.
        std::uint32_t at;
    };
    std::map<dmir::Trap, Island> waiting_traps_;
    std::map<dmir::Trap, Island> placed_traps_;
    /// Too far from the next place for an island.
    std::vector<std::pair<dmir::Trap, Label*>> late_traps_;
    std::vector<Way> waiting_ways_;
    /// The first one, where it stands.
    Label* epilogue_ = nullptr;
    /// By target.
    std::map<dmir::BlockIndex, std::vector<Way>> placed_ways_;
    std::deque<std::function<void()>> late_;
    ChunkPayments chunk_payments_{*this};
    /// By the block that they end.
    std::map<dmir::BlockIndex, Table> tables_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, Label> pool_;
    /// Of helpers' instructions.
    std::deque<std::pair<Label, vm::Instruction>> records_;
    std::deque<Label> ways_;
    std::vector<Relocation> relocations_;
    /// The one being emitted, of which this may be a copy, and the one whose place is next.
    dmir::BlockIndex block_ = 0;
    dmir::BlockIndex following_ = 0;
    /// How many more instructions may be emitted in copies.
    std::size_t copies_left_ = 0;
    std::uint32_t position_ = 0;
    std::size_t next_inserted_ = 0;
    /// Of the moves being made: how many still read a place, and the one that will write it. Empty between.
    struct Place {
        std::uint32_t readers = 0;
        const Move* writer = nullptr;
    };
    std::vector<Place> places_;
    /// The register whose sign and being zero the flags tell at this point.
    Register flags_of_ = no_register;
    bool flags_wide_ = false;
    /// As after a comparison with zero, rather than only whether it is zero.
    bool flags_full_ = false;
    /// Without the return address, with the registers that are saved.
    std::uint32_t frame_bytes_ = 0;
    std::vector<int> saved_;
    std::uint32_t outgoing_bytes_ = 0;
};

}  // namespace troupe::jit::opt
