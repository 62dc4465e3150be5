#include "runtime/ledger/storage_receipt.hpp"

#include <algorithm>

#include "runtime/ledger/genesis.hpp"

namespace troupe {

StorageRegistry storage_registry(const Genesis& genesis) {
    StorageRegistry out;
    for (std::size_t i = 0; i < genesis.followers.size(); ++i)
        if (genesis.followers[i].offers(Service::storage))
            out.emplace(NodeIndex{static_cast<std::uint32_t>(genesis.validators.size() + i)},
                        genesis.followers[i].public_key);
    return out;
}

Bytes receipt_signing_payload(std::uint64_t chain_id, const StorageReceipt& receipt) {
    Bytes out;
    Writer writer{out};
    writer.array(5);
    writer.text("troupe storage receipt");
    writer.unsigned_integer(chain_id);
    write_value(writer, receipt.height);
    write_value(writer, receipt.bundle);
    write_value(writer, receipt.node);
    return out;
}

Status verify_receipt(std::uint64_t chain_id, const StorageReceipt& receipt, const StorageRegistry& registry) {
    const auto key = registry.find(receipt.node);
    if (key == registry.end())
        return make_error(ErrorCode::unauthorized,
                          "receipt: node " + std::to_string(receipt.node.value) + " is no registered storage node");
    if (!ed25519_verify(key->second, receipt_signing_payload(chain_id, receipt), receipt.signature))
        return make_error(ErrorCode::unauthorized,
                          "receipt: not signed by storage node " + std::to_string(receipt.node.value));
    return Done{};
}

}  // namespace troupe
