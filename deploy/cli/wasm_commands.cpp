// vm run, vm inspect, vm spectest: WebAssembly without a cluster.
#include "deploy/cli/wasm_commands.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "deploy/cli/wasm_values.hpp"
#include "deploy/manifest/hint.hpp"
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
    std::string tier = "auto";
    std::string profile = "deterministic";
    std::string growth = "limit";
    std::int64_t fuel = INT64_MAX;
    std::uint32_t chunk_fuel = 0;
    std::optional<std::uint64_t> stop_at;
    std::string cache;
    bool is_uncached = false;
};

[[nodiscard]] Result<std::shared_ptr<const wasm::Module>> load(const std::string& file, const wasm::Limits& limits) {
    std::error_code error;
    if (std::filesystem::is_directory(file, error))
        return make_error(ErrorCode::not_found, file + ": is a folder, not a module");
    std::ifstream stream{file, std::ios::binary};
    if (!stream) return make_error(ErrorCode::not_found, file + ": can't be read");
    Bytes bytes{std::istreambuf_iterator<char>{stream}, {}};
    const bool is_text = !bytes.empty() && (bytes[0] == '(' || bytes[0] == ';');
    auto module = wasm::load(std::move(bytes), limits);
    if (!module)
        return make_error(module.error().code,
                          file + ": " + module.error().message +
                              (is_text ? "; this looks like the text format: translate it first (wat2wasm)" : ""));
    return module;
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
[[nodiscard]] Json show_paused(const vm::ModuleInstance& instance, const vm::Machine& machine) {
    constexpr std::size_t slots_max = 8;
    Json calls = Json::array();
    const auto add = [&](const vm::Instruction* start, const vm::Instruction* next, const vm::Slot* slots) {
        for (std::size_t f = 0; f < instance.functions.size(); ++f) {
            const auto* code = instance.functions[f].code;
            if (code == nullptr || code->instructions.data() != start) continue;
            Json shown = Json::array();
            for (std::size_t s = 0; s < std::min(slots_max, code->slots.size()); ++s)
                shown.push_back(fmt::format("{:#x}", slots[s]));
            calls.push_back({{"function", instance.module->module().imported_functions + f},
                             {"at", next - start},
                             {"slots", shown},
                             {"more_slots", code->slots.size() - shown.size()}});
        }
    };
    for (std::size_t k = 1; k < machine.frame_count; ++k)
        add(machine.frames[k].start, machine.frames[k].next, machine.frames[k].slots);
    add(machine.paused.start, machine.paused.next, machine.paused.slots);
    return {{"steps", machine.steps}, {"calls", calls}};
}

void print_paused(const Json& paused) {
    const auto& calls = paused["calls"];
    std::cout << fmt::format("stopped after {} instructions, {} {} deep\n", paused["steps"].get<std::uint64_t>(),
                             calls.size(), calls.size() == 1 ? "call" : "calls");
    for (const auto& call : calls) {
        std::cout << fmt::format("function {} at {}:", call["function"].get<std::uint64_t>(),
                                 call["at"].get<std::int64_t>());
        for (const auto& slot : call["slots"]) std::cout << " " << slot.get<std::string>();
        std::cout << (call["more_slots"].get<std::uint64_t>() > 0 ? " ...\n" : "\n");
    }
}

[[nodiscard]] vm::CallResult call_and_stop(Store& store, const vm::ModuleInstance& instance, const vm::Extern& function,
                                           const std::vector<vm::Value>& arguments, std::uint64_t stop_at,
                                           Json& stopped) {
    auto& machine = store.machine();
    auto result = store.call_until(function, arguments, machine.steps + stop_at);
    if (!machine.is_paused()) return result;
    stopped = show_paused(instance, machine);
    result = store.resume(function, UINT64_MAX);
    if (!machine.is_paused()) return result;
    machine.abandon();
    return {vm::Trap::out_of_fuel, {}};
}

/// The exported function and its arguments. Error: not_found, or invalid arguments.
struct Invocation {
    vm::Extern function;
    std::vector<vm::Value> arguments;
};
[[nodiscard]] Result<Invocation> find_invocation(const vm::ModuleInstance& instance, const RunOptions& options) {
    const auto function = instance.find_export(options.invoke);
    if (!function || function->kind != wasm::ExternKind::function) {
        std::vector<std::string> functions;
        for (const auto& entry : instance.module->module().exports)
            if (entry.kind == wasm::ExternKind::function) functions.push_back(entry.name);
        const auto what =
            function ? fmt::format("export \"{}\" is a {}, not a function", options.invoke, to_string(function->kind))
                     : fmt::format("the module exports no \"{}\"", options.invoke);
        return make_error(ErrorCode::not_found, what + hint_for(options.invoke, functions));
    }
    const auto& type = *function->function_type;
    if (type.parameters.size() != options.arguments.size())
        return make_error(
            ErrorCode::invalid,
            fmt::format("\"{}\" takes {} argument{}, not {}; it is of type {}", options.invoke, type.parameters.size(),
                        type.parameters.size() == 1 ? "" : "s", options.arguments.size(), to_string(type)));
    Invocation out{*function, {}};
    for (std::size_t i = 0; i < type.parameters.size(); ++i) {
        const auto value = parse_wasm_value(type.parameters[i], options.arguments[i]);
        if (!value) return make_error(ErrorCode::invalid, fmt::format("argument {}: {}", i + 1, value.error().message));
        out.arguments.push_back(*value);
    }
    return out;
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
    if (!made)
        return context.fail(make_error(
            made.error().code, options.file + ": " + made.error().message +
                                   ((*module)->imports.empty() ? "" : "; vm run has nothing for a module to import")));
    vm::CallResult result{.trap = made->trap, .values = {}};
    Json stopped;
    if (made->trap == vm::Trap::none && !options.invoke.empty()) {
        const auto call = find_invocation(*made->instance, options);
        if (!call) return context.fail(call.error());
        result = options.stop_at
                     ? call_and_stop(store, *made->instance, call->function, call->arguments, *options.stop_at, stopped)
                     : store.call(call->function, call->arguments);
    }
    const auto left = std::max<std::int64_t>(store.machine().fuel, 0);
    if (context.json) {
        Json out{{"results", Json::array()},
                 {"fuel", options.fuel - left},
                 {"steps", store.machine().steps},
                 {"trap", result.trap == vm::Trap::none ? Json(nullptr) : Json(std::string(message(result.trap)))}};
        for (const auto& value : result.values) out["results"].push_back(show_wasm_value(value));
        if (!stopped.is_null()) out["stopped"] = stopped;
        std::cout << out.dump(2) << "\n";
    } else {
        if (!stopped.is_null()) print_paused(stopped);
        for (const auto& value : result.values) std::cout << show_wasm_value(value) << "\n";
        std::cout << "fuel " << options.fuel - left << ", instructions " << store.machine().steps << "\n";
        if (result.trap != vm::Trap::none) std::cerr << "troupe: trap: " << message(result.trap) << "\n";
    }
    if (result.trap != vm::Trap::none) context.exit_code = exit_failed;
}

/// As a debugger's memory dump: offset and sixteen bytes a line.
void print_bytes(ByteView bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += 16)
        std::cout << fmt::format("{:06x}  {}\n", at,
                                 to_hex(bytes.subspan(at, std::min<std::size_t>(16, bytes.size() - at))));
}

