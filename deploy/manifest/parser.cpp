#include "deploy/manifest/parser.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <arpa/inet.h>

#include "deploy/keys/keys.hpp"
#include "deploy/manifest/chain_fields.hpp"
#include "deploy/manifest/hint.hpp"
#include "deploy/manifest/ports.hpp"

namespace troupe::manifest_detail {
namespace {

constexpr std::uint16_t first_unprivileged_port = 1024;
constexpr std::uint64_t ether_most = 1'000'000'000'000;

/// Roles of the design that no node of this version can take.
const std::vector<std::string> later_roles{"worker", "verifier", "estimator"};

/// Signing for a public network by mistake costs real money; 1337 and 31337 make tools take us for another node.
const std::map<std::uint64_t, std::string> public_chains{
    {1, "Ethereum"},      {5, "Goerli"},      {10, "Optimism"},        {25, "Cronos"},     {56, "BNB Chain"},
    {100, "Gnosis"},      {137, "Polygon"},   {250, "Fantom"},         {324, "zkSync"},    {1101, "Polygon zkEVM"},
    {8453, "Base"},       {17000, "Holesky"}, {42161, "Arbitrum"},     {42220, "Celo"},    {43114, "Avalanche"},
    {59144, "Linea"},     {80002, "Amoy"},    {84532, "Base Sepolia"}, {534352, "Scroll"}, {560048, "Hoodi"},
    {11155111, "Sepolia"}};

[[nodiscard]] uint256 ether(std::uint64_t amount) { return uint256{amount} * uint256{1'000'000'000'000'000'000ULL}; }

constexpr const char* name_rule = "expected 1 to 64 letters, digits, - or _, not starting with -";

[[nodiscard]] bool is_ipv4(const std::string& text) {
    in_addr parsed{};
    return ::inet_pton(AF_INET, text.c_str(), &parsed) == 1;
}

class Parser {
public:
    Parser(const toml::table& root, const PortsByNode& known, ManifestReport& report)
        : root_(root), known_(known), in_(report.faults), manifest_(report.manifest) {}

    void run() {
        in_.check_keys(root_, "", {"name", "chain", "accounts", "account", "host", "node", "spare_followers"});
        if (in_.text(root_, "", "name", manifest_.name) && !is_valid_name(manifest_.name))
            in_.fault_in(root_, "", "name", name_rule);
        in_.number(root_, "", "spare_followers", manifest_.spare_followers, {0, 1000});
        manifest_.chain.chain_id = 74123;
        if (const auto* chain = in_.table(root_, "chain")) read_chain(*chain);
        manifest_.dev_balance = ether(1'000'000);
        if (const auto* accounts = in_.table(root_, "accounts")) read_development_accounts(*accounts);
        for (const auto* account : in_.tables(root_, "account")) read_account(*account);
        for (const auto* host : in_.tables(root_, "host")) read_host(*host);
        for (const auto* node : in_.tables(root_, "node")) read_node(*node);
        if (root_.get("node") == nullptr)
            in_.fault(root_, "node", "no [[node]] entries: a cluster needs at least one validator");
        give_out_ports();
        check_roles_of_cluster();
        std::ranges::stable_partition(entries_, [](const Entry& entry) { return entry.node.is_validator(); });
        for (auto& entry : entries_) manifest_.nodes.push_back(std::move(entry.node));
    }

private:
    /// A node and the [[node]] it comes from.
    struct Entry {
        ManifestNode node;
        const toml::table* table = nullptr;
    };

