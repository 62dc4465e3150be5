// callTracer: the tree of calls.
#include "actors/gateway/handler.hpp"
#include "actors/gateway/tracers.hpp"

namespace troupe::gateway {
namespace {

struct CallNode {
    evm::CallKind kind{};
    bool is_self_destruct = false;
    Address from;
    Address to;
    uint256 value;
    std::int64_t gas = 0;
    std::int64_t gas_used = 0;
    Bytes input;
    Bytes output;
    evm::Status status = evm::Status::success;
    std::uint8_t opcode = 0;
    std::vector<LogEntry> logs;
    /// Calls of this frame before each log.
    std::vector<std::size_t> positions;
    std::vector<CallNode> calls;
};

[[nodiscard]] const char* name_of(const CallNode& node) {
    if (node.is_self_destruct) return "SELFDESTRUCT";
    switch (node.kind) {
        case evm::CallKind::call: return "CALL";
        case evm::CallKind::callcode: return "CALLCODE";
        case evm::CallKind::delegatecall: return "DELEGATECALL";
        case evm::CallKind::staticcall: return "STATICCALL";
        case evm::CallKind::create: return "CREATE";
        case evm::CallKind::create2: return "CREATE2";
    }
    return "";
}

class CallTracer final : public JsonTracer {
public:
    explicit CallTracer(const Json& config)
        : with_logs_(flag_of(config, "withLog")), only_top_(flag_of(config, "onlyTopCall")) {}

    void on_enter(const evm::CallMessage& message) override {
        ++depth_;
        if ((only_top_ && depth_ > 1) || !has_room(message.input.size())) return;
        CallNode node;
        node.kind = message.kind;
        node.from = message.sender;
        // Whose code, which for a delegating account is not where it came from.
        const bool runs_elsewhere =
            message.kind == evm::CallKind::callcode || message.kind == evm::CallKind::delegatecall;
        node.to = runs_elsewhere ? message.code_address : message.recipient;
        if (message.kind == evm::CallKind::delegatecall) node.from = message.recipient;
        node.value = message.value;
        node.gas = message.gas;
        node.input.assign(message.input.begin(), message.input.end());
        open_.push_back(std::move(node));
    }
    void on_exit(const evm::CallMessage& message, const evm::CallOutcome& outcome) override {
        --depth_;
        if ((only_top_ && depth_ > 0) || is_cut_) return;
        auto node = std::move(open_.back());
        open_.pop_back();
        node.gas_used = message.gas - outcome.gas_left;
        node.status = outcome.status;
        node.opcode = outcome.opcode;
        if (has_room(outcome.output.size())) node.output.assign(outcome.output.begin(), outcome.output.end());
        if (node.status != evm::Status::success) drop_logs(node);
        if (open_.empty())
            top_ = std::move(node);
        else
            open_.back().calls.push_back(std::move(node));
    }
    void on_self_destruct(const Address& address, const Address& heir, const uint256& balance) override {
        if ((only_top_ && depth_ > 1) || !has_room(0)) return;
        CallNode node;
        node.is_self_destruct = true;
        node.from = address;
        node.to = heir;
        node.value = balance;
        open_.back().calls.push_back(std::move(node));
    }
    void on_log(const Address& address, std::span<const Hash256> topics, ByteView data) override {
        if (!with_logs_ || (only_top_ && depth_ > 1) || !has_room(data.size())) return;
        auto& node = open_.back();
        node.logs.push_back({address, {topics.begin(), topics.end()}, {data.begin(), data.end()}});
        node.positions.push_back(node.calls.size());
    }

    std::optional<std::string> finish(const TraceEnd& end) override {
        if (is_cut_) return std::nullopt;
        if (!top_) {
            // Refused before the first call: the transaction as a call that failed.
            top_.emplace();
            top_->from = end.transaction.sender;
            top_->to = end.transaction.to.value_or(Address{});
            top_->input = end.transaction.data;
            top_->status = evm::Status::insufficient_balance;
        }
        // The outermost call has the transaction's gas, intrinsic part included.
        top_->gas = static_cast<std::int64_t>(end.transaction.gas_limit);
        top_->gas_used = static_cast<std::int64_t>(end.receipt.gas_used);
        JsonText out;
        write(out, *top_);
        return out.take();
    }

private:
    bool has_room(std::size_t bytes) {
        bytes_ += bytes + sizeof(CallNode);
        if (bytes_ > trace_bytes_max) is_cut_ = true;
        return !is_cut_;
    }
    /// Logs of a call that failed, and of all calls in it, never were.
    static void drop_logs(CallNode& node) {
        node.logs.clear();
        node.positions.clear();
        for (auto& call : node.calls) drop_logs(call);
    }

    void write(JsonText& out, const CallNode& node) {
        const bool creates = evm::is_creation(node.kind) && !node.is_self_destruct;
        out.begin_object()
            .key("from")
            .bytes(node.from.view())
            .key("gas")
            .quantity(static_cast<std::uint64_t>(node.gas));
        out.key("gasUsed").quantity(static_cast<std::uint64_t>(node.gas_used));
        if (!creates || node.status == evm::Status::success) out.key("to").bytes(node.to.view());
        out.key("input").bytes(node.input);
        const bool reverted = node.status == evm::Status::revert;
        if (!node.output.empty() && (reverted || node.status == evm::Status::success))
            out.key("output").bytes(node.output);
        if (node.status != evm::Status::success) out.key("error").escaped(evm::describe(node.status, node.opcode));
        if (reverted) {
            constexpr std::string_view prefix = "execution reverted: ";
            const auto message = revert_message(node.output);
            if (message.starts_with(prefix) && !message.substr(prefix.size()).starts_with("custom error"))
                out.key("revertReason").escaped(message.substr(prefix.size()));
        }
        if (!node.calls.empty()) {
            out.key("calls").begin_array();
            for (const auto& call : node.calls) write(out, call);
            out.end_array();
        }
        if (!node.logs.empty()) {
            out.key("logs").begin_array();
            for (std::size_t i = 0; i < node.logs.size(); ++i) {
                out.begin_object().key("address").bytes(node.logs[i].address.view()).key("topics").begin_array();
                for (const auto& topic : node.logs[i].topics) out.bytes(topic.view());
                out.end_array().key("data").bytes(node.logs[i].data);
                out.key("position").quantity(node.positions[i]).key("index").quantity(log_index_++).end_object();
            }
            out.end_array();
        }
        if (node.kind != evm::CallKind::staticcall || node.is_self_destruct) out.key("value").quantity(node.value);
        out.key("type").text(name_of(node)).end_object();
    }

    bool with_logs_;
    bool only_top_;
    bool is_cut_ = false;
    std::size_t bytes_ = 0;
    std::size_t depth_ = 0;
    std::uint64_t log_index_ = 0;
    std::vector<CallNode> open_;
    std::optional<CallNode> top_;
};

}  // namespace

std::unique_ptr<JsonTracer> make_call_tracer(const Json& config) { return std::make_unique<CallTracer>(config); }

}  // namespace troupe::gateway
