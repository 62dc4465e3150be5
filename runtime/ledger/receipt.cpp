#include "runtime/ledger/receipt.hpp"

#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe {
namespace {

/// Yellow paper's M3:2048: bit `low 11 bits of a big-endian pair of digest bytes`, counted from the least significant
/// bit of the 256-byte big-endian word.
template <class Visit>
void for_each_bloom_bit(ByteView item, Visit&& visit) {
    const auto digest = keccak256(item);
    for (std::size_t pair = 0; pair < 3; ++pair) {
        const auto bit = static_cast<unsigned>(digest[2 * pair] << 8 | digest[2 * pair + 1]) & 0x7ff;
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
