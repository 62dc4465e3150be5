#include "runtime/rpc/json_rpc.hpp"

#include <simdjson.h>

#include "runtime/base/limits.hpp"

namespace troupe::rpc {
namespace {

/// A batch of a hundred transactions fits.
constexpr std::size_t text_usual_max = 256 << 10;

[[nodiscard]] Parsed invalid_request(std::string id) {
    Parsed parsed;
    parsed.request.id_json = std::move(id);
    parsed.error = RpcError{-32600, "invalid request", ""};
    return parsed;
}

[[nodiscard]] Parsed parse_one(const simdjson::dom::element& element) {
    simdjson::dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return invalid_request("");
    Parsed parsed;
    auto& request = parsed.request;
    request.is_notification = true;
    bool has_method = false;
    bool id_is_valid = true;
    for (const auto& [key, value] : object) {
        if (key == "id") {
            request.is_notification = false;
            id_is_valid = !value.is_object() && !value.is_array();
            if (id_is_valid) request.id_json = simdjson::minify(value);
        } else if (key == "method") {
            std::string_view method;
            has_method = value.get(method) == simdjson::SUCCESS && method.size() <= 128;
            if (has_method) request.method = method;
        } else if (key == "params") {
            request.params_json = simdjson::minify(value);
        }
    }
    if (!has_method || !id_is_valid) return invalid_request(request.id_json);
    return parsed;
}

}  // namespace

Body parse_body(std::string_view text) {
    // One parser a thread, whose buffers are used again and again; a rare large body has one of its own, since a
    // parser's buffers are a dozen times its longest text and are never given back.
    thread_local simdjson::dom::parser usual{text_usual_max};
    std::optional<simdjson::dom::parser> large;
    if (text.size() > text_usual_max) large.emplace(limits::rpc_body_bytes_max);
    auto& parser = large ? *large : usual;
    Body body;
    if (text.size() > limits::rpc_body_bytes_max) {
        body.error = RpcError{-32600, "request body too large", ""};
        return body;
    }
    if (parser.max_depth() != limits::json_depth_max &&
        parser.allocate(large ? text.size() : text_usual_max, limits::json_depth_max) != simdjson::SUCCESS) {
        body.error = RpcError{-32603, "out of memory", ""};
        return body;
    }
    simdjson::dom::element root;
    if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) {
        body.error = RpcError{-32700, "parse error", ""};
        return body;
    }
    simdjson::dom::array batch;
    if (root.get(batch) != simdjson::SUCCESS) {
        body.requests.push_back(parse_one(root));
        return body;
    }
    body.is_batch = true;
    std::size_t count = 0;
    for (const auto& element : batch) {
        if (++count > limits::rpc_batch_max) {
            body.requests.clear();
            body.error = RpcError{-32600, "batch too large", ""};
            return body;
        }
        body.requests.push_back(parse_one(element));
    }
    if (count == 0) body.error = RpcError{-32600, "empty batch", ""};
    return body;
}

std::string quote(std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    const bool is_utf8 = simdjson::validate_utf8(text.data(), text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4];
            out += digits[byte & 0xf];
        } else if (byte >= 0x80 && !is_utf8) {
            out += "\\ufffd";
        } else {
            out += c;
        }
    }
    out += '"';
    return out;
}

std::string format_answer(const std::string& id_json, const Outcome& outcome) {
    std::string out = "{\"jsonrpc\":\"2.0\",\"id\":";
    out += id_json.empty() ? "null" : id_json;
    if (!outcome.error) {
        out += ",\"result\":";
        out += outcome.result_json.empty() ? "null" : outcome.result_json;
    } else {
        out += ",\"error\":{\"code\":" + std::to_string(outcome.error->code) +
               ",\"message\":" + quote(outcome.error->message);
        if (!outcome.error->data_json.empty()) out += ",\"data\":" + outcome.error->data_json;
        out += '}';
    }
    out += '}';
    return out;
}

}  // namespace troupe::rpc
