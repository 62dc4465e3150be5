// Numbers with a kind: a view is not a height, a validator index is not a count.
#pragma once

#include <compare>
#include <cstdint>
#include <type_traits>

namespace troupe {

template <class Value, class Kind>
struct Strong {
    static_assert(std::is_unsigned_v<Value>);
    using value_type = Value;

    Value value{};

    constexpr Strong() = default;
    constexpr explicit Strong(Value v) noexcept : value(v) {}

    constexpr auto operator<=>(const Strong&) const = default;

    constexpr Strong& operator++() noexcept {
        ++value;
        return *this;
    }
    [[nodiscard]] constexpr Strong next() const noexcept { return Strong{static_cast<Value>(value + 1)}; }
};

/// Block height; the genesis block has height 0.
using Height = Strong<std::uint64_t, struct HeightKind>;
/// dBFT view within a height.
using View = Strong<std::uint32_t, struct ViewKind>;
/// Position of a validator in the genesis validator list.
using ValidatorIndex = Strong<std::uint32_t, struct ValidatorIndexKind>;
/// Position of a node (validator or not) in the genesis node list; validators come first, so their indexes coincide.
using NodeIndex = Strong<std::uint32_t, struct NodeIndexKind>;
/// Partition epoch: floor(time / epoch length).
using Epoch = Strong<std::uint64_t, struct EpochKind>;
/// Milliseconds since the Unix epoch.
using TimeMs = Strong<std::uint64_t, struct TimeMsKind>;
/// Milliseconds between two instants.
using DurationMs = Strong<std::uint64_t, struct DurationMsKind>;

[[nodiscard]] constexpr TimeMs operator+(TimeMs t, DurationMs d) noexcept { return TimeMs{t.value + d.value}; }
/// Saturates at zero: an instant before the other is no time away.
[[nodiscard]] constexpr DurationMs operator-(TimeMs a, TimeMs b) noexcept {
    return DurationMs{a.value > b.value ? a.value - b.value : 0};
}

struct StrongHash {
    template <class Value, class Kind>
    std::size_t operator()(const Strong<Value, Kind>& v) const noexcept {
        return static_cast<std::size_t>(v.value * 0x9e3779b97f4a7c15ULL);
    }
};

}  // namespace troupe
