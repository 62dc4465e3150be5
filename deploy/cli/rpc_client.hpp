// A small JSON-RPC client over HTTP for the command line.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/json.hpp"

namespace troupe::cli {

class RpcClient {
public:
    /// "http://host:port"
    explicit RpcClient(std::string url);
    ~RpcClient();

    /// The result; a JSON-RPC error becomes ErrorCode::invalid with its message, an unreachable node
    /// ErrorCode::unavailable.
    [[nodiscard]] Result<Json> call(const std::string& method, Json params = Json::array());
    /// Answers in the order of the calls; each is the whole answer object.
    [[nodiscard]] Result<std::vector<Json>> batch(const std::vector<std::pair<std::string, Json>>& calls);

private:
    [[nodiscard]] Result<Json> post(const std::string& body);

    struct Connection;
    std::string host_;
    std::string port_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace troupe::cli
