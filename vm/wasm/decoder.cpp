// Sections of the binary format (core specification 2.0, section 5.5), validated as they are read.
#include <set>

#include "vm/wasm/function_body.hpp"
#include "vm/wasm/module.hpp"
#include "vm/wasm/reader.hpp"

namespace troupe::wasm {
namespace {

using enum ErrorCode;

class Decoder {
public:
    Decoder(Bytes bytes, const Limits& limits)
        : limits_(limits), module_(std::make_shared<Module>()), reader_({}, 0, 0) {
        module_->bytes = std::move(bytes);
        reader_ = Reader(module_->bytes, 0, module_->bytes.size());
    }

    Result<std::shared_ptr<const Module>> run() {
        if (module_->bytes.size() > limits_.module_bytes)
            return make_error(too_large, fmt::format("module of {} bytes; the limit is {}", module_->bytes.size(),
                                                     limits_.module_bytes));
        if (reader_.little_endian<std::uint32_t>() != 0x6D736100 && reader_.ok())
            reader_.fail_at(0, malformed, "magic header not detected");
        if (reader_.little_endian<std::uint32_t>() != 1 && reader_.ok())
            reader_.fail_at(4, malformed, "unknown binary version");
        while (reader_.ok() && !reader_.at_end()) section();
        if (reader_.ok() && module_->functions.size() != bodies_)
            reader_.fail(malformed, "function and code section have inconsistent lengths");
        if (reader_.ok() && module_->data_count && *module_->data_count != module_->data.size())
            reader_.fail(malformed, "data count and data section have inconsistent lengths");
        if (!reader_.ok()) return reader_.error();
        return std::shared_ptr<const Module>(std::move(module_));
    }

private:
    void section() {
        const auto id = reader_.byte();
        const auto size = reader_.u32();
        if (!reader_.ok()) return;
        if (size > reader_.remaining()) return reader_.fail(malformed, "length out of bounds");
        // The order of sections: by id, but DataCount (12) stands before Code (10).
        constexpr std::array<std::uint8_t, 13> order{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10};
        if (id >= order.size()) {
            if (id == 13)
                return reader_.fail(unsupported, "tag section: the exception handling proposal is not done here");
            return reader_.fail(malformed, "malformed section id");
        }
        const auto module_end = reader_.end();
        const auto section_end = reader_.position() + size;
        reader_.set_end(section_end);
        if (id != 0) {
            if (order[id] <= last_section_) return reader_.fail(malformed, "unexpected content after last section");
            last_section_ = order[id];
        }
        switch (id) {
            case 0: custom_section(section_end); break;
            case 1: type_section(); break;
            case 2: import_section(); break;
            case 3: function_section(); break;
            case 4: table_section(); break;
            case 5: memory_section(); break;
            case 6: global_section(); break;
            case 7: export_section(); break;
            case 8: start_section(); break;
            case 9: element_section(); break;
            case 10: code_section(); break;
            case 11: data_section(); break;
            default: data_count_section(); break;
        }
        if (!reader_.ok()) return;
        if (!reader_.at_end()) return reader_.fail(malformed, "section size mismatch");
        reader_.set_end(module_end);
    }

    /// A vector's length: each of its elements takes a byte or more, so that a length can't promise more than is there.
    [[nodiscard]] std::uint32_t count(std::uint32_t max, std::string_view what) {
        const auto at = reader_.position();
        const auto n = reader_.u32();
        if (n > max) reader_.fail_at(at, too_large, fmt::format("{} {}; the limit is {}", n, what, max));
        if (n > reader_.remaining()) reader_.fail_at(at, malformed, "unexpected end of section or function");
        return reader_.ok() ? n : 0;
    }

    void custom_section(std::size_t section_end) {
        CustomSection section;
        section.name = reader_.name(limits_.name_bytes);
        if (!reader_.ok()) return;
        section.offset = static_cast<std::uint32_t>(reader_.position());
        section.size = static_cast<std::uint32_t>(section_end - reader_.position());
        module_->custom.push_back(std::move(section));
        reader_.skip(section_end - reader_.position());
    }

