#include "tests/fuzz/wasm_generator.hpp"

#include <string>

#include "tests/fuzz/wasm_code_generator.hpp"

namespace troupe::fuzz {
namespace {

using wasm::FunctionType;
using wasm::ValueType;

class Generator {
public:
    Generator(Choices& choices, const GeneratorOptions& options)
        : c_(choices), options_(options), code_(choices, options, plan_) {}

    Bytes run() {
        plan();
        Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0};
        section(out, 1, types());
        section(out, 2, imports());
        section(out, 3, functions());
        section(out, 4, tables());
        section(out, 5, Bytes{1, 1, 1, 3});
        section(out, 6, globals());
        section(out, 7, exports());
        section(out, 9, elements());
        Bytes count;
        leb(count, plan_.data_segments);
        section(out, 12, count);
        section(out, 10, bodies());
        section(out, 11, data());
        return out;
    }

private:
    // The module around the code.

    void plan() {
        plan_.types.push_back({{ValueType::i64}, {ValueType::i64}});
        for (auto n = 3 + c_.below(5); n > 0; --n) {
            FunctionType type;
            for (auto p = c_.below(5); p > 0; --p) type.parameters.push_back(any_type(c_, options_, true));
            for (auto r = c_.below(4); r > 0; --r) type.results.push_back(any_type(c_, options_, true));
            plan_.types.push_back(type);
        }
        plan_.functions.push_back(0);
        for (auto n = 2 + c_.below(5); n > 0; --n)
            plan_.functions.push_back(c_.below(static_cast<std::uint32_t>(plan_.types.size())));
        for (std::uint32_t g = 0; g < imported_globals; ++g) plan_.globals.push_back({ValueType::i64, true});
        for (auto n = 3 + c_.below(6); n > 0; --n)
            plan_.globals.push_back({any_type(c_, options_, true), !c_.one_in(4)});
        plan_.tables = {ValueType::funcref, ValueType::externref, ValueType::funcref};
        plan_.data_segments = 3;
        plan_.element_segments = 3;
    }
    static void section(Bytes& out, std::uint8_t id, const Bytes& content) {
        out.push_back(id);
        leb(out, content.size());
        append(out, content);
    }
    [[nodiscard]] Bytes types() const {
        Bytes out;
        leb(out, plan_.types.size());
        for (const auto& type : plan_.types) {
            out.push_back(0x60);
            leb(out, type.parameters.size());
            for (auto t : type.parameters) put(out, t);
            leb(out, type.results.size());
            for (auto t : type.results) put(out, t);
        }
        return out;
    }
    static void name(Bytes& out, const std::string& text) {
        leb(out, text.size());
        out.insert(out.end(), text.begin(), text.end());
    }
    [[nodiscard]] static Bytes imports() {
        Bytes out;
        leb(out, 1 + imported_globals);
        name(out, "env");
        name(out, "host");
        append(out, Bytes{0, 0});
        for (std::uint32_t g = 0; g < imported_globals; ++g) {
            name(out, "env");
            name(out, "g");
            append(out, Bytes{3, static_cast<std::uint8_t>(ValueType::i64), 1});
        }
        return out;
    }
    [[nodiscard]] Bytes functions() const {
        Bytes out;
        leb(out, plan_.functions.size() - 1);
        for (std::size_t f = 1; f < plan_.functions.size(); ++f) leb(out, plan_.functions[f]);
        return out;
    }
    [[nodiscard]] Bytes tables() const {
        Bytes out;
        leb(out, plan_.tables.size());
        for (auto type : plan_.tables) {
            put(out, type);
            append(out, Bytes{1, 10, 20});
        }
        return out;
    }
    [[nodiscard]] Bytes globals() {
        Bytes out;
        leb(out, plan_.globals.size() - imported_globals);
        for (std::size_t g = imported_globals; g < plan_.globals.size(); ++g) {
            put(out, plan_.globals[g].value);
            out.push_back(plan_.globals[g].is_mutable ? 1 : 0);
            code_.constant_to(out, plan_.globals[g].value);
            out.push_back(0x0B);
        }
        return out;
    }
    [[nodiscard]] Bytes exports() const {
        Bytes out;
        leb(out, 1 + plan_.functions.size() + plan_.globals.size() - imported_globals + plan_.tables.size());
        name(out, "m");
        append(out, Bytes{2, 0});
        const auto list = [&](const char* prefix, std::uint8_t kind, std::size_t first, std::size_t end) {
            for (auto n = first; n < end; ++n) {
                name(out, prefix + std::to_string(n - first));
                out.push_back(kind);
                leb(out, n);
            }
        };
        list("f", 0, 0, plan_.functions.size());
        list("g", 3, imported_globals, plan_.globals.size());
        list("t", 1, 0, plan_.tables.size());
        return out;
    }
    [[nodiscard]] std::uint32_t any_function() { return c_.below(static_cast<std::uint32_t>(plan_.functions.size())); }
    /// An active, a passive and a declarative segment; the last names every function, so that ref.func may.
    [[nodiscard]] Bytes elements() {
        Bytes out;
        leb(out, plan_.element_segments);
        const auto list = [&](std::uint32_t n) {
            leb(out, n);
            for (; n > 0; --n) leb(out, any_function());
        };
        append(out, Bytes{0, 0x41});
        signed_leb(out, c_.below(4));
        out.push_back(0x0B);
        list(4 + c_.below(3));
        append(out, Bytes{1, 0});
        list(c_.below(6));
        append(out, Bytes{3, 0});
        leb(out, plan_.functions.size());
        for (std::size_t f = 0; f < plan_.functions.size(); ++f) leb(out, f);
        return out;
    }
    [[nodiscard]] Bytes data() {
        Bytes out;
        leb(out, plan_.data_segments);
        for (std::uint32_t s = 0; s < plan_.data_segments; ++s) {
            out.push_back(s == 0 ? 0 : 1);
            if (s == 0) append(out, Bytes{0x41, 8, 0x0B});
            const auto n = c_.below(40);
            leb(out, n);
            for (std::uint32_t i = 0; i < n; ++i) out.push_back(c_.byte());
        }
        return out;
    }

    [[nodiscard]] Bytes bodies() {
        Bytes out;
        leb(out, plan_.functions.size() - 1);
        for (std::size_t f = 1; f < plan_.functions.size(); ++f) {
            const auto body = code_.function(plan_.types[plan_.functions[f]]);
            leb(out, body.size());
            append(out, body);
        }
        return out;
    }

    Choices& c_;
    const GeneratorOptions& options_;
    Plan plan_;
    CodeGenerator code_;
};

}  // namespace

Bytes generate_module(Choices& choices, const GeneratorOptions& options) { return Generator(choices, options).run(); }

}  // namespace troupe::fuzz
