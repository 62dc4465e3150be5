// GeneralStateTests: one transaction on a small state, for each fork and each choice of its data, gas and value; the
// state root and the hash of the logs must come out, or the transaction be refused.
#include <algorithm>
#include <map>

#include "runtime/base/json.hpp"
#include "runtime/base/rlp.hpp"
#include "runtime/crypto/keccak.hpp"
#include "runtime/crypto/secp256k1.hpp"
#include "runtime/ledger/transaction.hpp"
#include "vm/conformance/exceptions.hpp"
#include "vm/conformance/runner.hpp"
#include "vm/evm/eip3155.hpp"
#include "vm/evm/transaction.hpp"
#include "vm/state/state_trie.hpp"

namespace troupe::conformance {
namespace {

using evm::Revision;

/// The state before the transaction.
class World final : public StateReader, public TrieNodeSource {
public:
    explicit World(const JsonNode& pre) {
        for (const auto& [key, value] : pre.object()) {
            const JsonNode account{value, key};
            const auto address = fixed_from_hex<Address>(key);
            if (!address) throw FormatError{"pre: \"" + std::string{key} + "\" is no address"};
            auto code = account["code"].bytes();
            AccountChange change;
            change.address = *address;
            change.nonce = account["nonce"].word64();
            change.balance = account["balance"].word();
            change.code_hash = code.empty() ? empty_code_hash : CodeHash::from(keccak256(code));
            auto& slots = slots_[*address];
            for (const auto& [slot_text, slot_value] : account["storage"].object()) {
                const auto slot = parse_uint256(slot_text == "0x" ? "0x0" : slot_text);
                if (!slot) throw FormatError{"storage: \"" + std::string{slot_text} + "\" is no number"};
                const auto word = JsonNode{slot_value, slot_text}.word();
                if (!word.is_zero()) slots[*slot] = word;
            }
            change.storage.assign(slots.begin(), slots.end());
            accounts_[*address] = {change.nonce, change.balance, change.code_hash};
            codes_[change.code_hash] = std::make_shared<const Bytes>(std::move(code));
            diff_.accounts.push_back(std::move(change));
        }
        std::ranges::sort(diff_.accounts, {}, &AccountChange::address);
    }

    std::optional<AccountRecord> account(const Address& address) override {
        const auto found = accounts_.find(address);
        return found == accounts_.end() ? std::nullopt : std::optional{found->second};
    }
    uint256 storage(const Address& address, const uint256& slot) override {
        const auto account = slots_.find(address);
        if (account == slots_.end()) return {};
        const auto found = account->second.find(slot);
        return found == account->second.end() ? uint256{} : found->second;
    }
    bool has_storage(const Address& address) override {
        const auto account = slots_.find(address);
        return account != slots_.end() && !account->second.empty();
    }
    std::shared_ptr<const Bytes> code(const CodeHash& hash) override {
        const auto found = codes_.find(hash);
        return found == codes_.end() ? std::make_shared<const Bytes>() : found->second;
    }
    /// The tries are built from nothing, in memory.
    std::optional<Bytes> node(const TrieOwner&, const NibblePath&) const override { return std::nullopt; }

