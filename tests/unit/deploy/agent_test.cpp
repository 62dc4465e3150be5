// An agent in this process, and hosts that reach it over the operator's link.
#include "deploy/agent/agent.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/cluster/cluster.hpp"
#include "deploy/host/remote_host.hpp"
#include "deploy/keys/authority.hpp"
#include "deploy/version.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/rpc/server.hpp"

using namespace troupe;

namespace {

struct Fixture {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("troupe-agent-test-" + std::to_string(::getpid()));
    Authority authority = make_authority();
    std::unique_ptr<Agent> agent = start();

    Fixture() = default;
    ~Fixture() {
        agent.reset();
        std::filesystem::remove_all(path);
    }

    [[nodiscard]] Authority make_authority() const {
        std::filesystem::remove_all(path);
        auto made = Authority::create(path / "ca", "acme", 10);
        REQUIRE(made.ok());
        return std::move(*made);
    }
    [[nodiscard]] AgentOptions options() const {
        return {path / "agent", path / "alpha.pem", "127.0.0.1", 0, "/bin/sleep"};
    }
    [[nodiscard]] std::unique_ptr<Agent> start() const {
        const auto credentials = authority.issue("alpha", operator_link::Kind::agent, 300);
        REQUIRE(credentials.ok());
        REQUIRE(write_text_file(options().credentials_file, operator_link::to_bundle(*credentials), true).ok());
        auto started = Agent::start(options());
        REQUIRE_MESSAGE(started.ok(), started.error().message);
        return std::move(*started);
    }
    [[nodiscard]] std::unique_ptr<RemoteHost> host(const std::string& cluster = "c") const {
        const auto credentials = authority.commander();
        REQUIRE(credentials.ok());
        return std::move(*RemoteHost::create(*credentials, "alpha", "127.0.0.1", agent->port(), cluster));
    }
};

[[nodiscard]] NodePackage package(const std::string& name) {
    NodePackage package;
    package.config.name = name;
    package.config.roles = {"executor"};
    package.config.link_host = "127.0.0.1";
    package.config.link_port = 1;
    package.genesis = "{}";
    package.identity = std::string(64, 'a');
    return package;
}

}  // namespace

