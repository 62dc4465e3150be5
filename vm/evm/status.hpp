// How a call ended.
#pragma once

#include <cstdint>
#include <string>

namespace troupe::evm {

enum class Status : std::uint8_t {
    success,
    /// Gas that is left goes back, and so does the output; the state is as before.
    revert,
    // From here on all gas is gone and the state is as before.
    out_of_gas,
    undefined_instruction,
    invalid_instruction,
    stack_underflow,
    stack_overflow,
    bad_jump,
    return_data_out_of_bounds,
    write_protection,
    init_code_too_large,
    code_too_large,
    code_begins_with_ef,
    code_deposit_out_of_gas,
    address_collision,
    precompile_failed,
    /// Stored or init code that begins like WebAssembly and is no module that the chain runs.
    invalid_module,
    /// WebAssembly code trapped; the outcome's opcode is the dmir::Trap.
    trap,
    /// The machine below the host failed in a way that has no name here (EVMC).
    failure,
    // Refused before it began: the gas goes back.
    depth_exceeded,
    insufficient_balance,
    nonce_exhausted,
};

/// geth's words, which clients match; empty on success. `opcode` is the outcome's.
[[nodiscard]] std::string describe(Status status, std::uint8_t opcode);

}  // namespace troupe::evm
