// Whom to ask next: those that have answered, in turn; all in turn while nobody has.
#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include "runtime/base/strong.hpp"

namespace troupe::batch_validator {

class Peers {
public:
    explicit Peers(std::vector<NodeIndex> nodes) : nodes_(std::move(nodes)) {}

    [[nodiscard]] bool empty() const noexcept { return nodes_.empty(); }
    /// Not one of `avoided`, unless that is everybody. Requires one at least.
    [[nodiscard]] NodeIndex next(const std::set<NodeIndex>& avoided = {}) {
        const auto turn = turn_++;
        for (const bool must_have_answered : {true, false}) {
            std::vector<NodeIndex> choice;
            for (const auto node : nodes_)
                if (!avoided.contains(node) && (!must_have_answered || answered_.contains(node)))
                    choice.push_back(node);
            if (!choice.empty()) return choice[turn % choice.size()];
        }
        return nodes_[turn % nodes_.size()];
    }
    void on_answer(NodeIndex node) { answered_.insert(node); }
    void on_silence(NodeIndex node) { answered_.erase(node); }

private:
    std::vector<NodeIndex> nodes_;
    std::set<NodeIndex> answered_;
    std::size_t turn_ = 0;
};

}  // namespace troupe::batch_validator
