#include "jit/opt/select.hpp"

#include "jit/opt/chunk_tests.hpp"
#include "jit/opt/nan.hpp"
#include "jit/opt/selection.hpp"

namespace troupe::jit::opt {

Selection::Selection(const dmir::Function& function, std::vector<ChunkTest> chunk_tests)
    : f_(function), loose_(find_loose_nans(function)), chunk_tests_(std::move(chunk_tests)) {}

std::optional<Function> Selection::run() {
    for (auto type : f_.types) {
        if (type == Type::v128 || type == Type::i256) return std::nullopt;
        (void)out_.add_register(type);
    }
    out_.results = f_.signature.results;
    out_.stack_units = f_.stack_units;
    out_.blocks.resize(f_.blocks.size());
    register_of_.resize(f_.types.size());
    for (Value v = 0; v < f_.types.size(); ++v) register_of_[v] = v;
    count_uses();
    find_loops();
    for (block_ = 0; block_ < f_.blocks.size(); ++block_) block();
    return std::move(out_);
}

void Selection::count_uses() {
    uses_.assign(f_.types.size(), 0);
    definition_.assign(f_.types.size(), no_value);
    block_of_.assign(f_.instructions.size(), 0);
    home_.assign(f_.types.size(), no_value);
    exact_everywhere_.assign(f_.types.size(), false);
    const auto use = [&](Value v) { ++uses_[v]; };
    for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b) {
        const auto& block = f_.blocks[b];
        for (auto v : block.parameters) home_[v] = b;
        for (auto i = block.first_instruction; i < block.first_instruction + block.instruction_count; ++i) {
            const auto& instruction = f_.instructions[i];
            block_of_[i] = b;
            for_each_operand(f_, instruction, use);
            for (std::uint32_t r = 0; r < instruction.result_count; ++r) {
                definition_[instruction.first_result + r] = i;
                home_[instruction.first_result + r] = b;
            }
        }
        if (block.terminator.condition != no_value) use(block.terminator.condition);
        for (auto v : f_.values(block.terminator.values)) use(v);
        for (const auto& edge : f_.edges_of(block))
            for (auto v : f_.values(edge.arguments)) use(v);
    }
}

void Selection::find_loops() {
    for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b)
        for (const auto& edge : f_.edges_of(f_.blocks[b]))
            if (edge.block <= b) out_.blocks[edge.block].loop_end = b + 1;
    std::vector<dmir::BlockIndex> open;
    for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b) {
        while (!open.empty() && out_.blocks[open.back()].loop_end <= b) open.pop_back();
        if (out_.blocks[b].loop_end > 0) open.push_back(b);
        out_.blocks[b].loop_depth = static_cast<std::uint32_t>(open.size());
    }
}

Register Selection::constant_register(Type type, std::uint64_t bits, bool anywhere) {
    const bool cheap = bank_of(type) == Bank::integer && (bits <= 0xFFFFFFFF || bits >= 0xFFFFFFFF80000000);
    auto& known = !cheap ? constants_ : anywhere ? moved_constants_ : block_constants_;
    const auto [at, added] = known.try_emplace({bank_of(type), bits}, no_register);
    if (added) {
        at->second = out_.add_register(type);
        out_.registers[at->second].constant = true;
        out_.registers[at->second].local = cheap;
        out_.registers[at->second].bits = bits;
    }
    return at->second;
}

Register Selection::reg(Value v, bool anywhere) {
    const auto* d = definition(v);
    if (d != nullptr && (dmir::info(d->op).kind == dmir::OpKind::constant || d->op == Op::ref_null)) {
        const bool narrow = d->op == Op::i32_const || d->op == Op::f32_const;
        const auto bits = d->op == Op::ref_null ? 0 : d->immediate;
        return constant_register(f_.types[v], narrow ? bits & 0xFFFFFFFF : bits, anywhere);
    }
    return register_of_[v];
}

Register Selection::exact(Value v, bool anywhere) {
    const auto from = reg(v, anywhere);
    if (!loose_[v] || exact_everywhere_[v]) return from;
    const auto [at, added] = exact_.try_emplace(v, no_register);
    if (added) {
        at->second = out_.add_register(f_.types[v]);
        auto& i = emit(Code::canonicalize, f_.types[v] == Type::f64);
        i.operands[0] = from;
        i.result = at->second;
        // Where it is defined here, all that follows takes it for the value itself.
        if (home_[v] == block_) {
            exact_everywhere_[v] = true;
            register_of_[v] = at->second;
        }
    }
    return at->second;
}

dmir::List Selection::list_of(const std::vector<Register>& registers) {
    const dmir::List out{static_cast<std::uint32_t>(out_.lists.size()), static_cast<std::uint32_t>(registers.size())};
    out_.lists.insert(out_.lists.end(), registers.begin(), registers.end());
    return out;
}

