#include "vm/evm/analysis.hpp"

#include <algorithm>
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
    out->padded.resize(code.size() + 33);
    std::copy(code.begin(), code.end(), out->padded.begin());
    out->jump_destinations.resize(code.size() / 64 + 1);
    for (std::size_t i = 0; i < code.size(); ++i) {
        const auto opcode = code[i];
        if (opcode >= PUSH1 && opcode <= PUSH32)
            i += static_cast<std::size_t>(opcode - PUSH1 + 1);
        else if (opcode == JUMPDEST)
            out->jump_destinations[i / 64] |= std::uint64_t{1} << (i % 64);
    }
    return out;
}

const Translation* AnalyzedCode::translate_for(Revision revision) const {
    std::call_once(once_, [&] {
        translation_ = translate(*this, revision);
        made_.store(&translation_, std::memory_order_release);
    });
    return translation(revision);
}

namespace {

/// As if it were translated: at most two instructions and one target a byte, and the code twice.
[[nodiscard]] std::size_t bytes_of(const AnalyzedCode& code) {
    return 512 + code.size * (2 * sizeof(Instruction) + sizeof(std::uint32_t) + 2);
}

}  // namespace

AnalyzedCodePtr AnalysisCache::get(const CodeHash& hash, ByteView code) {
    {
        const std::lock_guard lock{mutex_};
        if (const auto it = entries_.find(hash); it != entries_.end()) {
            it->second.is_used = true;
            return it->second.code;
        }
    }
    auto analyzed = analyze(code);
    const std::lock_guard lock{mutex_};
    const auto [it, is_new] = entries_.try_emplace(hash, Entry{analyzed});
    if (!is_new) return it->second.code;
    order_.push_back(hash);
    bytes_ += bytes_of(*analyzed);
    evict();
    return analyzed;
}

void AnalysisCache::evict() {
    while (bytes_ > bytes_max_ && order_.size() > 1) {
        const auto hash = order_.front();
        order_.pop_front();
        auto& entry = entries_.at(hash);
        if (entry.is_used) {
            entry.is_used = false;
            order_.push_back(hash);
        } else {
            bytes_ -= bytes_of(*entry.code);
            entries_.erase(hash);
        }
    }
}

}  // namespace troupe::evm
