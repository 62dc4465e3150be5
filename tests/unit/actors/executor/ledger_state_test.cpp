#include "actors/executor/ledger_state.hpp"

#include <cstdlib>

#include <doctest/doctest.h>

using namespace troupe;
using namespace troupe::executor;

namespace {

struct Directory {
    std::filesystem::path path;
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "troupe-ledger-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Directory() { std::filesystem::remove_all(path); }
};

Address address(std::uint8_t number) {
    Address out;
    out.bytes.fill(number);
    return out;
}

Genesis genesis() {
    Genesis out;
    out.timestamp = TimeMs{1'000};
    out.accounts.push_back({address(1), uint256{500}, 0, {}, {}});
    out.accounts.push_back(
        {address(9), uint256{}, 1, Bytes{0x00}, {{uint256{1}, uint256{11}}, {uint256{2}, uint256{22}}}});
    return out;
}

std::unique_ptr<LedgerState> open(const std::filesystem::path& directory, std::size_t blocks_per_save) {
    LedgerState::Options options;
    options.directory = directory;
    options.blocks_per_save = blocks_per_save;
    auto opened = LedgerState::open(genesis(), options);
    REQUIRE(opened.ok());
    return std::move(*opened);
}

/// Block `height` pays `height` to account 2, writes to a slot of account 9, and deploys code; block 3 deletes account
/// 9, and block 4 makes it anew.
BlockOutput block(std::uint64_t height) {
    BlockOutput out;
    out.executed.result.height = Height{height};
    out.executed.hash[0] = static_cast<std::uint8_t>(height);
    out.executed.timestamp = TimeMs{1'000 + height};
    AccountChange paid;
    paid.address = address(2);
    paid.nonce = height;
    paid.balance = uint256{1000 * height};
    AccountChange contract;
    contract.address = address(9);
    if (height == 3) {
        contract.deleted = true;
    } else {
        contract.nonce = 1;
        contract.storage_cleared = height == 4;
        contract.storage = {{uint256{height + 2}, uint256{height}}};
    }
    out.diff.accounts = {paid, contract};
    CodeHash code;
    code[0] = static_cast<std::uint8_t>(height);
    out.diff.codes = {{code, Bytes{static_cast<std::uint8_t>(height), 7}}};
    out.natives.emplace_back(TransactionHash::from(code), TimeMs{10'000});
    return out;
}

RootHash execute(LedgerState& ledger, std::uint64_t height) {
    auto output = block(height);
    REQUIRE(ledger.commit(output).ok());
    return output.executed.result.state_root;
}

TEST_CASE("state reads, roots and payers do not depend on how many blocks are saved together") {
    Directory one;
    Directory many;
    const auto at_once = open(one.path, 1);
    const auto together = open(many.path, 4);
    for (std::uint64_t height = 1; height <= 10; ++height) {
        CAPTURE(height);
        CHECK(execute(*at_once, height) == execute(*together, height));
        for (std::uint8_t number = 1; number <= 9; ++number) {
            const auto expected = at_once->state().account(address(number));
            const auto got = together->state().account(address(number));
            REQUIRE(expected.has_value() == got.has_value());
            if (got) CHECK(expected->balance == got->balance);
            CHECK(at_once->cache()->payer(address(number)).nonce == together->cache()->payer(address(number)).nonce);
        }
        for (std::uint64_t slot = 0; slot < 14; ++slot)
            CHECK(at_once->state().storage(address(9), uint256{slot}) ==
                  together->state().storage(address(9), uint256{slot}));
        CodeHash code;
        code[0] = static_cast<std::uint8_t>(height);
        CHECK(*together->state().code(code) == Bytes{static_cast<std::uint8_t>(height), 7});
    }
}

TEST_CASE("what a crash takes is the blocks since the last save, and executing them again gives the same roots") {
    Directory running;
    std::vector<RootHash> roots{{}};
    const auto ledger = open(running.path, 4);
    for (std::uint64_t height = 1; height <= 6; ++height) roots.push_back(execute(*ledger, height));
    CHECK(ledger->executed() == Height{6});
    Directory crashed;
    std::filesystem::copy(running.path, crashed.path, std::filesystem::copy_options::recursive);
    const auto again = open(crashed.path, 4);
    REQUIRE(again->executed() == Height{4});
    CHECK(again->executed_hash()[0] == 4);
    CHECK(again->cache()->native_executed(TransactionHash::from(block(4).diff.codes[0].first)));
    CHECK_FALSE(again->cache()->native_executed(TransactionHash::from(block(5).diff.codes[0].first)));
    CHECK(again->recent_results(16)->back().state_root == roots[4]);
    CHECK(execute(*again, 5) == roots[5]);
    CHECK(execute(*again, 6) == roots[6]);
}

TEST_CASE("a ledger that is closed in order has saved everything") {
    Directory directory;
    for (std::uint64_t height = 1; height <= 3; ++height) {
        const auto ledger = open(directory.path, 100);
        CHECK(ledger->executed() == Height{height - 1});
        execute(*ledger, height);
    }
    const auto ledger = open(directory.path, 100);
    CHECK(ledger->executed() == Height{3});
    CHECK_FALSE(ledger->state().account(address(9)).has_value());
    CHECK(ledger->state().storage(address(9), uint256{1}).is_zero());
    CHECK(ledger->state().account(address(2))->balance == uint256{3000});
}

TEST_CASE("unsaved changes of one account fold into one") {
    UnsavedState unsaved;
    CHECK_FALSE(unsaved.account(address(2)).has_value());
    for (std::uint64_t height = 1; height <= 2; ++height) unsaved.add(block(height).diff);
    CHECK(unsaved.size() == 4);  // two accounts, two slots
    CHECK_FALSE(unsaved.storage(address(9), uint256{1}).has_value());
    CHECK(unsaved.storage(address(9), uint256{3}) == uint256{1});
    unsaved.add(block(3).diff);
    CHECK(unsaved.size() == 2);
    CHECK_FALSE(unsaved.account(address(9))->has_value());
    CHECK(unsaved.storage(address(9), uint256{1}) == uint256{});
    unsaved.add(block(4).diff);
    const auto updates = unsaved.account_updates();
    REQUIRE(updates.size() == 2);
    CHECK(updates[1].storage_cleared);
    CHECK(updates[1].data.has_value());
    CHECK(updates[1].storage.size() == 1);
    unsaved.clear();
    CHECK(unsaved.size() == 0);
    CHECK_FALSE(unsaved.account(address(2)).has_value());
}

}  // namespace