/// What each tier makes of all functions.
void print_sizes(Context& context, const std::shared_ptr<const wasm::Module>& module) {
    auto tiers = Json::object();
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
        const auto bytes = tier == "interp" ? register_form : machine_code;
        tiers[tier] = {{"functions", functions}, {"bytes", bytes}};
        if (!context.json)
            std::cout << fmt::format("{}: {} of {} functions, {} bytes\n", tier, functions, module->functions.size(),
                                     bytes);
    }
    if (context.json)
        std::cout << Json{{"functions", module->functions.size()}, {"tiers", std::move(tiers)}}.dump(2) << "\n";
}

struct InspectOptions {
    std::string file;
    std::optional<std::uint32_t> function;
    bool code = false;
    bool machine_code = false;
    bool sizes = false;
    std::string tier = "baseline";
};

void inspect_function(Context& context, const std::shared_ptr<const wasm::Module>& loaded,
                      const InspectOptions& options) {
    const auto& module = *loaded;
    const auto index = *options.function;
    if (index >= module.function_types.size())
        return context.fail(exit_not_found, fmt::format("the module has no function {}: it has {}, numbered from 0",
                                                        index, module.function_types.size()));
    if (index < module.imported_functions)
        return context.fail(exit_not_found,
                            fmt::format("function {} is imported: the module has no code of it", index));
    const auto defined = index - module.imported_functions;
    Json shown{{"function", index}, {"type", to_string(module.type_of_function(index))}};
    if (options.machine_code) {
        vm::CompiledModule compiled(loaded, compiler_of(context, options.tier));
        const auto* made = compiled.made(defined);
        if (made == nullptr || made->compiled.entry == nullptr)
            return context.fail(exit_not_found, "tier " + options.tier + " leaves this function to the interpreter");
        const ByteView bytes{static_cast<const std::uint8_t*>(made->compiled.code()), made->compiled.size_bytes};
        if (!context.json) return print_bytes(bytes);
        shown["tier"] = options.tier;
        shown["machine_code"] = to_hex(bytes);
    } else {
        const auto ir = wasm::lower(module, defined);
        if (!ir) return context.fail(ir.error());
        std::string text;
        if (options.code) {
            const auto made = vm::select_code(*ir);
            if (!made) return context.fail(made.error());
            text = vm::disassemble(*made);
        } else {
            text = dmir::print(*ir);
        }
        if (!context.json) {
            std::cout << text;
            return;
        }
        shown[options.code ? "code" : "dmir"] = std::move(text);
    }
    std::cout << shown.dump(2) << "\n";
}

