#include "jit/baseline/code_arena.hpp"

#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

namespace troupe::jit {

CodeArena::CodeArena(std::size_t bytes) : bytes_(bytes) {
    const int file = ::memfd_create("troupe-code", MFD_CLOEXEC);
    if (file < 0) return;
    if (::ftruncate(file, static_cast<off_t>(bytes)) == 0) {
        void* writable = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        void* executable = ::mmap(nullptr, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
        if (writable != MAP_FAILED) writable_ = static_cast<std::uint8_t*>(writable);
        if (executable != MAP_FAILED && writable_ != nullptr) executable_ = static_cast<std::uint8_t*>(executable);
    }
    ::close(file);
}

CodeArena::~CodeArena() {
    if (writable_ != nullptr) ::munmap(writable_, bytes_);
    if (executable_ != nullptr) ::munmap(executable_, bytes_);
}

const void* CodeArena::add(std::span<const std::uint8_t> code) {
    const auto at = (used_ + 15) / 16 * 16;
    if (!ok() || at + code.size() > bytes_) return nullptr;
    std::memcpy(writable_ + at, code.data(), code.size());
    used_ = at + code.size();
    return executable_ + at;
}

}  // namespace troupe::jit
