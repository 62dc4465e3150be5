#include <set>

#include <boost/asio/post.hpp>

#include "runtime/link/connection.hpp"
#include "runtime/link/hub_core.hpp"
#include "runtime/link/link.hpp"
#include "runtime/link/tls_identity.hpp"

namespace troupe::link {
namespace {

namespace asio = boost::asio;

/// How long a peer that broke the protocol stays away.
constexpr std::chrono::seconds ban{1};

[[nodiscard]] Status check(const Options& options) {
    const auto invalid = [](std::string why) { return make_error(ErrorCode::invalid, "links: " + std::move(why)); };
    std::set<NodeIndex> indexes{options.self};
    std::set<Ed25519PublicKey> keys;
    for (const auto& peer : options.peers) {
        if (!indexes.insert(peer.index).second)
            return invalid("index " + std::to_string(peer.index.value) + " of " + peer.name + " is taken");
        if (!keys.insert(peer.key).second) return invalid("the key of " + peer.name + " is another peer's too");
    }
    for (const auto& facts : options.kinds)
        if (facts.kind == hello_kind || facts.kind >= ping_kind)
            return invalid("kind " + std::to_string(facts.kind) + " is reserved");
    return Done{};
}

}  // namespace

Hub::Hub(std::unique_ptr<HubCore> core) : core_(std::move(core)) {}

Result<std::unique_ptr<Hub>> Hub::create(Options options, Callbacks callbacks) {
    if (auto status = check(options); !status) return status.error();
    auto core = std::make_unique<HubCore>(std::move(options), std::move(callbacks));
    if (auto status = configure_tls(core->tls.native_handle(), core->options.identity); !status) return status.error();
    return std::unique_ptr<Hub>(new Hub(std::move(core)));
}

Hub::~Hub() { stop(0); }

Status Hub::start() {
    TROUPE_ASSERT(!core_->thread.joinable());
    if (auto status = core_->listen(); !status) return status;
    core_->thread = std::thread([core = core_.get()] { core->run(); });
    return Done{};
}

void Hub::stop(std::uint32_t flush_ms) {
    if (!core_->thread.joinable()) return;
    TROUPE_ASSERT(core_->thread.get_id() != std::this_thread::get_id());
    asio::post(core_->io, [core = core_.get(), flush_ms] { core->begin_stop(flush_ms); });
    core_->thread.join();
}

bool Hub::send(NodeIndex to, Kind kind, std::shared_ptr<const Bytes> payload) {
    const auto it = core_->peers.find(to);
    return it != core_->peers.end() && core_->enqueue(*it->second, kind, std::move(payload));
}

std::size_t Hub::broadcast(std::span<const NodeIndex> to, Kind kind, const std::shared_ptr<const Bytes>& payload) {
    std::size_t taken = 0;
    for (const auto index : to) taken += send(index, kind, payload);
    return taken;
}

std::size_t Hub::broadcast(Kind kind, const std::shared_ptr<const Bytes>& payload) {
    std::size_t taken = 0;
    for (auto& [index, peer] : core_->peers) taken += core_->enqueue(*peer, kind, payload);
    return taken;
}

void Hub::disconnect(NodeIndex index, std::string_view why) {
    asio::post(core_->io, [core = core_.get(), index, why = std::string{why}] {
        const auto it = core->peers.find(index);
        if (it == core->peers.end() || !it->second->connection) return;
        it->second->banned_until = Connection::Clock::now() + ban;
        core->refuse(it->second->facts.name, why);
        it->second->connection->close(why);
    });
}

void Hub::relocate(NodeIndex peer, std::string host, std::uint16_t port) {
    asio::post(core_->io, [core = core_.get(), peer, host = std::move(host), port]() mutable {
        core->relocate(peer, std::move(host), port);
    });
}

bool Hub::is_connected(NodeIndex index) const {
    const auto it = core_->peers.find(index);
    if (it == core_->peers.end()) return false;
    const std::lock_guard lock{it->second->mutex};
    return it->second->counters.connected;
}

std::vector<PeerCounters> Hub::counters() const {
    std::vector<PeerCounters> out;
    for (const auto& [index, peer] : core_->peers) {
        const std::lock_guard lock{peer->mutex};
        out.push_back(peer->counters);
        out.back().queued_bytes = peer->queue.bytes();
    }
    return out;
}

std::uint16_t Hub::listen_port() const noexcept { return core_->port; }

}  // namespace troupe::link
