// What is left after the process was killed, the disk failed, or the power went, at random moments.
#include <fstream>
#include <random>
#include <set>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "persistence/chain_store.hpp"
#include "persistence/pool_store.hpp"
#include "persistence/signing_records.hpp"
#include "tests/unit/persistence/sample_blocks.hpp"
#include "tests/unit/persistence/temporary_folder.hpp"

namespace {

using namespace troupe;

constexpr int deadline_ms = 60000;

/// A forked process that runs `work(acknowledge)`; each acknowledge(n) tells the parent that step n is done.
class Child {
public:
    template <class Work>
    explicit Child(Work&& work) {
        REQUIRE(::pipe(pipe_) == 0);
        process_ = ::fork();
        REQUIRE(process_ >= 0);
        if (process_ == 0) {
            ::close(pipe_[0]);
            const int out = pipe_[1];
            const bool succeeded = work([out](std::uint64_t number) {
                if (::write(out, &number, sizeof number) != sizeof number) ::_exit(3);
            });
            // No destructors and no test report: this is the parent's test.
            ::_exit(succeeded ? 0 : 2);
        }
        ::close(pipe_[1]);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (process_ > 0) static_cast<void>(kill_now());
        ::close(pipe_[0]);
    }

    /// The next acknowledgement; nothing when there will be none.
    std::optional<std::uint64_t> next() {
        pollfd wait{pipe_[0], POLLIN, 0};
        REQUIRE(::poll(&wait, 1, deadline_ms) == 1);
        std::uint64_t number = 0;
        return ::read(pipe_[0], &number, sizeof number) == sizeof number ? std::optional{number} : std::nullopt;
    }
    /// kill -9; gives the last acknowledgement that was under way.
    std::optional<std::uint64_t> kill_now() {
        ::kill(process_, SIGKILL);
        static_cast<void>(wait());
        std::optional<std::uint64_t> last;
        std::uint64_t number = 0;
        while (::read(pipe_[0], &number, sizeof number) == sizeof number) last = number;
        return last;
    }
    int wait() {
        int status = 0;
        REQUIRE(::waitpid(process_, &status, 0) == process_);
        process_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    int pipe_[2]{};
    pid_t process_ = 0;
};

/// Kills at a random point within the work that follows a random acknowledgement. Gives the last acknowledged number.
std::optional<std::uint64_t> kill_at_random(Child& child, std::mt19937_64& random) {
    std::optional<std::uint64_t> last;
    for (auto steps = random() % 40; steps > 0; --steps)
        if (const auto number = child.next()) last = number;
    // Within a step, which takes about a millisecond: not a wait for anything.
    for (volatile std::uint64_t spin = random() % 2000000; spin > 0;) spin = spin - 1;
    if (const auto later = child.kill_now()) last = later;
    return last;
}

std::uint64_t next_height(ChainStore& store) {
    const auto tip = store.reader().executed_tip().value();
    return tip ? tip->value + 1 : 0;
}

}  // namespace

TEST_CASE("a chain whose writer is killed at random moments has whole blocks, and every acknowledged one") {
    const TemporaryFolder folder;
    std::mt19937_64 random{1};
    ChainStoreOptions options;
    // Checkpoints often, so that kills hit them too.
    options.database.checkpoint_bytes = 30 * 4096;
    std::optional<Height> before;
    for (int round = 0; round < 40; ++round) {
        Child child{[&](auto&& acknowledge) {
            auto store = ChainStore::open(folder.file("chain.db"), options);
            if (!store) return false;
            for (auto height = next_height(*store);; ++height) {
                if (!store->apply_execution(sample::block(height))) return false;
                acknowledge(height);
                if (height % 7 == 0 && !store->prune_trie(Height{height}, 100).ok()) return false;
            }
        }};
        const auto acknowledged = kill_at_random(child, random);
        auto store = ChainStore::open(folder.file("chain.db"), options).value();
        const auto tip = sample::check_consistent(store);
        if (acknowledged) {
            REQUIRE(tip.has_value());
            CHECK(tip->value >= *acknowledged);
            CHECK(tip->value <= *acknowledged + 1);
        }
        CHECK(tip >= before);
        before = tip;
    }
    CHECK(before > Height{100});
}

TEST_CASE("every acknowledged signing record survives kill -9") {
    const TemporaryFolder folder;
    std::mt19937_64 random{2};
    std::uint64_t acknowledged_total = 0;
    for (int round = 0; round < 25; ++round) {
        Child child{[&](auto&& acknowledge) {
            auto records = SigningRecords::open(folder.file("signing.db"));
            if (!records) return false;
            const auto stored = records->from(1, 0);
            if (!stored) return false;
            for (std::uint64_t n = stored->empty() ? 0 : stored->back().order + 1;; ++n) {
                if (!records->put({{1, n, {5}, sample::number_bytes(n)}}, {{"latest", sample::number_bytes(n)}}))
                    return false;
                acknowledge(n);
            }
        }};
        const auto last = kill_at_random(child, random);
        if (last) acknowledged_total = *last + 1;
        auto records = SigningRecords::open(folder.file("signing.db")).value();
        CHECK(records.database().check_integrity().ok());
        const auto all = records.from(1, 0).value();
        REQUIRE(all.size() >= acknowledged_total);
        REQUIRE(all.size() <= acknowledged_total + round + 1);
        for (std::size_t n = 0; n < all.size(); ++n)
            REQUIRE(all[n] == SigningRecord{1, n, {5}, sample::number_bytes(n)});
        if (!all.empty()) CHECK(records.state("latest").value() == sample::number_bytes(all.size() - 1));
    }
    CHECK(acknowledged_total > 100);
}

TEST_CASE("every acknowledged pool change survives kill -9") {
    const TemporaryFolder folder;
    std::mt19937_64 random{3};
    std::uint64_t first_free = 0;
    for (int round = 0; round < 15; ++round) {
        Child child{[&](auto&& acknowledge) {
            auto pool = PoolStore::open(folder.file("pool.db"));
            if (!pool) return false;
            for (std::uint64_t n = first_free;; ++n) {
                if (!pool->put({{sample::id<TransactionHash>(n), Bytes(300, 1), TimeMs{n}}})) return false;
                acknowledge(n);
            }
        }};
        const auto last = kill_at_random(child, random);
        auto pool = PoolStore::open(folder.file("pool.db")).value();
        std::uint64_t count = 0;
        CHECK(pool.for_each([&](PooledTransaction&& transaction) {
                      CHECK(transaction.time == TimeMs{count++});
                      return true;
                  })
                  .ok());
        if (last) CHECK(count >= *last + 1);
        CHECK(count >= first_free);
        first_free = count;
    }
    CHECK(first_free > 100);
}

TEST_CASE("a write that the disk refuses gives an error, and leaves whole blocks") {
    const TemporaryFolder folder;
    std::mt19937_64 random{4};
    for (int round = 0; round < 20; ++round) {
        Child child{[&](auto&& acknowledge) {
            auto store = ChainStore::open(folder.file("chain.db"));
            if (!store) return false;
            // Writes beyond this size of a file fail with EFBIG, in the middle of whatever they belong to.
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{random() % 400000, RLIM_INFINITY};
            if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
            for (auto height = next_height(*store);; ++height) {
                const auto status = store->apply_execution(sample::block(height));
                if (!status) return status.error().code == ErrorCode::io && !status.error().message.empty();
                acknowledge(height);
            }
        }};
        std::optional<std::uint64_t> acknowledged;
        while (const auto number = child.next()) acknowledged = number;
        CHECK(child.wait() == 0);
        random.discard(1);
        auto store = ChainStore::open(folder.file("chain.db")).value();
        const auto tip = sample::check_consistent(store);
        if (acknowledged) CHECK(tip->value == *acknowledged);
    }
}

TEST_CASE("a write-ahead log that is cut or damaged anywhere gives an earlier whole block") {
    const TemporaryFolder folder;
    const auto path = folder.file("chain.db");
    const auto copy = folder.file("copy.db");
    constexpr std::uint64_t checkpointed = 5;
    constexpr std::uint64_t last = 25;
    ChainStoreOptions options;
    options.database.checkpoint_bytes = 1 << 30;
    auto store = ChainStore::open(path, options).value();
    for (std::uint64_t h = 0; h <= last; ++h) {
        CHECK(store.apply_execution(sample::block(h)).ok());
        if (h == checkpointed) CHECK(store.database().execute("PRAGMA wal_checkpoint(truncate)").ok());
    }
    const auto log_bytes = std::filesystem::file_size(path + "-wal");
    std::mt19937_64 random{5};
    std::set<std::uint64_t> tips;
    for (int round = 0; round < 60; ++round) {
        std::filesystem::remove(copy + "-shm");
        std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::copy_file(path + "-wal", copy + "-wal", std::filesystem::copy_options::overwrite_existing);
        const auto place = random() % log_bytes;
        if (round % 2) {
            std::filesystem::resize_file(copy + "-wal", place);
        } else {
            std::fstream file{copy + "-wal", std::ios::in | std::ios::out | std::ios::binary};
            file.seekg(static_cast<std::streamoff>(place));
            const auto byte = file.get();
            file.seekp(static_cast<std::streamoff>(place));
            file.put(static_cast<char>(byte ^ (1 << (random() % 8))));
        }
        auto damaged = ChainStore::open(copy).value();
        const auto tip = sample::check_consistent(damaged);
        REQUIRE(tip.has_value());
        CHECK(tip->value >= checkpointed);
        CHECK(tip->value < last + 1);
        tips.insert(tip->value);
    }
    CHECK(tips.size() > 5);
}
