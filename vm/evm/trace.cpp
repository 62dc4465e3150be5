#include "vm/evm/trace.hpp"

#include "vm/evm/opcodes.hpp"

namespace troupe::evm {

std::string instruction_name(std::uint8_t opcode) {
    const auto* name = opcode_table[opcode].name;
    return name != nullptr ? name : "opcode 0x" + to_hex({&opcode, 1}) + " not defined";
}

}  // namespace troupe::evm
