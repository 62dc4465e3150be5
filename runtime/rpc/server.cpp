#include "runtime/rpc/server.hpp"

#include <algorithm>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <spdlog/spdlog.h>

#include "runtime/rpc/connection.hpp"

namespace troupe::rpc {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

/// Who has sent nothing for less than this may be about to.
constexpr auto evicted_after = std::chrono::milliseconds(500);
/// For a handler that does not come back.
constexpr auto handlers_end = std::chrono::seconds(2);

}  // namespace

void Connections::add(std::uint64_t id, std::shared_ptr<Connection> connection) {
    const std::lock_guard lock{mutex_};
    by_id_.emplace(id, std::move(connection));
}

void Connections::remove(std::uint64_t id) {
    std::shared_ptr<Connection> last;  // destroyed without the lock
    const std::lock_guard lock{mutex_};
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) return;
    last = std::move(it->second);
    by_id_.erase(it);
    if (by_id_.empty()) removed_.notify_all();
}

std::vector<std::shared_ptr<Connection>> Connections::all() const {
    std::vector<std::shared_ptr<Connection>> out;
    const std::lock_guard lock{mutex_};
    for (const auto& [id, connection] : by_id_) out.push_back(connection);
    return out;
}

bool Connections::make_room() {
    const std::lock_guard lock{mutex_};
    auto longest = std::chrono::steady_clock::now() - evicted_after;
    auto found = by_id_.end();
    for (auto it = by_id_.begin(); it != by_id_.end(); ++it)
        if (const auto since = it->second->waits_since(); since && *since < longest) {
            longest = *since;
            found = it;
        }
    if (found == by_id_.end()) return false;
    found->second->abort();
    // It is on its way out, and not to be found again.
    by_id_.erase(found);
    return true;
}

bool Connections::wait_until_empty(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock{mutex_};
    return removed_.wait_until(lock, deadline, [&] { return by_id_.empty(); });
}

std::uint64_t next_connection_id() {
    static std::atomic<std::uint64_t> next{1};
    return next.fetch_add(1);
}

namespace {

/// What a connection over the limit gets.
[[nodiscard]] const std::string& full_answer() {
    static const std::string text = [] {
        const auto body = format_answer("", {"", RpcError{-32005, "connection limit exceeded, try again", ""}, {}});
        std::string out =
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
            "connection: close\r\n";
        for (const auto& [name, value] : cross_origin_headers) out += std::string{name} + ": " + value + "\r\n";
        return out + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }();
    return text;
}

}  // namespace

// Server --------------------------------------------------------------------------------------------------------------

class Server::Implementation : public std::enable_shared_from_this<Implementation> {
public:
    explicit Implementation(const ServerOptions& options)
        : connections(std::make_shared<Connections>(options)),
          work(connections->io.get_executor()),
          acceptor(asio::make_strand(connections->io)),
          retry(acceptor.get_executor()) {}

    [[nodiscard]] Status listen() {
        const auto& options = connections->options;
        beast::error_code error;
        const auto address = asio::ip::make_address(options.host, error);
        const tcp::endpoint endpoint{address, options.port};
        if (!error) acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error)
            return make_error(ErrorCode::io, "RPC listener on " + options.host + ":" + std::to_string(options.port) +
                                                 ": " + error.message());
        port = acceptor.local_endpoint().port();
        return Done{};
    }

    void accept() {
        acceptor.async_accept(asio::make_strand(connections->io),
                              [self = shared_from_this()](beast::error_code error, tcp::socket socket) {
                                  if (self->connections->stopping) return;
                                  if (error) return self->accept_later(error);
                                  self->on_accepted(std::move(socket));
                                  self->accept();
                              });
    }

    void run(unsigned threads) {
        running = threads;
        for (unsigned i = 0; i < threads; ++i)
            workers.emplace_back([self = shared_from_this()] {
                self->connections->io.run();
                const std::lock_guard lock{self->mutex};
                --self->running;
                self->ended.notify_all();
            });
    }

    void stop(unsigned grace_ms);

    std::shared_ptr<Connections> connections;
    /// A connection whose answer is held has nothing pending: the threads must not leave meanwhile.
    asio::executor_work_guard<asio::io_context::executor_type> work;
    tcp::acceptor acceptor;
    asio::steady_timer retry;
    std::vector<std::thread> workers;
    std::uint16_t port = 0;
    std::mutex mutex;
    std::condition_variable ended;
    unsigned running = 0;

private:
    void on_accepted(tcp::socket socket) {
        beast::error_code ignored;
        if (connections->load->connections.fetch_add(1) >= connections->options.connections_max) {
            connections->load->connections.fetch_sub(1);
            if (connections->make_room()) {
                connections->load->connections.fetch_add(1);
                return serve(std::move(socket));
            }
            // A new socket's buffer takes this without blocking.
            socket.non_blocking(true, ignored);
            socket.write_some(asio::buffer(full_answer()), ignored);
            return;
        }
        serve(std::move(socket));
    }
    void serve(tcp::socket socket) {
        beast::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        serve_http(connections, std::move(socket));
    }

    /// Out of file descriptors, most likely: trying at once again would only burn the processor.
    void accept_later(beast::error_code error) {
        spdlog::warn("rpc: accept: {}", error.message());
        retry.expires_after(std::chrono::milliseconds(50));
        retry.async_wait([self = shared_from_this()](beast::error_code cancelled) {
            if (!cancelled && !self->connections->stopping) self->accept();
        });
    }
};

void Server::Implementation::stop(unsigned grace_ms) {
    if (workers.empty()) return;
    using std::chrono::steady_clock;
    auto& all = *connections;
    all.stopping = true;
    asio::post(acceptor.get_executor(), [self = shared_from_this()] {
        beast::error_code ignored;
        self->acceptor.close(ignored);
        self->retry.cancel();
    });
    {
        std::unique_lock lock{all.load->mutex};
        all.load->bodies_done.wait_until(lock, steady_clock::now() + std::chrono::milliseconds(grace_ms),
                                         [&] { return all.load->bodies == 0; });
    }
    if (grace_ms != 0) {
        for (const auto& connection : all.all()) connection->say_goodbye();
        static_cast<void>(all.wait_until_empty(steady_clock::now() + std::chrono::milliseconds(200)));
    }
    for (const auto& connection : all.all()) connection->abort();
    work.reset();
    {
        // Without connections the threads run out of work.
        std::unique_lock lock{mutex};
        const auto all_ended = [&] { return running == 0; };
        if (!ended.wait_for(lock, handlers_end, all_ended)) {
            all.io.stop();
            if (!ended.wait_for(lock, handlers_end, all_ended)) {
                // What they hold, this object and the handler among it, lives until they come back.
                spdlog::error("rpc: {} handlers do not come back; stopping without them", running);
                for (auto& worker : workers) worker.detach();
                return workers.clear();
            }
        }
    }
    for (auto& worker : workers) worker.join();
    workers.clear();
    // A late responder may hold a connection for a moment; it must not be what ends the handler.
    all.handler.reset();
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, std::shared_ptr<Handler> handler) {
    auto implementation = std::make_shared<Implementation>(options);
    implementation->connections->handler = std::move(handler);
    if (auto status = implementation->listen(); !status) return status.error();
    implementation->accept();
    implementation->run(std::max(options.threads, 1u));
    return std::unique_ptr<Server>(new Server(std::move(implementation)));
}

Server::~Server() { stop(0); }

std::uint16_t Server::port() const noexcept { return implementation_->port; }

void Server::stop(unsigned grace_ms) { implementation_->stop(grace_ms); }

}  // namespace troupe::rpc
