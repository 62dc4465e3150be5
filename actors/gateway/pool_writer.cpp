#include "actors/gateway/pool_writer.hpp"

#include <spdlog/spdlog.h>

namespace troupe::gateway {
namespace {

using std::chrono::steady_clock;

/// Between two commits: a client alone waits for no longer, and under load each commit has its hundreds.
constexpr auto commit_period = std::chrono::milliseconds(2);
constexpr auto remove_period = std::chrono::milliseconds(500);

}  // namespace

PoolWriter::PoolWriter(PoolStore store) : store_(std::move(store)), thread_([this] { run(); }) {}

PoolWriter::~PoolWriter() {
    {
        const std::lock_guard lock{mutex_};
        is_ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void PoolWriter::put(PooledTransaction transaction, Stored stored) {
    bool was_empty = false;
    {
        const std::lock_guard lock{mutex_};
        was_empty = to_put_.empty();
        to_put_.push_back(std::move(transaction));
        to_tell_.push_back(std::move(stored));
    }
    if (was_empty) changed_.notify_one();
}

void PoolWriter::remove(const TransactionHash& hash) {
    const std::lock_guard lock{mutex_};
    to_remove_.push_back(hash);
}

void PoolWriter::run() {
    auto last_commit = steady_clock::now();
    auto last_remove = last_commit;
    std::unique_lock lock{mutex_};
    for (;;) {
        changed_.wait_until(lock, last_remove + remove_period, [&] { return is_ending_ || !to_put_.empty(); });
        if (!is_ending_) changed_.wait_until(lock, last_commit + commit_period, [&] { return is_ending_; });
        const bool is_last = is_ending_;
        const auto put = std::exchange(to_put_, {});
        const auto tell = std::exchange(to_tell_, {});
        const bool removes = is_last || steady_clock::now() >= last_remove + remove_period;
        const auto remove = removes ? std::exchange(to_remove_, {}) : std::vector<TransactionHash>{};
        lock.unlock();
        if (!put.empty()) {
            const auto status = store_.put(put);
            if (!status) spdlog::error("pool database: {}", status.error().message);
            last_commit = steady_clock::now();
            for (const auto& stored : tell) stored(status);
        }
        if (!remove.empty())
            if (const auto status = store_.remove(remove); !status)
                spdlog::error("pool database: {}", status.error().message);
        if (removes) last_remove = steady_clock::now();
        lock.lock();
        if (is_last && to_put_.empty()) return;
    }
}

}  // namespace troupe::gateway
