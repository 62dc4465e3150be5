// ethereum/tests TrieTests: roots of plain and secure tries, in the given order and in others, and neighbours of keys.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <random>

#include <doctest/doctest.h>

#include "runtime/crypto/keccak.hpp"
#include "tests/conformance/data.hpp"
#include "vm/state/trie.hpp"

using namespace troupe;

namespace {

using Change = std::pair<Bytes, std::optional<Bytes>>;

Bytes bytes_of(const std::string& text) {
    if (text.starts_with("0x")) return *from_hex(text);
    return {text.begin(), text.end()};
}

std::optional<Bytes> value_of(const nlohmann::json& value) {
    if (value.is_null()) return std::nullopt;
    return bytes_of(value.get<std::string>());
}

RootHash root_of(const std::vector<Change>& changes, bool secure) {
    Trie trie;
    for (const auto& [key, value] : changes) {
        const auto hashed = keccak256(key);
        const auto trie_key = secure ? hashed.view() : ByteView{key};
        const auto status = value ? trie.put(trie_key, *value) : trie.erase(trie_key);
        REQUIRE(status.ok());
    }
    return trie.root();
}

struct Suite {
    const char* file;
    bool secure;
};

}  // namespace

TEST_CASE("TrieTests: roots") {
    const auto suite = conformance::find_suite("ethereum/TrieTests");
    if (!suite) return;
    std::size_t tests = 0;
    for (const auto& [file, secure] :
         {Suite{"trieanyorder.json", false}, Suite{"trieanyorder_secureTrie.json", true}, Suite{"trietest.json", false},
          Suite{"trietest_secureTrie.json", true}, Suite{"hex_encoded_securetrie_test.json", true}}) {
        const auto tests_of_file = conformance::read_json(*suite / file);
        for (const auto& [name, test] : tests_of_file.items()) {
            CAPTURE(file);
            CAPTURE(name);
            const auto& in = test.at("in");
            const auto root = test.at("root").get<std::string>();
            std::vector<Change> changes;
            if (in.is_array()) {
                for (const auto& change : in)
                    changes.emplace_back(bytes_of(change.at(0).get<std::string>()), value_of(change.at(1)));
            } else {
                for (const auto& [key, value] : in.items()) changes.emplace_back(bytes_of(key), value_of(value));
            }
            CHECK(to_hex_prefixed(root_of(changes, secure).view()) == root);
            std::mt19937 random{1};
            for (int order = 0; order < 20 && in.is_object(); ++order) {
                std::shuffle(changes.begin(), changes.end(), random);
                CHECK(to_hex_prefixed(root_of(changes, secure).view()) == root);
            }
            ++tests;
        }
    }
    std::printf("TrieTests: %zu roots\n", tests);
    CHECK(tests > 0);
}

TEST_CASE("TrieTests: neighbours of keys in order") {
    const auto suite = conformance::find_suite("ethereum/TrieTests");
    if (!suite) return;
    const auto tests_of_file = conformance::read_json(*suite / "trietestnextprev.json");
    for (const auto& [name, test] : tests_of_file.items()) {
        CAPTURE(name);
        Trie trie;
        for (const auto& key : test.at("in"))
            REQUIRE(trie.put(bytes_of(key.get<std::string>()), as_bytes("value")).ok());
        for (const auto& neighbours : test.at("tests")) {
            const auto path = NibblePath::of_key(bytes_of(neighbours.at(0).get<std::string>()));
            std::string previous;
            std::string next;
            const auto status = trie.for_each([&](const NibblePath& key, ByteView) {
                const auto packed = key.packed();
                const std::string text{packed.begin(), packed.end() - 1};
                if (key < path) previous = text;
                if (key > path) next = text;
                return key <= path;
            });
            REQUIRE(status.ok());
            CAPTURE(neighbours.dump());
            CHECK(previous == neighbours.at(1).get<std::string>());
            CHECK(next == neighbours.at(2).get<std::string>());
        }
    }
}
