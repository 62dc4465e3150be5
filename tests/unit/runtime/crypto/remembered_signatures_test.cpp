#include "runtime/crypto/remembered_signatures.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

/// Ed25519 that counts how often it is asked.
class CountingScheme final : public SignatureScheme {
public:
    CountingScheme(std::unique_ptr<SignatureScheme> scheme, std::size_t& count)
        : scheme_(std::move(scheme)), count_(count) {}

    std::size_t validators() const noexcept override { return scheme_->validators(); }
    bool verify(ValidatorIndex signer, ByteView message, ByteView signature) const override {
        ++count_;
        return scheme_->verify(signer, message, signature);
    }
    Result<MultiSignature> aggregate(std::vector<std::pair<ValidatorIndex, Bytes>> signatures) const override {
        return scheme_->aggregate(std::move(signatures));
    }
    Status verify_aggregate(ByteView message, const MultiSignature& aggregate) const override {
        return scheme_->verify_aggregate(message, aggregate);
    }

private:
    std::unique_ptr<SignatureScheme> scheme_;
    std::size_t& count_;
};

struct Fixture {
    std::size_t checks = 0;
    std::vector<std::unique_ptr<Signer>> signers;
    std::shared_ptr<RememberingScheme> scheme;

    explicit Fixture(std::size_t memory = 100) {
        std::vector<Ed25519PublicKey> keys;
        for (std::uint8_t i = 0; i < 4; ++i) {
            auto pair = *Ed25519KeyPair::from_seed(Bytes(32, static_cast<std::uint8_t>(i + 1)));
            keys.push_back(pair.public_key());
            signers.push_back(make_ed25519_signer(std::move(pair)));
        }
        scheme = std::make_shared<RememberingScheme>(
            std::make_unique<CountingScheme>(*make_ed25519_scheme(keys), checks), memory);
    }
    [[nodiscard]] std::pair<ValidatorIndex, Bytes> sign(std::uint32_t i, std::string_view message) const {
        return {ValidatorIndex{i}, signers[i]->sign(as_bytes(message))};
    }
};

TEST_CASE("a valid signature is checked once, alone and in aggregates") {
    Fixture f;
    for (std::uint32_t i = 0; i < 3; ++i)
        CHECK(f.scheme->verify(ValidatorIndex{i}, as_bytes("vote"), f.sign(i, "vote").second));
    CHECK(f.checks == 3);
    const auto joined = *f.scheme->aggregate({f.sign(0, "vote"), f.sign(1, "vote"), f.sign(3, "vote")});
    CHECK(f.scheme->verify_aggregate(as_bytes("vote"), joined));
    CHECK(f.checks == 4);
    CHECK(f.scheme->verify_aggregate(as_bytes("vote"), joined));
    CHECK(f.scheme->verify(ValidatorIndex{3}, as_bytes("vote"), f.sign(3, "vote").second));
    CHECK(f.checks == 4);
}

TEST_CASE("what is remembered of one signer and message says nothing about another") {
    Fixture f;
    const auto signature = f.sign(1, "vote").second;
    CHECK(f.scheme->verify(ValidatorIndex{1}, as_bytes("vote"), signature));
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{2}, as_bytes("vote"), signature));
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{1}, as_bytes("vota"), signature));
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{1}, as_bytes("vote"), {}));
    auto changed = signature;
    changed[40] ^= 1;
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{1}, as_bytes("vote"), changed));
    auto longer = signature;
    longer.push_back('v');
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{1}, as_bytes("ote"), longer));
}

TEST_CASE("an invalid signature is refused each time") {
    Fixture f;
    const Bytes wrong(64, 7);
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{1}, as_bytes("vote"), wrong));
    CHECK_FALSE(f.scheme->verify(ValidatorIndex{1}, as_bytes("vote"), wrong));
    CHECK(f.checks == 2);
    auto joined = *f.scheme->aggregate({f.sign(0, "vote"), f.sign(1, "vote")});
    joined.signature[70] ^= 1;
    CHECK_FALSE(f.scheme->verify_aggregate(as_bytes("vote"), joined));
    joined.signature.pop_back();
    CHECK_FALSE(f.scheme->verify_aggregate(as_bytes("vote"), joined));
}

TEST_CASE("own signatures are known without a check") {
    Fixture f;
    const auto own = make_remembering_signer(std::move(f.signers[2]), ValidatorIndex{2}, f.scheme);
    const auto signature = own->sign(as_bytes("vote"));
    CHECK(f.scheme->verify(ValidatorIndex{2}, as_bytes("vote"), signature));
    CHECK(f.checks == 0);
}

TEST_CASE("memory is bounded: what is old is checked again") {
    Fixture f{4};
    const auto check = [&](const std::string& message) {
        return f.scheme->verify(ValidatorIndex{0}, as_bytes(message), f.sign(0, message).second);
    };
    for (int i = 0; i < 12; ++i) CHECK(check(std::to_string(i)));
    CHECK(f.checks == 12);
    CHECK(check("11"));
    CHECK(f.checks == 12);
    CHECK(check("0"));
    CHECK(f.checks == 13);
}

}  // namespace
