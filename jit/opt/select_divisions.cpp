// Division and remainder by constants as multiplication by a scaled reciprocal, rounded up (Granlund and Montgomery:
// Division by Invariant Integers using Multiplication).
#include <bit>

#include "jit/opt/selection.hpp"

namespace troupe::jit::opt {
namespace {

__extension__ typedef unsigned __int128 Wide;

/// x / divisor is x * factor >> (bits + shift), for each x below 2^x_bits.
struct Reciprocal {
    std::uint64_t factor = 0;
    std::uint32_t shift = 0;
};

[[nodiscard]] std::uint32_t ceil_log2(std::uint64_t x) {
    return 64U - static_cast<std::uint32_t>(std::countl_zero(x - 1));
}

/// The one with the smallest shift whose factor is below 2^bits; of a divisor up to 2^(bits - 1).
[[nodiscard]] std::optional<Reciprocal> reciprocal(std::uint64_t divisor, std::uint32_t bits, std::uint32_t x_bits) {
    for (std::uint32_t shift = 0; shift <= ceil_log2(divisor) && shift < 64; ++shift) {
        const auto power = Wide{1} << (bits + shift);
        const auto factor = (power + divisor - 1) / divisor;
        if (factor >> bits != 0) return std::nullopt;
        const auto error = factor * divisor - power;
        if (error <= Wide{1} << (shift + bits - x_bits)) return Reciprocal{static_cast<std::uint64_t>(factor), shift};
    }
    return std::nullopt;
}

/// For a signed dividend, whose quotient grows by one where it is negative.
[[nodiscard]] Reciprocal signed_reciprocal(std::uint64_t divisor, std::uint32_t bits) {
    const auto shift = ceil_log2(divisor);
    return {static_cast<std::uint64_t>((Wide{1} << (bits - 1 + shift)) / divisor + 1), shift};
}

}  // namespace

Register Selection::made(Code code, bool wide, Register a, Register b) {
    const auto result = out_.add_register(Type::i64);
    auto& out = emit(code, wide);
    out.operands[0] = a;
    out.operands[1] = b;
    out.result = result;
    return result;
}

void Selection::set_immediate(std::uint64_t value) {
    auto& last = out_.blocks[block_].instructions.back();
    last.immediate = true;
    last.value = value;
}

Register Selection::shifted(Code code, bool wide, Register a, std::uint32_t count) {
    const auto result = made(code, wide, a, no_register);
    set_immediate(count);
    return result;
}

Register Selection::multiplied(bool wide, Register a, std::uint64_t factor) {
    if (factor > INT32_MAX) return made(Code::multiply, wide, a, constant_register(Type::i64, factor));
    const auto result = made(Code::multiply, wide, a, no_register);
    set_immediate(factor);
    return result;
}

Register Selection::quotient32(Register x, std::uint32_t divisor) {
    if (const auto r = reciprocal(divisor, 32, 32))
        return shifted(Code::shift_right, true, multiplied(true, x, r->factor), 32 + r->shift);
    const auto whole = ~std::uint64_t{0} / divisor + 1;
    return made(Code::multiply_high, true, x, constant_register(Type::i64, whole));
}

Register Selection::quotient64(Register x, std::uint64_t divisor) {
    const auto scaled = [&](Register from, const Reciprocal& r) {
        const auto high = made(Code::multiply_high, true, from, constant_register(Type::i64, r.factor));
        return r.shift == 0 ? high : shifted(Code::shift_right, true, high, r.shift);
    };
    if (const auto r = reciprocal(divisor, 64, 64)) return scaled(x, *r);
    if (const auto twos = static_cast<std::uint32_t>(std::countr_zero(divisor)); twos > 0)
        if (const auto r = reciprocal(divisor >> twos, 64, 64 - twos))
            return scaled(shifted(Code::shift_right, true, x, twos), *r);
    // The factor has a 65th bit: x itself is added, halved so that the sum does not overflow.
    const auto shift = ceil_log2(divisor);
    const auto factor = static_cast<std::uint64_t>((Wide{1} << (64 + shift)) / divisor + 1);
    const auto high = made(Code::multiply_high, true, x, constant_register(Type::i64, factor));
    const auto half = shifted(Code::shift_right, true, made(Code::sub, true, x, high), 1);
    return shifted(Code::shift_right, true, made(Code::add, true, half, high), shift - 1);
}

Register Selection::signed_quotient(Register x, std::uint64_t divisor, bool wide) {
    const auto r = signed_reciprocal(divisor, wide ? 64 : 32);
    const auto negative = shifted(Code::shift_right, wide, x, wide ? 63 : 31);
    if (!wide) {
        const auto product = multiplied(true, made(Code::sign_extend32, true, x, no_register), r.factor);
        const auto scaled = shifted(Code::shift_right_signed, true, product, 31 + r.shift);
        return made(Code::add, false, scaled, negative);
    }
    const auto factor = constant_register(Type::i64, r.factor);
    const auto high = made(Code::multiply_high, true, x, factor);
    const auto excess = made(Code::bit_and, true, shifted(Code::shift_right_signed, true, x, 63), factor);
    auto scaled = made(Code::sub, true, high, excess);
    if (r.shift > 1) scaled = shifted(Code::shift_right_signed, true, scaled, r.shift - 1);
    return made(Code::add, true, scaled, negative);
}

bool Selection::divide_by_constant(const dmir::Instruction& i, Value left, std::uint64_t divisor, bool wide) {
    const auto op = wide ? static_cast<Op>(static_cast<int>(Op::i32_div_s) + distance(i.op, Op::i64_div_s)) : i.op;
    const bool is_signed = op == Op::i32_div_s || op == Op::i32_rem_s;
    const bool is_remainder = op == Op::i32_rem_s || op == Op::i32_rem_u;
    const auto top = std::uint64_t{1} << (wide ? 63 : 31);
    const auto mask = top | (top - 1);
    const bool negative = is_signed && (divisor & top) != 0;
    const auto magnitude = negative ? (0 - divisor) & mask : divisor;
    if (magnitude < 3 || std::has_single_bit(magnitude) || magnitude > top) return false;
    const auto x = reg(left);
    auto quotient = no_register;
    if (is_signed)
        quotient = signed_quotient(x, magnitude, wide);
    else
        quotient = wide ? quotient64(x, magnitude) : quotient32(x, static_cast<std::uint32_t>(magnitude));
    if (is_remainder) {
        // The remainder has the dividend's sign, whatever the divisor's.
        (void)made(Code::sub, wide, x, multiplied(wide, quotient, magnitude));
    } else if (negative) {
        (void)made(Code::sub, wide, constant_register(Type::i64, 0), quotient);
    }
    out_.blocks[block_].instructions.back().result = i.first_result;
    return true;
}

}  // namespace troupe::jit::opt
