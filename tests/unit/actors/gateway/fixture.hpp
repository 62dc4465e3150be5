// A gateway over a real ledger, EVM and pool, without a network or other nodes: the test says when a block is made.
#pragma once

#include <filesystem>
#include <future>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <unistd.h>

#include "actors/consensus/actor.hpp"
#include "actors/execution/contract_engine.hpp"
#include "actors/executor/ledger_state.hpp"
#include "actors/gateway/handler.hpp"
#include "actors/vm_pool/actor.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/ledger/sign.hpp"

namespace troupe::gateway {

class NoNetwork final : public Network {
public:
    void send(NodeIndex, FrameKind, std::shared_ptr<const Bytes>) override {}
    void broadcast(FrameKind, std::shared_ptr<const Bytes>, bool) override {}
    void report(NodeIndex, std::string_view) override {}
};

class FakePeer final : public rpc::Peer {
public:
    [[nodiscard]] std::uint64_t id() const noexcept override { return 0; }
    [[nodiscard]] bool is_websocket() const noexcept override { return false; }
    bool push(std::string) override { return false; }
};

struct SystemConfig : caf::actor_system_config {
    SystemConfig() {
        add_message_types<caf::id_block::troupe_shared>();
        add_message_types<caf::id_block::troupe_executor>();
        add_message_types<caf::id_block::troupe_vm_pool>();
        set("scheduler.max-threads", std::size_t{2});
    }
};

[[nodiscard]] inline Address contract_address(std::uint8_t last) {
    Address address;
    address[0] = 0xc0;
    address[19] = last;
    return address;
}

constexpr std::uint64_t chain_id = 7011;
constexpr std::uint64_t gwei = 1'000'000'000;

/// Stores its argument in slot 0, logs it with topics 0xaa and the caller, returns it.
inline const Address storing = contract_address(1);
/// Reverts with its calldata.
inline const Address reverting = contract_address(2);
/// Burns all its gas.
inline const Address looping = contract_address(3);

class Gateway {
public:
    explicit Gateway(DurationMs receipt_wait = DurationMs{60'000}, HandlerOptions handler_options = {}) {
        std::string pattern = (std::filesystem::temp_directory_path() / "troupe-gateway-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
        auto genesis = std::make_shared<Genesis>();
        genesis->parameters.chain_id = chain_id;
        genesis->timestamp = now_;
        genesis->validators.resize(1);
        genesis->validators[0].name = "validator-1";
        genesis->validators[0].beneficiary = contract_address(0xfe);
        for (std::size_t i = 0; i < 4; ++i)
            genesis->accounts.push_back(
                {key(i).address(), uint256{1'000'000'000'000'000'000ULL} * uint256{100}, 0, {}, {}});
        const auto code = [&](const Address& at, std::string_view hex) {
            genesis->accounts.push_back({at, uint256{}, 1, *from_hex(hex), {}});
        };
        code(storing, "0x600035806000556000523360aa60206000a260206000f3");
        code(reverting, "0x366000600037366000fd");
        code(looping, "0x5b600056");
        genesis_ = genesis;
        tracker_ = std::make_unique<ActivityTracker>(genesis->parameters, 1);
        executor::LedgerState::Options options;
        options.directory = directory_;
        options.transaction_index = true;
        blocks_ =
            std::make_unique<ChainStore>(std::move(*ChainStore::open(consensus::blocks_path(directory_).string())));
        ledger_ = std::move(*executor::LedgerState::open(*genesis, options));
        auto chain = std::make_shared<ChainView>(executor::LedgerState::database_path(directory_));
        TROUPE_ASSERT(chain->load_tip().ok());
        vm_pool_ = vm_pool::spawn(system_, {2});
        BackendOptions backend_options{
            genesis_,  directory_, ledger_->cache(), transactions_, std::make_shared<NoNetwork>(),
            *tracker_, {},         receipt_wait};
        backend_options.pool.parameters = genesis->parameters;
        backend = *Backend::open(std::move(backend_options), chain);
        handler_options.node_name = "gateway-1";
        handler_options.version = "1.2.3";
        handler_options.vm_pool = vm_pool_;
        handler_options.code_cache = codes_;
        handler = std::make_shared<Handler>(std::move(handler_options), backend);
        backend->set_listener(handler);
    }
    ~Gateway() {
        caf::anon_send(vm_pool_, stop_atom::value);
        vm_pool_ = nullptr;
        handler.reset();
        backend.reset();
        system_.await_all_actors_done();
        ledger_.reset();
        blocks_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    [[nodiscard]] static const Secp256k1SecretKey& key(std::size_t i) {
        static std::vector<Secp256k1SecretKey> keys = [] {
            std::vector<Secp256k1SecretKey> out;
            for (int n = 0; n < 4; ++n)
                out.push_back(std::move(
                    *Secp256k1SecretKey::from_bytes(keccak256(as_bytes("gateway test " + std::to_string(n))).view())));
            return out;
        }();
        return keys[i];
    }

    /// Signed by key `i`; nonces count themselves.
    [[nodiscard]] Bytes transaction(std::size_t i, std::optional<Address> to, Bytes data = {}, uint256 value = {},
                                    TransactionType type = TransactionType::dynamic_fee) {
        Transaction tx;
        tx.type = type;
        tx.chain_id = chain_id;
        tx.nonce = nonces_[i]++;
        tx.max_fee_per_gas = uint256{3 * gwei};
        tx.max_priority_fee_per_gas = type == TransactionType::dynamic_fee ? uint256{gwei} : tx.max_fee_per_gas;
        tx.gas_limit = 200'000;
        tx.to = to;
        tx.data = std::move(data);
        tx.value = value;
        sign_transaction(tx, key(i));
        return encode_transaction(tx);
    }

    /// Executes the next block with these transactions, and tells the backend.
    ExecutedBlockPtr mine(std::vector<Bytes> transactions = {}) {
        const auto& parameters = genesis_->parameters;
        now_ = now_ + DurationMs{1000};
        auto chunk = std::make_shared<Chunk>();
        chunk->expiry = now_ + DurationMs{1000};
        chunk->beneficiary = genesis_->validators[0].beneficiary;
        chunk->transactions = std::move(transactions);
        auto block = std::make_shared<CommittedBlock>();
        auto& inner = block->block;
        inner.header.height = ledger_->executed().next();
        inner.header.previous = ledger_->executed_hash();
        inner.header.timestamp = now_;
        ChunkCertificate certificate;
        certificate.chunk = reference_of(*chunk);
        signer_set::add(certificate.signatures.signers, ValidatorIndex{0});
        if (!chunk->transactions.empty()) inner.certificates.push_back(certificate);
        // Carries the result of the block two before, as consensus does.
        if (inner.header.height.value > 2) {
            ExecutionResult result;
            result.height = Height{inner.header.height.value - 2};
            inner.results.push_back(result);
        }
        seal(inner);
        block->commit.height = inner.header.height;
        block->commit.block = hash_of(inner.header);
        TROUPE_ASSERT(blocks_->put_block(inner.header.height, block->commit.block, encode(*block)).ok());
        tracker_->observe(inner);
        std::vector<std::shared_ptr<const Chunk>> chunks;
        if (!inner.certificates.empty()) chunks.push_back(chunk);
        const BlockInput input{parameters,
                               1,
                               {},
                               *tracker_,
                               *block,
                               chunks,
                               [&](ByteView raw) { return transactions_->get(raw); },
                               [](const TransactionHash&) { return false; },
                               [&](std::uint64_t height) { return ledger_->block_hash(height); }};
        auto output = execute_block(input, ledger_->state(), *codes_);
        TROUPE_ASSERT(ledger_->commit(output).ok());
        const ExecutionOutcome outcome{block, std::move(output.executed), std::move(output.filtered)};
        backend->on_executed(outcome);
        return backend->chain().block(inner.header.height);
    }

    [[nodiscard]] std::future<rpc::Outcome> start(const std::string& method, const std::string& params = "") {
        auto promise = std::make_shared<std::promise<rpc::Outcome>>();
        auto future = promise->get_future();
        rpc::Request request;
        request.method = method;
        request.params_json = params;
        handler->handle(std::make_shared<FakePeer>(), std::move(request),
                        [promise](rpc::Outcome outcome) { promise->set_value(std::move(outcome)); });
        return future;
    }
    /// The result; an error as {"error": {code, message, data}}.
    [[nodiscard]] Json call(const std::string& method, const std::string& params = "") {
        auto future = start(method, params);
        if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) return "no answer";
        return shown(future.get());
    }
    [[nodiscard]] static Json shown(const rpc::Outcome& outcome) {
        if (!outcome.error) return Json::parse(outcome.result_json, nullptr, false);
        Json error{{"code", outcome.error->code}, {"message", outcome.error->message}};
        if (!outcome.error->data_json.empty()) error["data"] = Json::parse(outcome.error->data_json);
        return Json{{"error", error}};
    }
    /// Sends and gives the hash.
    [[nodiscard]] std::string send(const Bytes& raw) {
        const auto answer = call("eth_sendRawTransaction", "[\"" + to_hex_prefixed(raw) + "\"]");
        return answer.is_string() ? answer.get<std::string>() : answer.dump();
    }
    [[nodiscard]] TimeMs now() const { return now_; }
    [[nodiscard]] const Genesis& genesis() const { return *genesis_; }

private:
    std::filesystem::path directory_;
    TimeMs now_ = wall_clock_now();
    std::shared_ptr<const Genesis> genesis_;
    SystemConfig config_;
    caf::actor_system system_{config_};
    std::shared_ptr<vm_pool::TransactionCache> transactions_ = std::make_shared<vm_pool::TransactionCache>();
    std::shared_ptr<evm::AnalysisCache> codes_ = std::make_shared<evm::AnalysisCache>(contract_engine());
    std::unique_ptr<ActivityTracker> tracker_;
    std::unique_ptr<ChainStore> blocks_;
    std::unique_ptr<executor::LedgerState> ledger_;
    vm_pool::Actor vm_pool_;
    std::array<std::uint64_t, 4> nonces_{};

public:
    std::shared_ptr<Backend> backend;
    std::shared_ptr<Handler> handler;
};

[[nodiscard]] inline std::string hex(const Address& address) { return to_hex_prefixed(address.view()); }
[[nodiscard]] inline Bytes word(std::uint64_t value) {
    const auto bytes = to_big_endian(uint256{value});
    return {bytes.begin(), bytes.end()};
}
[[nodiscard]] inline std::string quoted(const std::string& text) { return "\"" + text + "\""; }
[[nodiscard]] inline bool is_quantity(const Json& value) {
    if (!value.is_string()) return false;
    const auto& text = value.get_ref<const std::string&>();
    return text.starts_with("0x") && text.size() > 2 && (text[2] != '0' || text.size() == 3) &&
           text.find_first_not_of("0123456789abcdef", 2) == std::string::npos;
}
[[nodiscard]] inline bool is_bytes(const Json& value, std::size_t size) {
    return value.is_string() && value.get_ref<const std::string&>().size() == 2 + 2 * size &&
           value.get_ref<const std::string&>().starts_with("0x");
}

}  // namespace troupe::gateway
