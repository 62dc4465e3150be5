#include "deploy/manifest/manifest.hpp"

#include <algorithm>
#include <set>

#include <toml++/toml.h>

namespace troupe {
namespace {

constexpr std::uint16_t first_link_port = 9700;
constexpr std::uint16_t first_rpc_port = 8545;
constexpr std::uint64_t nodes_of_one_entry_max = 4096;

struct Bounds {
    std::uint64_t least = 0;
    std::uint64_t most = 0;
};

[[nodiscard]] std::string kind_of(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table: return "a table";
        case toml::node_type::array: return "an array";
        case toml::node_type::string: return "text";
        case toml::node_type::integer: return "a number";
        case toml::node_type::floating_point: return "a fraction";
        case toml::node_type::boolean: return "true or false";
        default: return "a date";
    }
}

class Parser {
public:
    explicit Parser(ManifestReport& report) : report_(report), manifest_(report.manifest) {}

    void run(const toml::table& root) {
        keys(root, "", {"name", "chain", "accounts", "account", "node", "spare_followers"});
        text(root, "", "name", manifest_.name);
        if (manifest_.name.empty() || manifest_.name.size() > 64 || !std::ranges::all_of(manifest_.name, [](char c) {
                return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
            }))
            fault(root.get("name"), root, "name", "expected 1 to 64 letters, digits, - or _");
        number(root, "", "spare_followers", manifest_.spare_followers, {0, 1000});
        manifest_.chain.chain_id = 74123;
        if (const auto* chain = table(root, "chain")) read_chain(*chain);
        manifest_.dev_balance = ether(1'000'000);
        if (const auto* accounts = table(root, "accounts")) {
            keys(*accounts, "accounts", {"dev", "dev_balance_ether"});
            number(*accounts, "accounts", "dev", manifest_.dev_accounts, {0, 10'000});
            std::uint64_t balance = 1'000'000;
            number(*accounts, "accounts", "dev_balance_ether", balance, {0, 1'000'000'000'000});
            manifest_.dev_balance = ether(balance);
        }
        if (const auto* list = array(root, "account")) read_accounts(*list);
        if (const auto* list = array(root, "node"))
            read_nodes(*list);
        else if (root.get("node") == nullptr)
            fault(nullptr, root, "node", "no [[node]] entries: a cluster needs at least one validator");
        finish(root);
    }

private:
    [[nodiscard]] static uint256 ether(std::uint64_t amount) {
        return uint256{amount} * uint256{1'000'000'000'000'000'000ULL};
    }

    void add(const toml::source_region& at, std::string field, std::string message, bool is_warning = false) {
        report_.faults.push_back({at.begin.line, at.begin.column, std::move(field), std::move(message), is_warning});
    }
    void fault(const toml::node* at, const toml::node& otherwise, std::string field, std::string message) {
        add((at != nullptr ? *at : otherwise).source(), std::move(field), std::move(message));
    }
    [[nodiscard]] static std::string join(const std::string& prefix, std::string_view key) {
        return prefix.empty() ? std::string{key} : prefix + "." + std::string{key};
    }

    void keys(const toml::table& t, const std::string& prefix, const std::vector<std::string>& allowed) {
        for (const auto& [key, value] : t) {
            const std::string name{key.str()};
            if (std::ranges::find(allowed, name) != allowed.end()) continue;
            const auto near = nearest(name, allowed);
            std::string list;
            for (const auto& one : allowed) list += (list.empty() ? "" : ", ") + one;
            add(key.source(), join(prefix, name),
                "unknown key" + (near.empty() ? "; expected one of: " + list : "; did you mean \"" + near + "\"?"));
        }
    }
    const toml::table* table(const toml::table& root, std::string_view key) {
        const auto* node = root.get(key);
        if (node == nullptr) return nullptr;
        if (!node->is_table())
            return fault(node, root, std::string{key},
                         "expected a table [" + std::string{key} + "], found " + kind_of(*node)),
                   nullptr;
        return node->as_table();
    }
    const toml::array* array(const toml::table& root, std::string_view key) {
        const auto* node = root.get(key);
        if (node == nullptr) return nullptr;
        if (!node->is_array())
            return fault(node, root, std::string{key},
                         "expected [[" + std::string{key} + "]] entries, found " + kind_of(*node)),
                   nullptr;
        return node->as_array();
    }
    bool text(const toml::table& t, const std::string& prefix, std::string_view key, std::string& out) {
        const auto* node = t.get(key);
        if (node == nullptr) return false;
        if (const auto value = node->value_exact<std::string>()) return out = *value, true;
        fault(node, t, join(prefix, key), "expected text, found " + kind_of(*node));
        return false;
    }
    template <class T>
    bool number(const toml::table& t, const std::string& prefix, std::string_view key, T& out, Bounds bounds) {
        const auto* node = t.get(key);
        if (node == nullptr) return false;
        const auto value = node->value_exact<std::int64_t>();
        const auto range = "a whole number from " + std::to_string(bounds.least) + " to " + std::to_string(bounds.most);
        if (!value) return fault(node, t, join(prefix, key), "expected " + range + ", found " + kind_of(*node)), false;
        if (*value < 0 || static_cast<std::uint64_t>(*value) < bounds.least ||
            static_cast<std::uint64_t>(*value) > bounds.most)
            return fault(node, t, join(prefix, key), "expected " + range + ", found " + std::to_string(*value)), false;
        out = static_cast<T>(*value);
        return true;
    }
    void duration(const toml::table& t, std::string_view key, DurationMs& out, Bounds bounds) {
        number(t, "chain", key, out.value, bounds);
    }

    void read_chain(const toml::table& t) {
        auto& c = manifest_.chain;
        keys(t, "chain",
             {"chain_id", "rules", "view_time_ms", "block_interval_ms", "heartbeat_ms", "execution_delay", "epoch_ms",
              "rotation_epochs", "chunk_slot_ms", "chunk_lifetime_ms", "transaction_lifetime_ms", "base_fee_wei",
              "block_gas_limit"});
        if (number(t, "chain", "chain_id", c.chain_id, {1, std::uint64_t{1} << 52})) {
            static const std::set<std::uint64_t> taken{1, 5, 10, 56, 100, 137, 8453, 42161, 43114, 11155111};
            if (taken.contains(c.chain_id))
                fault(t.get("chain_id"), t, "chain.chain_id",
                      "is a public network's: transactions signed here would be valid there; choose one of your own");
            else if (c.chain_id == 31337 || c.chain_id == 1337)
                fault(t.get("chain_id"), t, "chain.chain_id",
                      "makes tools take this for a Hardhat or Ganache node; choose one of your own");
        }
        std::string rules;
        if (text(t, "chain", "rules", rules)) {
            if (rules == "troupe")
                c.rules = ConsensusRules::troupe;
            else if (rules == "dbft2")
                c.rules = ConsensusRules::dbft2;
            else {
                const auto near = nearest(rules, {"troupe", "dbft2"});
                fault(t.get("rules"), t, "chain.rules",
                      "expected \"troupe\" or \"dbft2\"" +
                          (near.empty() ? std::string{} : "; did you mean \"" + near + "\"?"));
            }
        }
        duration(t, "view_time_ms", c.view_time, {50, 600'000});
        duration(t, "block_interval_ms", c.block_interval, {5, 600'000});
        duration(t, "heartbeat_ms", c.heartbeat_interval, {10, 3'600'000});
        number(t, "chain", "execution_delay", c.execution_delay, {1, 64});
        duration(t, "epoch_ms", c.epoch_length, {500, 86'400'000});
        number(t, "chain", "rotation_epochs", c.rotation_epochs, {1, 1'000'000'000});
        duration(t, "chunk_slot_ms", c.chunk_slot, {1, 60'000});
        duration(t, "chunk_lifetime_ms", c.chunk_lifetime, {100, 600'000});
        duration(t, "transaction_lifetime_ms", c.transaction_lifetime_max, {100, 86'400'000});
        std::uint64_t fee = c.base_fee.low64();
        number(t, "chain", "base_fee_wei", fee, {1, std::uint64_t{1} << 60});
        c.base_fee = uint256{fee};
        number(t, "chain", "block_gas_limit", c.block_gas_limit, {1 << 24, std::uint64_t{1} << 52});
        if (c.chunk_lifetime > c.epoch_length)
            fault(t.get("chunk_lifetime_ms"), t, "chain.chunk_lifetime_ms",
                  "must not exceed epoch_ms: builders are known one epoch ahead");
        if (c.heartbeat_interval < c.block_interval)
            fault(t.get("heartbeat_ms"), t, "chain.heartbeat_ms", "must not be below block_interval_ms");
    }

    void read_accounts(const toml::array& list) {
        for (const auto& element : list) {
            const auto* t = element.as_table();
            if (t == nullptr) {
                fault(&element, element, "account", "expected [[account]] entries");
                continue;
            }
            keys(*t, "account", {"address", "balance_ether"});
            GenesisAccount account;
            std::string address;
            if (!text(*t, "account", "address", address)) {
                if (t->get("address") == nullptr) fault(nullptr, *t, "account.address", "is missing");
                continue;
            }
            const auto parsed = address.starts_with("0x") ? fixed_from_hex<Address>(address) : std::nullopt;
            if (!parsed) {
                fault(t->get("address"), *t, "account.address", "expected 0x and 40 hex digits");
                continue;
            }
            account.address = *parsed;
            std::uint64_t balance = 0;
            number(*t, "account", "balance_ether", balance, {0, 1'000'000'000'000});
            account.balance = ether(balance);
            if (std::ranges::any_of(manifest_.accounts, [&](const auto& a) { return a.address == account.address; }))
                fault(t->get("address"), *t, "account.address", "is listed twice");
            manifest_.accounts.push_back(std::move(account));
        }
    }

    void read_nodes(const toml::array& list) {
        for (const auto& element : list) {
            const auto* t = element.as_table();
            if (t == nullptr) {
                fault(&element, element, "node", "expected [[node]] entries");
                continue;
            }
            read_node(*t);
        }
    }

    void read_node(const toml::table& t) {
        keys(t, "node",
             {"name", "count", "roles", "host", "address", "link_port", "rpc_port", "rpc_host", "vm_workers",
              "log_level"});
        ManifestNode node;
        if (!text(t, "node", "name", node.name) && t.get("name") == nullptr)
            fault(nullptr, t, "node.name", "is missing");
        // Names become directories.
        const auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; };
        if (t.get("name") != nullptr &&
            (node.name.empty() || node.name.size() > 64 || !std::ranges::all_of(node.name, in_name)))
            fault(t.get("name"), t, "node.name", "expected 1 to 64 letters, digits, - or _");
        text(t, "node", "host", node.host);
        text(t, "node", "address", node.address);
        text(t, "node", "rpc_host", node.rpc_host);
        number(t, "node", "link_port", node.link_port, {1, 65535});
        number(t, "node", "rpc_port", node.rpc_port, {1, 65535});
        number(t, "node", "vm_workers", node.vm_workers, {1, 1024});
        if (text(t, "node", "log_level", node.log_level)) {
            const std::vector<std::string> levels{"trace", "debug", "info", "warn", "error"};
            if (std::ranges::find(levels, node.log_level) == levels.end()) {
                const auto near = nearest(node.log_level, levels);
                fault(t.get("log_level"), t, "node.log_level",
                      "expected trace, debug, info, warn or error" +
                          (near.empty() ? std::string{} : "; did you mean \"" + near + "\"?"));
            }
        }
        if (node.host != "local")
            fault(t.get("host"), t, "node.host", "only \"local\" is supported: other hosts need agents");
        read_roles(t, node);
        std::uint64_t count = 1;
        const bool counted = number(t, "node", "count", count, {1, nodes_of_one_entry_max});
        for (std::uint64_t i = 1; i <= count; ++i) {
            auto copy = node;
            if (counted) copy.name = node.name + "-" + std::to_string(i);
            if (node.link_port != 0) copy.link_port = static_cast<std::uint16_t>(node.link_port + i - 1);
            if (node.rpc_port != 0) copy.rpc_port = static_cast<std::uint16_t>(node.rpc_port + i - 1);
            if (!names_.insert(copy.name).second)
                fault(t.get("name"), t, "node.name", "\"" + copy.name + "\" is the name of two nodes");
            places_.emplace_back(&t, manifest_.nodes.size());
            manifest_.nodes.push_back(std::move(copy));
        }
    }

    void read_roles(const toml::table& t, ManifestNode& node) {
        const auto* roles = t.get("roles");
        const auto* list = roles != nullptr ? roles->as_array() : nullptr;
        if (list == nullptr || list->empty())
            return fault(roles, t, "node.roles", roles == nullptr ? "is missing" : "expected a list of roles");
        for (const auto& element : *list) {
            const auto role = element.value_exact<std::string>();
            if (!role) {
                fault(&element, t, "node.roles", "expected text, found " + kind_of(element));
                continue;
            }
            if (std::ranges::find(known_roles(), *role) == known_roles().end()) {
                const auto near = nearest(*role, known_roles());
                std::string all;
                for (const auto& one : known_roles()) all += (all.empty() ? "" : ", ") + one;
                fault(&element, t, "node.roles",
                      "unknown role \"" + *role + "\"; " +
                          (near.empty() ? "expected one of: " + all : "did you mean \"" + near + "\"?"));
            }
            if (node.has_role(*role)) fault(&element, t, "node.roles", "\"" + *role + "\" twice");
            node.roles.push_back(*role);
        }
        const auto need = [&](const char* of, std::initializer_list<const char*> needed) {
            if (!node.has_role(of)) return;
            for (const char* role : needed)
                if (!node.has_role(role))
                    fault(roles, t, "node.roles", std::string{"a node with "} + of + " needs " + role + " too");
        };
        need("consensus", {"chunk_builder", "chunk_signer", "executor", "vm_pool"});
        need("chunk_builder", {"consensus"});
        need("chunk_signer", {"consensus"});
        need("gateway", {"executor", "vm_pool"});
        need("executor", {"vm_pool"});
        if (!node.has_role("executor")) fault(roles, t, "node.roles", "a node needs executor and vm_pool");
    }

    void finish(const toml::table& root) {
        std::stable_sort(manifest_.nodes.begin(), manifest_.nodes.end(),
                         [](const auto& a, const auto& b) { return a.is_validator() && !b.is_validator(); });
        std::set<std::uint16_t> used;
        for (const auto& node : manifest_.nodes) {
            if (node.link_port != 0 && !used.insert(node.link_port).second)
                duplicate_port(root, node.name, node.link_port);
            if (node.rpc_port != 0 && !used.insert(node.rpc_port).second)
                duplicate_port(root, node.name, node.rpc_port);
        }
        std::uint16_t next_link = first_link_port;
        std::uint16_t next_rpc = first_rpc_port;
        for (auto& node : manifest_.nodes) {
            while (node.link_port == 0)
                if (const auto port = next_link++; used.insert(port).second) node.link_port = port;
            while (node.has_role("gateway") && node.rpc_port == 0)
                if (const auto port = next_rpc++; used.insert(port).second) node.rpc_port = port;
        }
        if (!manifest_.nodes.empty() && manifest_.validators() == 0)
            fault(nullptr, root, "node", "no validator: at least one node needs the consensus role");
        if (manifest_.validators() > limits::validators_max) fault(nullptr, root, "node", "more than 4096 validators");
        const auto n = manifest_.validators();
        if (n == 2 || n == 3)
            add(root.source(), "node", std::to_string(n) + " validators tolerate no faulty one; 4 tolerate 1", true);
        if (!manifest_.nodes.empty() &&
            std::ranges::none_of(manifest_.nodes, [](const auto& node) { return node.has_role("gateway"); }))
            add(root.source(), "node", "no gateway: nothing will answer JSON-RPC", true);
    }

    void duplicate_port(const toml::table& root, const std::string& name, std::uint16_t port) {
        for (const auto& [table, index] : places_)
            if (const auto* node = table->get("name");
                node != nullptr && name.starts_with(node->value_or(std::string{"?"})))
                return fault(table->get("link_port") ? table->get("link_port") : table->get("rpc_port"), *table, "node",
                             "port " + std::to_string(port) + " of " + name + " is used by another node too");
        fault(nullptr, root, "node", "port " + std::to_string(port) + " is used twice");
    }

    ManifestReport& report_;
    Manifest& manifest_;
    std::set<std::string> names_;
    std::vector<std::pair<const toml::table*, std::size_t>> places_;
};

}  // namespace

bool ManifestNode::has_role(std::string_view role) const { return std::ranges::find(roles, role) != roles.end(); }

std::size_t Manifest::validators() const {
    return static_cast<std::size_t>(std::ranges::count_if(nodes, [](const auto& node) { return node.is_validator(); }));
}

bool ManifestReport::ok() const {
    return std::ranges::all_of(faults, [](const auto& fault) { return fault.is_warning; });
}

ManifestReport parse_manifest(std::string_view text, const std::string& file) {
    ManifestReport report;
    try {
        const auto root = toml::parse(text, file);
        Parser{report}.run(root);
    } catch (const toml::parse_error& error) {
        report.faults.push_back(
            {error.source().begin.line, error.source().begin.column, "", std::string{error.description()}, false});
    }
    std::ranges::stable_sort(report.faults, {}, [](const auto& fault) { return std::pair{fault.line, fault.column}; });
    return report;
}

std::string format_fault(const ManifestFault& fault, std::string_view text, const std::string& file) {
    std::string out = file + ":" + std::to_string(fault.line) + ":" + std::to_string(fault.column) + ": " +
                      (fault.is_warning ? "warning: " : "error: ") + (fault.field.empty() ? "" : fault.field + ": ") +
                      fault.message + "\n";
    std::size_t line = 1;
    while (line < fault.line && !text.empty()) {
        const auto end = text.find('\n');
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++line;
    }
    if (fault.line == 0 || text.empty()) return out;
    const std::string shown{text.substr(0, text.find('\n'))};
    const auto number = std::to_string(fault.line);
    out += "  " + number + " | " + shown + "\n  " + std::string(number.size(), ' ') + " | " +
           std::string(fault.column > 0 ? fault.column - 1 : 0, ' ') + "^\n";
    return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    const auto distance = [](std::string_view a, std::string_view b) {
        std::vector<std::size_t> row(b.size() + 1);
        for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
        for (std::size_t i = 1; i <= a.size(); ++i) {
            auto diagonal = row[0];
            row[0] = i;
            for (std::size_t j = 1; j <= b.size(); ++j) {
                const auto above = row[j];
                row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
                diagonal = above;
            }
        }
        return row[b.size()];
    };
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(word.size() / 2, 2) + 1;
    for (const auto& candidate : candidates)
        if (const auto d = distance(word, candidate); d < best_distance) {
            best_distance = d;
            best = candidate;
        }
    return best;
}

}  // namespace troupe
