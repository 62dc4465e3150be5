// The genesis: who the validators and nodes are, what the accounts hold, and the parameters that all must share.
// Its hash is the previous hash of block 1, so nodes of different geneses never agree on anything.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/codec.hpp"
#include "runtime/crypto/ed25519.hpp"

namespace troupe {

/// `dbft2` is NEO's dBFT 2.0; `troupe` is the same with prepared certificates carried through view changes.
enum class ConsensusRules : std::uint8_t { dbft2 = 0, troupe = 1 };
[[nodiscard]] constexpr bool is_valid(ConsensusRules r) noexcept { return r <= ConsensusRules::troupe; }
[[nodiscard]] constexpr const char* to_string(ConsensusRules r) noexcept {
    return r == ConsensusRules::dbft2 ? "dbft2" : "troupe";
}

/// What validators sign chunks and blocks with. A certificate's size and the time to check it grow with the signers of
/// `ed25519`; of `bls` they stay, at a higher cost for each single signature.
enum class SignatureKind : std::uint8_t { ed25519 = 0, bls = 1 };
[[nodiscard]] constexpr bool is_valid(SignatureKind k) noexcept { return k <= SignatureKind::bls; }
[[nodiscard]] constexpr const char* to_string(SignatureKind k) noexcept {
    return k == SignatureKind::ed25519 ? "ed25519" : "bls";
}

struct ChainParameters {
    std::uint64_t chain_id = 0;
    ConsensusRules rules = ConsensusRules::troupe;
    SignatureKind signatures = SignatureKind::ed25519;
    /// dBFT's T: the base of its timers. A view that makes no progress is left after 2 T.
    DurationMs view_time{1000};
    /// A primary that has something to include proposes this long after the previous block.
    DurationMs block_interval{100};
    /// Without anything to include it proposes after this long, so that confirmations go on.
    DurationMs heartbeat_interval{1000};
    /// Blocks between a block and the one that carries its execution result. At least 1.
    std::uint64_t execution_delay = 2;
    /// Partition epoch.
    DurationMs epoch_length{5000};
    /// Accounts change their builder every this many epochs even if all builders are live.
    std::uint64_t rotation_epochs = 120;
    /// A producer has at most one chunk per slot; expiries are multiples of it.
    DurationMs chunk_slot{20};
    /// A chunk's expiry is this long after it was built; also the longest time to live of a native transaction.
    DurationMs chunk_lifetime{4000};
    DurationMs transaction_lifetime_max{60000};
    /// Wei per gas. Constant: a fee that was covered when the transaction was replicated is covered when it executes.
    uint256 base_fee{1000000000};
    /// What GASLIMIT and eth_getBlockBy… show, and the most gas of one eth_call.
    std::uint64_t block_gas_limit = 2000000000;
    /// Fluence's rho: every so many blocks storage nodes take a snapshot of the state and metadata nodes checkpoint the
    /// chain to the arbiter.
    std::uint64_t checkpoint_interval = 8;
    /// Wei that a batch validator has locked; part of it is slashed for each assignment missed.
    uint256 validator_deposit{1000000000000000000};
    /// An assigned batch validator answers within this time.
    DurationMs validation_time{60000};
    /// Chance in 1000 that a confirmed checkpoint is validated once more, by another validator.
    std::uint64_t revalidation_permille = 500;

