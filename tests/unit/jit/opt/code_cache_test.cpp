// Optimized code kept on disk: found again, and refused when anything about the file is not as it was written.
#include "jit/opt/code_cache.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/opt/code_file.hpp"
#include "jit/opt/opt.hpp"

namespace troupe::jit {
namespace {

namespace fs = std::filesystem;

/// f(n): n == 0 ? 0 : n + f(n - 1), and a memory that it fills with zeros on its way.
const Bytes sum_module{0,    'a',  's', 'm',  1, 0,    0,    0,    1,    6,    1,    0x60, 1,    0x7F, 1,   0x7F, 3,
                       2,    1,    0,   5,    3, 1,    0,    1,    7,    5,    1,    1,    'f',  0,    0,   10,   32,
                       1,    30,   0,   0x20, 0, 0x45, 0x04, 0x7F, 0x41, 0,    0x05, 0x41, 0,    0x41, 0,   0x41, 1,
                       0xFC, 0x0B, 0,   0x20, 0, 0x20, 0,    0x41, 1,    0x6B, 0x10, 0,    0x6A, 0x0B, 0x0B};

struct Folder {
    fs::path path = fs::temp_directory_path() / ("troupe-code-cache-test-" + std::to_string(::getpid()));
    Folder() { fs::remove_all(path); }
    ~Folder() { fs::remove_all(path); }
    [[nodiscard]] fs::path file() const {
        for (const auto& entry : fs::directory_iterator(path)) return entry.path();
        return {};
    }
};

[[nodiscard]] std::shared_ptr<const wasm::Module> load_sum() {
    auto module = wasm::load(sum_module);
    REQUIRE_MESSAGE(module.ok(), module.error().message);
    return *module;
}

void check_sum(const std::shared_ptr<vm::Compiler>& compiler, bool charges_chunks = false) {
    auto profile = vm::deterministic_profile();
    profile.machine.fuel_per_dirty_chunk = charges_chunks ? 1 : 0;
    vm::Store store(profile);
    const auto made =
        store.instantiate(std::make_shared<vm::CompiledModule>(load_sum(), compiler, vm::Passes::none, charges_chunks),
                          [](const wasm::Import&) { return std::nullopt; });
    REQUIRE(made.ok());
    const auto result = store.call(*made->instance->find_export("f"), {{wasm::ValueType::i32, 20, 0}});
    CHECK(result.trap == vm::Trap::none);
    CHECK(result.values == std::vector<vm::Value>{{wasm::ValueType::i32, 210, 0}});
}

[[nodiscard]] bool is_kept(const fs::path& folder, bool charges_chunks = false) {
    return CodeCache(folder).find(load_sum(), charges_chunks, 0).has_value();
}

/// A run that keeps its code. False where there is no compiler.
[[nodiscard]] bool run_and_keep(const fs::path& folder) {
    const auto compiler = make_optimizing_compiler(1U << 20U, std::make_shared<CodeCache>(folder));
    if (compiler == nullptr) return false;
    check_sum(compiler);
    return true;
}

TEST_CASE("what one run optimized the next one finds and runs") {
    const Folder folder;
    if (!run_and_keep(folder.path)) return;
    REQUIRE(is_kept(folder.path));
    struct stat facts {};
    REQUIRE(::stat(folder.file().c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    check_sum(make_optimizing_compiler(1U << 20U, std::make_shared<CodeCache>(folder.path)));
    check_sum(make_adaptive_compiler(1U << 20U, std::make_shared<CodeCache>(folder.path)));
}

TEST_CASE("code that pays for chunks of memory is kept apart from code that does not") {
    const Folder folder;
    if (!run_and_keep(folder.path)) return;
    CHECK_FALSE(is_kept(folder.path, true));
    check_sum(make_optimizing_compiler(1U << 20U, std::make_shared<CodeCache>(folder.path)), true);
    CHECK(is_kept(folder.path, true));
    CHECK(is_kept(folder.path, false));
}

TEST_CASE("a file with any byte changed, cut off or added to is not used") {
    const Folder folder;
    if (!run_and_keep(folder.path)) return;
    const auto file = folder.file();
    std::ifstream stream{file, std::ios::binary};
    const Bytes whole{std::istreambuf_iterator<char>{stream}, {}};
    const auto replace = [&](const Bytes& bytes) {
        std::ofstream{file, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                                    static_cast<std::streamsize>(bytes.size()));
    };
    for (std::size_t at = 0; at < whole.size(); at += 7) {
        auto changed = whole;
        changed[at] ^= 0x10;
        replace(changed);
        CHECK_FALSE(is_kept(folder.path));
    }
    replace(Bytes(whole.begin(), whole.end() - 1));
    CHECK_FALSE(is_kept(folder.path));
    replace({});
    CHECK_FALSE(is_kept(folder.path));
    replace(whole);
    CHECK(is_kept(folder.path));
}

TEST_CASE("a file or folder that others may write to is not used") {
    const Folder folder;
    if (!run_and_keep(folder.path)) return;
    REQUIRE(::chmod(folder.file().c_str(), 0620) == 0);
    CHECK_FALSE(is_kept(folder.path));
    REQUIRE(::chmod(folder.file().c_str(), 0600) == 0);
    REQUIRE(::chmod(folder.path.c_str(), 0777) == 0);
    CHECK_FALSE(is_kept(folder.path));
    REQUIRE(::chmod(folder.path.c_str(), 0700) == 0);
    CHECK(is_kept(folder.path));
}

TEST_CASE("the folder stays within its bound: what was used longest ago goes") {
    const Folder folder;
    if (!run_and_keep(folder.path)) return;
    const auto old = folder.path / std::string(64, 'a').append(".code");
    std::ofstream{old} << std::string(10'000, 'x');
    fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(1));
    {
        CodeCache cache(folder.path, {.folder_bytes = 10'000});
        opt::Emitted code;
        code.bytes = {0xC3};
        cache.keep(load_sum(), false, 0, code);
    }
    CHECK_FALSE(fs::exists(old));
    CHECK(is_kept(folder.path));
}

TEST_CASE("a file that is well formed but for another module does not fit") {
    const Hash256 key{};
    opt::Emitted code;
    code.bytes = {0xC3, 0, 0, 0, 0, 0, 0, 0, 0};
    code.relocations = {{.offset = 1, .what = opt::Outside::any_adapter, .shape = {{dmir::Type::i64}, {}}}};
    const auto bytes = opt::encode_code_file(key, {{5, code}});
    REQUIRE(opt::decode_code_file(key, bytes, 6));
    CHECK(opt::decode_code_file(key, bytes, 6)->at(5).relocations[0].shape.parameters.size() == 1);
    CHECK_FALSE(opt::decode_code_file(key, bytes, 5));
    auto other = key;
    other.data()[0] = 1;
    CHECK_FALSE(opt::decode_code_file(other, bytes, 6));
    // An address that does not fit into the code.
    code.relocations[0].offset = 2;
    CHECK_FALSE(opt::decode_code_file(key, opt::encode_code_file(key, {{5, code}}), 6));
}

}  // namespace
}  // namespace troupe::jit
