// A place in a test file, read with strict types. Errors are thrown as FormatError inside this folder and become a line
// of the report.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"

namespace troupe::conformance {

struct FormatError {
    std::string message;
};

/// Valid as long as the parser holds the file.
class JsonNode {
public:
    /// `name` is for messages.
    JsonNode(simdjson::dom::element element, std::string_view name) noexcept : element_(element), name_(name) {}

    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] bool is_object() const noexcept { return element_.is_object(); }
    [[nodiscard]] bool is_array() const noexcept { return element_.is_array(); }
    [[nodiscard]] bool is_text() const noexcept { return element_.is_string(); }
    [[nodiscard]] bool is_null() const noexcept { return element_.is_null(); }
    [[nodiscard]] std::string dump() const { return simdjson::minify(element_); }

    [[nodiscard]] bool has(std::string_view key) const noexcept { return find(key).has_value(); }
    [[nodiscard]] std::optional<JsonNode> find(std::string_view key) const noexcept;
    [[nodiscard]] JsonNode operator[](std::string_view key) const;
    [[nodiscard]] JsonNode operator[](std::size_t index) const;
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] simdjson::dom::object object() const;
    [[nodiscard]] simdjson::dom::array array() const;

    [[nodiscard]] std::string_view text() const;
    [[nodiscard]] std::uint64_t integer() const;
    /// Hex, or decimal digits; "0x" is zero. Nothing for a number of more than 256 bits ("0x:bigint ..." included).
    [[nodiscard]] std::optional<uint256> number() const;
    /// The same within 256 bits, and within 64 bits.
    [[nodiscard]] uint256 word() const;
    [[nodiscard]] std::uint64_t word64() const;
    [[nodiscard]] Bytes bytes() const;
    template <class Fixed>
    [[nodiscard]] Fixed fixed() const {
        if (const auto value = fixed_from_hex<Fixed>(text())) return *value;
        fail(std::to_string(Fixed::size_bytes) + " bytes as 0x-hex");
    }

    [[noreturn]] void fail(const std::string& expected) const;

private:
    simdjson::dom::element element_;
    std::string_view name_;
};

}  // namespace troupe::conformance
