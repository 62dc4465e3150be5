#include "actors/chunk_signer/core.hpp"

#include "runtime/crypto/sha256.hpp"

namespace troupe::chunk_signer {

void Core::restore(const std::vector<SignedBefore>& records) {
    for (const auto& record : records) {
        slots_.insert_or_assign({record.chunk.expiry, record.chunk.producer},
                                Signed{record.chunk, record.producer_signature});
        if (live_.emplace(record.chunk.id, record.chunk).second) ++live_by_producer_[record.chunk.producer];
    }
}

/// Nothing wrong: null. C-13; that the signature is the producer's registered key's is checked by the caller.
const char* Core::check(const ChunkReference& chunk, const Chunk& content, TimeMs now) const {
    const auto& p = config_.parameters;
    if (chunk.producer.value >= scheme_.validators()) return "chunk of a producer that is no validator";
    if (content.transactions.empty()) return "chunk without transactions";
    if (content.transactions.size() > limits::chunk_transactions_max) return "chunk with too many transactions";
    if (chunk.expiry.value % p.chunk_slot.value != 0) return "chunk expiry is not on a slot";
    if (chunk.expiry < now) return "chunk has expired";
    if (chunk.expiry > now + p.chunk_lifetime + p.chunk_slot + config_.clock_skew_max)
        return "chunk expiry too far ahead";
    return nullptr;
}

void Core::vouch(const ChunkReference& chunk, Outbox& out) {
    if (!config_.self) return;
    auto signature = signer_->sign(chunk_signing_payload(config_.chain_id, chunk));
    out.push_back(SendSignature{{chunk, *config_.self, std::move(signature)}});
}

void Core::on_proposal(NodeIndex from, ChunkProposal proposal, TimeMs now, Outbox& out) {
    auto encoded = encode(proposal.chunk);
    if (encoded.size() > limits::chunk_bytes_max) return out.push_back(RejectPeer{from, "chunk over the size limit"});
    const ChunkReference chunk{ChunkId::from(sha256(encoded)), proposal.chunk.producer, proposal.chunk.expiry};

    const auto slot = slots_.find({chunk.expiry, chunk.producer});
    if (slot != slots_.end() && slot->second.chunk == chunk) return vouch(chunk, out);  // our first answer was lost

    if (const char* why = check(chunk, proposal.chunk, now)) return out.push_back(RejectPeer{from, why});
    if (!scheme_.verify(chunk.producer, chunk_signing_payload(config_.chain_id, chunk), proposal.signature))
        return out.push_back(RejectPeer{from, "chunk not signed by its producer"});

    if (slot != slots_.end()) {
        const ChunkSignature first{slot->second.chunk, chunk.producer, slot->second.producer_signature};
        const ChunkSignature second{chunk, chunk.producer, proposal.signature};
        return out.push_back(ReportFault{{chunk.producer, first, second}});
    }
    auto& live = live_by_producer_[chunk.producer];
    if (live >= config_.live_chunks_per_producer_max)
        return out.push_back(RejectPeer{from, "producer has too many live chunks"});

    slots_.emplace(std::pair{chunk.expiry, chunk.producer}, Signed{chunk, proposal.signature});
    const bool is_new = live_.emplace(chunk.id, chunk).second;
    if (is_new) ++live;
    wanted_.erase(chunk.id);
    out.push_back(PersistChunk{chunk, std::move(encoded), std::move(proposal.signature), config_.self.has_value()});
    vouch(chunk, out);
    out.push_back(
        ChunkArrived{chunk, std::make_shared<const Chunk>(std::move(proposal.chunk)), std::move(proposal.senders)});
}

void Core::ask(const ChunkId& id, Wanted& wanted, TimeMs now, Outbox& out) {
    if (wanted.holders.empty()) return;
    const auto holder = wanted.holders[wanted.next_holder % wanted.holders.size()];
    ++wanted.next_holder;
    wanted.asked = now;
    out.push_back(RequestChunk{NodeIndex{holder.value}, id});
}

void Core::on_chunks_needed(const std::vector<ChunkCertificate>& certificates, TimeMs now, Outbox& out) {
    for (const auto& certificate : certificates) {
        const auto& id = certificate.chunk.id;
        if (wanted_.contains(id)) continue;
        Wanted wanted;
        signer_set::for_each(certificate.signatures.signers, [&](ValidatorIndex holder) {
            if (!config_.self || holder != *config_.self) wanted.holders.push_back(holder);
        });
        // Spread the load: different nodes start at different holders.
        wanted.next_holder = id[0] + (config_.self ? config_.self->value : 0);
        ask(id, wanted_.emplace(id, std::move(wanted)).first->second, now, out);
    }
}

void Core::on_chunk_request(NodeIndex from, const ChunkId& id, bool have, Outbox& out) {
    if (have) out.push_back(SendChunk{from, id});
}

void Core::on_chunk_reply(NodeIndex from, Bytes encoded_chunk, Outbox& out) {
    auto chunk = decode<Chunk>(encoded_chunk);
    if (!chunk) return out.push_back(RejectPeer{from, chunk.error().message});
    const auto reference = reference_of(*chunk);
    if (wanted_.erase(reference.id) == 0) return;  // not asked for, or answered already
    out.push_back(PersistChunk{reference, std::move(encoded_chunk), {}, false});
    out.push_back(ChunkArrived{reference, std::make_shared<const Chunk>(std::move(*chunk)), {}});
}

void Core::on_timer(TimeMs now, Outbox& out) {
    for (auto& [id, wanted] : wanted_)
        if (now >= wanted.asked + config_.request_retry) ask(id, wanted, now, out);
}

void Core::on_executed(const std::vector<ChunkReference>& executed, TimeMs block_timestamp, Outbox& out) {
    for (const auto& chunk : executed) {
        if (live_.erase(chunk.id) == 0) continue;
        --live_by_producer_[chunk.producer];
    }
    // No later block may include a chunk that expires before this block's timestamp.
    ForgetChunks forget;
    while (!slots_.empty() && slots_.begin()->first.first < block_timestamp) {
        const auto& chunk = slots_.begin()->second.chunk;
        if (live_.erase(chunk.id) != 0) {
            --live_by_producer_[chunk.producer];
            forget.ids.push_back(chunk.id);
        }
        slots_.erase(slots_.begin());
    }
    if (!forget.ids.empty()) out.push_back(std::move(forget));
}

}  // namespace troupe::chunk_signer
