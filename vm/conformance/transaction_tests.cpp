// TransactionTests: for each fork, the hash, sender and intrinsic gas of a signed transaction, or that it is refused.
#include "runtime/base/limits.hpp"
#include "runtime/base/rlp.hpp"
#include "runtime/ledger/transaction.hpp"
#include "vm/conformance/runner.hpp"
#include "vm/evm/transaction.hpp"

namespace troupe::conformance {
namespace {

using evm::Revision;

/// Order of secp256k1.
constexpr uint256 order{0xffffffffffffffffULL, 0xfffffffffffffffeULL, 0xbaaedce6af48a03bULL, 0xbfd25e8cd0364141ULL};

/// Before Homestead (EIP-2) a legacy transaction's s may be in the upper half: (v, r, s) is then the same signature as
/// (the other v, r, order - s), which our decoder takes.
[[nodiscard]] Bytes with_low_s(ByteView raw) {
    const Bytes unchanged{raw.begin(), raw.end()};
    rlp::Reader top{raw};
    auto in = top.list();
    rlp::Encoder out;
    const auto list = out.begin_list();
    for (int field = 0; field < 6; ++field) out.bytes(in.bytes());
    const auto v = in.integer64();
    const auto r = in.integer256();
    const auto s = in.integer256();
    if (rlp::finish(in, top) || (v != 27 && v != 28) || s <= (order >> 1) || s >= order) return unchanged;
    out.integer(55 - v).integer(r).integer(order - s);
    out.end_list(list);
    return std::move(out).take();
}

[[nodiscard]] Revision available_since(TransactionType type) {
    switch (type) {
        case TransactionType::legacy: return Revision::Frontier;
        case TransactionType::access_list: return Revision::Berlin;
        case TransactionType::dynamic_fee: return Revision::London;
        default: return Revision::Prague;
    }
}

/// What its price before execution depends on.
[[nodiscard]] evm::TransactionInput input_of(const Transaction& transaction) {
    evm::TransactionInput out;
    out.to = transaction.to;
    out.data = transaction.data;
    for (const auto& entry : transaction.access_list)
        out.access_list.push_back({entry.address, std::vector<uint256>(entry.slots.size())});
    out.authorization_list.resize(transaction.authorization_list.size());
    return out;
}

struct Outcome {
    /// Why it is refused; empty: it is not.
    std::string refusal;
    std::string hash;
    std::string sender;
    std::uint64_t intrinsic_gas = 0;
};

[[nodiscard]] Outcome evaluate(ByteView raw, Revision revision) {
    const auto recovered =
        recover_transaction(revision < Revision::Homestead ? with_low_s(raw) : Bytes{raw.begin(), raw.end()});
    if (!recovered) return {recovered.error().message};
    const auto& transaction = (*recovered)->transaction;
    if (transaction.type == TransactionType::native || revision < available_since(transaction.type))
        return {"transaction type not supported"};
    if (transaction.chain_id && revision < Revision::SpuriousDragon) return {"EIP-155 signature before EIP-155"};
    if (transaction.chain_id.value_or(1) != 1) return {"another chain's id"};
    const auto input = input_of(transaction);
    if (!input.to && revision >= Revision::Shanghai && input.data.size() > limits::init_code_bytes_max)
        return {"max initcode size exceeded"};
    const auto intrinsic_gas = evm::intrinsic_gas(input, revision);
    if (transaction.gas_limit < std::max(intrinsic_gas, evm::floor_gas(input, revision)))
        return {"intrinsic gas too low"};
    return {"", to_hex_prefixed(transaction_hash(raw).view()), to_hex_prefixed((*recovered)->sender.view()),
            intrinsic_gas};
}

[[nodiscard]] std::vector<Difference> compare(const Outcome& got, const JsonNode& expected) {
    const auto exception = expected.find("exception");
    if (exception && exception->is_text()) {
        if (!got.refusal.empty()) return {};
        return {{"exception", std::string{exception->text()}, "none"}};
    }
    if (!got.refusal.empty()) return {{"exception", "none", got.refusal}};
    std::vector<Difference> out;
    if (const auto hash = to_hex_prefixed(expected["hash"].fixed<Hash256>().view()); hash != got.hash)
        out.push_back({"hash", hash, got.hash});
    if (const auto sender = to_hex_prefixed(expected["sender"].fixed<Address>().view()); sender != got.sender)
        out.push_back({"sender", sender, got.sender});
    if (const auto gas = expected.find("intrinsicGas"); gas && gas->word() != uint256{got.intrinsic_gas})
        out.push_back({"intrinsic gas", to_decimal(gas->word()), std::to_string(got.intrinsic_gas)});
    return out;
}

}  // namespace

bool run_transaction_file(FileRun& run, const JsonNode& root) {
    const auto is_transaction_test = [](const JsonNode& test) { return test.has("txbytes") && test.has("result"); };
    return for_each_test(run, root, is_transaction_test, [&](const std::string& name, const JsonNode& test) {
        const auto raw = test["txbytes"].bytes();
        for (const auto& [fork, expected] : test["result"].object()) {
            const auto revision = evm::parse_revision(fork);
            auto case_name = name + " [" + std::string{fork} + "]";
            if (!revision || (run.options.fork && *run.options.fork != *revision) || !run.is_wanted(case_name)) {
                ++run.report.skipped;
                continue;
            }
            run.finish(std::move(case_name), compare(evaluate(raw, *revision), {expected, fork}));
        }
    });
}

}  // namespace troupe::conformance
