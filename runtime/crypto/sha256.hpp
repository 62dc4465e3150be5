// SHA-256 and RIPEMD-160 (OpenSSL).
#pragma once

#include <memory>
#include <optional>

#include "runtime/base/bytes.hpp"

namespace troupe {

using Ripemd160Digest = FixedBytes<20, struct Ripemd160DigestKind>;

[[nodiscard]] Hash256 sha256(ByteView data) noexcept;

/// Nothing where the OpenSSL installation refuses RIPEMD-160 (legacy algorithms turned off by policy).
[[nodiscard]] std::optional<Ripemd160Digest> ripemd160(ByteView data) noexcept;

/// Hashes data that arrives in pieces. After `finish` the hasher starts anew.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    Sha256& update(ByteView data) noexcept;
    [[nodiscard]] Hash256 finish() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace troupe
