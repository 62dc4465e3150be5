// What one sees of an execution. A machine without a tracer runs a loop without a trace of it: tracing costs nothing
// when it is off. With one, every instruction is reported by itself:
//
//   on_enter                       a call or creation begins (depth 0: the transaction itself)
//     on_step                      an instruction is about to execute; the views are valid during the call only
//     on_cost | on_fault           what it took, before the calls that it makes; or why it ended the frame
//   on_exit                        the call ended
#pragma once

#include "vm/evm/host.hpp"

namespace troupe::evm {

class Tracer {
public:
    struct Step {
        std::uint64_t pc = 0;
        std::uint8_t opcode = 0;
        /// Before the instruction.
        std::int64_t gas = 0;
        /// 0 for the transaction's own frame. geth counts from 1.
        std::uint32_t depth = 0;
        /// Whose storage.
        const Address& self;
        std::span<const uint256> stack;  // bottom first
        ByteView memory;
        /// Of the last call of this frame.
        ByteView return_data;
        std::int64_t refund = 0;
    };
    virtual ~Tracer() = default;

    virtual void on_enter(const CallMessage&) {}
    virtual void on_step(const Step&) {}
    /// Gas that the step takes, gas given to a call included.
    virtual void on_cost(std::int64_t) {}
    /// The step failed. The cost is what it would have taken, as far as that was found out.
    virtual void on_fault(std::int64_t, Status) {}
    virtual void on_log(const Address&, std::span<const Hash256>, ByteView) {}
    /// Its balance goes to the heir.
    virtual void on_self_destruct(const Address&, const Address&, const uint256&) {}
    virtual void on_exit(const CallMessage&, const CallOutcome&) {}
};

/// "SSTORE", or "opcode 0x0c not defined".
[[nodiscard]] std::string instruction_name(std::uint8_t opcode);

}  // namespace troupe::evm
