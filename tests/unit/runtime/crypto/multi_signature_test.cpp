#include "runtime/crypto/multi_signature.hpp"

#include <doctest/doctest.h>

#include "runtime/crypto/sim_signature.hpp"

using namespace troupe;

namespace {

Ed25519KeyPair pair_of(std::uint8_t fill) { return *Ed25519KeyPair::from_seed(Bytes(32, fill)); }

/// A scheme of ten validators with the signers of all.
struct Fixture {
    std::unique_ptr<SignatureScheme> scheme;
    std::vector<std::unique_ptr<Signer>> signers;
};

Fixture ed25519_fixture() {
    Fixture out;
    std::vector<Ed25519PublicKey> keys;
    for (std::uint8_t i = 0; i < 10; ++i) {
        auto pair = pair_of(static_cast<std::uint8_t>(i + 1));
        keys.push_back(pair.public_key());
        out.signers.push_back(make_ed25519_signer(std::move(pair)));
    }
    out.scheme = *make_ed25519_scheme(keys);
    return out;
}

Fixture sim_fixture() {
    Fixture out;
    out.scheme = make_sim_scheme(7, 10);
    for (std::uint32_t i = 0; i < 10; ++i) out.signers.push_back(make_sim_signer(7, ValidatorIndex{i}));
    return out;
}

void check_scheme(const Fixture& f) {
    const auto message = as_bytes("message");
    const auto sign = [&](std::uint32_t i) { return std::pair{ValidatorIndex{i}, f.signers[i]->sign(message)}; };

    CHECK(f.scheme->verify(ValidatorIndex{3}, message, sign(3).second));
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{2}, message, sign(3).second));
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{3}, as_bytes("massage"), sign(3).second));
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{10}, message, sign(3).second));
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{3}, message, {}));

    const auto joined = f.scheme->aggregate({sign(9), sign(0), sign(4)});
    REQUIRE(joined.ok());
    CHECK(joined->signers == Bytes{0b00010001, 0b00000010});
    CHECK(f.scheme->verify_aggregate(message, *joined).ok());
    CHECK_FALSE(f.scheme->verify_aggregate(as_bytes("massage"), *joined).ok());

    CHECK_FALSE(f.scheme->aggregate({sign(1), sign(1)}).ok());
    CHECK_FALSE(f.scheme->aggregate({{ValidatorIndex{10}, sign(1).second}}).ok());
    CHECK_FALSE(f.scheme->aggregate({{ValidatorIndex{1}, Bytes(5)}}).ok());

    auto other_signer = *joined;
    other_signer.signers = {0b00010010, 0b00000010};
    CHECK_FALSE(f.scheme->verify_aggregate(message, other_signer).ok());
    auto fewer = *joined;
    fewer.signers = {0b00010001};
    CHECK_FALSE(f.scheme->verify_aggregate(message, fewer).ok());
    auto padded = *joined;
    padded.signers.push_back(0);
    CHECK_FALSE(f.scheme->verify_aggregate(message, padded).ok());
    auto tampered = *joined;
    tampered.signature.back() ^= 1;
    const auto status = f.scheme->verify_aggregate(message, tampered);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::unauthorized);
    CHECK(status.error().message.find("validator 9") != std::string::npos);
    auto longer = *joined;
    longer.signature.push_back(0);
    CHECK_FALSE(f.scheme->verify_aggregate(message, longer).ok());
}

}  // namespace

TEST_CASE("Ed25519 gives the signature of RFC 8032, test 2") {
    const auto pair =
        *Ed25519KeyPair::from_seed(*from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
    CHECK(to_hex(pair.public_key().view()) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    const auto signature = pair.sign(Bytes{0x72});
    CHECK(to_hex(signature.view()) ==
          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
          "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    CHECK(ed25519_verify(pair.public_key(), Bytes{0x72}, signature.view()));
    CHECK_FALSE(ed25519_verify(pair.public_key(), Bytes{0x73}, signature.view()));
    CHECK_FALSE(ed25519_verify(pair.public_key(), Bytes{0x72}, signature.view().first(63)));
    CHECK(to_hex(pair.reveal_seed().view()) == "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    CHECK_FALSE(Ed25519KeyPair::from_seed(Bytes(31)));
}

TEST_CASE("two generated Ed25519 keys differ") {
    CHECK(Ed25519KeyPair::generate().public_key() != Ed25519KeyPair::generate().public_key());
}

TEST_CASE("the Ed25519 scheme joins and checks signatures, and refuses what is not canonical") {
    check_scheme(ed25519_fixture());
}

TEST_CASE("the simulation scheme has the same behaviour") { check_scheme(sim_fixture()); }

TEST_CASE("the simulation scheme depends on its seed and on every byte and the length of the message") {
    const auto a = make_sim_signer(1, ValidatorIndex{0});
    const auto b = make_sim_signer(2, ValidatorIndex{0});
    Bytes message(20);
    CHECK(a->sign(message) != b->sign(message));
    CHECK(a->sign(message) == make_sim_signer(1, ValidatorIndex{0})->sign(message));
    CHECK(a->sign(message) != a->sign(Bytes(21)));
    for (std::size_t i = 0; i < message.size(); ++i) {
        auto changed = message;
        changed[i] = 1;
        CHECK(a->sign(message) != a->sign(changed));
    }
}

TEST_CASE("a signer set lists its members in order and is checked for form and range") {
    Bytes set;
    for (const std::uint32_t i : {17u, 3u, 0u, 8u, 3u}) signer_set::add(set, ValidatorIndex{i});
    CHECK(set == Bytes{0b00001001, 0b00000001, 0b00000010});
    CHECK(signer_set::count(set) == 4);
    CHECK(signer_set::contains(set, ValidatorIndex{8}));
    CHECK_FALSE(signer_set::contains(set, ValidatorIndex{9}));
    CHECK_FALSE(signer_set::contains(set, ValidatorIndex{4000000000}));
    CHECK(signer_set::members(set) ==
          std::vector{ValidatorIndex{0}, ValidatorIndex{3}, ValidatorIndex{8}, ValidatorIndex{17}});
    CHECK(signer_set::check(set, 18).ok());
    CHECK_FALSE(signer_set::check(set, 17).ok());
    CHECK_FALSE(signer_set::check(set, 16).ok());
    CHECK_FALSE(signer_set::check(Bytes{1, 0}, 18).ok());
    CHECK(signer_set::check({}, 0).ok());
    CHECK_FALSE(signer_set::check(Bytes{1}, 0).ok());
}
