#include "deploy/cluster/scale.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

const std::string hosts =
    "[[host]]\nname = \"alpha\"\naddress = \"10.0.0.1\"\nlabels = [\"fast\"]\n"
    "[[host]]\nname = \"beta\"\naddress = \"10.0.0.2\"\nlabels = [\"fast\", \"big\"]\n"
    "[[host]]\nname = \"gamma\"\naddress = \"10.0.0.3\"\nagent_port = 9999\n";
const std::string roles = "roles = [\"consensus\", \"chunk_builder\", \"chunk_signer\", \"executor\", \"vm_pool\"]\n";
const std::string gateway =
    "[[node]]\nname = \"gateway\"\ncount = 1\nroles = [\"gateway\", \"executor\", \"vm_pool\"]\n";

[[nodiscard]] Manifest parsed(const std::string& text) {
    const auto report = parse_manifest(text, "test");
    std::string all;
    for (const auto& fault : report.faults) all += format_fault(fault, text, "test");
    REQUIRE_MESSAGE(report.ok(), all);
    return report.manifest;
}

[[nodiscard]] std::vector<std::string> placement(const std::string& how) {
    std::vector<std::string> out;
    for (const auto& node : parsed(hosts + "[[node]]\nname = \"v\"\ncount = 4\n" + how + roles).nodes)
        out.push_back(node.host);
    return out;
}

[[nodiscard]] std::string fault_of(const std::string& text) {
    const auto report = parse_manifest(text, "test");
    for (const auto& fault : report.faults)
        if (!fault.is_warning) return fault.field + ": " + fault.message;
    return "";
}

}  // namespace

TEST_CASE("nodes are placed by host, by turns, by count, by label, and over all hosts when nothing is said") {
    using Names = std::vector<std::string>;
    CHECK(placement("host = \"beta\"\n") == Names{"beta", "beta", "beta", "beta"});
    CHECK(placement("hosts = [\"beta\", \"gamma\"]\n") == Names{"beta", "gamma", "beta", "gamma"});
    CHECK(placement("hosts = { alpha = 3, gamma = 1 }\n") == Names{"alpha", "alpha", "alpha", "gamma"});
    CHECK(placement("label = \"fast\"\n") == Names{"alpha", "beta", "alpha", "beta"});
    CHECK(placement("") == Names{"alpha", "beta", "gamma", "alpha"});
    CHECK(placement("host = \"local\"\n") == Names{"local", "local", "local", "local"});
    const auto manifest = parsed(hosts + "[[node]]\nname = \"v\"\ncount = 4\n" + roles);
    CHECK(manifest.nodes[1].address == "10.0.0.2");
    CHECK(manifest.hosts[2].agent_port == 9999);
}

TEST_CASE("a placement that can't be is a fault that names what there is") {
    const auto v = "[[node]]\nname = \"v\"\ncount = 4\n";
    CHECK(fault_of(hosts + v + "host = \"bta\"\n" + roles).find("did you mean \"beta\"") != std::string::npos);
    CHECK(fault_of(hosts + v + "label = \"slow\"\n" + roles).find("no [[host]] has the label") != std::string::npos);
    CHECK(fault_of(hosts + v + "hosts = { alpha = 3 }\n" + roles).find("take 3 nodes, count says 4") !=
          std::string::npos);
    CHECK_FALSE(fault_of(hosts + v + "host = \"alpha\"\nlabel = \"big\"\n" + roles).empty());
    CHECK_FALSE(fault_of(v + ("host = \"alpha\"\n" + roles)).empty());
    CHECK_FALSE(fault_of("[[host]]\nname = \"local\"\naddress = \"10.0.0.1\"\n" + (v + roles)).empty());
    CHECK_FALSE(fault_of("[[host]]\nname = \"a\"\naddress = \"localhost\"\n" + (v + roles)).empty());
    CHECK_FALSE(fault_of("[[host]]\nname = \"a\"\n" + (v + roles)).empty());
    CHECK_FALSE(fault_of(hosts + "[[host]]\nname = \"alpha\"\naddress = \"10.0.0.9\"\n" + v + roles).empty());
}

TEST_CASE("a port may be taken on two hosts, and not twice on one") {
    const auto two = [&](const std::string& a, const std::string& b) {
        return fault_of(hosts + "[[node]]\nname = \"a\"\nlink_port = 9000\nhost = \"" + a + "\"\n" + roles +
                        "[[node]]\nname = \"b\"\nlink_port = 9000\nhost = \"" + b + "\"\n" + roles);
    };
    CHECK(two("alpha", "beta").empty());
    CHECK(two("alpha", "alpha").find("port 9000 of b is used by a too") != std::string::npos);
}

