// libFuzzer's place where the compiler has none: random and mutated inputs for some seconds, from a seed that is
// printed, or the files named. Usage: NAME [--seconds N] [--runs N] [--seed S] [FILE...]
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" void troupe_fuzz_seeds(std::vector<std::vector<std::uint8_t>>& seeds);

namespace {

using Input = std::vector<std::uint8_t>;

/// Values at which length and tag handling changes.
constexpr std::uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xb7, 0xb8, 0xbf, 0xc0, 0xc4,
                                  0xc5, 0xc6, 0xcc, 0xcd, 0xce, 0xcf, 0xd9, 0xdc, 0xdd, 0xf7, 0xf8, 0xfe, 0xff};

void mutate(Input& input, std::mt19937_64& random) {
    const auto at = [&] { return input.empty() ? 0 : random() % input.size(); };
    switch (random() % 7) {
        case 0:
            if (!input.empty()) input[at()] ^= static_cast<std::uint8_t>(1U << random() % 8);
            break;
        case 1:
            if (!input.empty()) input[at()] = edges[random() % std::size(edges)];
            break;
        case 2:
            if (!input.empty()) input[at()] = static_cast<std::uint8_t>(random());
            break;
        case 3: input.resize(at()); break;
        case 4:
            input.insert(input.begin() + static_cast<std::ptrdiff_t>(at()), edges[random() % std::size(edges)]);
            break;
        case 5:
            if (!input.empty()) input.erase(input.begin() + static_cast<std::ptrdiff_t>(at()));
            break;
        case 6: {
            const auto from = at();
            const Input piece(input.begin() + static_cast<std::ptrdiff_t>(from),
                              input.begin() + static_cast<std::ptrdiff_t>(
                                                  from + (input.empty() ? 0 : random() % (input.size() - from + 1))));
            if (input.size() < 1 << 20)
                input.insert(input.begin() + static_cast<std::ptrdiff_t>(at()), piece.begin(), piece.end());
            break;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    double seconds = 5;
    std::uint64_t seed = 1;
    std::uint64_t runs_max = UINT64_MAX;
    bool files = false;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--seconds" && i + 1 < argc) {
            seconds = std::atof(argv[++i]);
        } else if (argument == "--runs" && i + 1 < argc) {
            runs_max = std::strtoull(argv[++i], nullptr, 10);
            seconds = 1e9;
        } else if (argument == "--seed" && i + 1 < argc) {
            seed = std::strtoull(argv[++i], nullptr, 10);
        } else {
            std::ifstream file{argument, std::ios::binary};
            if (!file) return std::fprintf(stderr, "can't read %s\n", argv[i]), 2;
            const Input input{std::istreambuf_iterator<char>{file}, {}};
            LLVMFuzzerTestOneInput(input.data(), input.size());
            files = true;
        }
    }
    if (files) return 0;

    if (runs_max == UINT64_MAX)
        std::printf("seed %llu, %.0f s\n", static_cast<unsigned long long>(seed), seconds);
    else
        std::printf("seed %llu, %llu runs\n", static_cast<unsigned long long>(seed),
                    static_cast<unsigned long long>(runs_max));
    std::fflush(stdout);
    std::vector<Input> seeds;
    troupe_fuzz_seeds(seeds);
    for (const auto& input : seeds) LLVMFuzzerTestOneInput(input.data(), input.size());
    std::mt19937_64 random{seed};
    std::uint64_t runs = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (runs < runs_max && std::chrono::steady_clock::now() < end) {
        for (int i = 0; i < 100 && runs < runs_max; ++i, ++runs) {
            Input input;
            if (seeds.empty() || random() % 8 == 0) {
                input.resize(random() % 200);
                for (auto& byte : input)
                    byte = random() % 2 ? edges[random() % std::size(edges)] : static_cast<std::uint8_t>(random());
            } else {
                input = seeds[random() % seeds.size()];
                for (auto left = 1 + random() % 6; left > 0; --left) mutate(input, random);
            }
            LLVMFuzzerTestOneInput(input.data(), input.size());
        }
    }
    std::printf("%llu inputs, no fault\n", static_cast<unsigned long long>(runs));
    return 0;
}
