#include "runtime/base/codec.hpp"

#include <random>

#include <doctest/doctest.h>
#include <msgpack.hpp>

#include "runtime/base/json.hpp"

namespace {

using namespace troupe;

enum class Colour : std::uint8_t { red = 0, green = 3 };
constexpr bool is_valid(Colour c) { return c == Colour::red || c == Colour::green; }
constexpr const char* to_string(Colour c) { return c == Colour::red ? "red" : "green"; }

struct Inner {
    std::uint64_t number = 0;
    bool flag = false;
    bool operator==(const Inner&) const = default;
    static constexpr auto reflect() {
        return fields("Inner", field("number", &Inner::number), field("flag", &Inner::flag));
    }
};

struct Everything {
    std::uint8_t u8 = 0;
    std::uint16_t u16 = 0;
    std::uint32_t u32 = 0;
    std::uint64_t u64 = 0;
    bool flag = false;
    Colour colour = Colour::red;
    Height height;
    Address address;
    Bytes bytes;
    std::string text;
    uint256 amount;
    std::vector<Inner> list;
    std::optional<Inner> maybe;
    std::pair<std::uint32_t, Bytes> both;
    std::variant<Inner, Bytes, std::uint16_t> one_of;

    bool operator==(const Everything&) const = default;
    static constexpr auto reflect() {
        using E = Everything;
        return fields("Everything", field("u8", &E::u8), field("u16", &E::u16), field("u32", &E::u32),
                      field("u64", &E::u64), field("flag", &E::flag), field("colour", &E::colour),
                      field("height", &E::height), field("address", &E::address), field("bytes", &E::bytes),
                      field("text", &E::text), field("amount", &E::amount), field("list", &E::list),
                      field("maybe", &E::maybe), field("both", &E::both), field("one_of", &E::one_of));
    }
};

/// Nests as deeply as its input asks for.
struct Tree {
    std::vector<Tree> children;
    bool operator==(const Tree&) const = default;
    static constexpr auto reflect() { return fields("Tree", field("children", &Tree::children)); }
};

using Random = std::mt19937_64;

Bytes random_bytes(Random& random, std::size_t size) {
    Bytes out(size);
    for (auto& b : out) b = static_cast<std::uint8_t>(random());
    return out;
}

/// Uniform in the number of bits, so that every msgpack width occurs.
std::uint64_t random_number(Random& random) { return random() >> (random() % 64); }

Everything random_everything(Random& random) {
    Everything e;
    e.u8 = static_cast<std::uint8_t>(random_number(random));
    e.u16 = static_cast<std::uint16_t>(random_number(random));
    e.u32 = static_cast<std::uint32_t>(random_number(random));
    e.u64 = random_number(random);
    e.flag = random() % 2;
    e.colour = random() % 2 ? Colour::green : Colour::red;
    e.height = Height{random_number(random)};
    e.address = *Address::from_view(random_bytes(random, 20));
    e.bytes = random_bytes(random, random() % 400);
    e.text = std::string(random() % 300, 'x');
    e.amount = uint256{random_number(random), random_number(random), random_number(random), random_number(random)};
    if (random() % 3 == 0) e.amount = uint256{random_number(random)};
    for (std::size_t i = random() % 40; i > 0; --i) e.list.push_back({random_number(random), random() % 2 == 0});
    if (random() % 2) e.maybe = Inner{random_number(random), true};
    e.both = {static_cast<std::uint32_t>(random_number(random)), random_bytes(random, random() % 40)};
    switch (random() % 3) {
        case 0: e.one_of = Inner{random_number(random), false}; break;
        case 1: e.one_of = random_bytes(random, random() % 20); break;
        default: e.one_of = static_cast<std::uint16_t>(random());
    }
    return e;
}

using Packer = msgpack::packer<msgpack::sbuffer>;

void pack_bin(Packer& p, ByteView bytes) {
    p.pack_bin(static_cast<std::uint32_t>(bytes.size()));
    p.pack_bin_body(reinterpret_cast<const char*>(bytes.data()), static_cast<std::uint32_t>(bytes.size()));
}
void pack_inner(Packer& p, const Inner& inner) {
    p.pack_array(2);
    p.pack(inner.number);
    p.pack(inner.flag);
}

/// The encoding as the library makes it, written out by hand.
Bytes oracle(const Everything& e) {
    msgpack::sbuffer out;
    Packer p(out);
    p.pack_array(15);
    p.pack(e.u8);
    p.pack(e.u16);
    p.pack(e.u32);
    p.pack(e.u64);
    p.pack(e.flag);
    p.pack(static_cast<unsigned>(e.colour));
    p.pack(e.height.value);
    pack_bin(p, e.address.view());
    pack_bin(p, e.bytes);
    p.pack(e.text);
    Bytes digits;
    for (int shift = 255; shift >= 0; shift -= 8) {
        const auto bit = static_cast<unsigned>(shift) - 7;
        const auto byte = static_cast<std::uint8_t>(e.amount.limb[bit / 64] >> (bit % 64));
        if (byte != 0 || !digits.empty()) digits.push_back(byte);
    }
    pack_bin(p, digits);
    p.pack_array(static_cast<std::uint32_t>(e.list.size()));
    for (const auto& inner : e.list) pack_inner(p, inner);
    p.pack_array(e.maybe ? 1 : 0);
    if (e.maybe) pack_inner(p, *e.maybe);
    p.pack_array(2);
    p.pack(e.both.first);
    pack_bin(p, e.both.second);
    p.pack_array(2);
    p.pack(e.one_of.index());
    if (const auto* inner = std::get_if<Inner>(&e.one_of)) pack_inner(p, *inner);
    if (const auto* bytes = std::get_if<Bytes>(&e.one_of)) pack_bin(p, *bytes);
    if (const auto* number = std::get_if<std::uint16_t>(&e.one_of)) p.pack(*number);
    const auto* first = reinterpret_cast<const std::uint8_t*>(out.data());
    return {first, first + out.size()};
}

template <class T>
std::string fault_of(std::string_view hex) {
    const auto result = decode<T>(*from_hex(hex));
    if (result.ok()) return "accepted";
    CHECK(result.error().code == ErrorCode::malformed);
    return result.error().message;
}

template <class T>
bool refused(std::string_view hex) {
    return fault_of<T>(hex) != "accepted";
}

}  // namespace

