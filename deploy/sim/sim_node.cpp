#include "deploy/sim/sim_node.hpp"

#include "actors/execution/admission.hpp"
#include "actors/execution/bonds.hpp"
#include "actors/execution/evm_input.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe::sim {
namespace {

/// Recovered once for all nodes of all runs: recovery is not what is simulated.
[[nodiscard]] vm_pool::TransactionCache& transactions() {
    static vm_pool::TransactionCache cache;
    return cache;
}

[[nodiscard]] consensus::AssemblyConfig assembly_config(const Genesis& genesis, std::uint32_t index) {
    consensus::AssemblyConfig config;
    config.chain_id = genesis.parameters.chain_id;
    config.parameters = genesis.parameters;
    config.self = ValidatorIndex{index};
    config.validators = genesis.validators.size();
    return config;
}

[[nodiscard]] consensus::Config consensus_config(const Genesis& genesis, std::uint32_t index) {
    const auto& p = genesis.parameters;
    return {p.chain_id,  p.rules,          genesis.validators.size(), ValidatorIndex{index},
            p.view_time, p.block_interval, p.heartbeat_interval};
}

[[nodiscard]] chunk_signer::Config signer_config(const Genesis& genesis, std::uint32_t index) {
    chunk_signer::Config config;
    config.chain_id = genesis.parameters.chain_id;
    config.parameters = genesis.parameters;
    config.self = ValidatorIndex{index};
    return config;
}

[[nodiscard]] chunk_builder::Config builder_config(const Genesis& genesis, std::uint32_t index) {
    chunk_builder::Config config;
    config.chain_id = genesis.parameters.chain_id;
    config.parameters = genesis.parameters;
    config.self = ValidatorIndex{index};
    config.beneficiary = genesis.validators[index].beneficiary;
    config.validators = genesis.validators.size();
    return config;
}

}  // namespace

// State ---------------------------------------------------------------------------------------------------------------

std::optional<AccountRecord> SimState::account(const Address& address) {
    const auto it = accounts_.find(address);
    return it == accounts_.end() ? std::nullopt : std::optional{it->second};
}
uint256 SimState::storage(const Address& address, const uint256& slot) {
    const auto it = slots_.find({address, slot});
    return it == slots_.end() ? uint256{} : it->second;
}
std::shared_ptr<const Bytes> SimState::code(const CodeHash& hash) {
    const auto it = codes_.find(hash);
    return it == codes_.end() ? std::make_shared<const Bytes>() : it->second;
}
PayerState SimState::payer(const Address& address) const {
    PayerState out;
    if (const auto it = accounts_.find(address); it != accounts_.end()) {
        out.nonce = it->second.nonce;
        out.balance = it->second.balance;
    }
    if (const auto it = slots_.find({bond_registry(), bond_slot(address)}); it != slots_.end())
        out.bond = is_frozen(it->second) ? uint256{} : it->second;
    return out;
}
void SimState::apply(const StateDiff& diff) {
    for (const auto& [hash, code] : diff.codes) codes_.insert_or_assign(hash, std::make_shared<const Bytes>(code));
    for (const auto& change : diff.accounts) {
        if (change.deleted)
            accounts_.erase(change.address);
        else
            accounts_.insert_or_assign(change.address, AccountRecord{change.nonce, change.balance, change.code_hash});
        for (const auto& [slot, value] : change.storage) slots_.insert_or_assign({change.address, slot}, value);
    }
}

// Node ----------------------------------------------------------------------------------------------------------------

SimNode::SimNode(std::uint32_t index, const Genesis& genesis, const SignatureScheme& scheme, const Signer& signer,
                 SimDisk& disk, SimObserver& observer, World& world)
    : index_(index),
      genesis_(genesis),
      scheme_(scheme),
      disk_(disk),
      observer_(observer),
      world_(world),
      state_(genesis),
      tracker_(genesis.parameters, genesis.validators.size()),
      assembly_(assembly_config(genesis, index), scheme),
      consensus_(consensus_config(genesis, index), scheme, &signer),
      signer_(signer_config(genesis, index), scheme, &signer),
      builder_(builder_config(genesis, index), scheme, signer,
               [parameters = genesis.parameters](const RecoveredTransaction& t) {
                   return check_transaction(t, parameters);
               }),
      executor_(Height{0}) {}

