#include "persistence/signing_records.hpp"

#include <doctest/doctest.h>

#include "tests/unit/persistence/temporary_folder.hpp"

using namespace troupe;

TEST_CASE("a signing record is there after reopening, and a contradicting one is refused for good") {
    const TemporaryFolder folder;
    {
        auto records = SigningRecords::open(folder.file("signing.db")).value();
        CHECK(records.put({{1, 100, {7}, {1, 2, 3}}, {2, 100, {7}, {9}}}).ok());
        CHECK(records.put({{1, 100, {7}, {1, 2, 3}}}).ok());
    }
    auto records = SigningRecords::open(folder.file("signing.db")).value();
    CHECK(records.get(1, 100, Bytes{7}).value() == Bytes{1, 2, 3});
    CHECK(records.get(2, 100, Bytes{7}).value() == Bytes{9});
    CHECK_FALSE(records.get(1, 101, Bytes{7}).value().has_value());
    CHECK_FALSE(records.get(1, 100, Bytes{8}).value().has_value());
    const auto status = records.put({{1, 100, {7}, {1, 2, 4}}});
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::already_exists);
    CHECK(records.get(1, 100, Bytes{7}).value() == Bytes{1, 2, 3});
}

TEST_CASE("records and states put together are stored all or not at all") {
    const TemporaryFolder folder;
    auto records = SigningRecords::open(folder.file("signing.db")).value();
    CHECK(records.put({{1, 5, {1}, {1}}}, {{"consensus", {1}}}).ok());
    CHECK_FALSE(records.put({{1, 6, {1}, {1}}, {1, 5, {1}, {2}}}, {{"consensus", {2}}}).ok());
    CHECK_FALSE(records.get(1, 6, Bytes{1}).value().has_value());
    CHECK(records.state("consensus").value() == Bytes{1});
    CHECK(records.put({}, {{"consensus", {3}}}).ok());
    CHECK(records.state("consensus").value() == Bytes{3});
    CHECK_FALSE(records.state("other").value().has_value());
}

TEST_CASE("records are listed from an order on and removed below one, kind by kind") {
    const TemporaryFolder folder;
    auto records = SigningRecords::open(folder.file("signing.db")).value();
    for (std::uint64_t order = 0; order < 300; order += 100)
        CHECK(records.put({{1, order, {2}, {1}}, {1, order, {1}, {1}}, {2, order, {1}, {1}}}).ok());
    CHECK(records.from(1, 100).value() ==
          std::vector<SigningRecord>{{1, 100, {1}, {1}}, {1, 100, {2}, {1}}, {1, 200, {1}, {1}}, {1, 200, {2}, {1}}});
    CHECK(records.remove_below(1, 200).ok());
    CHECK(records.from(1, 0).value().size() == 2);
    CHECK(records.from(2, 0).value().size() == 3);
}

TEST_CASE("two processes cannot both sign with one file") {
    const TemporaryFolder folder;
    auto options = SigningRecords::default_options();
    options.lock_wait_ms = 1;
    auto first = SigningRecords::open(folder.file("signing.db"), options).value();
    const auto second = SigningRecords::open(folder.file("signing.db"), options);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().code == ErrorCode::unavailable);
}
