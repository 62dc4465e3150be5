// The machine behind EVMC's entry point.
#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <mutex>
#include <new>
#include <string_view>

#include "vm/evm/eip3155.hpp"
#include "vm/evm/interpreter.hpp"
#include "vm/evmc/host_adapter.hpp"

namespace troupe::evmc {
namespace {

/// EVMC gives code without its hash. Clients run the same few codes again and again: the latest are known by their
/// bytes.
class RecentCodes {
public:
    [[nodiscard]] evm::AnalyzedCodePtr get(ByteView code) {
        if (code.size() > bytes_max) return evm::analyze(code);
        const std::lock_guard lock{mutex_};
        for (const auto& known : codes_)
            if (known && known->size == code.size() && std::memcmp(known->padded.data(), code.data(), code.size()) == 0)
                return known;
        auto& slot = codes_[next_++ % codes_.size()];
        return slot = evm::analyze(code);
    }

private:
    static constexpr std::size_t bytes_max = std::size_t{64} << 10;
    std::mutex mutex_;
    std::array<evm::AnalyzedCodePtr, 16> codes_;
    std::size_t next_ = 0;
};

struct TroupeVm : Vm {
    bool is_traced = false;
    RecentCodes codes;
};

[[nodiscard]] Result refuse(StatusCode code) noexcept {
    Result out{};
    out.status_code = code;
    return out;
}

[[nodiscard]] evm::CallMessage to_message(const Message& message) noexcept {
    evm::CallMessage out;
    switch (message.kind) {
        case DELEGATECALL: out.kind = evm::CallKind::delegatecall; break;
        case CALLCODE: out.kind = evm::CallKind::callcode; break;
        case CREATE: out.kind = evm::CallKind::create; break;
        case CREATE2: out.kind = evm::CallKind::create2; break;
        default: out.kind = evm::CallKind::call; break;
    }
    out.is_static = (message.flags & STATIC) != 0;
    out.is_delegated = (message.flags & DELEGATED) != 0;
    out.depth = static_cast<std::uint32_t>(message.depth);
    out.gas = message.gas;
    std::memcpy(out.recipient.data(), message.recipient.bytes, 20);
    std::memcpy(out.code_address.data(), message.code_address.bytes, 20);
    std::memcpy(out.sender.data(), message.sender.bytes, 20);
    out.value = load_big_endian(message.value.bytes);
    out.salt = load_big_endian(message.create2_salt.bytes);
    // EVMC gives init code as code; its input is for the creation's own kinds of transaction.
    out.input = {message.input_data, message.input_size};
    return out;
}

[[nodiscard]] Result to_result(const evm::CallOutcome& outcome) {
    Result out{};
    out.status_code = to_status(outcome.status);
    out.gas_left = outcome.gas_left;
    out.gas_refund = outcome.refund;
    if (outcome.output.empty()) return out;
    auto* const copy = new std::uint8_t[outcome.output.size()];
    std::memcpy(copy, outcome.output.data(), outcome.output.size());
    out.output_data = copy;
    out.output_size = outcome.output.size();
    out.release = [](const Result* result) { delete[] result->output_data; };
    return out;
}

Result execute(Vm* vm, const HostInterface* host, HostContext* context, int revision, const Message* message,
               const std::uint8_t* code, std::size_t code_size) try {
    if (revision < 0 || revision > experimental_revision || message->kind == EOFCREATE || message->depth < 0)
        return refuse(REJECTED);
    const auto rules = static_cast<evm::Revision>(std::min(revision, static_cast<int>(evm::Revision::Osaka)));
    HostAdapter adapter{*host, context, rules};
    auto& self = *static_cast<TroupeVm*>(vm);
    const auto analyzed = self.codes.get({code, code_size});
    const auto input = to_message(*message);
    evm::Eip3155Tracer tracer{std::cerr};
    return to_result(
        evm::interpret(adapter, input, *analyzed, rules, static_cast<TroupeVm*>(vm)->is_traced ? &tracer : nullptr));
} catch (const std::bad_alloc&) {
    return refuse(OUT_OF_MEMORY);
} catch (...) {
    return refuse(INTERNAL_ERROR);
}

SetOptionResult set_option(Vm* vm, const char* name, const char* value) {
    // Clients may give no value at all.
    const std::string_view option{name == nullptr ? "" : name};
    const std::string_view text{value == nullptr ? "" : value};
    if (option == "tier") return text == "interp" ? OPTION_SET : OPTION_INVALID_VALUE;
    if (option != "trace") return OPTION_INVALID_NAME;
    if (text != "" && text != "0" && text != "1") return OPTION_INVALID_VALUE;
    static_cast<TroupeVm*>(vm)->is_traced = text != "0";
    return OPTION_SET;
}

}  // namespace
}  // namespace troupe::evmc

troupe::evmc::Vm* evmc_create_troupe() {
    using namespace troupe::evmc;
    auto* const vm = new (std::nothrow) TroupeVm{};
    if (vm == nullptr) return nullptr;
    vm->version_of_abi = abi_version;
    vm->name = "troupe";
    vm->version = TROUPE_VERSION;
    vm->destroy = [](Vm* self) { delete static_cast<TroupeVm*>(self); };
    vm->execute = execute;
    vm->get_capabilities = [](Vm*) { return std::uint32_t{CAPABILITY_EVM1}; };
    vm->set_option = set_option;
    return vm;
}

troupe::evmc::Vm* evmc_create() { return evmc_create_troupe(); }
