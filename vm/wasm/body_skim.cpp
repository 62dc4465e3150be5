// The fast way through a body: runs of common instructions, by one table and without calls.
#include <bit>
#include <cstring>

#include "vm/wasm/body_reader.hpp"

namespace troupe::wasm {
namespace {

enum class Way : std::uint8_t { other, operation, local_write };

/// One opcode: what follows it, and what it does to the operands' types.
struct alignas(16) Quick {
    Way way = Way::other;
    /// All of it, a LEB128 number at its end as one byte.
    std::uint8_t bytes = 1;
    /// How long that number may be; 0: there is none.
    std::uint8_t number_bytes_max = 0;
    /// What the byte after the opcode may be: of memory accesses, the natural alignment as a power of two.
    std::uint8_t next_byte_max = 0xFF;
    std::uint8_t operands = 0;
    std::uint8_t results = 0;
    bool is_local_get = false;
    /// Any, but not none, where there is no result.
    OperandType result = ValueType::i32;
    std::uint8_t fuel = 0;
    Op op{};
    /// The types that must be on top of the stack, the topmost first, and 0xFF where there must be one.
    std::array<std::uint8_t, 2> types{};
    std::array<std::uint8_t, 2> masks{};
};

[[nodiscard]] constexpr std::uint8_t code_from_letter(char letter) {
    constexpr std::string_view letters = "ilfd";
    const auto at = letters.find(letter);
    // The codes of i32, i64, f32 and f64 count down.
    return at == std::string_view::npos ? std::uint8_t{0} : static_cast<std::uint8_t>(0x7F - at);
}

constexpr std::uint8_t local_get = 0x20;
constexpr std::uint8_t local_set = 0x21;
constexpr std::uint8_t local_tee = 0x22;

[[nodiscard]] Quick quick_operation(Op op) {
    const auto& facts = dmir::info(op);
    Quick out;
    out.op = op;
    switch (facts.kind) {
        case OpKind::plain: break;
        case OpKind::constant:
            // Lengths that none of the number's forms has too many bits for.
            out.bytes = 2;
            if (facts.signature == ":i") out.number_bytes_max = 4;
            if (facts.signature == ":l") out.number_bytes_max = 8;
            if (facts.signature == ":f") out.bytes = 5;
            if (facts.signature == ":d") out.bytes = 9;
            break;
        case OpKind::load:
        case OpKind::store:
            out.bytes = 3;
            out.number_bytes_max = 4;
            out.next_byte_max = facts.n;
            break;
        default: return {};
    }
    const auto colon = facts.signature.find(':');
    if (colon > out.types.size()) return {};
    out.operands = static_cast<std::uint8_t>(colon);
    for (std::size_t a = 0; a < colon; ++a) {
        const auto code = code_from_letter(facts.signature[a]);
        if (code == 0) return {};
        out.types[colon - 1 - a] = code;
        out.masks[colon - 1 - a] = 0xFF;
    }
    if (colon + 1 < facts.signature.size()) {
        const auto code = code_from_letter(facts.signature[colon + 1]);
        if (code == 0) return {};
        out.results = 1;
        out.result = static_cast<ValueType>(code);
    }
    out.way = Way::operation;
    out.fuel = facts.fuel;
    return out;
}

using QuickTable = std::array<Quick, 256>;
[[nodiscard]] QuickTable quick_table(bool has_memory) {
    QuickTable out{};
    for (std::size_t opcode = 0; opcode < out.size(); ++opcode) {
        const auto op = dmir::op_from_wasm(static_cast<std::uint16_t>(opcode));
        if (!op) continue;
        const auto kind = dmir::info(*op).kind;
        if (has_memory || (kind != OpKind::load && kind != OpKind::store)) out[opcode] = quick_operation(*op);
    }
    auto& get = out[local_get];
    get.way = Way::operation;
    get.is_local_get = true;
    get.results = 1;
    get.bytes = 2;
    get.number_bytes_max = 1;
    out[local_set].way = out[local_tee].way = Way::local_write;
    return out;
}
/// Of modules without a memory, and with one.
const std::array<QuickTable, 2> quick_tables{quick_table(false), quick_table(true)};

/// More than the longest instruction that is taken here.
constexpr std::ptrdiff_t room_bytes = 16;

/// 9 for longer ones.
[[nodiscard]] inline unsigned leb_bytes(const std::uint8_t* at) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, 8);
    return static_cast<unsigned>(std::countr_zero(~eight & 0x8080808080808080ULL)) / 8 + 1;
}

}  // namespace

