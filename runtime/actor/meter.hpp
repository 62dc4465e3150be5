// What one actor counts about itself: messages in and out by kind and peer, busy time, mailbox depth, the last
// messages, the last error, timers. One writer, the actor's own thread (but for the mailbox), which pays a few
// nanoseconds a message; anyone may read at any time without asking the actor.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <typeinfo>
#include <utility>
#include <vector>

#include "runtime/base/reflect.hpp"

namespace troupe {

/// The machine's fastest monotonic counter; TickClock turns it into time.
[[nodiscard]] inline std::uint64_t ticks_now() noexcept {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
#endif
}

/// Reading the counter costs as much as all else that is counted of a message. While a CoarseClock lives and messages
/// are many, a thread of its own reads it every two milliseconds for everybody: what many short handlers take is then
/// right on average, as a sampling profiler's figures are. While they are few everybody reads the counter, and the
/// thread sleeps.
class CoarseClock {
public:
    /// The process's one, made at first need.
    [[nodiscard]] static std::shared_ptr<CoarseClock> shared();
    ~CoarseClock();
    CoarseClock(const CoarseClock&) = delete;
    CoarseClock& operator=(const CoarseClock&) = delete;

    /// The last reading; 0 while everybody is to call exact().
    [[nodiscard]] static std::uint64_t ticks() noexcept { return ticks_.load(std::memory_order_relaxed); }
    /// The counter; tells the thread that somebody needs it. Threads may lose each other's counts.
    [[nodiscard]] static std::uint64_t exact() noexcept {
        readings_.store(readings_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return ticks_now();
    }

private:
    CoarseClock();

    void run();

    alignas(64) static inline std::atomic<std::uint64_t> ticks_{0};
    alignas(64) static inline std::atomic<std::uint32_t> readings_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_stopping_ = false;
    std::thread thread_;
};

/// Ticks to wall-clock time, by two readings of both: the longer ago the first, the more exact.
class TickClock {
public:
    [[nodiscard]] static std::uint64_t to_unix_us(std::uint64_t ticks);
    [[nodiscard]] static std::uint64_t to_ns(std::uint64_t ticks_between);
};

/// What kind of message: a type, and what tells apart the messages of one type (which atom, which kind of frame).
struct MessageKey {
    const std::type_info* type = nullptr;
    std::uint64_t value = 0;

    bool operator==(const MessageKey&) const = default;
};

/// The other end: an actor of this process, another node, or neither.
struct PeerKey {
    static constexpr std::uint64_t node_bit = std::uint64_t{1} << 63;
    std::uint64_t value = 0;

    [[nodiscard]] static PeerKey actor(std::uint64_t id) noexcept { return {id}; }
    [[nodiscard]] static PeerKey node(std::uint32_t index) noexcept { return {node_bit | index}; }
    [[nodiscard]] bool is_node() const noexcept { return (value & node_bit) != 0; }
    [[nodiscard]] std::uint32_t node_index() const noexcept { return static_cast<std::uint32_t>(value); }

    bool operator==(const PeerKey&) const = default;
};

/// Messages of one kind, from one peer or to one node. What goes to an actor of the same process is counted there only.
struct Channel {
    MessageKey key;
    /// For people: "certificate", "timer", "executor::NeededChunks".
    std::string kind;
    PeerKey peer;
    /// What tells the other end apart most cheaply: for an actor an address, since reading its id would touch a line
    /// of the cache that all its correspondents write.
    std::uint64_t source = 0;
    bool is_out = false;
    /// From 1.
    std::uint32_t number = 0;
    /// Behind while messages of this kind come one after the other: Meter::count_of knows.
    std::atomic<std::uint64_t> count{0};
    /// Of payloads that cross between nodes; messages within a process are passed by reference.
    std::atomic<std::uint64_t> bytes{0};
};

/// What is found out once a channel.
struct ChannelName {
    std::string kind;
    PeerKey peer;
};

struct ReceivedMessage {
    std::uint64_t ticks = 0;
    const Channel* channel = nullptr;
    std::uint32_t bytes = 0;
};

struct TimerReading {
    std::string kind;
    std::uint64_t due_us = 0;

    static constexpr auto reflect() {
        return fields("Timer", field("kind", &TimerReading::kind), field("due_us", &TimerReading::due_us));
    }
};

class Meter {
public:
    /// `owner` is whose meter it is, for current(); not touched.
    explicit Meter(void* owner = nullptr);
    ~Meter();
    Meter(const Meter&) = delete;
    Meter& operator=(const Meter&) = delete;

