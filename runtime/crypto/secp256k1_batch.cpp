#include "runtime/crypto/secp256k1_batch.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "runtime/crypto/secp256k1_msm.hpp"
#include "runtime/crypto/secp256k1_nonce.hpp"
#include "runtime/crypto/secp256k1_scalar.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe {

using namespace secp256k1_detail;

namespace {

[[nodiscard]] uint256 read_big_endian(const std::uint8_t* bytes) noexcept {
    uint256 out;
    for (std::size_t i = 0; i < 4; ++i) {
        std::uint64_t limb;
        std::memcpy(&limb, bytes + 8 * (3 - i), 8);
        out.limb[i] = __builtin_bswap64(limb);
    }
    return out;
}

/// Coefficients of 128 bits from the hash of the whole batch: whoever makes an item can't know them before all items
/// are fixed, and every node computes the same.
[[nodiscard]] std::vector<uint256> coefficients(std::span<const KnownKeySignature> batch) {
    Sha256 hasher;
    for (const auto& item : batch) {
        const std::uint8_t recovery_id[1] = {item.signature.recovery_id};
        hasher.update(item.digest.view()).update(item.signature.r_s.view()).update(recovery_id).update(item.key.view());
    }
    const auto seed = hasher.finish();
    std::array<std::uint8_t, 40> block{};
    std::copy(seed.begin(), seed.end(), block.begin());
    std::vector<uint256> out(batch.size());
    for (std::size_t i = 0; i < batch.size(); i += 2) {
        const std::uint64_t counter = i;
        std::memcpy(block.data() + 32, &counter, 8);
        const auto both = read_big_endian(sha256(block).data());
        out[i] = {0, 0, both.limb[1], both.limb[0]};
        if (i + 1 < batch.size()) out[i + 1] = {0, 0, both.limb[3], both.limb[2]};
    }
    return out;
}

/// Appends scalar * point as two terms of half the length.
void add_split(std::vector<Term>& terms, const AffinePoint& point, const uint256& scalar) {
    constexpr auto half_order =
        uint256{0x7FFFFFFFFFFFFFFFULL, 0xFFFFFFFFFFFFFFFFULL, 0x5D576E7357A4501DULL, 0xDFE92F46681B20A0ULL};
    const auto add = [&](const AffinePoint& p, const uint256& k) {
        if (k > half_order) {
            terms.push_back({negated(p), scalar_negated(k)});
        } else {
            terms.push_back({p, k});
        }
    };
    const auto [k1, k2] = split_by_lambda(scalar);
    add(point, k1);
    add(times_lambda(point), k2);
}

[[nodiscard]] bool is_valid(const KnownKeySignature& item) noexcept {
    return recover_public_key(item.digest, item.signature.r_s.view(), item.signature.recovery_id) == item.key;
}

}  // namespace

bool verify_batch(std::span<const KnownKeySignature> batch) {
    std::vector<Term> terms;
    terms.reserve(3 * batch.size() + 2);
    std::vector<uint256> r(batch.size());
    std::vector<uint256> s_inverse(batch.size());
    const auto a = coefficients(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto& signature = batch[i].signature;
        r[i] = read_big_endian(signature.r_s.data());
        s_inverse[i] = read_big_endian(signature.r_s.data() + 32);
        if (!is_scalar(r[i]) || !is_scalar(s_inverse[i])) return false;
        const auto point = nonce_point(r[i], signature.recovery_id);
        if (!point) return false;
        terms.push_back({negated(*point), a[i]});
    }
    invert_all(s_inverse);

    std::vector<std::size_t> by_key(batch.size());
    std::iota(by_key.begin(), by_key.end(), std::size_t{0});
    std::sort(by_key.begin(), by_key.end(),
              [&](std::size_t i, std::size_t k) { return batch[i].key.bytes < batch[k].key.bytes; });
    uint256 of_generator;
    for (std::size_t at = 0; at < by_key.size();) {
        const auto& key = batch[by_key[at]].key;
        const auto point = point_from(read_big_endian(key.data()), read_big_endian(key.data() + 32));
        if (!point) return false;
        uint256 of_key;
        for (; at < by_key.size() && batch[by_key[at]].key == key; ++at) {
            const auto i = by_key[at];
            const auto weight = scalar_product(a[i], s_inverse[i]);
            const auto digest = reduce_once(read_big_endian(batch[i].digest.data()));
            of_generator = scalar_sum(of_generator, scalar_product(weight, digest));
            of_key = scalar_sum(of_key, scalar_product(weight, r[i]));
        }
        add_split(terms, *point, of_key);
    }
    add_split(terms, generator, of_generator);
    return multi_scalar_product(terms).infinity;
}

std::vector<std::size_t> find_invalid(std::span<const KnownKeySignature> batch) {
    std::vector<std::size_t> out;
    if (verify_batch(batch)) return out;
    for (std::size_t i = 0; i < batch.size(); ++i)
        if (!is_valid(batch[i])) out.push_back(i);
    return out;
}

}  // namespace troupe
