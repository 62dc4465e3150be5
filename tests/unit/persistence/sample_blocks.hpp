// Blocks whose contents follow from their height, so that a reopened database can be checked against its tip.
#pragma once

#include <doctest/doctest.h>

#include "persistence/chain_store.hpp"

namespace troupe::sample {

template <class Fixed = Hash256>
[[nodiscard]] Fixed id(std::uint64_t number, std::uint8_t kind = 0) {
    // Spread over the key space like real hashes (splitmix64).
    Fixed out;
    std::uint64_t x = number * 256 + kind;
    for (std::size_t i = 0; i < Fixed::size_bytes; ++i) {
        if (i % 8 == 0) {
            x += 0x9e3779b97f4a7c15ULL;
            x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
            x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
            x ^= x >> 31;
        }
        out[i] = static_cast<std::uint8_t>(x >> (8 * (i % 8)));
    }
    return out;
}

[[nodiscard]] inline Bytes number_bytes(std::uint64_t number) {
    Bytes out(8);
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)));
    return out;
}

[[nodiscard]] inline Hash256 slot_value(std::uint64_t height) {
    Hash256 out;
    const auto bytes = number_bytes(height);
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin() + 24);
    return out;
}

inline constexpr std::uint64_t accounts = 3;
inline constexpr std::uint64_t slots = 20;

/// Every account, slot and trie node takes the height as its value.
[[nodiscard]] inline ExecutionUpdate block(std::uint64_t height) {
    ExecutionUpdate out;
    out.height = Height{height};
    out.hash = id<BlockHash>(height, 1);
    out.executed_block = Bytes(500, static_cast<std::uint8_t>(height));
    out.bloom[height % 256] = 1;
    for (std::uint64_t a = 0; a < accounts; ++a) {
        auto& account = out.accounts.emplace_back();
        account.address = id<Address>(a, 2);
        account.data = number_bytes(height);
        for (std::uint64_t s = 0; s < slots; ++s) account.storage.emplace_back(id(s, 3), slot_value(height));
        out.trie_nodes.push_back({Hash256{}, {static_cast<std::uint8_t>(a)}, number_bytes(height)});
    }
    out.codes.emplace_back(id<CodeHash>(height, 4), Bytes{1, 2, 3});
    for (std::uint64_t t = 0; t < 5; ++t) {
        out.transactions.push_back(id<TransactionHash>(height * 5 + t, 5));
        out.seen.push_back({out.transactions.back(), TimeMs{height * 100}});
    }
    return out;
}

/// Everything in the database belongs to its executed tip. Gives the tip; nothing if there is none yet.
inline std::optional<Height> check_consistent(ChainStore& store) {
    REQUIRE(store.database().check_integrity().ok());
    auto& reader = store.reader();
    const auto tip = reader.executed_tip().value();
    if (!tip) {
        CHECK_FALSE(reader.executed(Height{0}).value().has_value());
        CHECK_FALSE(reader.account(id<Address>(0, 2)).value().has_value());
        return tip;
    }
    const auto expected = block(tip->value);
    CHECK(reader.executed(*tip).value()->data == expected.executed_block);
    CHECK(reader.height_of_executed(expected.hash).value() == tip);
    CHECK_FALSE(reader.executed(tip->next()).value().has_value());
    for (const auto& account : expected.accounts) {
        CHECK(reader.account(account.address).value() == account.data);
        for (const auto& [slot, value] : account.storage) CHECK(reader.storage(account.address, slot).value() == value);
    }
    for (const auto& node : expected.trie_nodes) {
        CHECK(reader.node_at(node.owner, node.path, *tip).value() == node.node);
        CHECK(reader.node_at(node.owner, node.path, Height{~0ULL >> 1}).value() == node.node);
    }
    for (const auto& [hash, code] : expected.codes) CHECK(reader.code(hash).value() == code);
    for (const auto& seen : expected.seen) CHECK(reader.has_seen(seen).value());
    for (const auto& seen : block(tip->value + 1).seen) CHECK_FALSE(reader.has_seen(seen).value());
    return tip;
}

}  // namespace troupe::sample
