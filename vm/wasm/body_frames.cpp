// What the frames of a valid body assign, read without looking at types.
#include <algorithm>

#include "vm/wasm/assigned_locals.hpp"
#include "vm/wasm/body_reader.hpp"

namespace troupe::wasm {
namespace {

/// What follows an opcode: LEB128 numbers, and then bytes.
struct Immediates {
    std::uint8_t numbers = 0;
    std::uint8_t bytes = 0;
};

[[nodiscard]] Immediates immediates_of(Op op) {
    const auto& facts = dmir::info(op);
    switch (facts.kind) {
        case OpKind::plain: return {};
        case OpKind::constant:
            if (facts.signature == ":f") return {0, 4};
            if (facts.signature == ":d") return {0, 8};
            if (facts.signature == ":v") return {0, 16};
            return {1, 0};
        case OpKind::load:
        case OpKind::store: return {2, 0};
        case OpKind::lane: return {0, 1};
        case OpKind::load_lane:
        case OpKind::store_lane: return {2, 1};
        case OpKind::shuffle: return {0, 16};
        case OpKind::special: break;
    }
    switch (op) {
        case Op::select:
        case Op::ref_is_null: return {};
        // A byte of zero reads as a number.
        case Op::call_indirect:
        case Op::table_copy:
        case Op::table_init:
        case Op::memory_copy:
        case Op::memory_init: return {2, 0};
        default: return {1, 0};
    }
}

using Table = std::array<Immediates, 768>;
const Table immediates = [] {
    Table out{};
    for (std::size_t slot = 0; slot < out.size(); ++slot)
        if (dmir::ops_of_wasm[slot] != Op::count) out[slot] = immediates_of(dmir::ops_of_wasm[slot]);
    // Blocks by their types, branches, locals.
    for (std::size_t opcode : {0x02, 0x03, 0x04, 0x0C, 0x0D, 0x20, 0x21, 0x22}) out[opcode] = {1, 0};
    return out;
}();

}  // namespace

BodyFrames find_frames(const Module& module, std::uint32_t function) {
    const auto& body = module.functions[function];
    const auto* at = module.bytes.data() + body.body_offset;
    std::size_t locals = module.types[body.type_index].parameters.size();
    for (auto groups = read_valid_leb<std::uint32_t>(at); groups > 0; --groups) {
        locals += read_valid_leb<std::uint32_t>(at);
        ++at;
    }
    struct Open {
        AssignedLocals::Frame assigned;
        std::size_t index = 0;
    };
    BodyFrames out;
    AssignedLocals assigned;
    assigned.reset(locals);
    std::vector<Open> open;
    const auto begin = [&] {
        open.push_back({assigned.open(), out.frames.size()});
        out.frames.emplace_back();
    };
    begin();
    while (!open.empty()) {
        const auto opcode = *at++;
        switch (opcode) {
            case 0x02:
            case 0x03:
            case 0x04:
                begin();
                skip_valid_leb(at);
                continue;
            case 0x05: out.frames[open.back().index].has_else = true; continue;
            case 0x0B: {
                const auto& frame = open.back();
                const auto list = assigned.close(frame.assigned, open.size() > 1 ? &(&frame)[-1].assigned : nullptr);
                auto& facts = out.frames[frame.index];
                facts.first_assigned = static_cast<std::uint32_t>(out.assigned.size());
                facts.assigned_count = static_cast<std::uint32_t>(list.size());
                out.assigned.insert(out.assigned.end(), list.begin(), list.end());
                std::sort(out.assigned.end() - static_cast<std::ptrdiff_t>(list.size()), out.assigned.end());
                open.pop_back();
                continue;
            }
            case 0x0E:
                for (auto labels = read_valid_leb<std::uint64_t>(at) + 1; labels > 0; --labels) skip_valid_leb(at);
                continue;
            case 0x1C: at += read_valid_leb<std::uint32_t>(at); continue;
            case 0x21:
            case 0x22: assigned.assign(read_valid_leb<std::uint32_t>(at), open.back().assigned); continue;
            default: break;
        }
        std::uint32_t code = opcode;
        if (opcode == 0xFC || opcode == 0xFD) code = code << 8U | read_valid_leb<std::uint32_t>(at);
        const auto& what = immediates[dmir::wasm_slot(static_cast<std::uint16_t>(code))];
        for (auto n = what.numbers; n > 0; --n) skip_valid_leb(at);
        at += what.bytes;
    }
    return out;
}

}  // namespace troupe::wasm
