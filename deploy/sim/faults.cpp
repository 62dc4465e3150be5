#include "deploy/sim/faults.hpp"

namespace troupe::sim {
namespace {

/// Proposals and recoveries are longer than this, votes and change views of dbft2 are not.
constexpr std::size_t large = 400;
/// The kinds of consensus::Body that can be somebody's last word: all but the requests for recovery and their answers.
constexpr std::uint64_t words = 4;

}  // namespace

Faults::Faults(const SimOptions& options, World& world, FaultTarget& target)
    : options_(options), world_(world), target_(target) {}

void Faults::begin() {
    choose_victims();
    auto& r = world_.random();
    if (options_.network_faults) {
        NetworkFaults faults;
        // Half of the seeds are harsh: delays like the view time's and heavy loss, so that nodes see views differently.
        const bool harsh = r.chance(500);
        faults.delay_max = DurationMs{harsh ? r.between(200, 2500) : r.between(5, 120)};
        faults.lost = static_cast<std::uint32_t>(r.below(harsh ? 300 : 60));
        faults.duplicated = static_cast<std::uint32_t>(r.below(60));
        faults.straggling = static_cast<std::uint32_t>(r.below(60));
        world_.set_faults(faults);
        has_weather_ = r.chance(500);
        if (has_weather_) next_weather();
    }
    if (options_.crashes)
        for (const auto victim : victims_) next_fault(victim);
}

void Faults::choose_victims() {
    std::vector<std::uint32_t> all(options_.nodes);
    for (std::uint32_t i = 0; i < options_.nodes; ++i) all[i] = i;
    for (std::size_t i = 0; i < faulty_max(options_.nodes); ++i) {
        std::swap(all[i], all[i + world_.random().below(all.size() - i)]);
        victims_.push_back(all[i]);
    }
}

// Nodes ---------------------------------------------------------------------------------------------------------------

void Faults::next_fault(std::uint32_t victim) {
    world_.after(DurationMs{world_.random().between(500, 15'000)}, [this, victim] {
        if (healed_ || is_gone(victim)) return;
        auto& r = world_.random();
        const auto duration = DurationMs{r.between(100, 12'000)};
        if (r.chance(300)) {
            die(victim, r.chance(500), false, duration);
        } else if (r.chance(500)) {
            last_words_[victim] = {r.below(words), Height{0}, r.chance(500), false, duration};
        } else {
            target_.cut_off(victim, true);
            world_.after(duration, [this, victim] {
                target_.cut_off(victim, false);
                if (!healed_) next_fault(victim);
            });
        }
    });
}

void Faults::die(std::uint32_t victim, bool loses_power, bool for_good, DurationMs rest) {
    last_words_.erase(victim);
    dying_.erase(victim);
    if (for_good) gone_.insert(victim);
    target_.crash(victim, loses_power);
    if (for_good) return;
    world_.after(rest, [this, victim] {
        if (!target_.is_up(victim) && !is_gone(victim)) target_.boot(victim);
        if (!healed_) next_fault(victim);
    });
}

void Faults::on_said(std::uint32_t node, const consensus::Message& message) {
    const auto it = last_words_.find(node);
    if (it == last_words_.end() || dying_.contains(node)) return;
    const auto& word = it->second;
    if (message.sender.value != node || message.body.index() != word.kind || message.height < word.height) return;
    dying_[node] = world_.random().below(options_.nodes);
    // Not at once: it is in the midst of sending.
    world_.after(DurationMs{0}, [this, node, word] {
        if (dying_.contains(node)) die(node, word.loses_power, word.for_good, word.rest);
    });
}

bool Faults::may_send(std::uint32_t node) {
    const auto it = dying_.find(node);
    if (it == dying_.end()) return true;
    if (it->second == 0) return false;
    --it->second;
    return true;
}

DurationMs Faults::let_die(Height next) {
    auto& r = world_.random();
    if (!options_.crashes || !r.chance(500)) return DurationMs{0};
    const auto wait = DurationMs{r.between(5'000, 40'000)};
    // Half of them within one height, so that the last that is heard of all of them is of this height.
    const Height last{next.value + r.below(3)};
    const bool at_words = r.chance(500);
    for (const auto victim : victims_) {
        if (at_words) last_words_[victim] = {r.below(words), last, false, true, DurationMs{0}};
        // A victim that never comes to its word dies all the same.
        world_.after(DurationMs{at_words ? wait.value - 1 : r.below(5'000)}, [this, victim] {
            if (!is_gone(victim)) die(victim, false, true, DurationMs{0});
        });
    }
    if (has_weather_) hold_links(wait);
    return wait;
}

void Faults::heal() {
    healed_ = true;
    last_words_.clear();
    dying_.clear();
    world_.note(gone_.empty() ? "healed" : "healed, but for the dead");
    world_.set_faults({});
    for (std::uint32_t from = 0; from < options_.nodes; ++from) {
        world_.isolate(from, false);
        for (std::uint32_t to = 0; to < options_.nodes; ++to) world_.hold_link(from, to, {});
        if (!target_.is_up(from) && !is_gone(from)) target_.boot(from);
    }
}

// Links ---------------------------------------------------------------------------------------------------------------

void Faults::next_weather() {
    world_.after(DurationMs{world_.random().between(500, 10'000)}, [this] {
        if (healed_) return;
        hold_links(DurationMs{world_.random().between(1'000, 10'000)});
        next_weather();
    });
}

void Faults::hold_links(DurationMs duration) {
    auto& r = world_.random();
    const auto slow = static_cast<std::uint32_t>(r.below(500));
    const auto narrow = static_cast<std::uint32_t>(r.below(800));
    for (std::uint32_t from = 0; from < options_.nodes; ++from)
        for (std::uint32_t to = 0; to < options_.nodes; ++to)
            if (from != to && r.chance(slow))
                world_.hold_link(from, to, {world_.now() + duration, 0});
            else if (from != to && r.chance(narrow))
                world_.hold_link(from, to, {world_.now() + duration, large});
}

}  // namespace troupe::sim
