#include "runtime/rpc/typed_data.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

/// The example of EIP-712.
[[nodiscard]] Json mail() {
    return Json::parse(R"({
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
            "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
            "Mail": [
                {"name": "from", "type": "Person"}, {"name": "to", "type": "Person"},
                {"name": "contents", "type": "string"}]
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail", "version": "1", "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
        "message": {
            "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
            "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
            "contents": "Hello, Bob!"}
    })");
}
[[nodiscard]] std::string digest(const Json& data) {
    const auto out = typed_data_digest(data);
    return out ? to_hex(out->view()) : out.error().message;
}

}  // namespace

TEST_CASE("EIP-712's example gives its digest") {
    CHECK(digest(mail()) == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
}

TEST_CASE("EIP-191's messages give the known digest") {
    CHECK(to_hex(personal_message_digest(as_bytes("hello")).view()) ==
          "50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750");
}

TEST_CASE("numbers may be JSON numbers, decimal or hex text, and negative where their type is signed") {
    const auto with = [](const char* type, Json value) {
        auto data = mail();
        data["types"]["Mail"] = Json::parse(R"([{"name": "n", "type": ")" + std::string{type} + R"("}])");
        data["message"] = {{"n", std::move(value)}};
        return digest(data);
    };
    CHECK(with("uint8", 255) == with("uint8", "255"));
    CHECK(with("uint8", 255) == with("uint8", "0xff"));
    CHECK(with("uint8", 256) == "typed data: Mail.n: does not fit its type");
    CHECK(with("int8", -128) == with("int8", "-128"));
    CHECK(with("int8", 128) == "typed data: Mail.n: does not fit its type");
    CHECK(with("int8", -129) == "typed data: Mail.n: does not fit its type");
    CHECK(with("uint8", -1) == "typed data: Mail.n: a number is expected");
    CHECK(with("uint7", 1) == "typed data: Mail.n: there is no type uint7");
    CHECK(with("bytes4", "0x01020304").size() == 64);
    CHECK(with("bytes4", "0x010203") == "typed data: Mail.n: 4 bytes are expected");
    CHECK(with("uint8[2]", Json{1, 2}).size() == 64);
    CHECK(with("uint8[2]", Json{1}) == "typed data: Mail.n: 2 elements are expected");
    CHECK(with("nothing", 1) == "typed data: Mail.n: there is no type nothing");
}

TEST_CASE("hostile typed data is refused: missing parts, endless nesting, too many fields") {
    CHECK(digest(Json::array()) == "typed data: types is missing");
    auto data = mail();
    data["primaryType"] = "Letter";
    CHECK(digest(data) == "typed data: types: there is no Letter");
    data = mail();
    data["message"].erase("contents");
    CHECK(digest(data) == "typed data: Mail.contents is missing");
    data = mail();
    auto& fields = data["types"]["Mail"];
    for (int i = 0; i < 3000; ++i) fields.push_back({{"name", "f" + std::to_string(i)}, {"type", "bool"}});
    CHECK(digest(data) == "typed data: types: more than 2000 fields");
    data = mail();
    data["types"]["Mail"] = Json::parse(R"([{"name": "next", "type": "Mail"}])");
    Json deep = Json::object();
    for (int i = 0; i < 200; ++i) deep = Json{{"next", std::move(deep)}};
    data["message"] = std::move(deep);
    CHECK(digest(data).ends_with("nested too deeply"));
}
