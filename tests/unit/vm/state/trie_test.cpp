#include "vm/state/trie.hpp"

#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "runtime/crypto/keccak.hpp"

using namespace troupe;

namespace {

/// A store that keeps every version of every node, as the real one does.
class VersionedStore {
public:
    void write(std::uint64_t version, const TrieOwner& owner, const std::vector<TrieNodeChange>& changes) {
        for (const auto& change : changes) {
            auto& versions = nodes_[{owner, change.path}];
            if (!change.encoded) REQUIRE_MESSAGE(live(versions), "deleted what is not there");
            versions[version] = change.encoded;
        }
    }
    std::optional<Bytes> read(std::uint64_t version, const TrieOwner& owner, const NibblePath& path) const {
        const auto found = nodes_.find({owner, path});
        if (found == nodes_.end()) return std::nullopt;
        auto after = found->second.upper_bound(version);
        return after == found->second.begin() ? std::nullopt : std::prev(after)->second;
    }
    /// The nodes that exist in the newest version.
    std::map<NibblePath, Bytes> newest() const {
        std::map<NibblePath, Bytes> out;
        for (const auto& [key, versions] : nodes_)
            if (live(versions)) out[key.second] = *versions.rbegin()->second;
        return out;
    }

private:
    using Versions = std::map<std::uint64_t, std::optional<Bytes>>;
    static bool live(const Versions& versions) { return !versions.empty() && versions.rbegin()->second.has_value(); }
    std::map<std::pair<TrieOwner, NibblePath>, Versions> nodes_;
};

struct SourceAt : TrieNodeSource {
    const VersionedStore* store;
    std::uint64_t version;
    SourceAt(const VersionedStore& s, std::uint64_t v) : store(&s), version(v) {}
    std::optional<Bytes> node(const TrieOwner& owner, const NibblePath& path) const override {
        return store->read(version, owner, path);
    }
};

using Contents = std::map<Bytes, Bytes>;

RootHash root_from_scratch(const Contents& contents) {
    Trie trie;
    for (const auto& [key, value] : contents) REQUIRE(trie.put(key, value).ok());
    return trie.root();
}

/// The nodes that a trie built anew would store.
std::map<NibblePath, Bytes> nodes_from_scratch(const Contents& contents) {
    Trie trie;
    for (const auto& [key, value] : contents) REQUIRE(trie.put(key, value).ok());
    std::map<NibblePath, Bytes> out;
    for (auto& change : trie.commit()) out[change.path] = *change.encoded;
    return out;
}

Bytes text(std::string_view t) { return {t.begin(), t.end()}; }

/// Random keys that share prefixes often; of one length, or of several where one may begin another.
Bytes random_key(std::mt19937_64& random, bool one_length) {
    Bytes key(one_length ? 4 : random() % 5);
    for (auto& byte : key) byte = static_cast<std::uint8_t>((random() % 3) << 4 | random() % 3);
    return key;
}

/// From one byte, so that nodes are embedded in their parents, to beyond a hash.
Bytes random_value(std::mt19937_64& random) {
    Bytes value(1 + random() % (random() % 4 == 0 ? 60 : 4));
    for (auto& byte : value) byte = static_cast<std::uint8_t>(random());
    return value;
}

}  // namespace

TEST_CASE("an empty trie has the known root, and nothing to prove or commit") {
    Trie trie;
    CHECK(trie.root() == empty_trie_root);
    CHECK(empty_trie_root == RootHash::from(keccak256(Bytes{0x80})));
    CHECK(trie.commit().empty());
    CHECK(trie.prove(text("x"))->empty());
    CHECK(trie.erase(text("x")).ok());
    CHECK(ordered_trie_root({}) == empty_trie_root);
}

TEST_CASE("a key that begins another keeps its own value") {
    Trie trie;
    for (const auto* key : {"do", "dog", "doge", "horse"}) REQUIRE(trie.put(text(key), text(key)).ok());
    CHECK(*trie.get(text("do")) == text("do"));
    CHECK(*trie.get(text("dog")) == text("dog"));
    CHECK(*trie.get(text("d")) == std::nullopt);
    CHECK(*trie.get(text("doges")) == std::nullopt);
    REQUIRE(trie.erase(text("dog")).ok());
    CHECK(*trie.get(text("dog")) == std::nullopt);
    CHECK(*trie.get(text("doge")) == text("doge"));
    REQUIRE(trie.put(text("do"), {}).ok());
    CHECK(*trie.get(text("do")) == std::nullopt);
}

