// One call's running state: stack, memory, gas. Internal to the machine.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "vm/evm/analysis.hpp"
#include "vm/evm/opcodes.hpp"
#include "vm/evm/trace.hpp"

namespace troupe::evm {

inline constexpr std::size_t stack_words_max = 1024;

/// A call's memory: whole words, zero where nothing was written. Keeps its room for the next call.
class Memory {
public:
    [[nodiscard]] std::uint8_t* data() noexcept { return data_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] ByteView view() const noexcept { return {data_.get(), size_}; }
    void clear() noexcept { size_ = 0; }
    /// Requires size >= this->size().
    void grow(std::size_t size) {
        if (size > capacity_) reserve(std::max(size, std::max<std::size_t>(4096, 2 * capacity_)));
        std::memset(data_.get() + size_, 0, size - size_);
        size_ = size;
    }
    void release_above(std::size_t bytes) noexcept {
        if (capacity_ <= bytes) return;
        data_.reset();
        capacity_ = size_ = 0;
    }

private:
    void reserve(std::size_t capacity) {
        std::unique_ptr<std::uint8_t[]> data{new std::uint8_t[capacity]};
        if (size_ != 0) std::memcpy(data.get(), data_.get(), size_);
        data_ = std::move(data);
        capacity_ = capacity;
    }

    std::unique_ptr<std::uint8_t[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

/// What a frame needs for as long as it runs, kept for the next frame of the same depth on the same thread. What a call
/// returned lies in its slot until its caller calls again.
struct FrameSlot {
    std::unique_ptr<uint256[]> stack{new uint256[stack_words_max]};
    Memory memory;
    /// Output that is in no memory: a precompile's.
    Bytes output;
};

class FrameArena {
public:
    /// This thread's own, or the one lent to it.
    [[nodiscard]] static FrameArena& of_thread();
    /// Has this thread go on with the arena of the thread that waits for it.
    static void lend_to_thread(FrameArena& arena) noexcept;

    [[nodiscard]] FrameSlot& acquire() {
        if (used_ == 0) trim();
        auto& slot = next();
        ++used_;
        slot.memory.clear();
        return slot;
    }
    void release() noexcept { --used_; }
    /// The slot that the next frame will have.
    [[nodiscard]] FrameSlot& next() {
        if (used_ == slots_.size()) slots_.push_back(std::make_unique<FrameSlot>());
        return *slots_[used_];
    }

private:
    /// So that one deep or large transaction doesn't hold its memory for ever.
    void trim();

    std::vector<std::unique_ptr<FrameSlot>> slots_;
    std::size_t used_ = 0;
};

struct Frame {
    Host& host;
    const CallMessage& message;
    const AnalyzedCode& code;
    Tracer* tracer;
    uint256* const stack;  // lowest
    Memory& memory;
    const Revision revision;
    Status status = Status::success;
    std::uint8_t opcode = 0;
    /// The step under way has told its tracer what it costs.
    bool is_cost_reported = false;
    /// One past the highest.
    uint256* top = stack;
    std::int64_t gas = message.gas;
    std::int64_t refund = 0;
    /// For tracers: gas before the step under way, and what could not be paid.
    std::int64_t gas_before = 0;
    std::int64_t unpaid = 0;
    /// Init code has no calldata: it is the code.
    ByteView calldata = is_creation(message.kind) ? ByteView{} : message.input;
    ByteView return_data;
    ByteView output;

    [[nodiscard]] bool at_least(Revision other) const noexcept { return revision >= other; }
    bool fail(Status why) noexcept {
        status = why;
        return false;
    }
    bool charge(std::int64_t amount) noexcept {
        if (gas < amount) {
            unpaid = amount;
            return fail(Status::out_of_gas);
        }
        gas -= amount;
        return true;
    }

    [[nodiscard]] static constexpr std::int64_t words(std::uint64_t bytes) noexcept {
        return static_cast<std::int64_t>((bytes + 31) / 32);
    }
    [[nodiscard]] static constexpr std::int64_t memory_gas(std::int64_t w) noexcept { return 3 * w + w * w / 512; }

    /// Memory up to offset + size, paid for. A size of zero needs none.
    bool expand(const uint256& offset, const uint256& size) {
        if (size.is_zero()) return true;
        // 2^32 bytes would cost more gas than any block has.
        if (!size.fits_u64() || size.low64() > 0xffffffff) return fail(Status::out_of_gas);
        return expand_by(offset, size.low64());
    }
    /// Requires a size of 1 to 2^32.
    bool expand_by(const uint256& offset, std::uint64_t size) {
        if (!offset.fits_u64() || offset.low64() > 0xffffffff) return fail(Status::out_of_gas);
        const auto end = offset.low64() + size;
        if (end <= memory.size()) return true;
        const auto now = words(memory.size());
        const auto then = words(end);
        if (!charge(memory_gas(then) - memory_gas(now))) return false;
        memory.grow(static_cast<std::size_t>(then) * 32);
        return true;
    }
    /// Requires expand().
    [[nodiscard]] ByteView view(const uint256& offset, const uint256& size) const noexcept {
        return size.is_zero() ? ByteView{} : ByteView{memory.data() + offset.low64(), size.low64()};
    }

    static void copy_padded(std::uint8_t* to, ByteView from, const uint256& offset, std::size_t size) noexcept {
        std::size_t copied = 0;
        if (offset.fits_u64() && offset.low64() < from.size()) {
            copied = std::min<std::size_t>(size, from.size() - offset.low64());
            std::memcpy(to, from.data() + offset.low64(), copied);
        }
        std::memset(to + copied, 0, size - copied);
    }
};

}  // namespace troupe::evm
