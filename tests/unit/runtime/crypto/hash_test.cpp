#include <string>

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/sha256.hpp"

using namespace troupe;

namespace {

std::string keccak_hex(std::string_view text) { return to_hex(keccak256(as_bytes(text)).view()); }

Bytes counting_bytes(std::size_t size) {
    Bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
    return out;
}

}  // namespace

TEST_CASE("keccak256 gives the published digests") {
    CHECK(keccak_hex("") == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    CHECK(keccak_hex("") == to_hex(keccak256_of_nothing.view()));
    CHECK(keccak_hex("abc") == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    CHECK(keccak_hex("The quick brown fox jumps over the lazy dog") ==
          "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15");
    CHECK(keccak_hex("Transfer(address,address,uint256)") ==
          "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    CHECK(to_hex(keccak256(Bytes{0x80}).view()) == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
}

TEST_CASE("keccak256 in pieces equals keccak256 at once for every split around the block size") {
    for (const std::size_t size : {0, 1, 7, 8, 135, 136, 137, 271, 272, 273, 1000}) {
        const auto data = counting_bytes(size);
        const auto whole = keccak256(data);
        for (std::size_t piece = 1; piece <= 300; piece += 7) {
            Keccak256 hasher;
            for (std::size_t at = 0; at < size; at += piece)
                hasher.update(ByteView{data}.subspan(at, std::min(piece, size - at)));
            REQUIRE(hasher.finish() == whole);
            REQUIRE(hasher.finish() == keccak256_of_nothing);
        }
    }
}

TEST_CASE("keccak256 gives OpenSSL's digests, where OpenSSL has it (from 3.2 on)") {
    auto* algorithm = EVP_MD_fetch(nullptr, "KECCAK-256", nullptr);
    if (algorithm == nullptr) {
        MESSAGE("skipped: this OpenSSL has no KECCAK-256");
        return;
    }
    for (std::size_t size = 0; size < 600; ++size) {
        const auto data = counting_bytes(size);
        Hash256 expected;
        REQUIRE(EVP_Digest(data.data(), size, expected.data(), nullptr, algorithm, nullptr) == 1);
        REQUIRE(keccak256(data) == expected);
    }
    EVP_MD_free(algorithm);
}

TEST_CASE("sha256 and ripemd160 give the published digests, at once and in pieces") {
    CHECK(to_hex(sha256(as_bytes("abc")).view()) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Sha256 hasher;
    CHECK(hasher.update(as_bytes("a")).update(as_bytes("bc")).finish() == sha256(as_bytes("abc")));
    CHECK(hasher.finish() == sha256({}));
    const auto digest = ripemd160(as_bytes("abc"));
    REQUIRE(digest.has_value());
    CHECK(to_hex(digest->view()) == "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
}
