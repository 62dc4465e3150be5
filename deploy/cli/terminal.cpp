#include "deploy/cli/terminal.hpp"

#include <csignal>
#include <cstdlib>
#include <string_view>

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace troupe::cli {
namespace {

termios original{};
volatile std::sig_atomic_t is_raw = 0;
volatile std::sig_atomic_t must_quit = 0;
volatile std::sig_atomic_t was_resized = 0;

void put(std::string_view text) {
    while (!text.empty()) {
        const auto n = ::write(STDOUT_FILENO, text.data(), text.size());
        if (n <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

/// Safe in a signal handler.
void restore() {
    if (is_raw == 0) return;
    is_raw = 0;
    put("\x1b[?25h\x1b[?1049l");
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &original);
}

void on_end(int) { must_quit = 1; }
void on_resize(int) { was_resized = 1; }
void on_crash(int signal) {
    restore();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

}  // namespace

std::optional<Terminal> Terminal::open() {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return std::nullopt;
    if (::tcgetattr(STDIN_FILENO, &original) != 0) return std::nullopt;
    auto raw = original;
    // Ctrl-C stays a signal.
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) return std::nullopt;
    is_raw = 1;
    std::atexit(restore);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, on_end);
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) std::signal(signal, on_crash);
    std::signal(SIGWINCH, on_resize);
    put("\x1b[?1049h\x1b[?25l\x1b[2J");
    return Terminal{};
}

Terminal::Terminal(Terminal&& other) noexcept : owns_(other.owns_) { other.owns_ = false; }

Terminal::~Terminal() {
    if (owns_) restore();
}

Terminal::Size Terminal::size() const {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
    return {window.ws_col, window.ws_row};
}

void Terminal::draw(const std::string& text) const {
    std::string out = "\x1b[H";
    for (const char c : text) {
        // The rest of the line may show the picture before.
        if (c == '\n') out += "\x1b[K\r";
        out += c;
    }
    put(out + "\x1b[K\x1b[J");
}

std::optional<int> Terminal::key(int timeout_ms) const {
    if (must_quit != 0) return quit;
    pollfd in{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&in, 1, timeout_ms);
    if (must_quit != 0) return quit;
    if (was_resized != 0) {
        was_resized = 0;
        return resized;
    }
    if (ready <= 0) return std::nullopt;
    char bytes[8];
    const auto n = ::read(STDIN_FILENO, bytes, sizeof bytes);
    // The terminal is gone.
    if (n <= 0) return quit;
    const std::string_view sequence{bytes, static_cast<std::size_t>(n)};
    if (sequence == "\x1b[A") return up;
    if (sequence == "\x1b[B") return down;
    if (sequence == "\x1b[5~") return page_up;
    if (sequence == "\x1b[6~") return page_down;
    if (sequence == "\x1b[H" || sequence == "\x1b[1~") return home;
    if (sequence == "\x1b[F" || sequence == "\x1b[4~") return end;
    if (sequence.size() > 1 && sequence[0] == '\x1b') return std::nullopt;
    return static_cast<unsigned char>(sequence[0]);
}

}  // namespace troupe::cli
