#include "actors/storage_node/bundle.hpp"

#include "runtime/crypto/sha256.hpp"

namespace troupe::storage_node {
namespace {

[[nodiscard]] Bytes tagged(EntryTag tag, ByteView name) {
    Bytes out{static_cast<std::uint8_t>(tag)};
    append(out, name);
    return out;
}

}  // namespace

std::size_t bucket_of(ByteView key) { return sha256(key)[0] % buckets; }
Bytes account_entry(const Address& address) { return tagged(EntryTag::account, address.view()); }
Bytes slots_prefix(const Address& address) { return tagged(EntryTag::slot, address.view()); }
Bytes slot_entry(const Address& address, const uint256& slot) {
    auto out = slots_prefix(address);
    append(out, to_big_endian(slot).view());
    return out;
}
Bytes code_entry(const CodeHash& hash) { return tagged(EntryTag::code, hash.view()); }
Bytes native_entry(const TransactionHash& hash) { return tagged(EntryTag::native, hash.view()); }

Content make_content(Bytes data) {
    const auto hash = sha256(data);
    return {hash, std::move(data)};
}

Pieces cut(ByteView data, std::vector<Content>& out) {
    Pieces pieces;
    for (std::size_t at = 0; at < data.size(); at += piece_bytes_max) {
        const auto piece = data.subspan(at, std::min(piece_bytes_max, data.size() - at));
        out.push_back(make_content({piece.begin(), piece.end()}));
        pieces.push_back(out.back().hash);
    }
    return pieces;
}

Pieces make_pages(const std::vector<Entry>& entries, std::vector<Content>& out) {
    Pieces pages;
    std::vector<Entry> page;
    std::size_t bytes = 0;
    const auto finish = [&] {
        if (page.empty()) return;
        out.push_back(make_content(encode(page)));
        pages.push_back(out.back().hash);
        page.clear();
        bytes = 0;
    };
    for (const auto& entry : entries) {
        const auto size = entry.first.size() + entry.second.size() + 16;
        if (page.size() >= page_entries_max || bytes + size > page_bytes_max) finish();
        page.push_back(entry);
        bytes += size;
    }
    finish();
    return pages;
}

MadeBundle make_bundle(const Block& block, const std::vector<Bytes>& chunks, const ExecutedBlock& executed,
                       std::vector<Content> snapshot, std::optional<Hash256> snapshot_index) {
    TROUPE_ASSERT(chunks.size() == block.certificates.size());
    MadeBundle out;
    out.contents = std::move(snapshot);
    Bundle bundle;
    bundle.height = block.header.height;
    bundle.block = cut(encode(block), out.contents);
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        out.contents.push_back(make_content(chunks[i]));
        const auto id = ChunkId::from(out.contents.back().hash);
        TROUPE_ASSERT(id == block.certificates[i].chunk.id);
        bundle.chunks.push_back(id);
    }
    bundle.executed = cut(encode(executed), out.contents);
    bundle.snapshot = snapshot_index;
    out.contents.push_back(make_content(encode(bundle)));
    out.hash = out.contents.back().hash;
    return out;
}

}  // namespace troupe::storage_node
