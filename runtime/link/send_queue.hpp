// Frames that wait for one peer: two queues bounded in bytes, taken in batches for one write each. Pure; its owner
// guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "runtime/base/bytes.hpp"
#include "runtime/link/link.hpp"

namespace troupe::link {

/// What one write sends: `coalesced`, then `large` if there is one, whose header `coalesced` ends with.
struct SendBatch {
    Bytes coalesced;
    /// Shared with other peers' queues, so never copied.
    std::shared_ptr<const Bytes> large;
    std::uint64_t frames = 0;

    [[nodiscard]] std::size_t size_bytes() const noexcept { return coalesced.size() + (large ? large->size() : 0); }
    void clear() noexcept;
};

class SendQueue {
public:
    enum class Offer : std::uint8_t { queued, bulk_full, priority_full };

    SendQueue(std::size_t bulk_bytes_max, std::size_t priority_bytes_max)
        : bulk_{.bytes_max = bulk_bytes_max}, priority_{.bytes_max = priority_bytes_max} {}

    [[nodiscard]] Offer offer(Kind kind, std::shared_ptr<const Bytes> payload, bool is_priority);
    /// Appends to the batch: priority frames first, small frames together, a large one alone at the end.
    void take(SendBatch& batch);
    /// Number of frames thrown away.
    std::uint64_t clear() noexcept;

    [[nodiscard]] bool empty() const noexcept { return priority_.frames.empty() && bulk_.frames.empty(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return priority_.bytes + bulk_.bytes; }

private:
    struct Frame {
        Kind kind = 0;
        std::shared_ptr<const Bytes> payload;
    };
    struct Lane {
        std::deque<Frame> frames{};
        std::size_t bytes = 0;
        std::size_t bytes_max = 0;

        bool offer(Frame frame);
        /// False once the batch is full.
        bool take(SendBatch& batch);
    };

    Lane bulk_;
    Lane priority_;
};

}  // namespace troupe::link
