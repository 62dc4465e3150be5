#include "vm/contract/module_extent.hpp"

#include <array>

#include "vm/wasm/reader.hpp"

namespace troupe::contract {

std::size_t module_extent(ByteView code) {
    constexpr std::size_t header_bytes = 8;
    /// By id: the place in the order of sections. DataCount (12) stands before Code (10).
    constexpr std::array<std::uint8_t, 13> order{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10};
    if (code.size() < header_bytes) return code.size();
    std::size_t end = header_bytes;
    std::uint8_t last = 0;
    while (end < code.size()) {
        wasm::Reader reader(code, end, code.size());
        const auto id = reader.byte();
        const auto size = reader.u32();
        if (!reader.ok() || id >= order.size() || size > reader.remaining()) return end;
        if (id == 0 && size == 0) return end;
        if (id != 0 && order[id] <= last) return end;
        if (id != 0) last = order[id];
        const auto section_end = reader.position() + size;
        bool is_last = false;
        if (id == 0) {
            wasm::Reader section(code, reader.position(), section_end);
            const auto name_size = section.u32();
            is_last = section.ok() && name_size == end_section_name.size() && name_size <= section.remaining() &&
                      std::memcmp(code.data() + section.position(), end_section_name.data(), name_size) == 0;
        }
        end = section_end;
        if (is_last) break;
    }
    return end;
}

}  // namespace troupe::contract
