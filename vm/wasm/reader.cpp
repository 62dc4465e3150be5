#include "vm/wasm/reader.hpp"

namespace troupe::wasm {
namespace {

/// Well-formed UTF-8 by Unicode's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(ByteView text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = text[i];
        if (lead < 0x80) {
            ++i;
            continue;
        }
        std::size_t more = 0;
        std::uint8_t low = 0x80;
        std::uint8_t high = 0xBF;
        if (lead >= 0xC2 && lead <= 0xDF) {
            more = 1;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            more = 2;
            if (lead == 0xE0) low = 0xA0;
            if (lead == 0xED) high = 0x9F;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            more = 3;
            if (lead == 0xF0) low = 0x90;
            if (lead == 0xF4) high = 0x8F;
        } else {
            return false;
        }
        if (text.size() - i <= more) return false;
        for (std::size_t k = 1; k <= more; ++k) {
            const auto b = text[i + k];
            if (b < low || b > high) return false;
            low = 0x80;
            high = 0xBF;
        }
        i += more + 1;
    }
    return true;
}

}  // namespace

std::string Reader::name(std::uint32_t bytes_max) {
    const auto size = u32();
    if (!ok()) return {};
    if (size > remaining()) {
        fail(ErrorCode::malformed, "length out of bounds");
        return {};
    }
    if (size > bytes_max) {
        fail(ErrorCode::too_large, "name too long");
        return {};
    }
    const auto view = bytes_.subspan(position_, size);
    if (!is_utf8(view)) {
        fail(ErrorCode::malformed, "malformed UTF-8 encoding");
        return {};
    }
    position_ += size;
    return {reinterpret_cast<const char*>(view.data()), view.size()};
}

}  // namespace troupe::wasm
