// An EVMC host, as the interpreter wants hosts. One for each execution.
#pragma once

#include <memory>
#include <vector>

#include "vm/evm/host.hpp"
#include "vm/evm/revision.hpp"
#include "vm/evmc/abi.hpp"

namespace troupe::evmc {

[[nodiscard]] evm::Status from_status(StatusCode code) noexcept;
[[nodiscard]] StatusCode to_status(evm::Status status) noexcept;

class HostAdapter final : public evm::Host {
public:
    HostAdapter(const HostInterface& host, HostContext* context, evm::Revision revision) noexcept
        : host_(host), host_context_(context), revision_(revision) {}
    ~HostAdapter() override { release(); }
    HostAdapter(const HostAdapter&) = delete;
    HostAdapter& operator=(const HostAdapter&) = delete;

    bool warm_account(const Address& address) override;
    Load load(const Address& address, const uint256& slot) override;
    Store store(const Address& address, const uint256& slot, const uint256& value) override;
    [[nodiscard]] uint256 load_transient(const Address& address, const uint256& slot) override;
    void store_transient(const Address& address, const uint256& slot, const uint256& value) override;
    [[nodiscard]] bool is_alive(const Address& address) override;
    [[nodiscard]] uint256 balance(const Address& address) override;
    [[nodiscard]] std::size_t code_size(const Address& address) override;
    [[nodiscard]] Hash256 code_hash(const Address& address) override;
    std::size_t copy_code(const Address& address, std::size_t offset, std::span<std::uint8_t> to) override;
    [[nodiscard]] std::optional<Address> delegate(const Address& address) override;
    bool self_destruct(const Address& address, const Address& heir) override;
    void log(const Address& address, std::span<const Hash256> topics, ByteView data) override;
    [[nodiscard]] evm::CallOutcome call(const evm::CallMessage& message) override;
    [[nodiscard]] const evm::TransactionContext& context() override;
    [[nodiscard]] Hash256 block_hash(std::uint64_t number) override;

private:
    /// Facts of the block, asked for when first needed.
    struct Facts {
        evm::BlockContext block;
        std::vector<Hash256> blob_hashes;
        evm::TransactionContext transaction{block, {}, {}, {}};
    };

    void release() noexcept;

    const HostInterface& host_;
    HostContext* host_context_;
    evm::Revision revision_;
    std::unique_ptr<Facts> facts_;
    /// Of the last call: its output is what RETURNDATACOPY reads.
    Result last_{};
};

}  // namespace troupe::evmc
