#include "jit/baseline/chunk_payments.hpp"

#ifdef __x86_64__

namespace troupe::jit {

using Xbyak::Reg64;

void ChunkPayments::pay(const Reg64& chunk) {
    using namespace Xbyak::util;
    code_.mov(chunk_entry(chunk), 1);
    code_.mov(chunk, ptr[r15 + instance_machine]);
    code_.mov(chunk.cvt32(), ptr[chunk + machine_chunk_fuel]);
    code_.sub(r14, chunk);
    code_.sub(r13, chunk);
}

void ChunkPayments::pay_across(const Reg64& at, std::uint32_t size) {
    using namespace Xbyak::util;
    const Reg64 first = at.getIdx() == rax.getIdx() ? rcx : rax;
    Xbyak::Label first_is_paid;
    Xbyak::Label pay_last;
    Xbyak::Label paid;
    Xbyak::Label end;
    code_.push(first);
    code_.mov(first.cvt32(), at.cvt32());
    code_.shr(first.cvt32(), chunk_bits);
    // No carry: the store did not fault.
    code_.add(at.cvt32(), size - 1);
    code_.shr(at.cvt32(), chunk_bits);
    code_.cmp(chunk_entry(first), bl);
    code_.jne(first_is_paid);
    pay(first);
    code_.cmp(chunk_entry(at), bl);
    code_.jne(paid);
    code_.L(pay_last);
    pay(at);
    code_.L(paid);
    code_.test(r13, r13);
    code_.jmp(end);
    code_.L(first_is_paid);
    code_.cmp(chunk_entry(at), bl);
    code_.je(pay_last);
    // Nothing was paid, so that the fuel is not checked: the comparison has left no sign.
    code_.L(end);
    code_.pop(first);
}

}  // namespace troupe::jit

#endif
