// The manifest's grammar and its rules, as faults with places.
#pragma once

#include "deploy/manifest/toml_reader.hpp"

namespace troupe::manifest_detail {

/// Fills report.manifest and adds every fault found.
void read_manifest(const toml::table& root, const PortsByNode& known, ManifestReport& report);

}  // namespace troupe::manifest_detail
