#include "jit/opt/order.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>

namespace troupe::jit::opt {
namespace {

using dmir::BlockIndex;

constexpr BlockIndex none = 0xFFFFFFFF;

class Orderer {
public:
    explicit Orderer(dmir::Function& function) : f_(function), count_(function.blocks.size()) {}

    void run() {
        find_reachable();
        find_predecessors();
        find_loops();
        place_all();
        // A loop with several heads would leave some waiting: no front end makes one.
        if (order_.size() != static_cast<std::size_t>(std::count(reachable_.begin(), reachable_.end(), true))) return;
        std::vector<dmir::Block> blocks;
        blocks.reserve(order_.size());
        std::vector<BlockIndex> place(count_, none);
        for (auto b : order_) {
            place[b] = static_cast<BlockIndex>(blocks.size());
            blocks.push_back(std::move(f_.blocks[b]));
        }
        f_.blocks = std::move(blocks);
        for (auto& block : f_.blocks)
            for (std::uint32_t e = 0; e < block.terminator.edge_count; ++e) {
                auto& edge = f_.edges[block.terminator.first_edge + e];
                edge.block = place[edge.block];
            }
    }

private:
    void find_reachable() {
        reachable_.assign(count_, false);
        reachable_[0] = true;
        std::vector<BlockIndex> work{0};
        while (!work.empty()) {
            const auto b = work.back();
            work.pop_back();
            for (const auto& edge : f_.edges_of(f_.blocks[b])) {
                if (reachable_[edge.block]) continue;
                reachable_[edge.block] = true;
                work.push_back(edge.block);
            }
        }
    }
    void find_predecessors() {
        predecessors_.resize(count_);
        waiting_.assign(count_, 0);
        for (BlockIndex b = 0; b < count_; ++b) {
            if (!reachable_[b]) continue;
            for (const auto& edge : f_.edges_of(f_.blocks[b])) {
                predecessors_[edge.block].push_back(b);
                if (edge.block > b) ++waiting_[edge.block];
            }
        }
    }

    /// The outermost loop found so far around a block, by its head; the block itself if there is none.
    [[nodiscard]] BlockIndex outermost(BlockIndex b) {
        while (group_[b] != b) {
            group_[b] = group_[group_[b]];
            b = group_[b];
        }
        return b;
    }
    /// Natural loops, inner ones first: their heads stand later.
    void find_loops() {
        group_.resize(count_);
        std::iota(group_.begin(), group_.end(), 0);
        loop_of_.assign(count_, none);
        parent_.assign(count_, none);
        for (auto head = static_cast<BlockIndex>(count_); head-- > 0;) {
            std::vector<BlockIndex> work;
            bool is_head = false;
            const auto reach = [&](BlockIndex b) {
                b = outermost(b);
                if (b == head) return;
                group_[b] = head;
                work.push_back(b);
                (loop_of_[b] == b ? parent_[b] : loop_of_[b]) = head;
            };
            for (auto p : predecessors_[head])
                if (p >= head) {
                    is_head = true;
                    reach(p);
                }
            if (!is_head) continue;
            loop_of_[head] = head;
            while (!work.empty()) {
                const auto b = work.back();
                work.pop_back();
                for (auto p : predecessors_[b])
                    if (p >= head && outermost(p) != head) reach(p);
            }
        }
    }

    using Queue = std::priority_queue<BlockIndex, std::vector<BlockIndex>, std::greater<>>;

    /// Where a block waits: in the loop that it belongs to, a head in the one around its own.
    [[nodiscard]] std::size_t queue_of(BlockIndex b) const {
        const auto loop = loop_of_[b] == b ? parent_[b] : loop_of_[b];
        return loop == none ? count_ : loop;
    }
    void place_all() {
        std::vector<Queue> ready(count_ + 1);
        ready[count_].push(0);
        std::size_t loop = count_;
        for (;;) {
            while (ready[loop].empty()) {
                if (loop == count_) return;
                loop = parent_[loop] == none ? count_ : parent_[loop];
            }
            const auto b = ready[loop].top();
            ready[loop].pop();
            order_.push_back(b);
            if (loop_of_[b] == b) loop = b;
            for (const auto& edge : f_.edges_of(f_.blocks[b]))
                if (edge.block > b && --waiting_[edge.block] == 0) ready[queue_of(edge.block)].push(edge.block);
        }
    }

    dmir::Function& f_;
    std::size_t count_;
    std::vector<bool> reachable_;
    std::vector<std::vector<BlockIndex>> predecessors_;
    std::vector<std::uint32_t> waiting_;
    std::vector<BlockIndex> group_;
    /// The head of the innermost loop around each block, itself included, and of each head the loop around its own.
    std::vector<BlockIndex> loop_of_;
    std::vector<BlockIndex> parent_;
    std::vector<BlockIndex> order_;
};

}  // namespace

void order_blocks(dmir::Function& function) { Orderer(function).run(); }

}  // namespace troupe::jit::opt
