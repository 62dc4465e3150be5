// The interpreter: one code, run to its end.
#pragma once

#include "vm/evm/analysis.hpp"
#include "vm/evm/revision.hpp"
#include "vm/evm/trace.hpp"

namespace troupe::evm {

/// Runs the code of one message. Value transfer, snapshots and creation rules are the host's. The outcome's output
/// stays in place until the next call of the same depth on this thread.
[[nodiscard]] CallOutcome interpret(Host& host, const CallMessage& message, const AnalyzedCode& code, Revision revision,
                                    Tracer* tracer);

}  // namespace troupe::evm
