// demo: a real workload on a running cluster. Deploys OpenZeppelin's ERC-20, transfers from many accounts, checks every
// receipt and balance, reports.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/rpc_client.hpp"
#include "deploy/cluster/cluster.hpp"
#include "deploy/examples/erc20/token_bytecode.hpp"
#include "deploy/keys/keys.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/ledger/sign.hpp"

namespace troupe::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

[[nodiscard]] double milliseconds_since(SteadyClock::time_point start) {
    return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

[[nodiscard]] Bytes transfer_call(const Address& to, std::uint64_t amount) {
    Bytes data{0xa9, 0x05, 0x9c, 0xbb};  // transfer(address,uint256)
    data.resize(16);
    append(data, to.view());
    append(data, to_big_endian(uint256{amount}).view());
    return data;
}

class Demo {
public:
    Demo(Context& context, std::string url, std::uint32_t transfers, std::uint32_t accounts)
        : context_(context), rpc_(std::move(url)), transfers_(transfers), accounts_(accounts) {}

    [[nodiscard]] Result<Json> run() {
        if (auto status = prepare(); !status) return status.error();
        if (auto status = send(); !status) return status.error();
        return check();
    }

private:
    [[nodiscard]] Result<uint256> number(const std::string& method, Json params) {
        auto result = rpc_.call(method, std::move(params));
        if (!result) return result.error();
        const auto value = result->is_string() ? parse_uint256(result->get<std::string>()) : std::nullopt;
        if (!value) return make_error(ErrorCode::malformed, method + ": no quantity in the answer");
        return *value;
    }
    [[nodiscard]] Bytes sign(std::uint32_t account, std::optional<Address> to, Bytes data, std::uint64_t gas) {
        Transaction tx;
        tx.type = TransactionType::dynamic_fee;
        tx.chain_id = chain_id_;
        tx.nonce = nonces_[account]++;
        tx.max_priority_fee_per_gas = uint256{100'000'000};
        tx.max_fee_per_gas = uint256{10'000'000'000};
        tx.gas_limit = gas;
        tx.to = to;
        tx.data = std::move(data);
        sign_transaction(tx, keys_[account]);
        return encode_transaction(tx);
    }
    [[nodiscard]] Result<Json> send_and_wait(const Bytes& raw) {
        auto hash = rpc_.call("eth_sendRawTransaction", Json::array({to_hex_prefixed(raw)}));
        if (!hash) return hash.error();
        for (int i = 0; i < 15; ++i) {
            auto receipt = rpc_.call("eth_getTransactionReceipt", Json::array({*hash}));
            if (!receipt || !receipt->is_null()) return receipt;
        }
        return make_error(ErrorCode::unavailable, "no receipt for " + hash->get<std::string>());
    }
    [[nodiscard]] Result<uint256> balance(const Address& of) {
        Bytes data{0x70, 0xa0, 0x82, 0x31};  // balanceOf(address)
        data.resize(16);
        append(data, of.view());
        return number("eth_call", Json::array({{{"to", token_}, {"data", to_hex_prefixed(data)}}, "latest"}));
    }

    [[nodiscard]] Status prepare() {
        const auto chain = number("eth_chainId", Json::array());
        if (!chain) return chain.error();
        chain_id_ = chain->low64();
        for (std::uint32_t i = 0; i < accounts_; ++i) {
            keys_.push_back(development_key(i));
            const auto nonce =
                number("eth_getTransactionCount", Json::array({to_hex_prefixed(keys_[i].address().view()), "pending"}));
            if (!nonce) return nonce.error();
            nonces_.push_back(nonce->low64());
        }
        context_.progress("deploying OpenZeppelin's ERC-20");
        const auto code = from_hex(token_bytecode);
        TROUPE_ASSERT(code.has_value());
        auto deployed = send_and_wait(sign(0, std::nullopt, *code, 2'000'000));
        if (!deployed) return deployed.error();
        if ((*deployed)["status"] != "0x1") return make_error(ErrorCode::invalid, "the token could not be deployed");
        token_ = (*deployed)["contractAddress"].get<std::string>();
        token_address_ = *fixed_from_hex<Address>(token_);
        // Every account gets tokens of its own to transfer.
        for (std::uint32_t i = 1; i < accounts_; ++i) {
            const auto raw = sign(0, token_address_, transfer_call(keys_[i].address(), 1'000'000'000), 100'000);
            auto funded = i + 1 < accounts_ ? rpc_.call("eth_sendRawTransaction", Json::array({to_hex_prefixed(raw)}))
                                            : send_and_wait(raw);
            if (!funded) return funded.error();
        }
        return Done{};
    }

    [[nodiscard]] Status send() {
        context_.progress("sending " + std::to_string(transfers_) + " transfers from " + std::to_string(accounts_) +
                          " accounts");
        std::vector<std::pair<std::string, Json>> calls;
        for (std::uint32_t i = 0; i < transfers_; ++i) {
            const auto raw = sign(i % accounts_, token_address_, transfer_call(recipient(i), 1 + i % 7), 100'000);
            expected_[recipient(i)] += 1 + i % 7;
            hashes_.push_back(to_hex_prefixed(keccak256(raw).view()));
            calls.emplace_back("eth_sendRawTransaction", Json::array({to_hex_prefixed(raw)}));
        }
        for (auto& [address, unused] : expected_) {
            const auto before = balance(address);
            if (!before) return before.error();
            before_[address] = *before;
        }
        start_ = SteadyClock::now();
        for (std::size_t first = 0; first < calls.size(); first += batch) {
            const auto last = std::min(calls.size(), first + batch);
            const auto sent = milliseconds_since(start_);
            const auto answers = rpc_.batch({calls.begin() + static_cast<std::ptrdiff_t>(first),
                                             calls.begin() + static_cast<std::ptrdiff_t>(last)});
            if (!answers) return answers.error();
            for (const auto& answer : *answers) {
                if (answer.contains("error"))
                    return make_error(ErrorCode::invalid, "refused: " + answer["error"].value("message", ""));
                sent_.push_back(sent);
            }
        }
        return Done{};
    }

    [[nodiscard]] Result<Json> check() {
        context_.progress("waiting for the receipts");
        std::vector<double> latency;
        std::size_t succeeded = 0;
        double last_receipt = 0;
        std::vector<std::size_t> open(hashes_.size());
        for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
        while (!open.empty() && milliseconds_since(start_) < 120'000) {
            std::vector<std::size_t> still;
            for (std::size_t first = 0; first < open.size(); first += batch) {
                std::vector<std::pair<std::string, Json>> calls;
                const auto last = std::min(open.size(), first + batch);
                for (auto i = first; i < last; ++i)
                    calls.emplace_back("eth_getTransactionReceipt", Json::array({hashes_[open[i]]}));
                const auto answers = rpc_.batch(calls);
                if (!answers) return answers.error();
                const auto now = milliseconds_since(start_);
                for (std::size_t i = 0; i < answers->size(); ++i) {
                    const auto receipt = (*answers)[i].value("result", Json(nullptr));
                    if (receipt.is_null()) {
                        still.push_back(open[first + i]);
                        continue;
                    }
                    latency.push_back(now - sent_[open[first + i]]);
                    last_receipt = now;
                    if (receipt["status"] == "0x1") ++succeeded;
                }
            }
            open = std::move(still);
        }
        if (!open.empty())
            return make_error(ErrorCode::unavailable, std::to_string(open.size()) + " receipts did not come");
        std::size_t wrong = 0;
        for (const auto& [address, amount] : expected_) {
            const auto after = balance(address);
            if (!after) return after.error();
            if (*after != before_[address] + uint256{amount}) ++wrong;
        }
        const auto height = number("eth_blockNumber", Json::array());
        if (!height) return height.error();
        std::ranges::sort(latency);
        const auto at = [&](double q) {
            return static_cast<std::uint64_t>(latency[std::min(
                latency.size() - 1, static_cast<std::size_t>(q * static_cast<double>(latency.size())))]);
        };
        Json out;
        out["token"] = token_;
        out["height"] = height->low64();
        out["transactions"] = hashes_.size();
        out["succeeded"] = succeeded;
        out["balances_checked"] = expected_.size();
        out["balances_wrong"] = wrong;
        out["transactions_per_second"] =
            static_cast<std::uint64_t>(static_cast<double>(hashes_.size()) / (last_receipt / 1000));
        out["latency_ms_p50"] = at(0.5);
        out["latency_ms_p99"] = at(0.99);
        if (succeeded != hashes_.size() || wrong != 0) context_.exit_code = exit_failed;
        return out;
    }

    [[nodiscard]] static Address recipient(std::uint32_t i) {
        Address address;
        address[0] = 0xde;
        address[18] = static_cast<std::uint8_t>(i % 100);
        address[19] = 1;
        return address;
    }

    static constexpr std::size_t batch = 100;
    Context& context_;
    RpcClient rpc_;
    std::uint32_t transfers_;
    std::uint32_t accounts_;
    std::uint64_t chain_id_ = 0;
    std::vector<Secp256k1SecretKey> keys_;
    std::vector<std::uint64_t> nonces_;
    std::string token_;
    Address token_address_;
    std::vector<std::string> hashes_;
    std::vector<double> sent_;
    std::map<Address, std::uint64_t> expected_;
    std::map<Address, uint256> before_;
    SteadyClock::time_point start_;
};

}  // namespace

void add_demo_command(CLI::App& app, Context& context) {
    auto* command =
        app.add_subcommand("demo", "Run a real workload on the cluster: deploy an ERC-20, transfer, check, report");
    static std::uint32_t transfers = 1000;
    static std::uint32_t accounts = 16;
    static std::string url;
    command->add_option("--transfers", transfers, "How many")->default_val(1000)->check(CLI::Range(1, 1'000'000));
    command->add_option("--accounts", accounts, "From how many development accounts")
        ->default_val(16)
        ->check(CLI::Range(1, 64));
    command->add_option("--rpc", url, "JSON-RPC URL (default: the cluster's gateway)");
    add_common(*command, context);
    command->callback([&context] {
        const auto gateway = gateway_url(context, url);
        if (!gateway) return;
        auto report = Demo{context, *gateway, transfers, accounts}.run();
        if (!report) return context.fail(report.error());
        if (context.json) {
            std::cout << report->dump(2) << "\n";
            return;
        }
        const auto& r = *report;
        std::cout << "height        " << r["height"] << "\n"
                  << "transactions  " << r["transactions"] << " sent, " << r["succeeded"] << " succeeded, "
                  << r["balances_checked"] << " balances checked, " << r["balances_wrong"] << " wrong\n"
                  << "throughput    " << r["transactions_per_second"]
                  << " transactions/s from the first send to the last receipt\n"
                  << "latency       p50 " << r["latency_ms_p50"] << " ms, p99 " << r["latency_ms_p99"]
                  << " ms from send to final receipt\n"
                  << "token         " << r["token"].get<std::string>() << "\n";
    });
}

}  // namespace troupe::cli
