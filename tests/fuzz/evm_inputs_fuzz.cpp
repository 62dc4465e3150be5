// What anyone can send to the machine: transactions, inputs of precompiles, code. Nothing may crash, and
//   a transaction that decodes must encode to the very bytes it came from,
//   a precompile must give the same for the same input, modexp what Boost's big integers give, and a sum of points must
//   not depend on their order,
//   code must do the same with a tracer as without.
#include <cstdlib>

#include <boost/multiprecision/cpp_int.hpp>

#include "runtime/crypto/keccak.hpp"
#include "runtime/ledger/transaction.hpp"
#include "vm/evm/precompiles.hpp"
#include "vm/evm/transaction.hpp"

namespace {

using namespace troupe;
using namespace troupe::evm;

void require(bool condition) {
    if (!condition) std::abort();
}

void check_transaction(ByteView input) {
    const auto decoded = decode_transaction(input);
    if (!decoded) return;
    const auto again = encode_transaction(*decoded);
    require(std::equal(again.begin(), again.end(), input.begin(), input.end()));
    if (const auto recovered = recover_transaction(input)) require((*recovered)->transaction == *decoded);
}

using BigInteger = boost::multiprecision::cpp_int;

[[nodiscard]] BigInteger to_integer(const Bytes& bytes) {
    BigInteger out;
    if (!bytes.empty()) boost::multiprecision::import_bits(out, bytes.begin(), bytes.end());
    return out;
}

/// Three bytes of lengths, then base, exponent and modulus.
void check_modexp(ByteView input) {
    if (input.size() < 3) return;
    const std::size_t sizes[] = {input[0] % 70u, input[1] % 20u, input[2] % 70u};
    Bytes data;
    for (const auto size : sizes) append(data, to_big_endian(uint256{size}).view());
    append(data, input.subspan(3));
    const auto output = precompiles::modexp(data, Revision::Osaka);
    require(output && output->size() == sizes[2]);
    const auto base = to_integer(precompiles::slice(data, 96, sizes[0]));
    const auto exponent = to_integer(precompiles::slice(data, 96 + sizes[0], sizes[1]));
    const auto modulus = to_integer(precompiles::slice(data, 96 + sizes[0] + sizes[1], sizes[2]));
    BigInteger expected;
    if (modulus != 0) expected = exponent == 0 ? BigInteger{1 % modulus} : BigInteger{powm(base, exponent, modulus)};
    require(to_integer(*output) == expected);
}

/// One byte chooses the precompile, one the revision.
void check_precompile(ByteView input) {
    if (input.size() < 2) return;
    const auto all = all_precompiles();
    const auto& precompile = all[input[0] % all.size()];
    const auto revision = static_cast<Revision>(input[1] % (static_cast<unsigned>(Revision::Osaka) + 1));
    const auto data = input.subspan(2);
    const auto gas = precompile.gas(data, revision);
    require(!gas || *gas >= 0);
    // As a call with that much gas would.
    if (!gas || *gas > 1'000'000) return;
    const auto output = precompile.run(data, revision);
    require(output == precompile.run(data, revision));
    if (precompile.address == 0x06 && data.size() == 128) {
        Bytes swapped{data.begin() + 64, data.end()};
        append(swapped, data.first(64));
        require(output == precompile.run(swapped, revision));
    }
}

/// One account with the code and a balance.
class World final : public StateReader {
public:
    explicit World(ByteView code) : code_(std::make_shared<const Bytes>(code.begin(), code.end())) {}
    std::optional<AccountRecord> account(const Address& address) override {
        if (address != contract()) return std::nullopt;
        return AccountRecord{1, uint256{1'000'000}, CodeHash::from(keccak256(*code_))};
    }
    uint256 storage(const Address& address, const uint256& slot) override {
        return address == contract() && slot < uint256{4} ? uint256{7} : uint256{};
    }
    std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        return hash == CodeHash::from(keccak256(*code_)) ? code_ : std::make_shared<const Bytes>();
    }
    [[nodiscard]] static Address contract() {
        Address out;
        out[19] = 0xcc;
        return out;
    }

private:
    std::shared_ptr<const Bytes> code_;
};

struct Run {
    ExecutionReceipt receipt;
    StateDiff diff;
};

[[nodiscard]] Run run_code(ByteView code, ByteView calldata, Revision revision, Tracer* tracer) {
    World world{code};
    JournaledState state{world};
    BlockContext block;
    block.number = 300;
    block.timestamp = 1'700'000'000;
    block.gas_limit = 30'000'000;
    block.chain_id = uint256{1};
    block.block_hash = [](std::uint64_t) { return Hash256{}; };
    TransactionInput transaction;
    transaction.sender[19] = 0xaa;
    transaction.to = World::contract();
    transaction.gas_limit = 300'000;
    transaction.data.assign(calldata.begin(), calldata.end());
    AnalysisCache codes;
    Run out;
    if (validate_transaction(state, transaction, block, revision)) return out;
    out.receipt = execute_transaction(state, block, transaction, revision, codes, Charging::ordinary, tracer);
    out.diff = state.diff();
    return out;
}

