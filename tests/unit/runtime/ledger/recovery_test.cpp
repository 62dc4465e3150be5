#include <doctest/doctest.h>

#include "runtime/ledger/sender_keys.hpp"
#include "runtime/ledger/sign.hpp"

namespace {

using namespace troupe;

Secp256k1SecretKey key_of(std::uint8_t number) {
    Bytes bytes(32, 0x22);
    bytes[31] = number;
    return std::move(*Secp256k1SecretKey::from_bytes(bytes));
}

/// `count` transfers by `senders` keys in turn.
std::vector<Bytes> transfers(std::size_t count, std::size_t senders) {
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < count; ++i) {
        Transaction tx;
        tx.type = TransactionType::dynamic_fee;
        tx.chain_id = 74123;
        tx.nonce = i / senders;
        tx.max_fee_per_gas = uint256{100};
        tx.gas_limit = 21'000;
        tx.to = Address{};
        sign_transaction(tx, key_of(static_cast<std::uint8_t>(1 + i % senders)));
        out.push_back(encode_transaction(tx));
    }
    return out;
}

std::vector<RecoveredTransactionPtr> recovered_one_by_one(const std::vector<Bytes>& raw) {
    std::vector<RecoveredTransactionPtr> out;
    for (const auto& one : raw) out.push_back(*recover_transaction(one));
    return out;
}

std::vector<Result<RecoveredTransactionPtr>> with_advice(const std::vector<Bytes>& raw, const SenderKeys& senders) {
    const std::vector<ByteView> views{raw.begin(), raw.end()};
    std::vector<const Secp256k1PublicKey*> known;
    for (std::size_t i = 0; i < raw.size(); ++i) known.push_back(senders.find(i));
    return recover_transactions(views, known);
}

void check_same(const std::vector<Result<RecoveredTransactionPtr>>& got,
                const std::vector<RecoveredTransactionPtr>& expected) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        REQUIRE(got[i].ok());
        CHECK((*got[i])->sender == expected[i]->sender);
        CHECK((*got[i])->payer == expected[i]->payer);
        CHECK((*got[i])->hash == expected[i]->hash);
        CHECK((*got[i])->sender_key == expected[i]->sender_key);
        CHECK((*got[i])->raw == expected[i]->raw);
    }
}

TEST_CASE("the advice names each key once, in the order of first use") {
    const auto transactions = recovered_one_by_one(transfers(7, 3));
    const auto advice = sender_keys_of(transactions);
    REQUIRE(advice.keys.size() == 3);
    CHECK(advice.of == std::vector<std::uint32_t>{0, 1, 2, 0, 1, 2, 0});
    for (std::size_t i = 0; i < transactions.size(); ++i) CHECK(*advice.find(i) == transactions[i]->sender_key);
    CHECK(advice.find(7) == nullptr);
}

TEST_CASE("right advice gives what recovery gives") {
    const auto raw = transfers(100, 5);
    const auto expected = recovered_one_by_one(raw);
    check_same(with_advice(raw, sender_keys_of(expected)), expected);
}

TEST_CASE("wrong, missing or absurd advice changes no sender") {
    const auto raw = transfers(40, 4);
    const auto expected = recovered_one_by_one(raw);
    const auto right = sender_keys_of(expected);

    auto swapped = right;
    std::swap(swapped.keys[0], swapped.keys[1]);
    auto one_wrong = right;
    one_wrong.of[17] = (one_wrong.of[17] + 1) % 4;
    auto not_a_point = right;
    not_a_point.keys[2] = Secp256k1PublicKey{};
    auto beyond = right;
    beyond.of[3] = 4'000'000'000;
    auto too_short = right;
    too_short.of.resize(20);
    auto negated = right;  // the same x: a key whose signature check differs only in a sign
    for (std::size_t i = 32; i < 64; ++i)
        negated.keys[1].bytes[i] = static_cast<std::uint8_t>(~negated.keys[1].bytes[i]);
    for (const auto& advice : {swapped, one_wrong, not_a_point, beyond, too_short, negated, SenderKeys{}})
        check_same(with_advice(raw, advice), expected);
}

TEST_CASE("what is not a transaction is an error in its own place only") {
    auto raw = transfers(40, 4);
    const auto advice = sender_keys_of(recovered_one_by_one(raw));
    const auto untouched = recovered_one_by_one(raw);
    raw[5].pop_back();
    raw[9].clear();
    const auto got = with_advice(raw, advice);
    for (std::size_t i = 0; i < raw.size(); ++i) {
        CHECK(got[i].ok() == (i != 5 && i != 9));
        if (got[i].ok()) CHECK((*got[i])->sender == untouched[i]->sender);
    }
}

TEST_CASE("a native transaction with advice still needs its sponsor's signature") {
    std::vector<Bytes> raw = transfers(20, 2);
    Transaction tx;
    tx.type = TransactionType::native;
    tx.chain_id = 74123;
    tx.expiry = TimeMs{1000};
    tx.sponsor = key_of(9).address();
    tx.max_fee = uint256{1};
    tx.gas_limit = 21'000;
    tx.to = Address{};
    sign_transaction(tx, key_of(8));
    raw.push_back(encode_transaction(tx));
    SenderKeys advice = sender_keys_of(recovered_one_by_one(transfers(20, 2)));
    advice.of.push_back(static_cast<std::uint32_t>(advice.keys.size()));
    advice.keys.push_back(key_of(8).public_key());
    const auto got = with_advice(raw, advice);
    REQUIRE_FALSE(got.back().ok());
    CHECK(got.back().error().code == ErrorCode::unauthorized);
}

}  // namespace
