#include "actors/batch_validator/core.hpp"

#include "runtime/crypto/sha256.hpp"

namespace troupe::batch_validator {
namespace {

constexpr std::uint32_t manifests_per_request = 256;

[[nodiscard]] Error wrong(std::string why) { return make_error(ErrorCode::invalid, std::move(why)); }

}  // namespace

Core::Core(Config config, const Genesis& genesis, const SignatureScheme& scheme)
    : config_(std::move(config)),
      genesis_(genesis),
      scheme_(scheme),
      registry_(storage_registry(genesis)),
      metadata_peers_(config_.metadata_nodes),
      storage_peers_(config_.storage_nodes) {}

// From the arbiter
// -----------------------------------------------------------------------------------------------------

void Core::on_assignment(const arbiter::Assignment& assignment, TimeMs now, Outbox& out) {
    registered_ = true;
    if (assignment_ && assignment_->target.height == assignment.target.height &&
        assignment_->attempt == assignment.attempt)
        return;
    if (assignment.from >= assignment.target.height) return;
    drop_contents();
    verdict_.reset();
    assignment_ = assignment;
    // By this node's own clock: an answer in the last quarter could be late.
    give_up_at_ = TimeMs{now.value + genesis_.parameters.validation_time.value / 4 * 3};
    step_ = Step::manifests;
    manifests_asked_ = TimeMs{0};
    advance(now, out);
}

void Core::on_settled(Height height, std::uint32_t attempt) {
    if (!assignment_ || assignment_->target.height != height || assignment_->attempt != attempt) return;
    // While it is being replayed the fragment is not here: what comes back is then dropped.
    drop_contents();
    assignment_.reset();
    verdict_.reset();
    step_ = Step::idle;
}

// Manifests
// ------------------------------------------------------------------------------------------------------------

void Core::on_manifests(NodeIndex from, std::vector<BlockManifest> manifests, TimeMs now, Outbox& out) {
    if (step_ != Step::manifests) return;
    const auto chain_id = genesis_.parameters.chain_id;
    std::map<Height, BlockManifest> checked;
    for (auto& manifest : manifests) {
        const auto height = manifest.header.height;
        if (!checked.empty())
            if (auto status = verify_succession(checked.rbegin()->second, manifest); !status)
                return out.push_back(Refuse{from, status.error().message});
        if (auto status = verify_manifest(chain_id, manifest, scheme_, registry_); !status)
            return out.push_back(Refuse{from, status.error().message});
        checked.emplace(height, std::move(manifest));
    }
    metadata_peers_.on_answer(from);
    if (checked.empty()) return;
    if (checked.begin()->first == Height{1})
        if (auto status = verify_first(hash_of(genesis_), checked.begin()->second); !status)
            return out.push_back(Refuse{from, status.error().message});
    if (!manifests_.empty()) {
        // It must continue what is here, upwards or downwards.
        const auto& [last_height, last] = *manifests_.rbegin();
        const auto& [first_height, first] = *manifests_.begin();
        if (checked.begin()->first == last_height.next()) {
            if (auto status = verify_succession(last, checked.begin()->second); !status)
                return out.push_back(Refuse{from, status.error().message});
        } else if (checked.begin()->first < first_height && checked.rbegin()->first.next() >= first_height) {
            checked.erase(checked.lower_bound(first_height), checked.end());
            if (auto status = verify_succession(checked.rbegin()->second, first); !status)
                return out.push_back(Refuse{from, status.error().message});
        } else {
            return;
        }
    }
    manifests_.merge(checked);
    manifests_asked_ = TimeMs{0};
    advance(now, out);
}

std::optional<Hash256> Core::bundle_of(Height height) const {
    // The first in the chain's order, as in the checkpoint.
    for (auto it = manifests_.upper_bound(height); it != manifests_.end(); ++it)
        for (const auto& receipt : it->second.receipts)
            if (receipt.height == height) return receipt.bundle;
    return std::nullopt;
}

bool Core::manifests_suffice() const {
    const auto& parameters = genesis_.parameters;
    const auto from = assignment_->from;
    const auto target = assignment_->target.height;
    if (from.value > 0 && !reaches_back(manifests_, from, parameters)) return false;
    if (manifests_.empty() || (from.value == 0 && manifests_.begin()->first > Height{1})) return false;
    if (claimed_result(manifests_, target, parameters) == nullptr) return false;
    const auto first = from.value > 0 && state_at_ != from ? from : from.next();
    for (auto height = first; height <= target; height = height.next())
        if (!bundle_of(height)) return false;
    return true;
}

void Core::need_manifests(TimeMs now, Outbox& out) {
    if (config_.metadata_nodes.empty()) return;
    if (manifests_asked_.value != 0 && now < manifests_asked_ + config_.request_retry) return;
    const auto& parameters = genesis_.parameters;
    const auto from = assignment_->from;
    // Another part of the chain than before: start anew.
    if (!manifests_.empty() && (manifests_.begin()->first > from.next() || manifests_.rbegin()->first < from))
        manifests_.clear();
    const auto before = manifests_per_request < from.value ? from.value - manifests_per_request : 1;
    Height first{before};
    std::uint32_t count = manifests_per_request;
    if (!manifests_.empty()) {
        const auto lowest = manifests_.begin()->first.value;
        const bool up = lowest <= 1 || manifests_.rbegin()->first < from || reaches_back(manifests_, from, parameters);
        if (manifests_.size() > config_.manifests_max) return give_up("the chain shows no receipts", now, out);
        first = manifests_.rbegin()->first.next();
        if (!up) {
            count = static_cast<std::uint32_t>(std::min<std::uint64_t>(manifests_per_request, lowest - 1));
            first = Height{lowest - count};
        }
    }
    if (manifests_asked_.value != 0 && manifests_from_) metadata_peers_.on_silence(*manifests_from_);
    const auto to = metadata_peers_.next();
    manifests_asked_ = now;
    manifests_from_ = to;
    out.push_back(RequestManifests{to, first, count});
}

// Contents
// -------------------------------------------------------------------------------------------------------------

const Bytes* Core::content(const Hash256& hash) const {
    const auto it = contents_.find(hash);
    return it == contents_.end() ? nullptr : &it->second;
}

std::optional<Bytes> Core::joined(const storage_node::Pieces& pieces) const {
    Bytes out;
    for (const auto& piece : pieces) {
        const auto* data = content(piece);
        if (data == nullptr) return std::nullopt;
        append(out, *data);
    }
    return out;
}

Result<std::vector<Hash256>> Core::missing_of_snapshot(std::vector<Hash256> out) const {
    const auto bundle_hash = *bundle_of(assignment_->from);
    const auto* data = content(bundle_hash);
    if (data == nullptr) return out.push_back(bundle_hash), out;
    const auto bundle = decode<storage_node::Bundle>(*data);
    if (!bundle) return bundle.error();
    if (!bundle->snapshot) return wrong("storage has no snapshot of block " + std::to_string(bundle->height.value));
    const auto* index_data = content(*bundle->snapshot);
    if (index_data == nullptr) return out.push_back(*bundle->snapshot), out;
    const auto index = decode<storage_node::SnapshotIndex>(*index_data);
    if (!index) return index.error();
    for (const auto& pages : index->pages)
        for (const auto& page : pages) {
            const auto* page_data = content(page);
            if (page_data == nullptr) {
                out.push_back(page);
                continue;
            }
            const auto entries = decode<std::vector<storage_node::Entry>>(*page_data);
            if (!entries) return entries.error();
            for (const auto& [key, value] : *entries) {
                if (key.empty() || key[0] != static_cast<std::uint8_t>(storage_node::EntryTag::code)) continue;
                const auto pieces = decode<storage_node::Pieces>(value);
                if (!pieces) return pieces.error();
                for (const auto& piece : *pieces)
                    if (content(piece) == nullptr) out.push_back(piece);
            }
        }
    return out;
}

Result<std::vector<Hash256>> Core::missing_of_block(Height height, std::vector<Hash256> out) const {
    const auto bundle_hash = *bundle_of(height);
    const auto* data = content(bundle_hash);
    if (data == nullptr) return out.push_back(bundle_hash), out;
    const auto bundle = decode<storage_node::Bundle>(*data);
    if (!bundle) return bundle.error();
    const auto before = out.size();
    for (const auto& piece : bundle->block)
        if (content(piece) == nullptr) out.push_back(piece);
    for (const auto& chunk : bundle->chunks)
        if (content(Hash256::from(chunk)) == nullptr) out.push_back(Hash256::from(chunk));
    if (out.size() > before) return out;
    // Mismatch attack (5.8): stored is something else than what was agreed.
    const auto block = decode<Block>(*joined(bundle->block));
    if (!block) return block.error();
    if (block->header != manifests_.at(height).header || !is_sealed(*block))
        return wrong("storage keeps another block " + std::to_string(height.value) + " than the agreed one");
    std::vector<ChunkId> ids;
    for (const auto& certificate : block->certificates) ids.push_back(certificate.chunk.id);
    if (ids != bundle->chunks)
        return wrong("storage keeps other chunks of block " + std::to_string(height.value) + " than the agreed ones");
    return out;
}

Result<std::vector<Hash256>> Core::missing() const {
    std::vector<Hash256> out;
    if (assignment_->from.value > 0 && state_at_ != assignment_->from) {
        auto more = missing_of_snapshot(std::move(out));
        if (!more) return more;
        out = std::move(*more);
    }
    for (auto height = assignment_->from.next(); height <= assignment_->target.height; height = height.next()) {
        auto more = missing_of_block(height, std::move(out));
        if (!more) return more;
        out = std::move(*more);
    }
    return out;
}

void Core::ask(TimeMs now, Outbox& out) {
    if (config_.storage_nodes.empty()) return;
    while (!to_ask_.empty() && in_flight_ < config_.requests_in_flight_max) {
        const auto hash = to_ask_.front();
        to_ask_.pop_front();
        const auto it = wanted_.find(hash);
        if (it == wanted_.end() || it->second.asks) continue;
        const auto to = storage_peers_.next(it->second.refused_by);
        it->second.asks = to;
        it->second.asked = now;
        ++in_flight_;
        out.push_back(RequestContent{to, hash});
    }
}

void Core::on_content(NodeIndex from, const Hash256& hash, std::optional<Bytes> data, TimeMs now, Outbox& out) {
    const auto it = wanted_.find(hash);
    if (it == wanted_.end()) return;
    if (it->second.asks) {
        it->second.asks.reset();
        --in_flight_;
    }
    storage_peers_.on_answer(from);
    if (data && sha256(*data) != hash) {
        out.push_back(Refuse{from, "content does not have the hash that was asked for"});
        data.reset();
    }
    if (!data) {
        it->second.refused_by.insert(from);
        // Asked again by the timer: another storage node may have it, or this one soon.
        if (++it->second.refusals >= config_.refusals_max)
            return give_up("no storage node gives content " + to_hex(hash.view()), now, out);
        return ask(now, out);
    }
    wanted_.erase(it);
    content_bytes_ += data->size();
    if (content_bytes_ > config_.fragment_bytes_max) return give_up("the fragment is too large", now, out);
    contents_.emplace(hash, std::move(*data));
    ask(now, out);
    if (wanted_.empty()) advance(now, out);
}

// The way of an assignment
// ---------------------------------------------------------------------------------------------

void Core::advance(TimeMs now, Outbox& out) {
    if (step_ == Step::manifests) {
        if (!manifests_suffice()) return need_manifests(now, out);
        step_ = Step::contents;
    }
    if (step_ != Step::contents || !wanted_.empty()) return;
    const auto lacking = missing();
    if (!lacking) return give_up(lacking.error().message, now, out);
    if (!lacking->empty()) {
        for (const auto& hash : *lacking)
            if (wanted_.try_emplace(hash).second) to_ask_.push_back(hash);
        return ask(now, out);
    }
    auto fragment = assemble();
    if (!fragment) return give_up(fragment.error().message, now, out);
    step_ = Step::replaying;
    out.push_back(Replay{std::move(*fragment)});
}

Result<std::unique_ptr<FragmentState>> Core::start_state() {
    const auto from = assignment_->from;
    if (from.value > 0 && state_ && state_at_ == from) return std::move(state_);
    if (from.value == 0) return FragmentState::of_genesis(genesis_);
    const auto* claimed = claimed_result(manifests_, from, genesis_.parameters);
    TROUPE_ASSERT(claimed != nullptr);
    const auto bundle = decode<storage_node::Bundle>(*content(*bundle_of(from)));
    const auto index = decode<storage_node::SnapshotIndex>(*content(*bundle->snapshot));
    std::vector<storage_node::Entry> entries;
    std::map<CodeHash, Bytes> codes;
    for (const auto& pages : index->pages)
        for (const auto& page : pages) {
            auto list = decode<std::vector<storage_node::Entry>>(*content(page));
            for (auto& entry : *list) {
                if (entry.first[0] == static_cast<std::uint8_t>(storage_node::EntryTag::code)) {
                    const auto hash = CodeHash::from_view(ByteView{entry.first}.subspan(1));
                    const auto pieces = decode<storage_node::Pieces>(entry.second);
                    if (hash && pieces) codes.emplace(*hash, *joined(*pieces));
                }
                entries.push_back(std::move(entry));
            }
        }
    return FragmentState::of_snapshot(claimed->state_root, entries, codes);
}

Result<std::shared_ptr<Fragment>> Core::assemble() {
    auto fragment = std::make_shared<Fragment>();
    fragment->assignment = *assignment_;
    for (auto height = assignment_->from.next(); height <= assignment_->target.height; height = height.next()) {
        const auto bundle = decode<storage_node::Bundle>(*content(*bundle_of(height)));
        FragmentBlock next;
        next.block = *decode<Block>(*joined(bundle->block));
        for (const auto& id : bundle->chunks) {
            auto chunk = decode<Chunk>(*content(Hash256::from(id)));
            // A quorum has certified it.
            if (!chunk) return chunk.error();
            next.chunks.push_back(std::make_shared<const Chunk>(std::move(*chunk)));
        }
        fragment->blocks.push_back(std::move(next));
    }
    auto state = start_state();
    if (!state) return state.error();
    fragment->state = std::move(*state);
    state_.reset();
    state_at_ = Height{0};
    // They come back with the verdict.
    fragment->manifests = std::move(manifests_);
    manifests_.clear();
    return fragment;
}

void Core::on_replayed(Verdict verdict, TimeMs now, Outbox& out) {
    manifests_ = std::move(verdict.manifests);
    if (step_ != Step::replaying || !assignment_) return;
    arbiter::CommandBody command;
    std::visit([&](auto& claim) { command = std::move(claim); }, verdict.claim);
    if (verdict.state) {
        state_ = std::move(verdict.state);
        state_at_ = assignment_->target.height;
    }
    submit(std::move(command), now, out);
}

void Core::give_up(std::string why, TimeMs now, Outbox& out) {
    why.resize(std::min(why.size(), arbiter::why_bytes_max));
    submit(arbiter::Unable{assignment_->target.height, assignment_->attempt, std::move(why)}, now, out);
}

void Core::submit(arbiter::CommandBody command, TimeMs now, Outbox& out) {
    if (std::holds_alternative<arbiter::Confirm>(command)) ++confirmed_;
    if (std::holds_alternative<arbiter::Report>(command)) ++reported_;
    if (std::holds_alternative<arbiter::Unable>(command)) ++unable_;
    drop_contents();
    step_ = Step::submitted;
    verdict_ = std::move(command);
    last_submit_ = now;
    out.push_back(Submit{*verdict_});
    forget_manifests();
}

/// What a fragment that begins where this one ends can't need.
void Core::forget_manifests() {
    const auto target = manifests_.find(assignment_->target.height);
    if (target == manifests_.end()) return;
    while (manifests_.size() > 1 &&
           reaches_back(std::next(manifests_.begin())->second, target->second, genesis_.parameters))
        manifests_.erase(manifests_.begin());
}

void Core::drop_contents() {
    contents_.clear();
    content_bytes_ = 0;
    wanted_.clear();
    to_ask_.clear();
    in_flight_ = 0;
}

void Core::on_timer(TimeMs now, Outbox& out) {
    if (!registered_) {
        if (now < last_submit_ + config_.submit_retry) return;
        last_submit_ = now;
        return out.push_back(Submit{arbiter::Register{}});
    }
    if (verdict_) {
        if (now < last_submit_ + config_.submit_retry) return;
        last_submit_ = now;
        return out.push_back(Submit{*verdict_});
    }
    if (step_ != Step::manifests && step_ != Step::contents) return;
    if (now >= give_up_at_) return give_up("fetching takes too long", now, out);
    if (step_ == Step::manifests) return advance(now, out);
    for (auto& [hash, wanted] : wanted_) {
        if (now < wanted.asked + config_.request_retry) continue;
        if (wanted.asks) {
            storage_peers_.on_silence(*wanted.asks);
            // Nobody else answers: those who refused are asked again, and may refuse for good.
            wanted.refused_by.clear();
            wanted.asks.reset();
            --in_flight_;
        }
        to_ask_.push_back(hash);
    }
    ask(now, out);
}

std::string Core::line() const {
    std::string out;
    if (assignment_ && step_ != Step::submitted)
        out = "validating to " + std::to_string(assignment_->target.height.value);
    else if (!registered_)
        out = "not registered";
    else if (state_at_.value > 0)
        out = "checkpoint " + std::to_string(state_at_.value) + " confirmed";
    else
        out = "registered";
    out += ", " + std::to_string(confirmed_) + " confirmed";
    if (reported_ > 0) out += ", " + std::to_string(reported_) + " reported";
    if (unable_ > 0) out += ", " + std::to_string(unable_) + " not to be had";
    return out;
}

CoreView Core::view() const {
    static constexpr const char* steps[] = {"idle", "manifests", "contents", "replaying", "submitted"};
    return {registered_,      steps[static_cast<std::size_t>(step_)],
            assignment_,      manifests_.size(),
            contents_.size(), content_bytes_,
            wanted_.size(),   state_at_,
            confirmed_,       reported_,
            unable_};
}

}  // namespace troupe::batch_validator
