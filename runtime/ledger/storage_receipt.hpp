// A storage node's signed word that it keeps a block's bundle (Fluence 5.5, 5.6). Blocks carry receipts, and the
// application hash of their header commits to them.
#pragma once

#include <map>

#include "runtime/base/codec.hpp"
#include "runtime/crypto/ed25519.hpp"

namespace troupe {

struct Genesis;

struct StorageReceipt {
    /// Of the block that is stored.
    Height height;
    /// SHA-256 of the bundle's index (actors/storage_node/bundle.hpp). Honest storage nodes give the same.
    Hash256 bundle;
    NodeIndex node;
    /// Ed25519 by the node's identity over receipt_signing_payload.
    Bytes signature;

    bool operator==(const StorageReceipt&) const = default;
    static constexpr auto reflect() {
        return fields("StorageReceipt", field("height", &StorageReceipt::height),
                      field("bundle", &StorageReceipt::bundle), field("node", &StorageReceipt::node),
                      field("signature", &StorageReceipt::signature));
    }
};

/// A receipt may be included at most this many blocks after the block it is for: so much of the past decides whether a
/// receipt is a repetition.
inline constexpr std::uint64_t receipt_window_blocks = 512;
/// Receipts in one block: a storage node that catches up needs a few blocks for its backlog.
inline constexpr std::size_t block_receipts_max = 64;

/// The nodes whose receipts count, with their keys.
using StorageRegistry = std::map<NodeIndex, Ed25519PublicKey>;
[[nodiscard]] StorageRegistry storage_registry(const Genesis& genesis);

/// Bytes under a receipt: domain, chain id, height, bundle, node.
[[nodiscard]] Bytes receipt_signing_payload(std::uint64_t chain_id, const StorageReceipt& receipt);
/// Signed by a registered storage node.
[[nodiscard]] Status verify_receipt(std::uint64_t chain_id, const StorageReceipt& receipt,
                                    const StorageRegistry& registry);

}  // namespace troupe
