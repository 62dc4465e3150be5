#include "runtime/crypto/scrypt.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>

using namespace troupe;

TEST_CASE("scrypt gives the vectors of RFC 7914") {
    Bytes out(64);
    REQUIRE(scrypt("", {}, 16, 1, 1, out));
    CHECK(to_hex(out) ==
          "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
          "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
    REQUIRE(scrypt("password", as_bytes("NaCl"), 1024, 8, 16, out));
    CHECK(to_hex(out) ==
          "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
          "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
}

TEST_CASE("scrypt equals OpenSSL's where OpenSSL accepts the parameters") {
    for (std::uint32_t r = 1; r <= 9; r += 2)
        for (std::uint32_t p = 1; p <= 3; ++p)
            for (std::uint64_t n = 2; n <= 256; n *= 4) {
                Bytes ours(40);
                Bytes theirs(40);
                REQUIRE(scrypt("pass", as_bytes("salt"), n, r, p, ours));
                REQUIRE(EVP_PBE_scrypt("pass", 4, as_bytes("salt").data(), 4, n, r, p, 1 << 26, theirs.data(), 40) ==
                        1);
                CHECK(ours == theirs);
            }
}
