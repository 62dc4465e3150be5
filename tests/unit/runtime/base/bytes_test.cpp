#include "runtime/base/bytes.hpp"

#include <random>
#include <set>

#include <doctest/doctest.h>

#include "runtime/base/strong.hpp"

using namespace troupe;

TEST_CASE("hex of every byte value reads back, in both cases and with either prefix") {
    Bytes all;
    for (unsigned i = 0; i < 256; ++i) all.push_back(static_cast<std::uint8_t>(i));
    const auto lower = to_hex(all);
    CHECK(lower.size() == 512);
    CHECK(lower.substr(0, 6) == "000102");
    CHECK(lower.substr(508) == "feff");
    auto upper = lower;
    for (auto& c : upper) c = static_cast<char>(std::toupper(c));
    CHECK(from_hex(lower) == all);
    CHECK(from_hex(upper) == all);
    CHECK(from_hex("0x" + lower) == all);
    CHECK(from_hex("0X" + upper) == all);
    CHECK(to_hex_prefixed(all) == "0x" + lower);
}

TEST_CASE("hex of nothing is nothing") {
    CHECK(to_hex({}).empty());
    CHECK(to_hex_prefixed({}) == "0x");
    CHECK(from_hex("") == Bytes{});
    CHECK(from_hex("0x") == Bytes{});
}

TEST_CASE("text that is not hex is refused") {
    for (const auto* text : {"0", "0x1", "abc", "0xzz", "gg", "1 ", " 12", "0x 1", "00x1", "0x0x", "-1", "1\xff"}) {
        CAPTURE(text);
        CHECK_FALSE(from_hex(text));
    }
    CHECK_FALSE(from_hex(std::string_view{"1\0", 2}));
}

TEST_CASE("a fixed value takes exactly its own number of bytes") {
    CHECK_FALSE(Address::from_view(Bytes(19)));
    CHECK_FALSE(Address::from_view(Bytes(21)));
    CHECK(Address::from_view(Bytes(20, 7))->bytes[19] == 7);
    CHECK_FALSE(fixed_from_hex<Address>("0x00"));
    CHECK(fixed_from_hex<Address>("0x000000000000000000000000000000000000000a")->bytes[19] == 10);
}

TEST_CASE("fixed values order like their bytes and convert between kinds only when asked") {
    Hash256 low;
    Hash256 high;
    low[31] = 0xff;
    high[0] = 1;
    CHECK(low < high);
    CHECK(low.is_zero() == false);
    CHECK(Hash256{}.is_zero());
    const auto block = BlockHash::from(high);
    CHECK(block[0] == 1);
    static_assert(!std::is_convertible_v<Hash256, BlockHash>);
    static_assert(!std::is_constructible_v<BlockHash, ChunkId>);
}

TEST_CASE("the table hash spreads random keys, and depends on the last half of a key only") {
    std::mt19937_64 random{1};
    std::set<std::size_t> seen;
    for (int i = 0; i < 20000; ++i) {
        Hash256 key;
        for (std::size_t byte = 0; byte < 32; ++byte) key[byte] = static_cast<std::uint8_t>(random());
        seen.insert(FixedBytesHash{}(key) % 1048573);
        auto other = key;
        other[0] ^= 1;
        REQUIRE(FixedBytesHash{}(key) == FixedBytesHash{}(other));
    }
    // 20000 keys in a million buckets share 190 of them on average.
    CHECK(seen.size() > 19700);
}

TEST_CASE("a time before another is no time away") {
    CHECK(TimeMs{5} - TimeMs{7} == DurationMs{0});
    CHECK(TimeMs{7} - TimeMs{5} == DurationMs{2});
    CHECK(TimeMs{7} + DurationMs{5} == TimeMs{12});
    static_assert(!std::is_convertible_v<Height, View>);
    static_assert(!std::is_convertible_v<std::uint64_t, Height>);
}
