#include "deploy/node/worker_node.hpp"

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include "actors/execution/contract_engine.hpp"
#include "actors/vm_pool/actor.hpp"
#include "deploy/node/remote_workers.hpp"

namespace troupe {
namespace {

/// Several for each node of the cluster.
constexpr std::size_t connections_max = 1024;

}  // namespace

Status WorkerNode::start() {
    const auto credentials = read_credentials(config_);
    if (!credentials) return credentials.error();
    const auto codes = std::make_shared<evm::AnalysisCache>(contract_engine());
    pool_ = vm_pool::spawn(system_, {config_.vm_workers, {}, codes});
    vm_pool::WorkerServiceOptions options;
    options.name = config_.name;
    options.link.host = config_.link_host;
    options.link.port = config_.link_port;
    options.link.connections_max = connections_max;
    options.credentials = *credentials;
    options.pool = pool_;
    options.codes = codes;
    auto service = vm_pool::WorkerService::start(std::move(options));
    if (!service) return service.error();
    service_ = std::move(*service);
    spdlog::info("runs as a worker with {} threads on {}:{}", config_.vm_workers, config_.link_host, service_->port());

    observer_ = std::make_shared<NodeObserver>(observer_options(config_, system_));
    inspection_ = start_inspection(directory_, observer_);
    return Done{};
}

void WorkerNode::report() {
    const auto counters = service_->counters();
    consensus::NodeStatus status;
    status.role = "worker calls=" + std::to_string(counters.calls) + " ahead=" + std::to_string(counters.speculations) +
                  " given_back=" + std::to_string(counters.refused) + " queries=" + std::to_string(counters.queries) +
                  " running=" + std::to_string(counters.in_flight);
    observer_->set_status(status, true);
    observer_->sample();
    auto json = to_json_value(status);
    if (inspection_) json["inspect_port"] = inspection_->port();
    const std::string draining = !draining_ ? "" : counters.in_flight > 0 ? "draining" : "drained";
    observer_->set_draining(draining);
    json["state"] = draining.empty() ? "ready" : draining;
    json["peers"] = Json::array();
    json["worker_calls"] = counters.calls;
    write_node_status(directory_, config_, fingerprint_, std::move(json));
}

void WorkerNode::reload() {
    const auto file = directory_ / "node.json";
    const auto config = read_node_config(file);
    if (!config) return spdlog::error("can't reload: {}", config.error().message);
    auto rest = *config;
    rest.credentials_fingerprint = config_.credentials_fingerprint;
    if (rest != config_)
        return spdlog::warn("{} changes more than the certificate: that takes a restart", file.string());
    const auto credentials = read_credentials(*config);
    const auto status = credentials ? service_->set_credentials(*credentials) : Status{credentials.error()};
    if (!status) return spdlog::error("can't reload: {}", status.error().message);
    fingerprint_ = configuration_fingerprint(file);
    spdlog::info("reloaded the certificate");
}

void WorkerNode::drain() {
    draining_ = true;
    service_->drain();
    spdlog::info("draining: no new work");
}

void WorkerNode::stop() {
    spdlog::info("stopping");
    if (inspection_) inspection_->stop();
    // Before the pool: its threads wait for what the pool does.
    service_.reset();
    if (pool_) caf::anon_send(pool_, stop_atom::value);
    pool_ = nullptr;
}

}  // namespace troupe
