#include "deploy/inspect/process_stats.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace troupe {

ProcessStats read_process_stats() {
    ProcessStats stats;
    std::ifstream in{"/proc/self/stat"};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    // The command in parentheses may hold spaces; the fields after it are counted from 3.
    if (const auto end = text.rfind(')'); end != std::string::npos) {
        std::istringstream fields{text.substr(end + 1)};
        std::string field;
        const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
        for (int i = 3; fields >> field; ++i) {
            if (i == 14 || i == 15) stats.cpu_seconds += std::stod(field) / ticks;
            if (i == 20) stats.threads = std::stoull(field);
            if (i == 22) stats.start_time = std::stod(field) / ticks;
            if (i == 23) stats.virtual_bytes = std::stoull(field);
            if (i == 24) stats.resident_bytes = std::stoull(field) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
        }
    }
    std::ifstream kernel{"/proc/stat"};
    for (std::string key; kernel >> key; kernel.ignore(1 << 16, '\n'))
        if (double boot = 0; key == "btime" && kernel >> boot) stats.start_time += boot;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator{"/proc/self/fd", error};
         !error && it != std::filesystem::directory_iterator{}; it.increment(error))
        ++stats.open_files;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.open_files_max = limit.rlim_cur;
    return stats;
}

}  // namespace troupe
