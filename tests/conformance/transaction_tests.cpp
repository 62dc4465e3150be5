#include "tests/conformance/suite_test.hpp"

TEST_CASE("transactions of the suite have their hash and sender at every fork, or are refused") {
    troupe::conformance::check_suite(troupe::conformance::SuiteKind::transaction, "ethereum/TransactionTests", 1000);
}
