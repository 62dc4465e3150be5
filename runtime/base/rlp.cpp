#include "runtime/base/rlp.hpp"

#include <bit>

namespace troupe::rlp {
namespace {

constexpr std::uint8_t short_string = 0x80;
constexpr std::uint8_t long_string = 0xb7;
constexpr std::uint8_t short_list = 0xc0;
constexpr std::uint8_t long_list = 0xf7;
/// Longest payload with a one-byte header.
constexpr std::size_t short_payload_max = 55;

[[nodiscard]] constexpr std::size_t byte_length(std::uint64_t value) noexcept {
    return (static_cast<std::size_t>(std::bit_width(value)) + 7) / 8;
}

/// Writes a header into `out` (9 bytes at most) and gives its size.
std::size_t write_header(std::uint8_t* out, std::size_t payload, std::uint8_t short_base,
                         std::uint8_t long_base) noexcept {
    if (payload <= short_payload_max) {
        out[0] = static_cast<std::uint8_t>(short_base + payload);
        return 1;
    }
    const auto length_bytes = byte_length(payload);
    out[0] = static_cast<std::uint8_t>(long_base + length_bytes);
    for (std::size_t i = 0; i < length_bytes; ++i)
        out[1 + i] = static_cast<std::uint8_t>(payload >> (8 * (length_bytes - 1 - i)));
    return 1 + length_bytes;
}

void append_header(Bytes& out, std::size_t payload, std::uint8_t short_base, std::uint8_t long_base) {
    std::uint8_t header[9];
    const auto size = write_header(header, payload, short_base, long_base);
    out.insert(out.end(), header, header + size);
}

[[nodiscard]] std::size_t significant_bytes(const uint256& value) noexcept {
    for (std::size_t i = 4; i-- > 0;)
        if (value.limb[i] != 0) return 8 * i + byte_length(value.limb[i]);
    return 0;
}

}  // namespace

Encoder& Encoder::bytes(ByteView data) {
    if (data.size() == 1 && data[0] < short_string) {
        out_.push_back(data[0]);
        return *this;
    }
    append_header(out_, data.size(), short_string, long_string);
    append(out_, data);
    return *this;
}

Encoder& Encoder::integer(std::uint64_t value) {
    std::uint8_t big_endian[8];
    const auto size = byte_length(value);
    for (std::size_t i = 0; i < size; ++i) big_endian[i] = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)));
    return bytes({big_endian, size});
}

Encoder& Encoder::integer(const uint256& value) {
    std::uint8_t big_endian[32];
    const auto size = significant_bytes(value);
    for (std::size_t i = 0; i < size; ++i) {
        const auto byte = size - 1 - i;
        big_endian[i] = static_cast<std::uint8_t>(value.limb[byte / 8] >> (8 * (byte % 8)));
    }
    return bytes({big_endian, size});
}

Encoder& Encoder::raw(ByteView encoded_item) {
    append(out_, encoded_item);
    return *this;
}

Encoder& Encoder::empty_list() {
    out_.push_back(short_list);
    return *this;
}

Encoder& Encoder::list_header(std::size_t payload_bytes) {
    append_header(out_, payload_bytes, short_list, long_list);
    return *this;
}

Encoder& Encoder::end_list(ListStart start) {
    std::uint8_t header[9];
    const auto size = write_header(header, out_.size() - start.offset, short_list, long_list);
    out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(start.offset), header, header + size);
    return *this;
}

std::size_t list_header_size(std::size_t payload_bytes) noexcept {
    return payload_bytes <= short_payload_max ? 1 : 1 + byte_length(payload_bytes);
}

std::size_t encoded_size(ByteView data) noexcept {
    if (data.size() == 1 && data[0] < short_string) return 1;
    return list_header_size(data.size()) + data.size();
}

std::size_t encoded_size(std::uint64_t value) noexcept { return value < short_string ? 1 : 1 + byte_length(value); }

std::size_t encoded_size(const uint256& value) noexcept {
    return value.fits_u64() ? encoded_size(value.low64()) : 1 + significant_bytes(value);
}

Bytes encode_bytes(ByteView data) {
    Encoder encoder{encoded_size(data)};
    encoder.bytes(data);
    return std::move(encoder).take();
}

Bytes encode_integer(std::uint64_t value) {
    Encoder encoder{9};
    encoder.integer(value);
    return std::move(encoder).take();
}

