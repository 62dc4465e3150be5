#include "actors/vm_pool/chunk_recovery.hpp"

namespace troupe::vm_pool {
namespace {

/// Transactions of a slice: enough for a batch check to pay, and about 6 ms of a worker's time.
constexpr std::size_t slice_transactions = 512;

}  // namespace

std::size_t ChunkRecovery::slices() const noexcept {
    return (chunk_->transactions.size() + slice_transactions - 1) / slice_transactions;
}

bool ChunkRecovery::run_slice() {
    std::size_t slice = 0;
    {
        const std::lock_guard lock{mutex_};
        if (taken_ == slices()) return false;
        slice = taken_++;
    }
    recover(slice);
    const std::lock_guard lock{mutex_};
    if (++done_ == slices()) all_done_.notify_all();
    return true;
}

void ChunkRecovery::recover(std::size_t slice) {
    const auto first = slice * slice_transactions;
    const auto last = std::min(first + slice_transactions, chunk_->transactions.size());
    std::vector<ByteView> raw;
    std::vector<const Secp256k1PublicKey*> known;
    for (auto i = first; i < last; ++i) {
        raw.emplace_back(chunk_->transactions[i]);
        known.push_back(senders_.find(i));
    }
    auto recovered = cache_.get_all(raw, known);
    for (std::size_t i = 0; i < recovered.size(); ++i) results_[first + i] = std::move(recovered[i]);
}

void ChunkRecovery::finish() {
    while (run_slice()) {
    }
    std::unique_lock lock{mutex_};
    all_done_.wait(lock, [this] { return done_ == slices(); });
}

}  // namespace troupe::vm_pool
