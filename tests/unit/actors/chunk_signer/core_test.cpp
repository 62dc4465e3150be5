#include "actors/chunk_signer/core.hpp"

#include <doctest/doctest.h>

#include "runtime/crypto/sim_signature.hpp"

using namespace troupe;
using namespace troupe::chunk_signer;

namespace {

struct Bench {
    Bench()
        : scheme(make_sim_scheme(1, 4)),
          signer(make_sim_signer(1, ValidatorIndex{0})),
          producer(make_sim_signer(1, ValidatorIndex{2})) {
        config.chain_id = 7;
        config.self = ValidatorIndex{0};
        core = std::make_unique<Core>(config, *scheme, signer.get());
    }
    [[nodiscard]] ChunkProposal proposal(std::uint64_t expiry, std::uint8_t content = 1) const {
        ChunkProposal p;
        p.chunk.producer = ValidatorIndex{2};
        p.chunk.expiry = TimeMs{expiry};
        p.chunk.transactions = {Bytes{content}};
        p.signature = producer->sign(chunk_signing_payload(7, reference_of(p.chunk)));
        return p;
    }
    Outbox feed(ChunkProposal p) {
        Outbox out;
        core->on_proposal(NodeIndex{2}, std::move(p), now, out);
        return out;
    }
    template <class T>
    static const T* find(const Outbox& out) {
        for (const auto& effect : out)
            if (const auto* e = std::get_if<T>(&effect)) return e;
        return nullptr;
    }

    Config config;
    std::unique_ptr<SignatureScheme> scheme;
    std::unique_ptr<Signer> signer;
    std::unique_ptr<Signer> producer;
    std::unique_ptr<Core> core;
    TimeMs now{1'000'000};
};

}  // namespace

TEST_CASE("a chunk is on disk before its signature leaves") {
    Bench b;
    const auto out = b.feed(b.proposal(1'004'000));
    REQUIRE(out.size() == 3);
    CHECK(std::holds_alternative<PersistChunk>(out[0]));
    CHECK(std::holds_alternative<SendSignature>(out[1]));
    CHECK(std::holds_alternative<ChunkArrived>(out[2]));
    const auto& signature = std::get<SendSignature>(out[1]).signature;
    CHECK(b.scheme->verify(ValidatorIndex{0}, chunk_signing_payload(7, signature.chunk), signature.signature));
}

TEST_CASE("the same chunk again is signed again the same, another one in the slot is a fault that anyone can verify") {
    Bench b;
    const auto first = b.feed(b.proposal(1'004'000));
    const auto again = b.feed(b.proposal(1'004'000));
    REQUIRE(Bench::find<SendSignature>(again) != nullptr);
    CHECK(Bench::find<SendSignature>(again)->signature == Bench::find<SendSignature>(first)->signature);
    const auto other = b.feed(b.proposal(1'004'000, 2));
    CHECK(Bench::find<SendSignature>(other) == nullptr);
    REQUIRE(Bench::find<ReportFault>(other) != nullptr);
    CHECK(verify_fault(7, Bench::find<ReportFault>(other)->fault, *b.scheme).ok());
}

TEST_CASE("what was signed before a restart is not contradicted after it") {
    Bench b;
    const auto chunk = b.proposal(1'004'000);
    b.core->restore({{reference_of(chunk.chunk), chunk.signature}});
    CHECK(Bench::find<SendSignature>(b.feed(b.proposal(1'004'000, 2))) == nullptr);
    CHECK(Bench::find<SendSignature>(b.feed(b.proposal(1'004'000))) != nullptr);
}

TEST_CASE("chunks that are expired, too far ahead, off their slot, empty or not signed by their producer are refused") {
    Bench b;
    const auto refused = [&](ChunkProposal p) {
        const auto out = b.feed(std::move(p));
        return out.size() == 1 && std::holds_alternative<RejectPeer>(out[0]);
    };
    CHECK(refused(b.proposal(999'980)));
    CHECK(refused(b.proposal(1'010'000)));
    CHECK(refused(b.proposal(1'004'001)));
    auto empty = b.proposal(1'004'000);
    empty.chunk.transactions.clear();
    CHECK(refused(empty));
    auto forged = b.proposal(1'004'000);
    forged.signature[0] ^= 1;
    CHECK(refused(forged));
    auto stranger = b.proposal(1'004'000);
    stranger.chunk.producer = ValidatorIndex{9};
    CHECK(refused(stranger));
}

TEST_CASE("a producer can't make others keep more than its share of live chunks") {
    Bench b;
    std::size_t taken = 0;
    for (std::uint64_t i = 0; i < 300; ++i) {
        b.now = TimeMs{1'000'000 + i * 10};
        if (Bench::find<PersistChunk>(b.feed(b.proposal(1'000'000 + i * 20 / 20 * 20, 1))) != nullptr) ++taken;
    }
    CHECK(taken <= b.config.live_chunks_per_producer_max);
    Outbox out;
    b.core->on_executed({}, TimeMs{2'000'000}, out);
    CHECK(b.core->live_chunks() == 0);
}

TEST_CASE("a missing chunk is asked for at one holder after the other until it comes") {
    Bench b;
    ChunkCertificate certificate;
    const auto chunk = b.proposal(1'004'000);
    certificate.chunk = reference_of(chunk.chunk);
    for (std::uint32_t i = 0; i < 4; ++i) signer_set::add(certificate.signatures.signers, ValidatorIndex{i});
    Outbox out;
    b.core->on_chunks_needed({certificate}, b.now, out);
    REQUIRE(Bench::find<RequestChunk>(out) != nullptr);
    const auto first = Bench::find<RequestChunk>(out)->to;
    CHECK(first != NodeIndex{0});
    out.clear();
    b.core->on_timer(b.now + DurationMs{200}, out);
    REQUIRE(Bench::find<RequestChunk>(out) != nullptr);
    CHECK(Bench::find<RequestChunk>(out)->to != first);
    out.clear();
    b.core->on_chunk_reply(NodeIndex{1}, encode(b.proposal(1'004'000, 9).chunk), out);
    CHECK(Bench::find<ChunkArrived>(out) == nullptr);  // not what was asked for
    b.core->on_chunk_reply(NodeIndex{1}, encode(chunk.chunk), out);
    CHECK(Bench::find<ChunkArrived>(out) != nullptr);
    CHECK_FALSE(b.core->waits_for_chunks());
}
