#include "deploy/dashboard/dashboard.hpp"

#include <algorithm>

#include "deploy/dashboard/page.hpp"

namespace troupe {
namespace {

constexpr auto picture_period = std::chrono::milliseconds(1000);
constexpr auto interest = std::chrono::seconds(10);
constexpr auto first_picture_wait = std::chrono::milliseconds(600);
constexpr unsigned patience_ms = 300;

[[nodiscard]] rpc::HttpAnswer json_answer(const Json& json, unsigned status = 200) {
    return {status, "application/json", json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

[[nodiscard]] rpc::HttpAnswer error_answer(const Error& error) {
    return json_answer({{"error", error.message}}, error.code == ErrorCode::not_found ? 404 : 503);
}

}  // namespace

Dashboard::Dashboard(Cluster cluster, std::shared_ptr<NodeObserver> own, std::string address)
    : own_(std::move(own)),
      address_(std::move(address)),
      collector_(std::make_shared<const Collector>(std::move(cluster), patience_ms)),
      thread_([this] { run(); }) {}

void Dashboard::look_at(Cluster cluster) {
    auto next = std::make_shared<const Collector>(std::move(cluster), patience_ms);
    const std::lock_guard lock{mutex_};
    collector_ = std::move(next);
}

std::shared_ptr<const Collector> Dashboard::collector() const {
    const std::lock_guard lock{mutex_};
    return collector_;
}

Dashboard::~Dashboard() {
    {
        const std::lock_guard lock{mutex_};
        is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Dashboard::run() {
    std::unique_lock lock{mutex_};
    while (!is_stopping_) {
        if (std::chrono::steady_clock::now() > wanted_until_) {
            // Old figures would be taken for true ones.
            picture_.clear();
            changed_.wait(lock, [&] { return is_stopping_ || std::chrono::steady_clock::now() <= wanted_until_; });
            continue;
        }
        const auto asked = collector_;
        lock.unlock();
        auto report = asked->report();
        if (!report) {
            ClusterReport alone;
            alone.name = own_->options().name;
            alone.time_us = TickClock::to_unix_us(ticks_now());
            auto node = own_->report();
            alone.hosts.push_back({node.host, {std::move(node)}});
            report = std::move(alone);
        }
        auto text = report_json(*report).dump(-1, ' ', false, Json::error_handler_t::replace);
        lock.lock();
        picture_ = std::move(text);
        changed_.notify_all();
        changed_.wait_for(lock, picture_period, [&] { return is_stopping_; });
    }
}

rpc::HttpAnswer Dashboard::cluster() {
    std::unique_lock lock{mutex_};
    wanted_until_ = std::chrono::steady_clock::now() + interest;
    changed_.notify_all();
    changed_.wait_for(lock, first_picture_wait, [&] { return !picture_.empty(); });
    if (picture_.empty()) return json_answer({{"error", "the nodes have not answered yet"}}, 503);
    return {200, "application/json", picture_};
}

rpc::HttpAnswer Dashboard::actor(std::string_view path) const {
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return json_answer({{"error", "expected NODE/ACTOR"}}, 400);
    const auto detail = collector()->actor(std::string{path.substr(0, slash)}, std::string{path.substr(slash + 1)});
    return detail ? json_answer(*detail) : error_answer(detail.error());
}

rpc::HttpAnswer Dashboard::trace(std::string_view text) const {
    const auto hash = fixed_from_hex<TransactionHash>(text);
    if (!hash) return json_answer({{"error", "expected a transaction's hash"}}, 400);
    const auto steps = collector()->trace(*hash);
    if (!steps) return error_answer(steps.error());
    return json_answer({{"transaction", to_hex_prefixed(hash->view())}, {"steps", report_json(*steps)}});
}

rpc::HttpAnswer Dashboard::targets() const {
    const auto list = collector()->scrape_targets(address_, false);
    return list ? json_answer(*list) : error_answer(list.error());
}

rpc::HttpAnswer Dashboard::metrics(std::string_view node) const {
    auto text = collector()->metrics(std::string{node});
    if (!text) return error_answer(text.error());
    return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(*text)};
}

std::optional<rpc::HttpAnswer> Dashboard::get(std::string_view path) {
    constexpr std::string_view actor_path = "/dashboard/actor/";
    constexpr std::string_view trace_path = "/dashboard/trace/";
    if (path == "/metrics" || path == "/health" || path == "/ready") return inspect_get(*own_, path);
    if (path == "/dashboard/cluster") return cluster();
    if (path.starts_with(actor_path)) return actor(path.substr(actor_path.size()));
    if (path.starts_with(trace_path)) return trace(path.substr(trace_path.size()));
    if (path == "/dashboard/targets") return targets();
    if (path.starts_with(metrics_path)) return metrics(path.substr(metrics_path.size()));
    const auto files = page_files();
    const auto file = std::ranges::find(files, path == "/" ? "/index.html" : path, &EmbeddedFile::path);
    if (file == files.end()) return std::nullopt;
    return rpc::HttpAnswer{200, std::string{file->content_type}, std::string{file->content}};
}

}  // namespace troupe
