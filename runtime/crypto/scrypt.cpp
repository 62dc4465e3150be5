#include "runtime/crypto/scrypt.hpp"

#include <bit>
#include <cstring>
#include <memory>
#include <new>

#include <openssl/evp.h>

#include "runtime/base/result.hpp"
#include "runtime/crypto/random.hpp"

namespace troupe {
namespace {

static_assert(std::endian::native == std::endian::little);

/// Words of one Salsa20 block.
constexpr std::size_t block_words = 16;
using Block = std::uint32_t[block_words];

void quarter_round(Block& x, std::size_t a, std::size_t b, std::size_t c, std::size_t d) noexcept {
    x[b] ^= std::rotl(x[a] + x[d], 7);
    x[c] ^= std::rotl(x[b] + x[a], 9);
    x[d] ^= std::rotl(x[c] + x[b], 13);
    x[a] ^= std::rotl(x[d] + x[c], 18);
}

void salsa20_8(Block& block) noexcept {
    Block x;
    std::memcpy(x, block, sizeof x);
    for (int round = 0; round < 8; round += 2) {
        quarter_round(x, 0, 4, 8, 12);
        quarter_round(x, 5, 9, 13, 1);
        quarter_round(x, 10, 14, 2, 6);
        quarter_round(x, 15, 3, 7, 11);
        quarter_round(x, 0, 1, 2, 3);
        quarter_round(x, 5, 6, 7, 4);
        quarter_round(x, 10, 11, 8, 9);
        quarter_round(x, 15, 12, 13, 14);
    }
    for (std::size_t i = 0; i < block_words; ++i) block[i] += x[i];
}

/// BlockMix: `in` and `out` are 2 r blocks and do not overlap.
void block_mix(const std::uint32_t* in, std::uint32_t* out, std::size_t r) noexcept {
    Block x;
    std::memcpy(x, in + (2 * r - 1) * block_words, sizeof x);
    for (std::size_t i = 0; i < 2 * r; ++i) {
        for (std::size_t k = 0; k < block_words; ++k) x[k] ^= in[i * block_words + k];
        salsa20_8(x);
        // Even blocks come first in the output, then the odd ones.
        std::memcpy(out + (i / 2 + (i % 2) * r) * block_words, x, sizeof x);
    }
}

/// ROMix of one lane `x`, with `table` of n lanes and `y` of one.
void ro_mix(std::uint32_t* x, std::uint32_t* y, std::uint32_t* table, std::uint64_t n, std::size_t r) noexcept {
    const auto lane_words = 2 * r * block_words;
    for (std::uint64_t i = 0; i < n; ++i) {
        std::memcpy(table + i * lane_words, x, lane_words * 4);
        block_mix(table + i * lane_words, x, r);
    }
    for (std::uint64_t i = 0; i < n; ++i) {
        const auto* last = x + (2 * r - 1) * block_words;
        const auto j = (last[0] | static_cast<std::uint64_t>(last[1]) << 32) & (n - 1);
        for (std::size_t k = 0; k < lane_words; ++k) y[k] = x[k] ^ table[j * lane_words + k];
        block_mix(y, x, r);
    }
}

[[nodiscard]] bool pbkdf2_once(std::string_view password, const std::uint8_t* salt, std::size_t salt_size,
                               std::uint8_t* out, std::size_t size) noexcept {
    return PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt, static_cast<int>(salt_size), 1,
                             EVP_sha256(), static_cast<int>(size), out) == 1;
}

}  // namespace

bool scrypt(std::string_view password, ByteView salt, std::uint64_t n, std::uint32_t r, std::uint32_t p,
            std::span<std::uint8_t> out) noexcept {
    TROUPE_ASSERT(n > 1 && std::has_single_bit(n) && r > 0 && p > 0);
    const std::size_t lane_words = 2 * std::size_t{r} * block_words;
    const std::unique_ptr<std::uint32_t[]> lanes{new (std::nothrow) std::uint32_t[lane_words * p]};
    const std::unique_ptr<std::uint32_t[]> work{new (std::nothrow) std::uint32_t[lane_words * (n + 1)]};
    if (!lanes || !work) return false;
    auto* bytes = reinterpret_cast<std::uint8_t*>(lanes.get());
    const auto size = lane_words * 4 * p;
    bool done = pbkdf2_once(password, salt.data(), salt.size(), bytes, size);
    for (std::uint32_t i = 0; i < p && done; ++i)
        ro_mix(lanes.get() + i * lane_words, work.get(), work.get() + lane_words, n, r);
    done = done && pbkdf2_once(password, bytes, size, out.data(), out.size());
    wipe({bytes, size});
    wipe({reinterpret_cast<std::uint8_t*>(work.get()), lane_words * 4 * (n + 1)});
    return done;
}

}  // namespace troupe
