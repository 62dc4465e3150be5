#include "deploy/inspect/http_get.hpp"

#include <memory>
#include <optional>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace troupe {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::size_t body_bytes_max = 64 << 20;

/// One request; lives until its last handler has run.
class Get : public std::enable_shared_from_this<Get> {
public:
    Get(asio::io_context& io, const HttpTarget& target, Result<HttpReply>& result)
        : stream_(io), target_(target), result_(result) {
        parser_.body_limit(body_bytes_max);
    }

    void start(std::chrono::milliseconds timeout) {
        boost::system::error_code error;
        const auto address = asio::ip::make_address(target_.host == "localhost" ? "127.0.0.1" : target_.host, error);
        if (error) return fail(error);
        stream_.expires_after(timeout);
        stream_.async_connect(asio::ip::tcp::endpoint{address, target_.port},
                              [self = shared_from_this()](const auto& e) { self->on_connect(e); });
    }

private:
    void on_connect(const boost::system::error_code& error) {
        if (error) return fail(error);
        request_ = {http::verb::get, target_.path, 11};
        request_.set(http::field::host, target_.host + ":" + std::to_string(target_.port));
        request_.set(http::field::connection, "close");
        http::async_write(stream_, request_, [self = shared_from_this()](const auto& e, std::size_t) {
            if (e) return self->fail(e);
            http::async_read(self->stream_, self->buffer_, self->parser_,
                             [self](const auto& read_error, std::size_t) { self->on_read(read_error); });
        });
    }
    void on_read(const boost::system::error_code& error) {
        if (error) return fail(error);
        result_ = HttpReply{parser_.get().result_int(), std::move(parser_.get().body())};
    }
    void fail(const boost::system::error_code& error) {
        const auto why = error == beast::error::timeout ? "no answer in time" : error.message();
        result_ = make_error(ErrorCode::unavailable, target_.host + ":" + std::to_string(target_.port) + ": " + why);
    }

    beast::tcp_stream stream_;
    const HttpTarget& target_;
    Result<HttpReply>& result_;
    http::request<http::empty_body> request_;
    http::response_parser<http::string_body> parser_;
    beast::flat_buffer buffer_{body_bytes_max};
};

}  // namespace

std::vector<Result<HttpReply>> http_get_all(const std::vector<HttpTarget>& targets, unsigned timeout_ms) {
    asio::io_context io{1};
    std::vector<Result<HttpReply>> results(targets.size(), make_error(ErrorCode::unavailable, "not asked"));
    for (std::size_t i = 0; i < targets.size(); ++i)
        std::make_shared<Get>(io, targets[i], results[i])->start(std::chrono::milliseconds{timeout_ms});
    io.run();
    return results;
}

Result<HttpReply> http_get(const HttpTarget& target, unsigned timeout_ms) {
    return http_get_all({target}, timeout_ms)[0];
}

}  // namespace troupe