TEST_CASE("what is encoded equals the msgpack library's encoding and reads back, for random values") {
    Random random{20};
    for (int i = 0; i < 2000; ++i) {
        const auto value = random_everything(random);
        const auto bytes = encode(value);
        REQUIRE(bytes == oracle(value));
        const auto back = decode<Everything>(bytes);
        REQUIRE(back.ok());
        REQUIRE(*back == value);
    }
}

TEST_CASE("every length boundary of integers, bytes, text and arrays reads back") {
    for (unsigned bits = 0; bits <= 63; ++bits)
        for (const auto delta : {-1, 0, 1}) {
            const auto number = (std::uint64_t{1} << bits) + static_cast<std::uint64_t>(delta);
            CHECK(*decode<std::uint64_t>(encode(number)) == number);
        }
    CHECK(*decode<std::uint64_t>(encode(~std::uint64_t{0})) == ~std::uint64_t{0});
    for (const std::size_t size : {0, 1, 15, 16, 31, 32, 33, 255, 256, 257, 65535, 65536}) {
        CAPTURE(size);
        const Bytes bytes(size, 0x5a);
        CHECK(*decode<Bytes>(encode(bytes)) == bytes);
        const std::string text(size, 't');
        CHECK(*decode<std::string>(encode(text)) == text);
        std::vector<std::uint16_t> list(size, 300);
        CHECK(*decode<std::vector<std::uint16_t>>(encode(list)) == list);
    }
}

TEST_CASE("integers that are longer than needed are refused") {
    for (const auto* hex : {"cc00", "cc7f", "cd0000", "cd00ff", "ce00000000", "ce0000ffff", "cf0000000000000000",
                            "cf00000000ffffffff", "d000", "d17fff", "ff", "e0"}) {
        CAPTURE(hex);
        CHECK(refused<std::uint64_t>(hex));
    }
    CHECK_FALSE(refused<std::uint64_t>("cc80"));
    CHECK_FALSE(refused<std::uint64_t>("cd0100"));
    CHECK_FALSE(refused<std::uint64_t>("ce00010000"));
    CHECK_FALSE(refused<std::uint64_t>("cf0000000100000000"));
}

TEST_CASE("an integer beyond its type is refused, not cut") {
    CHECK(refused<std::uint8_t>("cd0100"));
    CHECK(refused<std::uint16_t>("ce00010000"));
    CHECK(refused<std::uint32_t>("cf0000000100000000"));
    CHECK(refused<View>("cf0000000100000000"));
    CHECK_FALSE(refused<std::uint8_t>("ccff"));
}

