#include "vm/evm/eip3155.hpp"

#include <ostream>

#include "runtime/base/bytes.hpp"
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
    after_ = ",\"stack\":[";
    for (std::size_t i = 0; i < step.stack.size(); ++i)
        after_ += (i == 0 ? "\"" : ",\"") + to_quantity(step.stack[i]) + '"';
    after_ += "],\"depth\":" + std::to_string(step.depth + 1) + ",\"returnData\":\"" +
              to_hex_prefixed(step.return_data) + "\",\"refund\":" + quantity(step.refund) +
              ",\"memSize\":" + std::to_string(step.memory.size()) + ",\"opName\":\"" + instruction_name(step.opcode) +
              '"';
}

void Eip3155Tracer::on_cost(std::int64_t cost) { finish_line(cost, {}); }

void Eip3155Tracer::on_fault(std::int64_t cost, Status status) { finish_line(cost, describe(status, opcode_)); }

void Eip3155Tracer::finish_line(std::int64_t cost, const std::string& error) {
    out_ << before_ << quantity(cost) << after_;
    if (!error.empty()) out_ << ",\"error\":\"" << error << '"';
    out_ << "}\n";
}

}  // namespace troupe::evm