// Few of its branches depend on the opcode: code is read once, so that none of those would be foreseen.
template <>
void BodyReader<false>::skim() {
    static_assert(sizeof(OperandType) == 1 && std::endian::native == std::endian::little);
    const auto* const begin = reader_.data();
    const auto* at = begin;
    auto* top = operands_.top;
    // No byte of code pushes more than one operand.
    const auto* const end = at + std::min<std::ptrdiff_t>(reader_.remaining(), operands_.limit - top) - room_bytes;
    auto* highest = top;
    const auto* const bottom = operands_.begin + frames_.back().height;
    const auto* const locals = quick_locals_.data();
    const auto& table = quick_tables[module_.memories.empty() ? 0 : 1];
    while (at <= end) {
        const auto& quick = table[*at];
        if (quick.way == Way::operation) [[likely]] {
            const auto* next_at = at + quick.bytes;
            if (next_at[-1] >= 0x80 && quick.number_bytes_max > 0) {
                const auto number_bytes = leb_bytes(next_at - 1);
                if (number_bytes > quick.number_bytes_max) break;
                next_at += number_bytes - 1;
            }
            const auto wrong_types =
                ((top[-1].code ^ quick.types[0]) & quick.masks[0]) | ((top[-2].code ^ quick.types[1]) & quick.masks[1]);
            const auto of_local = locals[at[1] % quick_locals].code;
            const auto result = quick.is_local_get ? of_local : quick.result.code;
            auto* const operands = top - quick.operands;
            if (wrong_types != 0 || at[1] > quick.next_byte_max || operands < bottom || result == 0) break;
            // Without a result this stays above the top.
            operands->code = result;
            top = operands + quick.results;
            highest = std::max(highest, top);
            at = next_at;
        } else if (quick.way == Way::local_write) {
            const std::size_t index = at[1];
            if (index >= quick_locals || locals[index].any() || top == bottom || top[-1] != locals[index]) break;
            if (joins_ >= limits_.joins) break;
            joins_ += assigned_.assign(static_cast<std::uint32_t>(index), frames_.back().assigned) ? 1 : 0;
            top -= *at == local_set ? 1 : 0;
            at += 2;
        } else {
            break;
        }
    }
    reader_.skip(static_cast<std::size_t>(at - begin));
    operands_.top = top;
    operand_units_max_ = std::max(operand_units_max_, static_cast<std::uint32_t>(highest - operands_.begin) + vectors_);
}

// The code is valid: what is left to check is the room for operands.
template <>
void BodyReader<true>::skim() {
    if (!builder.reachable()) return;
    const auto* const begin = reader_.data();
    const auto* const end = begin + reader_.remaining();
    const auto* at = begin;
    auto* top = operands_.top;
    auto& f = builder.function;
    std::uint32_t fuel = 0;
    std::uint32_t steps = 0;
    const auto& table = quick_tables[1];
    while (end - at >= room_bytes && top != operands_.limit) {
        const auto opcode = *at;
        const auto& quick = table[opcode];
        if (quick.way == Way::other) break;
        ++steps;
        ++at;
        if (opcode >= local_get && opcode <= local_tee) {
            fuel += fuel::local;
            auto& local = local_values_[read_valid_leb<std::uint64_t>(at)];
            if (opcode == local_get)
                *top++ = local;
            else
                local = opcode == local_set ? *--top : top[-1];
            continue;
        }
        fuel += quick.fuel;
        std::uint64_t immediate = 0;
        if (quick.number_bytes_max > 0) {
            const bool is_access = quick.bytes == 3;
            at += is_access ? 1 : 0;
            immediate = is_access ? read_valid_leb<std::uint64_t>(at)
                                  : static_cast<std::uint64_t>(read_valid_leb<std::int64_t>(at));
            if (quick.op == Op::i32_const) immediate &= 0xFFFFFFFF;
        } else if (quick.bytes > 1) {
            std::memcpy(&immediate, at, quick.bytes - 1U);
            at += quick.bytes - 1;
        }
        auto& i = f.instructions.emplace_back();
        i.op = quick.op;
        i.immediate = immediate;
        top -= quick.operands;
        if (quick.operands > 0) i.arguments[0] = top[0];
        if (quick.operands > 1) i.arguments[1] = top[1];
        if (quick.results == 0) continue;
        i.first_result = f.new_value(to_dmir(static_cast<ValueType>(quick.result.code)));
        i.result_count = 1;
        *top++ = i.first_result;
    }
    reader_.skip(static_cast<std::size_t>(at - begin));
    operands_.top = top;
    builder.block().fuel += fuel;
    builder.block().steps += steps;
}

}  // namespace troupe::wasm
