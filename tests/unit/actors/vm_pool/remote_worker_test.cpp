// Read calls done by workers of another process: the two pools here have an actor system each and share nothing but the
// link between them.
#include <condition_variable>
#include <future>

#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <doctest/doctest.h>

#include "actors/execution/contract_engine.hpp"
#include "actors/vm_pool/actor.hpp"
#include "actors/vm_pool/remote_protocol.hpp"
#include "actors/vm_pool/worker_service.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/operator_link/client.hpp"

using namespace troupe;
using namespace troupe::vm_pool;

namespace {

using operator_link::Credentials;
using operator_link::Kind;
constexpr std::chrono::seconds patience{20};

const Credentials& authority() {
    static const auto made = *operator_link::make_authority("acme", wall_clock_now(), 10);
    return made;
}
Credentials given_to(const std::string& name, Kind kind = Kind::node) {
    return *operator_link::issue(authority(), name, kind, wall_clock_now(), 10);
}

struct SystemConfig : caf::actor_system_config {
    SystemConfig() {
        add_message_types<caf::id_block::troupe_shared>();
        add_message_types<caf::id_block::troupe_vm_pool>();
        set("scheduler.max-threads", std::size_t{2});
    }
};

class Pool {
public:
    explicit Pool(std::size_t workers = 1) : actor_(vm_pool::spawn(system_, {workers, {}, {}})) {}
    ~Pool() { caf::anon_send(actor_, stop_atom::value); }
    [[nodiscard]] const vm_pool::Actor& actor() const { return actor_; }

private:
    SystemConfig config_;
    caf::actor_system system_{config_};
    vm_pool::Actor actor_;
};

std::unique_ptr<WorkerService> serve(const Pool& pool, const std::string& name, std::uint16_t port = 0) {
    WorkerServiceOptions options;
    options.name = name;
    options.link.port = port;
    options.credentials = given_to(name);
    options.pool = pool.actor();
    auto service = WorkerService::start(std::move(options));
    REQUIRE(service.ok());
    return std::move(*service);
}

RemoteTargetsPtr targets(const std::string& name, std::uint16_t port, std::uint32_t lanes = 1) {
    return std::make_shared<const RemoteTargets>(
        RemoteTargets{given_to("gateway"), {{name, "127.0.0.1", port, lanes}}});
}

/// Returns slot 0 of the called contract plus BLOCKHASH(number - 1).
const Bytes adding = *from_hex("60014303406000540160005260206000f3");
Address contract() { return *fixed_from_hex<Address>("0x00000000000000000000000000000000000000c0"); }

/// Lets reads of accounts pass only while it is open.
class Gate {
public:
    void close() { set(false); }
    void open() { set(true); }
    void pass() {
        std::unique_lock lock{mutex_};
        ++waiting_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return is_open_; });
    }
    /// Somebody has come to it since it was closed.
    [[nodiscard]] bool wait_for_visitor() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, patience, [&] { return waiting_ > 0; });
    }

private:
    void set(bool open) {
        const std::lock_guard lock{mutex_};
        is_open_ = open;
        waiting_ = 0;
        changed_.notify_all();
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = true;
    std::size_t waiting_ = 0;
};

struct Ledger {
    uint256 value{40};
    std::uint8_t root = 1;
    std::atomic<std::size_t> reads{0};
    Gate gate;
};

class LedgerState final : public StateReader {
public:
    explicit LedgerState(Ledger& ledger) : ledger_(ledger) {}
    [[nodiscard]] std::optional<AccountRecord> account(const Address& address) override {
        ++ledger_.reads;
        ledger_.gate.pass();
        if (address != contract()) return std::nullopt;
        return AccountRecord{1, {}, CodeHash::from(keccak256(adding))};
    }
    [[nodiscard]] uint256 storage(const Address&, const uint256& slot) override {
        ++ledger_.reads;
        return slot.is_zero() ? ledger_.value : uint256{};
    }
    [[nodiscard]] std::shared_ptr<const Bytes> code(const CodeHash&) override {
        ++ledger_.reads;
        return std::make_shared<const Bytes>(adding);
    }

private:
    Ledger& ledger_;
};

