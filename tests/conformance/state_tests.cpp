// Ethereum's GeneralStateTests: every case of every fork that a file lists, by logs hash and state root.
#include <algorithm>
#include <iostream>
#include <map>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "runtime/base/json.hpp"
#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/secp256k1.hpp"
#include "tests/conformance/data.hpp"
#include "vm/evm/transaction.hpp"
#include "vm/state/state_trie.hpp"

using namespace troupe;
using namespace troupe::evm;

namespace {

/// Known failures by folder: nearly all for want of the curve precompiles (BN254, KZG, BLS12-381), a few for storage
/// collisions at creation (EIP-7610). Every other folder must pass whole; these must not get worse.
const std::map<std::string, int> known_failures{
    {"Pyspecs", 166},           {"stCreate2", 3},         {"stExtCodeHash", 4},     {"stPreCompiledContracts", 4},
    {"stRandom2", 1},           {"stRevertTest", 25},     {"stSStoreTest", 4},      {"stStaticCall", 8},
    {"stStaticFlagEnabled", 6}, {"stZeroKnowledge", 505}, {"stZeroKnowledge2", 321}};

[[nodiscard]] uint256 word(const Json& value) {
    return *parse_uint256(value.get<std::string>() == "0x" ? "0x0" : value.get<std::string>());
}
[[nodiscard]] Bytes data_of(const Json& value) { return *from_hex(value.get<std::string>()); }
[[nodiscard]] Address address_of_json(const std::string& text) { return *fixed_from_hex<Address>(text); }

class World final : public StateReader, public TrieNodeSource {
public:
    explicit World(const Json& pre) {
        for (const auto& [key, account] : pre.items()) {
            const auto address = address_of_json(key);
            const auto code = data_of(account["code"]);
            AccountChange change;
            change.address = address;
            change.nonce = word(account["nonce"]).low64();
            change.balance = word(account["balance"]);
            change.code_hash = code.empty() ? empty_code_hash : CodeHash::from(keccak256(code));
            for (const auto& [slot, value] : account["storage"].items())
                if (!word(value).is_zero()) change.storage.emplace_back(*parse_uint256(slot), word(value));
            std::sort(change.storage.begin(), change.storage.end());
            for (const auto& [slot, value] : change.storage) slots[{address, slot}] = value;
            accounts[address] = {change.nonce, change.balance, change.code_hash};
            codes[change.code_hash] = std::make_shared<const Bytes>(code);
            diff.accounts.push_back(change);
        }
        std::sort(diff.accounts.begin(), diff.accounts.end(),
                  [](const auto& a, const auto& b) { return a.address < b.address; });
    }
    std::optional<AccountRecord> account(const Address& a) override {
        const auto it = accounts.find(a);
        return it == accounts.end() ? std::nullopt : std::optional{it->second};
    }
    uint256 storage(const Address& a, const uint256& slot) override {
        const auto it = slots.find({a, slot});
        return it == slots.end() ? uint256{} : it->second;
    }
    std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        const auto it = codes.find(hash);
        return it == codes.end() ? std::make_shared<const Bytes>() : it->second;
    }
    std::optional<Bytes> node(const TrieOwner&, const NibblePath&) const override { return std::nullopt; }

    std::map<Address, AccountRecord> accounts;
    std::map<std::pair<Address, uint256>, uint256> slots;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes;
    StateDiff diff;
};

[[nodiscard]] Hash256 hash_logs(const std::vector<EvmLog>& logs) {
    rlp::Encoder out;
    const auto list = out.begin_list();
    for (const auto& log : logs) {
        const auto entry = out.begin_list();
        out.bytes(log.address);
        const auto topics = out.begin_list();
        for (const auto& topic : log.topics) out.bytes(topic);
        out.end_list(topics);
        out.bytes(ByteView{log.data});
        out.end_list(entry);
    }
    out.end_list(list);
    return keccak256(out.view());
}

struct Tally {
    int passed = 0, failed = 0;
    std::string failures;
};

