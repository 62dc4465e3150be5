#include "runtime/crypto/blake2b.hpp"

#include <bit>
#include <cstddef>

#include <immintrin.h>

namespace troupe {
namespace {

using State = std::array<std::uint64_t, 8>;
using Message = std::array<std::uint64_t, 16>;

constexpr State initial_value = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

constexpr std::size_t schedules = 10;
constexpr std::uint8_t sigma[schedules][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

/// The message words of each schedule in the order of their use: for the columns the first words of all four, then the
/// second ones, then the same for the diagonals. Rounds differ only in the schedule, so this is done once.
struct alignas(32) Words {
    std::uint64_t word[schedules][4][4];

    explicit Words(const Message& m, std::size_t diagonal_start) noexcept {
        for (std::size_t s = 0; s < schedules; ++s)
            for (std::size_t i = 0; i < 4; ++i) {
                const auto diagonal = 8 + 2 * ((i + diagonal_start) % 4);
                word[s][0][i] = m[sigma[s][2 * i]];
                word[s][1][i] = m[sigma[s][2 * i + 1]];
                word[s][2][i] = m[sigma[s][diagonal]];
                word[s][3][i] = m[sigma[s][diagonal + 1]];
            }
    }
};

void rounds_portable(std::uint32_t rounds, std::uint64_t* v, const Message& m) noexcept {
    const Words words{m, 0};
    const auto mix = [v](std::size_t a, std::size_t b, std::size_t c, std::size_t d, std::uint64_t x, std::uint64_t y) {
        v[a] += v[b] + x;
        v[d] = std::rotr(v[d] ^ v[a], 32);
        v[c] += v[d];
        v[b] = std::rotr(v[b] ^ v[c], 24);
        v[a] += v[b] + y;
        v[d] = std::rotr(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = std::rotr(v[b] ^ v[c], 63);
    };
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const auto& word = words.word[round % schedules];
        for (std::size_t i = 0; i < 4; ++i) mix(i, 4 + i, 8 + i, 12 + i, word[0][i], word[1][i]);
        for (std::size_t i = 0; i < 4; ++i)
            mix(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, word[2][i], word[3][i]);
    }
}

/// A row of the state: two registers of two lanes.
struct Row {
    __m128i low;
    __m128i high;
};

#define TROUPE_AVX [[gnu::target("avx"), gnu::always_inline]] inline

TROUPE_AVX Row add(const Row& x, const Row& y) noexcept {
    return {_mm_add_epi64(x.low, y.low), _mm_add_epi64(x.high, y.high)};
}
TROUPE_AVX Row exclusive_or(const Row& x, const Row& y) noexcept {
    return {_mm_xor_si128(x.low, y.low), _mm_xor_si128(x.high, y.high)};
}
TROUPE_AVX Row rotate_bytes(const Row& x, __m128i order) noexcept {
    return {_mm_shuffle_epi8(x.low, order), _mm_shuffle_epi8(x.high, order)};
}
/// Twice x, and one more where its highest bit was set: the comparison does not compete with the shuffles for their
/// ports.
TROUPE_AVX __m128i rotate_63(__m128i x) noexcept {
    return _mm_sub_epi64(_mm_add_epi64(x, x), _mm_cmpgt_epi64(_mm_setzero_si128(), x));
}
/// Lane i from lane i + 1, and from lane i - 1.
TROUPE_AVX Row from_next(const Row& x) noexcept {
    return {_mm_alignr_epi8(x.high, x.low, 8), _mm_alignr_epi8(x.low, x.high, 8)};
}
TROUPE_AVX Row from_previous(const Row& x) noexcept {
    return {_mm_alignr_epi8(x.low, x.high, 8), _mm_alignr_epi8(x.high, x.low, 8)};
}
TROUPE_AVX Row load(const std::uint64_t* from) noexcept {
    return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)),
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2))};
}
TROUPE_AVX void store(std::uint64_t* to, const Row& row) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), row.low);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2), row.high);
}

/// a + words + b, in this order, which the compiler would change: b is the last to be ready.
TROUPE_AVX Row add_words(const Row& a, const std::uint64_t* words, const Row& b) noexcept {
    auto sum = add(a, load(words));
    asm("" : "+x"(sum.low), "+x"(sum.high));
    return add(sum, b);
}

/// Four columns (or diagonals) at once.
TROUPE_AVX void mix_rows(Row& a, Row& b, Row& c, Row& d, const std::uint64_t (*words)[4]) noexcept {
    const auto by_24 = _mm_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10);
    const auto by_16 = _mm_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9);
    a = add_words(a, words[0], b);
    d = exclusive_or(d, a);
    d = {_mm_shuffle_epi32(d.low, 0xb1), _mm_shuffle_epi32(d.high, 0xb1)};
    c = add(c, d);
    b = rotate_bytes(exclusive_or(b, c), by_24);
    a = add_words(a, words[1], b);
    d = rotate_bytes(exclusive_or(d, a), by_16);
    c = add(c, d);
    b = exclusive_or(b, c);
    b = {rotate_63(b.low), rotate_63(b.high)};
}

// The time is that of the chain of dependent steps, which two registers a row keep busy. 256-bit registers would take
// longer: moving lanes between their halves costs six cycles. Between columns and diagonals rows a, c and d turn
// rather than b, which is finished last.
[[gnu::target("avx")]] void rounds_avx(std::uint32_t rounds, std::uint64_t* v, const Message& m) noexcept {
    const Words words{m, 3};
    auto a = load(v);
    auto b = load(v + 4);
    auto c = load(v + 8);
    auto d = load(v + 12);
    std::size_t schedule = 0;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const auto* word = words.word[schedule];
        schedule = schedule + 1 == schedules ? 0 : schedule + 1;
        mix_rows(a, b, c, d, word);
        a = from_previous(a);
        c = from_next(c);
        d = {d.high, d.low};
        mix_rows(a, b, c, d, word + 2);
        a = from_next(a);
        c = from_previous(c);
        d = {d.high, d.low};
    }
    store(v, a);
    store(v + 4, b);
    store(v + 8, c);
    store(v + 12, d);
}

}  // namespace

void blake2b_compress(std::uint32_t rounds, State& h, const Message& m, const std::array<std::uint64_t, 2>& t,
                      bool is_last) noexcept {
    static const auto run_rounds = __builtin_cpu_supports("avx") ? rounds_avx : rounds_portable;
    std::uint64_t v[16];
    for (std::size_t i = 0; i < 8; ++i) {
        v[i] = h[i];
        v[i + 8] = initial_value[i];
    }
    v[12] ^= t[0];
    v[13] ^= t[1];
    if (is_last) v[14] = ~v[14];
    run_rounds(rounds, v, m);
    for (std::size_t i = 0; i < 8; ++i) h[i] ^= v[i] ^ v[i + 8];
}

}  // namespace troupe
