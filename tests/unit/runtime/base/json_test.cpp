#include "runtime/base/json.hpp"

#include <doctest/doctest.h>

namespace {

using namespace troupe;

enum class Mode : std::uint8_t { slow = 0, fast = 1 };
constexpr bool is_valid(Mode m) { return m <= Mode::fast; }
constexpr const char* to_string(Mode m) { return m == Mode::slow ? "slow" : "fast"; }

struct Entry {
    std::uint16_t port = 0;
    Address address;
    bool operator==(const Entry&) const = default;
    static constexpr auto reflect() {
        return fields("Entry", field("port", &Entry::port), field("address", &Entry::address));
    }
};

struct Settings {
    std::string name;
    Mode mode = Mode::slow;
    bool on = false;
    DurationMs wait;
    uint256 amount;
    Bytes code;
    std::vector<Entry> entries;
    std::optional<std::uint64_t> limit;
    std::vector<std::pair<uint256, uint256>> storage;
    bool operator==(const Settings&) const = default;
    static constexpr auto reflect() {
        using S = Settings;
        return fields("Settings", field("name", &S::name), field("mode", &S::mode), field("on", &S::on),
                      field("wait", &S::wait), field("amount", &S::amount), field("code", &S::code),
                      field("entries", &S::entries), field("limit", &S::limit), field("storage", &S::storage));
    }
};

Settings sample() {
    Settings s;
    s.name = "a \"quoted\" näme";
    s.mode = Mode::fast;
    s.on = true;
    s.wait = DurationMs{~std::uint64_t{0}};
    s.amount = uint256{1, 2, 3, 4};
    s.code = {0, 1, 0xff};
    s.entries = {{65535, {}}, {1, *Address::from_view(Bytes(20, 9))}};
    s.limit = 3;
    s.storage = {{uint256{5}, uint256{6}}};
    return s;
}

std::string refusal(Json json) {
    Settings out;
    const auto status = from_json_value(json, out, "");
    return status.ok() ? "accepted" : status.error().message;
}

std::string refusal_with(const char* field, Json value) {
    auto json = to_json_value(sample());
    json[field] = std::move(value);
    return refusal(json);
}

}  // namespace

TEST_CASE("a struct read from its own JSON text is equal") {
    for (const auto& value : {sample(), Settings{}}) {
        const auto json = parse_json(to_json_value(value).dump(2));
        REQUIRE(json.ok());
        Settings back;
        REQUIRE(from_json_value(*json, back, "").ok());
        CHECK(back == value);
    }
}

TEST_CASE("errors name the field, what was expected and what was found") {
    CHECK(refusal_with("mode", "quick") == "mode: expected \"slow\" or \"fast\", found \"quick\"");
    CHECK(refusal_with("on", 1) == "on: expected true or false, found 1");
    CHECK(refusal_with("name", nullptr) == "name: expected text, found null");
    CHECK(refusal_with("entries", Json::object()) == "entries: expected a list, found object");
    CHECK(refusal(Json::array()) == "document: expected an object, found array");
    auto json = to_json_value(sample());
    json["entries"][1]["port"] = parse_json("65536").value();
    CHECK(refusal(json) == "entries[1].port: expected a whole number up to 65535, found 65536");
    json["entries"][1]["port"] = 1.0;
    CHECK(refusal(json) == "entries[1].port: expected a whole number up to 65535, found 1.0");
    json = to_json_value(sample());
    json["entries"][0]["address"] = "0x00";
    CHECK(refusal(json) == "entries[0].address: expected 20 bytes as 0x-hex, found \"0x00\"");
}

TEST_CASE("unknown and missing fields are refused, with the nearest name for a typo") {
    auto json = to_json_value(sample());
    json["amout"] = "1";
    CHECK(refusal(json) == "unknown field \"amout\"; did you mean \"amount\"?");
    json = to_json_value(sample());
    json.erase("wait");
    CHECK(refusal(json) == "wait: missing");
    json = to_json_value(sample());
    json["entries"][0].erase("port");
    CHECK(refusal(json) == "entries[0].port: missing");
}

TEST_CASE("amounts are text, so that no reader rounds them") {
    CHECK(refusal_with("amount", parse_json("5").value()) != "accepted");
    CHECK(refusal_with("amount", "-5") != "accepted");
    CHECK(refusal_with("amount", "") != "accepted");
    CHECK(refusal_with("amount", "0x10") == "accepted");
    CHECK(refusal_with("code", "00") != "accepted");
    CHECK(refusal_with("code", "0x0") != "accepted");
    CHECK(refusal_with("wait", parse_json("-1").value()) != "accepted");
    CHECK(refusal_with("wait", parse_json("18446744073709551616").value()) != "accepted");
}

TEST_CASE("text that is not one JSON value is refused with its place") {
    const auto message = [](std::string_view text) {
        const auto result = parse_json(text);
        return result.ok() ? std::string{"accepted"} : result.error().message;
    };
    CHECK(message("{}") == "accepted");
    CHECK(message("{\"a\": 1,\n \"b\": }").find("line 2, column 7") != std::string::npos);
    CHECK(message("{} x") != "accepted");
    CHECK(message("") != "accepted");
    CHECK(message("\"\xff\"") != "accepted");
    CHECK(message(R"({"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]})") == "accepted");
    CHECK(message(R"({"a":1,"b":2,"a":3})") == "JSON: field \"a\" is repeated");
}

TEST_CASE("deep JSON is refused, not followed") {
    const auto depth_ok = limits::json_depth_max;
    CHECK(parse_json(std::string(depth_ok, '[') + std::string(depth_ok, ']')).ok());
    const auto deeper = parse_json(std::string(depth_ok + 1, '[') + std::string(depth_ok + 1, ']'));
    REQUIRE_FALSE(deeper.ok());
    CHECK(deeper.error().code == ErrorCode::too_large);
    CHECK_FALSE(parse_json(std::string(1000000, '[')).ok());
    std::string objects;
    for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
    CHECK_FALSE(parse_json(objects).ok());
}
