// The methods of a node that signs: for development accounts, whose keys everybody knows. Hardhat, Remix, ethers'
// JsonRpcSigner and `cast send --unlocked` use them as with any local development node.
#include <algorithm>

#include "actors/gateway/handler.hpp"
#include "runtime/ledger/sign.hpp"
#include "runtime/rpc/typed_data.hpp"

namespace troupe::gateway {
namespace {

[[nodiscard]] std::string signature_text(const Secp256k1SecretKey& key, const Hash256& digest) {
    const auto signature = key.sign(digest);
    Bytes out{signature.r_s.begin(), signature.r_s.end()};
    out.push_back(static_cast<std::uint8_t>(27 + signature.recovery_id));
    return quoted_bytes(out);
}

}  // namespace

std::optional<std::string> Handler::accounts(const Call&) {
    JsonText out;
    out.begin_array();
    for (const auto& address : account_order_) out.bytes(address.view());
    return out.end_array().take();
}

const Secp256k1SecretKey& Handler::account(const Address& address) const {
    const auto it = std::ranges::find(account_order_, address);
    if (it == account_order_.end())
        throw Failure{{-32000,
                       "unknown account: this node signs for development accounts only; sign locally and use "
                       "eth_sendRawTransaction",
                       ""}};
    return options_.accounts[static_cast<std::size_t>(it - account_order_.begin())];
}

void Handler::sign_and(Transaction tx, const Address& sender, bool nonce_is_open,
                       const std::function<void(Bytes)>& use) {
    const auto& key = account(sender);
    const std::lock_guard lock{signing_mutex_};
    if (nonce_is_open) tx.nonce = backend_->pending_nonce(sender);
    sign_transaction(tx, key);
    use(encode_transaction(tx));
}

std::optional<std::string> Handler::send_transaction(const Call& c) {
    const auto& object = c.parameters.at(0);
    static_cast<void>(account(call_request(object).transaction.sender));
    const bool nonce_is_open = !object.contains("nonce") || object["nonce"].is_null();
    fill(c, object, [this, nonce_is_open, respond = c.respond](Transaction tx, const Address& sender) -> Answer {
        sign_and(std::move(tx), sender, nonce_is_open, [&](const Bytes& raw) { submit(raw, respond); });
        return std::nullopt;
    });
    return std::nullopt;
}

std::optional<std::string> Handler::sign_transaction_only(const Call& c) {
    const auto& object = c.parameters.at(0);
    static_cast<void>(account(call_request(object).transaction.sender));
    const bool nonce_is_open = !object.contains("nonce") || object["nonce"].is_null();
    fill(c, object, [this, nonce_is_open](Transaction tx, const Address& sender) -> Answer {
        Answer out;
        sign_and(std::move(tx), sender, nonce_is_open, [&](const Bytes& raw) { out = quoted_bytes(raw); });
        return out;
    });
    return std::nullopt;
}

std::optional<std::string> Handler::sign_message(const Call& c) {
    return signature_text(account(c.parameters.address(0)), personal_message_digest(c.parameters.bytes(1)));
}

std::optional<std::string> Handler::personal_sign(const Call& c) {
    return signature_text(account(c.parameters.address(1)), personal_message_digest(c.parameters.bytes(0)));
}

std::optional<std::string> Handler::sign_typed_data(const Call& c) {
    const auto& key = account(c.parameters.address(0));
    const auto& given = c.parameters.at(1);
    // As an object, or as its text.
    const auto data = given.is_string() ? Json::parse(given.get_ref<const std::string&>(), nullptr, false) : given;
    const auto digest = typed_data_digest(data);
    if (!digest) throw invalid_params(digest.error().message);
    return signature_text(key, *digest);
}

}  // namespace troupe::gateway
