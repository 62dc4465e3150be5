// The canonical encoding: what is hashed, signed, sent and stored. msgpack in one form only:
// a struct is the array of its fields in order, integers take their shortest form, fixed and owned bytes are bin,
// optional is an array of none or one, variant is [index, value], amounts are big-endian bin without leading zeros.
// Reading accepts exactly what writing gives: other forms, trailing bytes and counts beyond the input are refused.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/base/reflect.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/strong.hpp"
#include "runtime/base/uint256.hpp"

namespace troupe {

/// Appends canonical msgpack to a buffer.
class Writer {
public:
    explicit Writer(Bytes& out) noexcept : out_(out) {}

    void array(std::size_t count);
    void unsigned_integer(std::uint64_t value);
    void boolean(bool value);
    void bytes(ByteView value);
    void text(std::string_view value);

private:
    Bytes& out_;
};

/// Reads canonical msgpack from a view, front to back. The first fault sticks: later reads give empty values and
/// `fault()` names it, so that callers check once at the end.
class Reader {
public:
    explicit Reader(ByteView input) noexcept : input_(input) {}

    /// Number of elements: at most limits::array_elements_max, and never more than the bytes that are left, since each
    /// element takes at least one.
    std::size_t array();
    std::uint64_t unsigned_integer();
    bool boolean();
    ByteView bytes();
    std::string_view text();

    void fail(const char* why) noexcept {
        if (fault_ == nullptr) fault_ = why;
    }
    [[nodiscard]] const char* fault() const noexcept { return fault_; }
    [[nodiscard]] bool failed() const noexcept { return fault_ != nullptr; }
    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] bool at_end() const noexcept { return position_ == input_.size(); }

    bool enter() noexcept {
        if (++depth_ > limits::codec_depth_max) fail("nested too deeply");
        return !failed();
    }
    void leave() noexcept { --depth_; }

private:
    std::uint8_t take_byte();
    std::uint64_t take_big_endian(std::size_t bytes);
    ByteView take(std::size_t bytes);
    std::size_t take_length(std::uint8_t tag, std::uint8_t tag8, std::uint8_t fix_base, std::size_t fix_max);

    ByteView input_;
    std::size_t position_ = 0;
    std::size_t depth_ = 0;
    const char* fault_ = nullptr;
};

namespace codec_detail {

template <class T>
struct IsStrong : std::false_type {};
template <class V, class K>
struct IsStrong<Strong<V, K>> : std::true_type {};

template <class T>
struct IsFixed : std::false_type {};
template <std::size_t N, class K>
struct IsFixed<FixedBytes<N, K>> : std::true_type {};

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsVariant : std::false_type {};
template <class... T>
struct IsVariant<std::variant<T...>> : std::true_type {};

template <class T>
struct IsPair : std::false_type {};
template <class A, class B>
struct IsPair<std::pair<A, B>> : std::true_type {};

template <class T>
inline constexpr bool always_false = false;

}  // namespace codec_detail

