// ERC-20 in C++, with OpenZeppelin's errors. The constructor gives the whole supply to the deployer.
#include "troupe.hpp"

namespace {

using troupe::Account;
using troupe::Mapping;
using troupe::Stored;
using troupe::Uint;

// Of OpenZeppelin 5: ERC20InsufficientBalance(address,uint256,uint256) and so on.
constexpr uint32_t insufficient_balance = 0xe450d38c;
constexpr uint32_t insufficient_allowance = 0xfb8f41b2;
constexpr uint32_t invalid_receiver = 0xec442f05;
constexpr uint32_t invalid_spender = 0x94280d62;

// keccak256 of "Transfer(address,address,uint256)" and "Approval(address,address,uint256)".
constexpr Word transfer_event = {{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0,
                                  0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4,
                                  0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}};
constexpr Word approval_event = {{0x8c, 0x5b, 0xe1, 0xe5, 0xeb, 0xec, 0x7d, 0x5b, 0xd1, 0x4f, 0x71,
                                  0x42, 0x7d, 0x1e, 0x84, 0xf3, 0xdd, 0x03, 0x14, 0xc0, 0xf7, 0xb2,
                                  0x29, 0x1e, 0x5b, 0x20, 0x0a, 0xc8, 0xc7, 0xc3, 0xb9, 0x25}};

[[nodiscard]] Mapping balances() { return Mapping(0); }
[[nodiscard]] Mapping allowances() { return Mapping(1); }
[[nodiscard]] Stored supply() { return Stored(2); }

void move(const Account& from, const Account& to, const Uint& amount) {
    if (to.is_zero()) troupe::fail(invalid_receiver, to);
    const Uint balance = balances()[from];
    if (balance < amount) troupe::fail(insufficient_balance, from, balance, amount);
    balances()[from] = balance - amount;
    balances()[to] = balances()[to] + amount;
    troupe::emit(transfer_event, amount, from, to);
}

void spend(const Account& owner, const Account& spender, const Uint& amount) {
    const Uint allowed = allowances().at(owner, spender);
    if (allowed == Uint::max()) return;
    if (allowed < amount) troupe::fail(insufficient_allowance, spender, allowed, amount);
    allowances().at(owner, spender) = allowed - amount;
}

void approve(const Account& owner, const Account& spender, const Uint& amount) {
    if (spender.is_zero()) troupe::fail(invalid_spender, spender);
    allowances().at(owner, spender) = amount;
    troupe::emit(approval_event, amount, owner, spender);
}

}  // namespace

extern "C" {

TROUPE_EXPORT(deploy) void deploy() {
    const Uint all(input_word_at(0, 0));
    const auto owner = troupe::sender();
    supply() = all;
    balances()[owner] = all;
    troupe::emit(transfer_event, all, Account{}, owner);
}

TROUPE_EXPORT(call) void call() {
    using troupe::account_argument;
    using troupe::finish;
    using troupe::uint_argument;
    if (!troupe::value().is_zero()) troupe_revert(nullptr, 0);
    switch (input_selector()) {
        case 0x06fdde03: finish("Test Token");                           // name()
        case 0x95d89b41: finish("TT");                                   // symbol()
        case 0x313ce567: finish(Uint(18));                               // decimals()
        case 0x18160ddd: finish(Uint(supply()));                         // totalSupply()
        case 0x70a08231: finish(Uint(balances()[account_argument(0)]));  // balanceOf(address)
        case 0xdd62ed3e:                                                 // allowance(address,address)
            finish(Uint(allowances().at(account_argument(0), account_argument(1))));
        case 0xa9059cbb:  // transfer(address,uint256)
            move(troupe::sender(), account_argument(0), uint_argument(1));
            finish(true);
        case 0x095ea7b3:  // approve(address,uint256)
            approve(troupe::sender(), account_argument(0), uint_argument(1));
            finish(true);
        case 0x23b872dd:  // transferFrom(address,address,uint256)
            spend(account_argument(0), troupe::sender(), uint_argument(2));
            move(account_argument(0), account_argument(1), uint_argument(2));
            finish(true);
        default: troupe_revert(nullptr, 0);
    }
}
}
