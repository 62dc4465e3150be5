#include "jit/opt/intervals.hpp"

#include <algorithm>

#include "jit/opt/operands.hpp"

namespace troupe::jit::opt {
namespace {

/// Bits of liveness: 64 MiB.
constexpr std::uint64_t live_bits_max = std::uint64_t{1} << 29U;
constexpr std::size_t instructions_max = 400'000;

class Builder {
public:
    Builder(const Function& f, Intervals& out) : f_(f), out_(out) {}

    bool run() {
        std::uint32_t n = 0;
        for (const auto& block : f_.blocks) {
            out_.heads.push_back(n);
            n += 1 + static_cast<std::uint32_t>(block.instructions.size());
        }
        out_.heads.push_back(n);
        out_.words = (f_.registers.size() + 63) / 64;
        if (n > instructions_max || out_.words * 64 * f_.blocks.size() > live_bits_max) return false;
        out_.live_in.assign(out_.words * f_.blocks.size(), 0);
        out_.of.resize(f_.registers.size());
        for (Register r = 0; r < f_.registers.size(); ++r) out_.of[r].value = r;
        live_.resize(out_.words);
        find_depths();
        for (auto b = static_cast<dmir::BlockIndex>(f_.blocks.size()); b-- > 0;) block(b);
        for (auto& interval : out_.of) {
            std::reverse(interval.ranges.begin(), interval.ranges.end());
            std::reverse(interval.uses.begin(), interval.uses.end());
            std::stable_sort(interval.uses.begin(), interval.uses.end(),
                             [](const Use& a, const Use& b) { return a.at < b.at; });
        }
        std::reverse(out_.calls.begin(), out_.calls.end());
        for (auto& list : out_.clobbers) std::reverse(list.begin(), list.end());
        return true;
    }

private:
    template <class F>
    void for_each_live(F&& visit) {
        for (std::size_t w = 0; w < out_.words; ++w)
            for (auto bits = live_[w]; bits != 0; bits &= bits - 1)
                visit(static_cast<Register>(w * 64 + static_cast<std::size_t>(__builtin_ctzll(bits))));
    }
    void set(Register r) {
        if (!f_.registers[r].local) live_[r / 64] |= std::uint64_t{1} << (r % 64);
    }
    void clear(Register r) { live_[r / 64] &= ~(std::uint64_t{1} << (r % 64)); }

    /// Ranges come in descending order; the last one in the list is the earliest.
    void add_range(Register r, std::uint32_t begin, std::uint32_t end) {
        auto& ranges = out_.of[r].ranges;
        while (!ranges.empty() && ranges.back().begin <= end) {
            begin = std::min(begin, ranges.back().begin);
            end = std::max(end, ranges.back().end);
            ranges.pop_back();
        }
        ranges.push_back({begin, end});
    }
    void define(Register r, std::uint32_t at, bool must) {
        auto& interval = out_.of[r];
        const bool live = (live_[r / 64] >> (r % 64) & 1U) != 0;
        if (live)
            interval.ranges.back().begin = at;
        else
            interval.ranges.push_back({at, at + 1});
        interval.uses.push_back({at, must});
        clear(r);
    }

    void find_depths() {
        depth_of_.assign(f_.registers.size(), 0);
        for (const auto& block : f_.blocks) {
            for (auto r : block.parameters) depth_of_[r] = block.loop_depth;
            for (const auto& i : block.instructions) {
                if (i.result == no_register) continue;
                const auto count = is_call(i.code) ? i.result_count : 1U;
                for (std::uint32_t k = 0; k < count; ++k) depth_of_[i.result + k] = block.loop_depth;
            }
        }
    }

    void block(dmir::BlockIndex b) {
        const auto& block = f_.blocks[b];
        const auto from = 2 * out_.heads[b];
        const auto to = 2 * out_.heads[b + 1];
        block_end_ = to;
        depth_ = block.loop_depth;
        std::fill(live_.begin(), live_.end(), 0);
        for (const auto& edge : block.edges) {
            const auto* in = out_.live_at(edge.block);
            for (std::size_t w = 0; w < out_.words; ++w) live_[w] |= in[w];
            for (auto r : f_.values(edge.arguments)) {
                f_.registers[r].local ? add_range(r, from, to) : set(r);
                out_.of[r].uses.push_back({to - 1});
            }
        }
        for_each_live([&](Register r) { add_range(r, from, to); });
        for (std::size_t k = block.instructions.size(); k-- > 0;)
            instruction(block.instructions[k], from, from + 2 * (static_cast<std::uint32_t>(k) + 1));
        for (auto r : block.parameters) define(r, from, false);
        if (block.loop_end > 0) {
            const auto end = 2 * out_.heads[block.loop_end];
            for_each_live([&](Register r) {
                add_range(r, from, end);
                // Uses come in descending order: the last one is the earliest.
                auto& uses = out_.of[r].uses;
                if (!uses.empty() && uses.back().at < end) uses.push_back({end - 1, false, true});
            });
            for (auto inner = b + 1; inner < block.loop_end; ++inner) {
                auto* in = out_.live_in.data() + inner * out_.words;
                for (std::size_t w = 0; w < out_.words; ++w) in[w] |= live_[w];
            }
        }
        std::copy(live_.begin(), live_.end(), out_.live_in.begin() + static_cast<std::ptrdiff_t>(b * out_.words));
    }
    /// No use follows before the block's end or the next call, and the block runs no more often than the definition:
    /// memory serves such a use as well. To be asked before the use is added.
    [[nodiscard]] bool is_last_for_long(Register r, std::uint32_t from) const {
        if (depth_ > depth_of_[r]) return false;
        const auto& uses = out_.of[r].uses;
        if (uses.empty() || uses.back().at >= block_end_) return true;
        return !out_.calls.empty() && out_.calls.back() < uses.back().at && out_.calls.back() >= from;
    }
    void instruction(const Instruction& i, std::uint32_t from, std::uint32_t at) {
        const auto count = is_call(i.code) ? i.result_count : (i.result != no_register ? 1U : 0U);
        const bool late = has_late_result(i);
        for (std::uint32_t k = 0; k < count; ++k) define(i.result + k, late ? at + 2 : at + 1, !late);
        if (is_call(i.code)) out_.calls.push_back(at + 1);
        for (auto mask = clobbers(i); mask != 0; mask &= mask - 1)
            out_.clobbers[static_cast<std::size_t>(__builtin_ctz(mask))].push_back(at + 1);
        if (i.temporary != no_register) {
            out_.of[i.temporary].ranges.push_back({at, at + 2});
            // It is needed beside the result, which must not take its place.
            out_.of[i.temporary].uses.push_back({at + 1, true});
            out_.of[i.temporary].uses.push_back({at, true});
        }
        for_each_use(f_, i, [&](Register r, UseKind kind) {
            const bool stays = kind == UseKind::late;
            add_range(r, from, stays ? at + 2 : at + 1);
            set(r);
            const auto reads_slot = kind == UseKind::either && is_last_for_long(r, from);
            out_.of[r].uses.push_back({stays ? at + 1 : at, kind != UseKind::any && !reads_slot, reads_slot});
        });
    }

    const Function& f_;
    Intervals& out_;
    std::vector<std::uint64_t> live_;
    /// Of each register's definition in loops, and of the block at hand.
    std::vector<std::uint32_t> depth_of_;
    std::uint32_t depth_ = 0;
    std::uint32_t block_end_ = 0;
};

}  // namespace

bool build_intervals(const Function& function, Intervals& out) { return Builder(function, out).run(); }

}  // namespace troupe::jit::opt
