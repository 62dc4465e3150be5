#include "runtime/crypto/multi_signature.hpp"

#include "runtime/crypto/concatenated_signatures.hpp"

namespace troupe {

void signer_set::add(Bytes& set, ValidatorIndex index) {
    const std::size_t byte = index.value / 8;
    if (set.size() <= byte) set.resize(byte + 1);
    set[byte] = static_cast<std::uint8_t>(set[byte] | 1u << (index.value % 8));
}

bool signer_set::contains(ByteView set, ValidatorIndex index) noexcept {
    const std::size_t byte = index.value / 8;
    return byte < set.size() && (set[byte] >> (index.value % 8) & 1) != 0;
}

std::size_t signer_set::count(ByteView set) noexcept {
    std::size_t total = 0;
    for (const auto byte : set) total += static_cast<std::size_t>(std::popcount(byte));
    return total;
}

Status signer_set::check(ByteView set, std::size_t validators) {
    if (set.empty()) return Done{};
    if (set.size() > (validators + 7) / 8)
        return make_error(ErrorCode::invalid, "signer set: " + std::to_string(set.size()) + " bytes for " +
                                                  std::to_string(validators) + " validators");
    const auto last = set.back();
    if (last == 0) return make_error(ErrorCode::malformed, "signer set: trailing zero byte");
    const auto highest = 8 * (set.size() - 1) + static_cast<std::size_t>(std::bit_width(last)) - 1;
    if (highest >= validators)
        return make_error(ErrorCode::invalid, "signer set: validator " + std::to_string(highest) + " of " +
                                                  std::to_string(validators) + " does not exist");
    return Done{};
}

std::vector<ValidatorIndex> signer_set::members(ByteView set) {
    std::vector<ValidatorIndex> out;
    out.reserve(count(set));
    for_each(set, [&](ValidatorIndex index) { out.push_back(index); });
    return out;
}

Result<MultiSignature> detail::concatenate_signatures(std::vector<std::pair<ValidatorIndex, Bytes>> signatures,
                                                      std::size_t validators, std::size_t signature_bytes) {
    std::sort(signatures.begin(), signatures.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    MultiSignature out;
    out.signature.reserve(signatures.size() * signature_bytes);
    for (const auto& [index, signature] : signatures) {
        const auto name = "aggregate: validator " + std::to_string(index.value);
        if (index.value >= validators) return make_error(ErrorCode::invalid, name + " does not exist");
        if (signer_set::contains(out.signers, index)) return make_error(ErrorCode::invalid, name + " is named twice");
        if (signature.size() != signature_bytes)
            return make_error(ErrorCode::malformed,
                              name + " gave a signature of " + std::to_string(signature.size()) + " bytes");
        signer_set::add(out.signers, index);
        append(out.signature, signature);
    }
    return out;
}

Status detail::check_concatenation(const MultiSignature& aggregate, std::size_t validators,
                                   std::size_t signature_bytes) {
    if (auto status = signer_set::check(aggregate.signers, validators); !status) return status;
    if (aggregate.signature.size() != signer_set::count(aggregate.signers) * signature_bytes)
        return make_error(ErrorCode::malformed, "aggregate: size of the signature does not fit the number of signers");
    return Done{};
}

namespace {

class Ed25519Scheme final : public SignatureScheme {
public:
    explicit Ed25519Scheme(std::vector<Ed25519Verifier> keys) : keys_(std::move(keys)) {}

    std::size_t validators() const noexcept override { return keys_.size(); }

    bool verify(ValidatorIndex signer, ByteView message, ByteView signature) const override {
        return signer.value < keys_.size() && keys_[signer.value].verify(message, signature);
    }

    Result<MultiSignature> aggregate(std::vector<std::pair<ValidatorIndex, Bytes>> signatures) const override {
        return detail::concatenate_signatures(std::move(signatures), keys_.size(), Ed25519Signature::size());
    }

    Status verify_aggregate(ByteView message, const MultiSignature& aggregate) const override {
        return detail::verify_concatenation(*this, message, aggregate, Ed25519Signature::size());
    }

private:
    std::vector<Ed25519Verifier> keys_;
};

class Ed25519Signer final : public Signer {
public:
    explicit Ed25519Signer(Ed25519KeyPair key) : key_(std::move(key)) {}

    Bytes sign(ByteView message) const override {
        const auto signature = key_.sign(message);
        return {signature.begin(), signature.end()};
    }

private:
    Ed25519KeyPair key_;
};

}  // namespace

Status detail::verify_concatenation(const SignatureScheme& scheme, ByteView message, const MultiSignature& aggregate,
                                    std::size_t signature_bytes) {
    if (auto status = check_concatenation(aggregate, scheme.validators(), signature_bytes); !status) return status;
    ByteView left = aggregate.signature;
    for (const auto signer : signer_set::members(aggregate.signers)) {
        if (!scheme.verify(signer, message, left.first(signature_bytes)))
            return make_error(ErrorCode::unauthorized,
                              "aggregate: signature of validator " + std::to_string(signer.value) + " is not valid");
        left = left.subspan(signature_bytes);
    }
    return Done{};
}

Result<std::unique_ptr<SignatureScheme>> make_ed25519_scheme(const std::vector<Ed25519PublicKey>& keys) {
    if (keys.size() > limits::validators_max)
        return make_error(ErrorCode::too_large, "signature scheme: too many validators");
    std::vector<Ed25519Verifier> verifiers;
    verifiers.reserve(keys.size());
    for (const auto& key : keys) {
        auto verifier = Ed25519Verifier::from(key);
        if (!verifier)
            return make_error(ErrorCode::invalid, "signature scheme: not an Ed25519 key: " + to_hex(key.view()));
        verifiers.push_back(std::move(*verifier));
    }
    return std::unique_ptr<SignatureScheme>{std::make_unique<Ed25519Scheme>(std::move(verifiers))};
}

std::unique_ptr<Signer> make_ed25519_signer(Ed25519KeyPair key) {
    return std::make_unique<Ed25519Signer>(std::move(key));
}

}  // namespace troupe
