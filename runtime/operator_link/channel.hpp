// One connection between two processes of one operator: TLS 1.3, both ends with a certificate of the operator's
// authority, length-prefixed frames. Blocking, each call with a time limit: these connections are few.
// Internal to runtime/operator_link.
#pragma once

#include <chrono>

#include "runtime/base/bytes.hpp"
#include "runtime/operator_link/certificate.hpp"
#include "runtime/operator_link/openssl_handles.hpp"

namespace troupe::operator_link {

using Patience = std::chrono::milliseconds;

/// TLS 1.3 only; the other side's certificate is demanded and checked against `credentials.trust`.
[[nodiscard]] Result<ContextPtr> make_context(const Credentials& credentials);

class Channel {
public:
    /// ErrorCode::unavailable if nobody answers, unauthorized if the two do not trust each other, with the reason.
    [[nodiscard]] static Result<std::unique_ptr<Channel>> connect(SSL_CTX* context, const std::string& host,
                                                                  std::uint16_t port, Patience patience);
    /// Takes the socket.
    [[nodiscard]] static Result<std::unique_ptr<Channel>> accept(SSL_CTX* context, int socket, Patience patience);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    [[nodiscard]] Status write(ByteView frame, Patience patience);
    /// At most limits' frame_bytes_max, checked before allocation.
    [[nodiscard]] Result<Bytes> read(Patience patience);
    [[nodiscard]] const CertificateFacts& peer() const noexcept { return peer_; }
    /// Thread-safe: reads and writes end with an error.
    void shut_down() noexcept;
    /// The other side has closed, or has spoken out of turn.
    [[nodiscard]] bool is_stale() const;

private:
    explicit Channel(int socket) noexcept : socket_(socket) {}
    [[nodiscard]] Status handshake(SSL_CTX* context, bool is_server, Patience patience);
    /// Runs an SSL call until it is through, waiting for the socket in between.
    template <class Call>
    [[nodiscard]] Status complete(Call&& call, std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] Status read_exactly(std::uint8_t* out, std::size_t size,
                                      std::chrono::steady_clock::time_point deadline);

    int socket_;
    SslPtr ssl_;
    CertificateFacts peer_;
    /// Why the other side's certificate was refused.
    std::string refusal_;
};

}  // namespace troupe::operator_link
