// Calls between two processes of one operator (DESIGN section 4, first kind of link). One call at a time on a
// connection: the client sends a call; while the server works it may send queries, which the client answers; the
// server's answer or fault ends the call.
#pragma once

#include "runtime/base/codec.hpp"

namespace troupe::operator_link {

/// A genesis of ten thousand accounts fits, and so does a part of a data file.
inline constexpr std::size_t frame_bytes_max = 8 << 20;

enum class MessageKind : std::uint8_t { call = 0, query = 1, answer = 2, fault = 3 };
[[nodiscard]] constexpr bool is_valid(MessageKind kind) noexcept { return kind <= MessageKind::fault; }
[[nodiscard]] constexpr const char* to_string(MessageKind kind) noexcept {
    switch (kind) {
        case MessageKind::call: return "call";
        case MessageKind::query: return "query";
        case MessageKind::answer: return "answer";
        case MessageKind::fault: return "fault";
    }
    return "unknown";
}

struct Message {
    MessageKind kind{};
    /// The method; of a fault its text.
    std::string text;
    /// Of a fault: an ErrorCode.
    std::uint8_t code = 0;
    Bytes body;

    static constexpr auto reflect() {
        using M = Message;
        return fields("Message", field("kind", &M::kind), field("text", &M::text), field("code", &M::code),
                      field("body", &M::body));
    }
};

[[nodiscard]] inline Message fault_of(const Error& error) {
    return {MessageKind::fault, error.message, static_cast<std::uint8_t>(error.code), {}};
}
[[nodiscard]] inline Error error_of(const Message& fault) {
    const auto known = fault.code <= static_cast<std::uint8_t>(ErrorCode::unsupported);
    return make_error(known ? static_cast<ErrorCode>(fault.code) : ErrorCode::invalid, fault.text);
}

}  // namespace troupe::operator_link
