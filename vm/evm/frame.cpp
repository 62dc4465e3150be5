#include "vm/evm/frame.hpp"

namespace troupe::evm {
namespace {

thread_local FrameArena* lent_arena = nullptr;

}  // namespace

FrameArena& FrameArena::of_thread() {
    static thread_local FrameArena own;
    return lent_arena != nullptr ? *lent_arena : own;
}

void FrameArena::lend_to_thread(FrameArena& arena) noexcept { lent_arena = &arena; }

void FrameArena::trim() {
    constexpr std::size_t slots_kept = 16;
    constexpr std::size_t memory_kept = 1 << 20;
    if (slots_.size() > slots_kept) slots_.resize(slots_kept);
    for (auto& slot : slots_) {
        slot->memory.release_above(memory_kept);
        if (slot->output.capacity() > memory_kept) Bytes{}.swap(slot->output);
    }
}

}  // namespace troupe::evm
