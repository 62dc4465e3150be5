#include "deploy/cli/rpc_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace troupe::cli {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

struct RpcClient::Connection {
    asio::io_context io;
    std::optional<beast::tcp_stream> stream;
    beast::flat_buffer buffer;
    bool open = false;
};

RpcClient::RpcClient(std::string url) : connection_(std::make_unique<Connection>()) {
    if (url.starts_with("http://")) url.erase(0, 7);
    url = url.substr(0, url.find('/'));
    const auto colon = url.rfind(':');
    host_ = url.substr(0, colon);
    port_ = colon == std::string::npos ? "80" : url.substr(colon + 1);
}
RpcClient::~RpcClient() = default;

Result<Json> RpcClient::post(const std::string& body) {
    auto& c = *connection_;
    // A kept connection may have been closed meanwhile: one more try on a new one.
    for (int attempt = 0; attempt < 2; ++attempt) {
        try {
            if (!c.open) {
                c.stream.emplace(c.io);
                c.buffer.clear();
                c.stream->connect(asio::ip::tcp::resolver{c.io}.resolve(host_, port_));
                c.stream->socket().set_option(asio::ip::tcp::no_delay(true));
                c.open = true;
            }
            http::request<http::string_body> request{http::verb::post, "/", 11};
            request.set(http::field::host, host_);
            request.set(http::field::content_type, "application/json");
            request.body() = body;
            request.prepare_payload();
            http::write(*c.stream, request);
            http::response_parser<http::string_body> parser;
            parser.body_limit(64 << 20);
            http::read(*c.stream, c.buffer, parser);
            auto json = Json::parse(parser.get().body(), nullptr, false);
            if (json.is_discarded()) return make_error(ErrorCode::malformed, "the node did not answer with JSON");
            return json;
        } catch (const std::exception& error) {
            c.open = false;
            if (attempt == 1)
                return make_error(ErrorCode::unavailable, "http://" + host_ + ":" + port_ +
                                                              " does not answer: " + error.what() +
                                                              "; is the cluster running? (`troupe status`)");
        }
    }
    return make_error(ErrorCode::unavailable, "not reached");
}

Result<Json> RpcClient::call(const std::string& method, Json params) {
    auto answer = post(Json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", std::move(params)}}.dump());
    if (!answer) return answer;
    if (answer->contains("error")) return make_error(ErrorCode::invalid, (*answer)["error"].value("message", "error"));
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

}  // namespace troupe::cli