TEST_CASE("what the command line asks of a host is done there by its agent, each cluster apart") {
    const Fixture f;
    const auto host = f.host();
    REQUIRE(host->install(package("n")).ok());
    const auto identity = f.path / "agent" / "c" / "nodes" / "n" / "identity";
    struct stat facts {};
    REQUIRE(::stat(identity.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    const auto states = host->states({"n", "other"});
    REQUIRE(states.ok());
    CHECK((*states)[0].state == "stopped");
    CHECK((*states)[1].name == "other");
    REQUIRE(host->write_data("n", "chain.db", 0, Bytes(100, 1)).ok());
    CHECK(*host->data_files("n") == std::vector<std::string>{"chain.db"});
    CHECK(host->read_data("n", "chain.db", 40)->bytes.size() == 60);
    CHECK(f.host("d")->data_files("n").error().code == ErrorCode::io);
    CHECK(host->reload("n").error().code == ErrorCode::not_found);
    CHECK(*host->stop({"n"}) == 0);
    CHECK(host->facts()->clusters == std::vector<std::string>{"c", "d"});
    REQUIRE(host->remove("n").ok());
    CHECK_FALSE(std::filesystem::exists(identity));
}

TEST_CASE("names that are paths are refused") {
    const Fixture f;
    CHECK_FALSE(f.host("../c")->states({"n"}).ok());
    CHECK_FALSE(f.host()->states({"../n"}).ok());
    CHECK_FALSE(f.host()->install(package("../n")).ok());
    CHECK_FALSE(f.host()->write_data("n", "../../x", 0, {}).ok());
    CHECK_FALSE(f.host()->remove("..").ok());
}

TEST_CASE("a node's or an agent's certificate can't tell an agent what to do") {
    const Fixture f;
    for (const auto kind : {operator_link::Kind::node, operator_link::Kind::agent}) {
        const auto credentials = f.authority.issue("other", kind, 5);
        auto host = std::move(*RemoteHost::create(*credentials, "alpha", "127.0.0.1", f.agent->port(), "c"));
        const auto refused = host->stop({"n"});
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().code == ErrorCode::unauthorized);
        CHECK_FALSE(host->install(package("n")).ok());
        CHECK_FALSE(host->read_data("n", "state.db", 0).ok());
        // Gateways show all hosts.
        CHECK(host->states({"n"}).ok() == (kind == operator_link::Kind::node));
        const auto mine = f.authority.issue("alpha", operator_link::Kind::agent, 5);
        CHECK_FALSE(host->give_credentials(*mine).ok());
    }
    CHECK_FALSE(std::filesystem::exists(f.path / "agent" / "c" / "nodes" / "n"));
}

TEST_CASE("an agent shows what its nodes' inspection endpoints show, and nothing else of its host") {
    const Fixture f;
    const auto host = f.host();
    REQUIRE(host->install(package("n")).ok());
    const auto directory = f.path / "agent" / "c" / "nodes" / "n";
    struct Page final : rpc::Handler {
        void handle(const std::shared_ptr<rpc::Peer>&, rpc::Request, rpc::Respond) override {}
        void on_closed(std::uint64_t) override {}
        std::optional<rpc::HttpAnswer> on_get(std::string_view path) override {
            return rpc::HttpAnswer{200, "application/json", "\"" + std::string{path} + "\""};
        }
    };
    const auto server = rpc::Server::start({}, std::make_shared<Page>());
    REQUIRE(server.ok());
    REQUIRE(write_text_file(directory / "inspect.port", std::to_string((*server)->port())).ok());
    // The port of a node that does not run is somebody else's by now.
    CHECK(host->look({"n"}, "/inspect", 2500)->front().status == 0);
    const auto process = start_process({"/bin/sleep", "100"}, directory / "node.log");
    REQUIRE(process.ok());
    REQUIRE(write_text_file(directory / "process.json", to_json_value(*process).dump()).ok());
    const auto views = host->look({"unknown", "n"}, "/inspect", 2500);
    REQUIRE(views.ok());
    CHECK((*views)[0].status == 0);
    CHECK((*views)[1].status == 200);
    CHECK((*views)[1].body == "\"/inspect\"");
    CHECK_FALSE(host->look({"n"}, "/inspect HTTP/1.1\r\nX: y", 1000).ok());
    CHECK_FALSE(host->look({"../n"}, "/inspect", 1000).ok());
    REQUIRE(host->stop({"n"}).ok());
}

TEST_CASE("an agent of another version is found out before anything is asked of it, and calls it can't read say so") {
    const Fixture f;
    operator_link::ServerOptions options;
    const auto old =
        operator_link::Server::start(options, *f.authority.issue("beta", operator_link::Kind::agent, 5),
                                     [](operator_link::Caller&, const std::string& method, ByteView) -> Result<Bytes> {
                                         if (method != host_method::facts)
                                             return make_error(ErrorCode::malformed, "wrong number of fields");
                                         AgentFacts facts;
                                         facts.name = "beta";
                                         facts.version = "0.0.9";
                                         return encode(facts);
                                     });
    REQUIRE(old.ok());
    // A cluster with a node there.
    ::setenv("TROUPE_CA", (f.path / "ca").c_str(), 1);
    ClusterState state;
    state.name = "c";
    state.hosts = {{"beta", "127.0.0.1", (*old)->port(), {}}};
    REQUIRE(write_text_file(f.path / "cluster.json", to_json_value(state).dump()).ok());
    const auto status = Cluster{f.path}.renew_agents();
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().message == "host beta: its agent is troupe 0.0.9, this is " + std::string{node_version} +
                                        ": run the same version on both");
    auto host = std::move(*RemoteHost::create(*f.authority.commander(), "beta", "127.0.0.1", (*old)->port(), "c"));
    CHECK(host->states({"n"}).error().message.find("does its agent run another version of troupe?") !=
          std::string::npos);
    ::unsetenv("TROUPE_CA");
}

