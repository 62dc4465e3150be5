// Ethereum JSON-RPC and Troupe's own methods over the backend: what cast, ethers, viem, Foundry and Hardhat call.
// Texts and codes are those that these clients parse (reference: ecosystem, section 1).
#pragma once

#include <atomic>

#include "actors/gateway/backend.hpp"
#include "actors/gateway/calls.hpp"
#include "actors/gateway/json_out.hpp"
#include "actors/vm_pool/interface.hpp"
#include "runtime/base/json.hpp"
#include "runtime/rpc/server.hpp"

namespace troupe::gateway {

struct HandlerOptions {
    std::string node_name;
    std::string version;
    vm_pool::Actor vm_pool;
    std::shared_ptr<evm::AnalysisCache> code_cache;
    /// Pages that the node adds: asked before the gateway's own.
    std::function<std::optional<rpc::HttpAnswer>(std::string_view path)> get;
    /// What the gateway signs with for whoever asks: development accounts, whose keys everybody knows.
    std::vector<Secp256k1SecretKey> accounts;
    /// Read calls waiting for a worker; more are refused with -32005.
    std::size_t calls_max = 2000;
    /// Filters and subscriptions of all clients, and those of one WebSocket peer.
    std::size_t filters_max = 10'000;
    std::size_t peer_filters_max = 1000;
    /// Hashes of pending transactions kept for polled filters; one that polls too rarely misses the oldest.
    std::size_t pending_kept = 50'000;
    DurationMs filter_idle_max{5 * 60 * 1000};
    std::size_t logs_max = 10'000;
    std::uint64_t log_blocks_max = 100'000;
};

/// Ends a method with an error.
struct Failure {
    rpc::RpcError error;
};

struct LogFilter {
    std::vector<Address> addresses;
    /// Per position: any of these; empty: anything.
    std::vector<std::vector<Hash256>> topics;

    [[nodiscard]] bool may_match(const LogsBloom& bloom) const;
    [[nodiscard]] bool matches(const LogEntry& log) const;
};

/// One method call's parameters, with checks that name the argument.
class Parameters {
public:
    explicit Parameters(const std::string& json);

    [[nodiscard]] bool has(std::size_t i) const { return i < values_.size() && !values_[i].is_null(); }
    [[nodiscard]] const Json& at(std::size_t i) const;
    [[nodiscard]] Address address(std::size_t i) const;
    [[nodiscard]] Bytes bytes(std::size_t i) const;
    [[nodiscard]] uint256 quantity(std::size_t i) const;
    template <class Fixed>
    [[nodiscard]] Fixed fixed(std::size_t i) const {
        const auto data = bytes(i);
        const auto value = Fixed::from_view(data);
        if (!value)
            throw Failure{{-32602,
                           "invalid argument " + std::to_string(i) + ": hex string has length " +
                               std::to_string(data.size() * 2) + ", want " + std::to_string(Fixed::size() * 2),
                           ""}};
        return *value;
    }

private:
    std::vector<Json> values_;
};

[[nodiscard]] Failure invalid_params(std::string message);

/// geth's override sets; `argument` is named in errors.
[[nodiscard]] StateOverrides read_state_overrides(const Json& object, std::size_t argument);
[[nodiscard]] BlockOverride read_block_overrides(const Json& object, std::size_t argument);

class Handler final : public rpc::Handler, public EventListener, public std::enable_shared_from_this<Handler> {
public:
    Handler(HandlerOptions options, std::shared_ptr<Backend> backend);

    /// Recovers the senders of a batch's transactions together.
    void on_batch(std::span<const rpc::Parsed> batch) override;
    void handle(const std::shared_ptr<rpc::Peer>& peer, rpc::Request request, rpc::Respond respond) override;
    void on_closed(std::uint64_t peer) override;
    std::optional<rpc::HttpAnswer> on_get(std::string_view path) override;

    void on_block(const ExecutedBlockPtr& block) override;
    void on_pending(const RecoveredTransactionPtr& transaction) override;

