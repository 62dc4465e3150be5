// Compute kernels and token calls through EVMC: this project's machine, and beside it any library given with --peer.
//
//   evm_kernels_bench OURS [--peer LIBRARY]... [--filter TEXT]
//
// OURS is build/.../libtroupe-evmc.so. One line a kernel: microseconds of the best run of each machine, and the peer's
// time over ours; then the geometric mean of the ratios.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <dlfcn.h>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"
#include "tests/bench/evm/host.hpp"
#include "tests/bench/evm/kernels_bytecode.hpp"

using namespace troupe;

namespace {

constexpr int cancun = 12;
constexpr std::int64_t gas = 10'000'000'000;

[[nodiscard]] evmc::Vm* load(const std::string& path) {
    auto* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return std::fprintf(stderr, "%s\n", ::dlerror()), nullptr;
    // EVMC: the entry point is named after the library.
    auto name = path.substr(path.rfind('/') + 1);
    if (name.starts_with("lib")) name = name.substr(3);
    name = name.substr(0, name.find('.'));
    std::ranges::replace(name, '-', '_');
    auto* create = ::dlsym(library, ("evmc_create_" + name).c_str());
    if (create == nullptr) create = ::dlsym(library, "evmc_create");
    if (create == nullptr) return std::fprintf(stderr, "%s: no evmc_create\n", path.c_str()), nullptr;
    return reinterpret_cast<evmc::Vm* (*)()>(create)();
}

struct Execution {
    bool succeeded = false;
    std::int64_t gas_used = 0;
    Bytes output;
};

[[nodiscard]] Execution execute(evmc::Vm* vm, bench::MemoryHost& host, const Bytes& code, const Bytes& input,
                                bool creates = false) {
    evmc::Message message{};
    message.kind = creates ? evmc::CREATE : evmc::CALL;
    message.gas = gas;
    message.recipient.bytes[0] = 0xcc;
    message.sender.bytes[0] = 0x5e;
    message.input_data = input.data();
    message.input_size = input.size();
    host.begin_transaction();
    const auto result =
        vm->execute(vm, &bench::MemoryHost::table(), host.context(), cancun, &message, code.data(), code.size());
    Execution out{result.status_code == evmc::SUCCESS, gas - result.gas_left, {}};
    out.output.assign(result.output_data, result.output_data + result.output_size);
    if (result.release != nullptr) result.release(&result);
    return out;
}

struct Kernel {
    std::string name;
    std::string_view init_code;
    std::string call;  // hex
};

[[nodiscard]] std::string word(std::uint64_t value) { return to_hex(to_big_endian(uint256{value}).view()); }

[[nodiscard]] std::vector<Kernel> kernels() {
    using namespace bench;
    // transfer(0x11, 5), transferFrom(sender, 0x11, 3) and safeTransferFrom(sender, 0x11, 3, 5, ""): the sender as
    // above.
    const std::string sender = "0000000000000000000000005e00000000000000000000000000000000000000";
    std::vector<Kernel> out{
        {"ERC-20 transfer", token20_code, "a9059cbb" + word(0x11) + word(5)},
        {"ERC-20 balanceOf", token20_code, "70a08231" + sender},
        {"ERC-721 approve", token721_code, "095ea7b3" + word(0x11) + word(3)},
        {"ERC-1155 safeTransferFrom", token1155_code,
         "f242432a" + sender + word(0x11) + word(3) + word(5) + word(160) + word(0)},
    };
    const auto add = [&](const char* name, std::string_view selector, std::uint64_t rounds) {
        out.push_back({name, kernels_code, std::string{selector} + word(rounds)});
    };
    add("fibonacci", fibonacci_selector, 20'000);
    add("checked sum", checkedSum_selector, 10'000);
    add("hash chain", hashChain_selector, 2'000);
    add("BLAKE2b mixing", blake2b_selector, 100);
    add("SHA-1", sha1_selector, 20);
    add("Weierstrass doubling", weierstrass_selector, 300);
    add("swap math", swapMath_selector, 2'000);
    add("insertion sort", sort_selector, 100);
    return out;
}

struct Figure {
    double us = 0;
    Execution execution;
};

[[nodiscard]] Figure measure(evmc::Vm* vm, const Kernel& kernel) {
    bench::MemoryHost host;
    const auto code = execute(vm, host, *from_hex(kernel.init_code), {}, true).output;
    const auto input = *from_hex(kernel.call);
    Figure out;
    out.us = 1e300;
    out.execution = execute(vm, host, code, input);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{400};
    do {
        // Short calls are measured by the hundred.
        const int calls = out.us < 50 ? 100 : 1;
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < calls; ++i) out.execution = execute(vm, host, code, input);
        const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
        out.us = std::min(out.us, took.count() / calls);
    } while (std::chrono::steady_clock::now() < end);
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<evmc::Vm*> machines;
    std::string filter;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--peer") continue;
        if (argument == "--filter" && i + 1 < argc) {
            filter = argv[++i];
            continue;
        }
        auto* const vm = load(argument);
        if (vm == nullptr) return 1;
        machines.push_back(vm);
    }
    if (machines.empty())
        return std::fprintf(stderr, "usage: %s OURS [--peer LIBRARY]... [--filter TEXT]\n", argv[0]), 2;
    std::vector<double> logarithms(machines.size());
    int count = 0;
    for (const auto& kernel : kernels()) {
        if (kernel.name.find(filter) == std::string::npos) continue;
        ++count;
        std::printf("%-28s", kernel.name.c_str());
        Figure ours;
        for (std::size_t i = 0; i < machines.size(); ++i) {
            const auto figure = measure(machines[i], kernel);
            if (i == 0) ours = figure;
            std::printf("  %s %10.2f us", machines[i]->name, figure.us);
            if (!figure.execution.succeeded) std::printf(" FAILED");
            if (i == 0) {
                std::printf(" (%lld gas)", static_cast<long long>(figure.execution.gas_used));
                continue;
            }
            logarithms[i] += std::log(figure.us / ours.us);
            std::printf(" x%.2f", figure.us / ours.us);
            if (figure.execution.gas_used != ours.execution.gas_used ||
                figure.execution.output != ours.execution.output)
                std::printf(" RESULTS DIFFER");
        }
        std::printf("\n");
        std::fflush(stdout);
    }
    for (std::size_t i = 1; i < machines.size() && count > 0; ++i)
        std::printf("geometric mean of %s's time over ours: %.2f\n", machines[i]->name,
                    std::exp(logarithms[i] / count));
    return 0;
}
