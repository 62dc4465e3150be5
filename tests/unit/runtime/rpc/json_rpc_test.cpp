#include "runtime/rpc/json_rpc.hpp"

#include <doctest/doctest.h>

#include "runtime/base/limits.hpp"

namespace troupe::rpc {

TEST_CASE("a request gives its method, params and id as they were written") {
    const auto body = parse_body(R"( {"jsonrpc":"2.0","id":7,"method":"eth_call","params":[{"to":"0x1"},"latest"]} )");
    REQUIRE_FALSE(body.error);
    CHECK_FALSE(body.is_batch);
    REQUIRE(body.requests.size() == 1);
    CHECK(body.requests[0].request.method == "eth_call");
    CHECK(body.requests[0].request.params_json == R"([{"to":"0x1"},"latest"])");
    CHECK(body.requests[0].request.id_json == "7");
}

TEST_CASE("ids of 0, null, text and absent ids are told apart") {
    const auto id_of = [](const char* text) { return parse_body(text).requests.at(0).request; };
    CHECK(id_of(R"({"id":0,"method":"m"})").id_json == "0");
    CHECK(id_of(R"({"id":"a\"b","method":"m"})").id_json == R"("a\"b")");
    CHECK(id_of(R"({"id":null,"method":"m"})").id_json == "null");
    CHECK_FALSE(id_of(R"({"id":null,"method":"m"})").is_notification);
    CHECK(id_of(R"({"method":"m"})").is_notification);
    CHECK(id_of(R"({"method":"m"})").params_json.empty());
}

TEST_CASE("what is no request is answered as such, with its id where it has one") {
    for (const char* text :
         {"5", "\"x\"", "null", "{}", R"({"id":1})", R"({"method":5,"id":1})", R"({"id":{},"method":"m"})"}) {
        const auto body = parse_body(text);
        REQUIRE_MESSAGE(body.requests.size() == 1, text);
        REQUIRE_MESSAGE(body.requests[0].error, text);
        CHECK(body.requests[0].error->code == -32600);
        CHECK_FALSE(body.requests[0].request.is_notification);
    }
    CHECK(parse_body(R"({"method":5,"id":1})").requests[0].request.id_json == "1");
}

TEST_CASE("broken, empty and excessive bodies are refused as a whole") {
    const auto code_of = [](const std::string& text) {
        return parse_body(text).error ? parse_body(text).error->code : 0;
    };
    for (const char* text : {"", "{", "{bad", "[", "[1,", "{\"id\":1}x", "\xff\xfe", "{\"a\":\"\xc3\x28\"}", "nul"})
        CHECK_MESSAGE(code_of(text) == -32700, text);
    CHECK(code_of("[]") == -32600);
    const auto nested = [](std::size_t depth) {
        return "{\"id\":1,\"method\":\"m\",\"params\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
    };
    CHECK(code_of(nested(limits::json_depth_max - 2)) == 0);
    CHECK(code_of(nested(limits::json_depth_max + 1)) == -32700);
    CHECK(code_of(std::string(1 << 20, '[')) == -32700);
    const auto batch = [](std::size_t count) {
        std::string out = "[";
        for (std::size_t i = 0; i < count; ++i) out += i == 0 ? "1" : ",1";
        return out + "]";
    };
    CHECK(parse_body(batch(limits::rpc_batch_max)).requests.size() == limits::rpc_batch_max);
    CHECK(code_of(batch(limits::rpc_batch_max + 1)) == -32600);
    CHECK(parse_body(batch(limits::rpc_batch_max + 1)).requests.empty());
    CHECK(code_of(std::string(limits::rpc_body_bytes_max + 1, ' ')) == -32600);
    // The parser is none the worse for it.
    CHECK(parse_body(R"({"id":1,"method":"m"})").requests.size() == 1);
}

TEST_CASE("a large body is parsed like a small one") {
    const std::string data(2 << 20, 'a');
    const auto body = parse_body(R"({"id":1,"method":"m","params":["0x)" + data + R"("]})");
    REQUIRE_FALSE(body.error);
    CHECK(body.requests[0].request.params_json.size() == data.size() + 6);
}

TEST_CASE("answers carry result or error, never both, and quote what they must") {
    CHECK(format_answer("3", {"\"0x1\"", {}, {}}) == R"({"jsonrpc":"2.0","id":3,"result":"0x1"})");
    CHECK(format_answer("", {"", {}, {}}) == R"({"jsonrpc":"2.0","id":null,"result":null})");
    CHECK(format_answer("1", {"ignored", RpcError{3, "a \"b\"\n", "\"0x\""}, {}}) ==
          R"({"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"a \"b\"\u000a","data":"0x"}})");
    CHECK(quote("\xc3\xa9") == "\"\xc3\xa9\"");
    CHECK(quote("\xff") == "\"\\ufffd\"");
}

}  // namespace troupe::rpc
