// go-ethereum's vectors of EIP-2537 and of EIP-4844's point evaluation: outputs, prices, and inputs that must fail.
#include <chrono>
#include <cstdio>

#include "tests/conformance/data.hpp"
#include "vm/evm/precompiles_bls.hpp"

using namespace troupe;
using namespace troupe::evm;
namespace functions = troupe::evm::precompiles;

namespace {

struct Suite {
    const char* name;
    functions::Gas (*gas)(ByteView, Revision);
    functions::Output (*run)(ByteView, Revision);
};

constexpr Suite suites[] = {
    {"blsG1Add", functions::bls12_g1_add_gas, functions::bls12_g1_add},
    {"blsG1Mul", functions::bls12_g1_msm_gas, functions::bls12_g1_msm},
    {"blsG1MultiExp", functions::bls12_g1_msm_gas, functions::bls12_g1_msm},
    {"blsG2Add", functions::bls12_g2_add_gas, functions::bls12_g2_add},
    {"blsG2Mul", functions::bls12_g2_msm_gas, functions::bls12_g2_msm},
    {"blsG2MultiExp", functions::bls12_g2_msm_gas, functions::bls12_g2_msm},
    {"blsPairing", functions::bls12_pairing_gas, functions::bls12_pairing},
    {"blsMapG1", functions::bls12_map_fp_to_g1_gas, functions::bls12_map_fp_to_g1},
    {"blsMapG2", functions::bls12_map_fp2_to_g2_gas, functions::bls12_map_fp2_to_g2},
    {"pointEvaluation", functions::kzg_point_evaluation_gas, functions::kzg_point_evaluation},
};

int passed = 0;
int failed = 0;

void expect(bool condition, const std::string& suite, const nlohmann::json& test) {
    ++(condition ? passed : failed);
    if (!condition) std::printf("FAILED %s %s\n", suite.c_str(), test.at("Name").get<std::string>().c_str());
}

void run(const std::filesystem::path& folder, const Suite& suite) {
    const auto start = std::chrono::steady_clock::now();
    const auto file = folder / (std::string{suite.name} + ".json");
    for (const auto& test : conformance::read_json(file)) {
        const auto input = *from_hex(test.at("Input").get<std::string>());
        const auto output = suite.run(input, Revision::Prague);
        expect(output && to_hex(*output) == test.at("Expected").get<std::string>(), suite.name, test);
        expect(suite.gas(input, Revision::Prague) == test.at("Gas").get<std::int64_t>(), suite.name, test);
    }
    const auto failing = folder / ("fail-" + std::string{suite.name} + ".json");
    if (std::filesystem::exists(failing))
        for (const auto& test : conformance::read_json(failing))
            expect(!suite.run(*from_hex(test.at("Input").get<std::string>()), Revision::Prague), suite.name, test);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::printf("%-16s %.2f s\n", suite.name, elapsed.count());
}

}  // namespace

int main() {
    const auto folder = conformance::find_suite("precompiles");
    if (!folder) return 0;
    for (const auto& suite : suites) run(*folder, suite);
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