void SimNode::start() {
    const auto genesis_hash = hash_of(genesis_);
    hashes_[0] = genesis_hash;
    assembly_.set_genesis(genesis_hash, genesis_.timestamp);
    signer_.restore(disk_.signed_slots);
    last_progress_ = now();
    consensus::Tip tip{Height{0}, genesis_hash, {}};
    for (const auto& block : disk_.blocks) {
        assembly_.replay(*block);
        tip = {block->block.header.height, block->commit.block, {block->commit}};
    }
    // State is computed again: blocks whose chunks are here execute at once, the others when those have come.
    replaying_ = true;
    builder_.start(disk_.reserved_expiry, genesis_.timestamp);
    for (const auto& block : disk_.blocks) {
        executor::Outbox out;
        executor_.on_committed(block, *this, out);
        carry_out(std::move(out));
    }
    replaying_ = false;
    consensus::Outbox out;
    consensus_.start(tip, disk_.consensus_record, now(), out);
    carry_out(out);
    for (std::uint32_t i = 0; i < genesis_.validators.size(); ++i)
        if (i != index_ && !disk_.blocks.empty())
            send(i, FrameKind::blocks_request, to_payload(BlocksRequest{consensus_.height()}));
}

void SimNode::broadcast(FrameKind kind, const Encoded& payload, bool self_too) {
    for (std::uint32_t i = 0; i < genesis_.validators.size(); ++i)
        if (i != index_ || self_too) send(i, kind, payload);
}

std::optional<TimeMs> SimNode::next_deadline() const {
    auto at = consensus_.next_deadline();
    if (const auto other = builder_.next_deadline()) at = at ? std::min(*at, *other) : *other;
    return at;
}

std::string SimNode::stance() const {
    const auto status = consensus_.status();
    return status.phase + " in view " + std::to_string(status.view.value) + " of height " +
           std::to_string(status.height.value);
}

void SimNode::on_timer() {
    {
        consensus::Outbox out;
        consensus_.set_work(assembly_.has_certificates(), now());
        consensus_.on_timer(now(), out);
        carry_out(out);
    }
    {
        chunk_builder::Outbox out;
        builder_.on_timer(now(), tracker_, state_, out);
        carry_out(out);
    }
    if (signer_.waits_for_chunks()) {
        chunk_signer::Outbox out;
        signer_.on_timer(now(), out);
        carry_out(out);
    }
    const auto& p = genesis_.parameters;
    if (now() > last_progress_ + p.heartbeat_interval + p.view_time && now() > last_request_ + p.view_time) {
        last_request_ = now();
        next_peer_ = (next_peer_ + 1) % static_cast<std::uint32_t>(genesis_.validators.size());
        if (next_peer_ != index_)
            send(next_peer_, FrameKind::blocks_request, to_payload(BlocksRequest{consensus_.height()}));
    }
}

void SimNode::on_frame(std::uint32_t from, FrameKind kind, const Bytes& payload) {
    switch (kind) {
        case FrameKind::consensus: {
            consensus::Outbox out;
            consensus_.on_message(ValidatorIndex{from}, payload, now(), out);
            return carry_out(out);
        }
        case FrameKind::certificate: {
            auto certificate = decode<ChunkCertificate>(payload);
            static_cast<void>(assembly_.add(std::move(*certificate), now()));
            return consensus_.set_work(assembly_.has_certificates(), now());
        }
        case FrameKind::blocks_request: return send_blocks(from, decode<BlocksRequest>(payload)->from);
        case FrameKind::blocks: {
            auto blocks = decode<Blocks>(payload);
            for (const auto& block : blocks->blocks) {
                if (block.block.header.height != consensus_.height()) continue;
                if (block.block.header.previous != assembly_.tip_hash() ||
                    !verify_committed(genesis_.parameters.chain_id, block, scheme_))
                    return observer_.on_evidence(index_, "a block that does not follow");
                consensus::Outbox out;
                consensus_.on_block_synced(block, now(), out);
                carry_out(out);
            }
            return;
        }
        case FrameKind::chunk_proposal: {
            chunk_signer::Outbox out;
            signer_.on_proposal(NodeIndex{from}, std::move(*decode<ChunkProposal>(payload)), now(), out);
            return carry_out(out);
        }
        case FrameKind::chunk_request: {
            const auto id = decode<ChunkRequest>(payload)->chunk;
            chunk_signer::Outbox out;
            signer_.on_chunk_request(NodeIndex{from}, id, has_chunk(id), out);
            return carry_out(out);
        }
        case FrameKind::chunk_reply: {
            chunk_signer::Outbox out;
            signer_.on_chunk_reply(NodeIndex{from}, payload, out);
            return carry_out(out);
        }
        case FrameKind::submit: {
            chunk_builder::Outbox out;
            const auto submission = decode<SubmitTransactions>(payload);
            for (const auto& raw : submission->transactions)
                builder_.on_transaction(*transactions().get(raw), now(), state_, out);
            return carry_out(out);
        }
        case FrameKind::chunk_signature: {
            chunk_builder::Outbox out;
            builder_.on_signature(*decode<ChunkSignature>(payload), now(), out);
            return carry_out(out);
        }
        default: return;  // refusals, and what is for roles that no simulated node has
    }
}

