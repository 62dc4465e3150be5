#include "deploy/manifest/toml_reader.hpp"

#include <algorithm>

#include "deploy/manifest/hint.hpp"

namespace troupe::manifest_detail {
namespace {

[[nodiscard]] std::string join(const std::string& prefix, std::string_view key) {
    return prefix.empty() ? std::string{key} : prefix + "." + std::string{key};
}

}  // namespace

std::string kind_of(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table: return "a table";
        case toml::node_type::array: return "a list";
        case toml::node_type::string: return "text";
        case toml::node_type::integer: return "a number";
        case toml::node_type::floating_point: return "a fraction";
        case toml::node_type::boolean: return "true or false";
        default: return "a date or time";
    }
}

std::string list_of(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

void TomlReader::add(const toml::node& at, std::string field, std::string message, bool is_warning) {
    const auto place = at.source().begin;
    faults_.push_back({place.line, place.column, std::move(field), std::move(message), is_warning});
}

void TomlReader::fault_in(const toml::table& t, const std::string& prefix, std::string_view key, std::string message) {
    const auto* value = t.get(key);
    add(value != nullptr ? *value : t, join(prefix, key), std::move(message), false);
}

void TomlReader::warning_in(const toml::table& t, const std::string& prefix, std::string_view key,
                            std::string message) {
    const auto* value = t.get(key);
    add(value != nullptr ? *value : t, join(prefix, key), std::move(message), true);
}

void TomlReader::check_keys(const toml::table& t, const std::string& prefix, const std::vector<std::string>& allowed) {
    for (const auto& [key, value] : t) {
        const std::string name{key.str()};
        if (std::ranges::find(allowed, name) != allowed.end()) continue;
        const auto near = suggestion(name, allowed);
        const auto place = key.source().begin;
        faults_.push_back({place.line, place.column, join(prefix, name),
                           "unknown key" + (near.empty() ? "; expected one of: " + list_of(allowed) : near), false});
    }
}

const toml::table* TomlReader::table(const toml::table& parent, std::string_view key) {
    const auto* node = parent.get(key);
    if (node == nullptr) return nullptr;
    if (node->is_table()) return node->as_table();
    fault(*node, std::string{key}, "expected a table [" + std::string{key} + "], found " + kind_of(*node));
    return nullptr;
}

std::vector<const toml::table*> TomlReader::tables(const toml::table& parent, std::string_view key) {
    std::vector<const toml::table*> out;
    const auto* node = parent.get(key);
    if (node == nullptr) return out;
    const auto expected = "expected [[" + std::string{key} + "]] entries, found ";
    const auto* list = node->as_array();
    if (list == nullptr) {
        fault(*node, std::string{key}, expected + kind_of(*node));
        return out;
    }
    for (const auto& element : *list)
        if (element.is_table())
            out.push_back(element.as_table());
        else
            fault(element, std::string{key}, expected + kind_of(element));
    return out;
}

bool TomlReader::text(const toml::table& t, const std::string& prefix, std::string_view key, std::string& out) {
    const auto* node = t.get(key);
    if (node == nullptr) return false;
    if (auto value = node->value_exact<std::string>()) {
        out = std::move(*value);
        return true;
    }
    fault(*node, join(prefix, key), "expected text, found " + kind_of(*node));
    return false;
}

bool TomlReader::required_text(const toml::table& t, const std::string& prefix, std::string_view key,
                               std::string& out) {
    if (t.get(key) != nullptr) return text(t, prefix, key, out);
    fault(t, join(prefix, key), "is missing");
    return false;
}

bool TomlReader::choice(const toml::table& t, const std::string& prefix, std::string_view key,
                        const std::vector<std::string>& choices, std::string& out) {
    std::string word;
    if (!text(t, prefix, key, word)) return false;
    if (std::ranges::find(choices, word) == choices.end()) {
        fault_in(t, prefix, key,
                 "expected one of: " + list_of(choices) + "; found \"" + word + "\"" + suggestion(word, choices));
        return false;
    }
    out = std::move(word);
    return true;
}

bool TomlReader::read_number(const toml::table& t, const std::string& prefix, std::string_view key, std::uint64_t& out,
                             Bounds bounds) {
    const auto* node = t.get(key);
    if (node == nullptr) return false;
    const auto range =
        "expected a whole number from " + std::to_string(bounds.least) + " to " + std::to_string(bounds.most);
    const auto value = node->value_exact<std::int64_t>();
    if (!value) {
        fault(*node, join(prefix, key), range + ", found " + kind_of(*node));
        return false;
    }
    if (*value < 0 || static_cast<std::uint64_t>(*value) < bounds.least ||
        static_cast<std::uint64_t>(*value) > bounds.most) {
        fault(*node, join(prefix, key), range + ", found " + std::to_string(*value));
        return false;
    }
    out = static_cast<std::uint64_t>(*value);
    return true;
}

}  // namespace troupe::manifest_detail
