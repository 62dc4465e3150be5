#include "runtime/rpc/typed_data.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "runtime/base/uint256.hpp"
#include "runtime/crypto/keccak.hpp"

namespace troupe {
namespace {

constexpr unsigned depth_max = 64;
/// Together in all types: the name of a type is made of the fields of all that it refers to.
constexpr std::size_t fields_max = 2000;

/// Left by exception within this file: what is wrong with the data.
struct Wrong {
    std::string what;
};

[[nodiscard]] const Json& member(const Json& object, const char* name) {
    if (!object.is_object() || !object.contains(name)) throw Wrong{std::string{name} + " is missing"};
    return object.at(name);
}
[[nodiscard]] const std::string& text(const Json& value, const std::string& what) {
    if (!value.is_string()) throw Wrong{what + ": a string is expected"};
    return value.get_ref<const std::string&>();
}

/// The number at the end of a type's name: up to `max` in steps of `step`, else zero; `otherwise` if there is none.
[[nodiscard]] unsigned width(std::string_view digits, unsigned otherwise, unsigned max, unsigned step) {
    if (digits.empty() && otherwise != 0) return otherwise;
    unsigned out = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    if (error != std::errc{} || end != digits.data() + digits.size() || out == 0 || out > max || out % step != 0 ||
        digits.front() == '0')
        return 0;
    return out;
}

class Encoder {
public:
    explicit Encoder(const Json& types) : types_(types) {
        if (!types.is_object()) throw Wrong{"types: an object is expected"};
        std::size_t fields = types.size();
        for (const auto& type : types) fields += type.size();
        if (fields > fields_max) throw Wrong{"types: more than " + std::to_string(fields_max) + " fields"};
    }

    /// keccak256(typeHash + encodeData)
    [[nodiscard]] Hash256 hash_struct(const std::string& name, const Json& value, unsigned depth) const {
        if (!value.is_object()) throw Wrong{name + ": an object is expected"};
        Bytes data;
        append(data, type_hash(name).view());
        for (const auto& [field, type] : fields_of(name)) {
            const auto it = value.find(field);
            if (it == value.end() && !types_.contains(type)) throw Wrong{name + "." + field + " is missing"};
            static const Json absent;
            append(data, encode_value(type, it == value.end() ? absent : *it, name + "." + field, depth + 1).view());
        }
        return keccak256(data);
    }

private:
    using Fields = std::vector<std::pair<std::string, std::string>>;

    [[nodiscard]] Fields fields_of(const std::string& name) const {
        const auto it = types_.find(name);
        if (it == types_.end() || !it->is_array()) throw Wrong{"types: there is no " + name};
        Fields out;
        for (const auto& field : *it)
            out.emplace_back(text(member(field, "name"), name), text(member(field, "type"), name));
        return out;
    }

    [[nodiscard]] Hash256 type_hash(const std::string& name) const {
        auto [it, is_new] = type_hashes_.try_emplace(name);
        if (is_new) it->second = keccak256(as_bytes(encode_type(name)));
        return it->second;
    }
    /// "Mail(Person from,Person to,string contents)Person(string name,address wallet)": referenced types by name.
    [[nodiscard]] std::string encode_type(const std::string& name) const {
        std::set<std::string> found;
        collect(name, found);
        found.erase(name);
        auto out = describe(name);
        for (const auto& other : found) out += describe(other);
        return out;
    }
    void collect(const std::string& name, std::set<std::string>& found) const {
        std::vector<std::string> open{name};
        while (!open.empty()) {
            const auto next = std::move(open.back());
            open.pop_back();
            if (!found.insert(next).second) continue;
            for (const auto& [field, type] : fields_of(next))
                if (auto base = type.substr(0, type.find('[')); types_.contains(base)) open.push_back(std::move(base));
        }
    }
    [[nodiscard]] std::string describe(const std::string& name) const {
        auto out = name + "(";
        for (const auto& [field, type] : fields_of(name)) out += (out.back() == '(' ? "" : ",") + type + " " + field;
        return out + ")";
    }