    /// The actor whose handler runs on this thread; null outside of all.
    [[nodiscard]] static Meter* current() noexcept { return current_; }
    [[nodiscard]] void* owner() const noexcept { return owner_; }

    // From the actor's thread
    // ---------------------------------------------------------------------------------------------

    /// While it lives the actor has the thread.
    class Turn {
    public:
        explicit Turn(Meter& meter) noexcept : meter_(meter), before_(std::exchange(current_, &meter)) {
            meter.running_since_.store(meter.now(), std::memory_order_relaxed);
        }
        ~Turn() {
            const auto since = meter_.running_since_.load(std::memory_order_relaxed);
            const auto until = meter_.now();
            if (until > since) add(meter_.busy_, until - since);
            meter_.running_since_.store(0, std::memory_order_relaxed);
            current_ = before_;
        }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

    private:
        Meter& meter_;
        Meter* const before_;
    };

    /// Counts a message that is like the one before: of the same type, told apart by nothing else, from the same
    /// sender, while nobody wants exact times. False: received() is to count it.
    [[nodiscard]] bool received_again(const std::type_info* type, std::uint64_t source) noexcept {
        const auto ticks = CoarseClock::ticks();
        if (usual_type_ != type || last_source_ != source || ticks == 0 || is_followed_.load(std::memory_order_relaxed))
            return false;
        write_down(ticks, 0);
        return true;
    }
    /// `name` gives a ChannelName; called once a channel.
    template <class Name>
    void received(const MessageKey& key, std::uint64_t source, std::uint32_t bytes, Name&& name) {
        if (last_key_ != key || last_source_ != source || last_number_.load(std::memory_order_relaxed) == 0) {
            auto* channel = find(key, source, false);
            if (channel == nullptr) channel = insert(key, source, false, name());
            switch_to(*channel, key, source);
        }
        if (bytes != 0) add(channel_at(last_number_.load(std::memory_order_relaxed) - 1).bytes, bytes);
        write_down(now(), bytes);
    }

    /// A frame to another node; `name` gives its kind.
    template <class Name>
    void sent(const MessageKey& key, PeerKey to, std::uint32_t bytes, Name&& name) {
        auto* channel = find(key, to.value, true);
        if (channel == nullptr) channel = insert(key, to.value, true, {name(), to});
        add(channel->count, 1);
        add(channel->bytes, bytes);
        add(out_, 1);
    }

    /// A message that is not counted has been taken from the mailbox.
    void taken_aside() noexcept { add(aside_, 1); }

    void timer_set(std::string_view kind, std::uint64_t due_us);

    // From any thread
    // -----------------------------------------------------------------------------------------------------

    void enqueued() noexcept {
        const auto slot = thread_slot_ != 0 ? thread_slot_ : take_thread_slot();
        auto& count = enqueued_[slot - 1].count;
        // A thread with a slot of its own need not lock the bus.
        if (slot < thread_slots)
            add(count, 1);
        else
            count.fetch_add(1, std::memory_order_relaxed);
    }
    void note_error(std::string_view text);
    void note_end(std::string_view why);

