// Instructions that are operations of dMIR.
#include "vm/wasm/body_reader.hpp"

namespace troupe::wasm {
namespace {

/// Of one operation; any stands for a reference.
struct OperationTypes {
    std::array<OperandType, 3> operand;
    OperandType result;
    std::uint8_t operands = 0;
    bool has_result = false;
};

[[nodiscard]] OperandType from_letter(char letter) {
    switch (letter) {
        case 'i': return ValueType::i32;
        case 'l': return ValueType::i64;
        case 'f': return ValueType::f32;
        case 'd': return ValueType::f64;
        case 'v': return ValueType::v128;
        default: return {};
    }
}

const auto types_of = [] {
    std::array<OperationTypes, dmir::op_count> out;
    for (std::size_t op = 0; op < out.size(); ++op) {
        const auto signature = dmir::op_facts[op].signature;
        const auto colon = signature.find(':');
        if (colon == std::string_view::npos) continue;
        auto& types = out[op];
        types.operands = static_cast<std::uint8_t>(colon);
        for (std::size_t a = 0; a < colon; ++a) types.operand[a] = from_letter(signature[a]);
        types.has_result = colon + 1 < signature.size();
        if (types.has_result) types.result = from_letter(signature[colon + 1]);
    }
    return out;
}();

}  // namespace

template <bool Build>
std::uint32_t BodyReader<Build>::memory_argument(unsigned natural) {
    need_memory();
    const auto at = reader_.position();
    const auto alignment = reader_.u32();
    if (reader_.ok() && alignment >= 32) reader_.fail_at(at, malformed, "malformed memop flags");
    if (reader_.ok() && alignment > natural) reader_.fail_at(at, invalid, "alignment must not be larger than natural");
    return reader_.u32();
}

template <bool Build>
void BodyReader<Build>::need_memory() {
    if (module_.memories.empty()) reader_.fail_at(start_, invalid, "unknown memory 0");
}

template <bool Build>
void BodyReader<Build>::zero_byte() {
    if (reader_.byte() != 0 && reader_.ok()) reader_.fail_at(reader_.position() - 1, malformed, "zero byte expected");
}

template <bool Build>
void BodyReader<Build>::simple(Op op, const dmir::OpInfo& facts) {
    std::uint64_t immediate = 0;
    std::uint64_t immediate_high = 0;
    switch (facts.kind) {
        case OpKind::plain: break;
        case OpKind::constant: constant(op, immediate, immediate_high); break;
        case OpKind::load:
        case OpKind::store: immediate = memory_argument(facts.n); break;
        case OpKind::lane: immediate = lane(facts.n); break;
        case OpKind::load_lane:
        case OpKind::store_lane: {
            const auto offset = memory_argument(facts.n);
            immediate = offset | std::uint64_t{lane(16U >> facts.n)} << 32;
            break;
        }
        case OpKind::shuffle:
            immediate = reader_.little_endian<std::uint64_t>();
            immediate_high = reader_.little_endian<std::uint64_t>();
            if (((immediate | immediate_high) & 0xE0E0E0E0E0E0E0E0ULL) != 0)
                reader_.fail_at(start_, invalid, "invalid lane index");
            break;
        case OpKind::special: break;
    }
    emit(op, immediate, immediate_high);
}

template <bool Build>
void BodyReader<Build>::constant(Op op, std::uint64_t& low, std::uint64_t& high) {
    switch (op) {
        case Op::i32_const: low = static_cast<std::uint32_t>(reader_.s32()); break;
        case Op::i64_const: low = static_cast<std::uint64_t>(reader_.s64()); break;
        case Op::f32_const: low = reader_.little_endian<std::uint32_t>(); break;
        case Op::f64_const: low = reader_.little_endian<std::uint64_t>(); break;
        default:
            low = reader_.little_endian<std::uint64_t>();
            high = reader_.little_endian<std::uint64_t>();
            break;
    }
}

template <bool Build>
std::uint8_t BodyReader<Build>::lane(unsigned lanes) {
    const auto at = reader_.position();
    const auto out = reader_.byte();
    if (out >= lanes) reader_.fail_at(at, invalid, "invalid lane index");
    return out;
}

template <bool Build>
void BodyReader<Build>::emit(Op op, std::uint64_t immediate, std::uint64_t immediate_high, ValueType reference) {
    const auto& types = types_of[static_cast<std::size_t>(op)];
    const auto type_of = [&](OperandType type) { return type.any() ? OperandType(reference) : type; };
    std::array<Value, 3> arguments{no_value, no_value, no_value};
    for (std::size_t a = types.operands; a-- > 0;) arguments[a] = pop(type_of(types.operand[a])).value;
    if (!reader_.ok()) return;
    const auto result = type_of(types.result);
    Value value = no_value;
    if (live()) {
        auto& i = builder.append(op);
        i.arguments = arguments;
        i.immediate = immediate;
        i.immediate_high = immediate_high;
        if (types.has_result) value = builder.result(i, to_dmir(static_cast<ValueType>(result.code)));
    }
    if (types.has_result) push(result, value);
}

template <bool Build>
void BodyReader<Build>::special(Op op) {
    switch (op) {
        case Op::select: return select(false);
        case Op::call: {
            const auto index = index_below(module_.function_types.size(), "function");
            if (reader_.ok()) call_of(module_.type_of_function(index), op, index, no_value);
            return;
        }
        case Op::call_indirect: {
            const auto type = index_below(module_.types.size(), "type");
            const auto table = table_index();
            if (reader_.ok() && module_.tables[table].element != ValueType::funcref)
                reader_.fail_at(start_, invalid, "type mismatch: call_indirect needs a table of funcref");
            const auto callee = pop(ValueType::i32);
            if (reader_.ok()) call_of(module_.types[type], op, type | std::uint64_t{table} << 32, callee.value);
            return;
        }
        case Op::global_get:
        case Op::global_set: return global(op);
        case Op::ref_null: {
            const auto type = read_value_type(reader_, limits_);
            if (reader_.ok() && !OperandType(type).is_reference())
                return reader_.fail_at(start_, malformed, "malformed reference type");
            return emit(op, 0, 0, type);
        }
        case Op::ref_is_null: {
            const auto operand = pop();
            if (reader_.ok() && !operand.type.any() && !operand.type.is_reference())
                return reader_.fail_at(start_, invalid, "type mismatch: ref.is_null needs a reference");
            Value value = no_value;
            if (live()) {
                auto& i = builder.append(op);
                i.arguments[0] = operand.value;
                value = builder.result(i, dmir::Type::i32);
            }
            return push(ValueType::i32, value);
        }
        case Op::ref_func: {
            const auto index = index_below(module_.function_types.size(), "function");
            if (reader_.ok() && !module_.referable[index])
                reader_.fail_at(start_, invalid, "undeclared function reference");
            return emit(op, index);
        }
        case Op::table_get:
        case Op::table_set:
        case Op::table_grow:
        case Op::table_fill:
        case Op::table_size: {
            const auto table = table_index();
            if (reader_.ok()) emit(op, table, 0, module_.tables[table].element);
            return;
        }
        case Op::table_copy: {
            const auto to = table_index();
            const auto from = table_index();
            if (reader_.ok() && module_.tables[to].element != module_.tables[from].element)
                reader_.fail_at(start_, invalid, "type mismatch between tables");
            return emit(op, to | std::uint64_t{from} << 32);
        }
        case Op::table_init: {
            const auto segment = index_below(module_.elements.size(), "elem segment");
            const auto table = table_index();
            if (reader_.ok() && module_.tables[table].element != module_.elements[segment].type)
                reader_.fail_at(start_, invalid, "type mismatch between table and element segment");
            return emit(op, segment | std::uint64_t{table} << 32);
        }
        case Op::elem_drop: return emit(op, index_below(module_.elements.size(), "elem segment"));
        case Op::memory_size:
        case Op::memory_grow:
        case Op::memory_fill:
            zero_byte();
            need_memory();
            return emit(op, 0);
        case Op::memory_copy:
            zero_byte();
            zero_byte();
            need_memory();
            return emit(op, 0);
        case Op::memory_init:
        case Op::data_drop: {
            const auto at = reader_.position();
            const auto segment = reader_.u32();
            if (op == Op::memory_init) {
                zero_byte();
                need_memory();
            }
            if (!module_.data_count) reader_.fail_at(at, malformed, "data count section required");
            if (reader_.ok() && segment >= *module_.data_count)
                reader_.fail_at(at, invalid, fmt::format("unknown data segment {}", segment));
            return emit(op, segment);
        }
        default: return reader_.fail_at(start_, malformed, "illegal opcode");
    }
}

template <bool Build>
void BodyReader<Build>::global(Op op) {
    const auto index = index_below(module_.global_types.size(), "global");
    if (!reader_.ok()) return;
    const auto& type = module_.global_types[index];
    if (op == Op::global_set && !type.is_mutable) return reader_.fail_at(start_, invalid, "global is immutable");
    const auto operand = op == Op::global_set ? pop(type.value) : Operand{};
    if (!reader_.ok()) return;
    Value value = no_value;
    if (live()) {
        auto& i = builder.append(op);
        i.immediate = index;
        i.arguments[0] = operand.value;
        if (op == Op::global_get) value = builder.result(i, to_dmir(type.value));
    }
    if (op == Op::global_get) push(type.value, value);
}

template void BodyReader<false>::simple(Op op, const dmir::OpInfo& facts);
template void BodyReader<true>::simple(Op op, const dmir::OpInfo& facts);
template void BodyReader<false>::special(Op op);
template void BodyReader<true>::special(Op op);

}  // namespace troupe::wasm
