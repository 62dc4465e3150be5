// WebAssembly values as people write and read them.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "vm/engine/store.hpp"

namespace troupe::cli {

/// Integers in decimal, or in hexadecimal after 0x, from the least signed to the greatest unsigned one; floats in
/// decimal, in hexadecimal after 0x, inf or nan; v128 as up to 32 hexadecimal digits after 0x, lane 0 last; an
/// externref as null or the number of a host object; a funcref only as null. Error (invalid): what the text should have
/// been.
[[nodiscard]] Result<vm::Value> parse_wasm_value(wasm::ValueType type, const std::string& text);

/// With its type before it.
[[nodiscard]] std::string show_wasm_value(const vm::Value& value);

}  // namespace troupe::cli
