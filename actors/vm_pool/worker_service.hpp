// A process's pool at work for others: pools of the same operator's nodes connect here and hand over read calls and
// parts of blocks, which this pool's workers run as if they were its own.
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
    /// The pool's; null: one of its own.
    std::shared_ptr<evm::AnalysisCache> codes;
};

class WorkerService {
public:
    struct Counters {
        std::uint64_t calls = 0;
        /// Parts of blocks executed ahead.
        std::uint64_t speculations = 0;
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
    explicit WorkerService(WorkerServiceOptions&& options)
        : name_(std::move(options.name)), pool_(std::move(options.pool)), codes_(std::move(options.codes)) {}
    [[nodiscard]] Result<Bytes> answer(operator_link::Caller& caller, const std::string& method, ByteView body);
    [[nodiscard]] Result<Bytes> read(operator_link::Caller& caller, ByteView body);
    [[nodiscard]] Result<Bytes> speculate(operator_link::Caller& caller, ByteView body);
    /// Has the pool compute a T over the caller's state, and shows the caller signs of life meanwhile. `begin` is given
    /// the state and where to put the result.
    template <class T, class Begin>
    [[nodiscard]] Result<T> run(operator_link::Caller& caller, const RootHash& root, Begin&& begin);

    std::string name_;
    Actor pool_;
    std::shared_ptr<evm::AnalysisCache> codes_;
    StateMemory memory_;
    std::atomic<bool> draining_{false};
    std::atomic<std::uint64_t> calls_{0};
    std::atomic<std::uint64_t> speculations_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> queries_{0};
    std::atomic<std::uint64_t> in_flight_{0};
    /// The last: its threads use all of the above.
    std::unique_ptr<operator_link::Server> server_;
};

}  // namespace troupe::vm_pool
