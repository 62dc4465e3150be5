// The way of transactions through a node's actors: which station when. A bounded ring, so that asking is possible for
// the recent past only, and costs the same at any load. Thread-safe.
//
// A transaction is followed by its hash up to the chunk that carries it, and by the chunk's id from there on: whoever
// asks looks for the hash first, then for the chunks that came with it, on all nodes.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/base/codec.hpp"

namespace troupe {

enum class Station : std::uint8_t {
    gateway,      // accepted by a gateway
    submitted,    // sent to its builder
    builder,      // arrived there
    chunk,        // packed into a chunk
    persisted,    // a signer has the chunk on disk and has signed
    certificate,  // a quorum has signed
    proposal,     // in a block that this node's primary proposed
    prepared,     // this node found such a proposal valid
    commit,       // in a block that is final here
    execution,    // executed here
    receipt,      // a gateway can answer its receipt
    refused,      // by its builder
};
inline constexpr std::size_t station_count = 12;
[[nodiscard]] const char* to_string(Station station) noexcept;
[[nodiscard]] constexpr bool is_valid(Station station) noexcept {
    return static_cast<std::size_t>(station) < station_count;
}

struct TraceEvent {
    std::uint64_t unix_us = 0;
    Station station{};
    /// Of the transaction, or of the chunk where that is all the station knows; zero for the other.
    TransactionHash transaction;
    ChunkId chunk;
    /// Of the block; 0 before there is one.
    std::uint64_t height = 0;
    std::uint64_t view = 0;

    static constexpr auto reflect() {
        using E = TraceEvent;
        return fields("TraceEvent", field("unix_us", &E::unix_us), field("station", &E::station),
                      field("transaction", &E::transaction), field("chunk", &E::chunk), field("height", &E::height),
                      field("view", &E::view));
    }
};

class TraceLog {
public:
    /// 88 bytes an event.
    explicit TraceLog(std::size_t capacity = 1 << 17) : capacity_(capacity) {}

    void add(const TraceEvent& event);
    /// Stamps them with the same time.
    void add(std::span<TraceEvent> events);
    /// Of any of the transactions or chunks, the oldest first.
    [[nodiscard]] std::vector<TraceEvent> find(std::span<const Hash256> keys) const;
    /// The last `most` of a station, the newest first.
    [[nodiscard]] std::vector<TraceEvent> last(Station station, std::size_t most) const;

private:
    void put(const TraceEvent& event);

    std::size_t capacity_;
    mutable std::mutex mutex_;
    std::vector<TraceEvent> ring_;
    std::size_t next_ = 0;
};

}  // namespace troupe
