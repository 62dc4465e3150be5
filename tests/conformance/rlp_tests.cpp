#include "tests/conformance/suite_test.hpp"

TEST_CASE("RLP items of the suite decode and encode to the same bytes, or are refused") {
    troupe::conformance::check_suite(troupe::conformance::SuiteKind::rlp, "ethereum/RLPTests", 25);
}
