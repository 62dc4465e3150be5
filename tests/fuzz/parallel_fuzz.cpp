// A block of transactions out of arbitrary bytes comes to the same in parallel as in order.
#include <cstdlib>

#include "tests/fuzz/evm_block.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 4096) return 0;
    troupe::fuzzing::EvmBlock block{{data, size}};
    const auto expected = block.run_in_order();
    for (const std::size_t threads : {1, 3})
        if (block.run_in_parallel(threads, static_cast<troupe::parallel::Index>(1 + size % 4)) != expected)
            std::abort();
    return 0;
}

extern "C" void troupe_fuzz_seeds(std::vector<std::vector<std::uint8_t>>& seeds) {
    for (std::uint64_t i = 0; i < 64; ++i) {
        auto& seed = seeds.emplace_back();
        for (std::uint64_t k = 0; k < 20; ++k) {
            const std::uint64_t words[] = {i, k};
            const auto hash =
                troupe::keccak256(troupe::ByteView{reinterpret_cast<const std::uint8_t*>(words), sizeof words});
            seed.insert(seed.end(), hash.begin(), hash.end());
        }
    }
}
