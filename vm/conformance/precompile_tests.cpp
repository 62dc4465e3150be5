// Lists of inputs of one precompile, with its output and price, as go-ethereum keeps them. Which precompile, and
// whether the inputs must fail, is in the file's name; modexp's prices are of three revisions.
#include "vm/conformance/runner.hpp"
#include "vm/evm/precompiles.hpp"

namespace troupe::conformance {
namespace {

using evm::Revision;

struct Subject {
    std::string_view stem;
    std::uint16_t address;
    Revision revision = Revision::Osaka;
};

constexpr Subject subjects[] = {
    {"ecRecover", 0x01},
    {"modexp", 0x05, Revision::Byzantium},
    {"modexp_eip2565", 0x05, Revision::Berlin},
    {"modexp_eip7883", 0x05, Revision::Osaka},
    {"bn256Add", 0x06},
    {"bn256ScalarMul", 0x07},
    {"bn256Pairing", 0x08},
    {"blake2F", 0x09},
    {"blake2f", 0x09},
    {"pointEvaluation", 0x0a},
    {"blsG1Add", 0x0b},
    {"blsG1Mul", 0x0c},
    {"blsG1MultiExp", 0x0c},
    {"blsG2Add", 0x0d},
    {"blsG2Mul", 0x0e},
    {"blsG2MultiExp", 0x0e},
    {"blsPairing", 0x0f},
    {"blsMapG1", 0x10},
    {"blsMapG2", 0x11},
    {"p256Verify", 0x100},
};

[[nodiscard]] const evm::Precompile* find_subject(std::string_view stem, Revision& revision) {
    for (const auto& subject : subjects) {
        if (subject.stem != stem) continue;
        revision = subject.revision;
        Address address;
        address[18] = static_cast<std::uint8_t>(subject.address >> 8);
        address[19] = static_cast<std::uint8_t>(subject.address);
        return evm::find_precompile(address, revision);
    }
    return nullptr;
}

}  // namespace

bool run_precompile_file(FileRun& run, const JsonNode& root) {
    std::string_view stem = run.stem;
    const bool must_fail = stem.starts_with("fail-");
    if (must_fail) stem.remove_prefix(5);
    Revision revision{};
    const auto* precompile = find_subject(stem, revision);
    if (precompile == nullptr || !root.is_array()) return false;
    for (const auto& element : root.array()) {
        const JsonNode test{element, "test"};
        const std::string name{test["Name"].text()};
        if (!run.is_wanted(name) || (run.options.fork && *run.options.fork != revision)) {
            ++run.report.skipped;
            continue;
        }
        const auto input = test["Input"].bytes();
        const auto gas = precompile->gas(input, revision);
        // A price beyond all gas fails the call too.
        const auto output = gas ? precompile->run(input, revision) : std::nullopt;
        const auto got = output ? to_hex(*output) : "failure";
        std::vector<Difference> differences;
        if (must_fail) {
            if (output) differences.push_back({"output", "failure: " + std::string{test["ExpectedError"].text()}, got});
        } else {
            if (const auto expected = to_hex(test["Expected"].bytes()); got != expected)
                differences.push_back({"output", expected, got});
            const auto expected_gas = test["Gas"].integer();
            if (!gas || static_cast<std::uint64_t>(*gas) != expected_gas)
                differences.push_back({"gas", std::to_string(expected_gas), gas ? std::to_string(*gas) : "none"});
        }
        run.finish(name, std::move(differences));
    }
    return true;
}

}  // namespace troupe::conformance
