// Signatures of several validators on one message, behind an interface that does not say which signature scheme it is.
// Chunk certificates and block commits carry a MultiSignature.
#pragma once

#include <bit>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/reflect.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/strong.hpp"
#include "runtime/crypto/ed25519.hpp"

namespace troupe {

/// A set of validators as bits: bit (i % 8) of byte (i / 8) is validator i. Canonical: the last byte is not zero.
namespace signer_set {

/// Keeps the set canonical.
void add(Bytes& set, ValidatorIndex index);
[[nodiscard]] bool contains(ByteView set, ValidatorIndex index) noexcept;
[[nodiscard]] std::size_t count(ByteView set) noexcept;
/// An error unless the set is canonical and names only validators below `validators`.
[[nodiscard]] Status check(ByteView set, std::size_t validators);

/// Calls `visit(ValidatorIndex)` in ascending order.
template <class Visit>
void for_each(ByteView set, Visit&& visit) {
    for (std::size_t byte = 0; byte < set.size(); ++byte)
        for (unsigned bits = set[byte]; bits != 0; bits &= bits - 1)
            visit(ValidatorIndex{static_cast<std::uint32_t>(8 * byte + static_cast<unsigned>(std::countr_zero(bits)))});
}
[[nodiscard]] std::vector<ValidatorIndex> members(ByteView set);

}  // namespace signer_set

struct MultiSignature {
    /// Who signed: a canonical signer set.
    Bytes signers;
    /// What the scheme makes of their signatures.
    Bytes signature;

    bool operator==(const MultiSignature&) const = default;
    static constexpr auto reflect() {
        return fields("MultiSignature", field("signers", &MultiSignature::signers),
                      field("signature", &MultiSignature::signature));
    }
};

/// The holder of one validator's signing key. Thread-safe.
class Signer {
public:
    virtual ~Signer() = default;
    [[nodiscard]] virtual Bytes sign(ByteView message) const = 0;
};

/// Checks and joins the signatures of a fixed list of validators. Thread-safe. What is signed must say for itself what
/// kind of statement it is (domain separation is the caller's duty).
class SignatureScheme {
public:
    virtual ~SignatureScheme() = default;

    [[nodiscard]] virtual std::size_t validators() const noexcept = 0;
    /// False too for an index that is out of range.
    [[nodiscard]] virtual bool verify(ValidatorIndex signer, ByteView message, ByteView signature) const = 0;
    /// Joins signatures, in any order, that the caller has verified one by one. An error on a signer that is out of
    /// range or named twice, and on a signature of the wrong size.
    [[nodiscard]] virtual Result<MultiSignature> aggregate(
        std::vector<std::pair<ValidatorIndex, Bytes>> signatures) const = 0;
    /// Whether everybody in `aggregate.signers` signed `message`. Says nothing about how many they are: an empty set
    /// with an empty signature is in order. The caller asks for its quorum.
    [[nodiscard]] virtual Status verify_aggregate(ByteView message, const MultiSignature& aggregate) const = 0;
};

/// Ed25519; an aggregate is the signatures one after another in ascending order of their signers.
/// An error if a key is not acceptable to OpenSSL or there are more than limits::validators_max.
[[nodiscard]] Result<std::unique_ptr<SignatureScheme>> make_ed25519_scheme(const std::vector<Ed25519PublicKey>& keys);
[[nodiscard]] std::unique_ptr<Signer> make_ed25519_signer(Ed25519KeyPair key);

}  // namespace troupe
