#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "jit/opt/opt.hpp"

#ifdef __x86_64__

#include <xbyak/xbyak_util.h>

#include "jit/baseline/native_compiler.hpp"
#include "jit/opt/emitter.hpp"
#include "jit/opt/order.hpp"
#include "jit/opt/select.hpp"
#include "vm/wasm/optimize.hpp"

namespace troupe::jit {
namespace {

using opt::CallShape;

class OptimizingCompiler : public NativeCompiler {
public:
    using NativeCompiler::NativeCompiler;

    vm::CompiledFunction compile(const vm::FunctionSource& source) override {
        auto out = optimized(source);
        return out.entry != nullptr ? out : NativeCompiler::compile(source);
    }

    const void* fast_stub(const wasm::FunctionType& type) override {
        CallShape shape;
        for (auto t : type.parameters) shape.parameters.push_back(wasm::to_dmir(t));
        for (auto t : type.results) shape.results.push_back(wasm::to_dmir(t));
        return adapter(shape, false);
    }

protected:
    [[nodiscard]] vm::CompiledFunction optimized(const vm::FunctionSource& source) {
        auto function = wasm::lower_optimized(*source.module, source.index);
        if (!function) return {};
        opt::order_blocks(*function);
        const auto machine = opt::select(*function);
        if (!machine) return {};
        const auto allocation = opt::allocate(*machine);
        if (!allocation) return {};
        const CallShape shape{function->signature.parameters, function->signature.results};
        const opt::Surroundings around{stubs(), source.imported(), source.number(),
                                       [this](const CallShape& of) { return adapter(of, true); }};
        const auto code = opt::emit(*machine, *allocation, shape, around);
        const auto* at = add_code(code.bytes);
        if (at == nullptr) return {};
        return {.entry = at, .fast = at + code.fast_offset, .size_bytes = code.bytes.size()};
    }

private:
    [[nodiscard]] const void* adapter(const CallShape& shape, bool any) {
        const std::lock_guard lock(adapters_mutex_);
        auto& at = adapters_[{shape, any}];
        if (at == nullptr) at = add_code(opt::emit_adapter(shape, any, stubs()));
        return at;
    }

    std::mutex adapters_mutex_;
    std::map<std::pair<CallShape, bool>, const void*> adapters_;
};

/// Calls and rounds before a function is compiled again, and calls between looks whether it has been.
constexpr std::int32_t rounds_until_hot = 5'000;
constexpr std::int32_t calls_between_looks = 100;

class AdaptiveCompiler final : public OptimizingCompiler {
public:
    explicit AdaptiveCompiler(std::size_t arena_bytes) : OptimizingCompiler(arena_bytes), worker_([this] { work(); }) {}
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
        Hot* hot = nullptr;
        {
            const std::lock_guard lock(mutex_);
            hot = &hot_.emplace_back();
        }
        hot->counter.left = rounds_until_hot;
        hot->compiler = this;
        hot->module = source.module;
        hot->index = source.index;
        hot->code = &source.code;
        const auto bytes = emit_function(source.code, source.imported(), stubs(), &hot->counter, on_hot);
        const auto* at = add_code(bytes);
        if (at == nullptr) return {};
        return {.entry = at, .size_bytes = bytes.size()};
    }

private:
    /// A function with baseline code. `counter` comes first: the code knows only its address.
    struct Hot {
        HotCounter counter;
        AdaptiveCompiler* compiler = nullptr;
        std::weak_ptr<const wasm::Module> module;
        std::uint32_t index = 0;
        const vm::Code* code = nullptr;
        std::atomic<bool> asked{false};
        std::atomic<const void*> entry{nullptr};
        std::atomic<const void*> fast{nullptr};
    };

    /// Runs on the thread that owns the function's instance.
    static const void* on_hot(HotCounter* counter, vm::FunctionObject* function) {
        auto& hot = *reinterpret_cast<Hot*>(counter);
        counter->left = calls_between_looks;
        if (const auto* entry = hot.entry.load(std::memory_order_acquire)) {
            function->entry = entry;
            function->fast = hot.fast.load(std::memory_order_relaxed);
            function->native = entry;
            return entry;
        }
        if (!hot.asked.exchange(true)) hot.compiler->ask(hot);
        return nullptr;
    }
    void ask(Hot& hot) {
        {
            const std::lock_guard lock(mutex_);
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
            // Its code object lives as long as the module's, which nobody may need any more.
            if (auto module = hot.module.lock()) {
                const auto made = optimized({std::move(module), hot.index, *hot.code});
                hot.fast.store(made.fast, std::memory_order_relaxed);
                hot.entry.store(made.entry, std::memory_order_release);
            }
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::deque<Hot> hot_;
    std::deque<Hot*> queue_;
    std::thread worker_;
};

[[nodiscard]] bool supported() {
    using Xbyak::util::Cpu;
    const Cpu cpu;
    return cpu.has(Cpu::tBMI2) && cpu.has(Cpu::tBMI1) && cpu.has(Cpu::tLZCNT) && cpu.has(Cpu::tAVX);
}

}  // namespace

std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t arena_bytes) {
    if (!supported()) return nullptr;
    auto out = std::make_shared<OptimizingCompiler>(arena_bytes);
    if (!out->ready()) return nullptr;
    return out;
}

std::shared_ptr<vm::Compiler> make_adaptive_compiler(std::size_t arena_bytes) {
    if (!supported()) return nullptr;
    auto out = std::make_shared<AdaptiveCompiler>(arena_bytes);
    if (!out->ready()) return nullptr;
    return out;
}

}  // namespace troupe::jit

#else

namespace troupe::jit {
std::shared_ptr<vm::Compiler> make_optimizing_compiler(std::size_t) { return nullptr; }
std::shared_ptr<vm::Compiler> make_adaptive_compiler(std::size_t) { return nullptr; }
}  // namespace troupe::jit

#endif
