#include "jit/baseline/assembler.hpp"

namespace troupe::jit {

using dmir::Op;

void Assembler::load_integer(Op op, const Xbyak::Reg64& to, const Xbyak::RegExp& at) {
    switch (op) {
        case Op::i32_load:
        case Op::i64_load32_u: mov(to.cvt32(), dword[at]); break;
        case Op::i64_load: mov(to, qword[at]); break;
        case Op::i32_load8_s: movsx(to.cvt32(), byte[at]); break;
        case Op::i32_load8_u:
        case Op::i64_load8_u: movzx(to.cvt32(), byte[at]); break;
        case Op::i32_load16_s: movsx(to.cvt32(), word[at]); break;
        case Op::i32_load16_u:
        case Op::i64_load16_u: movzx(to.cvt32(), word[at]); break;
        case Op::i64_load8_s: movsx(to, byte[at]); break;
        case Op::i64_load16_s: movsx(to, word[at]); break;
        default: movsxd(to, dword[at]); break;
    }
}

void Assembler::store_integer(Op op, const Xbyak::Reg64& value, const Xbyak::RegExp& at) {
    switch (op) {
        case Op::i32_store:
        case Op::f32_store:
        case Op::i64_store32: mov(dword[at], value.cvt32()); break;
        case Op::i64_store:
        case Op::f64_store: mov(qword[at], value); break;
        case Op::i32_store8:
        case Op::i64_store8: mov(byte[at], value.cvt8()); break;
        default: mov(word[at], value.cvt16()); break;
    }
}

}  // namespace troupe::jit
