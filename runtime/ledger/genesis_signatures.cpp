#include "runtime/ledger/genesis_signatures.hpp"

#include "runtime/crypto/bls_scheme.hpp"

namespace troupe {
namespace {

[[nodiscard]] bls::SecretKey bls_secret(const Ed25519Seed& seed) {
    auto key = bls::SecretKey::generate(seed.view(), as_bytes("troupe validator"));
    // Only too short a seed is an error.
    TROUPE_ASSERT(key.ok());
    return std::move(*key);
}

}  // namespace

Result<std::unique_ptr<SignatureScheme>> make_scheme(const Genesis& genesis) {
    if (genesis.parameters.signatures == SignatureKind::ed25519) {
        std::vector<Ed25519PublicKey> keys;
        for (const auto& validator : genesis.validators) keys.push_back(validator.public_key);
        return make_ed25519_scheme(keys);
    }
    std::vector<BlsRegistration> registrations;
    for (const auto& validator : genesis.validators) {
        const auto key = bls::PublicKeyBytes::from_view(validator.bls_key);
        const auto possession = bls::SignatureBytes::from_view(validator.bls_possession);
        if (!key || !possession)
            return make_error(ErrorCode::invalid, "genesis: " + validator.name + " has no BLS key");
        registrations.push_back({*key, *possession});
    }
    return make_bls_scheme(registrations);
}

std::unique_ptr<Signer> make_signer(SignatureKind kind, const Ed25519Seed& seed) {
    if (kind == SignatureKind::bls) return make_bls_signer(bls_secret(seed));
    auto pair = Ed25519KeyPair::from_seed(seed.view());
    TROUPE_ASSERT(pair.has_value());
    return make_ed25519_signer(std::move(*pair));
}

void register_bls_key(GenesisNode& node, const Ed25519Seed& seed) {
    const auto secret = bls_secret(seed);
    const auto key = secret.public_key().bytes();
    const auto possession = secret.prove_possession().bytes();
    node.bls_key.assign(key.begin(), key.end());
    node.bls_possession.assign(possession.begin(), possession.end());
}

}  // namespace troupe
