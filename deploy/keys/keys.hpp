// Keys of a cluster: public development accounts, node identities, keystore files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/crypto/ed25519.hpp"
#include "runtime/crypto/secp256k1.hpp"

namespace troupe {

/// Development account `index`: secret key = keccak256("troupe development account <index>"). Public knowledge, so
/// that any clone can use them: for development only.
[[nodiscard]] Secp256k1SecretKey development_key(std::uint32_t index);

/// "0x" and the address with the capitals of EIP-55, which catch mistyped digits.
[[nodiscard]] std::string checksum_address(const Address& address);

/// The identity of a node, made at random if the file is not there yet. Mode 0600.
[[nodiscard]] Result<Ed25519KeyPair> load_or_create_identity(const std::filesystem::path& file);

/// A key as the command line names it: "dev:N", a keystore file, or the name of one in `directory`/keys.
/// The password comes from `password_file`, else $TROUPE_PASSWORD, else the terminal.
[[nodiscard]] Result<Secp256k1SecretKey> find_key(const std::string& name, const std::filesystem::path& directory,
                                                  const std::string& password_file);
[[nodiscard]] Result<std::string> ask_password(const std::string& password_file, bool twice);

}  // namespace troupe
