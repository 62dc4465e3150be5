// Code that pays for chunks of memory when stores first reach them: see vm::MachineLimits::fuel_per_dirty_chunk.
//
// After a store, a function's code looks whether the chunk's byte in the table before the memory (vm::Memory::dirty) is
// set. A store whose address is a multiple of its size lies in one chunk; any other, and one that finds its chunk
// clean, calls one of the function's few subroutines, which are here. They keep all registers but the one that they are
// given, and trap where the fuel is not there.
#pragma once

#ifdef __x86_64__

#include <map>
#include <utility>

#include "jit/baseline/assembler.hpp"

namespace troupe::jit {

inline constexpr int chunk_bits = 12;
static_assert(vm::chunk_bytes == 1U << chunk_bits);

/// The byte in the table of the chunk with the number in `chunk`, or `chunk`. The memory's base ends in zeros: bl is
/// what a clean chunk's byte compares equal to in the shortest way, which processors fuse with the jump.
[[nodiscard]] inline Xbyak::Address chunk_entry(const Xbyak::Reg64& chunk) {
    return Xbyak::util::byte[Xbyak::util::rbx + chunk - static_cast<int>(vm::chunk_table_bytes)];
}
[[nodiscard]] inline Xbyak::Address chunk_entry(std::uint32_t chunk) {
    return Xbyak::util::byte[Xbyak::util::rbx + static_cast<int>(chunk) - static_cast<int>(vm::chunk_table_bytes)];
}

/// The subroutines of one function.
class ChunkPayments {
public:
    explicit ChunkPayments(Assembler& code) : code_(code) {}

    /// Of the chunk in `chunk`, which is clean.
    [[nodiscard]] Xbyak::Label& clean(const Xbyak::Reg64& chunk) { return subroutines_[{chunk.getIdx(), 0}]; }
    /// Of the chunks, clean or not, of the `size` bytes at the 32-bit address in `at`.
    [[nodiscard]] Xbyak::Label& across(const Xbyak::Reg64& at, std::uint32_t size) {
        return subroutines_[{at.getIdx(), size}];
    }

    /// All that were asked for. `jump_if_out_of_fuel` is to emit a jump on the sign flag, taken with the fuel below
    /// zero and the return address on the stack.
    template <class Jump>
    void emit(Jump&& jump_if_out_of_fuel) {
        for (auto& [key, label] : subroutines_) {
            code_.L(label);
            const Xbyak::Reg64 at(key.first);
            key.second == 0 ? pay(at) : pay_across(at, key.second);
            jump_if_out_of_fuel();
            code_.ret();
        }
    }

private:
    /// Leaves the sign of the fuel left in the flags, and none if nothing was to be paid.
    void pay(const Xbyak::Reg64& chunk);
    void pay_across(const Xbyak::Reg64& at, std::uint32_t size);

    Assembler& code_;
    /// By register and size.
    std::map<std::pair<int, std::uint32_t>, Xbyak::Label> subroutines_;
};

}  // namespace troupe::jit

#endif
