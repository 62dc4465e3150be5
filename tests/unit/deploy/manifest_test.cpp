#include "deploy/manifest/manifest.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {
[[nodiscard]] const ManifestFault* fault_at(const ManifestReport& report, std::size_t line, std::size_t column) {
    for (const auto& fault : report.faults)
        if (fault.line == line && fault.column == column) return &fault;
    return nullptr;
}
}  // namespace

TEST_CASE("the built-in manifest is in order: four validators, a gateway and the services, ports given out") {
    const auto report = parse_manifest(builtin_manifest(), "built-in");
    CHECK(report.faults.empty());
    const auto& m = report.manifest;
    CHECK(m.validators() == 4);
    REQUIRE(m.nodes.size() == 10);
    std::vector<std::string> names;
    for (std::size_t i = 4; i < 10; ++i) names.push_back(m.nodes[i].name);
    CHECK(names ==
          std::vector<std::string>{"gateway-1", "storage-1", "metadata-1", "metadata-2", "batch-1", "arbiter"});
    CHECK(m.nodes[0].services().empty());
    CHECK(m.nodes[4].services() == std::vector{Service::chain});
    CHECK(m.nodes[5].services() == std::vector{Service::chain, Service::storage});
    CHECK(m.nodes[6].services() == std::vector{Service::metadata});
    CHECK(m.nodes[6].runs_beside_the_chain());
    CHECK_FALSE(m.nodes[5].runs_beside_the_chain());
    CHECK(m.nodes[0].name == "validator-1");
    CHECK(m.nodes[4].rpc_port == 8545);
    CHECK(m.nodes[3].link_port == 9703);
    ChainParameters defaults;
    defaults.chain_id = 74123;
    CHECK(m.chain == defaults);
}

TEST_CASE("all faults are reported at once, each at its line and column, with the nearest name") {
    const auto report = parse_manifest(
        "name = \"x\"\n"
        "[chain]\n"
        "chian_id = 5\n"
        "rules = \"troup\"\n"
        "view_time_ms = \"fast\"\n"
        "[[node]]\n"
        "name = \"a\"\n"
        "roles = [\"gatway\", \"executor\"]\n",
        "f");
    CHECK_FALSE(report.ok());
    REQUIRE(fault_at(report, 3, 1) != nullptr);
    CHECK(fault_at(report, 3, 1)->message.find("did you mean \"chain_id\"") != std::string::npos);
    REQUIRE(fault_at(report, 4, 9) != nullptr);
    CHECK(fault_at(report, 4, 9)->message.find("did you mean \"troupe\"") != std::string::npos);
    REQUIRE(fault_at(report, 5, 16) != nullptr);
    CHECK(fault_at(report, 5, 16)->message.find("found text") != std::string::npos);
    REQUIRE(fault_at(report, 8, 10) != nullptr);
    CHECK(fault_at(report, 8, 10)->message.find("did you mean \"gateway\"") != std::string::npos);
}

TEST_CASE("what would not work is refused before anything starts") {
    const auto refuses = [](const std::string& text) { return !parse_manifest(text, "f").ok(); };
    const std::string validator =
        "[[node]]\nname = \"v\"\nroles = [\"consensus\", \"chunk_builder\", \"chunk_signer\", \"executor\", "
        "\"vm_pool\"]\n";
    CHECK_FALSE(refuses(validator));
    CHECK(refuses(""));
    CHECK(refuses(validator + validator));                                // one name twice
    CHECK(refuses("[[node]]\nname = \"v\"\nroles = [\"consensus\"]\n"));  // lacks the other roles
    CHECK(refuses("[[node]]\nname = \"g\"\nroles = [\"gateway\", \"executor\", \"vm_pool\"]\n"));  // no validator
    CHECK(refuses("[chain]\nchain_id = 1\n" + validator));
    CHECK(refuses("[chain]\nchain_id = 31337\n" + validator));
    CHECK(refuses("[chain]\nchunk_lifetime_ms = 9000\n" + validator));
    CHECK(refuses("[[account]]\naddress = \"0x12\"\n" + validator));
    CHECK(refuses("name = \"a b\"\n" + validator));
    CHECK(refuses(validator + "[[node]]\nname = \"../x\"\nroles = [\"gateway\", \"executor\", \"vm_pool\"]\n"));
    CHECK(refuses("not toml"));
    CHECK_FALSE(refuses(validator + "[[node]]\nname = \"a\"\nroles = [\"arbiter\"]\n"));
    CHECK(refuses(validator + "[[node]]\nname = \"a\"\ncount = 2\nroles = [\"arbiter\"]\n"));
    CHECK(refuses(validator + "[[node]]\nname = \"s\"\nroles = [\"storage_node\"]\n"));  // it follows the chain
    CHECK(
        refuses("[[node]]\nname = \"v\"\nroles = [\"consensus\", \"chunk_builder\", \"chunk_signer\", \"executor\", "
                "\"vm_pool\", \"arbiter\"]\n"));
}

TEST_CASE("a fault is shown with its line and a caret under the place") {
    const std::string text = "name = \"x\"\nfoo = 1\n";
    const auto report = parse_manifest(text, "m.toml");
    REQUIRE(fault_at(report, 2, 1) != nullptr);
    const auto shown = format_fault(*fault_at(report, 2, 1), text, "m.toml");
    CHECK(shown.find("m.toml:2:1: error: foo: unknown key") == 0);
    CHECK(shown.find("2 | foo = 1\n    | ^\n") != std::string::npos);
}

TEST_CASE("a node that names no ports keeps those it has, and the new one gets others") {
    const std::string text =
        "[[node]]\nname = \"v\"\nroles = [\"consensus\", \"chunk_builder\", \"chunk_signer\", \"executor\", "
        "\"vm_pool\"]\n"
        "[[node]]\nname = \"g\"\ncount = 2\nroles = [\"gateway\", \"executor\", \"vm_pool\"]\n"
        "[[node]]\nname = \"x\"\nroles = [\"executor\", \"vm_pool\"]\n";
    const auto manifest =
        parse_manifest(text, "m.toml", {{"v", {9700, 0}}, {"g-1", {9701, 8545}}, {"x", {9702, 0}}}).manifest;
    REQUIRE(manifest.nodes.size() == 4);
    CHECK(manifest.nodes[0].link_port == 9700);
    CHECK(manifest.nodes[1].link_port == 9701);
    CHECK(manifest.nodes[2].link_port == 9703);
    CHECK(manifest.nodes[2].rpc_port == 8546);
    CHECK(manifest.nodes[3].link_port == 9702);
}
