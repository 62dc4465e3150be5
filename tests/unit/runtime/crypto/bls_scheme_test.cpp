#include "runtime/crypto/bls_scheme.hpp"

#include <doctest/doctest.h>

#include "runtime/crypto/bls12_381_encoding.hpp"

using namespace troupe;

namespace {

bls::SecretKey key_of(std::uint8_t fill) { return *bls::SecretKey::generate(Bytes(32, fill)); }
BlsRegistration register_key(const bls::SecretKey& key) {
    return {key.public_key().bytes(), key.prove_possession().bytes()};
}

/// A scheme of four validators with the signers of all.
struct Fixture {
    std::unique_ptr<SignatureScheme> scheme;
    std::vector<std::unique_ptr<Signer>> signers;

    Fixture() {
        std::vector<BlsRegistration> registrations;
        for (std::uint8_t i = 0; i < 4; ++i) {
            registrations.push_back(register_key(key_of(i)));
            signers.push_back(make_bls_signer(key_of(i)));
        }
        scheme = *make_bls_scheme(registrations);
    }
    std::pair<ValidatorIndex, Bytes> sign(std::uint32_t index, ByteView message) const {
        return {ValidatorIndex{index}, signers[index]->sign(message)};
    }
};

}  // namespace

TEST_CASE("signatures of BLS validators join to one of 96 bytes that names its signers") {
    const Fixture fixture;
    const auto message = as_bytes("certificate");
    const auto joined =
        *fixture.scheme->aggregate({fixture.sign(3, message), fixture.sign(0, message), fixture.sign(1, message)});
    CHECK(joined.signers == Bytes{0b1011});
    CHECK(joined.signature.size() == 96);
    CHECK(fixture.scheme->verify_aggregate(message, joined));
    CHECK(fixture.scheme->verify_aggregate(as_bytes("other"), joined).error().code == ErrorCode::unauthorized);
    auto more_signers = joined;
    more_signers.signers = {0b1111};
    CHECK(fixture.scheme->verify_aggregate(message, more_signers).error().code == ErrorCode::unauthorized);
    auto fewer_signers = joined;
    fewer_signers.signers = {0b0011};
    CHECK(fixture.scheme->verify_aggregate(message, fewer_signers).error().code == ErrorCode::unauthorized);
}

TEST_CASE("a BLS scheme verifies single signatures of the named validator only") {
    const Fixture fixture;
    const auto message = as_bytes("vote");
    const auto signature = fixture.signers[2]->sign(message);
    CHECK(fixture.scheme->verify(ValidatorIndex{2}, message, signature));
    CHECK_FALSE(fixture.scheme->verify(ValidatorIndex{1}, message, signature));
    CHECK_FALSE(fixture.scheme->verify(ValidatorIndex{4}, message, signature));
    CHECK_FALSE(fixture.scheme->verify(ValidatorIndex{2}, message, ByteView{signature}.first(95)));
    // The same point in its longer form.
    const auto point = bls::Signature::parse(signature)->point();
    CHECK_FALSE(fixture.scheme->verify(ValidatorIndex{2}, message, bls12_381::serialize(point)));
}

TEST_CASE("a BLS scheme refuses to join strangers, doubles and bytes that are no signature") {
    const Fixture fixture;
    const auto message = as_bytes("vote");
    const auto one = fixture.sign(1, message);
    CHECK(fixture.scheme->aggregate({one, one}).error().code == ErrorCode::invalid);
    CHECK(fixture.scheme->aggregate({{ValidatorIndex{4}, one.second}}).error().code == ErrorCode::invalid);
    CHECK(fixture.scheme->aggregate({{ValidatorIndex{1}, Bytes(96)}}).error().code == ErrorCode::malformed);
    const auto none = *fixture.scheme->aggregate({});
    CHECK(fixture.scheme->verify_aggregate(message, none));
    auto nobody = none;
    nobody.signature = one.second;
    CHECK(fixture.scheme->verify_aggregate(message, nobody).error().code == ErrorCode::malformed);
}

TEST_CASE("a BLS key is registered only with the proof of its possession") {
    const auto honest = register_key(key_of(1));
    auto stolen = register_key(key_of(2));
    stolen.possession = honest.possession;
    CHECK(make_bls_scheme({honest, stolen}).error().code == ErrorCode::unauthorized);
    // The key that cancels the honest one's: its holder does not know its secret and cannot prove it.
    const auto rogue = bls::PublicKey{
        (bls12_381::G1{key_of(3).public_key().point()} + -bls::PublicKey::parse(honest.key.view())->point())
            .to_affine()};
    CHECK(make_bls_scheme({honest, {rogue.bytes(), key_of(3).prove_possession().bytes()}}).error().code ==
          ErrorCode::unauthorized);
    CHECK(make_bls_scheme({{{}, honest.possession}}).error().code == ErrorCode::invalid);
}
