#include "runtime/ledger/genesis_signatures.hpp"

#include <doctest/doctest.h>

#include "runtime/ledger/genesis_json.hpp"

using namespace troupe;

namespace {

[[nodiscard]] Ed25519Seed seed_of(std::uint8_t n) {
    Ed25519Seed seed;
    seed[0] = n;
    return seed;
}

[[nodiscard]] Genesis make_genesis(SignatureKind kind) {
    Genesis genesis;
    genesis.parameters.chain_id = 7;
    genesis.parameters.signatures = kind;
    for (std::uint8_t i = 0; i < 4; ++i) {
        GenesisNode node;
        node.name = "validator-" + std::to_string(i);
        node.public_key = Ed25519KeyPair::from_seed(seed_of(i).view())->public_key();
        if (kind == SignatureKind::bls) register_bls_key(node, seed_of(i));
        genesis.validators.push_back(std::move(node));
    }
    return genesis;
}

}  // namespace

TEST_CASE("validators sign with what the genesis chooses, and all check it by the genesis alone") {
    for (const auto kind : {SignatureKind::ed25519, SignatureKind::bls}) {
        const auto genesis = make_genesis(kind);
        REQUIRE(check_genesis(genesis));
        const auto read = genesis_from_json(genesis_to_json(genesis));
        REQUIRE(read);
        CHECK(*read == genesis);
        const auto scheme = make_scheme(*read);
        REQUIRE(scheme);
        const Bytes message{1, 2, 3};
        std::vector<std::pair<ValidatorIndex, Bytes>> signatures;
        for (std::uint8_t i = 0; i < 3; ++i) {
            signatures.emplace_back(ValidatorIndex{i}, make_signer(kind, seed_of(i))->sign(message));
            CHECK((*scheme)->verify(ValidatorIndex{i}, message, signatures.back().second));
            CHECK_FALSE((*scheme)->verify(ValidatorIndex{3}, message, signatures.back().second));
        }
        const auto aggregate = (*scheme)->aggregate(signatures);
        REQUIRE(aggregate);
        CHECK(aggregate->signature.size() == (kind == SignatureKind::bls ? 96 : 3 * 64));
        CHECK((*scheme)->verify_aggregate(message, *aggregate));
        CHECK_FALSE((*scheme)->verify_aggregate(Bytes{1, 2}, *aggregate));
    }
}

TEST_CASE("a genesis whose BLS keys are missing, too many or not possessed is refused") {
    auto missing = make_genesis(SignatureKind::bls);
    missing.validators[1].bls_key.clear();
    CHECK_FALSE(check_genesis(missing));
    auto extra = make_genesis(SignatureKind::ed25519);
    register_bls_key(extra.validators[2], seed_of(2));
    CHECK_FALSE(check_genesis(extra));
    auto stolen = make_genesis(SignatureKind::bls);
    stolen.validators[0].bls_possession = stolen.validators[1].bls_possession;
    CHECK(check_genesis(stolen));
    CHECK_FALSE(make_scheme(stolen));
}
