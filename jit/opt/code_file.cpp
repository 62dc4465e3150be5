#include "jit/opt/code_file.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/crypto/sha256.hpp"

namespace troupe::jit::opt {
namespace {

constexpr std::uint32_t magic = 0x32435254;  // "TRC2"
constexpr std::size_t hash_bytes = sizeof(Hash256);

[[nodiscard]] Hash256 hash_of(const Hash256& key, ByteView content) {
    Sha256 hash;
    return hash.update(key.view()).update(content).finish();
}

class Writer {
public:
    template <class T>
    void number(T value) {
        const auto at = out.size();
        out.resize(at + sizeof(T));
        std::memcpy(out.data() + at, &value, sizeof(T));
    }
    void types(const std::vector<dmir::Type>& list) {
        number(static_cast<std::uint16_t>(list.size()));
        for (auto type : list) number(static_cast<std::uint8_t>(type));
    }
    Bytes out;
};

/// Goes on with zeros after the end and tells so at last.
class CodeReader {
public:
    explicit CodeReader(ByteView bytes) : rest_(bytes) {}
    template <class T>
    [[nodiscard]] T number() {
        T out{};
        const auto bytes = take(sizeof(T));
        if (bytes.size() == sizeof(T)) std::memcpy(&out, bytes.data(), sizeof(T));
        return out;
    }
    [[nodiscard]] ByteView take(std::size_t count) {
        if (count > rest_.size()) {
            failed_ = true;
            rest_ = {};
            return {};
        }
        const auto out = rest_.first(count);
        rest_ = rest_.subspan(count);
        return out;
    }
    [[nodiscard]] std::vector<dmir::Type> types() {
        std::vector<dmir::Type> out;
        for (auto byte : take(number<std::uint16_t>())) {
            if (byte > static_cast<std::uint8_t>(dmir::Type::ref)) failed_ = true;
            out.push_back(static_cast<dmir::Type>(byte));
        }
        return out;
    }
    void fail() { failed_ = true; }
    [[nodiscard]] bool ok() const { return !failed_; }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

private:
    ByteView rest_;
    bool failed_ = false;
};

[[nodiscard]] Emitted read_function(CodeReader& reader) {
    Emitted out;
    const auto code = reader.take(reader.number<std::uint32_t>());
    out.bytes.assign(code.begin(), code.end());
    if (out.bytes.empty()) reader.fail();
    const auto relocations = reader.number<std::uint32_t>();
    for (std::uint32_t k = 0; k < relocations && reader.ok(); ++k) {
        Relocation relocation;
        relocation.offset = reader.number<std::uint32_t>();
        const auto what = reader.number<std::uint8_t>();
        relocation.what = static_cast<Outside>(what);
        if (relocation.what == Outside::any_adapter) {
            relocation.shape.parameters = reader.types();
            relocation.shape.results = reader.types();
        }
        if (what > static_cast<std::uint8_t>(Outside::any_adapter) || relocation.offset > out.bytes.size() ||
            out.bytes.size() - relocation.offset < sizeof(std::uint64_t))
            reader.fail();
        out.relocations.push_back(std::move(relocation));
    }
    return out;
}

}  // namespace

Bytes encode_code_file(const Hash256& key, const std::map<std::uint32_t, Emitted>& functions) {
    Writer writer;
    writer.number(magic);
    writer.number(static_cast<std::uint32_t>(functions.size()));
    for (const auto& [index, function] : functions) {
        writer.number(index);
        writer.number(static_cast<std::uint32_t>(function.bytes.size()));
        append(writer.out, function.bytes);
        writer.number(static_cast<std::uint32_t>(function.relocations.size()));
        for (const auto& relocation : function.relocations) {
            writer.number(relocation.offset);
            writer.number(static_cast<std::uint8_t>(relocation.what));
            if (relocation.what != Outside::any_adapter) continue;
            writer.types(relocation.shape.parameters);
            writer.types(relocation.shape.results);
        }
    }
    append(writer.out, hash_of(key, writer.out).view());
    return std::move(writer.out);
}

std::optional<std::map<std::uint32_t, Emitted>> decode_code_file(const Hash256& key, ByteView bytes,
                                                                 std::uint32_t function_count) {
    if (bytes.size() < hash_bytes) return std::nullopt;
    const auto content = bytes.first(bytes.size() - hash_bytes);
    if (!std::ranges::equal(bytes.last(hash_bytes), hash_of(key, content).view())) return std::nullopt;
    CodeReader reader(content);
    if (reader.number<std::uint32_t>() != magic) return std::nullopt;
    std::map<std::uint32_t, Emitted> out;
    const auto count = reader.number<std::uint32_t>();
    for (std::uint32_t k = 0; k < count && reader.ok(); ++k) {
        const auto index = reader.number<std::uint32_t>();
        if (index >= function_count) return std::nullopt;
        out[index] = read_function(reader);
    }
    if (!reader.ok() || !reader.at_end()) return std::nullopt;
    return out;
}

}  // namespace troupe::jit::opt
