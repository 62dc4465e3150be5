// vm run, vm inspect, vm spectest: WebAssembly without a cluster.
#include "deploy/cli/wasm_commands.hpp"

#include <charconv>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/code_cache.hpp"
#include "jit/opt/opt.hpp"
#include "vm/dmir/text.hpp"
#include "vm/spectest/spectest.hpp"

namespace troupe::cli {
namespace {

using vm::Store;
using wasm::ValueType;

struct RunOptions {
    std::string file;
    std::string invoke;
    std::vector<std::string> arguments;
    std::string tier = "interp";
    std::string profile = "deterministic";
    std::string growth = "limit";
    std::int64_t fuel = INT64_MAX;
    std::uint32_t chunk_fuel = 0;
    std::optional<std::uint64_t> stop_at;
    std::string cache;
    bool is_uncached = false;
};

[[nodiscard]] Result<std::shared_ptr<const wasm::Module>> load(const std::string& file, const wasm::Limits& limits) {
    std::ifstream stream{file, std::ios::binary};
    if (!stream) return make_error(ErrorCode::not_found, file + ": can't be read");
    auto module = wasm::load(Bytes{std::istreambuf_iterator<char>{stream}, {}}, limits);
    if (!module) return make_error(module.error().code, file + ": " + module.error().message);
    return module;
}

[[nodiscard]] std::optional<vm::Value> parse_value(ValueType type, const std::string& text) {
    vm::Value out{type, 0, 0};
    const auto* begin = text.data();
    const auto* end = begin + text.size();
    if (type == ValueType::f32 || type == ValueType::f64) {
        double number = 0;
        if (std::from_chars(begin, end, number).ptr != end) return std::nullopt;
        out.low = type == ValueType::f64 ? std::bit_cast<std::uint64_t>(number)
                                         : std::bit_cast<std::uint32_t>(static_cast<float>(number));
        return out;
    }
    if (type != ValueType::i32 && type != ValueType::i64) return std::nullopt;
    std::int64_t number = 0;
    if (text.starts_with("0x")) {
        if (std::from_chars(begin + 2, end, out.low, 16).ptr != end) return std::nullopt;
    } else if (std::from_chars(begin, end, number).ptr == end) {
        out.low = static_cast<std::uint64_t>(number);
    } else if (std::from_chars(begin, end, out.low).ptr != end) {
        return std::nullopt;
    }
    if (type == ValueType::i32) out.low &= 0xFFFFFFFF;
    return out;
}

[[nodiscard]] std::string show_value(const vm::Value& value) {
    switch (value.type) {
        case ValueType::i32: return fmt::format("i32:{}", static_cast<std::int32_t>(value.low));
        case ValueType::i64: return fmt::format("i64:{}", static_cast<std::int64_t>(value.low));
        case ValueType::f32: return fmt::format("f32:{}", std::bit_cast<float>(static_cast<std::uint32_t>(value.low)));
        case ValueType::f64: return fmt::format("f64:{}", std::bit_cast<double>(value.low));
        case ValueType::v128: return fmt::format("v128:{:#018x}{:016x}", value.high, value.low);
        default: return fmt::format("{}:{}", to_string(value.type), value.low == 0 ? "null" : "set");
    }
}

/// Null for the interpreter, and where the processor has no compiler.
[[nodiscard]] std::shared_ptr<vm::Compiler> compiler_of(Context& context, const std::string& tier,
                                                        jit::Stops stops = jit::Stops::no,
                                                        std::shared_ptr<jit::CodeCache> cache = nullptr) {
    if (tier == "interp") return nullptr;
    constexpr std::size_t arena_bytes = 64U << 20U;
    auto compiler = tier == "opt"    ? jit::make_optimizing_compiler(arena_bytes, std::move(cache))
                    : tier == "auto" ? jit::make_adaptive_compiler(arena_bytes, std::move(cache))
                                     : jit::make_baseline_compiler(arena_bytes, stops);
    if (compiler == nullptr) context.progress("no " + tier + " compiler for this processor: interpreting");
    return compiler;
}

[[nodiscard]] std::shared_ptr<jit::CodeCache> cache_of(const RunOptions& options) {
    if (options.is_uncached || (options.tier != "opt" && options.tier != "auto")) return nullptr;
    if (!options.cache.empty()) return std::make_shared<jit::CodeCache>(options.cache);
    const auto folder = jit::default_code_cache_folder();
    return folder ? std::make_shared<jit::CodeCache>(*folder) : nullptr;
}

/// The calls in progress, outermost first: each one's function, the block that comes next in it, and its first slots.
void show_paused(const vm::ModuleInstance& instance, const vm::Machine& machine) {
    constexpr std::size_t slots_max = 8;
    std::cout << fmt::format("stopped after {} instructions, {} calls deep\n", machine.steps, machine.frame_count);
    const auto line = [&](const vm::Instruction* start, const vm::Instruction* next, const vm::Slot* slots) {
        for (std::size_t f = 0; f < instance.functions.size(); ++f) {
            const auto* code = instance.functions[f].code;
            if (code == nullptr || code->instructions.data() != start) continue;
            std::cout << fmt::format("function {} at {}:", instance.module->module().imported_functions + f,
                                     next - start);
            for (std::size_t s = 0; s < std::min(slots_max, code->slots.size()); ++s)
                std::cout << fmt::format(" {:#x}", slots[s]);
            std::cout << (code->slots.size() > slots_max ? " ...\n" : "\n");
        }
    };
    for (std::size_t k = 1; k < machine.frame_count; ++k)
        line(machine.frames[k].start, machine.frames[k].next, machine.frames[k].slots);
    line(machine.paused.start, machine.paused.next, machine.paused.slots);
}

[[nodiscard]] vm::CallResult call_and_stop(Store& store, const vm::ModuleInstance& instance, const vm::Extern& function,
                                           const std::vector<vm::Value>& arguments, std::uint64_t stop_at) {
    auto& machine = store.machine();
    auto result = store.call_until(function, arguments, machine.steps + stop_at);
    if (!machine.is_paused()) return result;
    show_paused(instance, machine);
    result = store.resume(function, UINT64_MAX);
    if (!machine.is_paused()) return result;
    machine.abandon();
    return {vm::Trap::out_of_fuel, {}};
}

void run(Context& context, const RunOptions& options) {
    auto profile = options.profile == "spec" ? vm::spec_profile() : vm::deterministic_profile();
    profile.growth = options.growth == "deny"       ? vm::Growth::deny
                     : options.growth == "declared" ? vm::Growth::declared
                                                    : vm::Growth::limit;
    profile.machine.fuel_per_dirty_chunk = options.chunk_fuel;
    auto module = load(options.file, profile.limits);
    if (!module) return context.fail(module.error());
    const auto compiler =
        compiler_of(context, options.tier, options.stop_at ? jit::Stops::yes : jit::Stops::no, cache_of(options));
    Store store(profile);
    store.machine().fuel = options.fuel;
    const auto made = store.instantiate(
        std::make_shared<vm::CompiledModule>(*module, compiler, vm::Passes::none, options.chunk_fuel > 0),
        [](const wasm::Import&) -> std::optional<vm::Extern> { return std::nullopt; });
    if (!made) return context.fail(made.error());
    vm::CallResult result{.trap = made->trap, .values = {}};
    if (made->trap == vm::Trap::none && !options.invoke.empty()) {
        const auto function = made->instance->find_export(options.invoke);
        if (!function || function->kind != wasm::ExternKind::function)
            return context.fail(exit_not_found, "no exported function " + options.invoke);
        const auto& type = *function->function_type;
        if (type.parameters.size() != options.arguments.size())
            return context.fail(exit_usage, options.invoke + " is of type " + to_string(type));
        std::vector<vm::Value> arguments;
        for (std::size_t i = 0; i < type.parameters.size(); ++i) {
            const auto value = parse_value(type.parameters[i], options.arguments[i]);
            if (!value)
                return context.fail(exit_usage, fmt::format("argument {} is not of type {}", options.arguments[i],
                                                            to_string(type.parameters[i])));
            arguments.push_back(*value);
        }
        result = options.stop_at ? call_and_stop(store, *made->instance, *function, arguments, *options.stop_at)
                                 : store.call(*function, arguments);
    }
    const auto left = std::max<std::int64_t>(store.machine().fuel, 0);
    Json out{{"results", Json::array()},
             {"fuel", options.fuel - left},
             {"steps", store.machine().steps},
             {"trap", result.trap == vm::Trap::none ? Json(nullptr) : Json(std::string(message(result.trap)))}};
    for (const auto& value : result.values) out["results"].push_back(show_value(value));
    if (context.json) {
        std::cout << out.dump(2) << "\n";
    } else {
        for (const auto& value : result.values) std::cout << show_value(value) << "\n";
        std::cout << "fuel " << options.fuel - left << ", instructions " << store.machine().steps << "\n";
        if (result.trap != vm::Trap::none) std::cerr << "troupe: trap: " << message(result.trap) << "\n";
    }
    if (result.trap != vm::Trap::none) context.exit_code = exit_failed;
}

/// As a debugger's memory dump: offset and sixteen bytes a line.
void print_bytes(const vm::CompiledFunction& made) {
    const ByteView bytes{static_cast<const std::uint8_t*>(made.entry), made.size_bytes};
    for (std::size_t at = 0; at < bytes.size(); at += 16)
        std::cout << fmt::format("{:06x}  {}\n", at,
                                 to_hex(bytes.subspan(at, std::min<std::size_t>(16, bytes.size() - at))));
}

/// What each tier makes of all functions.
void print_sizes(Context& context, const std::shared_ptr<const wasm::Module>& module) {
    for (const std::string tier : {"interp", "baseline", "opt"}) {
        vm::CompiledModule compiled(module, compiler_of(context, tier));
        std::size_t register_form = 0, machine_code = 0, functions = 0;
        for (std::uint32_t i = 0; i < module->functions.size(); ++i) {
            const auto* made = compiled.made(i);
            if (made == nullptr) continue;
            register_form += made->code.instructions.size() * sizeof(vm::Instruction);
            machine_code += made->compiled.size_bytes;
            functions += tier == "interp" || made->compiled.entry != nullptr ? 1 : 0;
        }
        std::cout << fmt::format("{}: {} of {} functions, {} bytes\n", tier, functions, module->functions.size(),
                                 tier == "interp" ? register_form : machine_code);
    }
}

struct InspectOptions {
    std::string file;
    std::int64_t function = -1;
    bool code = false;
    bool machine_code = false;
    bool sizes = false;
    std::string tier = "baseline";
};

void inspect(Context& context, const InspectOptions& options) {
    const auto function = options.function;
    const auto loaded = load(options.file, {});
    if (!loaded) return context.fail(loaded.error());
    const auto& module = **loaded;
    if (function >= 0) {
        const auto index = static_cast<std::uint64_t>(function);
        if (index < module.imported_functions || index >= module.function_types.size())
            return context.fail(exit_not_found,
                                fmt::format("the module defines functions {} to {}", module.imported_functions,
                                            module.function_types.size() - 1));
        const auto ir = wasm::lower(module, static_cast<std::uint32_t>(index) - module.imported_functions);
        if (!ir) return context.fail(ir.error());
        if (options.machine_code) {
            vm::CompiledModule compiled(*loaded, compiler_of(context, options.tier));
            const auto* made = compiled.made(static_cast<std::uint32_t>(index) - module.imported_functions);
            if (made == nullptr || made->compiled.entry == nullptr)
                return context.fail(exit_not_found,
                                    "tier " + options.tier + " leaves this function to the interpreter");
            print_bytes(made->compiled);
            return;
        }
        if (!options.code) {
            std::cout << dmir::print(*ir);
            return;
        }
        const auto made = vm::select_code(*ir);
        if (!made) return context.fail(made.error());
        std::cout << vm::disassemble(*made);
        return;
    }
    if (options.sizes) return print_sizes(context, *loaded);
    std::size_t code_bytes = 0;
    for (const auto& f : module.functions) code_bytes += f.body_size;
    std::cout << fmt::format(
        "{} bytes, {} types, {} functions ({} imported, {} bytes of code), {} tables, {} memories, "
        "{} globals, {} element segments, {} data segments{}\n",
        module.bytes.size(), module.types.size(), module.function_types.size(), module.imported_functions, code_bytes,
        module.tables.size(), module.memories.size(), module.global_types.size(), module.elements.size(),
        module.data.size(), module.uses_simd ? ", SIMD" : "");
    for (const auto& import : module.imports) {
        std::cout << fmt::format("import {}.{} {}", import.module, import.name, to_string(import.kind));
        if (import.kind == wasm::ExternKind::function) std::cout << " " << to_string(module.types[import.type_index]);
        std::cout << "\n";
    }
    for (const auto& entry : module.exports) {
        std::cout << fmt::format("export {} {} {}", entry.name, to_string(entry.kind), entry.index);
        if (entry.kind == wasm::ExternKind::function)
            std::cout << " " << to_string(module.type_of_function(entry.index));
        std::cout << "\n";
    }
    for (const auto& section : module.custom)
        std::cout << fmt::format("custom {} {} bytes\n", section.name, section.size);
}

void spectest(Context& context, const std::vector<std::string>& paths, const std::string& tier) {
    const auto compiler = compiler_of(context, tier);
    vm::SpecReport total;
    for (const auto& path : paths) {
        const auto scripts = vm::find_spec_scripts(path);
        if (scripts.empty()) return context.fail(exit_not_found, path + ": no wast2json scripts there");
        for (const auto& script : scripts) total.add(vm::run_spec_script(script, compiler));
    }
    for (const auto& failure : total.failures) std::cout << failure << "\n";
    std::cout << fmt::format("{} passed, {} failed, {} skipped\n", total.passed, total.failed, total.skipped);
    if (total.failed > 0) context.exit_code = exit_failed;
}

}  // namespace

void add_wasm_commands(CLI::App& app, Context& context) {
    auto* vm = app.get_subcommand("vm");
    static RunOptions run_options;
    auto* run_command = vm->add_subcommand("run", "Instantiate a WebAssembly module and call an exported function");
    run_command->add_option("FILE", run_options.file, "The module")->required();
    run_command->add_option("--invoke", run_options.invoke,
                            "Exported function; without it only the start function runs");
    run_command->add_option("ARGS", run_options.arguments, "Its arguments (after -- if negative)");
    run_command
        ->add_option("--tier", run_options.tier,
                     "interp (default), baseline, opt, or auto: baseline, then opt where hot")
        ->check(CLI::IsMember({"interp", "baseline", "opt", "auto"}));
    run_command->add_option("--fuel", run_options.fuel, "Fuel to run on (default: no bound)")
        ->check(CLI::NonNegativeNumber);
    run_command->add_option("--profile", run_options.profile, "deterministic (default) or spec")
        ->check(CLI::IsMember({"deterministic", "spec"}));
    run_command
        ->add_option("--growth", run_options.growth,
                     "What memory.grow may reach: deny, declared (the module's maximum) or limit (the profile's; "
                     "default)")
        ->check(CLI::IsMember({"deny", "declared", "limit"}));
    run_command->add_option("--chunk-fuel", run_options.chunk_fuel,
                            "Fuel for each 4 KiB of memory that the call writes to, once (default: none; opt compiles "
                            "as baseline then)");
    run_command->add_option("--stop-at", run_options.stop_at,
                            "Stop before the block that goes beyond so many instructions, show the calls in progress, "
                            "and go on in the interpreter");
    run_command->add_option("--cache", run_options.cache,
                            "Folder of code that opt and auto made before (default: ~/.cache/troupe/code)");
    run_command->add_flag("--no-cache", run_options.is_uncached, "Neither use such code nor keep any");
    add_common(*run_command, context, false);
    run_command->callback([&context] { run(context, run_options); });

    static InspectOptions inspect_options;
    auto* inspect_command = vm->add_subcommand("inspect", "Show a WebAssembly module, or one function's dMIR");
    inspect_command->add_option("FILE", inspect_options.file, "The module")->required();
    inspect_command->add_option("--function", inspect_options.function, "Its number, imported functions counted");
    inspect_command->add_flag("--machine-code", inspect_options.machine_code,
                              "The function's machine code, in hexadecimal, instead of dMIR");
    inspect_command->add_option("--tier", inspect_options.tier, "Of the machine code: baseline (default) or opt")
        ->check(CLI::IsMember({"baseline", "opt"}));
    inspect_command->add_flag("--sizes", inspect_options.sizes, "What each tier makes of all functions, in bytes");
    inspect_command->add_flag("--code", inspect_options.code,
                              "The function's register form, which the interpreter runs, instead of dMIR");
    inspect_command->callback([&context] { inspect(context, inspect_options); });

    static std::vector<std::string> paths;
    auto* spectest_command =
        vm->add_subcommand("spectest", "Run scripts of the WebAssembly specification (.json and .wasm of wast2json)");
    spectest_command->add_option("PATH", paths, "Scripts, or folders of them")->required();
    static std::string tier = "interp";
    spectest_command
        ->add_option("--tier", tier, "interp (default), baseline, opt, or auto: baseline, then opt where hot")
        ->check(CLI::IsMember({"interp", "baseline", "opt", "auto"}));
    spectest_command->callback([&context] { spectest(context, paths, tier); });
}

}  // namespace troupe::cli
