#include "vm/wasm/module.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "vm/dmir/text.hpp"
#include "vm/dmir/verifier.hpp"

namespace troupe::wasm {
namespace {

/// A module of one function of type (i32) -> (i32) with a memory of one page.
[[nodiscard]] Bytes module_with(const Bytes& body) {
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7F, 1, 0x7F, 3, 2, 1, 0, 5, 3, 1, 0, 1};
    const auto size = static_cast<std::uint8_t>(body.size());
    append(out, Bytes{10, static_cast<std::uint8_t>(size + 2), 1, size});
    append(out, body);
    return out;
}

[[nodiscard]] std::string error_of(const Bytes& bytes, const Limits& limits = {}) {
    const auto module = load(bytes, limits);
    return module ? "" : module.error().message;
}

TEST_CASE("a loop becomes a block whose parameters are the locals assigned inside it") {
    // (local i32) loop: local1 += local0; local0 -= 1; br_if local0 != 0 end; local1
    const auto module = load(module_with({1, 1,    0x7F, 0x03, 0x40, 0x20, 1,    0x20, 0,    0x6A, 0x21, 1,   0x20,
                                          0, 0x41, 1,    0x6B, 0x22, 0,    0x0D, 0,    0x0B, 0x20, 1,    0x0B}));
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    const auto function = lower(**module, 0);
    REQUIRE(function.ok());
    CHECK(dmir::verify(*function).ok());
    CHECK(dmir::print(*function) == R"(func @0 (i32) -> (i32) stack 12 {
block0(v0: i32): fuel 7 steps 0
  v1: i32 = i32.const
  br block1(v0, v1)
block1(v2: i32, v3: i32): fuel 9 steps 9 check
  v4: i32 = i32.add v3, v2
  v5: i32 = i32.const 0x1
  v6: i32 = i32.sub v2, v5
  br_if v6, block1(v6, v4), block2
block2(): fuel 2 steps 2
  return (v4)
}
)");
}

TEST_CASE("a join takes a parameter only for what differs between its edges") {
    // if (result i32) 1 else 2 end, with local 0 untouched
    const auto module = load(module_with({0, 0x20, 0, 0x04, 0x7F, 0x41, 1, 0x05, 0x41, 2, 0x0B, 0x20, 0, 0x6A, 0x0B}));
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    const auto function = lower(**module, 0);
    REQUIRE(function.ok());
    CHECK(dmir::verify(*function).ok());
    REQUIRE(function->blocks.size() == 4);
    CHECK(function->blocks[3].parameters.size() == 1);
}

TEST_CASE("errors name the byte") {
    CHECK(error_of(module_with({0, 0x20, 0, 0x42, 1, 0x6A, 0x0B})) ==
          "at byte 0x22: type mismatch: expected i32, found i64 (function 0)");
    CHECK(error_of({0, 'a', 's', 'm', 2, 0, 0, 0}) == "at byte 0x4: unknown binary version");
    CHECK(error_of(module_with({0, 0x20, 5, 0x0B})) == "at byte 0x1f: unknown local (function 0)");
}

TEST_CASE("proposals beyond WebAssembly 2.0 are rejected by name") {
    CHECK(error_of(module_with({0, 0xFE, 0x03, 0, 0x0B})).find("threads") != std::string::npos);
    CHECK(error_of(module_with({0, 0xFD, 0x80, 0x02, 0x0B})).find("relaxed SIMD") != std::string::npos);
    CHECK(error_of(module_with({0, 0x12, 0, 0x0B})).find("tail call") != std::string::npos);
    CHECK(error_of(module_with({0, 0x06, 0x40, 0x0B})).find("exception") != std::string::npos);
    CHECK(error_of(module_with({0, 0xFB, 0, 0x0B})).find("garbage collection") != std::string::npos);
    Limits plain;
    plain.simd = false;
    CHECK(error_of(module_with({0, 0xFD, 12, 0x0B}), plain).find("SIMD is switched off") != std::string::npos);
}

TEST_CASE("a count that the bytes can't hold is refused before anything is allocated") {
    Bytes types{0, 'a', 's', 'm', 1, 0, 0, 0, 1, 5, 0x9F, 0x8D, 0x06, 0x60, 0};
    CHECK(error_of(types) == "at byte 0xa: unexpected end of section or function");
    CHECK(error_of(module_with({1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x7F, 0x0B})).find("too many locals") !=
          std::string::npos);
    CHECK(error_of(module_with({1, 0xD0, 0x86, 0x03, 0x7F, 0x0B})).find("50001 locals; the limit is 50000") !=
          std::string::npos);
}

TEST_CASE("nesting and joins are bounded") {
    Limits small;
    small.nesting = 3;
    CHECK(error_of(module_with({0, 2, 0x40, 2, 0x40, 2, 0x40, 0x0B, 0x0B, 0x0B, 0x41, 0, 0x0B}), small)
              .find("nested too deep") != std::string::npos);
    Limits few;
    few.joins = 4;
    CHECK(error_of(module_with({0, 3, 0x40, 0x41, 0, 0x21, 0, 0x41, 1, 0x0D, 0, 0x41, 1, 0x0D, 0, 0x0B, 0x41, 0, 0x0B}),
                   few)
              .find("too complex") != std::string::npos);
}

/// `count` functions of type () -> () of 5,000 instructions, of which those in `invalid` drop what is not there.
[[nodiscard]] Bytes large_module(std::uint8_t count, const std::vector<std::size_t>& invalid) {
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3};
    out.push_back(static_cast<std::uint8_t>(count + 1));
    out.push_back(count);
    out.insert(out.end(), count, 0);
    Bytes code{count};
    for (std::size_t f = 0; f < count; ++f) {
        Bytes body{0};
        body.insert(body.end(), 5'000, 0x01);
        body.push_back(std::ranges::find(invalid, f) != invalid.end() ? 0x1A : 0x01);
        body.push_back(0x0B);
        append(code,
               Bytes{static_cast<std::uint8_t>(body.size() % 128 + 128), static_cast<std::uint8_t>(body.size() / 128)});
        append(code, body);
    }
    const auto size = code.size();
    append(out, Bytes{10, static_cast<std::uint8_t>(size % 128 + 128),
                      static_cast<std::uint8_t>(size / 128 % 128 + 128), static_cast<std::uint8_t>(size / 128 / 128)});
    append(out, code);
    return out;
}

TEST_CASE("a large module is refused for its first error, on however many threads it is validated") {
    for (const std::uint32_t threads : {1U, 2U, 3U, 4U, 100U}) {
        CAPTURE(threads);
        Limits limits;
        limits.threads = threads;
        CHECK(error_of(large_module(120, {}), limits).empty());
        for (const auto& invalid : std::vector<std::vector<std::size_t>>{{0}, {119}, {30, 90}, {59, 60, 61}}) {
            const auto error = error_of(large_module(120, invalid), limits);
            CHECK(error.ends_with("operand stack is empty (function " + std::to_string(invalid[0]) + ")"));
        }
    }
}

}  // namespace
}  // namespace troupe::wasm
