// Methods about the chain, its blocks and the node.
#include "actors/gateway/handler.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe::gateway {
namespace {

constexpr std::uint64_t fee_history_blocks_max = 1024;
/// Blocks that are read without handing the work on.
constexpr std::uint64_t quick_blocks_max = 16;

[[nodiscard]] std::string ratio(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.6g", value);
    return buffer;
}

}  // namespace

std::optional<std::string> Handler::chain_id(const Call&) {
    return quoted_quantity(uint256{backend_->genesis().parameters.chain_id});
}
std::optional<std::string> Handler::net_version(const Call&) {
    return "\"" + std::to_string(backend_->genesis().parameters.chain_id) + "\"";
}
std::optional<std::string> Handler::block_number(const Call&) {
    return quoted_quantity(uint256{backend_->chain().latest().value});
}

/// A tenth of the base fee: there is no auction, a tip only rewards the builder.
uint256 Handler::suggested_tip() const {
    return std::max(backend_->genesis().parameters.base_fee / uint256{10}, uint256{1});
}
std::optional<std::string> Handler::gas_price(const Call&) {
    return quoted_quantity(backend_->genesis().parameters.base_fee + suggested_tip());
}
std::optional<std::string> Handler::max_priority_fee(const Call&) { return quoted_quantity(suggested_tip()); }
std::optional<std::string> Handler::blob_base_fee(const Call&) { return "\"0x1\""; }

std::optional<std::string> Handler::fee_history(const Call& call) {
    const auto& p = call.parameters;
    const auto asked = p.quantity(0);
    const auto count_max = std::min(asked.fits_u64() ? asked.low64() : fee_history_blocks_max, fee_history_blocks_max);
    const auto last = height_parameter(call, 1);
    std::vector<double> percentiles;
    if (p.has(2)) {
        if (!p.at(2).is_array() || p.at(2).size() > 100) throw invalid_params("invalid argument 2: percentiles");
        for (const auto& value : p.at(2)) {
            if (!value.is_number()) throw invalid_params("invalid argument 2: percentiles");
            percentiles.push_back(value.get<double>());
            const auto n = percentiles.size();
            if (percentiles[n - 1] < 0 || percentiles[n - 1] > 100 ||
                (n > 1 && percentiles[n - 1] < percentiles[n - 2]))
                throw invalid_params("invalid reward percentile: must be ascending from 0 to 100");
        }
    }
    const auto count = std::min(count_max, last.value + 1);
    auto work = [self = shared_from_this(), first = last.value + 1 - count, count,
                 percentiles = std::move(percentiles)] { return self->fee_history_json(first, count, percentiles); };
    if (count <= quick_blocks_max) return work();
    run_later(call, std::move(work));
    return std::nullopt;
}

std::string Handler::fee_history_json(std::uint64_t first, std::uint64_t count,
                                      const std::vector<double>& percentiles) const {
    const auto& parameters = backend_->genesis().parameters;
    JsonText out;
    out.begin_object().key("oldestBlock").quantity(first).key("baseFeePerGas").begin_array();
    for (std::uint64_t i = 0; i <= count; ++i) out.quantity(parameters.base_fee);
    out.end_array().key("gasUsedRatio").begin_array();
    std::vector<ExecutedBlockPtr> blocks;
    for (auto h = first; h < first + count; ++h) {
        blocks.push_back(backend_->chain().block(Height{h}));
        const auto used = blocks.back() ? blocks.back()->result.gas_used : 0;
        out.raw(ratio(static_cast<double>(used) / static_cast<double>(parameters.block_gas_limit)));
    }
    out.end_array().key("baseFeePerBlobGas").begin_array();
    for (std::uint64_t i = 0; i <= count; ++i) out.text("0x1");
    out.end_array().key("blobGasUsedRatio").begin_array();
    for (std::uint64_t i = 0; i < count; ++i) out.raw("0");
    out.end_array();
    if (!percentiles.empty()) {
        out.key("reward").begin_array();
        for (const auto& block : blocks) {
            // Tips by gas: the percentile of the block's gas, as geth counts.
            std::vector<std::pair<uint256, std::uint64_t>> tips;
            std::uint64_t gas = 0;
            if (block)
                for (const auto& transaction : block->transactions) {
                    const auto& receipt = transaction.receipt;
                    tips.emplace_back(receipt.effective_gas_price - parameters.base_fee, receipt.gas_used);
                    gas += receipt.gas_used;
                }
            std::sort(tips.begin(), tips.end());
            out.begin_array();
            for (const auto percentile : percentiles) {
                const auto threshold = static_cast<std::uint64_t>(static_cast<double>(gas) * percentile / 100);
                std::uint64_t sum = 0;
                uint256 tip;
                for (const auto& [value, used] : tips) {
                    tip = value;
                    if ((sum += used) >= threshold) break;
                }
                out.quantity(tips.empty() ? uint256{} : tip);
            }
            out.end_array();
        }
        out.end_array();
    }
    return out.end_object().take();
}

std::optional<std::string> Handler::block_by_number(const Call& call) {
    const auto height = resolve(call.parameters.at(0));
    const auto block = backend_->chain().block(height);
    const bool full = call.parameters.has(1) && call.parameters.at(1).is_boolean() && call.parameters.at(1).get<bool>();
    return block ? block_json(*block, full) : "null";
}

