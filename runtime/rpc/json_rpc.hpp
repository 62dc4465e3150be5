// JSON-RPC 2.0 framing without a network: what a body asks for, and what an answer looks like.
// Texts and codes as geth's; a batch is always answered as an array, in the order of its requests.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::rpc {

struct Request {
    std::string method;
    /// Raw JSON text of `params`; empty if omitted.
    std::string params_json;
    /// Raw JSON text of the id.
    std::string id_json;
    /// No id at all: nothing is answered. An id of null is answered.
    bool is_notification = false;
};

struct RpcError {
    int code = 0;
    std::string message;
    /// Raw JSON, or empty.
    std::string data_json;
};

struct Outcome {
    /// Raw JSON; ignored if there is an error.
    std::string result_json;
    std::optional<RpcError> error;
    /// Called once the answer has been handed to the connection: what is pushed from here on comes after it.
    std::function<void()> then;
};

/// One element of a body: a request, or the answer to something that is none.
struct Parsed {
    Request request;
    std::optional<RpcError> error;
};

struct Body {
    bool is_batch = false;
    std::vector<Parsed> requests;
    /// The body as a whole is refused with this: bad JSON, empty batch, too large a batch.
    std::optional<RpcError> error;
};

[[nodiscard]] Body parse_body(std::string_view text);
/// One answer object. `id_json` empty: null.
[[nodiscard]] std::string format_answer(const std::string& id_json, const Outcome& outcome);
/// With escapes and quotes; bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace troupe::rpc
