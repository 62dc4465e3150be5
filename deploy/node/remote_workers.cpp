#include "deploy/node/remote_workers.hpp"

namespace troupe {

Result<operator_link::Credentials> read_credentials(const NodeConfig& config) {
    const auto text = read_text_file(config.credentials_path, 1 << 20);
    if (!text) return text.error();
    auto credentials = operator_link::from_bundle(*text);
    if (!credentials)
        return make_error(credentials.error().code, config.credentials_path + ": " + credentials.error().message);
    return credentials;
}

Result<vm_pool::RemoteTargetsPtr> remote_targets(const NodeConfig& config) {
    auto targets = std::make_shared<vm_pool::RemoteTargets>();
    if (!config.workers.empty()) {
        auto credentials = read_credentials(config);
        if (!credentials) return credentials.error();
        targets->credentials = std::move(*credentials);
    }
    for (const auto& worker : config.workers)
        targets->workers.push_back({worker.name, worker.host, worker.port, worker.lanes});
    return vm_pool::RemoteTargetsPtr{std::move(targets)};
}

}  // namespace troupe
