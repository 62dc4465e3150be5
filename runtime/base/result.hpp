// Expected failures as values: a Result is a value or an Error that a person and a program can read.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace troupe {

enum class ErrorCode : std::uint8_t {
    malformed,       // the bytes or the text do not have the required form
    too_large,       // a limit was exceeded; nothing was allocated for the rest
    invalid,         // well formed, but breaks a rule
    unauthorized,    // a signature, key or certificate does not permit it
    not_found,       // the thing asked for is not here
    already_exists,  // it is here already
    unavailable,     // can't be had now; trying again later may help
    overloaded,      // a queue or pool is at its limit; trying again later will help
    expired,         // its time has passed
    io,              // disk or network failed
    unsupported,     // understood, but not done here
};

[[nodiscard]] constexpr const char* to_string(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::malformed: return "malformed";
        case ErrorCode::too_large: return "too large";
        case ErrorCode::invalid: return "invalid";
        case ErrorCode::unauthorized: return "unauthorized";
        case ErrorCode::not_found: return "not found";
        case ErrorCode::already_exists: return "already exists";
        case ErrorCode::unavailable: return "unavailable";
        case ErrorCode::overloaded: return "overloaded";
        case ErrorCode::expired: return "expired";
        case ErrorCode::io: return "input/output";
        case ErrorCode::unsupported: return "unsupported";
    }
    return "unknown";
}

struct Error {
    ErrorCode code{};
    /// For a person: what was wrong, where, and what to do.
    std::string message;

    bool operator==(const Error&) const = default;
};

/// A broken invariant stops the node: going on would be worse. Stays on in release.
[[noreturn]] inline void invariant_failed(const char* what, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, what);
    std::abort();
}

/// `TROUPE_ASSERT` is a macro only to carry the expression's text and place.
#define TROUPE_ASSERT(expression) \
    ((expression) ? static_cast<void>(0) : ::troupe::invariant_failed(#expression, __FILE__, __LINE__))

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : data_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return data_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    [[nodiscard]] T& value() & {
        TROUPE_ASSERT(ok());
        return *std::get_if<0>(&data_);
    }
    [[nodiscard]] const T& value() const& {
        TROUPE_ASSERT(ok());
        return *std::get_if<0>(&data_);
    }
    [[nodiscard]] T&& value() && {
        TROUPE_ASSERT(ok());
        return std::move(*std::get_if<0>(&data_));
    }
    [[nodiscard]] T& operator*() & { return value(); }
    [[nodiscard]] const T& operator*() const& { return value(); }
    [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
    [[nodiscard]] T* operator->() { return &value(); }
    [[nodiscard]] const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const {
        TROUPE_ASSERT(!ok());
        return *std::get_if<1>(&data_);
    }

private:
    std::variant<T, Error> data_;
};

/// Success without a value.
struct Done {
    bool operator==(const Done&) const = default;
};
using Status = Result<Done>;

[[nodiscard]] inline Error make_error(ErrorCode code, std::string message) { return {code, std::move(message)}; }

}  // namespace troupe
