#include "runtime/crypto/secp256k1_batch.hpp"

#include <random>

#include <doctest/doctest.h>

#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/secp256k1_group.hpp"
#include "runtime/crypto/secp256k1_msm.hpp"
#include "runtime/crypto/secp256k1_scalar.hpp"

using namespace troupe;
using namespace troupe::secp256k1_detail;

namespace {

std::mt19937_64 random_source{2024};

uint256 random_word() { return {random_source(), random_source(), random_source(), random_source()}; }

/// Random words, and often ones near 0, 2^256 and the modulus, or with long runs of equal bits.
uint256 random_edge_word(const uint256& modulus) {
    switch (random_source() % 6) {
        case 0: return uint256{random_source() % 5};
        case 1: return modulus - uint256{random_source() % 5};
        case 2: return uint256{} - uint256{random_source() % 5 + 1};
        case 3: {
            uint256 runs;
            for (auto& limb : runs.limb) limb = random_source() % 2 == 0 ? 0 : ~0ULL << (random_source() % 64);
            return runs;
        }
        default: return random_word();
    }
}

uint256 mod(uint256 a, const uint256& modulus) { return a >= modulus ? a - modulus : a; }

/// a * b mod m, bit by bit: slow, and sharing nothing with what is tested.
uint256 slow_product(const uint256& a, const uint256& b, const uint256& modulus) {
    uint256 r;
    const auto add = [&](const uint256& x) {
        const auto s = r + x;
        r = s < r || s >= modulus ? s - modulus : s;
    };
    for (int bit = 255; bit >= 0; --bit) {
        add(r);
        if ((b.limb[static_cast<std::size_t>(bit) / 64] >> (bit % 64) & 1) != 0) add(a);
    }
    return r;
}

Bytes big_endian(const uint256& a) {
    Bytes out(32);
    for (std::size_t i = 0; i < 32; ++i) out[31 - i] = static_cast<std::uint8_t>(a.limb[i / 8] >> (8 * (i % 8)));
    return out;
}

uint256 word_from(ByteView bytes) {
    uint256 out;
    for (std::size_t i = 0; i < 32; ++i) out.limb[i / 8] |= static_cast<std::uint64_t>(bytes[31 - i]) << (8 * (i % 8));
    return out;
}

/// k * G by libsecp256k1.
AffinePoint multiple_of_generator(const uint256& k) {
    const auto key = Secp256k1SecretKey::from_bytes(big_endian(k))->public_key();
    const auto point = point_from(word_from(key.view().first(32)), word_from(key.view().subspan(32)));
    REQUIRE(point.has_value());
    return *point;
}

bool same_point(const JacobianPoint& a, const AffinePoint& b) { return sum(a, negated(b)).infinity; }

KnownKeySignature random_item(const Secp256k1SecretKey& key) {
    KnownKeySignature item;
    item.digest = *Hash256::from_view(big_endian(random_word()));
    item.signature = key.sign(item.digest);
    item.key = key.public_key();
    return item;
}

std::vector<Secp256k1SecretKey> random_keys(std::size_t count) {
    std::vector<Secp256k1SecretKey> keys;
    for (std::size_t i = 0; i < count; ++i) keys.push_back(*Secp256k1SecretKey::from_bytes(big_endian(random_word())));
    return keys;
}

std::vector<KnownKeySignature> random_batch(std::size_t size, std::size_t keys_count) {
    const auto keys = random_keys(keys_count);
    std::vector<KnownKeySignature> batch;
    for (std::size_t i = 0; i < size; ++i) batch.push_back(random_item(keys[random_source() % keys.size()]));
    return batch;
}

/// By libsecp256k1, one by one.
bool all_valid(const std::vector<KnownKeySignature>& batch) {
    return std::ranges::all_of(batch, [](const auto& item) {
        return recover_public_key(item.digest, item.signature.r_s.view(), item.signature.recovery_id) == item.key;
    });
}

void set_r(KnownKeySignature& item, const uint256& r) { std::ranges::copy(big_endian(r), item.signature.r_s.data()); }
void set_s(KnownKeySignature& item, const uint256& s) {
    std::ranges::copy(big_endian(s), item.signature.r_s.data() + 32);
}
uint256 s_of(const KnownKeySignature& item) { return word_from(item.signature.r_s.view().subspan(32)); }

}  // namespace

