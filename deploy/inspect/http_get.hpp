// Several HTTP GETs at once, each with the same deadline: one slow or dead node must not hold up the picture of the
// others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

struct HttpTarget {
    std::string host;
    std::uint16_t port = 0;
    std::string path;
};

struct HttpReply {
    unsigned status = 0;
    std::string body;
};

/// In the order of the targets; ErrorCode::unavailable for those that did not answer within `timeout_ms`.
[[nodiscard]] std::vector<Result<HttpReply>> http_get_all(const std::vector<HttpTarget>& targets, unsigned timeout_ms);
[[nodiscard]] Result<HttpReply> http_get(const HttpTarget& target, unsigned timeout_ms);

}  // namespace troupe
