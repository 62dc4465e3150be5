#include "vm/state/trie.hpp"

#include <algorithm>

#include "runtime/crypto/keccak.hpp"

namespace troupe {

using namespace trie_detail;

Trie::Trie(const TrieNodeSource& source, const TrieOwner& owner, const RootHash& root, std::size_t cached_nodes_max)
    : source_(&source), owner_(owner), cached_nodes_max_(cached_nodes_max) {
    if (root == empty_trie_root) return;
    root_.set_ref(root.view());
    root_.stored = true;
}

NodePtr Trie::count(NodePtr node) noexcept {
    ++nodes_;
    node->last_used = period_;
    return node;
}

/// The node of a link that is not empty; nothing (and `failure_`) if the source does not have it.
Node* Trie::load(Link& link, const NibblePath& path) {
    if (link.node) {
        link.node->last_used = period_;
        return link.node.get();
    }
    NodePtr node;
    if (link.ref_size < Link::hash_bytes) {
        node = decode(link.ref_view());
    } else if (const auto encoded = source_ ? source_->node(owner_, path) : std::nullopt;
               encoded && std::ranges::equal(keccak256(*encoded), link.ref_view())) {
        node = decode(*encoded);
    }
    if (!node) {
        failure_ = make_error(ErrorCode::io, "trie " + to_hex(owner_.view()) + ": the node at path " +
                                                 to_hex(path.packed()) + " is missing or damaged");
        return nullptr;
    }
    link.node = count(std::move(node));
    return link.node.get();
}

// ---------------------------------------------------------------- reading

Result<std::optional<Bytes>> Trie::get(ByteView key_bytes) {
    if (failure_) return failure();
    const auto key = NibblePath::of_key(key_bytes);
    Link* link = &root_;
    for (std::size_t depth = 0; !link->empty();) {
        auto* node = load(*link, key.prefix(depth));
        if (!node) return failure();
        if (node->kind == Kind::leaf) {
            auto& leaf = as_leaf(*node);
            if (leaf.key != key.suffix(depth)) break;
            return std::optional{leaf.value};
        }
        if (node->kind == Kind::extension) {
            auto& extension = as_extension(*node);
            if (extension.key.common_with(key, depth) != extension.key.size()) break;
            depth += extension.key.size();
            link = &extension.child;
            continue;
        }
        auto& branch = as_branch(*node);
        if (depth == key.size()) {
            if (branch.value.empty()) break;
            return std::optional{branch.value};
        }
        link = &branch.children[key[depth++]];
    }
    return std::optional<Bytes>{};
}

Trie::Walk Trie::visit_below(Link& link, const NibblePath& path,
                             const std::function<bool(const NibblePath&, ByteView)>& visit) {
    if (link.empty()) return Walk::go_on;
    auto* node = load(link, path);
    if (!node) return Walk::failed;
    auto key = path;
    if (node->kind == Kind::leaf) {
        key.append(as_leaf(*node).key);
        return visit(key, as_leaf(*node).value) ? Walk::go_on : Walk::stop;
    }
    if (node->kind == Kind::extension) {
        key.append(as_extension(*node).key);
        return visit_below(as_extension(*node).child, key, visit);
    }
    auto& branch = as_branch(*node);
    if (!branch.value.empty() && !visit(key, branch.value)) return Walk::stop;
    for (std::size_t nibble = 0; nibble < 16; ++nibble) {
        if (branch.children[nibble].empty()) continue;
        const auto walk = visit_below(branch.children[nibble], path.with(nibble), visit);
        if (walk != Walk::go_on) return walk;
    }
    return Walk::go_on;
}

Status Trie::for_each(const std::function<bool(const NibblePath&, ByteView)>& visit) {
    if (failure_ || visit_below(root_, {}, visit) == Walk::failed) return failure();
    return Done{};
}

// ---------------------------------------------------------------- inserting

Status Trie::put(ByteView key, ByteView value) {
    if (value.empty()) return erase(key);
    if (failure_ || insert(root_, NibblePath::of_key(key), 0, value) == Outcome::failed) return failure();
    return Done{};
}

Trie::Outcome Trie::insert(Link& link, const NibblePath& key, std::size_t depth, ByteView value) {
    if (link.empty()) {
        link.set(count(make_leaf(key.suffix(depth), {value.begin(), value.end()})));
        return Outcome::changed;
    }
    auto* node = load(link, key.prefix(depth));
    if (!node) return Outcome::failed;

    Link* below = nullptr;
    Bytes* own_value = nullptr;
    if (node->kind == Kind::leaf) {
        auto& leaf = as_leaf(*node);
        const auto common = leaf.key.common_with(key, depth);
        if (common != leaf.key.size() || depth + common != key.size()) {
            split_leaf(link, key, depth, value, common);
            return Outcome::changed;
        }
        own_value = &leaf.value;
    } else if (node->kind == Kind::extension) {
        auto& extension = as_extension(*node);
        const auto common = extension.key.common_with(key, depth);
        if (common != extension.key.size()) {
            split_extension(link, key, depth, value, common);
            return Outcome::changed;
        }
        below = &extension.child;
        depth += common;
    } else if (depth == key.size()) {
        own_value = &as_branch(*node).value;
    } else {
        below = &as_branch(*node).children[key[depth++]];
    }

    if (own_value) {
        if (std::ranges::equal(*own_value, value)) return Outcome::unchanged;
        own_value->assign(value.begin(), value.end());
        link.touch();
        return Outcome::changed;
    }
    const auto outcome = insert(*below, key, depth, value);
    if (outcome == Outcome::changed) link.touch();
    return outcome;
}

namespace {

/// A branch, below an extension if the way to it is not empty, ready to take the place of a node.
NodePtr extended(const NibblePath& way, NodePtr branch) {
    if (way.empty()) return branch;
    Link child;
    child.set(std::move(branch));
    return make_extension(way, std::move(child));
}

}  // namespace

void Trie::split_leaf(Link& link, const NibblePath& key, std::size_t depth, ByteView value, std::size_t common) {
    auto& leaf = as_leaf(*link.node);
    NodePtr branch_node = count(NodePtr{new Branch});
    auto& branch = as_branch(*branch_node);
    if (common == leaf.key.size()) {
        branch.value = std::move(leaf.value);
    } else {
        branch.children[leaf.key[common]].set(count(make_leaf(leaf.key.suffix(common + 1), std::move(leaf.value))));
    }
    if (depth + common == key.size()) {
        branch.value.assign(value.begin(), value.end());
    } else {
        branch.children[key[depth + common]].set(
            count(make_leaf(key.suffix(depth + common + 1), {value.begin(), value.end()})));
    }
    auto top = extended(leaf.key.prefix(common), std::move(branch_node));
    top->last_used = period_;
    link.set(std::move(top));
}

void Trie::split_extension(Link& link, const NibblePath& key, std::size_t depth, ByteView value, std::size_t common) {
    auto& extension = as_extension(*link.node);
    NodePtr branch_node = count(NodePtr{new Branch});
    auto& branch = as_branch(*branch_node);
    // The extension's child keeps its path, and with it what the store knows of it.
    auto& rest = branch.children[extension.key[common]];
    if (common + 1 == extension.key.size()) {
        rest = std::move(extension.child);
    } else {
        rest.set(count(make_extension(extension.key.suffix(common + 1), std::move(extension.child))));
    }
    if (depth + common == key.size()) {
        branch.value.assign(value.begin(), value.end());
    } else {
        branch.children[key[depth + common]].set(
            count(make_leaf(key.suffix(depth + common + 1), {value.begin(), value.end()})));
    }
    auto top = extended(extension.key.prefix(common), std::move(branch_node));
    top->last_used = period_;
    link.set(std::move(top));
}

// ---------------------------------------------------------------- erasing

Status Trie::erase(ByteView key) {
    if (failure_ || remove(root_, NibblePath::of_key(key), 0) == Outcome::failed) return failure();
    return Done{};
}

void Trie::drop(Link& link, const NibblePath& path) {
    if (link.stored) removed_.push_back(path);
    if (link.node && nodes_ > 0) --nodes_;
    link = Link{};
}

Trie::Outcome Trie::remove(Link& link, const NibblePath& key, std::size_t depth) {
    if (link.empty()) return Outcome::unchanged;
    auto* node = load(link, key.prefix(depth));
    if (!node) return Outcome::failed;
    if (node->kind == Kind::extension) return remove_below_extension(link, key, depth);
    if (node->kind == Kind::branch) return remove_below_branch(link, key, depth);
    if (as_leaf(*node).key != key.suffix(depth)) return Outcome::unchanged;
    drop(link, key.prefix(depth));
    return Outcome::changed;
}

Trie::Outcome Trie::remove_below_extension(Link& link, const NibblePath& key, std::size_t depth) {
    auto& extension = as_extension(*link.node);
    if (extension.key.common_with(key, depth) != extension.key.size()) return Outcome::unchanged;
    const auto outcome = remove(extension.child, key, depth + extension.key.size());
    if (outcome != Outcome::changed) return outcome;
    // The branch below may have become a leaf or an extension: those join with this one.
    const auto way = extension.key;
    return merge_only_child(link, key.prefix(depth), way, std::move(extension.child)) ? Outcome::changed
                                                                                      : Outcome::failed;
}

Trie::Outcome Trie::remove_below_branch(Link& link, const NibblePath& key, std::size_t depth) {
    auto& branch = as_branch(*link.node);
    if (depth == key.size()) {
        if (branch.value.empty()) return Outcome::unchanged;
        branch.value.clear();
    } else if (const auto outcome = remove(branch.children[key[depth]], key, depth + 1); outcome != Outcome::changed) {
        return outcome;
    }
    link.touch();
    return collapse_branch(link, key.prefix(depth));
}

/// A branch with one entry left becomes a leaf, or joins with its only child.
Trie::Outcome Trie::collapse_branch(Link& link, const NibblePath& path) {
    auto& branch = as_branch(*link.node);
    std::size_t children = 0;
    std::size_t last = 0;
    for (std::size_t nibble = 0; nibble < 16; ++nibble) {
        if (branch.children[nibble].empty()) continue;
        ++children;
        last = nibble;
    }
    if (children + (branch.value.empty() ? 0 : 1) > 1) return Outcome::changed;
    if (children == 0) {
        auto leaf = make_leaf({}, std::move(branch.value));
        leaf->last_used = period_;
        link.set(std::move(leaf));
        return Outcome::changed;
    }
    NibblePath way;
    way.push_back(last);
    return merge_only_child(link, path, way, std::move(branch.children[last])) ? Outcome::changed : Outcome::failed;
}

/// Puts in `link`'s place what leads by `way` to `child` alone. A leaf or extension there is joined with the way, so
/// that its own path is vacated; a branch keeps its path. False if the child can't be loaded.
bool Trie::merge_only_child(Link& link, const NibblePath& path, const NibblePath& way, Link child) {
    auto child_path = path;
    child_path.append(way);
    auto* node = load(child, child_path);
    if (!node) return false;
    NodePtr merged;
    if (node->kind == Kind::branch) {
        merged = make_extension(way, std::move(child));
    } else {
        auto key = way;
        if (node->kind == Kind::leaf) {
            key.append(as_leaf(*node).key);
            merged = make_leaf(key, std::move(as_leaf(*node).value));
        } else {
            key.append(as_extension(*node).key);
            merged = make_extension(key, std::move(as_extension(*node).child));
        }
        drop(child, child_path);
    }
    merged->last_used = period_;
    link.set(std::move(merged));
    return true;
}

bool Trie::clear_below(Link& link, const NibblePath& path) {
    if (link.empty()) return true;
    auto* node = load(link, path);
    if (!node) return false;
    if (node->kind == Kind::extension) {
        auto below = path;
        below.append(as_extension(*node).key);
        if (!clear_below(as_extension(*node).child, below)) return false;
    } else if (node->kind == Kind::branch) {
        for (std::size_t nibble = 0; nibble < 16; ++nibble)
            if (!clear_below(as_branch(*node).children[nibble], path.with(nibble))) return false;
    }
    drop(link, path);
    return true;
}

Status Trie::clear() {
    if (failure_ || !clear_below(root_, {})) return failure();
    return Done{};
}

// ---------------------------------------------------------------- hashing

/// Encodes the link's node, whose children are fresh, into `scratch_`, and takes its reference if that is stale. The
/// root is referred to by its hash however short it is.
void Trie::take_reference(Link& link, bool is_root) {
    scratch_.clear();
    encode(*link.node, scratch_);
    if (!link.stale) return;
    if (scratch_.size() < Link::hash_bytes && !is_root) {
        link.set_ref(scratch_.view());
    } else {
        link.set_ref(keccak256(scratch_.view()).view());
    }
    link.stale = false;
}

void Trie::refresh(Link& link, bool is_root) {
    if (!link.stale) return;
    if (link.node->kind == Kind::extension) {
        refresh(as_extension(*link.node).child, false);
    } else if (link.node->kind == Kind::branch) {
        for (auto& child : as_branch(*link.node).children) refresh(child, false);
    }
    take_reference(link, is_root);
}

RootHash Trie::root() {
    TROUPE_ASSERT(!failure_);
    if (root_.empty()) return empty_trie_root;
    refresh(root_, true);
    return *RootHash::from_view(root_.ref_view());
}

// ---------------------------------------------------------------- committing

void Trie::commit_below(Link& link, const NibblePath& path, bool is_root, std::vector<TrieNodeChange>& out) {
    if (!link.dirty) return;
    if (link.node->kind == Kind::extension) {
        auto below = path;
        below.append(as_extension(*link.node).key);
        commit_below(as_extension(*link.node).child, below, false, out);
    } else if (link.node->kind == Kind::branch) {
        auto& children = as_branch(*link.node).children;
        for (std::size_t nibble = 0; nibble < 16; ++nibble)
            if (children[nibble].dirty) commit_below(children[nibble], path.with(nibble), false, out);
    }
    take_reference(link, is_root);
    link.dirty = false;
    if (link.ref_size == Link::hash_bytes) {
        out.push_back({path, Bytes(scratch_.view().begin(), scratch_.view().end())});
        link.stored = true;
    } else if (link.stored) {
        out.push_back({path, std::nullopt});
        link.stored = false;
    }
}

std::vector<TrieNodeChange> Trie::commit() {
    TROUPE_ASSERT(!failure_);
    std::vector<TrieNodeChange> out;
    commit_below(root_, {}, true, out);
    for (const auto& path : removed_) out.push_back({path, std::nullopt});
    removed_.clear();
    // Where a new node took the place of a removed one, the new one counts: it sorts first and the rest goes.
    std::sort(out.begin(), out.end(), [](const TrieNodeChange& a, const TrieNodeChange& b) {
        const auto order = a.path <=> b.path;
        return order != 0 ? order < 0 : a.encoded.has_value() && !b.encoded.has_value();
    });
    out.erase(std::unique(out.begin(), out.end(),
                          [](const TrieNodeChange& a, const TrieNodeChange& b) { return a.path == b.path; }),
              out.end());
    evict();
    ++period_;
    return out;
}

namespace {

template <class Visit>
void for_each_child(Node& node, Visit&& visit) {
    if (node.kind == Kind::extension) visit(as_extension(node).child);
    if (node.kind == Kind::branch)
        for (auto& child : as_branch(node).children) visit(child);
}

void collect_periods(const Link& link, std::vector<std::uint32_t>& out) {
    if (!link.node) return;
    out.push_back(link.node->last_used);
    for_each_child(*link.node, [&](Link& child) { collect_periods(child, out); });
}

void forget_older_than(Link& link, std::uint32_t period) {
    if (!link.node) return;
    if (link.node->last_used < period) {
        link.node.reset();
        return;
    }
    for_each_child(*link.node, [&](Link& child) { forget_older_than(child, period); });
}

}  // namespace

/// Forgets the nodes that were not used for longest until a quarter of the room is free. Only after a commit, when all
/// nodes are clean.
void Trie::evict() {
    if (!source_ || nodes_ <= cached_nodes_max_) return;
    std::vector<std::uint32_t> periods;
    periods.reserve(nodes_);
    collect_periods(root_, periods);
    nodes_ = periods.size();
    const auto keep = cached_nodes_max_ - cached_nodes_max_ / 4;
    if (nodes_ <= cached_nodes_max_) return;
    std::sort(periods.begin(), periods.end(), std::greater<>{});
    // Everything used in the same period as the first node that is too many goes with it.
    const auto first_to_go = periods[keep];
    forget_older_than(root_, first_to_go + 1);
    nodes_ = static_cast<std::size_t>(
        std::count_if(periods.begin(), periods.end(), [&](std::uint32_t period) { return period > first_to_go; }));
}

RootHash ordered_trie_root(const std::vector<Bytes>& values) {
    Trie trie;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto status = trie.put(rlp::encode_integer(i), values[i]);
        TROUPE_ASSERT(status.ok());
    }
    return trie.root();
}

}  // namespace troupe
