#include "runtime/crypto/random.hpp"

#include <cerrno>

#include <openssl/crypto.h>
#include <sys/random.h>

#include "runtime/base/result.hpp"

namespace troupe {

void fill_random(std::span<std::uint8_t> out) noexcept {
    while (!out.empty()) {
        const auto got = ::getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        TROUPE_ASSERT(got > 0);
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

void wipe(std::span<std::uint8_t> memory) noexcept { OPENSSL_cleanse(memory.data(), memory.size()); }

}  // namespace troupe