TEST_CASE("lengths that are longer than needed are refused") {
    CHECK(refused<Bytes>("c50001aa"));
    CHECK(refused<Bytes>("c600000001aa"));
    CHECK_FALSE(refused<Bytes>("c401aa"));
    CHECK_FALSE(refused<Bytes>("c400"));
    CHECK(refused<std::string>("d90161"));
    CHECK(refused<std::string>("da000161"));
    CHECK(refused<std::string>("db0000000161"));
    CHECK_FALSE(refused<std::string>("a161"));

    CHECK(refused<std::vector<std::uint16_t>>("dc000101"));
    CHECK(refused<std::vector<std::uint16_t>>("dd0000000101"));
    CHECK_FALSE(refused<std::vector<std::uint16_t>>("9101"));
}

TEST_CASE(
    "text and bytes and arrays are not taken for one another, nor nil, maps, floats and extensions for anything") {
    CHECK(refused<Bytes>("a161"));
    CHECK(refused<std::string>("c40161"));
    CHECK(refused<std::vector<std::uint16_t>>("c40101"));
    CHECK(refused<bool>("01"));
    CHECK(refused<std::uint16_t>("c3"));
    for (const auto* hex :
         {"c0", "80", "8101", "de0000", "ca00000000", "cb0000000000000000", "d40000", "c70000", "c1"}) {
        CAPTURE(hex);
        CHECK(refused<std::uint64_t>(hex));
        CHECK(refused<Bytes>(hex));
        CHECK(refused<std::string>(hex));
        CHECK(refused<std::vector<std::uint16_t>>(hex));
        CHECK(refused<bool>(hex));
        CHECK(refused<Inner>(hex));
    }
}

TEST_CASE("amounts have no leading zeros and at most 32 bytes") {
    CHECK(refused<uint256>("c40100"));
    CHECK(refused<uint256>("c4020001"));
    CHECK(refused<uint256>("c421010000000000000000000000000000000000000000000000000000000000000000"));
    CHECK(*decode<uint256>(*from_hex("c400")) == uint256{});
    CHECK(*decode<uint256>(*from_hex("c4020100")) == uint256{256});
}

TEST_CASE("fields missing or added, wrong fixed sizes, unknown enumerators and alternatives are refused") {
    CHECK_FALSE(refused<Inner>("9207c3"));
    CHECK(refused<Inner>("9107"));
    CHECK(refused<Inner>("9307c300"));
    CHECK(refused<Address>("c40101"));
    CHECK(refused<Colour>("01"));
    CHECK(refused<Colour>("04"));
    CHECK(refused<Colour>("cd0103"));
    CHECK_FALSE(refused<Colour>("03"));
    using OneOf = std::variant<Inner, Bytes>;
    CHECK_FALSE(refused<OneOf>("9201c400"));
    CHECK(refused<OneOf>("9202c400"));
    CHECK(refused<OneOf>("92cf0000000100000001c400"));
    CHECK(refused<OneOf>("9101"));
    CHECK(refused<std::optional<bool>>("92c3c3"));
    CHECK(refused<std::optional<bool>>("c0"));
    CHECK_FALSE(refused<std::optional<bool>>("91c3"));
    using Both = std::pair<bool, bool>;
    CHECK(refused<Both>("91c3"));
    CHECK(refused<Both>("93c3c3c3"));
    CHECK_FALSE(refused<Both>("92c3c2"));
}

TEST_CASE("an error names the type, the fault and the byte") {
    CHECK(fault_of<Inner>("9207c3ff") == "Inner: bytes after the value at byte 3");
    CHECK(fault_of<Inner>("92") == "Inner: more elements than bytes at byte 1");
    CHECK(fault_of<Inner>("9207") == "Inner: more elements than bytes at byte 1");
}

TEST_CASE("every proper prefix of an encoding is refused, and every appended byte too") {
    Random random{21};
    for (int i = 0; i < 50; ++i) {
        auto bytes = encode(random_everything(random));
        for (std::size_t size = 0; size < bytes.size(); ++size)
            REQUIRE_FALSE(decode<Everything>(ByteView{bytes}.first(size)).ok());
        bytes.push_back(0);
        REQUIRE_FALSE(decode<Everything>(bytes).ok());
    }
}

