// The form of a file of the code cache: for each function its code, the second entry's offset and the places that hold
// addresses; at the end a hash over the key and all before it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "jit/opt/emitter.hpp"
#include "runtime/base/bytes.hpp"

namespace troupe::jit::opt {

[[nodiscard]] Bytes encode_code_file(const Hash256& key, const std::map<std::uint32_t, Emitted>& functions);
/// Nothing if the bytes are not exactly what encode_code_file made for this key and a module of so many functions.
[[nodiscard]] std::optional<std::map<std::uint32_t, Emitted>> decode_code_file(const Hash256& key, ByteView bytes,
                                                                               std::uint32_t function_count);

}  // namespace troupe::jit::opt
