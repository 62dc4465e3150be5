// The host functions by which a contract calls and creates others.
#pragma once

#include "vm/contract/call.hpp"

namespace troupe::contract::functions {

/// (gas l, address, value, input, input size) > 1: it succeeded
vm::Trap call(Call& c, vm::Slot* frame);
/// (gas l, address, input, input size) > 1: it succeeded
vm::Trap delegate_call(Call& c, vm::Slot* frame);
vm::Trap static_call(Call& c, vm::Slot* frame);
/// (value, init code, its size, address to) > 1: it succeeded
vm::Trap create(Call& c, vm::Slot* frame);
/// (value, init code, its size, salt, address to) > 1: it succeeded
vm::Trap create2(Call& c, vm::Slot* frame);

}  // namespace troupe::contract::functions
