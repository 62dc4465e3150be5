// Nodes of a Merkle-Patricia trie in memory, and their RLP form (yellow paper, appendix D). For trie*.cpp only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "runtime/base/bytes.hpp"
#include "runtime/base/rlp.hpp"
#include "vm/state/trie_path.hpp"

namespace troupe::trie_detail {

struct Node;
struct NodeFree {
    void operator()(Node* node) const noexcept;
};
using NodePtr = std::unique_ptr<Node, NodeFree>;

/// Where a parent (or the trie) holds a node: what refers to it, and the node itself once it was needed.
struct Link {
    static constexpr std::uint8_t hash_bytes = 32;

    /// Absent while nobody touched the node.
    NodePtr node;
    /// The node's hash if `ref_size` is 32; its whole encoding if that is shorter; nothing if `ref_size` is 0.
    std::array<std::uint8_t, 32> ref{};
    std::uint8_t ref_size = 0;
    /// `ref` must be computed anew from `node`.
    bool stale = false;
    /// Changed since the last commit.
    bool dirty = false;
    /// The store holds a node at this link's path (of before, where the link is dirty).
    bool stored = false;

    [[nodiscard]] bool empty() const noexcept { return !node && ref_size == 0; }
    void touch() noexcept { stale = dirty = true; }
    /// Another node takes this place.
    void set(NodePtr other) noexcept {
        node = std::move(other);
        touch();
    }
    void set_ref(ByteView bytes) noexcept {
        ref_size = static_cast<std::uint8_t>(bytes.size());
        std::memcpy(ref.data(), bytes.data(), bytes.size());
    }
    [[nodiscard]] ByteView ref_view() const noexcept { return {ref.data(), ref_size}; }
};

enum class Kind : std::uint8_t { leaf, extension, branch };

struct Node {
    Kind kind;
    /// The commit period in which the node was last on the way to a key: a child's never exceeds its parent's.
    std::uint32_t last_used = 0;

protected:
    explicit Node(Kind k) noexcept : kind(k) {}
    ~Node() = default;
};

struct Leaf : Node {
    NibblePath key;
    Bytes value;
    Leaf(const NibblePath& k, Bytes v) noexcept : Node(Kind::leaf), key(k), value(std::move(v)) {}
};

struct Extension : Node {
    NibblePath key;
    Link child;
    Extension(const NibblePath& k, Link c) noexcept : Node(Kind::extension), key(k), child(std::move(c)) {}
};

struct Branch : Node {
    std::array<Link, 16> children;
    /// Of the key that ends here; empty if none does.
    Bytes value;
    Branch() noexcept : Node(Kind::branch) {}
};

[[nodiscard]] inline Leaf& as_leaf(Node& node) noexcept { return static_cast<Leaf&>(node); }
[[nodiscard]] inline Extension& as_extension(Node& node) noexcept { return static_cast<Extension&>(node); }
[[nodiscard]] inline Branch& as_branch(Node& node) noexcept { return static_cast<Branch&>(node); }

[[nodiscard]] NodePtr make_leaf(const NibblePath& key, Bytes value);
[[nodiscard]] NodePtr make_extension(const NibblePath& key, Link child);

/// Appends the node's RLP. The references of its children must not be stale.
void encode(const Node& node, rlp::Encoder& out);
/// Nothing on what is not a node's one canonical form. Children are not loaded.
[[nodiscard]] NodePtr decode(ByteView encoded);

}  // namespace troupe::trie_detail
