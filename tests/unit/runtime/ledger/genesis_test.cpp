#include <doctest/doctest.h>

#include "runtime/crypto/keccak.hpp"
#include "runtime/ledger/genesis_json.hpp"

namespace {

using namespace troupe;

Genesis sample() {
    Genesis g;
    g.parameters.chain_id = 2024;
    g.timestamp = TimeMs{1700000000000};
    for (std::uint8_t i = 0; i < 4; ++i) {
        auto& node = g.validators.emplace_back();
        node.name = "validator-" + std::to_string(i);
        node.public_key[0] = i;
        node.beneficiary[19] = i;
    }
    auto& gateway = g.followers.emplace_back();
    gateway.name = "gateway";
    gateway.public_key[0] = 9;
    g.accounts.push_back(create2_deployer());
    auto& rich = g.accounts.emplace_back();
    rich.address[0] = 1;
    rich.balance = uint256{0, 1, 2, 3};
    rich.storage = {{uint256{7}, uint256{1, 0, 0, 0}}, {uint256{2}, uint256{5}}};
    return g;
}

std::string refusal(const Genesis& genesis) {
    const auto back = genesis_from_json(genesis_to_json(genesis));
    return back.ok() ? "accepted" : back.error().message;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

std::string refusal_of_text(const std::string& text) {
    const auto back = genesis_from_json(text);
    return back.ok() ? "accepted" : back.error().message;
}

}  // namespace

TEST_CASE("a genesis reads back equal from its JSON, with the same hash") {
    const auto genesis = sample();
    const auto back = genesis_from_json(genesis_to_json(genesis));
    REQUIRE(back.ok());
    CHECK(*back == genesis);
    CHECK(hash_of(*back) == hash_of(genesis));
}

TEST_CASE("any difference gives another hash") {
    const auto genesis = sample();
    auto changed = genesis;
    changed.parameters.base_fee = uint256{1};
    CHECK(hash_of(changed) != hash_of(genesis));
    changed = genesis;
    std::swap(changed.validators[0], changed.validators[1]);
    CHECK(hash_of(changed) != hash_of(genesis));
    changed = genesis;
    ++changed.accounts[0].nonce;
    CHECK(hash_of(changed) != hash_of(genesis));
}

TEST_CASE("a genesis that can't work is refused with the field's path") {
    const auto refused_after = [](auto&& change) {
        auto genesis = sample();
        change(genesis);
        return refusal(genesis);
    };
    CHECK(refused_after([](Genesis&) {}) == "accepted");
    CHECK(refused_after([](Genesis& g) { g.parameters.chain_id = 0; }) ==
          "genesis: parameters.chain_id: must not be 0");
    CHECK(refused_after([](Genesis& g) { g.parameters.execution_delay = 0; }) != "accepted");
    CHECK(refused_after([](Genesis& g) { g.parameters.epoch_length = DurationMs{0}; }) != "accepted");
    CHECK(refused_after([](Genesis& g) { g.parameters.chunk_lifetime = DurationMs{1}; }) != "accepted");
    CHECK(refused_after([](Genesis& g) { g.validators.clear(); }) == "genesis: validators: at least one is needed");
    CHECK(refused_after([](Genesis& g) { g.followers[0].name = "validator-2"; }) ==
          "genesis: followers[0].name: \"validator-2\" is taken");
    CHECK(refused_after([](Genesis& g) { g.validators[3].public_key = g.validators[0].public_key; }) ==
          "genesis: validators[3].public_key: another node has this key too");
    CHECK(refused_after([](Genesis& g) { g.validators[0].name = "../etc"; }) != "accepted");
    CHECK(refused_after([](Genesis& g) { g.validators[0].name = "\xff\xfe"; }) != "accepted");
    CHECK(refused_after([](Genesis& g) { g.accounts[1].address = g.accounts[0].address; }) != "accepted");
    CHECK(refused_after([](Genesis& g) { g.accounts[1].storage[1].first = uint256{7}; }) ==
          "genesis: accounts[1].storage: slot 0x7 twice");
    CHECK(refused_after([](Genesis& g) { g.validators.resize(limits::validators_max + 1); }) != "accepted");
}

TEST_CASE("errors in the text name the place and the nearest field") {
    const auto text = genesis_to_json(sample());
    CHECK(refusal_of_text(replaced(text, "\"chain_id\"", "\"chainid\"")) ==
          "genesis: parameters: unknown field \"chainid\"; did you mean \"chain_id\"?");
    CHECK(refusal_of_text(replaced(text, "\"troupe\"", "\"raft\"")) ==
          "genesis: parameters.rules: expected \"dbft2\" or \"troupe\", found \"raft\"");
    CHECK(refusal_of_text(replaced(text, "\"chain_id\": 2024", "\"chain_id\": \"2024\""))
              .starts_with("genesis: parameters.chain_id: expected a whole number"));
    CHECK(refusal_of_text(replaced(text, "{", "[")).find("line") != std::string::npos);
    CHECK(refusal_of_text(text.substr(0, text.size() / 2)).find("line") != std::string::npos);
}

TEST_CASE("the deterministic deployer has the address and code known from other chains") {
    const auto deployer = create2_deployer();
    CHECK(to_hex_prefixed(deployer.address.view()) == "0x4e59b44847b379578588920ca78fbf26c0b4956c");
    CHECK(deployer.code.size() == 69);
    CHECK(to_hex(keccak256(deployer.code).view()) ==
          "2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989");
}