TEST_CASE("after any series of changes, commits, reloads and evictions the trie and its store equal ones built anew") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random{seed};
        const bool one_length = seed % 2 == 0;
        const std::size_t cached_nodes = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 20 : 10000;
        const auto owner = TrieOwner::from(keccak256(as_bytes("owner")));
        VersionedStore store;
        std::vector<std::unique_ptr<SourceAt>> sources;
        sources.push_back(std::make_unique<SourceAt>(store, 0));
        Trie trie{*sources.back(), owner, empty_trie_root, cached_nodes};
        Contents contents;
        std::vector<std::pair<RootHash, Contents>> history{{empty_trie_root, {}}};

        for (std::uint64_t version = 1; version <= 12; ++version) {
            // Some versions mostly grow, some mostly shrink, one empties the trie.
            const auto erase_share = random() % 4;
            for (std::size_t i = 0, changes = random() % 40; i < changes; ++i) {
                auto key = random_key(random, one_length);
                if (random() % 4 < erase_share) {
                    if (!contents.empty() && random() % 2 == 0) {
                        auto it = contents.lower_bound(key);
                        key = it == contents.end() ? contents.begin()->first : it->first;
                    }
                    contents.erase(key);
                    REQUIRE(trie.erase(key).ok());
                } else {
                    const auto value = random_value(random);
                    contents[key] = value;
                    REQUIRE(trie.put(key, value).ok());
                }
                if (random() % 8 == 0) REQUIRE(trie.root() == root_from_scratch(contents));
            }
            if (version == 8) {
                contents.clear();
                REQUIRE(trie.clear().ok());
            }
            if (random() % 2 == 0) REQUIRE(trie.root() == root_from_scratch(contents));
            const auto changes = trie.commit();
            REQUIRE(std::is_sorted(changes.begin(), changes.end(),
                                   [](const auto& a, const auto& b) { return a.path < b.path; }));
            store.write(version, owner, changes);
            REQUIRE(store.newest() == nodes_from_scratch(contents));
            REQUIRE_FALSE(trie.has_uncommitted_changes());
            sources.push_back(std::make_unique<SourceAt>(store, version));
            if (random() % 3 == 0) {
                trie = Trie{*sources.back(), owner, trie.root(), cached_nodes};
            } else {
                trie.set_source(*sources.back());
            }
            REQUIRE(trie.root() == root_from_scratch(contents));
            history.emplace_back(trie.root(), contents);
        }

        // Every version is still there, with proofs of what it holds and of what it does not.
        for (std::size_t version = 0; version < history.size(); ++version) {
            const auto& [root, expected] = history[version];
            Trie old{*sources[version], owner, root};
            Contents found;
            REQUIRE(old.for_each([&](const NibblePath& path, ByteView value) {
                           const auto packed = path.packed();
                           found[Bytes(packed.begin(), packed.end() - 1)] = Bytes(value.begin(), value.end());
                           return true;
                       })
                        .ok());
            REQUIRE(found == expected);
            for (int i = 0; i < 20; ++i) {
                const auto key = random_key(random, one_length);
                const auto it = expected.find(key);
                const auto value = it == expected.end() ? std::nullopt : std::optional{it->second};
                REQUIRE(*old.get(key) == value);
                const auto proof = *old.prove(key);
                const auto shown = verify_proof(root, key, proof);
                REQUIRE(shown.ok());
                REQUIRE(*shown == value);
            }
        }
    }
}

TEST_CASE("a proof that is cut, extended, altered or for another root shows nothing") {
    Trie trie;
    for (std::uint64_t i = 0; i < 300; ++i)
        REQUIRE(trie.put(keccak256(as_bytes(std::to_string(i))).view(), text("value " + std::to_string(i))).ok());
    const auto root = trie.root();
    for (const auto* name : {"7", "absent"}) {
        const auto key = keccak256(as_bytes(name));
        const auto proof = *trie.prove(key.view());
        REQUIRE(proof.size() >= 2);
        REQUIRE(verify_proof(root, key.view(), proof).ok());
        CHECK(verify_proof(root, key.view(), proof)->has_value() == (std::string_view{name} == "7"));
        auto cut = proof;
        cut.pop_back();
        CHECK_FALSE(verify_proof(root, key.view(), cut).ok());
        CHECK_FALSE(verify_proof(root, key.view(), {}).ok());
        auto extended = proof;
        extended.push_back(proof.back());
        CHECK_FALSE(verify_proof(root, key.view(), extended).ok());
        for (std::size_t i = 0; i < proof.size(); ++i) {
            auto altered = proof;
            altered[i][altered[i].size() / 2] ^= 1;
            CHECK_FALSE(verify_proof(root, key.view(), altered).ok());
        }
        auto other_root = root;
        other_root[0] ^= 1;
        CHECK_FALSE(verify_proof(other_root, key.view(), proof).ok());
    }
}

