// Parallel moves: all at once, each target gets what its source held before.
#ifdef __x86_64__

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {

namespace {
const Xmm scratch{14};
constexpr std::uint32_t cycle_number = 15;
}  // namespace

Xbyak::RegExp FunctionEmitter::address(const Location& at) const {
    const auto base = at.kind == Location::Kind::slot ? outgoing_bytes_ : 0;
    return rsp + static_cast<int>(base + 8 * at.index);
}

void FunctionEmitter::constant_to(const Reg64& to, std::uint64_t bits) {
    if (bits == 0)
        xor_(to.cvt32(), to.cvt32());
    else
        mov(to, bits);
}

void FunctionEmitter::move(const Location& to, const Location& from) {
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
        if (value == static_cast<std::int32_t>(value)) {
            mov(qword[address(to)], static_cast<std::uint32_t>(value));
        } else {
            vmovsd(scratch, pooled(from.bits));
            vmovsd(qword[address(to)], scratch);
        }
        return;
    }
    const Xmm to_float(static_cast<int>(to.index & 15U));
    const Xmm from_float(static_cast<int>(from.index & 15U));
    if (to.kind == Kind::integer) {
        if (from.kind == Kind::integer)
            mov(gpr(to.index), gpr(from.index));
        else if (from.kind == Kind::floating)
            vmovq(gpr(to.index), from_float);
        else
            mov(gpr(to.index), qword[address(from)]);
    } else if (to.kind == Kind::floating) {
        if (from.kind == Kind::integer)
            vmovq(to_float, gpr(from.index));
        else if (from.kind == Kind::floating)
            vmovaps(to_float, from_float);
        else
            vmovsd(to_float, qword[address(from)]);
    } else if (from.kind == Kind::integer) {
        mov(qword[address(to)], gpr(from.index));
    } else if (from.kind == Kind::floating) {
        vmovsd(qword[address(to)], from_float);
    } else {
        vmovsd(scratch, qword[address(from)]);
        vmovsd(qword[address(to)], scratch);
    }
}

void FunctionEmitter::move_all(std::vector<Move> moves) {
    std::erase_if(moves, [](const Move& m) { return m.to == m.from; });
    while (!moves.empty()) {
        bool progress = false;
        for (std::size_t k = 0; k < moves.size();) {
            bool blocked = false;
            for (std::size_t j = 0; j < moves.size() && !blocked; ++j) blocked = j != k && moves[j].from == moves[k].to;
            if (blocked) {
                ++k;
                continue;
            }
            move(moves[k].to, moves[k].from);
            moves.erase(moves.begin() + static_cast<std::ptrdiff_t>(k));
            progress = true;
        }
        if (progress) continue;
        // Only cycles are left.
        const auto first = moves.back();
        if (first.to.kind == Location::Kind::integer && first.from.kind == Location::Kind::integer) {
            xchg(gpr(first.to.index), gpr(first.from.index));
            moves.pop_back();
            for (auto& m : moves) {
                if (m.from == first.to)
                    m.from = first.from;
                else if (m.from == first.from)
                    m.from = first.to;
            }
            std::erase_if(moves, [](const Move& m) { return m.to == m.from; });
        } else {
            const Location saved{Location::Kind::floating, cycle_number, 0};
            move(saved, first.from);
            for (auto& m : moves)
                if (m.from == first.from) m.from = saved;
        }
    }
}

}  // namespace troupe::jit::opt

#endif