TEST_CASE("a written-out manifest with hosts parses to itself") {
    const auto manifest = parsed(hosts + "[[node]]\nname = \"v\"\ncount = 4\n" + roles + gateway);
    CHECK(parsed(to_toml(manifest)) == manifest);
}

TEST_CASE("scaling up adds nodes like the others, with names and ports of their own, where there is most room") {
    const auto before = parsed(hosts + "[[node]]\nname = \"v\"\ncount = 4\n" + roles + gateway);
    const auto more = scaled(before, {"gateway", 3, ""});
    REQUIRE(more.ok());
    CHECK(more->added == std::vector<std::string>{"gateway-2", "gateway-3"});
    CHECK(more->manifest.nodes[5].host == "beta");
    CHECK(more->manifest.nodes[6].host == "gamma");
    CHECK(more->manifest.nodes[6].address == "10.0.0.3");
    CHECK(parsed(to_toml(more->manifest)) == more->manifest);
    const auto there = scaled(before, {"gateway", 2, "beta"});
    CHECK(there->manifest.nodes[5].host == "beta");
    CHECK(scaled(before, {"gateway", 1, ""})->manifest == before);
}

TEST_CASE("scaling down takes the youngest, on the named host first") {
    const auto three =
        scaled(parsed(hosts + "[[node]]\nname = \"v\"\ncount = 4\n" + roles + gateway), {"gateway", 3, ""});
    REQUIRE(three.ok());
    CHECK(scaled(three->manifest, {"gateway", 1, ""})->removed == std::vector<std::string>{"gateway-3", "gateway-2"});
    CHECK(scaled(three->manifest, {"gateway", 2, "beta"})->removed == std::vector<std::string>{"gateway-2"});
    // A name that has become free is used again.
    const auto less = scaled(three->manifest, {"gateway", 2, "beta"});
    CHECK(scaled(less->manifest, {"gateway", 3, ""})->added == std::vector<std::string>{"gateway-2"});
}

TEST_CASE("the pool of VM workers is scaled by nodes that have no other role") {
    const auto before = parsed(hosts + "[[node]]\nname = \"v\"\ncount = 4\n" + roles + gateway);
    const auto more = scaled(before, {"vm_pool", 2, "gamma"});
    REQUIRE(more.ok());
    CHECK(more->added == std::vector<std::string>{"worker-1", "worker-2"});
    CHECK(more->manifest.nodes.size() == 7);
    CHECK(more->manifest.nodes[6].is_worker());
    CHECK(more->manifest.nodes[6].host == "gamma");
    CHECK_FALSE(before.nodes[4].is_worker());
    CHECK(parsed(to_toml(more->manifest)) == more->manifest);
    CHECK(scaled(more->manifest, {"vm_pool", 1, ""})->removed == std::vector<std::string>{"worker-2"});
    CHECK(fault_of("[[node]]\nname = \"v\"\n" + roles +
                   "[[node]]\nname = \"w\"\nroles = [\"vm_pool\", \"metadata_node\"]\n")
              .find("vm_pool without executor makes a worker, which can have no other role") != std::string::npos);
}

TEST_CASE("what can't be scaled or moved is refused with what was probably meant") {
    const auto manifest = parsed(hosts + "[[node]]\nname = \"v\"\ncount = 4\n" + roles + gateway);
    CHECK(scaled(manifest, {"gatway", 2, ""}).error().message.find("did you mean \"gateway\"") != std::string::npos);
    CHECK(scaled(manifest, {"consensus", 5, ""}).error().message.find("the genesis fixes") != std::string::npos);
    CHECK(scaled(manifest, {"gateway", 2, "alpa"}).error().message.find("did you mean \"alpha\"") != std::string::npos);
    CHECK(moved(manifest, "v-9", "alpha").error().code == ErrorCode::not_found);
    CHECK(moved(manifest, "v-1", "nowhere-at-all-known").error().code == ErrorCode::not_found);
    // Where nodes of other hosts could not reach it.
    CHECK(moved(manifest, "v-1", "local").error().code == ErrorCode::invalid);
    CHECK(scaled(manifest, {"gateway", 2, "local"}).error().message.find("listen on 127.0.0.1") != std::string::npos);
    CHECK(scaled(parsed("[[node]]\nname = \"v\"\ncount = 4\n" + roles + gateway), {"gateway", 2, "local"}).ok());
    const auto there = moved(manifest, "v-1", "gamma");
    REQUIRE(there.ok());
    CHECK(there->nodes[0].host == "gamma");
    CHECK(there->nodes[0].address == "10.0.0.3");
    CHECK(parsed(to_toml(*there)) == *there);
}
