#include "deploy/cli/wasm_values.hpp"

#include <bit>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace troupe::cli {
namespace {

using wasm::ValueType;

/// The whole text, or nothing.
template <class T, class... Format>
[[nodiscard]] std::optional<T> parse_all(std::string_view text, Format... format) {
    T out{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, format...);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return out;
}

/// What stands after a sign and 0x, if that is what it begins with.
[[nodiscard]] std::optional<std::string_view> after_0x(std::string_view text) {
    if (!text.starts_with("0x") && !text.starts_with("0X")) return std::nullopt;
    return text.substr(2);
}

/// Modulo 2^bits; `text` is not negative twice.
[[nodiscard]] std::optional<std::uint64_t> parse_integer(std::string_view text, unsigned bits) {
    const bool is_negative = text.starts_with("-");
    if (is_negative) text.remove_prefix(1);
    const auto digits = after_0x(text);
    const auto number = parse_all<std::uint64_t>(digits.value_or(text), digits ? 16 : 10);
    const auto mask = ~std::uint64_t{0} >> (64 - bits);
    if (!number || *number > (is_negative ? mask / 2 + 1 : mask)) return std::nullopt;
    return (is_negative ? std::uint64_t{0} - *number : *number) & mask;
}

template <class Float>
[[nodiscard]] std::optional<Float> parse_float(std::string_view text) {
    const bool is_negative = text.starts_with("-");
    if (is_negative) text.remove_prefix(1);
    if (text.starts_with("-")) return std::nullopt;
    const auto digits = after_0x(text);
    const auto number = parse_all<Float>(digits.value_or(text), digits ? std::chars_format::hex  // 0x1.8p3
                                                                       : std::chars_format::general);
    if (!number) return std::nullopt;
    return is_negative ? -*number : *number;
}

[[nodiscard]] std::optional<vm::Value> parse_vector(std::string_view text) {
    const auto digits = after_0x(text);
    constexpr std::size_t half = 16;
    if (!digits || digits->empty() || digits->size() > 2 * half) return std::nullopt;
    const auto split = digits->size() > half ? digits->size() - half : 0;
    const auto high =
        split == 0 ? std::optional<std::uint64_t>{0} : parse_all<std::uint64_t>(digits->substr(0, split), 16);
    const auto low = parse_all<std::uint64_t>(digits->substr(split), 16);
    if (!high || !low) return std::nullopt;
    return vm::Value{ValueType::v128, *low, *high};
}

[[nodiscard]] std::optional<vm::Value> parse(ValueType type, const std::string& text) {
    const auto as_value = [&](std::optional<std::uint64_t> bits) {
        return bits ? std::optional{vm::Value{type, *bits, 0}} : std::nullopt;
    };
    switch (type) {
        case ValueType::i32: return as_value(parse_integer(text, 32));
        case ValueType::i64: return as_value(parse_integer(text, 64));
        case ValueType::f32: {
            const auto number = parse_float<float>(text);
            return as_value(number ? std::optional<std::uint64_t>{std::bit_cast<std::uint32_t>(*number)}
                                   : std::nullopt);
        }
        case ValueType::f64: {
            const auto number = parse_float<double>(text);
            return as_value(number ? std::optional{std::bit_cast<std::uint64_t>(*number)} : std::nullopt);
        }
        case ValueType::v128: return parse_vector(text);
        case ValueType::funcref:
        case ValueType::externref: break;
    }
    if (text == "null") return vm::Value{type, 0, 0};
    // Zero is null: a host object's bits are its number and one.
    const auto number = type == ValueType::externref ? parse_integer(text, 32) : std::nullopt;
    return as_value(number ? std::optional{*number + 1} : std::nullopt);
}

[[nodiscard]] std::string_view form_of(ValueType type) {
    switch (type) {
        case ValueType::i32: return "an integer from -2147483648 to 4294967295, such as 7, -7 or 0x7";
        case ValueType::i64:
            return "an integer from -9223372036854775808 to 18446744073709551615, such as 7, -7 or 0x7";
        case ValueType::f32:
        case ValueType::f64: return "a number in its range, such as 0.5, -1e9, 0x1.8p3, inf or nan";
        case ValueType::v128: return "0x and up to 32 hexadecimal digits";
        case ValueType::funcref: return "null";
        case ValueType::externref: break;
    }
    return "null or a host object's number";
}

}  // namespace

Result<vm::Value> parse_wasm_value(ValueType type, const std::string& text) {
    if (const auto value = parse(type, text)) return *value;
    return make_error(ErrorCode::invalid,
                      fmt::format("\"{}\" is no {}: expected {}", text, to_string(type), form_of(type)));
}

std::string show_wasm_value(const vm::Value& value) {
    switch (value.type) {
        case ValueType::i32: return fmt::format("i32:{}", static_cast<std::int32_t>(value.low));
        case ValueType::i64: return fmt::format("i64:{}", static_cast<std::int64_t>(value.low));
        case ValueType::f32: return fmt::format("f32:{}", std::bit_cast<float>(static_cast<std::uint32_t>(value.low)));
        case ValueType::f64: return fmt::format("f64:{}", std::bit_cast<double>(value.low));
        case ValueType::v128: return fmt::format("v128:{:#018x}{:016x}", value.high, value.low);
        case ValueType::funcref:
        case ValueType::externref: break;
    }
    if (value.low == 0) return fmt::format("{}:null", to_string(value.type));
    if (value.type == ValueType::externref) return fmt::format("externref:{}", value.low - 1);
    return "funcref:set";
}

}  // namespace troupe::cli
