#include "actors/arbiter/core.hpp"

#include <set>

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/arbiter/store.hpp"
#include "tests/unit/actors/chain_fixture.hpp"
#include "tests/unit/persistence/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::arbiter;

namespace {

constexpr NodeIndex arbiter_node{10};

struct Bench : ChainFixture {
    explicit Bench(std::uint64_t permille = 0) {
        genesis.parameters.revalidation_permille = permille;
        genesis.parameters.validation_time = DurationMs{1000};
        core = std::make_unique<Core>(Config::of(genesis));
    }
    [[nodiscard]] SignedCommand command(NodeIndex by, CommandBody body) const {
        return sign_command(chain_id, by, std::move(body), key(by));
    }
    [[nodiscard]] static Checkpoint checkpoint(std::uint64_t height, std::uint8_t what = 0) {
        Checkpoint out;
        out.height = Height{height};
        out.block[0] = static_cast<std::uint8_t>(height);
        out.block[1] = what;
        out.state_root[0] = static_cast<std::uint8_t>(height);
        return out;
    }
    LogEntry make_entry(std::optional<SignedCommand> command) {
        const auto& state = core->state();
        const auto draw = key(arbiter_node).sign(draw_payload(chain_id, state.entries, state.log_hash));
        return {state.entries, now, std::move(command), {draw.begin(), draw.end()}};
    }
    /// False if it is refused.
    bool give(NodeIndex by, CommandBody body) {
        const auto signed_command = command(by, std::move(body));
        if (!core->check(signed_command)) return false;
        add(signed_command);
        return true;
    }
    void add(std::optional<SignedCommand> command) {
        log.push_back(make_entry(std::move(command)));
        sent.clear();
        core->apply(log.back(), sent);
    }
    void pass(std::uint64_t ms) {
        now = now + DurationMs{ms};
        if (core->is_due(now)) add(std::nullopt);
    }
    [[nodiscard]] const CheckpointRecord& record(std::uint64_t height) const {
        for (const auto& r : core->state().checkpoints)
            if (r.checkpoint.height.value == height) return r;
        throw std::runtime_error("no such checkpoint");
    }
    [[nodiscard]] const Validator& validator(NodeIndex node) const {
        for (const auto& v : core->state().validators)
            if (v.node == node) return v;
        throw std::runtime_error("no such validator");
    }
    [[nodiscard]] std::optional<Assignment> assigned_to(NodeIndex node) const {
        for (const auto& send : sent)
            if (send.to == node)
                if (const auto* assignment = std::get_if<Assignment>(&send.notice.body)) return *assignment;
        return std::nullopt;
    }
    bool confirm(NodeIndex by, std::uint64_t height) {
        return give(by, Confirm{Height{height}, record(height).attempt, checkpoint(height).state_root});
    }

    std::unique_ptr<Core> core;
    std::vector<LogEntry> log;
    Outbox sent;
    TimeMs now{1'000'000};
};

/// Every kind of command, some refused, time passing: the same for the same seed.
void run_workload(Bench& b, unsigned steps, unsigned seed) {
    std::uint64_t random = seed;
    const auto next = [&](std::uint64_t bound) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        return (random >> 33) % bound;
    };
    std::uint64_t height = 0;
    for (unsigned i = 0; i < steps; ++i) {
        const NodeIndex batch{7 + static_cast<std::uint32_t>(next(3))};
        switch (next(8)) {
            case 0: b.give(batch, Register{}); break;
            case 1:
                if (next(4) == 0) b.give(batch, Leave{});
                break;
            case 2:
            case 3:
                height += 4;
                b.give(NodeIndex{5 + static_cast<std::uint32_t>(next(2))}, PostCheckpoint{b.checkpoint(height)});
                break;
            case 4:
                if (height > 0)
                    b.give(NodeIndex{5 + static_cast<std::uint32_t>(next(2))},
                           PostCheckpoint{b.checkpoint(height, next(5) == 0 ? 1 : 0)});
                break;
            case 5:
                if (next(5) == 0) b.pass(next(3000));
                break;
            default:
                for (const auto& record : b.core->state().checkpoints)
                    if (record.assigned == batch) {
                        const auto at = record.checkpoint.height;
                        if (next(10) == 0)
                            b.give(batch, Report{at, record.attempt, at, {}, {}});
                        else
                            b.give(batch, Confirm{at, record.attempt, record.checkpoint.state_root});
                        break;
                    }
        }
    }
}

}  // namespace

