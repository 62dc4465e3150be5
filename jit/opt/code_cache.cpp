#include "jit/opt/code_cache.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <cpuid.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/opt/code_file.hpp"
#include "runtime/base/file_descriptor.hpp"
#include "runtime/crypto/sha256.hpp"

namespace troupe::jit {
namespace {

namespace fs = std::filesystem;

/// Where this very code was loaded from.
struct OwnObject {
    std::uintptr_t inside = 0;
    Bytes build_id;
};

int find_build_id(dl_phdr_info* info, std::size_t, void* raw) {
    auto& own = *static_cast<OwnObject*>(raw);
    const std::span headers{info->dlpi_phdr, info->dlpi_phnum};
    const bool is_own = std::ranges::any_of(headers, [&](const auto& h) {
        return h.p_type == PT_LOAD && own.inside >= info->dlpi_addr + h.p_vaddr &&
               own.inside < info->dlpi_addr + h.p_vaddr + h.p_memsz;
    });
    if (!is_own) return 0;
    for (const auto& header : headers) {
        if (header.p_type != PT_NOTE) continue;
        const auto* notes = reinterpret_cast<const std::uint8_t*>(info->dlpi_addr + header.p_vaddr);
        for (std::size_t at = 0; at + sizeof(ElfW(Nhdr)) <= header.p_memsz;) {
            ElfW(Nhdr) note;
            std::memcpy(&note, notes + at, sizeof(note));
            const auto name = at + sizeof(note);
            const auto description = name + (note.n_namesz + 3U) / 4 * 4;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes + name, "GNU", 4) == 0) {
                own.build_id.assign(notes + description, notes + description + note.n_descsz);
                return 1;
            }
            at = description + (note.n_descsz + 3U) / 4 * 4;
        }
    }
    return 1;
}

/// Cached code knows the layout of this build's structs, so that any other build is another engine.
[[nodiscard]] std::optional<Hash256> engine_hash() {
    OwnObject own{reinterpret_cast<std::uintptr_t>(&find_build_id), {}};
    ::dl_iterate_phdr(find_build_id, &own);
    if (own.build_id.empty()) return std::nullopt;
    std::array<std::uint32_t, 8> cpu{};
    static_cast<void>(__get_cpuid(1, &cpu[0], &cpu[1], &cpu[2], &cpu[3]));
    static_cast<void>(__get_cpuid_count(7, 0, &cpu[4], &cpu[5], &cpu[6], &cpu[7]));
    cpu[1] = 0;  // which core this is
    Sha256 hash;
    hash.update(own.build_id);
    hash.update({reinterpret_cast<const std::uint8_t*>(cpu.data()), sizeof(cpu)});
    return hash.finish();
}

/// This user's, and writable by nobody else.
[[nodiscard]] bool is_ours(const struct stat& facts) {
    return facts.st_uid == ::geteuid() && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}
[[nodiscard]] bool is_our_folder(const fs::path& folder) {
    struct stat facts {};
    return ::lstat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && is_ours(facts);
}

[[nodiscard]] Bytes read_file(const fs::path& path, std::uint64_t bytes_max) {
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    struct stat facts {};
    if (!file.is_open() || ::fstat(file.value, &facts) != 0 || !S_ISREG(facts.st_mode) || !is_ours(facts) ||
        static_cast<std::uint64_t>(facts.st_size) > bytes_max)
        return {};
    Bytes out(static_cast<std::size_t>(facts.st_size));
    for (std::size_t at = 0; at < out.size();) {
        const auto n = ::read(file.value, out.data() + at, out.size() - at);
        if (n <= 0) return {};
        at += static_cast<std::size_t>(n);
    }
    return out;
}

[[nodiscard]] bool write_file(const fs::path& path, ByteView bytes) {
    const FileDescriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file.is_open()) return false;
    for (std::size_t at = 0; at < bytes.size();) {
        const auto n = ::write(file.value, bytes.data() + at, bytes.size() - at);
        if (n <= 0) return false;
        at += static_cast<std::size_t>(n);
    }
    return true;
}

}  // namespace

