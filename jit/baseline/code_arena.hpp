// Room for machine code: one range of memory mapped twice, once to write and once to execute, so that no address is
// ever both. Bounded; code is not moved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace troupe::jit {

/// Of the processor's instruction cache: code begins at a multiple.
inline constexpr std::size_t code_line_bytes = 64;

class CodeArena {
public:
    explicit CodeArena(std::size_t bytes);
    ~CodeArena();
    CodeArena(const CodeArena&) = delete;
    CodeArena& operator=(const CodeArena&) = delete;

    /// The executable address of a copy of `code`, null if there is no room.
    [[nodiscard]] const void* add(std::span<const std::uint8_t> code);
    /// Gives the room of code that was added back: nothing executes it any more.
    void remove(const void* code, std::size_t size_bytes) noexcept;
    /// Bytes in use, rounded up to whole pieces.
    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    [[nodiscard]] bool ok() const noexcept { return executable_ != nullptr; }
    [[nodiscard]] const std::uint8_t* begin() const noexcept { return executable_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_; }

private:
    std::size_t bytes_;
    std::size_t used_ = 0;
    std::uint8_t* writable_ = nullptr;
    std::uint8_t* executable_ = nullptr;
    /// Free ranges: offset to size, no two adjacent.
    std::map<std::size_t, std::size_t> free_;
};

}  // namespace troupe::jit
