#include "vm/conformance/json_node.hpp"

#include <algorithm>
#include <cctype>

namespace troupe::conformance {

void JsonNode::fail(const std::string& expected) const {
    auto found = dump();
    if (found.size() > 80) found = found.substr(0, 77) + "...";
    throw FormatError{std::string{name_} + ": expected " + expected + ", found " + found};
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const noexcept {
    simdjson::dom::object members;
    simdjson::dom::element value;
    if (element_.get(members) != simdjson::SUCCESS || members.at_key(key).get(value) != simdjson::SUCCESS)
        return std::nullopt;
    return JsonNode{value, key};
}

JsonNode JsonNode::operator[](std::string_view key) const {
    if (const auto found = find(key)) return *found;
    if (!is_object()) fail("an object");
    throw FormatError{std::string{name_} + ": no \"" + std::string{key} + "\""};
}

JsonNode JsonNode::operator[](std::size_t index) const {
    simdjson::dom::element value;
    if (array().at(index).get(value) != simdjson::SUCCESS)
        throw FormatError{std::string{name_} + ": no element " + std::to_string(index)};
    return {value, name_};
}

std::size_t JsonNode::size() const { return is_array() ? array().size() : object().size(); }

simdjson::dom::object JsonNode::object() const {
    simdjson::dom::object members;
    if (element_.get(members) != simdjson::SUCCESS) fail("an object");
    return members;
}

simdjson::dom::array JsonNode::array() const {
    simdjson::dom::array elements;
    if (element_.get(elements) != simdjson::SUCCESS) fail("a list");
    return elements;
}

std::string_view JsonNode::text() const {
    std::string_view out;
    if (element_.get(out) != simdjson::SUCCESS) fail("text");
    return out;
}

std::uint64_t JsonNode::integer() const {
    std::uint64_t out = 0;
    if (element_.get(out) != simdjson::SUCCESS) fail("a whole number");
    return out;
}

std::optional<uint256> JsonNode::number() const {
    if (std::uint64_t small = 0; element_.get(small) == simdjson::SUCCESS) return uint256{small};
    auto digits = text();
    constexpr std::string_view bigint = "0x:bigint ";
    if (digits.starts_with(bigint)) digits.remove_prefix(bigint.size());
    if (digits.empty() || digits == "0x") return uint256{};
    if (const auto value = parse_uint256(digits)) return value;
    const bool is_hex = digits.starts_with("0x");
    if (is_hex) digits.remove_prefix(2);
    if (!std::ranges::all_of(digits, [&](unsigned char c) { return is_hex ? std::isxdigit(c) : std::isdigit(c); }))
        fail("a number as 0x-hex");
    const auto significant = digits.find_first_not_of('0');
    if (significant == digits.npos) return uint256{};
    return is_hex ? parse_uint256("0x" + std::string{digits.substr(significant)}) : std::nullopt;
}

uint256 JsonNode::word() const {
    if (const auto value = number()) return *value;
    fail("a number below 2^256");
}

std::uint64_t JsonNode::word64() const {
    const auto value = word();
    if (!value.fits_u64()) fail("a number below 2^64");
    return value.low64();
}

Bytes JsonNode::bytes() const {
    if (auto value = from_hex(text())) return std::move(*value);
    fail("bytes as 0x-hex");
}

}  // namespace troupe::conformance
