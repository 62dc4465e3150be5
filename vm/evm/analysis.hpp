// What the interpreter needs to know of a code besides its bytes, kept by code hash.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "vm/evm/code_engine.hpp"
#include "vm/evm/translation.hpp"

namespace troupe::evm {

struct AnalyzedCode {
    /// The code with 33 zero bytes after it: a cut-off PUSH reads zeros, and running off the end meets STOP.
    Bytes padded;
    std::size_t size = 0;
    /// Bit i: a JUMP may go to byte i.
    std::vector<std::uint64_t> jump_destinations;

    [[nodiscard]] bool is_jump_destination(std::uint64_t at) const noexcept {
        return at < size && (jump_destinations[at / 64] >> (at % 64) & 1) != 0;
    }

    // Translation takes as long as running the code once or twice, so it waits until the code has shown that it runs
    // often or long. Thread-safe.

    /// Jumps and calls that the code may still make before it is worth translating.
    [[nodiscard]] std::int64_t heat_left() const noexcept { return heat_max() - heat_.load(std::memory_order_relaxed); }
    void add_heat(std::int64_t jumps) const noexcept { heat_.fetch_add(jumps, std::memory_order_relaxed); }
    /// Null if there is none yet for that revision.
    [[nodiscard]] const Translation* translation(Revision revision) const noexcept {
        const auto* made = made_.load(std::memory_order_acquire);
        return made != nullptr && made->revision == revision ? made : nullptr;
    }
    /// Translates for the first revision that asks. Null for another.
    [[nodiscard]] const Translation* translate_for(Revision revision) const;

private:
    [[nodiscard]] std::int64_t heat_max() const noexcept { return 16 + static_cast<std::int64_t>(size / 8); }

    mutable std::atomic<std::int64_t> heat_ = 0;
    mutable std::once_flag once_;
    mutable Translation translation_;
    mutable std::atomic<const Translation*> made_ = nullptr;
};
using AnalyzedCodePtr = std::shared_ptr<const AnalyzedCode>;

[[nodiscard]] AnalyzedCodePtr analyze(ByteView code);

/// What a node keeps of codes between transactions. Bounded; thread-safe.
class AnalysisCache {
public:
    /// The default holds some 140 codes of the largest size, translated.
    explicit AnalysisCache(std::size_t bytes_max = std::size_t{128} << 20) : bytes_max_(bytes_max) {}
    /// With what runs codes that are not the EVM's. Without it they are EVM code.
    explicit AnalysisCache(std::shared_ptr<CodeEngine> engine) : AnalysisCache() { engine_ = std::move(engine); }
    [[nodiscard]] AnalyzedCodePtr get(const CodeHash& hash, ByteView code);
    /// Null: none.
    [[nodiscard]] CodeEngine* engine() const noexcept { return engine_.get(); }

private:
    struct Entry {
        AnalyzedCodePtr code;
        /// Asked for since it was last passed over.
        bool is_used = false;
    };
    void evict();

    std::size_t bytes_max_;
    std::shared_ptr<CodeEngine> engine_;
    std::mutex mutex_;
    std::unordered_map<CodeHash, Entry, FixedBytesHash> entries_;
    /// Oldest first; one that was used goes to the end once more instead of out.
    std::deque<CodeHash> order_;
    std::size_t bytes_ = 0;
};

}  // namespace troupe::evm
