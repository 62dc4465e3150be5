#include "deploy/inspect/endpoint.hpp"

#include <charconv>

#include "deploy/inspect/metrics.hpp"

namespace troupe {
namespace {

constexpr std::size_t keys_max = 64;
constexpr std::size_t events_max = 20'000;

[[nodiscard]] rpc::HttpAnswer json_answer(const Json& json, unsigned status = 200) {
    return {status, "application/json", json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

[[nodiscard]] rpc::HttpAnswer failure(unsigned status, const std::string& message) {
    return json_answer({{"error", message}}, status);
}

[[nodiscard]] std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional{value}
                                                                                     : std::nullopt;
}

[[nodiscard]] rpc::HttpAnswer actor_answer(NodeObserver& observer, std::string_view rest) {
    constexpr std::string_view messages = "/messages/";
    const auto slash = rest.find(messages);
    const auto actor = rest.substr(0, slash);
    if (slash == std::string_view::npos) {
        const auto detail = observer.detail(actor);
        return detail ? json_answer(report_json(*detail)) : failure(404, "no actor " + std::string{actor});
    }
    const auto from = number(rest.substr(slash + messages.size()));
    if (!from) return failure(400, "the message number is not a number");
    std::uint64_t next = 0;
    const auto list = observer.follow(actor, *from, next);
    if (!list) return failure(404, "no actor " + std::string{actor});
    return json_answer({{"next", next}, {"messages", report_json(*list)}});
}

[[nodiscard]] rpc::HttpAnswer trace_answer(const NodeObserver& observer, std::string_view keys) {
    std::vector<Hash256> wanted;
    while (!keys.empty()) {
        const auto comma = keys.find(',');
        const auto key = fixed_from_hex<Hash256>(keys.substr(0, comma));
        if (!key || wanted.size() == keys_max)
            return failure(400, "expected at most " + std::to_string(keys_max) + " hashes of 32 bytes as hex");
        wanted.push_back(*key);
        keys = comma == std::string_view::npos ? std::string_view{} : keys.substr(comma + 1);
    }
    auto events = observer.trace(wanted);
    if (events.size() > events_max) events.resize(events_max);
    return json_answer({{"node", observer.options().name}, {"events", report_json(events)}});
}

[[nodiscard]] rpc::HttpAnswer readiness_answer(const NodeObserver& observer, bool must_be_ready) {
    const auto ready = observer.readiness();
    const Json body{{"status", must_be_ready ? (ready.is_ready ? "ready" : "not ready") : "ok"},
                    {"state", ready.state},
                    {"height", ready.status.height.value},
                    {"executed", ready.status.executed.value}};
    return json_answer(body, must_be_ready && !ready.is_ready ? 503 : 200);
}

/// GET only.
class Handler final : public rpc::Handler {
public:
    explicit Handler(std::shared_ptr<NodeObserver> observer) : observer_(std::move(observer)) {}
    void handle(const std::shared_ptr<rpc::Peer>&, rpc::Request, rpc::Respond respond) override {
        respond({"", rpc::RpcError{-32601, "this port is for GET; JSON-RPC is the gateway's", ""}, {}});
    }
    void on_closed(std::uint64_t) override {}
    std::optional<rpc::HttpAnswer> on_get(std::string_view path) override { return inspect_get(*observer_, path); }

private:
    std::shared_ptr<NodeObserver> observer_;
};

}  // namespace

std::optional<rpc::HttpAnswer> inspect_get(NodeObserver& observer, std::string_view path) {
    constexpr std::string_view inspect = "/inspect";
    constexpr std::string_view trace = "/trace/";
    if (path == inspect) return json_answer(report_json(observer.report()));
    if (path.starts_with(inspect) && path.size() > inspect.size() + 1 && path[inspect.size()] == '/')
        return actor_answer(observer, path.substr(inspect.size() + 1));
    if (path.starts_with(trace)) return trace_answer(observer, path.substr(trace.size()));
    if (path == "/metrics") return rpc::HttpAnswer{200, "text/plain; version=0.0.4; charset=utf-8", metrics(observer)};
    if (path == "/health" || path == "/ready") return readiness_answer(observer, path == "/ready");
    return std::nullopt;
}

Result<std::unique_ptr<InspectEndpoint>> InspectEndpoint::start(std::shared_ptr<NodeObserver> observer,
                                                                std::uint16_t wanted_port) {
    const auto handler = std::make_shared<Handler>(std::move(observer));
    rpc::ServerOptions options;
    options.port = wanted_port;
    options.threads = 1;
    options.connections_max = 64;
    auto server = rpc::Server::start(options, handler);
    if (!server && wanted_port != 0) {
        options.port = 0;
        server = rpc::Server::start(options, handler);
    }
    if (!server) return server.error();
    return std::unique_ptr<InspectEndpoint>{new InspectEndpoint{std::move(*server)}};
}

}  // namespace troupe
