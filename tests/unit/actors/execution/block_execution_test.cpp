#include "bench.hpp"
#include "runtime/crypto/sha256.hpp"
#include "vm/state/trie.hpp"

using namespace troupe;

namespace {

[[nodiscard]] std::vector<FilterReason> reasons(const BlockOutput& output) {
    std::vector<FilterReason> out;
    for (const auto& filtered : output.filtered) out.push_back(filtered.reason);
    return out;
}
[[nodiscard]] const Receipt& only_receipt(const BlockOutput& output) {
    REQUIRE(output.executed.transactions.size() == 1);
    return output.executed.transactions[0].receipt;
}
using Reasons = std::vector<FilterReason>;

}  // namespace

TEST_CASE("the same block on the same state gives the same bytes") {
    Chain a, b;
    const auto run = [](Chain& chain) {
        return chain.try_block({chain.chunk(0, {chain.bond(0, ether), Chain::transfer(0, 0),
                                                Chain::transfer(0, 1, uint256{5},
                                                                [](Transaction& tx) {
                                                                    tx.to = Chain::address(0xee);
                                                                    tx.data = Bytes(40, 3);
                                                                }),
                                                Bytes{1, 2, 3}, chain.native(0, 0)}),
                                chain.chunk(1, {Chain::transfer(1, 0), Chain::transfer(1, 7)})});
    };
    const auto first = run(a), again = run(a), other = run(b);
    CHECK(encode(first.executed) == encode(again.executed));
    CHECK(encode(first.executed) == encode(other.executed));
    CHECK(first.diff == again.diff);
    CHECK(first.diff == other.diff);
    CHECK(first.natives == other.natives);
    CHECK(reasons(first) == Reasons{FilterReason::malformed, FilterReason::nonce});
    CHECK(first.executed.transactions.size() == 5);
}

