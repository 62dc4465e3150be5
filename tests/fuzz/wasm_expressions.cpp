#include <algorithm>
#include <array>
#include <map>

#include "tests/fuzz/wasm_code_generator.hpp"

namespace troupe::fuzz {
namespace {

using dmir::Op;
using dmir::OpInfo;
using dmir::OpKind;
using wasm::ValueType;

constexpr std::uint32_t depth_max = 6;
constexpr std::uint32_t function_nodes_max = 220;

[[nodiscard]] bool is_reference(ValueType type) { return type == ValueType::funcref || type == ValueType::externref; }
[[nodiscard]] bool is_float(ValueType type) { return type == ValueType::f32 || type == ValueType::f64; }
[[nodiscard]] ValueType type_of_letter(char letter) {
    switch (letter) {
        case 'i': return ValueType::i32;
        case 'l': return ValueType::i64;
        case 'f': return ValueType::f32;
        case 'd': return ValueType::f64;
        default: return ValueType::v128;
    }
}

/// Operations whose types stand in the table, by what they give.
struct OpTable {
    std::map<ValueType, std::vector<const OpInfo*>> plain;
    std::map<ValueType, std::vector<const OpInfo*>> loads;
    std::vector<const OpInfo*> stores;

    OpTable() {
        for (std::size_t n = 0; n < dmir::op_count; ++n) {
            const auto& facts = dmir::info(static_cast<Op>(n));
            if (facts.kind == OpKind::special || facts.kind == OpKind::constant) continue;
            if (facts.kind == OpKind::store || facts.kind == OpKind::store_lane) {
                stores.push_back(&facts);
                continue;
            }
            const auto result = type_of_letter(facts.signature.back());
            const bool load = facts.kind == OpKind::load || facts.kind == OpKind::load_lane;
            (load ? loads : plain)[result].push_back(&facts);
        }
    }
};
[[nodiscard]] const OpTable& op_table() {
    static const OpTable table;
    return table;
}

}  // namespace

ValueType any_type(Choices& choices, const GeneratorOptions& options, bool signature) {
    const auto n = choices.below(20);
    if (n < 7) return ValueType::i32;
    if (n < 11) return ValueType::i64;
    if (n < 13) return ValueType::f32;
    if (n < 16) return ValueType::f64;
    if (signature && options.portable) return ValueType::i32;
    if (n < 18) return options.simd ? ValueType::v128 : ValueType::i64;
    return n == 18 ? ValueType::funcref : ValueType::externref;
}

Bytes CodeGenerator::function(const FunctionType& type) {
    locals_ = type.parameters;
    const auto parameters = locals_.size();
    for (auto n = 2 + c_.below(6); n > 0; --n) locals_.push_back(any_type(c_, options_, false));
    // Two of each number type are always there; they also serve to canonicalize.
    for (auto t : {ValueType::i32, ValueType::i64, ValueType::f32, ValueType::f64}) locals_.push_back(t);
    usable_locals_ = locals_.size();
    for (std::uint32_t n = 0; n < loop_counters; ++n) locals_.push_back(ValueType::i32);
    scratch_f32_ = static_cast<std::uint32_t>(locals_.size());
    locals_.push_back(ValueType::f32);
    locals_.push_back(ValueType::f64);
    Bytes out;
    leb(out, locals_.size() - parameters);
    for (auto n = parameters; n < locals_.size(); ++n) {
        leb(out, 1);
        put(out, locals_[n]);
    }
    code_ = &out;
    labels_.assign(1, type.results);
    loops_ = 0;
    nodes_ = c_.one_in(3) ? 6 : 30 + c_.below(function_nodes_max);
    while (nodes_ > 4) statement(0);
    values(type.results, 1);
    out.push_back(0x0B);
    return out;
}

void CodeGenerator::op(std::uint8_t code) { code_->push_back(code); }

void CodeGenerator::op(std::uint8_t code, std::uint32_t immediate) {
    op(code);
    leb(*code_, immediate);
}

void CodeGenerator::op(const OpInfo& facts) { prefixed(facts.wasm_opcode); }

void CodeGenerator::prefixed(std::uint16_t opcode) {
    if (opcode < 256) return op(static_cast<std::uint8_t>(opcode));
    op(static_cast<std::uint8_t>(opcode >> 8U), opcode & 0xFFU);
}

bool CodeGenerator::spent(std::uint32_t depth) {
    if (nodes_ > 0) --nodes_;
    return nodes_ == 0 || depth >= depth_max;
}

void CodeGenerator::constant(ValueType type) {
    static constexpr std::array<std::uint64_t, 14> edges{0,          1,
                                                         2,          31,
                                                         32,         0xFF,
                                                         0x7FFFFFFF, 0x80000000,
                                                         0xFFFFFFFF, ~std::uint64_t{0},
                                                         64,         8,
                                                         65'535,     std::uint64_t{1} << 63};
    static constexpr std::array<std::uint64_t, 10> doubles{0,
                                                           std::uint64_t{1} << 63,
                                                           0x3FF0000000000000,
                                                           0xBFF0000000000000,
                                                           0x7FF0000000000000,
                                                           0x7FF8000000000000,
                                                           0x4000000000000000,
                                                           0x41E0000000000000,
                                                           0xC3E0000000000000,
                                                           1};
    static constexpr std::array<std::uint32_t, 10> floats{0,          0x80000000, 0x3F800000, 0xBF800000, 0x7F800000,
                                                          0x7FC00000, 0x40000000, 0x4F000000, 0xCF000001, 1};
    const bool edge = !c_.one_in(4);
    switch (type) {
        case ValueType::i32:
            op(0x41);
            return signed_leb(*code_, static_cast<std::int32_t>(edge ? edges[c_.below(edges.size())] : c_.word()));
        case ValueType::i64:
            op(0x42);
            return signed_leb(*code_, static_cast<std::int64_t>(edge ? edges[c_.below(edges.size())] : c_.word()));
        case ValueType::f32:
            op(0x43);
            return little_endian(*code_, edge ? floats[c_.below(floats.size())] : number_bits(c_.word(), false), 4);
        case ValueType::f64:
            op(0x44);
            return little_endian(*code_, edge ? doubles[c_.below(doubles.size())] : number_bits(c_.word(), true), 8);
        case ValueType::v128:
            prefixed(0xFD0C);
            for (int half = 0; half < 2; ++half)
                little_endian(*code_, edge ? edges[c_.below(edges.size())] : c_.word(), 8);
            return;
        default: op(0xD0); return put(*code_, type);
    }
}

std::uint64_t CodeGenerator::number_bits(std::uint64_t bits, bool wide) const {
    if (!options_.portable) return bits;
    return wide ? bits & ~(std::uint64_t{1} << 62) : bits & ~(std::uint64_t{1} << 30);
}

std::optional<std::uint32_t> CodeGenerator::local_of(ValueType type) {
    const auto start = c_.below(static_cast<std::uint32_t>(usable_locals_));
    for (std::size_t n = 0; n < usable_locals_; ++n) {
        const auto at = (start + n) % usable_locals_;
        if (locals_[at] == type) return static_cast<std::uint32_t>(at);
    }
    return std::nullopt;
}

std::optional<std::uint32_t> CodeGenerator::global_of(ValueType type, bool to_set) {
    const auto count = plan_.globals.size();
    const auto start = c_.below(static_cast<std::uint32_t>(count));
    for (std::size_t n = 0; n < count; ++n) {
        const auto at = (start + n) % count;
        if (plan_.globals[at].value == type && (!to_set || plan_.globals[at].is_mutable))
            return static_cast<std::uint32_t>(at);
    }
    return std::nullopt;
}

void CodeGenerator::values(const std::vector<ValueType>& types, std::uint32_t depth) {
    for (auto type : types) expression(type, depth);
}

void CodeGenerator::expression(ValueType type, std::uint32_t depth) {
    if (spent(depth)) return leaf(type);
    switch (c_.below(16)) {
        case 0:
        case 1: return leaf(type);
        case 2: return load(type, depth);
        case 3: return choose(type, depth);
        case 4: return block(type, depth);
        case 5:
        case 6: return call_for(type, depth);
        case 7:
            if (const auto local = local_of(type)) {
                expression(type, depth + 1);
                return op(0x22, *local);
            }
            return leaf(type);
        case 8: return rare(type, depth);
        default: return plain(type, depth);
    }
}

void CodeGenerator::leaf(ValueType type) {
    if (c_.below(3) != 0)
        if (const auto local = local_of(type)) return op(0x20, *local);
    if (c_.one_in(3))
        if (const auto global = global_of(type, false)) return op(0x23, *global);
    if (type == ValueType::funcref && c_.one_in(2)) return op(0xD2, any_function());
    constant(type);
}

const dmir::OpInfo* CodeGenerator::allowed(const std::vector<const OpInfo*>& list) {
    for (int tries = 0; tries < 20; ++tries) {
        const auto* facts = list[c_.below(static_cast<std::uint32_t>(list.size()))];
        const bool vector = facts->wasm_opcode >> 8U == 0xFD;
        if (vector && !options_.simd) continue;
        if (facts->trap == dmir::Trap::float_to_integer && tries < 4) continue;
        if (vector && options_.portable && (facts->name.starts_with("f32x4") || facts->name.starts_with("f64x2")))
            continue;
        // Scalar operations are what most code is made of.
        if (vector && !facts->signature.ends_with("v") && tries == 0) continue;
        return facts;
    }
    return nullptr;
}

void CodeGenerator::plain(ValueType type, std::uint32_t depth) {
    const auto found = op_table().plain.find(type);
    const auto* facts = found == op_table().plain.end() ? nullptr : allowed(found->second);
    if (facts == nullptr) return leaf(type);
    for (std::size_t a = 0; facts->signature[a] != ':'; ++a) expression(type_of_letter(facts->signature[a]), depth + 1);
    // Most operations that may trap don't.
    if (facts->trap == dmir::Trap::integer_division && !c_.one_in(12)) {
        const bool wide = facts->signature[0] == 'l';
        op(wide ? 0x42 : 0x41);
        signed_leb(*code_, 1 + c_.below(8));
        op(wide ? 0x84 : 0x72);
    }
    op(*facts);
    if (facts->kind == OpKind::lane) op(static_cast<std::uint8_t>(c_.below(facts->n)));
    if (facts->kind == OpKind::shuffle)
        for (int lane = 0; lane < 16; ++lane) op(static_cast<std::uint8_t>(c_.below(32)));
    if (options_.portable && is_float(type)) canonicalize(type);
}

void CodeGenerator::canonicalize(ValueType type) {
    const bool wide = type == ValueType::f64;
    const auto scratch = scratch_f32_ + (wide ? 1 : 0);
    op(0x22, scratch);
    op(wide ? 0x44 : 0x43);
    little_endian(*code_, wide ? 0x7FF8000000000000 : 0x7FC00000, wide ? 8 : 4);
    op(0x20, scratch);
    op(0x20, scratch);
    op(wide ? 0x61 : 0x5B);
    op(0x1B);
}

void CodeGenerator::address(std::uint32_t depth) {
    switch (c_.below(8)) {
        case 0: op(0x41); return signed_leb(*code_, 4096 + 4096 * c_.below(16) - c_.below(20));
        case 1: return expression(ValueType::i32, depth + 1);
        case 2: op(0x41); return signed_leb(*code_, c_.below(64));
        case 3:
        case 4:
            // The same one again, if the local is not set between.
            if (const auto local = local_of(ValueType::i32)) {
                op(0x20, *local);
                op(0x41);
                signed_leb(*code_, c_.one_in(2) ? 0xFFF8 : 0xFFFF);
                op(0x71);
                if (c_.one_in(2)) return;
                op(0x41);
                signed_leb(*code_, std::int64_t{c_.below(8192)} - 4096);
                return op(0x6A);
            }
            [[fallthrough]];
        default:
            expression(ValueType::i32, depth + 1);
            op(0x41);
            signed_leb(*code_, c_.one_in(2) ? 0xFF : 0xFFF8);
            return op(0x71);
    }
}

void CodeGenerator::access(const OpInfo& facts) {
    op(facts);
    leb(*code_, c_.below(facts.n + 1U));
    const auto n = c_.below(100);
    leb(*code_, n == 0   ? 65'530 + c_.below(10)
                : n == 1 ? 0xFFFFFFF0U + c_.below(16)
                : n < 10 ? 4080 + c_.below(32)
                         : c_.below(24));
    if (facts.kind == OpKind::load_lane || facts.kind == OpKind::store_lane)
        op(static_cast<std::uint8_t>(c_.below(16U >> facts.n)));
}

void CodeGenerator::load(ValueType type, std::uint32_t depth) {
    const auto found = op_table().loads.find(type);
    const auto* facts = found == op_table().loads.end() ? nullptr : allowed(found->second);
    if (facts == nullptr) return leaf(type);
    address(depth);
    if (facts->kind == OpKind::load_lane) expression(ValueType::v128, depth + 1);
    access(*facts);
    if (options_.portable && is_float(type)) canonicalize(type);
}

void CodeGenerator::store(std::uint32_t depth) {
    const auto* facts = allowed(op_table().stores);
    if (facts == nullptr) return op(0x01);
    address(depth);
    expression(type_of_letter(facts->signature[1]), depth + 1);
    access(*facts);
}

void CodeGenerator::choose(ValueType type, std::uint32_t depth) {
    expression(type, depth + 1);
    expression(type, depth + 1);
    expression(ValueType::i32, depth + 1);
    if (!is_reference(type) && c_.one_in(2)) return op(0x1B);
    op(0x1C, 1);
    put(*code_, type);
}

void CodeGenerator::block_type(const FunctionType& type) {
    for (std::size_t t = 0; t < plan_.types.size(); ++t)
        if (plan_.types[t] == type && c_.one_in(2)) return signed_leb(*code_, static_cast<std::int64_t>(t));
    if (type.results.empty()) return op(0x40);
    put(*code_, type.results[0]);
}

void CodeGenerator::block(ValueType type, std::uint32_t depth) {
    // A block of some type of the module that gives this value last takes more of what blocks can do.
    for (std::size_t t = 0; t < plan_.types.size(); ++t) {
        const auto& whole = plan_.types[t];
        if (whole.results.empty() || whole.results.back() != type || c_.one_in(2)) continue;
        values(whole.parameters, depth + 1);
        const bool loop = c_.one_in(2);
        op(loop ? 0x03 : 0x02);
        signed_leb(*code_, static_cast<std::int64_t>(t));
        labels_.push_back(loop ? whole.parameters : whole.results);
        for (auto p = whole.parameters.size(); p-- > 0;) keep_or_drop(whole.parameters[p]);
        body(depth);
        values(whole.results, depth + 1);
        labels_.pop_back();
        op(0x0B);
        if (whole.results.size() == 1) return;
        // Below the last value lie others: it is saved, they are dropped.
        const auto local = local_of(type);
        if (local) op(0x21, *local);
        for (auto r = local ? whole.results.size() - 1 : whole.results.size(); r-- > 0;) op(0x1A);
        return local ? op(0x20, *local) : constant(type);
    }
    const bool branches = c_.one_in(2);
    if (branches) expression(ValueType::i32, depth + 1);
    op(branches ? 0x04 : 0x02);
    block_type({{}, {type}});
    labels_.push_back({type});
    body(depth);
    expression(type, depth + 1);
    if (branches) {
        op(0x05);
        body(depth);
        expression(type, depth + 1);
    }
    labels_.pop_back();
    op(0x0B);
}

void CodeGenerator::keep_or_drop(ValueType type) {
    const auto local = local_of(type);
    if (local && c_.one_in(2)) return op(0x21, *local);
    op(0x1A);
}

void CodeGenerator::body(std::uint32_t depth) {
    for (auto n = c_.below(4); n > 0 && nodes_ > 0; --n) statement(depth + 1);
}

void CodeGenerator::call(std::uint32_t function, std::uint32_t depth) {
    values(plan_.types[plan_.functions[function]].parameters, depth + 1);
    op(0x10, function);
}

void CodeGenerator::call_indirect(std::uint32_t type, std::uint32_t depth) {
    values(plan_.types[type].parameters, depth + 1);
    if (c_.one_in(6)) {
        expression(ValueType::i32, depth + 1);
    } else {
        op(0x41);
        signed_leb(*code_, c_.below(c_.one_in(8) ? 11 : 4));
    }
    op(0x11, type);
    leb(*code_, c_.one_in(3) ? 2 : 0);
}

void CodeGenerator::call_for(ValueType type, std::uint32_t depth) {
    const auto start = any_function();
    for (std::uint32_t n = 0; n < plan_.functions.size(); ++n) {
        const auto f = (start + n) % static_cast<std::uint32_t>(plan_.functions.size());
        const auto& results = plan_.types[plan_.functions[f]].results;
        if (results.size() != 1 || results[0] != type) continue;
        return c_.one_in(6) ? call_indirect(plan_.functions[f], depth) : call(f, depth);
    }
    plain(type, depth);
}

void CodeGenerator::rare(ValueType type, std::uint32_t depth) {
    if (type == ValueType::funcref || type == ValueType::externref) {
        op(0x41);
        signed_leb(*code_, c_.below(12));
        return op(0x25, type == ValueType::externref ? 1 : c_.one_in(2) ? 2 : 0);
    }
    if (type != ValueType::i32) return plain(type, depth);
    switch (c_.below(5)) {
        case 0: return op(0x3F, 0);
        case 1:
            op(0x41);
            signed_leb(*code_, c_.below(3));
            return op(0x40, 0);
        case 2: expression(c_.one_in(2) ? ValueType::funcref : ValueType::externref, depth + 1); return op(0xD1);
        case 3: {
            const auto table = c_.below(3);
            if (c_.one_in(2)) {
                prefixed(0xFC10);
                return leb(*code_, table);
            }
            expression(plan_.tables[table], depth + 1);
            op(0x41);
            signed_leb(*code_, c_.below(6));
            prefixed(0xFC0F);
            return leb(*code_, table);
        }
        default:
            expression(ValueType::i64, depth + 1);
            op(0x10, 0);
            return op(0xA7);
    }
}

}  // namespace troupe::fuzz
