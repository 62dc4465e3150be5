// Merkle proofs: made from a trie, and checked without one.
#include <algorithm>

#include "runtime/crypto/keccak.hpp"
#include "vm/state/trie.hpp"

namespace troupe {

using namespace trie_detail;

namespace {

/// Where the walk to a key goes from a node.
struct Step {
    /// Set if the walk ends here; then `value` says how.
    bool ends = false;
    std::optional<Bytes> value;
    Link* next = nullptr;
};

Step step_towards(Node& node, const NibblePath& key, std::size_t& depth) {
    if (node.kind == Kind::leaf) {
        auto& leaf = as_leaf(node);
        if (leaf.key == key.suffix(depth)) return {true, leaf.value, nullptr};
        return {true, std::nullopt, nullptr};
    }
    if (node.kind == Kind::extension) {
        auto& extension = as_extension(node);
        if (extension.key.common_with(key, depth) != extension.key.size()) return {true, std::nullopt, nullptr};
        depth += extension.key.size();
        return {false, std::nullopt, &extension.child};
    }
    auto& branch = as_branch(node);
    if (depth == key.size()) {
        if (branch.value.empty()) return {true, std::nullopt, nullptr};
        return {true, branch.value, nullptr};
    }
    auto& child = branch.children[key[depth++]];
    if (child.empty()) return {true, std::nullopt, nullptr};
    return {false, std::nullopt, &child};
}

}  // namespace

Result<std::vector<Bytes>> Trie::prove(ByteView key_bytes) {
    if (failure_) return failure();
    (void)root();
    const auto key = NibblePath::of_key(key_bytes);
    std::vector<Bytes> proof;
    Link* link = root_.empty() ? nullptr : &root_;
    for (std::size_t depth = 0; link;) {
        auto* node = load(*link, key.prefix(depth));
        if (!node) return failure();
        // A shorter node is inside its parent's encoding.
        if (link->ref_size == Link::hash_bytes) {
            rlp::Encoder encoder;
            encode(*node, encoder);
            proof.push_back(std::move(encoder).take());
        }
        link = step_towards(*node, key, depth).next;
    }
    return proof;
}

Result<std::optional<Bytes>> verify_proof(const RootHash& root, ByteView key_bytes, const std::vector<Bytes>& proof) {
    const auto wrong = [](std::size_t at, const char* what) {
        return make_error(ErrorCode::invalid, "proof: node " + std::to_string(at) + " " + what);
    };
    if (2 * key_bytes.size() > NibblePath::nibbles_max) return make_error(ErrorCode::too_large, "proof: key too long");
    if (root == empty_trie_root) {
        if (!proof.empty()) return wrong(0, "is superfluous: the trie is empty");
        return std::optional<Bytes>{};
    }
    const auto key = NibblePath::of_key(key_bytes);
    Bytes expected{root.begin(), root.end()};
    std::size_t used = 0;
    for (std::size_t depth = 0;;) {
        NodePtr node;
        if (expected.size() == Link::hash_bytes) {
            if (used == proof.size()) return wrong(used, "is missing");
            const auto& encoded = proof[used++];
            if (!std::ranges::equal(keccak256(encoded), expected)) return wrong(used - 1, "has the wrong hash");
            node = decode(encoded);
        } else {
            node = decode(expected);
        }
        if (!node) return wrong(used - 1, "is malformed");
        const auto step = step_towards(*node, key, depth);
        if (step.ends) {
            if (used != proof.size()) return wrong(used, "is superfluous");
            return step.value;
        }
        const auto next = step.next->ref_view();
        expected.assign(next.begin(), next.end());
    }
}

}  // namespace troupe
