// The state as execution reads it: what storage implements.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/base/bytes.hpp"
#include "runtime/base/uint256.hpp"

namespace troupe {

struct AccountRecord {
    std::uint64_t nonce = 0;
    uint256 balance;
    /// keccak256 of the code; of the empty string for an account without code.
    CodeHash code_hash;

    bool operator==(const AccountRecord&) const = default;
};

/// keccak256 of the empty string.
inline constexpr CodeHash empty_code_hash{{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d,
                                           0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82,
                                           0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};

class StateReader {
public:
    virtual ~StateReader() = default;
    /// Nothing if the account does not exist.
    [[nodiscard]] virtual std::optional<AccountRecord> account(const Address& address) = 0;
    /// Zero for a slot that was never set.
    [[nodiscard]] virtual uint256 storage(const Address& address, const uint256& slot) = 0;
    /// Any slot not zero? Asked before a contract is created over an account without nonce and code (EIP-7610), which
    /// chains that began after EIP-161 can't have unless their genesis does; so a reader may say no.
    [[nodiscard]] virtual bool has_storage(const Address&) { return false; }
    /// Never null; empty for the empty code hash.
    [[nodiscard]] virtual std::shared_ptr<const Bytes> code(const CodeHash& hash) = 0;
};

}  // namespace troupe
