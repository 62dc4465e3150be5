#include "actors/vm_pool/worker_service.hpp"

#include <future>

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include "actors/execution/contract_engine.hpp"
#include "actors/vm_pool/speculation_protocol.hpp"

namespace troupe::vm_pool {
namespace {

/// Well within what the caller's side takes for the end of a worker.
constexpr auto sign_of_life = std::chrono::milliseconds(500);

class Counted {
public:
    explicit Counted(std::atomic<std::uint64_t>& count) : count_(count) { ++count_; }
    ~Counted() { --count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    std::atomic<std::uint64_t>& count_;
};

/// Hands the state that the caller serves to a worker of the pool. It outlives the call if the pool is slow to drop
/// the work, and is closed then.
struct Session {
    std::mutex mutex;
    /// Null once the call is over.
    operator_link::Caller* caller = nullptr;
    std::atomic<std::uint64_t>* queries = nullptr;

    [[nodiscard]] Result<Bytes> query(const char* method, ByteView body) {
        const std::lock_guard lock{mutex};
        if (caller == nullptr) return make_error(ErrorCode::unavailable, "the call is over");
        queries->fetch_add(1, std::memory_order_relaxed);
        return caller->query(method, body);
    }
};

/// What a worker destroys when it is done, while the call still asks the RemoteState whether all went well.
class SharedState final : public StateReader {
public:
    SharedState(std::shared_ptr<RemoteState> inner) : inner_(std::move(inner)) {}
    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override {
        return inner_->account(address);
    }
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override {
        return inner_->storage(address, slot);
    }
    [[nodiscard]] bool has_storage(const Address& address) override { return inner_->has_storage(address); }
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override { return inner_->code(hash); }

private:
    std::shared_ptr<RemoteState> inner_;
};

[[nodiscard]] evm::BlockContext block_of(const remote::Context& context, const std::shared_ptr<RemoteState>& state) {
    auto block = context.block();
    block.block_hash = [state](std::uint64_t number) { return state->block_hash(number); };
    return block;
}

}  // namespace

Result<std::unique_ptr<WorkerService>> WorkerService::start(WorkerServiceOptions options) {
    if (!options.codes) options.codes = std::make_shared<evm::AnalysisCache>(contract_engine());
    std::unique_ptr<WorkerService> service{new WorkerService{std::move(options)}};
    auto server = operator_link::Server::start(
        options.link, options.credentials,
        [self = service.get()](operator_link::Caller& caller, const std::string& method, ByteView body) {
            return self->answer(caller, method, body);
        });
    if (!server) return server.error();
    service->server_ = std::move(*server);
    return service;
}

WorkerService::Counters WorkerService::counters() const noexcept {
    return {calls_, speculations_, refused_, queries_, in_flight_};
}

Result<Bytes> WorkerService::answer(operator_link::Caller& caller, const std::string& method, ByteView body) {
    const auto& who = caller.who();
    if (who.kind != operator_link::Kind::node) {
        spdlog::warn("{} ({} \"{}\") may not give work to a worker: only nodes may", caller.address(),
                     operator_link::to_string(who.kind), who.name);
        return make_error(ErrorCode::unauthorized, std::string{"a certificate of kind "} +
                                                       operator_link::to_string(who.kind) + " can't give work");
    }
    if (method == remote::method::hello) {
        const auto hello = decode<remote::Hello>(body);
        if (!hello) return hello.error();
        if (hello->version != remote::protocol_version)
            return make_error(ErrorCode::unsupported,
                              "worker " + name_ + " speaks version " + std::to_string(remote::protocol_version) +
                                  " of the worker protocol, the caller version " + std::to_string(hello->version) +
                                  ": run the same troupe on both hosts");
        if (draining_) return make_error(ErrorCode::unavailable, "draining");
        return encode(remote::Hello{remote::protocol_version, name_});
    }
    if (method == remote::method::read || method == remote::method::speculate) {
        const Counted counted{in_flight_};
        auto result = draining_                        ? make_error(ErrorCode::unavailable, "draining")
                      : method == remote::method::read ? read(caller, body)
                                                       : speculate(caller, body);
        if (!result)
            ++refused_;
        else
            ++(method == remote::method::read ? calls_ : speculations_);
        return result;
    }
    return make_error(ErrorCode::unsupported, "a worker does not know how to " + method.substr(0, 64));
}

template <class T, class Begin>
Result<T> WorkerService::run(operator_link::Caller& caller, const RootHash& root, Begin&& begin) {
    const auto session = std::make_shared<Session>();
    session->caller = &caller;
    session->queries = &queries_;
    const auto state = std::make_shared<RemoteState>(
        root, memory_, [session](const char* method, ByteView asked) { return session->query(method, asked); });
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    begin(state, [promise](Result<T> result) { promise->set_value(std::move(result)); });
    promise.reset();
    while (future.wait_for(sign_of_life) != std::future_status::ready)
        if (const auto heard = session->query(remote::query::alive, {}); !heard) break;
    {
        const std::lock_guard lock{session->mutex};
        session->caller = nullptr;
    }
    try {
        // Without a caller the rest of the call has nothing left to wait for.
        auto result = future.get();
        if (!state->status()) return state->status().error();
        return result;
    } catch (const std::future_error&) {
        return make_error(ErrorCode::unavailable, "the worker is stopping");
    }
}

Result<Bytes> WorkerService::read(operator_link::Caller& caller, ByteView body) {
    const auto message = decode<remote::ReadCall>(body);
    if (!message) return message.error();
    auto result =
        run<CallResult>(caller, message->context.root,
                        [&](const std::shared_ptr<RemoteState>& state, std::function<void(Result<CallResult>)> done) {
                            auto work = std::make_shared<ReadWork>();
                            work->kind = message->kind;
                            work->request = remote::request_of(*message);
                            work->open = [state, context = message->context] {
                                return std::optional{ReadBase{context.root, block_of(context, state),
                                                              std::make_unique<SharedState>(state)}};
                            };
                            work->done = std::move(done);
                            caf::anon_send(pool_, ReadWorkPtr{std::move(work)});
                        });
    if (!result) return result.error();
    return encode(remote::to_message(std::move(*result)));
}

Result<Bytes> WorkerService::speculate(operator_link::Caller& caller, ByteView body) {
    auto message = decode<remote::SpeculationCall>(body);
    if (!message) return message.error();
    using Results = std::vector<SpeculativeResult>;
    auto results = run<Results>(
        caller, message->context.root,
        [&](const std::shared_ptr<RemoteState>& state, std::function<void(Result<Results>)> done) {
            caf::anon_send(
                pool_, Job{std::make_shared<const std::function<void()>>(
                           [state, done = std::move(done), call = std::move(*message), codes = codes_] {
                               SharedState base{state};
                               done(troupe::speculate(base, block_of(call.context, state), call.transactions, *codes));
                           })});
        });
    if (!results) return results.error();
    return encode(remote::to_message(std::move(*results)));
}

}  // namespace troupe::vm_pool
