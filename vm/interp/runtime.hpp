// What code runs against: memories, tables, globals, functions and the machine that counts fuel and frames. Plain
// structs whose layout compiled code knows; vm/engine makes and owns them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vm/interp/code.hpp"

namespace troupe::vm {

using dmir::Trap;

struct Machine;
struct Instance;
struct FunctionObject;

inline constexpr std::uint64_t page_bytes = 65'536;
/// 4 KiB: the unit in which written memory is counted, proved and paid for.
inline constexpr std::uint64_t chunk_bytes = 4096;
/// Of a table with a byte for each chunk that 32-bit addresses reach.
inline constexpr std::uint64_t chunk_table_bytes = (std::uint64_t{1} << 32U) / chunk_bytes;
/// Calls between compiled and interpreted functions nest on it; the stack limit keeps them well inside.
inline constexpr std::uint64_t native_stack_bytes = 64U << 20U;

/// A linear memory in a reserved range of addresses. It never moves; pages beyond its size fault.
struct Memory {
    std::uint8_t* base = nullptr;
    std::uint64_t size_bytes = 0;
    std::uint32_t pages_max = 0;
    std::uint64_t reserved_bytes = 0;
    /// A byte for each chunk: 1 if it was written to in this call, else 0. Null where that is not paid for, otherwise
    /// always chunk_table_bytes before `base`, so that compiled code needs nothing but that to find it.
    std::uint8_t* dirty = nullptr;

    Memory() = default;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory();

    /// Reserves addresses and opens the first pages, all zero. False if the system has no room.
    [[nodiscard]] bool open(std::uint32_t pages, std::uint32_t max);
    /// Keeps `dirty` from now on. False if the system has no room.
    [[nodiscard]] bool track() noexcept;
    /// All chunks are clean: a call begins.
    void clean() noexcept;
    /// Lays `file`'s first `bytes` under the first pages: they show through until they are written to. False if the
    /// system has no room; the memory is of no use then.
    [[nodiscard]] bool show(int file, std::uint64_t bytes) noexcept;
    /// What was under these whole pages of the system at first shows again.
    void drop(std::uint64_t at, std::uint64_t bytes) noexcept;
    /// Without the pages beyond `pages`; those that come again are zero.
    void shrink(std::uint32_t pages) noexcept;
    /// Pages before, or -1 if that is more than allowed.
    [[nodiscard]] std::int64_t grow(std::uint32_t pages) noexcept;
};

/// References: a function is its FunctionObject's address, a host object its number plus one, null zero.
struct Table {
    std::vector<Slot> elements;
    std::uint32_t max = 0xFFFFFFFF;
};

struct Global {
    std::array<Slot, 2> value{};
};

/// A host function reads its arguments from `frame` and leaves its results there, v128 in two slots each.
using HostCall = Trap (*)(void* user, Machine& machine, Instance* caller, Slot* frame);

struct FunctionObject {
    /// Machine code, when a compiler has made it: see Machine::call_compiled.
    const void* entry = nullptr;
    /// Where compiled code of the same instance jumps to call it; at first a stub that prepares it.
    const void* native = nullptr;
    /// The same with arguments in registers, for code of the optimizing tier: for calls that name the function, found
    /// by its place behind the instance, and for those that have it in a register.
    const void* direct = nullptr;
    const void* fast = nullptr;
    /// Null until first called, and for host functions.
    const Code* code = nullptr;
    Instance* instance = nullptr;
    /// Of the store; equal for equal types, so that call_indirect compares numbers.
    std::uint32_t signature = 0;
    /// Among the functions that its module defines.
    std::uint32_t index = 0;
    HostCall host = nullptr;
    void* user = nullptr;
    std::uint32_t parameter_slots = 0;
    std::uint32_t result_slots = 0;
};

struct DataBytes {
    const std::uint8_t* data = nullptr;
    std::uint64_t size = 0;
};

/// What calls through tables from code of the optimizing tier need for a type of the module, of which the first have
/// it.
inline constexpr std::size_t call_types_max = 1000;
struct CallType {
    /// Calls the function that the table has at the index, if it is of the type.
    const void* stub = nullptr;
    /// As FunctionObject::signature.
    std::uint64_t signature = 0;
};

struct Instance {
    // What compiled code reads comes first: short displacements make short instructions.
    Memory* memory = nullptr;
    Machine* machine = nullptr;
    /// `functions` and `globals` again, where compiled code finds them.
    FunctionObject* const* function_table = nullptr;
    Global* const* global_table = nullptr;
    std::vector<Table*> tables;
    /// The store's number of each of the module's types.
    std::vector<std::uint32_t> signatures;
    std::vector<FunctionObject*> functions;
    std::vector<Global*> globals;
    /// Passive segments; a dropped one is empty.
    std::vector<DataBytes> data;
    std::vector<std::vector<Slot>> elements;
    /// The engine's own.
    void* owner = nullptr;
};

struct Frame {
    /// Where the caller goes on, and the start of its code; null below the machine's outermost call.
    const Instruction* next = nullptr;
    const Instruction* start = nullptr;
    Slot* slots = nullptr;
    Instance* instance = nullptr;
    /// What the callee gives back.
    std::uint32_t stack_units = 0;
    /// Where its single result goes.
    std::uint16_t result = no_slot;
};

/// A call that stopped before a block, to be looked at and to go on: the innermost frame. Those of its callers stand in
/// Machine::frames.
struct PausedCall {
    /// The block's charge.
    const Instruction* next = nullptr;
    const Instruction* start = nullptr;
    Slot* slots = nullptr;
    Instance* instance = nullptr;
    std::int64_t units_before = 0;
};

struct MachineLimits {
    /// Sum over the calls in progress of what each takes (dmir::Function::stack_units, at least 8).
    std::uint32_t stack_units = 256 * 1024;
    /// Fuel for a page of 64 KiB that memory.grow adds.
    std::uint32_t fuel_per_page = 1024;
    /// Fuel for a chunk that a call writes to, once for each (Fluence (3.5) to (3.7)): taken after the store that is
    /// the first to reach it. Zero: writing costs nothing more, and `Memory::dirty` is not kept.
    std::uint32_t fuel_per_dirty_chunk = 0;
};

/// A thread of execution. Not shared between threads.
struct Machine {
    /// Left; negative means that it ran out.
    std::int64_t fuel = INT64_MAX;
    /// Instructions of the source executed, in whole blocks: a block counts when it is entered.
    std::uint64_t steps = 0;
    std::int64_t stack_units_left = 0;
    /// Of compiled code: the stack pointer that a trap returns to, and a stack of its own, made when first needed.
    void* native_exit = nullptr;
    std::uint8_t* native_stack = nullptr;
    /// Of the optimizing tier's code: the frame that calls of other code may use, and how far its stack may reach.
    Slot* native_frame = nullptr;
    std::uint8_t* native_limit = nullptr;
    Slot* stack = nullptr;
    std::uint64_t stack_bytes = 0;
    std::vector<Frame> frames;
    std::size_t frame_count = 0;
    PausedCall paused;
    /// Of compiled code that can stop: whether it may, and the steps it must not go beyond.
    bool can_stop = false;
    std::uint64_t steps_max = UINT64_MAX;
    MachineLimits limits;
    /// What host functions work on: their maker's.
    void* host_context = nullptr;
    /// Makes the code of a function at its first call; the trap if that can't be done.
    Trap (*prepare)(Machine& machine, FunctionObject& function) = nullptr;
    /// Runs compiled code; null if there is no compiler.
    Trap (*call_compiled)(Machine& machine, FunctionObject& function, Slot* frame) = nullptr;
    /// Where functions are compiled when they are warm: looks at what is interpreted, in which the block at `at` comes
    /// next, and sets `steps_to_sample`. True if machine code has carried that call to its end, which is `trap`.
    bool (*sample)(Machine& machine, Instance& instance, const Instruction* start, const Instruction* at, Slot* frame,
                   Trap& trap) = nullptr;
    /// Until the next look.
    std::uint64_t steps_to_sample = 0;

