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

[[nodiscard]] std::unique_ptr<SandboxPool> make_pool() {
    const auto module = wasm::load(module_bytes);
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    auto pool = SandboxPool::make(std::make_shared<CompiledModule>(*module), deterministic_profile(), {});
    REQUIRE_MESSAGE(pool.ok(), pool.error().message);
    return std::move(*pool);
}

TEST_CASE("an instance begins as the module says, whatever the last one did") {
    const auto pool = make_pool();
    for (int i = 0; i < 3; ++i) {
        const auto sandbox = pool->acquire();
        REQUIRE(sandbox != nullptr);
        CHECK(sandbox->memory()->base[16] == 't');
        CHECK(sandbox->memory()->size_bytes == page_bytes);
        CHECK(sandbox->dirty_chunks() == 0);
        for (int k = 0; k < 2; ++k) REQUIRE(sandbox->run(0) == Trap::none);
        CHECK(sandbox->memory()->base[16] == 't' + 2);
        CHECK(sandbox->memory()->size_bytes == 3 * page_bytes);
        CHECK(sandbox->dirty_chunks() == 1);
        sandbox->memory()->base[2 * page_bytes] = 1;
        CHECK(sandbox->dirty_chunks() == 2);
        sandbox->memory()->base[16] = 't';
        CHECK(sandbox->dirty_chunks() == 1);
    }
}

TEST_CASE("thousands of instances are alive at once, each with a memory of its own") {
    const auto pool = make_pool();
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
