// Baseline code that counts, and what is made of functions that turn out to be hot: code for their next calls first,
// then code for the rest of calls that are still in a loop.
#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <span>
#include <thread>
#include <unordered_map>

#include "jit/opt/opt.hpp"

#ifdef __x86_64__

#include "jit/opt/optimizing_compiler.hpp"

namespace troupe::jit {
namespace {

/// Longer bodies stay as the baseline tier made them: anybody may submit code, and the one thread that optimizes serves
/// all. The passes' own bounds keep what is shorter to seconds, whatever its shape.
constexpr std::uint32_t optimized_body_bytes_max = 128 << 10;
/// Loops of a function that get code for the rest of a call: fewer where the body is long, so that all of them together
/// take no longer than the one of the longest.
constexpr std::size_t loops_max = 4;
[[nodiscard]] std::size_t loops_allowed(std::uint32_t body_bytes) {
    return std::clamp<std::size_t>(optimized_body_bytes_max / (4 * std::max(body_bytes, 1U)), 1, loops_max);
}
/// Looks from a loop without code before it gets code beside that of other loops: calls mostly come to those, too.
constexpr std::uint32_t looks_elsewhere_max = 8;
/// Times as many rounds until the next look there.
constexpr std::int32_t patience_elsewhere = 8;
/// Between looks when nothing can come of them.
constexpr std::int32_t rounds_without_hope = 1'000'000;

class AdaptiveCompiler final : public OptimizingCompiler {
public:
    AdaptiveCompiler(std::size_t arena_bytes, std::shared_ptr<CodeCache> cache, const AdaptiveOptions& options)
        : OptimizingCompiler(arena_bytes, std::move(cache), options.warmth), options_(options) {
        if (options_.in_background) worker_ = std::thread([this] { work(); });
    }
    ~AdaptiveCompiler() override {
        if (!worker_.joinable()) return;
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        worker_.join();
    }
    AdaptiveCompiler(const AdaptiveCompiler&) = delete;
    AdaptiveCompiler& operator=(const AdaptiveCompiler&) = delete;

    vm::CompiledFunction compile(const vm::FunctionSource& source) override {
        if (source.code.uses_v128) return {};
        auto hot = std::make_unique<Hot>();
        hot->counter.left = options_.rounds_until_hot;
        hot->compiler = this;
        hot->module = source.module;
        hot->index = source.index;
        hot->number = source.imported() + source.index;
        hot->passes = source.passes;
        hot->loops_allowed = loops_allowed(source.module->functions[source.index].body_size);
        hot->charges_chunks = source.charges_chunks;
        const EmitOptions options{.imported = source.imported(),
                                  .counter = &hot->counter,
                                  .on_hot = on_hot,
                                  .on_hot_round = on_hot_round,
                                  .charges_chunks = source.charges_chunks,
                                  .enter_at = source.enter_at};
        const auto emitted = emit_function(source.code, stubs(), options);
        const auto* at = add_code(emitted.bytes);
        if (at == nullptr) return {};
        const std::lock_guard lock(mutex_);
        hot_[at] = std::move(hot);
        return {.entry = at,
                .size_bytes = emitted.bytes.size(),
                .at_block = source.enter_at ? at + emitted.enter_offset : nullptr};
    }

    vm::CompiledFunction find(const vm::FunctionSource& source) override {
        if (source.code.uses_v128) return {};
        return kept(source.module, source.index, source.charges_chunks);
    }

    void release(const vm::CompiledFunction& made) noexcept override {
        const std::lock_guard lock(mutex_);
        const auto at = hot_.find(made.entry);
        auto hot = at != hot_.end() ? std::move(at->second) : nullptr;
        if (hot != nullptr) hot_.erase(at);
        // Only now may other code take its place.
        NativeCompiler::release(made);
        if (hot == nullptr) return;
        if (hot->asked > 0)
            // The worker has it, or will: it ends there.
            released_.push_back(std::move(hot));
        else
            release_code(*hot);
    }

private:
    /// Code asked for: of a whole function, or of what follows the head of a loop.
    struct Wanted {
        std::uint32_t at = 0;
        /// Written before `ready`.
        vm::CompiledFunction made;
        std::atomic<bool> ready{false};
    };
    /// A function with baseline code. `counter` comes first: the code knows only its address.
    struct Hot {
        HotCounter counter;
        AdaptiveCompiler* compiler = nullptr;
        std::weak_ptr<const wasm::Module> module;
        /// Among the functions that the module defines, and among all of its functions.
        std::uint32_t index = 0;
        std::uint32_t number = 0;
        vm::Passes passes{};
        std::size_t loops_allowed = 0;
        bool charges_chunks = false;
        Wanted whole;
        std::array<Wanted, loops_max> loops;
        /// Under the compiler's lock from here on: which were asked for, and how much of that is not done.
        bool is_wanted = false;
        std::size_t loop_count = 0;
        std::uint32_t looks_elsewhere = 0;
        std::uint32_t asked = 0;
    };
    struct Request {
        Hot* hot = nullptr;
        /// Null for the whole function.
        Wanted* loop = nullptr;
    };

    // These run on the thread that owns the function's instance.

