#include "runtime/operator_link/client.hpp"

#include "runtime/operator_link/channel.hpp"
#include "runtime/operator_link/protocol.hpp"

namespace troupe::operator_link {

using Clock = std::chrono::steady_clock;

struct ClientContext {
    ContextPtr tls;
};

namespace {

/// A host on the same continent answers within a tenth of it.
constexpr Patience connect_patience{3000};

}  // namespace

Client::Client(std::unique_ptr<ClientContext> context, Target target)
    : context_(std::move(context)), target_(std::move(target)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::create(const Credentials& credentials, Target target) {
    auto context = make_context(credentials);
    if (!context) return context.error();
    auto owned = std::make_unique<ClientContext>();
    owned->tls = std::move(*context);
    return std::unique_ptr<Client>(new Client{std::move(owned), std::move(target)});
}

Status Client::connect(std::chrono::milliseconds patience) {
    if (channel_ && !channel_->is_stale()) return Done{};
    auto channel =
        Channel::connect(context_->tls.get(), target_.host, target_.port, std::min(patience, connect_patience));
    if (!channel) return channel.error();
    const auto& peer = (*channel)->peer();
    if (peer.kind != target_.kind || peer.name != target_.name)
        return make_error(ErrorCode::unauthorized, target_.host + ":" + std::to_string(target_.port) + " is " +
                                                       to_string(peer.kind) + " \"" + peer.name + "\", not " +
                                                       to_string(target_.kind) + " \"" + target_.name + "\"");
    channel_ = std::move(*channel);
    return Done{};
}

Result<Bytes> Client::call(const std::string& method, ByteView body, std::chrono::milliseconds patience,
                           const Answer& answer) {
    const std::lock_guard lock{mutex_};
    return exchange(method, body, patience, answer);
}

Result<Bytes> Client::exchange(const std::string& method, ByteView body, std::chrono::milliseconds patience,
                               const Answer& answer) {
    const auto deadline = Clock::now() + patience;
    const auto left = [&] {
        return std::max(std::chrono::duration_cast<Patience>(deadline - Clock::now()), Patience{1});
    };
    if (auto status = connect(patience); !status) return status.error();
    // In whatever state the connection is after a failure, nobody can tell whose turn it is.
    const auto failed = [&](const Error& error) {
        channel_.reset();
        return make_error(error.code, target_.name + " at " + target_.host + ":" + std::to_string(target_.port) + ": " +
                                          error.message);
    };
    Message message{MessageKind::call, method, 0, Bytes(body.begin(), body.end())};
    for (;;) {
        if (auto status = channel_->write(encode(message), left()); !status) return failed(status.error());
        const auto frame =
            channel_->read(target_.silence_max.count() > 0 ? std::min(left(), target_.silence_max) : left());
        if (!frame) return failed(frame.error());
        auto received = decode<Message>(*frame);
        if (!received) return failed(received.error());
        switch (received->kind) {
            case MessageKind::answer: return std::move(received->body);
            case MessageKind::fault: return error_of(*received);
            case MessageKind::call: return failed(make_error(ErrorCode::malformed, "a call instead of an answer"));
            case MessageKind::query: break;
        }
        auto reply = answer ? answer(received->text, received->body)
                            : Result<Bytes>{make_error(ErrorCode::unsupported, "no queries are answered here")};
        message = reply ? Message{MessageKind::answer, "", 0, std::move(*reply)} : fault_of(reply.error());
    }
}

}  // namespace troupe::operator_link
