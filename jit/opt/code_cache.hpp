// Optimized code kept on disk between runs: one file a module, named by the hash of its bytes, of what its code charges
// for, of this engine's build and of the processor's features, so that a file only ever fits who wrote it.
//
// Code that is read back is executed: a file is taken only if it and its folder belong to this user and nobody else may
// write to them, and if its hash holds. Whoever can forge it could as well change the running program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "jit/opt/emitter.hpp"
#include "runtime/base/bytes.hpp"
#include "vm/wasm/module.hpp"

namespace troupe::jit {

struct CodeCacheLimits {
    /// Of one file; a larger one is neither read nor written.
    std::uint64_t file_bytes = 64U << 20U;
    /// Of all files in the folder: what was used longest ago goes.
    std::uint64_t folder_bytes = 512U << 20U;
    /// Modules whose code is in memory at once; the one asked for first is written and goes.
    std::size_t modules = 32;
};

/// Thread-safe. Failures to read or write are as if nothing was kept.
class CodeCache {
public:
    /// The folder is made when something is first kept, for this user alone.
    explicit CodeCache(std::filesystem::path folder, const CodeCacheLimits& limits = {});
    ~CodeCache();
    CodeCache(const CodeCache&) = delete;
    CodeCache& operator=(const CodeCache&) = delete;

    /// Of the module's defined function `index`; `charges_chunks`: see vm::FunctionSource.
    [[nodiscard]] std::optional<opt::Emitted> find(const std::shared_ptr<const wasm::Module>& module,
                                                   bool charges_chunks, std::uint32_t index);
    void keep(const std::shared_ptr<const wasm::Module>& module, bool charges_chunks, std::uint32_t index,
              opt::Emitted code);
    /// Writes what is new.
    void flush();

private:
    using Functions = std::map<std::uint32_t, opt::Emitted>;
    struct ModuleCode {
        std::shared_ptr<const wasm::Module> module;
        bool charges_chunks = false;
        Hash256 key;
        Functions functions;
        bool is_new = false;
    };

    [[nodiscard]] ModuleCode& of(const std::shared_ptr<const wasm::Module>& module, bool charges_chunks);
    void read(ModuleCode& code) const;
    void write(ModuleCode& code) const;
    void evict() const;
    [[nodiscard]] std::filesystem::path file_of(const Hash256& key) const;

    std::filesystem::path folder_;
    CodeCacheLimits limits_;
    /// Of this build on this processor; nothing if the build can't be told from others: then nothing is kept.
    std::optional<Hash256> engine_;
    std::mutex mutex_;
    /// Oldest first.
    std::vector<std::unique_ptr<ModuleCode>> modules_;
};

/// $XDG_CACHE_HOME/troupe/code, or ~/.cache/troupe/code; nothing if neither is known.
[[nodiscard]] std::optional<std::filesystem::path> default_code_cache_folder();

}  // namespace troupe::jit
