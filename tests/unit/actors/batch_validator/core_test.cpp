#include "actors/batch_validator/core.hpp"

#include <doctest/doctest.h>

#include "actors/execution/replay.hpp"
#include "actors/storage_node/store.hpp"
#include "runtime/crypto/sha256.hpp"
#include "runtime/ledger/sign.hpp"
#include "tests/unit/actors/chain_fixture.hpp"
#include "tests/unit/persistence/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::batch_validator;

namespace {

/// A chain that executes transfers and a contract, with a storage node's database beside it.
struct ExecutedChain : ChainFixture {
    ExecutedChain() {
        for (std::uint8_t i = 1; i <= 3; ++i) {
            Bytes secret(32, 0);
            secret[31] = i;
            accounts.push_back(std::move(*Secp256k1SecretKey::from_bytes(secret)));
            GenesisAccount account;
            account.address = accounts.back().address();
            account.balance = uint256{1'000'000'000'000'000'000ULL};
            genesis.accounts.push_back(std::move(account));
        }
        // Adds one to slot 0 and keeps the previous block's hash in slot 1, at each call.
        GenesisAccount counter;
        counter.address = contract();
        counter.nonce = 1;
        counter.code = *from_hex("600160005401600055600143034060015500");
        genesis.accounts.push_back(std::move(counter));
        store = std::move(*storage_node::ContentStore::open(folder.file("content.db")));
        REQUIRE(store->apply(genesis_state(genesis), {}));
        state = FragmentState::of_genesis(genesis);
        tracker = std::make_unique<ActivityTracker>(genesis.parameters, 4);
    }
    [[nodiscard]] static Address contract() {
        Address out;
        out[0] = 0xcc;
        return out;
    }

    /// Adds a block whose transactions are `transfers`, and stores it. `falsify` may change the result that validators
    /// agree on.
    void add_block(std::size_t transfers, const std::function<void(ExecutionResult&)>& falsify = {}) {
        const auto time = (blocks.empty() ? genesis.timestamp : blocks.back().block.header.timestamp) + DurationMs{100};
        const auto expiry = time + DurationMs{100};
        std::map<ValidatorIndex, Chunk> by_builder;
        for (std::size_t i = 0; i < transfers; ++i) {
            const auto& from = accounts[i % accounts.size()];
            Transaction tx;
            tx.type = TransactionType::dynamic_fee;
            tx.chain_id = chain_id;
            tx.nonce = nonces[i % accounts.size()]++;
            tx.max_fee_per_gas = uint256{2'000'000'000};
            tx.max_priority_fee_per_gas = uint256{1};
            tx.gas_limit = 100'000;
            tx.to = i % 2 == 0 ? contract() : accounts[(i + 1) % accounts.size()].address();
            tx.value = i % 2 == 0 ? uint256{} : uint256{5};
            sign_transaction(tx, from);
            const auto builder = tracker->builder(from.address(), epoch_of(expiry, genesis.parameters));
            REQUIRE(builder);
            auto& chunk = by_builder[*builder];
            chunk.producer = *builder;
            chunk.expiry = expiry;
            chunk.transactions.push_back(encode_transaction(tx));
        }
        Block block;
        block.header.timestamp = time;
        std::vector<Bytes> encoded;
        std::vector<std::shared_ptr<const Chunk>> chunks;
        for (auto& [builder, chunk] : by_builder) {
            ChunkCertificate certificate;
            certificate.chunk = reference_of(chunk);
            for (std::uint32_t i = 0; i < 3; ++i) signer_set::add(certificate.signatures.signers, ValidatorIndex{i});
            block.certificates.push_back(std::move(certificate));
            encoded.push_back(encode(chunk));
            chunks.push_back(std::make_shared<const Chunk>(chunk));
        }
        const auto height = blocks.size() + 1;
        const auto delay = genesis.parameters.execution_delay;
        if (height > delay) block.results.push_back(results[height - delay - 1]);
        if (height > 1) block.receipts.push_back(receipt(Height{height - 1}, bundles[height - 2]));
        blocks.push_back(commit(blocks, std::move(block)));

        const auto& committed = blocks.back().block;
        const ReplayInput input{genesis.parameters,
                                4,
                                {},
                                committed,
                                chunks,
                                [](const TransactionHash&) { return false; },
                                [this](std::uint64_t number) {
                                    return number == 0 ? Hash256::from(hash_of(genesis))
                                                       : Hash256::from(hash_of(blocks[number - 1].block.header));
                                }};
        auto output = replay_block(input, *tracker, *state, codes);
        REQUIRE(output.executed.transactions.size() == transfers);
        auto& result = output.executed.result;
        result.state_root = *state->apply(output.diff, output.natives);
        const auto honest_root = result.state_root;
        if (falsify) falsify(result);
        results.push_back(result);

        REQUIRE(store->apply(output.diff, output.natives));
        std::vector<storage_node::Content> snapshot;
        std::optional<Hash256> index;
        if (height % genesis.parameters.checkpoint_interval == 0)
            index = *store->make_snapshot(Height{height}, time, honest_root, snapshot);
        const auto made = storage_node::make_bundle(committed, encoded, output.executed, std::move(snapshot), index);
        REQUIRE(store->put(made.contents));
        bundles.push_back(made.hash);
    }
    [[nodiscard]] arbiter::Assignment assignment(std::uint64_t from, std::uint64_t to) const {
        return {Height{from},
                {Height{to}, hash_of(blocks[to - 1].block.header), results[to - 1].state_root, bundles[to - 1]},
                1,
                TimeMs{0}};
    }

    TemporaryFolder folder;
    std::vector<Secp256k1SecretKey> accounts;
    std::map<std::size_t, std::uint64_t> nonces;
    std::unique_ptr<storage_node::ContentStore> store;
    std::unique_ptr<FragmentState> state;
    std::unique_ptr<ActivityTracker> tracker;
    evm::AnalysisCache codes;
    std::vector<ExecutionResult> results;
    std::vector<Hash256> bundles;
};

/// A batch validator whose requests are answered at once, with faults as told.
struct Bench {
    explicit Bench(ExecutedChain& of) : chain(of) { restart(); }
    void restart() {
        Config config;
        config.storage_nodes = {chain.storage};
        config.metadata_nodes = {chain.metadata_1, chain.metadata_2};
        core = std::make_unique<Core>(config, chain.genesis, *chain.scheme);
        core->on_registered();
    }

