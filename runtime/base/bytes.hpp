// Byte sequences: owned, viewed, and of fixed size with a kind, so that a chunk id can't be passed for a block hash.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// N bytes of one kind. `Kind` is an empty tag type; equal sizes of different kinds do not convert implicitly.
template <std::size_t N, class Kind>
struct FixedBytes {
    static constexpr std::size_t size_bytes = N;

    std::array<std::uint8_t, N> bytes{};

    auto operator<=>(const FixedBytes&) const = default;

    [[nodiscard]] static constexpr std::size_t size() noexcept { return N; }
    [[nodiscard]] constexpr const std::uint8_t* data() const noexcept { return bytes.data(); }
    [[nodiscard]] constexpr std::uint8_t* data() noexcept { return bytes.data(); }
    [[nodiscard]] constexpr auto begin() const noexcept { return bytes.begin(); }
    [[nodiscard]] constexpr auto end() const noexcept { return bytes.end(); }
    [[nodiscard]] constexpr std::uint8_t operator[](std::size_t i) const noexcept { return bytes[i]; }
    [[nodiscard]] constexpr std::uint8_t& operator[](std::size_t i) noexcept { return bytes[i]; }
    [[nodiscard]] ByteView view() const noexcept { return {bytes.data(), N}; }
    [[nodiscard]] constexpr bool is_zero() const noexcept {
        return std::all_of(bytes.begin(), bytes.end(), [](auto b) { return b == 0; });
    }

    /// The same bytes under another kind: the one explicit way from, say, a bare hash to a chunk id.
    template <class Other>
    [[nodiscard]] static constexpr FixedBytes from(const Other& other) noexcept {
        static_assert(Other::size_bytes == N);
        return FixedBytes{other.bytes};
    }

    /// Nothing if `view` is not exactly N bytes long.
    [[nodiscard]] static std::optional<FixedBytes> from_view(ByteView view) noexcept {
        if (view.size() != N) return std::nullopt;
        FixedBytes out;
        std::memcpy(out.bytes.data(), view.data(), N);
        return out;
    }
};

/// A bare 32-byte digest. Kinds below are what most interfaces use.
using Hash256 = FixedBytes<32, struct Hash256Kind>;
using BlockHash = FixedBytes<32, struct BlockHashKind>;
using ChunkId = FixedBytes<32, struct ChunkIdKind>;
using TransactionHash = FixedBytes<32, struct TransactionHashKind>;
using CodeHash = FixedBytes<32, struct CodeHashKind>;
/// Root of a Merkle-Patricia trie.
using RootHash = FixedBytes<32, struct RootHashKind>;
/// Ethereum account address.
using Address = FixedBytes<20, struct AddressKind>;
/// 256-bit bloom-like log filter of 2048 bits (yellow paper 4.3.1).
using LogsBloom = FixedBytes<256, struct LogsBloomKind>;

/// For hash tables over keys that are themselves uniformly distributed hashes or addresses.
/// Such tables never decide the order of anything that is hashed or agreed.
struct FixedBytesHash {
    template <std::size_t N, class Kind>
    std::size_t operator()(const FixedBytes<N, Kind>& key) const noexcept {
        static_assert(N >= 16);
        std::uint64_t a;
        std::uint64_t b;
        std::memcpy(&a, key.data() + N - 16, 8);
        std::memcpy(&b, key.data() + N - 8, 8);
        return (a ^ (b * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL;
    }
};

/// Lower-case hex without prefix.
[[nodiscard]] std::string to_hex(ByteView bytes);
/// Lower-case hex with "0x".
[[nodiscard]] std::string to_hex_prefixed(ByteView bytes);
/// Accepts an optional "0x"; nothing on an odd number of digits or a character that is not hex.
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);

template <class Fixed>
[[nodiscard]] std::optional<Fixed> fixed_from_hex(std::string_view text) {
    const auto bytes = from_hex(text);
    return bytes ? Fixed::from_view(*bytes) : std::nullopt;
}

inline void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

[[nodiscard]] inline ByteView as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace troupe