TEST_CASE("only registered nodes are heard, each for its own service, with its own signature") {
    Bench b;
    CHECK_FALSE(b.give(b.storage, PostCheckpoint{b.checkpoint(4)}));
    CHECK_FALSE(b.give(b.batch_1, PostCheckpoint{b.checkpoint(4)}));
    CHECK_FALSE(b.give(b.metadata_1, Register{}));
    CHECK_FALSE(b.give(NodeIndex{0}, Register{}));
    auto forged = b.command(b.batch_1, Register{});
    forged.sender = b.batch_2;
    CHECK(b.core->check(forged).error().code == ErrorCode::unauthorized);
    CHECK_FALSE(b.give(b.metadata_1, PostCheckpoint{b.checkpoint(5)}));
    CHECK_FALSE(b.give(b.metadata_1, PostCheckpoint{b.checkpoint(0)}));
    CHECK(b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)}));
}

TEST_CASE("a checkpoint is assigned, confirmed, and its posters hear that it is verified") {
    Bench b;
    CHECK(b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)}));
    CHECK(b.record(4).phase == Phase::posted);
    CHECK(b.give(b.metadata_2, PostCheckpoint{b.checkpoint(4)}));
    CHECK_FALSE(b.give(b.metadata_2, PostCheckpoint{b.checkpoint(4)}));
    CHECK(b.give(b.batch_1, Register{}));
    const auto assignment = b.assigned_to(b.batch_1);
    REQUIRE(assignment);
    CHECK(assignment->from == Height{0});
    CHECK(assignment->target == b.checkpoint(4));
    CHECK(assignment->deadline == b.now + DurationMs{1000});
    CHECK_FALSE(b.confirm(b.batch_2, 4));
    CHECK_FALSE(b.give(b.batch_1, Confirm{Height{4}, assignment->attempt, b.checkpoint(8).state_root}));
    CHECK(b.confirm(b.batch_1, 4));
    CHECK(b.record(4).phase == Phase::verified);
    CHECK(b.core->state().latest_confirmed == Height{4});
    std::set<std::uint32_t> told;
    for (const auto& send : b.sent) told.insert(send.to.value);
    CHECK(told == std::set<std::uint32_t>{5, 6});
    CHECK(b.give(b.metadata_1, PostCheckpoint{b.checkpoint(8)}));
    CHECK(b.record(8).from == Height{4});
}

TEST_CASE("the draw spreads work over all active validators, and leaves the inactive out") {
    Bench b;
    b.give(b.batch_1, Register{});
    b.give(b.batch_2, Register{});
    std::map<NodeIndex, int> chosen;
    for (std::uint64_t height = 4; height <= 400; height += 4) {
        b.give(b.metadata_1, PostCheckpoint{b.checkpoint(height)});
        const auto who = *b.record(height).assigned;
        ++chosen[who];
        b.confirm(who, height);
    }
    CHECK(chosen.size() == 2);
    CHECK(chosen[b.batch_1] > 25);
    CHECK(chosen[b.batch_2] > 25);
    CHECK_FALSE(chosen.contains(b.batch_3));
}

TEST_CASE("with revalidation certain, every validator confirms before a checkpoint is verified") {
    Bench b{1000};
    for (const auto node : {b.batch_1, b.batch_2, b.batch_3}) b.give(node, Register{});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)});
    std::set<NodeIndex> who;
    for (int i = 0; i < 3; ++i) {
        REQUIRE(b.record(4).phase == Phase::assigned);
        CHECK(b.record(4).attempt == static_cast<std::uint32_t>(i + 1));
        who.insert(*b.record(4).assigned);
        b.confirm(*b.record(4).assigned, 4);
    }
    CHECK(who.size() == 3);
    CHECK(b.record(4).phase == Phase::verified);
}

TEST_CASE("who does not answer in time loses part of the deposit, another gets the work, three misses suspend") {
    Bench b;
    b.give(b.batch_1, Register{});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)});
    const auto whole = b.validator(b.batch_1).deposit;
    b.pass(999);
    CHECK(b.record(4).attempt == 1);
    b.pass(1);
    CHECK(b.record(4).attempt == 2);
    CHECK(b.validator(b.batch_1).deposit < whole);
    CHECK(b.validator(b.batch_1).deposit + b.core->state().slashed == whole);
    CHECK_FALSE(b.give(b.batch_1, Confirm{Height{4}, 1, b.checkpoint(4).state_root}));
    b.pass(1000);
    b.pass(1000);
    CHECK_FALSE(b.validator(b.batch_1).active);
    CHECK(b.record(4).phase == Phase::posted);
    b.give(b.batch_2, Register{});
    CHECK(b.record(4).assigned == b.batch_2);
    CHECK(b.confirm(b.batch_2, 4));
    CHECK(b.give(b.batch_1, Register{}));
    CHECK(b.validator(b.batch_1).missed == 0);
}