TEST_CASE("field arithmetic equals the slow one, for representations below and above p") {
    for (int round = 0; round < 5000; ++round) {
        // Up to 2^256 - 1, which p + 2^32 + 976 is.
        const auto above = [] { return field_prime + uint256{random_source() % field_fold}; };
        const FieldElement x{round % 7 == 0 ? above() : random_edge_word(field_prime)};
        const FieldElement y{round % 5 == 0 ? above() : random_edge_word(field_prime)};
        const auto a = mod(x.n, field_prime);
        const auto b = mod(y.n, field_prime);
        REQUIRE(to_uint256(x) == a);
        REQUIRE(to_uint256(x * y) == slow_product(a, b, field_prime));
        REQUIRE(to_uint256(squared(x)) == slow_product(a, a, field_prime));
        const bool carries = a + b < a;
        REQUIRE(to_uint256(x + y) == (carries || a + b >= field_prime ? a + b - field_prime : a + b));
        REQUIRE(to_uint256(x - y) == (a < b ? a - b + field_prime : a - b));
        REQUIRE(is_zero(x + negated(x)));
        REQUIRE(is_zero(x) == a.is_zero());
        REQUIRE(is_odd(x) == ((a.limb[0] & 1) != 0));
        const auto root = square_root_candidate(squared(x));
        REQUIRE((is_zero(root - x) || is_zero(root + x)));
    }
}

TEST_CASE("field sums, differences and products that carry or borrow twice are right") {
    const FieldElement top{uint256{} - uint256{1}};
    const FieldElement zero;
    const auto value = field_fold - 1;
    CHECK(to_uint256(top + top) == uint256{2 * value});
    CHECK(to_uint256(zero - top) == field_prime - uint256{value});
    for (std::uint64_t d = 0; d < 40; ++d) {
        const FieldElement small{uint256{d}};
        const FieldElement near_top{uint256{} - uint256{d + 1}};
        CHECK(to_uint256(near_top + top) == uint256{2 * value - d});
        CHECK(is_zero((small - near_top) + (near_top - small)));
        CHECK(to_uint256(small - top) == field_prime - uint256{value} + uint256{d});
        CHECK(to_uint256(near_top * top) == slow_product(uint256{value - d}, uint256{value}, field_prime));
    }
}

TEST_CASE("scalar arithmetic equals the slow one") {
    for (int round = 0; round < 3000; ++round) {
        const auto a = mod(random_edge_word(group_order), group_order);
        const auto b = mod(random_edge_word(group_order), group_order);
        REQUIRE(scalar_product(a, b) == slow_product(a, b, group_order));
        const auto carries = a + b < a;
        REQUIRE(scalar_sum(a, b) == (carries || a + b >= group_order ? a + b - group_order : a + b));
        REQUIRE(scalar_sum(a, scalar_negated(a)) == uint256{});
        const auto [k1, k2] = split_by_lambda(a);
        REQUIRE(scalar_sum(k1, scalar_product(k2, lambda)) == a);
        for (const auto& k : {k1, k2}) REQUIRE(std::min(k, scalar_negated(k)) < uint256{0, 1, 0, 0});
        if (!a.is_zero() && round < 200) REQUIRE(scalar_product(a, scalar_inverse(a)) == uint256{1});
    }
    std::vector<uint256> values;
    for (int i = 0; i < 20; ++i) values.push_back(mod(random_word(), group_order));
    auto inverses = values;
    invert_all(inverses);
    for (std::size_t i = 0; i < values.size(); ++i) CHECK(scalar_product(values[i], inverses[i]) == uint256{1});
}

