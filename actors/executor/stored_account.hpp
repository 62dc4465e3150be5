// How an account is stored in the flat table.
#pragma once

#include "runtime/base/codec.hpp"
#include "runtime/base/uint256.hpp"

namespace troupe::executor {

struct StoredAccount {
    std::uint64_t nonce = 0;
    uint256 balance;
    CodeHash code_hash;

    static constexpr auto reflect() {
        return fields("StoredAccount", field("nonce", &StoredAccount::nonce), field("balance", &StoredAccount::balance),
                      field("code_hash", &StoredAccount::code_hash));
    }
};

}  // namespace troupe::executor
