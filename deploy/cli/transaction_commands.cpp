// tx send, call, bond, status: transactions from the command line, native ones among them.
#include <iostream>
#include <thread>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/cli.hpp"
#include "deploy/cli/rpc_client.hpp"
#include "deploy/cluster/cluster.hpp"
#include "deploy/keys/keys.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/ledger/sign.hpp"

namespace troupe::cli {
namespace {

struct Options {
    std::string key = "dev:0";
    std::string sponsor;
    std::string password_file;
    std::string to;
    std::string value = "0";
    std::string data;
    std::string rpc;
    std::uint64_t gas = 0;
    std::uint64_t expiry_ms = 20'000;
    bool native = false;
    std::string hash;
};
Options o;

/// "5ether", "3gwei", "12" (wei) or "0x…".
[[nodiscard]] std::optional<uint256> parse_amount(std::string text) {
    uint256 unit{1};
    if (text.ends_with("ether")) {
        unit = uint256{1'000'000'000'000'000'000ULL};
        text.resize(text.size() - 5);
    } else if (text.ends_with("gwei")) {
        unit = uint256{1'000'000'000};
        text.resize(text.size() - 4);
    } else if (text.ends_with("wei")) {
        text.resize(text.size() - 3);
    }
    const auto number = parse_uint256(text);
    return number ? checked_mul(*number, unit) : std::nullopt;
}

/// Where stored keys are. With --rpc the cluster may be anywhere, and the key one of the development accounts.
[[nodiscard]] std::filesystem::path key_directory(const Context& context) {
    const auto directory = context.locate();
    return directory ? *directory : context.directory();
}

[[nodiscard]] Result<std::uint64_t> quantity(RpcClient& rpc, const std::string& method, Json params = Json::array()) {
    auto result = rpc.call(method, std::move(params));
    if (!result) return result.error();
    const auto value = result->is_string() ? parse_uint256(result->get<std::string>()) : std::nullopt;
    if (!value) return make_error(ErrorCode::malformed, method + ": no quantity in the answer");
    return value->low64();
}

void show_receipt(Context& context, RpcClient& rpc, const std::string& hash) {
    for (int i = 0; i < 20; ++i) {
        // The node holds the request open for up to two seconds.
        const auto receipt = rpc.call("eth_getTransactionReceipt", Json::array({hash}));
        if (!receipt) return context.fail(receipt.error());
        if (receipt->is_null()) {
            const auto status = rpc.call("troupe_transactionStatus", Json::array({hash}));
            if (status && (*status)["status"] == "dropped")
                return context.fail(exit_failed, hash + " was dropped: " + status->value("reason", ""));
            if (status && (*status)["status"] == "unknown") std::this_thread::sleep_for(std::chrono::milliseconds(100));
            continue;
        }
        if (context.json) {
            std::cout << receipt->dump(2) << "\n";
        } else {
            const bool succeeded = (*receipt)["status"] == "0x1";
            const auto number = [&](const char* field) {
                return to_decimal(*parse_uint256((*receipt)[field].get<std::string>()));
            };
            std::cout << hash << " " << (succeeded ? "succeeded" : "failed") << " in block " << number("blockNumber")
                      << ", " << number("gasUsed") << " gas\n";
            if (!(*receipt)["contractAddress"].is_null())
                std::cout << "contract " << (*receipt)["contractAddress"].get<std::string>() << "\n";
        }
        if ((*receipt)["status"] != "0x1") context.exit_code = exit_failed;
        return;
    }
    context.fail(exit_unhealthy, "no receipt for " + hash + " yet; `troupe tx status " + hash + "`");
}

void send(Context& context, NativeKind kind) {
    const auto url = gateway_url(context, o.rpc);
    if (!url) return;
    RpcClient rpc{*url};
    const auto keys = key_directory(context);
    const auto sender = find_key(o.key, keys, o.password_file);
    if (!sender) return context.fail(sender.error());
    std::optional<Secp256k1SecretKey> sponsor;
    if (!o.sponsor.empty()) {
        auto found = find_key(o.sponsor, keys, o.password_file);
        if (!found) return context.fail(found.error());
        sponsor = std::move(*found);
    }
    const auto value = parse_amount(o.value);
    if (!value)
        return context.fail(exit_usage,
                            "--value: expected wei, or a whole number with gwei or ether, found " + o.value);
    Transaction tx;
    if (!o.to.empty()) {
        tx.to = fixed_from_hex<Address>(o.to);
        if (!tx.to) return context.fail(exit_usage, "--to: expected 0x and 40 hex digits, found " + o.to);
    }
    auto data = from_hex(o.data);
    if (!data) return context.fail(exit_usage, "--data-hex: expected hex digits");
    tx.data = std::move(*data);
    tx.value = *value;
    const auto chain = quantity(rpc, "eth_chainId");
    if (!chain) return context.fail(chain.error());
    tx.chain_id = *chain;
    const auto price = rpc.call("eth_getBlockByNumber", Json::array({"latest", false}));
    if (!price) return context.fail(price.error());
    const auto base_fee = *parse_uint256((*price)["baseFeePerGas"].get<std::string>());
    tx.gas_limit = o.gas;
    if (tx.gas_limit == 0 && kind == NativeKind::call) {
        Json call{{"from", to_hex_prefixed(sender->address().view())},
                  {"value", to_quantity(tx.value)},
                  {"data", to_hex_prefixed(tx.data)}};
        if (tx.to) call["to"] = to_hex_prefixed(tx.to->view());
        const auto gas = quantity(rpc, "eth_estimateGas", Json::array({call}));
        if (!gas) return context.fail(gas.error());
        tx.gas_limit = *gas;
    }
    if (o.native || kind == NativeKind::bond || sponsor) {
        tx.kind = kind;
        if (tx.gas_limit == 0) tx.gas_limit = 100'000;
        tx.max_fee = uint256{tx.gas_limit} * base_fee;
        tx.expiry = wall_clock_now() + DurationMs{o.expiry_ms};
        sign_native(tx, *sender, sponsor ? *sponsor : *sender);
    } else {
        tx.type = TransactionType::dynamic_fee;
        const auto nonce = quantity(rpc, "eth_getTransactionCount",
                                    Json::array({to_hex_prefixed(sender->address().view()), "pending"}));
        if (!nonce) return context.fail(nonce.error());
        tx.nonce = *nonce;
        tx.max_priority_fee_per_gas = base_fee / uint256{10};
        tx.max_fee_per_gas = base_fee * uint256{2};
        sign_transaction(tx, *sender);
    }
    const auto hash = rpc.call("eth_sendRawTransaction", Json::array({to_hex_prefixed(encode_transaction(tx))}));
    if (!hash)
        return context.fail(hash.error().code == ErrorCode::invalid ? exit_failed : exit_unhealthy,
                            hash.error().message);
    context.progress("sent " + hash->get<std::string>());
    show_receipt(context, rpc, hash->get<std::string>());
}

void add_sending(CLI::App& command, Context& context) {
    command.add_option("--key", o.key, "Who signs: dev:N, a keystore file, or a name in the cluster's keys")
        ->default_str("dev:0");
    command.add_option("--password-file", o.password_file, "Password of the keystore");
    command.add_option("--gas", o.gas, "Gas limit (default: estimated)");
    command.add_option("--rpc", o.rpc, "JSON-RPC URL (default: the cluster's gateway)");
    command.add_option("--expiry-ms", o.expiry_ms, "Native: milliseconds until it can never execute")
        ->default_str("20000");
    add_common(command, context);
}

}  // namespace

void add_transaction_commands(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand("tx", "Send transactions, post bonds, ask what became of one");
    group->require_subcommand(1);
    {
        auto* command =
            group->add_subcommand("send", "Transfer, call or create; Ethereum's kind unless --native or --sponsor");
        command->add_option("--to", o.to, "Address (default: create a contract from --data-hex)");
        command->add_option("--value", o.value, "Wei, or like 3gwei, 1ether")->default_str("0");
        command->add_option("--data-hex", o.data, "Calldata or init code");
        command->add_flag("--native", o.native, "Troupe's nonce-less transaction: expires, its fee covered by a bond");
        command->add_option("--sponsor", o.sponsor,
                            "Native: whose bond and balance pay the fee (default: the sender's)");
        add_sending(*command, context);
        command->callback([&context] { send(context, NativeKind::call); });
    }
    {
        auto* command = group->add_subcommand(
            "bond", "Lock value as the bond that native transactions need; it can only be raised");
        command->add_option("--value", o.value, "Wei, or like 3gwei, 1ether")->required();
        add_sending(*command, context);
        command->callback([&context] { send(context, NativeKind::bond); });
    }
    {
        auto* command =
            group->add_subcommand("status", "Whether a transaction is pending, executed or dropped, and why");
        command->add_option("HASH", o.hash, "Transaction hash")->required();
        command->add_option("--rpc", o.rpc, "JSON-RPC URL (default: the cluster's gateway)");
        add_common(*command, context);
        command->callback([&context] {
            const auto url = gateway_url(context, o.rpc);
            if (!url) return;
            RpcClient rpc{*url};
            const auto status = rpc.call("troupe_transactionStatus", Json::array({o.hash}));
            if (!status) return context.fail(status.error());
            if (context.json) {
                std::cout << status->dump(2) << "\n";
                return;
            }
            std::cout << (*status)["status"].get<std::string>();
            if (status->contains("blockNumber"))
                std::cout << " in block " << to_decimal(*parse_uint256((*status)["blockNumber"].get<std::string>()));
            if (status->contains("reason")) std::cout << ": " << (*status)["reason"].get<std::string>();
            std::cout << "\n";
        });
    }
}

}  // namespace troupe::cli
