#include "runtime/base/codec.hpp"

#include <msgpack.hpp>

namespace troupe {
namespace {

/// msgpack-cxx's packer writes shortest forms; this lends it our buffer.
struct Sink {
    Bytes& out;
    void write(const char* data, std::size_t size) {
        const auto* first = reinterpret_cast<const std::uint8_t*>(data);
        out.insert(out.end(), first, first + size);
    }
};

}  // namespace

void Writer::array(std::size_t count) {
    // Nobody could read it back.
    TROUPE_ASSERT(count <= limits::array_elements_max);
    Sink sink{out_};
    msgpack::packer<Sink>(sink).pack_array(static_cast<std::uint32_t>(count));
}

void Writer::unsigned_integer(std::uint64_t value) {
    Sink sink{out_};
    msgpack::packer<Sink>(sink).pack_uint64(value);
}

void Writer::boolean(bool value) { out_.push_back(value ? 0xc3 : 0xc2); }

void Writer::bytes(ByteView value) {
    TROUPE_ASSERT(value.size() <= 0xffffffff);
    Sink sink{out_};
    msgpack::packer<Sink> packer(sink);
    packer.pack_bin(static_cast<std::uint32_t>(value.size()));
    append(out_, value);
}

void Writer::text(std::string_view value) {
    TROUPE_ASSERT(value.size() <= 0xffffffff);
    Sink sink{out_};
    msgpack::packer<Sink> packer(sink);
    packer.pack_str(static_cast<std::uint32_t>(value.size()));
    append(out_, as_bytes(value));
}

// Reading is ours: msgpack-cxx accepts longer forms than needed and allocates arrays by their claimed size, and both
// would have to be checked again afterwards.

std::uint8_t Reader::take_byte() {
    if (failed()) return 0;
    if (position_ >= input_.size()) {
        fail("input ends early");
        return 0;
    }
    return input_[position_++];
}

std::uint64_t Reader::take_big_endian(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | take_byte();
    return value;
}

ByteView Reader::take(std::size_t bytes) {
    if (failed()) return {};
    if (input_.size() - position_ < bytes) {
        fail("input ends early");
        return {};
    }
    const auto view = input_.subspan(position_, bytes);
    position_ += bytes;
    return view;
}

std::uint64_t Reader::unsigned_integer() {
    const auto tag = take_byte();
    if (failed()) return 0;
    if (tag < 0x80) return tag;
    if (tag < 0xcc || tag > 0xcf) {
        fail("expected an unsigned integer");
        return 0;
    }
    const auto width = std::size_t{1} << (tag - 0xcc);
    const auto value = take_big_endian(width);
    const std::uint64_t needs_more_than = width == 1 ? 0x7f : (std::uint64_t{1} << (width * 4)) - 1;
    if (!failed() && value <= needs_more_than) fail("integer not in shortest form");
    return failed() ? 0 : value;
}

bool Reader::boolean() {
    const auto tag = take_byte();
    if (tag != 0xc2 && tag != 0xc3) fail("expected a boolean");
    return tag == 0xc3;
}

/// Lengths in 8, 16 or 32 bits after `tag8`, `tag8 + 1`, `tag8 + 2`; or within the tag itself.
/// `tag8` is 0 for arrays, which have no 8-bit form: their 16- and 32-bit tags are 0xdc and 0xdd.
std::size_t Reader::take_length(std::uint8_t tag, std::uint8_t tag8, std::uint8_t fix_base, std::size_t fix_max) {
    if (failed()) return 0;
    if (fix_max != 0 && tag >= fix_base && tag <= fix_base + fix_max) return tag - fix_base;
    std::size_t width = 0;
    std::uint64_t shorter_max = 0;
    if (tag8 != 0 && tag == tag8) {
        width = 1;
        shorter_max = fix_max;
    } else if (tag == (tag8 != 0 ? tag8 + 1 : 0xdc)) {
        width = 2;
        shorter_max = tag8 != 0 ? 0xff : fix_max;
    } else if (tag == (tag8 != 0 ? tag8 + 2 : 0xdd)) {
        width = 4;
        shorter_max = 0xffff;
    } else {
        fail("value of another kind");
        return 0;
    }
    const auto length = take_big_endian(width);
    const bool has_shorter = fix_max != 0 || width > 1;
    if (!failed() && has_shorter && length <= shorter_max) fail("length not in shortest form");
    return failed() ? 0 : length;
}

std::size_t Reader::array() {
    const auto tag = take_byte();
    const auto count = take_length(tag, 0, 0x90, 15);
    if (!failed() && count > limits::array_elements_max) fail("too many elements");
    if (!failed() && count > input_.size() - position_) fail("more elements than bytes");
    return failed() ? 0 : count;
}

ByteView Reader::bytes() {
    const auto tag = take_byte();
    return take(take_length(tag, 0xc4, 0, 0));
}

std::string_view Reader::text() {
    const auto tag = take_byte();
    const auto view = take(take_length(tag, 0xd9, 0xa0, 31));
    return {reinterpret_cast<const char*>(view.data()), view.size()};
}

Error codec_error(const Reader& reader, std::string_view type_name) {
    return make_error(ErrorCode::malformed,
                      std::string{type_name} + ": " + reader.fault() + " at byte " + std::to_string(reader.position()));
}

}  // namespace troupe
