#include "vm/evm/analysis.hpp"

#include <array>
#include <utility>

#include "vm/evm/opcodes.hpp"

namespace troupe::evm {
namespace {

struct Named {
    Revision revision;
    const char* name;
};
constexpr std::array names{
    Named{Revision::Frontier, "Frontier"},
    Named{Revision::Homestead, "Homestead"},
    Named{Revision::TangerineWhistle, "EIP150"},
    Named{Revision::SpuriousDragon, "EIP158"},
    Named{Revision::Byzantium, "Byzantium"},
    Named{Revision::Constantinople, "Constantinople"},
    Named{Revision::Petersburg, "ConstantinopleFix"},
    Named{Revision::Istanbul, "Istanbul"},
    Named{Revision::Berlin, "Berlin"},
    Named{Revision::London, "London"},
    Named{Revision::Paris, "Paris"},
    Named{Revision::Shanghai, "Shanghai"},
    Named{Revision::Cancun, "Cancun"},
    Named{Revision::Prague, "Prague"},
    Named{Revision::Osaka, "Osaka"},
};

}  // namespace

const char* to_string(Revision revision) noexcept { return names[static_cast<std::size_t>(revision)].name; }

std::optional<Revision> parse_revision(std::string_view name) noexcept {
    if (name == "Merge") return Revision::Paris;
    if (name == "Petersburg") return Revision::Petersburg;
    if (name == "TangerineWhistle") return Revision::TangerineWhistle;
    if (name == "SpuriousDragon") return Revision::SpuriousDragon;
    for (const auto& entry : names)
        if (name == entry.name) return entry.revision;
    return std::nullopt;
}

AnalyzedCodePtr analyze(ByteView code) {
    auto out = std::make_shared<AnalyzedCode>();
    out->size = code.size();
    out->padded.reserve(code.size() + 33);
    out->padded.assign(code.begin(), code.end());
    out->padded.resize(code.size() + 33);
    out->jump_destinations.resize(code.size() / 64 + 1);
    for (std::size_t i = 0; i < code.size(); ++i) {
        const auto opcode = code[i];
        if (opcode == JUMPDEST)
            out->jump_destinations[i / 64] |= std::uint64_t{1} << (i % 64);
        else
            i += opcode_table[opcode].immediate;
    }
    return out;
}

AnalyzedCodePtr AnalysisCache::get(const CodeHash& hash, ByteView code) {
    {
        const std::lock_guard lock{mutex_};
        if (const auto it = entries_.find(hash); it != entries_.end()) return it->second;
    }
    auto analyzed = analyze(code);
    const std::lock_guard lock{mutex_};
    if (entries_.size() >= entries_max_) entries_.clear();
    entries_.emplace(hash, analyzed);
    return analyzed;
}

}  // namespace troupe::evm