    [[nodiscard]] ValueType value_type() { return read_value_type(reader_, limits_); }
    [[nodiscard]] ValueType reference_type() {
        const auto at = reader_.position();
        const auto type = value_type();
        if (reader_.ok() && type != ValueType::funcref && type != ValueType::externref)
            reader_.fail_at(at, malformed, "malformed reference type");
        return type;
    }

    void type_section() {
        const auto n = count(limits_.types, "types");
        module_->types.reserve(n);
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) {
            const auto form = reader_.byte();
            if (form != 0x60) {
                if (form == 0x5E || form == 0x5F || form == 0x4E || form == 0x4F || form == 0x50)
                    return reader_.fail(unsupported, "the garbage collection proposal is not done here");
                return reader_.fail(malformed, "malformed type form");
            }
            FunctionType type;
            const auto parameters = count(limits_.parameters, "parameters");
            for (std::uint32_t k = 0; k < parameters && reader_.ok(); ++k) type.parameters.push_back(value_type());
            const auto results = count(limits_.results, "results");
            for (std::uint32_t k = 0; k < results && reader_.ok(); ++k) type.results.push_back(value_type());
            module_->types.push_back(std::move(type));
        }
    }

    [[nodiscard]] SizeLimits size_limits(bool memory) {
        const auto flags = reader_.byte();
        if (flags > 1) {
            if (memory && (flags & 2U)) {
                reader_.fail(
                    flags < 4 ? unsupported : malformed,
                    flags < 4 ? "shared memory: the threads proposal is not done here" : "malformed limits flags");
            } else if (memory && (flags & 4U) && flags < 8) {
                reader_.fail(unsupported, "the memory64 proposal is not done here");
            } else {
                reader_.fail(malformed, "malformed limits flags");
            }
            return {};
        }
        SizeLimits out;
        out.min = reader_.u32();
        if (flags == 1) out.max = reader_.u32();
        if (reader_.ok() && out.max && *out.max < out.min)
            reader_.fail(invalid, "size minimum must not be greater than maximum");
        return out;
    }
    [[nodiscard]] TableType table_type() {
        TableType out;
        out.element = reference_type();
        out.limits = size_limits(false);
        if (reader_.ok() && out.limits.min > limits_.table_elements) reader_.fail(too_large, "table too large");
        return out;
    }
    [[nodiscard]] MemoryType memory_type() {
        MemoryType out{size_limits(true)};
        if (reader_.ok() && (out.limits.min > 65'536 || (out.limits.max && *out.limits.max > 65'536)))
            reader_.fail(invalid, "memory size must be at most 65536 pages (4GiB)");
        if (reader_.ok() && out.limits.min > limits_.memory_pages)
            reader_.fail(too_large,
                         fmt::format("memory of {} pages; the limit is {}", out.limits.min, limits_.memory_pages));
        return out;
    }
    [[nodiscard]] GlobalType global_type() {
        GlobalType out;
        out.value = value_type();
        const auto mutability = reader_.byte();
        if (mutability > 1) reader_.fail(malformed, "malformed mutability");
        out.is_mutable = mutability == 1;
        return out;
    }

    void add_function(std::uint32_t type_index) {
        if (type_index >= module_->types.size()) return reader_.fail(invalid, "unknown type");
        module_->function_types.push_back(type_index);
    }
    void add_memory(MemoryType type) {
        module_->memories.push_back(type);
        if (module_->memories.size() > 1) reader_.fail(invalid, "multiple memories");
    }

