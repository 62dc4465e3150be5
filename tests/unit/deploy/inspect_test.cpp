#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include "deploy/cli/inspect_view.hpp"
#include "deploy/inspect/endpoint.hpp"
#include "deploy/inspect/http_get.hpp"
#include "deploy/inspect/metrics.hpp"
#include "runtime/actor/observed.hpp"

using namespace troupe;

namespace {

using Worker = caf::typed_actor<caf::reacts_to<std::uint64_t>, caf::reacts_to<stop_atom>>;

struct WorkerState {
    static inline const char* name = "worker";
    std::uint64_t sum = 0;
    [[nodiscard]] std::string summary() const { return "sum=" + std::to_string(sum); }
    [[nodiscard]] Json view() const { return {{"sum", sum}}; }
};

Worker::behavior_type worker(Observed<Worker, WorkerState>* self) {
    return {
        [self](std::uint64_t value) { self->state.sum += value; },
        [self](stop_atom) { self->quit(); },
    };
}

struct Node {
    ObservedConfig config;
    caf::actor_system system{config};
    std::vector<Worker> workers;
    std::shared_ptr<NodeObserver> observer;

    explicit Node(std::size_t actors, std::vector<link::PeerCounters> links = {}) {
        for (std::size_t i = 0; i < actors; ++i) workers.push_back(system.spawn(worker));
        ObserverOptions options;
        options.name = "node-\"1\"";
        options.actors = config.actors;
        options.trace = config.trace;
        options.links = [links = std::move(links)] { return links; };
        observer = std::make_shared<NodeObserver>(std::move(options));
    }
    ~Node() {
        for (const auto& actor : workers) caf::anon_send(actor, stop_atom::value);
    }
};

}  // namespace