    /// Until nothing is to be done any more; what was submitted last.
    std::optional<arbiter::CommandBody> run(const arbiter::Assignment& assignment, int turns = 100) {
        submitted.reset();
        Outbox out;
        core->on_assignment(assignment, now, out);
        work(out);
        for (int i = 0; i < turns && !submitted; ++i) {
            now = now + DurationMs{1000};
            Outbox more;
            core->on_timer(now, more);
            work(more);
        }
        return submitted;
    }
    void work(Outbox& out) {
        for (std::size_t i = 0; i < out.size(); ++i) {
            auto effect = std::move(out[i]);
            if (const auto* request = std::get_if<RequestManifests>(&effect)) {
                ++manifest_requests;
                if (silent.contains(request->to)) continue;
                std::vector<BlockManifest> reply;
                for (auto h = request->from.value; h <= chain.blocks.size() && reply.size() < request->count; ++h)
                    reply.push_back(chain.manifest(h));
                if (change_manifests) change_manifests(reply);
                core->on_manifests(request->to, std::move(reply), now, out);
            } else if (const auto* content = std::get_if<RequestContent>(&effect)) {
                ++content_requests;
                if (silent.contains(content->to)) continue;
                auto data = *chain.store->content(content->hash);
                if (change_content) change_content(content->hash, data);
                core->on_content(content->to, content->hash, std::move(data), now, out);
            } else if (auto* replay = std::get_if<Replay>(&effect)) {
                core->on_replayed(replay_fragment(chain.genesis, std::move(*replay->fragment)), now, out);
            } else if (const auto* command = std::get_if<Submit>(&effect)) {
                submitted = command->command;
            } else {
                refused.push_back(std::get<Refuse>(effect).why);
            }
        }
    }
    void settle(const arbiter::Assignment& assignment) {
        core->on_settled(assignment.target.height, assignment.attempt);
    }

