// Ports that nodes get where their manifest names none: counted upwards from these.
#pragma once

#include <cstdint>

namespace troupe {

inline constexpr std::uint16_t first_link_port = 9700;
inline constexpr std::uint16_t first_rpc_port = 8545;

}  // namespace troupe
