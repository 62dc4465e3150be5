// One function body: validation (core specification 2.0, appendix "Validation Algorithm"), and what the later reading,
// which builds SSA, needs to know of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vm/wasm/module.hpp"
#include "vm/wasm/reader.hpp"

namespace troupe::wasm {

/// What a block, loop or if contains.
struct FrameFacts {
    /// A slice of BodyFrames::assigned.
    std::uint32_t first_assigned = 0;
    std::uint32_t assigned_count = 0;
    bool has_else = false;
};

/// Of a body's frames: what building it as SSA needs to know beforehand.
struct BodyFrames {
    /// In the order in which they open; the function's own is first.
    std::vector<FrameFacts> frames;
    /// Locals assigned inside each frame, sorted: those that may differ at its join, or at a loop's head.
    std::vector<std::uint32_t> assigned;

    [[nodiscard]] std::span<const std::uint32_t> assigned_in(const FrameFacts& frame) const {
        return {assigned.data() + frame.first_assigned, frame.assigned_count};
    }
};
/// Of a body that is valid.
[[nodiscard]] BodyFrames find_frames(const Module& module, std::uint32_t function);

/// What validation finds.
struct BodyFacts {
    std::uint32_t stack_units = 0;
    /// See Limits::joins.
    std::uint64_t joins = 0;
    bool uses_simd = false;
};

template <bool Build>
class BodyReader;

[[nodiscard]] ValueType read_value_type(Reader& reader, const Limits& limits);

/// Validates bodies of one module, whose other sections but the data must have been read.
class BodyValidator {
public:
    BodyValidator(const Module& module, const Limits& limits);
    ~BodyValidator();
    BodyValidator(const BodyValidator&) = delete;
    BodyValidator& operator=(const BodyValidator&) = delete;

    [[nodiscard]] Result<BodyFacts> run(std::uint32_t function);

private:
    const Module& module_;
    std::unique_ptr<BodyReader<false>> reader_;
};

/// Of the first `count` functions: sets their stack units, and whether the module uses SIMD. The first one's error, if
/// there is any, or too_large if all of their joins together are too many. Large modules are shared out to threads.
[[nodiscard]] std::optional<Error> validate_bodies(Module& module, std::uint32_t count, const Limits& limits);

/// Fuel of the operations that dMIR has no operation for, and of entering a function, whose first block pays it: most
/// of a call's price, so that blocks with calls cost as much fuel as they have steps.
namespace fuel {
inline constexpr std::uint32_t entry = 7;
inline constexpr std::uint32_t local = 1;
inline constexpr std::uint32_t branch = 1;
inline constexpr std::uint32_t branch_if = 1;
inline constexpr std::uint32_t branch_table = 4;
inline constexpr std::uint32_t return_values = 1;
}  // namespace fuel

/// A call's share of the stack limit beside its locals and operands.
inline constexpr std::uint32_t call_stack_units = 8;

}  // namespace troupe::wasm
