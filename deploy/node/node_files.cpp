#include "deploy/node/node_files.hpp"

#include <charconv>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "runtime/actor/observed.hpp"
#include "runtime/base/clock.hpp"

namespace troupe {

ObserverOptions observer_options(const NodeConfig& config, const caf::actor_system& system) {
    ObserverOptions options;
    options.name = config.name;
    options.index = config.index;
    options.is_validator = config.is_validator;
    options.roles = config.roles;
    options.version = node_version;
    options.actors = actors_of(system);
    options.trace = trace_of(system);
    return options;
}

std::unique_ptr<InspectEndpoint> start_inspection(const std::filesystem::path& directory,
                                                  const std::shared_ptr<NodeObserver>& observer) {
    const auto port_file = directory / "inspect.port";
    std::uint16_t wanted = 0;
    if (const auto text = read_text_file(port_file, 16))
        std::from_chars(text->data(), text->data() + text->size(), wanted);
    auto started = InspectEndpoint::start(observer, wanted);
    if (!started) {
        spdlog::warn("no inspection endpoint: {}", started.error().message);
        return nullptr;
    }
    const auto port = (*started)->port();
    if (port != wanted) static_cast<void>(write_text_file(port_file, std::to_string(port) + "\n"));
    spdlog::info("inspection on http://127.0.0.1:{}/inspect", port);
    return std::move(*started);
}

void write_node_status(const std::filesystem::path& directory, const NodeConfig& config, const std::string& fingerprint,
                       Json status) {
    status["name"] = config.name;
    status["pid"] = static_cast<std::uint64_t>(::getpid());
    status["roles"] = config.roles;
    status["time_ms"] = wall_clock_now().value;
    status["configuration"] = fingerprint;
    if (const auto written = write_text_file(directory / "status.json", status.dump() + "\n"); !written)
        spdlog::warn("status file: {}", written.error().message);
}

}  // namespace troupe
