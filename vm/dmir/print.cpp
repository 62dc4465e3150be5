#include <fmt/format.h>

#include "vm/dmir/text.hpp"

namespace troupe::dmir {
namespace {

std::string list_of(const Function& function, List list) {
    std::string out;
    for (auto value : function.values(list)) out += fmt::format("{}v{}", out.empty() ? "" : ", ", value);
    return out;
}

std::string edge_text(const Function& function, const Edge& edge) {
    auto out = fmt::format("block{}", edge.block);
    if (edge.arguments.count > 0) out += "(" + list_of(function, edge.arguments) + ")";
    return out;
}

std::string types_text(const std::vector<Type>& types) {
    std::string out = "(";
    for (auto type : types) {
        if (out.size() > 1) out += ", ";
        out += to_string(type);
    }
    return out + ")";
}

std::string instruction_text(const Function& function, const Instruction& i) {
    std::string out = "  ";
    for (std::uint32_t r = 0; r < i.result_count; ++r)
        out += fmt::format("{}v{}: {}", r == 0 ? "" : ", ", i.first_result + r,
                           to_string(function.types[i.first_result + r]));
    if (i.result_count > 0) out += " = ";
    const auto& facts = info(i.op);
    out += facts.name;
    if (i.immediate != 0) out += fmt::format(" {:#x}", i.immediate);
    if (i.immediate_high != 0) out += fmt::format(" high={:#x}", i.immediate_high);
    std::string arguments;
    for (auto value : i.arguments)
        if (value != no_value) arguments += fmt::format("{}v{}", arguments.empty() ? " " : ", ", value);
    out += arguments;
    if (i.op == Op::call || i.op == Op::call_indirect) out += " (" + list_of(function, i.list) + ")";
    return out + "\n";
}

std::string terminator_text(const Function& function, const Block& block) {
    const auto& t = block.terminator;
    std::string out = "  ";
    switch (t.kind) {
        case Terminator::Kind::none: out += "none"; break;
        case Terminator::Kind::branch: out += "br"; break;
        case Terminator::Kind::branch_if: out += fmt::format("br_if v{},", t.condition); break;
        case Terminator::Kind::branch_table: out += fmt::format("br_table v{},", t.condition); break;
        case Terminator::Kind::return_values: out += "return (" + list_of(function, t.values) + ")"; break;
        case Terminator::Kind::unreachable: out += "unreachable"; break;
    }
    bool first = true;
    for (const auto& edge : function.edges_of(block)) {
        out += (first ? " " : ", ") + edge_text(function, edge);
        first = false;
    }
    return out + "\n";
}

}  // namespace

std::string print(const Function& function) {
    auto out = fmt::format("func @{} {} -> {} stack {} {{\n", function.name, types_text(function.signature.parameters),
                           types_text(function.signature.results), function.stack_units);
    for (std::size_t b = 0; b < function.blocks.size(); ++b) {
        const auto& block = function.blocks[b];
        out += fmt::format("block{}(", b);
        for (std::size_t p = 0; p < block.parameters.size(); ++p)
            out += fmt::format("{}v{}: {}", p == 0 ? "" : ", ", block.parameters[p],
                               to_string(function.types[block.parameters[p]]));
        out += fmt::format("): fuel {} steps {}{}\n", block.fuel, block.steps, block.checked ? " check" : "");
        for (const auto& instruction : function.instructions_of(block)) out += instruction_text(function, instruction);
        out += terminator_text(function, block);
    }
    return out + "}\n";
}

}  // namespace troupe::dmir
