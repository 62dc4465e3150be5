#include "vm/evm/status.hpp"

#include "runtime/base/bytes.hpp"
#include "vm/dmir/opcodes.hpp"

namespace troupe::evm {

std::string describe(Status status, std::uint8_t opcode) {
    switch (status) {
        case Status::success: return {};
        case Status::revert: return "execution reverted";
        case Status::out_of_gas: return "out of gas";
        case Status::undefined_instruction: return "invalid opcode: opcode 0x" + to_hex({&opcode, 1}) + " not defined";
        case Status::invalid_instruction: return "invalid opcode: INVALID";
        case Status::stack_underflow: return "stack underflow";
        case Status::stack_overflow: return "stack limit reached 1024";
        case Status::bad_jump: return "invalid jump destination";
        case Status::return_data_out_of_bounds: return "return data out of bounds";
        case Status::write_protection: return "write protection";
        case Status::init_code_too_large: return "max initcode size exceeded";
        case Status::code_too_large: return "max code size exceeded";
        case Status::code_begins_with_ef: return "invalid code: must not begin with 0xef";
        case Status::code_deposit_out_of_gas: return "contract creation code storage out of gas";
        case Status::address_collision: return "contract address collision";
        case Status::precompile_failed: return "precompile failed";
        case Status::invalid_module: return "invalid WebAssembly module";
        case Status::trap: return "WebAssembly trap: " + std::string(message(static_cast<dmir::Trap>(opcode)));
        case Status::failure: return "execution failed";
        case Status::depth_exceeded: return "max call depth exceeded";
        case Status::insufficient_balance: return "insufficient balance for transfer";
        case Status::nonce_exhausted: return "nonce uint64 overflow";
    }
    return {};
}

}  // namespace troupe::evm
