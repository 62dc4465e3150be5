#include <unordered_map>

#include "runtime/crypto/secp256k1_batch.hpp"
#include "runtime/ledger/sender_keys.hpp"

namespace troupe {
namespace {

/// Below this a batch check gains nothing.
constexpr std::size_t batch_min = 16;

[[nodiscard]] RecoverableSignature to_recoverable(const TransactionSignature& signature) {
    RecoverableSignature out;
    const auto r = to_big_endian(signature.r);
    const auto s = to_big_endian(signature.s);
    std::copy(r.begin(), r.end(), out.r_s.bytes.begin());
    std::copy(s.begin(), s.end(), out.r_s.bytes.begin() + 32);
    out.recovery_id = signature.y_parity;
    return out;
}

[[nodiscard]] std::optional<Secp256k1PublicKey> recover(const Hash256& digest, const TransactionSignature& signature) {
    const auto recoverable = to_recoverable(signature);
    return recover_public_key(digest, recoverable.r_s.view(), recoverable.recovery_id);
}

/// A transaction on its way: decoded, its sender not known yet.
struct Decoded {
    std::shared_ptr<RecoveredTransaction> transaction;
    Hash256 digest;
};

[[nodiscard]] Result<Decoded> decode_for_recovery(ByteView raw) {
    auto decoded = decode_transaction(raw);
    if (!decoded) return decoded.error();
    Decoded out{std::make_shared<RecoveredTransaction>(), signing_hash(*decoded)};
    out.transaction->transaction = std::move(*decoded);
    out.transaction->hash = transaction_hash(raw);
    out.transaction->raw.assign(raw.begin(), raw.end());
    return out;
}

[[nodiscard]] Result<RecoveredTransactionPtr> complete(Decoded&& decoded,
                                                       const std::optional<Secp256k1PublicKey>& key) {
    if (!key) return make_error(ErrorCode::unauthorized, "transaction: invalid sender: no key has this signature");
    auto& out = *decoded.transaction;
    const auto& tx = out.transaction;
    out.sender_key = *key;
    out.sender = address_of(*key);
    out.payer = out.sender;
    if (tx.type == TransactionType::native) {
        if (tx.sponsor == out.sender) {
            if (!tx.sponsor_signature.is_zero())
                return make_error(ErrorCode::malformed,
                                  "transaction: the sponsor is the sender, so the sponsor's signature must be three "
                                  "zeros");
        } else {
            const auto sponsor =
                tx.sponsor_signature.is_zero() ? std::nullopt : recover(decoded.digest, tx.sponsor_signature);
            if (!sponsor || address_of(*sponsor) != tx.sponsor)
                return make_error(ErrorCode::unauthorized,
                                  "transaction: not signed by its sponsor " + to_hex_prefixed(tx.sponsor.view()));
        }
        out.payer = tx.sponsor;
    }
    return RecoveredTransactionPtr{std::move(decoded.transaction)};
}

[[nodiscard]] Result<RecoveredTransactionPtr> recover_alone(Decoded&& decoded) {
    const auto key = recover(decoded.digest, decoded.transaction->transaction.signature);
    return complete(std::move(decoded), key);
}

}  // namespace

Result<RecoveredTransactionPtr> recover_transaction(ByteView raw) {
    auto decoded = decode_for_recovery(raw);
    if (!decoded) return decoded.error();
    return recover_alone(std::move(*decoded));
}

SenderKeys sender_keys_of(std::span<const RecoveredTransactionPtr> transactions) {
    SenderKeys out;
    out.of.reserve(transactions.size());
    std::unordered_map<Address, std::uint32_t, FixedBytesHash> positions;
    for (const auto& transaction : transactions) {
        const auto [it, is_new] =
            positions.try_emplace(transaction->sender, static_cast<std::uint32_t>(out.keys.size()));
        if (is_new) out.keys.push_back(transaction->sender_key);
        out.of.push_back(it->second);
    }
    return out;
}

std::vector<Result<RecoveredTransactionPtr>> recover_transactions(std::span<const ByteView> raw,
                                                                  std::span<const Secp256k1PublicKey* const> known) {
    TROUPE_ASSERT(known.empty() || known.size() == raw.size());
    std::vector<Result<Decoded>> decoded;
    decoded.reserve(raw.size());
    std::vector<KnownKeySignature> batch;
    std::vector<std::size_t> position_in_raw;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        decoded.push_back(decode_for_recovery(raw[i]));
        if (known.empty() || known[i] == nullptr || !decoded[i]) continue;
        batch.push_back(
            {decoded[i]->digest, to_recoverable(decoded[i]->transaction->transaction.signature), *known[i]});
        position_in_raw.push_back(i);
    }
    std::vector<bool> confirmed(raw.size());
    if (batch.size() >= batch_min && verify_batch(batch))
        for (const auto i : position_in_raw) confirmed[i] = true;

    std::vector<Result<RecoveredTransactionPtr>> out;
    out.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (!decoded[i])
            out.push_back(decoded[i].error());
        else if (confirmed[i])
            out.push_back(complete(std::move(*decoded[i]), *known[i]));
        else
            out.push_back(recover_alone(std::move(*decoded[i])));
    }
    return out;
}

}  // namespace troupe
