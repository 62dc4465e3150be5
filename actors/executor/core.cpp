#include "actors/executor/core.hpp"

namespace troupe::executor {

void Core::on_committed(std::shared_ptr<const CommittedBlock> block, const ChunkAvailability& chunks, Outbox& out) {
    if (block->block.header.height <= committed()) return;
    TROUPE_ASSERT(block->block.header.height == committed().next());
    NeedChunks need;
    for (const auto& certificate : block->block.certificates) {
        if (chunks.has_chunk(certificate.chunk.id)) continue;
        if (missing_.insert(certificate.chunk.id).second) need.certificates.push_back(certificate);
    }
    waiting_.push_back(std::move(block));
    if (!need.certificates.empty()) out.push_back(std::move(need));
    advance(out);
}

void Core::on_chunk_arrived(const ChunkId& id, Outbox& out) {
    if (missing_.erase(id) != 0) advance(out);
}

void Core::on_finished(Height height, Outbox& out) {
    TROUPE_ASSERT(running_ && height == executed_.next());
    running_ = false;
    executed_ = height;
    waiting_.pop_front();
    advance(out);
}

void Core::advance(Outbox& out) {
    if (running_ || waiting_.empty()) return;
    for (const auto& certificate : waiting_.front()->block.certificates)
        if (missing_.contains(certificate.chunk.id)) return;
    running_ = true;
    out.push_back(Execute{waiting_.front()});
}

}  // namespace troupe::executor
