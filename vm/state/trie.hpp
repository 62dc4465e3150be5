// The Merkle-Patricia trie (yellow paper, appendix D), over a store that keeps nodes by their path.
//
// A store by path and height instead of by hash keeps neighbours together, overwrites in place what changed, and makes
// pruning a deletion of old versions. The trie loads lazily what it touches, keeps it for the next block, and gives on
// commit the list of nodes that changed. Every node that is loaded is checked against the hash that refers to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "vm/state/trie_node.hpp"
#include "vm/state/trie_path.hpp"

namespace troupe {

/// Which trie a node belongs to: zero for the account trie, keccak256(address) for that account's storage trie.
using TrieOwner = FixedBytes<32, struct TrieOwnerKind>;

/// keccak256 of the RLP of the empty string: the root of a trie without keys.
inline constexpr RootHash empty_trie_root{{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45,
                                           0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c,
                                           0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};

/// The nodes of all tries as of one height. Must outlive the tries that read it.
struct TrieNodeSource {
    virtual ~TrieNodeSource() = default;
    /// The node's RLP; nothing if there is none at that path.
    [[nodiscard]] virtual std::optional<Bytes> node(const TrieOwner& owner, const NibblePath& path) const = 0;
};

/// One node as it is after a commit.
struct TrieNodeChange {
    NibblePath path;
    /// RLP; nothing if there is no node at the path any more.
    std::optional<Bytes> encoded;

    bool operator==(const TrieNodeChange&) const = default;
};

/// One trie. Keys have at most 32 bytes (of one length in state tries, where the caller hashes them; of different
/// lengths where one may be a prefix of another). Not thread-safe; readers of older heights use tries of their own.
///
/// A node that is missing or wrong in the source makes the call fail with ErrorCode::io, and every later call too.
class Trie {
public:
    /// Nodes kept after a commit: a branch takes about 800 bytes, a leaf about 200.
    static constexpr std::size_t cached_nodes_default = 1 << 16;

    /// An empty trie without a store.
    Trie() = default;
    Trie(const TrieNodeSource& source, const TrieOwner& owner, const RootHash& root,
         std::size_t cached_nodes_max = cached_nodes_default);

    [[nodiscard]] Result<std::optional<Bytes>> get(ByteView key);
    /// An empty value erases, as in the yellow paper.
    Status put(ByteView key, ByteView value);
    /// Erasing what is not there changes nothing.
    Status erase(ByteView key);
    /// Erases everything. Loads every node, to tell which paths of the store are to be emptied.
    Status clear();

    /// Hashes what changed since the last call, each changed node once.
    [[nodiscard]] RootHash root();

    /// The nodes that changed since the last commit, in ascending order of path; afterwards they count as stored. The
    /// source must give them from now on (or be replaced by `set_source`), since the trie may forget them here.
    [[nodiscard]] std::vector<TrieNodeChange> commit();
    /// For the next height. Must agree with what was committed.
    void set_source(const TrieNodeSource& source) noexcept { source_ = &source; }

    /// The nodes from the root down to the key, or down to where its absence shows: the form of eth_getProof.
    /// Empty for an empty trie.
    [[nodiscard]] Result<std::vector<Bytes>> prove(ByteView key);

    /// Visits all keys in ascending order until `visit` gives false. Keys of odd nibble count do not occur.
    Status for_each(const std::function<bool(const NibblePath& key, ByteView value)>& visit);

    /// Nodes in memory, estimated.
    [[nodiscard]] std::size_t cached_nodes() const noexcept { return nodes_; }
    [[nodiscard]] bool has_uncommitted_changes() const noexcept { return root_.dirty || !removed_.empty(); }

private:
    using Link = trie_detail::Link;
    using Node = trie_detail::Node;
    using NodePtr = trie_detail::NodePtr;
    enum class Outcome : std::uint8_t { unchanged, changed, failed };
    enum class Walk : std::uint8_t { go_on, stop, failed };

    Node* load(Link& link, const NibblePath& path);
    Outcome insert(Link& link, const NibblePath& key, std::size_t depth, ByteView value);
    void split_leaf(Link& link, const NibblePath& key, std::size_t depth, ByteView value, std::size_t common);
    void split_extension(Link& link, const NibblePath& key, std::size_t depth, ByteView value, std::size_t common);
    Outcome remove(Link& link, const NibblePath& key, std::size_t depth);
    Outcome remove_below_extension(Link& link, const NibblePath& key, std::size_t depth);
    Outcome remove_below_branch(Link& link, const NibblePath& key, std::size_t depth);
    Outcome collapse_branch(Link& link, const NibblePath& path);
    bool merge_only_child(Link& link, const NibblePath& path, const NibblePath& key, Link child);
    void drop(Link& link, const NibblePath& path);
    bool clear_below(Link& link, const NibblePath& path);
    Walk visit_below(Link& link, const NibblePath& path, const std::function<bool(const NibblePath&, ByteView)>& visit);
    void refresh(Link& link, bool is_root);
    void take_reference(Link& link, bool is_root);
    void commit_below(Link& link, const NibblePath& path, bool is_root, std::vector<TrieNodeChange>& out);
    void evict();

    [[nodiscard]] NodePtr count(NodePtr node) noexcept;
    [[nodiscard]] Error failure() const { return *failure_; }

    const TrieNodeSource* source_ = nullptr;
    TrieOwner owner_;
    std::size_t cached_nodes_max_ = cached_nodes_default;
    Link root_;
    /// Paths whose stored node went away since the last commit.
    std::vector<NibblePath> removed_;
    std::size_t nodes_ = 0;
    std::uint32_t period_ = 0;
    std::optional<Error> failure_;
    rlp::Encoder scratch_;
};

/// What a proof shows about a key.
/// The value, or nothing if the proof shows that the key is absent; an error if it shows neither or has spare nodes.
[[nodiscard]] Result<std::optional<Bytes>> verify_proof(const RootHash& root, ByteView key,
                                                        const std::vector<Bytes>& proof);

/// Root of the trie with key rlp(i) for value i: the transactions and receipts roots.
[[nodiscard]] RootHash ordered_trie_root(const std::vector<Bytes>& values);

}  // namespace troupe
