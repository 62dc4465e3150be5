// Floating-point operations and conversions.
#include "jit/opt/selection.hpp"

namespace troupe::jit::opt {

bool Selection::floating(const dmir::Instruction& i) {
    const bool narrow = between(i.op, Op::f32_abs, Op::f32_copysign);
    const bool wide = between(i.op, Op::f64_abs, Op::f64_copysign);
    if (!narrow && !wide) return false;
    const auto op = wide ? static_cast<Op>(static_cast<int>(Op::f32_abs) + distance(i.op, Op::f64_abs)) : i.op;
    const bool sign = op == Op::f32_abs || op == Op::f32_neg || op == Op::f32_copysign;
    auto left = i.arguments[0];
    auto right = i.arguments[1];
    if (is_memory(left)) std::swap(left, right);
    const auto* load = right != no_value && is_memory(right) ? definition(right) : nullptr;
    const auto a = sign ? exact(left) : reg(left);
    Address b{no_register, 0};
    if (load != nullptr)
        b = address(*load);
    else if (right != no_value)
        b.base = sign ? exact(right) : reg(right);
    auto code = Code::float_unary;
    if (op == Op::f32_copysign)
        code = Code::float_copysign;
    else if (sign)
        code = Code::float_sign;
    else if (op == Op::f32_min || op == Op::f32_max)
        code = Code::float_extreme;
    else if (right != no_value)
        code = Code::float_arithmetic;
    auto& out = emit(code, wide);
    out.op = op;
    out.operands[0] = a;
    out.operands[1] = b.base;
    out.memory = load != nullptr;
    out.displacement = static_cast<std::uint32_t>(b.offset);
    out.result = i.first_result;
    return true;
}

bool Selection::fits_32_bits(Value v) const {
    const auto* d = definition(v);
    if (d == nullptr || is_skipped(v)) return false;
    const auto c = d->arguments[1] == no_value ? std::nullopt : constant(d->arguments[1]);
    if (d->op == Op::i64_shr_u) return c && *c >= 32 && *c < 64;
    return d->op == Op::i64_and && c && *c <= 0xFFFFFFFF;
}

bool Selection::conversion(const dmir::Instruction& i) {
    const auto unary = [&](Code code, bool wide) {
        const auto from = code == Code::reinterpret ? exact(i.arguments[0]) : reg(i.arguments[0]);
        auto& out = emit(code, wide);
        out.op = i.op;
        out.operands[0] = from;
        out.result = i.first_result;
        return true;
    };
    switch (i.op) {
        case Op::i64_extend_i32_u:
            // An i32's upper half is zero everywhere.
            register_of_[i.first_result] = reg(i.arguments[0]);
            return true;
        case Op::i32_wrap_i64:
            if (fits_32_bits(i.arguments[0])) {
                register_of_[i.first_result] = reg(i.arguments[0]);
                return true;
            }
            return unary(Code::zero_extend32, true);
        case Op::i64_extend_i32_s:
        case Op::i64_extend32_s: return unary(Code::sign_extend32, true);
        case Op::i32_extend8_s: return unary(Code::sign_extend8, false);
        case Op::i32_extend16_s: return unary(Code::sign_extend16, false);
        case Op::i64_extend8_s: return unary(Code::sign_extend8, true);
        case Op::i64_extend16_s: return unary(Code::sign_extend16, true);
        case Op::i32_reinterpret_f32:
        case Op::f32_reinterpret_i32: return unary(Code::reinterpret, false);
        case Op::i64_reinterpret_f64:
        case Op::f64_reinterpret_i64: return unary(Code::reinterpret, true);
        case Op::f32_demote_f64:
        case Op::f64_promote_f32: return unary(Code::float_unary, i.op == Op::f64_promote_f32);
        case Op::f32_convert_i32_s:
        case Op::f32_convert_i32_u:
        case Op::f32_convert_i64_s: return unary(Code::integer_to_float, false);
        case Op::f64_convert_i32_s:
        case Op::f64_convert_i32_u:
        case Op::f64_convert_i64_s: return unary(Code::integer_to_float, true);
        case Op::i32_trunc_f32_s:
        case Op::i32_trunc_f64_s:
        case Op::i64_trunc_f32_s:
        case Op::i64_trunc_f64_s: return unary(Code::float_to_integer, i.op >= Op::i64_trunc_f32_s);
        case Op::i32_trunc_f32_u:
        case Op::i32_trunc_f64_u: {
            (void)unary(Code::float_to_integer, false);
            out_.blocks[block_].instructions.back().temporary = out_.add_register(Type::i64);
            return true;
        }
        default: return false;
    }
}

}  // namespace troupe::jit::opt
