// Instances that are cheap to begin and end: a module whose imports are host functions only is linked once, and what
// it looks like then is kept. An instance is taken from a pool and, when it is given back, put into that state again:
// its memory lies over a file image, copied page by page on the first write, and where the profile has dirty chunks
// paid for, those are what has to be restored.
#pragma once

#include <mutex>

#include "vm/engine/store.hpp"

namespace troupe::vm {

class MemoryImage;
class SandboxPool;

/// One instance with a store and a machine of its own. Used by one thread at a time.
class Sandbox {
public:
    [[nodiscard]] Machine& machine() noexcept { return store_.machine(); }
    /// Null: the module has none.
    [[nodiscard]] Memory* memory() noexcept { return instance_->instance.memory; }
    /// The start function. Once, before anything else runs.
    [[nodiscard]] Trap start() { return store_.start(*instance_); }
    /// An exported function without parameters and results.
    [[nodiscard]] Trap run(std::uint32_t function);

private:
    friend class SandboxPool;
    explicit Sandbox(const Profile& profile) : store_(profile) {}
    void save(const MemoryImage* image);
    void reset();
    /// The memory as it was at first.
    void restore_memory() noexcept;

    Store store_;
    ModuleInstance* instance_ = nullptr;
    const MemoryImage* image_ = nullptr;
    std::uint32_t first_pages_ = 0;
    std::vector<std::array<Slot, 2>> globals_;
    std::vector<std::vector<Slot>> tables_;
    std::vector<DataBytes> data_;
    std::vector<std::vector<Slot>> elements_;
    std::uint32_t resets_ = 0;
};

/// Of one module. Thread-safe.
class SandboxPool {
public:
    struct HostFunction {
        std::string_view module;
        std::string_view name;
        wasm::FunctionType type;
        HostCall call;
    };

    /// Error (invalid): an import that is not among `hosts`, or an active segment that does not fit.
    [[nodiscard]] static Result<std::unique_ptr<SandboxPool>> make(std::shared_ptr<CompiledModule> module,
                                                                   const Profile& profile,
                                                                   std::span<const HostFunction> hosts);
    ~SandboxPool();

    struct Release {
        SandboxPool* pool = nullptr;
        void operator()(Sandbox* sandbox) const noexcept { pool->release(sandbox); }
    };
    using Lease = std::unique_ptr<Sandbox, Release>;

    /// In its first state, with whatever fuel the machine had last. The pool must outlive the lease. Null if the system
    /// has no room.
    [[nodiscard]] Lease acquire();

    [[nodiscard]] CompiledModule& module() noexcept { return *module_; }

private:
    SandboxPool(std::shared_ptr<CompiledModule> module, const Profile& profile, std::span<const HostFunction> hosts);
    [[nodiscard]] Result<std::unique_ptr<Sandbox>> make_sandbox();
    void release(Sandbox* sandbox) noexcept;

    std::shared_ptr<CompiledModule> module_;
    Profile profile_;
    std::vector<HostFunction> hosts_;
    std::unique_ptr<MemoryImage> image_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Sandbox>> idle_;
};

}  // namespace troupe::vm
