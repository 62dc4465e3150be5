// A small JSON-RPC client over HTTP for the command line.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/json.hpp"

namespace troupe::cli {

class RpcClient {
public:
    /// "http://host:port". A request that is not answered within `patience` fails with ErrorCode::unavailable; it is
    /// never sent a second time.
    explicit RpcClient(std::string url, std::chrono::milliseconds patience = std::chrono::seconds(30));
    ~RpcClient();

    /// The result; a JSON-RPC error becomes ErrorCode::invalid with its message, an unreachable node
    /// ErrorCode::unavailable.
    [[nodiscard]] Result<Json> call(const std::string& method, Json params = Json::array());
    /// Answers in the order of the calls; each is the whole answer object.
    [[nodiscard]] Result<std::vector<Json>> batch(const std::vector<std::pair<std::string, Json>>& calls);

private:
    [[nodiscard]] Result<Json> post(const std::string& body);
    [[nodiscard]] Status connect();
    /// Closes the connection.
    [[nodiscard]] Error failed(const std::string& why) const;

    struct Connection;
    std::string host_;
    std::string port_;
    std::chrono::milliseconds patience_;
    std::unique_ptr<Connection> connection_;
};

struct Context;
/// `given`, of --rpc, else that of the cluster's gateway. Nothing, after saying why, if there is none.
[[nodiscard]] std::optional<std::string> gateway_url(Context& context, const std::string& given);

}  // namespace troupe::cli
