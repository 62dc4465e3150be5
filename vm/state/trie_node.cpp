#include "vm/state/trie_node.hpp"

namespace troupe::trie_detail {
namespace {

/// Hex-prefix form (yellow paper, appendix C): flag nibble 2 for a leaf, 1 for an odd number of nibbles.
void encode_key(const NibblePath& key, bool leaf, rlp::Encoder& out) {
    std::uint8_t bytes[NibblePath::nibbles_max / 2 + 1]{};
    const bool odd = key.size() % 2 != 0;
    bytes[0] = static_cast<std::uint8_t>((leaf ? 0x20 : 0) | (odd ? 0x10 | key[0] : 0));
    std::size_t size = 1;
    for (std::size_t i = odd ? 1 : 0; i < key.size(); i += 2)
        bytes[size++] = static_cast<std::uint8_t>(key[i] << 4 | key[i + 1]);
    out.bytes({bytes, size});
}

struct DecodedKey {
    NibblePath key;
    bool leaf;
};

std::optional<DecodedKey> decode_key(ByteView bytes) noexcept {
    if (bytes.empty() || bytes[0] >> 4 > 3 || bytes.size() > NibblePath::nibbles_max / 2 + 1) return std::nullopt;
    const bool odd = (bytes[0] & 0x10) != 0;
    if (odd ? bytes.size() > NibblePath::nibbles_max / 2 : (bytes[0] & 0xf) != 0) return std::nullopt;
    DecodedKey out{{}, (bytes[0] & 0x20) != 0};
    if (odd) out.key.push_back(bytes[0] & 0xf);
    out.key.append(NibblePath::of_key(bytes.subspan(1)));
    return out;
}

[[nodiscard]] std::size_t encoded_ref_size(const Link& link) noexcept {
    return link.ref_size == Link::hash_bytes ? 33u : link.ref_size == 0 ? 1u : link.ref_size;
}

void encode_ref(const Link& link, rlp::Encoder& out) {
    TROUPE_ASSERT(!link.stale);
    if (link.ref_size == Link::hash_bytes || link.ref_size == 0) {
        out.bytes(link.ref_view());
    } else {
        out.raw(link.ref_view());
    }
}

/// False if the item can't refer to a node.
[[nodiscard]] bool decode_ref(const rlp::Item& item, Link& link) noexcept {
    if (item.is_list) {
        if (item.encoded.size() >= Link::hash_bytes) return false;
        link.set_ref(item.encoded);
        return true;
    }
    if (item.payload.empty()) return true;
    if (item.payload.size() != Link::hash_bytes) return false;
    link.set_ref(item.payload);
    link.stored = true;
    return true;
}

NodePtr decode_branch(rlp::Reader items) {
    auto branch = std::make_unique<Branch>();
    std::size_t entries = 0;
    for (auto& child : branch->children) {
        const auto item = items.item();
        if (items.error() || !decode_ref(item, child)) return nullptr;
        if (!child.empty()) ++entries;
    }
    const auto value = items.bytes();
    if (items.finish()) return nullptr;
    if (!value.empty()) ++entries;
    if (entries < 2) return nullptr;
    branch->value.assign(value.begin(), value.end());
    return NodePtr{branch.release()};
}

}  // namespace

void NodeFree::operator()(Node* node) const noexcept {
    switch (node->kind) {
        case Kind::leaf: delete static_cast<Leaf*>(node); break;
        case Kind::extension: delete static_cast<Extension*>(node); break;
        case Kind::branch: delete static_cast<Branch*>(node); break;
    }
}

NodePtr make_leaf(const NibblePath& key, Bytes value) { return NodePtr{new Leaf{key, std::move(value)}}; }
NodePtr make_extension(const NibblePath& key, Link child) { return NodePtr{new Extension{key, std::move(child)}}; }

void encode(const Node& node, rlp::Encoder& out) {
    if (node.kind == Kind::branch) {
        const auto& branch = static_cast<const Branch&>(node);
        auto payload = rlp::encoded_size(ByteView{branch.value});
        for (const auto& child : branch.children) payload += encoded_ref_size(child);
        out.list_header(payload);
        for (const auto& child : branch.children) encode_ref(child, out);
        out.bytes(ByteView{branch.value});
        return;
    }
    const auto list = out.begin_list();
    if (node.kind == Kind::leaf) {
        const auto& leaf = static_cast<const Leaf&>(node);
        encode_key(leaf.key, true, out);
        out.bytes(ByteView{leaf.value});
    } else {
        const auto& extension = static_cast<const Extension&>(node);
        encode_key(extension.key, false, out);
        encode_ref(extension.child, out);
    }
    out.end_list(list);
}

NodePtr decode(ByteView encoded) {
    rlp::Reader top{encoded};
    auto items = top.list();
    if (top.finish()) return nullptr;
    const auto all = items;
    const auto first = items.item();
    const auto second = items.item();
    if (items.error()) return nullptr;
    if (!items.at_end()) return decode_branch(all);

    if (first.is_list) return nullptr;
    const auto key = decode_key(first.payload);
    if (!key) return nullptr;
    if (key->leaf) {
        if (second.is_list || second.payload.empty()) return nullptr;
        return make_leaf(key->key, {second.payload.begin(), second.payload.end()});
    }
    Link child;
    if (key->key.empty() || !decode_ref(second, child) || child.empty()) return nullptr;
    return make_extension(key->key, std::move(child));
}

}  // namespace troupe::trie_detail
