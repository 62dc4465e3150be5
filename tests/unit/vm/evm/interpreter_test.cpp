// The interpreter's loops against each other: the exact one, which cold code and traced code run in, and the one over
// translated blocks, which hot code runs in.
#include <random>

#include <doctest/doctest.h>
#include <pthread.h>

#include "vm/evm/opcodes.hpp"
#include "world.hpp"

namespace troupe::evm::testing {
namespace {

/// Sees nothing, but has the code run in the traced loop.
class Onlooker final : public Tracer {};

void check_equal(const Run& a, const Run& b) {
    CHECK(a.receipt.succeeded == b.receipt.succeeded);
    CHECK(a.receipt.reverted == b.receipt.reverted);
    CHECK(a.receipt.gas_used == b.receipt.gas_used);
    CHECK(a.receipt.output == b.receipt.output);
    CHECK(a.receipt.logs == b.receipt.logs);
    CHECK(a.diff == b.diff);
}

/// Runs until the code is hot enough to be translated, and once more.
[[nodiscard]] Run execute_hot(World& world, std::uint64_t gas, Bytes data = {}) {
    AnalysisCache codes;
    const auto hash = world.accounts.at(target).code_hash;
    const auto analyzed = codes.get(hash, *world.codes.at(hash));
    analyzed->add_heat(1'000'000);
    REQUIRE(analyzed->translate_for(Revision::Osaka) != nullptr);
    return execute(world, gas, codes, nullptr, std::move(data));
}

/// Code that mostly keeps its stack filled, with jumps, memory, storage, logs and calls to itself.
[[nodiscard]] Bytes random_code(std::mt19937_64& random) {
    Bytes code;
    const auto pick = [&](std::size_t n) { return static_cast<std::uint8_t>(random() % n); };
    const auto push = [&](std::uint64_t value) {
        if (value < 256) {
            code.insert(code.end(), {PUSH1, static_cast<std::uint8_t>(value)});
        } else {
            code.push_back(PUSH32);
            for (int i = 0; i < 32; ++i) code.push_back(static_cast<std::uint8_t>(random()));
        }
    };
    static constexpr std::uint8_t words[] = {ADD, MUL, SUB, DIV, SDIV, MOD, SMOD, SIGNEXTEND, LT,  GT,
                                             SLT, SGT, EQ,  AND, OR,   XOR, BYTE, SHL,        SHR, SAR};
    static constexpr std::uint8_t others[] = {ISZERO, NOT,       CLZ,          POP,    DUP1,   DUP1 + 1, DUP1 + 2,
                                              SWAP1,  SWAP1 + 1, PC,           MSIZE,  GAS,    CALLER,   JUMPDEST,
                                              SLOAD,  MLOAD,     CALLDATALOAD, ADDMOD, MULMOD, EXP};
    // Something to work on.
    for (int i = 0; i < 12; ++i) push(random() % 300);
    const auto size = 40 + random() % 100;
    while (code.size() < size) {
        switch (pick(16)) {
            case 0:
            case 1:
            case 2:
            case 3: push(random() % 4 == 0 ? 1000 : random() % 256); break;
            case 4:
            case 5:
            case 6: code.push_back(words[pick(std::size(words))]); break;
            case 7:
            case 8:
            case 9: code.push_back(others[pick(std::size(others))]); break;
            case 10: code.insert(code.end(), 1 + pick(5), JUMPDEST); break;
            case 11: {
                push(random() % size);
                code.push_back(random() % 2 == 0 ? JUMPI : JUMP);
                break;
            }
            case 12: {
                push(random() % 200);
                code.push_back(random() % 3 == 0 ? MSTORE8 : MSTORE);
                break;
            }
            case 13: {
                push(random() % 4);
                code.push_back(SSTORE);
                break;
            }
            case 14: {
                for (int i = 0; i < 3; ++i) push(random() % 64);
                code.push_back(random() % 2 == 0 ? LOG1 : KECCAK256);
                break;
            }
            default: {
                for (int i = 0; i < 4; ++i) push(random() % 32);
                push(0);
                code.insert(code.end(), {ADDRESS, GAS, random() % 2 == 0 ? CALL : DELEGATECALL});
                break;
            }
        }
    }
    if (random() % 8 == 0) code.push_back(static_cast<std::uint8_t>(random()));
    for (const auto byte : {PUSH1, Opcode{64}, PUSH1, Opcode{0}, random() % 4 == 0 ? REVERT : RETURN})
        code.push_back(byte);
    return code;
}

}  // namespace

TEST_CASE("random programs end alike in every loop, with any amount of gas") {
    std::mt19937_64 random{20'240'601};
    int ended_well = 0;
    for (int i = 0; i < 3000; ++i) {
        World world;
        world.put(sender, uint256{1} << 100);
        world.put(target, uint256{1000}, random_code(random));
        const auto gas = 21'000 + random() % (random() % 2 == 0 ? 400 : 60'000);
        AnalysisCache cold;
        Onlooker onlooker;
        const auto exact = execute(world, gas, cold);
        CAPTURE(to_hex(*world.codes.at(world.accounts.at(target).code_hash)));
        CAPTURE(gas);
        CAPTURE(exact.receipt.error);
        check_equal(exact, execute_hot(world, gas));
        check_equal(exact, execute(world, gas, cold, &onlooker));
        ended_well += exact.receipt.succeeded ? 1 : 0;
    }
    CHECK(ended_well > 100);
}

