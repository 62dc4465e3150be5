// EIP-3155: one line of JSON for each instruction, its fields in the EIP's order. The closing line is written by who
// knows the state's root.
#pragma once

#include <iosfwd>
#include <string>

#include "vm/evm/trace.hpp"

namespace troupe::evm {

class Eip3155Tracer final : public Tracer {
public:
    explicit Eip3155Tracer(std::ostream& out) : out_(out) {}

    void on_step(const Step& step) override;
    void on_cost(std::int64_t cost) override;
    void on_fault(std::int64_t cost, Status status) override;

private:
    void finish_line(std::int64_t cost, const std::string& error);

    std::ostream& out_;
    // The line under way: what stands before and after the cost.
    std::string before_;
    std::string after_;
    std::uint8_t opcode_ = 0;
};

}  // namespace troupe::evm
