#include "deploy/node/node_config.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file_descriptor.hpp"
#include "runtime/base/json.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe {

Result<std::string> read_text_file(const std::filesystem::path& file, std::size_t bytes_max) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return make_error(ErrorCode::io, file.string() + ": " + std::strerror(errno));
    std::string content;
    char buffer[1 << 16];
    while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
        content.append(buffer, static_cast<std::size_t>(in.gcount()));
        if (content.size() > bytes_max) return make_error(ErrorCode::too_large, file.string() + ": too large");
    }
    return content;
}

Status write_text_file(const std::filesystem::path& file, std::string_view content, bool secret) {
    const auto temporary = file.string() + ".new";
    const auto failed = [&](const char* what) {
        return make_error(ErrorCode::io, file.string() + ": " + what + ": " + std::strerror(errno));
    };
    FileDescriptor out{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, secret ? 0600 : 0644)};
    if (!out.is_open()) return failed("can't be created");
    std::size_t done = 0;
    while (done < content.size()) {
        const auto n = ::write(out.value, content.data() + done, content.size() - done);
        if (n < 0) {
            if (errno == EINTR) continue;
            const auto error = failed("can't be written");
            ::unlink(temporary.c_str());
            return error;
        }
        done += static_cast<std::size_t>(n);
    }
    out.close();
    if (::rename(temporary.c_str(), file.c_str()) != 0) return failed("can't be replaced");
    return Done{};
}

Result<NodeConfig> read_node_config(const std::filesystem::path& file) {
    auto text = read_text_file(file);
    if (!text) return text.error();
    auto json = parse_json(*text);
    if (!json) return make_error(json.error().code, file.string() + ": " + json.error().message);
    NodeConfig config;
    if (auto status = from_json_value(*json, config, ""); !status)
        return make_error(status.error().code, file.string() + ": " + status.error().message);
    return config;
}

Status write_node_config(const std::filesystem::path& file, const NodeConfig& config) {
    return write_text_file(file, to_json_value(config).dump(2) + "\n");
}

std::string configuration_fingerprint(const std::filesystem::path& file) {
    const auto text = read_text_file(file);
    return text ? to_hex(sha256(as_bytes(*text)).view()).substr(0, 16) : "";
}

}  // namespace troupe
