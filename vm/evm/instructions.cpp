#include "vm/evm/instructions.hpp"

#include <array>

#include "runtime/crypto/keccak.hpp"
#include "vm/evm/word.hpp"

namespace troupe::evm::instructions {
namespace {

/// The ...COPY instructions: memory offset, source offset, size.
bool copy_in(Frame& f, ByteView source) {
    const auto& to = f.top[-1];
    const auto& from = f.top[-2];
    const auto& size = f.top[-3];
    if (!f.expand(to, size) || !f.charge(3 * Frame::words(size.low64()))) return false;
    if (!size.is_zero()) Frame::copy_padded(f.memory.data() + to.low64(), source, from, size.low64());
    f.top -= 3;
    return true;
}

}  // namespace

bool exponentiate(Frame& f) {
    const auto bytes = static_cast<std::int64_t>((bit_length(f.top[-2]) + 7) / 8);
    if (!f.charge(bytes * (f.at_least(Revision::SpuriousDragon) ? 50 : 10))) return false;
    f.top[-2] = power(f.top[-1], f.top[-2]);
    --f.top;
    return true;
}

bool hash(Frame& f) {
    const auto& offset = f.top[-1];
    const auto& size = f.top[-2];
    if (!f.expand(offset, size) || !f.charge(6 * Frame::words(size.low64()))) return false;
    f.top[-2] = to_word(keccak256(f.view(offset, size)));
    --f.top;
    return true;
}

bool copy_calldata(Frame& f) { return copy_in(f, f.calldata); }
bool copy_code(Frame& f) { return copy_in(f, {f.code.padded.data(), f.code.size}); }

bool copy_external_code(Frame& f) {
    const auto address = to_address(f.top[-1]);
    const auto to = f.top[-2];
    const auto from = f.top[-3];
    const auto size = f.top[-4];
    if (!f.expand(to, size) || !f.charge(3 * Frame::words(size.low64()) +
                                         account_access(f, address, f.at_least(Revision::TangerineWhistle) ? 700 : 20)))
        return false;
    f.top -= 4;
    if (size.is_zero()) return true;
    auto* const begin = f.memory.data() + to.low64();
    std::size_t copied = 0;
    if (from.fits_u64()) copied = f.host.copy_code(address, from.low64(), {begin, size.low64()});
    std::memset(begin + copied, 0, size.low64() - copied);
    return true;
}

bool copy_return_data(Frame& f) {
    const auto end = checked_add(f.top[-2], f.top[-3]);
    if (!end || *end > uint256{f.return_data.size()}) return f.fail(Status::return_data_out_of_bounds);
    return copy_in(f, f.return_data);
}

bool copy_memory(Frame& f) {
    const auto& to = f.top[-1];
    const auto& from = f.top[-2];
    const auto& size = f.top[-3];
    if (!f.expand(std::max(to, from), size) || !f.charge(3 * Frame::words(size.low64()))) return false;
    if (!size.is_zero()) std::memmove(f.memory.data() + to.low64(), f.memory.data() + from.low64(), size.low64());
    f.top -= 3;
    return true;
}

bool balance(Frame& f) {
    const auto address = to_address(f.top[-1]);
    const auto before_berlin = f.at_least(Revision::Istanbul) ? 700 : f.at_least(Revision::TangerineWhistle) ? 400 : 20;
    if (!f.charge(account_access(f, address, before_berlin))) return false;
    f.top[-1] = f.host.balance(address);
    return true;
}

bool external_code_size(Frame& f) {
    const auto address = to_address(f.top[-1]);
    if (!f.charge(account_access(f, address, f.at_least(Revision::TangerineWhistle) ? 700 : 20))) return false;
    f.top[-1] = uint256{f.host.code_size(address)};
    return true;
}

bool external_code_hash(Frame& f) {
    const auto address = to_address(f.top[-1]);
    if (!f.charge(account_access(f, address, f.at_least(Revision::Istanbul) ? 700 : 400))) return false;
    f.top[-1] = to_word(f.host.code_hash(address));
    return true;
}

bool block_hash(Frame& f) {
    const auto number = f.top[-1];
    const uint256 current{f.host.context().block.number};
    const bool is_in_reach = number < current && number + uint256{256} >= current;
    f.top[-1] = is_in_reach ? to_word(f.host.block_hash(number.low64())) : uint256{};
    return true;
}

bool blob_hash(Frame& f) {
    const auto hashes = f.host.context().blob_hashes;
    f.top[-1] = f.top[-1] < uint256{hashes.size()} ? to_word(hashes[f.top[-1].low64()]) : uint256{};
    return true;
}

bool set_output(Frame& f) {
    if (!f.expand(f.top[-1], f.top[-2])) return false;
    f.output = f.view(f.top[-1], f.top[-2]);
    return true;
}

bool log(Frame& f, unsigned topics) {
    if (f.message.is_static) return f.fail(Status::write_protection);
    const auto& offset = f.top[-1];
    const auto& size = f.top[-2];
    if (!f.expand(offset, size) || !f.charge(8 * static_cast<std::int64_t>(size.low64()))) return false;
    std::array<Hash256, 4> words;
    for (unsigned i = 0; i < topics; ++i) store_big_endian(words[i].data(), f.top[-3 - static_cast<int>(i)]);
    const std::span<const Hash256> list{words.data(), topics};
    const auto data = f.view(offset, size);
    if (f.tracer != nullptr) f.tracer->on_log(f.message.recipient, list, data);
    f.host.log(f.message.recipient, list, data);
    f.top -= topics + 2;
    return true;
}

}  // namespace troupe::evm::instructions
