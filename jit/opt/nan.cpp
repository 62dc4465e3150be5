#include "jit/opt/nan.hpp"

namespace troupe::jit::opt {
namespace {

using dmir::Op;
using dmir::Type;
using dmir::Value;

enum class Nan : std::uint8_t { exact, loose, none };

[[nodiscard]] bool is_nan(const dmir::Instruction& i) {
    if (i.op == Op::f32_const) return (i.immediate & 0x7FFFFFFF) > 0x7F800000;
    return (i.immediate & 0x7FFFFFFFFFFFFFFF) > 0x7FF0000000000000;
}

[[nodiscard]] Nan made_by(const dmir::Instruction& i) {
    switch (i.op) {
        case Op::f32_const:
        case Op::f64_const: return is_nan(i) ? Nan::exact : Nan::none;
        case Op::f32_min:
        case Op::f32_max:
        case Op::f64_min:
        case Op::f64_max:
        case Op::f32_convert_i32_s:
        case Op::f32_convert_i32_u:
        case Op::f32_convert_i64_s:
        case Op::f32_convert_i64_u:
        case Op::f64_convert_i32_s:
        case Op::f64_convert_i32_u:
        case Op::f64_convert_i64_s:
        case Op::f64_convert_i64_u: return Nan::none;
        case Op::f32_demote_f64:
        case Op::f64_promote_f32:
        case Op::select: return Nan::loose;
        default: break;
    }
    const bool arithmetic =
        (i.op >= Op::f32_ceil && i.op <= Op::f32_div) || (i.op >= Op::f64_ceil && i.op <= Op::f64_div);
    return arithmetic ? Nan::loose : Nan::exact;
}

/// Rounds of the search before what is still open is taken to be exact.
constexpr int rounds_max = 20;

}  // namespace

std::vector<bool> find_loose_nans(const dmir::Function& f) {
    std::vector<Nan> state(f.types.size(), Nan::exact);
    const auto is_float = [&](Value v) { return f.types[v] == Type::f32 || f.types[v] == Type::f64; };
    bool any = false;
    for (std::size_t b = 0; b < f.blocks.size(); ++b) {
        if (b > 0)
            for (auto v : f.blocks[b].parameters)
                if (is_float(v)) state[v] = Nan::loose;
        for (const auto& i : f.instructions_of(f.blocks[b]))
            if (i.result_count == 1 && is_float(i.first_result)) {
                state[i.first_result] = made_by(i);
                any |= state[i.first_result] == Nan::loose;
            }
    }
    std::vector<bool> out(f.types.size());
    if (!any) return out;
    // A parameter or a select of an exact value is exact itself: its bits can't be told from loose ones.
    const auto lower = [&](Value v) {
        const bool changes = state[v] != Nan::exact;
        state[v] = Nan::exact;
        return changes;
    };
    bool changed = true;
    for (int round = 0; changed; ++round) {
        changed = false;
        for (const auto& block : f.blocks) {
            for (const auto& i : f.instructions_of(block))
                if (i.op == Op::select && is_float(i.first_result))
                    if (round >= rounds_max || state[i.arguments[0]] == Nan::exact ||
                        state[i.arguments[1]] == Nan::exact)
                        changed |= lower(i.first_result);
            for (const auto& edge : f.edges_of(block)) {
                const auto& parameters = f.blocks[edge.block].parameters;
                const auto arguments = f.values(edge.arguments);
                for (std::size_t k = 0; k < parameters.size(); ++k)
                    if (is_float(parameters[k]) && (round >= rounds_max || state[arguments[k]] == Nan::exact))
                        changed |= lower(parameters[k]);
            }
        }
    }
    for (Value v = 0; v < f.types.size(); ++v) out[v] = state[v] == Nan::loose;
    return out;
}

}  // namespace troupe::jit::opt
