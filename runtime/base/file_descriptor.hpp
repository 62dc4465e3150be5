// A file descriptor that is closed with its owner.
#pragma once

#include <utility>

#include <unistd.h>

namespace troupe {

struct FileDescriptor {
    int value = -1;

    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : value(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : value(std::exchange(other.value, -1)) {}
    FileDescriptor& operator=(FileDescriptor&&) = delete;
    ~FileDescriptor() { close(); }
    [[nodiscard]] bool is_open() const noexcept { return value >= 0; }
    void close() noexcept {
        if (is_open()) ::close(std::exchange(value, -1));
    }
};

}  // namespace troupe
