#include "vm/engine/sandbox.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

namespace troupe::vm {
namespace {

/// Idle instances of all pools together: each reserves addresses and keeps the stack pages that it has used.
constexpr std::size_t idle_max = 1024;
std::atomic<std::size_t> idle_count{0};

}  // namespace

/// What a module's memory holds at first, as a file to map.
class MemoryImage {
public:
    /// Null if the system has no room.
    [[nodiscard]] static std::unique_ptr<MemoryImage> make(const Memory& memory) {
        auto out = std::unique_ptr<MemoryImage>(new MemoryImage);
        out->bytes_.assign(memory.base, memory.base + memory.size_bytes);
        out->file_ = ::memfd_create("troupe-memory", MFD_CLOEXEC);
        if (out->file_ < 0 || ::ftruncate(out->file_, static_cast<off_t>(memory.size_bytes)) != 0) return nullptr;
        // Chunks of zeros stay holes.
        static constexpr std::uint8_t zeros[chunk_bytes] = {};
        for (std::uint64_t at = 0; at < out->bytes_.size(); at += chunk_bytes) {
            if (std::memcmp(out->bytes_.data() + at, zeros, chunk_bytes) == 0) continue;
            if (::pwrite(out->file_, out->bytes_.data() + at, chunk_bytes, static_cast<off_t>(at)) !=
                static_cast<ssize_t>(chunk_bytes))
                return nullptr;
        }
        return out;
    }
    MemoryImage(const MemoryImage&) = delete;
    MemoryImage& operator=(const MemoryImage&) = delete;
    ~MemoryImage() {
        if (file_ >= 0) ::close(file_);
    }
    [[nodiscard]] int file() const noexcept { return file_; }
    [[nodiscard]] const Bytes& bytes() const noexcept { return bytes_; }

private:
    MemoryImage() = default;
    int file_ = -1;
    Bytes bytes_;
};

// Sandbox -------------------------------------------------------------------------------------------------------------

Trap Sandbox::run(std::uint32_t function) {
    return vm::call(store_.machine(), *instance_->instance.functions[function], nullptr, store_.machine().stack);
}

void Sandbox::save(const MemoryImage* image) {
    const auto& instance = instance_->instance;
    image_ = image;
    if (instance.memory != nullptr) first_pages_ = static_cast<std::uint32_t>(instance.memory->size_bytes / page_bytes);
    for (const auto* global : instance.globals) globals_.push_back(global->value);
    for (const auto* table : instance.tables) tables_.push_back(table->elements);
    data_ = instance.data;
    elements_ = instance.elements;
}

void Sandbox::reset() {
    auto& instance = instance_->instance;
    auto& machine = store_.machine();
    if (instance.memory != nullptr) restore_memory();
    for (std::size_t i = 0; i < globals_.size(); ++i) instance.globals[i]->value = globals_[i];
    for (std::size_t i = 0; i < tables_.size(); ++i) instance.tables[i]->elements = tables_[i];
    std::copy(data_.begin(), data_.end(), instance.data.begin());
    for (std::size_t i = 0; i < elements_.size(); ++i) instance.elements[i] = elements_[i];
    // A look at the stacks now and then bounds what idle instances hold.
    constexpr std::uint32_t resets_between = 16;
    if (++resets_ % resets_between == 0) machine.trim();
    machine.host_context = nullptr;
    machine.steps = 0;
    machine.frame_count = 0;
    machine.stack_units_left = machine.limits.stack_units;
}

void Sandbox::restore_memory() noexcept {
    // Copying so much is quicker than dropping it, but what is copied stays in the system's memory.
    constexpr std::size_t copied_max = 32;
    static const bool can_drop_chunks = ::sysconf(_SC_PAGESIZE) == static_cast<long>(chunk_bytes);
    auto& at = *memory();
    if (at.dirty == nullptr) {
        at.drop(0, at.size_bytes);
        return at.shrink(first_pages_);
    }
    // What was not written to stays, though it was read: nobody has paid for reading it from the image again.
    const auto* const end = at.dirty + first_pages_ * page_bytes / chunk_bytes;
    const auto find = [end](const std::uint8_t* from, int value) {
        const auto* found = std::memchr(from, value, static_cast<std::size_t>(end - from));
        return found == nullptr ? end : static_cast<const std::uint8_t*>(found);
    };
    std::size_t copied = 0;
    for (const auto* run = find(at.dirty, 1); run != end;) {
        const auto* const next = find(run, 0);
        for (; run != next && (copied < copied_max || !can_drop_chunks); ++run, ++copied) {
            const auto offset = static_cast<std::size_t>(run - at.dirty) * chunk_bytes;
            if (image_ != nullptr)
                std::memcpy(at.base + offset, image_->bytes().data() + offset, chunk_bytes);
            else
                std::memset(at.base + offset, 0, chunk_bytes);
        }
        at.drop(static_cast<std::size_t>(run - at.dirty) * chunk_bytes,
                static_cast<std::size_t>(next - run) * chunk_bytes);
        run = find(next, 1);
    }
    at.clean();
    at.shrink(first_pages_);
}

// SandboxPool ---------------------------------------------------------------------------------------------------------

SandboxPool::SandboxPool(std::shared_ptr<CompiledModule> module, const Profile& profile,
                         std::span<const HostFunction> hosts)
    : module_(std::move(module)), profile_(profile), hosts_(hosts.begin(), hosts.end()) {}

SandboxPool::~SandboxPool() { idle_count -= idle_.size(); }

Result<std::unique_ptr<SandboxPool>> SandboxPool::make(std::shared_ptr<CompiledModule> module, const Profile& profile,
                                                       std::span<const HostFunction> hosts) {
    auto pool = std::unique_ptr<SandboxPool>(new SandboxPool(std::move(module), profile, hosts));
    auto first = pool->make_sandbox();
    if (!first) return first.error();
    pool->release(first->release());
    return pool;
}

Result<std::unique_ptr<Sandbox>> SandboxPool::make_sandbox() {
    auto out = std::unique_ptr<Sandbox>(new Sandbox(profile_));
    auto& store = out->store_;
    const auto resolve = [&](const wasm::Import& import) -> std::optional<Extern> {
        for (const auto& host : hosts_)
            if (host.module == import.module && host.name == import.name)
                return store.make_host_function(host.type, host.call, nullptr);
        return std::nullopt;
    };
    const auto made = store.link(module_, resolve);
    if (!made) return made.error();
    if (made->trap != Trap::none)
        return make_error(ErrorCode::invalid, "an active segment: " + std::string(message(made->trap)));
    out->instance_ = made->instance;
    auto* memory = out->memory();
    const auto& segments = module_->module().data;
    const bool has_data = std::ranges::any_of(
        segments, [](const auto& s) { return s.mode == wasm::SegmentMode::active && s.bytes_size > 0; });
    if (memory != nullptr && has_data) {
        if (image_ == nullptr) image_ = MemoryImage::make(*memory);
        if (image_ == nullptr || !memory->show(image_->file(), memory->size_bytes))
            return make_error(ErrorCode::unavailable, "the system has no room for a memory image");
    }
    out->save(image_.get());
    return out;
}

SandboxPool::Lease SandboxPool::acquire() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            auto out = std::move(idle_.back());
            idle_.pop_back();
            --idle_count;
            return {out.release(), Release{this}};
        }
    }
    auto made = make_sandbox();
    return {made ? made->release() : nullptr, Release{this}};
}

void SandboxPool::release(Sandbox* sandbox) noexcept {
    std::unique_ptr<Sandbox> back(sandbox);
    if (back == nullptr) return;
    back->reset();
    const std::lock_guard lock(mutex_);
    if (idle_count >= idle_max) return;
    ++idle_count;
    idle_.push_back(std::move(back));
}

}  // namespace troupe::vm
