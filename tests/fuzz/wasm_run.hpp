// One module on one engine: all that can be seen of its run, in a form that any two engines must agree on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vm/engine/store.hpp"

namespace troupe::fuzz {

struct Engine {
    std::string name;
    std::shared_ptr<vm::Compiler> compiler;
    vm::Passes passes = vm::Passes::none;
    /// Calls stop at the plan's step and go on in the interpreter.
    bool stops = false;
};

struct CallPlan {
    std::uint32_t function = 0;
    std::vector<vm::Value> arguments;
    std::int64_t fuel = 0;
    std::uint64_t stop = 0;
};
struct RunPlan {
    std::uint32_t stack_units = 0;
    std::uint32_t fuel_per_dirty_chunk = 0;
    std::vector<CallPlan> calls;
};
/// Some calls of exported functions "f1", ... with arguments and fuel from `seed`.
[[nodiscard]] RunPlan plan_calls(const wasm::Module& module, std::uint64_t seed);

struct CallSeen {
    vm::Trap trap = vm::Trap::none;
    /// References as numbers: a function its index plus one, a host object as it is.
    std::vector<vm::Value> results;
    std::int64_t fuel_left = 0;
    std::uint64_t steps = 0;
    bool operator==(const CallSeen&) const = default;
};
struct Seen {
    vm::Trap start = vm::Trap::none;
    std::vector<CallSeen> calls;
    std::uint64_t memory_bytes = 0;
    std::uint64_t memory_hash = 0;
    std::uint64_t globals_hash = 0;
    std::uint64_t tables_hash = 0;
    std::uint64_t host_hash = 0;
    bool operator==(const Seen&) const = default;
};

[[nodiscard]] Seen run_module(const std::shared_ptr<const wasm::Module>& module, const Engine& engine,
                              const RunPlan& plan);

/// What the host function gives for its argument.
[[nodiscard]] constexpr std::uint64_t host_result(std::uint64_t argument) noexcept {
    return argument * 0x9E3779B97F4A7C15 + 7;
}
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t word) noexcept {
    return (hash ^ word) * 0x100000001B3;
}

/// Where they differ first, for people; empty if nowhere.
[[nodiscard]] std::string difference(const Seen& a, const Seen& b);

}  // namespace troupe::fuzz
