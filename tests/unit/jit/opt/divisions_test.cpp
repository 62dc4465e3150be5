// Divisions by constants against the interpreter's.
#include <doctest/doctest.h>

#include "jit/opt/opt.hpp"
#include "vm/engine/store.hpp"

namespace troupe::vm {
namespace {

void append_leb(Bytes& out, std::int64_t value) {
    for (;;) {
        const auto low = static_cast<std::uint8_t>(value & 0x7F);
        value >>= 7;
        if ((value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0)) {
            out.push_back(low);
            return;
        }
        out.push_back(low | 0x80);
    }
}

/// "f" of type (i64) -> (i64): op(argument, divisor), of i32 after wrapping and before extending.
[[nodiscard]] Bytes module_of(std::uint8_t op, bool wide, std::int64_t divisor) {
    Bytes body{0, 0x20, 0};
    if (!wide) body.push_back(0xA7);
    body.push_back(wide ? 0x42 : 0x41);
    append_leb(body, wide ? divisor : std::int64_t{static_cast<std::int32_t>(divisor)});
    body.push_back(op);
    if (!wide) body.push_back(0xAD);
    body.push_back(0x0B);
    Bytes out{0, 'a', 's', 'm', 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7E, 1, 0x7E, 3, 2, 1, 0, 7, 5, 1, 1, 'f', 0, 0};
    const auto size = static_cast<std::uint8_t>(body.size());
    append(out, Bytes{10, static_cast<std::uint8_t>(size + 2), 1, size});
    append(out, body);
    return out;
}

class Divider {
public:
    Divider(const Bytes& bytes, const std::shared_ptr<Compiler>& compiler) : store_(spec_profile()) {
        const auto module = wasm::load(bytes);
        REQUIRE_MESSAGE(module.ok(), module.error().message);
        const auto made = store_.instantiate(std::make_shared<CompiledModule>(*module, compiler),
                                             [](const wasm::Import&) { return std::nullopt; });
        REQUIRE(made.ok());
        f_ = *made->instance->find_export("f");
        store_.machine().fuel = INT64_MAX;
    }
    [[nodiscard]] std::pair<Trap, std::uint64_t> operator()(std::uint64_t x) {
        const auto result = store_.call(f_, {{wasm::ValueType::i64, x, 0}});
        return {result.trap, result.values.empty() ? 0 : result.values[0].low};
    }

private:
    Store store_;
    Extern f_;
};

TEST_CASE("divisions and remainders by constants give what the interpreter's give") {
    const auto compiler = jit::make_optimizing_compiler();
    if (compiler == nullptr) return;
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t n = 1; n <= 14; ++n) numbers.push_back(n);
    for (std::uint64_t n : {25, 60, 100, 125, 641, 1000, 3600, 40000, 1000000007}) numbers.push_back(n);
    for (unsigned bit : {15U, 16U, 30U, 31U, 32U, 33U, 47U, 62U, 63U})
        for (std::uint64_t near : {-3, -1, 0, 1, 5}) numbers.push_back((std::uint64_t{1} << bit) + near);
    const auto count = numbers.size();
    for (std::size_t k = 0; k < count; ++k) numbers.push_back(0 - numbers[k]);
    numbers.insert(numbers.end(), {0x5DEECE66DULL, 0x123456789ABCDEFULL, 0xCCCCCCCCCCCCCCCDULL, 0xFEDCBA9876543210ULL});
    for (auto op : std::initializer_list<std::uint8_t>{0x6D, 0x6E, 0x6F, 0x70, 0x7F, 0x80, 0x81, 0x82}) {
        const bool wide = op >= 0x7F;
        for (auto divisor : numbers) {
            const auto bytes = module_of(op, wide, static_cast<std::int64_t>(divisor));
            Divider expected(bytes, nullptr);
            Divider actual(bytes, compiler);
            for (auto x : numbers)
                for (std::uint64_t near : {-1, 0, 1}) {
                    const auto dividend = x * (divisor % 5 == 0 ? divisor : 1) + near;
                    CAPTURE(op);
                    CAPTURE(divisor);
                    CAPTURE(dividend);
                    REQUIRE(actual(dividend) == expected(dividend));
                }
        }
    }
}

}  // namespace
}  // namespace troupe::vm