TEST_CASE("a report opens a dispute with both claims; later checkpoints go on") {
    Bench b;
    b.give(b.batch_1, Register{});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(8)});
    const Report report{Height{4}, 1, Height{3}, b.numbered_result(3), b.numbered_result(9)};
    CHECK(b.give(b.batch_1, report));
    CHECK(b.record(4).phase == Phase::disputed);
    REQUIRE(b.core->state().disputes.size() == 1);
    const auto& dispute = b.core->state().disputes[0];
    CHECK(dispute.challenger == b.batch_1);
    CHECK(std::get<Report>(dispute.claim) == report);
    CHECK(b.record(8).assigned == b.batch_1);
    CHECK(b.give(b.batch_1, Unable{Height{8}, 1, "no storage node gives it"}));
    CHECK(b.record(8).phase == Phase::disputed);
    CHECK(b.core->state().disputes.size() == 2);
}

TEST_CASE("metadata nodes that contradict each other open a dispute, once") {
    Bench b;
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)});
    CHECK(b.give(b.metadata_2, PostCheckpoint{b.checkpoint(4, 1)}));
    CHECK_FALSE(b.give(b.metadata_2, PostCheckpoint{b.checkpoint(4, 1)}));
    REQUIRE(b.core->state().disputes.size() == 1);
    CHECK(std::get<Contradiction>(b.core->state().disputes[0].claim).checkpoint == b.checkpoint(4, 1));
    CHECK(b.record(4).checkpoint == b.checkpoint(4));
}

TEST_CASE("a checkpoint far ahead does not shut out those before it") {
    Bench b;
    b.give(b.metadata_2, PostCheckpoint{b.checkpoint(200)});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(8)});
    CHECK(b.record(8).from == Height{4});
    CHECK(b.record(200).from == Height{8});
    b.give(b.batch_1, Register{});
    CHECK(b.record(4).assigned == b.batch_1);
}

TEST_CASE("who leaves hands its work on, and loses nothing") {
    Bench b;
    b.give(b.batch_1, Register{});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)});
    b.give(b.batch_2, Register{});
    CHECK(b.record(4).assigned == b.batch_1);
    CHECK(b.give(b.batch_1, Leave{}));
    CHECK(b.record(4).assigned == b.batch_2);
    CHECK(b.record(4).attempt == 2);
    CHECK_FALSE(b.validator(b.batch_1).active);
    CHECK(b.core->state().slashed.is_zero());
    CHECK_FALSE(b.give(b.batch_1, Leave{}));
}

TEST_CASE("who registers again hears of its open assignment again") {
    Bench b;
    b.give(b.batch_1, Register{});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)});
    const auto again = b.command(b.batch_1, Register{});
    CHECK(b.core->check(again).error().code == ErrorCode::already_exists);
    b.sent.clear();
    b.core->answer(again, b.sent);
    REQUIRE(b.assigned_to(b.batch_1));
    CHECK(b.assigned_to(b.batch_1)->target == b.checkpoint(4));
    b.sent.clear();
    const auto before = hash_of(b.core->state());
    b.core->remind(b.sent);
    REQUIRE(b.assigned_to(b.batch_1));
    CHECK(hash_of(b.core->state()) == before);
    b.confirm(b.batch_1, 4);
    b.sent.clear();
    b.core->remind(b.sent);
    CHECK(b.sent.empty());
}

TEST_CASE("replaying the log gives the identical state, entry for entry") {
    for (const unsigned seed : {1U, 2U, 3U}) {
        Bench b{500};
        run_workload(b, 600, seed);
        CHECK(b.core->state().verified > 10);
        CHECK(b.core->state().disputes_opened > 1);
        CHECK(b.core->state().slashed > uint256{0});
        Core again{Config::of(b.genesis)};
        for (const auto& entry : b.log) {
            Outbox unsent;
            again.apply(entry, unsent);
        }
        CHECK(hash_of(again.state()) == hash_of(b.core->state()));
        // Another draw is another state.
        Core other{Config::of(b.genesis)};
        auto changed = b.log;
        changed[0].draw[0] ^= 1;
        for (const auto& entry : changed) {
            Outbox unsent;
            other.apply(entry, unsent);
        }
        CHECK(hash_of(other.state()) != hash_of(b.core->state()));
    }
}

TEST_CASE("the state stays small however long the log is") {
    Bench b;
    b.give(b.batch_1, Register{});
    for (std::uint64_t height = 4; height <= 4000; height += 4) {
        b.give(b.metadata_1, PostCheckpoint{b.checkpoint(height)});
        b.confirm(b.batch_1, height);
    }
    CHECK(b.core->state().verified == 1000);
    CHECK(b.core->state().checkpoints.size() <= Core::closed_checkpoints_kept);
    CHECK_FALSE(b.give(b.metadata_2, PostCheckpoint{b.checkpoint(4)}));
}

