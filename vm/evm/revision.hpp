// Ethereum's rule sets, in order: a later one includes what earlier ones introduced.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::evm {

enum class Revision : std::uint8_t {
    Frontier,
    Homestead,
    TangerineWhistle,
    SpuriousDragon,
    Byzantium,
    Constantinople,
    Petersburg,
    Istanbul,
    Berlin,
    London,
    Paris,
    Shanghai,
    Cancun,
    Prague,
    Osaka,
};

[[nodiscard]] const char* to_string(Revision revision) noexcept;
/// Names as in Ethereum's test suite ("EIP150" and "EIP158", "ConstantinopleFix", "Merge" included).
[[nodiscard]] std::optional<Revision> parse_revision(std::string_view name) noexcept;

}  // namespace troupe::evm
