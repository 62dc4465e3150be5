// BLS12-381: cycles of the time stamp counter for each operation, the least of many runs. `--peer LIBRARY` measures
// blst's shared library (supranational/blst, linked whole from its libblst.a) in the same run, and prints ours over
// its.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <x86intrin.h>

#include "runtime/crypto/bls.hpp"
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
struct Effort {
    int runs;
    int repeat;
};
constexpr Effort tiny{500, 1000};
constexpr Effort small{500, 100};
constexpr Effort large{200, 1};
constexpr Effort huge{10, 1};

double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Of the time stamp counter.
double cycles_per_second() {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const auto first = __rdtsc();
    while (Clock::now() - start < std::chrono::milliseconds{50}) {
    }
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    return static_cast<double>(__rdtsc() - first) / elapsed.count();
}

/// By the thread's own time, so that what else the machine does counts less.
template <class Operation>
double least_cycles(Effort effort, const Operation& operation) {
    static const double frequency = cycles_per_second();
    double best = 1e9;
    for (int i = 0; i < effort.runs; ++i) {
        const auto start = thread_seconds();
        for (int k = 0; k < effort.repeat; ++k) operation();
        best = std::min(best, thread_seconds() - start);
    }
    return best * frequency / effort.repeat;
}

template <class Ours>
void measure(const char* name, Effort effort, const Ours& ours, const std::function<void()>& peers = nullptr) {
    const auto cycles = least_cycles(effort, ours);
    std::printf("%-24s %12.0f cycles", name, cycles);
    if (peers) {
        const auto peer_cycles = least_cycles(effort, peers);
        std::printf("   blst %12.0f   ratio %.2f", peer_cycles, cycles / peer_cycles);
    }
    std::printf("\n");
}

/// blst's C interface, its structures as memory: they hold Montgomery forms of the same radix as ours.
class Peer {
public:
    explicit Peer(const char* path) : library_(path != nullptr ? dlopen(path, RTLD_NOW) : nullptr) {
        if (path != nullptr && library_ == nullptr) std::fprintf(stderr, "bls_bench: %s\n", dlerror());
    }
    /// A call with these arguments, or nothing to call.
    template <class... Arguments>
    std::function<void()> call(const char* name, Arguments... arguments) const {
        if (library_ == nullptr) return nullptr;
        const auto function = reinterpret_cast<void (*)(Arguments...)>(dlsym(library_, name));
        if (function == nullptr) return nullptr;
        return [=] { function(arguments...); };
    }

private:
    void* library_;
};

using PeerMemory = std::array<std::uint64_t, 128>;

template <class... Fields>
PeerMemory peer_memory(const Fields&... fields) {
    PeerMemory out{};
    std::size_t at = 0;
    (..., (std::memcpy(out.data() + at / 8, static_cast<const void*>(&fields), sizeof(fields)), at += sizeof(fields)));
    return out;
}
PeerMemory peer_scalar(const Fr& scalar) { return peer_memory(scalar.to_limbs()); }

}  // namespace

