// A chain for tests of the roles beside it: a genesis with four validators and one node for each service, blocks with a
// quorum's votes, storage receipts, and results as given.
#pragma once

#include <memory>
#include <vector>

#include "actors/arbiter/messages.hpp"
#include "runtime/crypto/sim_signature.hpp"
#include "runtime/ledger/genesis.hpp"
#include "runtime/ledger/manifest.hpp"

namespace troupe {

struct ChainFixture {
    static constexpr std::uint64_t chain_id = 7;
    static constexpr NodeIndex storage{4}, metadata_1{5}, metadata_2{6}, batch_1{7}, batch_2{8}, batch_3{9};

    ChainFixture() {
        auto& p = genesis.parameters;
        p.chain_id = chain_id;
        p.checkpoint_interval = 4;
        p.epoch_length = DurationMs{500};
        p.chunk_lifetime = DurationMs{400};
        genesis.timestamp = TimeMs{100'000};
        for (std::uint32_t i = 0; i < 4; ++i) {
            signers.push_back(make_sim_signer(1, ValidatorIndex{i}));
            add("validator", i, {});
        }
        add("storage", 4, {Service::chain, Service::storage});
        add("metadata", 5, {Service::metadata});
        add("metadata", 6, {Service::metadata});
        for (std::uint32_t i = 7; i < 10; ++i) add("batch", i, {Service::batch_validation});
        add("arbiter", 10, {Service::arbitration});
        scheme = make_sim_scheme(1, 4);
    }

    [[nodiscard]] const Ed25519KeyPair& key(NodeIndex node) const { return keys[node.value]; }
    [[nodiscard]] StorageReceipt receipt(Height height, const Hash256& bundle, NodeIndex by = storage) const {
        StorageReceipt out{height, bundle, by, {}};
        const auto signature = key(by).sign(receipt_signing_payload(chain_id, out));
        out.signature = {signature.begin(), signature.end()};
        return out;
    }
    [[nodiscard]] CommitCertificate votes(const BlockHash& block, Height height, std::vector<std::uint32_t> by) const {
        CommitCertificate out{height, View{0}, block, {}};
        std::vector<std::pair<ValidatorIndex, Bytes>> signatures;
        const auto payload = commit_signing_payload(chain_id, height, View{0}, block);
        for (const auto i : by) signatures.emplace_back(ValidatorIndex{i}, signers[i]->sign(payload));
        out.signatures = *scheme->aggregate(std::move(signatures));
        return out;
    }
    /// Sealed and voted for, after the block `previous` of `chain` (block 1 if there is none).
    [[nodiscard]] CommittedBlock commit(const std::vector<CommittedBlock>& chain, Block block,
                                        std::vector<std::uint32_t> by = {0, 1, 2}) const {
        const bool is_first = chain.empty();
        auto& header = block.header;
        header.height = is_first ? Height{1} : chain.back().block.header.height.next();
        header.previous = is_first ? hash_of(genesis) : hash_of(chain.back().block.header);
        if (header.timestamp.value == 0)
            header.timestamp = (is_first ? genesis.timestamp : chain.back().block.header.timestamp) + DurationMs{100};
        if (!is_first) block.votes = {chain.back().commit};
        seal(block);
        const auto hash = hash_of(header);
        return {block, votes(hash, header.height, std::move(by))};
    }
    /// Adds `count` blocks to `blocks` with a result that is only a number, and a receipt for the block before.
    void grow(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            Block block;
            const auto height = blocks.size() + 1;
            if (height > genesis.parameters.execution_delay)
                block.results.push_back(numbered_result(height - genesis.parameters.execution_delay));
            if (height > 1) block.receipts.push_back(receipt(Height{height - 1}, numbered_bundle(height - 1)));
            blocks.push_back(commit(blocks, std::move(block)));
        }
    }
    [[nodiscard]] static ExecutionResult numbered_result(std::uint64_t height) {
        ExecutionResult result;
        result.height = Height{height};
        result.state_root[0] = static_cast<std::uint8_t>(height);
        return result;
    }
    [[nodiscard]] static Hash256 numbered_bundle(std::uint64_t height) {
        Hash256 out;
        out[0] = static_cast<std::uint8_t>(height);
        out[1] = 0xb0;
        return out;
    }
    [[nodiscard]] BlockManifest manifest(std::size_t height) const { return manifest_of(blocks[height - 1]); }

    Genesis genesis;
    std::vector<Ed25519KeyPair> keys;
    std::vector<std::unique_ptr<Signer>> signers;
    std::unique_ptr<SignatureScheme> scheme;
    std::vector<CommittedBlock> blocks;

private:
    void add(const std::string& name, std::uint32_t index, std::vector<Service> services) {
        Ed25519Seed seed;
        seed[0] = static_cast<std::uint8_t>(index + 1);
        keys.push_back(*Ed25519KeyPair::from_seed(seed.view()));
        GenesisNode node{name + "-" + std::to_string(index), keys.back().public_key(), {}, std::move(services)};
        (index < 4 ? genesis.validators : genesis.followers).push_back(std::move(node));
    }
};

}  // namespace troupe
