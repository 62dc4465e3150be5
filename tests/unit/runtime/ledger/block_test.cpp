#include "runtime/ledger/block.hpp"

#include <doctest/doctest.h>

#include "runtime/crypto/sim_signature.hpp"
#include "runtime/ledger/genesis.hpp"

namespace {

using namespace troupe;

constexpr std::uint64_t chain = 99;
constexpr std::uint64_t seed = 5;
constexpr std::size_t validators = 7;

const SignatureScheme& scheme() {
    static const auto made = make_sim_scheme(seed, validators);
    return *made;
}

Bytes signature_by(std::uint32_t signer, ByteView payload) {
    return make_sim_signer(seed, ValidatorIndex{signer})->sign(payload);
}

MultiSignature signed_by(std::initializer_list<std::uint32_t> signers, ByteView payload) {
    std::vector<std::pair<ValidatorIndex, Bytes>> signatures;
    for (const auto signer : signers) signatures.emplace_back(signer, signature_by(signer, payload));
    return scheme().aggregate(std::move(signatures)).value();
}

ChunkCertificate certificate(std::initializer_list<std::uint32_t> signers) {
    Chunk chunk;
    chunk.producer = ValidatorIndex{2};
    chunk.expiry = TimeMs{500};
    chunk.transactions = {{1, 2, 3}};
    const auto reference = reference_of(chunk);
    return {reference, signed_by(signers, chunk_signing_payload(chain, reference))};
}

CommittedBlock committed(std::initializer_list<std::uint32_t> signers) {
    CommittedBlock out;
    out.block.header.height = Height{3};
    out.block.certificates = {certificate({0, 1, 2, 3, 4})};
    out.block.results = {ExecutionResult{Height{1}, {}, {}, {}, {}, 5}};
    seal(out.block);
    out.commit.height = Height{3};
    out.commit.view = View{1};
    out.commit.block = hash_of(out.block.header);
    out.commit.signatures =
        signed_by(signers, commit_signing_payload(chain, out.commit.height, out.commit.view, out.commit.block));
    return out;
}

ChunkSignature vote(std::uint32_t signer, ChunkReference chunk) {
    return {chunk, ValidatorIndex{signer}, signature_by(signer, chunk_signing_payload(chain, chunk))};
}

}  // namespace

TEST_CASE("any two quorums share more validators than may be faulty") {
    for (std::size_t n = 1; n <= 4096; ++n) {
        REQUIRE(2 * quorum(n) >= n + faulty_max(n) + 1);
        REQUIRE(quorum(n) <= n - faulty_max(n));
    }
    CHECK(quorum(1) == 1);
    CHECK(quorum(4) == 3);
    CHECK(quorum(7) == 5);
    CHECK(faulty_max(0) == 0);
}

TEST_CASE("a chunk certificate needs a quorum of valid signatures for this chain") {
    CHECK(verify_certificate(chain, certificate({0, 1, 2, 3, 4}), scheme()).ok());
    CHECK(verify_certificate(chain, certificate({0, 2, 3, 4, 5, 6}), scheme()).ok());
    CHECK_FALSE(verify_certificate(chain, certificate({0, 1, 2, 3}), scheme()).ok());
    CHECK_FALSE(verify_certificate(chain + 1, certificate({0, 1, 2, 3, 4}), scheme()).ok());
    auto changed = certificate({0, 1, 2, 3, 4});
    ++changed.chunk.expiry;
    CHECK_FALSE(verify_certificate(chain, changed, scheme()).ok());
    auto claimed = certificate({0, 1, 2, 3});
    signer_set::add(claimed.signatures.signers, ValidatorIndex{6});
    CHECK_FALSE(verify_certificate(chain, claimed, scheme()).ok());
    auto nobody = certificate({0, 1, 2, 3, 4});
    nobody.chunk.producer = ValidatorIndex{7};
    CHECK_FALSE(verify_certificate(chain, nobody, scheme()).ok());
}

