// What counting costs: the same messages between plain CAF actors and between observed ones, in turns, so that both see
// the same machine. One line a figure; the ratio is of the medians.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <vector>

#include <caf/stateful_actor.hpp>

#include "runtime/actor/observed.hpp"
#include "runtime/ledger/chunk.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(actor_bench, troupe::type_ids::services)
CAF_ADD_TYPE_ID(actor_bench, (std::shared_ptr<const troupe::Chunk>))
CAF_END_TYPE_ID_BLOCK(actor_bench)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<const troupe::Chunk>)

using namespace troupe;
using Clock = std::chrono::steady_clock;

namespace {

using Sink = caf::typed_actor<caf::reacts_to<std::uint64_t>>;
using ChunkPtr = std::shared_ptr<const Chunk>;
using ChunkSink = caf::typed_actor<caf::reacts_to<ChunkPtr>>;
using Echo = caf::typed_actor<caf::replies_to<std::uint64_t>::with<std::uint64_t>>;
using Driver = caf::typed_actor<caf::reacts_to<std::uint64_t>>;

class Signal {
public:
    void set() {
        const std::lock_guard lock{mutex_};
        is_set_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return is_set_; });
        is_set_ = false;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_set_ = false;
};

struct State {
    static inline const char* name = "bench";
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
};

template <class Interface>
using Plain = typename Interface::template stateful_base<State>;

/// One message's work: what the smallest useful handler does.
template <class Self>
typename Sink::behavior_type sink(Self* self, std::uint64_t messages, Signal* done) {
    return {[self, messages, done](std::uint64_t value) {
        self->state.sum += value;
        if (++self->state.count < messages) return;
        self->state.count = 0;
        done->set();
    }};
}

template <class Self>
typename Driver::behavior_type flood(Self* self, Sink to) {
    return {[self, to](std::uint64_t messages) {
        for (std::uint64_t i = 0; i < messages; ++i) self->send(to, i);
    }};
}

/// What a signer does first with a chunk that arrives.
template <class Self>
typename ChunkSink::behavior_type chunk_sink(Self* self, std::uint64_t messages, Signal* done) {
    return {[self, messages, done](const ChunkPtr& chunk) {
        self->state.sum += reference_of(*chunk).id.view()[0];
        if (++self->state.count < messages) return;
        self->state.count = 0;
        done->set();
    }};
}

template <class Self>
typename Driver::behavior_type chunk_flood(Self* self, ChunkSink to, const ChunkPtr& chunk) {
    return {[self, to, chunk](std::uint64_t messages) {
        for (std::uint64_t i = 0; i < messages; ++i) self->send(to, chunk);
    }};
}

/// A transfer of a token is some 180 bytes.
ChunkPtr chunk_of(std::size_t transactions) {
    auto chunk = std::make_shared<Chunk>();
    for (std::size_t i = 0; i < transactions; ++i)
        chunk->transactions.emplace_back(std::size_t{180}, static_cast<std::uint8_t>(i));
    return chunk;
}

template <class Self>
typename Echo::behavior_type echo(Self*) {
    return {[](std::uint64_t value) { return value; }};
}

template <class Self>
void next_round(Self* self, const Echo& to, Signal* done) {
    if (self->state.count == 0) return done->set();
    self->request(to, caf::infinite, self->state.count--).then([self, to, done](std::uint64_t) {
        next_round(self, to, done);
    });
}

template <class Self>
typename Driver::behavior_type rounds(Self* self, Echo to, Signal* done) {
    return {[self, to, done](std::uint64_t messages) {
        self->state.count = messages;
        next_round(self, to, done);
    }};
}

struct Cost {
    double wall_s = 0;
    /// Of all threads: what other programs do on the machine does not show in it.
    double cpu_s = 0;
};

double cpu_now() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

template <class F>
Cost cost_of(F&& run) {
    const auto start = Clock::now();
    const auto cpu = cpu_now();
    run();
    return {std::chrono::duration<double>(Clock::now() - start).count(), cpu_now() - cpu};
}

