#include "runtime/ledger/sign.hpp"

namespace troupe {
namespace {

[[nodiscard]] TransactionSignature sign_digest(const Hash256& digest, const Secp256k1SecretKey& key) {
    const auto signature = key.sign(digest);
    // An id of 2 or 3 needs an r within 2^-127 of the group order: nobody will ever see one.
    TROUPE_ASSERT(signature.recovery_id <= 1);
    const auto r_s = signature.r_s.view();
    return {signature.recovery_id, from_big_endian(r_s.first(32)), from_big_endian(r_s.subspan(32))};
}

}  // namespace

void sign_transaction(Transaction& tx, const Secp256k1SecretKey& sender) {
    tx.signature = sign_digest(signing_hash(tx), sender);
}

void sign_native(Transaction& tx, const Secp256k1SecretKey& sender, const Secp256k1SecretKey& sponsor) {
    tx.type = TransactionType::native;
    tx.sponsor = sponsor.address();
    const auto digest = signing_hash(tx);
    tx.signature = sign_digest(digest, sender);
    tx.sponsor_signature = tx.sponsor == sender.address() ? TransactionSignature{} : sign_digest(digest, sponsor);
}

void sign_native(Transaction& tx, const Secp256k1SecretKey& sender) { sign_native(tx, sender, sender); }

void sign_authorization(Authorization& authorization, const Secp256k1SecretKey& authority) {
    const auto signature = sign_digest(authorization_signing_hash(authorization), authority);
    authorization.y_parity = uint256{signature.y_parity};
    authorization.r = signature.r;
    authorization.s = signature.s;
}

}  // namespace troupe
