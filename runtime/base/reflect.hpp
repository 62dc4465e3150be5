// One list of fields per struct. From it come the canonical msgpack encoding (codec.hpp), JSON (json.hpp) and CAF's
// inspector (runtime/actor/inspect.hpp); equality is `= default`. Nothing is encoded by hand twice.
//
//     struct Vote {
//         Height height;
//         BlockHash block;
//         bool operator==(const Vote&) const = default;
//         static constexpr auto reflect() {
//             return fields("Vote", field("height", &Vote::height), field("block", &Vote::block));
//         }
//     };
#pragma once

#include <string_view>
#include <tuple>

namespace troupe {

template <class Owner, class Member>
struct Field {
    std::string_view name;
    Member Owner::*member;
};

template <class Owner, class Member>
[[nodiscard]] constexpr Field<Owner, Member> field(std::string_view name, Member Owner::*member) noexcept {
    return {name, member};
}

template <class... F>
struct FieldList {
    std::string_view type_name;
    std::tuple<F...> list;
};

template <class... F>
[[nodiscard]] constexpr FieldList<F...> fields(std::string_view type_name, F... list) noexcept {
    return {type_name, std::tuple<F...>{list...}};
}

template <class T>
concept Reflected = requires {
    T::reflect();
};

/// Calls `visit(name, value)` for each field in order. `object` may be const.
template <class T, class Visit>
constexpr void for_each_field(T& object, Visit&& visit) {
    constexpr auto reflection = std::remove_const_t<T>::reflect();
    std::apply([&](const auto&... f) { (visit(f.name, object.*(f.member)), ...); }, reflection.list);
}

template <Reflected T>
[[nodiscard]] constexpr std::size_t field_count() noexcept {
    return std::tuple_size_v<decltype(T::reflect().list)>;
}

}  // namespace troupe
