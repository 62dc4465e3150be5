// Room for machine code: one range of memory mapped twice, once to write and once to execute, so that no address is
// ever both. Bounded; code is not moved and not freed while the arena lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::jit {

class CodeArena {
public:
    explicit CodeArena(std::size_t bytes);
    ~CodeArena();
    CodeArena(const CodeArena&) = delete;
    CodeArena& operator=(const CodeArena&) = delete;

    /// The executable address of a copy of `code`, null if there is no room.
    [[nodiscard]] const void* add(std::span<const std::uint8_t> code);
    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    [[nodiscard]] bool ok() const noexcept { return executable_ != nullptr; }
    [[nodiscard]] const std::uint8_t* begin() const noexcept { return executable_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_; }

private:
    std::size_t bytes_;
    std::size_t used_ = 0;
    std::uint8_t* writable_ = nullptr;
    std::uint8_t* executable_ = nullptr;
};

}  // namespace troupe::jit
