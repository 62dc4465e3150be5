#include "runtime/crypto/bls_scheme.hpp"

#include <string>

#include "runtime/base/limits.hpp"

namespace troupe {
namespace {

class BlsScheme final : public SignatureScheme {
public:
    explicit BlsScheme(std::vector<bls::PublicKey> keys) : keys_(std::move(keys)) {}

    std::size_t validators() const noexcept override { return keys_.size(); }

    bool verify(ValidatorIndex signer, ByteView message, ByteView signature) const override {
        if (signer.value >= keys_.size()) return false;
        const auto parsed = parse(signature);
        return parsed && bls::verify(keys_[signer.value], message, *parsed);
    }

    Result<MultiSignature> aggregate(std::vector<std::pair<ValidatorIndex, Bytes>> signatures) const override {
        MultiSignature out;
        std::vector<bls::Signature> parsed;
        parsed.reserve(signatures.size());
        for (const auto& [index, bytes] : signatures) {
            const auto name = "aggregate: validator " + std::to_string(index.value);
            if (index.value >= keys_.size()) return make_error(ErrorCode::invalid, name + " does not exist");
            if (signer_set::contains(out.signers, index))
                return make_error(ErrorCode::invalid, name + " is named twice");
            auto signature = parse(bytes);
            if (!signature) return make_error(ErrorCode::malformed, name + ": " + signature.error().message);
            signer_set::add(out.signers, index);
            parsed.push_back(*signature);
        }
        if (parsed.empty()) return out;
        const auto sum = bls::aggregate(parsed)->bytes();
        out.signature.assign(sum.begin(), sum.end());
        return out;
    }

    Status verify_aggregate(ByteView message, const MultiSignature& aggregate) const override {
        if (auto status = signer_set::check(aggregate.signers, keys_.size()); !status) return status;
        if (aggregate.signers.empty()) {
            if (aggregate.signature.empty()) return Done{};
            return make_error(ErrorCode::malformed, "aggregate: a signature without signers");
        }
        const auto signature = parse(aggregate.signature);
        if (!signature) return signature.error();
        std::vector<bls::PublicKey> keys;
        keys.reserve(signer_set::count(aggregate.signers));
        signer_set::for_each(aggregate.signers, [&](ValidatorIndex index) { keys.push_back(keys_[index.value]); });
        if (!bls::fast_aggregate_verify(keys, message, *signature))
            return make_error(ErrorCode::unauthorized, "aggregate: the signature is not valid for its signers");
        return Done{};
    }

private:
    /// Compressed only: one form of each signature.
    static Result<bls::Signature> parse(ByteView bytes) {
        if (bytes.size() != bls::SignatureBytes::size())
            return make_error(ErrorCode::malformed, "a BLS signature has 96 bytes");
        return bls::Signature::parse(bytes);
    }

    std::vector<bls::PublicKey> keys_;
};

class BlsSigner final : public Signer {
public:
    explicit BlsSigner(const bls::SecretKey& key) : key_(key) {}

    Bytes sign(ByteView message) const override {
        const auto signature = key_.sign(message).bytes();
        return {signature.begin(), signature.end()};
    }

private:
    bls::SecretKey key_;
};

}  // namespace

Result<std::unique_ptr<SignatureScheme>> make_bls_scheme(const std::vector<BlsRegistration>& registrations) {
    if (registrations.size() > limits::validators_max)
        return make_error(ErrorCode::too_large, "signature scheme: too many validators");
    std::vector<bls::PublicKey> keys;
    keys.reserve(registrations.size());
    for (const auto& [key_bytes, proof_bytes] : registrations) {
        const auto name = "signature scheme: BLS key " + to_hex(key_bytes.view());
        const auto key = bls::PublicKey::parse(key_bytes.view());
        if (!key) return make_error(ErrorCode::invalid, name + ": " + key.error().message);
        const auto proof = bls::Signature::parse(proof_bytes.view());
        if (!proof || !bls::verify_possession(*key, *proof))
            return make_error(ErrorCode::unauthorized, name + ": its proof of possession does not hold");
        keys.push_back(*key);
    }
    return std::unique_ptr<SignatureScheme>{std::make_unique<BlsScheme>(std::move(keys))};
}

std::unique_ptr<Signer> make_bls_signer(const bls::SecretKey& key) { return std::make_unique<BlsSigner>(key); }

}  // namespace troupe
