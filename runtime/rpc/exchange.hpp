// One body on its way: its requests go to the handler, its answers are gathered in order, and when the last one is
// there the whole text goes back to the connection. Knows no network.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>

#include "runtime/rpc/server.hpp"

namespace troupe::rpc {

/// What all connections of a server count together.
struct Load {
    std::atomic<std::size_t> requests{0};
    std::atomic<std::size_t> connections{0};
    std::atomic<std::size_t> websockets{0};
    std::atomic<std::size_t> body_bytes{0};
    std::atomic<std::size_t> answer_bytes{0};

    /// Bodies that have been read and whose answers have not been written.
    std::size_t bodies = 0;
    std::mutex mutex;
    std::condition_variable bodies_done;
};

/// A share of one of the load's byte counts; given back when destroyed.
class Share {
public:
    Share(std::shared_ptr<Load> load, std::atomic<std::size_t> Load::*count, std::size_t most)
        : load_(std::move(load)), count_(count), most_(most) {}
    Share(Share&&) noexcept = default;
    Share& operator=(Share&&) = delete;
    ~Share() {
        if (load_) give_back(taken_);
    }

    /// False: there is no room; nothing is taken.
    [[nodiscard]] bool take(std::size_t bytes);
    void give_back(std::size_t bytes) noexcept;
    [[nodiscard]] std::size_t taken() const noexcept { return taken_; }

private:
    std::shared_ptr<Load> load_;
    std::atomic<std::size_t> Load::*count_;
    std::size_t most_;
    std::size_t taken_ = 0;
};

/// One body from its first byte until its answer is written: what it holds of the server's memory, and once it is
/// whole, of its graceful stop.
class BodyWork {
public:
    BodyWork(const std::shared_ptr<Load>& load, const ServerOptions& options)
        : load_(load),
          received_(load, &Load::body_bytes, options.body_bytes_max),
          answers_(load, &Load::answer_bytes, options.answer_bytes_max) {}
    BodyWork(BodyWork&&) noexcept = default;
    BodyWork& operator=(BodyWork&&) = delete;
    ~BodyWork();

    /// `total` bytes have come so far. False: there is no room for them.
    [[nodiscard]] bool receive(std::size_t total);
    void begin();
    /// Not from several threads at once.
    [[nodiscard]] Share& answers() noexcept { return answers_; }

private:
    std::shared_ptr<Load> load_;
    Share received_;
    Share answers_;
    bool is_begun_ = false;
};

/// Parses `text` and hands its requests to the handler. `done` is called exactly once, from any thread, with the text
/// to send back; empty if nothing is to be answered. A responder that is destroyed without having been called answers
/// -32603, so that no client waits for ever. The answers are paid for from `work`, which lives until they are written.
void run_exchange(const std::shared_ptr<Load>& load, const std::shared_ptr<BodyWork>& work,
                  const ServerOptions& options, Handler& handler, const std::shared_ptr<Peer>& peer,
                  std::string_view text, std::function<void(std::string)> done);

}  // namespace troupe::rpc
