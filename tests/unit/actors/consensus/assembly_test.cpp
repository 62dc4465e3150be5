#include "actors/consensus/assembly.hpp"

#include <functional>

#include <doctest/doctest.h>

#include "runtime/crypto/sim_signature.hpp"

using namespace troupe;
using namespace troupe::consensus;

namespace {

constexpr std::uint64_t chain_id = 7;

struct Bench {
    Bench() : scheme(make_sim_scheme(1, 4)) {
        config.chain_id = chain_id;
        config.validators = 4;
        config.parameters.chain_id = chain_id;
        assembly = std::make_unique<Assembly>(config, *scheme);
        assembly->set_genesis({}, now);
        now = now + DurationMs{1000};
    }
    [[nodiscard]] MultiSignature sign(const Bytes& payload, std::uint32_t signers) const {
        std::vector<std::pair<ValidatorIndex, Bytes>> signatures;
        for (std::uint32_t i = 0; i < signers; ++i)
            signatures.emplace_back(ValidatorIndex{i}, make_sim_signer(1, ValidatorIndex{i})->sign(payload));
        return *scheme->aggregate(std::move(signatures));
    }
    [[nodiscard]] ChunkCertificate certificate(std::uint8_t id, DurationMs life, std::uint32_t signers = 3) const {
        ChunkCertificate out;
        out.chunk.id[0] = id;
        out.chunk.producer = ValidatorIndex{id % 4u};
        out.chunk.expiry = now + life;
        out.signatures = sign(chunk_signing_payload(chain_id, out.chunk), signers);
        return out;
    }
    [[nodiscard]] CommitCertificate votes(const Block& block, std::uint32_t signers = 3) const {
        CommitCertificate out{block.header.height, View{0}, hash_of(block.header), {}};
        out.signatures = sign(commit_signing_payload(chain_id, out.height, out.view, out.block), signers);
        return out;
    }
    [[nodiscard]] static ExecutionResult result(std::uint64_t height, std::uint64_t gas = 0) {
        ExecutionResult out;
        out.height = Height{height};
        out.gas_used = gas;
        return out;
    }
    /// As the primary of the next height would.
    [[nodiscard]] Block build() const {
        return assembly->build(assembly->tip().next(), assembly->tip_hash(), now, last_votes);
    }
    /// Builds, commits, and executes the block.
    Block step() {
        auto block = build();
        REQUIRE(assembly->judge(block, now).verdict == Verdict::valid);
        last_votes = {votes(block)};
        assembly->on_committed({block, last_votes[0]});
        assembly->on_executed(result(block.header.height.value));
        now = now + DurationMs{100};
        return block;
    }
    [[nodiscard]] std::string why_not(const std::function<void(Block&)>& change, bool sealed = true) const {
        auto block = build();
        change(block);
        if (sealed) seal(block);
        const auto judgement = assembly->judge(block, now);
        return judgement.verdict == Verdict::invalid ? judgement.why : judgement.verdict == Verdict::wait ? "wait" : "";
    }

    AssemblyConfig config;
    std::unique_ptr<SignatureScheme> scheme;
    std::unique_ptr<Assembly> assembly;
    std::vector<CommitCertificate> last_votes;
    TimeMs now{1'000'000};
};

}  // namespace

TEST_CASE("what one builds the others find valid, block after block, with the result of two before") {
    Bench b;
    REQUIRE(b.assembly->add(b.certificate(1, DurationMs{2000}), b.now).ok());
    REQUIRE(b.assembly->add(b.certificate(2, DurationMs{1000}), b.now).ok());
    const auto first = b.step();
    REQUIRE(first.certificates.size() == 2);
    // Those that expire first go first.
    CHECK(first.certificates[0].chunk.id[0] == 2);
    CHECK(first.results.empty());
    CHECK(first.votes.empty());
    CHECK_FALSE(b.assembly->has_certificates());
    CHECK(b.step().results.empty());
    const auto third = b.step();
    REQUIRE(third.results.size() == 1);
    CHECK(third.results[0].height == Height{1});
    CHECK(b.assembly->tip() == Height{3});
}

