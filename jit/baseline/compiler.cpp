// The baseline compiler's shell: stubs, the arena, entering and leaving compiled code, and faults turned to traps.
#include <atomic>
#include <csignal>
#include <mutex>

#include <sys/mman.h>
#include <ucontext.h>

#include "jit/baseline/baseline.hpp"
#include "jit/baseline/code_arena.hpp"
#include "jit/baseline/emitter.hpp"

#ifdef __x86_64__

#include <xbyak/xbyak_util.h>

namespace troupe::jit {
namespace {

using vm::FunctionObject;
using vm::Instance;
using vm::Machine;
using vm::Slot;
using vm::Trap;

/// Arenas whose faults are traps. Entries are set before an arena's code runs and cleared when it dies.
struct FaultRange {
    std::atomic<const std::uint8_t*> begin{nullptr};
    std::atomic<std::size_t> size{0};
    std::atomic<const void*> trap_exit{nullptr};
};
constexpr std::size_t fault_ranges_max = 256;
FaultRange fault_ranges[fault_ranges_max];
struct sigaction previous_handler;

void on_fault(int signal, siginfo_t* info, void* raw) {
    auto& registers = static_cast<ucontext_t*>(raw)->uc_mcontext.gregs;
    const auto* at = reinterpret_cast<const std::uint8_t*>(registers[REG_RIP]);
    for (const auto& range : fault_ranges) {
        const auto* begin = range.begin.load(std::memory_order_acquire);
        if (begin == nullptr || at < begin || at >= begin + range.size.load(std::memory_order_relaxed)) continue;
        registers[REG_RAX] = static_cast<greg_t>(Trap::memory_out_of_bounds);
        registers[REG_RIP] = reinterpret_cast<greg_t>(range.trap_exit.load(std::memory_order_relaxed));
        return;
    }
    if ((previous_handler.sa_flags & SA_SIGINFO) != 0 && previous_handler.sa_sigaction != nullptr)
        return previous_handler.sa_sigaction(signal, info, raw);
    // Not ours: let it happen again without us.
    ::sigaction(SIGSEGV, &previous_handler, nullptr);
}

void install_fault_handler() {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
        ::sigemptyset(&action.sa_mask);
        ::sigaction(SIGSEGV, &action, &previous_handler);
    });
}

class Baseline final : public vm::Compiler {
public:
    explicit Baseline(std::size_t arena_bytes) : arena_(arena_bytes) {
        if (!arena_.ok()) return;
        const auto bytes = emit_stubs(stub_offsets_);
        const auto* base = static_cast<const std::uint8_t*>(arena_.add(bytes));
        if (base == nullptr) return;
        stubs_ = {base + stub_offsets_.enter, base + stub_offsets_.lazy, base + stub_offsets_.any,
                  base + stub_offsets_.trap_exit};
        install_fault_handler();
        static std::mutex registration;
        const std::lock_guard lock(registration);
        for (auto& range : fault_ranges) {
            if (range.begin.load(std::memory_order_relaxed) != nullptr) continue;
            range.trap_exit.store(stubs_.trap_exit, std::memory_order_relaxed);
            range.size.store(arena_.size(), std::memory_order_relaxed);
            range.begin.store(arena_.begin(), std::memory_order_release);
            range_ = &range;
            break;
        }
    }
    ~Baseline() override {
        if (range_ == nullptr) return;
        range_->size.store(0);
        range_->begin.store(nullptr);
    }
    Baseline(const Baseline&) = delete;
    Baseline& operator=(const Baseline&) = delete;

    [[nodiscard]] bool ready() const { return range_ != nullptr; }

    vm::CompiledFunction compile(const vm::Code& code, std::uint32_t imported) override {
        if (code.uses_v128) return {};
        const auto bytes = emit_function(code, imported, stubs_);
        if (bytes.empty()) return {};
        const std::lock_guard lock(mutex_);
        const auto* at = arena_.add(bytes);
        if (at == nullptr) return {};
        return {at, bytes.size()};
    }

    Trap call(Machine& machine, FunctionObject& function, Slot* frame) override {
        std::uint8_t* stack = nullptr;
        if (machine.native_exit == nullptr) {
            if (machine.native_stack == nullptr) {
                void* made = ::mmap(nullptr, vm::native_stack_bytes, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                if (made == MAP_FAILED) return Trap::host_error;
                machine.native_stack = static_cast<std::uint8_t*>(made);
            }
            stack = machine.native_stack + vm::native_stack_bytes;
        }
        auto* const exit_before = machine.native_exit;
        const auto units_before = machine.stack_units_left;
        const auto frames_before = machine.frame_count;
        using Enter = std::uint32_t (*)(FunctionObject*, Slot*, Instance*, Machine*, std::uint8_t*);
        const auto enter = reinterpret_cast<Enter>(const_cast<void*>(stubs_.enter));
        const auto trap = static_cast<Trap>(enter(&function, frame, function.instance, &machine, stack));
        machine.native_exit = exit_before;
        machine.stack_units_left = units_before;
        machine.frame_count = frames_before;
        return trap;
    }

    const void* lazy_stub() const noexcept override { return stubs_.lazy; }
    const void* any_stub() const noexcept override { return stubs_.any; }

private:
    CodeArena arena_;
    StubOffsets stub_offsets_;
    Stubs stubs_;
    FaultRange* range_ = nullptr;
    std::mutex mutex_;
};

}  // namespace

std::shared_ptr<vm::Compiler> make_baseline_compiler(std::size_t arena_bytes) {
    using Xbyak::util::Cpu;
    const Cpu cpu;
    if (!cpu.has(Cpu::tBMI2) || !cpu.has(Cpu::tBMI1) || !cpu.has(Cpu::tLZCNT) || !cpu.has(Cpu::tSSE41)) return nullptr;
    auto out = std::make_shared<Baseline>(arena_bytes);
    if (!out->ready()) return nullptr;
    return out;
}

}  // namespace troupe::jit

#else

namespace troupe::jit {
std::shared_ptr<vm::Compiler> make_baseline_compiler(std::size_t) { return nullptr; }
}  // namespace troupe::jit

#endif
