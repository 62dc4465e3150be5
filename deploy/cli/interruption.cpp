#include "deploy/cli/interruption.hpp"

#include <string_view>

#include <signal.h>
#include <unistd.h>

namespace troupe::cli {
namespace {

constexpr int interrupted_exit_code = 130;  // as shells give it

void on_interrupt(int) {
    constexpr std::string_view text =
        "\ntroupe: interrupted; nodes go on as they are. `troupe status` shows them, `troupe up` completes what was "
        "begun, `troupe down` stops them\n";
    static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
    ::_exit(interrupted_exit_code);
}

}  // namespace

void explain_interruption() { ::signal(SIGINT, on_interrupt); }

}  // namespace troupe::cli
