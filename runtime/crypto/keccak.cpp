#include "runtime/crypto/keccak.hpp"

#include <bit>
#include <cstring>
#include <utility>

namespace troupe {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t rate_lanes = 17;

constexpr std::uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

#define TROUPE_INLINE [[gnu::always_inline]] inline

/// One row of chi: lane x of row y is `b[x] ^ (~b[x+1] & b[x+2])`.
TROUPE_INLINE void chi(std::uint64_t* e, std::uint64_t b0, std::uint64_t b1, std::uint64_t b2, std::uint64_t b3,
                       std::uint64_t b4) noexcept {
    e[0] = b0 ^ (~b1 & b2);
    e[1] = b1 ^ (~b2 & b3);
    e[2] = b2 ^ (~b3 & b4);
    e[3] = b3 ^ (~b4 & b0);
    e[4] = b4 ^ (~b0 & b1);
}

/// One round from lanes `a` into lanes `e` (lane of column x and row y at index x + 5 y). Written out, so that all
/// indexes and rotations are constants and the arrays dissolve into registers.
TROUPE_INLINE void keccak_round(const std::uint64_t* a, std::uint64_t* e, std::uint64_t constant) noexcept {
    const auto c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];
    const auto c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];
    const auto c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
    const auto c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];
    const auto c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
    const auto d0 = c4 ^ std::rotl(c1, 1);
    const auto d1 = c0 ^ std::rotl(c2, 1);
    const auto d2 = c1 ^ std::rotl(c3, 1);
    const auto d3 = c2 ^ std::rotl(c4, 1);
    const auto d4 = c3 ^ std::rotl(c0, 1);

    chi(e + 0, a[0] ^ d0, std::rotl(a[6] ^ d1, 44), std::rotl(a[12] ^ d2, 43), std::rotl(a[18] ^ d3, 21),
        std::rotl(a[24] ^ d4, 14));
    e[0] ^= constant;
    chi(e + 5, std::rotl(a[3] ^ d3, 28), std::rotl(a[9] ^ d4, 20), std::rotl(a[10] ^ d0, 3), std::rotl(a[16] ^ d1, 45),
        std::rotl(a[22] ^ d2, 61));
    chi(e + 10, std::rotl(a[1] ^ d1, 1), std::rotl(a[7] ^ d2, 6), std::rotl(a[13] ^ d3, 25), std::rotl(a[19] ^ d4, 8),
        std::rotl(a[20] ^ d0, 18));
    chi(e + 15, std::rotl(a[4] ^ d4, 27), std::rotl(a[5] ^ d0, 36), std::rotl(a[11] ^ d1, 10),
        std::rotl(a[17] ^ d2, 15), std::rotl(a[23] ^ d3, 56));
    chi(e + 20, std::rotl(a[2] ^ d2, 62), std::rotl(a[8] ^ d3, 55), std::rotl(a[14] ^ d4, 39),
        std::rotl(a[15] ^ d0, 41), std::rotl(a[21] ^ d1, 2));
}

template <std::size_t... lane>
TROUPE_INLINE void copy_lanes(std::uint64_t* to, const std::uint64_t* from, std::index_sequence<lane...>) noexcept {
    ((to[lane] = from[lane]), ...);
}

TROUPE_INLINE void permute_rounds(std::uint64_t* state) noexcept {
    std::uint64_t a[25];
    std::uint64_t e[25];
    copy_lanes(a, state, std::make_index_sequence<25>{});
    for (std::size_t round = 0; round < 24; round += 2) {
        keccak_round(a, e, round_constants[round]);
        keccak_round(e, a, round_constants[round + 1]);
    }
    copy_lanes(state, a, std::make_index_sequence<25>{});
}

// The same code twice: with `andn` and `rorx` where the processor has them (about a fifth faster), and without.
[[gnu::target("bmi,bmi2")]] void permute_bmi(std::uint64_t* state) noexcept { permute_rounds(state); }
void permute_generic(std::uint64_t* state) noexcept { permute_rounds(state); }

using Permutation = void (*)(std::uint64_t*) noexcept;
const Permutation chosen_permutation =
    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") ? permute_bmi : permute_generic;

/// Other static initializers may hash before `chosen_permutation` is set.
TROUPE_INLINE void permute(std::uint64_t* state) noexcept {
    (chosen_permutation ? chosen_permutation : permute_generic)(state);
}

TROUPE_INLINE void absorb_block(std::uint64_t* state, const std::uint8_t* block) noexcept {
    for (std::size_t i = 0; i < rate_lanes; ++i) {
        std::uint64_t lane;
        std::memcpy(&lane, block + 8 * i, 8);
        state[i] ^= lane;
    }
    permute(state);
}

void xor_bytes(std::uint64_t* state, std::size_t offset, const std::uint8_t* data, std::size_t size) noexcept {
    auto* bytes = reinterpret_cast<std::uint8_t*>(state) + offset;
    for (std::size_t i = 0; i < size; ++i) bytes[i] ^= data[i];
}

/// Pads a block that holds `filled` bytes, and takes the digest. `filled` is below the rate.
Hash256 pad_and_squeeze(std::uint64_t* state, std::size_t filled) noexcept {
    reinterpret_cast<std::uint8_t*>(state)[filled] ^= 0x01;
    state[rate_lanes - 1] ^= 0x8000000000000000ULL;
    permute(state);
    Hash256 out;
    std::memcpy(out.data(), state, 32);
    return out;
}

}  // namespace

Hash256 keccak256(ByteView data) noexcept {
    constexpr std::size_t rate_bytes = rate_lanes * 8;
    alignas(64) std::uint64_t state[25]{};
    const auto* at = data.data();
    auto left = data.size();
    for (; left >= rate_bytes; left -= rate_bytes, at += rate_bytes) absorb_block(state, at);
    std::size_t lane = 0;
    for (; 8 * (lane + 1) <= left; ++lane) {
        std::uint64_t word;
        std::memcpy(&word, at + 8 * lane, 8);
        state[lane] ^= word;
    }
    if (8 * lane < left) xor_bytes(state, 8 * lane, at + 8 * lane, left - 8 * lane);
    return pad_and_squeeze(state, left);
}

Keccak256& Keccak256::update(ByteView data) noexcept {
    while (!data.empty()) {
        if (filled_ == 0 && data.size() >= rate_bytes) {
            absorb_block(state_.data(), data.data());
            data = data.subspan(rate_bytes);
            continue;
        }
        const auto take = std::min(data.size(), rate_bytes - filled_);
        xor_bytes(state_.data(), filled_, data.data(), take);
        filled_ += take;
        data = data.subspan(take);
        if (filled_ == rate_bytes) {
            permute(state_.data());
            filled_ = 0;
        }
    }
    return *this;
}

Hash256 Keccak256::finish() noexcept {
    const auto out = pad_and_squeeze(state_.data(), filled_);
    state_ = {};
    filled_ = 0;
    return out;
}

}  // namespace troupe
