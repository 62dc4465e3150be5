#include "deploy/manifest/manifest.hpp"

#include <algorithm>

#include "deploy/manifest/chain_fields.hpp"
#include "deploy/manifest/parser.hpp"
#include "runtime/base/edit_distance.hpp"

namespace troupe {

bool is_valid_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && name.front() != '-' && std::ranges::all_of(name, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    });
}

bool ManifestNode::has_role(std::string_view role) const { return std::ranges::find(roles, role) != roles.end(); }

bool ManifestNode::runs_beside_the_chain() const { return !roles.empty() && !has_role("executor"); }

std::vector<Service> ManifestNode::services() const {
    std::vector<Service> out;
    for (const auto& [role, service] :
         {std::pair{"executor", Service::chain}, std::pair{"storage_node", Service::storage},
          std::pair{"metadata_node", Service::metadata}, std::pair{"batch_validator", Service::batch_validation},
          std::pair{"arbiter", Service::arbitration}})
        if (!is_validator() && has_role(role)) out.push_back(service);
    return out;
}

std::size_t Manifest::validators() const {
    return static_cast<std::size_t>(std::ranges::count_if(nodes, [](const auto& node) { return node.is_validator(); }));
}

bool ManifestReport::ok() const {
    return std::ranges::all_of(faults, [](const auto& fault) { return fault.is_warning; });
}

ManifestReport parse_manifest(std::string_view text, const std::string& file, const PortsByNode& known) {
    ManifestReport report;
    try {
        const auto root = toml::parse(text, file);
        manifest_detail::read_manifest(root, known, report);
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
    // Tabs stay tabs, so that the caret stands under its place however wide they are shown.
    std::string indent = shown.substr(0, fault.column > 0 ? fault.column - 1 : 0);
    std::ranges::replace_if(
        indent, [](char c) { return c != '\t'; }, ' ');
    out += "  " + number + " | " + shown + "\n  " + std::string(number.size(), ' ') + " | " + indent + "^\n";
    return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(word.size() / 2, 2) + 1;
    for (const auto& candidate : candidates)
        if (const auto d = edit_distance(word, candidate); d < best_distance) {
            best_distance = d;
            best = candidate;
        }
    return best;
}

}  // namespace troupe
