#include "tests/conformance/suite_test.hpp"

TEST_CASE("precompiles give the expected output for the expected gas, or fail") {
    troupe::conformance::check_suite(troupe::conformance::SuiteKind::precompile, "precompiles", 500);
}
