#include "vm/interp/runtime.hpp"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>

namespace troupe::vm {
namespace {

/// A 32-bit address plus a 32-bit offset plus the widest access can't leave it, so that compiled code needs no check.
constexpr std::uint64_t guarded_bytes = (std::uint64_t{8} << 30U) + page_bytes;

/// Dynamic parts of costs: one unit of fuel for so many bytes or table elements.
constexpr std::uint64_t bytes_per_fuel = 16;
constexpr std::uint64_t elements_per_fuel = 2;
constexpr std::uint64_t chunks_per_page = page_bytes / chunk_bytes;

void* reserve(std::uint64_t bytes) noexcept {
    void* at = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? nullptr : at;
}

}  // namespace

Memory::~Memory() {
    if (base != nullptr) ::munmap(base - chunk_table_bytes, reserved_bytes);
}

bool Memory::open(std::uint32_t pages, std::uint32_t max) {
    auto* const at = static_cast<std::uint8_t*>(reserve(chunk_table_bytes + guarded_bytes));
    if (at == nullptr) return false;
    base = at + chunk_table_bytes;
    reserved_bytes = chunk_table_bytes + guarded_bytes;
    pages_max = max;
    return grow(pages) == 0;
}

std::int64_t Memory::grow(std::uint32_t pages) noexcept {
    const auto before = size_bytes / page_bytes;
    if (before + pages > pages_max) return -1;
    if (pages > 0 && ::mprotect(base + size_bytes, pages * page_bytes, PROT_READ | PROT_WRITE) != 0) return -1;
    size_bytes += pages * page_bytes;
    return static_cast<std::int64_t>(before);
}

bool Memory::track() noexcept {
    if (dirty != nullptr || pages_max == 0) return true;
    auto* const at = base - chunk_table_bytes;
    if (::mprotect(at, pages_max * chunks_per_page, PROT_READ | PROT_WRITE) != 0) return false;
    dirty = at;
    return true;
}

void Memory::clean() noexcept {
    if (dirty != nullptr && size_bytes > 0) std::memset(dirty, 0, size_bytes / chunk_bytes);
}

bool charge_written(Machine& machine, Memory& memory, std::uint64_t at, std::uint64_t size_bytes) noexcept {
    if (memory.dirty == nullptr || size_bytes == 0) return true;
    std::uint64_t chunks = 0;
    for (auto chunk = at / chunk_bytes; chunk <= (at + size_bytes - 1) / chunk_bytes; ++chunk) {
        chunks += memory.dirty[chunk] == 0 ? 1 : 0;
        memory.dirty[chunk] = 1;
    }
    return chunks == 0 || machine.charge(chunks * machine.limits.fuel_per_dirty_chunk);
}

bool Memory::show(int file, std::uint64_t bytes) noexcept {
    return bytes == 0 || ::mmap(base, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED;
}

void Memory::drop(std::uint64_t at, std::uint64_t bytes) noexcept {
    if (bytes > 0) ::madvise(base + at, bytes, MADV_DONTNEED);
}

void Memory::shrink(std::uint32_t pages) noexcept {
    const auto kept_bytes = pages * page_bytes;
    if (size_bytes <= kept_bytes) return;
    drop(kept_bytes, size_bytes - kept_bytes);
    ::mprotect(base + kept_bytes, size_bytes - kept_bytes, PROT_NONE);
    size_bytes = kept_bytes;
}

Machine::Machine(const MachineLimits& limits_of) : stack_units_left(limits_of.stack_units), limits(limits_of) {
    // Slot assignment gives a frame at most eight slots for each unit, or 512; a call's arguments lie above it.
    stack_bytes = (std::uint64_t{limits.stack_units} * 64 + 4096) * sizeof(Slot);
    void* at = ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TROUPE_ASSERT(at != MAP_FAILED);
    stack = static_cast<Slot*>(at);
}

Machine::~Machine() {
    ::munmap(stack, stack_bytes);
    if (native_stack != nullptr) ::munmap(native_stack, native_stack_bytes);
}

void Machine::trim() noexcept {
    constexpr std::uint64_t kept_bytes = 64 << 10;
    constexpr std::uint64_t probed_bytes = 4096;
    unsigned char is_resident = 0;
    auto* const end = reinterpret_cast<std::uint8_t*>(stack) + stack_bytes;
    auto* const from = reinterpret_cast<std::uint8_t*>(stack) + kept_bytes;
    if (from < end && ::mincore(from, probed_bytes, &is_resident) == 0 && (is_resident & 1U) != 0)
        ::madvise(from, static_cast<std::size_t>(end - from), MADV_DONTNEED);
    // This one grows downwards.
    if (native_stack != nullptr &&
        ::mincore(native_stack + native_stack_bytes - kept_bytes, probed_bytes, &is_resident) == 0 &&
        (is_resident & 1U) != 0)
        ::madvise(native_stack, native_stack_bytes - kept_bytes, MADV_DONTNEED);
    if (frames.size() > 4096) std::vector<Frame>(64).swap(frames);
}

void Machine::abandon() noexcept {
    if (!is_paused()) return;
    stack_units_left = paused.units_before;
    frame_count = 0;
    paused = {};
}

Trap call(Machine& machine, FunctionObject& function, Instance* caller, Slot* frame) {
    if (function.host != nullptr)
        return machine.fuel < 0 ? Trap::out_of_fuel : function.host(function.user, machine, caller, frame);
    if (function.code == nullptr)
        if (const auto trap = machine.prepare(machine, function); trap != Trap::none) return trap;
    const bool is_outermost = machine.frame_count == 0 && machine.native_exit == nullptr;
    const auto trap = function.entry != nullptr ? machine.call_compiled(machine, function, frame)
                                                : interpret(machine, function, frame);
    return is_outermost ? settled(machine, trap) : trap;
}

Trap resolve_indirect(const Instance& instance, const Instruction& instruction, std::uint32_t index,
                      FunctionObject*& out) noexcept {
    const auto& table = *instance.tables[instruction.high()];
    if (index >= table.elements.size()) return Trap::undefined_element;
    out = reinterpret_cast<FunctionObject*>(table.elements[index]);
    if (out == nullptr) return Trap::uninitialized_element;
    if (out->signature != instance.signatures[instruction.low()]) return Trap::indirect_call_type_mismatch;
    return Trap::none;
}

Trap run_slow(Machine& machine, Instance& instance, const Instruction& i, Slot* frame) {
    using dmir::Op;
    const auto u32 = [&](std::uint16_t slot) { return static_cast<std::uint32_t>(frame[slot]); };
    const auto fits = [](std::uint64_t at, std::uint64_t n, std::uint64_t size) {
        return at <= size && n <= size - at;
    };
    switch (static_cast<Op>(i.op)) {
        case Op::ref_func: frame[i.a] = reinterpret_cast<Slot>(instance.functions[i.low()]); return Trap::none;
        case Op::table_get: {
            const auto& table = instance.tables[i.low()]->elements;
            if (u32(i.b) >= table.size()) return Trap::table_out_of_bounds;
            frame[i.a] = table[u32(i.b)];
            return Trap::none;
        }
        case Op::table_set: {
            auto& table = instance.tables[i.low()]->elements;
            if (u32(i.b) >= table.size()) return Trap::table_out_of_bounds;
            table[u32(i.b)] = frame[i.c];
            return Trap::none;
        }
        case Op::table_size: frame[i.a] = instance.tables[i.low()]->elements.size(); return Trap::none;
        case Op::table_grow: {
            auto& table = *instance.tables[i.low()];
            const std::uint64_t n = u32(i.c);
            if (!machine.charge(n / elements_per_fuel)) return Trap::out_of_fuel;
            constexpr std::uint64_t elements_max = 10'000'000;
            const auto before = table.elements.size();
            if (before + n > std::min<std::uint64_t>(table.max, elements_max)) {
                frame[i.a] = 0xFFFFFFFF;
                return Trap::none;
            }
            table.elements.resize(before + n, frame[i.b]);
            frame[i.a] = before;
            return Trap::none;
        }
        case Op::table_fill: {
            auto& table = instance.tables[i.low()]->elements;
            const std::uint64_t n = u32(i.c);
            if (!machine.charge(n / elements_per_fuel)) return Trap::out_of_fuel;
            if (!fits(u32(i.a), n, table.size())) return Trap::table_out_of_bounds;
            std::fill_n(table.begin() + u32(i.a), n, frame[i.b]);
            return Trap::none;
        }
        case Op::table_copy: {
            auto& to = instance.tables[i.low()]->elements;
            const auto& from = instance.tables[i.high()]->elements;
            const std::uint64_t n = u32(i.c);
            if (!machine.charge(n / elements_per_fuel)) return Trap::out_of_fuel;
            if (!fits(u32(i.a), n, to.size()) || !fits(u32(i.b), n, from.size())) return Trap::table_out_of_bounds;
            if (n > 0) std::memmove(to.data() + u32(i.a), from.data() + u32(i.b), n * sizeof(Slot));
            return Trap::none;
        }
        case Op::table_init: {
            const auto& from = instance.elements[i.low()];
            auto& to = instance.tables[i.high()]->elements;
            const std::uint64_t n = u32(i.c);
            if (!machine.charge(n / elements_per_fuel)) return Trap::out_of_fuel;
            if (!fits(u32(i.a), n, to.size()) || !fits(u32(i.b), n, from.size())) return Trap::table_out_of_bounds;
            std::copy_n(from.begin() + u32(i.b), n, to.begin() + u32(i.a));
            return Trap::none;
        }
        case Op::elem_drop: instance.elements[i.low()].clear(); return Trap::none;
        case Op::memory_grow: {
            const std::uint64_t pages = u32(i.b);
            // What can't succeed costs nothing more.
            if (instance.memory->size_bytes / page_bytes + pages > instance.memory->pages_max) {
                frame[i.a] = 0xFFFFFFFF;
                return Trap::none;
            }
            if (!machine.charge(pages * machine.limits.fuel_per_page)) return Trap::out_of_fuel;
            frame[i.a] = static_cast<std::uint32_t>(instance.memory->grow(static_cast<std::uint32_t>(pages)));
            return Trap::none;
        }
        case Op::memory_copy: {
            auto& memory = *instance.memory;
            const std::uint64_t n = u32(i.c);
            if (!machine.charge(n / bytes_per_fuel)) return Trap::out_of_fuel;
            if (!fits(u32(i.a), n, memory.size_bytes) || !fits(u32(i.b), n, memory.size_bytes))
                return Trap::memory_out_of_bounds;
            if (!charge_written(machine, memory, u32(i.a), n)) return Trap::out_of_fuel;
            std::memmove(memory.base + u32(i.a), memory.base + u32(i.b), n);
            return Trap::none;
        }
        case Op::memory_fill: {
            auto& memory = *instance.memory;
            const std::uint64_t n = u32(i.c);
            if (!machine.charge(n / bytes_per_fuel)) return Trap::out_of_fuel;
            if (!fits(u32(i.a), n, memory.size_bytes)) return Trap::memory_out_of_bounds;
            if (!charge_written(machine, memory, u32(i.a), n)) return Trap::out_of_fuel;
            std::memset(memory.base + u32(i.a), static_cast<int>(frame[i.b] & 0xFF), n);
            return Trap::none;
        }
        case Op::memory_init: {
            auto& memory = *instance.memory;
            const auto& from = instance.data[i.low()];
            const std::uint64_t n = u32(i.c);
            if (!machine.charge(n / bytes_per_fuel)) return Trap::out_of_fuel;
            if (!fits(u32(i.a), n, memory.size_bytes) || !fits(u32(i.b), n, from.size))
                return Trap::memory_out_of_bounds;
            if (!charge_written(machine, memory, u32(i.a), n)) return Trap::out_of_fuel;
            if (n > 0) std::memcpy(memory.base + u32(i.a), from.data + u32(i.b), n);
            return Trap::none;
        }
        case Op::data_drop: instance.data[i.low()] = {}; return Trap::none;
        case Op::stack_check:
            return machine.stack_units_left < std::int64_t{i.low()} ? Trap::call_stack_exhausted : Trap::none;
        default: break;
    }
    TROUPE_ASSERT(false);
    return Trap::none;
}

}  // namespace troupe::vm
