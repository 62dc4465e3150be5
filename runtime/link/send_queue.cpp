#include "runtime/link/send_queue.hpp"

#include "runtime/link/frame_reader.hpp"

namespace troupe::link {
namespace {

/// Four TLS records: enough to spread the cost of a write, little enough for a priority frame to wait behind.
constexpr std::size_t batch_bytes_max = 64 << 10;
/// From one TLS record on, writing from the shared payload beats copying it.
constexpr std::size_t large_bytes_min = 16 << 10;
/// What a queued frame costs besides its payload, so that a flood of empty frames is bounded too.
constexpr std::size_t frame_overhead_bytes = 64;

}  // namespace

void SendBatch::clear() noexcept {
    coalesced.clear();
    large.reset();
    frames = 0;
}

bool SendQueue::Lane::offer(Frame frame) {
    const auto size = frame.payload->size() + frame_overhead_bytes;
    if (bytes + size > bytes_max) return false;
    bytes += size;
    frames.push_back(std::move(frame));
    return true;
}

bool SendQueue::Lane::take(SendBatch& batch) {
    while (!frames.empty()) {
        if (batch.coalesced.size() >= batch_bytes_max) return false;
        auto frame = std::move(frames.front());
        frames.pop_front();
        bytes -= frame.payload->size() + frame_overhead_bytes;
        ++batch.frames;
        if (frame.payload->size() >= large_bytes_min) {
            put_frame_header(batch.coalesced, frame.kind, frame.payload->size());
            batch.large = std::move(frame.payload);
            return false;
        }
        put_frame(batch.coalesced, frame.kind, *frame.payload);
    }
    return true;
}

SendQueue::Offer SendQueue::offer(Kind kind, std::shared_ptr<const Bytes> payload, bool is_priority) {
    auto& lane = is_priority ? priority_ : bulk_;
    if (lane.offer({kind, std::move(payload)})) return Offer::queued;
    return is_priority ? Offer::priority_full : Offer::bulk_full;
}

void SendQueue::take(SendBatch& batch) {
    if (priority_.take(batch)) bulk_.take(batch);
}

std::uint64_t SendQueue::clear() noexcept {
    const auto lost = priority_.frames.size() + bulk_.frames.size();
    for (auto* lane : {&priority_, &bulk_}) {
        lane->frames.clear();
        lane->bytes = 0;
    }
    return lost;
}

}  // namespace troupe::link
