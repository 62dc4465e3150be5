// Makes accepted transactions durable: many that come together share one commit, and who waits for one hears when it is
// on disk, so that what a gateway has answered survives its kill.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "persistence/pool_store.hpp"

namespace troupe::gateway {

class PoolWriter {
public:
    /// Called once, on the writer's thread: an error if the transaction could not be stored.
    using Stored = std::function<void(const Status&)>;

    explicit PoolWriter(PoolStore store);
    /// Writes what is left.
    ~PoolWriter();
    PoolWriter(const PoolWriter&) = delete;
    PoolWriter& operator=(const PoolWriter&) = delete;

    void put(PooledTransaction transaction, Stored stored);
    /// Some time after the puts before it. Lost by a kill, which costs a restarted gateway a look at each.
    void remove(const TransactionHash& hash);

private:
    void run();

    PoolStore store_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<PooledTransaction> to_put_;
    std::vector<Stored> to_tell_;
    std::vector<TransactionHash> to_remove_;
    bool is_ending_ = false;
    std::thread thread_;
};

}  // namespace troupe::gateway