TEST_CASE("a node that ends by itself is started again; one that was stopped is not") {
    const Fixture f;
    const auto host = f.host();
    REQUIRE(host->install(package("n")).ok());
    // A process of ours in the node's place, which then dies.
    const auto directory = f.path / "agent" / "c" / "nodes" / "n";
    const auto process = start_process({"/bin/sleep", "100"}, directory / "node.log");
    REQUIRE(process.ok());
    REQUIRE(write_text_file(directory / "process.json", to_json_value(*process).dump()).ok());
    f.agent->look_after();
    CHECK(host->states({"n"})->front().restarts == 0);
    REQUIRE(send_signal(*process, SIGKILL));
    for (int i = 0; i < 20'000 && host->states({"n"})->front().restarts == 0; ++i) {
        f.agent->look_after();
        ::usleep(1000);
    }
    CHECK(host->states({"n"})->front().restarts >= 1);
    REQUIRE(host->stop({"n"}).ok());
    f.agent->look_after();
    CHECK(host->states({"n"})->front().state == "stopped");
}

TEST_CASE("an agent takes its new certificate and keeps it, and refuses one that is not its own") {
    Fixture f;
    const auto before = f.host()->facts();
    REQUIRE(before.ok());
    REQUIRE(f.authority.rotate(10).ok());
    CHECK(f.authority.trusted()->size() == 2);
    CHECK_FALSE(f.host()->give_credentials(*f.authority.issue("beta", operator_link::Kind::agent, 5)).ok());
    REQUIRE(f.host()->give_credentials(*f.authority.issue("alpha", operator_link::Kind::agent, 5)).ok());
    const auto after = f.host()->facts();
    REQUIRE(after.ok());
    CHECK(after->certificate != before->certificate);
    CHECK(after->trust.size() == 2);
    REQUIRE(f.authority.finish_rotation().ok());
    REQUIRE(f.host()->give_credentials(*f.authority.issue("alpha", operator_link::Kind::agent, 5)).ok());
    CHECK(f.host()->facts()->trust.size() == 1);
    f.agent.reset();
    f.agent = std::move(*Agent::start(f.options()));
    CHECK(f.host()->facts()->trust.size() == 1);
}

TEST_CASE("an agent that was told of a revocation refuses that certificate, and the command line's own is replaced") {
    Fixture f;
    const auto stolen = *f.authority.commander();
    const auto thief = [&] {
        return std::move(*RemoteHost::create(stolen, "alpha", "127.0.0.1", f.agent->port(), "c"))->facts();
    };
    REQUIRE(thief().ok());
    CHECK_FALSE(f.authority.revoke("nobody").ok());
    const auto revoked = f.authority.revoke("commander");
    REQUIRE(revoked.ok());
    CHECK(revoked->size() == 1);
    CHECK_FALSE(f.authority.revoke(revoked->front().fingerprint).ok());
    const auto told = f.host()->give_credentials(*f.authority.issue("alpha", operator_link::Kind::agent, 5));
    REQUIRE_MESSAGE(told.ok(), told.error().message);
    const auto refused = thief();
    REQUIRE_FALSE(refused.ok());
    CHECK_MESSAGE(refused.error().message.find("revoked") != std::string::npos, refused.error().message);
    // The list outlives the rotation of the authority.
    REQUIRE(f.authority.rotate(10).ok());
    REQUIRE(f.host()->give_credentials(*f.authority.issue("alpha", operator_link::Kind::agent, 5)).ok());
    CHECK(f.host()->facts().ok());
    CHECK_FALSE(thief().ok());
}

TEST_CASE("one agent works in a directory") {
    const Fixture f;
    const auto second = Agent::start(f.options());
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().message.find("another agent is at work there") != std::string::npos);
}

TEST_CASE("a node that keeps ending waits longer each time, up to a limit, and is forgiven once it ran for a while") {
    BackOff back_off;
    TimeMs now{1'000'000};
    std::uint64_t expected = BackOff::first_ms;
    for (int i = 0; i < 10; ++i) {
        CHECK_FALSE(back_off.may_start(now));
        CHECK(back_off.wait_ms() == expected);
        now.value += expected - 1;
        CHECK_FALSE(back_off.may_start(now));
        now.value += 1;
        CHECK(back_off.may_start(now));
        back_off.started(now);
        expected = std::min(expected * 2, BackOff::most_ms);
    }
    CHECK(back_off.restarts() == 10);
    now.value += BackOff::steady_ms;
    CHECK_FALSE(back_off.may_start(now));
    CHECK(back_off.wait_ms() == BackOff::first_ms);
}
