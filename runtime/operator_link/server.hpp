// Answers calls of other processes of the same operator. Who may call what is the handler's to decide, by the caller's
// certificate.
#pragma once

#include <functional>
#include <memory>

#include "runtime/base/codec.hpp"
#include "runtime/operator_link/certificate.hpp"

namespace troupe::operator_link {

struct ServerOptions {
    /// An IPv4 address.
    std::string host = "127.0.0.1";
    /// 0: any that is free.
    std::uint16_t port = 0;
    /// Each has a thread. One more is closed at once.
    std::size_t connections_max = 64;
    /// From the first packet to a caller that is known.
    std::uint32_t handshake_ms = 5000;
    /// Without a call.
    std::uint32_t idle_ms = 600'000;
};

/// The caller's side of a call that is being answered.
class Caller {
public:
    virtual ~Caller() = default;
    [[nodiscard]] virtual const CertificateFacts& who() const noexcept = 0;
    /// "10.0.0.1:5555"
    [[nodiscard]] virtual const std::string& address() const noexcept = 0;
    /// Asks the caller something, and waits for it.
    [[nodiscard]] virtual Result<Bytes> query(const std::string& method, ByteView body) = 0;
};

/// Called from each connection's thread.
using Handler = std::function<Result<Bytes>(Caller& caller, const std::string& method, ByteView body)>;

class Server {
public:
    /// ErrorCode::already_exists if the port can't be had.
    [[nodiscard]] static Result<std::unique_ptr<Server>> start(const ServerOptions& options,
                                                               const Credentials& credentials, Handler handler);
    /// Closes all connections and waits for the handlers that run.
    ~Server();

    [[nodiscard]] std::uint16_t port() const noexcept;
    /// For connections that are made from now on; those whose certificate they revoke are closed soon.
    [[nodiscard]] Status set_credentials(const Credentials& credentials);

private:
    struct State;
    explicit Server(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace troupe::operator_link
