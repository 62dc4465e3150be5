#include <charconv>
#include <map>

#include <fmt/format.h>

#include "vm/dmir/text.hpp"

namespace troupe::dmir {
namespace {

/// A function's text may be this long; a test or a person writes less.
constexpr std::size_t text_bytes_max = 64U << 20U;

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<Function> run() {
        if (text_.size() > text_bytes_max) return make_error(ErrorCode::too_large, "dMIR text longer than 64 MiB");
        header();
        while (ok() && !accept("}")) block();
        if (ok() && !at_end()) fail("text after the function's end");
        if (!ok()) return make_error(ErrorCode::malformed, fmt::format("dMIR line {}: {}", line_, error_));
        return std::move(function_);
    }

private:
    [[nodiscard]] bool ok() const { return error_.empty(); }
    void fail(std::string what) {
        if (error_.empty()) error_ = std::move(what);
    }

    void skip_space() {
        while (position_ < text_.size()) {
            const char c = text_[position_];
            if (c == ';') {
                while (position_ < text_.size() && text_[position_] != '\n') ++position_;
            } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
                if (c == '\n') ++line_;
                ++position_;
            } else {
                break;
            }
        }
    }
    [[nodiscard]] bool at_end() {
        skip_space();
        return position_ >= text_.size();
    }
    [[nodiscard]] static bool is_word(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    }
    [[nodiscard]] bool accept(std::string_view token) {
        skip_space();
        if (!text_.substr(position_).starts_with(token)) return false;
        if (is_word(token.back()) && position_ + token.size() < text_.size() &&
            is_word(text_[position_ + token.size()]))
            return false;
        position_ += token.size();
        return true;
    }
    void expect(std::string_view token) {
        if (ok() && !accept(token)) fail(fmt::format("expected '{}'", token));
    }
    [[nodiscard]] std::string_view word() {
        skip_space();
        const auto start = position_;
        while (position_ < text_.size() && is_word(text_[position_])) ++position_;
        if (start == position_) fail("expected a word");
        return text_.substr(start, position_ - start);
    }
    [[nodiscard]] std::uint64_t number_of(std::string_view digits) {
        int base = 10;
        if (digits.starts_with("0x")) {
            base = 16;
            digits.remove_prefix(2);
        }
        std::uint64_t out = 0;
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
        if (failed != std::errc{} || end != digits.data() + digits.size()) fail("expected a number");
        return out;
    }
    [[nodiscard]] std::uint64_t number() { return number_of(word()); }
    [[nodiscard]] std::uint32_t number32() {
        const auto n = number();
        if (n > 0xFFFFFFFF) fail("number too large");
        return static_cast<std::uint32_t>(n);
    }
    [[nodiscard]] Type type() {
        const auto found = type_from_string(word());
        if (!found) {
            fail("unknown type");
            return Type::i32;
        }
        return *found;
    }
    [[nodiscard]] bool peek(char c) {
        skip_space();
        return position_ < text_.size() && text_[position_] == c;
    }
    /// `v12`; values may be named in any order, but their numbers must stay dense.
    [[nodiscard]] Value value() {
        const auto text = word();
        if (!ok() || !text.starts_with("v")) {
            fail("expected a value");
            return 0;
        }
        const auto n = number_of(text.substr(1));
        if (n > text_.size()) {
            fail("value number too large");
            return 0;
        }
        return static_cast<Value>(n);
    }
    [[nodiscard]] Value definition() {
        const auto v = value();
        expect(":");
        const auto t = type();
        if (!ok()) return v;
        if (v >= function_.types.size()) function_.types.resize(v + 1, Type::i32);
        function_.types[v] = t;
        return v;
    }
    [[nodiscard]] BlockIndex block_name() {
        const auto text = word();
        if (!text.starts_with("block")) {
            fail("expected a block");
            return 0;
        }
        const auto n = number_of(text.substr(5));
        if (n > text_.size()) fail("block number too large");
        return static_cast<BlockIndex>(n);
    }
    [[nodiscard]] List store(const std::vector<Value>& list) {
        const List out{static_cast<std::uint32_t>(function_.lists.size()), static_cast<std::uint32_t>(list.size())};
        function_.lists.insert(function_.lists.end(), list.begin(), list.end());
        return out;
    }
    [[nodiscard]] List value_list() {
        std::vector<Value> list;
        expect("(");
        while (ok() && !accept(")")) {
            list.push_back(value());
            if (!accept(",")) {
                expect(")");
                break;
            }
        }
        return store(list);
    }
    [[nodiscard]] std::vector<Type> type_list() {
        std::vector<Type> out;
        expect("(");
        while (ok() && !accept(")")) {
            out.push_back(type());
            if (!accept(",")) {
                expect(")");
                break;
            }
        }
        return out;
    }

