// A terminal in raw mode on its alternate screen, given back as it was however the program ends.
#pragma once

#include <optional>
#include <string>

namespace troupe::cli {

class Terminal {
public:
    /// Nothing if standard input or output is not a terminal.
    [[nodiscard]] static std::optional<Terminal> open();
    Terminal(Terminal&& other) noexcept;
    Terminal& operator=(Terminal&&) = delete;
    ~Terminal();

    struct Size {
        std::size_t columns = 80;
        std::size_t rows = 24;
    };
    [[nodiscard]] Size size() const;
    /// Shows the text from the top left corner, without flicker.
    void draw(const std::string& text) const;

    enum Key : int { up = 1000, down, page_up, page_down, home, end, resized, quit };
    /// A character, a Key, or nothing after `timeout_ms`. Signals that end programs come as Key::quit.
    [[nodiscard]] std::optional<int> key(int timeout_ms) const;

private:
    Terminal() = default;
    bool owns_ = true;
};

}  // namespace troupe::cli
