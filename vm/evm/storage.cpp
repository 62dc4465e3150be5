// Storage, transient storage and self-destruction.
#include "vm/evm/access_costs.hpp"
#include "vm/evm/instructions.hpp"
#include "vm/evm/word.hpp"

namespace troupe::evm {
namespace {

using StoreCosts = std::array<StoreCost, 9>;  // by StorageStatus

constexpr StoreCosts make_store_costs(Revision revision) {
    StoreCosts costs{};
    const auto set = [&costs](StorageStatus status, std::int64_t gas, std::int64_t refund) {
        costs[static_cast<std::size_t>(status)] = {gas, refund};
    };
    using S = StorageStatus;
    // EIP-1283 in Constantinople alone, EIP-2200 from Istanbul on.
    const bool is_net = revision == Revision::Constantinople || revision >= Revision::Istanbul;
    const bool is_berlin = revision >= Revision::Berlin;
    const std::int64_t reset = is_berlin ? 5000 - cold_slot_gas : 5000;
    const std::int64_t clear = revision >= Revision::London ? 4800 : 15000;
    if (!is_net) {
        for (auto& cost : costs) cost = {5000, 0};
        for (const auto status : {S::added, S::deleted_added, S::deleted_restored}) set(status, 20000, 0);
        for (const auto status : {S::deleted, S::modified_deleted, S::added_deleted}) set(status, 5000, clear);
        return costs;
    }
    const std::int64_t warm = is_berlin ? 100 : revision >= Revision::Istanbul ? 800 : 200;
    set(S::assigned, warm, 0);
    set(S::added, 20000, 0);
    set(S::deleted, reset, clear);
    set(S::modified, reset, 0);
    set(S::deleted_added, warm, -clear);
    set(S::modified_deleted, warm, clear);
    set(S::deleted_restored, warm, reset - warm - clear);
    set(S::added_deleted, warm, 20000 - warm);
    set(S::modified_restored, warm, reset - warm);
    return costs;
}

constexpr auto store_costs = [] {
    std::array<StoreCosts, static_cast<std::size_t>(Revision::Osaka) + 1> tables{};
    for (std::size_t i = 0; i < tables.size(); ++i) tables[i] = make_store_costs(static_cast<Revision>(i));
    return tables;
}();

}  // namespace

StoreCost store_cost(Revision revision, StorageStatus status) noexcept {
    return store_costs[static_cast<std::size_t>(revision)][static_cast<std::size_t>(status)];
}

namespace instructions {

bool load(Frame& f) {
    const auto [value, was_cold] = f.host.load(f.message.recipient, f.top[-1]);
    const std::int64_t gas = f.at_least(Revision::Berlin)             ? (was_cold ? cold_slot_gas : warm_access_gas)
                             : f.at_least(Revision::Istanbul)         ? 800
                             : f.at_least(Revision::TangerineWhistle) ? 200
                                                                      : 50;
    f.top[-1] = value;
    return f.charge(gas);
}

bool store(Frame& f) {
    if (f.message.is_static) return f.fail(Status::write_protection);
    if (f.at_least(Revision::Istanbul) && f.gas <= call_stipend_gas) return f.fail(Status::out_of_gas);
    // Written before it is paid for: a frame that can't pay is undone as a whole.
    const auto [status, was_cold] = f.host.store(f.message.recipient, f.top[-1], f.top[-2]);
    f.top -= 2;
    const auto& cost = store_costs[static_cast<std::size_t>(f.revision)][static_cast<std::size_t>(status)];
    f.refund += cost.refund;
    return f.charge(cost.gas + (f.at_least(Revision::Berlin) && was_cold ? cold_slot_gas : 0));
}

bool load_transient(Frame& f) {
    f.top[-1] = f.host.load_transient(f.message.recipient, f.top[-1]);
    return true;
}

bool store_transient(Frame& f) {
    if (f.message.is_static) return f.fail(Status::write_protection);
    f.host.store_transient(f.message.recipient, f.top[-1], f.top[-2]);
    f.top -= 2;
    return true;
}

bool self_destruct(Frame& f) {
    if (f.message.is_static) return f.fail(Status::write_protection);
    const auto& self = f.message.recipient;
    const auto heir = to_address(f.top[-1]);
    std::int64_t cost = f.at_least(Revision::TangerineWhistle) ? 5000 : 0;
    if (f.at_least(Revision::Berlin) && f.host.warm_account(heir)) cost += cold_account_gas;
    if (f.at_least(Revision::TangerineWhistle) && !f.host.is_alive(heir))
        if (!f.at_least(Revision::SpuriousDragon) || !f.host.balance(self).is_zero()) cost += 25000;
    if (!f.charge(cost)) return false;
    if (f.tracer != nullptr) f.tracer->on_self_destruct(self, heir, f.host.balance(self));
    if (f.host.self_destruct(self, heir) && !f.at_least(Revision::London)) f.refund += 24000;
    return true;
}

}  // namespace instructions
}  // namespace troupe::evm