    void import_section() {
        const auto n = count(limits_.imports, "imports");
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) {
            Import import;
            import.module = reader_.name(limits_.name_bytes);
            import.name = reader_.name(limits_.name_bytes);
            const auto kind = reader_.byte();
            if (!reader_.ok()) return;
            if (kind > 3) return reader_.fail(malformed, "malformed import kind");
            import.kind = static_cast<ExternKind>(kind);
            switch (import.kind) {
                case ExternKind::function:
                    import.type_index = reader_.u32();
                    add_function(import.type_index);
                    ++module_->imported_functions;
                    break;
                case ExternKind::table:
                    import.table = table_type();
                    module_->tables.push_back(import.table);
                    ++module_->imported_tables;
                    break;
                case ExternKind::memory:
                    import.memory = memory_type();
                    add_memory(import.memory);
                    ++module_->imported_memories;
                    break;
                case ExternKind::global:
                    import.global = global_type();
                    module_->global_types.push_back(import.global);
                    ++module_->imported_globals;
                    break;
            }
            module_->imports.push_back(std::move(import));
        }
    }

    void function_section() {
        const auto n = count(limits_.functions, "functions");
        module_->functions.reserve(n);
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) {
            Function function;
            function.type_index = reader_.u32();
            add_function(function.type_index);
            module_->functions.push_back(function);
        }
    }
    void table_section() {
        const auto n = count(limits_.tables, "tables");
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) module_->tables.push_back(table_type());
    }
    void memory_section() {
        const auto n = count(limits_.tables, "memories");
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) add_memory(memory_type());
    }

    /// Only imported globals may be read by a constant expression.
    [[nodiscard]] ConstantExpression constant_expression(ValueType expected) {
        using Kind = ConstantExpression::Kind;
        ConstantExpression out;
        bool have_value = false;
        while (reader_.ok()) {
            const auto at = reader_.position();
            const auto opcode = reader_.byte();
            if (opcode == 0x0B) {
                if (!have_value) reader_.fail_at(at, invalid, "type mismatch: constant expression without a value");
                return out;
            }
            ConstantExpression next;
            auto type = ValueType::i32;
            switch (opcode) {
                case 0x41: next.low = static_cast<std::uint32_t>(reader_.s32()); break;
                case 0x42:
                    next.low = static_cast<std::uint64_t>(reader_.s64());
                    type = ValueType::i64;
                    break;
                case 0x43:
                    next.low = reader_.little_endian<std::uint32_t>();
                    type = ValueType::f32;
                    break;
                case 0x44:
                    next.low = reader_.little_endian<std::uint64_t>();
                    type = ValueType::f64;
                    break;
                case 0xFD:
                    if (reader_.u32() != 12) {
                        reader_.fail_at(at, invalid, "constant expression required");
                        return out;
                    }
                    next.low = reader_.little_endian<std::uint64_t>();
                    next.high = reader_.little_endian<std::uint64_t>();
                    type = ValueType::v128;
                    break;
                case 0x23: {
                    const auto index = reader_.u32();
                    if (index >= module_->imported_globals) {
                        reader_.fail_at(at, invalid, "unknown global");
                        return out;
                    }
                    if (module_->global_types[index].is_mutable) {
                        reader_.fail_at(at, invalid, "constant expression required");
                        return out;
                    }
                    next.kind = Kind::global;
                    next.low = index;
                    type = module_->global_types[index].value;
                    break;
                }
                case 0xD0:
                    next.kind = Kind::null;
                    type = reference_type();
                    break;
                case 0xD2: {
                    const auto index = reader_.u32();
                    if (index >= module_->function_types.size()) {
                        reader_.fail_at(at, invalid, "unknown function");
                        return out;
                    }
                    next.kind = Kind::function;
                    next.low = index;
                    make_referable(index);
                    type = ValueType::funcref;
                    break;
                }
                default: reader_.fail_at(at, invalid, "constant expression required"); return out;
            }
            if (have_value || type != expected) {
                reader_.fail_at(at, invalid, "type mismatch in a constant expression");
                return out;
            }
            have_value = true;
            out = next;
        }
        return out;
    }

    void make_referable(std::uint32_t index) {
        if (module_->referable.size() <= index) module_->referable.resize(module_->function_types.size());
        module_->referable[index] = true;
    }

    void global_section() {
        const auto n = count(limits_.globals, "globals");
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) {
            Global global;
            global.type = global_type();
            global.initial = constant_expression(global.type.value);
            module_->globals.push_back(global);
        }
        for (const auto& global : module_->globals) module_->global_types.push_back(global.type);
    }

    void export_section() {
        const auto n = count(limits_.exports, "exports");
        std::set<std::string> names;
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) {
            Export out;
            out.name = reader_.name(limits_.name_bytes);
            const auto kind = reader_.byte();
            out.index = reader_.u32();
            if (!reader_.ok()) return;
            if (kind > 3) return reader_.fail(malformed, "malformed export kind");
            out.kind = static_cast<ExternKind>(kind);
            const std::array<std::size_t, 4> counts{module_->function_types.size(), module_->tables.size(),
                                                    module_->memories.size(), module_->global_types.size()};
            if (out.index >= counts[kind]) return reader_.fail(invalid, fmt::format("unknown {}", to_string(out.kind)));
            if (!names.insert(out.name).second) return reader_.fail(invalid, "duplicate export name");
            if (out.kind == ExternKind::function) make_referable(out.index);
            module_->exports.push_back(std::move(out));
        }
    }

    void start_section() {
        const auto index = reader_.u32();
        if (!reader_.ok()) return;
        if (index >= module_->function_types.size()) return reader_.fail(invalid, "unknown function");
        const auto& type = module_->type_of_function(index);
        if (!type.parameters.empty() || !type.results.empty()) return reader_.fail(invalid, "start function");
        module_->start = index;
    }

    void element_section() {
        const auto n = count(limits_.element_segments, "element segments");
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) element_segment();
    }
    void element_segment() {
        const auto flags = reader_.u32();
        if (!reader_.ok()) return;
        if (flags > 7) return reader_.fail(malformed, "malformed elements segment kind");
        ElementSegment out;
        if (!(flags & 1U)) {
            out.mode = SegmentMode::active;
            if (flags & 2U) out.table = reader_.u32();
            if (reader_.ok() && out.table >= module_->tables.size()) return reader_.fail(invalid, "unknown table");
            out.offset = constant_expression(ValueType::i32);
        } else {
            out.mode = (flags & 2U) ? SegmentMode::declarative : SegmentMode::passive;
        }
        const bool expressions = (flags & 4U) != 0;
        if (flags & 3U) {
            if (expressions) {
                out.type = reference_type();
            } else if (reader_.byte() != 0 && reader_.ok()) {
                return reader_.fail(malformed, "malformed element kind");
            }
        }
        if (reader_.ok() && out.mode == SegmentMode::active && module_->tables[out.table].element != out.type)
            return reader_.fail(invalid, "type mismatch between table and element segment");
        const auto items = count(limits_.table_elements, "elements");
        for (std::uint32_t k = 0; k < items && reader_.ok(); ++k) {
            if (expressions) {
                out.items.push_back(constant_expression(out.type));
                continue;
            }
            const auto index = reader_.u32();
            if (index >= module_->function_types.size()) return reader_.fail(invalid, "unknown function");
            make_referable(index);
            out.items.push_back({ConstantExpression::Kind::function, index, 0});
        }
        module_->elements.push_back(std::move(out));
    }

    void data_count_section() { module_->data_count = reader_.u32(); }

    void data_section() {
        const auto n = count(limits_.data_segments, "data segments");
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) {
            const auto flags = reader_.u32();
            if (flags > 2) return reader_.fail(malformed, "malformed data segment kind");
            DataSegment out;
            out.mode = flags == 1 ? SegmentMode::passive : SegmentMode::active;
            if (out.mode == SegmentMode::active) {
                const auto memory = flags == 2 ? reader_.u32() : 0;
                if (reader_.ok() && memory >= module_->memories.size())
                    return reader_.fail(invalid, fmt::format("unknown memory {}", memory));
                out.offset = constant_expression(ValueType::i32);
            }
            const auto size = reader_.u32();
            if (!reader_.ok()) return;
            if (size > reader_.remaining()) return reader_.fail(malformed, "unexpected end of section or function");
            out.bytes_offset = static_cast<std::uint32_t>(reader_.position());
            out.bytes_size = size;
            reader_.skip(size);
            module_->data.push_back(out);
        }
    }

    void code_section() {
        const auto n = count(limits_.functions, "function bodies");
        if (reader_.ok() && n != module_->functions.size())
            return reader_.fail(malformed, "function and code section have inconsistent lengths");
        module_->referable.resize(module_->function_types.size());
        for (std::uint32_t i = 0; i < n && reader_.ok(); ++i) {
            const auto size = reader_.u32();
            if (!reader_.ok()) break;
            if (size > reader_.remaining()) {
                reader_.fail(malformed, "unexpected end of section or function");
            } else if (size > limits_.function_bytes) {
                reader_.fail(too_large, "function body too large");
            } else {
                module_->functions[i].body_offset = static_cast<std::uint32_t>(reader_.position());
                module_->functions[i].body_size = size;
                reader_.skip(size);
                ++bodies_;
            }
        }
        // An error in a body comes before one after it.
        if (auto error = validate_bodies(*module_, static_cast<std::uint32_t>(bodies_), limits_))
            reader_.replace_error(std::move(*error));
    }

    const Limits& limits_;
    std::shared_ptr<Module> module_;
    Reader reader_;
    std::uint8_t last_section_ = 0;
    std::size_t bodies_ = 0;
};

}  // namespace

