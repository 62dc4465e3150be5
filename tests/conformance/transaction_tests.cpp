// ethereum/tests TransactionTests, each file at the latest fork it lists: hash and sender of valid transactions match,
// invalid ones are refused. Decoding refuses all but what depends on the chain: the chain id (the suite's is 1, which
// the gateway and executor compare), intrinsic gas (EIP-2028, 2930, 3860) and the size of init code (EIP-3860), which
// belong to the executor. Those are counted here, each under its rule, and must be exactly the ones the suite names.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <map>
#include <vector>

#include <doctest/doctest.h>

#include "runtime/ledger/transaction.hpp"
#include "tests/conformance/data.hpp"

using namespace troupe;

namespace {

constexpr const char* forks_in_order[] = {"Frontier",       "Homestead",         "EIP150",   "EIP158", "Byzantium",
                                          "Constantinople", "ConstantinopleFix", "Istanbul", "Berlin", "London",
                                          "Paris",          "Shanghai",          "Cancun"};

/// Rules of the executor, by the suite's name for breaking them.
const std::map<std::string, std::string> rules_elsewhere{
    {"TransactionException.INTRINSIC_GAS_TOO_LOW", "intrinsic gas (executor)"},
    {"TransactionException.INITCODE_SIZE_EXCEEDED", "size of init code (executor)"},
};

struct Tally {
    int valid = 0;
    int refused = 0;
    std::map<std::string, int> elsewhere;
};

const nlohmann::json& latest_result(const nlohmann::json& test) {
    const nlohmann::json* latest = nullptr;
    for (const auto* fork : forks_in_order)
        if (test["result"].contains(fork)) latest = &test["result"][fork];
    REQUIRE(latest != nullptr);
    return *latest;
}

void check(const nlohmann::json& test, Tally& tally) {
    const auto& expected = latest_result(test);
    const auto raw = from_hex(test["txbytes"].get<std::string>());
    REQUIRE(raw.has_value());
    const auto actual = recover_transaction(*raw);
    if (!expected.contains("exception")) {
        REQUIRE_MESSAGE(actual.ok(), actual.error().message);
        CHECK(to_hex_prefixed((*actual)->hash.view()) == expected["hash"].get<std::string>());
        CHECK(to_hex_prefixed((*actual)->sender.view()) == expected["sender"].get<std::string>());
        CHECK(encode_transaction((*actual)->transaction) == *raw);
        ++tally.valid;
        return;
    }
    const auto exception = expected["exception"].get<std::string>();
    CAPTURE(exception);
    if (const auto rule = rules_elsewhere.find(exception); rule != rules_elsewhere.end()) {
        // The rule is not decoding's: nothing else may be wrong with the transaction.
        CHECK(actual.ok());
        ++tally.elsewhere[rule->second];
    } else if (actual.ok() && (*actual)->transaction.chain_id.value_or(1) != 1) {
        CHECK(exception == "TransactionException.INVALID_CHAINID");
        ++tally.elsewhere["chain id (gateway and executor)"];
    } else {
        CHECK_FALSE(actual.ok());
        ++tally.refused;
    }
}

}  // namespace

TEST_CASE("transactions of the suite decode to their hash and sender, or are refused") {
    const auto suite = conformance::find_suite("ethereum/TransactionTests");
    if (!suite) return;
    Tally tally;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{*suite}) {
        if (entry.path().extension() != ".json") continue;
        CAPTURE(entry.path().string());
        const auto tests = conformance::read_json(entry.path());
        for (const auto& [name, test] : tests.items()) {
            CAPTURE(name);
            check(test, tally);
        }
    }
    CHECK(tally.valid > 30);
    CHECK(tally.refused > 90);
    std::printf("TransactionTests: %d valid, %d refused by decoding", tally.valid, tally.refused);
    for (const auto& [rule, count] : tally.elsewhere) std::printf("; %d skipped here: %s", count, rule.c_str());
    std::printf("\n");
}
