// Writes random modules and what our engines say of them for wasm_v8.mjs, which asks V8. Usage: NAME FOLDER COUNT SEED
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/fuzz/wasm_generator.hpp"
#include "tests/fuzz/wasm_run.hpp"

namespace {

using namespace troupe;
using nlohmann::json;

json values_json(const std::vector<vm::Value>& values) {
    json out = json::array();
    for (const auto& value : values)
        out.push_back({std::string(to_string(value.type)), fmt::format("{:#x}", value.low)});
    return out;
}

/// V8 knows neither fuel nor our stack limit: the calls up to the first one that met them.
[[nodiscard]] std::size_t comparable_calls(const fuzz::Seen& seen) {
    std::size_t n = 0;
    while (n < seen.calls.size() && seen.calls[n].trap != vm::Trap::out_of_fuel &&
           seen.calls[n].trap != vm::Trap::call_stack_exhausted)
        ++n;
    return n;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return std::fprintf(stderr, "usage: %s FOLDER COUNT SEED\n", argv[0]), 2;
    const std::string folder = argv[1];
    json cases = json::array();
    const auto count = std::strtoull(argv[2], nullptr, 10);
    const auto first = std::strtoull(argv[3], nullptr, 10);
    for (auto n = first; n < first + count; ++n) {
        std::array<std::uint8_t, 8> seed{};
        std::memcpy(seed.data(), &n, 8);
        fuzz::Choices choices(seed);
        fuzz::GeneratorOptions options;
        options.portable = true;
        options.simd = choices.one_in(3);
        const auto bytes = fuzz::generate_module(choices, options);
        const auto module = wasm::load(bytes);
        if (!module) return std::fprintf(stderr, "seed %llu: %s\n", n, module.error().message.c_str()), 1;
        auto plan = fuzz::plan_calls(**module, choices.word());
        for (auto& call : plan.calls) call.fuel = 200'000;
        plan.stack_units = 64 * 1024;
        plan.calls.resize(comparable_calls(fuzz::run_module(*module, {"interp", nullptr}, plan)));
        const auto seen = fuzz::run_module(*module, {"interp after all passes", nullptr, vm::Passes::all}, plan);
        json calls = json::array();
        for (std::size_t c = 0; c < plan.calls.size(); ++c)
            calls.push_back({{"function", fmt::format("f{}", plan.calls[c].function)},
                             {"arguments", values_json(plan.calls[c].arguments)},
                             {"trap", std::string(message(seen.calls[c].trap))},
                             {"results", values_json(seen.calls[c].results)}});
        const auto file = fmt::format("{}.wasm", n);
        std::ofstream(folder + "/" + file, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        cases.push_back({{"file", file},
                         {"calls", calls},
                         {"memory_bytes", seen.memory_bytes},
                         {"memory_hash", fmt::format("{:#x}", seen.memory_hash)},
                         {"host_hash", fmt::format("{:#x}", seen.host_hash)}});
    }
    std::ofstream(folder + "/cases.json") << cases;
    std::printf("%llu modules\n", static_cast<unsigned long long>(count));
    return 0;
}
