#include "deploy/keys/keys.hpp"

#include <cstdlib>
#include <iostream>

#include <termios.h>
#include <unistd.h>

#include "deploy/node/node_config.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/keystore.hpp"

namespace troupe {

Secp256k1SecretKey development_key(std::uint32_t index) {
    const auto digest = keccak256(as_bytes("troupe development account " + std::to_string(index)));
    auto key = Secp256k1SecretKey::from_bytes(digest.view());
    TROUPE_ASSERT(key.has_value());
    return std::move(*key);
}

std::string checksum_address(const Address& address) {
    auto text = to_hex(address.view());
    const auto digest = to_hex(keccak256(as_bytes(text)).view());
    for (std::size_t i = 0; i < text.size(); ++i)
        if (digest[i] >= '8') text[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[i])));
    return "0x" + text;
}

Result<Ed25519KeyPair> load_or_create_identity(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) {
        auto key = Ed25519KeyPair::generate();
        if (auto status = write_text_file(file, to_hex(key.reveal_seed().view()) + "\n", true); !status)
            return status.error();
        return key;
    }
    auto text = read_text_file(file, 1024);
    if (!text) return text.error();
    while (!text->empty() && std::isspace(static_cast<unsigned char>(text->back()))) text->pop_back();
    const auto seed = from_hex(*text);
    auto key = seed ? Ed25519KeyPair::from_seed(*seed) : std::nullopt;
    if (!key) return make_error(ErrorCode::malformed, file.string() + ": expected 64 hex digits");
    return std::move(*key);
}

Result<std::string> ask_password(const std::string& password_file, bool twice) {
    if (!password_file.empty()) {
        auto text = read_text_file(password_file, 4096);
        if (!text) return text.error();
        while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
        return text;
    }
    if (const char* given = std::getenv("TROUPE_PASSWORD")) return std::string{given};
    if (!::isatty(STDIN_FILENO))
        return make_error(ErrorCode::invalid,
                          "a password is needed: --password-file FILE, $TROUPE_PASSWORD, or a terminal");
    const auto ask = [](const char* prompt) {
        termios before{};
        ::tcgetattr(STDIN_FILENO, &before);
        auto silent = before;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
        std::cerr << prompt << std::flush;
        std::string line;
        std::getline(std::cin, line);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
        std::cerr << "\n";
        return line;
    };
    auto password = ask("Password: ");
    if (twice && ask("Again: ") != password) return make_error(ErrorCode::invalid, "the two passwords differ");
    return password;
}

Result<Secp256k1SecretKey> find_key(const std::string& name, const std::filesystem::path& directory,
                                    const std::string& password_file) {
    if (name.starts_with("dev:")) {
        const auto index = parse_uint256(name.substr(4));
        if (!index || *index >= uint256{10'000})
            return make_error(ErrorCode::invalid, "expected dev:0 to dev:9999, found " + name);
        return development_key(static_cast<std::uint32_t>(index->low64()));
    }
    std::filesystem::path file = name;
    if (!std::filesystem::exists(file)) file = directory / "keys" / (name + ".json");
    if (!std::filesystem::exists(file))
        return make_error(
            ErrorCode::not_found,
            "no key \"" + name + "\": expected dev:N, a keystore file, or a name in " + (directory / "keys").string());
    auto text = read_text_file(file, 1 << 20);
    if (!text) return text.error();
    auto password = ask_password(password_file, false);
    if (!password) return password.error();
    auto key = decrypt_keystore(*text, *password);
    if (!key) return make_error(key.error().code, file.string() + ": " + key.error().message);
    return key;
}

}  // namespace troupe
