// TrieTests: roots of plain and secure tries, in the given order and, where the file says that any order will do, in
// others; and the neighbours of keys. A file named "...secure..." hashes its keys.
#include <algorithm>
#include <random>

#include "runtime/crypto/keccak.hpp"
#include "vm/conformance/runner.hpp"
#include "vm/state/trie.hpp"

namespace troupe::conformance {
namespace {

using Change = std::pair<Bytes, std::optional<Bytes>>;

[[nodiscard]] Bytes bytes_of(const JsonNode& node) {
    const auto text = node.text();
    if (text.starts_with("0x")) return node.bytes();
    return {text.begin(), text.end()};
}

[[nodiscard]] Change change_of(Bytes key, const JsonNode& value) {
    if (value.is_null()) return {std::move(key), std::nullopt};
    return {std::move(key), bytes_of(value)};
}

[[nodiscard]] std::vector<Change> changes_of(const JsonNode& in) {
    std::vector<Change> out;
    if (in.is_array()) {
        for (const auto& element : in.array()) {
            const JsonNode change{element, "in"};
            out.push_back(change_of(bytes_of(change[0]), change[1]));
        }
    } else {
        for (const auto& [key, value] : in.object()) {
            const auto hex = key.starts_with("0x") ? from_hex(key) : std::nullopt;
            out.push_back(change_of(hex ? *hex : Bytes{key.begin(), key.end()}, {value, key}));
        }
    }
    return out;
}

[[nodiscard]] std::string root_of(const std::vector<Change>& changes, bool secure) {
    Trie trie;
    for (const auto& [key, value] : changes) {
        const auto hashed = keccak256(key);
        const auto trie_key = secure ? hashed.view() : ByteView{key};
        if (trie_key.size() > 32) throw FormatError{"in: a key of more than 32 bytes"};
        const auto status = value ? trie.put(trie_key, *value) : trie.erase(trie_key);
        if (!status) return status.error().message;
    }
    return to_hex_prefixed(trie.root().view());
}

[[nodiscard]] std::vector<Difference> check_root(const JsonNode& test, bool secure) {
    const auto expected = to_hex_prefixed(test["root"].fixed<Hash256>().view());
    auto changes = changes_of(test["in"]);
    if (const auto got = root_of(changes, secure); got != expected) return {{"root", expected, got}};
    std::mt19937 random{1};
    for (int order = 0; order < 20 && test["in"].is_object(); ++order) {
        std::ranges::shuffle(changes, random);
        if (const auto got = root_of(changes, secure); got != expected)
            return {{"root in shuffled order " + std::to_string(order), expected, got}};
    }
    return {};
}

/// For each key asked about, the one before and the one after it; empty where there is none.
[[nodiscard]] std::vector<Difference> check_neighbours(const JsonNode& test) {
    Trie trie;
    for (const auto& key : test["in"].array()) {
        const auto bytes = bytes_of({key, "in"});
        if (bytes.size() > 32 || !trie.put(bytes, as_bytes("value"))) throw FormatError{"in: a key can't be put"};
    }
    std::vector<Difference> out;
    for (const auto& element : test["tests"].array()) {
        const JsonNode asked{element, "tests"};
        const auto path = NibblePath::of_key(bytes_of(asked[0]));
        std::string previous;
        std::string next;
        const auto status = trie.for_each([&](const NibblePath& key, ByteView) {
            const auto packed = key.packed();
            const std::string text{packed.begin(), packed.end() - 1};
            if (key < path) previous = text;
            if (key > path) next = text;
            return key <= path;
        });
        TROUPE_ASSERT(status.ok());
        const std::string about{asked[0].text()};
        if (previous != asked[1].text()) out.push_back({"before " + about, std::string{asked[1].text()}, previous});
        if (next != asked[2].text()) out.push_back({"after " + about, std::string{asked[2].text()}, next});
    }
    return out;
}

}  // namespace

bool run_trie_file(FileRun& run, const JsonNode& root) {
    const bool secure = run.stem.find("secure") != std::string::npos;
    const auto is_trie_test = [](const JsonNode& test) {
        return test.has("in") && (test.has("root") || test.has("tests"));
    };
    return for_each_test(run, root, is_trie_test, [&](const std::string& name, const JsonNode& test) {
        if (!run.is_wanted(name))
            ++run.report.skipped;
        else
            run.finish(name, test.has("tests") ? check_neighbours(test) : check_root(test, secure));
    });
}

}  // namespace troupe::conformance
