// A decoded and validated WebAssembly module (core specification 2.0, "Modules"). Immutable once made, and shared.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "vm/dmir/function.hpp"

namespace troupe::wasm {

/// With the binary format's codes.
enum class ValueType : std::uint8_t {
    i32 = 0x7F,
    i64 = 0x7E,
    f32 = 0x7D,
    f64 = 0x7C,
    v128 = 0x7B,
    funcref = 0x70,
    externref = 0x6F,
};

[[nodiscard]] constexpr dmir::Type to_dmir(ValueType type) noexcept {
    switch (type) {
        case ValueType::i32: return dmir::Type::i32;
        case ValueType::i64: return dmir::Type::i64;
        case ValueType::f32: return dmir::Type::f32;
        case ValueType::f64: return dmir::Type::f64;
        case ValueType::v128: return dmir::Type::v128;
        default: return dmir::Type::ref;
    }
}
[[nodiscard]] std::string_view to_string(ValueType type) noexcept;

struct FunctionType {
    std::vector<ValueType> parameters;
    std::vector<ValueType> results;
    auto operator<=>(const FunctionType&) const = default;
};
[[nodiscard]] std::string to_string(const FunctionType& type);

struct SizeLimits {
    std::uint32_t min = 0;
    std::optional<std::uint32_t> max;
};
struct TableType {
    ValueType element = ValueType::funcref;
    SizeLimits limits;
};
/// Limits in pages of 64 KiB.
struct MemoryType {
    SizeLimits limits;
};
struct GlobalType {
    ValueType value = ValueType::i32;
    bool is_mutable = false;
    bool operator==(const GlobalType&) const = default;
};

enum class ExternKind : std::uint8_t { function, table, memory, global };
[[nodiscard]] std::string_view to_string(ExternKind kind) noexcept;

struct Import {
    std::string module;
    std::string name;
    ExternKind kind{};
    std::uint32_t type_index = 0;  // of a function
    TableType table;
    MemoryType memory;
    GlobalType global;
};

struct Export {
    std::string name;
    ExternKind kind{};
    std::uint32_t index = 0;
};

/// All that a constant expression of WebAssembly 2.0 can be.
struct ConstantExpression {
    enum class Kind : std::uint8_t { constant, global, function, null };
    Kind kind = Kind::constant;
    /// Bits of the constant, or an index.
    std::uint64_t low = 0;
    std::uint64_t high = 0;
};

struct Global {
    GlobalType type;
    ConstantExpression initial;
};

struct Function {
    std::uint32_t type_index = 0;
    /// The body in the module's bytes: from the local declarations to the last `end`.
    std::uint32_t body_offset = 0;
    std::uint32_t body_size = 0;
    /// What a call takes of the stack limit; see dmir::Function.
    std::uint32_t stack_units = 0;
};

enum class SegmentMode : std::uint8_t { active, passive, declarative };

struct ElementSegment {
    SegmentMode mode{};
    ValueType type = ValueType::funcref;
    std::uint32_t table = 0;
    ConstantExpression offset;
    std::vector<ConstantExpression> items;
};

struct DataSegment {
    SegmentMode mode{};
    ConstantExpression offset;
    std::uint32_t bytes_offset = 0;
    std::uint32_t bytes_size = 0;
};

struct CustomSection {
    std::string name;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};

struct Module {
    Bytes bytes;
    std::vector<FunctionType> types;
    std::vector<Import> imports;
    /// Of all functions, tables, memories and globals, imported ones first.
    std::vector<std::uint32_t> function_types;
    std::vector<TableType> tables;
    std::vector<MemoryType> memories;
    std::vector<GlobalType> global_types;
    std::uint32_t imported_functions = 0;
    std::uint32_t imported_tables = 0;
    std::uint32_t imported_memories = 0;
    std::uint32_t imported_globals = 0;
    /// Defined here.
    std::vector<Function> functions;
    std::vector<Global> globals;
    std::vector<Export> exports;
    std::optional<std::uint32_t> start;
    std::vector<ElementSegment> elements;
    std::vector<DataSegment> data;
    std::optional<std::uint32_t> data_count;
    std::vector<CustomSection> custom;
    /// Functions that ref.func may name.
    std::vector<bool> referable;
    bool uses_simd = false;

    [[nodiscard]] const FunctionType& type_of_function(std::uint32_t index) const {
        return types[function_types[index]];
    }
};

/// Bounds on a module, checked before anything is allocated for the excess. The defaults are what common engines and
/// the JavaScript embedding's "implementation-defined limits" accept, smaller where a replicated machine must be.
struct Limits {
    std::uint32_t module_bytes = 16U << 20U;
    std::uint32_t types = 100'000;
    std::uint32_t functions = 200'000;
    std::uint32_t imports = 10'000;
    std::uint32_t exports = 100'000;
    std::uint32_t globals = 100'000;
    std::uint32_t tables = 100;
    std::uint32_t table_elements = 10'000'000;
    std::uint32_t memory_pages = 65'536;
    std::uint32_t element_segments = 100'000;
    std::uint32_t data_segments = 100'000;
    std::uint32_t name_bytes = 100'000;
    std::uint32_t parameters = 1000;
    std::uint32_t results = 1000;
    std::uint32_t function_bytes = 7'654'321;
    std::uint32_t locals = 50'000;
    std::uint32_t nesting = 10'000;
    std::uint32_t operand_stack = 50'000;
    std::uint32_t branch_table = 65'520;
    /// Of one function: how many values all of its branches, loops and joins pass in SSA form, and its locals, which
    /// bounds the time and memory of every later step.
    std::uint32_t joins = 16'000'000;
    /// The same of all functions together: so many, and more for each byte of their bodies. Compilers' output has less
    /// than one a byte; what modules are prepared with stays in proportion to their size.
    std::uint32_t module_joins = 1'000'000;
    std::uint32_t module_joins_per_byte = 16;
    /// That validate one module's functions, if they are many.
    std::uint32_t threads = 4;
    bool simd = true;
};

/// Decodes and validates in one pass over the bytes. Errors: malformed (with the byte offset), invalid (well formed,
/// but breaks a rule of validation), too_large (a limit), unsupported (a proposal beyond 2.0, by name).
[[nodiscard]] Result<std::shared_ptr<const Module>> load(Bytes bytes, const Limits& limits = {});

/// The dMIR of defined function `index` (imported ones not counted). Fails only on what `load` would refuse.
[[nodiscard]] Result<dmir::Function> lower(const Module& module, std::uint32_t index, const Limits& limits = {});

}  // namespace troupe::wasm
