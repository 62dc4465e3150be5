// Contracts in WebAssembly, compiled from C by clang, beside EVM contracts in one state.
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "jit/baseline/baseline.hpp"
#include "jit/opt/opt.hpp"
#include "runtime/crypto/sha256.hpp"
#include "tests/unit/vm/evm/world.hpp"
#include "vm/contract/engine.hpp"
#include "vm/contract/gas.hpp"
#include "vm/contract/host_functions.hpp"

namespace troupe::contract {
namespace {

using evm::testing::World;

const auto user = evm::testing::address(1);
const auto probe = evm::testing::address(2);
const auto proxy = evm::testing::address(3);

/// Nothing where the machine has no clang for wasm32.
[[nodiscard]] std::optional<Bytes> fixture(const std::string& name) {
#ifdef TROUPE_WASM_FIXTURES
    std::ifstream stream{std::string(TROUPE_WASM_FIXTURES) + "/" + name + ".wasm", std::ios::binary};
    REQUIRE(stream);
    return Bytes{std::istreambuf_iterator<char>{stream}, {}};
#else
    MESSAGE("SKIPPED: clang and wasm-ld are not installed; no " << name);
    return std::nullopt;
#endif
}

/// An EVM contract that calls `to` with its own calldata and gives back what that gives, or reverts with it.
[[nodiscard]] Bytes forwarder(const Address& to) {
    Bytes out{0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f, 0x5f, 0x73};
    append(out, to.view());
    append(out, Bytes{0x5a, 0xf1, 0x3d, 0x5f, 0x5f, 0x3e, 0x60, 0x2a, 0x57, 0x3d, 0x5f, 0xfd, 0x5b, 0x3d, 0x5f, 0xf3});
    out[37] = static_cast<std::uint8_t>(out.size() - 4);
    return out;
}

struct Bench {
    World world;
    std::vector<std::unique_ptr<evm::AnalysisCache>> engines;

    Bench() {
        engines.push_back(std::make_unique<evm::AnalysisCache>(make_engine({})));
        for (const auto& compiler :
             {jit::make_baseline_compiler(), jit::make_optimizing_compiler(), jit::make_adaptive_compiler()}) {
            if (compiler == nullptr) continue;
            engines.push_back(std::make_unique<evm::AnalysisCache>(make_engine({.compiler = compiler})));
        }
        world.put(user, uint256{1'000'000});
    }

    /// In every engine: all give the same.
    [[nodiscard]] evm::testing::Run send(const std::optional<Address>& to, Bytes data, std::uint64_t gas = 10'000'000) {
        std::optional<evm::testing::Run> first;
        for (const auto& codes : engines) {
            // Twice: the second time code and instances are there already.
            for (int round = 0; round < 2; ++round) {
                auto run = send_once(to, data, gas, *codes);
                if (!first) {
                    first = std::move(run);
                    continue;
                }
                CHECK(run.receipt.error == first->receipt.error);
                CHECK(run.receipt.gas_used == first->receipt.gas_used);
                CHECK(to_hex(run.receipt.output) == to_hex(first->receipt.output));
                CHECK(run.receipt.logs == first->receipt.logs);
            }
        }
        return std::move(*first);
    }

