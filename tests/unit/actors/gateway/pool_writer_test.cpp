#include "actors/gateway/pool_writer.hpp"

#include <filesystem>
#include <future>
#include <map>

#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/crypto/keccak.hpp"

using namespace troupe;
using namespace troupe::gateway;

namespace {

struct Folder {
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "troupe-pool-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    [[nodiscard]] PoolStore open() const { return std::move(*PoolStore::open((path / "pool.db").string())); }
    std::filesystem::path path;
};

[[nodiscard]] PooledTransaction transaction(int i) {
    const Bytes raw(100, static_cast<std::uint8_t>(i));
    return {TransactionHash::from(keccak256(raw)), raw, TimeMs{1}};
}

}  // namespace

TEST_CASE("who is told that a transaction is stored finds it on disk, whoever reads") {
    Folder folder;
    PoolWriter writer{folder.open()};
    for (int i = 0; i < 20; ++i) {
        std::promise<bool> stored;
        writer.put(transaction(i), [&](const Status& status) {
            // Another connection sees what is committed, and nothing else.
            auto reader = folder.open();
            stored.set_value(status.ok() && *reader.size() == static_cast<std::size_t>(i) + 1);
        });
        CHECK(stored.get_future().get());
    }
}

TEST_CASE("many that come together share few commits, and each is told once") {
    Folder folder;
    std::map<std::thread::id, int> told;
    std::promise<void> all;
    {
        PoolWriter writer{folder.open()};
        for (int i = 0; i < 200; ++i)
            writer.put(transaction(i), [&](const Status& status) {
                CHECK(status.ok());
                if (++told[std::this_thread::get_id()] == 200) all.set_value();
            });
        all.get_future().get();
    }
    CHECK(told.size() == 1);
    CHECK(told.begin()->second == 200);
    CHECK(*folder.open().size() == 200);
}

TEST_CASE("what is left when the writer ends is written, removals after the puts") {
    Folder folder;
    int told = 0;
    {
        PoolWriter writer{folder.open()};
        for (int i = 0; i < 50; ++i) writer.put(transaction(i), [&](const Status&) { ++told; });
        for (int i = 0; i < 20; ++i) writer.remove(transaction(i).hash);
    }
    CHECK(told == 50);
    CHECK(*folder.open().size() == 30);
}

TEST_CASE("a transaction that can't be stored is not promised") {
    Folder folder;
    DatabaseOptions tiny;
    tiny.file_bytes_max = 64 << 10;
    PoolWriter writer{std::move(*PoolStore::open((folder.path / "pool.db").string(), tiny))};
    std::promise<bool> stored;
    writer.put({transaction(0).hash, Bytes(128 << 10, 1), TimeMs{1}},
               [&](const Status& status) { stored.set_value(status.ok()); });
    CHECK_FALSE(stored.get_future().get());
}