class Caller {
public:
    [[nodiscard]] std::future<Result<CallResult>> start(const Pool& pool, ReadKind kind = ReadKind::call) {
        auto promise = std::make_shared<std::promise<Result<CallResult>>>();
        auto future = promise->get_future();
        auto work = std::make_shared<ReadWork>();
        work->kind = kind;
        work->request.transaction.type = 2;
        work->request.transaction.to = contract();
        work->request.overrides[contract()].balance = uint256{7};
        work->open = [this]() -> std::optional<ReadBase> {
            if (ledger.root == 0) return std::nullopt;
            ReadBase base;
            base.root[0] = ledger.root;
            base.context.number = 100;
            base.context.gas_limit = 60'000'000;
            base.context.chain_id = uint256{1};
            base.context.block_hash = [](std::uint64_t height) {
                Hash256 hash;
                hash[31] = static_cast<std::uint8_t>(height);
                return hash;
            };
            base.state = std::make_unique<LedgerState>(ledger);
            return base;
        };
        work->done = [promise](Result<CallResult> result) { promise->set_value(std::move(result)); };
        caf::anon_send(pool.actor(), ReadWorkPtr{std::move(work)});
        return future;
    }
    [[nodiscard]] static uint256 value(std::future<Result<CallResult>> future) {
        REQUIRE(future.wait_for(patience) == std::future_status::ready);
        const auto result = future.get();
        REQUIRE(result.ok());
        CHECK(result->error == "");
        return from_big_endian(result->output);
    }

    Ledger ledger;
};

/// Calls until one was done by the worker.
void await_remote(const Pool& pool, Caller& caller, const WorkerService& service) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (service.counters().calls == 0) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        static_cast<void>(Caller::value(caller.start(pool)));
    }
}

/// A call that the worker has in hand; the gate keeps it there.
std::future<Result<CallResult>> held_there(const Pool& pool, Caller& caller, const WorkerService& service) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        // A state that nobody has read.
        ++caller.ledger.root;
        caller.ledger.gate.close();
        auto call = caller.start(pool);
        REQUIRE(caller.ledger.gate.wait_for_visitor());
        if (service.counters().in_flight == 1) return call;
        caller.ledger.gate.open();
        static_cast<void>(Caller::value(std::move(call)));
    }
}

}  // namespace

namespace {

/// Two calls of the contract, the second on what the first has left.
SpeculativeWorkPtr ahead(StateReader& state, std::uint8_t root) {
    evm::BlockContext context;
    context.number = 100;
    context.gas_limit = 60'000'000;
    context.chain_id = uint256{1};
    context.tips = {contract(), 3, 4};
    context.block_hash = [](std::uint64_t) { return Hash256{}; };
    std::vector<evm::TransactionInput> calls(2);
    for (std::uint64_t i = 0; i < 2; ++i) {
        calls[i].type = 2;
        calls[i].to = contract();
        calls[i].gas_limit = 100'000;
        calls[i].nonce = i;
    }
    SpeculativeWork work;
    work.root[0] = root;
    work.speculation = std::make_shared<Speculation>(state, std::move(context), std::move(calls));
    return std::make_shared<const SpeculativeWork>(std::move(work));
}

/// Work that the worker has begun with; a lane that is still busy gives it up at once.
SpeculativeWorkPtr begun_there(const Pool& pool, Caller& caller, StateReader& state) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        const auto reads = caller.ledger.reads.load();
        // A state that nobody has read.
        auto work = ahead(state, ++caller.ledger.root);
        caf::anon_send(pool.actor(), work);
        // Not by its results: the gate may be closed, and a read that waits there holds them up.
        const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds{200};
        while (caller.ledger.reads == reads && std::chrono::steady_clock::now() < soon) std::this_thread::yield();
        if (caller.ledger.reads != reads) return work;
    }
}

}  // namespace