void run_case(const Json& test, const std::string& fork, const Json& post, const std::string& name, Tally& tally) {
    const auto revision = parse_revision(fork);
    if (!revision) return;
    World world{test["pre"]};
    const auto& env = test["env"];
    const auto& t = test["transaction"];
    BlockContext block;
    block.number = word(env["currentNumber"]).low64();
    block.timestamp = word(env["currentTimestamp"]).low64();
    block.coinbase = address_of_json(env["currentCoinbase"].get<std::string>());
    block.gas_limit =
        word(env["currentGasLimit"]).fits_u64() ? word(env["currentGasLimit"]).low64() : ~std::uint64_t{0};
    if (env.contains("currentBaseFee") && *revision >= Revision::London) block.base_fee = word(env["currentBaseFee"]);
    block.prevrandao = *revision >= Revision::Paris && env.contains("currentRandom") ? word(env["currentRandom"])
                                                                                     : word(env["currentDifficulty"]);
    block.chain_id = uint256{1};
    block.block_hash = [](std::uint64_t n) { return keccak256(as_bytes(std::to_string(n))); };
    TransactionInput tx;
    const auto& indexes = post["indexes"];
    const auto d = indexes["data"].get<std::size_t>();
    const auto secret = data_of(t["secretKey"]);
    tx.sender = t.contains("sender") ? address_of_json(t["sender"].get<std::string>())
                                     : Secp256k1SecretKey::from_bytes(secret)->address();
    const auto nonce = word(t["nonce"]);
    tx.nonce = nonce.low64();
    const auto gas = word(t["gasLimit"][indexes["gas"].get<std::size_t>()]);
    tx.gas_limit = gas.fits_u64() ? gas.low64() : ~std::uint64_t{0};
    const auto value_text = t["value"][indexes["value"].get<std::size_t>()].get<std::string>();
    bool malformed = !gas.fits_u64() || !nonce.fits_u64();
    if (const auto value = parse_uint256(value_text))
        tx.value = *value;
    else
        malformed = true;
    tx.data = data_of(t["data"][d]);
    if (const auto to = t["to"].get<std::string>(); !to.empty()) tx.to = address_of_json(to);
    if (t.contains("gasPrice")) tx.max_fee_per_gas = tx.max_priority_fee_per_gas = word(t["gasPrice"]);
    if (t.contains("maxFeePerGas")) {
        tx.type = 2;
        tx.max_fee_per_gas = word(t["maxFeePerGas"]);
        tx.max_priority_fee_per_gas = word(t["maxPriorityFeePerGas"]);
    }
    if (t.contains("accessLists") && d < t["accessLists"].size() && !t["accessLists"][d].is_null()) {
        if (tx.type == 0) tx.type = 1;
        for (const auto& item : t["accessLists"][d]) {
            AccessListItem entry{address_of_json(item["address"].get<std::string>()), {}};
            for (const auto& slot : item["storageKeys"]) entry.slots.push_back(word(slot));
            tx.access_list.push_back(std::move(entry));
        }
    }
    if (t.contains("blobVersionedHashes")) {
        tx.type = 3;
        tx.max_fee_per_blob_gas = word(t["maxFeePerBlobGas"]);
        for (const auto& hash : t["blobVersionedHashes"])
            tx.blob_hashes.push_back(*fixed_from_hex<Hash256>(hash.get<std::string>()));
    }
    AnalysisCache cache;
    JournaledState state{world};
    std::vector<EvmLog> logs;
    const auto wrong = malformed ? std::optional<InvalidTransaction>{InvalidTransaction{}}
                                 : validate_transaction(state, tx, block, *revision);
    if (!wrong) logs = execute_transaction(state, block, tx, *revision, cache).logs;
    // Miners were touched even without a reward.
    if (!wrong && *revision < Revision::Paris) {
        state.begin_transaction();
        state.add_balance(block.coinbase, uint256{});
        state.finish_transaction(*revision >= Revision::SpuriousDragon);
    }
    StateTrie trie{world, empty_trie_root};
    static_cast<void>(trie.apply(world.diff));
    const auto root = trie.apply(state.diff());
    const bool right = root.ok() && Hash256::from(*root) == *fixed_from_hex<Hash256>(post["hash"].get<std::string>()) &&
                       hash_logs(logs) == *fixed_from_hex<Hash256>(post["logs"].get<std::string>()) &&
                       post.contains("expectException") == wrong.has_value();
    if (right) {
        ++tally.passed;
    } else {
        ++tally.failed;
        if (tally.failures.size() < 1000)
            tally.failures +=
                (name + " " + fork + (wrong ? " invalid: " + wrong->message : "") +
                 (post.contains("expectException") ? " expects " + post["expectException"].get<std::string>() : "") +
                 "; ");
    }
}

}  // namespace

TEST_CASE("Ethereum's state tests give the expected logs and state roots") {
    const auto suite = conformance::find_suite("ethereum/GeneralStateTests");
    if (!suite) return;
    const auto& folder = *suite;
    std::map<std::string, Tally> by_folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().extension() != ".json") continue;
        std::ifstream in(entry.path());
        const auto json = Json::parse(in, nullptr, false);
        if (!json.is_object()) continue;
        const auto relative = std::filesystem::relative(entry.path(), folder);
        for (const auto& [name, test] : json.items()) {
            if (!test.contains("post")) continue;
            for (const auto& [fork, posts] : test["post"].items())
                for (const auto& post : posts)
                    run_case(test, fork, post, relative.string(), by_folder[relative.begin()->string()]);
        }
    }
    int passed = 0;
    int failed = 0;
    for (const auto& [name, tally] : by_folder) {
        passed += tally.passed;
        failed += tally.failed;
        const auto known = known_failures.find(name);
        CAPTURE(name);
        CAPTURE(tally.failures);
        CHECK(tally.failed <= (known == known_failures.end() ? 0 : known->second));
    }
    std::cout << passed << " passed, " << failed << " failed\n";
    CHECK(passed > 15'000);
}
