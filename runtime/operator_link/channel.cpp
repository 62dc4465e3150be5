#include "runtime/operator_link/channel.hpp"

#include <array>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/operator_link/protocol.hpp"

namespace troupe::operator_link {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t header_bytes = 4;

[[nodiscard]] Error unavailable(std::string why) { return make_error(ErrorCode::unavailable, std::move(why)); }

/// False: the time is over.
[[nodiscard]] bool wait_for(int socket, short events, Clock::time_point deadline) {
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return false;
        pollfd item{socket, events, 0};
        const int ready = ::poll(&item, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return true;  // the next call on the socket tells
    }
}

void tune(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // A host that is cut off is noticed even by those who only listen.
    ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const int seconds = 5;
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
    const int unanswered_ms = 15'000;
    ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
}

[[nodiscard]] int refusal_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

[[nodiscard]] std::string one_line(const X509_NAME* name) {
    const BioPtr out{BIO_new(BIO_s_mem())};
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, std::min<std::size_t>(static_cast<std::size_t>(size), 300));
}

/// Notes which certificate is refused and why; OpenSSL decides.
int note_refusal(int is_fine, X509_STORE_CTX* store) {
    if (is_fine == 1) return 1;
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* refusal = ssl != nullptr ? static_cast<std::string*>(SSL_get_ex_data(ssl, refusal_index())) : nullptr;
    X509* certificate = X509_STORE_CTX_get_current_cert(store);
    if (refusal != nullptr && refusal->empty() && certificate != nullptr)
        *refusal = "certificate \"" + one_line(X509_get_subject_name(certificate)) + "\" of issuer \"" +
                   one_line(X509_get_issuer_name(certificate)) +
                   "\": " + X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
    return 0;
}

}  // namespace

Result<ContextPtr> make_context(const Credentials& credentials) {
    // OpenSSL writes to sockets without MSG_NOSIGNAL: the other side's end must be an error, not our end.
    static const auto ignored = std::signal(SIGPIPE, SIG_IGN);
    static_cast<void>(ignored);
    ContextPtr context{SSL_CTX_new(TLS_method())};
    if (!context) return make_error(ErrorCode::invalid, "TLS: " + openssl_error());
    const auto key_in = reader_of(credentials.key);
    const KeyPtr key{PEM_read_bio_PrivateKey(key_in.get(), nullptr, nullptr, nullptr)};
    const auto certificate_in = reader_of(credentials.certificate);
    const CertificatePtr certificate{PEM_read_bio_X509(certificate_in.get(), nullptr, nullptr, nullptr)};
    const bool done = key && certificate && SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) == 1 &&
                      SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
                      SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1 &&
                      SSL_CTX_check_private_key(context.get()) == 1;
    if (!done) return make_error(ErrorCode::invalid, "credentials: " + openssl_error());
    X509_STORE* store = SSL_CTX_get_cert_store(context.get());
    const auto trust_in = reader_of(credentials.trust);
    std::size_t trusted = 0;
    while (const CertificatePtr authority{PEM_read_bio_X509(trust_in.get(), nullptr, nullptr, nullptr)})
        trusted += X509_STORE_add_cert(store, authority.get()) == 1 ? 1 : 0;
    ERR_clear_error();
    if (trusted == 0) return make_error(ErrorCode::invalid, "credentials: no trusted authority");
    const auto lists_in = reader_of(credentials.trust);
    // Each authority has one as soon as any has.
    while (const RevocationListPtr list{PEM_read_bio_X509_CRL(lists_in.get(), nullptr, nullptr, nullptr)})
        if (X509_STORE_add_crl(store, list.get()) != 1 || X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) != 1)
            return make_error(ErrorCode::invalid, "credentials: " + openssl_error());
    ERR_clear_error();
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, note_refusal);
    SSL_CTX_set_max_cert_list(context.get(), 8192);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context.get(), 0);
    // Without our authority's certificate in it: a stranger shall name the certificate that it refuses, not its issuer.
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    return context;
}

Channel::~Channel() {
    if (ssl_) SSL_set_ex_data(ssl_.get(), refusal_index(), nullptr);
    ::close(socket_);
}

void Channel::shut_down() noexcept { ::shutdown(socket_, SHUT_RDWR); }

bool Channel::is_stale() const {
    char byte = 0;
    return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

Result<std::unique_ptr<Channel>> Channel::connect(SSL_CTX* context, const std::string& host, std::uint16_t port,
                                                  Patience patience) {
    const auto where = host + ":" + std::to_string(port);
    const auto deadline = Clock::now() + patience;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0)
        return unavailable(where + ": " + ::gai_strerror(error));
    const std::unique_ptr<addrinfo, Deleter<::freeaddrinfo>> addresses{found};
    const int socket =
        ::socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, addresses->ai_protocol);
    if (socket < 0) return unavailable(where + ": " + std::strerror(errno));
    std::unique_ptr<Channel> channel{new Channel{socket}};
    if (::connect(socket, addresses->ai_addr, addresses->ai_addrlen) != 0) {
        if (errno != EINPROGRESS) return unavailable(where + ": " + std::strerror(errno));
        if (!wait_for(socket, POLLOUT, deadline)) return unavailable(where + ": no answer");
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) return unavailable(where + ": " + std::strerror(error));
    }
    tune(socket);
    const auto left = std::chrono::duration_cast<Patience>(deadline - Clock::now());
    const auto failed = [&](const Error& error) { return make_error(error.code, where + ": " + error.message); };
    if (auto status = channel->handshake(context, false, left); !status) return failed(status.error());
    // In TLS 1.3 our handshake is through before the other side has judged our certificate: the greeting says that it
    // was accepted. Data sent before would turn its refusal into a reset without a reason.
    const auto greeting =
        channel->read(std::max(std::chrono::duration_cast<Patience>(deadline - Clock::now()), Patience{1}));
    if (!greeting) return failed(greeting.error());
    return channel;
}

