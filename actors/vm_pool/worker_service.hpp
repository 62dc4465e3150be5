// A process's pool at work for others: pools of the same operator's nodes connect here and hand over read calls, which
// this pool's workers run as if they were its own.
#pragma once

#include <atomic>

#include "actors/vm_pool/interface.hpp"
#include "actors/vm_pool/remote_state.hpp"
#include "runtime/operator_link/server.hpp"

namespace troupe::vm_pool {

struct WorkerServiceOptions {
    std::string name;
    operator_link::ServerOptions link;
    operator_link::Credentials credentials;
    Actor pool;
};

class WorkerService {
public:
    struct Counters {
        std::uint64_t calls = 0;
        /// Given back: draining, or the caller went away.
        std::uint64_t refused = 0;
        std::uint64_t queries = 0;
        std::uint64_t in_flight = 0;
    };

    /// ErrorCode::already_exists if the port can't be had.
    [[nodiscard]] static Result<std::unique_ptr<WorkerService>> start(WorkerServiceOptions options);
    /// The pool must still be there.
    ~WorkerService() = default;

    [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }
    /// What comes from now on is given back at once; what runs is finished.
    void drain() noexcept { draining_ = true; }
    [[nodiscard]] Counters counters() const noexcept;
    /// For connections that are made from now on.
    [[nodiscard]] Status set_credentials(const operator_link::Credentials& credentials) {
        return server_->set_credentials(credentials);
    }

private:
    WorkerService(std::string name, Actor pool) : name_(std::move(name)), pool_(std::move(pool)) {}
    [[nodiscard]] Result<Bytes> answer(operator_link::Caller& caller, const std::string& method, ByteView body);
    [[nodiscard]] Result<Bytes> read(operator_link::Caller& caller, ByteView body);

    std::string name_;
    Actor pool_;
    StateMemory memory_;
    std::atomic<bool> draining_{false};
    std::atomic<std::uint64_t> calls_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> queries_{0};
    std::atomic<std::uint64_t> in_flight_{0};
    /// The last: its threads use all of the above.
    std::unique_ptr<operator_link::Server> server_;
};

}  // namespace troupe::vm_pool