    void header() {
        expect("func");
        expect("@");
        if (ok() && !peek('(')) function_.name = word();
        function_.signature.parameters = type_list();
        expect("->");
        function_.signature.results = type_list();
        expect("stack");
        function_.stack_units = number32();
        expect("{");
    }

    void block() {
        if (block_name() != function_.blocks.size()) fail("blocks must be numbered in order");
        Block out;
        expect("(");
        while (ok() && !accept(")")) {
            out.parameters.push_back(definition());
            if (!accept(",")) {
                expect(")");
                break;
            }
        }
        expect(":");
        expect("fuel");
        out.fuel = number32();
        expect("steps");
        out.steps = number32();
        out.checked = accept("check");
        out.first_instruction = static_cast<std::uint32_t>(function_.instructions.size());
        while (ok() && !terminator(out.terminator)) instruction();
        out.instruction_count = static_cast<std::uint32_t>(function_.instructions.size()) - out.first_instruction;
        function_.blocks.push_back(std::move(out));
    }

    void edges(Terminator& out) {
        out.first_edge = static_cast<std::uint32_t>(function_.edges.size());
        do {
            Edge edge;
            edge.block = block_name();
            if (peek('(')) edge.arguments = value_list();
            function_.edges.push_back(edge);
        } while (ok() && accept(","));
        out.edge_count = static_cast<std::uint32_t>(function_.edges.size()) - out.first_edge;
    }

    [[nodiscard]] bool terminator(Terminator& out) {
        using Kind = Terminator::Kind;
        if (accept("br_if") || accept("br_table")) {
            out.kind = text_[position_ - 1] == 'f' ? Kind::branch_if : Kind::branch_table;
            out.condition = value();
            expect(",");
            edges(out);
        } else if (accept("br")) {
            out.kind = Kind::branch;
            edges(out);
        } else if (accept("return")) {
            out.kind = Kind::return_values;
            out.values = value_list();
        } else if (accept("unreachable")) {
            out.kind = Kind::unreachable;
        } else {
            return false;
        }
        return true;
    }

    void instruction() {
        Instruction out;
        auto name = word();
        if (ok() && name.starts_with("v") && name.find('.') == std::string_view::npos) {
            position_ -= name.size();
            do {
                const auto v = definition();
                if (out.result_count == 0) out.first_result = v;
                if (v != out.first_result + out.result_count) fail("results must be numbered one after another");
                ++out.result_count;
            } while (ok() && accept(","));
            expect("=");
            name = word();
        }
        const auto op = op_from_string(name);
        if (!op) fail(fmt::format("unknown operation '{}'", name));
        if (!ok()) return;
        out.op = *op;
        skip_space();
        if (position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9') out.immediate = number();
        if (accept("high")) {
            expect("=");
            out.immediate_high = number();
        }
        std::size_t count = 0;
        while (ok() && peek('v') && position_ + 1 < text_.size() && text_[position_ + 1] >= '0' &&
               text_[position_ + 1] <= '9' && names_operand()) {
            if (count == out.arguments.size()) {
                fail("too many operands");
                break;
            }
            out.arguments[count++] = value();
            if (!accept(",")) break;
        }
        if (out.op == Op::call || out.op == Op::call_indirect) out.list = value_list();
        function_.instructions.push_back(out);
    }
    /// A line may also begin with `v12: ...`, or an operation such as v128.not, which belongs to the next instruction.
    [[nodiscard]] bool names_operand() const {
        auto i = position_ + 1;
        while (i < text_.size() && text_[i] >= '0' && text_[i] <= '9') ++i;
        return i >= text_.size() || (text_[i] != ':' && text_[i] != '.');
    }

    std::string_view text_;
    std::size_t position_ = 0;
    std::size_t line_ = 1;
    std::string error_;
    Function function_;
};

}  // namespace

Result<Function> parse(std::string_view text) { return Parser(text).run(); }

}  // namespace troupe::dmir
