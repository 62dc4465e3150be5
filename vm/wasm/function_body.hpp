// One function body: validation (core specification 2.0, appendix "Validation Algorithm"), and the facts that the
// second reading, which builds SSA, needs.
#pragma once

#include <cstdint>
#include <vector>

#include "vm/wasm/module.hpp"
#include "vm/wasm/reader.hpp"

namespace troupe::wasm {

/// What a block, loop or if contains.
struct FrameFacts {
    /// Locals assigned inside, sorted: those that may differ at its join, or at a loop's head.
    std::vector<std::uint32_t> assigned;
    bool has_else = false;
};

struct BodyFacts {
    /// In the order in which the frames open; the function's own is first. Only kept if asked for.
    std::vector<FrameFacts> frames;
    std::uint32_t stack_units = 0;
    bool uses_simd = false;
};

/// Buffers that validations of many bodies share.
struct BodyScratch {
    /// Of each local: the frame that it was last listed for.
    std::vector<std::uint32_t> marks;
    std::uint32_t next_mark = 1;
    /// Locals assigned in the open frames, each frame's after those of the frames around it.
    std::vector<std::uint32_t> assigned;
};

[[nodiscard]] ValueType read_value_type(Reader& reader, const Limits& limits);

[[nodiscard]] Result<BodyFacts> validate_body(const Module& module, std::uint32_t function, const Limits& limits,
                                              BodyScratch& scratch, bool keep_frames = false);

/// Fuel of the operations that dMIR has no operation for.
namespace fuel {
inline constexpr std::uint32_t local = 1;
inline constexpr std::uint32_t branch = 1;
inline constexpr std::uint32_t branch_if = 2;
inline constexpr std::uint32_t branch_table = 4;
inline constexpr std::uint32_t return_values = 2;
}  // namespace fuel

/// A call's share of the stack limit beside its locals and operands.
inline constexpr std::uint32_t call_stack_units = 8;

}  // namespace troupe::wasm
