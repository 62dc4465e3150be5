#include "vm/conformance/exceptions.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using conformance::is_expected;
using evm::Invalid;

TEST_CASE("a refusal is expected only under one of the names for its reason") {
    CHECK(is_expected("TransactionException.INSUFFICIENT_ACCOUNT_FUNDS", Invalid::funds));
    CHECK(is_expected("TR_NoFunds", Invalid::funds));
    CHECK(is_expected("SenderNotEOA", Invalid::sender_has_code));
    CHECK_FALSE(is_expected("TR_NoFunds", Invalid::intrinsic_gas));
    CHECK(is_expected("TransactionException.NONCE_IS_MAX|TransactionException.INTRINSIC_GAS_TOO_LOW",
                      Invalid::intrinsic_gas));
    CHECK_FALSE(
        is_expected("TransactionException.NONCE_IS_MAX|TransactionException.INTRINSIC_GAS_TOO_LOW", Invalid::funds));
    CHECK_FALSE(is_expected("", Invalid::funds));
    CHECK_FALSE(is_expected("TransactionException.NO_SUCH_NAME", Invalid::funds));
    CHECK_FALSE(is_expected("|", Invalid::funds));
}
