#include "runtime/ledger/receipt.hpp"

#include <array>

#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe {
namespace {

using BloomBits = std::array<std::uint16_t, 3>;

/// Yellow paper's M3:2048: `low 11 bits of a big-endian pair of digest bytes`, counted from the least significant bit
/// of the 256-byte big-endian word.
[[nodiscard]] BloomBits bloom_bits(ByteView item) {
    const auto digest = keccak256(item);
    BloomBits out;
    for (std::size_t pair = 0; pair < 3; ++pair)
        out[pair] = static_cast<std::uint16_t>((digest[2 * pair] << 8 | digest[2 * pair + 1]) & 0x7ff);
    return out;
}

/// A block's logs name few addresses and topics, each many times, and each receipt's bloom is made for the block and
/// for the receipt's encoding: so each thread remembers some.
[[nodiscard]] BloomBits remembered_bloom_bits(ByteView item) {
    if (item.size() > Hash256::size()) return bloom_bits(item);
    struct Entry {
        Hash256 item;
        std::size_t size = 0;
        BloomBits bits{};
    };
    thread_local std::vector<Entry> entries(2048);
    Hash256 key;
    std::copy(item.begin(), item.end(), key.bytes.begin());
    auto& entry = entries[FixedBytesHash{}(key) >> 32 & (entries.size() - 1)];
    if (entry.size != item.size() || entry.item != key) entry = {key, item.size(), bloom_bits(item)};
    return entry.bits;
}

template <class Visit>
void for_each_bloom_bit(ByteView address_or_topic, Visit&& visit) {
    for (const unsigned bit : remembered_bloom_bits(address_or_topic)) {
        visit(LogsBloom::size_bytes - 1 - bit / 8, static_cast<std::uint8_t>(1u << (bit % 8)));
    }
}

}  // namespace

void add_to_bloom(LogsBloom& bloom, ByteView item) {
    for_each_bloom_bit(item, [&](std::size_t byte, std::uint8_t mask) { bloom[byte] |= mask; });
}

void add_to_bloom(LogsBloom& bloom, const LogEntry& log) {
    add_to_bloom(bloom, log.address.view());
    for (const auto& topic : log.topics) add_to_bloom(bloom, topic.view());
}

bool bloom_may_contain(const LogsBloom& bloom, ByteView address_or_topic) {
    bool all = true;
    for_each_bloom_bit(address_or_topic,
                       [&](std::size_t byte, std::uint8_t mask) { all = all && (bloom[byte] & mask) != 0; });
    return all;
}

LogsBloom bloom_of(const Receipt& receipt) {
    LogsBloom bloom;
    for (const auto& log : receipt.logs) add_to_bloom(bloom, log);
    return bloom;
}

Bytes encode_receipt(const Receipt& receipt) {
    rlp::Encoder out{512};
    if (receipt.type != 0) out.raw({&receipt.type, 1});
    const auto list = out.begin_list();
    out.integer(std::uint64_t{receipt.succeeded}).integer(receipt.cumulative_gas_used).bytes(bloom_of(receipt));
    const auto logs = out.begin_list();
    for (const auto& log : receipt.logs) {
        const auto entry = out.begin_list();
        out.bytes(log.address);
        const auto topics = out.begin_list();
        for (const auto& topic : log.topics) out.bytes(topic);
        out.end_list(topics).bytes(log.data).end_list(entry);
    }
    out.end_list(logs).end_list(list);
    return std::move(out).take();
}

}  // namespace troupe