Result<std::unique_ptr<Channel>> Channel::accept(SSL_CTX* context, int socket, Patience patience) {
    std::unique_ptr<Channel> channel{new Channel{socket}};
    ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
    tune(socket);
    if (auto status = channel->handshake(context, true, patience); !status) return status.error();
    if (auto status = channel->write({}, patience); !status) return status.error();
    return channel;
}

template <class Call>
Status Channel::complete(Call&& call, Clock::time_point deadline) {
    for (;;) {
        ERR_clear_error();
        errno = 0;
        const int result = call();
        if (result > 0) return Done{};
        switch (SSL_get_error(ssl_.get(), result)) {
            case SSL_ERROR_WANT_READ:
                if (!wait_for(socket_, POLLIN, deadline)) return unavailable("no answer in time");
                break;
            case SSL_ERROR_WANT_WRITE:
                if (!wait_for(socket_, POLLOUT, deadline)) return unavailable("does not read in time");
                break;
            case SSL_ERROR_ZERO_RETURN: return unavailable("closed by the other side");
            case SSL_ERROR_SYSCALL: return unavailable(errno != 0 ? std::strerror(errno) : "closed by the other side");
            default: {
                // An alert that says that our certificate was not accepted is a matter of trust as well.
                const auto reason = ERR_GET_REASON(ERR_peek_error());
                const auto text = openssl_error();
                if (!refusal_.empty()) return make_error(ErrorCode::unauthorized, refusal_);
                if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
                    return make_error(ErrorCode::unauthorized, "showed no certificate");
                if (reason > SSL_AD_REASON_OFFSET)
                    return make_error(ErrorCode::unauthorized, "the other side refused our certificate: " + text);
                return unavailable(text);
            }
        }
    }
}

Status Channel::handshake(SSL_CTX* context, bool is_server, Patience patience) {
    ssl_.reset(SSL_new(context));
    if (!ssl_ || SSL_set_fd(ssl_.get(), socket_) != 1) return unavailable(openssl_error());
    SSL_set_ex_data(ssl_.get(), refusal_index(), &refusal_);
    is_server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
    const auto deadline = Clock::now() + patience;
    if (auto status = complete([&] { return SSL_do_handshake(ssl_.get()); }, deadline); !status) return status;
    const CertificatePtr certificate{SSL_get1_peer_certificate(ssl_.get())};
    const BioPtr pem{BIO_new(BIO_s_mem())};
    if (!certificate || PEM_write_bio_X509(pem.get(), certificate.get()) != 1)
        return make_error(ErrorCode::unauthorized, "showed no certificate");
    char* data = nullptr;
    const auto size = BIO_get_mem_data(pem.get(), &data);
    auto facts = read_certificate(std::string(data, static_cast<std::size_t>(size)));
    if (!facts) return make_error(ErrorCode::unauthorized, facts.error().message);
    peer_ = std::move(*facts);
    return Done{};
}

Status Channel::write(ByteView frame, Patience patience) {
    const auto deadline = Clock::now() + patience;
    TROUPE_ASSERT(frame.size() <= frame_bytes_max);
    Bytes out(header_bytes);
    for (std::size_t i = 0; i < header_bytes; ++i) out[i] = static_cast<std::uint8_t>(frame.size() >> (24 - 8 * i));
    out.insert(out.end(), frame.begin(), frame.end());
    std::size_t done = 0;
    while (done < out.size()) {
        std::size_t written = 0;
        const auto status = complete(
            [&] { return SSL_write_ex(ssl_.get(), out.data() + done, out.size() - done, &written); }, deadline);
        if (!status) return status;
        done += written;
    }
    return Done{};
}

Status Channel::read_exactly(std::uint8_t* out, std::size_t size, Clock::time_point deadline) {
    std::size_t done = 0;
    while (done < size) {
        std::size_t got = 0;
        const auto status = complete([&] { return SSL_read_ex(ssl_.get(), out + done, size - done, &got); }, deadline);
        if (!status) return status;
        done += got;
    }
    return Done{};
}

Result<Bytes> Channel::read(Patience patience) {
    const auto deadline = Clock::now() + patience;
    std::array<std::uint8_t, header_bytes> header;
    if (auto status = read_exactly(header.data(), header.size(), deadline); !status) return status.error();
    std::size_t size = 0;
    for (const auto byte : header) size = size << 8 | byte;
    if (size > frame_bytes_max)
        return make_error(ErrorCode::too_large, "a frame of " + std::to_string(size) + " bytes, at most " +
                                                    std::to_string(frame_bytes_max) + " are allowed");
    Bytes frame(size);
    if (auto status = read_exactly(frame.data(), frame.size(), deadline); !status) return status.error();
    return frame;
}

}  // namespace troupe::operator_link
