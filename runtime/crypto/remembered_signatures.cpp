#include "runtime/crypto/remembered_signatures.hpp"

#include <mutex>
#include <unordered_set>

#include "runtime/crypto/concatenated_signatures.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe {

/// Two generations: when the younger one is full, the older one goes.
class SignatureMemory {
public:
    explicit SignatureMemory(std::size_t capacity) : capacity_(capacity) {}

    [[nodiscard]] bool contains(const Hash256& key) const {
        const std::lock_guard lock{mutex_};
        return younger_.contains(key) || older_.contains(key);
    }
    void add(const Hash256& key) {
        const std::lock_guard lock{mutex_};
        if (younger_.size() >= capacity_) {
            older_ = std::move(younger_);
            younger_.clear();
        }
        younger_.insert(key);
    }

private:
    using Keys = std::unordered_set<Hash256, FixedBytesHash>;

    std::size_t capacity_;
    mutable std::mutex mutex_;
    Keys younger_;
    Keys older_;
};

namespace {

/// Signatures of the scheme have one size, so that the parts can't be read in another way.
[[nodiscard]] Hash256 key_of(ValidatorIndex signer, ByteView message, ByteView signature) {
    Bytes all;
    all.reserve(sizeof signer.value + signature.size() + message.size());
    for (unsigned shift = 0; shift < 32; shift += 8) all.push_back(static_cast<std::uint8_t>(signer.value >> shift));
    append(all, signature);
    append(all, message);
    return sha256(all);
}

class RememberingSigner final : public Signer {
public:
    RememberingSigner(std::unique_ptr<Signer> signer, ValidatorIndex self,
                      std::shared_ptr<const RememberingScheme> scheme)
        : signer_(std::move(signer)), self_(self), scheme_(std::move(scheme)) {}

    Bytes sign(ByteView message) const override {
        auto signature = signer_->sign(message);
        scheme_->remember(self_, message, signature);
        return signature;
    }

private:
    std::unique_ptr<Signer> signer_;
    ValidatorIndex self_;
    std::shared_ptr<const RememberingScheme> scheme_;
};

}  // namespace

RememberingScheme::RememberingScheme(std::unique_ptr<SignatureScheme> scheme, std::size_t memory)
    : scheme_(std::move(scheme)), memory_(std::make_unique<SignatureMemory>(memory)) {}
RememberingScheme::~RememberingScheme() = default;

bool RememberingScheme::verify(ValidatorIndex signer, ByteView message, ByteView signature) const {
    if (signature.size() != Ed25519Signature::size()) return false;
    const auto key = key_of(signer, message, signature);
    if (memory_->contains(key)) return true;
    if (!scheme_->verify(signer, message, signature)) return false;
    memory_->add(key);
    return true;
}

Status RememberingScheme::verify_aggregate(ByteView message, const MultiSignature& aggregate) const {
    return detail::verify_concatenation(*this, message, aggregate, Ed25519Signature::size());
}

void RememberingScheme::remember(ValidatorIndex signer, ByteView message, ByteView signature) const {
    if (signature.size() == Ed25519Signature::size()) memory_->add(key_of(signer, message, signature));
}

std::unique_ptr<Signer> make_remembering_signer(std::unique_ptr<Signer> signer, ValidatorIndex self,
                                                std::shared_ptr<const RememberingScheme> scheme) {
    return std::make_unique<RememberingSigner>(std::move(signer), self, std::move(scheme));
}

}  // namespace troupe