void Selection::block() {
    const auto& from = f_.blocks[block_];
    auto& to = out_.blocks[block_];
    to.parameters = from.parameters;
    to.fuel = from.fuel;
    to.checked = from.checked;
    to.steps = from.steps;
    exact_.clear();
    block_constants_.clear();
    cells_.clear();
    sums_.clear();
    skipped_.assign(from.instruction_count, false);
    mark_folded(from);
    for (std::uint32_t k = 0; k < from.instruction_count; ++k)
        if (!skipped_[k]) instruction(f_.instructions[from.first_instruction + k]);
    terminator(from);
}

void Selection::instruction(const dmir::Instruction& i) {
    if (dmir::info(i.op).kind == dmir::OpKind::constant || i.op == Op::ref_null) return;
    if (between(i.op, Op::i32_load, Op::i64_load32_u)) return load(i);
    if (between(i.op, Op::i32_store, Op::i64_store32)) return store(i);
    if (is_comparison(i.op)) return set(i);
    if (between(narrowed(i.op), Op::i32_clz, Op::i32_rotr)) return integer(i, i.op >= Op::i64_clz);
    if (floating(i) || conversion(i)) return;
    switch (i.op) {
        case Op::select: return select(i);
        case Op::global_get:
        case Op::global_set: return global(i);
        case Op::memory_size: emit(Code::memory_size).result = i.first_result; return;
        case Op::stack_check: {
            auto& out = emit(Code::stack_check);
            out.value = i.immediate;
            out.temporary = out_.add_register(Type::i64);
            return;
        }
        case Op::call:
        case Op::call_indirect: return call(i);
        default: return helper(i);
    }
}

void Selection::global(const dmir::Instruction& i) {
    const auto index = static_cast<std::uint32_t>(i.immediate);
    const bool is_set = i.op == Op::global_set;
    const auto value = is_set ? exact(i.arguments[0]) : no_register;
    const auto [at, added] = cells_.try_emplace(index, no_register);
    if (added) {
        at->second = out_.add_register(Type::i64);
        auto& address = emit(Code::global_address);
        address.value = index;
        address.result = at->second;
    }
    auto& out = emit(is_set ? Code::cell_store : Code::cell_load);
    out.operands[0] = at->second;
    if (is_set)
        out.operands[1] = value;
    else
        out.result = i.first_result;
}

void Selection::call(const dmir::Instruction& i) {
    std::vector<Register> arguments;
    for (auto v : f_.values(i.list)) arguments.push_back(exact(v, true));
    const auto index = i.arguments[0] == no_value ? no_register : reg(i.arguments[0]);
    auto& out = emit(i.op == Op::call ? Code::call : Code::call_indirect);
    out.value = i.immediate;
    out.operands[0] = index;
    out.list = list_of(arguments);
    out.result = i.result_count > 0 ? i.first_result : no_register;
    out.result_count = i.result_count;
}

void Selection::helper(const dmir::Instruction& i) {
    std::vector<Register> arguments;
    for (auto v : i.arguments)
        if (v != no_value) arguments.push_back(exact(v, true));
    auto& out = emit(Code::helper);
    out.op = i.op;
    out.value = i.immediate;
    out.list = list_of(arguments);
    out.result = i.result_count > 0 ? i.first_result : no_register;
    out.result_count = i.result_count;
}

void Selection::terminator(const dmir::Block& block) {
    using Kind = dmir::Terminator::Kind;
    const auto& t = block.terminator;
    std::vector<Edge> edges;
    for (const auto& edge : f_.edges_of(block)) {
        const auto& parameters = f_.blocks[edge.block].parameters;
        const auto values = f_.values(edge.arguments);
        std::vector<Register> arguments;
        for (std::size_t k = 0; k < values.size(); ++k)
            arguments.push_back(loose_[parameters[k]] ? reg(values[k], true) : exact(values[k], true));
        edges.push_back({edge.block, list_of(arguments)});
    }
    switch (t.kind) {
        case Kind::none:
        case Kind::unreachable: emit(Code::unreachable); break;
        case Kind::branch: emit(Code::jump); break;
        case Kind::branch_table: {
            const auto index = reg(t.condition);
            auto& out = emit(Code::branch_table);
            out.operands[0] = index;
            out.temporary = out_.add_register(Type::i64);
            out.result = out_.add_register(Type::i64);
            break;
        }
        case Kind::return_values: {
            std::vector<Register> values;
            for (auto v : f_.values(t.values)) values.push_back(exact(v, true));
            const auto list = list_of(values);
            emit(Code::return_values).list = list;
            break;
        }
        case Kind::branch_if: {
            flip_ = false;
            const auto q = question(t.condition);
            put(emit(Code::branch), q);
            if (flip_) std::swap(edges[0], edges[1]);
            break;
        }
    }
    out_.blocks[block_].edges = std::move(edges);
}

std::optional<Function> select(const dmir::Function& function, bool charges_chunks) {
    return Selection(function, charges_chunks ? find_chunk_tests(function) : std::vector<ChunkTest>{}).run();
}

}  // namespace troupe::jit::opt