TEST_CASE("a block that does not follow the tip is refused") {
    Bench b;
    b.step();
    CHECK(b.why_not([](Block&) {}) == "");
    CHECK(b.why_not([](Block& block) { block.header.height = Height{1}; }) == "height does not follow the tip");
    CHECK(b.why_not([](Block& block) { block.header.height = Height{~std::uint64_t{0}}; }) ==
          "height does not follow the tip");
    CHECK(b.why_not([](Block& block) { block.header.previous[3] ^= 1; }) == "does not follow the tip's hash");
    CHECK(b.why_not([](Block& block) { block.header.proposer = ValidatorIndex{4}; }) == "proposer is no validator");
    CHECK(b.why_not([](Block& block) { block.votes.clear(); }, false) == "digests do not match the parts");
    CHECK(b.why_not([&](Block& block) { block.header.timestamp = b.assembly->tip_timestamp(); }) ==
          "timestamp not after the previous block's");
    CHECK(b.why_not([&](Block& block) { block.header.timestamp = b.now + DurationMs{501}; }) ==
          "timestamp too far ahead");
    CHECK(b.why_not([&](Block& block) { block.header.timestamp = TimeMs{~std::uint64_t{0}}; }) ==
          "timestamp too far ahead");
}

TEST_CASE("a block's votes are a genuine quorum for the block before it, and only that") {
    Bench b;
    CHECK(b.why_not([&](Block& block) { block.votes = {b.votes(block)}; }) == "votes before the first block");
    const auto first = b.step();
    b.step();
    CHECK(b.why_not([](Block& block) { block.votes.clear(); }) == "does not carry the previous block's votes");
    CHECK(b.why_not([](Block& block) { block.votes.push_back(block.votes[0]); }) ==
          "does not carry the previous block's votes");
    CHECK(b.why_not([&](Block& block) { block.votes = {b.votes(first)}; }) == "votes are not for the previous block");
    CHECK(b.why_not([](Block& block) { block.votes[0].signatures.signers = Bytes{0x03}; }) ==
          "votes are fewer than a quorum");
    CHECK(b.why_not([](Block& block) { block.votes[0].signatures.signature[5] ^= 1; }) == "votes do not verify");
    CHECK(b.why_not([](Block& block) { block.votes[0].view = View{1}; }) == "votes do not verify");
    CHECK(b.why_not([](Block& block) { block.votes[0].signatures.signers = Bytes(600, 0xff); }) ==
          "votes do not verify");
    // More than a quorum is welcome.
    Bench c;
    const auto block = c.step();
    c.last_votes = {c.votes(block, 4)};
    CHECK(c.why_not([](Block&) {}) == "");
}

TEST_CASE("a chunk is included once, while it has not expired, with a genuine certificate") {
    Bench b;
    const auto certificate = b.certificate(1, DurationMs{2000});
    REQUIRE(b.assembly->add(certificate, b.now).ok());
    CHECK(b.why_not([&](Block& block) {
        block.certificates = {certificate, certificate};
    }) == "certificate twice in the block");
    b.step();
    CHECK(b.why_not([&](Block& block) { block.certificates = {certificate}; }) == "chunk is included already");
    // Known to be included: no error, and no second time.
    CHECK(b.assembly->add(certificate, b.now).ok());
    CHECK_FALSE(b.assembly->has_certificates());

    const auto with = [&](const ChunkCertificate& one) {
        return b.why_not([&](Block& block) { block.certificates = {one}; });
    };
    CHECK(with(b.certificate(5, DurationMs{2000})) == "");
    CHECK(with(b.certificate(5, DurationMs{0})) == "");
    auto expired = b.certificate(5, DurationMs{10});
    expired.chunk.expiry = TimeMs{b.now.value - 1};
    CHECK(with(expired) == "certificate of an expired chunk");
    CHECK(with(b.certificate(5, DurationMs{6000})) == "chunk expires too far ahead");
    CHECK_FALSE(with(b.certificate(5, DurationMs{2000}, 2)).empty());
    auto forged = b.certificate(5, DurationMs{2000});
    forged.chunk.id[1] = 1;
    CHECK_FALSE(with(forged).empty());
    CHECK(b.why_not([&](Block& block) {
        block.certificates.assign(limits::block_certificates_max + 1, b.certificate(5, DurationMs{2000}));
    }) == "too many certificates");
}