    [[nodiscard]] Hash256 encode_value(const std::string& type, const Json& value, const std::string& where,
                                       unsigned depth) const {
        if (depth > depth_max) throw Wrong{where + ": nested too deeply"};
        if (type.ends_with(']')) return encode_array(type, value, where, depth);
        if (types_.contains(type)) return value.is_null() ? Hash256{} : hash_struct(type, value, depth);
        if (type == "string") return keccak256(as_bytes(text(value, where)));
        if (type == "bytes") return keccak256(bytes_of(value, where));
        if (type == "bool") {
            if (!value.is_boolean()) throw Wrong{where + ": true or false is expected"};
            return to_big_endian(uint256{value.get<bool>() ? 1U : 0U});
        }
        Hash256 word{};
        if (type == "address") {
            const auto bytes = bytes_of(value, where);
            if (bytes.size() != 20) throw Wrong{where + ": an address is expected"};
            std::ranges::copy(bytes, &word[12]);
            return word;
        }
        if (type.starts_with("bytes")) {
            const auto bytes = bytes_of(value, where);
            const auto size = width(std::string_view{type}.substr(5), 0, 32, 1);
            if (size == 0) throw Wrong{where + ": there is no type " + type};
            if (bytes.size() != size) throw Wrong{where + ": " + std::to_string(size) + " bytes are expected"};
            std::ranges::copy(bytes, &word[0]);
            return word;
        }
        if (type.starts_with("uint")) return to_big_endian(integer(type.substr(4), false, value, where));
        if (type.starts_with("int")) return to_big_endian(integer(type.substr(3), true, value, where));
        throw Wrong{where + ": there is no type " + type};
    }

    /// Of the elements' encodings, one after the other.
    [[nodiscard]] Hash256 encode_array(const std::string& type, const Json& value, const std::string& where,
                                       unsigned depth) const {
        const auto open = type.rfind('[');
        if (open == std::string::npos) throw Wrong{where + ": there is no type " + type};
        if (!value.is_array()) throw Wrong{where + ": an array is expected"};
        const auto count = std::string_view{type}.substr(open + 1, type.size() - open - 2);
        if (!count.empty() && width(count, 0, 1U << 20U, 1) != value.size())
            throw Wrong{where + ": " + std::string{count} + " elements are expected"};
        const auto element = type.substr(0, open);
        Bytes data;
        for (std::size_t i = 0; i < value.size(); ++i)
            append(data, encode_value(element, value[i], where + "[" + std::to_string(i) + "]", depth + 1).view());
        return keccak256(data);
    }

    [[nodiscard]] static Bytes bytes_of(const Json& value, const std::string& where) {
        auto bytes = from_hex(text(value, where));
        if (!bytes) throw Wrong{where + ": a hex string is expected"};
        return std::move(*bytes);
    }

    /// A JSON number, or decimal or hex digits as a string; negative ones in two's complement.
    [[nodiscard]] static uint256 integer(const std::string& digits, bool is_signed, const Json& value,
                                         const std::string& where) {
        const auto bits = width(digits, 256, 256, 8);
        if (bits == 0) throw Wrong{where + ": there is no type " + (is_signed ? "int" : "uint") + digits};
        auto shown = value.is_number_integer() ? value.dump() : text(value, where);
        const bool is_negative = shown.starts_with('-');
        if (is_negative) shown.erase(0, 1);
        const auto magnitude = parse_uint256(shown);
        if (!magnitude || (is_negative && !is_signed)) throw Wrong{where + ": a number is expected"};
        const auto limit = is_signed    ? (uint256{1} << (bits - 1)) - uint256{is_negative ? 0U : 1U}
                           : bits < 256 ? (uint256{1} << bits) - uint256{1}
                                        : ~uint256{};
        if (*magnitude > limit) throw Wrong{where + ": does not fit its type"};
        return is_negative ? uint256{} - *magnitude : *magnitude;
    }

    const Json& types_;
    mutable std::map<std::string, Hash256> type_hashes_;
};

}  // namespace

Hash256 personal_message_digest(ByteView message) {
    const auto prefix =
        "\x19"
        "Ethereum Signed Message:\n" +
        std::to_string(message.size());
    Bytes data;
    append(data, as_bytes(prefix));
    append(data, message);
    return keccak256(data);
}

Result<Hash256> typed_data_digest(const Json& data) {
    try {
        const Encoder encoder{member(data, "types")};
        const auto& primary = text(member(data, "primaryType"), "primaryType");
        Bytes digest{0x19, 0x01};
        append(digest, encoder.hash_struct("EIP712Domain", member(data, "domain"), 0).view());
        // A signature over the domain alone.
        if (primary != "EIP712Domain") append(digest, encoder.hash_struct(primary, member(data, "message"), 0).view());
        return keccak256(digest);
    } catch (const Wrong& wrong) {
        return Error{ErrorCode::malformed, "typed data: " + wrong.what};
    }
}

}  // namespace troupe