double median(const std::vector<Cost>& costs, double Cost::*what) {
    std::vector<double> values;
    for (const auto& cost : costs) values.push_back(cost.*what);
    std::ranges::sort(values);
    return values[values.size() / 2];
}

void report(const char* what, std::uint64_t messages, const std::vector<Cost>& plain,
            const std::vector<Cost>& observed) {
    const auto n = static_cast<double>(messages);
    const auto rate = [&](const auto& costs) { return n / median(costs, &Cost::wall_s); };
    const auto ns = [&](const auto& costs) { return median(costs, &Cost::cpu_s) / n * 1e9; };
    std::printf("%s: plain %.0f/s, observed %.0f/s; CPU a message %.1f ns and %.1f ns, cost %.1f %%\n", what,
                rate(plain), rate(observed), ns(plain), ns(observed), (ns(observed) / ns(plain) - 1) * 100);
}

}  // namespace

int main(int count, char** arguments) {
    const int turns = count > 1 ? std::atoi(arguments[1]) : 15;
    ObservedConfig config;
    // With a second one, what an idle thread burns while it looks for work would be counted too.
    config.set("scheduler.max-threads", std::size_t{1});
    caf::actor_system system{config};
    Signal done;
    std::vector<Cost> plain, observed;

    constexpr std::uint64_t flooded = 500'000;
    {
        const auto plain_sink = system.spawn<caf::detached>(sink<Plain<Sink>>, flooded, &done);
        const auto plain_flood = system.spawn<caf::detached>(flood<Plain<Driver>>, plain_sink);
        const auto observed_sink = system.spawn<caf::detached>(sink<Observed<Sink, State>>, flooded, &done);
        const auto observed_flood = system.spawn<caf::detached>(flood<Observed<Driver, State>>, observed_sink);
        for (int turn = 0; turn < turns; ++turn) {
            plain.push_back(cost_of([&] { caf::anon_send(plain_flood, flooded), done.wait(); }));
            observed.push_back(cost_of([&] { caf::anon_send(observed_flood, flooded), done.wait(); }));
        }
        report("fire and forget, a thread each", flooded, plain, observed);
    }
    plain.clear();
    observed.clear();

    constexpr std::uint64_t chunks = 20'000;
    {
        const auto chunk = chunk_of(100);
        const auto plain_sink = system.spawn<caf::detached>(chunk_sink<Plain<ChunkSink>>, chunks, &done);
        const auto plain_flood = system.spawn<caf::detached>(chunk_flood<Plain<Driver>>, plain_sink, chunk);
        const auto observed_sink = system.spawn<caf::detached>(chunk_sink<Observed<ChunkSink, State>>, chunks, &done);
        const auto observed_flood =
            system.spawn<caf::detached>(chunk_flood<Observed<Driver, State>>, observed_sink, chunk);
        for (int turn = 0; turn < turns; ++turn) {
            plain.push_back(cost_of([&] { caf::anon_send(plain_flood, chunks), done.wait(); }));
            observed.push_back(cost_of([&] { caf::anon_send(observed_flood, chunks), done.wait(); }));
        }
        report("chunks of 100 transactions, each hashed", chunks, plain, observed);
    }
    plain.clear();
    observed.clear();

    constexpr std::uint64_t requested = 200'000;
    {
        const auto plain_rounds = system.spawn(rounds<Plain<Driver>>, system.spawn(echo<Plain<Echo>>), &done);
        const auto observed_rounds =
            system.spawn(rounds<Observed<Driver, State>>, system.spawn(echo<Observed<Echo, State>>), &done);
        for (int turn = 0; turn < turns; ++turn) {
            plain.push_back(cost_of([&] { caf::anon_send(plain_rounds, requested), done.wait(); }));
            observed.push_back(cost_of([&] { caf::anon_send(observed_rounds, requested), done.wait(); }));
        }
        report("request and response, scheduled on one thread", requested, plain, observed);
    }
}