TEST_CASE("a worker of another process executes ahead exactly as it would be done here") {
    const Pool there;
    const auto service = serve(there, "worker-1");
    const Pool here{0};
    Caller caller;
    caf::anon_send(here.actor(), targets("worker-1", service->port()));
    await_remote(here, caller, *service);
    LedgerState state{caller.ledger};
    const auto work = begun_there(here, caller, state);
    const auto* results = work->speculation->results(patience);
    REQUIRE(results != nullptr);
    REQUIRE(results->size() == 2);
    evm::AnalysisCache codes{contract_engine()};
    const auto expected = speculate(state, work->speculation->context(), work->speculation->transactions(), codes);
    for (std::size_t i = 0; i < 2; ++i) {
        const auto& got = (*results)[i];
        CHECK(got.invalid == expected[i].invalid);
        CHECK(got.receipt.succeeded);
        CHECK(got.receipt.gas_used == expected[i].receipt.gas_used);
        CHECK(got.reads.accounts == expected[i].reads.accounts);
        CHECK(got.reads.slots == expected[i].reads.slots);
        CHECK(got.effects.accounts.size() == expected[i].effects.accounts.size());
        JournaledState now{state};
        CHECK(holds(got.reads, now) == (i == 0));
    }
    CHECK(service->counters().speculations == 1);
}

TEST_CASE("what nobody executes ahead is given up at once") {
    const Pool here{0};
    Caller caller;
    LedgerState state{caller.ledger};
    const auto work = ahead(state, 1);
    caf::anon_send(here.actor(), work);
    CHECK(work->speculation->results(patience) == nullptr);
}

TEST_CASE("work that a worker had when it ended is given up") {
    const Pool there;
    auto service = serve(there, "worker-1");
    const Pool here{0};
    Caller caller;
    caf::anon_send(here.actor(), targets("worker-1", service->port()));
    await_remote(here, caller, *service);
    LedgerState state{caller.ledger};
    caller.ledger.gate.close();
    const auto work = begun_there(here, caller, state);
    auto ending = std::async(std::launch::async, [&] { service.reset(); });
    caller.ledger.gate.open();
    ending.get();
    static_cast<void>(work->speculation->results(patience));
    // Once the block has executed, nobody may touch the state any more.
    work->speculation->close();
    CHECK_FALSE(work->speculation->with_state([](StateReader&) {}));
}

TEST_CASE("a worker of another process does read calls, and asks once for each part of a state") {
    const Pool there;
    const auto service = serve(there, "worker-1");
    // Without workers of its own.
    const Pool here{0};
    Caller caller;
    caf::anon_send(here.actor(), targets("worker-1", service->port()));
    CHECK(Caller::value(caller.start(here)) == uint256{139});
    const auto calls = service->counters().calls;
    const auto reads = caller.ledger.reads.load();
    for (int i = 0; i < 5; ++i) CHECK(Caller::value(caller.start(here)) == uint256{139});
    CHECK(service->counters().calls == calls + 5);
    CHECK(caller.ledger.reads == reads);

    // Another state: nothing of the old one is right.
    caller.ledger.root = 2;
    caller.ledger.value = uint256{41};
    CHECK(Caller::value(caller.start(here)) == uint256{140});
    CHECK(caller.ledger.reads > reads);
    CHECK(service->counters().calls == calls + 6);
}

TEST_CASE("estimates and access lists come out as they do here") {
    const Pool there, here{0};
    const auto service = serve(there, "worker-1");
    Caller caller;
    caf::anon_send(here.actor(), targets("worker-1", service->port()));
    for (const auto kind : {ReadKind::estimate, ReadKind::access_list}) {
        auto own = caller.start(there, kind);
        REQUIRE(own.wait_for(patience) == std::future_status::ready);
        const auto expected = own.get();
        const auto calls = service->counters().calls;
        auto other = caller.start(here, kind);
        REQUIRE(other.wait_for(patience) == std::future_status::ready);
        const auto result = other.get();
        REQUIRE(result.ok());
        CHECK(service->counters().calls == calls + 1);
        CHECK(result->gas == expected->gas);
        CHECK(result->accessed == expected->accessed);
        CHECK(result->accessed.size() == (kind == ReadKind::access_list ? 1 : 0));
    }
}

TEST_CASE("a state that is not there is said to be missing") {
    const Pool there, here;
    const auto service = serve(there, "worker-1");
    Caller caller;
    caf::anon_send(here.actor(), targets("worker-1", service->port()));
    await_remote(here, caller, *service);
    caller.ledger.root = 0;
    for (const auto* pool : {&here, &there}) {
        auto call = caller.start(*pool);
        REQUIRE(call.wait_for(patience) == std::future_status::ready);
        CHECK(call.get().error().code == ErrorCode::not_found);
    }
}

