// The code of generated modules: random functions of given types, valid also where the operand stack is polymorphic.
#pragma once

#include <optional>
#include <vector>

#include "tests/fuzz/wasm_generator.hpp"
#include "vm/wasm/module.hpp"

namespace troupe::fuzz {

/// What a module consists of before its code.
struct Plan {
    std::vector<wasm::FunctionType> types;
    std::vector<std::uint32_t> functions;  // their types; the imported one comes first
    std::vector<wasm::GlobalType> globals;
    std::vector<wasm::ValueType> tables;
    std::uint32_t data_segments = 0;
    std::uint32_t element_segments = 0;  // of funcref
};
inline constexpr std::uint32_t imported_globals = 2;

// The binary format's numbers.
inline void leb(Bytes& out, std::uint64_t n) {
    do {
        const auto byte = static_cast<std::uint8_t>(n & 0x7F);
        n >>= 7U;
        out.push_back(static_cast<std::uint8_t>(n != 0 ? byte | 0x80U : byte));
    } while (n != 0);
}
inline void signed_leb(Bytes& out, std::int64_t n) {
    for (;;) {
        const auto byte = static_cast<std::uint8_t>(n & 0x7F);
        n >>= 7;
        const bool done = (n == 0 && (byte & 0x40U) == 0) || (n == -1 && (byte & 0x40U) != 0);
        out.push_back(static_cast<std::uint8_t>(done ? byte : byte | 0x80U));
        if (done) return;
    }
}
inline void put(Bytes& out, wasm::ValueType type) { out.push_back(static_cast<std::uint8_t>(type)); }
inline void little_endian(Bytes& out, std::uint64_t bits, int bytes) {
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
}

/// Of a parameter, result or global if `signature`, else of a local.
[[nodiscard]] wasm::ValueType any_type(Choices& choices, const GeneratorOptions& options, bool signature);

class CodeGenerator {
public:
    CodeGenerator(Choices& choices, const GeneratorOptions& options, const Plan& plan)
        : c_(choices), options_(options), plan_(plan) {}

    /// A body, from its local declarations to its end.
    [[nodiscard]] Bytes function(const wasm::FunctionType& type);
    /// A constant expression without its end.
    void constant_to(Bytes& out, wasm::ValueType type) {
        code_ = &out;
        constant(type);
    }

private:
    using FunctionType = wasm::FunctionType;
    using OpInfo = dmir::OpInfo;
    using ValueType = wasm::ValueType;

    static constexpr std::uint32_t loop_counters = 3;

    // An expression leaves one value, a statement none.

    void op(std::uint8_t code);
    void op(std::uint8_t code, std::uint32_t immediate);
    void op(const OpInfo& facts);
    void prefixed(std::uint16_t opcode);
    [[nodiscard]] bool spent(std::uint32_t depth);
    void constant(ValueType type);
    /// JavaScript may not keep the payload of a NaN.
    [[nodiscard]] std::uint64_t number_bits(std::uint64_t bits, bool wide) const;
    /// A local of the type that code may set, if there is one.
    [[nodiscard]] std::optional<std::uint32_t> local_of(ValueType type);
    [[nodiscard]] std::optional<std::uint32_t> global_of(ValueType type, bool to_set);
    void values(const std::vector<ValueType>& types, std::uint32_t depth);
    void expression(ValueType type, std::uint32_t depth);
    void leaf(ValueType type);
    [[nodiscard]] const OpInfo* allowed(const std::vector<const OpInfo*>& list);
    void plain(ValueType type, std::uint32_t depth);
    void canonicalize(ValueType type);
    /// Mostly inside the first page, often at an edge of it or of a chunk.
    void address(std::uint32_t depth);
    void access(const OpInfo& facts);
    void load(ValueType type, std::uint32_t depth);
    void store(std::uint32_t depth);
    void choose(ValueType type, std::uint32_t depth);
    /// The type index, or the short form of a block that takes nothing and gives at most one value.
    void block_type(const FunctionType& type);
    void block(ValueType type, std::uint32_t depth);
    void keep_or_drop(ValueType type);
    void body(std::uint32_t depth);
    void call(std::uint32_t function, std::uint32_t depth);
    void call_indirect(std::uint32_t type, std::uint32_t depth);
    void call_for(ValueType type, std::uint32_t depth);
    void rare(ValueType type, std::uint32_t depth);
    void statement(std::uint32_t depth);
    void condition(std::uint32_t depth);
    void counted_loop(std::uint32_t depth);
    [[nodiscard]] std::uint32_t any_label();
    void branch(std::uint32_t depth);
    void branch_table(std::uint32_t depth);
    void call_statement(std::uint32_t depth);
    void bulk_memory(std::uint32_t depth);
    void small_number();
    void table_statement(std::uint32_t depth);
    void small_index();
    [[nodiscard]] std::uint32_t any_function() { return c_.below(static_cast<std::uint32_t>(plan_.functions.size())); }

    Choices& c_;
    const GeneratorOptions& options_;
    const Plan& plan_;
    Bytes* code_ = nullptr;
    std::vector<ValueType> locals_;
    /// Those that any code may set; behind them are the loops' counters and the scratch floats.
    std::size_t usable_locals_ = 0;
    std::uint32_t scratch_f32_ = 0;
    std::uint32_t loops_ = 0;
    std::uint32_t nodes_ = 0;
    std::vector<std::vector<ValueType>> labels_;
};

}  // namespace troupe::fuzz
