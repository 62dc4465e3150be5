// What counting costs: the same messages between plain CAF actors and between observed ones, in turns, so that both see
// the same machine. One line a figure; the ratio is of the medians.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <vector>

#include "runtime/actor/observed.hpp"

using namespace troupe;
using Clock = std::chrono::steady_clock;

namespace {

using Sink = caf::typed_actor<caf::reacts_to<std::uint64_t>>;
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

template <class F>
double seconds(F&& run) {
    const auto start = Clock::now();
    run();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

void report(const char* what, std::uint64_t messages, const std::vector<double>& plain,
            const std::vector<double>& observed) {
    const auto rate = [&](const std::vector<double>& times) { return static_cast<double>(messages) / median(times); };
    std::printf("%s: plain %.0f/s, observed %.0f/s, cost %.1f %%\n", what, rate(plain), rate(observed),
                (rate(plain) / rate(observed) - 1) * 100);
}

}  // namespace

int main(int count, char** arguments) {
    const int turns = count > 1 ? std::atoi(arguments[1]) : 15;
    ObservedConfig config;
    config.set("scheduler.max-threads", std::size_t{2});
    caf::actor_system system{config};
    Signal done;
    std::vector<double> plain, observed;

    constexpr std::uint64_t flooded = 500'000;
    {
        const auto plain_sink = system.spawn<caf::detached>(sink<Plain<Sink>>, flooded, &done);
        const auto plain_flood = system.spawn<caf::detached>(flood<Plain<Driver>>, plain_sink);
        const auto observed_sink = system.spawn<caf::detached>(sink<Observed<Sink, State>>, flooded, &done);
        const auto observed_flood = system.spawn<caf::detached>(flood<Observed<Driver, State>>, observed_sink);
        for (int turn = 0; turn < turns; ++turn) {
            plain.push_back(seconds([&] { caf::anon_send(plain_flood, flooded), done.wait(); }));
            observed.push_back(seconds([&] { caf::anon_send(observed_flood, flooded), done.wait(); }));
        }
        report("fire and forget, a thread each", flooded, plain, observed);
    }
    plain.clear();
    observed.clear();

    constexpr std::uint64_t requested = 200'000;
    {
        const auto plain_rounds = system.spawn(rounds<Plain<Driver>>, system.spawn(echo<Plain<Echo>>), &done);
        const auto observed_rounds =
            system.spawn(rounds<Observed<Driver, State>>, system.spawn(echo<Observed<Echo, State>>), &done);
        for (int turn = 0; turn < turns; ++turn) {
            plain.push_back(seconds([&] { caf::anon_send(plain_rounds, requested), done.wait(); }));
            observed.push_back(seconds([&] { caf::anon_send(observed_rounds, requested), done.wait(); }));
        }
        report("request and response, scheduled", requested, plain, observed);
    }
}