    static const void* on_hot(HotCounter* counter, vm::FunctionObject* function) {
        auto& hot = *reinterpret_cast<Hot*>(counter);
        auto& compiler = *hot.compiler;
        counter->left.store(compiler.options_.calls_between_looks, std::memory_order_relaxed);
        return compiler.has_whole(hot) && install(hot, *function) ? hot.whole.made.entry : nullptr;
    }
    static const void* on_hot_round(HotCounter* counter, std::uint32_t at, vm::Instance* instance) {
        auto& hot = *reinterpret_cast<Hot*>(counter);
        auto& compiler = *hot.compiler;
        counter->left.store(compiler.options_.rounds_between_looks, std::memory_order_relaxed);
        // Before all else what serves every call: a short loop's function may never come here again.
        if (!compiler.has_whole(hot)) return nullptr;
        if (!install(hot, *instance->functions[hot.number])) {
            counter->left.store(rounds_without_hope, std::memory_order_relaxed);
            return nullptr;
        }
        const auto* wanted = compiler.loop_at(hot, at);
        if (wanted == nullptr) {
            counter->left.store(patience_elsewhere * compiler.options_.rounds_between_looks, std::memory_order_relaxed);
            return nullptr;
        }
        if (!wanted->ready.load(std::memory_order_acquire)) return nullptr;
        if (wanted->made.entry == nullptr) {
            counter->left.store(rounds_without_hope, std::memory_order_relaxed);
            return nullptr;
        }
        if (auto* counts = compiler.options_.counts.get()) ++counts->switched_rounds;
        return wanted->made.at_block;
    }
    /// False if there is no better code.
    static bool install(const Hot& hot, vm::FunctionObject& function) {
        vm::set_code(function, hot.whole.made);
        return hot.whole.made.entry != nullptr;
    }

    /// Whether it is known what becomes of the function; asks for it.
    [[nodiscard]] bool has_whole(Hot& hot) {
        if (hot.whole.ready.load(std::memory_order_acquire)) return true;
        {
            const std::lock_guard lock(mutex_);
            if (hot.is_wanted) return false;
            hot.is_wanted = true;
            ask({&hot, nullptr});
        }
        return hand_over() && hot.whole.ready;
    }
    /// Asks for it if there is room; null if there is none.
    [[nodiscard]] const Wanted* loop_at(Hot& hot, std::uint32_t at) {
        const Wanted* out = nullptr;
        {
            const std::lock_guard lock(mutex_);
            const auto loops = std::span(hot.loops).first(hot.loop_count);
            const auto found = std::ranges::find(loops, at, &Wanted::at);
            if (found != loops.end()) return &*found;
            // Those around this loop or in it may come next, and have code, or soon will.
            if (hot.asked > 0 || hot.loop_count == hot.loops_allowed) return nullptr;
            if (hot.loop_count > 0 && ++hot.looks_elsewhere < looks_elsewhere_max) return nullptr;
            hot.looks_elsewhere = 0;
            auto& wanted = hot.loops[hot.loop_count++];
            wanted.at = at;
            ask({&hot, &wanted});
            out = &wanted;
        }
        static_cast<void>(hand_over());
        return out;
    }
    void ask(const Request& request) {
        ++request.hot->asked;
        queue_.push_back(request);
    }
    /// True if all that was asked for is done.
    bool hand_over() {
        if (worker_.joinable()) {
            wake_.notify_one();
            return false;
        }
        std::unique_lock lock(mutex_);
        while (!queue_.empty()) do_next(lock);
        return true;
    }

    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            do_next(lock);
        }
    }
    void do_next(std::unique_lock<std::mutex>& lock) {
        const auto request = queue_.front();
        queue_.pop_front();
        lock.unlock();
        auto& hot = *request.hot;
        auto& wanted = request.loop != nullptr ? *request.loop : hot.whole;
        if (const auto module = hot.module.lock();
            module && module->functions[hot.index].body_size <= optimized_body_bytes_max)
            wanted.made = request.loop != nullptr
                              ? optimized_in_loop(module, hot.index, hot.passes, hot.charges_chunks, wanted.at)
                              : optimized(module, hot.index, hot.charges_chunks);
        wanted.ready.store(true, std::memory_order_release);
        lock.lock();
        if (--hot.asked > 0) return;
        // Its module went meanwhile.
        const auto gone = std::ranges::find_if(released_, [&](const auto& other) { return other.get() == &hot; });
        if (gone == released_.end()) return;
        release_code(hot);
        released_.erase(gone);
    }
    void release_code(const Hot& hot) noexcept {
        NativeCompiler::release(hot.whole.made);
        for (const auto& loop : hot.loops) NativeCompiler::release(loop.made);
    }

    AdaptiveOptions options_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    /// By their code's address.
    std::unordered_map<const void*, std::unique_ptr<Hot>> hot_;
    std::vector<std::unique_ptr<Hot>> released_;
    std::deque<Request> queue_;
    std::thread worker_;
};

}  // namespace

std::shared_ptr<vm::Compiler> make_adaptive_compiler(std::size_t arena_bytes, std::shared_ptr<CodeCache> cache,
                                                     const AdaptiveOptions& options) {
    if (!can_run_optimized()) return nullptr;
    auto out = std::make_shared<AdaptiveCompiler>(arena_bytes, std::move(cache), options);
    if (!out->ready()) return nullptr;
    return out;
}

}  // namespace troupe::jit

#else

namespace troupe::jit {
std::shared_ptr<vm::Compiler> make_adaptive_compiler(std::size_t, std::shared_ptr<CodeCache>, const AdaptiveOptions&) {
    return nullptr;
}
}  // namespace troupe::jit

#endif
