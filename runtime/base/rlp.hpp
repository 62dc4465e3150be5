// Recursive Length Prefix (yellow paper, appendix B): the encoding of transactions, receipts, accounts and trie nodes.
//
// The encoder appends to one buffer. The decoder is strict: it accepts only the one canonical form of each item, checks
// every length against the input, and allocates nothing itself; its items are views into the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/base/bytes.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/base/uint256.hpp"

namespace troupe::rlp {

// ---------------------------------------------------------------- encoding

/// Builds an encoding by appending. Lists: `const auto list = e.begin_list(); ...items...; e.end_list(list);`, nested
/// as needed; `end_list` puts the header before the payload (one move of the payload).
class Encoder {
public:
    Encoder() = default;
    explicit Encoder(std::size_t expected_bytes) { out_.reserve(expected_bytes); }

    Encoder& bytes(ByteView data);
    template <std::size_t N, class Kind>
    Encoder& bytes(const FixedBytes<N, Kind>& data) {
        return bytes(data.view());
    }
    /// Integers: big-endian without leading zeros; zero is the empty string.
    Encoder& integer(std::uint64_t value);
    Encoder& integer(const uint256& value);
    /// An item that is encoded already.
    Encoder& raw(ByteView encoded_item);
    Encoder& empty_list();
    /// The header of a list whose payload of exactly `payload_bytes` follows: saves the move where the size is known.
    Encoder& list_header(std::size_t payload_bytes);

    struct ListStart {
        std::size_t offset;
    };
    [[nodiscard]] ListStart begin_list() const noexcept { return {out_.size()}; }
    Encoder& end_list(ListStart start);

    [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
    [[nodiscard]] ByteView view() const noexcept { return out_; }
    [[nodiscard]] Bytes take() && noexcept { return std::move(out_); }
    void clear() noexcept { out_.clear(); }

private:
    Bytes out_;
};

/// Sizes of the encodings, header included.
[[nodiscard]] std::size_t encoded_size(ByteView data) noexcept;
[[nodiscard]] std::size_t encoded_size(std::uint64_t value) noexcept;
[[nodiscard]] std::size_t encoded_size(const uint256& value) noexcept;
/// Size of the header before a list's payload.
[[nodiscard]] std::size_t list_header_size(std::size_t payload_bytes) noexcept;

[[nodiscard]] Bytes encode_bytes(ByteView data);
[[nodiscard]] Bytes encode_integer(std::uint64_t value);

// ---------------------------------------------------------------- decoding

enum class DecodeError : std::uint8_t {
    truncated,           // an item is longer than what is left of its parent
    trailing_bytes,      // bytes follow the item where none may
    non_canonical_byte,  // a single byte below 0x80 with a header
    non_canonical_size,  // a long-form length that fits the short form, or with leading zeros
    expected_list,       // a string where a list must be
    expected_string,     // a list where a string must be
    wrong_size,          // a string of another size than the fixed one asked for
    leading_zero,        // an integer with a leading zero byte
    integer_overflow,    // an integer of more bytes than asked for
    too_deep,            // nested beyond limits::codec_depth_max
    missing_item,        // the list ended before the item asked for
    superfluous_items,   // the list has more items than asked for
};
[[nodiscard]] const char* to_string(DecodeError error) noexcept;

/// A decoded header with its payload: a view into the input.
struct Item {
    bool is_list = false;
    ByteView payload;
    /// Header and payload.
    ByteView encoded;
};

/// Reads items one after another, from the input or from a list's payload. After the first error every further read
/// fails too and `error()` keeps the first, so that a whole structure is read first and checked once:
///
///     rlp::Reader top{input};
///     auto list = top.list();
///     tx.nonce = list.integer64();
///     tx.to = list.fixed<Address>();
///     if (auto error = rlp::finish(top, list)) ...
///
/// A failed read gives an empty or zero value. A list reader inherits its parent's error.
class Reader {
public:
    explicit Reader(ByteView input) noexcept : left_(input) {}

    [[nodiscard]] bool at_end() const noexcept { return left_.empty() || error_; }
    [[nodiscard]] std::optional<DecodeError> error() const noexcept { return error_; }
    [[nodiscard]] ByteView rest() const noexcept { return left_; }

    Item item() noexcept;
    /// The next item without passing over it.
    [[nodiscard]] Item peek() const noexcept { return Reader{*this}.item(); }
    ByteView bytes() noexcept;
    Reader list() noexcept;
    std::uint64_t integer64() noexcept;
    uint256 integer256() noexcept;
    template <class Fixed>
    Fixed fixed() noexcept {
        const auto view = bytes();
        if (error_) return {};
        if (const auto value = Fixed::from_view(view)) return *value;
        fail(DecodeError::wrong_size);
        return {};
    }
    /// A string of exactly the fixed size, or the empty string (a transaction's `to`).
    template <class Fixed>
    std::optional<Fixed> fixed_or_empty() noexcept {
        const auto view = bytes();
        if (error_ || view.empty()) return std::nullopt;
        if (const auto value = Fixed::from_view(view)) return *value;
        fail(DecodeError::wrong_size);
        return std::nullopt;
    }

    /// The first error, or `superfluous_items` / `trailing_bytes` if anything is left.
    [[nodiscard]] std::optional<DecodeError> finish() const noexcept;
    void fail(DecodeError error) noexcept {
        if (!error_) error_ = error;
    }

private:
    Reader(ByteView payload, std::size_t depth) noexcept : left_(payload), depth_(depth) {}

    ByteView left_;
    std::size_t depth_ = 0;
    std::optional<DecodeError> error_;
};

/// The first error of several readers, each of which must be at its end. Inner before outer gives the better message.
template <class... Readers>
[[nodiscard]] std::optional<DecodeError> finish(const Readers&... readers) noexcept {
    std::optional<DecodeError> first;
    ((first = first ? first : readers.finish()), ...);
    return first;
}

/// Checks a whole input: exactly one item, everything in it canonical, nesting within limits::codec_depth_max.
[[nodiscard]] std::optional<DecodeError> validate(ByteView input) noexcept;

}  // namespace troupe::rlp