TEST_CASE("a worker that dies in the middle of a call loses nothing: it is done here, and what comes later too") {
    const Pool there, here;
    auto service = serve(there, "worker-1");
    Caller caller;
    caf::anon_send(here.actor(), targets("worker-1", service->port()));
    await_remote(here, caller, *service);
    const auto port = service->port();
    auto call = held_there(here, caller, *service);
    const auto done_there = service->counters().calls;
    service.reset();
    CHECK(call.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
    caller.ledger.gate.open();
    CHECK(Caller::value(std::move(call)) == uint256{139});
    CHECK(done_there > 0);
    for (int i = 0; i < 3; ++i) CHECK(Caller::value(caller.start(here)) == uint256{139});

    // One that is back under the same address gets work again.
    service = serve(there, "worker-1", port);
    await_remote(here, caller, *service);
}

TEST_CASE("a draining worker finishes what it has and gives back what comes") {
    const Pool there, here;
    const auto service = serve(there, "worker-1");
    Caller caller;
    caf::anon_send(here.actor(), targets("worker-1", service->port()));
    await_remote(here, caller, *service);
    auto call = held_there(here, caller, *service);
    const auto calls = service->counters().calls;
    service->drain();
    caller.ledger.gate.open();
    CHECK(Caller::value(std::move(call)) == uint256{139});
    CHECK(service->counters().calls == calls + 1);
    for (int i = 0; i < 3; ++i) CHECK(Caller::value(caller.start(here)) == uint256{139});
    CHECK(service->counters().calls == calls + 1);
    CHECK(service->counters().in_flight == 0);
}

TEST_CASE("a worker that is left out of the list finishes what it has and gets nothing more") {
    const Pool there, here;
    const auto service = serve(there, "worker-1");
    Caller caller;
    caf::anon_send(here.actor(), targets("worker-1", service->port()));
    await_remote(here, caller, *service);
    auto call = held_there(here, caller, *service);
    const auto calls = service->counters().calls;
    caf::anon_send(here.actor(), std::make_shared<const RemoteTargets>());
    caller.ledger.gate.open();
    CHECK(Caller::value(std::move(call)) == uint256{139});
    CHECK(Caller::value(caller.start(here)) == uint256{139});
    CHECK(service->counters().calls == calls + 1);
}

TEST_CASE("only nodes give work, and only with the protocol that the worker speaks") {
    const Pool there;
    const auto service = serve(there, "worker-1");
    const auto hello = [&](Kind kind, std::uint32_t version) {
        const auto client =
            *operator_link::Client::create(given_to("x", kind), {"127.0.0.1", service->port(), Kind::node, "worker-1"});
        return client->request<remote::Hello>(remote::method::hello, remote::Hello{version, "x"}, patience);
    };
    CHECK(hello(Kind::node, remote::protocol_version).ok());
    CHECK(hello(Kind::commander, remote::protocol_version).error().code == ErrorCode::unauthorized);
    CHECK(hello(Kind::agent, remote::protocol_version).error().code == ErrorCode::unauthorized);
    const auto old = hello(Kind::node, remote::protocol_version + 1);
    CHECK(old.error().code == ErrorCode::unsupported);
    CHECK(old.error().message.find("run the same troupe on both hosts") != std::string::npos);
}

TEST_CASE("the memory of states stays within its bounds, and never takes a code for another") {
    StateMemory memory{10, 100};
    for (std::uint8_t i = 0; i < 50; ++i) {
        RootHash root;
        root[0] = i;
        memory.keep_account(root, contract(), std::nullopt);
        memory.keep_slot(root, contract(), uint256{1}, uint256{i});
        CodeHash hash;
        hash[0] = i;
        memory.keep_code(hash, std::make_shared<const Bytes>(30));
        CHECK(memory.slot(root, contract(), uint256{1}) == uint256{i});
    }
    CHECK(memory.entries() <= 10);
    CHECK(memory.code(CodeHash{}) == nullptr);

    RemoteState state{RootHash{}, memory, [](const char* method, ByteView) -> Result<Bytes> {
                          if (std::string{method} == remote::query::code) return Bytes{0x60};
                          return encode(remote::AccountReply{true, 1, {}, CodeHash::from(keccak256(adding))});
                      }};
    CHECK_FALSE(state.account(contract()).has_value());
    CHECK(state.status().error().code == ErrorCode::malformed);
    CHECK(memory.code(CodeHash::from(keccak256(adding))) == nullptr);
}
