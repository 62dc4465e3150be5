#include "actors/arbiter/actor.hpp"

#include <spdlog/spdlog.h>

#include "actors/arbiter/store.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::arbiter {
namespace {

constexpr std::uint64_t ticks_per_reminder = 4;

void must(const Status& status) {
    if (!status) invariant_failed(("arbiter log: " + status.error().message).c_str(), __FILE__, __LINE__);
}

struct Shell {
    static inline const char* name = "arbiter";
    static constexpr auto timer_period = std::chrono::milliseconds(500);

    ServiceOptions options;
    std::unique_ptr<LogStore> store;
    std::unique_ptr<Core> core;
    std::uint64_t ticks = 0;

    [[nodiscard]] Status open();
    void on_frame(const PeerFrame& frame);
    void on_timer();
    void log(std::optional<SignedCommand> command, Outbox& out);
    void send(const Outbox& out);
    [[nodiscard]] RoleStatus status() const;
    [[nodiscard]] std::string summary() const { return status().line; }
    [[nodiscard]] const State& view() const { return core->state(); }
};

Status Shell::open() {
    auto opened = LogStore::open((options.directory / "arbiter.db").string());
    if (!opened) return opened.error();
    store = std::move(*opened);
    core = std::make_unique<Core>(Config::of(*options.genesis));
    const auto genesis = troupe::hash_of(*options.genesis);
    const auto known = store->genesis();
    if (!known) return known.error();
    if (!*known) return store->put_genesis(genesis);
    if (**known != genesis)
        return make_error(ErrorCode::invalid, "arbiter.db is another genesis'; delete the node's data directory");
    return replay(*store, *core);
}

void Shell::log(std::optional<SignedCommand> command, Outbox& out) {
    const auto& state = core->state();
    const auto draw =
        options.identity->sign(draw_payload(options.genesis->parameters.chain_id, state.entries, state.log_hash));
    const LogEntry entry{state.entries, wall_clock_now(), std::move(command), {draw.begin(), draw.end()}};
    core->apply(entry, out);
    must(store->append(entry, core->state()));
}

void Shell::send(const Outbox& out) {
    for (const auto& effect : out)
        options.network->send(effect.to, FrameKind::arbiter_notice, to_payload(effect.notice));
}

void Shell::on_frame(const PeerFrame& frame) {
    if (frame.kind != FrameKind::arbiter_command) return;
    auto command = decode<SignedCommand>(frame.payload);
    if (!command) return options.network->report(frame.from, command.error().message);
    // Others' commands come from themselves: nobody's registration is repeated behind its back.
    if (command->sender != frame.from) return options.network->report(frame.from, "sent another node's command");
    Outbox out;
    if (const auto status = core->check(*command); status) {
        const auto disputes = core->state().disputes_opened;
        log(*command, out);
        if (core->state().disputes_opened > disputes)
            spdlog::error("dispute {} about checkpoint {}, opened by node {}: {}", disputes,
                          core->state().disputes.back().height.value, frame.from.value,
                          to_json_value(core->state().disputes.back()).dump());
    } else if (status.error().code != ErrorCode::already_exists) {
        spdlog::warn("command of node {} refused: {}", frame.from.value, status.error().message);
        return;
    }
    core->answer(*command, out);
    send(out);
}

void Shell::on_timer() {
    Outbox out;
    if (core->is_due(wall_clock_now())) log(std::nullopt, out);
    if (++ticks % ticks_per_reminder == 0) core->remind(out);
    send(out);
}

RoleStatus Shell::status() const {
    const auto& state = core->state();
    RoleStatus out;
    out.ready = true;
    if (!state.checkpoints.empty()) out.height = state.checkpoints.back().checkpoint.height;
    if (state.latest_confirmed.value > 0)
        out.line = "checkpoint " + std::to_string(state.latest_confirmed.value) + " confirmed";
    else if (!state.checkpoints.empty())
        out.line = "checkpoint " + std::to_string(state.checkpoints.back().checkpoint.height.value) + " " +
                   to_string(state.checkpoints.back().phase);
    else
        out.line = "no checkpoints yet";
    const auto active = std::ranges::count_if(state.validators, &Validator::active);
    out.line += ", " + std::to_string(active) + (active == 1 ? " validator" : " validators");
    if (state.disputes_opened > 0)
        out.line +=
            ", " + std::to_string(state.disputes_opened) + (state.disputes_opened == 1 ? " dispute" : " disputes");
    return out;
}

}  // namespace

Result<Actor> spawn(caf::actor_system& system, ServiceOptions options) {
    return spawn_service<Actor, Shell>(system, std::move(options));
}

}  // namespace troupe::arbiter
