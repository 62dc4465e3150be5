// TLS 1.3 contexts from an Ed25519 identity, and the identity at the other end of a connection.
#pragma once

#include <optional>

#include "runtime/base/result.hpp"
#include "runtime/crypto/ed25519.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace troupe::link {

/// TLS 1.3 only, a self-signed certificate of the identity, the peer's certificate demanded. Which key it may hold is
/// decided after the handshake.
[[nodiscard]] Status configure_tls(ssl_ctx_st* context, const Ed25519Seed& identity);

/// The Ed25519 key of the peer's certificate; nothing if it shows none or one of another kind. That the peer holds the
/// private key is what the handshake has proven.
[[nodiscard]] std::optional<Ed25519PublicKey> peer_key(ssl_st* connection);

}  // namespace troupe::link