[[nodiscard]] Json show(const wasm::Module& module) {
    std::size_t code_bytes = 0;
    for (const auto& f : module.functions) code_bytes += f.body_size;
    Json out{{"bytes", module.bytes.size()},
             {"types", module.types.size()},
             {"functions", module.function_types.size()},
             {"imported_functions", module.imported_functions},
             {"code_bytes", code_bytes},
             {"tables", module.tables.size()},
             {"memories", module.memories.size()},
             {"globals", module.global_types.size()},
             {"element_segments", module.elements.size()},
             {"data_segments", module.data.size()},
             {"uses_simd", module.uses_simd},
             {"imports", Json::array()},
             {"exports", Json::array()},
             {"custom_sections", Json::array()}};
    for (const auto& import : module.imports) {
        Json entry{{"module", import.module}, {"name", import.name}, {"kind", to_string(import.kind)}};
        if (import.kind == wasm::ExternKind::function) entry["type"] = to_string(module.types[import.type_index]);
        out["imports"].push_back(std::move(entry));
    }
    for (const auto& exported : module.exports) {
        Json entry{{"name", exported.name}, {"kind", to_string(exported.kind)}, {"index", exported.index}};
        if (exported.kind == wasm::ExternKind::function)
            entry["type"] = to_string(module.type_of_function(exported.index));
        out["exports"].push_back(std::move(entry));
    }
    for (const auto& section : module.custom)
        out["custom_sections"].push_back({{"name", section.name}, {"bytes", section.size}});
    return out;
}

void print(const Json& module) {
    const auto number = [&](const char* key) { return module[key].get<std::uint64_t>(); };
    const auto text = [](const Json& entry, const char* key) { return entry.value(key, std::string{}); };
    std::cout << fmt::format(
        "{} bytes, {} types, {} functions ({} imported, {} bytes of code), {} tables, {} memories, "
        "{} globals, {} element segments, {} data segments{}\n",
        number("bytes"), number("types"), number("functions"), number("imported_functions"), number("code_bytes"),
        number("tables"), number("memories"), number("globals"), number("element_segments"), number("data_segments"),
        module["uses_simd"].get<bool>() ? ", SIMD" : "");
    for (const auto& entry : module["imports"])
        std::cout << fmt::format("import {}.{} {}{}{}\n", text(entry, "module"), text(entry, "name"),
                                 text(entry, "kind"), entry.contains("type") ? " " : "", text(entry, "type"));
    for (const auto& entry : module["exports"])
        std::cout << fmt::format("export {} {} {}{}{}\n", text(entry, "name"), text(entry, "kind"),
                                 entry["index"].get<std::uint64_t>(), entry.contains("type") ? " " : "",
                                 text(entry, "type"));
    for (const auto& section : module["custom_sections"])
        std::cout << fmt::format("custom {} {} bytes\n", text(section, "name"), section["bytes"].get<std::uint64_t>());
}

void inspect(Context& context, const InspectOptions& options) {
    const auto loaded = load(options.file, {});
    if (!loaded) return context.fail(loaded.error());
    if (options.function) return inspect_function(context, *loaded, options);
    if (options.sizes) return print_sizes(context, *loaded);
    const auto shown = show(**loaded);
    if (context.json)
        std::cout << shown.dump(2) << "\n";
    else
        print(shown);
}

