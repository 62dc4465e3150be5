#include <spdlog/spdlog.h>

#include "actors/vm_pool/speculation_protocol.hpp"
#include "actors/vm_pool/worker.hpp"
#include "runtime/actor/observed.hpp"
#include "runtime/operator_link/client.hpp"

namespace troupe::vm_pool {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds hello_patience{2000};
/// A whole call, however slow the worker's host is.
constexpr milliseconds read_patience{60'000};
/// Four signs of life missing.
constexpr milliseconds silence_max{2000};
constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{2000};

struct StateView {
    std::string worker;
    std::string address;
    std::uint64_t calls = 0;
    std::uint64_t given_back = 0;
    /// Parts of blocks executed ahead.
    std::uint64_t speculations = 0;
    std::uint64_t queries = 0;
    std::string last_error;

    static constexpr auto reflect() {
        using V = StateView;
        return fields("RemoteWorker", field("worker", &V::worker), field("address", &V::address),
                      field("calls", &V::calls), field("given_back", &V::given_back),
                      field("speculations", &V::speculations), field("queries", &V::queries),
                      field("last_error", &V::last_error));
    }
};

struct State {
    static inline const char* name = "remote_worker";

    RemoteTarget target;
    std::unique_ptr<operator_link::Client> client;
    caf::typed_response_promise<done_atom> reached;
    milliseconds pause = first_pause;
    StateView figures;

    [[nodiscard]] std::string summary() const {
        return figures.worker + " at " + figures.address + " calls=" + std::to_string(figures.calls) +
               (figures.last_error.empty() ? "" : " (" + figures.last_error + ")");
    }
    [[nodiscard]] const StateView& view() const { return figures; }

    [[nodiscard]] Result<CallResult> read(const ReadWork& work) {
        auto base = work.open();
        if (!base) return make_error(ErrorCode::not_found, "there is no state of that height here");
        const auto reply = client->call(remote::method::read, encode(remote::to_message(work, *base)), read_patience,
                                        [&](const std::string& method, ByteView body) {
                                            ++figures.queries;
                                            return remote::answer_query(*base->state, base->context, method, body);
                                        });
        if (!reply) return reply.error();
        auto decoded = decode<remote::ReadReply>(*reply);
        if (!decoded) return decoded.error();
        return remote::result_of(std::move(*decoded));
    }

    [[nodiscard]] Result<std::vector<SpeculativeResult>> speculate(const SpeculativeWork& work) {
        auto& speculation = *work.speculation;
        const auto answer = [&](const std::string& method, ByteView body) {
            ++figures.queries;
            Result<Bytes> out = make_error(ErrorCode::unavailable, "the block has executed meanwhile");
            static_cast<void>(speculation.with_state(
                [&](StateReader& state) { out = remote::answer_query(state, speculation.context(), method, body); }));
            return out;
        };
        const auto reply =
            client->call(remote::method::speculate, encode(remote::to_message(work)), read_patience, answer);
        if (!reply) return reply.error();
        auto decoded = decode<remote::SpeculationReply>(*reply);
        if (!decoded) return decoded.error();
        return remote::results_of(std::move(*decoded));
    }
};

using Self = Observed<RemoteWorker, State>;

void try_to_reach(Self* self) {
    auto& state = self->state;
    const auto hello = state.client->request<remote::Hello>(
        remote::method::hello, remote::Hello{remote::protocol_version, state.target.name}, hello_patience);
    if (hello) {
        spdlog::info("worker {} at {} takes work", state.figures.worker, state.figures.address);
        state.pause = first_pause;
        state.figures.last_error.clear();
        state.reached.deliver(done_atom::value);
        return;
    }
    // The same reason again and again is one line.
    if (hello.error().message != state.figures.last_error)
        spdlog::warn("worker {} can't be reached: {}", state.figures.worker, hello.error().message);
    state.figures.last_error = hello.error().message;
    self->delayed_send(self, state.pause, retry_atom::value);
    state.pause = std::min(state.pause * 2, longest_pause);
}

RemoteWorker::behavior_type behavior(Self* self, const RemoteTarget& target,
                                     const std::shared_ptr<std::unique_ptr<operator_link::Client>>& client) {
    auto& state = self->state;
    state.target = target;
    state.client = std::move(*client);
    state.figures.worker = target.name;
    state.figures.address = target.host + ":" + std::to_string(target.port);
    return {
        [self](const ReadWorkPtr& work) {
            auto result = self->state.read(*work);
            // What the work itself is to blame for is an answer; all else is for another worker.
            const bool is_done = result || result.error().code == ErrorCode::not_found;
            ++(is_done ? self->state.figures.calls : self->state.figures.given_back);
            if (is_done)
                work->done(std::move(result));
            else
                spdlog::warn("worker {} gave a call back: {}", self->state.figures.worker, result.error().message);
            return is_done;
        },
        [self](const SpeculativeWorkPtr& work) {
            auto results = self->state.speculate(*work);
            if (!results) {
                spdlog::info("worker {} executed nothing ahead: {}", self->state.figures.worker,
                             results.error().message);
                work->speculation->give_up();
                return false;
            }
            ++self->state.figures.speculations;
            work->speculation->deliver(std::move(*results));
            return true;
        },
        [self](reach_atom) {
            self->state.reached = self->make_response_promise<done_atom>();
            auto promise = self->state.reached;
            try_to_reach(self);
            return promise;
        },
        [self](retry_atom) { try_to_reach(self); },
    };
}

}  // namespace

Result<RemoteWorker> spawn_remote_worker(caf::actor_system& system, const operator_link::Credentials& credentials,
                                         const RemoteTarget& target) {
    auto client = operator_link::Client::create(
        credentials, {target.host, target.port, operator_link::Kind::node, target.name, silence_max});
    if (!client) return client.error();
    return system.spawn<caf::detached>(behavior, target,
                                       std::make_shared<std::unique_ptr<operator_link::Client>>(std::move(*client)));
}

}  // namespace troupe::vm_pool
