#include "runtime/ledger/genesis.hpp"

#include "runtime/crypto/sha256.hpp"

namespace troupe {

BlockHash hash_of(const Genesis& genesis) { return BlockHash::from(sha256(encode(genesis))); }

}  // namespace troupe
