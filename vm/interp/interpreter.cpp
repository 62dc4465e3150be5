// The reference engine: a loop of direct jumps from one instruction's code to the next one's.
#include <algorithm>
#include <cstring>

#include "vm/dmir/scalar.hpp"
#include "vm/interp/runtime.hpp"

// Labels as values are what makes each instruction's own jump predictable.
#pragma GCC diagnostic ignored "-Wpedantic"

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
using f32 = float;
using f64 = double;

template <class T>
[[nodiscard]] inline T get(Slot slot) noexcept {
    if constexpr (std::is_same_v<T, f32>)
        return std::bit_cast<f32>(static_cast<u32>(slot));
    else if constexpr (std::is_same_v<T, f64>)
        return std::bit_cast<f64>(slot);
    else
        return static_cast<T>(slot);
}
template <class T>
[[nodiscard]] inline Slot put(T value) noexcept {
    if constexpr (std::is_same_v<T, f32>)
        return std::bit_cast<u32>(value);
    else if constexpr (std::is_same_v<T, f64>)
        return std::bit_cast<u64>(value);
    else if constexpr (sizeof(T) == 8)
        return static_cast<u64>(value);
    else
        return static_cast<u32>(value);
}

constexpr u32 rotate_left(u32 a, u32 n) { return std::rotl(a, static_cast<int>(n & 31U)); }
constexpr u64 rotate_left(u64 a, u64 n) { return std::rotl(a, static_cast<int>(n & 63U)); }
constexpr u32 rotate_right(u32 a, u32 n) { return std::rotr(a, static_cast<int>(n & 31U)); }
constexpr u64 rotate_right(u64 a, u64 n) { return std::rotr(a, static_cast<int>(n & 63U)); }