    struct Call {
        const Parameters& parameters;
        const std::shared_ptr<rpc::Peer>& peer;
        const rpc::Respond& respond;
    };
    /// Gives the result, or nothing if it answers later through the call's respond.
    using Method = std::optional<std::string> (Handler::*)(const Call&);
    /// By name: all that can be called.
    [[nodiscard]] static const std::unordered_map<std::string_view, Method>& methods();

private:
    // methods_chain.cpp
    std::optional<std::string> chain_id(const Call&);
    std::optional<std::string> net_version(const Call&);
    std::optional<std::string> block_number(const Call&);
    std::optional<std::string> gas_price(const Call&);
    std::optional<std::string> max_priority_fee(const Call&);
    std::optional<std::string> blob_base_fee(const Call&);
    std::optional<std::string> fee_history(const Call&);
    std::optional<std::string> block_by_number(const Call&);
    std::optional<std::string> block_by_hash(const Call&);
    std::optional<std::string> block_receipts(const Call&);
    std::optional<std::string> transaction_count_by_number(const Call&);
    std::optional<std::string> transaction_count_by_hash(const Call&);
    std::optional<std::string> zero_if_block(const Call&);
    std::optional<std::string> no_uncle(const Call&);
    std::optional<std::string> syncing(const Call&);
    std::optional<std::string> client_version(const Call&);
    std::optional<std::string> sha3(const Call&);
    std::optional<std::string> listening(const Call&);
    std::optional<std::string> peer_count(const Call&);
    std::optional<std::string> node_info(const Call&);
    std::optional<std::string> transaction_status(const Call&);
    std::optional<std::string> agreed_block(const Call&);

    // methods_state.cpp
    std::optional<std::string> balance(const Call&);
    std::optional<std::string> code(const Call&);
    std::optional<std::string> storage_at(const Call&);
    std::optional<std::string> transaction_count(const Call&);
    std::optional<std::string> account_info(const Call&);
    std::optional<std::string> proof(const Call&);
    std::optional<std::string> call(const Call&);
    std::optional<std::string> estimate_gas(const Call&);
    std::optional<std::string> create_access_list(const Call&);
    std::optional<std::string> fill_transaction(const Call&);

    // methods_simulate.cpp
    std::optional<std::string> simulate_v1(const Call&);

    // methods_debug.cpp
    std::optional<std::string> trace_transaction(const Call&);
    std::optional<std::string> trace_block_by_number(const Call&);
    std::optional<std::string> trace_block_by_hash(const Call&);
    std::optional<std::string> trace_call(const Call&);
    std::optional<std::string> trace_block(const Call& call, const ExecutedBlockPtr& block);

    // methods_transaction.cpp
    std::optional<std::string> send_raw(const Call&);
    std::optional<std::string> send_raw_sync(const Call&);
    std::optional<std::string> transaction_by_hash(const Call&);
    std::optional<std::string> transaction_by_block(const Call&);
    std::optional<std::string> raw_transaction(const Call&);
    std::optional<std::string> receipt(const Call&);
    std::optional<std::string> pool_status(const Call&);
    std::optional<std::string> pool_content(const Call&);

    // methods_wallet.cpp
    std::optional<std::string> accounts(const Call&);
    std::optional<std::string> send_transaction(const Call&);
    std::optional<std::string> sign_transaction_only(const Call&);
    std::optional<std::string> sign_message(const Call&);
    std::optional<std::string> personal_sign(const Call&);
    std::optional<std::string> sign_typed_data(const Call&);
    [[nodiscard]] const Secp256k1SecretKey& account(const Address& address) const;
    /// Of the account's transaction; `nonce_is_open`: the next one. For `use` no other takes that nonce.
    void sign_and(Transaction tx, const Address& sender, bool nonce_is_open, const std::function<void(Bytes raw)>& use);

    // methods_filter.cpp
    std::optional<std::string> logs(const Call&);
    std::optional<std::string> new_filter(const Call&);
    std::optional<std::string> new_block_filter(const Call&);
    std::optional<std::string> new_pending_filter(const Call&);
    std::optional<std::string> filter_changes(const Call&);
    std::optional<std::string> filter_logs(const Call&);
    std::optional<std::string> uninstall_filter(const Call&);
    std::optional<std::string> subscribe(const Call&);
    std::optional<std::string> unsubscribe(const Call&);