void spectest(Context& context, const std::vector<std::string>& paths, const std::string& tier) {
    const auto compiler = compiler_of(context, tier);
    vm::SpecReport total;
    for (const auto& path : paths) {
        const auto scripts = vm::find_spec_scripts(path);
        if (scripts.empty()) return context.fail(exit_not_found, path + ": no wast2json scripts there");
        for (const auto& script : scripts) total.add(vm::run_spec_script(script, compiler));
    }
    if (context.json) {
        std::cout << Json{{"passed", total.passed},
                          {"failed", total.failed},
                          {"skipped", total.skipped},
                          {"failures", total.failures}}
                         .dump(2)
                  << "\n";
    } else {
        for (const auto& failure : total.failures) std::cout << failure << "\n";
        std::cout << fmt::format("{} passed, {} failed, {} skipped\n", total.passed, total.failed, total.skipped);
    }
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
    run_command->add_option(
        "ARGS", run_options.arguments,
        "Its arguments: 7, -7, 0x7, 0.5, inf, nan, null; v128 as 0x and 32 digits. Put -- before them if one "
        "begins with - and is no number");
    run_command
        ->add_option("--tier", run_options.tier,
                     "auto (default): interpreted, baseline where warm, opt where hot; or interp, baseline, opt alone")
        ->check(CLI::IsMember({"interp", "baseline", "opt", "auto"}));
    run_command->add_option("--fuel", run_options.fuel, "Fuel to run on (default: no bound)")
        ->check(CLI::Range(std::int64_t{0}, INT64_MAX));
    run_command->add_option("--profile", run_options.profile, "deterministic (default) or spec")
        ->check(CLI::IsMember({"deterministic", "spec"}));
    run_command
        ->add_option("--growth", run_options.growth,
                     "What memory.grow may reach: deny, declared (the module's maximum) or limit (the profile's; "
                     "default)")
        ->check(CLI::IsMember({"deny", "declared", "limit"}));
    run_command->add_option("--chunk-fuel", run_options.chunk_fuel,
                            "Fuel for each 4 KiB of memory that the call writes to, once (default: none)");
    run_command->add_option("--stop-at", run_options.stop_at,
                            "Stop before the block that goes beyond so many instructions, show the calls in progress, "
                            "and go on in the interpreter (which runs all of it with auto and opt)");
    run_command->add_option("--cache", run_options.cache,
                            "Folder of code that opt and auto made before (default: ~/.cache/troupe/code)");
    run_command->add_flag("--no-cache", run_options.is_uncached, "Neither use such code nor keep any");
    add_common(*run_command, context, false);
    run_command->callback([&context] { run(context, run_options); });

    static InspectOptions inspect_options;
    auto* inspect_command = vm->add_subcommand("inspect", "Show a WebAssembly module, or one function's dMIR");
    inspect_command->add_option("FILE", inspect_options.file, "The module")->required();
    auto* function_option = inspect_command->add_option("--function", inspect_options.function,
                                                        "Its number, imported functions counted: shows its dMIR");
    inspect_command
        ->add_flag("--machine-code", inspect_options.machine_code,
                   "The function's machine code, in hexadecimal, instead of dMIR")
        ->needs(function_option);
    inspect_command->add_option("--tier", inspect_options.tier, "Of the machine code: baseline (default) or opt")
        ->check(CLI::IsMember({"baseline", "opt"}));
    inspect_command->add_flag("--sizes", inspect_options.sizes, "What each tier makes of all functions, in bytes");
    inspect_command
        ->add_flag("--code", inspect_options.code,
                   "The function's register form, which the interpreter runs, instead of dMIR")
        ->needs(function_option);
    add_common(*inspect_command, context, false);
    inspect_command->callback([&context] { inspect(context, inspect_options); });

    static std::vector<std::string> paths;
    auto* spectest_command =
        vm->add_subcommand("spectest", "Run scripts of the WebAssembly specification (.json and .wasm of wast2json)");
    spectest_command->add_option("PATH", paths, "Scripts, or folders of them")->required();
    static std::string tier = "interp";
    spectest_command
        ->add_option("--tier", tier, "interp (default), baseline, opt, or auto: baseline, then opt where hot")
        ->check(CLI::IsMember({"interp", "baseline", "opt", "auto"}));
    add_common(*spectest_command, context, false);
    spectest_command->callback([&context] { spectest(context, paths, tier); });
}

}  // namespace troupe::cli
