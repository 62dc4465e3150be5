// Parallel moves: all at once, each target gets what its source held before.
#ifdef __x86_64__

#include <algorithm>

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {

namespace {
const Xmm scratch{14};
constexpr std::uint32_t cycle_number = 15;
}  // namespace

Xbyak::RegExp FunctionEmitter::address(const Location& at) const {
    return rsp + static_cast<int>(at.is_slot() ? outgoing_bytes_ + 4 * at.index : 8 * at.index);
}

void FunctionEmitter::constant_to(const Reg64& to, std::uint64_t bits) {
    if (bits == 0)
        xor_(to.cvt32(), to.cvt32());
    else
        mov(to, bits);
}

void FunctionEmitter::move(const Move& m) {
    const auto& [to, from, wide] = m;
    using Kind = Location::Kind;
    if (from.kind == Kind::constant) {
        if (to.kind == Kind::integer) return constant_to(gpr(to.index), from.bits);
        if (to.kind == Kind::floating) {
            const Xmm x(static_cast<int>(to.index));
            if (from.bits == 0)
                vxorps(x, x, x);
            else
                vmovsd(x, pooled(from.bits));
            return;
        }
        const auto value = static_cast<std::int64_t>(from.bits);
        if (to.kind == Kind::half_slot) {
            mov(dword[address(to)], static_cast<std::uint32_t>(from.bits));
        } else if (value == static_cast<std::int32_t>(value)) {
            mov(qword[address(to)], static_cast<std::uint64_t>(value));
        } else {
            vmovsd(scratch, pooled(from.bits));
            vmovsd(qword[address(to)], scratch);
        }
        return;
    }
    const Xmm to_float(static_cast<int>(to.index & 15U));
    const Xmm from_float(static_cast<int>(from.index & 15U));
    const auto load = [&](const Xmm& x) {
        from.kind == Kind::half_slot ? vmovss(x, dword[address(from)]) : vmovsd(x, qword[address(from)]);
    };
    const auto store = [&](const Xmm& x) {
        to.kind == Kind::half_slot ? vmovss(dword[address(to)], x) : vmovsd(qword[address(to)], x);
    };
    if (to.kind == Kind::integer) {
        if (from.kind == Kind::integer)
            mov(sized(gpr(to.index), wide), sized(gpr(from.index), wide));
        else if (from.kind == Kind::floating)
            vmovq(gpr(to.index), from_float);
        else
            mov(sized(gpr(to.index), from.kind != Kind::half_slot), ptr[address(from)]);
    } else if (to.kind == Kind::floating) {
        if (from.kind == Kind::integer)
            vmovq(to_float, gpr(from.index));
        else if (from.kind == Kind::floating)
            vmovaps(to_float, from_float);
        else
            load(to_float);
    } else if (from.kind == Kind::integer) {
        mov(ptr[address(to)], sized(gpr(from.index), to.kind != Kind::half_slot));
    } else if (from.kind == Kind::floating) {
        store(from_float);
    } else {
        load(scratch);
        store(scratch);
    }
}

namespace {
/// A number for each place that can be read and written.
[[nodiscard]] std::size_t number(const Location& at) {
    switch (at.kind) {
        case Location::Kind::integer: return at.index;
        case Location::Kind::floating: return 16 + at.index;
        case Location::Kind::slot:
        case Location::Kind::half_slot: return 32 + 2 * std::size_t{at.index};
        default: return 33 + 2 * std::size_t{at.index};
    }
}
}  // namespace

/// A move waits for those that read its target; what waits for itself is a cycle.
void FunctionEmitter::move_all(std::vector<Move> moves) {
    std::erase_if(moves, [](const Move& m) { return m.to == m.from; });
    const auto reads = [](const Move& m) { return m.from.kind != Location::Kind::constant; };
    std::size_t places = 0;
    for (const auto& m : moves) places = std::max({places, number(m.to) + 1, reads(m) ? number(m.from) + 1 : 0});
    if (places_.size() < places) places_.resize(places);
    for (const auto& m : moves) places_[number(m.to)].writer = &m;
    for (const auto& m : moves)
        if (reads(m)) ++places_[number(m.from)].readers;
    std::vector<const Move*> ready;
    for (const auto& m : moves)
        if (places_[number(m.to)].readers == 0) ready.push_back(&m);
    while (!ready.empty()) {
        const auto& m = *ready.back();
        ready.pop_back();
        move(m);
        places_[number(m.to)].writer = nullptr;
        if (!reads(m)) continue;
        auto& from = places_[number(m.from)];
        if (--from.readers == 0 && from.writer != nullptr) ready.push_back(from.writer);
    }
    // Only cycles are left.
    for (const auto& m : moves)
        if (places_[number(m.to)].writer != nullptr) move_cycle(m);
}

void FunctionEmitter::move_cycle(const Move& first) {
    const auto next = [this](const Move& m) {
        auto& to = places_[number(m.to)];
        auto& from = places_[number(m.from)];
        to.writer = nullptr;
        --from.readers;
        return from.writer;
    };
    bool integers = true;
    bool wide = false;
    for (const auto* m = &first; integers;) {
        integers = m->from.kind == Location::Kind::integer;
        wide |= m->wide;
        m = places_[number(m->from)].writer;
        if (m == &first) break;
    }
    const Location saved{Location::Kind::floating, cycle_number, 0};
    if (!integers) move({saved, first.to});
    for (const auto* m = &first;;) {
        const auto* then = next(*m);
        if (then == nullptr) {
            // Its source is the first one's target.
            if (!integers) move({m->to, saved});
            return;
        }
        if (integers)
            xchg(sized(gpr(m->to.index), wide), sized(gpr(m->from.index), wide));
        else
            move(*m);
        m = then;
    }
}

}  // namespace troupe::jit::opt

#endif