    [[nodiscard]] evm::testing::Run send_once(const std::optional<Address>& to, const Bytes& data, std::uint64_t gas,
                                              evm::AnalysisCache& codes) {
        evm::BlockContext block;
        block.gas_limit = 1'000'000'000;
        block.number = 100;
        block.timestamp = 5;
        block.chain_id = uint256{1};
        evm::TransactionInput tx;
        tx.sender = user;
        tx.to = to;
        tx.gas_limit = gas;
        tx.data = data;
        JournaledState state{world};
        evm::testing::Run out;
        REQUIRE_FALSE(validate_transaction(state, tx, block, evm::Revision::Osaka, evm::Charging::call));
        out.receipt = execute_transaction(state, block, tx, evm::Revision::Osaka, codes, evm::Charging::call);
        out.diff = state.diff();
        return out;
    }
};

[[nodiscard]] Bytes command(char what, ByteView rest = {}) {
    Bytes out{static_cast<std::uint8_t>(what)};
    append(out, rest);
    return out;
}
[[nodiscard]] Bytes call_command(char what, const Address& to, const Bytes& data) {
    auto out = command(what, to.view());
    append(out, data);
    return out;
}
[[nodiscard]] Bytes word(std::uint64_t number) {
    const auto bytes = to_big_endian(uint256{number});
    return {bytes.begin(), bytes.end()};
}
[[nodiscard]] Bytes text(std::string_view of) { return {of.begin(), of.end()}; }

TEST_CASE("a module is deployed by its own bytes with the constructor's arguments after them") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    auto init = *code;
    append(init, word(1));
    const auto made = bench.send(std::nullopt, init);
    CHECK(made.receipt.error == "");
    REQUIRE(made.receipt.created);
    const auto& accounts = made.diff.accounts;
    const auto found =
        std::ranges::find_if(accounts, [&](const auto& change) { return change.address == *made.receipt.created; });
    REQUIRE(found != accounts.end());
    CHECK(made.diff.codes.size() == 1);
    CHECK(made.diff.codes[0].second == *code);
    CHECK(bench.send(std::nullopt, init, made.receipt.gas_used - 1000).receipt.error ==
          "contract creation code storage out of gas");
}

TEST_CASE("a constructor can revert, or give other code to be stored") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    auto init = *code;
    append(init, text("r because"));
    // "r" is no section's number, so the module ends before it.
    const auto reverted = bench.send(std::nullopt, init);
    CHECK(reverted.receipt.error == "execution reverted");
    CHECK(reverted.receipt.output == text("r because"));
    init = *code;
    append(init, command('o', forwarder(probe)));
    const auto made = bench.send(std::nullopt, init);
    CHECK(made.receipt.error == "");
    REQUIRE(made.diff.codes.size() == 1);
    CHECK(made.diff.codes[0].second == forwarder(probe));
}

TEST_CASE("a module is put together from parts that other transactions have stored") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    const auto half = static_cast<std::ptrdiff_t>(code->size() / 2);
    auto first = text("?tpp"), second = text("?tpp");
    first[0] = second[0] = 0;
    first.insert(first.end(), code->begin(), code->begin() + half);
    second.insert(second.end(), code->begin() + half, code->end());
    const auto stored = bench.send(std::nullopt, first);
    REQUIRE(stored.diff.codes.size() == 1);
    CHECK(stored.diff.codes[0].second == first);
    const auto parts = std::array{evm::testing::address(5), evm::testing::address(6)};
    bench.world.put(parts[0], {}, first);
    bench.world.put(parts[1], {}, second);
    CHECK(bench.send(parts[0], {}).receipt.error == "");

    const auto package = [](std::span<const Address> of) {
        Bytes out{0, 't', 'p', 'k', 0, static_cast<std::uint8_t>(of.size())};
        for (const auto& part : of) append(out, part.view());
        return out;
    };
    auto init = package(parts);
    append(init, text("r because"));
    CHECK(bench.send(std::nullopt, init).receipt.output == text("r because"));
    init = package(parts);
    append(init, word(1));
    const auto made = bench.send(std::nullopt, init);
    CHECK(made.receipt.error == "");
    REQUIRE(made.diff.codes.size() == 1);
    CHECK(made.diff.codes[0].second == package(parts));
    bench.world.put(probe, {}, package(parts));
    CHECK(bench.send(probe, command('e', text("hello"))).receipt.output == text("hello"));

    const auto refused = [&](const Bytes& of) {
        CHECK(bench.send(std::nullopt, of).receipt.error == "invalid WebAssembly module");
    };
    refused(package({}));
    refused(package(std::array{parts[1], parts[0]}));
    refused(package(std::array{parts[0], user}));
    auto cut = package(parts);
    cut.pop_back();
    refused(cut);
}

