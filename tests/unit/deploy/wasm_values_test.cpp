#include "deploy/cli/wasm_values.hpp"

#include <doctest/doctest.h>

namespace troupe::cli {
namespace {

using wasm::ValueType;

/// As read and written again; the error's message if it can't be read.
[[nodiscard]] std::string through(ValueType type, const std::string& text) {
    const auto value = parse_wasm_value(type, text);
    return value ? show_wasm_value(*value) : value.error().message;
}

[[nodiscard]] bool is_refused(ValueType type, const std::string& text) { return !parse_wasm_value(type, text).ok(); }

TEST_CASE("integers are read signed or unsigned, in decimal or hexadecimal, and shown signed") {
    CHECK(through(ValueType::i32, "7") == "i32:7");
    CHECK(through(ValueType::i32, "-2147483648") == "i32:-2147483648");
    CHECK(through(ValueType::i32, "4294967295") == "i32:-1");
    CHECK(through(ValueType::i32, "0xfFfF") == "i32:65535");
    CHECK(through(ValueType::i32, "-0x1") == "i32:-1");
    CHECK(through(ValueType::i64, "18446744073709551615") == "i64:-1");
    CHECK(through(ValueType::i64, "-9223372036854775808") == "i64:-9223372036854775808");
}

TEST_CASE("integers that don't fit, and what is not a whole number, are refused with what would be right") {
    for (const auto* text : {"4294967296", "-2147483649", "0x100000000", "1.5", "", "-", "0x", "--1", "7 ", "seven"})
        CHECK(is_refused(ValueType::i32, text));
    for (const auto* text : {"18446744073709551616", "-9223372036854775809", "0x10000000000000000"})
        CHECK(is_refused(ValueType::i64, text));
    CHECK(through(ValueType::i32, "x") ==
          "\"x\" is no i32: expected an integer from -2147483648 to 4294967295, such as 7, -7 or 0x7");
}

TEST_CASE("floats are rounded once, and those beyond the range are refused") {
    CHECK(through(ValueType::f64, "0.1") == "f64:0.1");
    CHECK(through(ValueType::f32, "0.1") == "f32:0.1");
    CHECK(through(ValueType::f64, "-0x1.8p3") == "f64:-12");
    CHECK(through(ValueType::f64, "-inf") == "f64:-inf");
    CHECK(through(ValueType::f32, "nan") == "f32:nan");
    CHECK(parse_wasm_value(ValueType::f32, "-0")->low == 0x80000000);
    // Halfway between two floats but for its last digit: by way of a double it would be even.
    CHECK(parse_wasm_value(ValueType::f32, "1.00000005960464477540")->low == 0x3F800001);
    for (const auto* text : {"1e400", "", "-", "--1", "1e", "0x", "one"}) CHECK(is_refused(ValueType::f64, text));
    CHECK(is_refused(ValueType::f32, "1e50"));
}

TEST_CASE("vectors and references are read as they are shown") {
    CHECK(through(ValueType::v128, "0x000102030405060708090a0b0c0d0e0f") == "v128:0x000102030405060708090a0b0c0d0e0f");
    CHECK(through(ValueType::v128, "0x1") == "v128:0x00000000000000000000000000000001");
    CHECK(through(ValueType::externref, "null") == "externref:null");
    CHECK(through(ValueType::externref, "0") == "externref:0");
    CHECK(through(ValueType::funcref, "null") == "funcref:null");
    CHECK(is_refused(ValueType::funcref, "1"));
    CHECK(is_refused(ValueType::v128, "12"));
    CHECK(is_refused(ValueType::v128, "0x000102030405060708090a0b0c0d0e0f0"));
}

}  // namespace
}  // namespace troupe::cli
