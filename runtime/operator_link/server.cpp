#include "runtime/operator_link/server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/operator_link/channel.hpp"
#include "runtime/operator_link/protocol.hpp"

namespace troupe::operator_link {
namespace {

/// For a message that is under way; the work in between may take as long as it takes.
constexpr Patience message_patience{30'000};
constexpr int accept_poll_ms = 200;

[[nodiscard]] std::string text_of(const sockaddr_in& address) {
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    return std::string{text.data()} + ":" + std::to_string(ntohs(address.sin_port));
}

class Session final : public Caller {
public:
    Session(Channel& channel, const std::string& address) : channel_(channel), address_(address) {}
    [[nodiscard]] const CertificateFacts& who() const noexcept override { return channel_.peer(); }
    [[nodiscard]] const std::string& address() const noexcept override { return address_; }
    [[nodiscard]] Result<Bytes> query(const std::string& method, ByteView body) override {
        const Message message{MessageKind::query, method, 0, Bytes(body.begin(), body.end())};
        if (auto status = channel_.write(encode(message), message_patience); !status) return status.error();
        const auto frame = channel_.read(message_patience);
        if (!frame) return frame.error();
        auto reply = decode<Message>(*frame);
        if (!reply) return reply.error();
        if (reply->kind == MessageKind::fault) return error_of(*reply);
        if (reply->kind != MessageKind::answer)
            return make_error(ErrorCode::malformed, "expected the answer to a query");
        return std::move(reply->body);
    }

private:
    Channel& channel_;
    const std::string& address_;
};

}  // namespace

struct Server::State {
    struct Connection {
        std::thread thread;
        std::mutex mutex;
        /// While there is one.
        Channel* channel = nullptr;
        std::atomic<bool> done{false};
    };

    ServerOptions options;
    Handler handler;
    int listener = -1;
    std::uint16_t port = 0;
    std::atomic<bool> stopping{false};
    std::thread thread;
    std::mutex mutex;
    /// Replaced as a whole; connections keep the one they began with.
    std::shared_ptr<SSL_CTX> tls;
    /// Serial numbers that open connections have not been checked against.
    std::vector<std::string> revoked;
    std::list<Connection> connections;

    ~State() {
        if (listener >= 0) ::close(listener);
    }

    void accept_all() {
        while (!stopping) {
            close_revoked();
            pollfd item{listener, POLLIN, 0};
            if (::poll(&item, 1, accept_poll_ms) <= 0) {
                reap();
                continue;
            }
            sockaddr_in address{};
            socklen_t size = sizeof address;
            const int socket = ::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC);
            if (socket < 0) continue;
            reap();
            if (connections.size() >= options.connections_max) {
                spdlog::warn("operator link: {} refused: {} connections are the most", text_of(address),
                             options.connections_max);
                ::close(socket);
                continue;
            }
            auto& connection = connections.emplace_back();
            connection.thread = std::thread([this, &connection, socket, who = text_of(address)] {
                serve(connection, socket, who);
                connection.done = true;
            });
        }
    }

    /// On the accepting thread, like all changes of the list.
    void reap() {
        for (auto it = connections.begin(); it != connections.end();) {
            if (!it->done) {
                ++it;
                continue;
            }
            it->thread.join();
            it = connections.erase(it);
        }
    }

    void close_revoked() {
        std::vector<std::string> serials;
        {
            const std::lock_guard lock{mutex};
            serials.swap(revoked);
        }
        if (serials.empty()) return;
        for (auto& connection : connections) {
            const std::lock_guard lock{connection.mutex};
            if (connection.channel == nullptr) continue;
            const auto& peer = connection.channel->peer();
            if (std::ranges::find(serials, peer.serial) == serials.end()) continue;
            spdlog::warn("operator link: {} \"{}\" is closed: certificate {} is revoked", to_string(peer.kind),
                         peer.name, peer.fingerprint);
            connection.channel->shut_down();
        }
    }

    void serve(Connection& connection, int socket, const std::string& address) {
        std::shared_ptr<SSL_CTX> context;
        {
            const std::lock_guard lock{mutex};
            context = tls;
        }
        auto channel = Channel::accept(context.get(), socket, Patience{options.handshake_ms});
        if (!channel) {
            spdlog::warn("operator link: {} refused: {}", address, channel.error().message);
            return;
        }
        {
            const std::lock_guard lock{connection.mutex};
            connection.channel = channel->get();
        }
        answer_calls(**channel, address);
        const std::lock_guard lock{connection.mutex};
        connection.channel = nullptr;
    }

    void answer_calls(Channel& channel, const std::string& address) {
        Session session{channel, address};
        while (!stopping) {
            const auto frame = channel.read(Patience{options.idle_ms});
            if (!frame) return;
            auto message = decode<Message>(*frame);
            if (!message || message->kind != MessageKind::call) {
                spdlog::warn("operator link: {} ({}) sends what is not a call; closed", address, channel.peer().name);
                return;
            }
            auto result = handler(session, message->text, message->body);
            if (result && result->size() + 1024 > frame_bytes_max)
                result = make_error(ErrorCode::too_large, "the answer is too large");
            const auto reply =
                result ? Message{MessageKind::answer, "", 0, std::move(*result)} : fault_of(result.error());
            if (!channel.write(encode(reply), message_patience)) return;
        }
    }
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, const Credentials& credentials,
                                              Handler handler) {
    auto state = std::make_unique<State>();
    state->options = options;
    state->handler = std::move(handler);
    const auto where = "operator link on " + options.host + ":" + std::to_string(options.port) + ": ";
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    if (::inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1)
        return make_error(ErrorCode::invalid, where + "expected an IPv4 address");
    state->listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(state->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    socklen_t size = sizeof address;
    if (::bind(state->listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(state->listener, 64) != 0 ||
        ::getsockname(state->listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        return make_error(ErrorCode::already_exists, where + std::strerror(errno));
    state->port = ntohs(address.sin_port);
    std::unique_ptr<Server> server{new Server{std::move(state)}};
    if (auto status = server->set_credentials(credentials); !status) return status.error();
    server->state_->thread = std::thread([s = server->state_.get()] { s->accept_all(); });
    return server;
}

Server::~Server() {
    state_->stopping = true;
    if (state_->thread.joinable()) state_->thread.join();
    for (auto& connection : state_->connections) {
        {
            const std::lock_guard lock{connection.mutex};
            if (connection.channel != nullptr) connection.channel->shut_down();
        }
        connection.thread.join();
    }
}

std::uint16_t Server::port() const noexcept { return state_->port; }

Status Server::set_credentials(const Credentials& credentials) {
    auto context = make_context(credentials);
    if (!context) return context.error();
    const std::lock_guard lock{state_->mutex};
    state_->tls = std::shared_ptr<SSL_CTX>{context->release(), SSL_CTX_free};
    state_->revoked = revoked_serials(credentials.trust);
    return Done{};
}

}  // namespace troupe::operator_link
