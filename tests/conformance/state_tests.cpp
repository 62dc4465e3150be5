#include "tests/conformance/suite_test.hpp"

TEST_CASE("Ethereum's state tests give the expected logs and state roots") {
    troupe::conformance::check_suite(troupe::conformance::SuiteKind::state, "ethereum/GeneralStateTests", 15000);
}
