#include "runtime/ledger/transaction.hpp"

#include <random>

#include <doctest/doctest.h>

#include "runtime/base/limits.hpp"
#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/ledger/sign.hpp"

namespace {

using namespace troupe;
using Random = std::mt19937_64;

Secp256k1SecretKey key_of(std::uint8_t number) {
    Bytes bytes(32, 0x11);
    bytes[31] = number;
    return std::move(*Secp256k1SecretKey::from_bytes(bytes));
}

Bytes random_bytes(Random& random, std::size_t size) {
    Bytes out(size);
    for (auto& b : out) b = static_cast<std::uint8_t>(random());
    return out;
}

Address random_address(Random& random) { return *Address::from_view(random_bytes(random, 20)); }

uint256 random_amount(Random& random) {
    uint256 out;
    for (std::size_t i = 0; i < random() % 4; ++i) out.limb[i] = random() >> (random() % 64);
    return out;
}

constexpr TransactionType all_types[] = {TransactionType::legacy, TransactionType::access_list,
                                         TransactionType::dynamic_fee, TransactionType::set_code,
                                         TransactionType::native};

/// Random but valid, unsigned.
Transaction random_transaction(Random& random, TransactionType type) {
    Transaction tx;
    tx.type = type;
    if (type != TransactionType::legacy || random() % 2) tx.chain_id = random() >> (random() % 64);
    tx.gas_limit = random() >> (random() % 64);
    if (type == TransactionType::set_code || random() % 4) tx.to = random_address(random);
    tx.value = random_amount(random);
    tx.data = random_bytes(random, random() % 300);
    if (type == TransactionType::native) {
        tx.expiry = TimeMs{random() >> (random() % 64)};
        tx.max_fee = random_amount(random);
        if (random() % 3 == 0) {
            tx.kind = NativeKind::bond;
            tx.to.reset();
            tx.data.clear();
        }
        return tx;
    }
    tx.nonce = random() >> (1 + random() % 63);
    tx.max_fee_per_gas = uint256{0, 0, random() >> (random() % 64), random()};
    tx.max_priority_fee_per_gas = tx.max_fee_per_gas;
    if (type == TransactionType::dynamic_fee || type == TransactionType::set_code)
        tx.max_priority_fee_per_gas = uint256{random() % (tx.max_fee_per_gas.low64() | 1)};
    if (tx.max_priority_fee_per_gas > tx.max_fee_per_gas) tx.max_priority_fee_per_gas = uint256{};
    if (type == TransactionType::legacy) return tx;
    for (auto entries = random() % 4; entries > 0; --entries) {
        auto& entry = tx.access_list.emplace_back();
        entry.address = random_address(random);
        for (auto slots = random() % 4; slots > 0; --slots)
            entry.slots.push_back(*Hash256::from_view(random_bytes(random, 32)));
    }
    if (type == TransactionType::set_code)
        for (auto count = 1 + random() % 3; count > 0; --count) {
            Authorization a;
            a.chain_id = random_amount(random);
            a.address = random_address(random);
            a.nonce = random();
            sign_authorization(a, key_of(static_cast<std::uint8_t>(count)));
            tx.authorization_list.push_back(a);
        }
    return tx;
}

void sign_by(Transaction& tx, const Secp256k1SecretKey& sender, const Secp256k1SecretKey& sponsor) {
    if (tx.type == TransactionType::native)
        sign_native(tx, sender, sponsor);
    else
        sign_transaction(tx, sender);
}

ErrorCode refusal(ByteView raw) {
    const auto result = recover_transaction(raw);
    REQUIRE_FALSE(result.ok());
    return result.error().code;
}

/// Decodes after `change` was applied to a signed transaction of this type.
template <class Change>
bool decodes_after(TransactionType type, Change&& change) {
    Random random{77};
    auto tx = random_transaction(random, type);
    sign_by(tx, key_of(1), key_of(2));
    change(tx);
    return decode_transaction(encode_transaction(tx)).ok();
}

}  // namespace

