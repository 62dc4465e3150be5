// Where the workers of other processes are, and what this process shows them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/operator_link/certificate.hpp"

namespace troupe::vm_pool {

struct RemoteTarget {
    /// As its certificate says.
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    /// Read calls that it gets at a time.
    std::uint32_t lanes = 1;

    bool operator==(const RemoteTarget&) const = default;
};

struct RemoteTargets {
    operator_link::Credentials credentials;
    std::vector<RemoteTarget> workers;
};
using RemoteTargetsPtr = std::shared_ptr<const RemoteTargets>;

}  // namespace troupe::vm_pool