int main(int argc, char** argv) {
    const Peer peer{argc == 3 && std::string_view{argv[1]} == "--peer" ? argv[2] : nullptr};
    const auto secret = *bls::SecretKey::generate(Bytes(32, 7));
    const auto key = secret.public_key();
    const Bytes message(32, 42);
    const auto signature = secret.sign(message);
    const auto scalar = Fr::from_bytes_reduced(Bytes(48, 0x5a));
    const auto p = multiply(g1_generator, scalar).to_affine();
    const auto q = multiply(g2_generator, scalar).to_affine();
    const std::vector<PairingInput> pair{{p, q}};
    const auto f = miller_loop(pair);

    PeerMemory result{};
    void* const to = result.data();
    const auto peer_p = peer_memory(p.x, p.y, Fp::one());
    const auto peer_q = peer_memory(q.x, q.y, bls12_381::Fp2::one());
    const auto peer_f = peer_memory(f);
    const void* const px = peer_p.data();
    const void* const py = peer_p.data() + Fp::limbs;
    const void* const qx = peer_q.data();
    const void* const qy = peer_q.data() + 2 * Fp::limbs;
    const void* const pf = peer_f.data();

    auto a = p.x;
    std::memcpy(to, &a, sizeof(a));
    const void* const from = to;
    measure(
        "Fp multiply", tiny, [&] { a *= p.y; }, peer.call("blst_fp_mul", to, from, py));
    measure(
        "Fp square", tiny, [&] { a.square(); }, peer.call("blst_fp_sqr", to, from));
    measure(
        "Fp add", tiny, [&] { a += p.y; }, peer.call("blst_fp_add", to, from, py));
    measure(
        "Fp inverse", large, [&] { keep(p.x.inverse()); }, peer.call("blst_fp_inverse", to, px));
    measure(
        "Fp square root", large, [&] { keep(p.x.square_root()); }, peer.call("blst_fp_sqrt", to, px));
    auto b = q.x;
    measure(
        "Fp2 multiply", tiny, [&] { b = b * q.y; }, peer.call("blst_fp2_mul", to, from, qy));
    measure(
        "Fp2 square", tiny, [&] { b = b.squared(); }, peer.call("blst_fp2_sqr", to, from));
    measure(
        "Fp2 square root", large, [&] { keep(q.x.square_root()); }, peer.call("blst_fp2_sqrt", to, qx));
    auto c = f;
    measure(
        "Fp12 multiply", small, [&] { c = c * f; }, peer.call("blst_fp12_mul", to, from, pf));
    measure(
        "Fp12 square", small, [&] { c = c.squared(); }, peer.call("blst_fp12_sqr", to, from));
    measure(
        "Fp12 cyclotomic square", small, [&] { c = c.cyclotomic_squared(); },
        peer.call("blst_fp12_cyclotomic_sqr", to, from));
    measure(
        "Miller loop", large, [&] { keep(miller_loop(pair)); }, peer.call("blst_miller_loop", to, qx, px));
    measure(
        "final exponentiation", large, [&] { keep(final_exponentiation(f)); }, peer.call("blst_final_exp", to, pf));

    const std::string_view tag = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    const void* const tag_data = tag.data();
    const void* const message_data = message.data();
    const void* const none = nullptr;
    const std::size_t zero = 0;
    measure(
        "hash to G2", large, [&] { keep(hash_to_g2(message, as_bytes(tag))); },
        peer.call("blst_hash_to_g2", to, message_data, message.size(), tag_data, tag.size(), none, zero));
    measure(
        "hash to G1", large, [&] { keep(hash_to_g1(message, as_bytes(tag))); },
        peer.call("blst_hash_to_g1", to, message_data, message.size(), tag_data, tag.size(), none, zero));

    const auto peer_secret = peer_scalar(scalar);
    const void* const secret_data = peer_secret.data();
    measure(
        "public key", large, [&] { keep(multiply_secret(g1_generator, scalar)); },
        peer.call("blst_sk_to_pk_in_g1", to, secret_data));
    measure(
        "sign, without hashing", large, [&] { keep(multiply_secret(q, scalar)); },
        peer.call("blst_sign_pk_in_g1", to, qx, secret_data));
    measure("sign", large, [&] { keep(secret.sign(message)); });
    const auto peer_key = peer_memory(key.point().x, key.point().y);
    const auto peer_signature = peer_memory(signature.point().x, signature.point().y);
    const void* const key_data = peer_key.data();
    const void* const signature_data = peer_signature.data();
    measure(
        "verify", large, [&] { keep(bls::verify(key, message, signature)); },
        peer.call("blst_core_verify_pk_in_g1", key_data, signature_data, 1, message_data, message.size(), tag_data,
                  tag.size(), none, zero));
    const auto signature_bytes = signature.bytes();
    measure("uncompress, check in G2", large, [&] { keep(bls::Signature::parse(signature_bytes.view())); });
    measure(
        "check in G2", large, [&] { keep(is_in_subgroup(q)); }, peer.call("blst_p2_affine_in_g2", qx));
    measure(
        "check in G1", large, [&] { keep(is_in_subgroup(p)); }, peer.call("blst_p1_affine_in_g1", px));

    std::vector<G1Affine> points_1;
    std::vector<G2Affine> points_2;
    std::vector<Fr> scalars;
    std::vector<PeerMemory> peer_points_1;
    std::vector<PeerMemory> peer_points_2;
    std::vector<PeerMemory> peer_scalars;
    auto next = scalar;
    for (int i = 0; i < 1024; ++i) {
        next = next * scalar;
        scalars.push_back(next);
        peer_scalars.push_back(peer_scalar(next));
        points_1.push_back(multiply(g1_generator, next).to_affine());
        points_2.push_back(multiply(g2_generator, next).to_affine());
        peer_points_1.push_back(peer_memory(points_1.back().x, points_1.back().y));
        peer_points_2.push_back(peer_memory(points_2.back().x, points_2.back().y));
    }
    std::vector<const void*> addresses_1;
    std::vector<const void*> addresses_2;
    std::vector<const void*> scalar_addresses;
    for (std::size_t i = 0; i < scalars.size(); ++i) {
        addresses_1.push_back(peer_points_1[i].data());
        addresses_2.push_back(peer_points_2[i].data());
        scalar_addresses.push_back(peer_scalars[i].data());
    }
    std::vector<std::uint64_t> scratch(1 << 20);
    void* const scratch_data = scratch.data();
    const std::size_t bits = 255;
    for (const std::size_t n : {1, 8, 128, 1024}) {
        const auto some = std::span<const Fr>{scalars}.first(n);
        char name[64];
        std::snprintf(name, sizeof(name), "G1 sum of %zu", n);
        measure(
            name, n < 100 ? large : huge,
            [&] { keep(multi_multiply(std::span<const G1Affine>{points_1}.first(n), some)); },
            peer.call("blst_p1s_mult_pippenger", to, addresses_1.data(), n, scalar_addresses.data(), bits,
                      scratch_data));
        std::snprintf(name, sizeof(name), "G2 sum of %zu", n);
        measure(
            name, n < 100 ? large : huge,
            [&] { keep(multi_multiply(std::span<const G2Affine>{points_2}.first(n), some)); },
            peer.call("blst_p2s_mult_pippenger", to, addresses_2.data(), n, scalar_addresses.data(), bits,
                      scratch_data));
    }
}
