// dMIR's text form, for tests and people.
//
//   func @name (i32, i64) -> (i32) stack 12 {
//   block0(v0: i32, v1: i64): fuel 3 steps 2
//     v2 = i32.load offset=8 v0
//     br_if v2, block1(v0), block2
//   ...
//   }
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "vm/dmir/function.hpp"

namespace troupe::dmir {

[[nodiscard]] std::string print(const Function& function);
/// Errors carry the line. The result is not verified.
[[nodiscard]] Result<Function> parse(std::string_view text);

}  // namespace troupe::dmir
