// Which locals a frame and those inside it assign, while a body is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace troupe::wasm {

class AssignedLocals {
public:
    struct Frame {
        /// Where its own begin.
        std::size_t first = 0;
        std::uint32_t mark = 0;
    };

    void reset(std::size_t locals) {
        listed_.clear();
        if (marks_.size() < locals) marks_.resize(locals, 0);
    }
    [[nodiscard]] Frame open() { return {listed_.size(), next_mark_++}; }
    /// In the innermost frame. False if it is listed there already.
    bool assign(std::uint32_t local, const Frame& frame) {
        if (marks_[local] == frame.mark) return false;
        marks_[local] = frame.mark;
        listed_.push_back(local);
        return true;
    }
    /// Those of `frame`, the innermost, each once. What was assigned inside was assigned in the frame around it, too,
    /// and is listed for that one from now on; null: there is none.
    [[nodiscard]] std::span<const std::uint32_t> close(const Frame& frame, const Frame* outer) {
        const auto mark = outer != nullptr ? outer->mark : next_mark_++;
        auto end = frame.first;
        for (auto k = end; k < listed_.size(); ++k) {
            if (marks_[listed_[k]] == mark) continue;
            marks_[listed_[k]] = mark;
            listed_[end++] = listed_[k];
        }
        listed_.resize(end);
        return std::span(listed_).subspan(frame.first);
    }

private:
    /// Of each local: the frame that it was last listed for.
    std::vector<std::uint32_t> marks_;
    std::uint32_t next_mark_ = 1;
    /// Locals assigned in the open frames, each frame's after those of the frames around it.
    std::vector<std::uint32_t> listed_;
};

}  // namespace troupe::wasm
