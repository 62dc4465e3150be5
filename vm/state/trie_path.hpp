// A path in a Merkle-Patricia trie: the nibbles of a key, most significant first.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// At most 64 nibbles: the keys of all tries here have at most 32 bytes. Ordered lexicographically.
class NibblePath {
public:
    static constexpr std::size_t nibbles_max = 64;

    NibblePath() = default;
    /// All nibbles of a key of at most 32 bytes.
    [[nodiscard]] static NibblePath of_key(ByteView key) noexcept {
        TROUPE_ASSERT(2 * key.size() <= nibbles_max);
        NibblePath path;
        for (const auto byte : key) {
            path.nibbles_[path.size_++] = byte >> 4;
            path.nibbles_[path.size_++] = byte & 0xf;
        }
        return path;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::uint8_t operator[](std::size_t i) const noexcept { return nibbles_[i]; }

    void push_back(std::size_t nibble) noexcept {
        TROUPE_ASSERT(size_ < nibbles_max && nibble < 16);
        nibbles_[size_++] = static_cast<std::uint8_t>(nibble);
    }
    void append(const NibblePath& other) noexcept {
        TROUPE_ASSERT(size_ + other.size() <= nibbles_max);
        std::memcpy(nibbles_.data() + size_, other.nibbles_.data(), other.size_);
        size_ = static_cast<std::uint8_t>(size_ + other.size_);
    }
    void truncate(std::size_t size) noexcept {
        TROUPE_ASSERT(size <= size_);
        size_ = static_cast<std::uint8_t>(size);
    }

    [[nodiscard]] NibblePath prefix(std::size_t size) const noexcept { return part(0, size); }
    [[nodiscard]] NibblePath suffix(std::size_t from) const noexcept { return part(from, size_ - from); }
    [[nodiscard]] NibblePath with(std::size_t nibble) const noexcept {
        auto out = *this;
        out.push_back(nibble);
        return out;
    }
    /// How many nibbles of `*this` from the start equal those of `other` from `offset`.
    [[nodiscard]] std::size_t common_with(const NibblePath& other, std::size_t offset) const noexcept {
        std::size_t i = 0;
        while (i < size_ && offset + i < other.size_ && nibbles_[i] == other.nibbles_[offset + i]) ++i;
        return i;
    }

    /// For a store's key: two nibbles a byte (the last one padded with 0), then one byte with the number of nibbles.
    /// At most 33 bytes, different for different paths.
    [[nodiscard]] Bytes packed() const {
        Bytes out((size_ + 1u) / 2 + 1);
        for (std::size_t i = 0; i < size_; ++i)
            out[i / 2] = static_cast<std::uint8_t>(out[i / 2] | nibbles_[i] << (i % 2 == 0 ? 4 : 0));
        out.back() = size_;
        return out;
    }
    [[nodiscard]] static std::optional<NibblePath> from_packed(ByteView packed) noexcept {
        if (packed.empty() || packed.back() > nibbles_max || packed.size() != (packed.back() + 1u) / 2 + 1)
            return std::nullopt;
        NibblePath path;
        for (std::size_t i = 0; i < packed.back(); ++i) path.push_back(packed[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf);
        return path;
    }

    bool operator==(const NibblePath& other) const noexcept { return (*this <=> other) == 0; }
    std::strong_ordering operator<=>(const NibblePath& other) const noexcept {
        const int order = std::memcmp(nibbles_.data(), other.nibbles_.data(), std::min(size_, other.size_));
        return order != 0 ? order <=> 0 : size_ <=> other.size_;
    }

private:
    [[nodiscard]] NibblePath part(std::size_t from, std::size_t size) const noexcept {
        TROUPE_ASSERT(from + size <= size_);
        NibblePath out;
        std::memcpy(out.nibbles_.data(), nibbles_.data() + from, size);
        out.size_ = static_cast<std::uint8_t>(size);
        return out;
    }

    std::array<std::uint8_t, nibbles_max> nibbles_{};
    std::uint8_t size_ = 0;
};

}  // namespace troupe
