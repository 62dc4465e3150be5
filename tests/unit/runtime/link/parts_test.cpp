// The pure parts: frame reader, send queue, token bucket, refusal log.
#include <random>

#include <doctest/doctest.h>

#include "runtime/base/limits.hpp"
#include "runtime/link/frame_reader.hpp"
#include "runtime/link/refusal_log.hpp"
#include "runtime/link/send_queue.hpp"
#include "runtime/link/token_bucket.hpp"

using namespace troupe;
using namespace troupe::link;
using namespace std::chrono_literals;

namespace {

const std::vector<KindFacts> kinds{
    {1, "small", 1000, false}, {2, "big", limits::frame_bytes_max, false}, {3, "greedy", ~std::size_t{0} >> 1, false}};

[[nodiscard]] std::shared_ptr<const Bytes> payload(std::size_t size) { return std::make_shared<const Bytes>(size, 7); }

}  // namespace

TEST_CASE("frames are the same however the stream is cut") {
    std::mt19937 random{1};
    Bytes stream;
    std::vector<Bytes> sent;
    for (int i = 0; i < 200; ++i) {
        sent.emplace_back(random() % 800, static_cast<std::uint8_t>(i));
        put_frame(stream, 1, sent.back());
    }
    const auto after = FrameLimits::after_hello(kinds);
    for (int round = 0; round < 20; ++round) {
        FrameReader reader;
        std::vector<Bytes> got;
        for (std::size_t at = 0; at < stream.size();) {
            const auto n = std::min<std::size_t>(stream.size() - at, 1 + random() % (round < 10 ? 7 : 5000));
            ByteView input{stream.data() + at, n};
            at += n;
            while (reader.next(input, after) == FrameReader::Event::frame) got.push_back(reader.take_payload());
            REQUIRE(input.empty());
        }
        CHECK(got == sent);
    }
}

TEST_CASE("a claimed length alone allocates little") {
    const auto after = FrameLimits::after_hello(kinds);
    Bytes stream;
    put_frame_header(stream, 2, limits::frame_bytes_max);
    FrameReader reader;
    ByteView input{stream};
    CHECK(reader.next(input, after) == FrameReader::Event::need_more);
    CHECK(reader.held_bytes() <= 64 << 10);
}

TEST_CASE("no kind's own limit exceeds the limit of all frames") {
    const auto after = FrameLimits::after_hello(kinds);
    CHECK(after.bytes_max(3) == limits::frame_bytes_max);
    Bytes stream;
    put_frame_header(stream, 3, limits::frame_bytes_max + 1);
    FrameReader reader;
    ByteView input{stream};
    CHECK(reader.next(input, after) == FrameReader::Event::fault);
}

TEST_CASE("a fault stays, whatever comes after it") {
    const auto after = FrameLimits::after_hello(kinds);
    FrameReader reader;
    const Bytes zero_length{0, 0, 0, 0, 1};
    ByteView input{zero_length};
    CHECK(reader.next(input, after) == FrameReader::Event::fault);
    Bytes good;
    put_frame(good, 1, Bytes{1});
    input = good;
    CHECK(reader.next(input, after) == FrameReader::Event::fault);
    CHECK(reader.fault() == "frame of kind 1 with length 0, allowed are 1 to 1001");
}

TEST_CASE("a batch takes priority frames first and a large frame without copying it") {
    SendQueue queue{1 << 20, 1 << 20};
    const auto large = payload(100'000);
    CHECK(queue.offer(1, payload(10), false) == SendQueue::Offer::queued);
    CHECK(queue.offer(2, large, false) == SendQueue::Offer::queued);
    CHECK(queue.offer(1, payload(20), false) == SendQueue::Offer::queued);
    CHECK(queue.offer(9, payload(30), true) == SendQueue::Offer::queued);
    SendBatch batch;
    queue.take(batch);
    CHECK(batch.frames == 3);
    CHECK(batch.coalesced[4] == 9);
    CHECK(batch.large == large);
    CHECK(batch.size_bytes() == 30 + 10 + 100'000 + 3 * frame_header_bytes);
    batch.clear();
    queue.take(batch);
    CHECK(batch.frames == 1);
    CHECK(batch.large == nullptr);
    CHECK(queue.empty());
    CHECK(queue.bytes() == 0);
}

TEST_CASE("empty frames fill a queue too") {
    SendQueue queue{6400, 6400};
    int taken = 0;
    while (queue.offer(1, payload(0), false) == SendQueue::Offer::queued) ++taken;
    CHECK(taken == 100);
    CHECK(queue.offer(1, payload(0), false) == SendQueue::Offer::bulk_full);
    CHECK(queue.offer(1, payload(7000), true) == SendQueue::Offer::priority_full);
    CHECK(queue.clear() == 100);
    CHECK(queue.offer(1, payload(0), false) == SendQueue::Offer::queued);
}

TEST_CASE("a token bucket lets one second's burst pass and then asks to wait as long as the debt lasts") {
    const TokenBucket::Instant start{};
    TokenBucket bucket{1000, start};
    bucket.take(1000, start);
    CHECK(bucket.wait() == 0ms);
    bucket.take(500, start);
    CHECK(bucket.wait() == 501ms);
    bucket.take(0, start + 600ms);
    CHECK(bucket.wait() == 0ms);
    bucket.take(1000, start + 1h);
    CHECK(bucket.wait() == 0ms);
    bucket.take(1, start + 1h);
    CHECK(bucket.wait() > 0ms);
}

TEST_CASE("the refusal log shows each reason once in a window and counts what it leaves out") {
    RefusalLog log;
    const RefusalLog::Instant start{1h};
    CHECK(log.admit("a", "x", start) == 0);
    for (int i = 0; i < 10; ++i) CHECK(log.admit("a", "x", start + 1s) == std::nullopt);
    CHECK(log.admit("a", "y", start + 1s) == 10);
    CHECK(log.admit("a", "x", start + 5s) == 0);
    int lines = 0;
    for (int i = 0; i < 10'000; ++i) lines += log.admit(std::to_string(i), "z", start + 6s).has_value();
    CHECK(lines == RefusalLog::lines_per_window_max - 1);
}
