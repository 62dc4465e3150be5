// The executor's protocol: committed blocks are executed in order, each as soon as its chunks are here. Pure.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <variant>
#include <vector>

#include "runtime/ledger/block.hpp"

namespace troupe::executor {

/// These chunks must be fetched before execution can go on.
struct NeedChunks {
    std::vector<ChunkCertificate> certificates;
};
/// All chunks of this block are here: execute it, then call on_finished.
struct Execute {
    std::shared_ptr<const CommittedBlock> block;
};
using Effect = std::variant<NeedChunks, Execute>;
using Outbox = std::vector<Effect>;

/// Says whether a chunk's content is on this node.
class ChunkAvailability {
public:
    virtual ~ChunkAvailability() = default;
    [[nodiscard]] virtual bool has_chunk(const ChunkId& id) const = 0;
};

class Core {
public:
    explicit Core(Height executed) : executed_(executed) {}

    /// In height order, from the one after the last executed; those known already are ignored.
    void on_committed(std::shared_ptr<const CommittedBlock> block, const ChunkAvailability& chunks, Outbox& out);
    void on_chunk_arrived(const ChunkId& id, Outbox& out);
    void on_finished(Height height, Outbox& out);

    [[nodiscard]] Height executed() const noexcept { return executed_; }
    [[nodiscard]] Height committed() const noexcept { return Height{executed_.value + waiting_.size()}; }
    [[nodiscard]] std::size_t missing_chunks() const noexcept { return missing_.size(); }

private:
    void advance(Outbox& out);

    Height executed_;
    bool running_ = false;
    /// Block executed_ + 1 first.
    std::deque<std::shared_ptr<const CommittedBlock>> waiting_;
    std::set<ChunkId> missing_;
};

}  // namespace troupe::executor