TEST_CASE("what is no module, or asks for more than the host has, is not deployed") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    CHECK(bench.send(std::nullopt, Bytes{0, 'a', 's', 'm'}).receipt.error == "invalid WebAssembly module");
    CHECK(bench.send(std::nullopt, Bytes{0, 'a', 's', 'm', 1, 0, 0, 0}).receipt.error == "invalid WebAssembly module");
    // Imports "troupe.finisX".
    auto other = *code;
    const auto name = text("finish");
    const auto place = std::search(other.begin(), other.end(), name.begin(), name.end());
    REQUIRE(place != other.end());
    place[5] = 'X';
    CHECK(bench.send(std::nullopt, other).receipt.error == "invalid WebAssembly module");
    // EVM init code that gives back bytes that only look like a module: "\0asm" from memory.
    CHECK(bench.send(std::nullopt, *from_hex("630061736d5f526004601cf3")).receipt.error ==
          "invalid WebAssembly module");
}

TEST_CASE("calldata, return, revert, storage, logs and hashes") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    CHECK(bench.send(probe, {}).receipt.error == "");
    CHECK(bench.send(probe, command('e', text("hello"))).receipt.output == text("hello"));
    const auto reverted = bench.send(probe, command('r', text("why")));
    CHECK(reverted.receipt.reverted);
    CHECK(reverted.receipt.output == text("why"));
    auto slot_and_value = word(3);
    append(slot_and_value, word(9));
    const auto stored = bench.send(probe, command('s', slot_and_value));
    CHECK(stored.receipt.output == word(9));
    // A cold write of a new slot, and a warm read.
    CHECK(stored.receipt.gas_used > 21000 + 22100 + 100);
    CHECK(bench.send(probe, command('t', slot_and_value)).receipt.output == word(9));
    const auto logged = bench.send(probe, command('l', text("data")));
    REQUIRE(logged.receipt.logs.size() == 1);
    CHECK(logged.receipt.logs[0].address == probe);
    CHECK(logged.receipt.logs[0].topics == std::vector{to_big_endian(uint256{7}), to_big_endian(uint256{8})});
    CHECK(logged.receipt.logs[0].data == text("data"));
    const auto keccak = keccak256(text("abc"));
    CHECK(bench.send(probe, command('k', text("abc"))).receipt.output == Bytes(keccak.begin(), keccak.end()));
    const auto sha = sha256(text("abc"));
    CHECK(bench.send(probe, command('h', text("abc"))).receipt.output == Bytes(sha.begin(), sha.end()));
}

TEST_CASE("a storage write costs what it costs the EVM") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    bench.world.slots[{probe, uint256{3}}] = uint256{9};
    auto same = word(3);
    append(same, word(9));
    auto fresh = word(4);
    append(fresh, word(9));
    const auto unchanged = bench.send(probe, command('s', same)).receipt.gas_used;
    const auto added = bench.send(probe, command('s', fresh)).receipt.gas_used;
    CHECK(added - unchanged == 20000 - 100);
}

TEST_CASE("WebAssembly and EVM contracts call each other in one transaction") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    bench.world.put(proxy, {}, forwarder(probe));
    // EVM -> Wasm.
    CHECK(bench.send(proxy, command('e', text("x"))).receipt.output == text("x"));
    const auto refused = bench.send(proxy, command('r', text("no")));
    CHECK(refused.receipt.reverted);
    CHECK(refused.receipt.output == text("no"));
    // EVM -> Wasm -> EVM -> Wasm.
    const auto deep = bench.send(proxy, call_command('c', proxy, command('e', text("deep"))));
    CHECK(deep.receipt.error == "");
    CHECK(deep.receipt.output == text("\1deep"));
    // A callee that fails has taken its gas, and its caller goes on.
    const auto failed = bench.send(probe, call_command('c', probe, command('u')));
    CHECK(failed.receipt.error == "");
    CHECK(failed.receipt.output == Bytes{0});
    CHECK(failed.receipt.gas_used > 9'500'000);
    // A precompile: SHA-256.
    Address precompile;
    precompile[19] = 2;
    const auto sha = sha256(text("abc"));
    auto expected = Bytes{1};
    append(expected, sha.view());
    CHECK(bench.send(probe, call_command('q', precompile, text("abc"))).receipt.output == expected);
}