TEST_CASE("the pool takes genuine certificates within their window, up to its limit") {
    Bench b;
    b.config.pool_max = 3;
    b.assembly = std::make_unique<Assembly>(b.config, *b.scheme);
    b.assembly->set_genesis({}, TimeMs{b.now.value - 1000});
    const auto code = [&](const ChunkCertificate& certificate) {
        const auto status = b.assembly->add(certificate, b.now);
        return status ? std::optional<ErrorCode>{} : std::optional{status.error().code};
    };
    auto late = b.certificate(1, DurationMs{100});
    late.chunk.expiry = TimeMs{b.now.value - 1};
    CHECK(code(late) == ErrorCode::expired);
    CHECK(code(b.certificate(1, DurationMs{60'000})) == ErrorCode::invalid);
    CHECK(code(b.certificate(1, DurationMs{1000}, 2)).has_value());
    auto forged = b.certificate(1, DurationMs{1000});
    forged.signatures.signature[0] ^= 1;
    CHECK(code(forged).has_value());
    CHECK(b.assembly->pool_size() == 0);
    for (std::uint8_t id = 1; id <= 3; ++id) CHECK_FALSE(code(b.certificate(id, DurationMs{1000})));
    CHECK_FALSE(code(b.certificate(1, DurationMs{1000})));
    CHECK(code(b.certificate(4, DurationMs{1000})) == ErrorCode::overloaded);
    CHECK(b.assembly->pool_size() == 3);
    // What has expired makes room.
    b.now = b.now + DurationMs{1500};
    const auto block = b.build();
    CHECK(block.certificates.empty());
    b.assembly->on_committed({block, b.votes(block)});
    CHECK(b.assembly->pool_size() == 0);
}

TEST_CASE("one proposal carries a bounded number of certificates, the rest the next ones") {
    Bench b;
    b.config.certificates_per_block_max = 2;
    b.assembly = std::make_unique<Assembly>(b.config, *b.scheme);
    b.assembly->set_genesis({}, TimeMs{b.now.value - 1000});
    for (std::uint8_t id = 1; id <= 5; ++id) REQUIRE(b.assembly->add(b.certificate(id, DurationMs{3000}), b.now).ok());
    CHECK(b.step().certificates.size() == 2);
    CHECK(b.step().certificates.size() == 2);
    CHECK(b.step().certificates.size() == 1);
    CHECK(b.step().certificates.empty());
}

TEST_CASE("a block carries exactly the result that is due, and it must be this node's own") {
    Bench b;
    CHECK(b.why_not([](Block& block) { block.results = {Bench::result(0)}; }) ==
          "carries a result before the first is due");
    b.step();
    b.step();
    CHECK(b.why_not([](Block&) {}) == "");
    CHECK(b.why_not([](Block& block) { block.results.clear(); }) == "does not carry the due result");
    CHECK(b.why_not([](Block& block) { block.results[0].height = Height{2}; }) == "does not carry the due result");
    CHECK(b.why_not([](Block& block) { block.results.push_back(block.results[0]); }) ==
          "does not carry the due result");
    CHECK(b.why_not([](Block& block) { block.results[0].gas_used = 1; }) ==
          "result differs from this node's execution");
    CHECK(b.why_not([](Block& block) { block.results[0].state_root[0] = 1; }) ==
          "result differs from this node's execution");
    CHECK(b.why_not([](Block& block) { block.results[0].executed_chunks.resize(5); }) ==
          "result differs from this node's execution");
}

TEST_CASE("who has not executed far enough can neither build nor judge, but waits") {
    Bench b;
    for (int i = 0; i < 2; ++i) {
        const auto block = b.build();
        b.last_votes = {b.votes(block)};
        b.assembly->on_committed({block, b.last_votes[0]});
        b.now = b.now + DurationMs{100};
    }
    CHECK_FALSE(b.assembly->can_build(Height{3}));
    b.assembly->on_executed(Bench::result(1));
    REQUIRE(b.assembly->can_build(Height{3}));
    const auto block = b.build();
    // The same block before a node that is behind.
    Bench behind;
    for (int i = 0; i < 2; ++i) {
        const auto earlier = behind.build();
        behind.last_votes = {behind.votes(earlier)};
        behind.assembly->on_committed({earlier, behind.last_votes[0]});
        behind.now = behind.now + DurationMs{100};
    }
    CHECK(behind.assembly->judge(block, b.now).verdict == Verdict::wait);
    behind.assembly->on_executed(Bench::result(1));
    CHECK(behind.assembly->judge(block, b.now).verdict == Verdict::valid);
}

TEST_CASE("after a replay of the latest blocks an included chunk is still included") {
    Bench b;
    const auto certificate = b.certificate(1, DurationMs{3000});
    REQUIRE(b.assembly->add(certificate, b.now).ok());
    const auto block = b.step();
    Assembly restarted{b.config, *b.scheme};
    restarted.set_genesis({}, TimeMs{1'000'000});
    restarted.replay({block, b.last_votes[0]});
    CHECK(restarted.tip() == Height{1});
    CHECK(restarted.add(certificate, b.now).ok());
    CHECK_FALSE(restarted.has_certificates());
}
