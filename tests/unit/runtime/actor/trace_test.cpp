#include "runtime/actor/trace.hpp"

#include <array>
#include <set>
#include <string>

#include <doctest/doctest.h>

using namespace troupe;

namespace {

TransactionHash transaction(std::uint8_t n) {
    TransactionHash hash;
    hash.bytes.fill(n);
    return hash;
}
ChunkId chunk(std::uint8_t n) {
    ChunkId id;
    id.bytes.fill(n);
    return id;
}
Hash256 key(std::uint8_t n) {
    Hash256 hash;
    hash.bytes.fill(n);
    return hash;
}

}  // namespace

TEST_CASE("A transaction is found by its hash, and from its chunk on by the chunk's id") {
    TraceLog log;
    log.add({0, Station::gateway, transaction(1), {}, 0, 0});
    log.add({0, Station::gateway, transaction(2), {}, 0, 0});
    log.add({0, Station::chunk, transaction(1), chunk(9), 0, 0});
    log.add({0, Station::chunk, transaction(2), chunk(9), 0, 0});
    log.add({0, Station::commit, {}, chunk(9), 5, 1});
    const auto own = log.find(std::array{key(1)});
    REQUIRE(own.size() == 2);
    CHECK(own[1].chunk == chunk(9));
    // The chunk's own stations, without those of the other transactions in it.
    const auto shared = log.find(std::array{key(9)});
    REQUIRE(shared.size() == 1);
    CHECK(shared[0].station == Station::commit);
    CHECK(shared[0].height == 5);
    CHECK(log.find(std::array{key(1), key(9)}).size() == 3);
    CHECK(log.find(std::array{key(7)}).empty());
}

TEST_CASE("The trace keeps as many events as it has room for, the newest") {
    TraceLog log{4};
    for (std::uint8_t i = 1; i <= 10; ++i) log.add({0, Station::gateway, transaction(i), {}, 0, 0});
    CHECK(log.find(std::array{key(6)}).empty());
    for (std::uint8_t i = 7; i <= 10; ++i) CHECK(log.find(std::array{key(i)}).size() == 1);
    const auto last = log.last(Station::gateway, 2);
    REQUIRE(last.size() == 2);
    CHECK(last[0].transaction == transaction(10));
    CHECK(last[0].unix_us >= last[1].unix_us);
    CHECK(last[1].unix_us > 0);
}

TEST_CASE("Every station has a name of its own") {
    std::set<std::string> names;
    for (std::size_t i = 0; i < station_count; ++i) names.insert(to_string(static_cast<Station>(i)));
    CHECK(names.size() == station_count);
}