    [[nodiscard]] Hash256 root_after(const StateDiff& change) const {
        StateTrie trie{*this, empty_trie_root};
        const auto before = trie.apply(diff_);
        TROUPE_ASSERT(before.ok());
        const auto after = trie.apply(change);
        TROUPE_ASSERT(after.ok());
        return Hash256::from(*after);
    }

private:
    std::map<Address, AccountRecord> accounts_;
    std::map<Address, std::map<uint256, uint256>> slots_;
    std::map<CodeHash, std::shared_ptr<const Bytes>> codes_;
    StateDiff diff_;
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

/// EIP-4844: fake_exponential(1, excess, fraction); all bits set where it is beyond 256 bits.
[[nodiscard]] uint256 blob_base_fee(std::uint64_t excess, std::uint64_t fraction) {
    uint256 sum;
    uint256 term{fraction};
    for (std::uint64_t i = 1; !term.is_zero(); ++i) {
        const auto more = checked_add(sum, term);
        const auto product = checked_mul(term, uint256{excess});
        if (!more || !product) return ~uint256{};
        sum = *more;
        term = *product / (uint256{fraction} * uint256{i});
    }
    return sum / uint256{fraction};
}

[[nodiscard]] evm::BlockContext block_of(const JsonNode& test, Revision revision) {
    const auto env = test["env"];
    evm::BlockContext block;
    block.number = env["currentNumber"].word64();
    block.timestamp = env["currentTimestamp"].word64();
    block.coinbase = env["currentCoinbase"].fixed<Address>();
    const auto gas_limit = env["currentGasLimit"].word();
    block.gas_limit = gas_limit.fits_u64() ? gas_limit.low64() : ~std::uint64_t{0};
    if (const auto fee = env.find("currentBaseFee"); fee && revision >= Revision::London) block.base_fee = fee->word();
    const auto random = env.find("currentRandom");
    const auto difficulty = env.find("currentDifficulty");
    if (random && revision >= Revision::Paris)
        block.prevrandao = random->word();
    else if (difficulty)
        block.prevrandao = difficulty->word();
    if (const auto excess = env.find("currentExcessBlobGas"); excess && revision >= Revision::Cancun)
        block.blob_base_fee = blob_base_fee(excess->word64(), revision >= Revision::Prague ? 5'007'716 : 3'338'477);
    block.chain_id = uint256{1};
    if (const auto config = test.find("config"))
        if (const auto id = config->find("chainid")) block.chain_id = id->word();
    // What the suite's makers took for the hashes of earlier blocks.
    block.block_hash = [](std::uint64_t number) { return keccak256(as_bytes(std::to_string(number))); };
    return block;
}

/// Numbers of the transaction, of which one may be too large to be encoded: then there is no transaction.
class Numbers {
public:
    [[nodiscard]] uint256 word(const JsonNode& node) {
        const auto value = node.number();
        too_large_ = too_large_ || !value;
        return value.value_or(uint256{});
    }
    [[nodiscard]] std::uint64_t word64(const JsonNode& node) {
        const auto value = word(node);
        too_large_ = too_large_ || !value.fits_u64();
        return value.low64();
    }
    [[nodiscard]] bool too_large() const noexcept { return too_large_; }

private:
    bool too_large_ = false;
};

[[nodiscard]] evm::AuthorizationItem authorization_of(const JsonNode& node, Numbers& numbers) {
    Authorization signed_one;
    signed_one.chain_id = numbers.word(node["chainId"]);
    signed_one.address = node["address"].fixed<Address>();
    signed_one.nonce = numbers.word64(node["nonce"]);
    signed_one.y_parity = numbers.word(node[node.has("yParity") ? "yParity" : "v"]);
    signed_one.r = numbers.word(node["r"]);
    signed_one.s = numbers.word(node["s"]);
    return {signed_one.chain_id, signed_one.address, signed_one.nonce, recover_authority(signed_one)};
}

[[nodiscard]] Address sender_of(const JsonNode& transaction) {
    if (const auto sender = transaction.find("sender")) return sender->fixed<Address>();
    const auto secret = transaction["secretKey"];
    const auto key = Secp256k1SecretKey::from_bytes(secret.bytes());
    if (!key) secret.fail("a secret key");
    return key->address();
}

/// Nothing: it has a number that no transaction can carry.
[[nodiscard]] std::optional<evm::TransactionInput> transaction_of(const JsonNode& node, const JsonNode& indexes) {
    const auto data_index = indexes["data"].integer();
    Numbers numbers;
    evm::TransactionInput tx;
    tx.sender = sender_of(node);
    tx.nonce = numbers.word64(node["nonce"]);
    tx.gas_limit = numbers.word64(node["gasLimit"][indexes["gas"].integer()]);
    tx.value = numbers.word(node["value"][indexes["value"].integer()]);
    tx.data = node["data"][data_index].bytes();
    if (const auto to = node.find("to"); to && !to->text().empty() && to->text() != "0x") tx.to = to->fixed<Address>();
    if (const auto price = node.find("gasPrice"))
        tx.max_fee_per_gas = tx.max_priority_fee_per_gas = numbers.word(*price);
    if (const auto lists = node.find("accessLists"); lists && data_index < lists->size()) {
        if (const auto list = (*lists)[data_index]; !list.is_null()) {
            tx.type = 1;
            for (const auto& element : list.array()) {
                const JsonNode entry{element, "access list"};
                auto& item = tx.access_list.emplace_back();
                item.address = entry["address"].fixed<Address>();
                for (const auto& key : entry["storageKeys"].array())
                    item.slots.push_back(JsonNode{key, "storage key"}.word());
            }
        }
    }
    if (const auto fee = node.find("maxFeePerGas")) {
        tx.type = 2;
        tx.max_fee_per_gas = numbers.word(*fee);
        tx.max_priority_fee_per_gas = numbers.word(node["maxPriorityFeePerGas"]);
    }
    if (const auto hashes = node.find("blobVersionedHashes")) {
        tx.type = 3;
        tx.max_fee_per_blob_gas = numbers.word(node["maxFeePerBlobGas"]);
        for (const auto& hash : hashes->array())
            tx.blob_hashes.push_back(JsonNode{hash, "blobVersionedHashes"}.fixed<Hash256>());
    }
    if (const auto list = node.find("authorizationList")) {
        tx.type = 4;
        for (const auto& element : list->array())
            tx.authorization_list.push_back(authorization_of({element, "authorization"}, numbers));
    }
    if (numbers.too_large()) return std::nullopt;
    return tx;
}

struct CaseResult {
    Hash256 root;
    std::vector<EvmLog> logs;
    /// Why the transaction was refused; nothing: it was not.
    std::optional<evm::InvalidTransaction> refusal;
    std::uint64_t gas_used = 0;
    Bytes output;
    bool succeeded = false;
    /// Why it was refused or failed.
    std::string error;
};

/// `rewards_always`: the block has its miner even if the transaction is refused.
[[nodiscard]] CaseResult run_case(World& world, const evm::BlockContext& block,
                                  const std::optional<evm::TransactionInput>& tx, Revision revision,
                                  bool rewards_always, std::ostream* trace) {
    JournaledState state{world};
    CaseResult out;
    const auto invalid =
        tx ? evm::validate_transaction(state, *tx, block, revision)
           : evm::InvalidTransaction{evm::Invalid::malformed, "a number is too large for a transaction"};
    if (invalid) {
        out.refusal = invalid;
        out.error = invalid->message;
    } else {
        evm::AnalysisCache codes;
        std::optional<evm::Eip3155Tracer> tracer;
        if (trace != nullptr) tracer.emplace(*trace);
        auto receipt = evm::execute_transaction(state, block, *tx, revision, codes, evm::Charging::ordinary,
                                                tracer ? &*tracer : nullptr);
        out.logs = std::move(receipt.logs);
        out.gas_used = receipt.gas_used;
        out.output = std::move(receipt.output);
        out.succeeded = receipt.succeeded;
        out.error = std::move(receipt.error);
    }
    // Miners were touched even without a reward.
    if (revision < Revision::Paris && (rewards_always || !out.refusal)) {
        state.begin_transaction();
        state.add_balance(block.coinbase, uint256{});
        state.finish_transaction(revision >= Revision::SpuriousDragon);
    }
    out.root = world.root_after(state.diff());
    return out;
}

[[nodiscard]] std::vector<Difference> compare(const CaseResult& result, const JsonNode& post) {
    std::vector<Difference> out;
    const auto exception = post.find("expectException");
    const auto expected_exception = exception && exception->is_text() ? std::string{exception->text()} : std::string{};
    if (result.refusal ? !is_expected(expected_exception, result.refusal->reason) : !expected_exception.empty())
        out.push_back({"exception", expected_exception.empty() ? "none" : expected_exception,
                       result.refusal ? result.refusal->message : "none"});
    const auto compare_hash = [&](const char* what, const JsonNode& expected, const Hash256& got) {
        if (const auto hash = expected.fixed<Hash256>(); hash != got)
            out.push_back({what, to_hex_prefixed(hash.view()), to_hex_prefixed(got.view())});
    };
    compare_hash("state root", post["hash"], result.root);
    compare_hash("logs hash", post["logs"], hash_logs(result.logs));
    return out;
}

/// EIP-3155's line after the instructions.
void write_summary(std::ostream& out, const CaseResult& result, const std::string& name, std::string_view fork) {
    out << Json{{"stateRoot", to_hex_prefixed(result.root.view())},
                {"output", to_hex_prefixed(result.output)},
                {"gasUsed", to_quantity(uint256{result.gas_used})},
                {"pass", result.succeeded},
                {"fork", fork},
                {"name", name},
                {"error", result.error}}
               .dump()
        << "\n";
}

}  // namespace

bool run_state_file(FileRun& run, const JsonNode& root) {
    const auto is_state_test = [](const JsonNode& test) { return test.has("post") && test.has("transaction"); };
    return for_each_test(run, root, is_state_test, [&](const std::string& name, const JsonNode& test) {
        std::optional<World> world;
        for (const auto& [fork, posts] : test["post"].object()) {
            const auto revision = evm::parse_revision(fork);
            const JsonNode cases{posts, fork};
            if (!revision || (run.options.fork && *run.options.fork != *revision)) {
                run.report.skipped += cases.size();
                continue;
            }
            const auto block = block_of(test, *revision);
            for (const auto& element : cases.array()) {
                const JsonNode post{element, "post"};
                const auto indexes = post["indexes"];
                auto case_name = name + " [" + std::string{fork} + " data " + indexes["data"].dump() + " gas " +
                                 indexes["gas"].dump() + " value " + indexes["value"].dump() + "]";
                if (!run.is_wanted(case_name)) {
                    ++run.report.skipped;
                    continue;
                }
                if (!world) world.emplace(test["pre"]);
                const auto tx = transaction_of(test["transaction"], indexes);
                // The suites that spell out the state after (execution-specs) leave it as it was where they refuse the
                // transaction; the older ones count the touched miner in.
                const auto result = run_case(*world, block, tx, *revision, !post.has("state"), run.options.trace);
                auto differences = compare(result, post);
                if (run.options.trace != nullptr) write_summary(*run.options.trace, result, case_name, fork);
                run.finish(std::move(case_name), std::move(differences));
            }
        }
    });
}

}  // namespace troupe::conformance
