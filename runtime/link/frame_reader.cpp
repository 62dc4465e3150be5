#include "runtime/link/frame_reader.hpp"

#include <algorithm>

#include "runtime/base/limits.hpp"

namespace troupe::link {
namespace {

/// A hello is 40 bytes, a ping up to 9; room for a later field.
constexpr std::uint32_t hello_bytes_max = 256;
constexpr std::uint32_t ping_bytes_max = 16;
/// Allocated on the word of a header alone; the rest once this much has arrived.
constexpr std::size_t first_allocation_bytes_max = 64 << 10;

}  // namespace

FrameLimits FrameLimits::before_hello() {
    FrameLimits limits;
    limits.bytes_max_[hello_kind] = hello_bytes_max;
    return limits;
}

FrameLimits FrameLimits::after_hello(const std::vector<KindFacts>& kinds) {
    FrameLimits limits;
    for (const auto& facts : kinds)
        limits.bytes_max_[facts.kind] =
            static_cast<std::uint32_t>(std::min(facts.bytes_max, troupe::limits::frame_bytes_max));
    limits.bytes_max_[hello_kind] = refused;
    limits.bytes_max_[ping_kind] = limits.bytes_max_[pong_kind] = ping_bytes_max;
    return limits;
}

bool FrameReader::begin_payload(const FrameLimits& limits) {
    const std::size_t length = static_cast<std::size_t>(header_[0]) << 24 | static_cast<std::size_t>(header_[1]) << 16 |
                               static_cast<std::size_t>(header_[2]) << 8 | header_[3];
    const auto bytes_max = limits.bytes_max(kind());
    if (bytes_max == FrameLimits::refused) {
        fault_ = "frame of kind " + std::to_string(kind()) + ", which may not come here";
        return false;
    }
    if (length == 0 || length - 1 > bytes_max) {
        fault_ = "frame of kind " + std::to_string(kind()) + " with length " + std::to_string(length) +
                 ", allowed are 1 to " + std::to_string(std::size_t{bytes_max} + 1);
        return false;
    }
    payload_size_ = length - 1;
    payload_ = {};
    payload_.reserve(std::min(payload_size_, first_allocation_bytes_max));
    return true;
}

FrameReader::Event FrameReader::next(ByteView& input, const FrameLimits& limits) {
    if (!fault_.empty()) return Event::fault;
    if (header_size_ < frame_header_bytes) {
        const auto n = std::min(frame_header_bytes - header_size_, input.size());
        std::copy_n(input.begin(), n, header_.begin() + static_cast<std::ptrdiff_t>(header_size_));
        header_size_ += n;
        input = input.subspan(n);
        if (header_size_ < frame_header_bytes) return Event::need_more;
        if (!begin_payload(limits)) return Event::fault;
    }
    const auto n = std::min(payload_size_ - payload_.size(), input.size());
    if (payload_.size() + n > payload_.capacity()) payload_.reserve(payload_size_);
    append(payload_, input.first(n));
    input = input.subspan(n);
    if (payload_.size() < payload_size_) return Event::need_more;
    header_size_ = 0;
    return Event::frame;
}

void put_frame_header(Bytes& out, Kind kind, std::size_t payload_bytes) {
    const auto length = static_cast<std::uint32_t>(payload_bytes + 1);
    const std::array<std::uint8_t, frame_header_bytes> header{
        static_cast<std::uint8_t>(length >> 24), static_cast<std::uint8_t>(length >> 16),
        static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), kind};
    append(out, header);
}

void put_frame(Bytes& out, Kind kind, ByteView payload) {
    put_frame_header(out, kind, payload.size());
    append(out, payload);
}

}  // namespace troupe::link
