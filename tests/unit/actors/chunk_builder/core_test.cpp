#include "actors/chunk_builder/core.hpp"

#include <doctest/doctest.h>

#include "actors/execution/admission.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/sim_signature.hpp"
#include "runtime/ledger/sign.hpp"

using namespace troupe;
using namespace troupe::chunk_builder;

namespace {

constexpr std::uint64_t gwei = 1'000'000'000;
constexpr uint256 ether{1'000'000'000'000'000'000ULL};

class Payers final : public PayerReader {
public:
    std::map<Address, PayerState> states;
    std::set<TransactionHash> executed;
    [[nodiscard]] PayerState payer(const Address& address) const override {
        const auto it = states.find(address);
        return it == states.end() ? PayerState{} : it->second;
    }
    [[nodiscard]] bool native_executed(const TransactionHash& hash) const override { return executed.contains(hash); }
};

[[nodiscard]] const Secp256k1SecretKey& key(std::size_t i) {
    static const auto keys = [] {
        std::vector<Secp256k1SecretKey> out;
        for (int n = 0; n < 12; ++n)
            out.push_back(std::move(
                *Secp256k1SecretKey::from_bytes(keccak256(as_bytes("builder test " + std::to_string(n))).view())));
        return out;
    }();
    return keys[i];
}

/// The builder of validator 0 and what it says.
struct Bench {
    explicit Bench(std::size_t n = 1, const std::function<void(Config&)>& change = {})
        : validators(n), scheme(make_sim_scheme(1, n)), signer(make_sim_signer(1, ValidatorIndex{0})) {
        config.chain_id = config.parameters.chain_id = 7;
        config.self = ValidatorIndex{0};
        config.validators = n;
        // One moment for every chunk: how it grows under load is no matter of these tests.
        config.batch_wait = config.batch_wait_max = DurationMs{15};
        if (change) change(config);
        tracker = std::make_unique<ActivityTracker>(config.parameters, n);
        core = std::make_unique<Core>(config, *scheme, *signer, [p = config.parameters](const RecoveredTransaction& t) {
            return check_transaction(t, p);
        });
        core->start(TimeMs{0}, TimeMs{0});
        for (std::size_t i = 0; i < 10; ++i) payers.states[key(i).address()].balance = ether;
    }

