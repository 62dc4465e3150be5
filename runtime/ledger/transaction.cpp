#include "runtime/ledger/transaction.hpp"

#include "runtime/base/limits.hpp"
#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/secp256k1.hpp"

namespace troupe {
namespace {

/// Order of secp256k1, and half of it: signatures with a higher s are the mirror image of one below (EIP-2).
constexpr uint256 group_order{0xffffffffffffffff, 0xfffffffffffffffe, 0xbaaedce6af48a03b, 0xbfd25e8cd0364141};
constexpr uint256 half_group_order{0x7fffffffffffffff, 0xffffffffffffffff, 0x5d576e7357a4501d, 0xdfe92f46681b20a0};
constexpr std::uint8_t blob_type = 0x03;
/// EIP-7702's domain byte for what an authority signs.
constexpr std::uint8_t authorization_magic = 0x05;
/// EIP-155: v = 35 + 2 * chain id + y parity; 27 + y parity without a chain id.
constexpr std::uint64_t v_without_chain = 27;
constexpr std::uint64_t v_with_chain = 35;

[[nodiscard]] Error malformed(std::string why) {
    return make_error(ErrorCode::malformed, "transaction: " + std::move(why));
}
[[nodiscard]] Error invalid(std::string why) {
    return make_error(ErrorCode::invalid, "transaction: " + std::move(why));
}

// ---------------------------------------------------------------- encoding

void put_to(rlp::Encoder& out, const std::optional<Address>& to) {
    if (to)
        out.bytes(*to);
    else
        out.bytes(ByteView{});
}

void put_access_list(rlp::Encoder& out, const std::vector<AccessListEntry>& entries) {
    const auto list = out.begin_list();
    for (const auto& entry : entries) {
        const auto tuple = out.begin_list();
        out.bytes(entry.address);
        const auto slots = out.begin_list();
        for (const auto& slot : entry.slots) out.bytes(slot);
        out.end_list(slots).end_list(tuple);
    }
    out.end_list(list);
}

void put_authorizations(rlp::Encoder& out, const std::vector<Authorization>& authorizations) {
    const auto list = out.begin_list();
    for (const auto& a : authorizations) {
        const auto tuple = out.begin_list();
        out.integer(a.chain_id).bytes(a.address).integer(a.nonce).integer(a.y_parity).integer(a.r).integer(a.s);
        out.end_list(tuple);
    }
    out.end_list(list);
}

void put_signature(rlp::Encoder& out, const TransactionSignature& signature) {
    out.integer(std::uint64_t{signature.y_parity}).integer(signature.r).integer(signature.s);
}

[[nodiscard]] uint256 legacy_v(const Transaction& tx) {
    if (!tx.chain_id) return uint256{v_without_chain + tx.signature.y_parity};
    const uint256 chain{*tx.chain_id};
    return chain + chain + uint256{v_with_chain + tx.signature.y_parity};
}

/// The fields without signatures: what is signed, except that a legacy transaction adds its chain id (EIP-155).
void put_unsigned_fields(rlp::Encoder& out, const Transaction& tx) {
    switch (tx.type) {
        case TransactionType::legacy:
            out.integer(tx.nonce).integer(tx.max_fee_per_gas).integer(tx.gas_limit);
            put_to(out, tx.to);
            out.integer(tx.value).bytes(tx.data);
            return;
        case TransactionType::native:
            out.integer(tx.chain_id.value_or(0)).integer(tx.expiry.value).bytes(tx.sponsor).integer(tx.max_fee);
            out.integer(tx.gas_limit).integer(static_cast<std::uint64_t>(tx.kind));
            put_to(out, tx.to);
            out.integer(tx.value).bytes(tx.data);
            return;
        case TransactionType::access_list:
        case TransactionType::dynamic_fee:
        case TransactionType::set_code: break;
    }
    out.integer(tx.chain_id.value_or(0)).integer(tx.nonce);
    if (tx.type != TransactionType::access_list) out.integer(tx.max_priority_fee_per_gas);
    out.integer(tx.max_fee_per_gas).integer(tx.gas_limit);
    put_to(out, tx.to);
    out.integer(tx.value).bytes(tx.data);
    put_access_list(out, tx.access_list);
    if (tx.type == TransactionType::set_code) put_authorizations(out, tx.authorization_list);
}

[[nodiscard]] rlp::Encoder start_encoding(const Transaction& tx) {
    rlp::Encoder out{tx.data.size() + 256};
    if (tx.type != TransactionType::legacy) {
        const auto type = static_cast<std::uint8_t>(tx.type);
        out.raw({&type, 1});
    }
    return out;
}

// ---------------------------------------------------------------- decoding

[[nodiscard]] std::vector<AccessListEntry> take_access_list(rlp::Reader& in) {
    std::vector<AccessListEntry> out;
    auto list = in.list();
    while (!list.at_end()) {
        auto tuple = list.list();
        auto& entry = out.emplace_back();
        entry.address = tuple.fixed<Address>();
        auto slots = tuple.list();
        while (!slots.at_end()) entry.slots.push_back(slots.fixed<Hash256>());
        if (const auto error = rlp::finish(slots, tuple)) list.fail(*error);
    }
    if (const auto error = list.error()) in.fail(*error);
    return out;
}

[[nodiscard]] std::vector<Authorization> take_authorizations(rlp::Reader& in) {
    std::vector<Authorization> out;
    auto list = in.list();
    while (!list.at_end()) {
        auto tuple = list.list();
        auto& authorization = out.emplace_back();
        authorization.chain_id = tuple.integer256();
        authorization.address = tuple.fixed<Address>();
        authorization.nonce = tuple.integer64();
        authorization.y_parity = tuple.integer256();
        authorization.r = tuple.integer256();
        authorization.s = tuple.integer256();
        if (authorization.y_parity > uint256{0xff}) tuple.fail(rlp::DecodeError::integer_overflow);
        if (const auto error = tuple.finish()) list.fail(*error);
    }
    if (const auto error = list.error()) in.fail(*error);
    return out;
}

/// A y parity that does not fit is kept as 2, which no rule accepts.
[[nodiscard]] TransactionSignature take_signature(rlp::Reader& in) {
    TransactionSignature out;
    const auto parity = in.integer256();
    out.y_parity = parity > uint256{1} ? 2 : static_cast<std::uint8_t>(parity.low64());
    out.r = in.integer256();
    out.s = in.integer256();
    return out;
}

/// Splits a legacy v; false where it is neither 27, 28 nor an EIP-155 value of a 64-bit chain id.
[[nodiscard]] bool apply_legacy_v(const uint256& v, Transaction& tx) {
    if (v == uint256{v_without_chain} || v == uint256{v_without_chain + 1}) {
        tx.signature.y_parity = static_cast<std::uint8_t>(v.low64() - v_without_chain);
        return true;
    }
    if (v < uint256{v_with_chain}) return false;
    const auto doubled = v - uint256{v_with_chain};
    if (doubled.limb[3] != 0 || doubled.limb[2] != 0 || doubled.limb[1] > 1) return false;
    tx.chain_id = doubled.limb[1] << 63 | doubled.limb[0] >> 1;
    tx.signature.y_parity = static_cast<std::uint8_t>(doubled.limb[0] & 1);
    return true;
}

[[nodiscard]] Result<Transaction> decode_legacy(ByteView raw) {
    Transaction tx;
    rlp::Reader top{raw};
    auto in = top.list();
    tx.nonce = in.integer64();
    tx.max_fee_per_gas = in.integer256();
    tx.max_priority_fee_per_gas = tx.max_fee_per_gas;
    tx.gas_limit = in.integer64();
    tx.to = in.fixed_or_empty<Address>();
    tx.value = in.integer256();
    const auto data = in.bytes();
    const auto v = in.integer256();
    tx.signature.r = in.integer256();
    tx.signature.s = in.integer256();
    if (const auto error = rlp::finish(in, top)) return malformed(rlp::to_string(*error));
    if (!apply_legacy_v(v, tx))
        return make_error(ErrorCode::unauthorized, "transaction: invalid transaction v, r, s values");
    tx.data.assign(data.begin(), data.end());
    return tx;
}

[[nodiscard]] Result<Transaction> decode_typed(TransactionType type, ByteView payload) {
    Transaction tx;
    tx.type = type;
    rlp::Reader top{payload};
    auto in = top.list();
    tx.chain_id = in.integer64();
    tx.nonce = in.integer64();
    if (type != TransactionType::access_list) tx.max_priority_fee_per_gas = in.integer256();
    tx.max_fee_per_gas = in.integer256();
    if (type == TransactionType::access_list) tx.max_priority_fee_per_gas = tx.max_fee_per_gas;
    tx.gas_limit = in.integer64();
    if (type == TransactionType::set_code)
        tx.to = in.fixed<Address>();
    else
        tx.to = in.fixed_or_empty<Address>();
    tx.value = in.integer256();
    const auto data = in.bytes();
    tx.access_list = take_access_list(in);
    if (type == TransactionType::set_code) tx.authorization_list = take_authorizations(in);
    tx.signature = take_signature(in);
    if (const auto error = rlp::finish(in, top)) return malformed(rlp::to_string(*error));
    tx.data.assign(data.begin(), data.end());
    return tx;
}

[[nodiscard]] Result<Transaction> decode_native(ByteView payload) {
    Transaction tx;
    tx.type = TransactionType::native;
    rlp::Reader top{payload};
    auto in = top.list();
    tx.chain_id = in.integer64();
    tx.expiry = TimeMs{in.integer64()};
    tx.sponsor = in.fixed<Address>();
    tx.max_fee = in.integer256();
    tx.gas_limit = in.integer64();
    const auto kind = in.integer64();
    tx.to = in.fixed_or_empty<Address>();
    tx.value = in.integer256();
    const auto data = in.bytes();
    tx.signature = take_signature(in);
    tx.sponsor_signature = take_signature(in);
    if (const auto error = rlp::finish(in, top)) return malformed(rlp::to_string(*error));
    if (kind > static_cast<std::uint64_t>(NativeKind::bond))
        return malformed("unknown kind " + std::to_string(kind) + " (0 is a call, 1 a bond)");
    tx.kind = static_cast<NativeKind>(kind);
    if (tx.kind == NativeKind::bond && (tx.to || !data.empty()))
        return invalid("a bond has neither recipient nor data");
    tx.data.assign(data.begin(), data.end());
    return tx;
}

[[nodiscard]] bool is_in_range(const TransactionSignature& signature) noexcept {
    return signature.y_parity <= 1 && !signature.r.is_zero() && signature.r < group_order && !signature.s.is_zero() &&
           signature.s <= half_group_order;
}

/// The rules that need nothing but the transaction.
[[nodiscard]] Status check_alone(const Transaction& tx) {
    if (!is_in_range(tx.signature))
        return make_error(ErrorCode::unauthorized, "transaction: invalid transaction v, r, s values");
    if (tx.type == TransactionType::native) {
        if (!tx.sponsor_signature.is_zero() && !is_in_range(tx.sponsor_signature))
            return make_error(ErrorCode::unauthorized, "transaction: sponsor's signature values are invalid");
        return Done{};
    }
    if (tx.nonce == ~std::uint64_t{0}) return invalid("nonce has max value");
    if (tx.max_priority_fee_per_gas > tx.max_fee_per_gas)
        return invalid("max priority fee per gas higher than max fee per gas");
    if (!checked_mul(tx.max_fee_per_gas, uint256{tx.gas_limit})) return invalid("gas limit times fee exceeds 256 bits");
    if (tx.type == TransactionType::set_code && tx.authorization_list.empty())
        return invalid("EIP-7702 transaction with empty auth list");
    return Done{};
}

[[nodiscard]] Result<Transaction> decode_by_type(ByteView raw) {
    if (raw.empty()) return malformed("empty");
    if (raw[0] >= 0xc0) return decode_legacy(raw);
    switch (raw[0]) {
        case static_cast<std::uint8_t>(TransactionType::access_list):
        case static_cast<std::uint8_t>(TransactionType::dynamic_fee):
        case static_cast<std::uint8_t>(TransactionType::set_code):
            return decode_typed(static_cast<TransactionType>(raw[0]), raw.subspan(1));
        case static_cast<std::uint8_t>(TransactionType::native): return decode_native(raw.subspan(1));
        case blob_type:
            return make_error(ErrorCode::unsupported, "transaction: transaction type not supported: blobs (EIP-4844)");
        default:
            return make_error(ErrorCode::unsupported,
                              "transaction: transaction type not supported: first byte 0x" + to_hex(raw.first(1)));
    }
}

[[nodiscard]] std::optional<Address> recover(const Hash256& digest, const TransactionSignature& signature) {
    Bytes r_s;
    r_s.reserve(64);
    append(r_s, to_big_endian(signature.r).view());
    append(r_s, to_big_endian(signature.s).view());
    return recover_address(digest, r_s, signature.y_parity);
}

}  // namespace

Result<Transaction> decode_transaction(ByteView raw) {
    if (raw.size() > limits::transaction_bytes_max)
        return make_error(ErrorCode::too_large, "transaction: " + std::to_string(raw.size()) + " bytes, at most " +
                                                    std::to_string(limits::transaction_bytes_max));
    auto decoded = decode_by_type(raw);
    if (!decoded) return decoded;
    if (auto status = check_alone(*decoded); !status) return status.error();
    return decoded;
}

Bytes encode_transaction(const Transaction& tx) {
    auto out = start_encoding(tx);
    const auto list = out.begin_list();
    put_unsigned_fields(out, tx);
    if (tx.type == TransactionType::legacy) {
        out.integer(legacy_v(tx)).integer(tx.signature.r).integer(tx.signature.s);
    } else {
        put_signature(out, tx.signature);
        if (tx.type == TransactionType::native) put_signature(out, tx.sponsor_signature);
    }
    out.end_list(list);
    return std::move(out).take();
}

TransactionHash transaction_hash(ByteView raw) { return TransactionHash::from(keccak256(raw)); }

Hash256 signing_hash(const Transaction& tx) {
    auto out = start_encoding(tx);
    const auto list = out.begin_list();
    put_unsigned_fields(out, tx);
    if (tx.type == TransactionType::legacy && tx.chain_id)
        out.integer(*tx.chain_id).integer(std::uint64_t{0}).integer(std::uint64_t{0});
    out.end_list(list);
    return keccak256(out.view());
}

Hash256 authorization_signing_hash(const Authorization& authorization) {
    rlp::Encoder out{128};
    out.raw({&authorization_magic, 1});
    const auto list = out.begin_list();
    out.integer(authorization.chain_id).bytes(authorization.address).integer(authorization.nonce);
    out.end_list(list);
    return keccak256(out.view());
}

std::optional<Address> recover_authority(const Authorization& authorization) {
    if (authorization.y_parity > uint256{1}) return std::nullopt;
    const TransactionSignature signature{static_cast<std::uint8_t>(authorization.y_parity.low64()), authorization.r,
                                         authorization.s};
    if (!is_in_range(signature)) return std::nullopt;
    return recover(authorization_signing_hash(authorization), signature);
}

}  // namespace troupe