TEST_CASE("a loop that grows hot goes on where it was, and sees the exact gas") {
    World world;
    world.put(sender, uint256{});
    // i = 1000; do { s += gas } while (--i); return s
    world.put(target, uint256{}, *from_hex("60006103e85b905a019060019003806005575060005260206000f3"));
    AnalysisCache codes;
    Onlooker onlooker;
    const auto first = execute(world, 1'000'000, codes);
    CHECK(first.receipt.succeeded);
    check_equal(first, execute(world, 1'000'000, codes, &onlooker));
    check_equal(first, execute(world, 1'000'000, codes));
    check_equal(first, execute_hot(world, 1'000'000));
}

TEST_CASE("errors inside of a block are told apart, as if each instruction were checked by itself") {
    struct Case {
        const char* code;
        std::uint64_t gas;
        const char* error;
    };
    static constexpr Case cases[] = {
        {"6001600101010101", 100'000, "stack underflow"},
        {"600160010101", 21'007, "out of gas"},
        {"60016001010c", 100'000, "invalid opcode: opcode 0x0c not defined"},
        {"6001600101fe", 100'000, "invalid opcode: INVALID"},
        {"600456", 100'000, "invalid jump destination"},
        {"5b6001600056", 10'000'000, "stack limit reached 1024"},
        {"3d6001013e", 100'000, "stack underflow"},
        {"60016000803e", 100'000, "return data out of bounds"},
    };
    for (const auto& [code, gas, error] : cases) {
        World world;
        world.put(sender, uint256{});
        world.put(target, uint256{}, *from_hex(code));
        AnalysisCache codes;
        CAPTURE(code);
        CHECK(execute(world, gas, codes).receipt.error == error);
        CHECK(execute_hot(world, gas).receipt.error == error);
    }
}

TEST_CASE("calls nest to their limit, on a thread with an ordinary stack and on one with a small one") {
    World world;
    world.put(sender, uint256{});
    // Counts itself in storage, sstore(0, sload(0) + 1), and calls itself with all gas.
    world.put(target, uint256{}, *from_hex("60005460010160005560006000600060006000305af100"));
    struct Task {
        World& world;
        Run run;
    };
    const auto run = [](void* argument) -> void* {
        auto& task = *static_cast<Task*>(argument);
        AnalysisCache codes;
        task.run = execute(task.world, 900'000'000'000, codes);
        return nullptr;
    };
    for (const std::size_t stack : {std::size_t{8} << 20, std::size_t{1} << 20}) {
        Task task{world, {}};
        pthread_attr_t attributes;
        REQUIRE(::pthread_attr_init(&attributes) == 0);
        REQUIRE(::pthread_attr_setstacksize(&attributes, stack) == 0);
        pthread_t thread;
        REQUIRE(::pthread_create(&thread, &attributes, run, &task) == 0);
        ::pthread_join(thread, nullptr);
        ::pthread_attr_destroy(&attributes);
        REQUIRE(task.run.receipt.succeeded);
        int found = 0;
        for (const auto& change : task.run.diff.accounts) {
            if (change.address != target) continue;
            ++found;
            CHECK(change.storage.front().second == uint256{1025});
        }
        CHECK(found == 1);
    }
}

}  // namespace troupe::evm::testing
