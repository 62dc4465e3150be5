// One call's running state: stack, memory, gas. Internal to the machine.
#pragma once

#include <array>
#include <cstring>

#include "vm/evm/machine.hpp"
#include "vm/evm/opcodes.hpp"

namespace troupe::evm {

struct Machine::Frame {
    const CallMessage& message;
    const AnalyzedCode& code;
    uint256* stack;
    Bytes& memory;
    uint256* top = stack;
    std::int64_t gas = message.gas;
    Bytes return_data;
    Bytes output;
    const char* error = nullptr;
    std::string error_text;
    bool reverted = false;

    void fail(const char* why) noexcept { error = why; }
    bool charge(std::int64_t amount) noexcept {
        if (amount < 0 || gas < amount) return fail("out of gas"), false;
        gas -= amount;
        return true;
    }
    /// Init code has no calldata: it is the code.
    [[nodiscard]] ByteView calldata() const noexcept {
        const bool creates = message.kind == CallKind::create || message.kind == CallKind::create2;
        return creates ? ByteView{} : message.input;
    }

    [[nodiscard]] static constexpr std::int64_t words(std::uint64_t bytes) noexcept {
        return static_cast<std::int64_t>((bytes + 31) / 32);
    }
    [[nodiscard]] static constexpr std::int64_t memory_gas(std::int64_t w) noexcept { return 3 * w + w * w / 512; }

    /// Memory up to offset + size, paid for. A size of zero needs none.
    bool expand(const uint256& offset, const uint256& size) {
        if (size.is_zero()) return true;
        // 2^32 bytes would cost more gas than any block has.
        if (!size.fits_u64() || size.low64() > 0xffffffff) return fail("out of gas"), false;
        return expand_word(offset, size.low64());
    }
    bool expand_word(const uint256& offset, std::uint64_t size) {
        if (!offset.fits_u64() || offset.low64() > 0xffffffff) return fail("out of gas"), false;
        const auto end = offset.low64() + size;
        if (end <= memory.size()) return true;
        const auto now = words(memory.size());
        const auto then = words(end);
        if (!charge(memory_gas(then) - memory_gas(now))) return false;
        memory.resize(static_cast<std::size_t>(then) * 32);
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
    /// The …COPY instructions: memory offset, source offset, size on the stack.
    bool copy_in(ByteView source) {
        const auto to = top[-1];
        const auto from = top[-2];
        const auto size = top[-3];
        if (!expand(to, size) || !charge(3 * words(size.is_zero() ? 0 : size.low64()))) return false;
        if (!size.is_zero()) copy_padded(memory.data() + to.low64(), source, from, size.low64());
        top -= 3;
        return true;
    }
};

[[nodiscard]] inline uint256 push_small(const std::uint8_t* bytes, std::size_t count) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[i];
    return uint256{value};
}

}  // namespace troupe::evm
