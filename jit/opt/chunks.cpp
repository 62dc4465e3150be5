// After stores: whether their chunks are to be paid for.
#ifdef __x86_64__

#include "jit/opt/function_emitter.hpp"

namespace troupe::jit::opt {

void FunctionEmitter::written(const Instruction& i) {
    const auto size = 1U << dmir::info(i.op).n;
    const auto displacement = static_cast<std::uint32_t>(i.value);
    if (i.operands[0] == no_register) return written_at(i, displacement);
    const auto& base = f_.registers[i.operands[0]];
    if (base.constant) return written_at(i, base.bits + displacement);
    const auto chunk = temporary(i);
    auto& clean = ways_.emplace_back();
    auto& across = ways_.emplace_back();
    auto& done = ways_.emplace_back();
    // The store did not fault, so that the address fits 32 bits.
    if (displacement == 0)
        mov(chunk.cvt32(), in(i.operands[0]).cvt32());
    else
        lea(chunk.cvt32(), ptr[in(i.operands[0]) + static_cast<int>(displacement)]);
    if (i.chunk_test == ChunkTest::across) {
        test(chunk.cvt8(), size - 1);
        jnz(across, reach(across));
    }
    shr(chunk.cvt32(), chunk_bits);
    cmp(chunk_entry(chunk), bl);
    je(clean, reach(clean));
    L(done);
    later([this, size, chunk, test = i.chunk_test, &clean, &across, &done] {
        L(clean);
        call(chunk_payments_.clean(chunk));
        jmp(done, reach(done));
        if (test != ChunkTest::across) return;
        L(across);
        call(chunk_payments_.across(chunk, size));
        jmp(done, reach(done));
    });
}

void FunctionEmitter::written_at(const Instruction& i, std::uint64_t address) {
    const auto size = 1U << dmir::info(i.op).n;
    const auto last = address + size - 1;
    // Outside every memory.
    if (last > 0xFFFFFFFF) return;
    auto& pay = ways_.emplace_back();
    auto& done = ways_.emplace_back();
    for (auto chunk = address >> chunk_bits; chunk <= last >> chunk_bits; ++chunk) {
        cmp(chunk_entry(static_cast<std::uint32_t>(chunk)), bl);
        je(pay, reach(pay));
    }
    L(done);
    later([this, size, address, at = temporary(i), &pay, &done] {
        L(pay);
        mov(at.cvt32(), static_cast<std::uint32_t>(address));
        call(chunk_payments_.across(at, size));
        jmp(done, reach(done));
    });
}

}  // namespace troupe::jit::opt

#endif
