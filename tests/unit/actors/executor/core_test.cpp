#include "actors/executor/core.hpp"

#include <doctest/doctest.h>

using namespace troupe;
using namespace troupe::executor;

namespace {

class Chunks final : public ChunkAvailability {
public:
    std::set<ChunkId> here;
    [[nodiscard]] bool has_chunk(const ChunkId& id) const override { return here.contains(id); }
};

[[nodiscard]] ChunkId chunk(std::uint8_t i) {
    ChunkId id;
    id[0] = i;
    return id;
}

struct Bench {
    std::shared_ptr<const CommittedBlock> block(std::uint64_t height, const std::vector<std::uint8_t>& ids) {
        auto out = std::make_shared<CommittedBlock>();
        out->block.header.height = Height{height};
        for (const auto i : ids) {
            ChunkCertificate certificate;
            certificate.chunk.id = chunk(i);
            out->block.certificates.push_back(certificate);
        }
        return out;
    }
    /// What follows: "need 1 2" and "execute 3".
    std::vector<std::string> said(const Outbox& out) {
        std::vector<std::string> lines;
        for (const auto& effect : out) {
            if (const auto* need = std::get_if<NeedChunks>(&effect)) {
                lines.emplace_back("need");
                for (const auto& certificate : need->certificates)
                    lines.back() += " " + std::to_string(certificate.chunk.id[0]);
            } else {
                lines.push_back("execute " +
                                std::to_string(std::get<Execute>(effect).block->block.header.height.value));
            }
        }
        return lines;
    }
    std::vector<std::string> commit(std::uint64_t height, const std::vector<std::uint8_t>& ids) {
        Outbox out;
        core.on_committed(block(height, ids), chunks, out);
        return said(out);
    }
    std::vector<std::string> arrive(std::uint8_t id) {
        Outbox out;
        chunks.here.insert(chunk(id));
        core.on_chunk_arrived(chunk(id), out);
        return said(out);
    }
    std::vector<std::string> finish(std::uint64_t height) {
        Outbox out;
        core.on_finished(Height{height}, out);
        return said(out);
    }
    Chunks chunks;
    Core core{Height{10}};
};
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a block whose chunks are here is executed at once, the next when it has finished") {
    Bench b;
    b.chunks.here = {chunk(1), chunk(2)};
    CHECK(b.commit(11, {1, 2}) == Lines{"execute 11"});
    CHECK(b.commit(12, {}) == Lines{});
    CHECK(b.core.committed() == Height{12});
    CHECK(b.core.executed() == Height{10});
    CHECK(b.finish(11) == Lines{"execute 12"});
    CHECK(b.finish(12) == Lines{});
    CHECK(b.core.executed() == Height{12});
}

TEST_CASE("missing chunks are asked for once, and execution waits for the last of them") {
    Bench b;
    b.chunks.here = {chunk(1)};
    CHECK(b.commit(11, {1, 2, 3}) == Lines{"need 2 3"});
    CHECK(b.commit(12, {3, 4}) == Lines{"need 4"});
    CHECK(b.core.missing_chunks() == 3);
    CHECK(b.arrive(4) == Lines{});
    CHECK(b.arrive(2) == Lines{});
    CHECK(b.arrive(3) == Lines{"execute 11"});
    CHECK(b.finish(11) == Lines{"execute 12"});
}

TEST_CASE("chunks that nobody waits for, or that come twice, set nothing off") {
    Bench b;
    CHECK(b.arrive(9) == Lines{});
    CHECK(b.commit(11, {1}) == Lines{"need 1"});
    CHECK(b.arrive(9) == Lines{});
    CHECK(b.arrive(1) == Lines{"execute 11"});
    CHECK(b.arrive(1) == Lines{});
    CHECK(b.finish(11) == Lines{});
}

TEST_CASE("blocks that are known already are ignored") {
    Bench b;
    CHECK(b.commit(10, {1}) == Lines{});
    CHECK(b.commit(3, {1}) == Lines{});
    CHECK(b.commit(11, {}) == Lines{"execute 11"});
    CHECK(b.commit(11, {5}) == Lines{});
    CHECK(b.core.missing_chunks() == 0);
}

TEST_CASE("a later block does not overtake one that lacks its chunk") {
    Bench b;
    CHECK(b.commit(11, {1}) == Lines{"need 1"});
    for (std::uint64_t height = 12; height < 200; ++height) CHECK(b.commit(height, {}) == Lines{});
    CHECK(b.arrive(1) == Lines{"execute 11"});
    for (std::uint64_t height = 11; height < 199; ++height)
        CHECK(b.finish(height) == Lines{"execute " + std::to_string(height + 1)});
    CHECK(b.finish(199) == Lines{});
}
