// Any bytes as a WebAssembly module: the decoder refuses them or what it accepts keeps dMIR's rules, before and after
// the passes.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/fuzz/wasm_generator.hpp"
#include "vm/dmir/text.hpp"
#include "vm/dmir/verifier.hpp"
#include "vm/interp/code.hpp"
#include "vm/wasm/optimize.hpp"

namespace {

void check(const troupe::dmir::Function& function) {
    const auto status = troupe::dmir::verify(function);
    if (status) return;
    std::fprintf(stderr, "%s\n%s", status.error().message.c_str(), troupe::dmir::print(function).c_str());
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace troupe;
    const auto module = wasm::load(Bytes(data, data + size));
    if (!module) return 0;
    for (std::uint32_t f = 0; f < (*module)->functions.size() && f < 64; ++f) {
        const auto plain = wasm::lower(**module, f);
        if (!plain) continue;
        check(*plain);
        static_cast<void>(vm::select_code(*plain));
        const auto optimized = wasm::lower_optimized(**module, f);
        check(*optimized);
        static_cast<void>(vm::select_code(*optimized));
    }
    return 0;
}

extern "C" void troupe_fuzz_seeds(std::vector<std::vector<std::uint8_t>>& seeds) {
    std::mt19937_64 random{21};
    for (int n = 0; n < 40; ++n) {
        std::vector<std::uint8_t> choices(64);
        for (auto& byte : choices) byte = static_cast<std::uint8_t>(random());
        troupe::fuzz::Choices source(choices);
        const auto module = troupe::fuzz::generate_module(source);
        seeds.emplace_back(module.begin(), module.end());
    }
}
