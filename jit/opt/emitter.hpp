// Machine code for a function of machine IR with its registers allocated.
//
// Registers: rbx the memory's base, r13 the fuel left, r14 that and the steps, r15 the instance; of the others some
// survive calls (operands.hpp: preserved_registers), which a function that uses them saves. Every unit of the stack
// limit is 16 bytes of the native stack: a frame is as large as its function's units say, so that the limit is one
// comparison of rsp with Machine::native_limit and needs no counting. Arguments are in registers (operands.hpp);
// callers that have them in a frame come by emit_entry's code (rax the FunctionObject, rbp the frame), which all
// functions of a type share.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "jit/baseline/emitter.hpp"
#include "jit/opt/allocation.hpp"

namespace troupe::jit::opt {

/// Types of a function's parameters and results.
struct CallShape {
    std::vector<dmir::Type> parameters;
    std::vector<dmir::Type> results;
    auto operator<=>(const CallShape&) const = default;
};

/// Addresses that code holds, each in eight bytes.
enum class Outside : std::uint8_t { slow_helper, rare_helper, any_adapter };
struct Relocation {
    std::uint32_t offset = 0;
    Outside what{};
    /// Of an adapter.
    CallShape shape;
};

struct Emitted {
    std::vector<std::uint8_t> bytes;
    std::vector<Relocation> relocations;
};

/// What the code refers to outside of itself.
struct Surroundings {
    Stubs stubs;
    std::uint32_t imported = 0;
    /// That the module defines.
    std::uint32_t functions = 0;
    /// This function's number, for calls of itself; 0xFFFFFFFF if not known.
    std::uint32_t self = 0xFFFFFFFF;
    /// An adapter for calls of rax's function wherever it runs, arguments in registers.
    std::function<const void*(const CallShape&)> any_adapter;
    /// Code of emit_helper.
    const void* slow_helper = nullptr;
    const void* rare_helper = nullptr;
};

/// Nothing if the frame doesn't fit the function's stack units.
[[nodiscard]] Emitted emit(const Function& function, const Allocation& allocation, const CallShape& shape,
                           const Surroundings& around);

/// Where that is now.
[[nodiscard]] std::uint64_t address_of(const Relocation& relocation, const Surroundings& around);
/// Puts this process's addresses into code that another one made.
void relocate(Emitted& code, const Surroundings& around);

/// Code that calls rax's function, of this tier, with arguments from the frame: as baseline code has it. The machine's
/// frame, limit and units are the caller's again afterwards.
[[nodiscard]] std::vector<std::uint8_t> emit_entry(const CallShape& shape);
/// The same for one function, whose code begins `behind_bytes` before this code, with arguments from `slots` of the
/// frame. Results are left as the function's that the frame is of.
[[nodiscard]] std::vector<std::uint8_t> emit_entry_in_loop(const CallShape& shape, std::span<const std::uint16_t> slots,
                                                           std::size_t behind_bytes);

/// Code with arguments in registers that calls rax's function, of the same instance, with them in the frame. It begins
/// with what finds that function by the call that leads here, `call [r15 + distance of 32 bits]`:
/// FunctionObject::direct of functions that have no such code. `fast` of them is so many bytes behind.
[[nodiscard]] std::vector<std::uint8_t> emit_adapter(const CallShape& shape);
inline constexpr std::size_t adapter_fast_offset = 16;
/// Of rax's function wherever it runs.
[[nodiscard]] std::vector<std::uint8_t> emit_any_adapter(const CallShape& shape, const Stubs& stubs);

/// Code that runs the instruction in rcx by C++, `slow` with the counters at hand, with operands in the first three
/// registers for arguments; they are slots 1 to 3 of the machine's frame, and the result, in rax, slot 0.
[[nodiscard]] std::vector<std::uint8_t> emit_helper(bool slow, const Stubs& stubs);

/// Calls what table 0 has at the index in rax, if it is of the CallType by which the call leads here, again as
/// `call [r15 + distance of 32 bits]`; through the shape's any adapter where it is of another instance.
[[nodiscard]] std::vector<std::uint8_t> emit_indirect_stub(const void* any_adapter);
/// Whether functions of a type are called by it.
[[nodiscard]] inline bool has_indirect_stub(std::size_t parameters) { return parameters <= 16; }

}  // namespace troupe::jit::opt
