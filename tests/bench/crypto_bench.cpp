// Hashes, signatures and the state trie: one line a figure, with OpenSSL's SHA3-256 beside our keccak.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <random>

#include <openssl/evp.h>

#include "runtime/crypto/ed25519.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/secp256k1.hpp"
#include "runtime/crypto/secp256k1_batch.hpp"
#include "runtime/crypto/secp256k1_recover.hpp"
#include "runtime/crypto/sha256.hpp"
#include "runtime/crypto/sim_signature.hpp"
#include "vm/state/trie.hpp"

using namespace troupe;

namespace {

/// Nanoseconds a call, the best of five runs.
template <class Work>
double measure(std::size_t calls, Work&& work) {
    double best = 1e300;
    for (int run = 0; run < 5; ++run) {
        const auto start = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < calls; ++i) work(i);
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / static_cast<double>(calls));
    }
    return best;
}

template <class Work>
double measure_once(Work&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

void print(const char* what, double ns) { std::printf("%-44s %12.1f ns\n", what, ns); }

struct MapSource : TrieNodeSource {
    std::map<NibblePath, Bytes> nodes;
    std::optional<Bytes> node(const TrieOwner&, const NibblePath& path) const override {
        const auto found = nodes.find(path);
        return found == nodes.end() ? std::nullopt : std::optional{found->second};
    }
    void write(const std::vector<TrieNodeChange>& changes) {
        for (const auto& [path, encoded] : changes) {
            if (encoded) {
                nodes[path] = *encoded;
            } else {
                nodes.erase(path);
            }
        }
    }
};

void bench_hashes() {
    auto* sha3 = EVP_MD_fetch(nullptr, "SHA3-256", nullptr);
    auto* context = EVP_MD_CTX_new();
    for (const std::size_t size : {32, 136, 1024, 65536}) {
        Bytes data(size, 7);
        const auto calls = 4'000'000 / (size + 136);
        const auto ours = measure(calls, [&](std::size_t i) { data[0] = keccak256(data)[i % 32]; });
        const auto peer = measure(calls, [&](std::size_t i) {
            std::uint8_t out[32];
            unsigned out_size = 0;
            EVP_DigestInit_ex2(context, sha3, nullptr);
            EVP_DigestUpdate(context, data.data(), data.size());
            EVP_DigestFinal_ex(context, out, &out_size);
            data[0] = out[i % 32];
        });
        std::printf("keccak256 of %-6zu                          %12.1f ns   OpenSSL SHA3-256 %10.1f ns   ratio %.2f\n",
                    size, ours, peer, peer / ours);
    }
    Bytes data(1024, 7);
    print("sha256 of 1024", measure(20000, [&](std::size_t i) { data[0] = sha256(data)[i % 32]; }));
    EVP_MD_CTX_free(context);
    EVP_MD_free(sha3);
}

void bench_signatures() {
    const auto key = Secp256k1SecretKey::generate();
    const auto digest = keccak256(as_bytes("digest"));
    const auto signature = key.sign(digest);
    std::size_t good = 0;
    print("secp256k1 sign", measure(1000, [&](std::size_t) { good += key.sign(digest).recovery_id; }));
    print("secp256k1 recover_address", measure(1000, [&](std::size_t) {
              good += recover_address(digest, signature.r_s.view(), signature.recovery_id).has_value();
          }));
    const auto pair = Ed25519KeyPair::generate();
    const auto verifier = *Ed25519Verifier::from(pair.public_key());
    const auto ed25519 = pair.sign(digest.view());
    print("ed25519 sign", measure(1000, [&](std::size_t) { good += pair.sign(digest.view())[0]; }));
    print("ed25519 verify (kept key)",
          measure(1000, [&](std::size_t) { good += verifier.verify(digest.view(), ed25519.view()); }));
    print("ed25519 verify (key made each time)", measure(1000, [&](std::size_t) {
              good += ed25519_verify(pair.public_key(), digest.view(), ed25519.view());
          }));
    const auto scheme = make_sim_scheme(1, 4);
    const auto signer = make_sim_signer(1, ValidatorIndex{1});
    const auto mac = signer->sign(digest.view());
    print("simulation signature verify",
          measure(100000, [&](std::size_t) { good += scheme->verify(ValidatorIndex{1}, digest.view(), mac); }));
    std::printf("%44s (%zu)\n", "", good % 10);
}

void bench_batches() {
    std::vector<Secp256k1SecretKey> keys;
    for (int i = 0; i < 64; ++i) keys.push_back(Secp256k1SecretKey::generate());
    std::vector<KnownKeySignature> all;
    for (std::size_t i = 0; i < 1024; ++i) {
        const auto digest = keccak256(as_bytes(std::to_string(i)));
        all.push_back({digest, keys[i % 64].sign(digest), keys[i % 64].public_key()});
    }
    std::size_t good = 0;
    for (const std::size_t size : {16, 64, 256, 1024}) {
        const std::span<const KnownKeySignature> batch{all.data(), size};
        const auto ours = measure(4096 / size, [&](std::size_t) { good += verify_batch(batch); });
        const auto peer = measure(1, [&](std::size_t) {
            for (const auto& item : batch)
                good +=
                    recover_public_key(item.digest, item.signature.r_s.view(), item.signature.recovery_id) == item.key;
        });
        const auto per_item = 1.0 / static_cast<double>(size);
        std::printf("secp256k1 batch of %-5zu a signature        %12.1f ns   recovery         %10.1f ns   ratio %.2f\n",
                    size, ours * per_item, peer * per_item, peer / ours);
    }
    std::vector<UnknownKeySignature> unknown;
    for (const auto& item : all) unknown.push_back({item.digest, item.signature});
    for (const std::size_t size : {4, 16, 100, 1024}) {
        const std::span<const UnknownKeySignature> batch{unknown.data(), size};
        const auto ours = measure(4096 / size, [&](std::size_t) { good += recover_public_keys(batch).size(); });
        const auto peer = measure(1, [&](std::size_t) {
            for (const auto& item : batch)
                good +=
                    recover_public_key(item.digest, item.signature.r_s.view(), item.signature.recovery_id).has_value();
        });
        const auto per_item = 1.0 / static_cast<double>(size);
        std::printf("secp256k1 recovery of %-5zu a signature     %12.1f ns   one by one       %10.1f ns   ratio %.2f\n",
                    size, ours * per_item, peer * per_item, peer / ours);
    }
    std::printf("%44s (%zu)\n", "", good % 10);
}

void bench_trie() {
    std::mt19937_64 random{1};
    std::vector<Hash256> keys(100'000);
    for (auto& key : keys)
        for (std::size_t at = 0; at < 32; at += 8) {
            const auto word = random();
            std::memcpy(key.data() + at, &word, 8);
        }
    MapSource source;
    Trie trie{source, TrieOwner{}, empty_trie_root, 1 << 20};
    Bytes value(70, 1);
    for (const auto& key : keys) (void)trie.put(key.view(), value);
    const auto build_root = [&] { (void)trie.root(); };
    build_root();
    source.write(trie.commit());
    double in_memory = 1e300;
    for (int block = 0; block < 20; ++block) {
        std::vector<TrieNodeChange> changes;
        const auto took = measure_once([&] {
            for (int i = 0; i < 1000; ++i) {
                const auto word = random();
                std::memcpy(value.data(), &word, 8);
                (void)trie.put(keys[random() % keys.size()].view(), value);
            }
            changes = trie.commit();
        });
        in_memory = std::min(in_memory, took);
        source.write(changes);
    }
    print("trie of 100,000: update, a key of 1,000 (warm)", in_memory / 1000);
    const auto root = trie.root();
    const auto cold = measure(1, [&](std::size_t) {
        Trie fresh{source, TrieOwner{}, root};
        for (int i = 0; i < 1000; ++i) {
            const auto word = random();
            std::memcpy(value.data(), &word, 8);
            (void)fresh.put(keys[random() % keys.size()].view(), value);
        }
        (void)fresh.commit();
    });
    print("trie of 100,000: update, a key of 1,000 (cold)", cold / 1000);
    std::vector<Bytes> receipts(1000, Bytes(300, 5));
    print("ordered_trie_root of 1,000 x 300 bytes, an item",
          measure(5, [&](std::size_t) { value[0] = ordered_trie_root(receipts)[0]; }) / 1000);
}

}  // namespace

int main() {
    bench_hashes();
    bench_signatures();
    bench_batches();
    bench_trie();
}