TEST_CASE("delegatecall writes to the caller's storage, and a static call to none") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    const auto library = evm::testing::address(4);
    bench.world.put(probe, {}, *code);
    bench.world.put(library, {}, *code);
    auto slot_and_value = word(3);
    append(slot_and_value, word(9));
    const auto delegated = bench.send(probe, call_command('d', library, command('s', slot_and_value)));
    CHECK(delegated.receipt.output.size() == 33);
    const auto& accounts = delegated.diff.accounts;
    const auto wrote = [&](const Address& who) {
        return std::ranges::any_of(accounts, [&](const auto& a) { return a.address == who && !a.storage.empty(); });
    };
    CHECK(wrote(probe));
    CHECK_FALSE(wrote(library));
    const auto guarded = bench.send(probe, call_command('q', library, command('s', slot_and_value)));
    CHECK(guarded.receipt.output == Bytes{0});
    CHECK(bench.send(probe, call_command('q', library, command('l'))).receipt.output == Bytes{0});
    CHECK(bench.send(probe, call_command('q', library, call_command('v', proxy, {}))).receipt.output == Bytes{0});
    CHECK(bench.send(probe, call_command('q', library, command('n', *code))).receipt.output == Bytes{0});
    CHECK(bench.send(probe, call_command('q', library, command('e'))).receipt.output == Bytes{1});
}

TEST_CASE("a contract creates others of either kind") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    const auto made = bench.send(probe, command('n', *code));
    CHECK(made.receipt.error == "");
    CHECK(made.receipt.output.size() == 20);
    // EVM init code that stores nothing.
    CHECK(bench.send(probe, command('n', Bytes{0x00})).receipt.output.size() == 20);
    CHECK(bench.send(probe, command('n', Bytes{0xfe})).receipt.output == Bytes{0});
}

TEST_CASE("endless loops, traps and deep recursion end the call and take its gas") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    const auto fails = [&](const Bytes& data, const std::string& why) {
        const auto run = bench.send(probe, data, 1'000'000);
        CHECK(run.receipt.error == why);
        CHECK(run.receipt.gas_used == 1'000'000);
        CHECK(run.receipt.output.empty());
    };
    fails(command('i'), "out of gas");
    fails(command('u'), "WebAssembly trap: unreachable");
    fails(command('o'), "WebAssembly trap: out of bounds memory access");
    fails(command('b'), "WebAssembly trap: out of bounds memory access");
    CHECK(bench.send(probe, command('p', Bytes{0, 200})).receipt.error == "");
    fails(command('p', Bytes{0xff, 0xff}), "WebAssembly trap: call stack exhausted");
}

TEST_CASE("calls nest as deep as gas allows, on the native stack too") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    const auto run = bench.send(probe, command('a'), 900'000'000);
    CHECK(run.receipt.error == "");
    REQUIRE(run.receipt.output.size() == 32);
    const auto depth = from_big_endian(run.receipt.output).low64();
    CHECK(depth > 300);
    CHECK(depth <= 1025);
    // Through the EVM in between.
    bench.world.put(proxy, {}, forwarder(probe));
    auto chain = command('e', text("end"));
    for (int i = 0; i < 40; ++i) chain = call_command('c', proxy, chain);
    CHECK(bench.send(proxy, chain, 900'000'000).receipt.error == "");
}

TEST_CASE("every call begins with the module's first memory") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    for (int i = 0; i < 3; ++i) CHECK(bench.send(probe, command('w')).receipt.output == word(1));
}

