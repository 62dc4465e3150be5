#include "vm/dmir/verifier.hpp"

#include <fmt/format.h>

namespace troupe::dmir {
namespace {

/// Dominance by immediate dominators (Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm), on the blocks'
/// own order, which is a reverse postorder by dMIR's rule.
std::vector<BlockIndex> immediate_dominators(const Function& f) {
    constexpr BlockIndex unknown = 0xFFFFFFFF;
    std::vector<std::vector<BlockIndex>> predecessors(f.blocks.size());
    for (BlockIndex b = 0; b < f.blocks.size(); ++b)
        for (const auto& edge : f.edges_of(f.blocks[b])) predecessors[edge.block].push_back(b);
    std::vector<BlockIndex> dominator(f.blocks.size(), unknown);
    dominator[0] = 0;
    const auto meet = [&](BlockIndex a, BlockIndex b) {
        while (a != b) {
            while (a > b) a = dominator[a];
            while (b > a) b = dominator[b];
        }
        return a;
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (BlockIndex b = 1; b < f.blocks.size(); ++b) {
            auto next = unknown;
            for (auto p : predecessors[b])
                if (dominator[p] != unknown) next = next == unknown ? p : meet(next, p);
            if (next != dominator[b]) {
                dominator[b] = next;
                changed = true;
            }
        }
    }
    return dominator;
}

class Verifier {
public:
    explicit Verifier(const Function& function) : f_(function) {}

    Status run() {
        if (f_.blocks.empty()) return broken("a function has at least one block");
        for (const auto& block : f_.blocks) {
            for (const auto& edge : f_.edges_of(block))
                if (edge.block >= f_.blocks.size() || edge.block == 0)
                    return broken(fmt::format("edge to block{}, which is the entry or is not there", edge.block));
        }
        dominators_ = immediate_dominators(f_);
        if (auto status = definitions(); !status) return status;
        for (block_ = 0; block_ < f_.blocks.size(); ++block_)
            if (auto status = uses(f_.blocks[block_]); !status) return status;
        return Done{};
    }

private:
    struct Place {
        BlockIndex block = 0xFFFFFFFF;
        std::uint32_t index = 0;  // parameters are 0, the n-th instruction n + 1
    };

    [[nodiscard]] Error broken(const std::string& what) const {
        return make_error(ErrorCode::invalid, fmt::format("dMIR func @{} block{}: {}", f_.name, block_, what));
    }

    Status define(Value value, Place place) {
        if (value >= f_.types.size()) return broken(fmt::format("v{} has no type", value));
        if (places_[value].block != 0xFFFFFFFF) return broken(fmt::format("v{} is defined twice", value));
        places_[value] = place;
        return Done{};
    }

    Status definitions() {
        places_.resize(f_.types.size());
        for (block_ = 0; block_ < f_.blocks.size(); ++block_) {
            const auto& block = f_.blocks[block_];
            for (auto value : block.parameters)
                if (auto status = define(value, {block_, 0}); !status) return status;
            std::uint32_t index = 0;
            for (const auto& instruction : f_.instructions_of(block)) {
                ++index;
                for (std::uint32_t r = 0; r < instruction.result_count; ++r)
                    if (auto status = define(instruction.first_result + r, {block_, index}); !status) return status;
            }
        }
        const auto& entry = f_.blocks[0].parameters;
        if (entry.size() != f_.signature.parameters.size())
            return broken("the entry's parameters are not the function's");
        for (std::size_t p = 0; p < entry.size(); ++p)
            if (f_.types[entry[p]] != f_.signature.parameters[p]) return broken("an entry parameter has a wrong type");
        return Done{};
    }

    Status use(Value value, std::uint32_t index) {
        if (value >= f_.types.size() || places_[value].block == 0xFFFFFFFF)
            return broken(fmt::format("v{} is not defined", value));
        const auto place = places_[value];
        if (place.block == block_) {
            if (place.index >= index) return broken(fmt::format("v{} is used before its definition", value));
            return Done{};
        }
        auto b = block_;
        while (b != place.block && b != 0 && dominators_[b] != 0xFFFFFFFF) b = dominators_[b];
        if (b != place.block) return broken(fmt::format("v{} does not dominate its use", value));
        return Done{};
    }

    Status typed_use(Value value, Type type, std::uint32_t index) {
        if (auto status = use(value, index); !status) return status;
        if (f_.types[value] != type)
            return broken(fmt::format("v{} is {}, not {}", value, to_string(f_.types[value]), to_string(type)));
        return Done{};
    }

    Status operation(const Instruction& i, std::uint32_t index) {
        Status status = Done{};
        for_each_operand(f_, i, [&](Value value) {
            if (status) status = use(value, index);
        });
        if (!status) return status;
        const auto& facts = info(i.op);
        if (facts.signature.empty()) return Done{};
        const auto colon = facts.signature.find(':');
        for (std::size_t a = 0; a < 3; ++a) {
            if (a >= colon) {
                if (i.arguments[a] != no_value) return broken(fmt::format("{} has too many operands", facts.name));
                continue;
            }
            if (i.arguments[a] == no_value) return broken(fmt::format("{} lacks an operand", facts.name));
            if (status = typed_use(i.arguments[a], type_from_letter(facts.signature[a]), index); !status) return status;
        }
        const auto results = facts.signature.substr(colon + 1);
        if (results.size() != i.result_count)
            return broken(fmt::format("{} has a wrong number of results", facts.name));
        if (!results.empty() && f_.types[i.first_result] != type_from_letter(results[0]))
            return broken(fmt::format("{}'s result has a wrong type", facts.name));
        return Done{};
    }

    Status uses(const Block& block) {
        std::uint32_t index = 0;
        for (const auto& instruction : f_.instructions_of(block))
            if (auto status = operation(instruction, ++index); !status) return status;
        ++index;
        const auto& t = block.terminator;
        using Kind = Terminator::Kind;
        const auto edges = f_.edges_of(block);
        const bool counts = (t.kind == Kind::branch && edges.size() == 1) ||
                            (t.kind == Kind::branch_if && edges.size() == 2) ||
                            (t.kind == Kind::branch_table && !edges.empty()) ||
                            ((t.kind == Kind::return_values || t.kind == Kind::unreachable) && edges.empty());
        if (!counts) return broken("the terminator is missing or has a wrong number of edges");
        if (t.kind == Kind::branch_if || t.kind == Kind::branch_table)
            if (auto status = typed_use(t.condition, Type::i32, index); !status) return status;
        if (t.kind == Kind::return_values) {
            const auto values = f_.values(t.values);
            if (values.size() != f_.signature.results.size()) return broken("return has a wrong number of values");
            for (std::size_t v = 0; v < values.size(); ++v)
                if (auto status = typed_use(values[v], f_.signature.results[v], index); !status) return status;
        }
        for (const auto& edge : edges) {
            const auto& parameters = f_.blocks[edge.block].parameters;
            const auto arguments = f_.values(edge.arguments);
            if (arguments.size() != parameters.size())
                return broken(fmt::format("edge to block{} has a wrong number of arguments", edge.block));
            for (std::size_t a = 0; a < arguments.size(); ++a)
                if (auto status = typed_use(arguments[a], f_.types[parameters[a]], index); !status) return status;
        }
        return Done{};
    }

    const Function& f_;
    BlockIndex block_ = 0;
    std::vector<BlockIndex> dominators_;
    std::vector<Place> places_;
};

}  // namespace

Status verify(const Function& function) { return Verifier(function).run(); }

}  // namespace troupe::dmir
