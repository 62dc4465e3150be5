#include "actors/consensus/assembly.hpp"

namespace troupe::consensus {
namespace {

[[nodiscard]] ChunkReferenceOrder order_of(const ChunkReference& chunk) {
    return {chunk.expiry, chunk.producer, chunk.id};
}

/// Before any chunk of this expiry.
[[nodiscard]] ChunkReferenceOrder start_of(TimeMs expiry) { return {expiry, ValidatorIndex{0}, {}}; }

}  // namespace

void Assembly::replay(const CommittedBlock& block) { on_committed(block); }

Status Assembly::add(ChunkCertificate certificate, TimeMs now) {
    const auto key = order_of(certificate.chunk);
    if (pool_.contains(key) || included_.contains(key)) return Done{};
    const auto& p = config_.parameters;
    if (certificate.chunk.expiry <= tip_timestamp_ || certificate.chunk.expiry < now)
        return make_error(ErrorCode::expired, "certificate of an expired chunk");
    if (certificate.chunk.expiry > now + p.chunk_lifetime + p.chunk_slot + config_.clock_skew_max)
        return make_error(ErrorCode::invalid, "certificate of a chunk that expires too far ahead");
    if (pool_.size() >= config_.pool_max) return make_error(ErrorCode::overloaded, "certificate pool is full");
    if (auto status = verify_certificate(config_.chain_id, certificate, scheme_); !status) return status;
    pool_.emplace(key, std::move(certificate));
    return Done{};
}

Status Assembly::add(StorageReceipt receipt) {
    const auto key = key_of(receipt);
    if (receipts_.contains(key) || receipts_included_.contains(key)) return Done{};
    if (receipt.height.value + receipt_window_blocks <= tip_.value)
        return make_error(ErrorCode::expired, "receipt for a block too long ago");
    // Bounds the pool: two windows of each registered node.
    if (receipt.height.value > tip_.value + receipt_window_blocks)
        return make_error(ErrorCode::invalid, "receipt for a block too far ahead");
    if (auto status = verify_receipt(config_.chain_id, receipt, config_.storage); !status) return status;
    receipts_.emplace(key, std::move(receipt));
    return Done{};
}

void Assembly::on_committed(const CommittedBlock& committed) {
    const auto& block = committed.block;
    tip_ = block.header.height;
    tip_hash_ = committed.commit.block;
    tip_timestamp_ = block.header.timestamp;
    for (const auto& certificate : block.certificates) {
        const auto key = order_of(certificate.chunk);
        pool_.erase(key);
        included_.insert(key);
    }
    // A block's timestamp is later than its predecessor's: what expires by now can't be included any more.
    pool_.erase(pool_.begin(), pool_.lower_bound(start_of(tip_timestamp_.next())));
    included_.erase(included_.begin(), included_.lower_bound(start_of(tip_timestamp_.next())));
    for (const auto& result : block.results) results_.erase(results_.begin(), results_.upper_bound(result.height));
    for (const auto& receipt : block.receipts) {
        receipts_.erase(key_of(receipt));
        receipts_included_.insert(key_of(receipt));
    }
    if (tip_.value < receipt_window_blocks) return;
    // The next block can carry none that is this old.
    const ReceiptKey oldest{Height{tip_.value + 1 - receipt_window_blocks}, NodeIndex{0}};
    receipts_.erase(receipts_.begin(), receipts_.lower_bound(oldest));
    receipts_included_.erase(receipts_included_.begin(), receipts_included_.lower_bound(oldest));
}

void Assembly::on_executed(const ExecutionResult& result) {
    if (result.height.value + config_.parameters.execution_delay > tip_.value) results_[result.height] = result;
}

bool Assembly::can_build(Height height) const {
    return !owes_result(height) || results_.contains(Height{height.value - config_.parameters.execution_delay});
}

Block Assembly::build(Height height, const BlockHash& previous, TimeMs now,
                      std::vector<CommitCertificate> votes) const {
    TROUPE_ASSERT(can_build(height));
    Block block;
    block.header.height = height;
    block.header.previous = previous;
    block.header.timestamp = std::max(now, tip_timestamp_.next());
    block.header.proposer = config_.self;
    for (const auto& [key, certificate] : pool_) {
        if (key.expiry < block.header.timestamp) continue;
        if (block.certificates.size() >= config_.certificates_per_block_max) break;
        block.certificates.push_back(certificate);
    }
    block.votes = std::move(votes);
    for (const auto& [key, receipt] : receipts_) {
        if (key.first >= height || block.receipts.size() >= block_receipts_max) break;
        block.receipts.push_back(receipt);
    }
    if (owes_result(height))
        block.results.push_back(results_.at(Height{height.value - config_.parameters.execution_delay}));
    seal(block);
    return block;
}

Judgement Assembly::judge(const Block& block, TimeMs now) const {
    const auto invalid = [](std::string why) { return Judgement{Verdict::invalid, std::move(why)}; };
    const auto& header = block.header;
    if (header.height != tip_.next()) return invalid("height does not follow the tip");
    if (header.previous != tip_hash_) return invalid("does not follow the tip's hash");
    if (header.proposer.value >= config_.validators) return invalid("proposer is no validator");
    if (!is_sealed(block)) return invalid("digests do not match the parts");
    if (header.timestamp <= tip_timestamp_) return invalid("timestamp not after the previous block's");
    if (header.timestamp > now + config_.clock_skew_max) return invalid("timestamp too far ahead");
    if (auto why = check_votes(block); !why.empty()) return invalid(std::move(why));
    if (auto why = check_certificates(block); !why.empty()) return invalid(std::move(why));
    if (auto why = check_receipts(block); !why.empty()) return invalid(std::move(why));
    if (!owes_result(header.height))
        return block.results.empty() ? Judgement{} : invalid("carries a result before the first is due");
    const Height due{header.height.value - config_.parameters.execution_delay};
    if (block.results.size() != 1 || block.results[0].height != due) return invalid("does not carry the due result");
    const auto own = results_.find(due);
    if (own == results_.end()) return {Verdict::wait, "execution has not reached the due result"};
    return own->second == block.results[0] ? Judgement{} : invalid("result differs from this node's execution");
}

std::string Assembly::check_votes(const Block& block) const {
    if (block.header.height.value == 1) return block.votes.empty() ? "" : "votes before the first block";
    if (block.votes.size() != 1) return "does not carry the previous block's votes";
    const auto& votes = block.votes[0];
    if (votes.height != tip_ || votes.block != tip_hash_) return "votes are not for the previous block";
    if (signer_set::count(votes.signatures.signers) < quorum(config_.validators))
        return "votes are fewer than a quorum";
    const auto payload = commit_signing_payload(config_.chain_id, votes.height, votes.view, votes.block);
    return scheme_.verify_aggregate(payload, votes.signatures) ? "" : "votes do not verify";
}

std::string Assembly::check_receipts(const Block& block) const {
    if (block.receipts.size() > block_receipts_max) return "too many storage receipts";
    const StorageReceipt* before = nullptr;
    for (const auto& receipt : block.receipts) {
        const auto key = key_of(receipt);
        if (before != nullptr && key_of(*before) >= key) return "storage receipts are not in order";
        before = &receipt;
        if (receipt.height >= block.header.height) return "storage receipt for a block that is not before it";
        if (receipt.height.value + receipt_window_blocks < block.header.height.value)
            return "storage receipt for a block too long ago";
        if (receipts_included_.contains(key)) return "storage receipt is included already";
        const auto known = receipts_.find(key);
        if (known != receipts_.end() && known->second == receipt) continue;  // verified when it came
        if (auto status = verify_receipt(config_.chain_id, receipt, config_.storage); !status)
            return status.error().message;
    }
    return "";
}

std::string Assembly::check_certificates(const Block& block) const {
    if (block.certificates.size() > limits::block_certificates_max) return "too many certificates";
    const auto& p = config_.parameters;
    std::set<ChunkReferenceOrder> seen;
    for (const auto& certificate : block.certificates) {
        const auto key = order_of(certificate.chunk);
        if (!seen.insert(key).second) return "certificate twice in the block";
        if (included_.contains(key)) return "chunk is included already";
        if (certificate.chunk.expiry < block.header.timestamp) return "certificate of an expired chunk";
        if (certificate.chunk.expiry >
            block.header.timestamp + p.chunk_lifetime + p.chunk_slot + config_.clock_skew_max + config_.clock_skew_max)
            return "chunk expires too far ahead";
        const auto known = pool_.find(key);
        if (known != pool_.end() && known->second == certificate) continue;  // verified when it came
        if (auto status = verify_certificate(config_.chain_id, certificate, scheme_); !status)
            return status.error().message;
    }
    return "";
}

}  // namespace troupe::consensus
