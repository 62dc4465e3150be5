// Canonical msgpack, RLP and JSON: whatever decodes must encode to the very bytes it came from (JSON: to an equal
// value), and nothing may crash or allocate much for a short input.
#include <cstdlib>
#include <string>

#include "runtime/actor/network.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/rlp.hpp"
#include "runtime/ledger/block.hpp"
#include "runtime/ledger/chunk.hpp"
#include "runtime/ledger/receipt.hpp"

namespace {

using namespace troupe;

void require(bool condition) {
    if (!condition) std::abort();
}

template <class T>
void check_codec(ByteView input) {
    const auto value = decode<T>(input);
    if (!value) return;
    const auto again = encode(*value);
    require(std::equal(again.begin(), again.end(), input.begin(), input.end()));
}

/// Encodes what the reader gives, item by item.
void copy_rlp(rlp::Reader& from, rlp::Encoder& to, int depth) {
    while (!from.at_end()) {
        if (from.peek().is_list) {
            require(depth < static_cast<int>(limits::codec_depth_max));
            auto inner = from.list();
            const auto list = to.begin_list();
            copy_rlp(inner, to, depth + 1);
            to.end_list(list);
        } else {
            to.bytes(from.bytes());
        }
    }
    require(!from.error());
}

void check_rlp(ByteView input) {
    if (rlp::validate(input)) return;
    rlp::Reader reader{input};
    rlp::Encoder encoder;
    copy_rlp(reader, encoder, 0);
    const auto again = encoder.view();
    require(std::equal(again.begin(), again.end(), input.begin(), input.end()));
}

void check_json(ByteView input) {
    const auto value = parse_json({reinterpret_cast<const char*>(input.data()), input.size()});
    if (!value) return;
    const auto again = parse_json(value->dump());
    require(again.ok() && *again == *value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView input{data + 1, size - 1};
    switch (data[0] % 12) {
        case 0: check_codec<Chunk>(input); break;
        case 1: check_codec<ChunkProposal>(input); break;
        case 2: check_codec<ChunkCertificate>(input); break;
        case 3: check_codec<ChunkFault>(input); break;
        case 4: check_codec<CommittedBlock>(input); break;
        case 5: check_codec<Receipt>(input); break;
        case 6: check_codec<SubmitTransactions>(input); break;
        case 7: check_codec<Refusals>(input); break;
        case 8: check_codec<ChunkSignature>(input); break;
        case 9: check_codec<ExecutedBlock>(input); break;
        case 10: check_rlp(input); break;
        case 11: check_json(input); break;
    }
    return 0;
}

extern "C" void troupe_fuzz_seeds(std::vector<std::vector<std::uint8_t>>& seeds) {
    const auto add = [&](std::uint8_t which, ByteView bytes) {
        auto& seed = seeds.emplace_back(1, which);
        append(seed, bytes);
    };
    add(0, encode(Chunk{}));
    add(1, encode(ChunkProposal{}));
    add(2, encode(ChunkCertificate{}));
    add(3, encode(ChunkFault{}));
    add(4, encode(CommittedBlock{}));
    add(5, encode(Receipt{}));
    add(6, encode(SubmitTransactions{{Bytes(3, 1), Bytes(300, 2), {}}}));
    add(7, encode(Refusals{{{TransactionHash{}, true, "nonce too low"}}}));
    add(8, encode(ChunkSignature{}));
    add(9, encode(ExecutedBlock{}));
    rlp::Encoder rlp;
    const auto outer = rlp.begin_list();
    rlp.integer(std::uint64_t{1024}).bytes(Bytes(60, 3));
    const auto inner = rlp.begin_list();
    rlp.integer(std::uint64_t{0}).empty_list();
    rlp.end_list(inner);
    rlp.end_list(outer);
    add(10, rlp.view());
    add(11, as_bytes(R"({"id":1,"params":["0x1f",null,true,{"a":[-1,2.5e3]}],"s":"\u00e9\n"})"));
}
