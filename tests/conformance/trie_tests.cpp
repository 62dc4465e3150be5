#include "tests/conformance/suite_test.hpp"

TEST_CASE("tries of the suite have the expected roots and neighbours") {
    troupe::conformance::check_suite(troupe::conformance::SuiteKind::trie, "ethereum/TrieTests", 10);
}
