// Machine code for a function of machine IR with its registers allocated.
//
// Registers: rbx the memory's base, r13 the fuel left, r14 that and the steps, r15 the instance; no register survives a
// call. Every unit of the stack limit is 16 bytes of the native stack: a frame is as large as its function's units say,
// so that the limit is one comparison of rsp with Machine::native_limit and needs no counting. Arguments are
// in registers (operands.hpp); callers that have them in a frame come by emit_entry's code (rax the FunctionObject, rbp
// the frame), which all functions of a type share.
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

/// Calls by registers are `call [base + distance of 32 bits]`, with r15 or rax as the base: adapters find the
/// FunctionObject by what stands in front of their return address. The value is the instruction's second byte.
enum class CallBase : std::uint8_t {
    /// r15, for what the module defines.
    instance = 0x97,
    /// rax, the FunctionObject.
    function = 0x90
};

/// Addresses that code holds, each in eight bytes.
enum class Outside : std::uint8_t { trap_exit, call_slow, call_rare, any_adapter };
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
    /// This function's number, for calls of itself; 0xFFFFFFFF if not known.
    std::uint32_t self = 0xFFFFFFFF;
    /// An adapter for calls of rax's function wherever it runs, arguments in registers.
    std::function<const void*(const CallShape&)> any_adapter;
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

/// Code with arguments in registers that calls rax's function with them in the frame; `any` if it may be of another
/// instance.
[[nodiscard]] std::vector<std::uint8_t> emit_adapter(const CallShape& shape, bool any, const Stubs& stubs);

}  // namespace troupe::jit::opt
