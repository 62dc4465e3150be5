// Loads and stores.
#include "jit/opt/selection.hpp"

namespace troupe::jit::opt {

void Selection::load(const dmir::Instruction& i) {
    const auto [at, offset] = address(i);
    auto& out = emit(Code::load);
    out.op = i.op;
    out.operands[0] = at;
    out.value = offset;
    out.result = i.first_result;
}

Selection::Address Selection::address(const dmir::Instruction& i) {
    if (const auto at = constant(i.arguments[0]); at && *at + i.immediate <= 0x7FFFFFFF)
        return {no_register, *at + i.immediate};
    const auto base = reg(i.arguments[0]);
    if (i.immediate <= 0x7FFFFFFF) return {base, i.immediate};
    const auto offset = constant_register(Type::i64, i.immediate);
    auto& sum = emit(Code::add, true);
    sum.operands[0] = base;
    sum.operands[1] = offset;
    sum.result = out_.add_register(Type::i64);
    return {sum.result, 0};
}

void Selection::store(const dmir::Instruction& i) {
    const auto [at, offset] = address(i);
    auto small = small_constant(i.arguments[1]);
    // Zero in a register makes a shorter instruction, but for a byte.
    if (small == 0 && i.op != Op::i32_store8 && i.op != Op::i64_store8) small.reset();
    // The check addresses the upper half, too.
    const bool loose = is_loose(i.arguments[1]) && offset < 0x7FFFFFF0;
    auto value = no_register;
    if (!small) value = loose ? reg(i.arguments[1]) : exact(i.arguments[1]);
    auto& out = emit(Code::store);
    out.op = i.op;
    out.operands[0] = at;
    out.value = offset;
    if (small) {
        out.immediate = true;
        // The address takes `value`'s lower half, the stored immediate its upper half.
        out.value = offset | std::uint64_t{static_cast<std::uint32_t>(*small)} << 32U;
    } else {
        out.operands[1] = value;
        out.canonical = loose;
    }
    if (!chunk_tests_.empty()) out.chunk_test = chunk_tests_[static_cast<std::size_t>(&i - f_.instructions.data())];
    if (out.canonical || out.chunk_test != ChunkTest::none) out.temporary = out_.add_register(Type::i64);
}

}  // namespace troupe::jit::opt