    ExecutedChain& chain;
    std::unique_ptr<Core> core;
    TimeMs now{1'000'000};
    std::set<NodeIndex> silent;
    std::function<void(std::vector<BlockManifest>&)> change_manifests;
    std::function<void(const Hash256&, std::optional<Bytes>&)> change_content;
    std::optional<arbiter::CommandBody> submitted;
    std::vector<std::string> refused;
    std::size_t manifest_requests = 0;
    std::size_t content_requests = 0;
};

}  // namespace

TEST_CASE("fragments replay to what was agreed: from the genesis, from the state before, from a snapshot") {
    ExecutedChain chain;
    for (int i = 0; i < 30; ++i) chain.add_block(i % 3 == 0 ? 0 : 6);
    CHECK(chain.state->storage(chain.contract(), uint256{0}) > uint256{40});
    Bench b{chain};
    const auto confirms = [&](std::uint64_t from, std::uint64_t to) {
        const auto assignment = chain.assignment(from, to);
        const auto verdict = b.run(assignment);
        b.settle(assignment);
        return verdict &&
               *verdict == arbiter::CommandBody{arbiter::Confirm{Height{to}, 1, chain.results[to - 1].state_root}};
    };
    CHECK(confirms(0, 4));
    const auto requests = b.content_requests;
    CHECK(confirms(4, 8));
    // The state was here already: only the four blocks are fetched.
    CHECK(b.content_requests - requests < 4 * 5);
    CHECK(confirms(20, 28));
    b.restart();
    CHECK(confirms(12, 24));
    CHECK(b.refused.empty());
}

TEST_CASE("a result that a whole quorum has falsified is reported with the block and both results") {
    ExecutedChain chain;
    for (int i = 1; i <= 12; ++i)
        chain.add_block(4, i == 6 ? [](ExecutionResult& result) { result.state_root[7] ^= 1; }
                                  : std::function<void(ExecutionResult&)>{});
    Bench b{chain};
    REQUIRE(b.run(chain.assignment(0, 4)));
    CHECK(std::holds_alternative<arbiter::Confirm>(*b.submitted));
    REQUIRE(b.run(chain.assignment(4, 8)));
    REQUIRE(std::holds_alternative<arbiter::Report>(*b.submitted));
    const auto& report = std::get<arbiter::Report>(*b.submitted);
    CHECK(report.differs_at == Height{6});
    CHECK(report.claimed == chain.results[5]);
    auto honest = chain.results[5];
    honest.state_root[7] ^= 1;
    CHECK(report.computed == honest);
}

TEST_CASE("other falsified results are found too: gas, receipts, which transactions were executed") {
    for (const auto& falsify : std::vector<std::function<void(ExecutionResult&)>>{
             [](ExecutionResult& r) { ++r.gas_used; }, [](ExecutionResult& r) { r.receipts_root[0] ^= 1; },
             [](ExecutionResult& r) { r.transactions_root[0] ^= 1; },
             [](ExecutionResult& r) { r.executed_chunks.pop_back(); }}) {
        ExecutedChain chain;
        for (int i = 1; i <= 7; ++i) chain.add_block(3, i == 3 ? falsify : std::function<void(ExecutionResult&)>{});
        Bench b{chain};
        REQUIRE(b.run(chain.assignment(0, 4)));
        REQUIRE(std::holds_alternative<arbiter::Report>(*b.submitted));
        CHECK(std::get<arbiter::Report>(*b.submitted).differs_at == Height{3});
    }
}

TEST_CASE("a checkpoint that says something else than the chain is reported") {
    ExecutedChain chain;
    for (int i = 0; i < 8; ++i) chain.add_block(2);
    Bench b{chain};
    auto assignment = chain.assignment(0, 4);
    assignment.target.state_root[0] ^= 1;
    REQUIRE(b.run(assignment));
    REQUIRE(std::holds_alternative<arbiter::Report>(*b.submitted));
    CHECK(std::get<arbiter::Report>(*b.submitted).computed == chain.results[3]);
}

TEST_CASE("tampered content is refused by its hash, and the fragment declared not to be had") {
    ExecutedChain chain;
    for (int i = 0; i < 8; ++i) chain.add_block(2);
    Bench b{chain};
    b.change_content = [&](const Hash256& hash, std::optional<Bytes>& data) {
        if (hash == chain.bundles[2]) data->back() ^= 1;
    };
    REQUIRE(b.run(chain.assignment(0, 4)));
    REQUIRE(std::holds_alternative<arbiter::Unable>(*b.submitted));
    CHECK(std::get<arbiter::Unable>(*b.submitted).why ==
          "no storage node gives content " + to_hex(chain.bundles[2].view()));
    CHECK(b.refused.size() >= 2);
}

TEST_CASE("storage nodes that do not answer do not hide that the others refuse") {
    ExecutedChain chain;
    for (int i = 0; i < 8; ++i) chain.add_block(2);
    Bench b{chain};
    Config config;
    config.storage_nodes = {chain.storage, NodeIndex{20}, NodeIndex{21}};
    config.metadata_nodes = {chain.metadata_1};
    b.core = std::make_unique<Core>(config, chain.genesis, *chain.scheme);
    b.silent = {NodeIndex{20}, NodeIndex{21}};
    b.change_content = [&](const Hash256& hash, std::optional<Bytes>& data) {
        if (hash == chain.bundles[2]) data.reset();
    };
    REQUIRE(b.run(chain.assignment(0, 4), 20));
    REQUIRE(std::holds_alternative<arbiter::Unable>(*b.submitted));
    CHECK(std::get<arbiter::Unable>(*b.submitted).why.starts_with("no storage node gives content"));
}

TEST_CASE("a fault that passes is got over: content that comes late, a metadata node that is silent") {
    ExecutedChain chain;
    for (int i = 0; i < 8; ++i) chain.add_block(2);
    Bench b{chain};
    b.silent = {chain.metadata_1};
    int missing = 2;
    b.change_content = [&](const Hash256& hash, std::optional<Bytes>& data) {
        if (hash == chain.bundles[1] && missing-- > 0) data.reset();
    };
    REQUIRE(b.run(chain.assignment(0, 4)));
    CHECK(std::holds_alternative<arbiter::Confirm>(*b.submitted));
}

TEST_CASE("manifests without a quorum's votes, or with holes, are refused") {
    ExecutedChain chain;
    for (int i = 0; i < 8; ++i) chain.add_block(1);
    Bench b{chain};
    bool lies = true;
    b.change_manifests = [&](std::vector<BlockManifest>& manifests) {
        if (lies) manifests[3].commit.signatures.signature[0] ^= 1;
        lies = false;
    };
    REQUIRE(b.run(chain.assignment(0, 4)));
    CHECK(std::holds_alternative<arbiter::Confirm>(*b.submitted));
    CHECK(b.refused.size() == 1);
    b.restart();
    lies = true;
    b.change_manifests = [&](std::vector<BlockManifest>& manifests) {
        if (lies) manifests.erase(manifests.begin() + 2);
        lies = false;
    };
    REQUIRE(b.run(chain.assignment(0, 4)));
    CHECK(std::holds_alternative<arbiter::Confirm>(*b.submitted));
    CHECK(b.refused.size() == 2);
}

TEST_CASE("storage that kept another block than the agreed one is not believed") {
    ExecutedChain chain;
    for (int i = 0; i < 3; ++i) chain.add_block(2);
    // A receipt for a bundle of something else (the mismatch attack).
    Block other = chain.blocks[2].block;
    other.header.timestamp = other.header.timestamp.next();
    auto index = storage_node::Bundle{};
    index.height = Height{3};
    std::vector<storage_node::Content> contents;
    index.block = storage_node::cut(encode(other), contents);
    for (const auto& certificate : other.certificates) index.chunks.push_back(certificate.chunk.id);
    contents.push_back(storage_node::make_content(encode(index)));
    chain.bundles[2] = contents.back().hash;
    REQUIRE(chain.store->put(contents));
    for (int i = 0; i < 5; ++i) chain.add_block(2);
    Bench b{chain};
    REQUIRE(b.run(chain.assignment(0, 4)));
    REQUIRE(std::holds_alternative<arbiter::Unable>(*b.submitted));
    CHECK(std::get<arbiter::Unable>(*b.submitted).why == "storage keeps another block 3 than the agreed one");
}

TEST_CASE("a snapshot that is not the state which the chain agreed on is not believed") {
    ExecutedChain chain;
    for (int i = 0; i < 3; ++i) chain.add_block(2);
    // Storage makes itself a rich account.
    AccountChange rich;
    rich.address[0] = 0xaa;
    rich.balance = uint256{1'000'000};
    rich.code_hash = empty_code_hash;
    REQUIRE(chain.store->apply({{rich}, {}}, {}));
    for (int i = 0; i < 9; ++i) chain.add_block(2);
    Bench b{chain};
    REQUIRE(b.run(chain.assignment(4, 8)));
    REQUIRE(std::holds_alternative<arbiter::Unable>(*b.submitted));
    CHECK(std::get<arbiter::Unable>(*b.submitted).why ==
          "snapshot: its entries are not the state that the chain agreed on");
}

TEST_CASE("a verdict is repeated until it is settled, and the registration until it is answered") {
    ExecutedChain chain;
    for (int i = 0; i < 8; ++i) chain.add_block(1);
    Bench b{chain};
    const auto assignment = chain.assignment(0, 4);
    REQUIRE(b.run(assignment));
    const auto again = [&] {
        b.submitted.reset();
        b.now = b.now + DurationMs{2000};
        Outbox out;
        b.core->on_timer(b.now, out);
        b.work(out);
        return b.submitted.has_value();
    };
    CHECK(again());
    CHECK(again());
    b.settle(assignment);
    CHECK_FALSE(again());
    Core fresh{{}, chain.genesis, *chain.scheme};
    Outbox out;
    fresh.on_timer(b.now, out);
    REQUIRE(out.size() == 1);
    CHECK(std::holds_alternative<arbiter::Register>(std::get<Submit>(out[0]).command));
    fresh.on_registered();
    out.clear();
    fresh.on_timer(b.now + DurationMs{5000}, out);
    CHECK(out.empty());
}