/// One byte chooses the revision, one the length of the calldata, which comes first.
void check_code(ByteView input) {
    if (input.size() < 2) return;
    const auto revision = static_cast<Revision>(input[0] % (static_cast<unsigned>(Revision::Osaka) + 1));
    const auto calldata = input.subspan(2, std::min<std::size_t>(input[1], input.size() - 2));
    const auto code = input.subspan(2 + calldata.size());
    if (code.size() > 4096) return;
    class CheckingTrace final : public Tracer {
    public:
        void on_step(const Step& step) override { require(step.stack.size() <= 1024 && step.gas >= 0); }
    } tracer;
    const auto plain = run_code(code, calldata, revision, nullptr);
    const auto traced = run_code(code, calldata, revision, &tracer);
    require(plain.receipt.gas_used <= 300'000);
    require(plain.receipt.gas_used == traced.receipt.gas_used);
    require(plain.receipt.error == traced.receipt.error);
    require(plain.receipt.output == traced.receipt.output);
    require(plain.receipt.logs == traced.receipt.logs);
    require(plain.diff == traced.diff);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView input{data + 1, size - 1};
    switch (data[0] % 4) {
        case 0: check_transaction(input); break;
        case 1: check_modexp(input); break;
        case 2: check_precompile(input); break;
        case 3: check_code(input); break;
    }
    return 0;
}

extern "C" void troupe_fuzz_seeds(std::vector<std::vector<std::uint8_t>>& seeds) {
    const auto add = [&](std::uint8_t which, ByteView bytes) {
        auto& seed = seeds.emplace_back(1, which);
        append(seed, bytes);
    };
    for (const auto type : {TransactionType::legacy, TransactionType::access_list, TransactionType::dynamic_fee,
                            TransactionType::set_code, TransactionType::native}) {
        Transaction transaction;
        transaction.type = type;
        transaction.chain_id = 1;
        transaction.gas_limit = 21000;
        transaction.to = World::contract();
        transaction.data = {1, 2, 3};
        transaction.signature = {1, uint256{1}, uint256{1}};
        if (type == TransactionType::access_list || type == TransactionType::dynamic_fee)
            transaction.access_list = {{World::contract(), {Hash256{}}}};
        if (type == TransactionType::set_code) {
            transaction.authorization_list.resize(1);
            transaction.authorization_list[0].r = transaction.authorization_list[0].s = uint256{1};
        }
        add(0, encode_transaction(transaction));
    }
    Bytes modexp{33, 2, 40};
    for (std::uint8_t i = 1; i < 76; ++i) modexp.push_back(i);
    add(1, modexp);
    // The generators of each curve's groups, as the inputs of its precompiles.
    const auto bn254_g1 = *from_hex(std::string(63, '0') + "1" + std::string(63, '0') + "2");
    const auto bn254_g2 = *from_hex(
        "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c21800deef121f1e76426a00665e5c4479674322d4f75eda"
        "dd46debd5cd992f6ed090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b12c85ea5db8c6deb4aab71808dcb"
        "408fe3d1e7690c43d37b4ce6cc0166fa7daa");
    const std::string zeros(32, '0');
    const auto bls_g1 = *from_hex(
        zeros + "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb" +
        zeros + "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1");
    const auto all = all_precompiles();
    for (std::uint8_t row = 0; row < all.size(); ++row) {
        Bytes seed{row, static_cast<std::uint8_t>(Revision::Osaka)};
        switch (all[row].address) {
            case 0x06:
                append(seed, bn254_g1);
                append(seed, bn254_g1);
                break;
            case 0x07:
                append(seed, bn254_g1);
                append(seed, Bytes(32, 0x77));
                break;
            case 0x08:
                append(seed, bn254_g1);
                append(seed, bn254_g2);
                break;
            case 0x09: append(seed, Bytes(213)); break;
            case 0x0b:
                append(seed, bls_g1);
                append(seed, bls_g1);
                break;
            case 0x0c:
                append(seed, bls_g1);
                append(seed, Bytes(32, 0x77));
                break;
            case 0x10: append(seed, Bytes(64)); break;
            case 0x11: append(seed, Bytes(128)); break;
            default: append(seed, Bytes(160, 1)); break;
        }
        add(2, seed);
    }
    const auto osaka = static_cast<std::uint8_t>(Revision::Osaka);
    for (const auto* code :
         {"600035602035016000526020600020600155", "60ff6000526001601f6000a1600160005260206000f3",
          "5b6001015a6161a8106000575f54600155", "5f5f5f5f5f60cc5af150600160015d60015c60025560406000fd",
          "600a600c600039600a6000f05f5f5f5f845af4503d5f5f3e7f60015f5260205ff3", "6000356001600255600a57005b6001ff"}) {
        Bytes seed{osaka, 40};
        append(seed, Bytes(40, 0x01));
        append(seed, *from_hex(code));
        add(3, seed);
    }
}
