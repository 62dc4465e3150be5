// Precompiles by their price: nanoseconds a call and millions of gas a second. The lowest bounds what a block can cost.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "runtime/base/uint256.hpp"
#include "vm/evm/precompiles.hpp"

using namespace troupe;
using namespace troupe::evm;

namespace {

void measure(const std::string& name, std::uint16_t number, const Bytes& input) {
    Address address;
    address[18] = static_cast<std::uint8_t>(number >> 8);
    address[19] = static_cast<std::uint8_t>(number);
    const auto* precompile = find_precompile(address, Revision::Osaka);
    const auto gas = precompile->gas(input, Revision::Osaka);
    if (!gas || !precompile->run(input, Revision::Osaka)) {
        std::printf("%-44s refused\n", name.c_str());
        return;
    }
    double best = 1e300;
    for (int run = 0; run < 5; ++run) {
        const auto start = std::chrono::steady_clock::now();
        int calls = 0;
        std::chrono::duration<double, std::nano> took{};
        do {
            for (int i = 0; i < 10; ++i, ++calls) (void)precompile->run(input, Revision::Osaka);
            took = std::chrono::steady_clock::now() - start;
        } while (took.count() < 2e7);
        best = std::min(best, took.count() / calls);
    }
    std::printf("%-44s %12.0f ns  %8.1f Mgas/s\n", name.c_str(), best, static_cast<double>(*gas) / best * 1e3);
}

[[nodiscard]] Bytes modexp(std::size_t size, bool odd) {
    Bytes out;
    for (int i = 0; i < 3; ++i) append(out, to_big_endian(uint256{size}).view());
    for (std::size_t i = 0; i < 3 * size; ++i) out.push_back(static_cast<std::uint8_t>(0x80 | (i * 37)));
    out.back() = odd ? 0xff : 0xfe;
    return out;
}

}  // namespace

int main() {
    measure("sha256 of 1024", 0x02, Bytes(1024, 7));
    measure("ripemd160 of 1024", 0x03, Bytes(1024, 7));
    measure("modexp 32 bytes, odd", 0x05, modexp(32, true));
    measure("modexp 32 bytes, even", 0x05, modexp(32, false));
    measure("modexp 256 bytes, odd", 0x05, modexp(256, true));
    measure("modexp 256 bytes, even", 0x05, modexp(256, false));
    measure("modexp 1024 bytes, odd", 0x05, modexp(1024, true));
    measure("modexp 1024 bytes, even", 0x05, modexp(1024, false));
    const auto g1 = *from_hex(std::string(63, '0') + "1" + std::string(63, '0') + "2");
    // Twice the generator.
    const auto other_g1 = *from_hex(
        "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd315ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538f"
        "c7ff3ebf7a5a18a2c4");
    const auto g2 = *from_hex(
        "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c21800deef121f1e76426a00665e5c4479674322d4f75eda"
        "dd46debd5cd992f6ed090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b12c85ea5db8c6deb4aab71808dcb"
        "408fe3d1e7690c43d37b4ce6cc0166fa7daa");
    auto add = g1;
    append(add, other_g1);
    measure("bn254 add", 0x06, add);
    auto multiply = g1;
    append(multiply, Bytes(32, 0x2f));
    measure("bn254 mul", 0x07, multiply);
    Bytes pairs;
    for (int i = 0; i < 4; ++i) {
        append(pairs, g1);
        append(pairs, g2);
        if (i == 0 || i == 3) measure("bn254 pairing, pairs: " + std::to_string(i + 1), 0x08, pairs);
    }
    Bytes blake(213, 1);
    blake[0] = blake[1] = 0;
    measure("blake2f, 257 rounds", 0x09, blake);
}
