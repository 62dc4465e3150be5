// troupe.h for C++20: numbers with operators, storage as variables and mappings, typed results and events. Nothing is
// allocated, and there are no exceptions and no standard library.
//
//   clang++ --target=wasm32 -std=c++20 -O2 -fno-exceptions -fno-rtti -nostdlib -mbulk-memory
//     -Wl,--no-entry,--stack-first,-zstack-size=8192,--strip-all -I vm/contract/sdk contract.cc -o contract.wasm
#ifndef TROUPE_HPP
#define TROUPE_HPP

#include "troupe.h"

namespace troupe {

/// uint256. Arithmetic that wraps reverts with no data, as Solidity's checked arithmetic does with Panic.
struct Uint {
    Word word{};

    constexpr Uint() = default;
    Uint(uint64_t number) : word(word_from_u64(number)) {}
    explicit Uint(const Word& bits) : word(bits) {}
    [[nodiscard]] static Uint max() {
        Uint out;
        __builtin_memset(out.word.bytes, 0xff, sizeof out.word.bytes);
        return out;
    }

    friend Uint operator+(const Uint& a, const Uint& b) {
        Uint out;
        if (word_add(&a.word, &b.word, &out.word)) troupe_revert(nullptr, 0);
        return out;
    }
    friend Uint operator-(const Uint& a, const Uint& b) {
        Uint out;
        if (word_subtract(&a.word, &b.word, &out.word)) troupe_revert(nullptr, 0);
        return out;
    }
    friend bool operator==(const Uint& a, const Uint& b) { return word_compare(&a.word, &b.word) == 0; }
    friend bool operator<(const Uint& a, const Uint& b) { return word_compare(&a.word, &b.word) < 0; }
    [[nodiscard]] bool is_zero() const { return word_is_zero(&word); }
};

struct Account {
    Address address{};

    [[nodiscard]] Word word() const { return word_from_address(&address); }
    [[nodiscard]] bool is_zero() const {
        const auto padded = word();
        return word_is_zero(&padded);
    }
    friend bool operator==(const Account& a, const Account& b) {
        return __builtin_memcmp(a.address.bytes, b.address.bytes, sizeof a.address.bytes) == 0;
    }
};

[[nodiscard]] inline Account sender() {
    Account out;
    troupe_caller(&out.address);
    return out;
}
[[nodiscard]] inline Uint value() {
    Uint out;
    troupe_call_value(&out.word);
    return out;
}
/// Argument `index` of a function.
[[nodiscard]] inline Uint uint_argument(uint32_t index) { return Uint(input_word(index)); }
[[nodiscard]] inline Account account_argument(uint32_t index) { return {input_address(index)}; }

[[nodiscard]] inline Word to_word(const Uint& number) { return number.word; }
[[nodiscard]] inline Word to_word(const Account& account) { return account.word(); }
[[nodiscard]] inline Word to_word(uint64_t number) { return word_from_u64(number); }

[[noreturn]] inline void finish(const Uint& number) { return_word(number.word); }
[[noreturn]] inline void finish(bool truth) { return_u64(truth ? 1 : 0); }
[[noreturn]] inline void finish(const char* text) { return_text(text); }

/// A custom error: its selector, and at most four arguments.
template <class... Arguments>
[[noreturn]] void fail(uint32_t selector, const Arguments&... arguments) {
    static_assert(sizeof...(arguments) <= 4);
    const Word words[sizeof...(arguments) + 1] = {to_word(arguments)...};
    revert_error(selector, words, sizeof...(arguments));
}

/// An event of indexed arguments after its signature's hash, with one word of data.
template <class... Indexed>
void emit(const Word& event, const Uint& data, const Indexed&... indexed) {
    static_assert(sizeof...(indexed) <= 3);
    const Word topics[] = {event, to_word(indexed)...};
    troupe_log(&data.word, sizeof data.word, topics, 1 + sizeof...(indexed));
}

/// A number in storage.
class Stored {
public:
    explicit Stored(const Word& slot) : slot_(slot) {}
    explicit Stored(uint64_t slot) : slot_(word_from_u64(slot)) {}
    operator Uint() const { return Uint(storage_get(slot_)); }
    Stored& operator=(const Uint& number) {
        storage_set(slot_, number.word);
        return *this;
    }
    Stored(const Stored&) = default;
    Stored& operator=(const Stored&) = delete;

private:
    Word slot_;
};

/// mapping(... => uint256), laid out as Solidity's; with two keys, a mapping of mappings.
class Mapping {
public:
    explicit Mapping(uint64_t slot) : slot_(word_from_u64(slot)) {}
    template <class Key>
    [[nodiscard]] Stored operator[](const Key& key) const {
        return Stored(map_slot(to_word(key), slot_));
    }
    template <class First, class Second>
    [[nodiscard]] Stored at(const First& first, const Second& second) const {
        return Stored(map_slot(to_word(second), map_slot(to_word(first), slot_)));
    }

private:
    Word slot_;
};

}  // namespace troupe

#endif
