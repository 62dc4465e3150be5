#include "deploy/cluster/change.hpp"

#include <doctest/doctest.h>

#include "deploy/cluster/health.hpp"

using namespace troupe;

namespace {

const std::string validator =
    "[[node]]\nname = \"v\"\ncount = 4\n"
    "roles = [\"consensus\", \"chunk_builder\", \"chunk_signer\", \"executor\", \"vm_pool\"]\n";
const std::string gateway = "[[node]]\nname = \"g\"\nroles = [\"gateway\", \"executor\", \"vm_pool\"]\n";
const std::string base = "spare_followers = 1\n" + validator + gateway;

[[nodiscard]] Manifest parsed(const std::string& text) {
    const auto report = parse_manifest(text, "test");
    REQUIRE(report.ok());
    return report.manifest;
}

/// As launched from `text`.
[[nodiscard]] ClusterState launched(const std::string& text) {
    ClusterState state;
    const auto manifest = parsed(text);
    state.name = manifest.name;
    state.manifest_text = text;
    std::uint32_t index = 0;
    for (const auto& node : manifest.nodes) state.nodes.push_back({node, index++, ""});
    state.hosts = manifest.hosts;
    return state;
}

[[nodiscard]] Genesis genesis_of(std::size_t validators, std::size_t followers) {
    Genesis genesis;
    genesis.validators.resize(validators);
    genesis.followers.resize(followers);
    return genesis;
}

[[nodiscard]] Result<NextCluster> next(const std::string& before, const std::string& after) {
    return next_cluster(launched(before), genesis_of(4, 2), parsed(after), after);
}

[[nodiscard]] std::string refusal(const std::string& before, const std::string& after) {
    const auto result = next(before, after);
    return result ? "" : result.error().message;
}

[[nodiscard]] std::string replaced(std::string text, const std::string& what, const std::string& with) {
    return text.replace(text.find(what), what.size(), with);
}

}  // namespace

TEST_CASE("a node whose port changes restarts, and exactly those that dial it are told") {
    const auto ports = "[[node]]\nname = \"a\"\nlink_port = 9000\n" + validator.substr(validator.find("roles"));
    const auto before = base + ports;
    const auto result = next_cluster(launched(before), genesis_of(5, 2), parsed(replaced(before, "9000", "9100")), "");
    REQUIRE(result.ok());
    const auto& change = result->change;
    REQUIRE(change.changed.size() == 1);
    CHECK(change.changed[0].name == "a");
    CHECK(change.changed[0].what == std::vector<std::string>{"link_port 9000 -> 9100"});
    // Validators 0 to 3 have lower indices: the node itself dials them.
    REQUIRE(change.redialing.size() == 1);
    CHECK(change.redialing[0].name == "g");
    CHECK(change.redialing[0].what == std::vector<std::string>{"a at 127.0.0.1:9100"});
}

TEST_CASE("a node is added with the first free identity and removed without touching the others") {
    const auto more = base + "[[node]]\nname = \"h\"\nroles = [\"gateway\", \"executor\", \"vm_pool\"]\n";
    const auto added = next(base, more);
    REQUIRE(added.ok());
    CHECK(added->change.added == std::vector<std::string>{"h"});
    CHECK(added->change.changed.empty());
    CHECK(added->change.redialing.empty());
    CHECK(added->state.find("h")->index == 5);
    const auto removed = next_cluster(added->state, genesis_of(4, 2), parsed(base), base);
    REQUIRE(removed.ok());
    CHECK(removed->change.removed == std::vector<std::string>{"h"});
    // Its successor may have its identity at once.
    const auto renamed = next_cluster(added->state, genesis_of(4, 2), parsed(replaced(more, "\"h\"", "\"i\"")), more);
    REQUIRE(renamed.ok());
    CHECK(renamed->state.find("i")->index == 5);
    CHECK(refusal(base, more + "[[node]]\nname = \"j\"\nroles = [\"executor\", \"vm_pool\"]\n")
              .find("no spare follower identity left in the genesis for j") == 0);
}

