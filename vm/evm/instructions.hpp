// Instructions that do more than words on the stack: those that need memory, the host or a call. Each takes its
// operands from the frame's stack and leaves its result there; the constant part of its gas is paid. False: it ended
// the frame, and frame.status says why.
#pragma once

#include "vm/evm/frame.hpp"

namespace troupe::evm::instructions {

// instructions.cpp
bool exponentiate(Frame& f);
bool hash(Frame& f);
bool copy_calldata(Frame& f);
bool copy_code(Frame& f);
bool copy_external_code(Frame& f);
bool copy_return_data(Frame& f);
bool copy_memory(Frame& f);
bool balance(Frame& f);
bool external_code_size(Frame& f);
bool external_code_hash(Frame& f);
bool block_hash(Frame& f);
bool blob_hash(Frame& f);
/// RETURN and REVERT.
bool set_output(Frame& f);
bool log(Frame& f, unsigned topics);

// storage.cpp
bool load(Frame& f);
bool store(Frame& f);
bool load_transient(Frame& f);
bool store_transient(Frame& f);
bool self_destruct(Frame& f);

// calls.cpp
bool call(Frame& f, CallKind kind);
bool create(Frame& f, CallKind kind);

/// EIP-2929, or what the instruction cost before.
[[nodiscard]] inline std::int64_t account_access(Frame& f, const Address& address, std::int64_t before_berlin) {
    if (!f.at_least(Revision::Berlin)) return before_berlin;
    return f.host.warm_account(address) ? 2600 : 100;
}

}  // namespace troupe::evm::instructions