TEST_CASE("whatever a mutated input decodes to encodes to that very input") {
    Random random{22};
    int accepted = 0;
    for (int i = 0; i < 100000; ++i) {
        auto bytes = encode(random_everything(random));
        for (auto changes = 1 + random() % 3; changes > 0; --changes)
            bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        const auto value = decode<Everything>(bytes);
        if (!value) continue;
        ++accepted;
        REQUIRE(encode(*value) == bytes);
    }
    CHECK(accepted > 1000);
}

TEST_CASE("claimed sizes beyond the input are refused before anything is allocated for them") {
    CHECK(refused<std::vector<Bytes>>("ddffffffff"));
    CHECK(refused<std::vector<Bytes>>("ddffffffffc400"));
    CHECK(refused<Bytes>("c6ffffffff00"));
    CHECK(refused<std::string>("dbffffffff00"));
    CHECK(refused<std::vector<std::uint64_t>>("dcffff" + std::string(200, '0')));
}

TEST_CASE("an array may not claim more elements than the limit even if the input has them") {
    const auto count = limits::array_elements_max;
    CHECK(decode<std::vector<std::uint16_t>>(encode(std::vector<std::uint16_t>(count, 1))).ok());
    auto bytes = *from_hex("dd00010001");
    bytes.resize(bytes.size() + count + 1, 1);
    const auto over = decode<std::vector<std::uint16_t>>(bytes);
    REQUIRE_FALSE(over.ok());
    CHECK(over.error().message.find("too many elements") != std::string::npos);
}

TEST_CASE("nesting is limited, however deep the input goes") {
    const auto nested = [](std::size_t levels) {
        Bytes out;
        for (std::size_t i = 0; i + 1 < levels; ++i) {
            out.push_back(0x91);
            out.push_back(0x91);
        }
        out.push_back(0x91);
        out.push_back(0x90);
        return out;
    };
    // A Tree takes two levels: its own array and its children's.
    CHECK(decode<Tree>(nested(limits::codec_depth_max / 2)).ok());
    CHECK_FALSE(decode<Tree>(nested(limits::codec_depth_max / 2 + 1)).ok());
    CHECK_FALSE(decode<Tree>(nested(1000000)).ok());
}

TEST_CASE("depth counts levels, not elements: a long flat list of lists is in order") {
    const std::vector<std::vector<Inner>> lists(5000, std::vector<Inner>(2));
    CHECK(*decode<std::vector<std::vector<Inner>>>(encode(lists)) == lists);
    const std::vector<std::optional<std::pair<bool, bool>>> options(5000, std::pair{true, false});
    CHECK(decode<std::vector<std::optional<std::pair<bool, bool>>>>(encode(options)).ok());
}

TEST_CASE("the first fault sticks and later reads give empty values") {
    const auto input = *from_hex("c0c401aa");
    Reader in{input};
    CHECK(in.unsigned_integer() == 0);
    CHECK(in.failed());
    const std::string first = in.fault();
    CHECK(in.bytes().empty());
    CHECK(in.text().empty());
    CHECK(in.array() == 0);
    CHECK(in.boolean() == false);
    CHECK(first == in.fault());
}

TEST_CASE("random bytes never crash the decoder") {
    Random random{23};
    for (int i = 0; i < 200000; ++i) {
        const auto bytes = random_bytes(random, random() % 40);
        (void)decode<Everything>(bytes).ok();
        (void)decode<Tree>(bytes).ok();
        (void)decode<std::variant<Inner, Bytes, std::string>>(bytes).ok();
    }
}

TEST_CASE("JSON shows hex for bytes, decimal text for amounts, names for enums") {
    Everything e;
    e.u8 = 5;
    e.colour = Colour::green;
    e.height = Height{9};
    e.bytes = {1, 0xab};
    e.amount = uint256{0, 0, 1, 0};
    e.list = {{1, true}};
    e.both = {3, {4}};
    e.one_of = Bytes{0xff};
    const auto json = to_json_value(e);
    CHECK(json["u8"] == 5);
    CHECK(json["colour"] == "green");
    CHECK(json["height"] == 9);
    CHECK(json["bytes"] == "0x01ab");
    CHECK(json["address"] == "0x0000000000000000000000000000000000000000");
    CHECK(json["amount"] == "18446744073709551616");
    CHECK(json["list"].dump() == R"([{"number":1,"flag":true}])");
    CHECK(json["maybe"].is_null());
    CHECK(json["both"].dump() == R"([3,"0x04"])");
    CHECK(json["one_of"] == "0xff");
    CHECK(json.begin().key() == "u8");
}