TEST_CASE("point arithmetic equals libsecp256k1's, with doubling, infinity and the endomorphism") {
    for (int round = 0; round < 100; ++round) {
        const auto a = uint256{random_source() % 40 + 1};
        const auto b = round % 2 == 0 ? uint256{random_source() % 40 + 1} : mod(random_word(), group_order);
        const auto p = multiple_of_generator(a);
        const auto q = multiple_of_generator(b);
        const auto p_jacobian = sum(JacobianPoint{}, p);
        // A representation with another z: p + p + q - p - q.
        auto p_other = sum(sum(sum(sum(p_jacobian, p), q), negated(p)), negated(q));
        REQUIRE(same_point(p_other, p));
        const auto both = multiple_of_generator(scalar_sum(a, b));
        REQUIRE(same_point(sum(p_other, q), both));
        REQUIRE(same_point(sum(p_other, sum(JacobianPoint{}, q)), both));
        REQUIRE(same_point(sum(sum(JacobianPoint{}, q), p_other), both));
        const auto twice = multiple_of_generator(scalar_sum(a, a));
        REQUIRE(same_point(doubled(p_other), twice));
        REQUIRE(same_point(sum(p_other, p), twice));
        REQUIRE(same_point(sum(p_other, p_jacobian), twice));
        REQUIRE(sum(p_other, negated(p)).infinity);
        REQUIRE(sum(p_other, sum(JacobianPoint{}, negated(p))).infinity);
        REQUIRE(doubled(JacobianPoint{}).infinity);
        REQUIRE(same_point(sum(JacobianPoint{}, p_other), p));
        REQUIRE(same_point(sum(p_other, JacobianPoint{}), p));
        REQUIRE(same_point(sum(JacobianPoint{}, times_lambda(q)), multiple_of_generator(scalar_product(b, lambda))));
    }
    CHECK(same_point(sum(JacobianPoint{}, generator), multiple_of_generator(1)));
}

TEST_CASE("a sum of multiples equals the multiple of the sum, for every number of terms") {
    for (const std::size_t count : {0, 1, 2, 3, 10, 40, 150, 600}) {
        std::vector<Term> terms;
        uint256 total;
        for (std::size_t i = 0; i < count; ++i) {
            // Few different points, so that equal and opposite ones meet in the buckets.
            const auto k = uint256{random_source() % 7 + 1};
            auto point = multiple_of_generator(k);
            auto scalar = random_word();
            scalar.limb[3] = 0;
            scalar.limb[2] = 0;
            switch (random_source() % 5) {
                case 0: scalar = {}; break;
                case 1: scalar = uint256{random_source() % 3}; break;
                case 2: scalar = {0, 1, ~0ULL, ~0ULL}; break;
                default: break;
            }
            auto product = scalar_product(scalar, k);
            if (random_source() % 2 == 0) {
                point = negated(point);
                product = scalar_negated(product);
            }
            terms.push_back({point, scalar});
            total = scalar_sum(total, product);
        }
        CAPTURE(count);
        const auto result = multi_scalar_product(terms);
        if (total.is_zero()) {
            CHECK(result.infinity);
        } else {
            CHECK(same_point(result, multiple_of_generator(total)));
        }
    }
}

TEST_CASE("a batch of good signatures is accepted, whatever its size and number of keys") {
    CHECK(verify_batch({}));
    for (const std::size_t size : {1, 2, 3, 16, 64, 200})
        for (const std::size_t keys : {1, 5, 64}) {
            const auto batch = random_batch(size, keys);
            CHECK(verify_batch(batch));
            CHECK(find_invalid(batch).empty());
        }
}

TEST_CASE("the same item twice, and high s with the other recovery id, are as good as by recovery") {
    auto batch = random_batch(10, 2);
    batch.push_back(batch[3]);
    batch.push_back(batch[3]);
    auto high = batch[4];
    set_s(high, group_order - s_of(high));
    high.signature.recovery_id ^= 1;
    batch.push_back(high);
    REQUIRE(all_valid(batch));
    CHECK(verify_batch(batch));
}

TEST_CASE("one tampered item anywhere in the batch is noticed and found") {
    const auto good = random_batch(33, 6);
    const auto others = random_batch(1, 1);
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (int way = 0; way < 9; ++way) {
            auto batch = good;
            auto& item = batch[at];
            switch (way) {
                case 0: item.digest[random_source() % 32] ^= static_cast<std::uint8_t>(1 << random_source() % 8); break;
                case 1: item.signature.r_s[random_source() % 32] ^= 1; break;
                case 2: item.signature.r_s[32 + random_source() % 32] ^= 1; break;
                case 3: item.signature.recovery_id ^= 1; break;
                case 4: item.signature.recovery_id ^= 2; break;
                case 5: item.key = others[0].key; break;
                case 6: set_s(item, group_order - s_of(item)); break;
                case 7: item.key[63] ^= 1; break;
                default: item.signature.recovery_id = 4; break;
            }
            CAPTURE(at);
            CAPTURE(way);
            REQUIRE_FALSE(verify_batch(batch));
            if (at % 8 == 0) REQUIRE(find_invalid(batch) == std::vector<std::size_t>{at});
        }
    }
}