// The formatter moves these lists a little further with each run.
// clang-format off
// X(operation, operand type, result type, expression of a and b)
#define INTEGER_BINARY(X, p, S, U, bits)                                                                          \
    X(p##_add, U, U, a + b)                                                                                       \
    X(p##_mul, U, U, a* b)                                                                                        \
    X(p##_and, U, U, a& b) X(p##_or, U, U, a | b) X(p##_xor, U, U, a ^ b) X(p##_shl, U, U, a << (b & (bits - 1))) \
        X(p##_shr_s, U, S, static_cast<S>(a) >> (b & (bits - 1))) X(p##_shr_u, U, U, a >> (b & (bits - 1)))       \
            X(p##_rotl, U, U, rotate_left(a, b)) X(p##_eq, U, u32, a == b) X(p##_ne, U, u32, a != b)              \
                X(p##_lt_s, S, u32, a < b) X(p##_lt_u, U, u32, a < b) X(p##_gt_s, S, u32, a > b)                  \
                    X(p##_gt_u, U, u32, a > b) X(p##_le_s, S, u32, a <= b) X(p##_le_u, U, u32, a <= b)            \
                        X(p##_ge_s, S, u32, a >= b) X(p##_ge_u, U, u32, a >= b)
#define WITH_IMMEDIATE(X) INTEGER_BINARY(X, i32, i32, u32, 32U) INTEGER_BINARY(X, i64, i64, u64, 64U)
#define FLOAT_BINARY(X, p)                                                                                      \
    X(p##_eq, p, u32, a == b)                                                                                   \
    X(p##_ne, p, u32, a != b)                                                                                   \
    X(p##_lt, p, u32, a < b) X(p##_gt, p, u32, a > b) X(p##_le, p, u32, a <= b) X(p##_ge, p, u32, a >= b)       \
        X(p##_add, p, p, canonical(a + b)) X(p##_sub, p, p, canonical(a - b)) X(p##_mul, p, p, canonical(a* b)) \
            X(p##_div, p, p, canonical(a / b)) X(p##_min, p, p, float_min(a, b)) X(p##_max, p, p, float_max(a, b))
#define OTHER_BINARY(X)                                                                                      \
    X(i32_sub, u32, u32, a - b)                                                                              \
    X(i64_sub, u64, u64, a - b)                                                                              \
    X(i32_rotr, u32, u32, rotate_right(a, b)) X(i64_rotr, u64, u64, rotate_right(a, b)) FLOAT_BINARY(X, f32) \
        FLOAT_BINARY(X, f64) X(f32_copysign, u32, u32, (a & 0x7FFFFFFFU) | (b & 0x80000000U))                \
            X(f64_copysign, u64, u64, (a & 0x7FFFFFFFFFFFFFFFULL) | (b & 0x8000000000000000ULL))

#define FLOAT_UNARY(X, p)                                                                           \
    X(p##_ceil, p, p, canonical(std::ceil(a)))                                                      \
    X(p##_floor, p, p, canonical(std::floor(a)))                                                    \
    X(p##_trunc, p, p, canonical(std::trunc(a))) X(p##_nearest, p, p, canonical(std::nearbyint(a))) \
        X(p##_sqrt, p, p, canonical(std::sqrt(a)))
#define UNARY(X)                                                                                                       \
    X(i32_eqz, u32, u32, a == 0)                                                                                       \
    X(i64_eqz, u64, u32, a == 0)                                                                                       \
    X(i32_clz, u32, u32, std::countl_zero(a)) X(i32_ctz, u32, u32, std::countr_zero(a))                                \
        X(i32_popcnt, u32, u32, std::popcount(a)) X(i64_clz, u64, u64, std::countl_zero(a)) X(                         \
            i64_ctz, u64, u64, std::countr_zero(a)) X(i64_popcnt, u64, u64, std::popcount(a)) FLOAT_UNARY(X, f32)      \
            FLOAT_UNARY(X, f64) X(f32_abs, u32, u32, a & 0x7FFFFFFFU) X(f64_abs, u64, u64, a & 0x7FFFFFFFFFFFFFFFULL)  \
                X(f32_neg, u32, u32, a ^ 0x80000000U) X(f64_neg, u64, u64, a ^ 0x8000000000000000ULL)                  \
                    X(i32_wrap_i64, u64, u32, static_cast<u32>(a)) X(i64_extend_i32_s, i32, i64, a)                    \
                        X(i64_extend_i32_u, u32, u64, a) X(f32_convert_i32_s, i32, f32, static_cast<f32>(a)) X(        \
                            f32_convert_i32_u, u32, f32, static_cast<f32>(a)) X(f32_convert_i64_s, i64, f32,           \
                                                                                static_cast<f32>(a))                   \
                            X(f32_convert_i64_u, u64, f32, static_cast<f32>(a)) X(f64_convert_i32_s, i32, f64, a) X(   \
                                f64_convert_i32_u, u32, f64, a) X(f64_convert_i64_s, i64, f64, static_cast<f64>(a))    \
                                X(f64_convert_i64_u, u64, f64, static_cast<f64>(a))                                    \
                                    X(f32_demote_f64, f64, f32, canonical(static_cast<f32>(a)))                        \
                                        X(f64_promote_f32, f32, f64, canonical(static_cast<f64>(a))) X(                \
                                            i32_reinterpret_f32, u32, u32, a) X(i64_reinterpret_f64, u64, u64, a)      \
                                            X(f32_reinterpret_i32, u32, u32, a) X(f64_reinterpret_i64, u64, u64, a) X( \
                                                i32_extend8_s, i8, i32, a) X(i32_extend16_s, i16, i32, a)              \
                                                X(i64_extend8_s, i8, i64, a) X(i64_extend16_s, i16, i64, a) X(         \
                                                    i64_extend32_s, i32, i64,                                          \
                                                    a) X(i32_trunc_sat_f32_s, f32, i32, truncate_saturating<i32>(a))   \
                                                    X(i32_trunc_sat_f32_u, f32, u32, truncate_saturating<u32>(a)) X(   \
                                                        i32_trunc_sat_f64_s, f64, i32, truncate_saturating<i32>(a))    \
                                                        X(i32_trunc_sat_f64_u, f64, u32, truncate_saturating<u32>(a))  \
                                                            X(i64_trunc_sat_f32_s, f32, i64,                           \
                                                              truncate_saturating<i64>(a))                             \
                                                                X(i64_trunc_sat_f32_u, f32, u64,                       \
                                                                  truncate_saturating<u64>(a))                         \
                                                                    X(i64_trunc_sat_f64_s, f64, i64,                   \
                                                                      truncate_saturating<i64>(a))                     \
                                                                        X(i64_trunc_sat_f64_u, f64, u64,               \
                                                                          truncate_saturating<u64>(a))                 \
                                                                            X(ref_is_null, u64, u32, a == 0)

// X(operation, from, to)
#define TRAPPING_TRUNCATION(X)                                                             \
    X(i32_trunc_f32_s, f32, i32)                                                           \
    X(i32_trunc_f32_u, f32, u32)                                                           \
    X(i32_trunc_f64_s, f64, i32) X(i32_trunc_f64_u, f64, u32) X(i64_trunc_f32_s, f32, i64) \
        X(i64_trunc_f32_u, f32, u64) X(i64_trunc_f64_s, f64, i64) X(i64_trunc_f64_u, f64, u64)

// X(operation, type in memory, type in a slot)
#define LOADS(X)                                                                                            \
    X(i32_load, u32, u32)                                                                                   \
    X(i64_load, u64, u64)                                                                                   \
    X(f32_load, u32, u32) X(f64_load, u64, u64) X(i32_load8_s, i8, i32) X(i32_load8_u, u8, u32)             \
        X(i32_load16_s, i16, i32) X(i32_load16_u, u16, u32) X(i64_load8_s, i8, i64) X(i64_load8_u, u8, u64) \
            X(i64_load16_s, i16, i64) X(i64_load16_u, u16, u64) X(i64_load32_s, i32, i64) X(i64_load32_u, u32, u64)
#define STORES(X)                                                                                                   \
    X(i32_store, u32)                                                                                               \
    X(i64_store, u64)                                                                                               \
    X(f32_store, u32) X(f64_store, u64) X(i32_store8, u8) X(i32_store16, u16) X(i64_store8, u8) X(i64_store16, u16) \
        X(i64_store32, u32)

// X(name, type, expression)
#define INTEGER_BRANCHES(X, p, S, U)                                                                   \
    X(branch_##p##_eq, U, a == b)                                                                      \
    X(branch_##p##_ne, U, a != b)                                                                      \
    X(branch_##p##_lt_s, S, a < b) X(branch_##p##_lt_u, U, a < b) X(branch_##p##_gt_s, S, a > b)       \
        X(branch_##p##_gt_u, U, a > b) X(branch_##p##_le_s, S, a <= b) X(branch_##p##_le_u, U, a <= b) \
            X(branch_##p##_ge_s, S, a >= b) X(branch_##p##_ge_u, U, a >= b)
#define FLOAT_BRANCHES(X, p, name, negation)                                                            \
    X(name##_eq, p, negation(a == b))                                                                   \
    X(name##_ne, p, negation(a != b))                                                                   \
    X(name##_lt, p, negation(a < b)) X(name##_gt, p, negation(a > b)) X(name##_le, p, negation(a <= b)) \
        X(name##_ge, p, negation(a >= b))
#define ALL_FLOAT_BRANCHES(X)            \
    FLOAT_BRANCHES(X, f32, branch_f32, ) \
    FLOAT_BRANCHES(X, f64, branch_f64, ) \
    FLOAT_BRANCHES(X, f32, branch_not_f32, !) FLOAT_BRANCHES(X, f64, branch_not_f64, !)

#define OTHERS(X)                                                                                                    \
    X(charge)                                                                                                        \
    X(jump)                                                                                                          \
    X(branch_nonzero) X(branch_zero) X(branch_table) X(trap_unreachable) X(return_none) X(return_one) X(return_many) \
        X(move) X(move_v128) X(select_v128) X(global_get_v128) X(global_set_v128)
#define OTHER_OPS(X)                                                                                                 \
    X(i32_const)                                                                                                     \
    X(i64_const)                                                                                                     \
    X(f32_const) X(f64_const) X(v128_const) X(ref_null) X(select) X(global_get) X(global_set) X(memory_size) X(call) \
        X(call_indirect) X(i32_div_s) X(i32_div_u) X(i32_rem_s) X(i32_rem_u) X(i64_div_s) X(i64_div_u) X(i64_rem_s)  \
            X(i64_rem_u)
// clang-format on

/// A limited loop stops before the block that would bring the steps above `steps_max`, or at whose check the fuel does
/// not suffice, and can go on from there. It interprets everything, compiled or not; or, if it samples, what is not
/// compiled, and stops for looks only (Machine::sample).
template <bool is_limited>
const void* labels_of[opcode_count];

/// With neither `function` nor `paused` only fills its labels.
// NOLINTNEXTLINE(readability-function-size): one function is what keeps the machine's state in registers
template <bool is_limited>
Trap loop(Machine& machine, FunctionObject* function, Slot* fp, [[maybe_unused]] u64 steps_max = 0,
          const PausedCall* paused = nullptr, [[maybe_unused]] bool samples = false) {
    auto& labels = labels_of<is_limited>;
    if (function == nullptr && paused == nullptr) {
        for (auto& label : labels) label = &&L_slow;
        for (std::size_t op = 0; op < dmir::op_count; ++op)
            if (dmir::info(static_cast<Op>(op)).wasm_opcode >> 8 == 0xFD) labels[op] = &&L_simd;
#define X(id, ...) labels[code(Op::id)] = &&L_##id;
        WITH_IMMEDIATE(X)
        OTHER_BINARY(X)
        UNARY(X)
        TRAPPING_TRUNCATION(X)
        LOADS(X)
        STORES(X)
        OTHER_OPS(X)
#undef X
#define X(id, ...) labels[code(Extended::id##_immediate)] = &&L_##id##_immediate;
        WITH_IMMEDIATE(X)
        INTEGER_BRANCHES(X, i32, i32, u32)
        INTEGER_BRANCHES(X, i64, i64, u64)
#undef X
#define X(id, ...) labels[code(Extended::id##_scaled)] = &&L_##id##_scaled;
        LOADS(X)
        STORES(X)
#undef X
#define X(id, ...) labels[code(Extended::id)] = &&L_##id;
        INTEGER_BRANCHES(X, i32, i32, u32)
        INTEGER_BRANCHES(X, i64, i64, u64)
        ALL_FLOAT_BRANCHES(X)
        OTHERS(X)
#undef X
        return Trap::none;
    }

    const Instruction* ip = nullptr;
    const Instruction* start = nullptr;
    Instance* instance = function != nullptr ? function->instance : paused->instance;
    u8* memory = nullptr;
    u64 memory_size = 0;
    bool is_metered = false;
    i64 fuel = machine.fuel;
    u64 steps = machine.steps;
    const auto frames_below = is_limited && !samples ? 0 : machine.frame_count;
    auto units_before = machine.stack_units_left;
    auto trap = Trap::none;

#define NEXT()                \
    do {                      \
        ++ip;                 \
        goto* labels[ip->op]; \
    } while (false)
/// Of the block at `ip`.
#define CHARGE()                                              \
    do {                                                      \
        fuel -= ip->low();                                    \
        if (fuel < 0) [[unlikely]]                            \
            goto L_out_of_fuel;                               \
        if constexpr (is_limited)                             \
            if (steps + ip->high() > steps_max) goto L_pause; \
        steps += ip->high();                                  \
    } while (false)
/// To the head of a block, carrying out its charge.
#define GO(index)             \
    do {                      \
        ip = start + (index); \
        CHARGE();             \
        NEXT();               \
    } while (false)
#define TRAP(kind)         \
    do {                   \
        trap = Trap::kind; \
        goto L_trap;       \
    } while (false)
#define LOAD_STATE()                                         \
    do {                                                     \
        if (instance->memory != nullptr) {                   \
            memory = instance->memory->base;                 \
            memory_size = instance->memory->size_bytes;      \
            is_metered = instance->memory->dirty != nullptr; \
        }                                                    \
    } while (false)
/// Before anything that may call back, count or trap on its own.
#define SAVE_COUNTERS()        \
    do {                       \
        machine.fuel = fuel;   \
        machine.steps = steps; \
    } while (false)
#define LOAD_COUNTERS()        \
    do {                       \
        fuel = machine.fuel;   \
        steps = machine.steps; \
    } while (false)
/// Others that sample count down from where this loop is, and this one goes on from where they are.
#define SAVE_SAMPLING() \
    if constexpr (is_limited) machine.steps_to_sample = samples ? steps_max - steps : machine.steps_to_sample
#define LOAD_SAMPLING() \
    if constexpr (is_limited) steps_max = samples ? steps + machine.steps_to_sample : steps_max
/// After a store to a memory whose chunks are paid for.
#define WRITTEN(at, size)                                                              \
    do {                                                                               \
        const auto* dirty = memory - chunk_table_bytes;                                \
        if (dirty[(at) / chunk_bytes] & dirty[((at) + (size)-1) / chunk_bytes]) break; \
        SAVE_COUNTERS();                                                               \
        const bool is_paid = charge_written(machine, *instance->memory, at, size);     \
        LOAD_COUNTERS();                                                               \
        if (!is_paid) TRAP(out_of_fuel);                                               \
    } while (false)

    if constexpr (is_limited) {
        if (paused != nullptr) {
            ip = paused->next;
            start = paused->start;
            fp = paused->slots;
            units_before = paused->units_before;
            LOAD_STATE();
            CHARGE();
            NEXT();
        }
    }
    LOAD_SAMPLING();
    if (machine.frames.size() <= machine.frame_count + 1) machine.frames.resize(machine.frame_count * 2 + 64);
    machine.frames[machine.frame_count++] = {nullptr, nullptr, fp, nullptr, 0, no_slot};
    machine.stack_units_left -= function->code->stack_units;
    if (machine.stack_units_left < 0) TRAP(call_stack_exhausted);
    LOAD_STATE();
    start = function->code->instructions.data();
    GO(0);

#define X(id, T, R, expression)                         \
    L_##id : {                                          \
        const T a = get<T>(fp[ip->b]);                  \
        const T b = get<T>(fp[ip->c]);                  \
        fp[ip->a] = put<R>(static_cast<R>(expression)); \
        NEXT();                                         \
    }
    WITH_IMMEDIATE(X)
    OTHER_BINARY(X)
#undef X
#define X(id, T, R, expression)                         \
    L_##id##_immediate : {                              \
        const T a = get<T>(fp[ip->b]);                  \
        const T b = static_cast<T>(ip->immediate);      \
        fp[ip->a] = put<R>(static_cast<R>(expression)); \
        NEXT();                                         \
    }
    WITH_IMMEDIATE(X)
#undef X
#define X(id, T, R, expression)                         \
    L_##id : {                                          \
        const T a = get<T>(fp[ip->b]);                  \
        fp[ip->a] = put<R>(static_cast<R>(expression)); \
        NEXT();                                         \
    }
    UNARY(X)
#undef X
#define X(id, T, R)                                 \
    L_##id : {                                      \
        R out{};                                    \
        trap = truncate<R>(get<T>(fp[ip->b]), out); \
        if (trap != Trap::none) [[unlikely]]        \
            goto L_trap;                            \
        fp[ip->a] = put<R>(out);                    \
        NEXT();                                     \
    }
    TRAPPING_TRUNCATION(X)
#undef X

#define DIVISION(id, T, R, check, expression)           \
    L_##id : {                                          \
        const T a = get<T>(fp[ip->b]);                  \
        const T b = get<T>(fp[ip->c]);                  \
        if (b == 0) [[unlikely]]                        \
            TRAP(integer_divide_by_zero);               \
        check;                                          \
        fp[ip->a] = put<R>(static_cast<R>(expression)); \
        NEXT();                                         \
    }
#define NO_OVERFLOW(T)                                              \
    if (a == std::numeric_limits<T>::min() && b == -1) [[unlikely]] \
    TRAP(integer_overflow)
    DIVISION(i32_div_s, i32, i32, NO_OVERFLOW(i32), a / b)
    DIVISION(i64_div_s, i64, i64, NO_OVERFLOW(i64), a / b)
    DIVISION(i32_div_u, u32, u32, , a / b)
    DIVISION(i64_div_u, u64, u64, , a / b)
    DIVISION(i32_rem_s, i32, i32, , b == -1 ? 0 : a % b)
    DIVISION(i64_rem_s, i64, i64, , b == -1 ? 0 : a % b)
    DIVISION(i32_rem_u, u32, u32, , a % b)
    DIVISION(i64_rem_u, u64, u64, , a % b)
#undef DIVISION
#undef NO_OVERFLOW

#define LOAD(T, R, address)                        \
    const u64 at = (address);                      \
    if (at + sizeof(T) > memory_size) [[unlikely]] \
        TRAP(memory_out_of_bounds);                \
    T value;                                       \
    std::memcpy(&value, memory + at, sizeof(T));   \
    fp[ip->a] = put<R>(static_cast<R>(value));     \
    NEXT();
#define X(id, T, R)                                                                     \
    L_##id : {LOAD(T, R, u64{static_cast<u32>(fp[ip->b])} + ip->low())} L_##id##_scaled \
        : {LOAD(T, R, u64{static_cast<u32>(fp[ip->b]) + (static_cast<u32>(fp[ip->c]) << ip->high())} + ip->low())}
    LOADS(X)
#undef X
#undef LOAD
#define STORE(T, address)                          \
    const u64 at = (address);                      \
    if (at + sizeof(T) > memory_size) [[unlikely]] \
        TRAP(memory_out_of_bounds);                \
    const T value = static_cast<T>(fp[ip->c]);     \
    std::memcpy(memory + at, &value, sizeof(T));   \
    if (is_metered) WRITTEN(at, sizeof(T));        \
    NEXT();
#define X(id, T)                                                                      \
    L_##id : {STORE(T, u64{static_cast<u32>(fp[ip->b])} + ip->low())} L_##id##_scaled \
        : {STORE(T, u64{static_cast<u32>(fp[ip->a]) + (static_cast<u32>(fp[ip->b]) << ip->high())} + ip->low())}
    STORES(X)
#undef X
#undef STORE

#define X(id, T, condition)            \
    L_##id : {                         \
        const T a = get<T>(fp[ip->a]); \
        const T b = get<T>(fp[ip->b]); \
        if (condition) GO(ip->low());  \
        NEXT();                        \
    }
    INTEGER_BRANCHES(X, i32, i32, u32)
    INTEGER_BRANCHES(X, i64, i64, u64)
    ALL_FLOAT_BRANCHES(X)
#undef X
#define X(id, T, condition)                                                         \
    L_##id##_immediate : {                                                          \
        const T a = get<T>(fp[ip->a]);                                              \
        const T b = static_cast<T>(static_cast<i64>(static_cast<i32>(ip->high()))); \
        if (condition) GO(ip->low());                                               \
        NEXT();                                                                     \
    }
    INTEGER_BRANCHES(X, i32, i32, u32)
    INTEGER_BRANCHES(X, i64, i64, u64)
#undef X

L_charge:
    CHARGE();
    NEXT();
L_jump:
    GO(ip->low());
L_branch_nonzero:
    if (static_cast<u32>(fp[ip->a]) != 0) GO(ip->low());
    NEXT();
L_branch_zero:
    if (static_cast<u32>(fp[ip->a]) == 0) GO(ip->low());
    NEXT();
L_branch_table : {
    const auto last = ip->low() - 1;
    const auto index = std::min(static_cast<u32>(fp[ip->a]), last);
    u32 target;
    std::memcpy(&target, reinterpret_cast<const u8*>(ip + 1) + std::size_t{4} * index, 4);
    GO(target);
}
L_trap_unreachable:
    TRAP(unreachable);

L_i32_const:
L_i64_const:
L_f32_const:
L_f64_const:
L_ref_null:
    fp[ip->a] = ip->immediate;
    NEXT();
L_v128_const:
    fp[ip->a] = ip->immediate;
    fp[ip->a + 1] = ip[1].immediate;
    ++ip;
    NEXT();
L_move:
    fp[ip->a] = fp[ip->b];
    NEXT();
L_move_v128 : {
    const auto low = fp[ip->b];
    const auto high = fp[ip->b + 1];
    fp[ip->a] = low;
    fp[ip->a + 1] = high;
    NEXT();
}
L_select:
    fp[ip->a] = static_cast<u32>(fp[ip->low()]) != 0 ? fp[ip->b] : fp[ip->c];
    NEXT();
L_select_v128 : {
    const auto* from = fp + (static_cast<u32>(fp[ip->low()]) != 0 ? ip->b : ip->c);
    const auto low = from[0];
    const auto high = from[1];
    fp[ip->a] = low;
    fp[ip->a + 1] = high;
    NEXT();
}
L_global_get:
    fp[ip->a] = instance->globals[ip->low()]->value[0];
    NEXT();
L_global_set:
    instance->globals[ip->low()]->value[0] = fp[ip->b];
    NEXT();
L_global_get_v128:
    fp[ip->a] = instance->globals[ip->low()]->value[0];
    fp[ip->a + 1] = instance->globals[ip->low()]->value[1];
    NEXT();
L_global_set_v128:
    instance->globals[ip->low()]->value = {fp[ip->b], fp[ip->b + 1]};
    NEXT();
L_memory_size:
    fp[ip->a] = memory_size / page_bytes;
    NEXT();

L_slow:
    SAVE_COUNTERS();
    trap = run_slow(machine, *instance, *ip, fp);
    LOAD_COUNTERS();
    if (trap != Trap::none) [[unlikely]]
        goto L_trap;
    LOAD_STATE();
    NEXT();
L_simd:
    if (is_metered) SAVE_COUNTERS();
    trap = run_simd(*instance, ip, fp);
    if (is_metered) LOAD_COUNTERS();
    if (trap != Trap::none) [[unlikely]]
        goto L_trap;
    if (ip->op == code(Op::i8x16_shuffle)) ++ip;
    NEXT();

L_call_indirect : {
    const auto* list = reinterpret_cast<const u16*>(ip + 1);
    FunctionObject* callee = nullptr;
    trap = resolve_indirect(*instance, *ip, static_cast<u32>(fp[list[ip->b]]), callee);
    if (trap != Trap::none) [[unlikely]]
        goto L_trap;
    function = callee;
    goto L_enter;
}
L_call:
    function = instance->functions[ip->low()];
L_enter : {
    const auto* list = reinterpret_cast<const u16*>(ip + 1);
    const std::size_t count = ip->b;
    Slot* next_fp = fp + ip->c;
    for (std::size_t k = 0; k < count; ++k) next_fp[k] = fp[list[k]];
    // The list of call_indirect has one more entry.
    const auto* next_ip = ip + (count + (ip->op == code(Op::call_indirect) ? 8U : 7U)) / 8;
    if (function->code == nullptr || ((!is_limited || samples) && function->entry != nullptr)) [[unlikely]] {
        SAVE_COUNTERS();
        if (function->code == nullptr && function->host == nullptr) {
            trap = machine.prepare(machine, *function);
            if (trap != Trap::none) goto L_trap;
            if ((is_limited && !samples) || function->entry == nullptr) goto L_enter;
        }
        SAVE_SAMPLING();
        trap = call(machine, *function, instance, next_fp);
        LOAD_COUNTERS();
        LOAD_SAMPLING();
        if (trap != Trap::none) goto L_trap;
        LOAD_STATE();
        if (ip->a != no_slot) fp[ip->a] = next_fp[0];
        ip = next_ip;
        NEXT();
    }
    const auto& callee = *function->code;
    machine.stack_units_left -= callee.stack_units;
    if (machine.stack_units_left < 0) [[unlikely]]
        TRAP(call_stack_exhausted);
    if (machine.frames.size() <= machine.frame_count) [[unlikely]]
        machine.frames.resize(machine.frames.size() * 2);
    machine.frames[machine.frame_count++] = {next_ip, start, fp, instance, callee.stack_units, ip->a};
    fp = next_fp;
    if (function->instance != instance) {
        instance = function->instance;
        LOAD_STATE();
    }
    start = callee.instructions.data();
    GO(0);
}

L_return_one : {
    const auto value = fp[ip->a];
    const auto& frame = machine.frames[--machine.frame_count];
    if (frame.next == nullptr) {
        fp[0] = value;
        goto L_done;
    }
    fp = frame.slots;
    fp[frame.result] = value;
    goto L_resume;
}
L_return_many : {
    const auto* list = reinterpret_cast<const u16*>(ip + 1);
    // All are read before any is written: they overlap.
    std::array<Slot, 8> few;
    std::vector<Slot> many;
    const std::size_t count = ip->a;
    Slot* values = few.data();
    if (count > few.size()) {
        many.resize(count);
        values = many.data();
    }
    for (std::size_t k = 0; k < count; ++k) values[k] = fp[list[k]];
    for (std::size_t k = 0; k < count; ++k) fp[k] = values[k];
}
L_return_none : {
    const auto& frame = machine.frames[--machine.frame_count];
    if (frame.next == nullptr) goto L_done;
    fp = frame.slots;
}
L_resume : {
    const auto& frame = machine.frames[machine.frame_count];
    machine.stack_units_left += frame.stack_units;
    if (frame.instance != instance) instance = frame.instance;
    LOAD_STATE();
    ip = frame.next;
    start = frame.start;
    NEXT();
}

L_out_of_fuel:
    if (ip->a == 0) {
        if constexpr (is_limited)
            if (steps + ip->high() > steps_max) goto L_pause;
        steps += ip->high();
        NEXT();
    }
    if (is_limited && !samples) goto L_pause;
    trap = Trap::out_of_fuel;
    goto L_trap;
L_pause:
    fuel += ip->low();
    SAVE_COUNTERS();
    if (samples) {
        const bool is_done = machine.sample(machine, *instance, start, ip, fp, trap);
        LOAD_COUNTERS();
        LOAD_SAMPLING();
        if (!is_done) {
            // However long the block is.
            steps_max = std::max(steps_max, steps + ip->high());
            CHARGE();
            NEXT();
        }
        if (trap != Trap::none) goto L_trap;
        const auto& frame = machine.frames[--machine.frame_count];
        if (frame.next == nullptr) goto L_done;
        if (frame.result != no_slot) frame.slots[frame.result] = fp[0];
        fp = frame.slots;
        goto L_resume;
    }
    machine.paused = {ip, start, fp, instance, units_before};
    return Trap::none;
L_trap:
    // Helpers keep the machine's counters themselves; a trap of our own has ours.
    SAVE_COUNTERS();
    SAVE_SAMPLING();
    machine.frame_count = frames_below;
    machine.stack_units_left = units_before;
    return trap;
L_done:
    SAVE_COUNTERS();
    SAVE_SAMPLING();
    machine.stack_units_left = units_before;
    return Trap::none;
}

[[maybe_unused]] const bool labels_filled = [] {
    alignas(Machine) std::array<unsigned char, sizeof(Machine)> unused{};
    auto& machine = *reinterpret_cast<Machine*>(unused.data());
    return loop<false>(machine, nullptr, nullptr) == Trap::none && loop<true>(machine, nullptr, nullptr) == Trap::none;
}();

}  // namespace

Trap interpret(Machine& machine, FunctionObject& function, Slot* frame) {
    if (machine.sample != nullptr) return loop<true>(machine, &function, frame, 0, nullptr, true);
    return loop<false>(machine, &function, frame);
}

Trap interpret_until(Machine& machine, FunctionObject& function, Slot* frame, std::uint64_t steps_max) {
    TROUPE_ASSERT(machine.frame_count == 0 && machine.steps <= steps_max);
    machine.paused = {};
    if (function.code == nullptr)
        if (const auto trap = machine.prepare(machine, function); trap != Trap::none) return trap;
    return loop<true>(machine, &function, frame, steps_max);
}

Trap resume(Machine& machine, std::uint64_t steps_max) {
    TROUPE_ASSERT(machine.is_paused() && machine.steps <= steps_max);
    const auto paused = machine.paused;
    machine.paused = {};
    return loop<true>(machine, nullptr, nullptr, steps_max, &paused);
}

}  // namespace troupe::vm
