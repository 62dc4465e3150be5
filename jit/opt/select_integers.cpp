// Integer operations.
#include "jit/opt/selection.hpp"

namespace troupe::jit::opt {

void Selection::integer(const dmir::Instruction& i, bool wide) {
    auto left = i.arguments[0];
    auto right = i.arguments[1];
    const auto op = narrowed(i.op);
    const auto unary = [&](Code code) {
        const auto from = reg(left);
        auto& out = emit(code, wide);
        out.operands[0] = from;
        out.result = i.first_result;
    };
    const auto commutes =
        op == Op::i32_add || op == Op::i32_mul || op == Op::i32_and || op == Op::i32_or || op == Op::i32_xor;
    if (commutes && ((constant(left) && !constant(right)) || is_memory(left))) std::swap(left, right);
    switch (op) {
        case Op::i32_clz: return unary(Code::count_leading_zeros);
        case Op::i32_ctz: return unary(Code::count_trailing_zeros);
        case Op::i32_popcnt: return unary(Code::count_ones);
        case Op::i32_add: return add(i, left, right, wide);
        case Op::i32_sub:
            if (const auto c = small_constant(right); c && *c != INT32_MIN)
                return binary(i, Code::add, left, -std::int64_t{*c}, wide);
            if (constant(left) == 0U && !is_memory(right)) {
                left = right;
                return unary(Code::negate);
            }
            return binary(i, Code::sub, left, right, wide);
        case Op::i32_mul: return multiply(i, left, right, wide);
        case Op::i32_and:
            if (wide && constant(right) == 0xFFFFFFFFU) return unary(Code::zero_extend32);
            if (const auto y = inverted(left)) return binary(i, Code::bit_and_not, *y, right, wide);
            if (const auto y = inverted(right)) return binary(i, Code::bit_and_not, *y, left, wide);
            return binary(i, Code::bit_and, left, right, wide);
        case Op::i32_or: return binary(i, Code::bit_or, left, right, wide);
        case Op::i32_xor: return binary(i, Code::bit_xor, left, right, wide);
        case Op::i32_shl: return binary(i, Code::shift_left, left, right, wide);
        case Op::i32_shr_s: return binary(i, Code::shift_right_signed, left, right, wide);
        case Op::i32_shr_u: return binary(i, Code::shift_right, left, right, wide);
        case Op::i32_rotl: return binary(i, Code::rotate_left, left, right, wide);
        case Op::i32_rotr: return binary(i, Code::rotate_right, left, right, wide);
        default: return divide(i, left, right, wide);
    }
}

void Selection::binary(const dmir::Instruction& i, Code code, Value left, Value right, bool wide) {
    if (const auto c = small_constant(right)) return binary(i, code, left, std::int64_t{*c}, wide);
    const auto a = reg(left);
    const auto* load = is_memory(right) ? definition(right) : nullptr;
    const auto [b, displacement] = load != nullptr ? address(*load) : Address{reg(right), 0};
    auto& out = emit(code, wide);
    out.operands[0] = a;
    out.operands[1] = b;
    out.memory = load != nullptr;
    out.displacement = static_cast<std::uint32_t>(displacement);
    out.result = i.first_result;
}

void Selection::binary(const dmir::Instruction& i, Code code, Value left, std::int64_t right, bool wide) {
    const auto a = reg(left);
    auto& out = emit(code, wide);
    out.operands[0] = a;
    out.immediate = true;
    out.value = static_cast<std::uint64_t>(right);
    out.result = i.first_result;
}

void Selection::add(const dmir::Instruction& i, Value left, Value right, bool wide) {
    if (is_memory(right)) return binary(i, Code::add, left, right, wide);
    if (is_skipped(right)) std::swap(left, right);
    if (!is_skipped(left)) {
        if (const auto c = constant(right)) sums_[left] = {i.first_result, *c};
        return binary(i, Code::add, left, right, wide);
    }
    const auto& d = *definition(left);
    Register base = no_register;
    Register index = no_register;
    std::uint8_t scale = 0;
    std::uint64_t value = 0;
    if (d.op == Op::i32_shl || d.op == Op::i64_shl) {
        base = reg(right);
        index = reg(d.arguments[0]);
        scale = static_cast<std::uint8_t>(*constant(d.arguments[1]));
    } else {
        // (x + y) + constant, where x + y itself may hold a shift.
        value = static_cast<std::uint64_t>(std::int64_t{*small_constant(right)});
        auto x = d.arguments[0];
        auto y = d.arguments[1];
        if (is_skipped(x)) std::swap(x, y);
        base = reg(x);
        if (is_skipped(y)) {
            index = reg(definition(y)->arguments[0]);
            scale = static_cast<std::uint8_t>(*constant(definition(y)->arguments[1]));
        } else {
            index = reg(y);
        }
    }
    auto& out = emit(Code::address, wide);
    out.operands[0] = base;
    out.operands[1] = index;
    out.scale = scale;
    out.value = value;
    out.result = i.first_result;
}

void Selection::multiply(const dmir::Instruction& i, Value left, Value right, bool wide) {
    if (const auto c = constant(right)) {
        if (*c != 0 && (*c & (*c - 1)) == 0)
            return binary(i, Code::shift_left, left, std::int64_t{__builtin_ctzll(*c)}, wide);
        if (*c == 3 || *c == 5 || *c == 9) {
            const auto a = reg(left);
            auto& out = emit(Code::address, wide);
            out.operands[0] = a;
            out.operands[1] = a;
            out.scale = *c == 3 ? 1 : *c == 5 ? 2 : 3;
            out.result = i.first_result;
            return;
        }
    }
    binary(i, Code::multiply, left, right, wide);
}

void Selection::divide(const dmir::Instruction& i, Value left, Value right, bool wide) {
    if (const auto c = constant(right); c && divide_by_constant(i, left, *c, wide)) return;
    const auto a = reg(left);
    const auto b = reg(right);
    auto& out = emit(Code::divide, wide);
    out.op = i.op;
    out.operands[0] = a;
    out.operands[1] = b;
    if (const auto c = constant(right)) {
        // What the divisor can't be needs no check.
        out.immediate = *c != 0 && *c != (wide ? ~std::uint64_t{0} : 0xFFFFFFFFU);
    }
    out.result = i.first_result;
}

}  // namespace troupe::jit::opt
