#include "runtime/actor/registry.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>

namespace troupe {

ActorEntryPtr ActorRegistry::add(std::string_view role, std::uint64_t id, std::shared_ptr<Meter> meter,
                                 std::function<void(bool, std::function<void(ActorAnswer)>)> ask) {
    auto entry = std::make_shared<ActorEntry>();
    entry->role = role;
    entry->id = id;
    entry->started_us = TickClock::to_unix_us(ticks_now());
    entry->meter = std::move(meter);
    entry->ask = std::move(ask);
    const std::lock_guard lock{mutex_};
    auto it = entries_.find({entry->role, 0});
    for (; it != entries_.end() && it->first.first == role; ++it) {
        if (it->second->meter->has_ended()) break;
        entry->instance = it->first.second + 1;
    }
    if (it != entries_.end() && it->first == std::pair{entry->role, entry->instance})
        entry->restarts = it->second->restarts + 1;
    entries_[{entry->role, entry->instance}] = entry;
    forget_ended();
    return entry;
}

void ActorRegistry::forget_ended() {
    auto ended = static_cast<std::size_t>(
        std::ranges::count_if(entries_, [](const auto& e) { return e.second->meter->has_ended(); }));
    while (ended > ended_max) {
        auto oldest = entries_.end();
        for (auto it = entries_.begin(); it != entries_.end(); ++it)
            if (it->second->meter->has_ended() &&
                (oldest == entries_.end() || it->second->started_us < oldest->second->started_us))
                oldest = it;
        entries_.erase(oldest);
        --ended;
    }
}

std::vector<ActorEntryPtr> ActorRegistry::all() const {
    const std::lock_guard lock{mutex_};
    std::vector<ActorEntryPtr> out;
    out.reserve(entries_.size());
    for (const auto& [place, entry] : entries_) out.push_back(entry);
    return out;
}

ActorEntryPtr ActorRegistry::find(std::string_view name) const {
    for (const auto& entry : all())
        if (entry->name() == name) return entry;
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    return error == std::errc{} && end == name.data() + name.size() ? find_id(id) : nullptr;
}

ActorEntryPtr ActorRegistry::find_id(std::uint64_t id) const {
    const std::lock_guard lock{mutex_};
    for (const auto& [place, entry] : entries_)
        if (entry->id == id) return entry;
    return nullptr;
}

std::vector<ActorRegistry::Sent> ActorRegistry::sent_between(const std::vector<ActorEntryPtr>& entries) {
    std::vector<Sent> out;
    for (const auto& entry : entries)
        for (const auto* channel : entry->meter->channels())
            if (!channel->is_out && !channel->peer.is_node() && channel->peer.value != 0 &&
                channel->peer.value != entry->id)
                out.push_back({channel->peer.value, entry->id, channel->kind, entry->meter->count_of(*channel)});
    return out;
}

std::vector<std::optional<ActorAnswer>> ActorRegistry::ask(const std::vector<ActorEntryPtr>& entries, bool with_state,
                                                           unsigned wait_ms) {
    // Late answers come to nobody, but must find where to go.
    struct Answers {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<std::optional<ActorAnswer>> list;
        std::size_t missing = 0;
    };
    const auto answers = std::make_shared<Answers>();
    answers->list.resize(entries.size());
    for (const auto& entry : entries) answers->missing += entry->meter->has_ended() ? 0 : 1;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i]->meter->has_ended()) continue;
        entries[i]->ask(with_state, [answers, i](ActorAnswer answer) {
            const std::lock_guard lock{answers->mutex};
            answers->list[i] = std::move(answer);
            if (--answers->missing == 0) answers->changed.notify_all();
        });
    }
    std::unique_lock lock{answers->mutex};
    answers->changed.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return answers->missing == 0; });
    return std::move(answers->list);
}

}  // namespace troupe