    explicit Machine(const MachineLimits& limits_of = {});
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine();
    /// Gives back the pages of its stacks that only a deep call has used. Nothing may be running.
    void trim() noexcept;

    [[nodiscard]] bool is_paused() const noexcept { return paused.next != nullptr; }
    /// Ends a paused call where it is.
    void abandon() noexcept;
    /// Charges beyond a block's own. False when it runs out.
    [[nodiscard]] bool charge(std::uint64_t amount) noexcept {
        // Fuel may be below zero already.
        fuel -= static_cast<std::int64_t>(std::min(amount, std::uint64_t{1} << 62U));
        return fuel >= 0;
    }
};

/// How a call from outside has ended: unless it is paused, it has run out of fuel if less than none is left.
[[nodiscard]] inline Trap settled(const Machine& machine, Trap trap) noexcept {
    const bool is_short = machine.fuel < 0 && !machine.is_paused() && trap != Trap::host_error;
    return is_short ? Trap::out_of_fuel : trap;
}

/// For `size_bytes` at `at`, inside the memory, that were or will be written: charges for chunks that were clean. False
/// when the fuel runs out.
[[nodiscard]] bool charge_written(Machine& machine, Memory& memory, std::uint64_t at,
                                  std::uint64_t size_bytes) noexcept;

/// Calls any function from inside or outside. Arguments stand in frame[0...]; results are left there.
[[nodiscard]] Trap call(Machine& machine, FunctionObject& function, Instance* caller, Slot* frame);

/// Interprets `function`, whose code is there.
[[nodiscard]] Trap interpret(Machine& machine, FunctionObject& function, Slot* frame);

/// The same, from outside any other call, as far as the block that would bring the machine's steps above `steps_max`,
/// or whose check finds its fuel below zero: then the machine is paused and the result is none. Functions that are
/// compiled are interpreted, too. A host function that calls back runs to its end.
[[nodiscard]] Trap interpret_until(Machine& machine, FunctionObject& function, Slot* frame, std::uint64_t steps_max);
/// Goes on with a paused call, perhaps with more fuel, in the same way.
[[nodiscard]] Trap resume(Machine& machine, std::uint64_t steps_max);

/// Operations on tables, bulk memory, references and growth: those too rare or too large to be worth inline code.
[[nodiscard]] Trap run_slow(Machine& machine, Instance& instance, const Instruction& instruction, Slot* frame);
/// All v128 operations but constants, moves and selects.
[[nodiscard]] Trap run_simd(Instance& instance, const Instruction* instruction, Slot* frame);

/// call_indirect's callee: element `index` of the table and of the type that the instruction names.
[[nodiscard]] Trap resolve_indirect(const Instance& instance, const Instruction& instruction, std::uint32_t index,
                                    FunctionObject*& out) noexcept;

}  // namespace troupe::vm
