#include "tests/fuzz/wasm_run.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "runtime/base/result.hpp"
#include "tests/fuzz/wasm_generator.hpp"

namespace troupe::fuzz {
namespace {

using vm::Slot;
using wasm::ValueType;

struct HostLog {
    std::uint64_t hash = 0;
};

vm::Trap host(void* user, vm::Machine&, vm::Instance*, Slot* frame) {
    auto& log = *static_cast<HostLog*>(user);
    log.hash = mix(log.hash, frame[0]);
    frame[0] = host_result(frame[0]);
    return vm::Trap::none;
}

/// A reference that means the same in every store.
[[nodiscard]] std::uint64_t portable(const vm::ModuleInstance& instance, ValueType type, Slot bits) {
    if (type != ValueType::funcref || bits == 0) return bits;
    const auto& functions = instance.instance.functions;
    for (std::size_t f = 0; f < functions.size(); ++f)
        if (reinterpret_cast<Slot>(functions[f]) == bits) return f + 1;
    return ~std::uint64_t{0};
}

[[nodiscard]] std::uint64_t hash_of(const std::uint8_t* data, std::uint64_t size) {
    std::uint64_t out = 0xCBF29CE484222325;
    for (std::uint64_t at = 0; at + 8 <= size; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, data + at, 8);
        out = mix(out, word);
    }
    return out;
}

void look(const vm::ModuleInstance& instance, Seen& seen) {
    const auto* memory = instance.instance.memory;
    seen.memory_bytes = memory->size_bytes;
    seen.memory_hash = hash_of(memory->base, memory->size_bytes);
    for (const auto& global : instance.globals) {
        const auto type = global.global_type.value;
        seen.globals_hash = mix(seen.globals_hash, portable(instance, type, global.global->value[0]));
        if (type == ValueType::v128) seen.globals_hash = mix(seen.globals_hash, global.global->value[1]);
    }
    for (const auto& table : instance.tables)
        for (auto element : table.table->elements)
            seen.tables_hash = mix(seen.tables_hash, portable(instance, table.table_type.element, element));
}

/// As a call that does not stop: one that is out of fuel in the end has taken the block's charge and trapped.
[[nodiscard]] vm::CallResult stopping_call(vm::Store& store, const vm::Extern& function, const CallPlan& call) {
    auto& machine = store.machine();
    auto result = store.call_until(function, call.arguments, call.stop);
    if (!machine.is_paused()) return result;
    result = store.resume(function, UINT64_MAX);
    if (!machine.is_paused()) return result;
    machine.fuel -= machine.paused.next->low();
    machine.abandon();
    return {vm::Trap::out_of_fuel, {}};
}

}  // namespace

RunPlan plan_calls(const wasm::Module& module, std::uint64_t seed) {
    std::array<std::uint8_t, 8> bytes{};
    std::memcpy(bytes.data(), &seed, 8);
    Choices c(bytes);
    RunPlan out;
    out.stack_units = c.one_in(3) ? 100 + c.below(2000) : 64 * 1024;
    if (c.one_in(2)) out.fuel_per_dirty_chunk = 1 + c.below(300);
    const auto defined = static_cast<std::uint32_t>(module.functions.size());
    for (auto n = 4 + c.below(8); n > 0; --n) {
        CallPlan call;
        call.function = 1 + c.below(defined);
        for (auto type : module.type_of_function(call.function).parameters) {
            auto low = c.one_in(2) ? c.below(70) : c.word();
            if (type == ValueType::i32) low &= 0xFFFFFFFF;
            // No NaN: JavaScript's numbers may lose its payload.
            if (type == ValueType::f32) low &= 0xBFFFFFFF;
            if (type == ValueType::f64) low &= ~(std::uint64_t{1} << 62);
            if (type == ValueType::funcref) low = 0;
            if (type == ValueType::externref) low &= 0xFF;
            call.arguments.push_back({type, low, type == ValueType::v128 ? c.word() : 0});
        }
        call.fuel = c.one_in(3) ? c.below(600) : 30'000;
        call.stop = c.below(c.one_in(2) ? 100 : 10'000);
        out.calls.push_back(std::move(call));
    }
    return out;
}

Seen run_module(const std::shared_ptr<const wasm::Module>& module, const Engine& engine, const RunPlan& plan) {
    auto profile = vm::spec_profile();
    profile.machine.stack_units = plan.stack_units;
    profile.machine.fuel_per_dirty_chunk = plan.fuel_per_dirty_chunk;
    vm::Store store(profile);
    HostLog log;
    const wasm::FunctionType host_type{{ValueType::i64}, {ValueType::i64}};
    const auto host_function = store.make_host_function(host_type, host, &log);
    const auto shared = store.make_global({ValueType::i64, true}, 5);
    const auto made = store.instantiate(
        std::make_shared<vm::CompiledModule>(module, engine.compiler, engine.passes, plan.fuel_per_dirty_chunk > 0),
        [&](const wasm::Import& import) -> std::optional<vm::Extern> {
            return import.kind == wasm::ExternKind::function ? host_function : shared;
        });
    TROUPE_ASSERT(made.ok());
    Seen seen;
    seen.start = made->trap;
    auto& instance = *made->instance;
    for (const auto& call : plan.calls) {
        const auto function = instance.find_export("f" + std::to_string(call.function));
        TROUPE_ASSERT(function.has_value());
        store.machine().fuel = call.fuel;
        store.machine().steps = 0;
        auto result = engine.stops ? stopping_call(store, *function, call) : store.call(*function, call.arguments);
        for (auto& value : result.values) value.low = portable(instance, value.type, value.low);
        TROUPE_ASSERT(store.machine().stack_units_left == store.machine().limits.stack_units);
        seen.calls.push_back({result.trap, std::move(result.values), store.machine().fuel, store.machine().steps});
    }
    look(instance, seen);
    seen.host_hash = log.hash;
    return seen;
}

std::string difference(const Seen& a, const Seen& b) {
    if (a.start != b.start) return "the start differs";
    for (std::size_t n = 0; n < std::min(a.calls.size(), b.calls.size()); ++n) {
        const auto& x = a.calls[n];
        const auto& y = b.calls[n];
        const auto at = fmt::format("call {}: ", n);
        if (x.trap != y.trap) return fmt::format("{}trap {} or {}", at, message(x.trap), message(y.trap));
        if (x.fuel_left != y.fuel_left) return fmt::format("{}fuel {} or {}", at, x.fuel_left, y.fuel_left);
        if (x.steps != y.steps) return fmt::format("{}steps {} or {}", at, x.steps, y.steps);
        for (std::size_t r = 0; r < std::min(x.results.size(), y.results.size()); ++r)
            if (!(x.results[r] == y.results[r]))
                return fmt::format("{}result {}: {:#x} {:#x} or {:#x} {:#x}", at, r, x.results[r].low,
                                   x.results[r].high, y.results[r].low, y.results[r].high);
    }
    if (a.memory_bytes != b.memory_bytes)
        return fmt::format("memory of {} or {} bytes", a.memory_bytes, b.memory_bytes);
    if (a.memory_hash != b.memory_hash) return "memory differs";
    if (a.globals_hash != b.globals_hash) return "globals differ";
    if (a.tables_hash != b.tables_hash) return "tables differ";
    if (a.host_hash != b.host_hash) return "host calls differ";
    return a == b ? "" : "they differ";
}

}  // namespace troupe::fuzz
