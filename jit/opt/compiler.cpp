#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "jit/opt/opt.hpp"

#ifdef __x86_64__

#include <xbyak/xbyak_util.h>

#include "jit/baseline/native_compiler.hpp"
#include "jit/opt/code_cache.hpp"
#include "jit/opt/emitter.hpp"
#include "jit/opt/order.hpp"
#include "jit/opt/select.hpp"
#include "vm/wasm/optimize.hpp"

namespace troupe::jit {
namespace {

using opt::CallShape;

class OptimizingCompiler : public NativeCompiler {
public:
    OptimizingCompiler(std::size_t arena_bytes, std::shared_ptr<CodeCache> cache,
                       std::optional<vm::Warmth> warmth = std::nullopt)
        : NativeCompiler(arena_bytes, false, warmth), cache_(std::move(cache)) {}

    vm::CompiledFunction compile(const vm::FunctionSource& source) override {
        if (source.charges_chunks) return NativeCompiler::compile(source);
        auto out = kept(source.module, source.index);
        if (out.entry == nullptr) out = optimized(source.module, source.index);
        return out.entry != nullptr ? out : NativeCompiler::compile(source);
    }

    const void* fast_stub(const wasm::FunctionType& type) override { return shared(Shared::adapter, shape_of(type)); }

protected:
    /// What another run made; nothing if there is none.
    [[nodiscard]] vm::CompiledFunction kept(const std::shared_ptr<const wasm::Module>& module, std::uint32_t index) {
        if (cache_ == nullptr) return {};
        auto code = cache_->find(module, index);
        if (!code) return {};
        opt::relocate(*code, surroundings(*module, index));
        return add(*code, shape_of(module->types[module->functions[index].type_index]));
    }
    [[nodiscard]] vm::CompiledFunction optimized(const std::shared_ptr<const wasm::Module>& module,
                                                 std::uint32_t index) {
        auto function = wasm::lower_optimized(*module, index);
        if (!function) return {};
        opt::order_blocks(*function);
        const auto machine = opt::select(*function);
        if (!machine) return {};
        const auto allocation = opt::allocate(*machine);
        if (!allocation) return {};
        const CallShape shape{function->signature.parameters, function->signature.results};
        auto code = opt::emit(*machine, *allocation, shape, surroundings(*module, index));
        const auto out = add(code, shape);
        if (out.entry != nullptr && cache_ != nullptr) cache_->keep(module, index, std::move(code));
        return out;
    }

private:
    [[nodiscard]] opt::Surroundings surroundings(const wasm::Module& module, std::uint32_t index) {
        return {stubs(), module.imported_functions, module.imported_functions + index,
                [this](const CallShape& of) { return shared(Shared::any_adapter, of); }};
    }
    [[nodiscard]] static CallShape shape_of(const wasm::FunctionType& type) {
        CallShape out;
        for (auto t : type.parameters) out.parameters.push_back(wasm::to_dmir(t));
        for (auto t : type.results) out.results.push_back(wasm::to_dmir(t));
        return out;
    }
    [[nodiscard]] vm::CompiledFunction add(const opt::Emitted& code, const CallShape& shape) {
        const auto* entry = code.bytes.empty() ? nullptr : shared(Shared::entry, shape);
        // Without an adapter some callee might have no entry.
        if (entry == nullptr || exhausted_) return {};
        const auto* at = add_code(code.bytes);
        if (at == nullptr) return {};
        return {.entry = entry, .fast = at, .size_bytes = code.bytes.size()};
    }
    /// What all functions of a shape share: their entry for callers by frame, and adapters for calls by registers of
    /// functions of this instance that have no such entry, and of any function.
    enum class Shared : std::uint8_t { entry, adapter, any_adapter };
    [[nodiscard]] const void* shared(Shared what, const CallShape& shape) {
        const std::lock_guard lock(shared_mutex_);
        auto& at = shared_[{shape, what}];
        if (at == nullptr)
            at = add_code(what == Shared::entry ? opt::emit_entry(shape)
                                                : opt::emit_adapter(shape, what == Shared::any_adapter, stubs()));
        if (at == nullptr) exhausted_ = true;
        return at;
    }

