// Fixed-width SIMD (core specification 2.0, section 4.3.4), lane by lane.
#include <algorithm>
#include <array>
#include <cstring>

#include "vm/dmir/scalar.hpp"
#include "vm/interp/runtime.hpp"

namespace troupe::vm {
namespace {

using dmir::Op;
using namespace dmir::scalar;

using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

template <class T>
using Lanes = std::array<T, 16 / sizeof(T)>;

template <class T>
[[nodiscard]] Lanes<T> read(const Slot* at) noexcept {
    Lanes<T> out;
    std::memcpy(out.data(), at, 16);
    return out;
}
template <class T>
void write(Slot* at, const Lanes<T>& value) noexcept {
    std::memcpy(at, value.data(), 16);
}

/// All bits set or none, as wide as T.
template <class T>
using Mask = std::conditional_t<sizeof(T) == 1, u8,
                                std::conditional_t<sizeof(T) == 2, u16, std::conditional_t<sizeof(T) == 4, u32, u64>>>;

struct Context {
    const Instruction* i;
    Slot* frame;

    template <class T, class F>
    void unary(F f) const {
        auto a = read<T>(frame + i->b);
        for (auto& x : a) x = static_cast<T>(f(x));
        write(frame + i->a, a);
    }
    template <class T, class F>
    void binary(F f) const {
        auto a = read<T>(frame + i->b);
        const auto b = read<T>(frame + i->c);
        for (std::size_t k = 0; k < a.size(); ++k) a[k] = static_cast<T>(f(a[k], b[k]));
        write(frame + i->a, a);
    }
    template <class T, class F>
    void compare(F f) const {
        const auto a = read<T>(frame + i->b);
        const auto b = read<T>(frame + i->c);
        Lanes<Mask<T>> out;
        for (std::size_t k = 0; k < a.size(); ++k)
            out[k] = f(a[k], b[k]) ? static_cast<Mask<T>>(~Mask<T>{0}) : Mask<T>{0};
        write(frame + i->a, out);
    }
    template <class T>
    void shift_left() const {
        const auto n = static_cast<u32>(frame[i->c]) & (sizeof(T) * 8 - 1);
        unary<T>([n](T x) { return static_cast<u64>(x) << n; });
    }
    template <class T>
    void shift_right() const {
        const auto n = static_cast<u32>(frame[i->c]) & (sizeof(T) * 8 - 1);
        unary<T>([n](T x) { return x >> n; });
    }
    template <class T>
    void splat() const {
        T value;
        std::memcpy(&value, frame + i->b, sizeof(T));
        Lanes<T> out;
        out.fill(value);
        write(frame + i->a, out);
    }
    template <class T, class R>
    void extract() const {
        const auto a = read<T>(frame + i->b);
        frame[i->a] = static_cast<std::make_unsigned_t<R>>(static_cast<R>(a[i->low()]));
    }
    template <class T>
    void replace() const {
        auto a = read<T>(frame + i->b);
        std::memcpy(&a[i->low()], frame + i->c, sizeof(T));
        write(frame + i->a, a);
    }
    template <class T>
    void all_true() const {
        const auto a = read<T>(frame + i->b);
        frame[i->a] = std::all_of(a.begin(), a.end(), [](T x) { return x != 0; });
    }
    template <class T>
    void bitmask() const {
        const auto a = read<T>(frame + i->b);
        Slot out = 0;
        for (std::size_t k = 0; k < a.size(); ++k) out |= static_cast<Slot>(a[k] < 0) << k;
        frame[i->a] = out;
    }
    template <class From, class To>
    void narrow() const {
        const auto a = read<From>(frame + i->b);
        const auto b = read<From>(frame + i->c);
        Lanes<To> out;
        const auto saturate = [](From x) {
            return static_cast<To>(std::clamp<i32>(x, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
        };
        for (std::size_t k = 0; k < a.size(); ++k) {
            out[k] = saturate(a[k]);
            out[a.size() + k] = saturate(b[k]);
        }
        write(frame + i->a, out);
    }
    template <class From, class To>
    void extend(bool high) const {
        const auto a = read<From>(frame + i->b);
        Lanes<To> out;
        for (std::size_t k = 0; k < out.size(); ++k) out[k] = static_cast<To>(a[k + (high ? out.size() : 0)]);
        write(frame + i->a, out);
    }
    template <class From, class To>
    void extended_multiply(bool high) const {
        const auto a = read<From>(frame + i->b);
        const auto b = read<From>(frame + i->c);
        Lanes<To> out;
        for (std::size_t k = 0; k < out.size(); ++k) {
            const auto from = k + (high ? out.size() : 0);
            out[k] = static_cast<To>(static_cast<Mask<To>>(static_cast<To>(a[from])) *
                                     static_cast<Mask<To>>(static_cast<To>(b[from])));
        }
        write(frame + i->a, out);
    }
    template <class From, class To>
    void add_pairs() const {
        const auto a = read<From>(frame + i->b);
        Lanes<To> out;
        for (std::size_t k = 0; k < out.size(); ++k) out[k] = static_cast<To>(a[2 * k] + a[2 * k + 1]);
        write(frame + i->a, out);
    }
    template <class T>
    void add_saturating() const {
        binary<T>([](T a, T b) {
            return std::clamp<i32>(i32{a} + i32{b}, std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
        });
    }
    template <class T>
    void subtract_saturating() const {
        binary<T>([](T a, T b) {
            return std::clamp<i32>(i32{a} - i32{b}, std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
        });
    }
    template <class F>
    void float_arithmetic(Op first) const {
        switch (i->op - code(first)) {
            case 0: binary<F>([](F a, F b) { return canonical(a + b); }); break;
            case 1: binary<F>([](F a, F b) { return canonical(a - b); }); break;
            case 2: binary<F>([](F a, F b) { return canonical(a * b); }); break;
            case 3: binary<F>([](F a, F b) { return canonical(a / b); }); break;
            case 4: binary<F>([](F a, F b) { return float_min(a, b); }); break;
            case 5: binary<F>([](F a, F b) { return float_max(a, b); }); break;
            case 6: binary<F>([](F a, F b) { return b < a ? b : a; }); break;
            default: binary<F>([](F a, F b) { return a < b ? b : a; }); break;
        }
    }
    template <class S>
    void integer_comparison(Op first) const {
        using U = std::make_unsigned_t<S>;
        switch (i->op - code(first)) {
            case 0: compare<U>([](U a, U b) { return a == b; }); break;
            case 1: compare<U>([](U a, U b) { return a != b; }); break;
            case 2: compare<S>([](S a, S b) { return a < b; }); break;
            case 3: compare<U>([](U a, U b) { return a < b; }); break;
            case 4: compare<S>([](S a, S b) { return a > b; }); break;
            case 5: compare<U>([](U a, U b) { return a > b; }); break;
            case 6: compare<S>([](S a, S b) { return a <= b; }); break;
            case 7: compare<U>([](U a, U b) { return a <= b; }); break;
            case 8: compare<S>([](S a, S b) { return a >= b; }); break;
            default: compare<U>([](U a, U b) { return a >= b; }); break;
        }
    }
    template <class F>
    void float_comparison(Op first) const {
        switch (i->op - code(first)) {
            case 0: compare<F>([](F a, F b) { return a == b; }); break;
            case 1: compare<F>([](F a, F b) { return a != b; }); break;
            case 2: compare<F>([](F a, F b) { return a < b; }); break;
            case 3: compare<F>([](F a, F b) { return a > b; }); break;
            case 4: compare<F>([](F a, F b) { return a <= b; }); break;
            default: compare<F>([](F a, F b) { return a >= b; }); break;
        }
    }
};

/// [b + offset], if `bytes` from there are inside.
[[nodiscard]] u8* address(const Instance& instance, const Instruction& i, const Slot* frame, u64 bytes) noexcept {
    const u64 at = u64{static_cast<u32>(frame[i.b])} + i.low();
    if (at + bytes > instance.memory->size_bytes) return nullptr;
    return instance.memory->base + at;
}

template <class From, class To>
void load_extended(const u8* at, Slot* out) noexcept {
    std::array<From, 8 / sizeof(From)> in;
    std::memcpy(in.data(), at, 8);
    Lanes<To> lanes;
    for (std::size_t k = 0; k < lanes.size(); ++k) lanes[k] = static_cast<To>(in[k]);
    write(out, lanes);
}
template <class T>
void load_splat(const u8* at, Slot* out) noexcept {
    T value;
    std::memcpy(&value, at, sizeof(T));
    Lanes<T> lanes;
    lanes.fill(value);
    write(out, lanes);
}

Trap access_memory(const Instance& instance, const Instruction& i, Slot* frame) {
    const auto op = static_cast<Op>(i.op);
    const auto bytes = u64{1} << dmir::info(op).n;
    auto* at = address(instance, i, frame, bytes);
    if (at == nullptr) return Trap::memory_out_of_bounds;
    auto* out = frame + i.a;
    switch (op) {
        case Op::v128_load: std::memcpy(out, at, 16); break;
        case Op::v128_store: std::memcpy(at, frame + i.c, 16); break;
        case Op::v128_load8x8_s: load_extended<i8, i16>(at, out); break;
        case Op::v128_load8x8_u: load_extended<u8, u16>(at, out); break;
        case Op::v128_load16x4_s: load_extended<i16, i32>(at, out); break;
        case Op::v128_load16x4_u: load_extended<u16, u32>(at, out); break;
        case Op::v128_load32x2_s: load_extended<i32, i64>(at, out); break;
        case Op::v128_load32x2_u: load_extended<u32, u64>(at, out); break;
        case Op::v128_load8_splat: load_splat<u8>(at, out); break;
        case Op::v128_load16_splat: load_splat<u16>(at, out); break;
        case Op::v128_load32_splat: load_splat<u32>(at, out); break;
        case Op::v128_load64_splat: load_splat<u64>(at, out); break;
        case Op::v128_load32_zero:
        case Op::v128_load64_zero:
            out[0] = 0;
            out[1] = 0;
            std::memcpy(out, at, bytes);
            break;
        case Op::v128_load8_lane:
        case Op::v128_load16_lane:
        case Op::v128_load32_lane:
        case Op::v128_load64_lane: {
            auto lanes = read<u8>(frame + i.c);
            std::memcpy(lanes.data() + i.high() * bytes, at, bytes);
            write(out, lanes);
            break;
        }
        default: {  // store lanes
            const auto lanes = read<u8>(frame + i.c);
            std::memcpy(at, lanes.data() + i.high() * bytes, bytes);
            break;
        }
    }
    const auto kind = dmir::info(op).kind;
    if (kind != dmir::OpKind::store && kind != dmir::OpKind::store_lane) return Trap::none;
    auto& memory = *instance.memory;
    const auto offset = static_cast<u64>(at - memory.base);
    return charge_written(*instance.machine, memory, offset, bytes) ? Trap::none : Trap::out_of_fuel;
}

template <class F>
F absolute(F x) noexcept {
    return std::bit_cast<F>(static_cast<Mask<F>>(std::bit_cast<Mask<F>>(x) & static_cast<Mask<F>>(~Mask<F>{0} >> 1)));
}
template <class F>
F negative(F x) noexcept {
    return std::bit_cast<F>(static_cast<Mask<F>>(std::bit_cast<Mask<F>>(x) ^ (Mask<F>{1} << (sizeof(F) * 8 - 1))));
}

void shuffle(const Instruction* i, Slot* frame) {
    std::array<u8, 32> both;
    std::memcpy(both.data(), frame + i->b, 16);
    std::memcpy(both.data() + 16, frame + i->c, 16);
    Lanes<u8> lanes;
    std::memcpy(lanes.data(), &i->immediate, 8);
    std::memcpy(lanes.data() + 8, &i[1].immediate, 8);
    for (auto& lane : lanes) lane = both[lane];
    write(frame + i->a, lanes);
}

void dot(const Context& c) {
    const auto a = read<i16>(c.frame + c.i->b);
    const auto b = read<i16>(c.frame + c.i->c);
    Lanes<u32> out;
    for (std::size_t k = 0; k < 4; ++k)
        out[k] = static_cast<u32>(a[2 * k] * b[2 * k]) + static_cast<u32>(a[2 * k + 1] * b[2 * k + 1]);
    write(c.frame + c.i->a, out);
}

void convert(const Context& c) {
    auto* frame = c.frame;
    const auto* i = c.i;
    switch (static_cast<Op>(i->op)) {
        case Op::f32x4_demote_f64x2_zero: {
            const auto a = read<double>(frame + i->b);
            write(frame + i->a,
                  Lanes<float>{canonical(static_cast<float>(a[0])), canonical(static_cast<float>(a[1])), 0, 0});
            break;
        }
        case Op::f64x2_promote_low_f32x4: {
            const auto a = read<float>(frame + i->b);
            write(frame + i->a,
                  Lanes<double>{canonical(static_cast<double>(a[0])), canonical(static_cast<double>(a[1]))});
            break;
        }
        case Op::i32x4_trunc_sat_f32x4_s:
        case Op::i32x4_trunc_sat_f32x4_u: {
            const auto a = read<float>(frame + i->b);
            Lanes<u32> out;
            for (std::size_t k = 0; k < 4; ++k)
                out[k] = static_cast<Op>(i->op) == Op::i32x4_trunc_sat_f32x4_s
                             ? static_cast<u32>(truncate_saturating<i32>(a[k]))
                             : truncate_saturating<u32>(a[k]);
            write(frame + i->a, out);
            break;
        }
        case Op::i32x4_trunc_sat_f64x2_s_zero:
        case Op::i32x4_trunc_sat_f64x2_u_zero: {
            const auto a = read<double>(frame + i->b);
            Lanes<u32> out{};
            for (std::size_t k = 0; k < 2; ++k)
                out[k] = static_cast<Op>(i->op) == Op::i32x4_trunc_sat_f64x2_s_zero
                             ? static_cast<u32>(truncate_saturating<i32>(a[k]))
                             : truncate_saturating<u32>(a[k]);
            write(frame + i->a, out);
            break;
        }
        case Op::f32x4_convert_i32x4_s: {
            const auto a = read<i32>(frame + i->b);
            Lanes<float> out;
            for (std::size_t k = 0; k < 4; ++k) out[k] = static_cast<float>(a[k]);
            write(frame + i->a, out);
            break;
        }
        case Op::f32x4_convert_i32x4_u: {
            const auto a = read<u32>(frame + i->b);
            Lanes<float> out;
            for (std::size_t k = 0; k < 4; ++k) out[k] = static_cast<float>(a[k]);
            write(frame + i->a, out);
            break;
        }
        case Op::f64x2_convert_low_i32x4_s: {
            const auto a = read<i32>(frame + i->b);
            write(frame + i->a, Lanes<double>{static_cast<double>(a[0]), static_cast<double>(a[1])});
            break;
        }
        default: {
            const auto a = read<u32>(frame + i->b);
            write(frame + i->a, Lanes<double>{static_cast<double>(a[0]), static_cast<double>(a[1])});
            break;
        }
    }
}

template <class F>
F rounded(F x, int how) noexcept {
    switch (how) {
        case 0: return canonical(std::ceil(x));
        case 1: return canonical(std::floor(x));
        case 2: return canonical(std::trunc(x));
        default: return canonical(std::nearbyint(x));
    }
}

// The integer operations that the shapes share, as cases of a switch.
#define SHAPE(shape, S, U)                                                                    \
    case Op::shape##_neg: c.unary<U>([](U x) { return U{0} - x; }); return true;              \
    case Op::shape##_abs:                                                                     \
        c.unary<S>([](S x) { return x < 0 ? static_cast<S>(U{0} - static_cast<U>(x)) : x; }); \
        return true;                                                                          \
    case Op::shape##_all_true: c.all_true<U>(); return true;                                  \
    case Op::shape##_bitmask: c.bitmask<S>(); return true;                                    \
    case Op::shape##_shl: c.shift_left<U>(); return true;                                     \
    case Op::shape##_shr_s: c.shift_right<S>(); return true;                                  \
    case Op::shape##_shr_u: c.shift_right<U>(); return true;                                  \
    case Op::shape##_add: c.binary<U>([](U a, U b) { return a + b; }); return true;           \
    case Op::shape##_sub:                                                                     \
        c.binary<U>([](U a, U b) { return a - b; });                                          \
        return true;
#define MINIMA(shape, S, U)                                                                    \
    case Op::shape##_min_s: c.binary<S>([](S a, S b) { return std::min(a, b); }); return true; \
    case Op::shape##_min_u: c.binary<U>([](U a, U b) { return std::min(a, b); }); return true; \
    case Op::shape##_max_s: c.binary<S>([](S a, S b) { return std::max(a, b); }); return true; \
    case Op::shape##_max_u:                                                                    \
        c.binary<U>([](U a, U b) { return std::max(a, b); });                                  \
        return true;
#define SATURATING(shape, S, U)                                          \
    case Op::shape##_add_sat_s: c.add_saturating<S>(); return true;      \
    case Op::shape##_add_sat_u: c.add_saturating<U>(); return true;      \
    case Op::shape##_sub_sat_s: c.subtract_saturating<S>(); return true; \
    case Op::shape##_sub_sat_u: c.subtract_saturating<U>(); return true; \
    case Op::shape##_avgr_u:                                             \
        c.binary<U>([](U a, U b) { return (a + b + 1) / 2; });           \
        return true;
#define WIDER(shape, from, S, U, WS, WU)                                                    \
    case Op::shape##_extend_low_##from##_s: c.extend<S, WS>(false); return true;            \
    case Op::shape##_extend_high_##from##_s: c.extend<S, WS>(true); return true;            \
    case Op::shape##_extend_low_##from##_u: c.extend<U, WU>(false); return true;            \
    case Op::shape##_extend_high_##from##_u: c.extend<U, WU>(true); return true;            \
    case Op::shape##_extmul_low_##from##_s: c.extended_multiply<S, WS>(false); return true; \
    case Op::shape##_extmul_high_##from##_s: c.extended_multiply<S, WS>(true); return true; \
    case Op::shape##_extmul_low_##from##_u: c.extended_multiply<U, WU>(false); return true; \
    case Op::shape##_extmul_high_##from##_u: c.extended_multiply<U, WU>(true); return true;

bool integers(const Context& c) {
    switch (static_cast<Op>(c.i->op)) {
        SHAPE(i8x16, i8, u8)
        SHAPE(i16x8, i16, u16)
        SHAPE(i32x4, i32, u32)
        SHAPE(i64x2, i64, u64)
        MINIMA(i8x16, i8, u8)
        MINIMA(i16x8, i16, u16)
        MINIMA(i32x4, i32, u32)
        SATURATING(i8x16, i8, u8)
        SATURATING(i16x8, i16, u16)
        WIDER(i16x8, i8x16, i8, u8, i16, u16)
        WIDER(i32x4, i16x8, i16, u16, i32, u32)
        WIDER(i64x2, i32x4, i32, u32, i64, u64)
        case Op::i16x8_mul: c.binary<u16>([](u32 a, u32 b) { return a * b; }); return true;
        case Op::i32x4_mul: c.binary<u32>([](u32 a, u32 b) { return a * b; }); return true;
        case Op::i64x2_mul: c.binary<u64>([](u64 a, u64 b) { return a * b; }); return true;
        case Op::i64x2_eq: c.compare<u64>([](u64 a, u64 b) { return a == b; }); return true;
        case Op::i64x2_ne: c.compare<u64>([](u64 a, u64 b) { return a != b; }); return true;
        case Op::i64x2_lt_s: c.compare<i64>([](i64 a, i64 b) { return a < b; }); return true;
        case Op::i64x2_gt_s: c.compare<i64>([](i64 a, i64 b) { return a > b; }); return true;
        case Op::i64x2_le_s: c.compare<i64>([](i64 a, i64 b) { return a <= b; }); return true;
        case Op::i64x2_ge_s: c.compare<i64>([](i64 a, i64 b) { return a >= b; }); return true;
        case Op::i8x16_popcnt: c.unary<u8>([](u8 x) { return std::popcount(x); }); return true;
        case Op::i8x16_narrow_i16x8_s: c.narrow<i16, i8>(); return true;
        case Op::i8x16_narrow_i16x8_u: c.narrow<i16, u8>(); return true;
        case Op::i16x8_narrow_i32x4_s: c.narrow<i32, i16>(); return true;
        case Op::i16x8_narrow_i32x4_u: c.narrow<i32, u16>(); return true;
        case Op::i16x8_extadd_pairwise_i8x16_s: c.add_pairs<i8, i16>(); return true;
        case Op::i16x8_extadd_pairwise_i8x16_u: c.add_pairs<u8, u16>(); return true;
        case Op::i32x4_extadd_pairwise_i16x8_s: c.add_pairs<i16, i32>(); return true;
        case Op::i32x4_extadd_pairwise_i16x8_u: c.add_pairs<u16, u32>(); return true;
        case Op::i16x8_q15mulr_sat_s:
            c.binary<i16>([](i32 a, i32 b) { return std::min((a * b + 0x4000) >> 15, 0x7FFF); });
            return true;
        case Op::i32x4_dot_i16x8_s: dot(c); return true;
        default: return false;
    }
}

bool lanes(const Context& c) {
    switch (static_cast<Op>(c.i->op)) {
        case Op::i8x16_shuffle: shuffle(c.i, c.frame); return true;
        case Op::i8x16_swizzle: {
            const auto a = read<u8>(c.frame + c.i->b);
            auto index = read<u8>(c.frame + c.i->c);
            for (auto& k : index) k = k < 16 ? a[k] : u8{0};
            write(c.frame + c.i->a, index);
            return true;
        }
        case Op::i8x16_splat: c.splat<u8>(); return true;
        case Op::i16x8_splat: c.splat<u16>(); return true;
        case Op::i32x4_splat:
        case Op::f32x4_splat: c.splat<u32>(); return true;
        case Op::i64x2_splat:
        case Op::f64x2_splat: c.splat<u64>(); return true;
        case Op::i8x16_extract_lane_s: c.extract<i8, i32>(); return true;
        case Op::i8x16_extract_lane_u: c.extract<u8, u32>(); return true;
        case Op::i16x8_extract_lane_s: c.extract<i16, i32>(); return true;
        case Op::i16x8_extract_lane_u: c.extract<u16, u32>(); return true;
        case Op::i32x4_extract_lane:
        case Op::f32x4_extract_lane: c.extract<u32, u32>(); return true;
        case Op::i64x2_extract_lane:
        case Op::f64x2_extract_lane: c.extract<u64, u64>(); return true;
        case Op::i8x16_replace_lane: c.replace<u8>(); return true;
        case Op::i16x8_replace_lane: c.replace<u16>(); return true;
        case Op::i32x4_replace_lane:
        case Op::f32x4_replace_lane: c.replace<u32>(); return true;
        case Op::i64x2_replace_lane:
        case Op::f64x2_replace_lane: c.replace<u64>(); return true;
        case Op::v128_not: c.unary<u64>([](u64 x) { return ~x; }); return true;
        case Op::v128_and: c.binary<u64>([](u64 a, u64 b) { return a & b; }); return true;
        case Op::v128_andnot: c.binary<u64>([](u64 a, u64 b) { return a & ~b; }); return true;
        case Op::v128_or: c.binary<u64>([](u64 a, u64 b) { return a | b; }); return true;
        case Op::v128_xor: c.binary<u64>([](u64 a, u64 b) { return a ^ b; }); return true;
        case Op::v128_bitselect: {
            const auto mask = read<u64>(c.frame + c.i->low());
            const auto a = read<u64>(c.frame + c.i->b);
            const auto b = read<u64>(c.frame + c.i->c);
            write(c.frame + c.i->a,
                  Lanes<u64>{(a[0] & mask[0]) | (b[0] & ~mask[0]), (a[1] & mask[1]) | (b[1] & ~mask[1])});
            return true;
        }
        case Op::v128_any_true: c.frame[c.i->a] = (c.frame[c.i->b] | c.frame[c.i->b + 1]) != 0; return true;
        default: return false;
    }
}

void floats(const Context& c) {
    const auto op = static_cast<Op>(c.i->op);
    if (op >= Op::f32x4_add && op <= Op::f32x4_pmax) return c.float_arithmetic<float>(Op::f32x4_add);
    if (op >= Op::f64x2_add && op <= Op::f64x2_pmax) return c.float_arithmetic<double>(Op::f64x2_add);
    switch (op) {
        case Op::f32x4_abs: return c.unary<float>(absolute<float>);
        case Op::f64x2_abs: return c.unary<double>(absolute<double>);
        case Op::f32x4_neg: return c.unary<float>(negative<float>);
        case Op::f64x2_neg: return c.unary<double>(negative<double>);
        case Op::f32x4_sqrt: return c.unary<float>([](float x) { return canonical(std::sqrt(x)); });
        case Op::f64x2_sqrt: return c.unary<double>([](double x) { return canonical(std::sqrt(x)); });
        case Op::f32x4_ceil: return c.unary<float>([](float x) { return rounded(x, 0); });
        case Op::f32x4_floor: return c.unary<float>([](float x) { return rounded(x, 1); });
        case Op::f32x4_trunc: return c.unary<float>([](float x) { return rounded(x, 2); });
        case Op::f32x4_nearest: return c.unary<float>([](float x) { return rounded(x, 3); });
        case Op::f64x2_ceil: return c.unary<double>([](double x) { return rounded(x, 0); });
        case Op::f64x2_floor: return c.unary<double>([](double x) { return rounded(x, 1); });
        case Op::f64x2_trunc: return c.unary<double>([](double x) { return rounded(x, 2); });
        case Op::f64x2_nearest: return c.unary<double>([](double x) { return rounded(x, 3); });
        default: return convert(c);
    }
}

}  // namespace

Trap run_simd(Instance& instance, const Instruction* instruction, Slot* frame) {
    const auto op = static_cast<Op>(instruction->op);
    const auto kind = dmir::info(op).kind;
    using enum dmir::OpKind;
    if (kind == load || kind == store || kind == load_lane || kind == store_lane)
        return access_memory(instance, *instruction, frame);
    const Context c{instruction, frame};
    if (op >= Op::i8x16_eq && op <= Op::i8x16_ge_u)
        c.integer_comparison<i8>(Op::i8x16_eq);
    else if (op >= Op::i16x8_eq && op <= Op::i16x8_ge_u)
        c.integer_comparison<i16>(Op::i16x8_eq);
    else if (op >= Op::i32x4_eq && op <= Op::i32x4_ge_u)
        c.integer_comparison<i32>(Op::i32x4_eq);
    else if (op >= Op::f32x4_eq && op <= Op::f32x4_ge)
        c.float_comparison<float>(Op::f32x4_eq);
    else if (op >= Op::f64x2_eq && op <= Op::f64x2_ge)
        c.float_comparison<double>(Op::f64x2_eq);
    else if (!lanes(c) && !integers(c))
        floats(c);
    return Trap::none;
}

}  // namespace troupe::vm
