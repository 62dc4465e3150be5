#include "jit/opt/chunk_tests.hpp"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "vm/dmir/passes/cfg.hpp"
#include "vm/interp/runtime.hpp"

namespace troupe::jit::opt {
namespace {

using dmir::no_value;
using dmir::Op;
using dmir::Value;

constexpr std::uint8_t chunk_bits = std::countr_zero(vm::chunk_bytes);

/// An i32 as another one and a constant, modulo 2^32; of constants the other one is none.
struct Sum {
    Value root = no_value;
    std::uint32_t constant = 0;
};

/// Bytes root + first to root + last, modulo 2^32, lie in dirty chunks wherever `block` dominates. Addresses of stores
/// that did not trap are below 2^32, so that each byte's address is known from such a sum exactly.
struct Dirty {
    std::int64_t first = 0;
    std::int64_t last = 0;
    dmir::BlockIndex block = 0;
};
/// Of the latest for a root so many are looked at, which bounds the time.
constexpr std::size_t looked_at = 16;

/// Rounds of the search for zeros before nothing is taken to be known of loops.
constexpr int rounds_max = 6;

class ChunkTests {
public:
    explicit ChunkTests(const dmir::Function& f)
        : f_(f), cfg_(f), sums_(f.types.size()), zeros_(f.types.size(), 0), tests_(f.instructions.size()) {
        for (Value v = 0; v < sums_.size(); ++v) sums_[v].root = v;
    }

    [[nodiscard]] std::vector<ChunkTest> run() {
        for (const auto& block : f_.blocks)
            for (const auto& i : f_.instructions_of(block)) find_sum(i);
        find_all_zeros();
        for (dmir::BlockIndex b = 0; b < f_.blocks.size(); ++b)
            for (const auto& i : f_.instructions_of(f_.blocks[b]))
                if (dmir::info(i.op).kind == dmir::OpKind::store)
                    tests_[static_cast<std::size_t>(&i - f_.instructions.data())] = store(i, b);
        return std::move(tests_);
    }

private:
    [[nodiscard]] bool is_constant(Value v) const { return sums_[v].root == no_value; }

    void find_sum(const dmir::Instruction& i) {
        const auto a = i.arguments[0];
        const auto b = i.arguments[1];
        if (i.op == Op::i32_const)
            sums_[i.first_result] = {no_value, static_cast<std::uint32_t>(i.immediate)};
        else if ((i.op == Op::i32_add || i.op == Op::i32_sub) && is_constant(b))
            sums_[i.first_result] = {sums_[a].root, i.op == Op::i32_add ? sums_[a].constant + sums_[b].constant
                                                                        : sums_[a].constant - sums_[b].constant};
        else if (i.op == Op::i32_add && is_constant(a))
            sums_[i.first_result] = {sums_[b].root, sums_[b].constant + sums_[a].constant};
    }

    [[nodiscard]] std::uint8_t zeros_of(const dmir::Instruction& i) const {
        const auto a = i.arguments[0];
        const auto b = i.arguments[1];
        switch (i.op) {
            case Op::i32_const: return static_cast<std::uint8_t>(std::countr_zero(sums_[i.first_result].constant));
            case Op::i32_add:
            case Op::i32_sub:
            case Op::i32_or:
            case Op::i32_xor:
            case Op::select: return std::min(zeros_[a], zeros_[b]);
            case Op::i32_and: return std::max(zeros_[a], zeros_[b]);
            case Op::i32_mul: return static_cast<std::uint8_t>(std::min(32, zeros_[a] + zeros_[b]));
            case Op::i32_shl:
                return is_constant(b) ? static_cast<std::uint8_t>(std::min(32U, zeros_[a] + (sums_[b].constant & 31U)))
                                      : std::uint8_t{0};
            default: return 0;
        }
    }
    void find_zeros() {
        for (const auto& block : f_.blocks)
            for (const auto& i : f_.instructions_of(block))
                if (i.result_count == 1) zeros_[i.first_result] = zeros_of(i);
    }
    /// Of blocks' parameters all are taken to be zeros until an edge says otherwise.
    void find_all_zeros() {
        const auto set_parameters = [&](std::uint8_t zeros) {
            for (dmir::BlockIndex b = 1; b < f_.blocks.size(); ++b)
                for (auto v : f_.blocks[b].parameters)
                    if (f_.types[v] == dmir::Type::i32) zeros_[v] = zeros;
        };
        set_parameters(32);
        for (int round = 0; round < rounds_max; ++round) {
            find_zeros();
            if (!meet()) return;
        }
        set_parameters(0);
        find_zeros();
    }
    /// True if anything changed.
    [[nodiscard]] bool meet() {
        bool changed = false;
        for (const auto& block : f_.blocks)
            for (const auto& edge : f_.edges_of(block)) {
                const auto& parameters = f_.blocks[edge.block].parameters;
                const auto arguments = f_.values(edge.arguments);
                for (std::size_t k = 0; k < parameters.size(); ++k) {
                    if (zeros_[arguments[k]] >= zeros_[parameters[k]]) continue;
                    zeros_[parameters[k]] = zeros_[arguments[k]];
                    changed = true;
                }
            }
        return changed;
    }

    [[nodiscard]] ChunkTest store(const dmir::Instruction& i, dmir::BlockIndex b) {
        const auto& sum = sums_[i.arguments[0]];
        const auto size = std::int64_t{1} << dmir::info(i.op).n;
        const std::int64_t at = static_cast<std::int32_t>(sum.constant + static_cast<std::uint32_t>(i.immediate));
        // Offsets in the same multiple of what divides the root are in the same chunk.
        const auto known = sum.root == no_value ? chunk_bits : std::min(zeros_[sum.root], chunk_bits);
        const auto granule = std::int64_t{1} << known;
        const auto test = granule >= size && (at & (size - 1)) == 0 ? ChunkTest::one : ChunkTest::across;
        if (!cfg_.reachable(b)) return test;
        Dirty dirty{at & -granule, (at + size - 1) | (granule - 1), b};
        auto& before = dirty_[sum.root];
        const auto begin = before.size() - std::min(before.size(), looked_at);
        for (auto k = before.size(); k-- > begin;) {
            const auto& other = before[k];
            if (!cfg_.dominates(other.block, b)) continue;
            if (other.first <= at && at + size - 1 <= other.last) return ChunkTest::none;
            // What lies between two bytes so near lies in the chunk of one of them.
            constexpr std::int64_t gap_max = vm::chunk_bytes;
            if (other.first - dirty.last > gap_max || dirty.first - other.last > gap_max) continue;
            dirty.first = std::min(dirty.first, other.first);
            dirty.last = std::max(dirty.last, other.last);
        }
        before.push_back(dirty);
        return test;
    }

    const dmir::Function& f_;
    dmir::Cfg cfg_;
    std::vector<Sum> sums_;
    /// Bits at the lower end of an i32 that are known to be zero.
    std::vector<std::uint8_t> zeros_;
    std::vector<ChunkTest> tests_;
    std::unordered_map<Value, std::vector<Dirty>> dirty_;
};

}  // namespace

std::vector<ChunkTest> find_chunk_tests(const dmir::Function& function) { return ChunkTests(function).run(); }

}  // namespace troupe::jit::opt
