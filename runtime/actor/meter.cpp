#include "runtime/actor/meter.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "runtime/base/result.hpp"

namespace troupe {
namespace {

constexpr auto coarse_period = std::chrono::milliseconds(2);
/// While everybody reads the counter, the thread looks this often whether they are many.
constexpr auto look_period = std::chrono::milliseconds(50);
/// Readings a millisecond that are many: together they cost less than the thread.
constexpr std::uint32_t many = 100;
/// After so many periods one is spent counting.
constexpr int periods_between_looks = 100;
constexpr std::size_t timers_max = 16;
constexpr std::size_t error_bytes_max = 512;

[[nodiscard]] std::uint64_t steady_ns() noexcept {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

[[nodiscard]] std::uint64_t unix_us() {
    using namespace std::chrono;
    return static_cast<std::uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

struct Calibration {
    std::uint64_t ticks = ticks_now();
    std::uint64_t ns = steady_ns();
};

const Calibration& first_reading() {
    static const Calibration reading;
    return reading;
}
// Taken as early as possible, so that the rate is known well when somebody asks.
[[maybe_unused]] const auto& early_reading = first_reading();

/// Nanoseconds a tick.
[[nodiscard]] double tick_ns() {
    const auto& first = first_reading();
    Calibration now;
    // The first millisecond of a process: wait for a baseline that means something.
    while (now.ns < first.ns + 1'000'000) now = Calibration{};
    return static_cast<double>(now.ns - first.ns) / static_cast<double>(now.ticks - first.ticks);
}

}  // namespace

std::shared_ptr<CoarseClock> CoarseClock::shared() {
    static std::mutex mutex;
    static std::weak_ptr<CoarseClock> known;
    const std::lock_guard lock{mutex};
    auto clock = known.lock();
    if (!clock) known = clock = std::shared_ptr<CoarseClock>{new CoarseClock};
    return clock;
}

CoarseClock::CoarseClock() {
    thread_ = std::thread{[this] { run(); }};
}

void CoarseClock::run() {
    std::unique_lock lock{mutex_};
    const auto stops_within = [&](std::chrono::milliseconds period) {
        return changed_.wait_for(lock, period, [this] { return is_stopping_; });
    };
    for (auto period = look_period;; period = coarse_period) {
        // Everybody reads, until that is many readings.
        ticks_.store(0, std::memory_order_relaxed);
        do {
            readings_.store(0, std::memory_order_relaxed);
            if (stops_within(period)) return;
        } while (readings_.load(std::memory_order_relaxed) < many * std::exchange(period, look_period).count());
        for (int i = 0; i < periods_between_looks; ++i) {
            ticks_.store(ticks_now(), std::memory_order_relaxed);
            if (stops_within(coarse_period)) return;
        }
    }
}

CoarseClock::~CoarseClock() {
    {
        const std::lock_guard lock{mutex_};
        is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
    ticks_.store(0, std::memory_order_relaxed);
}

std::uint64_t TickClock::to_ns(std::uint64_t ticks_between) {
    return static_cast<std::uint64_t>(static_cast<double>(ticks_between) * tick_ns());
}

std::uint64_t TickClock::to_unix_us(std::uint64_t ticks) {
    const auto now = ticks_now();
    const auto ago = ticks < now ? to_ns(now - ticks) / 1000 : 0;
    return unix_us() - ago;
}

Meter::Meter(void* owner) : owner_(owner), index_(32, 0) {
    rings_.push_back(std::make_unique<Ring>(ring_size));
    ring_.store(rings_.back().get());
}

Meter::~Meter() {
    for (auto& block : blocks_) delete block.load();
}

/// Slots are handed back by threads that end: counts in them go on.
std::uint32_t Meter::take_thread_slot() noexcept {
    static std::mutex mutex;
    static std::array<bool, thread_slots - 1> taken{};
    struct Return {
        ~Return() {
            if (thread_slot_ == 0 || thread_slot_ == thread_slots) return;
            const std::lock_guard lock{mutex};
            taken[thread_slot_ - 1] = false;
            thread_slot_ = thread_slots;
        }
    };
    static thread_local Return at_end;
    static_cast<void>(at_end);
    const std::lock_guard lock{mutex};
    const auto free = std::ranges::find(taken, false);
    thread_slot_ = thread_slots;
    if (free != taken.end()) {
        *free = true;
        thread_slot_ = static_cast<std::uint32_t>(free - taken.begin()) + 1;
    }
    return thread_slot_;
}

/// Who reads meanwhile sees the channel's count where it was or where it is now, never half.
void Meter::switch_to(Channel& channel, const MessageKey& key, std::uint64_t source) noexcept {
    const auto in = in_.load(std::memory_order_relaxed);
    if (const auto before = last_number_.load(std::memory_order_relaxed); before != 0)
        channel_at(before - 1).count.store(in - others_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    last_number_.store(0, std::memory_order_release);
    others_.store(in - channel.count.load(std::memory_order_relaxed), std::memory_order_release);
    last_number_.store(channel.number, std::memory_order_release);
    last_key_ = key;
    last_source_ = source;
    usual_type_ = key.value == 0 ? key.type : nullptr;
}

std::uint64_t Meter::count_of(const Channel& channel) const noexcept {
    const auto before = last_number_.load(std::memory_order_acquire);
    const auto others = others_.load(std::memory_order_acquire);
    const auto in = in_.load(std::memory_order_acquire);
    const auto kept = channel.count.load(std::memory_order_acquire);
    // Both are totals that only grow.
    return before == channel.number && last_number_.load(std::memory_order_acquire) == before
               ? std::max(in - others, kept)
               : kept;
}

/// The index slot that has the channel, or the free one where it belongs.
std::size_t Meter::place_of(const MessageKey& key, std::uint64_t source, bool is_out) const noexcept {
    auto h = reinterpret_cast<std::uintptr_t>(key.type) ^ key.value;
    h = (h ^ (source * 2 + (is_out ? 1 : 0)) * 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
    for (auto at = static_cast<std::size_t>(h >> 32) % index_.size();; at = (at + 1) % index_.size()) {
        if (index_[at] == 0) return at;
        const auto& channel = channel_at(index_[at] - 1);
        if (channel.is_out == is_out && channel.key == key && channel.source == source) return at;
    }
}

Channel* Meter::find(const MessageKey& key, std::uint64_t source, bool is_out) const noexcept {
    const auto number = index_[place_of(key, source, is_out)];
    return number == 0 ? nullptr : &channel_at(number - 1);
}

Channel* Meter::insert(const MessageKey& key, std::uint64_t source, bool is_out, ChannelName name) {
    const auto count = channel_count_.load(std::memory_order_relaxed);
    // The last two are for all that find no place, one each way.
    const bool is_rest = key == MessageKey{} && source == 0;
    if (count + 2 >= channels_max && !is_rest) {
        auto* rest = find({}, 0, is_out);
        return rest != nullptr ? rest : insert({}, 0, is_out, {"other", {}});
    }
    TROUPE_ASSERT(count < channels_max);
    if (count % block_size == 0) blocks_[count / block_size].store(new Block, std::memory_order_relaxed);
    auto& added = channel_at(count);
    added.key = key;
    added.kind = std::move(name.kind);
    added.peer = name.peer;
    added.source = source;
    added.is_out = is_out;
    added.number = static_cast<std::uint32_t>(count + 1);
    channel_count_.store(count + 1, std::memory_order_release);
    if ((count + 1) * 2 > index_.size()) {
        index_.assign(index_.size() * 2, 0);
        for (std::size_t n = 0; n < count; ++n) {
            const auto& channel = channel_at(n);
            index_[place_of(channel.key, channel.source, channel.is_out)] = static_cast<std::uint32_t>(n + 1);
        }
    }
    index_[place_of(key, source, is_out)] = static_cast<std::uint32_t>(count + 1);
    return &added;
}

void Meter::timer_set(std::string_view kind, std::uint64_t due_us) {
    const std::lock_guard lock{mutex_};
    const auto it = std::ranges::find(timers_, kind, &TimerReading::kind);
    if (it != timers_.end())
        it->due_us = due_us;
    else if (timers_.size() < timers_max)
        timers_.push_back({std::string{kind}, due_us});
}

void Meter::note_error(std::string_view text) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock{mutex_};
    last_error_ = {std::string{text.substr(0, error_bytes_max)}, unix_us()};
}

void Meter::note_end(std::string_view why) {
    {
        const std::lock_guard lock{mutex_};
        end_reason_ = why;
    }
    ended_.store(true, std::memory_order_release);
}

std::uint64_t Meter::mailbox() const noexcept {
    const auto taken = in() + aside_.load(std::memory_order_relaxed);
    std::uint64_t put = 0;
    for (const auto& line : enqueued_) put += line.count.load(std::memory_order_relaxed);
    return has_ended() || put < taken ? 0 : put - taken;
}

std::uint64_t Meter::busy_ns() const noexcept {
    return TickClock::to_ns(busy_.load(std::memory_order_relaxed)) + running_ns();
}

std::uint64_t Meter::running_ns() const noexcept {
    const auto since = running_since_.load(std::memory_order_relaxed);
    const auto now = ticks_now();
    return since == 0 || now < since ? 0 : TickClock::to_ns(now - since);
}

std::string Meter::end_reason() const {
    const std::lock_guard lock{mutex_};
    return end_reason_;
}

Meter::LastError Meter::last_error() const {
    const std::lock_guard lock{mutex_};
    return last_error_;
}

std::vector<TimerReading> Meter::timers() const {
    const std::lock_guard lock{mutex_};
    return timers_;
}

std::vector<const Channel*> Meter::channels() const {
    const auto count = channel_count_.load(std::memory_order_acquire);
    std::vector<const Channel*> out;
    out.reserve(count);
    for (std::size_t n = 0; n < count; ++n) out.push_back(&channel_at(n));
    return out;
}

std::vector<ReceivedMessage> Meter::messages(std::uint64_t from, std::uint64_t& next) const {
    const auto& ring = *ring_.load(std::memory_order_acquire);
    const auto end = in();
    const auto size = ring.mask + 1;
    auto first = std::max(from, ring.first);
    if (end > size) first = std::max(first, end - size);
    std::vector<ReceivedMessage> out;
    for (auto n = first; n < end; ++n) {
        const auto& slot = ring.slots[n & ring.mask];
        const auto channel = slot.channel.load(std::memory_order_relaxed);
        out.push_back({slot.ticks.load(std::memory_order_relaxed), channel == 0 ? nullptr : &channel_at(channel - 1),
                       slot.bytes.load(std::memory_order_relaxed)});
    }
    // What the writer went over meanwhile is another message's.
    std::atomic_thread_fence(std::memory_order_acquire);
    const auto after = in() + 1;
    const auto lost = after > first + size ? after - size - first : 0;
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(lost, out.size())));
    std::erase_if(out, [](const ReceivedMessage& message) { return message.channel == nullptr; });
    next = end;
    return out;
}

void Meter::widen_ring() {
    const std::lock_guard lock{mutex_};
    if (rings_.size() > 1) return;
    auto ring = std::make_unique<Ring>(wide_ring_size);
    ring->first = in();
    ring_.store(ring.get(), std::memory_order_release);
    rings_.push_back(std::move(ring));
    is_followed_.store(true, std::memory_order_relaxed);
}

}  // namespace troupe
