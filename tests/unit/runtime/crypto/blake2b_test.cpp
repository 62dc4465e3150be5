#include "runtime/crypto/blake2b.hpp"

#include <cstring>
#include <memory>
#include <random>

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include "runtime/base/bytes.hpp"

using namespace troupe;

namespace {

/// BLAKE2b-512 without a key (RFC 7693, section 3.3).
[[nodiscard]] Bytes blake2b_512(ByteView data) {
    std::array<std::uint64_t, 8> h{0x6a09e667f3bcc908 ^ 0x01010040,
                                   0xbb67ae8584caa73b,
                                   0x3c6ef372fe94f82b,
                                   0xa54ff53a5f1d36f1,
                                   0x510e527fade682d1,
                                   0x9b05688c2b3e6c1f,
                                   0x1f83d9abfb41bd6b,
                                   0x5be0cd19137e2179};
    std::array<std::uint64_t, 2> t{};
    do {
        std::array<std::uint64_t, 16> m{};
        const auto size = std::min<std::size_t>(data.size(), 128);
        if (size != 0) std::memcpy(m.data(), data.data(), size);
        data = data.subspan(size);
        t[0] += size;
        blake2b_compress(12, h, m, t, data.empty());
    } while (!data.empty());
    Bytes out(64);
    std::memcpy(out.data(), h.data(), 64);
    return out;
}

}  // namespace

TEST_CASE("BLAKE2b made of the compression function gives OpenSSL's digests") {
    std::mt19937_64 random{1};
    for (std::size_t size = 0; size < 400; ++size) {
        Bytes data(size);
        for (auto& byte : data) byte = static_cast<std::uint8_t>(random());
        Bytes expected(64);
        unsigned expected_size = 0;
        REQUIRE(EVP_Digest(data.data(), size, expected.data(), &expected_size, EVP_blake2b512(), nullptr) == 1);
        CHECK(to_hex(blake2b_512(data)) == to_hex(expected));
    }
}

TEST_CASE("no rounds leave the chaining value mixed with the initial one only") {
    std::array<std::uint64_t, 8> h{1, 2, 3, 4, 5, 6, 7, 8};
    blake2b_compress(0, h, {}, {}, false);
    CHECK(h == std::array<std::uint64_t, 8>{0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                            0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                            0x1f83d9abfb41bd6b, 0x5be0cd19137e2179});
}