    std::shared_ptr<CodeCache> cache_;
    std::atomic<bool> exhausted_{false};
    std::mutex shared_mutex_;
    std::map<std::pair<CallShape, Shared>, const void*> shared_;
};

/// Calls and rounds before a function is compiled again, and calls between looks whether it has been.
constexpr std::int32_t rounds_until_hot = 5'000;
constexpr std::int32_t calls_between_looks = 100;
/// Longer bodies stay as the baseline tier made them: anybody may submit code, and the one thread that optimizes serves
/// all. The passes' own bounds keep what is shorter to seconds, whatever its shape.
constexpr std::uint32_t optimized_body_bytes_max = 128 << 10;

class AdaptiveCompiler final : public OptimizingCompiler {
public:
    AdaptiveCompiler(std::size_t arena_bytes, std::shared_ptr<CodeCache> cache, const vm::Warmth& warmth)
        : OptimizingCompiler(arena_bytes, std::move(cache), warmth), worker_([this] { work(); }) {}
    ~AdaptiveCompiler() override {
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
        if (source.charges_chunks) return NativeCompiler::compile(source);
        auto hot = std::make_unique<Hot>();
        hot->counter.left = rounds_until_hot;
        hot->compiler = this;
        hot->module = source.module;
        hot->index = source.index;
        const EmitOptions options{
            .imported = source.imported(), .counter = &hot->counter, .on_hot = on_hot, .enter_at = source.enter_at};
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
        if (source.code.uses_v128 || source.charges_chunks) return {};
        return kept(source.module, source.index);
    }

    void release(const vm::CompiledFunction& made) noexcept override {
        NativeCompiler::release(made);
        const std::lock_guard lock(mutex_);
        const auto at = hot_.find(made.entry);
        if (at == hot_.end()) return;
        auto hot = std::move(at->second);
        hot_.erase(at);
        if (hot->state == State::asked)
            // The worker has it, or will: it ends there.
            released_.push_back(std::move(hot));
        else
            NativeCompiler::release(hot->made);
    }

private:
    enum class State : std::uint8_t { counting, asked, done };
    /// A function with baseline code. `counter` comes first: the code knows only its address.
    struct Hot {
        HotCounter counter;
        AdaptiveCompiler* compiler = nullptr;
        std::weak_ptr<const wasm::Module> module;
        std::uint32_t index = 0;
        /// Under the compiler's lock.
        State state = State::counting;
        /// Written before `ready`.
        vm::CompiledFunction made;
        std::atomic<bool> ready{false};
    };

    /// Runs on the thread that owns the function's instance.
    static const void* on_hot(HotCounter* counter, vm::FunctionObject* function) {
        auto& hot = *reinterpret_cast<Hot*>(counter);
        counter->left = calls_between_looks;
        if (!hot.ready.load(std::memory_order_acquire)) {
            hot.compiler->ask(hot);
            return nullptr;
        }
        if (hot.made.entry == nullptr) return nullptr;
        function->entry = hot.made.entry;
        function->fast = hot.made.fast;
        function->native = hot.made.entry;
        return hot.made.entry;
    }
    void ask(Hot& hot) {
        {
            const std::lock_guard lock(mutex_);
            if (hot.state != State::counting) return;
            hot.state = State::asked;
            queue_.push_back(&hot);
        }
        wake_.notify_one();
    }
    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            auto& hot = *queue_.front();
            queue_.pop_front();
            lock.unlock();
            if (const auto module = hot.module.lock();
                module && module->functions[hot.index].body_size <= optimized_body_bytes_max)
                hot.made = optimized(module, hot.index);
            hot.ready.store(true, std::memory_order_release);
            lock.lock();
            hot.state = State::done;
            // Its module went meanwhile.
            const auto gone = std::ranges::find_if(released_, [&](const auto& other) { return other.get() == &hot; });
            if (gone == released_.end()) continue;
            NativeCompiler::release(hot.made);
            released_.erase(gone);
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    /// By their code's address.
    std::unordered_map<const void*, std::unique_ptr<Hot>> hot_;
    std::vector<std::unique_ptr<Hot>> released_;
    std::deque<Hot*> queue_;
    std::thread worker_;
};

[[nodiscard]] bool supported() {
    using Xbyak::util::Cpu;
    const Cpu cpu;
    return cpu.has(Cpu::tBMI2) && cpu.has(Cpu::tBMI1) && cpu.has(Cpu::tLZCNT) && cpu.has(Cpu::tAVX);
}

}  // namespace

std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t arena_bytes, std::shared_ptr<CodeCache> cache) {
    if (!supported()) return nullptr;
    auto out = std::make_shared<OptimizingCompiler>(arena_bytes, std::move(cache));
    if (!out->ready()) return nullptr;
    return out;
}

std::shared_ptr<vm::Compiler> make_adaptive_compiler(std::size_t arena_bytes, std::shared_ptr<CodeCache> cache,
                                                     const vm::Warmth& warmth) {
    if (!supported()) return nullptr;
    auto out = std::make_shared<AdaptiveCompiler>(arena_bytes, std::move(cache), warmth);
    if (!out->ready()) return nullptr;
    return out;
}

}  // namespace troupe::jit

#else

namespace troupe::jit {
std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t, std::shared_ptr<CodeCache>) { return nullptr; }
std::shared_ptr<vm::Compiler> make_adaptive_compiler(std::size_t, std::shared_ptr<CodeCache>, const vm::Warmth&) {
    return nullptr;
}
}  // namespace troupe::jit

#endif