CodeCache::CodeCache(fs::path folder, const CodeCacheLimits& limits)
    : folder_(std::move(folder)), limits_(limits), engine_(engine_hash()) {}

CodeCache::~CodeCache() { flush(); }

fs::path CodeCache::file_of(const Hash256& key) const { return folder_ / (to_hex(key.view()) + ".code"); }

CodeCache::ModuleCode& CodeCache::of(const std::shared_ptr<const wasm::Module>& module, bool charges_chunks) {
    for (const auto& have : modules_)
        if (have->module == module && have->charges_chunks == charges_chunks) return *have;
    if (modules_.size() >= limits_.modules) {
        write(*modules_.front());
        modules_.erase(modules_.begin());
    }
    auto& out = *modules_.emplace_back(std::make_unique<ModuleCode>());
    out.module = module;
    out.charges_chunks = charges_chunks;
    Sha256 hash;
    const std::array<std::uint8_t, 1> kind{charges_chunks};
    out.key = hash.update(engine_->view()).update(kind).update(module->bytes).finish();
    read(out);
    return out;
}

std::optional<opt::Emitted> CodeCache::find(const std::shared_ptr<const wasm::Module>& module, bool charges_chunks,
                                            std::uint32_t index) {
    if (!engine_) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto& functions = of(module, charges_chunks).functions;
    const auto found = functions.find(index);
    if (found == functions.end()) return std::nullopt;
    return found->second;
}

void CodeCache::keep(const std::shared_ptr<const wasm::Module>& module, bool charges_chunks, std::uint32_t index,
                     opt::Emitted code) {
    if (!engine_) return;
    const std::lock_guard lock(mutex_);
    auto& kept = of(module, charges_chunks);
    kept.functions[index] = std::move(code);
    kept.is_new = true;
}

void CodeCache::flush() {
    const std::lock_guard lock(mutex_);
    for (const auto& code : modules_) write(*code);
}

void CodeCache::read(ModuleCode& code) const {
    if (!is_our_folder(folder_)) return;
    const auto path = file_of(code.key);
    const auto bytes = read_file(path, limits_.file_bytes);
    auto functions = opt::decode_code_file(code.key, bytes, static_cast<std::uint32_t>(code.module->functions.size()));
    if (!functions) return;
    code.functions = std::move(*functions);
    // Its time tells when it was used last.
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

void CodeCache::write(ModuleCode& code) const {
    if (!code.is_new) return;
    code.is_new = false;
    std::error_code error;
    if (!fs::exists(folder_, error)) {
        fs::create_directories(folder_.parent_path(), error);
        if (::mkdir(folder_.c_str(), 0700) != 0 && !fs::exists(folder_, error)) return;
    }
    if (!is_our_folder(folder_)) return;
    const auto bytes = opt::encode_code_file(code.key, code.functions);
    if (bytes.size() > limits_.file_bytes) return;
    // Whole or not at all: nobody reads what is half written.
    const auto path = file_of(code.key);
    auto temporary = path;
    temporary += "." + std::to_string(::getpid());
    if (write_file(temporary, bytes)) fs::rename(temporary, path, error);
    if (error) fs::remove(temporary, error);
    evict();
}

void CodeCache::evict() const {
    struct Kept {
        fs::file_time_type used;
        std::uint64_t bytes;
        fs::path path;
    };
    std::vector<Kept> files;
    std::uint64_t bytes = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        if (!entry.is_regular_file(error) || entry.path().stem().string().size() < 2 * sizeof(Hash256)) continue;
        files.push_back({entry.last_write_time(error), entry.file_size(error), entry.path()});
        bytes += files.back().bytes;
    }
    std::ranges::sort(files, {}, &Kept::used);
    for (const auto& file : files) {
        if (bytes <= limits_.folder_bytes) return;
        fs::remove(file.path, error);
        bytes -= file.bytes;
    }
}

std::optional<fs::path> default_code_cache_folder() {
    if (const auto* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
        return fs::path(cache) / "troupe" / "code";
    if (const auto* home = std::getenv("HOME"); home != nullptr && *home == '/')
        return fs::path(home) / ".cache" / "troupe" / "code";
    return std::nullopt;
}

}  // namespace troupe::jit
