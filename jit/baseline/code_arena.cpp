#include "jit/baseline/code_arena.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/file_descriptor.hpp"

namespace troupe::jit {
namespace {

[[nodiscard]] constexpr std::size_t piece_bytes(std::size_t size) noexcept {
    return (size + code_line_bytes - 1) / code_line_bytes * code_line_bytes;
}

}  // namespace

CodeArena::CodeArena(std::size_t bytes) : bytes_(bytes) {
    const FileDescriptor file{::memfd_create("troupe-code", MFD_CLOEXEC)};
    if (!file.is_open()) return;
    if (::ftruncate(file.value, static_cast<off_t>(bytes)) == 0) {
        void* writable = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.value, 0);
        void* executable = ::mmap(nullptr, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, file.value, 0);
        if (writable != MAP_FAILED) writable_ = static_cast<std::uint8_t*>(writable);
        if (executable != MAP_FAILED && writable_ != nullptr) executable_ = static_cast<std::uint8_t*>(executable);
    }
    free_.emplace(0, bytes / 16 * 16);
}

CodeArena::~CodeArena() {
    if (writable_ != nullptr) ::munmap(writable_, bytes_);
    if (executable_ != nullptr) ::munmap(executable_, bytes_);
}

const void* CodeArena::add(std::span<const std::uint8_t> code) {
    const auto size = piece_bytes(code.size());
    const auto found = std::ranges::find_if(free_, [&](const auto& range) { return range.second >= size; });
    if (!ok() || found == free_.end()) return nullptr;
    const auto [at, room] = *found;
    free_.erase(found);
    if (room > size) free_.emplace(at + size, room - size);
    used_ += size;
    std::memcpy(writable_ + at, code.data(), code.size());
    return executable_ + at;
}

void CodeArena::remove(const void* code, std::size_t size_bytes) noexcept {
    auto at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(code) - executable_);
    auto size = piece_bytes(size_bytes);
    used_ -= size;
    // Whoever still jumps there meets a breakpoint.
    std::memset(writable_ + at, 0xcc, size);
    auto next = free_.lower_bound(at);
    if (next != free_.begin()) {
        if (const auto before = std::prev(next); before->first + before->second == at) {
            at = before->first;
            size += before->second;
            free_.erase(before);
        }
    }
    if (next != free_.end() && next->first == at + size) {
        size += next->second;
        free_.erase(next);
    }
    free_.emplace(at, size);
}

}  // namespace troupe::jit