TEST_CASE("workers come and go without an identity of the genesis, and nobody redials for them") {
    const std::string worker = "[[node]]\nname = \"w\"\ncount = 3\nroles = [\"vm_pool\"]\n";
    const auto added = next(base, base + worker);
    REQUIRE(added.ok());
    CHECK(added->change.added == std::vector<std::string>{"w-1", "w-2", "w-3"});
    CHECK(added->change.redialing.empty());
    CHECK(added->change.changed.empty());
    CHECK(added->state.find("w-3")->index == ClusterNode::no_index);
    const auto removed = next_cluster(added->state, genesis_of(4, 2), parsed(base), base);
    REQUIRE(removed.ok());
    CHECK(removed->change.removed.size() == 3);
    CHECK(refusal(base, replaced(base, "\"gateway\", \"executor\", \"vm_pool\"", "\"vm_pool\""))
              .find("g can't become or cease to be a worker") == 0);
    // A worker has no links: nobody waits for one with it.
    NodeHealth node, other;
    node.name = "g";
    node.roles = {"gateway", "executor", "vm_pool"};
    node.state = "ready";
    node.pid = 1;
    node.height = 5;
    other.name = "w-1";
    other.roles = {"vm_pool"};
    other.state = "ready";
    other.pid = 2;
    CHECK(trouble(node, {node, other}, 10) == "");
    CHECK(trouble(other, {node, other}, 10) == "");
}

TEST_CASE("whatever the genesis fixes is refused by name, all at once, with what to do") {
    const auto all =
        refusal("name = \"a\"\n[accounts]\ndev = 5\n" + validator,
                "name = \"b\"\nspare_followers = 7\n[chain]\nview_time_ms = 500\nrules = \"dbft2\"\n"
                "[accounts]\ndev = 6\ndev_balance_ether = 3\n"
                "[[account]]\naddress = \"0x00000000000000000000000000000000000000aa\"\nbalance_ether = 1\n"
                "[[account]]\nkey = \"me\"\nbalance_ether = 1\n" +
                    validator);
    for (const char* part :
         {"fixed by the genesis", "name a -> b", "spare_followers 16 -> 7", "[chain] view_time_ms 1000 -> 500",
          "[chain] rules troupe -> dbft2", "[accounts] dev 5 -> 6", "[accounts] dev_balance_ether 1000000 -> 3",
          "[[account]] 0x00000000000000000000000000000000000000aa added", "[[account]] key me added",
          "troupe down --delete"})
        CHECK_MESSAGE(all.find(part) != std::string::npos, part << " in: " << all);
    const std::string account =
        "[[account]]\naddress = \"0x00000000000000000000000000000000000000aa\"\nbalance_ether = 1\n";
    CHECK(refusal(account + validator, validator).find("removed") != std::string::npos);
    CHECK(refusal(account + validator, replaced(account, "= 1", "= 2") + validator).find("balance_ether 1 -> 2") !=
          std::string::npos);
    CHECK(refusal(account + validator, account + "[accounts]\ndev = 64\n" + validator).empty());
}

TEST_CASE("every parameter of the chain is fixed") {
    const auto manifest = parsed(base);
    auto json = to_json_value(manifest.chain);
    for (const auto& [key, value] : json.items()) {
        auto changed = manifest;
        auto other = json;
        if (key == "rules")
            other[key] = to_json_value(ConsensusRules::dbft2);
        else if (key == "signatures")
            other[key] = to_json_value(SignatureKind::bls);
        else if (value.is_string())
            other[key] = "7";
        else
            other[key] = value.get<std::uint64_t>() + 1;
        REQUIRE(from_json_value(other, changed.chain, "").ok());
        CHECK_MESSAGE(fixed_differences(manifest, changed).size() == 1, key);
    }
}

TEST_CASE("the validators can neither grow, shrink nor change into others") {
    CHECK(refusal(base, replaced(base, "count = 4", "count = 5")).find("validator v-5 can't be added") == 0);
    CHECK(refusal(base, replaced(base, "count = 4", "count = 3")).find("validator v-4 can't be removed") == 0);
}

TEST_CASE("a node is well when it is ready, linked to all that run, and not behind") {
    std::vector<NodeHealth> all(3);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].name = std::string(1, static_cast<char>('a' + i));
        all[i].state = "ready";
        all[i].roles = {"executor"};
        all[i].pid = 1;
        all[i].height = 100;
        for (std::size_t j = 0; j < all.size(); ++j)
            if (i != j) all[i].peer_names.emplace_back(1, static_cast<char>('a' + j));
    }
    CHECK(trouble(all[0], all, 5).empty());
    all[0].peer_names.pop_back();
    CHECK(trouble(all[0], all, 5) == "no link to c");
    all[2].pid = 0;
    CHECK(trouble(all[0], all, 5).empty());
    all[1].height = 106;
    CHECK(trouble(all[0], all, 5) == "6 blocks behind");
    CHECK(trouble(all[0], all, 6).empty());
    all[0].height = 0;
    CHECK(trouble(all[0], all, 500) == "no block yet");
    // An arbiter, say, has neither blocks nor a height that could be behind.
    all[0].roles = {"arbiter"};
    CHECK(trouble(all[0], all, 5).empty());
    all[0].state = "catching_up";
    CHECK(trouble(all[0], all, 500) == "catching_up");
}
