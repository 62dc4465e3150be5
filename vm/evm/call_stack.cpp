#include "vm/evm/call_stack.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>

#include <pthread.h>

namespace troupe::evm {
namespace {

constexpr std::size_t room_min = std::size_t{256} << 10;
/// Reserved; what is not touched takes no memory.
constexpr std::size_t large_stack = std::size_t{64} << 20;

/// The lowest address of this thread's stack that a call may begin at.
[[nodiscard]] std::uintptr_t find_limit() noexcept {
    pthread_attr_t attributes;
    if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return 0;
    void* lowest = nullptr;
    std::size_t size = 0;
    const bool is_known = ::pthread_attr_getstack(&attributes, &lowest, &size) == 0;
    ::pthread_attr_destroy(&attributes);
    return is_known ? reinterpret_cast<std::uintptr_t>(lowest) + room_min : 0;
}

[[nodiscard]] std::uintptr_t& limit_here() noexcept {
    static thread_local auto limit = find_limit();
    return limit;
}

struct Task {
    const std::function<void()>& body;
    std::exception_ptr failure;
};

}  // namespace

OtherStack::OtherStack(const void* lowest) noexcept : limit_before_(limit_here()) {
    if (lowest != nullptr) limit_here() = reinterpret_cast<std::uintptr_t>(lowest) + room_min;
}

OtherStack::~OtherStack() { limit_here() = limit_before_; }

bool has_stack_room() noexcept { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) > limit_here(); }

void run_on_large_stack(const std::function<void()>& body) {
    Task task{body, nullptr};
    const auto run = [](void* argument) -> void* {
        auto& given = *static_cast<Task*>(argument);
        try {
            given.body();
        } catch (...) {
            given.failure = std::current_exception();
        }
        return nullptr;
    };
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) throw std::bad_alloc{};
    pthread_t thread;
    const bool has_started = ::pthread_attr_setstacksize(&attributes, large_stack) == 0 &&
                             ::pthread_create(&thread, &attributes, run, &task) == 0;
    ::pthread_attr_destroy(&attributes);
    if (!has_started) throw std::bad_alloc{};
    ::pthread_join(thread, nullptr);
    if (task.failure) std::rethrow_exception(task.failure);
}

}  // namespace troupe::evm