TEST_CASE("errors that would cancel out without random coefficients are noticed") {
    // Swap the digests of two items of one key, and shift two s by opposite amounts.
    auto batch = random_batch(8, 1);
    std::swap(batch[0].digest, batch[1].digest);
    CHECK_FALSE(verify_batch(batch));
    CHECK(find_invalid(batch) == std::vector<std::size_t>{0, 1});
    batch = random_batch(8, 1);
    set_s(batch[2], scalar_sum(s_of(batch[2]), 5));
    set_s(batch[3], scalar_sum(s_of(batch[3]), scalar_negated(5)));
    CHECK_FALSE(verify_batch(batch));
    batch = random_batch(2, 1);
    std::swap(batch[0].signature, batch[1].signature);
    CHECK_FALSE(verify_batch(batch));
}

TEST_CASE("r and s at their edges, and keys off the curve, are judged as by recovery") {
    const auto good = random_batch(5, 2);
    const auto agrees = [&](const KnownKeySignature& item) {
        auto batch = good;
        batch.push_back(item);
        const bool expected = all_valid(batch);
        CHECK(verify_batch(batch) == expected);
        CHECK(verify_batch({&item, 1}) == expected);
        return expected;
    };
    std::size_t accepted = 0;
    const std::vector<uint256> edges{0,
                                     1,
                                     2,
                                     3,
                                     group_order - uint256{1},
                                     group_order,
                                     group_order + uint256{1},
                                     field_prime - group_order - uint256{1},
                                     field_prime - group_order,
                                     field_prime - uint256{1},
                                     field_prime,
                                     uint256{} - uint256{1}};
    for (const auto& r : edges)
        for (const auto& s : edges)
            for (std::uint8_t recovery_id = 0; recovery_id < 5; ++recovery_id) {
                auto item = good[0];
                set_r(item, r);
                set_s(item, s);
                item.signature.recovery_id = recovery_id;
                CHECK_FALSE(agrees(item));
                // With the key that recovery gives, it must be accepted: among them R with x at or above n.
                if (const auto key = recover_public_key(item.digest, item.signature.r_s.view(), recovery_id)) {
                    item.key = *key;
                    CHECK(agrees(item));
                    ++accepted;
                }
            }
    CHECK(accepted > 20);

    auto item = good[0];
    item.key = {};
    CHECK_FALSE(agrees(item));
    item.key.bytes.fill(0xff);
    CHECK_FALSE(agrees(item));
    // The generator as key, digests of 0 and of n, which are the same number.
    for (const auto& digest : {uint256{}, group_order, uint256{1}, group_order - uint256{1}, uint256{} - uint256{1}}) {
        const auto key = *Secp256k1SecretKey::from_bytes(big_endian(1));
        KnownKeySignature own;
        own.digest = *Hash256::from_view(big_endian(digest));
        own.signature = key.sign(own.digest);
        own.key = key.public_key();
        CHECK(agrees(own));
    }
}

TEST_CASE("R equal to the generator or to the key, or their negatives, is no obstacle") {
    // With nonce k and key d: s = (z + r d) / k. k = 1 gives R = G, k = d gives R = Q.
    for (const auto& [d, k] : {std::pair<uint256, uint256>{5, 1}, {5, 5}, {1, 1}, {7, 14}}) {
        for (const bool negative : {false, true}) {
            const auto nonce = negative ? scalar_negated(k) : k;
            const auto point = multiple_of_generator(nonce);
            const auto r = mod(to_uint256(point.x), group_order);
            const auto key = Secp256k1SecretKey::from_bytes(big_endian(d))->public_key();
            KnownKeySignature item;
            item.key = key;
            item.digest = keccak256(as_bytes("digest"));
            const auto z = mod(word_from(item.digest.view()), group_order);
            set_r(item, r);
            set_s(item, scalar_product(scalar_sum(z, scalar_product(r, d)), scalar_inverse(nonce)));
            item.signature.recovery_id = is_odd(point.y) ? 1 : 0;
            REQUIRE(all_valid({item}));
            CHECK(verify_batch({&item, 1}));
            const std::vector<KnownKeySignature> copies(40, item);
            CHECK(verify_batch(copies));
            auto tampered = copies;
            tampered[17].signature.recovery_id ^= 1;
            CHECK_FALSE(verify_batch(tampered));
        }
    }
}
