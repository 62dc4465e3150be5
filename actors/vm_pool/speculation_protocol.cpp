#include "actors/vm_pool/speculation_protocol.hpp"

namespace troupe::vm_pool::remote {
namespace {

[[nodiscard]] SpeculationResult to_message(SpeculativeResult result) {
    SpeculationResult out;
    if (result.invalid) out.invalid = static_cast<std::uint8_t>(*result.invalid);
    auto& receipt = result.receipt;
    out.succeeded = receipt.succeeded;
    out.gas_used = receipt.gas_used;
    out.effective_gas_price = receipt.effective_gas_price;
    out.created = receipt.created;
    for (auto& log : receipt.logs) out.logs.push_back({log.address, std::move(log.topics), std::move(log.data)});
    for (const auto& [address, record] : result.reads.accounts)
        out.accounts_read.push_back({address, AccountReply::of(record)});
    for (const auto& [place, value] : result.reads.slots) out.slots_read.push_back({place.address, place.slot, value});
    out.storages_read = std::move(result.reads.storages);
    for (const auto& write : result.effects.accounts)
        out.accounts.push_back({{write.address, AccountReply::of(write.record)},
                                write.storage_cleared,
                                write.code ? std::optional{*write.code} : std::nullopt});
    for (const auto& write : result.effects.slots) out.slots.push_back({write.address, write.slot, write.value});
    for (const auto& credit : result.effects.credits) out.credits.emplace_back(credit.address, credit.amount);
    return out;
}

[[nodiscard]] SpeculativeResult result_of(SpeculationResult message) {
    SpeculativeResult out;
    if (message.invalid) out.invalid = static_cast<evm::Invalid>(*message.invalid);
    auto& receipt = out.receipt;
    receipt.succeeded = message.succeeded;
    receipt.gas_used = message.gas_used;
    receipt.effective_gas_price = message.effective_gas_price;
    receipt.created = message.created;
    for (auto& log : message.logs) receipt.logs.push_back({log.address, std::move(log.topics), std::move(log.data)});
    for (const auto& read : message.accounts_read) out.reads.accounts.emplace_back(read.address, read.account.record());
    for (const auto& read : message.slots_read)
        out.reads.slots.emplace_back(SlotPlace{read.address, read.slot}, read.value);
    out.reads.storages = std::move(message.storages_read);
    for (auto& write : message.accounts)
        out.effects.accounts.push_back({write.entry.address, write.entry.account.record(), write.storage_cleared,
                                        write.code ? std::make_shared<const Bytes>(std::move(*write.code)) : nullptr});
    for (const auto& write : message.slots) out.effects.slots.push_back({write.address, write.slot, write.value});
    for (const auto& [address, amount] : message.credits) out.effects.credits.push_back({address, amount});
    return out;
}

}  // namespace

SpeculationCall to_message(const SpeculativeWork& work) {
    return {Context::of(work.root, work.speculation->context()), work.speculation->transactions()};
}

SpeculationReply to_message(std::vector<SpeculativeResult> results) {
    SpeculationReply out;
    for (auto& result : results) out.results.push_back(to_message(std::move(result)));
    return out;
}

Result<std::vector<SpeculativeResult>> results_of(SpeculationReply message) {
    std::vector<SpeculativeResult> out;
    for (auto& result : message.results) {
        if (result.invalid && *result.invalid > static_cast<std::uint8_t>(evm::Invalid::authorization_rules))
            return make_error(ErrorCode::malformed, "a reason that is none");
        out.push_back(result_of(std::move(result)));
    }
    return out;
}

}  // namespace troupe::vm_pool::remote
