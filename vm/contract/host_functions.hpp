// The functions that a contract in WebAssembly may import, all from module "troupe". What they do and cost stands in
// vm/contract/README.md, in the same order.
#pragma once

#include <span>
#include <string_view>

#include "vm/engine/sandbox.hpp"

namespace troupe::contract {

inline constexpr std::string_view host_module = "troupe";

struct HostFunction {
    std::string_view name;
    /// Parameters and result: i is i32, l is i64. "ii>l" takes two i32 and gives an i64.
    std::string_view signature;
    vm::HostCall call;
};

[[nodiscard]] std::span<const HostFunction> host_functions() noexcept;
[[nodiscard]] wasm::FunctionType function_type(std::string_view signature);

}  // namespace troupe::contract
