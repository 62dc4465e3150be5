// A client that sends what it is told, byte by byte: ordinary libraries refuse to send what a server must withstand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace troupe::rpc {

constexpr int deadline_ms = 10'000;

struct HttpReply {
    int status = 0;
    std::string headers;
    std::string body;
    [[nodiscard]] bool has(std::string_view header) const { return headers.find(header) != std::string::npos; }
};

struct Frame {
    unsigned opcode = 0;
    std::string payload;
    [[nodiscard]] unsigned close_code() const {
        return payload.size() < 2 ? 0u
                                  : static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8 |
                                        static_cast<unsigned char>(payload[1]);
    }
};

class RawClient {
public:
    explicit RawClient(std::uint16_t port, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        if (receive_buffer != 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        const int one = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;
    ~RawClient() { ::close(socket_); }

    [[nodiscard]] bool connected() const { return connected_; }

    /// False if the server has closed.
    bool send(std::string_view data) {
        while (!data.empty()) {
            const auto n = ::send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            data.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    void shut_down_sending() { ::shutdown(socket_, SHUT_WR); }

    /// True when the server has closed the connection before the deadline; what it sent before is thrown away.
    bool closed_by_server() {
        while (fill()) in_.clear();
        return end_;
    }

    std::optional<HttpReply> reply() {
        std::size_t end = 0;
        while ((end = in_.find("\r\n\r\n")) == std::string::npos)
            if (!fill()) return std::nullopt;
        HttpReply out;
        out.headers = in_.substr(0, end + 2);
        for (auto& c : out.headers) c = static_cast<char>(std::tolower(c));
        out.status = std::atoi(out.headers.c_str() + 9);
        in_.erase(0, end + 4);
        const auto at = out.headers.find("content-length: ");
        const std::size_t length =
            at == std::string::npos ? 0 : std::strtoul(out.headers.c_str() + at + 16, nullptr, 10);
        while (in_.size() < length)
            if (!fill()) return std::nullopt;
        out.body = in_.substr(0, length);
        in_.erase(0, length);
        return out;
    }

    std::optional<HttpReply> post(std::string_view body, std::string_view path = "/", std::string_view headers = "") {
        send("POST " + std::string{path} +
             " HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: " +
             std::to_string(body.size()) + "\r\n" + std::string{headers} + "\r\n" + std::string{body});
        return reply();
    }

    // WebSocket

    std::optional<HttpReply> upgrade(std::string_view headers = "") {
        send(
            "GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n" +
            std::string{headers} + "\r\n");
        return reply();
    }
    bool send_frame(std::string_view payload, unsigned opcode = 1, bool is_last = true, bool is_masked = true) {
        std::string out;
        out += static_cast<char>((is_last ? 0x80 : 0) | opcode);
        const char mask_bit = is_masked ? static_cast<char>(0x80) : 0;
        if (payload.size() < 126) {
            out += static_cast<char>(mask_bit | static_cast<char>(payload.size()));
        } else if (payload.size() < 65536) {
            out += static_cast<char>(mask_bit | 126);
            out += static_cast<char>(payload.size() >> 8);
            out += static_cast<char>(payload.size());
        } else {
            out += static_cast<char>(mask_bit | 127);
            for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
        }
        if (is_masked) out.append(4, '\0');  // a mask of zeros changes nothing
        out += payload;
        return send(out);
    }
    std::optional<Frame> frame() {
        if (!need(2)) return std::nullopt;
        Frame out;
        out.opcode = static_cast<unsigned>(in_[0]) & 0x0f;
        std::size_t length = static_cast<unsigned char>(in_[1]) & 0x7f;
        std::size_t header = 2;
        if (length >= 126) {
            const std::size_t size = length == 126 ? 2 : 8;
            if (!need(2 + size)) return std::nullopt;
            length = 0;
            for (std::size_t i = 0; i < size; ++i) length = length << 8 | static_cast<unsigned char>(in_[2 + i]);
            header = 2 + size;
        }
        if (!need(header + length)) return std::nullopt;
        out.payload = in_.substr(header, length);
        in_.erase(0, header + length);
        return out;
    }

private:
    bool need(std::size_t bytes) {
        while (in_.size() < bytes)
            if (!fill()) return false;
        return true;
    }
    bool fill() {
        pollfd waiting{socket_, POLLIN, 0};
        if (::poll(&waiting, 1, deadline_ms) != 1) return false;
        char buffer[65536];
        const auto n = ::recv(socket_, buffer, sizeof buffer, 0);
        if (n <= 0) {
            end_ = true;
            return false;
        }
        in_.append(buffer, static_cast<std::size_t>(n));
        return true;
    }

    int socket_;
    bool connected_ = false;
    bool end_ = false;
    std::string in_;
};

}  // namespace troupe::rpc