TEST_CASE("random transactions of every type read back equal, with their sender, payer and hash") {
    Random random{1};
    for (const auto type : all_types)
        for (int i = 0; i < 300; ++i) {
            auto tx = random_transaction(random, type);
            const auto sender = key_of(static_cast<std::uint8_t>(1 + i % 5));
            const auto sponsor = key_of(static_cast<std::uint8_t>(1 + i % 3));
            sign_by(tx, sender, sponsor);
            const auto raw = encode_transaction(tx);
            const auto back = recover_transaction(raw);
            CAPTURE(to_hex(raw));
            REQUIRE(back.ok());
            REQUIRE((*back)->transaction == tx);
            REQUIRE((*back)->sender == sender.address());
            REQUIRE((*back)->payer == (type == TransactionType::native ? sponsor.address() : sender.address()));
            REQUIRE((*back)->hash == transaction_hash(raw));
            REQUIRE((*back)->raw == raw);
        }
}

TEST_CASE("the example of EIP-155 has its published signing hash and bytes") {
    Transaction tx;
    tx.chain_id = 1;
    tx.nonce = 9;
    tx.max_fee_per_gas = tx.max_priority_fee_per_gas = uint256{20000000000};
    tx.gas_limit = 21000;
    tx.to = fixed_from_hex<Address>("3535353535353535353535353535353535353535");
    tx.value = uint256{1000000000000000000};
    CHECK(to_hex(signing_hash(tx).view()) == "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    const auto key = Secp256k1SecretKey::from_bytes(Bytes(32, 0x46));
    sign_transaction(tx, *key);
    CHECK(
        to_hex(encode_transaction(tx)) ==
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195"
        "fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d"
        "83");
    CHECK(to_hex_prefixed((*recover_transaction(encode_transaction(tx)))->sender.view()) ==
          "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f");
}

TEST_CASE("whatever a mutated transaction decodes to encodes to that very input") {
    Random random{2};
    int accepted = 0;
    for (int i = 0; i < 60000; ++i) {
        auto tx = random_transaction(random, all_types[random() % 5]);
        tx.signature = {1, uint256{random()}, uint256{random()}};
        tx.sponsor_signature = {0, uint256{random()}, uint256{random()}};
        auto raw = encode_transaction(tx);
        for (auto changes = 1 + random() % 2; changes > 0; --changes)
            raw[random() % raw.size()] = static_cast<std::uint8_t>(random());
        const auto decoded = decode_transaction(raw);
        if (!decoded) continue;
        ++accepted;
        REQUIRE(encode_transaction(*decoded) == raw);
    }
    CHECK(accepted > 1000);
}

TEST_CASE("every proper prefix and every appended byte is refused, for every type") {
    Random random{3};
    for (const auto type : all_types) {
        auto tx = random_transaction(random, type);
        sign_by(tx, key_of(1), key_of(2));
        auto raw = encode_transaction(tx);
        for (std::size_t size = 0; size < raw.size(); ++size)
            REQUIRE_FALSE(decode_transaction(ByteView{raw}.first(size)).ok());
        raw.push_back(0);
        CHECK(refusal(raw) == ErrorCode::malformed);
    }
}

TEST_CASE("random bytes never crash the decoder") {
    Random random{4};
    for (int i = 0; i < 200000; ++i) {
        auto raw = random_bytes(random, 1 + random() % 200);
        if (random() % 2) raw[0] = static_cast<std::uint8_t>(all_types[1 + random() % 4]);
        CHECK_FALSE(decode_transaction(raw).ok());
    }
}

TEST_CASE("a signature with a high s, zero or too large values or a strange parity is refused") {
    const uint256 order{0xffffffffffffffff, 0xfffffffffffffffe, 0xbaaedce6af48a03b, 0xbfd25e8cd0364141};
    const uint256 half{0x7fffffffffffffff, 0xffffffffffffffff, 0x5d576e7357a4501d, 0xdfe92f46681b20a0};
    for (const auto type : all_types) {
        CAPTURE(static_cast<int>(type));
        CHECK(decodes_after(type, [](Transaction&) {}));
        CHECK_FALSE(decodes_after(type, [&](Transaction& tx) { tx.signature.s = order - tx.signature.s; }));
        CHECK_FALSE(decodes_after(type, [&](Transaction& tx) { tx.signature.s = half + uint256{1}; }));
        CHECK(decodes_after(type, [&](Transaction& tx) { tx.signature.s = half; }));
        CHECK_FALSE(decodes_after(type, [&](Transaction& tx) { tx.signature.s = uint256{}; }));
        CHECK_FALSE(decodes_after(type, [&](Transaction& tx) { tx.signature.r = uint256{}; }));
        CHECK_FALSE(decodes_after(type, [&](Transaction& tx) { tx.signature.r = order; }));
        CHECK(decodes_after(type, [&](Transaction& tx) { tx.signature.r = order - uint256{1}; }));
        if (type != TransactionType::legacy)
            CHECK_FALSE(decodes_after(type, [&](Transaction& tx) { tx.signature.y_parity = 2; }));
    }
    CHECK_FALSE(decodes_after(TransactionType::native,
                              [&](Transaction& tx) { tx.sponsor_signature.s = order - tx.sponsor_signature.s; }));
}

TEST_CASE("a legacy v is 27, 28 or an EIP-155 value of a 64-bit chain id") {
    const auto with_v = [](const uint256& v) {
        rlp::Encoder out;
        const auto list = out.begin_list();
        out.integer(std::uint64_t{1}).integer(std::uint64_t{2}).integer(std::uint64_t{21000}).bytes(ByteView{});
        out.integer(std::uint64_t{0}).bytes(ByteView{}).integer(v).integer(uint256{5}).integer(uint256{7});
        out.end_list(list);
        return decode_transaction(out.view());
    };
    for (const std::uint64_t v : {0, 1, 2, 26, 29, 34}) CHECK_FALSE(with_v(uint256{v}).ok());
    CHECK(with_v(uint256{27})->chain_id == std::nullopt);
    CHECK(with_v(uint256{28})->signature.y_parity == 1);
    CHECK(with_v(uint256{37})->chain_id == 1u);
    CHECK(with_v(uint256{38})->signature.y_parity == 1);
    const auto largest = uint256{0, 0, 2, 0} + uint256{34};
    CHECK(with_v(largest)->chain_id == ~std::uint64_t{0});
    CHECK_FALSE(with_v(largest + uint256{1}).ok());
    CHECK_FALSE(with_v(uint256{1, 0, 0, 37}).ok());
}

TEST_CASE("rules that need no state are checked: nonce, priority fee, cost overflow, empty authorizations") {
    const auto dynamic = TransactionType::dynamic_fee;
    CHECK_FALSE(decodes_after(dynamic, [](Transaction& tx) { tx.nonce = ~std::uint64_t{0}; }));
    CHECK(decodes_after(dynamic, [](Transaction& tx) { tx.nonce = ~std::uint64_t{0} - 1; }));
    CHECK_FALSE(
        decodes_after(dynamic, [](Transaction& tx) { tx.max_priority_fee_per_gas = tx.max_fee_per_gas + uint256{1}; }));
    CHECK_FALSE(decodes_after(dynamic, [](Transaction& tx) {
        tx.gas_limit = 2;
        tx.max_fee_per_gas = uint256{1ULL << 63, 0, 0, 0};
    }));
    CHECK(decodes_after(dynamic, [](Transaction& tx) {
        tx.gas_limit = 1;
        tx.max_fee_per_gas = uint256{1ULL << 63, 0, 0, 0};
    }));
    const auto set_code = TransactionType::set_code;
    CHECK_FALSE(decodes_after(set_code, [](Transaction& tx) { tx.authorization_list.clear(); }));
    CHECK_FALSE(decodes_after(set_code, [](Transaction& tx) { tx.to.reset(); }));
    CHECK_FALSE(decodes_after(set_code, [](Transaction& tx) { tx.authorization_list[0].y_parity = uint256{256}; }));
    CHECK(decodes_after(set_code, [](Transaction& tx) { tx.authorization_list[0].y_parity = uint256{255}; }));
}

TEST_CASE("unknown types, blobs and oversized input say what they are") {
    CHECK(refusal(Bytes{}) == ErrorCode::malformed);
    CHECK(refusal(*from_hex("03c0")) == ErrorCode::unsupported);
    CHECK(refusal(*from_hex("05c0")) == ErrorCode::unsupported);
    CHECK(refusal(*from_hex("80")) == ErrorCode::unsupported);
    CHECK(refusal(*from_hex("02")) == ErrorCode::malformed);
    CHECK(refusal(Bytes(limits::transaction_bytes_max + 1, 0xc0)) == ErrorCode::too_large);
}

TEST_CASE("a native transaction needs its sponsor's signature, exactly when somebody else is the sponsor") {
    Random random{5};
    auto tx = random_transaction(random, TransactionType::native);
    sign_native(tx, key_of(1), key_of(2));
    CHECK((*recover_transaction(encode_transaction(tx)))->payer == key_of(2).address());

    auto unsigned_by_sponsor = tx;
    unsigned_by_sponsor.sponsor_signature = {};
    CHECK(refusal(encode_transaction(unsigned_by_sponsor)) == ErrorCode::unauthorized);

    auto signed_by_another = tx;
    sign_native(signed_by_another, key_of(1), key_of(3));
    signed_by_another.sponsor = tx.sponsor;
    CHECK(refusal(encode_transaction(signed_by_another)) == ErrorCode::unauthorized);

    auto changed_sponsor = tx;
    changed_sponsor.sponsor = key_of(3).address();
    CHECK(refusal(encode_transaction(changed_sponsor)) == ErrorCode::unauthorized);

    auto own = tx;
    sign_native(own, key_of(1));
    CHECK(own.sponsor_signature.is_zero());
    CHECK((*recover_transaction(encode_transaction(own)))->payer == key_of(1).address());
    own.sponsor_signature = own.signature;
    CHECK(refusal(encode_transaction(own)) == ErrorCode::malformed);
}

TEST_CASE("a bond has neither recipient nor data, and no other kind exists") {
    const auto native = TransactionType::native;
    const auto bond = [](Transaction& tx) {
        tx.kind = NativeKind::bond;
        tx.to.reset();
        tx.data.clear();
    };
    CHECK(decodes_after(native, bond));
    CHECK_FALSE(decodes_after(native, [&](Transaction& tx) {
        bond(tx);
        tx.data = {1};
    }));
    CHECK_FALSE(decodes_after(native, [&](Transaction& tx) {
        bond(tx);
        tx.to = Address{};
    }));
    CHECK_FALSE(decodes_after(native, [](Transaction& tx) { tx.kind = static_cast<NativeKind>(2); }));
}

TEST_CASE("every signed field counts: a change gives another sender or is refused") {
    Random random{6};
    for (const auto type : all_types) {
        auto tx = random_transaction(random, type);
        if (!tx.chain_id) tx.chain_id = 5;
        sign_by(tx, key_of(1), key_of(2));
        const auto differs = [&](auto&& change) {
            auto changed = tx;
            change(changed);
            return signing_hash(changed) != signing_hash(tx);
        };
        CAPTURE(static_cast<int>(type));
        CHECK(differs([](Transaction& t) { ++*t.chain_id; }));
        CHECK(differs([](Transaction& t) { ++t.gas_limit; }));
        CHECK(differs([](Transaction& t) { t.value = t.value + uint256{1}; }));
        CHECK(differs([](Transaction& t) { t.data.push_back(0); }));
        CHECK(differs([](Transaction& t) { t.to = t.to ? std::nullopt : std::optional{Address{}}; }));
        if (type == TransactionType::native) {
            CHECK(differs([](Transaction& t) { ++t.expiry; }));
            CHECK(differs([](Transaction& t) { t.sponsor[0] ^= 1; }));
            CHECK(differs([](Transaction& t) { t.max_fee = t.max_fee + uint256{1}; }));
            CHECK(differs(
                [](Transaction& t) { t.kind = t.kind == NativeKind::call ? NativeKind::bond : NativeKind::call; }));
            continue;
        }
        CHECK(differs([](Transaction& t) { ++t.nonce; }));
        CHECK(differs([](Transaction& t) { t.max_fee_per_gas = t.max_fee_per_gas + uint256{1}; }));
        if (type == TransactionType::legacy) continue;
        CHECK(differs([](Transaction& t) { t.access_list.emplace_back(); }));
        if (type == TransactionType::access_list) continue;
        CHECK(differs([](Transaction& t) { t.max_priority_fee_per_gas += uint256{1}; }));
        if (type == TransactionType::dynamic_fee) continue;
        CHECK(differs([](Transaction& t) { t.authorization_list.pop_back(); }));
    }
}

TEST_CASE("an EIP-7702 authority is recovered, and an invalid authorization has none") {
    Authorization a;
    a.chain_id = uint256{7};
    a.address[3] = 9;
    a.nonce = 11;
    sign_authorization(a, key_of(4));
    CHECK(recover_authority(a) == key_of(4).address());
    auto changed = a;
    ++changed.nonce;
    CHECK(recover_authority(changed) != key_of(4).address());
    auto strange = a;
    strange.y_parity = uint256{2};
    CHECK(recover_authority(strange) == std::nullopt);
    strange = a;
    strange.s = uint256{0xffffffffffffffff, 0xfffffffffffffffe, 0xbaaedce6af48a03b, 0xbfd25e8cd0364141} - a.s;
    CHECK(recover_authority(strange) == std::nullopt);
}