TEST_CASE("kill -9 at any moment leaves a log that replays to the state of its last entry") {
    const TemporaryFolder folder;
    const auto file = folder.file("arbiter.db");
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    for (int round = 0; round < 4; ++round) {
        const auto child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            auto store = LogStore::open(file);
            if (!store) ::_exit(2);
            Bench b{500};
            if (!replay(**store, *b.core)) ::_exit(3);
            for (unsigned seed = 1;; ++seed) {
                b.log.clear();
                const auto before = b.core->state().entries;
                Core behind{Config::of(b.genesis)};
                if (!replay(**store, behind)) ::_exit(4);
                run_workload(b, 20, seed + static_cast<unsigned>(before));
                for (const auto& entry : b.log) {
                    Outbox unsent;
                    behind.apply(entry, unsent);
                    if (!(*store)->append(entry, behind.state())) ::_exit(5);
                    if (::write(pipe[1], &entry.index, sizeof entry.index) < 0) ::_exit(6);
                }
            }
        }
        std::uint64_t last = 0;
        for (int i = 0; i < 15; ++i) {
            pollfd wait{pipe[0], POLLIN, 0};
            REQUIRE(::poll(&wait, 1, 60000) == 1);
            REQUIRE(::read(pipe[0], &last, sizeof last) == sizeof last);
        }
        ::kill(child, SIGKILL);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFSIGNALED(status));
        // What was acknowledged while it died.
        pollfd more{pipe[0], POLLIN, 0};
        while (::poll(&more, 1, 0) == 1 && (more.revents & POLLIN) != 0)
            REQUIRE(::read(pipe[0], &last, sizeof last) == sizeof last);
        auto store = std::move(*LogStore::open(file));
        const ChainFixture chain;
        Bench b{500};
        const auto replayed = replay(*store, *b.core);
        CHECK_MESSAGE(replayed.ok(), (replayed ? "" : replayed.error().message));
        CHECK(b.core->state().entries > last);
    }
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST_CASE("a log whose entry was changed does not replay") {
    const TemporaryFolder folder;
    auto store = std::move(*LogStore::open(folder.file("arbiter.db")));
    Bench b;
    b.give(b.batch_1, Register{});
    b.give(b.metadata_1, PostCheckpoint{b.checkpoint(4)});
    Core core{Config::of(b.genesis)};
    auto changed = b.log;
    changed[1].time = changed[1].time.next();
    for (std::size_t i = 0; i < changed.size(); ++i) {
        Outbox unsent;
        core.apply(b.log[i], unsent);
        REQUIRE(store->append(changed[i], core.state()));
    }
    Core fresh{Config::of(b.genesis)};
    const auto status = replay(*store, fresh);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().message == "arbiter log: entry 1 gives another state than when it was written");
}

TEST_CASE("a snapshot and the rest of the log give the state of the whole log; a damaged snapshot costs only time") {
    const TemporaryFolder folder;
    const auto file = folder.file("arbiter.db");
    Bench b{500};
    std::vector<LogEntry> log;
    for (unsigned seed = 1; log.size() < 2 * LogStore::entries_per_snapshot + 20; ++seed) {
        b.log.clear();
        run_workload(b, 40, seed);
        log.insert(log.end(), b.log.begin(), b.log.end());
    }
    Core core{Config::of(b.genesis)};
    {
        auto store = std::move(*LogStore::open(file));
        for (const auto& entry : log) {
            Outbox unsent;
            core.apply(entry, unsent);
            REQUIRE(store->append(entry, core.state()));
        }
        const auto snapshot = store->snapshot();
        REQUIRE(snapshot.ok());
        REQUIRE(*snapshot);
        CHECK((*snapshot)->entries == log.size() / LogStore::entries_per_snapshot * LogStore::entries_per_snapshot);
        for (const auto from : {From::snapshot, From::beginning}) {
            Core again{Config::of(b.genesis)};
            REQUIRE(replay(*store, again, from));
            CHECK(again.state() == core.state());
        }
    }
    {
        auto database = std::move(*Database::open(file, {0x54726172, 2, ""}, {}));
        REQUIRE(database.execute("UPDATE snapshot SET state = x'00' || state"));
    }
    auto store = std::move(*LogStore::open(file));
    CHECK_FALSE(*store->snapshot());
    Core again{Config::of(b.genesis)};
    REQUIRE(replay(*store, again));
    CHECK(again.state() == core.state());
}
