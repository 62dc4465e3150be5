// The node's figures in Prometheus' text format: names, base units and suffixes by its conventions
// (https://prometheus.io/docs/practices/naming/).
#pragma once

#include "deploy/inspect/observer.hpp"

namespace troupe {

/// Every family has HELP and TYPE; label values are escaped.
[[nodiscard]] std::string metrics(NodeObserver& observer);

}  // namespace troupe
