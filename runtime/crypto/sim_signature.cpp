#include "runtime/crypto/sim_signature.hpp"

#include <bit>
#include <cstring>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/concatenated_signatures.hpp"

namespace troupe {
namespace {

static_assert(std::endian::native == std::endian::little);

/// High and low half of the product, folded: the mixing step of the wyhash family.
[[nodiscard]] std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    const auto product = static_cast<uint128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t odd_a = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t odd_b = 0xd6e8feb86659fd93ULL;

[[nodiscard]] std::uint64_t secret_of(std::uint64_t seed, std::uint32_t index) noexcept {
    return fold(fold(seed ^ odd_a, odd_b) ^ index, odd_a ^ 0x51ed270b) | 1;
}

[[nodiscard]] FixedBytes<sim_signature_bytes, struct SimSignatureKind> mac(std::uint64_t secret,
                                                                           ByteView message) noexcept {
    std::uint64_t low = secret;
    std::uint64_t high = secret ^ odd_b;
    const auto absorb = [&](std::uint64_t word) {
        low = fold(low ^ word, odd_a) + secret;
        high = fold(high + word, odd_b) ^ secret;
    };
    auto left = message;
    for (; left.size() >= 8; left = left.subspan(8)) {
        std::uint64_t word;
        std::memcpy(&word, left.data(), 8);
        absorb(word);
    }
    std::uint64_t tail = 0;
    if (!left.empty()) std::memcpy(&tail, left.data(), left.size());
    absorb(tail);
    absorb(message.size());
    FixedBytes<sim_signature_bytes, SimSignatureKind> out;
    std::memcpy(out.data(), &low, 8);
    std::memcpy(out.data() + 8, &high, 8);
    return out;
}

class SimScheme final : public SignatureScheme {
public:
    SimScheme(std::uint64_t seed, std::size_t validators) : seed_(seed), validators_(validators) {}

    std::size_t validators() const noexcept override { return validators_; }

    bool verify(ValidatorIndex signer, ByteView message, ByteView signature) const override {
        return signer.value < validators_ && signature.size() == sim_signature_bytes &&
               std::ranges::equal(mac(secret_of(seed_, signer.value), message), signature);
    }

    Result<MultiSignature> aggregate(std::vector<std::pair<ValidatorIndex, Bytes>> signatures) const override {
        return detail::concatenate_signatures(std::move(signatures), validators_, sim_signature_bytes);
    }

    Status verify_aggregate(ByteView message, const MultiSignature& aggregate) const override {
        return detail::verify_concatenation(*this, message, aggregate, sim_signature_bytes);
    }

private:
    std::uint64_t seed_;
    std::size_t validators_;
};

class SimSigner final : public Signer {
public:
    explicit SimSigner(std::uint64_t secret) : secret_(secret) {}

    Bytes sign(ByteView message) const override {
        const auto signature = mac(secret_, message);
        return {signature.begin(), signature.end()};
    }

private:
    std::uint64_t secret_;
};

}  // namespace

std::unique_ptr<SignatureScheme> make_sim_scheme(std::uint64_t seed, std::size_t validators) {
    TROUPE_ASSERT(validators <= limits::validators_max);
    return std::make_unique<SimScheme>(seed, validators);
}

std::unique_ptr<Signer> make_sim_signer(std::uint64_t seed, ValidatorIndex index) {
    return std::make_unique<SimSigner>(secret_of(seed, index.value));
}

}  // namespace troupe
