#include "runtime/base/json.hpp"

#include <set>

#include "runtime/base/edit_distance.hpp"

namespace troupe {
namespace {

/// Longest piece of a document that an error repeats.
constexpr std::size_t quoted_max = 80;

}  // namespace

Result<Json> parse_json(std::string_view text) {
    std::vector<std::set<std::string>> keys;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
            if (static_cast<std::size_t>(depth) >= limits::json_depth_max) throw std::length_error("nested too deeply");
            keys.emplace_back();
        } else if (event == Json::parse_event_t::object_end || event == Json::parse_event_t::array_end) {
            keys.pop_back();
        } else if (event == Json::parse_event_t::key) {
            const auto& key = parsed.get_ref<const std::string&>();
            if (!keys.back().insert(key).second) throw std::invalid_argument("field \"" + key + "\" is repeated");
        }
        return true;
    };
    // The library reports errors by exceptions, and leaving its parser early takes one too: they end here.
    try {
        return Json::parse(text, watch);
    } catch (const std::length_error& error) {
        return make_error(ErrorCode::too_large, std::string{"JSON: "} + error.what());
    } catch (const std::exception& error) {
        std::string_view what = error.what();
        if (const auto end = what.find("] "); what.starts_with("[json") && end != what.npos)
            what.remove_prefix(end + 2);
        return make_error(ErrorCode::malformed, "JSON: " + std::string{what});
    }
}

Error json_detail::expected(const std::string& path, std::string_view what, const Json& found) {
    // Invalid UTF-8 is replaced: the text goes to a terminal or a log.
    auto text = found.is_structured() ? std::string{found.type_name()}
                                      : found.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > quoted_max) text = text.substr(0, quoted_max) + "...";
    return make_error(ErrorCode::malformed,
                      (path.empty() ? "document" : path) + ": expected " + std::string{what} + ", found " + text);
}

Status json_detail::check_keys(const std::string& path, const Json& object, std::span<const std::string_view> known) {
    for (const auto& [key, value] : object.items()) {
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        auto message = (path.empty() ? "" : path + ": ") + "unknown field \"" + key.substr(0, quoted_max) + "\"";
        const auto distance_to = [&key = key](std::string_view name) {
            return edit_distance(std::string_view{key}.substr(0, quoted_max), name);
        };
        const auto nearest = std::min_element(known.begin(), known.end(), [&](std::string_view a, std::string_view b) {
            return distance_to(a) < distance_to(b);
        });
        if (nearest != known.end()) message += "; did you mean \"" + std::string{*nearest} + "\"?";
        return make_error(ErrorCode::malformed, std::move(message));
    }
    return Done{};
}

std::optional<Bytes> json_detail::hex_of(const Json& value) {
    if (!value.is_string()) return std::nullopt;
    const auto& text = value.get_ref<const std::string&>();
    return text.starts_with("0x") ? from_hex(text) : std::nullopt;
}

std::optional<std::uint64_t> json_detail::unsigned_of(const Json& value) {
    // A parsed number without sign and fraction is unsigned; a program's `int` literal is signed.
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    return std::nullopt;
}

}  // namespace troupe