template <class T>
void write_value(Writer& out, const T& value) {
    using namespace codec_detail;
    if constexpr (std::is_same_v<T, bool>) {
        out.boolean(value);
    } else if constexpr (std::is_enum_v<T>) {
        out.unsigned_integer(static_cast<std::uint64_t>(value));
    } else if constexpr (std::unsigned_integral<T>) {
        out.unsigned_integer(value);
    } else if constexpr (IsStrong<T>::value) {
        out.unsigned_integer(value.value);
    } else if constexpr (IsFixed<T>::value) {
        out.bytes(value.view());
    } else if constexpr (std::is_same_v<T, Bytes>) {
        out.bytes(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
        out.text(value);
    } else if constexpr (std::is_same_v<T, uint256>) {
        out.bytes(to_minimal_big_endian(value));
    } else if constexpr (IsVector<T>::value) {
        out.array(value.size());
        for (const auto& element : value) write_value(out, element);
    } else if constexpr (IsOptional<T>::value) {
        out.array(value ? 1 : 0);
        if (value) write_value(out, *value);
    } else if constexpr (IsPair<T>::value) {
        out.array(2);
        write_value(out, value.first);
        write_value(out, value.second);
    } else if constexpr (IsVariant<T>::value) {
        out.array(2);
        out.unsigned_integer(value.index());
        std::visit([&](const auto& alternative) { write_value(out, alternative); }, value);
    } else if constexpr (Reflected<T>) {
        out.array(field_count<T>());
        for_each_field(value, [&](std::string_view, const auto& member) { write_value(out, member); });
    } else {
        static_assert(always_false<T>, "type has no canonical encoding");
    }
}

template <class T>
void read_value(Reader& in, T& value);

namespace codec_detail {

template <class Variant, std::size_t I = 0>
void read_alternative(Reader& in, std::uint64_t index, Variant& value) {
    if constexpr (I == std::variant_size_v<Variant>) {
        in.fail("unknown alternative");
    } else {
        if (index == I)
            read_value(in, value.template emplace<I>());
        else
            read_alternative<Variant, I + 1>(in, index, value);
    }
}

/// Enums that go over the wire define `constexpr bool is_valid(E)` beside themselves.
template <class E>
concept CheckedEnum = requires(E e) {
    { is_valid(e) } -> std::same_as<bool>;
};

}  // namespace codec_detail

template <class T>
void read_value(Reader& in, T& value) {
    using namespace codec_detail;
    if (in.failed()) return;
    if constexpr (std::is_same_v<T, bool>) {
        value = in.boolean();
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(CheckedEnum<T>, "an enum on the wire needs is_valid()");
        const auto raw = in.unsigned_integer();
        value = static_cast<T>(raw);
        if (static_cast<std::uint64_t>(value) != raw || !is_valid(value)) in.fail("unknown enumerator");
    } else if constexpr (std::unsigned_integral<T>) {
        const auto raw = in.unsigned_integer();
        value = static_cast<T>(raw);
        if (value != raw) in.fail("integer out of range");
    } else if constexpr (IsStrong<T>::value) {
        read_value(in, value.value);
    } else if constexpr (IsFixed<T>::value) {
        const auto view = in.bytes();
        if (in.failed()) return;
        if (const auto fixed = T::from_view(view))
            value = *fixed;
        else
            in.fail("wrong number of bytes");
    } else if constexpr (std::is_same_v<T, Bytes>) {
        const auto view = in.bytes();
        value.assign(view.begin(), view.end());
    } else if constexpr (std::is_same_v<T, std::string>) {
        value = in.text();
    } else if constexpr (std::is_same_v<T, uint256>) {
        const auto view = in.bytes();
        if (view.size() > 32 || (!view.empty() && view[0] == 0)) return in.fail("amount not in shortest form");
        value = from_big_endian(view);
    } else if constexpr (IsVector<T>::value) {
        if (!in.enter()) return;
        const auto count = in.array();
        value.clear();
        // Grown as elements arrive: a claimed count alone never allocates much.
        value.reserve(std::min<std::size_t>(count, 1024));
        for (std::size_t i = 0; i < count && !in.failed(); ++i) read_value(in, value.emplace_back());
        in.leave();
    } else if constexpr (IsOptional<T>::value) {
        if (!in.enter()) return;
        const auto count = in.array();
        value.reset();
        if (count == 1)
            read_value(in, value.emplace());
        else if (count != 0)
            in.fail("optional with more than one value");
        in.leave();
    } else if constexpr (IsPair<T>::value) {
        if (!in.enter()) return;
        if (in.array() != 2) return in.fail("pair without two elements");
        read_value(in, value.first);
        read_value(in, value.second);
        in.leave();
    } else if constexpr (IsVariant<T>::value) {
        if (!in.enter()) return;
        if (in.array() != 2) return in.fail("variant without two elements");
        const auto index = in.unsigned_integer();
        if (!in.failed()) read_alternative(in, index, value);
        in.leave();
    } else if constexpr (Reflected<T>) {
        if (!in.enter()) return;
        if (in.array() != field_count<T>()) return in.fail("wrong number of fields");
        for_each_field(value, [&](std::string_view, auto& member) { read_value(in, member); });
        in.leave();
    } else {
        static_assert(always_false<T>, "type has no canonical encoding");
    }
}

template <class T>
void encode_to(Bytes& out, const T& value) {
    Writer writer{out};
    write_value(writer, value);
}

template <class T>
[[nodiscard]] Bytes encode(const T& value) {
    Bytes out;
    encode_to(out, value);
    return out;
}

/// ErrorCode::malformed with the byte position where reading stopped.
[[nodiscard]] Error codec_error(const Reader& reader, std::string_view type_name);

template <class T>
[[nodiscard]] Result<T> decode(ByteView input) {
    Reader reader{input};
    T value{};
    read_value(reader, value);
    if (!reader.failed() && !reader.at_end()) reader.fail("bytes after the value");
    if (reader.failed()) {
        if constexpr (Reflected<T>)
            return codec_error(reader, T::reflect().type_name);
        else
            return codec_error(reader, "value");
    }
    return value;
}

}  // namespace troupe
