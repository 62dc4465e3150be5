// One simulated validator: the production cores joined as deploy/node joins their actors, with a disk that outlives it.
#pragma once

#include <map>

#include "actors/chunk_builder/core.hpp"
#include "actors/chunk_signer/core.hpp"
#include "actors/consensus/assembly.hpp"
#include "actors/consensus/core.hpp"
#include "actors/execution/block_execution.hpp"
#include "actors/execution/contract_engine.hpp"
#include "actors/executor/core.hpp"
#include "actors/gateway/pool.hpp"
#include "actors/vm_pool/transaction_cache.hpp"
#include "runtime/actor/network.hpp"
#include "runtime/sim/world.hpp"

namespace troupe::sim {

inline constexpr std::uint64_t simulated_chain_id = 7;
using Encoded = std::shared_ptr<const Bytes>;

/// State in memory, for execution and for whoever asks who pays.
class SimState final : public StateReader, public PayerReader {
public:
    explicit SimState(const Genesis& genesis) { apply(genesis_state(genesis)); }

    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override;
    [[nodiscard]] uint256 storage(const Address& address, const uint256& slot) override;
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash& hash) override;
    [[nodiscard]] PayerState payer(const Address& address) const override;
    [[nodiscard]] bool native_executed(const TransactionHash&) const override { return false; }
    void apply(const StateDiff& diff);

private:
    std::map<Address, AccountRecord> accounts_;
    std::map<std::pair<Address, uint256>, uint256> slots_;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes_;
};

/// What survives a crash. Signing records and chunks are synced when written; so are a validator's blocks, but here the
/// last ones go with the power, as on a disk that lies. State is computed again from the blocks.
class SimDisk {
public:
    std::optional<Bytes> consensus_record;
    TimeMs reserved_expiry;
    std::map<ChunkId, Encoded> chunks;
    std::vector<chunk_signer::SignedBefore> signed_slots;
    std::vector<std::shared_ptr<const CommittedBlock>> blocks;

    void lose_unsynced(std::uint64_t count) {
        blocks.resize(blocks.size() - std::min<std::size_t>(count, blocks.size()));
    }
};

class SimObserver {
public:
    virtual ~SimObserver() = default;
    virtual void on_commit(std::uint32_t node, const CommittedBlock& block) = 0;
    virtual void on_executed(std::uint32_t node, const ExecutionOutcomePtr& outcome, const StateDiff& diff) = 0;
    /// A consensus message that the node broadcasts, recovery messages included.
    virtual void on_said(std::uint32_t node, const Bytes& message) = 0;
    virtual void on_evidence(std::uint32_t node, const std::string& what) = 0;
    virtual void send(std::uint32_t from, std::uint32_t to, FrameKind kind, const Encoded& payload) = 0;
};

class SimNode final : public executor::ChunkAvailability {
public:
    SimNode(std::uint32_t index, const Genesis& genesis, const SignatureScheme& scheme, const Signer& signer,
            SimDisk& disk, SimObserver& observer, World& world);

    void start();
    void on_frame(std::uint32_t from, FrameKind kind, const Bytes& payload);
    void on_timer();
    [[nodiscard]] std::optional<TimeMs> next_deadline() const;

    [[nodiscard]] std::uint64_t height() const noexcept { return consensus_.height().value - 1; }
    /// "committed in view 0", "changing view 1", …
    [[nodiscard]] std::string stance() const;
    [[nodiscard]] consensus::ConsensusStatus status() const { return consensus_.status(); }
    [[nodiscard]] bool has_chunk(const ChunkId& id) const override { return disk_.chunks.contains(id); }

private:
    void carry_out(consensus::Outbox& out);
    void carry_out(const chunk_signer::Outbox& out);
    void carry_out(const chunk_builder::Outbox& out);
    void carry_out(executor::Outbox out);
    void execute(const std::shared_ptr<const CommittedBlock>& block);
    void try_build(consensus::Outbox& out);
    void try_judge(consensus::Outbox& out);
    void send_blocks(std::uint32_t to, Height first);
    void send(std::uint32_t to, FrameKind kind, const Encoded& payload) { observer_.send(index_, to, kind, payload); }
    void broadcast(FrameKind kind, const Encoded& payload, bool self_too);
    [[nodiscard]] TimeMs now() const { return world_.now(); }

    std::uint32_t index_;
    const Genesis& genesis_;
    const SignatureScheme& scheme_;
    SimDisk& disk_;
    SimObserver& observer_;
    World& world_;
    SimState state_;
    ActivityTracker tracker_;
    RootHash state_digest_;
    std::map<std::uint64_t, BlockHash> hashes_;
    consensus::Assembly assembly_;
    consensus::Core consensus_;
    chunk_signer::Core signer_;
    chunk_builder::Core builder_;
    executor::Core executor_;
    evm::AnalysisCache codes_{contract_engine()};
    std::optional<consensus::BuildProposal> to_build_;
    std::vector<consensus::Judge> to_judge_;
    TimeMs last_progress_;
    TimeMs last_request_;
    std::uint32_t next_peer_ = 0;
    bool replaying_ = false;
};

}  // namespace troupe::sim
