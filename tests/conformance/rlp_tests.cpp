// ethereum/tests RLPTests: every valid item decodes and encodes again to the same bytes, every invalid one is refused.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "runtime/base/rlp.hpp"
#include "tests/conformance/data.hpp"

using namespace troupe;

namespace {

/// "#1234" is a decimal number of any size; other text stands for its bytes.
Bytes string_payload(const std::string& text) {
    if (!text.starts_with('#')) return {text.begin(), text.end()};
    Bytes little_endian;
    for (const char digit : text.substr(1)) {
        unsigned carry = static_cast<unsigned>(digit - '0');
        for (auto& byte : little_endian) {
            carry += byte * 10u;
            byte = static_cast<std::uint8_t>(carry);
            carry >>= 8;
        }
        if (carry != 0) little_endian.push_back(static_cast<std::uint8_t>(carry));
    }
    return {little_endian.rbegin(), little_endian.rend()};
}

void encode_json(const nlohmann::json& value, rlp::Encoder& out) {
    if (value.is_array()) {
        const auto list = out.begin_list();
        for (const auto& item : value) encode_json(item, out);
        out.end_list(list);
    } else if (value.is_number()) {
        out.integer(value.get<std::uint64_t>());
    } else {
        out.bytes(ByteView{string_payload(value.get<std::string>())});
    }
}

/// Encodes anew what the decoder read.
void encode_again(rlp::Reader& reader, rlp::Encoder& out) {
    while (!reader.at_end()) {
        if (!reader.peek().is_list) {
            out.bytes(reader.bytes());
            continue;
        }
        const auto list = out.begin_list();
        auto inner = reader.list();
        encode_again(inner, out);
        if (const auto error = inner.error()) reader.fail(*error);
        out.end_list(list);
    }
}

}  // namespace

TEST_CASE("RLPTests") {
    const auto suite = conformance::find_suite("ethereum/RLPTests");
    if (!suite) return;
    std::size_t valid = 0;
    std::size_t invalid = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{*suite}) {
        if (entry.path().extension() != ".json") continue;
        const auto tests_of_file = conformance::read_json(entry.path());
        for (const auto& [name, test] : tests_of_file.items()) {
            CAPTURE(entry.path().filename().string());
            CAPTURE(name);
            const auto& in = test.at("in");
            const auto bytes = from_hex(test.at("out").get<std::string>());
            REQUIRE(bytes.has_value());
            if (in == "INVALID") {
                CHECK(rlp::validate(*bytes).has_value());
                ++invalid;
                continue;
            }
            const auto error = rlp::validate(*bytes);
            CHECK_MESSAGE(!error, rlp::to_string(error.value_or(rlp::DecodeError::truncated)));
            rlp::Reader reader{*bytes};
            rlp::Encoder again;
            encode_again(reader, again);
            CHECK_FALSE(reader.finish());
            CHECK(to_hex(again.view()) == to_hex(*bytes));
            if (in != "VALID") {
                rlp::Encoder encoded;
                encode_json(in, encoded);
                CHECK(to_hex(encoded.view()) == to_hex(*bytes));
            }
            ++valid;
        }
    }
    std::printf("RLPTests: %zu valid, %zu invalid\n", valid, invalid);
    CHECK(valid > 0);
    CHECK(invalid > 0);
}