    void read_chain(const toml::table& t) {
        auto& chain = manifest_.chain;
        std::vector<std::string> allowed{"rules", "signatures"};
        for (const auto& number : chain_numbers()) allowed.emplace_back(number.key);
        in_.check_keys(t, "chain", allowed);
        for (const auto& number : chain_numbers()) {
            std::uint64_t value = 0;
            if (in_.number(t, "chain", number.key, value, {number.least, number.most})) number.set(chain, value);
        }
        std::string rules;
        if (in_.choice(t, "chain", "rules", {"troupe", "dbft2"}, rules))
            chain.rules = rules == "dbft2" ? ConsensusRules::dbft2 : ConsensusRules::troupe;
        std::string signatures;
        if (in_.choice(t, "chain", "signatures", {"ed25519", "bls"}, signatures))
            chain.signatures = signatures == "bls" ? SignatureKind::bls : SignatureKind::ed25519;

        if (const auto known = public_chains.find(chain.chain_id); known != public_chains.end())
            in_.fault_in(
                t, "chain", "chain_id",
                "is " + known->second + "'s: what is signed here would be valid there; choose one of your own");
        else if (chain.chain_id == 1337 || chain.chain_id == 31337)
            in_.fault_in(t, "chain", "chain_id",
                         "makes tools take this for a Ganache, Hardhat or Anvil node; choose one of your own");
        if (chain.chunk_lifetime > chain.epoch_length)
            in_.fault_in(t, "chain", "chunk_lifetime_ms",
                         "must not exceed epoch_ms (" + std::to_string(chain.epoch_length.value) +
                             "): builders are known one epoch ahead");
        if (chain.chunk_lifetime < chain.chunk_slot)
            in_.fault_in(t, "chain", "chunk_lifetime_ms",
                         "must be at least chunk_slot_ms, or every chunk is born expired");
        if (chain.heartbeat_interval < chain.block_interval)
            in_.fault_in(t, "chain", "heartbeat_ms",
                         "must not be below block_interval_ms (" + std::to_string(chain.block_interval.value) + ")");
        if (chain.view_time < chain.block_interval)
            in_.warning_in(t, "chain", "view_time_ms",
                           "is below block_interval_ms: views may change before a primary proposes");
    }

