// A metadata node that lies: with a stopped node's identity it posts a checkpoint whose state root is not the chain's.
//
//     lying_metadata_node NODE_DIRECTORY HEIGHT BLOCK_HASH STATE_ROOT
//
// Ends with 0 once the arbiter says that the checkpoint is in its log.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "actors/arbiter/messages.hpp"
#include "deploy/node/node_config.hpp"
#include "deploy/node/node_network.hpp"
#include "runtime/ledger/genesis_json.hpp"

namespace {

using namespace troupe;

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "lying_metadata_node: %s\n", why.c_str());
    std::exit(1);
}

template <class T>
[[nodiscard]] T must(Result<T> result) {
    if (!result) fail(result.error().message);
    return std::move(*result);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) fail("expected NODE_DIRECTORY HEIGHT BLOCK_HASH STATE_ROOT");
    const auto config = must(read_node_config(std::filesystem::path{argv[1]} / "node.json"));
    const auto genesis = must(genesis_from_json(must(read_text_file(config.genesis_path))));
    auto seed_text = must(read_text_file(config.identity_path));
    while (!seed_text.empty() && std::isspace(static_cast<unsigned char>(seed_text.back()))) seed_text.pop_back();
    const auto seed = fixed_from_hex<Ed25519Seed>(seed_text);
    const auto block = fixed_from_hex<BlockHash>(argv[3]);
    const auto state_root = fixed_from_hex<RootHash>(argv[4]);
    if (!seed || !block || !state_root) fail("malformed identity or hash");

    const arbiter::Checkpoint checkpoint{Height{std::strtoull(argv[2], nullptr, 10)}, *block, *state_root, {}};
    const auto command =
        arbiter::sign_command(genesis.parameters.chain_id, NodeIndex{config.index}, arbiter::PostCheckpoint{checkpoint},
                              *Ed25519KeyPair::from_seed(seed->view()));
    const auto arbiter_node = nodes_offering(genesis, Service::arbitration).at(0);

    std::mutex mutex;
    std::condition_variable changed;
    bool connected = false;
    bool logged = false;
    link::Options options;
    options.self = NodeIndex{config.index};
    options.self_name = config.name;
    options.identity = *seed;
    options.network = Hash256::from(hash_of(genesis));
    options.listen_host = config.link_host;
    options.listen_port = config.link_port;
    options.kinds = NodeNetwork::kinds();
    for (const auto& peer : config.peers)
        options.peers.push_back({NodeIndex{peer.index}, peer.name, peer.public_key, peer.host, peer.port});
    link::Callbacks callbacks;
    callbacks.on_peer = [&](NodeIndex peer, bool up) {
        const std::lock_guard lock{mutex};
        if (peer == arbiter_node) connected = up;
        changed.notify_all();
    };
    callbacks.on_frame = [&](NodeIndex from, link::Kind kind, Bytes payload) {
        if (from != arbiter_node || kind != static_cast<link::Kind>(FrameKind::arbiter_notice)) return;
        const auto notice = decode<arbiter::Notice>(payload);
        if (!notice) return;
        const auto* standing = std::get_if<arbiter::CheckpointStanding>(&notice->body);
        const std::lock_guard lock{mutex};
        if (standing != nullptr && standing->height == checkpoint.height) logged = true;
        changed.notify_all();
    };
    auto hub = must(link::Hub::create(std::move(options), std::move(callbacks)));
    if (const auto status = hub->start(); !status) fail(status.error().message);
    const auto within = std::chrono::seconds(20);
    {
        std::unique_lock lock{mutex};
        if (!changed.wait_for(lock, within, [&] { return connected; })) fail("no connection to the arbiter");
    }
    hub->send(arbiter_node, static_cast<link::Kind>(FrameKind::arbiter_command), to_payload(command));
    {
        std::unique_lock lock{mutex};
        if (!changed.wait_for(lock, within, [&] { return logged; })) fail("the arbiter does not answer");
    }
    hub->stop();
    return 0;
}
