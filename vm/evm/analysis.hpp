// What the interpreter needs to know of a code besides its bytes, kept by code hash.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/base/bytes.hpp"

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
};
using AnalyzedCodePtr = std::shared_ptr<const AnalyzedCode>;

[[nodiscard]] AnalyzedCodePtr analyze(ByteView code);

/// Bounded; thread-safe.
class AnalysisCache {
public:
    explicit AnalysisCache(std::size_t entries_max = 4096) : entries_max_(entries_max) {}
    [[nodiscard]] AnalyzedCodePtr get(const CodeHash& hash, ByteView code);

private:
    std::size_t entries_max_;
    std::mutex mutex_;
    std::unordered_map<CodeHash, AnalyzedCodePtr, FixedBytesHash> entries_;
};

}  // namespace troupe::evm
