#include "deploy/cli/rpc_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "deploy/cli/cli.hpp"

namespace troupe::cli {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

struct RpcClient::Connection {
    asio::io_context io;
    std::optional<beast::tcp_stream> stream;
    beast::flat_buffer buffer;

    /// Runs what `begin` starts to its end; the stream's time limit ends it with beast::error::timeout.
    template <class Begin>
    [[nodiscard]] beast::error_code run(Begin&& begin) {
        beast::error_code result;
        begin([&result](const beast::error_code& error) { result = error; });
        io.restart();
        io.run();
        return result;
    }
    /// The other side has closed, or has said something that nobody asked for.
    [[nodiscard]] bool is_stale() {
        auto& socket = stream->socket();
        beast::error_code error;
        socket.non_blocking(true, error);
        char byte = 0;
        socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
        return error != asio::error::would_block;
    }
};

RpcClient::RpcClient(std::string url, std::chrono::milliseconds patience)
    : patience_(patience), connection_(std::make_unique<Connection>()) {
    if (url.starts_with("http://")) url.erase(0, 7);
    url = url.substr(0, url.find('/'));
    const auto colon = url.rfind(':');
    host_ = url.substr(0, colon);
    port_ = colon == std::string::npos ? "80" : url.substr(colon + 1);
}
RpcClient::~RpcClient() = default;

Error RpcClient::failed(const std::string& why) const {
    connection_->stream.reset();
    return make_error(ErrorCode::unavailable, "http://" + host_ + ":" + port_ + " does not answer: " + why +
                                                  "; is the cluster running? (`troupe status`)");
}

Status RpcClient::connect() {
    auto& c = *connection_;
    if (c.stream && !c.is_stale()) return Done{};
    c.stream.emplace(c.io);
    c.buffer.clear();
    beast::error_code error;
    const auto endpoints = tcp::resolver{c.io}.resolve(host_, port_, error);
    if (error) return failed(error.message());
    c.stream->expires_after(patience_);
    error = c.run([&](auto done) {
        c.stream->async_connect(endpoints, [done](const beast::error_code& e, const auto&) { done(e); });
    });
    if (error) return failed(error.message());
    c.stream->socket().set_option(tcp::no_delay(true), error);
    return Done{};
}

/// A request is sent once: whether one that failed half-way took effect can't be told, so it is the caller's to ask.
Result<Json> RpcClient::post(const std::string& body) {
    if (auto status = connect(); !status) return status.error();
    auto& c = *connection_;
    http::request<http::string_body> request{http::verb::post, "/", 11};
    request.set(http::field::host, host_);
    request.set(http::field::content_type, "application/json");
    request.body() = body;
    request.prepare_payload();
    c.stream->expires_after(patience_);
    auto error = c.run([&](auto done) {
        http::async_write(*c.stream, request, [done](const beast::error_code& e, std::size_t) { done(e); });
    });
    http::response_parser<http::string_body> parser;
    parser.body_limit(64 << 20);
    if (!error)
        error = c.run([&](auto done) {
            http::async_read(*c.stream, c.buffer, parser, [done](const beast::error_code& e, std::size_t) { done(e); });
        });
    if (error == beast::error::timeout) return failed("no answer within " + std::to_string(patience_.count()) + " ms");
    if (error) return failed(error.message());
    if (!parser.get().keep_alive()) c.stream.reset();
    auto json = Json::parse(parser.get().body(), nullptr, false);
    if (json.is_discarded()) return make_error(ErrorCode::malformed, "the node did not answer with JSON");
    return json;
}

Result<Json> RpcClient::call(const std::string& method, Json params) {
    auto answer = post(Json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", std::move(params)}}.dump());
    if (!answer) return answer;
    if (!answer->is_object()) return make_error(ErrorCode::malformed, method + ": no answer object");
    if (answer->contains("error")) {
        const auto& error = (*answer)["error"];
        return make_error(ErrorCode::invalid, error.is_object() ? error.value("message", "error") : error.dump());
    }
    return Json((*answer)["result"]);
}

Result<std::vector<Json>> RpcClient::batch(const std::vector<std::pair<std::string, Json>>& calls) {
    Json body = Json::array();
    for (std::size_t i = 0; i < calls.size(); ++i)
        body.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", calls[i].first}, {"params", calls[i].second}});
    auto answer = post(body.dump());
    if (!answer) return answer.error();
    if (!answer->is_array() || answer->size() != calls.size())
        return make_error(ErrorCode::malformed, "the batch was not answered");
    return std::vector<Json>(answer->begin(), answer->end());
}

std::optional<std::string> gateway_url(Context& context, const std::string& given) {
    if (!given.empty()) return given;
    const auto directory = context.cluster_directory();
    if (!directory) return std::nullopt;
    const Cluster cluster{*directory};
    if (const auto state = cluster.state(); !state) return context.fail(state.error()), std::nullopt;
    auto url = cluster.rpc_url();
    if (!url.empty()) return url;
    context.fail(exit_not_found,
                 "the cluster has no gateway that can be reached from here; `troupe scale gateway=1` starts one, --rpc "
                 "URL names another node");
    return std::nullopt;
}

}  // namespace troupe::cli
