#include "vm/evm/eip3155.hpp"

#include <ostream>

#include "runtime/base/uint256.hpp"

namespace troupe::evm {
namespace {

[[nodiscard]] std::string quantity(std::int64_t value) {
    return '"' + to_quantity(uint256{static_cast<std::uint64_t>(value)}) + '"';
}

}  // namespace

void Eip3155Tracer::on_step(const Step& step) {
    opcode_ = step.opcode;
    before_ = "{\"pc\":" + std::to_string(step.pc) + ",\"op\":" + std::to_string(step.opcode) +
              ",\"gas\":" + quantity(step.gas) + ",\"gasCost\":";
    after_ = ",\"memSize\":" + std::to_string(step.memory.size()) + ",\"stack\":[";
    for (std::size_t i = 0; i < step.stack.size(); ++i)
        after_ += (i == 0 ? "\"" : ",\"") + to_quantity(step.stack[i]) + '"';
    after_ += "],\"depth\":" + std::to_string(step.depth + 1) + ",\"refund\":" + std::to_string(step.refund) +
              ",\"opName\":\"" + instruction_name(step.opcode) + '"';
}

void Eip3155Tracer::on_cost(std::int64_t cost) { finish_line(cost, {}); }

void Eip3155Tracer::on_fault(std::int64_t cost, Status status) { finish_line(cost, describe(status, opcode_)); }

void Eip3155Tracer::finish_line(std::int64_t cost, const std::string& error) {
    out_ << before_ << quantity(cost) << after_;
    if (!error.empty()) out_ << ",\"error\":\"" << error << '"';
    out_ << "}\n";
}

void Eip3155Tracer::on_exit(const CallMessage& message, const CallOutcome& outcome) {
    if (message.depth != 0) return;
    out_ << "{\"output\":\"" << to_hex(outcome.output) << "\",\"gasUsed\":" << quantity(message.gas - outcome.gas_left);
    if (outcome.status != Status::success) out_ << ",\"error\":\"" << describe(outcome.status, outcome.opcode) << '"';
    out_ << "}\n";
}

}  // namespace troupe::evm