ValueType read_value_type(Reader& reader, const Limits& limits) {
    const auto at = reader.position();
    const auto code = reader.byte();
    switch (code) {
        case 0x7F:
        case 0x7E:
        case 0x7D:
        case 0x7C:
        case 0x70:
        case 0x6F: break;
        case 0x7B:
            if (!limits.simd) reader.fail_at(at, unsupported, "fixed-width SIMD is switched off by the profile");
            break;
        case 0x63:
        case 0x64: reader.fail_at(at, unsupported, "the typed function references proposal is not done here"); break;
        case 0x69:
        case 0x6A:
        case 0x6B:
        case 0x6C:
        case 0x6D:
        case 0x6E:
        case 0x71:
        case 0x72:
        case 0x73:
            reader.fail_at(at, unsupported, "the garbage collection and exception proposals are not done here");
            break;
        default: reader.fail_at(at, malformed, "malformed value type"); break;
    }
    return static_cast<ValueType>(code);
}

Result<std::shared_ptr<const Module>> load(Bytes bytes, const Limits& limits) {
    return Decoder(std::move(bytes), limits).run();
}

std::string_view to_string(ValueType type) noexcept {
    switch (type) {
        case ValueType::i32: return "i32";
        case ValueType::i64: return "i64";
        case ValueType::f32: return "f32";
        case ValueType::f64: return "f64";
        case ValueType::v128: return "v128";
        case ValueType::funcref: return "funcref";
        case ValueType::externref: return "externref";
    }
    return "unknown";
}

std::string to_string(const FunctionType& type) {
    const auto list = [](const std::vector<ValueType>& types) {
        std::string out = "(";
        for (auto t : types) {
            if (out.size() > 1) out += ", ";
            out += to_string(t);
        }
        return out + ")";
    };
    return list(type.parameters) + " -> " + list(type.results);
}

std::string_view to_string(ExternKind kind) noexcept {
    switch (kind) {
        case ExternKind::function: return "function";
        case ExternKind::table: return "table";
        case ExternKind::memory: return "memory";
        case ExternKind::global: return "global";
    }
    return "unknown";
}

}  // namespace troupe::wasm