void SimNode::carry_out(consensus::Outbox& out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        auto effect = std::move(out[i]);
        if (auto* persist = std::get_if<consensus::Persist>(&effect)) {
            disk_.consensus_record = std::move(persist->record);
        } else if (const auto* all = std::get_if<consensus::Broadcast>(&effect)) {
            observer_.on_said(index_, *all->message);
            broadcast(FrameKind::consensus, all->message, false);
        } else if (const auto* one = std::get_if<consensus::Send>(&effect)) {
            send(one->to.value, FrameKind::consensus, one->message);
        } else if (const auto* build = std::get_if<consensus::BuildProposal>(&effect)) {
            to_build_ = *build;
            try_build(out);
        } else if (auto* judge = std::get_if<consensus::Judge>(&effect)) {
            to_judge_.push_back(std::move(*judge));
            try_judge(out);
        } else if (const auto* committed = std::get_if<consensus::Committed>(&effect)) {
            const auto& block = *committed->block;
            TROUPE_ASSERT(disk_.blocks.size() + 1 == block.block.header.height.value);
            disk_.blocks.push_back(committed->block);
            assembly_.on_committed(block);
            to_build_.reset();
            to_judge_.clear();
            last_progress_ = now();
            world_.note("node " + std::to_string(index_) + " commits " +
                        std::to_string(block.block.header.height.value) + " view " +
                        std::to_string(block.commit.view.value) + " " + to_hex(block.commit.block.view().first(4)));
            observer_.on_commit(index_, block);
            consensus_.set_work(assembly_.has_certificates(), now());
            executor::Outbox next;
            executor_.on_committed(committed->block, *this, next);
            carry_out(std::move(next));
        } else if (const auto* request = std::get_if<consensus::RequestBlocks>(&effect)) {
            send(request->from.value, FrameKind::blocks_request, to_payload(BlocksRequest{request->first}));
        } else if (const auto* blocks = std::get_if<consensus::SendBlocks>(&effect)) {
            send_blocks(blocks->to.value, blocks->first);
        } else if (const auto* evidence = std::get_if<consensus::Evidence>(&effect)) {
            observer_.on_evidence(index_, evidence->what);
        } else if (const auto* note = std::get_if<consensus::Note>(&effect)) {
            world_.note("node " + std::to_string(index_) + " h=" + std::to_string(consensus_.height().value) +
                        " v=" + std::to_string(consensus_.view().value) + " " + note->text);
        }
    }
    out.clear();
}

void SimNode::carry_out(const chunk_signer::Outbox& out) {
    for (const auto& effect : out) {
        if (const auto* persist = std::get_if<chunk_signer::PersistChunk>(&effect)) {
            disk_.chunks[persist->chunk.id] = std::make_shared<const Bytes>(persist->encoded_chunk);
            if (persist->signs) disk_.signed_slots.push_back({persist->chunk, persist->producer_signature});
        } else if (const auto* signature = std::get_if<chunk_signer::SendSignature>(&effect)) {
            send(signature->signature.chunk.producer.value, FrameKind::chunk_signature,
                 to_payload(signature->signature));
        } else if (const auto* chunk = std::get_if<chunk_signer::SendChunk>(&effect)) {
            send(chunk->to.value, FrameKind::chunk_reply, disk_.chunks.at(chunk->id));
        } else if (const auto* request = std::get_if<chunk_signer::RequestChunk>(&effect)) {
            send(request->to.value, FrameKind::chunk_request, to_payload(ChunkRequest{request->id}));
        } else if (const auto* arrived = std::get_if<chunk_signer::ChunkArrived>(&effect)) {
            executor::Outbox next;
            executor_.on_chunk_arrived(arrived->chunk.id, next);
            carry_out(std::move(next));
        } else if (std::holds_alternative<chunk_signer::ReportFault>(effect)) {
            observer_.on_evidence(index_, "a chunk fault");
        }
    }
}

void SimNode::carry_out(const chunk_builder::Outbox& out) {
    for (const auto& effect : out) {
        if (const auto* reserve = std::get_if<chunk_builder::ReserveExpiries>(&effect)) {
            disk_.reserved_expiry = reserve->until;
        } else if (const auto* proposal = std::get_if<chunk_builder::BroadcastProposal>(&effect)) {
            const auto payload = to_payload(proposal->proposal);
            if (proposal->only_to.empty()) broadcast(FrameKind::chunk_proposal, payload, true);
            for (const auto to : proposal->only_to) send(to.value, FrameKind::chunk_proposal, payload);
        } else if (const auto* certificate = std::get_if<chunk_builder::BroadcastCertificate>(&effect)) {
            broadcast(FrameKind::certificate, to_payload(certificate->certificate), true);
        }
    }
}

