// The baseline compiler's shell: stubs, the arena, entering and leaving compiled code, and faults turned to traps.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>

#include <sys/mman.h>
#include <ucontext.h>

#include "jit/baseline/baseline.hpp"
#include "jit/baseline/coded_trap.hpp"
#include "jit/baseline/native_compiler.hpp"

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

/// What is to be reported of a fault of our code; a charge's steps don't happen.
[[nodiscard]] Trap fault_at(const std::uint8_t* at, greg_t& fuel_and_steps) {
    if (*at == trap_instruction) return static_cast<Trap>(at[1]);
    if (*at != charge_instruction) return Trap::memory_out_of_bounds;
    fuel_and_steps -= read_charge(at);
    return Trap::out_of_fuel;
}

void on_fault(int signal, siginfo_t* info, void* raw) {
    auto& registers = static_cast<ucontext_t*>(raw)->uc_mcontext.gregs;
    const auto* at = reinterpret_cast<const std::uint8_t*>(registers[REG_RIP]);
    for (const auto& range : fault_ranges) {
        const auto* begin = range.begin.load(std::memory_order_acquire);
        if (begin == nullptr || at < begin || at >= begin + range.size.load(std::memory_order_relaxed)) continue;
        registers[REG_RAX] = static_cast<greg_t>(fault_at(at, registers[REG_R14]));
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

}  // namespace

struct NativeCompiler::Registration {
    FaultRange* range = nullptr;
};

NativeCompiler::NativeCompiler(std::size_t arena_bytes, bool stops, std::optional<vm::Warmth> warmth)
    : arena_(arena_bytes), registration_(std::make_unique<Registration>()), stops_(stops), warmth_(warmth) {
    if (!arena_.ok()) return;
    StubOffsets offsets;
    const auto bytes = emit_stubs(offsets);
    const auto* base = static_cast<const std::uint8_t*>(arena_.add(bytes));
    if (base == nullptr) return;
    stubs_ = {base + offsets.enter,     base + offsets.lazy,    base + offsets.any,
              base + offsets.trap_exit, base + offsets.entered, base + offsets.stop};
    install_fault_handler();
    static std::mutex registration;
    const std::lock_guard lock(registration);
    for (auto& range : fault_ranges) {
        if (range.begin.load(std::memory_order_relaxed) != nullptr) continue;
        range.trap_exit.store(stubs_.trap_exit, std::memory_order_relaxed);
        range.size.store(arena_.size(), std::memory_order_relaxed);
        range.begin.store(arena_.begin(), std::memory_order_release);
        registration_->range = &range;
        break;
    }
}

NativeCompiler::~NativeCompiler() {
    if (registration_->range == nullptr) return;
    registration_->range->size.store(0);
    registration_->range->begin.store(nullptr);
}

bool NativeCompiler::ready() const { return registration_->range != nullptr; }

const std::uint8_t* NativeCompiler::add_code(std::span<const std::uint8_t> bytes) {
    if (bytes.empty()) return nullptr;
    const std::lock_guard lock(mutex_);
    return static_cast<const std::uint8_t*>(arena_.add(bytes));
}

vm::CompiledFunction NativeCompiler::compile(const vm::FunctionSource& source) {
    if (source.code.uses_v128) return {};
    auto emitted = emit_function(source.code, stubs_,
                                 {.imported = source.imported(),
                                  .stops = stops_,
                                  .charges_chunks = source.charges_chunks,
                                  .enter_at = source.enter_at});
    const auto* at = add_code(emitted.bytes);
    if (at == nullptr) return {};
    if (stops_) {
        const auto begin = reinterpret_cast<std::uint64_t>(at);
        const std::lock_guard lock(mutex_);
        stop_functions_[begin + emitted.bytes.size()] = {&source.code, begin, std::move(emitted.sites)};
    }
    return {.entry = at,
            .size_bytes = emitted.bytes.size(),
            .at_block = source.enter_at ? at + emitted.enter_offset : nullptr};
}

StopPlace NativeCompiler::stop_place(std::uint64_t return_address) {
    const std::lock_guard lock(mutex_);
    // A call may be the last instruction of all.
    const auto function = stop_functions_.lower_bound(return_address);
    TROUPE_ASSERT(function != stop_functions_.end() && return_address >= function->second.begin);
    const auto offset = static_cast<std::uint32_t>(return_address - function->second.begin);
    const auto& sites = function->second.sites;
    const auto site = std::ranges::lower_bound(sites, offset, {}, &StopSite::offset);
    TROUPE_ASSERT(site != sites.end() && site->offset == offset);
    return {function->second.code, site->at};
}

void NativeCompiler::release(const vm::CompiledFunction& made) noexcept {
    if (made.entry == nullptr) return;
    const std::lock_guard lock(mutex_);
    stop_functions_.erase(reinterpret_cast<std::uint64_t>(made.code()) + made.size_bytes);
    arena_.remove(made.code(), made.size_bytes);
}

Trap NativeCompiler::call(Machine& machine, FunctionObject& function, Slot* frame) {
    return enter(machine, &function, *function.instance, function.native, frame);
}

Trap NativeCompiler::enter(Machine& machine, FunctionObject* function, Instance& instance, const void* code,
                           Slot* frame) {
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
    auto* const frame_before = machine.native_frame;
    auto* const limit_before = machine.native_limit;
    const auto units_before = machine.stack_units_left;
    const auto frames_before = machine.frame_count;
    const auto can_stop_before = machine.can_stop;
    const auto steps_max_before = machine.steps_max;
    // What host functions call runs to its end.
    if (stack == nullptr) {
        machine.can_stop = false;
        machine.steps_max = UINT64_MAX;
    }
    using Enter = std::uint32_t (*)(FunctionObject*, Slot*, Instance*, Machine*, std::uint8_t*, const void*);
    const auto call_stub = reinterpret_cast<Enter>(const_cast<void*>(stubs_.enter));
    const auto trap = static_cast<Trap>(call_stub(function, frame, &instance, &machine, stack, code));
    machine.native_exit = exit_before;
    machine.native_frame = frame_before;
    machine.native_limit = limit_before;
    machine.can_stop = can_stop_before;
    machine.steps_max = steps_max_before;
    if (trap == taken_over) {
        machine.paused.units_before = units_before;
        return Trap::none;
    }
    machine.stack_units_left = units_before;
    machine.frame_count = frames_before;
    return trap;
}

std::shared_ptr<vm::Compiler> make_baseline_compiler(std::size_t arena_bytes, Stops stops,
                                                     std::optional<vm::Warmth> warmth) {
    TROUPE_ASSERT(stops == Stops::no || !warmth);
    using Xbyak::util::Cpu;
    const Cpu cpu;
    if (!cpu.has(Cpu::tBMI2) || !cpu.has(Cpu::tBMI1) || !cpu.has(Cpu::tLZCNT) || !cpu.has(Cpu::tSSE41)) return nullptr;
    auto out = std::make_shared<NativeCompiler>(arena_bytes, stops == Stops::yes, warmth);
    if (!out->ready()) return nullptr;
    return out;
}

}  // namespace troupe::jit

#else

namespace troupe::jit {
std::shared_ptr<vm::Compiler> make_baseline_compiler(std::size_t, Stops, std::optional<vm::Warmth>) { return nullptr; }
}  // namespace troupe::jit

#endif
