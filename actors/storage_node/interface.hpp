// The storage node as other roles see it: content by hash.
#pragma once

#include "actors/executor/interface.hpp"
#include "actors/storage_node/bundle.hpp"
#include "runtime/actor/role_status.hpp"

namespace troupe::storage_node {

struct ContentRequest {
    Hash256 hash;

    bool operator==(const ContentRequest&) const = default;
    static constexpr auto reflect() { return fields("ContentRequest", field("hash", &ContentRequest::hash)); }
};

/// No data: this node does not have it, or what it has does not hash to it any more.
struct ContentReply {
    Hash256 hash;
    std::optional<Bytes> data;

    bool operator==(const ContentReply&) const = default;
    static constexpr auto reflect() {
        return fields("ContentReply", field("hash", &ContentReply::hash), field("data", &ContentReply::data));
    }
};

/// Takes the frame content_request.
using Actor = ServiceActor::extend<caf::reacts_to<ExecutionOutcomePtr>>;

}  // namespace troupe::storage_node
