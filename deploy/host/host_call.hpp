// What the command line asks of an agent: the calls of `Host`, each for one cluster.
#pragma once

#include "deploy/host/host.hpp"
#include "runtime/operator_link/certificate.hpp"

namespace troupe {

/// Arguments of any call; each call reads its own.
struct HostCall {
    std::string cluster;
    std::string node;
    std::vector<std::string> nodes;
    std::vector<WantedPort> ports;
    std::string file;
    std::uint64_t offset = 0;
    Bytes bytes;
    NodePackage package;

    static constexpr auto reflect() {
        using C = HostCall;
        return fields("HostCall", field("cluster", &C::cluster), field("node", &C::node), field("nodes", &C::nodes),
                      field("ports", &C::ports), field("file", &C::file), field("offset", &C::offset),
                      field("bytes", &C::bytes), field("package", &C::package));
    }
};

struct NodeStates {
    std::vector<NodeState> states;
    static constexpr auto reflect() { return fields("NodeStates", field("states", &NodeStates::states)); }
};

struct NodeViews {
    std::vector<NodeView> views;
    static constexpr auto reflect() { return fields("NodeViews", field("views", &NodeViews::views)); }
};

struct FileNames {
    std::vector<std::string> names;
    static constexpr auto reflect() { return fields("FileNames", field("names", &FileNames::names)); }
};

/// How many nodes were stopped.
struct Count {
    std::uint64_t count = 0;
    static constexpr auto reflect() { return fields("Count", field("count", &Count::count)); }
};

struct NoReply {
    bool done = true;
    static constexpr auto reflect() { return fields("NoReply", field("done", &NoReply::done)); }
};

/// What an agent says of itself.
struct AgentFacts {
    std::string name;
    std::string version;
    std::string directory;
    std::vector<std::string> clusters;
    std::uint32_t processors = 0;
    /// Fingerprint of its certificate, operator_link::trust_fingerprints of its trust, and the certificate's end.
    std::string certificate;
    std::vector<std::string> trust;
    std::uint64_t certificate_end_ms = 0;

    static constexpr auto reflect() {
        using F = AgentFacts;
        return fields("AgentFacts", field("name", &F::name), field("version", &F::version),
                      field("directory", &F::directory), field("clusters", &F::clusters),
                      field("processors", &F::processors), field("certificate", &F::certificate),
                      field("trust", &F::trust), field("certificate_end_ms", &F::certificate_end_ms));
    }
};

namespace host_method {
inline constexpr const char* facts = "facts";
inline constexpr const char* credentials = "credentials";
inline constexpr const char* install = "install";
inline constexpr const char* check_ports = "check_ports";
inline constexpr const char* start = "start";
inline constexpr const char* stop = "stop";
inline constexpr const char* reload = "reload";
inline constexpr const char* drain = "drain";
inline constexpr const char* states = "states";
inline constexpr const char* look = "look";
inline constexpr const char* read_log = "read_log";
inline constexpr const char* data_files = "data_files";
inline constexpr const char* read_data = "read_data";
inline constexpr const char* write_data = "write_data";
inline constexpr const char* remove = "remove";
}  // namespace host_method

}  // namespace troupe
