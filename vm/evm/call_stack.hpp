// Calls of the EVM nest on the thread's own stack: 1024 of them take some 2 MB, several times that under a sanitizer. A
// thread with less, as an embedding client may have, goes on with a stack of its own.
#pragma once

#include <cstdint>
#include <functional>

namespace troupe::evm {

/// While it lives, this thread runs on another stack than its own, whose lowest address is given (null: it doesn't).
class OtherStack {
public:
    explicit OtherStack(const void* lowest) noexcept;
    ~OtherStack();
    OtherStack(const OtherStack&) = delete;
    OtherStack& operator=(const OtherStack&) = delete;

private:
    std::uintptr_t limit_before_;
};

/// Enough for one more call and whatever it runs.
[[nodiscard]] bool has_stack_room() noexcept;

/// Runs `body` on another thread with a large stack, and waits for it. Exceptions come back. std::bad_alloc where no
/// thread can be had.
void run_on_large_stack(const std::function<void()>& body);

}  // namespace troupe::evm
