#include "runtime/actor/observed.hpp"

#include <future>

#include <caf/scoped_actor.hpp>
#include <doctest/doctest.h>

using namespace troupe;

namespace {

using Worker = caf::typed_actor<caf::reacts_to<PeerFrame>, caf::reacts_to<std::uint64_t>, caf::reacts_to<timer_atom>,
                                caf::reacts_to<stop_atom>>;

struct WorkerView {
    std::uint64_t sum = 0;
    static constexpr auto reflect() { return fields("WorkerView", field("sum", &WorkerView::sum)); }
};

struct WorkerState {
    static inline const char* name = "worker";
    std::uint64_t sum = 0;
    [[nodiscard]] std::string summary() const { return "sum=" + std::to_string(sum); }
    [[nodiscard]] WorkerView view() const { return {sum}; }
};

Worker::behavior_type worker(Observed<Worker, WorkerState>* self, Worker next) {
    return {
        [](PeerFrame&) {},
        [self, next](std::uint64_t value) {
            if (value == 0) throw std::runtime_error{"nothing to add"};
            self->state.sum += value;
            if (next) tell(next, value);
        },
        [self](timer_atom) { self->delayed_send(self, std::chrono::hours{1}, timer_atom::value); },
        [self](stop_atom) { self->quit(); },
    };
}

/// Waits until `holds`, at most ten seconds.
template <class F>
bool eventually(F&& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

struct System {
    ObservedConfig config;
    caf::actor_system system{config};
    std::vector<Worker> workers;

    Worker spawn(Worker next = {}) { return workers.emplace_back(system.spawn(worker, next)); }
    [[nodiscard]] ActorEntryPtr entry(std::string_view name) const { return config.actors->find(name); }
    ~System() {
        for (const auto& actor : workers) caf::anon_send(actor, stop_atom::value);
    }
};

std::uint64_t count_of(const Meter& meter, std::string_view kind) {
    std::uint64_t count = 0;
    for (const auto* channel : meter.channels())
        if (!channel->is_out && channel->kind == kind) count += meter.count_of(*channel);
    return count;
}

}  // namespace

TEST_CASE("Messages are counted in and out by kind, with who sent them") {
    System s;
    const auto second = s.spawn();
    const auto first = s.spawn(second);
    for (int i = 0; i < 10; ++i) caf::anon_send(first, std::uint64_t{2});
    caf::anon_send(first, PeerFrame{NodeIndex{3}, FrameKind::certificate, Bytes(100)});
    const auto& one = *s.entry("worker.1")->meter;
    const auto& two = *s.entry("worker")->meter;
    REQUIRE(eventually([&] { return one.in() == 11 && two.in() == 10; }));
    CHECK(count_of(one, "u64") == 10);
    CHECK(count_of(one, "certificate") == 1);
    const auto sent = ActorRegistry::sent_between(s.config.actors->all());
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].from == s.entry("worker.1")->id);
    CHECK(sent[0].to == s.entry("worker")->id);
    CHECK(sent[0].kind == "u64");
    CHECK(sent[0].count == 10);
    CHECK(one.mailbox() == 0);

    std::uint64_t next = 0;
    const auto messages = two.messages(0, next);
    REQUIRE(messages.size() == 10);
    CHECK(next == 10);
    CHECK(messages[0].channel->peer == PeerKey::actor(s.entry("worker.1")->id));
    CHECK(messages[9].ticks >= messages[0].ticks);

    const auto from_node = one.messages(10, next);
    REQUIRE(from_node.size() == 1);
    CHECK(from_node[0].bytes == 100);
    CHECK(from_node[0].channel->peer.node_index() == 3);
}

TEST_CASE("An actor answers about its state on its own thread") {
    System s;
    const auto actor = s.spawn();
    caf::anon_send(actor, std::uint64_t{5});
    const auto entries = s.config.actors->all();
    const auto answers = ActorRegistry::ask(entries, true, 10'000);
    REQUIRE(answers[0]);
    // The question may have overtaken the message.
    CHECK((answers[0]->summary == "sum=5" || answers[0]->summary == "sum=0"));
    const auto meter = entries[0]->meter;
    REQUIRE(eventually([&] { return meter->in() == 1 && meter->running_ns() == 0; }));
    CHECK(ActorRegistry::ask(entries, true, 10'000)[0]->state == R"({"sum":5})");
    CHECK(meter->mailbox() == 0);
}

TEST_CASE("What a handler throws is the actor's last error, and its successor counts as a restart") {
    System s;
    const auto actor = s.spawn();
    const auto meter = s.entry("worker")->meter;
    caf::anon_send(actor, std::uint64_t{0});
    REQUIRE(eventually([&] { return meter->has_ended(); }));
    CHECK(meter->errors() == 1);
    CHECK(meter->last_error().text == "nothing to add");
    CHECK(ActorRegistry::ask({s.entry("worker")}, false, 10'000)[0] == std::nullopt);
    s.spawn();
    CHECK(s.entry("worker")->restarts == 1);
    CHECK(s.entry("worker")->meter != meter);
}

TEST_CASE("Timers show when they are due") {
    System s;
    const auto actor = s.spawn();
    caf::anon_send(actor, timer_atom::value);
    const auto meter = s.entry("worker")->meter;
    REQUIRE(eventually([&] { return !meter->timers().empty(); }));
    const auto timer = meter->timers()[0];
    CHECK(timer.kind == "timer");
    const auto now = TickClock::to_unix_us(ticks_now());
    CHECK(timer.due_us > now + 3'500'000'000);
    CHECK(timer.due_us < now + 3'700'000'000);
}

TEST_CASE("The ring keeps the last messages, and more once somebody follows") {
    System s;
    const auto actor = s.spawn();
    const auto meter = s.entry("worker")->meter;
    for (int i = 0; i < 1000; ++i) caf::anon_send(actor, std::uint64_t{1});
    REQUIRE(eventually([&] { return meter->in() == 1000; }));
    std::uint64_t next = 0;
    CHECK(meter->messages(0, next).size() >= Meter::ring_size - 1);
    CHECK(next == 1000);
    meter->widen_ring();
    for (int i = 0; i < 1000; ++i) caf::anon_send(actor, std::uint64_t{1});
    REQUIRE(eventually([&] { return meter->in() == 2000; }));
    CHECK(meter->messages(next, next).size() == 1000);
}

TEST_CASE("More kinds and peers than there is room for are counted together") {
    Meter meter;
    for (std::uint64_t i = 1; i <= Meter::channels_max + 100; ++i) {
        meter.received({&typeid(int), i}, 0, 1, [] { return ChannelName{"kind", {}}; });
        meter.sent({&typeid(int), i}, {}, 0, [] { return "kind"; });
    }
    std::uint64_t in = 0, out = 0;
    for (const auto* channel : meter.channels()) (channel->is_out ? out : in) += meter.count_of(*channel);
    CHECK(in == Meter::channels_max + 100);
    CHECK(out == Meter::channels_max + 100);
    CHECK(meter.channels().size() <= Meter::channels_max);
}
