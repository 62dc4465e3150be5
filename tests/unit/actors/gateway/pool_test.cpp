#include "actors/gateway/pool.hpp"

#include <doctest/doctest.h>

#include "runtime/crypto/keccak.hpp"
#include "runtime/ledger/sign.hpp"

using namespace troupe;
using namespace troupe::gateway;

namespace {

class Payers final : public PayerReader {
public:
    PayerState state{0, uint256{1'000'000'000'000'000'000ULL}, {}, false};
    [[nodiscard]] PayerState payer(const Address&) const override { return state; }
    [[nodiscard]] bool native_executed(const TransactionHash&) const override { return false; }
};

struct Bench {
    Bench() {
        config.parameters.chain_id = 7;
        pool = std::make_unique<Pool>(config);
    }
    [[nodiscard]] static RecoveredTransactionPtr make(std::uint64_t nonce, std::uint64_t gwei = 2,
                                                      std::uint64_t value = 1) {
        static const auto key = std::move(*Secp256k1SecretKey::from_bytes(keccak256(as_bytes("pool test")).view()));
        Transaction tx;
        tx.type = TransactionType::dynamic_fee;
        tx.chain_id = 7;
        tx.nonce = nonce;
        tx.gas_limit = 21000;
        tx.max_fee_per_gas = tx.max_priority_fee_per_gas = uint256{gwei * 1'000'000'000};
        tx.to = Address{};
        tx.value = uint256{value};
        sign_transaction(tx, key);
        return *recover_transaction(encode_transaction(tx));
    }
    [[nodiscard]] std::string refusal(const RecoveredTransactionPtr& tx) {
        const auto status = pool->add(tx, TimeMs{1000}, payers);
        return status ? "" : status.error().message;
    }
    [[nodiscard]] std::size_t sent(TimeMs now) {
        std::size_t count = 0;
        const auto submissions = pool->collect(now, tracker, 1 << 20);
        for (const auto& [builder, list] : submissions) count += list.size();
        return count;
    }
    PoolConfig config;
    Payers payers;
    std::unique_ptr<Pool> pool;
    ActivityTracker tracker{ChainParameters{}, 4};
};

}  // namespace

TEST_CASE("the pool refuses in the words that clients match") {
    Bench b;
    CHECK(b.refusal(Bench::make(0)) == "");
    CHECK(b.refusal(Bench::make(0)) == "already known");
    CHECK(b.refusal(Bench::make(0, 2, 5)) == "replacement transaction underpriced");
    CHECK(b.refusal(Bench::make(0, 3)) == "");
    b.payers.state.nonce = 4;
    CHECK(b.refusal(Bench::make(3)).starts_with("nonce too low"));
    b.payers.state.balance = uint256{5};
    CHECK(b.refusal(Bench::make(5)).starts_with("insufficient funds for gas * price + value"));
}

TEST_CASE("a transaction behind a nonce gap waits until the gap is filled, then all go in order") {
    Bench b;
    CHECK(b.refusal(Bench::make(1)) == "");
    CHECK(b.refusal(Bench::make(2)) == "");
    CHECK(b.sent(TimeMs{1000}) == 0);
    CHECK(b.refusal(Bench::make(0)) == "");
    CHECK(b.sent(TimeMs{1000}) == 3);
    CHECK(b.sent(TimeMs{1000}) == 0);
}

TEST_CASE("what was sent is sent again when its builder is lost, or nothing happens for too long") {
    Bench b;
    CHECK(b.refusal(Bench::make(0)) == "");
    CHECK(b.sent(TimeMs{1000}) == 1);
    for (std::uint32_t i = 0; i < 4; ++i) b.pool->on_builder_lost(ValidatorIndex{i});
    CHECK(b.sent(TimeMs{1100}) == 1);
    static_cast<void>(b.pool->sweep(TimeMs{7000}));
    CHECK(b.sent(TimeMs{7000}) == 1);
}

TEST_CASE("what has executed is forgotten, and its nonce's rivals are dropped with the reason") {
    Bench b;
    CHECK(b.refusal(Bench::make(0)) == "");
    CHECK(b.refusal(Bench::make(1)) == "");
    ExecutionOutcome outcome;
    ExecutedTransaction executed;
    executed.receipt.transaction = Bench::make(0, 9)->hash;  // another transaction with nonce 0
    executed.receipt.sender = Bench::make(0)->sender;
    outcome.executed.transactions.push_back(executed);
    b.payers.state.nonce = 1;
    const auto dropped = b.pool->on_executed(outcome, b.payers);
    REQUIRE(dropped.size() == 1);
    CHECK(dropped[0].hash == Bench::make(0)->hash);
    CHECK(b.pool->size() == 1);
    CHECK(b.pool->pending_nonce(Bench::make(0)->sender, 1) == 2);
}

TEST_CASE("what was accepted before a restart is taken back whatever the state on disk says of funds") {
    Bench b;
    // The disk has not seen the payment against which they were accepted.
    b.payers.state.balance = uint256{};
    b.payers.state.nonce = 1;
    CHECK(b.refusal(Bench::make(1)).starts_with("insufficient funds"));
    for (const std::uint64_t nonce : {1, 2, 40}) CHECK(b.pool->restore(Bench::make(nonce), TimeMs{500}, b.payers).ok());
    CHECK(b.pool->size() == 3);
    CHECK(b.sent(TimeMs{1000}) == 2);
    // What has executed is not.
    CHECK_FALSE(b.pool->restore(Bench::make(0), TimeMs{500}, b.payers).ok());
    CHECK_FALSE(b.pool->restore(Bench::make(1), TimeMs{500}, b.payers).ok());
    CHECK(b.pool->size() == 3);
}
