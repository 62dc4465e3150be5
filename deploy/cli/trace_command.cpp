#include "deploy/cli/trace_command.hpp"

#include <iomanip>
#include <iostream>
#include <memory>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "deploy/cli/rpc_client.hpp"
#include "deploy/cluster/cluster.hpp"
#include "runtime/base/uint256.hpp"

namespace troupe::cli {
namespace {

struct Arguments {
    std::string transaction;
    std::string rpc;
    std::string tracer = "call";
    bool memory = false;
};

/// What other nodes answer is not trusted to have the shape that ours has.
[[nodiscard]] std::string text(const Json& object, const char* field) {
    if (!object.contains(field)) return {};
    const auto& value = object[field];
    return value.is_string() ? value.get<std::string>() : value.dump();
}

void print_steps(const Json& result) {
    std::cout << "      pc  depth          gas       cost  instruction\n";
    if (!result.contains("structLogs")) return;
    for (const auto& step : result["structLogs"]) {
        std::cout << std::setw(8) << text(step, "pc") << std::setw(7) << text(step, "depth") << std::setw(13)
                  << text(step, "gas") << std::setw(11) << text(step, "gasCost") << "  " << text(step, "op");
        if (step.contains("stack") && !step["stack"].empty()) std::cout << "  top " << step["stack"].back().dump();
        if (step.contains("error")) std::cout << "  " << text(step, "error");
        std::cout << "\n";
    }
    std::cout << (text(result, "failed") == "true" ? "failed" : "succeeded") << ", " << text(result, "gas")
              << " gas, returned " << text(result, "returnValue") << "\n";
}

void print_call(const Json& call, int depth) {
    const auto gas = parse_uint256(text(call, "gasUsed"));
    std::cout << std::string(static_cast<std::size_t>(depth) * 2, ' ') << text(call, "type") << " " << text(call, "to");
    const auto value = parse_uint256(text(call, "value"));
    if (value && !value->is_zero()) std::cout << " value " << to_decimal(*value);
    std::cout << " input " << text(call, "input") << ": " << (gas ? to_decimal(*gas) : "?") << " gas";
    if (call.contains("output")) std::cout << ", output " << text(call, "output");
    if (call.contains("error")) std::cout << ", " << text(call, "error");
    if (call.contains("revertReason")) std::cout << ": " << text(call, "revertReason");
    std::cout << "\n";
    if (call.contains("calls") && call["calls"].is_array())
        for (const auto& inner : call["calls"]) print_call(inner, depth + 1);
}

void run(Context& context, const Arguments& arguments) {
    const auto url = gateway_url(context, arguments.rpc);
    if (!url) return;
    Json config = Json::object();
    if (arguments.tracer != "struct") config["tracer"] = arguments.tracer + "Tracer";
    if (arguments.memory) config["enableMemory"] = true;
    RpcClient rpc{*url};
    const auto result = rpc.call("debug_traceTransaction", Json::array({arguments.transaction, config}));
    if (!result) return context.fail(result.error());
    if (context.json || arguments.tracer == "prestate")
        std::cout << result->dump(2) << "\n";
    else if (arguments.tracer == "call")
        print_call(*result, 0);
    else
        print_steps(*result);
}

}  // namespace

void add_trace_command(CLI::App& vm, Context& context) {
    auto* command = vm.add_subcommand("trace", "Execute a transaction of the chain again and show what it did");
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("TX", arguments->transaction, "Hash of an executed transaction")->required();
    command
        ->add_option("--tracer", arguments->tracer,
                     "call: the tree of calls; struct: every instruction; prestate: accounts as they were before")
        ->check(CLI::IsMember({"call", "struct", "prestate"}))
        ->capture_default_str();
    command->add_flag("--memory", arguments->memory, "Memory at each instruction (struct, with --json)");
    command->add_option("--rpc", arguments->rpc, "JSON-RPC URL (default: the cluster's gateway)");
    add_common(*command, context);
    command->callback([&context, arguments] { run(context, *arguments); });
}

}  // namespace troupe::cli
