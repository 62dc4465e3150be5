#include "vm/conformance/exceptions.hpp"

#include <algorithm>

namespace troupe::conformance {
namespace {

using evm::Invalid;

struct Name {
    /// Without "TransactionException." and "TR_".
    std::string_view name;
    Invalid reason;
};
constexpr Name names[] = {
    {"INTRINSIC_GAS_TOO_LOW", Invalid::intrinsic_gas},
    {"INTRINSIC_GAS_BELOW_FLOOR_GAS_COST", Invalid::intrinsic_gas},
    {"IntrinsicGas", Invalid::intrinsic_gas},
    {"INSUFFICIENT_ACCOUNT_FUNDS", Invalid::funds},
    {"GASLIMIT_PRICE_PRODUCT_OVERFLOW", Invalid::funds},
    {"NoFunds", Invalid::funds},
    {"NoFundsX", Invalid::funds},
    {"NoFundsOrGas", Invalid::funds},
    {"NoFundsOrGas", Invalid::intrinsic_gas},
    {"TypeNotSupported", Invalid::type_unsupported},
    {"TypeNotSupportedBlob", Invalid::type_unsupported},
    {"TYPE_1_TX_PRE_FORK", Invalid::type_unsupported},
    {"TYPE_2_TX_PRE_FORK", Invalid::type_unsupported},
    {"TYPE_3_TX_PRE_FORK", Invalid::type_unsupported},
    {"TYPE_4_TX_PRE_FORK", Invalid::type_unsupported},
    {"SENDER_NOT_EOA", Invalid::sender_has_code},
    {"SenderNotEOA", Invalid::sender_has_code},
    {"TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH", Invalid::blob_rules},
    {"TYPE_3_TX_ZERO_BLOBS", Invalid::blob_rules},
    {"TYPE_3_TX_BLOB_COUNT_EXCEEDED", Invalid::blob_rules},
    {"TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED", Invalid::blob_rules},
    {"TYPE_3_TX_CONTRACT_CREATION", Invalid::blob_rules},
    {"INSUFFICIENT_MAX_FEE_PER_BLOB_GAS", Invalid::blob_rules},
    {"EMPTYBLOB", Invalid::blob_rules},
    {"BLOBVERSION_INVALID", Invalid::blob_rules},
    {"BLOBLIST_OVERSIZE", Invalid::blob_rules},
    {"BLOBCREATE", Invalid::blob_rules},
    {"TYPE_4_TX_CONTRACT_CREATION", Invalid::authorization_rules},
    {"TYPE_4_EMPTY_AUTHORIZATION_LIST", Invalid::authorization_rules},
    {"INSUFFICIENT_MAX_FEE_PER_GAS", Invalid::fee_cap_below_base},
    {"FeeCapLessThanBlocks", Invalid::fee_cap_below_base},
    {"PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS", Invalid::tip_above_cap},
    {"TipGtFeeCap", Invalid::tip_above_cap},
    {"INITCODE_SIZE_EXCEEDED", Invalid::init_code_size},
    {"InitCodeLimitExceeded", Invalid::init_code_size},
    {"GAS_LIMIT_EXCEEDS_MAXIMUM", Invalid::gas_over_cap},
    {"GAS_ALLOWANCE_EXCEEDED", Invalid::gas_over_block},
    {"GasLimitReached", Invalid::gas_over_block},
    {"NONCE_IS_MAX", Invalid::nonce_max},
    {"NonceHasMaxValue", Invalid::nonce_max},
    {"NONCE_MISMATCH_TOO_LOW", Invalid::nonce_too_low},
    {"NonceTooLow", Invalid::nonce_too_low},
    {"NONCE_MISMATCH_TOO_HIGH", Invalid::nonce_too_high},
    {"NonceTooHigh", Invalid::nonce_too_high},
    {"RLP_INVALID_VALUE", Invalid::malformed},
    {"RLP_WRONGVALUE", Invalid::malformed},
};

[[nodiscard]] std::string_view without_prefix(std::string_view name) noexcept {
    for (const std::string_view prefix : {"TransactionException.", "TR_"})
        if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    return name;
}

}  // namespace

bool is_expected(std::string_view expected, Invalid reason) noexcept {
    while (!expected.empty()) {
        const auto end = std::min(expected.find('|'), expected.size());
        const auto one = without_prefix(expected.substr(0, end));
        if (std::ranges::any_of(names, [&](const auto& n) { return n.name == one && n.reason == reason; })) return true;
        expected.remove_prefix(std::min(end + 1, expected.size()));
    }
    return false;
}

}  // namespace troupe::conformance
