// Calls another process of the same operator. Blocking and thread-safe: one call at a time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include "runtime/base/codec.hpp"
#include "runtime/operator_link/certificate.hpp"

namespace troupe::operator_link {

class Channel;
struct ClientContext;

struct Target {
    std::string host;
    std::uint16_t port = 0;
    /// What the other side's certificate must say, so that no host stands in for another.
    Kind kind = Kind::agent;
    std::string name;
    /// The other side says something at least this often while it works on a call; 0: it need not.
    std::chrono::milliseconds silence_max{0};
};

class Client {
public:
    /// Answers a query that the server asks during a call.
    using Answer = std::function<Result<Bytes>(const std::string& method, ByteView body)>;

    /// Connects at the first call, and again after a failure.
    [[nodiscard]] static Result<std::unique_ptr<Client>> create(const Credentials& credentials, Target target);
    ~Client();

    /// ErrorCode::unavailable if the other side can't be reached or does not answer within `patience`, unauthorized if
    /// the two do not trust each other; else what the other side answers. Never sent twice: a call that fails half-way
    /// may have taken effect.
    [[nodiscard]] Result<Bytes> call(const std::string& method, ByteView body, std::chrono::milliseconds patience,
                                     const Answer& answer = {});

    template <class Reply, class Body>
    [[nodiscard]] Result<Reply> request(const std::string& method, const Body& body,
                                        std::chrono::milliseconds patience) {
        const auto bytes = call(method, encode(body), patience);
        if (!bytes) return bytes.error();
        return decode<Reply>(*bytes);
    }

private:
    Client(std::unique_ptr<ClientContext> context, Target target);
    [[nodiscard]] Status connect(std::chrono::milliseconds patience);
    [[nodiscard]] Result<Bytes> exchange(const std::string& method, ByteView body, std::chrono::milliseconds patience,
                                         const Answer& answer);

    std::mutex mutex_;
    std::unique_ptr<ClientContext> context_;
    Target target_;
    std::unique_ptr<Channel> channel_;
};

}  // namespace troupe::operator_link
