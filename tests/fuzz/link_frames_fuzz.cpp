// What a peer sends, cut anywhere: the frames and the fault must not depend on the cuts, a frame must be exactly the
// bytes that made it, and memory held must stay within the limits.
#include <cstdlib>

#include "runtime/base/limits.hpp"
#include "runtime/link/frame_reader.hpp"

namespace {

using namespace troupe;
using namespace troupe::link;

void require(bool condition) {
    if (!condition) std::abort();
}

struct Outcome {
    std::vector<std::pair<Kind, Bytes>> frames;
    std::string fault;

    bool operator==(const Outcome&) const = default;
};

/// `cut` 0: the whole input at once; else pieces of pseudo-random length up to `cut`.
Outcome read_all(ByteView stream, const FrameLimits& limits, std::size_t cut) {
    Outcome outcome;
    FrameReader reader;
    std::size_t step = cut;
    while (!stream.empty()) {
        step = step * 1103515245 + 12345;
        const auto n = cut == 0 ? stream.size() : std::min(stream.size(), 1 + (step >> 16) % cut);
        auto input = stream.first(n);
        stream = stream.subspan(n);
        for (;;) {
            const auto event = reader.next(input, limits);
            require(reader.held_bytes() <= troupe::limits::frame_bytes_max);
            if (event == FrameReader::Event::frame) {
                outcome.frames.emplace_back(reader.kind(), reader.take_payload());
                continue;
            }
            if (event == FrameReader::Event::fault) return outcome.fault = reader.fault(), outcome;
            require(input.empty());
            break;
        }
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto after = FrameLimits::after_hello(
        {{1, "tiny", 16, false}, {2, "medium", 5000, false}, {3, "all", troupe::limits::frame_bytes_max, true}});
    static const auto before = FrameLimits::before_hello();
    if (size < 2) return 0;
    const auto& limits = data[0] % 8 == 0 ? before : after;
    const std::size_t cut = 1 + data[1] * 4;
    const ByteView stream{data + 2, size - 2};

    const auto whole = read_all(stream, limits, 0);
    require(whole == read_all(stream, limits, cut));
    Bytes again;
    for (const auto& [kind, payload] : whole.frames) {
        require(payload.size() <= limits.bytes_max(kind));
        put_frame(again, kind, payload);
    }
    require(again.size() <= stream.size() && std::equal(again.begin(), again.end(), stream.begin()));
    return 0;
}

/// Where random bytes rarely lead: seeds that the driver mutates.
extern "C" void troupe_fuzz_seeds(std::vector<std::vector<std::uint8_t>>& seeds) {
    for (const auto first : std::initializer_list<std::uint8_t>{0, 1}) {
        Bytes seed{first, 3};
        put_frame(seed, hello_kind, Bytes(40, 1));
        seeds.push_back(seed);
        seed.resize(2);
        for (std::size_t n : {0, 1, 16, 17, 300, 5000}) put_frame(seed, n <= 16 ? 1 : 2, Bytes(n, 9));
        put_frame(seed, ping_kind, Bytes(9, 1));
        put_frame(seed, 3, Bytes(70'000, 2));
        seeds.push_back(seed);
    }
}
