// Many ECDSA signatures by known keys in one check, several times as fast as recovering each key.
//
// Recovery needs a double-size multiplication per signature. But a sender's key is known after its first signature (a
// cache from address to key), and then R_i = u1_i G + u2_i Q_i can be checked for all i at once: the sum of
// a_i (u1_i G + u2_i Q_i - R_i), with coefficients a_i of 128 bits that nobody can choose, is the point at infinity;
// if any signature is wrong it is not, but for a chance of 2^-128. The terms of G, and of each key, fold into one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/crypto/secp256k1.hpp"

namespace troupe {

struct KnownKeySignature {
    Hash256 digest;
    RecoverableSignature signature;
    Secp256k1PublicKey key;
};

/// Whether `recover_public_key` would give `key` for every item (so high s is accepted here too). True for none.
/// Worth it from about 16 items on, and the more so the fewer different keys there are.
[[nodiscard]] bool verify_batch(std::span<const KnownKeySignature> batch);

/// The positions, ascending, of the items for which recovery does not give the key: the batch check first, and only if
/// that fails each item by itself. A bad item so costs its batch at most the price of the batch check on top.
[[nodiscard]] std::vector<std::size_t> find_invalid(std::span<const KnownKeySignature> batch);

}  // namespace troupe