void SimNode::carry_out(executor::Outbox out) {
    while (!out.empty()) {
        const auto effects = std::exchange(out, {});
        for (const auto& effect : effects) {
            if (const auto* need = std::get_if<executor::NeedChunks>(&effect)) {
                chunk_signer::Outbox requests;
                signer_.on_chunks_needed(need->certificates, now(), requests);
                carry_out(requests);
            } else {
                const auto& block = std::get<executor::Execute>(effect).block;
                execute(block);
                executor_.on_finished(block->block.header.height, out);
            }
        }
    }
}

void SimNode::execute(const std::shared_ptr<const CommittedBlock>& block) {
    std::vector<std::shared_ptr<const Chunk>> contents;
    for (const auto& certificate : block->block.certificates)
        contents.push_back(
            std::make_shared<const Chunk>(std::move(*decode<Chunk>(*disk_.chunks.at(certificate.chunk.id)))));
    tracker_.observe(block->block);
    const BlockInput input{genesis_.parameters,
                           genesis_.validators.size(),
                           beneficiary_of(genesis_, block->block.header.proposer),
                           tracker_,
                           *block,
                           contents,
                           [](ByteView raw) { return transactions().get(raw); },
                           [](const TransactionHash&) { return false; },
                           [this](std::uint64_t height) {
                               const auto it = hashes_.find(height);
                               return it == hashes_.end() ? Hash256{} : Hash256::from(it->second);
                           }};
    auto output = execute_block(input, state_, codes_);
    state_.apply(output.diff);
    // A digest of all changes so far stands for the state root: equal states give equal digests.
    Bytes link{state_digest_.begin(), state_digest_.end()};
    for (const auto& change : output.diff.accounts) {
        append(link, change.address.view());
        append(link, to_big_endian(change.balance).view());
        append(link, encode(change.nonce));
        for (const auto& [slot, value] : change.storage) append(link, to_big_endian(slot ^ value).view());
    }
    state_digest_ = RootHash::from(sha256(link));
    output.executed.result.state_root = state_digest_;
    hashes_[block->block.header.height.value] = block->commit.block;
    const auto outcome = std::make_shared<const ExecutionOutcome>(
        ExecutionOutcome{block, std::move(output.executed), std::move(output.filtered)});
    assembly_.on_executed(outcome->executed.result);
    observer_.on_executed(index_, outcome, output.diff);
    {
        chunk_builder::Outbox out;
        builder_.on_executed(*outcome, now(), state_, out);
        carry_out(out);
    }
    {
        std::vector<ChunkReference> executed;
        for (const auto& certificate : block->block.certificates) executed.push_back(certificate.chunk);
        chunk_signer::Outbox out;
        signer_.on_executed(executed, outcome->executed.timestamp, out);
        carry_out(out);
    }
    if (replaying_) return;
    consensus::Outbox out;
    if (to_build_) try_build(out);
    try_judge(out);
    // Not at once: execution may be running inside consensus' own effects.
    if (!out.empty()) {
        auto shared = std::make_shared<consensus::Outbox>(std::move(out));
        carry_out(*shared);
    }
}

void SimNode::try_build(consensus::Outbox& out) {
    if (to_build_->height != consensus_.height() || to_build_->view != consensus_.view()) return to_build_.reset();
    if (!assembly_.can_build(to_build_->height) || assembly_.tip().next() != to_build_->height) return;
    const auto view = to_build_->view;
    auto block = assembly_.build(to_build_->height, assembly_.tip_hash(), now(), consensus_.previous_votes());
    to_build_.reset();
    consensus_.on_proposal_built(std::move(block), view, now(), out);
}

void SimNode::try_judge(consensus::Outbox& out) {
    const auto waiting = std::exchange(to_judge_, {});
    for (const auto& judge : waiting) {
        if (judge.block->header.height != consensus_.height() || assembly_.tip().next() != consensus_.height()) {
            if (judge.block->header.height == consensus_.height()) to_judge_.push_back(judge);
            continue;
        }
        const auto judgement = assembly_.judge(*judge.block, now());
        if (judgement.verdict == consensus::Verdict::wait)
            to_judge_.push_back(judge);
        else
            consensus_.on_judged(judge.hash, judgement.verdict == consensus::Verdict::valid, judgement.why, now(), out);
    }
}

void SimNode::send_blocks(std::uint32_t to, Height first) {
    Blocks reply;
    for (auto height = std::max<std::uint64_t>(first.value, 1);
         height <= disk_.blocks.size() && reply.blocks.size() < 64; ++height)
        reply.blocks.push_back(*disk_.blocks[height - 1]);
    if (!reply.blocks.empty()) send(to, FrameKind::blocks, to_payload(reply));
}

}  // namespace troupe::sim
