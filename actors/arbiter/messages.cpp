#include "actors/arbiter/messages.hpp"

namespace troupe::arbiter {

Bytes command_signing_payload(std::uint64_t chain_id, NodeIndex sender, const CommandBody& body) {
    Bytes out;
    Writer writer{out};
    writer.array(4);
    writer.text("troupe arbiter command");
    writer.unsigned_integer(chain_id);
    write_value(writer, sender);
    write_value(writer, body);
    return out;
}

SignedCommand sign_command(std::uint64_t chain_id, NodeIndex sender, CommandBody body, const Ed25519KeyPair& key) {
    const auto signature = key.sign(command_signing_payload(chain_id, sender, body));
    return {sender, std::move(body), Bytes{signature.begin(), signature.end()}};
}

}  // namespace troupe::arbiter
