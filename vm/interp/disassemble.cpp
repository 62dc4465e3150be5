#include <fmt/format.h>

#include "vm/interp/code.hpp"

namespace troupe::vm {
namespace {

[[nodiscard]] std::string_view extended_name(std::uint16_t op) {
    static constexpr std::array names{"charge",
                                      "jump",
                                      "branch_nonzero",
                                      "branch_zero",
                                      "branch_table",
                                      "trap_unreachable",
                                      "return_none",
                                      "return_one",
                                      "return_many",
                                      "move",
                                      "move_v128",
                                      "select_v128",
                                      "global_get_v128",
                                      "global_set_v128",
#define X(name) "i32." #name "_immediate", "i64." #name "_immediate",
                                      TROUPE_IMMEDIATE_OPS(X)
#undef X
#define X(name) \
    "branch_i32." #name, "branch_i64." #name, "branch_i32." #name "_immediate", "branch_i64." #name "_immediate",
                                          TROUPE_INTEGER_COMPARISONS(X)
#undef X
#define X(name) "branch_f32." #name, "branch_f64." #name, "branch_not_f32." #name, "branch_not_f64." #name,
                                              TROUPE_FLOAT_COMPARISONS(X)
#undef X
#define X(name) #name "_scaled",
                                                  TROUPE_SCALAR_LOADS(X) TROUPE_SCALAR_STORES(X)
#undef X
    };
    static_assert(names.size() == opcode_count - dmir::op_count);
    return names[op - dmir::op_count];
}

}  // namespace

std::uint32_t places_after(const Instruction& i) noexcept {
    const auto lists = [](std::uint32_t n) { return (n + 7) / 8; };
    if (i.op == code(dmir::Op::v128_const) || i.op == code(dmir::Op::i8x16_shuffle)) return 1;
    if (i.op == code(dmir::Op::call)) return lists(i.b);
    if (i.op == code(dmir::Op::call_indirect)) return lists(i.b + 1U);
    if (i.op == code(Extended::return_many)) return lists(i.a);
    if (i.op == code(Extended::branch_table)) return (i.low() + 3) / 4;
    return 0;
}

std::string disassemble(const Code& function) {
    auto out = fmt::format("; {} slots, {} of parameters, {} of results, {} stack units\n", function.slots.size(),
                           function.parameter_slots, function.result_slots, function.stack_units);
    for (std::size_t at = 0; at < function.instructions.size();) {
        const auto& i = function.instructions[at];
        const auto name = i.op < dmir::op_count ? dmir::info(static_cast<dmir::Op>(i.op)).name : extended_name(i.op);
        out += fmt::format("{:5} {:28} {} {} {} {:#x}\n", at, name, i.a, i.b, i.c, i.immediate);
        at += 1 + places_after(i);
    }
    return out;
}

}  // namespace troupe::vm
