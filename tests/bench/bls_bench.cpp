// BLS12-381: cycles of the time stamp counter for each operation, the least of many runs, beside blst's (supranational,
// v0.3 with assembly; figures of its authors and of public measurements on x86-64 with ADX, single thread).
#include <algorithm>
#include <cstdio>
#include <vector>

#include <x86intrin.h>

#include "runtime/crypto/bls.hpp"
#include "runtime/crypto/bls12_381_encoding.hpp"
#include "runtime/crypto/bls12_381_hash.hpp"
#include "runtime/crypto/bls12_381_msm.hpp"
#include "runtime/crypto/bls12_381_pairing.hpp"

using namespace troupe;
using namespace troupe::bls12_381;

namespace {

template <class T>
void keep(const T& value) {
    asm volatile("" : : "r"(&value) : "memory");
}

/// `repeat` operations to a run, where one is too short to time.
template <class Operation>
void measure(const char* name, double peer_cycles, int runs, int repeat, Operation operation) {
    unsigned long long best = ~0ULL;
    for (int i = 0; i < runs; ++i) {
        const auto start = __rdtsc();
        for (int k = 0; k < repeat; ++k) operation();
        best = std::min<unsigned long long>(best, __rdtsc() - start);
    }
    const auto cycles = static_cast<double>(best) / repeat;
    if (peer_cycles > 0)
        std::printf("%-26s %12.0f cycles   blst %10.0f   ratio %.2f\n", name, cycles, peer_cycles,
                    cycles / peer_cycles);
    else
        std::printf("%-26s %12.0f cycles\n", name, cycles);
}

}  // namespace

int main() {
    const auto secret = *bls::SecretKey::generate(Bytes(32, 7));
    const auto key = secret.public_key();
    const auto message = Bytes(32, 42);
    const auto signature = secret.sign(message);
    const auto scalar = Fr::from_bytes_reduced(Bytes(48, 0x5a));
    const auto p = multiply(g1_generator, scalar).to_affine();
    const auto q = multiply(g2_generator, scalar).to_affine();
    const std::vector<PairingInput> pair{{p, q}};
    const auto f = miller_loop(pair);

    auto a = p.x;
    measure("Fp multiply", 0, 200, 1000, [&] { a = a * p.y; });
    measure("Fp square", 0, 200, 1000, [&] { a = a.squared(); });
    measure("Fp add", 0, 200, 1000, [&] { a = a + p.y; });
    auto b = q.x;
    measure("Fp2 multiply", 0, 200, 1000, [&] { b = b * q.y; });
    measure("Fp2 square", 0, 200, 1000, [&] { b = b.squared(); });
    auto c = f;
    measure("Fp12 multiply", 0, 200, 100, [&] { c = c * f; });
    measure("Fp12 square", 0, 200, 100, [&] { c = c.squared(); });
    measure("Fp12 cyclotomic square", 0, 200, 100, [&] { c = c.cyclotomic_squared(); });
    measure("Fp inverse", 0, 200, 1, [&] { keep(a = a.inverse()); });
    measure("Fp square root", 0, 200, 1, [&] { keep(a.square_root()); });
    measure("Miller loop", 0, 200, 1, [&] { keep(miller_loop(pair)); });
    measure("final exponentiation", 0, 200, 1, [&] { keep(final_exponentiation(f)); });
    measure("pairing", 1.4e6, 200, 1, [&] { keep(final_exponentiation(miller_loop(pair))); });
    measure("hash to G2", 0.45e6, 200, 1, [&] { keep(hash_to_g2(message, as_bytes("tag"))); });
    measure("hash to G1", 0, 200, 1, [&] { keep(hash_to_g1(message, as_bytes("tag"))); });
    measure("sign", 0.95e6, 200, 1, [&] { keep(secret.sign(message)); });
    measure("public key of secret", 0, 200, 1, [&] { keep(secret.public_key()); });
    measure("verify, parsed", 2.1e6, 100, 1, [&] { keep(bls::verify(key, message, signature)); });
    const auto signature_bytes = signature.bytes();
    measure("parse signature", 0, 100, 1, [&] { keep(bls::Signature::parse(signature_bytes.view())); });
    const auto key_bytes = key.bytes();
    measure("parse public key", 0, 100, 1, [&] { keep(bls::PublicKey::parse(key_bytes.view())); });
    measure("G1 multiply", 0, 100, 1, [&] { keep(multiply(p, scalar)); });
    measure("G2 multiply", 0, 100, 1, [&] { keep(multiply(q, scalar)); });

    std::vector<G1Affine> points_1;
    std::vector<G2Affine> points_2;
    std::vector<Fr> scalars;
    auto next = scalar;
    for (int i = 0; i < 1024; ++i) {
        next = next * scalar;
        scalars.push_back(next);
        points_1.push_back(multiply(g1_generator, next).to_affine());
        points_2.push_back(multiply(g2_generator, next).to_affine());
    }
    for (const std::size_t n : {8, 128, 1024}) {
        const auto s = std::span<const Fr>{scalars}.first(n);
        char name[64];
        std::snprintf(name, sizeof(name), "G1 MSM of %zu", n);
        measure(name, 0, 5, 1, [&] { keep(multi_multiply(std::span<const G1Affine>{points_1}.first(n), s)); });
        std::snprintf(name, sizeof(name), "G2 MSM of %zu", n);
        measure(name, 0, 5, 1, [&] { keep(multi_multiply(std::span<const G2Affine>{points_2}.first(n), s)); });
    }
}
