// What the kernel knows about this process, for inspection and metrics.
#pragma once

#include <cstdint>

namespace troupe {

struct ProcessStats {
    double cpu_seconds = 0;
    std::uint64_t resident_bytes = 0;
    std::uint64_t virtual_bytes = 0;
    std::uint64_t threads = 0;
    std::uint64_t open_files = 0;
    std::uint64_t open_files_max = 0;
    /// Seconds since the Unix epoch.
    double start_time = 0;
};

/// From /proc/self; what can't be read is 0.
[[nodiscard]] ProcessStats read_process_stats();

}  // namespace troupe
