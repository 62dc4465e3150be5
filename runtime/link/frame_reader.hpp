// Bytes of a stream into frames. Pure: no socket, no clock; what the fuzzer feeds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/link/link.hpp"

namespace troupe::link {

inline constexpr std::size_t frame_header_bytes = 5;

/// Which kinds may come, and how long each may be, in one phase of a connection.
class FrameLimits {
public:
    /// Before the peer has said who it is: only the hello.
    [[nodiscard]] static FrameLimits before_hello();
    /// Pings and the caller's kinds.
    [[nodiscard]] static FrameLimits after_hello(const std::vector<KindFacts>& kinds);

    /// Payload bytes; `refused` for a kind that may not come.
    [[nodiscard]] std::uint32_t bytes_max(Kind kind) const noexcept { return bytes_max_[kind]; }

    static constexpr std::uint32_t refused = ~0U;

private:
    FrameLimits() { bytes_max_.fill(refused); }
    std::array<std::uint32_t, 256> bytes_max_;
};

class FrameReader {
public:
    enum class Event : std::uint8_t { need_more, frame, fault };

    /// Consumes from the front of `input` up to the end of the next frame. `need_more`: all of it was consumed. After
    /// `frame`, `kind` and `take_payload` give it; after `fault` nothing more can be read.
    [[nodiscard]] Event next(ByteView& input, const FrameLimits& limits);

    [[nodiscard]] Kind kind() const noexcept { return header_[4]; }
    [[nodiscard]] Bytes take_payload() noexcept { return std::move(payload_); }
    /// For a person: what was wrong.
    [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
    /// Memory held for a frame that has not wholly arrived.
    [[nodiscard]] std::size_t held_bytes() const noexcept { return payload_.capacity(); }

private:
    bool begin_payload(const FrameLimits& limits);

    std::array<std::uint8_t, frame_header_bytes> header_{};
    std::size_t header_size_ = 0;
    std::size_t payload_size_ = 0;
    Bytes payload_;
    std::string fault_;
};

/// Appends a header for a payload of this size.
void put_frame_header(Bytes& out, Kind kind, std::size_t payload_bytes);
void put_frame(Bytes& out, Kind kind, ByteView payload);

}  // namespace troupe::link