TEST_CASE("memory is paid for by the chunks that a call writes to, whatever it writes") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    const auto gas = [&](std::uint8_t chunks, std::uint8_t value) {
        const auto run = bench.send(probe, command('m', Bytes{0, chunks, value}));
        REQUIRE(run.receipt.error == "");
        return static_cast<std::int64_t>(run.receipt.gas_used);
    };
    constexpr std::int64_t chunk_gas = fuel_per_dirty_chunk / fuel_per_gas;
    // Of 159 and 160 chunks, which are as many pages: fuel is rounded to gas.
    for (const auto value : {std::uint8_t{0}, std::uint8_t{1}}) {
        const auto written = gas(160, value) - gas(159, value);
        CHECK(written >= chunk_gas - 1);
        CHECK(written <= chunk_gas + 8);
    }
    // Of 144 and 145, which are one page more.
    const auto grown = gas(145, 1) - gas(144, 1);
    CHECK(grown >= chunk_gas + fuel_per_grown_page / fuel_per_gas - 1);
    CHECK(grown <= chunk_gas + fuel_per_grown_page / fuel_per_gas + 8);
}

TEST_CASE("what host functions write is paid for as stores are") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    // Calldata of which all but the first byte are zeros, four gas each, is read for three gas a word.
    const auto used = [&](std::size_t size) {
        const auto run = bench.send(probe, command('g', Bytes(size)));
        REQUIRE(run.receipt.error == "");
        return 10'000'000 - static_cast<std::int64_t>(from_big_endian(run.receipt.output).low64()) -
               4 * static_cast<std::int64_t>(size);
    };
    for (const std::size_t size : {5'000U, 9'000U, 20'000U}) {
        const auto more = used(size + 4096) - used(size);
        CHECK(more >= fuel_per_dirty_chunk / fuel_per_gas + 3 * 4096 / 32 - 1);
        CHECK(more <= fuel_per_dirty_chunk / fuel_per_gas + 3 * 4096 / 32 + 1);
    }
}

TEST_CASE("a call holds no fuel for memory that it does not write to") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    // The intrinsic gas, an instance, two chunks and little more; the probe's memory has more than these.
    const auto left = [&](std::uint64_t gas) {
        const auto run = bench.send(probe, command('g'), gas);
        REQUIRE(run.receipt.error == "");
        return from_big_endian(run.receipt.output).low64();
    };
    CHECK(left(22'000) + 1'000 == left(23'000));
}

TEST_CASE("wherever a call's gas ends, all tiers agree") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    for (const auto& data : {command('m', Bytes{0, 20, 1}), command('s', Bytes(64))}) {
        const auto enough = bench.send(probe, data).receipt.gas_used;
        for (auto gas = std::max<std::uint64_t>(21'700, enough - 3'500); gas < enough; gas += 7) {
            const auto run = bench.send(probe, data, gas);
            CHECK(run.receipt.error == "out of gas");
            CHECK(run.receipt.gas_used == gas);
        }
    }
}

TEST_CASE("the README lists the host functions in their order, with their results") {
    std::ifstream stream{std::string(TROUPE_SOURCE_DIR) + "/vm/contract/README.md"};
    const std::string readme{std::istreambuf_iterator<char>{stream}, {}};
    std::size_t at = readme.find("## Host functions");
    for (const auto& function : host_functions()) {
        at = readme.find(fmt::format("\n| `{}` | ", function.name), at);
        REQUIRE_MESSAGE(at != std::string::npos, function.name);
        const auto line = readme.substr(at + 1, readme.find('\n', at + 1) - at - 1);
        const auto type = function_type(function.signature);
        CHECK_MESSAGE(type.results.empty() == (line.find("→") == std::string::npos), function.name);
    }
}

TEST_CASE("the clock is the block's and goes on with fuel") {
    const auto code = fixture("probe");
    if (!code) return;
    Bench bench;
    bench.world.put(probe, {}, *code);
    const auto run = bench.send(probe, command('T'));
    const auto now = from_big_endian(run.receipt.output).low64();
    CHECK(now > 5'000'000'000);
    CHECK(now < 5'001'000'000);
}

}  // namespace
}  // namespace troupe::contract
