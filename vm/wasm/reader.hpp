// A cursor over a module's bytes that remembers the first error and then returns zeros, so that callers check once.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include <fmt/format.h>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"

namespace troupe::wasm {

// Numbers of code that was validated, by pointers that move behind them.

template <class Integer>
[[nodiscard]] inline Integer read_valid_leb(const std::uint8_t*& at) noexcept {
    std::uint64_t out = 0;
    unsigned shift = 0;
    std::uint8_t byte = 0;
    do {
        byte = *at++;
        out |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
        shift += 7;
    } while (byte >= 0x80);
    if (std::is_signed_v<Integer> && shift < 64 && (byte & 0x40U) != 0) out |= ~std::uint64_t{0} << shift;
    return static_cast<Integer>(out);
}
inline void skip_valid_leb(const std::uint8_t*& at) noexcept {
    while (*at++ >= 0x80) {
    }
}

class Reader {
public:
    Reader(ByteView bytes, std::size_t offset, std::size_t end) : bytes_(bytes), position_(offset), end_(end) {}

    [[nodiscard]] bool ok() const noexcept { return !failed_; }
    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] std::size_t end() const noexcept { return end_; }
    [[nodiscard]] bool at_end() const noexcept { return position_ >= end_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return end_ - position_; }
    [[nodiscard]] const Error& error() const noexcept { return error_; }
    void set_end(std::size_t end) noexcept { end_ = end; }
    void skip(std::size_t count) noexcept { position_ += count; }
    /// What is left, for who reads it by pointer and skips.
    [[nodiscard]] const std::uint8_t* data() const noexcept { return bytes_.data() + position_; }

    void fail(ErrorCode code, std::string_view what) { fail_at(position_, code, what); }
    void fail_at(std::size_t offset, ErrorCode code, std::string_view what) {
        if (failed_) return;
        failed_ = true;
        error_ = make_error(code, fmt::format("at byte {:#x}: {}", offset, what));
        position_ = end_;
    }
    /// Instead of one found before, if any.
    void replace_error(Error error) {
        failed_ = true;
        error_ = std::move(error);
        position_ = end_;
    }

    [[nodiscard]] std::uint8_t byte() {
        if (position_ >= end_) {
            fail(ErrorCode::malformed, "unexpected end");
            return 0;
        }
        return bytes_[position_++];
    }
    [[nodiscard]] std::uint8_t peek() const noexcept { return position_ < end_ ? bytes_[position_] : 0; }

    /// LEB128, at most ceil(bits / 7) bytes, unused bits of the last one zero (unsigned) or sign (signed).
    [[nodiscard]] std::uint32_t u32() {
        if (position_ < end_ && bytes_[position_] < 0x80) return bytes_[position_++];
        return static_cast<std::uint32_t>(unsigned_leb(32));
    }
    [[nodiscard]] std::int32_t s32() {
        // One byte's sign bit is its bit 6.
        if (position_ < end_ && bytes_[position_] < 0x80)
            return static_cast<std::int32_t>(bytes_[position_++] << 25U) >> 25U;
        return static_cast<std::int32_t>(signed_leb(32));
    }
    [[nodiscard]] std::int64_t s33() { return signed_leb(33); }
    [[nodiscard]] std::int64_t s64() { return signed_leb(64); }

    template <class T>
    [[nodiscard]] T little_endian() {
        T out{};
        if (remaining() < sizeof(T)) {
            fail(ErrorCode::malformed, "unexpected end");
            return out;
        }
        std::memcpy(&out, bytes_.data() + position_, sizeof(T));
        position_ += sizeof(T);
        return out;
    }

    [[nodiscard]] std::string name(std::uint32_t bytes_max);

private:
    [[nodiscard]] std::uint64_t unsigned_leb(unsigned bits) {
        std::uint64_t out = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto b = byte();
            if (!ok()) return 0;
            out |= static_cast<std::uint64_t>(b & 0x7FU) << shift;
            const bool last = shift + 7 >= bits;
            if (last && (b & 0x80U)) {
                fail_at(position_ - 1, ErrorCode::malformed, "integer representation too long");
                return 0;
            }
            if (last && shift + 7 > bits && (b >> (bits - shift)) != 0) {
                fail_at(position_ - 1, ErrorCode::malformed, "integer too large");
                return 0;
            }
            if (!(b & 0x80U)) return out;
        }
    }
    [[nodiscard]] std::int64_t signed_leb(unsigned bits) {
        std::uint64_t out = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto b = byte();
            if (!ok()) return 0;
            out |= static_cast<std::uint64_t>(b & 0x7FU) << shift;
            const bool last = shift + 7 >= bits;
            if (last && (b & 0x80U)) {
                fail_at(position_ - 1, ErrorCode::malformed, "integer representation too long");
                return 0;
            }
            if (last) {
                // All bits from the sign bit up are equal.
                const auto used = bits - shift;
                const auto top = static_cast<unsigned>(b & 0x7FU) >> (used - 1);
                if (top != 0 && top != (0x7FU >> (used - 1))) {
                    fail_at(position_ - 1, ErrorCode::malformed, "integer too large");
                    return 0;
                }
            }
            if (!(b & 0x80U)) {
                if (shift + 7 < 64 && (b & 0x40U)) out |= ~std::uint64_t{0} << (shift + 7);
                return static_cast<std::int64_t>(out);
            }
        }
    }

    ByteView bytes_;
    std::size_t position_;
    std::size_t end_;
    bool failed_ = false;
    Error error_;
};

}  // namespace troupe::wasm
