#include "vm/state/state_trie.hpp"

#include <map>
#include <random>

#include <doctest/doctest.h>

#include "runtime/crypto/keccak.hpp"

using namespace troupe;

namespace {

struct MapSource : TrieNodeSource {
    std::map<std::pair<TrieOwner, NibblePath>, Bytes> nodes;
    std::optional<Bytes> node(const TrieOwner& owner, const NibblePath& path) const override {
        const auto found = nodes.find({owner, path});
        return found == nodes.end() ? std::nullopt : std::optional{found->second};
    }
    void write(const std::vector<TrieChanges>& changes) {
        for (const auto& [owner, list] : changes)
            for (const auto& [path, encoded] : list) {
                if (encoded) {
                    nodes[{owner, path}] = *encoded;
                } else {
                    REQUIRE(nodes.erase({owner, path}) == 1);
                }
            }
    }
};

const CodeHash no_code = CodeHash::from(keccak256_of_nothing);

Address address_number(std::uint64_t i) {
    Address out;
    std::memcpy(out.data(), &i, 8);
    return out;
}

/// What the state should be, kept in the plainest way.
struct Model {
    struct Account {
        std::uint64_t nonce = 0;
        uint256 balance;
        std::map<uint256, uint256> storage;
    };
    std::map<Address, Account> accounts;

    void apply(const StateDiff& diff) {
        for (const auto& change : diff.accounts) {
            if (change.deleted) {
                accounts.erase(change.address);
                continue;
            }
            auto& account = accounts[change.address];
            account.nonce = change.nonce;
            account.balance = change.balance;
            if (change.storage_cleared) account.storage.clear();
            for (const auto& [slot, value] : change.storage) {
                if (value.is_zero()) {
                    account.storage.erase(slot);
                } else {
                    account.storage[slot] = value;
                }
            }
        }
    }

    [[nodiscard]] StateDiff as_diff() const {
        StateDiff diff;
        for (const auto& [address, account] : accounts)
            diff.accounts.push_back({address,
                                     false,
                                     account.nonce,
                                     account.balance,
                                     no_code,
                                     false,
                                     {account.storage.begin(), account.storage.end()}});
        return diff;
    }
};

StateDiff random_diff(std::mt19937_64& random) {
    std::map<Address, AccountChange> changes;
    for (std::size_t i = 0, count = 1 + random() % 12; i < count; ++i) {
        AccountChange change;
        change.address = address_number(random() % 30);
        if (random() % 6 == 0) {
            change.deleted = true;
        } else {
            change.nonce = random() % 1000;
            change.balance = uint256{0, random() % 2, random(), random()};
            change.code_hash = no_code;
            change.storage_cleared = random() % 8 == 0;
            std::map<uint256, uint256> storage;
            for (std::size_t slot = 0, slots = random() % 10; slot < slots; ++slot)
                storage[random() % 20] = random() % 3 == 0 ? uint256{} : uint256{random() % 2, 0, 0, random() % 300};
            change.storage.assign(storage.begin(), storage.end());
        }
        changes[change.address] = change;
    }
    StateDiff diff;
    for (auto& [address, change] : changes) diff.accounts.push_back(change);
    return diff;
}

}  // namespace

TEST_CASE("the state root of one funded account equals the one computed by hand") {
    MapSource source;
    StateTrie state{source, empty_trie_root};
    StateDiff diff;
    diff.accounts.push_back({address_number(1), false, 3, 1000, no_code, false, {}});
    const auto root = *state.apply(diff);
    // A single leaf: rlp([hex-prefix of all 64 nibbles, account]).
    const auto account = *from_hex(
        "f84603"
        "8203e8"
        "a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
        "a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    CHECK(encode_account({3, 1000, empty_trie_root, no_code}) == account);
    Bytes key{0x20};
    append(key, account_key(address_number(1)).view());
    rlp::Encoder leaf;
    const auto list = leaf.begin_list();
    leaf.bytes(ByteView{key}).bytes(ByteView{account}).end_list(list);
    CHECK(root == RootHash::from(keccak256(leaf.view())));
}

TEST_CASE("an account's encoding comes back, and nothing else is accepted") {
    const TrieAccount account{~0ULL, uint256{1, 2, 3, 4}, RootHash::from(keccak256(as_bytes("r"))), no_code};
    const auto encoded = encode_account(account);
    CHECK(decode_account(encoded) == account);
    auto longer = encoded;
    longer.push_back(0);
    CHECK_FALSE(decode_account(longer));
    CHECK_FALSE(decode_account(ByteView{encoded}.first(encoded.size() - 1)));
    CHECK_FALSE(decode_account({}));
}

TEST_CASE("diffs in any series give the root and the stored nodes of the state built at once") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random{seed};
        MapSource source;
        const StateTrie::Limits limits{seed % 2 == 0 ? std::size_t{0} : 1000, seed % 3 == 0 ? std::size_t{0} : 1000};
        StateTrie state{source, empty_trie_root, limits};
        Model model;
        for (int block = 0; block < 15; ++block) {
            const auto diff = random_diff(random);
            model.apply(diff);
            const auto root = state.apply(diff);
            REQUIRE(root.ok());
            MapSource fresh_source;
            StateTrie fresh{fresh_source, empty_trie_root};
            REQUIRE(*root == *fresh.apply(model.as_diff()));
            if (random() % 3 == 0) continue;  // the next diff comes before the commit
            source.write(state.commit());
            fresh_source.write(fresh.commit());
            REQUIRE(source.nodes == fresh_source.nodes);
            if (random() % 4 == 0) state = StateTrie{source, *root, limits};
        }
        source.write(state.commit());

        StateTrie reader{source, state.root(), limits};
        for (std::uint64_t i = 0; i < 32; ++i) {
            const auto address = address_number(i);
            const auto proof = *reader.prove_account(address);
            const auto shown = verify_proof(reader.root(), account_key(address).view(), proof.nodes);
            REQUIRE(shown.ok());
            const auto expected = model.accounts.find(address);
            REQUIRE(proof.account.has_value() == (expected != model.accounts.end()));
            REQUIRE(shown->has_value() == proof.account.has_value());
            if (!proof.account) {
                REQUIRE(*reader.storage(address, 1) == uint256{});
                continue;
            }
            REQUIRE(decode_account(**shown) == proof.account);
            REQUIRE(proof.account->nonce == expected->second.nonce);
            REQUIRE(proof.account->balance == expected->second.balance);
            const auto slots = *reader.prove_storage(address, {0, 5, 19, 999});
            for (const auto& slot : slots) {
                const auto found = expected->second.storage.find(slot.slot);
                const auto value = found == expected->second.storage.end() ? uint256{} : found->second;
                REQUIRE(slot.value == value);
                const auto slot_shown =
                    verify_proof(proof.account->storage_root, slot_key(slot.slot).view(), slot.nodes);
                REQUIRE(slot_shown.ok());
                REQUIRE(slot_shown->has_value() == !value.is_zero());
            }
        }
    }
}
