#include "runtime/base/rlp.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using rlp::DecodeError;

namespace {

std::string hex(const rlp::Encoder& encoder) { return to_hex(encoder.view()); }

std::optional<DecodeError> validate_hex(std::string_view text) { return rlp::validate(*from_hex(text)); }

}  // namespace

TEST_CASE("the encoder gives the examples of the yellow paper") {
    CHECK(hex(rlp::Encoder{}.bytes(as_bytes("dog"))) == "83646f67");
    CHECK(hex(rlp::Encoder{}.bytes(ByteView{})) == "80");
    CHECK(hex(rlp::Encoder{}.bytes(Bytes{0x7f})) == "7f");
    CHECK(hex(rlp::Encoder{}.bytes(Bytes{0x80})) == "8180");
    CHECK(hex(rlp::Encoder{}.integer(std::uint64_t{0})) == "80");
    CHECK(hex(rlp::Encoder{}.integer(std::uint64_t{1024})) == "820400");
    CHECK(hex(rlp::Encoder{}.integer(uint256{1, 0, 0, 0})) ==
          "99"
          "01" +
              std::string(48, '0'));
    CHECK(hex(rlp::Encoder{}.empty_list()) == "c0");
    rlp::Encoder nested;  // [ [], [[]], [ [], [[]] ] ]
    const auto top = nested.begin_list();
    nested.empty_list();
    const auto second = nested.begin_list();
    nested.empty_list().end_list(second);
    const auto third = nested.begin_list();
    nested.empty_list();
    const auto fourth = nested.begin_list();
    nested.empty_list().end_list(fourth).end_list(third).end_list(top);
    CHECK(hex(nested) == "c7c0c1c0c3c0c1c0");
}

TEST_CASE("a list header before the payload equals one put in afterwards, at every boundary of size") {
    for (const std::size_t size : {0, 1, 54, 55, 56, 255, 256, 65535, 65536}) {
        const Bytes filler(size, 0x01);  // each byte is an item of its own
        rlp::Encoder first;
        first.list_header(size).raw(filler);
        rlp::Encoder afterwards;
        const auto list = afterwards.begin_list();
        afterwards.raw(filler).end_list(list);
        CHECK(to_hex(first.view()) == to_hex(afterwards.view()));
        CHECK(first.size() == rlp::list_header_size(size) + size);
        CHECK_FALSE(rlp::validate(first.view()));
        const auto string = rlp::encode_bytes(Bytes(size, 0xaa));
        CHECK(string.size() == rlp::encoded_size(ByteView{Bytes(size, 0xaa)}));
        rlp::Reader reader{string};
        CHECK(reader.bytes().size() == size);
        CHECK_FALSE(reader.finish());
    }
}

TEST_CASE("integers of every bit length come back, and their size is foretold") {
    for (unsigned bit = 0; bit <= 256; ++bit) {
        uint256 value;
        if (bit < 256) value.limb[bit / 64] = std::uint64_t{1} << (bit % 64);
        rlp::Encoder encoder;
        encoder.integer(value);
        CHECK(encoder.size() == rlp::encoded_size(value));
        rlp::Reader reader{encoder.view()};
        CHECK(reader.integer256() == value);
        CHECK_FALSE(reader.finish());
        rlp::Reader narrow{encoder.view()};
        if (value.fits_u64()) {
            CHECK(encoder.size() == rlp::encoded_size(value.low64()));
            CHECK(to_hex(encoder.view()) == to_hex(rlp::encode_integer(value.low64())));
            CHECK(narrow.integer64() == value.low64());
            CHECK_FALSE(narrow.finish());
        } else {
            CHECK(narrow.integer64() == 0);
            CHECK(narrow.error() == DecodeError::integer_overflow);
        }
    }
}

TEST_CASE("a structure is read first and checked once") {
    const auto input = *from_hex(
        "cb8204008094"
        "c0");  // cut short on purpose
    rlp::Reader cut{input};
    auto cut_list = cut.list();
    CHECK(rlp::finish(cut_list, cut) == DecodeError::truncated);

    rlp::Encoder encoder;
    const auto list = encoder.begin_list();
    encoder.integer(std::uint64_t{7}).bytes(Address{}).bytes(ByteView{}).bytes(as_bytes("tail")).end_list(list);
    rlp::Reader reader{encoder.view()};
    auto fields = reader.list();
    CHECK(fields.integer64() == 7);
    CHECK(fields.fixed<Address>() == Address{});
    CHECK_FALSE(fields.fixed_or_empty<Address>().has_value());
    CHECK_FALSE(fields.at_end());
    CHECK(rlp::finish(fields, reader) == DecodeError::superfluous_items);
    CHECK(fields.bytes().size() == 4);
    CHECK_FALSE(rlp::finish(fields, reader));
    CHECK(fields.bytes().empty());
    CHECK(fields.error() == DecodeError::missing_item);
}

TEST_CASE("the first error stays and everything after it is empty") {
    const auto input = *from_hex("c3820001");
    rlp::Reader reader{input};
    auto list = reader.list();
    CHECK(list.integer64() == 0);
    CHECK(list.error() == DecodeError::leading_zero);
    CHECK(list.fixed<Address>() == Address{});
    CHECK(list.list().error() == DecodeError::leading_zero);
    CHECK(list.at_end());
    CHECK(rlp::finish(list, reader) == DecodeError::leading_zero);
}

TEST_CASE("each kind of error is told apart") {
    CHECK(validate_hex("") == DecodeError::truncated);
    CHECK(validate_hex("83646f") == DecodeError::truncated);
    CHECK(validate_hex("b8") == DecodeError::truncated);
    CHECK(validate_hex("c883646f67") == DecodeError::truncated);
    CHECK(validate_hex("bfffffffffffffffff") == DecodeError::truncated);
    CHECK(validate_hex("ffffffffffffffffff") == DecodeError::truncated);
    CHECK(validate_hex("8080") == DecodeError::trailing_bytes);
    CHECK(validate_hex("8100") == DecodeError::non_canonical_byte);
    CHECK(validate_hex("c28100") == DecodeError::non_canonical_byte);
    CHECK(validate_hex("b801ff") == DecodeError::non_canonical_size);
    CHECK(validate_hex("b900ff") == DecodeError::non_canonical_size);
    CHECK(validate_hex("f800") == DecodeError::non_canonical_size);
    CHECK_FALSE(validate_hex("c2c180"));
    const auto input = *from_hex("c0");
    rlp::Reader reader{input};
    (void)reader.bytes();
    CHECK(reader.error() == DecodeError::expected_string);
    const auto string = *from_hex("83646f67");
    rlp::Reader list_of_string{string};
    (void)list_of_string.list();
    CHECK(list_of_string.error() == DecodeError::expected_list);
    rlp::Reader address{string};
    (void)address.fixed<Address>();
    CHECK(address.error() == DecodeError::wrong_size);
}

TEST_CASE("nesting is limited, whatever the input") {
    const auto nested = [](std::size_t depth) {
        Bytes out;
        for (std::size_t i = 0; i < depth; ++i) {
            rlp::Encoder encoder;
            encoder.list_header(out.size()).raw(out);
            out = std::move(encoder).take();
        }
        return out;
    };
    CHECK_FALSE(rlp::validate(nested(limits::codec_depth_max)));
    CHECK(rlp::validate(nested(limits::codec_depth_max + 1)) == DecodeError::too_deep);
    CHECK(rlp::validate(nested(2000)) == DecodeError::too_deep);
}