TEST_CASE("malformed nodes with the right hash are refused, not followed") {
    const auto shows = [](std::string_view node_hex) {
        const auto node = *from_hex(node_hex);
        return verify_proof(RootHash::from(keccak256(node)), Bytes{0x12, 0x34}, {node});
    };
    CHECK(shows("c6"
                "8320123"
                "4"
                "8101")
              .ok() == false);      // non-canonical RLP
    CHECK_FALSE(shows("80").ok());  // not a list
    CHECK_FALSE(shows("c0").ok());  // no items
    CHECK_FALSE(shows("c3"
                      "20"
                      "01"
                      "01")
                    .ok());  // three items
    CHECK_FALSE(shows("c2"
                      "4001")
                    .ok());  // unknown flag
    CHECK_FALSE(shows("c2"
                      "2101")
                    .ok());  // padding nibble set
    CHECK_FALSE(shows("c2"
                      "2080")
                    .ok());  // leaf without a value
    CHECK_FALSE(shows("c2"
                      "00"
                      "80")
                    .ok());  // extension without a key
    CHECK_FALSE(shows("d1"
                      "8080808080808080"
                      "8080808080808080"
                      "80")
                    .ok());  // branch without entries
    CHECK_FALSE(shows("d1"
                      "0180808080808080"
                      "8080808080808080"
                      "80")
                    .ok());  // a child that is neither hash nor node
    CHECK(shows("c5"
                "83201234"
                "01")
              .ok());  // a good leaf
    CHECK(*shows("c5"
                 "83201234"
                 "01") == Bytes{0x01});
    CHECK(*shows("c5"
                 "83201235"
                 "01") == std::nullopt);
}

TEST_CASE("a node that is missing or damaged in the store is an error that stays") {
    VersionedStore store;
    const SourceAt source{store, 1};
    RootHash root;
    {
        Trie trie{source, TrieOwner{}, empty_trie_root};
        for (int i = 0; i < 100; ++i)
            REQUIRE(trie.put(keccak256(as_bytes(std::to_string(i))).view(), Bytes(40, 1)).ok());
        auto changes = trie.commit();
        root = trie.root();
        for (auto& change : changes)
            if (change.path.size() == 1 && change.path[0] == 3) change.encoded->back() ^= 1;
        store.write(1, TrieOwner{}, changes);
    }
    Trie trie{source, TrieOwner{}, root};
    Bytes good(32, 0x44);
    Bytes bad(32, 0x33);
    CHECK(trie.get(good).ok());
    const auto failed = trie.put(bad, Bytes{1});
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.error().code == ErrorCode::io);
    CHECK_FALSE(trie.get(good).ok());
    CHECK_FALSE(trie.erase(good).ok());
    CHECK_FALSE(trie.prove(good).ok());
}

TEST_CASE("no more nodes stay in memory than allowed, and those used last stay") {
    VersionedStore store;
    SourceAt source{store, 1};
    Trie trie{source, TrieOwner{}, empty_trie_root, 500};
    std::uint64_t loads_before = 0;
    Contents contents;
    for (source.version = 1; source.version <= 30; ++source.version) {
        for (int i = 0; i < 100; ++i) {
            const auto key = keccak256(as_bytes(std::to_string(source.version * 1000 + static_cast<unsigned>(i))));
            contents[Bytes(key.begin(), key.end())] = Bytes(33, static_cast<std::uint8_t>(i));
            REQUIRE(trie.put(key.view(), Bytes(33, static_cast<std::uint8_t>(i))).ok());
        }
        store.write(source.version, TrieOwner{}, trie.commit());
        CHECK(trie.cached_nodes() <= 500);
        loads_before += trie.cached_nodes();
    }
    source.version = 30;
    CHECK(loads_before > 30 * 100);
    CHECK(trie.root() == root_from_scratch(contents));
}

TEST_CASE("a path packs into the key of a store and back, and different paths differ") {
    std::set<Bytes> seen;
    NibblePath path;
    for (std::size_t size = 0; size <= 64; ++size) {
        for (std::size_t last = 0; last < 16 && size > 0; ++last) {
            path.truncate(size - 1);
            path.push_back(last);
            CHECK(seen.insert(path.packed()).second);
            CHECK(NibblePath::from_packed(path.packed()) == path);
        }
    }
    CHECK_FALSE(NibblePath::from_packed({}));
    CHECK_FALSE(NibblePath::from_packed(Bytes{0x10}));
    CHECK_FALSE(NibblePath::from_packed(Bytes(34, 65)));
    CHECK(NibblePath::from_packed(Bytes{0})->empty());
}

TEST_CASE("the root of an ordered list is that of the trie with RLP keys, whatever the number of items") {
    for (const std::size_t count : {1, 2, 127, 128, 129, 300}) {
        Trie trie;
        std::vector<Bytes> values;
        for (std::size_t i = 0; i < count; ++i) values.push_back(Bytes(1 + i % 50, static_cast<std::uint8_t>(i + 1)));
        for (std::size_t i = count; i-- > 0;) REQUIRE(trie.put(rlp::encode_integer(i), values[i]).ok());
        CHECK(ordered_trie_root(values) == trie.root());
    }
}
