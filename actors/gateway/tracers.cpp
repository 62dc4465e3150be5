#include "actors/gateway/tracers.hpp"

#include <array>

#include "vm/evm/opcodes.hpp"

namespace troupe::gateway {
namespace {

/// One entry an instruction.
class StructLogger final : public JsonTracer {
public:
    explicit StructLogger(const Json& config)
        : shows_memory_(flag_of(config, "enableMemory")),
          shows_return_data_(flag_of(config, "enableReturnData")),
          shows_stack_(!flag_of(config, "disableStack")),
          shows_storage_(!flag_of(config, "disableStorage")) {
        if (config.is_object() && config.contains("limit") && config["limit"].is_number_unsigned())
            limit_ = config["limit"].get<std::uint64_t>();
    }

    void on_step(const Step& step) override {
        is_shown_ = !is_cut_ && (limit_ == 0 || count_ < limit_);
        if (!is_shown_) return;
        ++count_;
        opcode_ = step.opcode;
        before_ = (logs_.empty() ? "{\"pc\":" : ",{\"pc\":") + std::to_string(step.pc) + ",\"op\":\"" +
                  evm::instruction_name(step.opcode) + "\",\"gas\":" + std::to_string(step.gas) + ",\"gasCost\":";
        after_ = ",\"depth\":" + std::to_string(step.depth + 1);
        if (step.refund != 0) after_ += ",\"refund\":" + std::to_string(step.refund);
        rest_.clear();
        if (shows_stack_) {
            rest_ += ",\"stack\":[";
            for (std::size_t i = 0; i < step.stack.size(); ++i)
                rest_ += (i == 0 ? "\"" : ",\"") + to_quantity(step.stack[i]) + '"';
            rest_ += ']';
        }
        if (shows_memory_) {
            rest_ += ",\"memory\":[";
            for (std::size_t i = 0; i < step.memory.size(); i += 32)
                rest_ += (i == 0 ? "\"" : ",\"") + to_hex(step.memory.subspan(i, 32)) + '"';
            rest_ += ']';
        }
        if (shows_return_data_ && !step.return_data.empty())
            rest_ += ",\"returnData\":\"" + to_hex_prefixed(step.return_data) + '"';
        if (shows_storage_) note_storage(step);
    }
    void on_cost(std::int64_t cost) override { add(cost, {}); }
    void on_fault(std::int64_t cost, evm::Status status) override { add(cost, evm::describe(status, opcode_)); }

    /// A creation returns the code that it deployed.
    void on_exit(const evm::CallMessage& message, const evm::CallOutcome& outcome) override {
        if (message.depth == 0) returned_.assign(outcome.output.begin(), outcome.output.end());
    }

    std::optional<std::string> finish(const TraceEnd& end) override {
        if (is_cut_) return std::nullopt;
        JsonText out;
        out.begin_object().key("gas").raw(std::to_string(end.receipt.gas_used));
        out.key("failed").boolean(!end.receipt.succeeded).key("returnValue").bytes(returned_);
        return out.key("structLogs").raw("[" + logs_ + "]").end_object().take();
    }

private:
    /// Slots of the account that this trace has seen so far, where one is read or written.
    void note_storage(const Step& step) {
        if (step.stack.empty()) return;
        const auto& key = step.stack.back();
        if (step.opcode == evm::SSTORE && step.stack.size() > 1)
            storage_[step.self][key] = step.stack[step.stack.size() - 2];
        else if (step.opcode == evm::SLOAD)
            storage_[step.self][key] = state_->storage(step.self, key);
        else
            return;
        write_storage(step.self);
    }
    void write_storage(const Address& self) {
        rest_ += ",\"storage\":{";
        bool is_first = true;
        for (const auto& [slot, value] : storage_[self]) {
            rest_ += (is_first ? "\"" : ",\"") + to_hex(to_big_endian(slot).view()) + "\":\"" +
                     to_hex(to_big_endian(value).view()) + '"';
            is_first = false;
        }
        rest_ += '}';
    }
    void add(std::int64_t cost, const std::string& error) {
        if (!is_shown_) return;
        logs_ += before_ + std::to_string(cost) + after_;
        if (!error.empty()) logs_ += ",\"error\":\"" + error + '"';
        logs_ += rest_ + '}';
        if (logs_.size() > trace_bytes_max) {
            is_cut_ = true;
            logs_.clear();
        }
    }

    bool shows_memory_;
    bool shows_return_data_;
    bool shows_stack_;
    bool shows_storage_;
    std::uint64_t limit_ = 0;  // 0: none
    std::uint64_t count_ = 0;
    bool is_shown_ = false;
    bool is_cut_ = false;
    std::uint8_t opcode_ = 0;
    std::string before_, after_, rest_;
    Bytes returned_;
    std::map<Address, std::map<uint256, uint256>> storage_;
    std::string logs_;
};

/// Nothing but the result.
class NoopTracer final : public JsonTracer {
public:
    std::optional<std::string> finish(const TraceEnd&) override { return "{}"; }
};

}  // namespace

std::unique_ptr<JsonTracer> make_struct_logger(const Json& config) { return std::make_unique<StructLogger>(config); }

std::unique_ptr<JsonTracer> make_tracer(const Json& config) {
    const auto named = config.is_object() && config.contains("tracer") && !config["tracer"].is_null();
    if (!named) return make_struct_logger(config);
    const auto options = config.contains("tracerConfig") ? config["tracerConfig"] : Json{};
    const auto& name = config["tracer"];
    if (name == "callTracer") return make_call_tracer(options);
    if (name == "prestateTracer") return make_prestate_tracer(options);
    if (name == "noopTracer") return std::make_unique<NoopTracer>();
    return nullptr;
}

}  // namespace troupe::gateway
