// Bits known to be zero, from one instruction to the next.
#include <algorithm>
#include <bit>

#include "vm/dmir/passes/simplifier.hpp"

namespace troupe::dmir {
namespace {

constexpr std::uint64_t all = ~std::uint64_t{0};

/// Zeros of what is at most `bound`.
[[nodiscard]] constexpr std::uint64_t above(std::uint64_t bound) {
    return bound == 0 ? all : ~(all >> static_cast<unsigned>(std::countl_zero(bound)));
}

[[nodiscard]] constexpr bool is_float_comparison(Op op) { return op >= Op::f32_eq && op <= Op::f64_ge; }

}  // namespace

std::uint64_t Simplifier::at_most(Value v) const {
    if (f_.types[v] != Type::i32 && f_.types[v] != Type::i64) return all;
    return ~zeros_[v];
}

std::uint64_t Simplifier::zeros_of_integer(const Instruction& i, IntegerOp op) const {
    const auto a = i.arguments[0];
    const auto b = i.arguments[1];
    const auto za = zeros(a);
    const auto zb = b == no_value ? 0 : zeros(b);
    const auto outside = ~op.mask();
    const auto shift = b == no_value ? std::optional<std::uint64_t>{} : constant(b);
    const auto by = shift.value_or(0) & (op.bits() - 1);
    switch (op.op) {
        case Op::i32_clz:
        case Op::i32_ctz:
        case Op::i32_popcnt: return above(op.bits());
        case Op::i32_and: return za | zb;
        case Op::i32_or:
        case Op::i32_xor: return za & zb;
        case Op::i32_add: {
            const auto bound = ~za + ~zb;
            const bool wraps = bound < ~za || bound > op.mask();
            const auto low = std::min(std::countr_one(za), std::countr_one(zb));
            const auto low_zeros = low >= 64 ? all : (std::uint64_t{1} << low) - 1;
            return (wraps ? outside : above(bound)) | low_zeros;
        }
        case Op::i32_mul: {
            const auto low = std::countr_one(za) + std::countr_one(zb);
            const auto bits_needed = (64 - std::countl_one(za)) + (64 - std::countl_one(zb));
            const auto low_zeros = low >= 64 ? all : (std::uint64_t{1} << low) - 1;
            if (bits_needed <= 0) return all;
            if (static_cast<std::uint32_t>(bits_needed) >= op.bits()) return outside | low_zeros;
            return ~((std::uint64_t{1} << bits_needed) - 1) | low_zeros;
        }
        case Op::i32_shl: return shift ? (za << by) | ((std::uint64_t{1} << by) - 1) | outside : outside;
        case Op::i32_shr_u: return shift ? ~((~za & op.mask()) >> by) : above(~za) | outside;
        case Op::i32_shr_s:
            if ((za & (std::uint64_t{1} << (op.bits() - 1))) == 0) return outside;
            return shift ? ~((~za & op.mask()) >> by) : above(~za) | outside;
        case Op::i32_div_u: return above(~za) | outside;
        case Op::i32_rem_u: return shift && *shift > 0 ? above(std::min(~za, *shift - 1)) : above(~za);
        default: return op.op <= Op::i32_ge_u ? ~std::uint64_t{1} : outside;
    }
}

std::uint64_t Simplifier::zeros_of(const Instruction& i) const {
    const auto type = f_.types[i.first_result];
    const std::uint64_t outside = type == Type::i32 || type == Type::f32 ? all << 32 : 0;
    if (const auto op = integer_op(i.op)) return zeros_of_integer(i, *op);
    switch (i.op) {
        case Op::i32_const:
        case Op::i64_const: return ~i.immediate;
        case Op::i32_load8_u:
        case Op::i64_load8_u: return ~std::uint64_t{0xFF};
        case Op::i32_load16_u:
        case Op::i64_load16_u: return ~std::uint64_t{0xFFFF};
        case Op::i64_load32_u: return ~std::uint64_t{0xFFFFFFFF};
        case Op::memory_size: return above(65'536);
        case Op::ref_is_null: return ~std::uint64_t{1};
        case Op::i64_extend_i32_u: return zeros(i.arguments[0]) | all << 32;
        case Op::i64_extend_i32_s: return zeros(i.arguments[0]) & (1U << 31) ? zeros(i.arguments[0]) | all << 32 : 0;
        case Op::i32_wrap_i64: return zeros(i.arguments[0]) | outside;
        case Op::select: return zeros(i.arguments[0]) & zeros(i.arguments[1]);
        default: return is_float_comparison(i.op) ? ~std::uint64_t{1} : outside;
    }
}

}  // namespace troupe::dmir