const char* to_string(DecodeError error) noexcept {
    switch (error) {
        case DecodeError::truncated: return "RLP: item is longer than the input that is left";
        case DecodeError::trailing_bytes: return "RLP: bytes after the item";
        case DecodeError::non_canonical_byte: return "RLP: single byte below 0x80 must be encoded as itself";
        case DecodeError::non_canonical_size: return "RLP: length is not in its shortest form";
        case DecodeError::expected_list: return "RLP: expected a list, found a string";
        case DecodeError::expected_string: return "RLP: expected a string, found a list";
        case DecodeError::wrong_size: return "RLP: string has the wrong size";
        case DecodeError::leading_zero: return "RLP: integer has a leading zero byte";
        case DecodeError::integer_overflow: return "RLP: integer is too large";
        case DecodeError::too_deep: return "RLP: nested too deeply";
        case DecodeError::missing_item: return "RLP: list has too few items";
        case DecodeError::superfluous_items: return "RLP: list has too many items";
    }
    return "RLP: unknown error";
}

Item Reader::item() noexcept {
    const auto failed = [this](DecodeError error) {
        fail(error);
        return Item{};
    };
    if (error_) return {};
    if (left_.empty()) return failed(depth_ == 0 ? DecodeError::truncated : DecodeError::missing_item);

    const auto first = left_[0];
    const bool is_list = first >= short_list;
    std::size_t header = 1;
    std::size_t payload = 0;
    if (first < short_string) {
        header = 0;
        payload = 1;
    } else if (const auto short_size = static_cast<std::size_t>(first - (is_list ? short_list : short_string));
               short_size <= short_payload_max) {
        payload = short_size;
    } else {
        const auto length_bytes = short_size - short_payload_max;
        if (left_.size() < 1 + length_bytes) return failed(DecodeError::truncated);
        if (left_[1] == 0) return failed(DecodeError::non_canonical_size);
        for (std::size_t i = 0; i < length_bytes; ++i) payload = payload << 8 | left_[1 + i];
        if (payload <= short_payload_max) return failed(DecodeError::non_canonical_size);
        header += length_bytes;
    }
    if (payload > left_.size() - header) return failed(DecodeError::truncated);
    const Item out{is_list, left_.subspan(header, payload), left_.first(header + payload)};
    if (header == 1 && !is_list && payload == 1 && out.payload[0] < short_string)
        return failed(DecodeError::non_canonical_byte);
    left_ = left_.subspan(header + payload);
    return out;
}

ByteView Reader::bytes() noexcept {
    const auto found = item();
    if (found.is_list) {
        fail(DecodeError::expected_string);
        return {};
    }
    return found.payload;
}

Reader Reader::list() noexcept {
    const auto found = item();
    if (!error_ && !found.is_list) fail(DecodeError::expected_list);
    if (!error_ && depth_ + 1 > limits::codec_depth_max) fail(DecodeError::too_deep);
    Reader inner{error_ ? ByteView{} : found.payload, depth_ + 1};
    inner.error_ = error_;
    return inner;
}

std::uint64_t Reader::integer64() noexcept {
    const auto digits = bytes();
    if (error_) return 0;
    std::uint64_t value = 0;
    if (!digits.empty() && digits[0] == 0) {
        fail(DecodeError::leading_zero);
    } else if (digits.size() > 8) {
        fail(DecodeError::integer_overflow);
    } else {
        for (const auto digit : digits) value = value << 8 | digit;
    }
    return value;
}

uint256 Reader::integer256() noexcept {
    const auto digits = bytes();
    if (error_) return {};
    uint256 value;
    if (!digits.empty() && digits[0] == 0) {
        fail(DecodeError::leading_zero);
    } else if (digits.size() > 32) {
        fail(DecodeError::integer_overflow);
    } else {
        for (std::size_t i = 0; i < digits.size(); ++i) {
            const auto byte = digits.size() - 1 - i;
            value.limb[byte / 8] |= static_cast<std::uint64_t>(digits[i]) << (8 * (byte % 8));
        }
    }
    return value;
}

std::optional<DecodeError> Reader::finish() const noexcept {
    if (error_) return error_;
    if (!left_.empty()) return depth_ == 0 ? DecodeError::trailing_bytes : DecodeError::superfluous_items;
    return std::nullopt;
}

namespace {

void validate_items(Reader& reader) noexcept {
    while (!reader.at_end()) {
        if (!reader.peek().is_list) {
            reader.item();
            continue;
        }
        auto inner = reader.list();
        validate_items(inner);
        if (const auto error = inner.error()) reader.fail(*error);
    }
}

}  // namespace

std::optional<DecodeError> validate(ByteView input) noexcept {
    Reader reader{input};
    const auto only = reader.item();
    if (const auto error = reader.finish()) return error;
    if (!only.is_list) return std::nullopt;
    Reader again{input};
    auto items = again.list();
    validate_items(items);
    return items.error();
}

}  // namespace troupe::rlp