TEST_CASE("a chunk fault is two valid signatures of one signer on different chunks of one slot") {
    ChunkReference one{{}, ValidatorIndex{2}, TimeMs{100}};
    one.id[0] = 1;
    auto two = one;
    two.id[0] = 2;
    const ChunkFault fault{ValidatorIndex{3}, vote(3, one), vote(3, two)};
    CHECK(verify_fault(chain, fault, scheme()).ok());

    CHECK_FALSE(verify_fault(chain, {ValidatorIndex{3}, vote(3, one), vote(3, one)}, scheme()).ok());
    CHECK_FALSE(verify_fault(chain, {ValidatorIndex{3}, vote(3, one), vote(4, two)}, scheme()).ok());
    CHECK_FALSE(verify_fault(chain, {ValidatorIndex{4}, vote(3, one), vote(3, two)}, scheme()).ok());
    auto other_slot = two;
    other_slot.expiry = TimeMs{120};
    CHECK_FALSE(verify_fault(chain, {ValidatorIndex{3}, vote(3, one), vote(3, other_slot)}, scheme()).ok());
    auto other_producer = two;
    other_producer.producer = ValidatorIndex{1};
    CHECK_FALSE(verify_fault(chain, {ValidatorIndex{3}, vote(3, one), vote(3, other_producer)}, scheme()).ok());
    auto forged = fault;
    forged.second.signature[0] ^= 1;
    CHECK_FALSE(verify_fault(chain, forged, scheme()).ok());
    CHECK_FALSE(verify_fault(chain + 1, fault, scheme()).ok());
}

TEST_CASE("a committed block needs matching digests and a quorum of commit votes on its own hash") {
    CHECK(verify_committed(chain, committed({0, 1, 2, 3, 4}), scheme()).ok());
    CHECK_FALSE(verify_committed(chain, committed({0, 1, 2, 3}), scheme()).ok());
    CHECK_FALSE(verify_committed(chain + 1, committed({0, 1, 2, 3, 4}), scheme()).ok());

    const auto refused_after = [](auto&& change) {
        auto block = committed({0, 1, 2, 3, 4});
        change(block);
        return !verify_committed(chain, block, scheme()).ok();
    };
    CHECK(refused_after([](CommittedBlock& b) { b.block.certificates.clear(); }));
    CHECK(refused_after([](CommittedBlock& b) { b.block.votes.emplace_back(); }));
    CHECK(refused_after([](CommittedBlock& b) { b.block.results[0].gas_used = 6; }));
    CHECK(refused_after([](CommittedBlock& b) { ++b.block.header.timestamp; }));
    CHECK(refused_after([](CommittedBlock& b) { ++b.commit.height; }));
    CHECK(refused_after([](CommittedBlock& b) { ++b.commit.view; }));
    CHECK(refused_after([](CommittedBlock& b) {
        b.block.results.clear();
        seal(b.block);
    }));
}

TEST_CASE("chunk and commit votes can't be taken for one another") {
    const ChunkReference chunk{};
    CHECK(chunk_signing_payload(chain, chunk) != commit_signing_payload(chain, Height{}, View{}, BlockHash{}));
    CHECK(commit_signing_payload(1, Height{2}, View{3}, {}) != commit_signing_payload(1, Height{3}, View{2}, {}));
}

TEST_CASE("blocks and chunks read back equal from their canonical encoding") {
    const auto block = committed({0, 1, 2, 3, 4});
    CHECK(decode<CommittedBlock>(encode(block)).value() == block);
    CHECK(hash_of(block.block.header) != BlockHash{});
    auto chunk = Chunk{ValidatorIndex{1}, TimeMs{2}, {}, {{1}, {2, 3}}};
    const auto before = reference_of(chunk);
    CHECK(decode<Chunk>(encode(chunk)).value() == chunk);
    std::swap(chunk.transactions[0], chunk.transactions[1]);
    CHECK(reference_of(chunk).id != before.id);
}
