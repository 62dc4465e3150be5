// RFC 9380's vectors for BLS12-381: expand_message and the four suites.
#include <cstdio>

#include "runtime/crypto/bls12_381_hash.hpp"
#include "tests/conformance/data.hpp"

using namespace troupe;

namespace {

int passed = 0;
int failed = 0;

void expect(bool condition, const std::string& name) {
    ++(condition ? passed : failed);
    if (!condition) std::printf("FAILED %s\n", name.c_str());
}

void run_expansion(const nlohmann::json& suite, const std::string& file) {
    const auto tag = suite.at("DST").get<std::string>();
    for (const auto& test : suite.at("tests")) {
        const auto message = test.at("msg").get<std::string>();
        const auto size = std::stoul(test.at("len_in_bytes").get<std::string>(), nullptr, 16);
        const auto got = bls12_381::expand_message(as_bytes(message), as_bytes(tag), size);
        expect(to_hex(got) == test.at("uniform_bytes").get<std::string>(), file + " " + message);
    }
}

std::string hex(const bls12_381::Fp& a) { return "0x" + to_hex(a.to_bytes()); }
std::string hex(const bls12_381::Fp2& a) { return hex(a.c0) + "," + hex(a.c1); }

template <class Affine>
void run_hash(const nlohmann::json& suite, const std::string& file, Affine (*hash)(ByteView, ByteView)) {
    const auto tag = suite.at("dst").get<std::string>();
    for (const auto& test : suite.at("vectors")) {
        const auto message = test.at("msg").get<std::string>();
        const auto got = hash(as_bytes(message), as_bytes(tag));
        expect(hex(got.x) == test.at("P").at("x").get<std::string>() &&
                   hex(got.y) == test.at("P").at("y").get<std::string>(),
               file + " " + message.substr(0, 40));
    }
}

}  // namespace

int main() {
    const auto folder = conformance::find_suite("bls/hash_to_curve");
    if (!folder) return 0;
    for (const auto& entry : std::filesystem::directory_iterator{*folder}) {
        const auto file = entry.path().filename().string();
        const auto suite = conformance::read_json(entry.path());
        if (file.starts_with("expand_message_xmd")) run_expansion(suite, file);
        if (file.starts_with("BLS12381G1") && file.find("_RO_") != file.npos)
            run_hash(suite, file, bls12_381::hash_to_g1);
        if (file.starts_with("BLS12381G1") && file.find("_NU_") != file.npos)
            run_hash(suite, file, bls12_381::encode_to_g1);
        if (file.starts_with("BLS12381G2") && file.find("_RO_") != file.npos)
            run_hash(suite, file, bls12_381::hash_to_g2);
        if (file.starts_with("BLS12381G2") && file.find("_NU_") != file.npos)
            run_hash(suite, file, bls12_381::encode_to_g2);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