    [[nodiscard]] std::uint64_t in() const noexcept { return in_.load(std::memory_order_acquire); }
    /// Frames to other nodes; ActorRegistry::sent_between adds what went to actors of this process.
    [[nodiscard]] std::uint64_t frames_out() const noexcept { return out_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t errors() const noexcept { return errors_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t mailbox() const noexcept;
    /// The time under way included.
    [[nodiscard]] std::uint64_t busy_ns() const noexcept;
    /// How long the handlers that run now have had the thread; 0 when the actor waits.
    [[nodiscard]] std::uint64_t running_ns() const noexcept;
    [[nodiscard]] bool has_ended() const noexcept { return ended_.load(std::memory_order_acquire); }
    [[nodiscard]] std::string end_reason() const;

    struct LastError {
        std::string text;
        std::uint64_t unix_us = 0;
    };
    [[nodiscard]] LastError last_error() const;
    [[nodiscard]] std::vector<TimerReading> timers() const;
    [[nodiscard]] std::vector<const Channel*> channels() const;
    [[nodiscard]] std::uint64_t count_of(const Channel& channel) const noexcept;
    /// Those still in the ring, the oldest first, from message number `from` on; `next` is the number after the last.
    [[nodiscard]] std::vector<ReceivedMessage> messages(std::uint64_t from, std::uint64_t& next) const;
    /// Keeps more messages from now on, with exact times, for somebody who follows them.
    void widen_ring();

    static constexpr std::size_t ring_size = 64;
    static constexpr std::size_t wide_ring_size = 8192;
    /// Kinds times peers; further ones are counted together.
    static constexpr std::size_t channels_max = 4096;
    /// Threads that count what they send on their own; all others share the last slot.
    static constexpr std::uint32_t thread_slots = 24;

private:
    struct Slot {
        std::atomic<std::uint64_t> ticks{0};
        /// Number of the channel plus one; 0: nothing yet.
        std::atomic<std::uint32_t> channel{0};
        std::atomic<std::uint32_t> bytes{0};
    };
    struct Ring {
        explicit Ring(std::size_t size) : mask(size - 1), slots(std::make_unique<Slot[]>(size)) {}
        std::size_t mask;
        std::unique_ptr<Slot[]> slots;
        /// Message number of the first one written here.
        std::uint64_t first = 0;
    };

    static constexpr std::size_t block_size = 16;
    struct Block {
        std::array<Channel, block_size> channels;
    };

    /// One writer: an ordinary addition that readers never see torn.
    static void add(std::atomic<std::uint64_t>& value, std::uint64_t n) noexcept {
        value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    /// Exact while somebody follows the messages, or nobody keeps the coarse clock.
    [[nodiscard]] std::uint64_t now() const noexcept {
        const auto coarse = CoarseClock::ticks();
        return coarse != 0 && !is_followed_.load(std::memory_order_relaxed) ? coarse : CoarseClock::exact();
    }
    /// A message of the last channel. What repeats touches this meter's first line only, and the ring's.
    void write_down(std::uint64_t ticks, std::uint32_t bytes) noexcept {
        const auto n = in_.load(std::memory_order_relaxed);
        const auto& ring = *ring_.load(std::memory_order_relaxed);
        auto& slot = ring.slots[n & ring.mask];
        slot.ticks.store(ticks, std::memory_order_relaxed);
        slot.channel.store(last_number_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        slot.bytes.store(bytes, std::memory_order_relaxed);
        in_.store(n + 1, std::memory_order_release);
    }
    static std::uint32_t take_thread_slot() noexcept;
    [[nodiscard]] Channel& channel_at(std::size_t n) const noexcept {
        return blocks_[n / block_size].load(std::memory_order_relaxed)->channels[n % block_size];
    }
    void switch_to(Channel& channel, const MessageKey& key, std::uint64_t source) noexcept;
    [[nodiscard]] std::size_t place_of(const MessageKey& key, std::uint64_t source, bool is_out) const noexcept;
    [[nodiscard]] Channel* find(const MessageKey& key, std::uint64_t source, bool is_out) const noexcept;
    Channel* insert(const MessageKey& key, std::uint64_t source, bool is_out, ChannelName name);

    static inline constinit thread_local Meter* current_ = nullptr;
    /// From 1; 0 until the thread first needs one.
    static inline constinit thread_local std::uint32_t thread_slot_ = 0;

    // All that a message touches, in one line of the cache.
    alignas(64) std::atomic<std::uint64_t> in_{0};
    /// The last message's, if its type and sender are all that its channel depends on.
    const std::type_info* usual_type_ = nullptr;
    std::uint64_t last_source_ = 0;
    /// All messages but those of the last channel: what in_ counts beyond is that channel's.
    std::atomic<std::uint64_t> others_{0};
    std::atomic<std::uint32_t> last_number_{0};
    std::atomic<bool> is_followed_{false};
    std::atomic<std::uint64_t> running_since_{0};
    std::atomic<Ring*> ring_;
    std::atomic<std::uint64_t> busy_{0};

    MessageKey last_key_;
    void* owner_;

    /// Each sending thread has a line of its own: a shared one would travel between cores with every message.
    struct alignas(64) Line {
        std::atomic<std::uint64_t> count{0};
    };
    std::array<Line, thread_slots> enqueued_{};

    alignas(64) std::atomic<std::uint64_t> out_{0};
    std::atomic<std::uint64_t> aside_{0};
    std::atomic<std::uint64_t> errors_{0};
    std::atomic<bool> ended_{false};

    std::array<std::atomic<Block*>, channels_max / block_size> blocks_{};
    std::atomic<std::size_t> channel_count_{0};
    /// Open addressing over channel numbers plus one; only the writer looks.
    std::vector<std::uint32_t> index_;

    mutable std::mutex mutex_;
    LastError last_error_;
    std::string end_reason_;
    std::vector<TimerReading> timers_;
    std::vector<std::unique_ptr<Ring>> rings_;
};

}  // namespace troupe
