// CAF's inspector from the one field list: a reflected struct travels between actors of different processes as its
// canonical encoding, and prints as JSON.
#pragma once

#include <caf/detail/stringification_inspector.hpp>
#include <caf/error.hpp>
#include <caf/meta/load_callback.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/sec.hpp>

#include "runtime/base/json.hpp"

namespace troupe {

template <class Inspector, Reflected T>
typename Inspector::result_type inspect(Inspector& f, T& value) {
    constexpr auto name = T::reflect().type_name;
    static_assert(name.data()[name.size()] == '\0');
    if constexpr (std::is_same_v<Inspector, caf::detail::stringification_inspector>) {
        auto text = to_json_value(value).dump();
        return f(caf::meta::type_name(name.data()), text);
    } else if constexpr (Inspector::reads_state) {
        auto bytes = encode(value);
        return f(caf::meta::type_name(name.data()), bytes);
    } else {
        Bytes bytes;
        const auto load = [&]() -> caf::error {
            auto decoded = decode<T>(bytes);
            if (!decoded) return caf::sec::invalid_argument;
            value = std::move(*decoded);
            return caf::none;
        };
        return f(caf::meta::type_name(name.data()), bytes, caf::meta::load_callback(load));
    }
}

}  // namespace troupe
