#include "vm/contract/package.hpp"

#include "runtime/base/limits.hpp"
#include "runtime/crypto/keccak.hpp"
#include "vm/evm/code_engine.hpp"

namespace troupe::contract {
namespace {

constexpr std::size_t magic_bytes = 4;
constexpr std::size_t head_bytes = magic_bytes + 2;

}  // namespace

std::optional<Package> parse_package(ByteView code) {
    if (evm::code_kind(code) != evm::CodeKind::package || code.size() < head_bytes) return std::nullopt;
    const std::size_t count = code[magic_bytes] * 256U + code[magic_bytes + 1];
    Package out;
    out.size = head_bytes + count * Address::size();
    if (count == 0 || out.size > code.size()) return std::nullopt;
    for (std::size_t i = 0; i < count; ++i)
        out.parts.push_back(*Address::from_view(code.subspan(head_bytes + i * Address::size(), Address::size())));
    return out;
}

CodeHash package_key(evm::Host& host, const Package& package) {
    Keccak256 hasher;
    hasher.update(as_bytes("troupe package"));
    for (const auto& part : package.parts) hasher.update(host.code_hash(part).view());
    return CodeHash::from(hasher.finish());
}

std::optional<Bytes> assemble(evm::Host& host, const Package& package) {
    Bytes out;
    for (const auto& part : package.parts) {
        const auto size = host.code_size(part);
        if (size < magic_bytes || out.size() + size > limits::package_bytes_max) return std::nullopt;
        Bytes code(size);
        static_cast<void>(host.copy_code(part, 0, code));
        if (evm::code_kind(code) != evm::CodeKind::part) return std::nullopt;
        append(out, ByteView{code}.subspan(magic_bytes));
    }
    return out;
}

}  // namespace troupe::contract
