// A scheme that checks each signature once: a node meets the same vote alone, then in the certificate that its quorum
// makes, and again in the block that carries the certificate. Only what was found valid is remembered.
#pragma once

#include <memory>

#include "runtime/crypto/multi_signature.hpp"

namespace troupe {

class SignatureMemory;

/// As `scheme`, whose aggregates must be those of make_ed25519_scheme. At least the last `memory` valid signatures are
/// remembered (32 bytes each, and as many again). Thread-safe.
class RememberingScheme final : public SignatureScheme {
public:
    explicit RememberingScheme(std::unique_ptr<SignatureScheme> scheme, std::size_t memory = 1 << 16);
    ~RememberingScheme() override;

    std::size_t validators() const noexcept override { return scheme_->validators(); }
    bool verify(ValidatorIndex signer, ByteView message, ByteView signature) const override;
    Result<MultiSignature> aggregate(std::vector<std::pair<ValidatorIndex, Bytes>> signatures) const override {
        return scheme_->aggregate(std::move(signatures));
    }
    Status verify_aggregate(ByteView message, const MultiSignature& aggregate) const override;

    /// The caller has made this signature, or knows otherwise that it is valid.
    void remember(ValidatorIndex signer, ByteView message, ByteView signature) const;

private:
    std::unique_ptr<SignatureScheme> scheme_;
    std::unique_ptr<SignatureMemory> memory_;
};

/// As `signer`, and what it signs as validator `self` is known to `scheme`.
[[nodiscard]] std::unique_ptr<Signer> make_remembering_signer(std::unique_ptr<Signer> signer, ValidatorIndex self,
                                                              std::shared_ptr<const RememberingScheme> scheme);

}  // namespace troupe
