// What this node has signed, on the disk before the signature leaves: no second, different signature after a crash.
// A file of its own, so that a durable commit carries nothing but the record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/database.hpp"

namespace troupe {

/// One statement that was signed. There is at most one value for a kind, order and key, forever: storing another is
/// refused.
struct SigningRecord {
    /// Chosen by the caller: a consensus message kind, a chunk slot, ...
    std::uint8_t kind = 0;
    /// What records grow old by: a height, or a time of expiry.
    std::uint64_t order = 0;
    /// What may be signed only once within kind and order, for example the view or the producer.
    Bytes key;
    /// What was signed.
    Bytes value;

    bool operator==(const SigningRecord&) const = default;
};

/// A named value that changes: the consensus core's own record.
struct SigningState {
    std::string name;
    Bytes value;
};

class SigningRecords {
public:
    [[nodiscard]] static Result<SigningRecords> open(const std::string& path,
                                                     DatabaseOptions options = default_options());
    [[nodiscard]] static DatabaseOptions default_options() noexcept;

    SigningRecords(SigningRecords&&) noexcept;
    SigningRecords& operator=(SigningRecords&&) = delete;
    ~SigningRecords();

    /// All or nothing, and durable on return even against loss of power. ErrorCode::already_exists if one of the
    /// records contradicts a stored one: the signature must not leave. Storing an equal record again is in order.
    Status put(const std::vector<SigningRecord>& records, const std::vector<SigningState>& states = {});
    [[nodiscard]] Result<std::optional<Bytes>> get(std::uint8_t kind, std::uint64_t order, ByteView key);
    [[nodiscard]] Result<std::optional<Bytes>> state(std::string_view name);
    /// All records of a kind from `order` on, ascending by order and key: what a restarted node must know.
    [[nodiscard]] Result<std::vector<SigningRecord>> from(std::uint8_t kind, std::uint64_t order);
    /// Forgets the records of a kind with a lower order. Durable with the next put.
    Status remove_below(std::uint8_t kind, std::uint64_t order);

    [[nodiscard]] Database& database() noexcept { return *database_; }

private:
    struct Statements;
    SigningRecords(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept;

    std::unique_ptr<Database> database_;
    std::unique_ptr<Statements> statements_;
};

}  // namespace troupe
