// The metadata node as other roles see it: who asks gets manifests.
#pragma once

#include "runtime/actor/role_status.hpp"
#include "runtime/ledger/manifest.hpp"

namespace troupe::metadata_node {

/// For manifests from this height upwards.
struct ManifestRequest {
    Height from;
    std::uint32_t count = 0;

    bool operator==(const ManifestRequest&) const = default;
    static constexpr auto reflect() {
        return fields("ManifestRequest", field("from", &ManifestRequest::from),
                      field("count", &ManifestRequest::count));
    }
};

inline constexpr std::uint32_t manifests_per_reply_max = 256;

/// In order of height, without gaps; fewer than asked for where there are no more, or too many bytes.
struct Manifests {
    std::vector<BlockManifest> manifests;

    bool operator==(const Manifests&) const = default;
    static constexpr auto reflect() { return fields("Manifests", field("manifests", &Manifests::manifests)); }
};

/// Takes the frames blocks, manifest_request and arbiter_notice.
using Actor = ServiceActor;

}  // namespace troupe::metadata_node