std::optional<std::string> Handler::block_by_hash(const Call& call) {
    const auto height = backend_->chain().height_of(call.parameters.fixed<BlockHash>(0));
    const auto block = height ? backend_->chain().block(*height) : nullptr;
    const bool full = call.parameters.has(1) && call.parameters.at(1).is_boolean() && call.parameters.at(1).get<bool>();
    return block ? block_json(*block, full) : "null";
}

std::optional<std::string> Handler::block_receipts(const Call& call) {
    const auto block = block_parameter(call, 0);
    if (!block) return "null";
    JsonText out;
    out.begin_array();
    std::uint64_t logs = 0;
    for (std::size_t i = 0; i < block->transactions.size(); ++i) {
        write_receipt(out, *block, i, logs);
        logs += block->transactions[i].receipt.logs.size();
    }
    return out.end_array().take();
}

std::optional<std::string> Handler::transaction_count_by_number(const Call& call) {
    const auto block = block_parameter(call, 0);
    return block ? quoted_quantity(uint256{block->transactions.size()}) : "null";
}
std::optional<std::string> Handler::transaction_count_by_hash(const Call& call) {
    return transaction_count_by_number(call);
}
std::optional<std::string> Handler::zero_if_block(const Call& call) {
    return block_parameter(call, 0) ? "\"0x0\"" : "null";
}
std::optional<std::string> Handler::no_uncle(const Call&) { return "null"; }
std::optional<std::string> Handler::syncing(const Call&) { return "false"; }
std::optional<std::string> Handler::client_version(const Call&) {
    return "\"troupe/v" + options_.version + "/linux-amd64/c++20\"";
}
std::optional<std::string> Handler::sha3(const Call& call) {
    return quoted_bytes(keccak256(call.parameters.bytes(0)).view());
}
std::optional<std::string> Handler::listening(const Call&) { return "true"; }
std::optional<std::string> Handler::peer_count(const Call&) {
    return quoted_quantity(uint256{backend_->genesis().validators.size()});
}

std::optional<std::string> Handler::node_info(const Call&) {
    const auto& genesis = backend_->genesis();
    JsonText out;
    out.begin_object().key("node").escaped(options_.node_name).key("version").text(options_.version);
    out.key("chainId").quantity(genesis.parameters.chain_id);
    out.key("genesis").bytes(hash_of(genesis).view());
    out.key("rules").text(to_string(genesis.parameters.rules));
    out.key("validators").quantity(genesis.validators.size());
    out.key("latest").quantity(backend_->chain().latest().value);
    out.key("finalized").quantity(backend_->chain().finalized().value);
    out.key("pending").quantity(backend_->pool_size());
    return out.end_object().take();
}

/// Null until it has been agreed on. Unlike Ethereum's view of it, this is there before its execution.
std::optional<std::string> Handler::agreed_block(const Call& call) {
    const auto block = backend_->committed(resolve(call.parameters.at(0)));
    if (!block) return "null";
    const auto& genesis = backend_->genesis();
    const auto& header = block->block.header;
    JsonText out;
    const auto names = [&](ByteView signers) {
        out.begin_array();
        signer_set::for_each(signers, [&](ValidatorIndex i) {
            if (i.value < genesis.validators.size()) out.escaped(genesis.validators[i.value].name);
        });
        out.end_array();
    };
    const auto name = [&](ValidatorIndex i) -> std::string_view {
        return i.value < genesis.validators.size() ? std::string_view{genesis.validators[i.value].name} : "?";
    };
    out.begin_object().key("number").quantity(header.height.value).key("hash").bytes(block->commit.block.view());
    out.key("parentHash").bytes(header.previous.view()).key("timestampMs").quantity(header.timestamp.value);
    out.key("proposer").escaped(name(header.proposer)).key("view").quantity(block->commit.view.value);
    out.key("signers");
    names(block->commit.signatures.signers);
    out.key("executed").boolean(header.height <= backend_->chain().latest());
    out.key("chunks").begin_array();
    for (const auto& certificate : block->block.certificates) {
        out.begin_object().key("id").bytes(certificate.chunk.id.view());
        out.key("producer").escaped(name(certificate.chunk.producer));
        out.key("expiryMs").quantity(certificate.chunk.expiry.value).key("signers");
        names(certificate.signatures.signers);
        out.end_object();
    }
    out.end_array().key("votes").begin_array();
    for (const auto& vote : block->block.votes) {
        out.begin_object().key("number").quantity(vote.height.value).key("view").quantity(vote.view.value);
        out.key("hash").bytes(vote.block.view()).key("signers");
        names(vote.signatures.signers);
        out.end_object();
    }
    out.end_array().key("results").begin_array();
    for (const auto& result : block->block.results) {
        out.begin_object().key("number").quantity(result.height.value).key("stateRoot").bytes(result.state_root.view());
        out.key("receiptsRoot").bytes(result.receipts_root.view());
        out.key("transactionsRoot").bytes(result.transactions_root.view());
        out.key("gasUsed").quantity(result.gas_used).end_object();
    }
    return out.end_array().end_object().take();
}

std::optional<std::string> Handler::transaction_status(const Call& call) {
    const auto hash = call.parameters.fixed<TransactionHash>(0);
    JsonText out;
    out.begin_object().key("status");
    if (const auto place = backend_->chain().find(hash))
        out.text("executed").key("blockNumber").quantity(place->height.value);
    else if (backend_->pending(hash))
        out.text("pending");
    else if (const auto why = backend_->dropped(hash))
        out.text("dropped").key("reason").escaped(*why);
    else
        out.text("unknown");
    return out.end_object().take();
}

}  // namespace troupe::gateway
