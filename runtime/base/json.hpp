// JSON of reflected structs, for inspection, `--json` and files that people edit: ids and byte strings as 0x-hex,
// amounts as decimal text, enums by name. Reading is strict: no unknown, missing or repeated field.
#pragma once

#include <limits>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "runtime/base/codec.hpp"

namespace troupe {

using Json = nlohmann::ordered_json;

template <class T>
[[nodiscard]] Json to_json_value(const T& value) {
    using namespace codec_detail;
    if constexpr (std::is_same_v<T, bool> || std::unsigned_integral<T> || std::is_same_v<T, std::string>) {
        return value;
    } else if constexpr (std::is_enum_v<T>) {
        if constexpr (requires { to_string(value); })
            return std::string{to_string(value)};
        else
            return static_cast<std::uint64_t>(value);
    } else if constexpr (IsStrong<T>::value) {
        return value.value;
    } else if constexpr (IsFixed<T>::value) {
        return to_hex_prefixed(value.view());
    } else if constexpr (std::is_same_v<T, Bytes>) {
        return to_hex_prefixed(value);
    } else if constexpr (std::is_same_v<T, uint256>) {
        return to_decimal(value);
    } else if constexpr (IsVector<T>::value) {
        Json out = Json::array();
        for (const auto& element : value) out.push_back(to_json_value(element));
        return out;
    } else if constexpr (IsOptional<T>::value) {
        return value ? to_json_value(*value) : Json(nullptr);
    } else if constexpr (IsPair<T>::value) {
        return Json::array({to_json_value(value.first), to_json_value(value.second)});
    } else if constexpr (IsVariant<T>::value) {
        return std::visit([](const auto& alternative) { return to_json_value(alternative); }, value);
    } else {
        static_assert(Reflected<T>);
        Json out = Json::object();
        for_each_field(
            value, [&](std::string_view name, const auto& member) { out[std::string{name}] = to_json_value(member); });
        return out;
    }
}

/// Text to JSON: at most limits::json_depth_max deep, no repeated keys, nothing after the value.
[[nodiscard]] Result<Json> parse_json(std::string_view text);

namespace json_detail {

/// ErrorCode::malformed: "path: expected ..., found ...".
[[nodiscard]] Error expected(const std::string& path, std::string_view what, const Json& found);
/// Each key of `object` is one of `known`; says the nearest known name otherwise.
[[nodiscard]] Status check_keys(const std::string& path, const Json& object, std::span<const std::string_view> known);
/// Nothing unless `value` is a string of 0x-hex.
[[nodiscard]] std::optional<Bytes> hex_of(const Json& value);
[[nodiscard]] std::optional<std::uint64_t> unsigned_of(const Json& value);

}  // namespace json_detail

/// The inverse of to_json_value (variants excepted: their JSON does not tell the alternative). `path` names the value
/// in errors, for example "validators[2].public_key".
template <class T>
[[nodiscard]] Status from_json_value(const Json& in, T& value, const std::string& path) {
    using namespace codec_detail;
    using json_detail::expected;
    if constexpr (std::is_same_v<T, bool>) {
        if (!in.is_boolean()) return expected(path, "true or false", in);
        value = in.get<bool>();
    } else if constexpr (std::unsigned_integral<T>) {
        const auto number = json_detail::unsigned_of(in);
        if (!number || *number > std::numeric_limits<T>::max())
            return expected(path, "a whole number up to " + std::to_string(std::numeric_limits<T>::max()), in);
        value = static_cast<T>(*number);
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!in.is_string()) return expected(path, "text", in);
        value = in.get_ref<const std::string&>();
    } else if constexpr (std::is_enum_v<T>) {
        std::string names;
        for (unsigned raw = 0; raw < 256; ++raw) {
            const auto candidate = static_cast<T>(raw);
            if (static_cast<unsigned>(candidate) != raw || !is_valid(candidate)) continue;
            if (to_json_value(candidate) == in) {
                value = candidate;
                return Done{};
            }
            names += (names.empty() ? "" : " or ") + to_json_value(candidate).dump();
        }
        return expected(path, names, in);
    } else if constexpr (IsStrong<T>::value) {
        return from_json_value(in, value.value, path);
    } else if constexpr (IsFixed<T>::value) {
        const auto bytes = json_detail::hex_of(in);
        const auto fixed = bytes ? T::from_view(*bytes) : std::nullopt;
        if (!fixed) return expected(path, std::to_string(T::size_bytes) + " bytes as 0x-hex", in);
        value = *fixed;
    } else if constexpr (std::is_same_v<T, Bytes>) {
        auto bytes = json_detail::hex_of(in);
        if (!bytes) return expected(path, "bytes as 0x-hex", in);
        value = std::move(*bytes);
    } else if constexpr (std::is_same_v<T, uint256>) {
        const auto number = in.is_string() ? parse_uint256(in.get_ref<const std::string&>()) : std::nullopt;
        if (!number) return expected(path, "an amount below 2^256 as text, decimal or 0x-hex", in);
        value = *number;
    } else if constexpr (IsVector<T>::value) {
        if (!in.is_array()) return expected(path, "a list", in);
        value.clear();
        for (std::size_t i = 0; i < in.size(); ++i)
            if (auto status = from_json_value(in[i], value.emplace_back(), path + "[" + std::to_string(i) + "]");
                !status)
                return status;
    } else if constexpr (IsOptional<T>::value) {
        value.reset();
        if (!in.is_null()) return from_json_value(in, value.emplace(), path);
    } else if constexpr (IsPair<T>::value) {
        if (!in.is_array() || in.size() != 2) return expected(path, "a list of two values", in);
        if (auto status = from_json_value(in[0], value.first, path + "[0]"); !status) return status;
        return from_json_value(in[1], value.second, path + "[1]");
    } else {
        static_assert(Reflected<T>, "type cannot be read from JSON");
        if (!in.is_object()) return expected(path, "an object", in);
        std::vector<std::string_view> known;
        for_each_field(value, [&](std::string_view name, auto&) { known.push_back(name); });
        if (auto status = json_detail::check_keys(path, in, known); !status) return status;
        Status result = Done{};
        for_each_field(value, [&](std::string_view name, auto& member) {
            if (!result) return;
            const auto inner = path.empty() ? std::string{name} : path + "." + std::string{name};
            const auto found = in.find(std::string{name});
            result = found == in.end() ? Status{make_error(ErrorCode::malformed, inner + ": missing")}
                                       : from_json_value(*found, member, inner);
        });
        return result;
    }
    return Done{};
}

}  // namespace troupe