    void read_development_accounts(const toml::table& t) {
        in_.check_keys(t, "accounts", {"dev", "dev_balance_ether"});
        in_.number(t, "accounts", "dev", manifest_.dev_accounts, {0, 10'000});
        std::uint64_t balance = 1'000'000;
        in_.number(t, "accounts", "dev_balance_ether", balance, {0, ether_most});
        manifest_.dev_balance = ether(balance);
    }

    void read_account(const toml::table& t) {
        in_.check_keys(t, "account", {"address", "key", "balance_ether"});
        std::uint64_t whole = 0;
        in_.number(t, "account", "balance_ether", whole, {0, ether_most});
        const auto balance = ether(whole);
        if (t.get("key") != nullptr) {
            if (t.get("address") != nullptr) in_.fault_in(t, "account", "key", "stands in for address: name only one");
            std::string key;
            if (!in_.text(t, "account", "key", key)) return;
            if (!is_valid_name(key)) return in_.fault_in(t, "account", "key", name_rule);
            if (std::ranges::find(manifest_.key_accounts, key, &ManifestKeyAccount::key) !=
                manifest_.key_accounts.end())
                return in_.fault_in(t, "account", "key", "\"" + key + "\" is listed twice");
            manifest_.key_accounts.push_back({key, balance});
            return;
        }
        std::string text;
        if (!in_.required_text(t, "account", "address", text)) return;
        const auto parsed = text.starts_with("0x") ? fixed_from_hex<Address>(text) : std::nullopt;
        if (!parsed)
            return in_.fault_in(t, "account", "address",
                                "expected 0x and 40 hex digits, found " + std::to_string(text.size()) + " characters");
        const auto has = [&](auto test) {
            return std::any_of(text.begin() + 2, text.end(),
                               [&](char c) { return test(static_cast<unsigned char>(c)) != 0; });
        };
        const auto checksummed = checksum_address(*parsed);
        if (has([](int c) { return std::isupper(c); }) && has([](int c) { return std::islower(c); }) &&
            text != checksummed)
            in_.fault_in(t, "account", "address",
                         "its capitals do not match its checksum (EIP-55): a mistyped digit? If it is right, write " +
                             checksummed);
        if (std::ranges::find(manifest_.accounts, *parsed, &GenesisAccount::address) != manifest_.accounts.end())
            return in_.fault_in(t, "account", "address", "is listed twice");
        GenesisAccount account;
        account.address = *parsed;
        account.balance = balance;
        manifest_.accounts.push_back(std::move(account));
    }

    void read_host(const toml::table& t) {
        in_.check_keys(t, "host", {"name", "address", "agent_port", "labels"});
        ManifestHost host;
        if (in_.required_text(t, "host", "name", host.name)) {
            if (!is_valid_name(host.name))
                in_.fault_in(t, "host", "name", name_rule);
            else if (host.name == local_host_name)
                in_.fault_in(t, "host", "name", "\"local\" is this host, without an agent; choose another name");
            else if (find_host(host.name) != nullptr)
                in_.fault_in(t, "host", "name", "\"" + host.name + "\" is the name of two hosts");
        }
        if (in_.required_text(t, "host", "address", host.address) &&
            (!is_ipv4(host.address) || host.address == "0.0.0.0"))
            in_.fault_in(t, "host", "address", "expected the IPv4 address at which the others reach this host");
        in_.number(t, "host", "agent_port", host.agent_port, {1, 65535});
        for (auto& label : read_names(t, "host", "labels")) host.labels.push_back(std::move(label));
        manifest_.hosts.push_back(std::move(host));
    }

    [[nodiscard]] const ManifestHost* find_host(const std::string& name) const {
        const auto it = std::ranges::find(manifest_.hosts, name, &ManifestHost::name);
        return it == manifest_.hosts.end() ? nullptr : &*it;
    }

    /// A list of names; nothing if it is absent or wrong.
    [[nodiscard]] std::vector<std::string> read_names(const toml::table& t, const std::string& prefix,
                                                      const char* key) {
        std::vector<std::string> out;
        const auto* value = t.get(key);
        if (value == nullptr) return out;
        const auto* list = value->as_array();
        if (list == nullptr || list->empty()) {
            in_.fault(*value, prefix + "." + key, "expected a list of names, found " + kind_of(*value));
            return out;
        }
        for (const auto& element : *list) {
            const auto name = element.value_exact<std::string>();
            if (name && is_valid_name(*name))
                out.push_back(*name);
            else
                in_.fault(element, prefix + "." + key, name_rule);
        }
        return out;
    }

    void require_host(const toml::table& t, const char* key, const std::string& name) {
        if (name == local_host_name || find_host(name) != nullptr) return;
        std::vector<std::string> known{local_host_name};
        for (const auto& host : manifest_.hosts) known.push_back(host.name);
        in_.fault_in(t, "node", key, "no [[host]] is called \"" + name + "\"" + suggestion(name, known));
    }

    /// On which host each of the `count` nodes runs: `host` names one; `hosts` names several, to take turns, or says
    /// how many each takes; `label` lets all hosts that carry it take turns; without any of them all hosts do.
    [[nodiscard]] std::vector<std::string> place(const toml::table& t, std::uint64_t count) {
        std::vector<std::string> turns;
        const char* by = nullptr;
        for (const char* key : {"host", "hosts", "label"}) {
            if (t.get(key) == nullptr) continue;
            if (by != nullptr) in_.fault_in(t, "node", key, std::string{"and "} + by + ": name only one of them");
            by = key;
        }
        std::string text;
        if (in_.text(t, "node", "host", text)) {
            require_host(t, "host", text);
            turns = {text};
        } else if (in_.text(t, "node", "label", text)) {
            for (const auto& host : manifest_.hosts)
                if (std::ranges::find(host.labels, text) != host.labels.end()) turns.push_back(host.name);
            if (turns.empty()) in_.fault_in(t, "node", "label", "no [[host]] has the label \"" + text + "\"");
        } else if (const auto* hosts = t.get("hosts"); hosts != nullptr && hosts->is_table()) {
            return place_by_count(t, *hosts->as_table(), count);
        } else if (hosts != nullptr) {
            turns = read_names(t, "node", "hosts");
            for (const auto& name : turns) require_host(t, "hosts", name);
        } else {
            for (const auto& host : manifest_.hosts) turns.push_back(host.name);
        }
        if (turns.empty()) turns = {local_host_name};
        std::vector<std::string> out;
        for (std::uint64_t i = 0; i < count; ++i) out.push_back(turns[i % turns.size()]);
        return out;
    }

    [[nodiscard]] std::vector<std::string> place_by_count(const toml::table& t, const toml::table& shares,
                                                          std::uint64_t count) {
        std::vector<std::string> out;
        for (const auto& [key, value] : shares) {
            const std::string name{key.str()};
            require_host(t, "hosts", name);
            std::uint64_t share = 0;
            in_.number(shares, "node.hosts", key.str(), share, {0, limits::validators_max});
            for (std::uint64_t i = 0; i < share && out.size() < limits::nodes_max; ++i) out.push_back(name);
        }
        if (out.size() != count)
            in_.fault_in(
                t, "node", "hosts",
                "the hosts take " + std::to_string(out.size()) + " nodes, count says " + std::to_string(count));
        out.resize(count, local_host_name);
        return out;
    }

    void read_node(const toml::table& t) {
        in_.check_keys(t, "node",
                       {"name", "count", "roles", "host", "hosts", "label", "address", "link_port", "rpc_port",
                        "rpc_host", "vm_workers", "log_level"});
        ManifestNode node;
        if (in_.required_text(t, "node", "name", node.name) && !is_valid_name(node.name))
            in_.fault_in(t, "node", "name", name_rule);
        read_addresses(t, node);
        in_.number(t, "node", "vm_workers", node.vm_workers, {1, 1024});
        in_.choice(t, "node", "log_level", {"trace", "debug", "info", "warn", "error"}, node.log_level);
        read_roles(t, node);
        if (!node.has_role("gateway"))
            for (const char* key : {"rpc_port", "rpc_host"})
                if (t.get(key) != nullptr && !node.roles.empty())
                    in_.fault_in(t, "node", key, "only a node with the gateway role answers JSON-RPC");

        std::uint64_t count = 1;
        const bool counted = in_.number(t, "node", "count", count, {1, limits::validators_max});
        for (const auto& [key, port] : {std::pair{"link_port", node.link_port}, {"rpc_port", node.rpc_port}})
            if (port != 0 && port + count - 1 > 65535)
                return in_.fault_in(
                    t, "node", key,
                    std::to_string(count) + " ports from " + std::to_string(port) + " upwards do not fit below 65536");
        if (entries_.size() + count + manifest_.spare_followers > limits::nodes_max)
            return in_.fault_in(t, "node", "count",
                                "more than " + std::to_string(limits::nodes_max) + " nodes in all (spare ones count)");
        const auto hosts = place(t, count);
        for (std::uint64_t i = 0; i < count; ++i) {
            auto copy = node;
            copy.host = hosts[i];
            if (const auto* host = find_host(copy.host); host != nullptr && t.get("address") == nullptr)
                copy.address = host->address;
            if (counted) copy.name = node.name + "-" + std::to_string(i + 1);
            if (node.link_port != 0) copy.link_port = static_cast<std::uint16_t>(node.link_port + i);
            if (node.rpc_port != 0) copy.rpc_port = static_cast<std::uint16_t>(node.rpc_port + i);
            if (copy.name.starts_with("spare-"))
                in_.fault_in(t, "node", "name", "\"spare-…\" names the identities kept for nodes added later");
            else if (!names_.insert(copy.name).second && !copy.name.empty())
                in_.fault_in(t, "node", "name", "\"" + copy.name + "\" is the name of two nodes");
            entries_.push_back({std::move(copy), &t});
        }
    }

    void read_addresses(const toml::table& t, ManifestNode& node) {
        in_.number(t, "node", "link_port", node.link_port, {1, 65535});
        in_.number(t, "node", "rpc_port", node.rpc_port, {1, 65535});
        for (const auto& [key, port] : {std::pair{"link_port", node.link_port}, {"rpc_port", node.rpc_port}})
            if (port != 0 && port < first_unprivileged_port)
                in_.warning_in(t, "node", key, "is below 1024: only root may listen there");
        for (const auto& [key, text] : {std::pair{"address", &node.address}, {"rpc_host", &node.rpc_host}})
            if (in_.text(t, "node", key, *text) && !is_ipv4(*text))
                in_.fault_in(t, "node", key,
                             "expected an IPv4 address" +
                                 std::string{*text == "localhost" ? "; did you mean \"127.0.0.1\"?" : ""});
        if (node.address == "0.0.0.0")
            in_.fault_in(t, "node", "address", "expected the address at which the other nodes reach this one");
        if (t.get("rpc_host") != nullptr && is_ipv4(node.rpc_host) && !node.rpc_host.starts_with("127."))
            in_.warning_in(t, "node", "rpc_host", "JSON-RPC will be open to others than this host");
    }

    void read_roles(const toml::table& t, ManifestNode& node) {
        const auto* roles = t.get("roles");
        if (roles == nullptr) return in_.fault(t, "node.roles", "is missing; roles: " + list_of(known_roles()));
        const auto* list = roles->as_array();
        if (list == nullptr || list->empty())
            return in_.fault(*roles, "node.roles",
                             "expected a list of roles: " + list_of(known_roles()) +
                                 (list == nullptr ? "; found " + kind_of(*roles) : ""));
        bool all_known = true;
        for (const auto& element : *list) {
            const auto role = element.value_exact<std::string>();
            if (!role) {
                in_.fault(element, "node.roles", "expected text, found " + kind_of(element));
                all_known = false;
                continue;
            }
            if (std::ranges::find(known_roles(), *role) == known_roles().end()) {
                all_known = false;
                const auto near = suggestion(*role, known_roles());
                if (std::ranges::find(later_roles, *role) != later_roles.end())
                    in_.fault(
                        element, "node.roles",
                        "role \"" + *role + "\" can't be launched by this version; it knows " + list_of(known_roles()));
                else
                    in_.fault(element, "node.roles",
                              "unknown role \"" + *role + "\"" +
                                  (near.empty() ? "; expected one of: " + list_of(known_roles()) : near));
            }
            if (node.has_role(*role)) in_.fault(element, "node.roles", "\"" + *role + "\" twice");
            node.roles.push_back(*role);
        }
        // A mistyped role would show as a missing one besides.
        if (!all_known) return;
        const auto need = [&](const char* of, std::initializer_list<const char*> needed) {
            if (!node.has_role(of)) return;
            for (const char* role : needed)
                if (!node.has_role(role))
                    in_.fault(*roles, "node.roles", std::string{"a node with "} + of + " needs " + role + " too");
        };
        need("consensus", {"chunk_builder", "chunk_signer", "executor", "vm_pool"});
        need("chunk_builder", {"consensus"});
        need("chunk_signer", {"consensus"});
        need("gateway", {"executor", "vm_pool"});
        need("storage_node", {"executor", "vm_pool"});
        for (const char* role : {"storage_node", "metadata_node", "batch_validator", "arbiter"})
            if (node.has_role("consensus") && node.has_role(role))
                in_.fault(*roles, "node.roles",
                          std::string{"a validator can't be "} + role + ": it would vouch for itself");
        if (node.has_role("consensus") || node.has_role("gateway")) return;
        if (node.has_role("vm_pool") && !node.has_role("executor") && !node.is_worker())
            in_.fault(
                *roles, "node.roles",
                "vm_pool without executor makes a worker, which can have no other role; give it a node of its own");
        if (node.runs_beside_the_chain()) return;
        if (!node.has_role("executor")) in_.fault(*roles, "node.roles", "a node needs executor and vm_pool");
        need("executor", {"vm_pool"});
    }

    void give_out_ports() {
        // In the final order, so that ports follow it: validators first.
        std::vector<Entry*> order;
        for (auto& entry : entries_)
            if (entry.node.is_validator()) order.push_back(&entry);
        for (auto& entry : entries_)
            if (!entry.node.is_validator()) order.push_back(&entry);

        // By host and port: whose it is.
        std::map<std::pair<std::string, std::uint16_t>, std::string> used;
        const auto claim = [&](Entry& entry, const char* key, std::uint16_t port) {
            if (port == 0) return;
            const auto [owner, is_new] = used.emplace(std::pair{entry.node.host, port}, entry.node.name);
            if (!is_new)
                in_.fault_in(*entry.table, "node", key,
                             "port " + std::to_string(port) + " of " + entry.node.name + " is used by " +
                                 (owner->second == entry.node.name ? "its other port" : owner->second) + " too");
        };
        for (auto* entry : order) {
            claim(*entry, "link_port", entry->node.link_port);
            claim(*entry, "rpc_port", entry->node.rpc_port);
        }
        // No number is given out twice in the cluster: on whichever host a node runs one day, its port is free there.
        std::uint32_t next_link = first_link_port;
        std::uint32_t next_rpc = first_rpc_port;
        const auto is_used = [&](std::uint32_t port) {
            return std::ranges::any_of(used, [&](const auto& item) { return item.first.second == port; });
        };
        const auto next_free = [&](std::uint32_t& next, Entry& entry) -> std::uint16_t {
            while (next <= 65535 && is_used(next)) ++next;
            if (next > 65535) {
                in_.fault(*entry.table, "node", "no port is left for " + entry.node.name);
                return 0;
            }
            used.emplace(std::pair{entry.node.host, static_cast<std::uint16_t>(next)}, entry.node.name);
            return static_cast<std::uint16_t>(next++);
        };
        const auto keep = [&](std::uint16_t& port, std::uint16_t known, const Entry& entry) {
            if (port != 0 || known == 0 || is_used(known)) return;
            port = known;
            used.emplace(std::pair{entry.node.host, known}, entry.node.name);
        };
        for (auto* entry : order) {
            const auto known = known_.find(entry->node.name);
            if (known == known_.end()) continue;
            keep(entry->node.link_port, known->second.link, *entry);
            if (entry->node.has_role("gateway")) keep(entry->node.rpc_port, known->second.rpc, *entry);
        }
        for (auto* entry : order) {
            auto& node = entry->node;
            if (node.link_port == 0) node.link_port = next_free(next_link, *entry);
            if (node.rpc_port == 0 && node.has_role("gateway")) node.rpc_port = next_free(next_rpc, *entry);
        }
    }

    void check_roles_of_cluster() {
        if (entries_.empty()) return;
        const auto with = [&](const char* role) {
            return static_cast<std::size_t>(
                std::ranges::count_if(entries_, [&](const Entry& entry) { return entry.node.has_role(role); }));
        };
        const auto n = with("consensus");
        const auto& first = *entries_.front().table;
        if (n == 0) in_.fault(first, "node", "no validator: at least one node needs the consensus role");
        if (n > limits::validators_max)
            in_.fault(first, "node", "more than " + std::to_string(limits::validators_max) + " validators");
        const auto f = faulty_max(n);
        if (n == 1)
            in_.warning(first, "node", "1 validator: when it stops, the cluster stops; 4 tolerate 1 faulty");
        else if (n == 2 || n == 3)
            in_.warning(first, "node", std::to_string(n) + " validators tolerate no faulty one; 4 tolerate 1");
        else if (n > 4 && n != 3 * f + 1)
            in_.warning(first, "node",
                        std::to_string(n) + " validators tolerate " + std::to_string(f) + " faulty, as " +
                            std::to_string(3 * f + 1) + " do; " + std::to_string(3 * f + 4) + " tolerate " +
                            std::to_string(f + 1));
        if (with("arbiter") > 1) in_.fault(first, "node", "more than one arbiter");
        for (const char* role : {"metadata_node", "batch_validator"})
            if (with(role) > 0 && with("arbiter") == 0)
                in_.warning(first, "node", std::string{"no arbiter: "} + role + " has nobody to report to");
        if (with("batch_validator") > 0 && (with("storage_node") == 0 || with("metadata_node") == 0))
            in_.warning(first, "node", "batch_validator needs a storage_node and a metadata_node to fetch from");
        if (with("gateway") == 0 && std::ranges::any_of(entries_, [](const Entry& e) { return e.node.is_worker(); }))
            in_.warning(first, "node", "no gateway: nobody gives work to the workers");
        if (with("gateway") == 0) in_.warning(first, "node", "no gateway: nothing will answer JSON-RPC");
    }

    const toml::table& root_;
    const PortsByNode& known_;
    TomlReader in_;
    Manifest& manifest_;
    std::vector<Entry> entries_;
    std::set<std::string> names_;
};

}  // namespace

void read_manifest(const toml::table& root, const PortsByNode& known, ManifestReport& report) {
    Parser{root, known, report}.run();
}

}  // namespace troupe::manifest_detail