    // Shared
    [[nodiscard]] Height height_parameter(const Call& call, std::size_t index) const;
    [[nodiscard]] Height resolve(const Json& block) const;
    /// Nothing for `pending`, and for no parameter at all where `pending` is the default.
    [[nodiscard]] std::optional<Height> height_or_pending(const Call& call, std::size_t index,
                                                          bool pending_is_default) const;
    /// Null block: the caller answers null.
    [[nodiscard]] ExecutedBlockPtr block_parameter(const Call& call, std::size_t index) const;
    [[nodiscard]] std::unique_ptr<StateAt> state(const Call& call, std::size_t index) const;
    [[nodiscard]] CallRequest call_request(const Json& object) const;
    /// Answers by a worker of the VM pool: what may take long must not hold a server thread up. `work` may throw
    /// Failure, and gives nothing if it answers later.
    using Answer = std::optional<std::string>;
    void run_later(const Call& call, std::function<Answer()> work);
    /// Likewise, by any worker of the pool, this process's or not. Without a height: on the latest state behind what
    /// the sender has pending, within limits, since who sends one transaction after another without waiting means that
    /// state.
    void run_call(const Call& call, ReadKind kind, CallRequest request, std::optional<Height> height,
                  std::function<Answer(const CallResult&)> show);
    /// The transaction that `object` describes with what it leaves open filled in, to `done`, perhaps on another
    /// thread.
    void fill(const Call& call, const Json& object, std::function<Answer(Transaction, const Address& sender)> done);
    /// Into the pool; answers when it is stored. Throws Failure if it is refused.
    void submit(ByteView raw, const rpc::Respond& respond);
    /// Held by a job as long as it is not done. Null: there are too many.
    [[nodiscard]] std::shared_ptr<void> count_call();
    [[nodiscard]] std::string block_json(const ExecutedBlock& block, bool full, bool header_only = false) const;
    [[nodiscard]] std::string fee_history_json(std::uint64_t first, std::uint64_t count,
                                               const std::vector<double>& percentiles) const;
    [[nodiscard]] std::optional<std::string> receipt_json(const TransactionHash& hash) const;
    [[nodiscard]] LogFilter log_filter(const Json& object) const;
    void collect_logs(JsonText& out, const ExecutedBlock& block, const LogFilter& filter, std::size_t& count) const;
    [[nodiscard]] std::string find_logs(const LogFilter& filter, Height first, Height last) const;
    /// find_logs here if it is quick, by a worker if not.
    std::optional<std::string> answer_logs(const Call& call, LogFilter filter, Height first, Height last);
    [[nodiscard]] uint256 suggested_tip() const;

    struct Filter {
        enum class Kind : std::uint8_t { logs, blocks, pending };
        Kind kind{};
        LogFilter logs;
        std::optional<Height> from;
        std::optional<Height> to;
        /// First block not told yet.
        Height next;
        /// Likewise in pending_.
        std::uint64_t next_pending = 0;
        TimeMs used;
        // Subscriptions only.
        std::shared_ptr<rpc::Peer> peer;
        bool full_transactions = false;
        /// The id has been answered.
        bool is_active = true;
    };
    [[nodiscard]] static std::string new_filter_id();
    std::string add_filter(Filter filter);
    void forget_idle_filters(TimeMs now);
    void erase_filters(const std::function<bool(const std::string&, const Filter&)>& which);

    HandlerOptions options_;
    /// Of options_.accounts, in their order.
    std::vector<Address> account_order_;
    std::mutex signing_mutex_;
    std::shared_ptr<Backend> backend_;
    CallRunner runner_;
    std::atomic<std::size_t> calls_{0};
    std::mutex filters_mutex_;
    std::map<std::string, Filter> filters_;
    /// Hashes of accepted transactions while somebody polls for them; `pending_first_` is the number of the first.
    std::deque<TransactionHash> pending_;
    std::uint64_t pending_first_ = 0;
    /// Filters of kind `pending`.
    std::atomic<std::size_t> pending_watchers_{0};
};

[[nodiscard]] std::string quoted_quantity(const uint256& value);
[[nodiscard]] std::string quoted_bytes(ByteView value);
/// "execution reverted: reason" from Error(string), Panic(uint256), or a custom error's selector.
[[nodiscard]] std::string revert_message(ByteView data);

}  // namespace troupe::gateway
