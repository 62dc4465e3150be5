// Time as an input: shells hold a Clock, cores are told the time with each event.
#pragma once

#include <chrono>

#include "runtime/base/strong.hpp"

namespace troupe {

/// Wall-clock milliseconds. Only shells call this.
[[nodiscard]] inline TimeMs wall_clock_now() noexcept {
    using namespace std::chrono;
    return TimeMs{
        static_cast<std::uint64_t>(duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count())};
}

}  // namespace troupe
