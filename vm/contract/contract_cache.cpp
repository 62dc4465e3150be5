#include "vm/contract/contract_cache.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/base/limits.hpp"
#include "vm/contract/gas.hpp"
#include "vm/contract/host_functions.hpp"

namespace troupe::contract {
namespace {

constexpr std::uint32_t stack_units = 16 * 1024;
constexpr std::uint32_t memory_pages = 256;
constexpr std::uint32_t table_elements = 65'536;

[[nodiscard]] std::vector<vm::SandboxPool::HostFunction> make_hosts() {
    std::vector<vm::SandboxPool::HostFunction> out;
    for (const auto& host : host_functions())
        out.push_back({host_module, host.name, function_type(host.signature), host.call});
    return out;
}

[[nodiscard]] Result<std::optional<std::uint32_t>> find_entry(const wasm::Module& module, std::string_view name) {
    for (const auto& entry : module.exports) {
        if (entry.name != name) continue;
        if (entry.kind != wasm::ExternKind::function || module.type_of_function(entry.index) != wasm::FunctionType{})
            return make_error(ErrorCode::invalid, fmt::format("export {} is no function of type () -> ()", name));
        return std::optional{entry.index};
    }
    return std::optional<std::uint32_t>{};
}

[[nodiscard]] std::int64_t fuel_of_instance(const wasm::Module& module) {
    auto out = instance_fuel;
    for (const auto& segment : module.data) out += segment.bytes_size / data_bytes_per_fuel;
    for (const auto& segment : module.elements)
        out += static_cast<std::int64_t>(segment.items.size()) / elements_per_fuel;
    for (const auto& table : module.tables) out += table.limits.min / elements_per_fuel;
    return out + static_cast<std::int64_t>(module.functions.size() + module.globals.size()) / elements_per_fuel;
}

}  // namespace

const vm::Profile& contract_profile() {
    static const auto profile = [] {
        std::vector<std::string> allowed;
        for (const auto& host : host_functions()) allowed.push_back(fmt::format("{}.{}", host_module, host.name));
        auto out = vm::deterministic_profile(std::move(allowed));
        out.name = "contract";
        out.limits.module_bytes = limits::package_bytes_max;
        out.limits.memory_pages = memory_pages;
        out.limits.table_elements = table_elements;
        out.limits.tables = 4;
        // Only the interpreter runs it, too slowly for its price.
        out.limits.simd = false;
        out.machine.stack_units = stack_units;
        out.machine.fuel_per_page = fuel_per_grown_page;
        out.machine.fuel_per_dirty_chunk = fuel_per_dirty_chunk;
        return out;
    }();
    return profile;
}

Result<ContractPtr> ContractCache::make(ByteView code) const {
    static const auto hosts = make_hosts();
    const auto& profile = contract_profile();
    auto module = wasm::load({code.begin(), code.end()}, profile.limits);
    if (!module) return module.error();
    for (const auto& import : (*module)->imports)
        if (import.kind != wasm::ExternKind::function)
            return make_error(ErrorCode::invalid, "a contract imports functions only");
    const auto call = find_entry(**module, "call");
    if (!call) return call.error();
    if (!*call) return make_error(ErrorCode::invalid, "a contract exports a function named call");
    const auto deploy = find_entry(**module, "deploy");
    if (!deploy) return deploy.error();
    auto out = std::make_shared<Contract>();
    out->call = **call;
    out->deploy = *deploy;
    out->instance_fuel = fuel_of_instance(**module);
    constexpr bool charges_chunks = true;
    auto compiled = std::make_shared<vm::CompiledModule>(*module, options_.compiler, vm::Passes::none, charges_chunks);
    auto pool = vm::SandboxPool::make(std::move(compiled), profile, hosts);
    if (!pool) {
        // Not a property of the module: going on would let this node differ from the others.
        TROUPE_ASSERT(pool.error().code != ErrorCode::unavailable);
        return pool.error();
    }
    out->pool = std::move(*pool);
    return ContractPtr{out};
}

ContractPtr ContractCache::find(const CodeHash& hash) {
    const std::lock_guard lock{mutex_};
    const auto it = entries_.find(hash);
    if (it == entries_.end()) return nullptr;
    it->second.is_used = true;
    return it->second.contract;
}

Result<ContractPtr> ContractCache::get(const CodeHash& hash, ByteView code) {
    if (auto found = find(hash)) return found;
    auto made = make(code);
    if (!made) return made;
    // Lists of what the module has, its register form and machine code, and an idle instance with its stacks.
    const auto bytes = (std::size_t{64} << 10) + 40 * code.size();
    const std::lock_guard lock{mutex_};
    const auto [it, is_new] = entries_.try_emplace(hash, Entry{*made, bytes});
    if (!is_new) return it->second.contract;
    order_.push_back(hash);
    bytes_ += bytes;
    evict();
    return made;
}

void ContractCache::evict() {
    while (bytes_ > options_.cache_bytes_max && order_.size() > 1) {
        const auto hash = order_.front();
        order_.pop_front();
        auto& entry = entries_.at(hash);
        if (entry.is_used) {
            entry.is_used = false;
            order_.push_back(hash);
        } else {
            bytes_ -= entry.bytes;
            entries_.erase(hash);
        }
    }
}

}  // namespace troupe::contract
