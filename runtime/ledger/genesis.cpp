#include "runtime/ledger/genesis.hpp"

#include "runtime/crypto/sha256.hpp"

namespace troupe {

BlockHash hash_of(const Genesis& genesis) { return BlockHash::from(sha256(encode(genesis))); }

std::vector<NodeIndex> nodes_offering(const Genesis& genesis, Service service) {
    std::vector<NodeIndex> out;
    for (std::size_t i = 0; i < genesis.followers.size(); ++i)
        if (genesis.followers[i].offers(service))
            out.emplace_back(static_cast<std::uint32_t>(genesis.validators.size() + i));
    return out;
}

const GenesisNode* node_at(const Genesis& genesis, NodeIndex index) noexcept {
    const auto n = genesis.validators.size();
    if (index.value < n) return &genesis.validators[index.value];
    return index.value - n < genesis.followers.size() ? &genesis.followers[index.value - n] : nullptr;
}

}  // namespace troupe