    [[nodiscard]] static RecoveredTransactionPtr transfer(std::size_t from, std::uint64_t nonce,
                                                          const std::function<void(Transaction&)>& change = {}) {
        Transaction tx;
        tx.type = TransactionType::dynamic_fee;
        tx.chain_id = 7;
        tx.nonce = nonce;
        tx.gas_limit = 21'000;
        tx.max_fee_per_gas = uint256{2 * gwei};
        tx.to = Address{};
        tx.value = uint256{1};
        if (change) change(tx);
        sign_transaction(tx, key(from));
        return *recover_transaction(encode_transaction(tx));
    }
    [[nodiscard]] RecoveredTransactionPtr native(std::size_t from, std::uint64_t salt,
                                                 const std::function<void(Transaction&)>& change = {}) const {
        Transaction tx;
        tx.type = TransactionType::native;
        tx.chain_id = 7;
        tx.gas_limit = 21'000;
        tx.max_fee = uint256{21'000} * uint256{gwei};
        tx.to = Address{};
        tx.value = uint256{salt};
        tx.expiry = now + DurationMs{10'000};
        if (change) change(tx);
        sign_native(tx, key(from));
        return *recover_transaction(encode_transaction(tx));
    }

    /// The refusal's text, or nothing.
    std::string give(const RecoveredTransactionPtr& tx) {
        Outbox out;
        core->on_transaction(tx, now, payers, out);
        for (const auto& effect : out)
            if (const auto* refuse = std::get_if<Refuse>(&effect); refuse && refuse->hash == tx->hash)
                return refuse->why;
        return "";
    }
    /// Time passes; the chunks that were proposed for the first time.
    std::vector<BroadcastProposal> pass(std::uint64_t ms = 20) {
        now = now + DurationMs{ms};
        Outbox out;
        core->on_timer(now, *tracker, payers, out);
        std::vector<BroadcastProposal> proposals;
        said.clear();
        for (auto& effect : out) {
            if (const auto* proposal = std::get_if<BroadcastProposal>(&effect); proposal && proposal->only_to.empty())
                proposals.push_back(*proposal);
            said.push_back(std::move(effect));
        }
        return proposals;
    }
    [[nodiscard]] ChunkSignature signature(const ChunkReference& chunk, std::uint32_t by) const {
        return {chunk, ValidatorIndex{by},
                make_sim_signer(1, ValidatorIndex{by})->sign(chunk_signing_payload(7, chunk))};
    }
    std::vector<ChunkCertificate> sign(const ChunkSignature& one) {
        Outbox out;
        core->on_signature(one, now, out);
        std::vector<ChunkCertificate> certificates;
        for (const auto& effect : out)
            if (const auto* certificate = std::get_if<BroadcastCertificate>(&effect))
                certificates.push_back(certificate->certificate);
        return certificates;
    }
    /// A block at `time` with these chunks, all of whose transactions executed but for the filtered.
    void execute(const std::vector<BroadcastProposal>& chunks, std::vector<FilteredTransaction> filtered = {},
                 std::optional<TimeMs> time = {}) {
        auto block = std::make_shared<CommittedBlock>();
        ExecutionOutcome outcome;
        for (const auto& chunk : chunks) {
            block->block.certificates.push_back({chunk.chunk, {}});
            for (const auto& raw : chunk.proposal.chunk.transactions) {
                const auto tx = *recover_transaction(raw);
                if (std::ranges::find(filtered, tx->hash, &FilteredTransaction::hash) != filtered.end()) continue;
                auto& state = payers.states[tx->sender];
                if (tx->transaction.type == TransactionType::native)
                    payers.executed.insert(tx->hash);
                else
                    state.nonce = tx->transaction.nonce + 1;
                Receipt receipt;
                receipt.transaction = tx->hash;
                receipt.sender = tx->sender;
                outcome.executed.transactions.push_back({raw, receipt});
            }
        }
        outcome.executed.timestamp = time.value_or(now);
        outcome.filtered = std::move(filtered);
        outcome.block = block;
        Outbox out;
        core->on_executed(outcome, now, payers, out);
        said.clear();
        for (auto& effect : out) said.push_back(std::move(effect));
    }
    template <class T>
    [[nodiscard]] std::vector<T> heard() const {
        std::vector<T> out;
        for (const auto& effect : said)
            if (const auto* one = std::get_if<T>(&effect)) out.push_back(*one);
        return out;
    }
    [[nodiscard]] static std::vector<std::uint64_t> nonces(const BroadcastProposal& chunk) {
        std::vector<std::uint64_t> out;
        for (const auto& raw : chunk.proposal.chunk.transactions) out.push_back(decode_transaction(raw)->nonce);
        return out;
    }

    std::size_t validators;
    Config config;
    std::unique_ptr<SignatureScheme> scheme;
    std::unique_ptr<Signer> signer;
    std::unique_ptr<ActivityTracker> tracker;
    std::unique_ptr<Core> core;
    Payers payers;
    Outbox said;
    TimeMs now{1'700'000'000'000};
};
using Nonces = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("transactions are gathered for a moment, then go out in one signed chunk, a sender's in nonce order") {
    Bench b;
    for (const std::uint64_t nonce : {2, 0, 1}) CHECK(b.give(Bench::transfer(0, nonce)) == "");
    CHECK(b.give(Bench::transfer(0, 4)) == "");
    CHECK(b.pass(1).empty());
    REQUIRE(b.core->next_deadline());
    const auto chunks = b.pass();
    REQUIRE(chunks.size() == 1);
    CHECK(Bench::nonces(chunks[0]) == Nonces{0, 1, 2});
    const auto& chunk = chunks[0].proposal.chunk;
    CHECK(chunk.producer == ValidatorIndex{0});
    CHECK(chunk.expiry.value % b.config.parameters.chunk_slot.value == 0);
    CHECK(chunks[0].chunk == reference_of(chunk));
    CHECK(b.scheme->verify(ValidatorIndex{0}, chunk_signing_payload(7, chunks[0].chunk), chunks[0].proposal.signature));
    // The gap is filled: what waited follows.
    CHECK(b.give(Bench::transfer(0, 3)) == "");
    const auto next = b.pass();
    REQUIRE(next.size() == 1);
    CHECK(Bench::nonces(next[0]) == Nonces{3, 4});
    CHECK(next[0].chunk.expiry > chunks[0].chunk.expiry);
}

TEST_CASE("what can't pay or breaks a rule is refused in the words that clients match") {
    Bench b;
    b.payers.states[key(0).address()].nonce = 5;
    CHECK(b.give(Bench::transfer(0, 4)) == "nonce too low");
    CHECK(b.give(Bench::transfer(10, 0)) == "insufficient funds for gas * price + value");
    CHECK(b.give(Bench::transfer(0, 5, [](Transaction& tx) { tx.value = ether; })) ==
          "insufficient funds for gas * price + value");
    CHECK(b.give(Bench::transfer(0, 5, [](Transaction& tx) { tx.value = ~uint256{}; })).find("insufficient funds") !=
          std::string::npos);
    CHECK(b.give(Bench::transfer(0, 5, [](Transaction& tx) { tx.chain_id = 1; })).starts_with("invalid chain id"));
    CHECK(b.give(Bench::transfer(0, 5, [](Transaction& tx) { tx.gas_limit = 20'000; })).starts_with("intrinsic gas"));
    CHECK(b.give(Bench::transfer(0, 5)) == "");
    CHECK(b.give(Bench::transfer(0, 5, [](Transaction& tx) { tx.value = uint256{2}; })) ==
          "replacement transaction underpriced");
    CHECK(b.give(Bench::transfer(0, 5, [](Transaction& tx) {
        tx.max_fee_per_gas = uint256{3 * gwei};
        tx.max_priority_fee_per_gas = uint256{gwei};
    })) == "");
    CHECK(b.core->queued() == 1);
    b.pass();
    CHECK(b.give(Bench::transfer(0, 5, [](Transaction& tx) { tx.value = uint256{3}; })) ==
          "a transaction with this nonce is in flight");
}

TEST_CASE("a balance covers all that is in flight, and what it does not cover waits for it") {
    Bench b;
    const auto cost = uint256{21'000} * uint256{2 * gwei} + uint256{1};
    b.payers.states[key(0).address()].balance = cost * uint256{2} + uint256{5};
    for (std::uint64_t n = 0; n < 4; ++n) CHECK(b.give(Bench::transfer(0, n)) == "");
    const auto first = b.pass();
    REQUIRE(first.size() == 1);
    CHECK(Bench::nonces(first[0]) == Nonces{0, 1});
    CHECK(b.pass(100).empty());
    // It cost less than its maximum: what is left covers the next ones.
    b.payers.states[key(0).address()].balance = cost * uint256{2};
    b.execute(first);
    const auto second = b.pass();
    REQUIRE(second.size() == 1);
    CHECK(Bench::nonces(second[0]) == Nonces{2, 3});
}

TEST_CASE("native fees in flight stay within half of the sponsor's bond, and are given back (C-2, C-3)") {
    Bench b;
    const auto fee = uint256{21'000} * uint256{gwei};
    CHECK(b.give(b.native(0, 1)).find("has no bond") != std::string::npos);
    b.payers.states[key(0).address()].bond = fee * uint256{5};
    CHECK(b.give(b.native(0, 1)) == "");
    CHECK(b.give(b.native(0, 2)) == "");
    CHECK(b.give(b.native(0, 3)) == "the sponsor's fees in flight would exceed half of its bond");
    const auto chunks = b.pass();
    REQUIRE(chunks.size() == 1);
    CHECK(chunks[0].proposal.chunk.transactions.size() == 2);
    // In flight they count on; executed they don't.
    CHECK_FALSE(b.give(b.native(0, 3)).empty());
    b.execute(chunks);
    CHECK(b.give(b.native(0, 3)) == "");
    CHECK(b.give(b.native(0, 4)) == "");
    CHECK_FALSE(b.give(b.native(0, 5)).empty());
    // Those that expire unbuilt are given back too.
    b.now = b.now + DurationMs{20'000};
    b.pass();
    CHECK(b.heard<Refuse>().size() == 2);
    CHECK(b.core->queued() == 0);
    CHECK(b.give(b.native(0, 6)) == "");
    CHECK(b.give(b.native(0, 7)) == "");
}

TEST_CASE("native transactions are refused when they expired, last too long, or ran") {
    Bench b;
    b.payers.states[key(0).address()].bond = ether;
    CHECK(b.give(b.native(0, 1, [&](Transaction& tx) { tx.expiry = b.now; })) == "transaction has expired");
    CHECK(b.give(b.native(0, 1, [&](Transaction& tx) { tx.expiry = b.now + DurationMs{60'001}; })) ==
          "transaction expiry is too far ahead");
    const auto ran = b.native(0, 1);
    b.payers.executed.insert(ran->hash);
    CHECK(b.give(ran) == "already known");
    CHECK(b.give(b.native(0, 2, [](Transaction& tx) { tx.max_fee = uint256{1}; })).find("max fee") !=
          std::string::npos);
}

TEST_CASE("a chunk is bounded in transactions, bytes and gas, and the rest follows") {
    const auto sizes = [](const std::function<void(Config&)>& change, const std::function<void(Transaction&)>& shape) {
        Bench b{1, change};
        for (std::uint64_t n = 0; n < 10; ++n) CHECK(b.give(Bench::transfer(0, n, shape)) == "");
        std::vector<std::size_t> out;
        for (int i = 0; i < 10; ++i)
            for (const auto& chunk : b.pass()) out.push_back(chunk.proposal.chunk.transactions.size());
        return out;
    };
    using Sizes = std::vector<std::size_t>;
    CHECK(sizes([](Config& c) { c.chunk_transactions_max = 4; }, {}) == Sizes{4, 4, 2});
    CHECK(sizes([](Config& c) { c.chunk_gas_max = 21'000 * 3; }, {}) == Sizes{3, 3, 3, 1});
    const auto large = [](Transaction& tx) {
        tx.data = Bytes(1000, 1);
        tx.gas_limit = 100'000;
    };
    CHECK(sizes([](Config& c) { c.chunk_bytes_target = 5600; }, large) == Sizes{5, 5});
    // One that is larger than the target goes alone.
    CHECK(sizes([](Config& c) { c.chunk_bytes_target = 100; }, large) == Sizes(10, 1));
    CHECK(sizes([](Config& c) { c.chunks_in_flight_max = 2, c.chunk_transactions_max = 1; }, {}) == Sizes{1, 1});
}

TEST_CASE("after a chunk of many transactions the next waits for a pause, for the many, or for the maximum") {
    const auto busy = [](Config& c) {
        c.batch_wait = DurationMs{20};
        c.batch_wait_max = DurationMs{300};
        c.busy_transactions = 3;
        c.many_transactions = 10;
        c.busy_pause = DurationMs{60};
    };
    const auto certify = [](Bench& b, const BroadcastProposal& chunk) {
        for (std::uint32_t i = 0; i < 3; ++i) static_cast<void>(b.sign(b.signature(chunk.chunk, i)));
    };
    const auto give = [](Bench& b, std::uint64_t first, std::uint64_t count) {
        for (auto nonce = first; nonce < first + count; ++nonce) CHECK(b.give(Bench::transfer(0, nonce)).empty());
    };
    Bench b{1, busy};
    give(b, 0, 3);
    const auto first = b.pass(20);
    REQUIRE(first.size() == 1);
    certify(b, first[0]);

    give(b, 3, 1);
    CHECK(b.pass(50).empty());
    give(b, 4, 2);
    CHECK(b.pass(50).empty());
    const auto after_pause = b.pass(10);
    REQUIRE(after_pause.size() == 1);
    CHECK(Bench::nonces(after_pause[0]) == std::vector<std::uint64_t>{3, 4, 5});
    certify(b, after_pause[0]);

    for (std::uint64_t nonce = 6; nonce < 12; ++nonce) {
        give(b, nonce, 1);
        CHECK(b.pass(48).empty());
    }
    give(b, 12, 1);
    const auto after_maximum = b.pass(12);
    REQUIRE(after_maximum.size() == 1);
    CHECK(Bench::nonces(after_maximum[0]).size() == 7);
    certify(b, after_maximum[0]);

    give(b, 13, 10);
    CHECK(b.pass(79).empty());  // four chunks' turns of 20 ms
    const auto many = b.pass(1);
    REQUIRE(many.size() == 1);
    CHECK(Bench::nonces(many[0]).size() == 10);
}

TEST_CASE("the queue is bounded as a whole and by account") {
    Bench b{1, [](Config& c) { c.transactions_max = 5, c.transactions_per_account_max = 3; }};
    for (std::uint64_t n = 0; n < 3; ++n) CHECK(b.give(Bench::transfer(0, n)) == "");
    CHECK(b.give(Bench::transfer(0, 3)) == "too many of this account");
    for (std::uint64_t n = 0; n < 2; ++n) CHECK(b.give(Bench::transfer(1, n)) == "");
    CHECK(b.give(Bench::transfer(2, 0)) == "builder is full");
    // The same again is no second one.
    CHECK(b.give(Bench::transfer(0, 0)) == "");
    CHECK(b.core->queued() == 5);
}

TEST_CASE("accounts that another validator builds for wait until they are this one's") {
    Bench b{4};
    std::size_t own = 0;
    for (std::size_t i = 0; i < 10; ++i) {
        CHECK(b.give(Bench::transfer(i, 0)) == "");
        const auto epoch = epoch_of(b.now + b.config.parameters.chunk_lifetime, b.config.parameters);
        own += b.tracker->builder(key(i).address(), epoch) == ValidatorIndex{0} ? 1 : 0;
    }
    std::size_t built = 0;
    for (const auto& chunk : b.pass()) {
        for (const auto& raw : chunk.proposal.chunk.transactions) {
            ++built;
            CHECK(b.tracker->builder((*recover_transaction(raw))->sender,
                                     epoch_of(chunk.chunk.expiry, b.config.parameters)) == ValidatorIndex{0});
        }
    }
    CHECK(built == own);
    CHECK(built < 10);
    CHECK(b.core->queued() == 10);
}

TEST_CASE("a quorum of genuine signatures makes a certificate; doubles, strangers and forgeries do not") {
    Bench b{4};
    for (std::size_t i = 0; i < 10; ++i) CHECK(b.give(Bench::transfer(i, 0)) == "");
    const auto chunks = b.pass();
    REQUIRE(chunks.size() == 1);
    const auto& chunk = chunks[0].chunk;
    CHECK(b.sign(b.signature(chunk, 0)).empty());
    CHECK(b.sign(b.signature(chunk, 0)).empty());
    auto forged = b.signature(chunk, 1);
    forged.signature[0] ^= 1;
    CHECK(b.sign(forged).empty());
    auto borrowed = b.signature(chunk, 1);
    borrowed.signer = ValidatorIndex{2};
    CHECK(b.sign(borrowed).empty());
    auto stranger = b.signature(chunk, 1);
    stranger.signer = ValidatorIndex{77};
    CHECK(b.sign(stranger).empty());
    auto other = chunk;
    other.id[0] ^= 1;
    CHECK(b.sign(b.signature(other, 1)).empty());
    CHECK(b.sign(b.signature(chunk, 1)).empty());
    const auto certificates = b.sign(b.signature(chunk, 3));
    REQUIRE(certificates.size() == 1);
    CHECK(verify_certificate(7, certificates[0], *b.scheme).ok());
    CHECK(b.sign(b.signature(chunk, 2)).empty());
}

TEST_CASE("certificates go out in the order of building, whatever is signed first") {
    Bench b{1, [](Config& c) { c.chunk_transactions_max = 1; }};
    for (std::uint64_t n = 0; n < 2; ++n) CHECK(b.give(Bench::transfer(0, n)) == "");
    const auto first = b.pass(), second = b.pass();
    REQUIRE(first.size() == 1);
    REQUIRE(second.size() == 1);
    CHECK(b.sign(b.signature(second[0].chunk, 0)).empty());
    const auto both = b.sign(b.signature(first[0].chunk, 0));
    REQUIRE(both.size() == 2);
    CHECK(both[0].chunk == first[0].chunk);
    CHECK(both[1].chunk == second[0].chunk);
}

TEST_CASE("what is not signed is sent again, to those who have not; what is not included too") {
    Bench b{4};
    for (std::size_t i = 0; i < 10; ++i) CHECK(b.give(Bench::transfer(i, 0)) == "");
    const auto chunks = b.pass();
    REQUIRE(chunks.size() == 1);
    b.sign(b.signature(chunks[0].chunk, 2));
    b.pass(260);
    const auto again = b.heard<BroadcastProposal>();
    REQUIRE(again.size() == 1);
    CHECK(again[0].only_to == std::vector<ValidatorIndex>{ValidatorIndex{0}, ValidatorIndex{1}, ValidatorIndex{3}});
    CHECK(again[0].proposal == chunks[0].proposal);
    b.sign(b.signature(chunks[0].chunk, 0));
    CHECK(b.sign(b.signature(chunks[0].chunk, 1)).size() == 1);
    b.pass(1600);
    CHECK(b.heard<BroadcastCertificate>().size() == 1);
    // Not once it has expired.
    b.pass(10'000);
    CHECK(b.heard<BroadcastCertificate>().empty());
}

TEST_CASE("a chunk that expired unincluded goes again in a new one") {
    Bench b;
    for (std::uint64_t n = 0; n < 3; ++n) CHECK(b.give(Bench::transfer(0, n)) == "");
    const auto lost = b.pass();
    REQUIRE(lost.size() == 1);
    b.now = lost[0].chunk.expiry + DurationMs{100};
    b.execute({}, {}, b.now);
    CHECK(b.core->chunks_in_flight() == 0);
    const auto again = b.pass();
    REQUIRE(again.size() == 1);
    CHECK(Bench::nonces(again[0]) == Nonces{0, 1, 2});
    CHECK(again[0].chunk.expiry > lost[0].chunk.expiry);
    b.execute(again);
    CHECK(b.core->queued() == 0);
}

TEST_CASE("transactions filtered for a gap that a lost chunk left are tried again, other filtered ones are not") {
    Bench b{1, [](Config& c) { c.chunk_transactions_max = 2; }};
    for (std::uint64_t n = 0; n < 4; ++n) CHECK(b.give(Bench::transfer(0, n)) == "");
    const auto first = b.pass(), second = b.pass();
    REQUIRE(first.size() == 1);
    REQUIRE(second.size() == 1);
    CHECK(Bench::nonces(second[0]) == Nonces{2, 3});
    // The second is included without the first.
    std::vector<FilteredTransaction> filtered;
    for (const auto& raw : second[0].proposal.chunk.transactions)
        filtered.push_back({transaction_hash(raw), FilterReason::nonce});
    b.execute(second, filtered);
    b.now = first[0].chunk.expiry + DurationMs{100};
    b.execute({}, {}, b.now);
    std::vector<std::uint64_t> again;
    for (int i = 0; i < 4; ++i)
        for (const auto& chunk : b.pass())
            for (const auto nonce : Bench::nonces(chunk)) again.push_back(nonce);
    CHECK(again == Nonces{0, 1, 2, 3});

    Bench c;
    CHECK(c.give(Bench::transfer(0, 0)) == "");
    const auto chunk = c.pass();
    c.execute(chunk, {{transaction_hash(chunk[0].proposal.chunk.transactions[0]), FilterReason::funds}});
    CHECK(c.core->queued() == 0);
    CHECK(c.pass(100).empty());
}

TEST_CASE("no slot is used twice, not even by a builder that restarts with its reservation") {
    Bench b;
    std::set<TimeMs> expiries;
    TimeMs reserved;
    for (std::uint64_t n = 0; n < 10; ++n) {
        CHECK(b.give(Bench::transfer(0, n)) == "");
        for (const auto& chunk : b.pass()) {
            CHECK(expiries.insert(chunk.chunk.expiry).second);
            for (const auto& effect : b.heard<ReserveExpiries>()) reserved = effect.until;
            CHECK(chunk.chunk.expiry <= reserved);
        }
    }
    REQUIRE(expiries.size() == 10);
    // Restarted a moment later with nothing but the reservation: it waits until it is beyond it.
    Bench restarted;
    restarted.core->start(reserved, b.now);
    restarted.now = b.now;
    CHECK(restarted.give(Bench::transfer(0, 0)) == "");
    for (int i = 0; i < 1000; ++i)
        for (const auto& chunk : restarted.pass()) {
            CHECK(chunk.chunk.expiry > *expiries.rbegin());
            CHECK(chunk.chunk.expiry > reserved);
            i = 1000;
        }
    CHECK(restarted.core->chunks_in_flight() == 1);
}

TEST_CASE("the same events give the same effects") {
    const auto run = [] {
        Bench b{4};
        b.payers.states[key(1).address()].bond = ether;
        Bytes trace;
        for (std::size_t i = 0; i < 10; ++i) b.give(Bench::transfer(i, 0));
        for (std::uint64_t n = 0; n < 5; ++n) b.give(b.native(1, n));
        for (int step = 0; step < 20; ++step)
            for (const auto& chunk : b.pass(50)) {
                const auto bytes = encode(chunk.proposal);
                trace.insert(trace.end(), bytes.begin(), bytes.end());
            }
        return trace;
    };
    CHECK(run() == run());
}