TEST_CASE("A thousand actors answer through the endpoint") {
    Node node{1000};
    for (const auto& actor : node.workers) caf::anon_send(actor, std::uint64_t{3});
    auto endpoint = InspectEndpoint::start(node.observer, 0);
    REQUIRE(endpoint.ok());
    const auto start = std::chrono::steady_clock::now();
    const auto reply = http_get({"127.0.0.1", (*endpoint)->port(), "/inspect"}, 10'000);
    const auto took = std::chrono::steady_clock::now() - start;
    MESSAGE("inspect of 1000 actors: ", std::chrono::duration_cast<std::chrono::milliseconds>(took).count(), " ms");
    REQUIRE(reply.ok());
    CHECK(reply->status == 200);
    NodeReport report;
    read_report(Json::parse(reply->body), report);
    REQUIRE(report.actors.size() == 1000);
    std::set<std::string> names;
    for (const auto& actor : report.actors) names.insert(actor.name);
    CHECK(names.size() == 1000);
    CHECK(names.contains("worker.999"));
    CHECK(report.state == "starting");
}

TEST_CASE("A report reads back as it was written, and a field that is missing keeps its default") {
    ActorReport report;
    report.name = "consensus";
    report.busy_share = 0.25;
    report.mailbox = 7;
    report.answers = true;
    auto json = report_json(report);
    ActorReport read;
    read_report(json, read);
    CHECK(report_json(read) == json);
    json.erase("mailbox");
    json["busy_share"] = "not a number";
    json["new_in_a_later_version"] = 1;
    ActorReport partial;
    read_report(json, partial);
    CHECK(partial.name == "consensus");
    CHECK(partial.mailbox == 0);
    CHECK(partial.busy_share == 0);
}

TEST_CASE("Paths that mean nothing are refused, and what is refused harms nothing") {
    Node node{1};
    auto& observer = *node.observer;
    CHECK_FALSE(inspect_get(observer, "/"));
    CHECK_FALSE(inspect_get(observer, "/inspection"));
    CHECK(inspect_get(observer, "/inspect/nobody")->status == 404);
    CHECK(inspect_get(observer, "/inspect/worker")->status == 200);
    CHECK(inspect_get(observer, "/inspect/worker/messages/0")->status == 200);
    CHECK(inspect_get(observer, "/inspect/worker/messages/x")->status == 400);
    CHECK(inspect_get(observer, "/trace/zz")->status == 400);
    CHECK(inspect_get(observer, "/trace/" + std::string(64, 'a'))->status == 200);
    std::string many = std::string(64, 'a');
    for (int i = 0; i < 100; ++i) many += "," + std::string(64, 'b');
    CHECK(inspect_get(observer, "/trace/" + many)->status == 400);
    // Not ready before consensus has said anything.
    CHECK(inspect_get(observer, "/ready")->status == 503);
    CHECK(inspect_get(observer, "/health")->status == 200);
    observer.set_status({Height{5}, View{0}, "backup", "idle", Height{5}, 0, false}, true);
    CHECK(inspect_get(observer, "/ready")->status == 200);
    observer.set_status({Height{5}, View{0}, "backup", "idle", Height{5}, 0, true}, true);
    CHECK(inspect_get(observer, "/ready")->status == 503);
    // Whoever sends it work by this must stop, before it stops.
    observer.set_status({Height{5}, View{0}, "backup", "idle", Height{5}, 0, false}, true);
    observer.set_draining("draining");
    CHECK(inspect_get(observer, "/ready")->status == 503);
    CHECK(inspect_get(observer, "/ready")->body.find("\"draining\"") != std::string::npos);
    CHECK(inspect_get(observer, "/health")->status == 200);
}

TEST_CASE("Metrics escape what labels may not hold") {
    Node node{1};
    const auto page = inspect_get(*node.observer, "/metrics")->body;
    CHECK(page.find(R"(troupe_node_info{node="node-\"1\"")") != std::string::npos);
    CHECK(page.find("# TYPE troupe_actor_messages_received_total counter\n") != std::string::npos);
}

TEST_CASE("No link to an identity that nobody has taken is missed, and who takes it is known by its own name") {
    std::vector<link::PeerCounters> peers(3);
    for (std::uint32_t i = 0; i < peers.size(); ++i) peers[i].index = NodeIndex{i + 1};
    peers[0].connected = true;
    Node node{1, peers};
    const auto names = [&] {
        std::vector<std::string> out;
        for (const auto& link : node.observer->report().links) out.push_back(link.peer);
        return out;
    };
    CHECK(names() == std::vector<std::string>{"node 1", "node 2", "node 3"});
    node.observer->set_nodes({{"self", true}, {"peer", true}, {"down", true}, {"spare-1", false}});
    CHECK(names() == std::vector<std::string>{"peer", "down"});
    CHECK(metrics(*node.observer).find("spare") == std::string::npos);
    node.observer->set_nodes({{"self", true}, {"peer", true}, {"down", true}, {"gateway-2", true}});
    CHECK(names() == std::vector<std::string>{"peer", "down", "gateway-2"});
}

TEST_CASE(
    "An actor's struct is shown with its lists: single values in a line, structs as a table, nested ones as blocks") {
    Json detail{{"actor", {{"name", "arbiter"}}},
                {"state",
                 {{"a_rather_long_name_of_a_field", 1},
                  {"nothing", nullptr},
                  {"empty", Json::array()},
                  {"numbers", {1, 2}},
                  {"validators", {{{"node", 8}, {"busy_with", nullptr}}, {{"node", 10}, {"busy_with", 16}}}},
                  {"records", Json::array()}}}};
    for (int i = 0; i < 10; ++i)
        detail["state"]["records"].push_back({{"checkpoint", {{"height", i}}}, {"from", i - 1}});
    const auto text = cli::show_actor("n", detail);
    CHECK(text.find("  a_rather_long_name_of_a_field  1\n  nothing                        -\n") != std::string::npos);
    CHECK(text.find("  empty                          -\n") != std::string::npos);
    CHECK(text.find("  numbers                        1, 2\n") != std::string::npos);
    CHECK(text.find("  validators\n    node  busy_with\n    8             -\n    10           16\n") !=
          std::string::npos);
    CHECK(
        text.find("  records (the last 8 of 10; --json shows all)\n    - checkpoint\n        height            2\n") !=
        std::string::npos);
}

TEST_CASE("Who does not answer does not hold up who does") {
    Node node{1};
    auto endpoint = InspectEndpoint::start(node.observer, 0);
    REQUIRE(endpoint.ok());
    const auto replies = http_get_all(
        {{"127.0.0.1", 1, "/health"}, {"127.0.0.1", (*endpoint)->port(), "/health"}, {"no address", 80, "/health"}},
        10'000);
    CHECK(replies[0].error().code == ErrorCode::unavailable);
    CHECK(replies[1].ok());
    CHECK(replies[2].error().code == ErrorCode::unavailable);
}

TEST_CASE("Rows are filtered and sorted as asked") {
    using namespace cli;
    ClusterReport cluster;
    cluster.name = "test";
    NodeReport one;
    one.name = "one";
    one.state = "ready";
    for (const auto& [name, busy] : std::vector<std::pair<std::string, double>>{{"a", 0.1}, {"b", 0.9}, {"c", 0.5}}) {
        ActorReport actor;
        actor.name = name;
        actor.role = name == "c" ? "rare" : "common";
        actor.answers = true;
        actor.state = "state of " + name + "\x1b[2J";
        actor.busy_share = busy;
        one.actors.push_back(actor);
    }
    NodeReport dead;
    dead.name = "two";
    dead.state = "dead";
    cluster.hosts.push_back({"here", {one, dead}});
    auto rows = rows_of(cluster, {});
    sort_rows(rows, "busy", false);
    CHECK(rows[0].id() == "one/b");
    sort_rows(rows, "id", true);
    CHECK(rows[0].id() == "one/c");
    CHECK(rows_of(cluster, {"", "", "rare", ""}).size() == 1);
    CHECK(rows_of(cluster, {"", "two", "", ""}).empty());
    CHECK(rows_of(cluster, {"", "", "", "of b"}).size() == 1);
    CHECK(check_filter(cluster, {"here", "two", "rare", "of b"}).ok());
    CHECK(check_filter(cluster, {"hare", "", "", ""}).error().message == "no host \"hare\"; did you mean \"here\"?");
    CHECK(check_filter(cluster, {"", "xxxxxx", "", ""}).error().message == "no node \"xxxxxx\"; there are: one, two");
    const auto tree = show_tree(cluster, {});
    CHECK(tree.find("└─ two  dead") != std::string::npos);
    CHECK(tree.find("├─ one  ready") != std::string::npos);
    // What a node says does not drive the terminal.
    CHECK(tree.find('\x1b') == std::string::npos);
}

TEST_CASE("Columns stand under each other whatever the letters' width in bytes") {
    const auto lines = cli::columns({{"├─ ä", "1"}, {"long name", "22"}}, 1);
    CHECK(lines[0] == "├─ ä        1");
    CHECK(lines[1] == "long name  22");
    CHECK(cli::clipped("├─ ä and more", 4) == "├─ ä");
    CHECK(cli::duration_text(3725) == "1h02m");
    CHECK(cli::count_text(12'345) == "12.3k");
}
