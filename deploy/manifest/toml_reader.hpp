// Reading TOML strictly: each fault gets the line and column of the key or value it is about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "deploy/manifest/manifest.hpp"

namespace troupe::manifest_detail {

/// Inclusive.
struct Bounds {
    std::uint64_t least = 0;
    std::uint64_t most = 0;
};

/// "text", "a number", …: what a person calls it.
[[nodiscard]] std::string kind_of(const toml::node& node);
[[nodiscard]] std::string list_of(const std::vector<std::string>& names);

/// Reads values of tables into variables. A wrong value is a fault and leaves the variable as it was; an absent one
/// only leaves it. The functions tell whether the variable was set.
class TomlReader {
public:
    explicit TomlReader(std::vector<ManifestFault>& faults) : faults_(faults) {}

    void fault(const toml::node& at, std::string field, std::string message) {
        add(at, std::move(field), std::move(message), false);
    }
    void warning(const toml::node& at, std::string field, std::string message) {
        add(at, std::move(field), std::move(message), true);
    }
    /// At the value of `key`, else at the table.
    void fault_in(const toml::table& t, const std::string& prefix, std::string_view key, std::string message);
    void warning_in(const toml::table& t, const std::string& prefix, std::string_view key, std::string message);

    /// Every key of the table is one of `allowed`.
    void check_keys(const toml::table& t, const std::string& prefix, const std::vector<std::string>& allowed);
    /// Nothing if it is absent or something else.
    [[nodiscard]] const toml::table* table(const toml::table& parent, std::string_view key);
    /// The tables of [[key]].
    [[nodiscard]] std::vector<const toml::table*> tables(const toml::table& parent, std::string_view key);
    bool text(const toml::table& t, const std::string& prefix, std::string_view key, std::string& out);
    /// As `text`, but the key must be there.
    bool required_text(const toml::table& t, const std::string& prefix, std::string_view key, std::string& out);
    /// As `text`, but one of `choices`.
    bool choice(const toml::table& t, const std::string& prefix, std::string_view key,
                const std::vector<std::string>& choices, std::string& out);

    template <class T>
    bool number(const toml::table& t, const std::string& prefix, std::string_view key, T& out, Bounds bounds) {
        std::uint64_t value = 0;
        if (!read_number(t, prefix, key, value, bounds)) return false;
        out = static_cast<T>(value);
        return true;
    }

private:
    void add(const toml::node& at, std::string field, std::string message, bool is_warning);
    bool read_number(const toml::table& t, const std::string& prefix, std::string_view key, std::uint64_t& out,
                     Bounds bounds);

    std::vector<ManifestFault>& faults_;
};

}  // namespace troupe::manifest_detail
