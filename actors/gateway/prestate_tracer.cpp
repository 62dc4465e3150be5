// prestateTracer: the accounts that a transaction touched, as they were before it; with diffMode what it changed of
// them.
#include "actors/gateway/tracers.hpp"
#include "vm/evm/opcodes.hpp"
#include "vm/evm/word.hpp"

namespace troupe::gateway {
namespace {

class PrestateTracer final : public JsonTracer {
public:
    explicit PrestateTracer(const Json& config)
        : is_diff_(flag_of(config, "diffMode")),
          hides_code_(flag_of(config, "disableCode")),
          hides_storage_(flag_of(config, "disableStorage")),
          shows_empty_(flag_of(config, "includeEmpty")) {}

    void on_enter(const evm::CallMessage& message) override {
        touched_[message.sender];
        touched_[message.recipient];
        touched_[message.code_address];
    }
    void on_step(const Step& step) override {
        const auto& stack = step.stack;
        switch (step.opcode) {
            case evm::SLOAD:
            case evm::SSTORE:
                if (!stack.empty()) touched_[step.self].insert(stack.back());
                break;
            case evm::BALANCE:
            case evm::EXTCODESIZE:
            case evm::EXTCODECOPY:
            case evm::EXTCODEHASH:
            case evm::SELFDESTRUCT:
                if (!stack.empty()) touched_[evm::to_address(stack.back())];
                break;
            default: break;
        }
    }

    std::optional<std::string> finish(const TraceEnd& end) override {
        touched_[end.tip_recipient];
        touched_[end.transaction.sender];
        for (const auto& item : end.transaction.authorization_list)
            if (item.authority) touched_[*item.authority];
        JsonText out;
        out.begin_object();
        if (is_diff_) {
            write_diff(out, end);
        } else {
            for (const auto& [address, slots] : touched_) write_before(out, end, address, slots);
        }
        return out.end_object().take();
    }

private:
    using Slots = std::set<uint256>;

    struct Facts {
        AccountRecord record{0, {}, empty_code_hash};
        bool exists = false;
    };
    [[nodiscard]] static Facts before(const TraceEnd& end, const Address& address) {
        const auto record = end.before.account(address);
        return record ? Facts{*record, true} : Facts{};
    }
    [[nodiscard]] static Facts after(const TraceEnd& end, const Address& address) {
        return {{end.after.nonce(address), end.after.balance(address), end.after.code_hash(address)},
                end.after.exists(address)};
    }

    static void write_slots(JsonText& out, const std::vector<std::pair<uint256, uint256>>& slots) {
        if (slots.empty()) return;
        out.key("storage").begin_object();
        for (const auto& [slot, value] : slots)
            out.key(to_hex_prefixed(to_big_endian(slot).view())).bytes(to_big_endian(value).view());
        out.end_object();
    }

    void write_before(JsonText& out, const TraceEnd& end, const Address& address, const Slots& slots) const {
        const auto [record, exists] = before(end, address);
        if (!exists && !shows_empty_) return;
        out.key(to_hex_prefixed(address.view())).begin_object().key("balance").quantity(record.balance);
        if (record.nonce != 0) out.key("nonce").raw(std::to_string(record.nonce));
        if (record.code_hash != empty_code_hash && !hides_code_)
            out.key("code").bytes(*end.before.code(record.code_hash));
        std::vector<std::pair<uint256, uint256>> values;
        if (!hides_storage_)
            for (const auto& slot : slots) values.emplace_back(slot, end.before.storage(address, slot));
        write_slots(out, values);
        out.end_object();
    }

    /// `pre` has what the changed accounts were; `post` only the fields that changed. An account that came to be is
    /// missing in `pre` unless asked for, one that ended in `post`.
    void write_diff(JsonText& out, const TraceEnd& end) const {
        JsonText pre;
        JsonText post;
        pre.begin_object();
        post.begin_object();
        for (const auto& [address, slots] : touched_) {
            const auto old = before(end, address);
            const auto now = after(end, address);
            std::vector<std::pair<uint256, uint256>> old_slots;
            std::vector<std::pair<uint256, uint256>> new_slots;
            for (const auto& slot : slots) {
                const auto was = end.before.storage(address, slot);
                const auto is = now.exists ? end.after.storage(address, slot) : uint256{};
                if (was == is || hides_storage_) continue;
                if (!was.is_zero()) old_slots.emplace_back(slot, was);
                if (!is.is_zero()) new_slots.emplace_back(slot, is);
            }
            if (old.exists == now.exists && old.record == now.record && old_slots.empty() && new_slots.empty())
                continue;
            const auto name = to_hex_prefixed(address.view());
            if (old.exists || shows_empty_) {
                pre.key(name).begin_object().key("balance").quantity(old.record.balance);
                if (old.record.nonce != 0) pre.key("nonce").raw(std::to_string(old.record.nonce));
                if (old.record.code_hash != empty_code_hash && !hides_code_)
                    pre.key("code").bytes(*end.before.code(old.record.code_hash));
                write_slots(pre, old_slots);
                pre.end_object();
            }
            if (!now.exists) continue;
            post.key(name).begin_object();
            if (old.record.balance != now.record.balance) post.key("balance").quantity(now.record.balance);
            if (old.record.nonce != now.record.nonce) post.key("nonce").raw(std::to_string(now.record.nonce));
            if (old.record.code_hash != now.record.code_hash && !hides_code_)
                post.key("code").bytes(*end.after.code(address));
            write_slots(post, new_slots);
            post.end_object();
        }
        out.key("pre").raw(pre.end_object().take()).key("post").raw(post.end_object().take());
    }

    bool is_diff_;
    bool hides_code_;
    bool hides_storage_;
    /// Accounts that were not there before, as such.
    bool shows_empty_;
    std::map<Address, Slots> touched_;
};

}  // namespace

std::unique_ptr<JsonTracer> make_prestate_tracer(const Json& config) {
    return std::make_unique<PrestateTracer>(config);
}

}  // namespace troupe::gateway
