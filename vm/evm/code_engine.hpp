// Codes that are not the EVM's own. They are told apart by their first bytes, none of which an EVM contract can begin
// with and do anything: its first instruction would be STOP.
#pragma once

#include <string_view>

#include "runtime/base/limits.hpp"
#include "vm/evm/host.hpp"
#include "vm/evm/revision.hpp"
#include "vm/evm/trace.hpp"

namespace troupe::evm {

enum class CodeKind : std::uint8_t {
    evm,
    /// A WebAssembly module: "\0asm".
    wasm,
    /// A piece of a module that is too large for one transaction: "\0tpp" (vm/contract/package.hpp).
    part,
    /// A list of such pieces: "\0tpk".
    package,
};
[[nodiscard]] inline CodeKind code_kind(ByteView code) noexcept {
    if (code.size() < 4 || code[0] != 0) return CodeKind::evm;
    const std::string_view name(reinterpret_cast<const char*>(code.data()) + 1, 3);
    return name == "asm"   ? CodeKind::wasm
           : name == "tpp" ? CodeKind::part
           : name == "tpk" ? CodeKind::package
                           : CodeKind::evm;
}

/// EIP-3860's limit, or a package's.
[[nodiscard]] inline std::size_t init_code_limit(ByteView init_code) noexcept {
    return code_kind(init_code) == CodeKind::evm ? limits::init_code_bytes_max : limits::package_bytes_max;
}

/// What runs them, through the same Host. Thread-safe. Every implementation gives the same results and takes the same
/// gas.
class CodeEngine {
public:
    virtual ~CodeEngine() = default;

    /// Calls `code`, whose hash is `hash`. As the EVM's own interpreter: state changes of a failed call are the
    /// caller's to undo.
    [[nodiscard]] virtual CallOutcome run(Host& host, const CallMessage& message, const CodeHash& hash, ByteView code,
                                          Revision revision, Tracer* tracer) = 0;
    /// Runs init code. The output is the code to be stored; it is admitted already if it lies in the message's input.
    [[nodiscard]] virtual CallOutcome create(Host& host, const CallMessage& message, Revision revision,
                                             Tracer* tracer) = 0;
    /// May this be stored? Takes what the examination costs from `gas`; anything but success: it may not.
    [[nodiscard]] virtual Status admit(ByteView code, std::int64_t& gas) = 0;
};

}  // namespace troupe::evm