TEST_CASE("what can't execute is filtered with its reason, pays nothing and does not hinder the others") {
    Chain chain;
    const auto with = [](auto change) { return Chain::transfer(0, 0, uint256{1}, change); };
    const std::vector<std::pair<Bytes, FilterReason>> cases{
        {Bytes{}, FilterReason::malformed},
        {Bytes(200, 0xff), FilterReason::malformed},
        {Bytes{0x02, 0xc0}, FilterReason::malformed},
        {Bytes(limits::transaction_bytes_max + 1, 0x02), FilterReason::malformed},
        {with([](Transaction& tx) { tx.chain_id = 8; }), FilterReason::wrong_chain},
        {Chain::transfer(0, 1), FilterReason::nonce},
        {with([](Transaction& tx) { tx.gas_limit = 20'999; }), FilterReason::gas},
        {with([](Transaction& tx) { tx.gas_limit = limits::transaction_gas_max + 1; }), FilterReason::gas},
        {with([](Transaction& tx) { tx.max_fee_per_gas = tx.max_priority_fee_per_gas = uint256{gwei - 1}; }),
         FilterReason::fee_below_base},
        {Chain::transfer(0, 0, ether * uint256{10}), FilterReason::funds},
        {Chain::transfer(0, 0, ~uint256{}), FilterReason::funds},
        {with([](Transaction& tx) {
             tx.to.reset();
             tx.data = Bytes(limits::init_code_bytes_max + 1, 0);
             tx.gas_limit = 8'000'000;
         }),
         FilterReason::rule},
    };
    for (const auto& [raw, reason] : cases) {
        const auto output = chain.try_block({chain.chunk(0, {raw})});
        CAPTURE(to_string(reason));
        CHECK(reasons(output) == Reasons{reason});
        CHECK(output.executed.transactions.empty());
        CHECK(output.diff == StateDiff{});
        CHECK(output.executed.result.gas_used == 0);
        // Alone or not, its neighbours do the same.
        const auto with_others = chain.try_block({chain.chunk(0, {raw, Chain::transfer(0, 0)})});
        CHECK(with_others.executed.transactions.size() == 1);
    }
}

TEST_CASE("each chunk is filtered by the nonces that the chunks before it left") {
    Chain chain;
    const auto one = chain.chunk(0, {Chain::transfer(0, 0), Chain::transfer(0, 0), Chain::transfer(0, 1)});
    auto two = chain.chunk(0, {Chain::transfer(0, 1), Chain::transfer(0, 2)});
    two.expiry = two.expiry + DurationMs{20};
    const auto output = chain.block({one, two});
    CHECK(output.executed.transactions.size() == 3);
    CHECK(reasons(output) == Reasons{FilterReason::nonce, FilterReason::nonce});
    CHECK(chain.state.accounts[Chain::key(0).address()].nonce == 3);
    // The other way round the first of them comes too early.
    Chain other;
    const auto reversed = other.block({two, one});
    CHECK(reversed.executed.transactions.size() == 2);
}

TEST_CASE("transactions of accounts that another validator builds for are skipped and pay nothing") {
    Chain chain;
    auto chunk = chain.chunk(0, {Chain::transfer(0, 0)});
    chunk.producer = ValidatorIndex{(chunk.producer.value + 1) % 4};
    const auto output = chain.try_block({chunk});
    CHECK(reasons(output) == Reasons{FilterReason::wrong_builder});
    CHECK(output.diff == StateDiff{});
    // A producer that is no validator at all.
    chunk.producer = ValidatorIndex{4000};
    CHECK(reasons(chain.try_block({chunk})) == Reasons{FilterReason::wrong_builder});
}

TEST_CASE("the producer earns the tips in proportion to who signed its chunk; base fee and rest are burned") {
    for (const std::size_t signers : {3, 4}) {
        Chain chain;
        const auto before = chain.state.supply();
        const auto output = chain.block({chain.chunk(0, {Chain::transfer(0, 0)})}, signers);
        const auto gas = uint256{only_receipt(output).gas_used};
        CHECK(gas == uint256{21000});
        CHECK(only_receipt(output).effective_gas_price == uint256{2 * gwei});
        const auto tip = gas * uint256{gwei};
        const auto earned = tip * uint256{signers} / uint256{4};
        CHECK(chain.state.balance(Chain::address(0xbe)) == earned);
        CHECK(before - chain.state.supply() == gas * uint256{2 * gwei} - earned);
    }
}

TEST_CASE("a transaction that reverts pays, counts and leaves a receipt; money is neither made nor lost") {
    Chain chain;
    const auto before = chain.state.supply();
    const auto output =
        chain.run({Chain::transfer(0, 0, uint256{7}, [](Transaction& tx) { tx.to = Chain::address(0xdd); })});
    const auto& receipt = only_receipt(output);
    CHECK_FALSE(receipt.succeeded);
    CHECK(receipt.gas_used > 21000);
    CHECK(chain.state.balance(Chain::address(0xdd)).is_zero());
    CHECK(chain.state.accounts[Chain::key(0).address()].nonce == 1);
    CHECK(before - chain.state.supply() + chain.state.balance(Chain::address(0xbe)) ==
          uint256{receipt.gas_used} * uint256{2 * gwei});
}

TEST_CASE("receipts, cumulative gas, bloom and roots are those of Ethereum's rules") {
    Chain chain;
    const auto log = [](Transaction& tx) {
        tx.to = Chain::address(0xee);
        tx.data = Bytes(33, 9);
    };
    const auto output = chain.block({chain.chunk(0, {Chain::transfer(0, 0), Chain::transfer(0, 1, uint256{}, log)}),
                                     chain.chunk(1, {Chain::transfer(1, 0, uint256{}, log)})});
    const auto& executed = output.executed;
    REQUIRE(executed.transactions.size() == 3);
    std::uint64_t gas = 0;
    std::vector<Bytes> raws, receipts;
    LogsBloom bloom;
    for (const auto& [raw, receipt] : executed.transactions) {
        gas += receipt.gas_used;
        CHECK(receipt.cumulative_gas_used == gas);
        CHECK(receipt.transaction == transaction_hash(raw));
        raws.push_back(raw);
        receipts.push_back(encode_receipt(receipt));
        for (const auto& entry : receipt.logs) add_to_bloom(bloom, entry);
    }
    CHECK(executed.result.gas_used == gas);
    CHECK(executed.result.transactions_root == ordered_trie_root(raws));
    CHECK(executed.result.receipts_root == ordered_trie_root(receipts));
    CHECK(executed.logs_bloom == bloom);
    REQUIRE(executed.transactions[1].receipt.logs.size() == 1);
    CHECK(executed.transactions[1].receipt.logs[0].data == Bytes(33, 9));
    CHECK(bloom_may_contain(bloom, Chain::address(0xee).view()));
    CHECK(chain.state.storage(Chain::address(0xee), uint256{1}) == uint256{1});
}

TEST_CASE("every included chunk has an executed one, the empty and the useless too, and its hash says what is left") {
    Chain chain;
    const auto good = chain.chunk(0, {Chain::transfer(0, 0)}), empty = chain.chunk(1, {}),
               useless = chain.chunk(2, {Bytes{1}, Chain::transfer(2, 9)});
    const auto output = chain.try_block({good, empty, useless});
    const auto& chunks = output.executed.result.executed_chunks;
    REQUIRE(chunks.size() == 3);
    const auto expected = [](const Chunk& chunk, std::vector<TransactionHash> left) {
        return sha256(encode(ExecutedChunk{reference_of(chunk).id, chunk.beneficiary, std::move(left)}));
    };
    CHECK(chunks[0] == expected(good, {transaction_hash(good.transactions[0])}));
    CHECK(chunks[1] == expected(empty, {}));
    CHECK(chunks[2] == expected(useless, {}));
    const auto nothing = chain.try_block({});
    CHECK(nothing.executed.result.executed_chunks.empty());
    CHECK(nothing.diff == StateDiff{});
}

TEST_CASE("a native transaction has no nonce: it runs once, in any order, while it lives") {
    Chain chain;
    chain.run({chain.bond(0, ether)});
    const auto a = chain.native(0, 0), b = chain.native(0, 0, [](Transaction&tx) { tx.value = uint256{2}; });
    const auto output = chain.run({b, a, b});
    CHECK(output.executed.transactions.size() == 2);
    CHECK(reasons(output) == Reasons{FilterReason::duplicate});
    CHECK(chain.state.balance(Chain::address(1)) == uint256{3});
    CHECK(chain.state.accounts[Chain::key(0).address()].nonce == 0);
    // Replayed in a later block.
    CHECK(reasons(chain.run({a})) == Reasons{FilterReason::duplicate});
    // It is remembered for longer than any chunk could carry it.
    REQUIRE(output.natives.size() == 2);
    CHECK(output.natives[0].second >=
          (*recover_transaction(b))->transaction.expiry + Chain::parameters().chunk_lifetime);

    const auto expired = chain.native(0, 0, [&](Transaction& tx) { tx.expiry = chain.now; });
    const auto far = chain.native(0, 0, [&](Transaction& tx) { tx.expiry = chain.now + DurationMs{10'000'000}; });
    CHECK(reasons(chain.run({expired, far})) == Reasons{FilterReason::expired, FilterReason::expired});
}

TEST_CASE("a sponsor pays the fee, the sender the value, and the bond is untouched") {
    Chain chain;
    chain.block({chain.chunk(1, {chain.bond(1, ether)})});
    const auto sponsor = chain.state.balance(Chain::key(1).address());
    const auto sender = chain.state.balance(Chain::key(0).address());
    const auto output =
        chain.block({chain.chunk(1, {chain.native(0, 1, [](Transaction& tx) { tx.value = uint256{9}; })})});
    CHECK(only_receipt(output).succeeded);
    CHECK(sender - chain.state.balance(Chain::key(0).address()) == uint256{9});
    CHECK(sponsor - chain.state.balance(Chain::key(1).address()) == uint256{21000} * uint256{gwei});
    CHECK(chain.bond_of(1) == ether);
}

TEST_CASE("a native transaction whose sender lacks the value pays all the same, and fails") {
    Chain chain;
    chain.block({chain.chunk(1, {chain.bond(1, ether)})});
    const auto sponsor = chain.state.balance(Chain::key(1).address());
    // Key 4 has nothing.
    const auto raw = chain.native(4, 1, [](Transaction& tx) { tx.value = ether; });
    const auto output = chain.block({chain.chunk(1, {raw})});
    CHECK_FALSE(only_receipt(output).succeeded);
    CHECK(only_receipt(output).gas_used == 21000);
    CHECK(sponsor - chain.state.balance(Chain::key(1).address()) == uint256{21000} * uint256{gwei});
    CHECK(chain.state.balance(Chain::address(1)).is_zero());
    CHECK(reasons(chain.block({chain.chunk(1, {raw})})) == Reasons{FilterReason::duplicate});
}

TEST_CASE("without a bond that covers its fee a native call is filtered") {
    Chain chain;
    CHECK(reasons(chain.run({chain.native(0, 0)})) == Reasons{FilterReason::bond});
    chain.run({chain.bond(0, uint256{99'999} * uint256{gwei})});
    CHECK(reasons(chain.run({chain.native(0, 0)})) == Reasons{FilterReason::bond});
    chain.run({chain.bond(0, uint256{gwei}, 1)});
    CHECK(chain.run({chain.native(0, 0)}).executed.transactions.size() == 1);
}

TEST_CASE("a bond only grows, by what is paid for it") {
    Chain chain;
    const auto before = chain.state.balance(Chain::key(0).address());
    const auto output = chain.run({chain.bond(0, ether), chain.bond(0, ether, 1)});
    REQUIRE(output.executed.transactions.size() == 2);
    CHECK(chain.bond_of(0) == ether + ether);
    CHECK(chain.state.balance(bond_registry()) == ether + ether);
    const auto fees = uint256{output.executed.result.gas_used} * uint256{gwei};
    CHECK(before - chain.state.balance(Chain::key(0).address()) == ether + ether + fees);
    // More than there is, and more than a bond can hold.
    CHECK(reasons(chain.run({chain.bond(0, ether * uint256{9}), chain.bond(0, ~uint256{})})).size() == 2);
    CHECK(chain.bond_of(0) == ether + ether);
    const auto odd = chain.native(0, 0, [](Transaction& tx) {
        tx.kind = NativeKind::bond;
        tx.data = Bytes{1};
    });
    CHECK(chain.run({odd}).executed.transactions.empty());
}

TEST_CASE("a sponsor that can't pay what was replicated loses the fee from its bond, is frozen, and can post again") {
    Chain chain;
    const auto poor = Chain::key(3).address();
    const auto fee = uint256{100'000} * uint256{gwei};
    chain.block({chain.chunk(3, {chain.bond(3, ether)})});
    // Everything else is spent before its native calls come.
    const auto rest = chain.state.balance(poor) - uint256{21000} * uint256{2 * gwei} - fee + uint256{1};
    const auto spend = Chain::transfer(3, 0, rest, [](Transaction& tx) {
        tx.gas_limit = 21000;
        tx.max_fee_per_gas = uint256{2 * gwei};
    });
    const auto first = chain.native(3, 3, [](Transaction& tx) { tx.value = {}; });
    const auto second = chain.native(3, 3, [](Transaction& tx) {
        tx.value = {};
        tx.data = Bytes{1};
    });
    const auto earned = chain.state.balance(Chain::address(0xbe));
    const auto output = chain.block({chain.chunk(3, {spend, first, second})});
    CHECK(output.executed.transactions.size() == 1);
    CHECK(reasons(output) == Reasons{FilterReason::funds, FilterReason::bond});
    CHECK(is_frozen(chain.bond_of(3)));
    CHECK(bond_amount(chain.bond_of(3)) == ether - fee);
    CHECK(chain.state.balance(bond_registry()) == ether - fee);
    const auto tip = uint256{21000} * uint256{gwei};
    CHECK(chain.state.balance(Chain::address(0xbe)) - earned == fee + tip * uint256{3} / uint256{4});
    // A claim is made once.
    CHECK(reasons(chain.block({chain.chunk(3, {first})})) == Reasons{FilterReason::duplicate});

    // Somebody sends it money; it posts, and is back.
    chain.block({chain.chunk(0, {Chain::transfer(0, 0, ether, [&](Transaction& tx) { tx.to = poor; })})});
    chain.block({chain.chunk(3, {chain.bond(3, fee, 5)})});
    CHECK_FALSE(is_frozen(chain.bond_of(3)));
    CHECK(bond_amount(chain.bond_of(3)) == ether);
    CHECK(chain.block({chain.chunk(3, {chain.native(3, 3)})}).executed.transactions.size() == 1);
}

TEST_CASE("a call can't spend the fee that is reserved for it") {
    Chain chain;
    chain.run({chain.bond(0, ether)});
    const auto balance = chain.state.balance(Chain::key(0).address());
    // The value takes everything but a wei too much of the reserve.
    const auto fee = uint256{100'000} * uint256{gwei};
    const auto output =
        chain.run({chain.native(0, 0, [&](Transaction& tx) { tx.value = balance - fee + uint256{1}; })});
    CHECK_FALSE(only_receipt(output).succeeded);
    const auto left = chain.state.balance(Chain::key(0).address());
    CHECK(
        chain.run({chain.native(0, 0, [&](Transaction& tx) { tx.value = left - fee; })}).executed.transactions.size() ==
        1);
    CHECK(chain.state.balance(Chain::key(0).address()) == fee - uint256{21000} * uint256{gwei});
}

TEST_CASE("a full chunk of rubbish and one of the largest transactions are worked off") {
    Chain chain;
    std::vector<Bytes> rubbish(limits::chunk_transactions_max, Bytes{0xc0});
    CHECK(chain.run(rubbish).filtered.size() == limits::chunk_transactions_max);
    std::vector<Bytes> large;
    for (std::uint64_t n = 0; n < 4; ++n)
        large.push_back(Chain::transfer(0, n, uint256{}, [](Transaction& tx) {
            tx.data = Bytes(100'000, 0);
            tx.gas_limit = 2'000'000;
        }));
    CHECK(chain.run(large).executed.transactions.size() == 4);
}

TEST_CASE("the genesis' state is sorted, has the bond registry, and no empty slots") {
    Genesis genesis;
    genesis.accounts.push_back({Chain::address(9),
                                uint256{5},
                                2,
                                Bytes{1},
                                {{uint256{7}, uint256{1}}, {uint256{3}, uint256{}}, {uint256{2}, uint256{4}}}});
    genesis.accounts.push_back({Chain::address(3), uint256{6}, 0, {}, {}});
    const auto diff = genesis_state(genesis);
    REQUIRE(diff.accounts.size() == 3);
    CHECK(std::ranges::is_sorted(diff.accounts, {}, &AccountChange::address));
    const auto find = [&](const Address& address) {
        return *std::ranges::find(diff.accounts, address, &AccountChange::address);
    };
    CHECK(find(Chain::address(9)).storage ==
          std::vector<std::pair<uint256, uint256>>{{uint256{2}, uint256{4}}, {uint256{7}, uint256{1}}});
    CHECK(find(Chain::address(9)).code_hash == CodeHash::from(keccak256(Bytes{1})));
    CHECK(find(bond_registry()).nonce == 1);
    CHECK(find(bond_registry()).code_hash == empty_code_hash);
    CHECK(diff.codes.size() == 1);
}
