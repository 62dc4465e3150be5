// Instances from a pool.
#include "vm/engine/sandbox.hpp"

#include <doctest/doctest.h>

namespace troupe::vm {
namespace {

/// A memory of one page, growing to three, with "troupe" at 16, and a global counter; "f" adds one to the counter and
/// to the first byte of the text, and grows memory.
const Bytes module_bytes{0,    'a',  's',  'm', 1,    0,  0,    0,    1,    4,    1,    0x60, 0,    0,    3,    2,    1,
                         0,    5,    4,    1,   1,    1,  3,    6,    6,    1,    0x7F, 1,    0x41, 0,    0x0B, 7,    5,
                         1,    1,    'f',  0,   0,    10, 29,   1,    27,   0,    0x23, 0,    0x41, 1,    0x6A, 0x24, 0,
                         0x41, 16,   0x41, 16,  0x2D, 0,  0,    0x41, 1,    0x6A, 0x3A, 0,    0,    0x41, 1,    0x40, 0,
                         0x1A, 0x0B, 11,   12,  1,    0,  0x41, 16,   0x0B, 6,    't',  'r',  'o',  'u',  'p',  'e'};

/// The same text, in a memory of four pages; "f" stores the i64 in slot 1 at the address in slot 0.
const Bytes writer_bytes{0,  'a', 's', 'm', 1,    0,  0,    0,    1,   6,    1,   0x60, 2,   0x7F, 0x7E,
                         0,  3,   2,   1,   0,    5,  3,    1,    0,   4,    7,   5,    1,   1,    'f',
                         0,  0,   10,  11,  1,    9,  0,    0x20, 0,   0x20, 1,   0x37, 0,   0,    0x0B,
                         11, 12,  1,   0,   0x41, 16, 0x0B, 6,    't', 'r',  'o', 'u',  'p', 'e'};

[[nodiscard]] std::unique_ptr<SandboxPool> make_pool(const Bytes& bytes, bool pays_for_chunks) {
    const auto module = wasm::load(bytes);
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    auto profile = deterministic_profile();
    profile.machine.fuel_per_dirty_chunk = pays_for_chunks ? 1 : 0;
    auto compiled = std::make_shared<CompiledModule>(*module, nullptr, Passes::none, pays_for_chunks);
    auto pool = SandboxPool::make(std::move(compiled), profile, {});
    REQUIRE_MESSAGE(pool.ok(), pool.error().message);
    return std::move(*pool);
}

TEST_CASE("an instance begins as the module says, whatever the last one did") {
    for (const bool pays_for_chunks : {false, true}) {
        const auto pool = make_pool(module_bytes, pays_for_chunks);
        for (int i = 0; i < 3; ++i) {
            const auto sandbox = pool->acquire();
            REQUIRE(sandbox != nullptr);
            CHECK(sandbox->memory()->base[16] == 't');
            CHECK(sandbox->memory()->size_bytes == page_bytes);
            for (int k = 0; k < 2; ++k) REQUIRE(sandbox->run(0) == Trap::none);
            CHECK(sandbox->memory()->base[16] == 't' + 2);
            CHECK(sandbox->memory()->size_bytes == 3 * page_bytes);
        }
    }
}

TEST_CASE("what stores wrote is gone in the next instance, and its chunks are paid for anew") {
    for (const bool pays_for_chunks : {false, true}) {
        const auto pool = make_pool(writer_bytes, pays_for_chunks);
        for (const std::uint64_t writes : {1U, 5U, 32U, 40U, 64U}) {
            const auto sandbox = pool->acquire();
            REQUIRE(sandbox != nullptr);
            auto& machine = sandbox->machine();
            const auto& memory = *sandbox->memory();
            for (std::uint64_t at = 0; at < memory.size_bytes; ++at)
                REQUIRE(memory.base[at] == (at >= 16 && at < 22 ? "troupe"[at - 16] : 0));
            const auto used_by = [&](std::uint64_t at) {
                machine.fuel = 1'000'000;
                machine.stack[0] = at;
                machine.stack[1] = ~std::uint64_t{0};
                REQUIRE(sandbox->run(0) == Trap::none);
                return 1'000'000 - machine.fuel;
            };
            const auto written_before = used_by(16);
            // The last one is in two chunks.
            for (std::uint64_t k = 0; k < writes; ++k) {
                const auto first =
                    used_by(k * chunk_bytes + chunk_bytes - 8 + (k + 1 == writes && writes < 64 ? 4 : 0));
                CHECK(memory.base[(k + 1) * chunk_bytes - 1] == 0xFF);
                if (pays_for_chunks && k > 0) CHECK(first >= written_before);
            }
            if (pays_for_chunks) CHECK(used_by(16) == written_before - 1);
        }
    }
}

TEST_CASE("thousands of instances are alive at once, each with a memory of its own") {
    const auto pool = make_pool(module_bytes, true);
    std::vector<SandboxPool::Lease> alive;
    for (int i = 0; i < 3000; ++i) {
        alive.push_back(pool->acquire());
        REQUIRE(alive.back() != nullptr);
        for (int k = 0; k <= i % 3; ++k) REQUIRE(alive.back()->run(0) == Trap::none);
    }
    for (std::size_t i = 0; i < alive.size(); ++i) CHECK(alive[i]->memory()->base[16] == 't' + 1 + i % 3);
}

}  // namespace
}  // namespace troupe::vm