    bool operator==(const ChainParameters&) const = default;
    static constexpr auto reflect() {
        using P = ChainParameters;
        return fields("ChainParameters", field("chain_id", &P::chain_id), field("rules", &P::rules),
                      field("signatures", &P::signatures), field("view_time", &P::view_time),
                      field("block_interval", &P::block_interval), field("heartbeat_interval", &P::heartbeat_interval),
                      field("execution_delay", &P::execution_delay), field("epoch_length", &P::epoch_length),
                      field("rotation_epochs", &P::rotation_epochs), field("chunk_slot", &P::chunk_slot),
                      field("chunk_lifetime", &P::chunk_lifetime),
                      field("transaction_lifetime_max", &P::transaction_lifetime_max), field("base_fee", &P::base_fee),
                      field("block_gas_limit", &P::block_gas_limit),
                      field("checkpoint_interval", &P::checkpoint_interval),
                      field("validator_deposit", &P::validator_deposit), field("validation_time", &P::validation_time),
                      field("revalidation_permille", &P::revalidation_permille));
    }
};

/// What a follower may be asked for, and what its signature counts for.
enum class Service : std::uint8_t {
    chain = 0,  // follows and executes the chain: gets blocks and chunks pushed
    storage = 1,
    metadata = 2,
    batch_validation = 3,
    arbitration = 4,
};
[[nodiscard]] constexpr bool is_valid(Service s) noexcept { return s <= Service::arbitration; }
[[nodiscard]] constexpr const char* to_string(Service s) noexcept {
    switch (s) {
        case Service::chain: return "chain";
        case Service::storage: return "storage";
        case Service::metadata: return "metadata";
        case Service::batch_validation: return "batch_validation";
        case Service::arbitration: return "arbitration";
    }
    return "unknown";
}

/// A node of the cluster. Validators come first in the genesis' list.
struct GenesisNode {
    std::string name;
    Ed25519PublicKey public_key;
    /// Validators only: receives the fees of the chunks it produces.
    Address beneficiary;
    /// Followers only, ascending: what they are registered for.
    std::vector<Service> services;
    /// Validators of a chain that signs with BLS, else empty: the compressed key (48 bytes), and the proof that the
    /// validator has its secret (96 bytes).
    Bytes bls_key;
    Bytes bls_possession;

    [[nodiscard]] bool offers(Service service) const noexcept {
        for (const auto s : services)
            if (s == service) return true;
        return false;
    }

    bool operator==(const GenesisNode&) const = default;
    static constexpr auto reflect() {
        return fields("GenesisNode", field("name", &GenesisNode::name), field("public_key", &GenesisNode::public_key),
                      field("beneficiary", &GenesisNode::beneficiary), field("services", &GenesisNode::services),
                      field("bls_key", &GenesisNode::bls_key), field("bls_possession", &GenesisNode::bls_possession));
    }
};

struct GenesisAccount {
    Address address;
    uint256 balance;
    std::uint64_t nonce = 0;
    Bytes code;
    std::vector<std::pair<uint256, uint256>> storage;

    bool operator==(const GenesisAccount&) const = default;
    static constexpr auto reflect() {
        return fields("GenesisAccount", field("address", &GenesisAccount::address),
                      field("balance", &GenesisAccount::balance), field("nonce", &GenesisAccount::nonce),
                      field("code", &GenesisAccount::code), field("storage", &GenesisAccount::storage));
    }
};

struct Genesis {
    ChainParameters parameters;
    TimeMs timestamp;
    std::vector<GenesisNode> validators;
    /// Nodes that follow the chain without voting: gateways and others.
    std::vector<GenesisNode> followers;
    std::vector<GenesisAccount> accounts;

    bool operator==(const Genesis&) const = default;
    static constexpr auto reflect() {
        return fields("Genesis", field("parameters", &Genesis::parameters), field("timestamp", &Genesis::timestamp),
                      field("validators", &Genesis::validators), field("followers", &Genesis::followers),
                      field("accounts", &Genesis::accounts));
    }
};

[[nodiscard]] BlockHash hash_of(const Genesis& genesis);
/// Those registered for a service, ascending.
[[nodiscard]] std::vector<NodeIndex> nodes_offering(const Genesis& genesis, Service service);
/// Null if the genesis has no such node.
[[nodiscard]] const GenesisNode* node_at(const Genesis& genesis, NodeIndex index) noexcept;

/// dBFT: f = floor((n - 1) / 3).
[[nodiscard]] constexpr std::size_t faulty_max(std::size_t validators) noexcept {
    return validators == 0 ? 0 : (validators - 1) / 3;
}
/// dBFT: M = n - f. Any two quorums share at least f + 1 validators.
[[nodiscard]] constexpr std::size_t quorum(std::size_t validators) noexcept {
    return validators - faulty_max(validators);
}

}  // namespace troupe
