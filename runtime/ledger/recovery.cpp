#include "runtime/ledger/recovery.hpp"

#include <unordered_map>

#include "runtime/crypto/secp256k1_batch.hpp"
#include "runtime/crypto/secp256k1_recover.hpp"
#include "runtime/ledger/sender_keys.hpp"

namespace troupe {
namespace {

/// Below these a batch gains nothing: for keys that are known, and for others.
constexpr std::size_t check_batch_min = 16;
constexpr std::size_t recovery_batch_min = 4;

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

[[nodiscard]] Result<Decoded> decode_for_recovery(ByteView raw, const TransactionHash& hash) {
    auto decoded = decode_transaction(raw);
    if (!decoded) return decoded.error();
    Decoded out{std::make_shared<RecoveredTransaction>(), signing_hash(*decoded)};
    out.transaction->transaction = std::move(*decoded);
    out.transaction->hash = hash;
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

/// The keys of those at `positions`.
[[nodiscard]] std::vector<std::optional<Secp256k1PublicKey>> keys_of(const std::vector<Result<Decoded>>& decoded,
                                                                     const std::vector<std::size_t>& positions) {
    std::vector<UnknownKeySignature> signatures;
    for (const auto i : positions)
        signatures.push_back({decoded[i]->digest, to_recoverable(decoded[i]->transaction->transaction.signature)});
    if (signatures.size() >= recovery_batch_min) return recover_public_keys(signatures);
    std::vector<std::optional<Secp256k1PublicKey>> out;
    for (const auto& [digest, signature] : signatures)
        out.push_back(recover_public_key(digest, signature.r_s.view(), signature.recovery_id));
    return out;
}

}  // namespace

Result<RecoveredTransactionPtr> recover_transaction(ByteView raw) {
    auto decoded = decode_for_recovery(raw, transaction_hash(raw));
    if (!decoded) return decoded.error();
    const auto key = recover(decoded->digest, decoded->transaction->transaction.signature);
    return complete(std::move(*decoded), key);
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
    std::vector<TransactionToRecover> transactions;
    transactions.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i)
        transactions.push_back({raw[i], transaction_hash(raw[i]), known.empty() ? nullptr : known[i]});
    return recover_transactions(transactions);
}

std::vector<Result<RecoveredTransactionPtr>> recover_transactions(std::span<const TransactionToRecover> transactions) {
    std::vector<Result<Decoded>> decoded;
    decoded.reserve(transactions.size());
    std::vector<KnownKeySignature> batch;
    std::vector<std::size_t> advised;
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < transactions.size(); ++i) {
        const auto& [raw, hash, known] = transactions[i];
        decoded.push_back(decode_for_recovery(raw, hash));
        if (!decoded[i]) continue;
        if (known == nullptr) {
            unknown.push_back(i);
            continue;
        }
        batch.push_back({decoded[i]->digest, to_recoverable(decoded[i]->transaction->transaction.signature), *known});
        advised.push_back(i);
    }
    std::vector<std::optional<Secp256k1PublicKey>> keys(transactions.size());
    if (batch.size() >= check_batch_min && verify_batch(batch))
        for (const auto i : advised) keys[i] = *transactions[i].known;
    else
        unknown.insert(unknown.end(), advised.begin(), advised.end());
    const auto recovered = keys_of(decoded, unknown);
    for (std::size_t i = 0; i < unknown.size(); ++i) keys[unknown[i]] = recovered[i];

    std::vector<Result<RecoveredTransactionPtr>> out;
    out.reserve(transactions.size());
    for (std::size_t i = 0; i < transactions.size(); ++i)
        if (decoded[i])
            out.push_back(complete(std::move(*decoded[i]), keys[i]));
        else
            out.push_back(decoded[i].error());
    return out;
}

}  // namespace troupe
