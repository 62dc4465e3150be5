// Codes that are not the EVM's own. They are told apart by their first bytes, none of which an EVM contract can begin
// with and do anything: its first instruction would be STOP.
#pragma once

#include "runtime/base/limits.hpp"
#include "vm/evm/host.hpp"
#include "vm/evm/revision.hpp"
#include "vm/evm/trace.hpp"

namespace troupe::evm {

/// A WebAssembly module: "\0asm".
[[nodiscard]] inline bool is_wasm(ByteView code) noexcept {
    return code.size() >= 4 && code[0] == 0 && code[1] == 'a' && code[2] == 's' && code[3] == 'm';
}

/// EIP-3860's limit, or a package's.
[[nodiscard]] inline std::size_t init_code_limit(ByteView init_code) noexcept {
    return is_wasm(init_code) ? limits::package_bytes_max : limits::init_code_bytes_max;
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
