// RLPTests: every valid item decodes, encodes again to the same bytes, and is what its JSON encodes to; every invalid
// one is refused.
#include "runtime/base/rlp.hpp"
#include "vm/conformance/runner.hpp"

namespace troupe::conformance {
namespace {

/// "#1234" is a decimal number of any size; other text stands for its bytes.
[[nodiscard]] Bytes string_payload(std::string_view text) {
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

void encode_json(const JsonNode& value, rlp::Encoder& out) {
    if (value.is_array()) {
        const auto list = out.begin_list();
        for (const auto& item : value.array()) encode_json({item, "in"}, out);
        out.end_list(list);
    } else if (value.is_text()) {
        out.bytes(ByteView{string_payload(value.text())});
    } else {
        out.integer(value.integer());
    }
}

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

[[nodiscard]] std::vector<Difference> check(const JsonNode& test) {
    const auto in = test["in"];
    const auto bytes = test["out"].bytes();
    const auto error = rlp::validate(bytes);
    if (in.is_text() && in.text() == "INVALID") {
        if (error) return {};
        return {{"decoding", "refused", "accepted"}};
    }
    if (error) return {{"decoding", "accepted", rlp::to_string(*error)}};
    std::vector<Difference> out;
    const auto require = [&](const char* what, const rlp::Encoder& encoded) {
        if (to_hex(encoded.view()) != to_hex(bytes)) out.push_back({what, to_hex(bytes), to_hex(encoded.view())});
    };
    rlp::Reader reader{bytes};
    rlp::Encoder again;
    encode_again(reader, again);
    require("decoded and encoded again", again);
    if (!in.is_text() || in.text() != "VALID") {
        rlp::Encoder encoded;
        encode_json(in, encoded);
        require("encoding", encoded);
    }
    return out;
}

}  // namespace

bool run_rlp_file(FileRun& run, const JsonNode& root) {
    const auto is_rlp_test = [](const JsonNode& test) {
        const auto out = test.find("out");
        return test.has("in") && out && out->is_text();
    };
    return for_each_test(run, root, is_rlp_test, [&](const std::string& name, const JsonNode& test) {
        if (!run.is_wanted(name))
            ++run.report.skipped;
        else
            run.finish(name, check(test));
    });
}

}  // namespace troupe::conformance
