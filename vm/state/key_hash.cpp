#include "vm/state/key_hash.hpp"

#include <array>
#include <cstring>

#include "runtime/crypto/random.hpp"

namespace troupe {
namespace {

const std::array<std::uint64_t, 4>& hash_seed() noexcept {
    static const auto seed = [] {
        std::array<std::uint64_t, 4> words{};
        fill_random({reinterpret_cast<std::uint8_t*>(words.data()), sizeof words});
        return words;
    }();
    return seed;
}

[[nodiscard]] std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    const auto product = static_cast<uint128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::size_t SlotHash::operator()(const uint256& slot) const {
    const auto& seed = hash_seed();
    return fold(slot.limb[0] ^ seed[0], slot.limb[1] ^ seed[1]) ^
           fold(slot.limb[2] ^ seed[2], slot.limb[3] ^ seed[3]) * 0x9e3779b97f4a7c15ULL;
}

std::size_t AddressHash::operator()(const Address& address) const {
    const auto& seed = hash_seed();
    std::array<std::uint64_t, 3> words{};
    std::memcpy(words.data(), address.data(), Address::size_bytes);
    return fold(words[0] ^ seed[0], words[1] ^ seed[1]) ^ fold(words[2] ^ seed[2], seed[3]);
}

}  // namespace troupe
