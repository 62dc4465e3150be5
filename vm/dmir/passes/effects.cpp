#include "vm/dmir/passes/effects.hpp"

namespace troupe::dmir {

bool writes(Op op, Place place) noexcept {
    const auto kind = info(op).kind;
    if (kind == OpKind::store || kind == OpKind::store_lane) return place == Place::memory;
    if (kind != OpKind::special) return false;
    switch (op) {
        case Op::call:
        case Op::call_indirect: return true;
        case Op::global_set: return place == Place::globals;
        case Op::memory_copy:
        case Op::memory_fill:
        case Op::memory_init: return place == Place::memory;
        case Op::memory_grow: return place == Place::memory_size;
        case Op::table_set:
        case Op::table_grow:
        case Op::table_fill:
        case Op::table_copy:
        case Op::table_init: return place == Place::tables;
        default: return false;
    }
}

std::optional<Place> read_by(Op op) noexcept {
    const auto kind = info(op).kind;
    if (kind == OpKind::load || kind == OpKind::load_lane) return Place::memory;
    switch (op) {
        case Op::global_get: return Place::globals;
        case Op::memory_size: return Place::memory_size;
        case Op::table_get:
        case Op::table_size: return Place::tables;
        default: return std::nullopt;
    }
}

bool is_repeatable(Op op) noexcept {
    switch (info(op).kind) {
        case OpKind::store:
        case OpKind::store_lane: return false;
        case OpKind::special: break;
        default: return true;
    }
    switch (op) {
        case Op::ref_null:
        case Op::ref_is_null:
        case Op::ref_func:
        case Op::select:
        case Op::global_get:
        case Op::table_get:
        case Op::table_size:
        case Op::memory_size:
        case Op::stack_check: return true;
        default: return false;
    }
}

std::uint32_t access_bytes(Op op) noexcept { return 1U << info(op).n; }

WriteCounts::WriteCounts(const Function& function) {
    for (auto& counts : before_) counts.assign(function.blocks.size() + 1, 0);
    for (std::size_t b = 0; b < function.blocks.size(); ++b) {
        std::array<bool, place_count> written{};
        for (const auto& i : function.instructions_of(function.blocks[b]))
            for (auto place : all_places) written[static_cast<std::size_t>(place)] |= writes(i.op, place);
        for (std::size_t p = 0; p < place_count; ++p) before_[p][b + 1] = before_[p][b] + (written[p] ? 1 : 0);
    }
}

}  // namespace troupe::dmir
