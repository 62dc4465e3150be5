// A node of another operator that the genesis knows and that does not keep to the protocol: over its link it sends
// every kind of frame, known or not, filled with what CAF's own remoting would take for exit messages, look-ups in the
// registry and spawning. Prints how many frames it could send.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "deploy/node/node_config.hpp"
#include "deploy/node/node_network.hpp"
#include "runtime/ledger/genesis_json.hpp"
#include "runtime/link/link.hpp"

using namespace troupe;

namespace {

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "byzantine_peer: %s\n", why.c_str());
    std::exit(1);
}
template <class T>
T must(Result<T> result) {
    if (!result) fail(result.error().message);
    return std::move(*result);
}

/// BASP of CAF 0.17: operation, padding, flags, payload length, operation data, source and destination actor; then a
/// message's type names. Actor 1 and 2 are the configuration and the spawn server of every CAF system.
[[nodiscard]] Bytes basp(std::uint8_t operation, std::uint64_t to, const std::string& payload) {
    Bytes out{operation, 0, 0, 0};
    const auto put = [&](std::uint64_t value, int bytes) {
        for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    };
    put(payload.size(), 4);
    put(0, 8);
    put(77, 8);
    put(to, 8);
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

[[nodiscard]] std::vector<Bytes> attacks() {
    std::vector<Bytes> out{{}, {0xc0}, Bytes(1000, 0xff), Bytes(70'000, 0x91)};
    for (const char* payload : {"@exit", "exit_msg user_shutdown", "get vm_pool", "ConfigServ get *",
                                "SpawnServ spawn vm_pool", "sys_atom kill", "stop"})
        for (const unsigned operation : {0U, 2U, 4U, 5U})
            for (const std::uint64_t actor : {0U, 1U, 2U})
                out.push_back(basp(static_cast<std::uint8_t>(operation), actor, payload));
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) fail("expected NODE_DIRECTORY");
    const auto config = must(read_node_config(std::filesystem::path{argv[1]} / "node.json"));
    auto seed_text = must(read_text_file(config.identity_path));
    while (!seed_text.empty() && std::isspace(static_cast<unsigned char>(seed_text.back()))) seed_text.pop_back();
    const auto seed = fixed_from_hex<Ed25519Seed>(seed_text);
    if (!seed) fail("malformed identity");

    std::mutex mutex;
    std::condition_variable changed;
    std::size_t connections = 0;
    link::Options options;
    options.self = NodeIndex{config.index};
    options.self_name = config.name;
    options.identity = *seed;
    options.network = Hash256::from(hash_of(must(genesis_from_json(must(read_text_file(config.genesis_path))))));
    options.listen_host = config.link_host;
    options.listen_port = config.link_port;
    options.kinds = NodeNetwork::kinds();
    // Kinds that nobody else knows.
    for (unsigned kind = frame_kinds_max; kind < 250; kind += 17)
        options.kinds.push_back({static_cast<link::Kind>(kind), "unknown", 1 << 20, options.kinds.front().priority});
    for (const auto& peer : config.peers)
        options.peers.push_back({NodeIndex{peer.index}, peer.name, peer.public_key, peer.host, peer.port});
    link::Callbacks callbacks;
    callbacks.on_peer = [&](NodeIndex, bool up) {
        const std::lock_guard lock{mutex};
        connections += up ? 1 : 0;
        changed.notify_all();
    };
    callbacks.on_frame = [](NodeIndex, link::Kind, Bytes) {};
    const auto kinds = options.kinds;
    const auto peers = options.peers;
    auto hub = must(link::Hub::create(std::move(options), std::move(callbacks)));
    if (const auto status = hub->start(); !status) fail(status.error().message);
    std::size_t frames = 0;
    std::size_t seen = 0;
    // Whoever is sent nonsense hangs up: each attack waits for somebody to listen again.
    for (const auto& attack : attacks()) {
        {
            std::unique_lock lock{mutex};
            changed.wait_for(lock, std::chrono::milliseconds(200), [&] { return connections > seen; });
            seen = connections;
        }
        const auto payload = std::make_shared<const Bytes>(attack);
        for (const auto& peer : peers)
            for (const auto& kind : kinds) {
                if (payload->size() > kind.bytes_max) continue;
                hub->send(peer.index, kind.kind, payload);
                ++frames;
            }
    }
    hub->stop();
    std::printf("%zu frames over %zu connections\n", frames, connections);
    return connections == 0 ? 1 : 0;
}
