#include "tests/fuzz/wasm_code_generator.hpp"

namespace troupe::fuzz {

void CodeGenerator::statement(std::uint32_t depth) {
    if (spent(depth)) return op(0x01);
    switch (c_.below(20)) {
        case 0:
        case 1:
        case 2:
        case 3: {
            const auto local = c_.below(static_cast<std::uint32_t>(usable_locals_));
            expression(locals_[local], depth + 1);
            return op(0x21, local);
        }
        case 4:
        case 5: {
            const auto type = any_type(c_, options_, true);
            expression(type, depth + 1);
            const auto global = global_of(type, true);
            return global ? op(0x24, *global) : op(0x1A);
        }
        case 6:
        case 7:
        case 8: return store(depth);
        case 9:
        case 10: return condition(depth);
        case 11:
        case 12: return counted_loop(depth);
        case 13: return branch(depth);
        case 14: return branch_table(depth);
        case 15: return call_statement(depth);
        case 16: return bulk_memory(depth);
        case 17: return c_.one_in(2) ? table_statement(depth) : store(depth);
        case 18:
            op(0x02);
            block_type({});
            labels_.emplace_back();
            body(depth);
            labels_.pop_back();
            return op(0x0B);
        default: expression(any_type(c_, options_, false), depth + 1); return op(0x1A);
    }
}

void CodeGenerator::condition(std::uint32_t depth) {
    expression(ValueType::i32, depth + 1);
    op(0x04);
    block_type({});
    labels_.emplace_back();
    body(depth);
    if (c_.one_in(2)) {
        op(0x05);
        body(depth);
    }
    labels_.pop_back();
    op(0x0B);
}

void CodeGenerator::counted_loop(std::uint32_t depth) {
    if (loops_ == loop_counters) return op(0x01);
    const auto counter = static_cast<std::uint32_t>(usable_locals_) + loops_++;
    op(0x41);
    signed_leb(*code_, 1 + c_.below(12));
    op(0x21, counter);
    // Some carry operands from round to round.
    const auto number = c_.below(static_cast<std::uint32_t>(plan_.types.size()));
    const bool typed = c_.one_in(3);
    const auto type = typed ? plan_.types[number] : FunctionType{};
    const auto take = [&](const std::vector<ValueType>& types) {
        for (auto t = types.size(); t-- > 0;) keep_or_drop(types[t]);
    };
    values(type.parameters, depth + 1);
    op(0x03);
    if (typed)
        signed_leb(*code_, static_cast<std::int64_t>(number));
    else
        block_type({});
    labels_.push_back(type.parameters);
    take(type.parameters);
    body(depth);
    statement(depth + 1);
    values(type.parameters, depth + 1);
    op(0x20, counter);
    append(*code_, Bytes{0x41, 1, 0x6B});
    op(0x22, counter);
    op(0x0D, 0);
    take(type.parameters);
    values(type.results, depth + 1);
    labels_.pop_back();
    op(0x0B);
    take(type.results);
    --loops_;
}

std::uint32_t CodeGenerator::any_label() { return c_.below(static_cast<std::uint32_t>(labels_.size())); }

void CodeGenerator::branch(std::uint32_t depth) {
    const auto label = any_label();
    const auto types = labels_[labels_.size() - 1 - label];
    values(types, depth + 1);
    if (c_.one_in(8)) {
        // The rest of the block is unreachable.
        if (label + 1 == labels_.size() && c_.one_in(2)) return op(0x0F);
        return c_.one_in(6) ? op(0x00) : op(0x0C, label);
    }
    expression(ValueType::i32, depth + 1);
    op(0x0D, label);
    for (auto t = types.size(); t-- > 0;) keep_or_drop(types[t]);
}

void CodeGenerator::branch_table(std::uint32_t depth) {
    // In a block of its own, since what follows it can't be reached.
    expression(ValueType::i32, depth + 1);
    op(0x04);
    op(0x40);
    labels_.emplace_back();
    const auto last = any_label();
    const auto types = labels_[labels_.size() - 1 - last];
    std::vector<std::uint32_t> targets;
    for (auto n = c_.below(5); n > 0; --n) {
        const auto label = any_label();
        if (labels_[labels_.size() - 1 - label] == types) targets.push_back(label);
    }
    values(types, depth + 1);
    expression(ValueType::i32, depth + 1);
    op(0x0E, static_cast<std::uint32_t>(targets.size()));
    for (auto label : targets) leb(*code_, label);
    leb(*code_, last);
    labels_.pop_back();
    op(0x0B);
}

void CodeGenerator::call_statement(std::uint32_t depth) {
    const auto f = any_function();
    if (c_.one_in(3))
        call_indirect(plan_.functions[f], depth);
    else
        call(f, depth);
    const auto& results = plan_.types[plan_.functions[f]].results;
    for (auto r = results.size(); r-- > 0;) keep_or_drop(results[r]);
}

void CodeGenerator::bulk_memory(std::uint32_t depth) {
    const auto what = c_.below(4);
    if (what == 3) {
        prefixed(0xFC09);
        return leb(*code_, c_.below(plan_.data_segments));
    }
    address(depth);
    if (what == 0)
        address(depth);
    else if (what == 1)
        expression(ValueType::i32, depth + 1);
    else
        small_number();
    small_number();
    if (what == 0) {
        prefixed(0xFC0A);
        return append(*code_, Bytes{0, 0});
    }
    if (what == 1) {
        prefixed(0xFC0B);
        return op(0);
    }
    prefixed(0xFC08);
    leb(*code_, c_.below(plan_.data_segments));
    op(0);
}

void CodeGenerator::small_number() {
    op(0x41);
    signed_leb(*code_, c_.below(c_.one_in(8) ? 2000 : 24));
}

void CodeGenerator::table_statement(std::uint32_t depth) {
    const auto table = c_.below(3);
    const auto what = c_.below(5);
    if (what == 4) {
        prefixed(0xFC0D);
        return leb(*code_, 1);
    }
    small_index();
    if (what == 0) {
        expression(plan_.tables[table], depth + 1);
        return op(0x26, table);
    }
    if (what == 1)
        expression(plan_.tables[table], depth + 1);
    else
        small_index();
    small_index();
    if (what == 1) {
        prefixed(0xFC11);
        return leb(*code_, table);
    }
    if (what == 2) {
        prefixed(0xFC0E);
        leb(*code_, table);
        return leb(*code_, table == 1 ? 1 : c_.one_in(2) ? 2 : 0);
    }
    prefixed(0xFC0C);
    leb(*code_, c_.below(plan_.element_segments));
    leb(*code_, c_.one_in(2) ? 2 : 0);
}

void CodeGenerator::small_index() {
    op(0x41);
    signed_leb(*code_, c_.below(8));
}

}  // namespace troupe::fuzz
