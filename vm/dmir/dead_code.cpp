#include "vm/dmir/dead_code.hpp"

namespace troupe::dmir {
namespace {

constexpr std::uint32_t none = 0xFFFFFFFF;

class Marker {
public:
    explicit Marker(Function& function)
        : f_(function), definitions_(function.types.size(), none), live_(function.types.size(), 0) {
        find_definitions();
        find_edges();
    }

    void mark_all() {
        for (const auto& block : f_.blocks) {
            for (const auto& instruction : f_.instructions_of(block))
                if (!is_pure(instruction.op)) for_each_operand(f_, instruction, [&](Value v) { mark(v); });
            if (block.terminator.condition != no_value) mark(block.terminator.condition);
            for (auto value : f_.values(block.terminator.values)) mark(value);
        }
        while (!work_.empty()) {
            const auto value = work_.back();
            work_.pop_back();
            const auto definition = definitions_[value];
            if (definition < first_parameter) {
                for_each_operand(f_, f_.instructions[definition], [&](Value v) { mark(v); });
            } else if (definition != none) {
                const auto& parameter = parameters_[definition - first_parameter];
                for (auto e = first_edge_[parameter.block]; e < first_edge_[parameter.block + 1]; ++e)
                    mark(f_.lists[f_.edges[edges_[e]].arguments.begin + parameter.index]);
            }
        }
    }

    [[nodiscard]] bool live(Value value) const { return live_[value] != 0; }

private:
    /// Values are defined by instructions, or as parameter `index` of `block`.
    struct Parameter {
        BlockIndex block;
        std::uint32_t index;
    };
    static constexpr std::uint32_t first_parameter = 0x80000000;

    void find_definitions() {
        for (BlockIndex b = 0; b < f_.blocks.size(); ++b)
            for (std::uint32_t p = 0; p < f_.blocks[b].parameters.size(); ++p) {
                definitions_[f_.blocks[b].parameters[p]] =
                    first_parameter + static_cast<std::uint32_t>(parameters_.size());
                parameters_.push_back({b, p});
            }
        for (std::uint32_t i = 0; i < f_.instructions.size(); ++i)
            for (std::uint32_t r = 0; r < f_.instructions[i].result_count; ++r)
                definitions_[f_.instructions[i].first_result + r] = i;
    }
    /// Edges by the block that they lead to.
    void find_edges() {
        first_edge_.assign(f_.blocks.size() + 2, 0);
        for (const auto& edge : f_.edges) ++first_edge_[edge.block + 2];
        for (std::size_t b = 2; b < first_edge_.size(); ++b) first_edge_[b] += first_edge_[b - 1];
        edges_.resize(f_.edges.size());
        for (std::uint32_t e = 0; e < f_.edges.size(); ++e) edges_[first_edge_[f_.edges[e].block + 1]++] = e;
    }
    void mark(Value value) {
        if (live_[value]) return;
        live_[value] = 1;
        work_.push_back(value);
    }

    Function& f_;
    /// Of each value: an instruction, or first_parameter and more: a parameter.
    std::vector<std::uint32_t> definitions_;
    std::vector<Parameter> parameters_;
    std::vector<std::uint8_t> live_;
    std::vector<Value> work_;
    std::vector<std::uint32_t> first_edge_;
    std::vector<std::uint32_t> edges_;
};

}  // namespace

void remove_dead_code(Function& f) {
    Marker marker(f);
    marker.mark_all();
    // Edges first: they are matched against the parameters that still stand.
    for (auto& edge : f.edges) {
        if (edge.block == 0) continue;
        const auto& parameters = f.blocks[edge.block].parameters;
        std::uint32_t kept = 0;
        for (std::uint32_t a = 0; a < edge.arguments.count; ++a)
            if (marker.live(parameters[a])) f.lists[edge.arguments.begin + kept++] = f.lists[edge.arguments.begin + a];
        edge.arguments.count = kept;
    }
    for (std::size_t b = 1; b < f.blocks.size(); ++b)
        std::erase_if(f.blocks[b].parameters, [&](Value v) { return !marker.live(v); });
    std::uint32_t out = 0;
    for (auto& block : f.blocks) {
        const auto begin = block.first_instruction;
        const auto end = begin + block.instruction_count;
        block.first_instruction = out;
        for (auto i = begin; i < end; ++i) {
            const auto& instruction = f.instructions[i];
            bool keep = !is_pure(instruction.op);
            for (std::uint32_t r = 0; r < instruction.result_count; ++r)
                keep |= marker.live(instruction.first_result + r);
            if (!keep) continue;
            if (out != i) f.instructions[out] = instruction;
            ++out;
        }
        block.instruction_count = out - block.first_instruction;
    }
    f.instructions.resize(out);
}

}  // namespace troupe::dmir
