#include <bit>

#include "jit/baseline/emitter.hpp"
#include "vm/dmir/scalar.hpp"

namespace troupe::jit {

using dmir::Op;
using dmir::Trap;

vm::Trap run_rare(const vm::Instruction& i, vm::Slot* frame) {
    const auto narrow = std::bit_cast<float>(static_cast<std::uint32_t>(frame[i.b]));
    const auto wide = std::bit_cast<double>(frame[i.b]);
    auto& out = frame[i.a];
    const auto trapping = [&]<class I, class F>(F from, I to) {
        const auto trap = dmir::scalar::truncate(from, to);
        if (trap == Trap::none) out = static_cast<vm::Slot>(to);
        return trap;
    };
    const auto put = [&](auto value) {
        using T = decltype(value);
        if constexpr (sizeof(T) == 4)
            out = std::bit_cast<std::uint32_t>(value);
        else
            out = std::bit_cast<std::uint64_t>(value);
        return Trap::none;
    };
    switch (static_cast<Op>(i.op)) {
        case Op::i64_trunc_f32_s: return trapping(narrow, std::int64_t{});
        case Op::i64_trunc_f32_u: return trapping(narrow, std::uint64_t{});
        case Op::i64_trunc_f64_s: return trapping(wide, std::int64_t{});
        case Op::i64_trunc_f64_u: return trapping(wide, std::uint64_t{});
        case Op::i32_trunc_sat_f32_s: return put(dmir::scalar::truncate_saturating<std::int32_t>(narrow));
        case Op::i32_trunc_sat_f32_u: return put(dmir::scalar::truncate_saturating<std::uint32_t>(narrow));
        case Op::i32_trunc_sat_f64_s: return put(dmir::scalar::truncate_saturating<std::int32_t>(wide));
        case Op::i32_trunc_sat_f64_u: return put(dmir::scalar::truncate_saturating<std::uint32_t>(wide));
        case Op::i64_trunc_sat_f32_s: return put(dmir::scalar::truncate_saturating<std::int64_t>(narrow));
        case Op::i64_trunc_sat_f32_u: return put(dmir::scalar::truncate_saturating<std::uint64_t>(narrow));
        case Op::i64_trunc_sat_f64_s: return put(dmir::scalar::truncate_saturating<std::int64_t>(wide));
        case Op::i64_trunc_sat_f64_u: return put(dmir::scalar::truncate_saturating<std::uint64_t>(wide));
        case Op::f32_convert_i64_u: return put(static_cast<float>(frame[i.b]));
        case Op::f64_convert_i64_u: return put(static_cast<double>(frame[i.b]));
        default: break;
    }
    TROUPE_ASSERT(false);
    return Trap::none;
}

}  // namespace troupe::jit
