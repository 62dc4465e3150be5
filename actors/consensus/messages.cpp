#include "actors/consensus/messages.hpp"

namespace troupe::consensus {

Bytes message_signing_payload(std::uint64_t chain_id, const Message& message) {
    Bytes out;
    Writer writer{out};
    writer.array(3);
    writer.text("troupe consensus");
    writer.unsigned_integer(chain_id);
    write_value(writer, message);
    return out;
}

Bytes prepare_signing_payload(std::uint64_t chain_id, Height height, View view, const BlockHash& block) {
    Bytes out;
    Writer writer{out};
    writer.array(5);
    writer.text("troupe prepare");
    writer.unsigned_integer(chain_id);
    write_value(writer, height);
    write_value(writer, view);
    write_value(writer, block);
    return out;
}

const char* kind_name(const Body& body) noexcept {
    static constexpr const char* names[] = {"ChangeView", "PrepareRequest",  "PrepareResponse",
                                            "Commit",     "RecoveryRequest", "RecoveryMessage"};
    return names[body.index()];
}

}  // namespace troupe::consensus
