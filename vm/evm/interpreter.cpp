// The interpreter's loop: one instruction at a time, exact gas. Calls and creation are in calls.cpp.
#include <algorithm>
#include <bit>

#include "runtime/base/limits.hpp"
#include "runtime/crypto/keccak.hpp"
#include "vm/evm/frame.hpp"

namespace troupe::evm {
namespace {

/// Per revision: constant gas and stack needs; gas -1 for undefined instructions.
struct Cost {
    std::int16_t gas = -1;
    std::int16_t pops = 0;
    std::int16_t size_max = 0;  // stack size beyond which the instruction would overflow it
};
using CostTable = std::array<Cost, 256>;

constexpr CostTable make_costs(Revision revision) {
    CostTable costs{};
    for (std::size_t op = 0; op < 256; ++op) {
        const auto& facts = opcode_table[op];
        if (facts.name == nullptr || facts.since > revision || op == INVALID) continue;
        costs[op] = {facts.gas, facts.pops, static_cast<std::int16_t>(1024 - facts.pushes + facts.pops)};
    }
    return costs;
}

constexpr auto cost_tables = [] {
    std::array<CostTable, static_cast<std::size_t>(Revision::Osaka) + 1> tables{};
    for (std::size_t i = 0; i < tables.size(); ++i) tables[i] = make_costs(static_cast<Revision>(i));
    return tables;
}();

}  // namespace

CallOutcome Machine::execute(const CallMessage& message, const AnalyzedCode& code) {
    std::unique_ptr<FrameMemory> storage;
    if (pool_.empty()) {
        storage = std::make_unique<FrameMemory>();
        storage->stack.resize(1024);
    } else {
        storage = std::move(pool_.back());
        pool_.pop_back();
    }
    storage->memory.clear();
    Frame f{message, code, storage->stack.data(), storage->memory};
    run_frame(f);
    CallOutcome out;
    out.gas_left = f.error == nullptr || f.reverted ? f.gas : 0;
    out.succeeded = f.error == nullptr;
    out.reverted = f.reverted;
    if (f.error != nullptr) out.error = f.error_text.empty() ? f.error : f.error_text;
    out.output = std::move(f.output);
    if (storage->memory.capacity() > (1 << 20)) Bytes{}.swap(storage->memory);
    pool_.push_back(std::move(storage));
    return out;
}

void Machine::run_frame(Frame& f) {
    const auto& costs = cost_tables[static_cast<std::size_t>(revision_)];
    const auto* code = f.code.padded.data();
    auto* const base = f.stack;
    auto*& top = f.top;  // one past the highest element
    std::uint64_t pc = 0;

    for (;;) {
        const auto op = code[pc];
        if (tracer_ != nullptr)
            tracer_->on_step({pc,
                              op,
                              f.gas,
                              f.message.depth,
                              f.message.recipient,
                              {base, static_cast<std::size_t>(top - base)},
                              f.memory});
        const auto cost = costs[op];
        if (cost.gas < 0) {
            f.error_text = op == INVALID ? "invalid opcode: INVALID"
                                         : "invalid opcode: opcode 0x" + to_hex({&op, 1}) + " not defined";
            f.error = "invalid opcode";
            return;
        }
        const auto size = top - base;
        if (size < cost.pops) return f.fail("stack underflow");
        if (size > cost.size_max) return f.fail("stack limit reached 1024");
        if ((f.gas -= cost.gas) < 0) return f.fail("out of gas");

        switch (op) {
            case STOP: return;
            case ADD:
                top[-2] = top[-1] + top[-2];
                --top;
                break;
            case MUL:
                top[-2] = top[-1] * top[-2];
                --top;
                break;
            case SUB:
                top[-2] = top[-1] - top[-2];
                --top;
                break;
            case DIV:
                top[-2] = top[-1] / top[-2];
                --top;
                break;
            case SDIV:
                top[-2] = top[-2].is_zero() ? uint256{} : signed_divide(top[-1], top[-2]);
                --top;
                break;
            case MOD:
                top[-2] = top[-1] % top[-2];
                --top;
                break;
            case SMOD:
                top[-2] = top[-2].is_zero() ? uint256{} : signed_remainder(top[-1], top[-2]);
                --top;
                break;
            case ADDMOD:
                top[-3] = add_modulo(top[-1], top[-2], top[-3]);
                top -= 2;
                break;
            case MULMOD:
                top[-3] = multiply_modulo(top[-1], top[-2], top[-3]);
                top -= 2;
                break;
            case EXP: {
                const auto bytes = static_cast<std::int64_t>((bit_length(top[-2]) + 7) / 8);
                if (!f.charge(bytes * (at_least(Revision::SpuriousDragon) ? 50 : 10))) return;
                top[-2] = power(top[-1], top[-2]);
                --top;
                break;
            }
            case SIGNEXTEND:
                top[-2] = top[-1].fits_u64() ? sign_extend(top[-2], top[-1].low64()) : top[-2];
                --top;
                break;
            case LT:
                top[-2] = uint256{top[-1] < top[-2]};
                --top;
                break;
            case GT:
                top[-2] = uint256{top[-1] > top[-2]};
                --top;
                break;
            case SLT:
                top[-2] = uint256{signed_less(top[-1], top[-2])};
                --top;
                break;
            case SGT:
                top[-2] = uint256{signed_less(top[-2], top[-1])};
                --top;
                break;
            case EQ:
                top[-2] = uint256{top[-1] == top[-2]};
                --top;
                break;
            case ISZERO: top[-1] = uint256{top[-1].is_zero()}; break;
            case AND:
                top[-2] = top[-1] & top[-2];
                --top;
                break;
            case OR:
                top[-2] = top[-1] | top[-2];
                --top;
                break;
            case XOR:
                top[-2] = top[-1] ^ top[-2];
                --top;
                break;
            case NOT: top[-1] = ~top[-1]; break;
            case BYTE:
                top[-2] = top[-1] >= uint256{32} ? uint256{}
                                                 : uint256{(top[-2] >> (8 * (31 - top[-1].low64()))).low64() & 0xff};
                --top;
                break;
            case SHL:
                top[-2] = top[-1].fits_u64() ? top[-2] << top[-1].low64() : uint256{};
                --top;
                break;
            case SHR:
                top[-2] = top[-1].fits_u64() ? top[-2] >> top[-1].low64() : uint256{};
                --top;
                break;
            case SAR:
                top[-2] = arithmetic_shift_right(top[-2], top[-1].fits_u64() ? top[-1].low64() : 256);
                --top;
                break;
            case CLZ: top[-1] = uint256{256 - bit_length(top[-1])}; break;
            case KECCAK256: {
                if (!f.expand(top[-1], top[-2])) return;
                const auto length = top[-2].low64();
                if (!f.charge(6 * Frame::words(length))) return;
                top[-2] = from_big_endian(keccak256(f.view(top[-1], top[-2])).view());
                --top;
                break;
            }
            case ADDRESS: *top++ = to_word(f.message.recipient); break;
            case BALANCE: {
                const auto address = to_address(top[-1]);
                if (!f.charge(account_access(address, at_least(Revision::Istanbul)           ? 700
                                                      : at_least(Revision::TangerineWhistle) ? 400
                                                                                             : 20)))
                    return;
                top[-1] = state_.balance(address);
                break;
            }
            case ORIGIN: *top++ = to_word(origin_); break;
            case CALLER: *top++ = to_word(f.message.sender); break;
            case CALLVALUE: *top++ = f.message.value; break;
            case CALLDATALOAD: {
                std::array<std::uint8_t, 32> word{};
                Frame::copy_padded(word.data(), f.calldata(), top[-1], 32);
                top[-1] = from_big_endian(word);
                break;
            }
            case CALLDATASIZE: *top++ = uint256{f.calldata().size()}; break;
            case CALLDATACOPY:
                if (!f.copy_in(f.calldata())) return;
                break;
            case CODESIZE: *top++ = uint256{f.code.size}; break;
            case CODECOPY:
                if (!f.copy_in({f.code.padded.data(), f.code.size})) return;
                break;
            case GASPRICE: *top++ = gas_price_; break;
            case EXTCODESIZE: {
                const auto address = to_address(top[-1]);
                if (!f.charge(account_access(address, at_least(Revision::TangerineWhistle) ? 700 : 20))) return;
                top[-1] = uint256{state_.code(address)->size()};
                break;
            }
            case EXTCODECOPY: {
                const auto address = to_address(top[-1]);
                if (!f.charge(account_access(address, at_least(Revision::TangerineWhistle) ? 700 : 20))) return;
                --top;
                const auto external = state_.code(address);
                if (!f.copy_in(*external)) return;
                break;
            }
            case RETURNDATASIZE: *top++ = uint256{f.return_data.size()}; break;
            case RETURNDATACOPY: {
                const auto end = checked_add(top[-2], top[-3]);
                if (!end || *end > uint256{f.return_data.size()}) return f.fail("return data out of bounds");
                if (!f.copy_in(f.return_data)) return;
                break;
            }
            case EXTCODEHASH: {
                const auto address = to_address(top[-1]);
                if (!f.charge(account_access(address, at_least(Revision::Istanbul) ? 700 : 400))) return;
                top[-1] = state_.is_empty(address) ? uint256{} : from_big_endian(state_.code_hash(address).view());
                break;
            }
            case BLOCKHASH: {
                const auto number = top[-1];
                const bool in_reach =
                    number < uint256{block_.number} && number + uint256{256} >= uint256{block_.number};
                top[-1] = in_reach && block_.block_hash ? from_big_endian(block_.block_hash(number.low64()).view())
                                                        : uint256{};
                break;
            }
            case COINBASE: *top++ = to_word(block_.coinbase); break;
            case TIMESTAMP: *top++ = uint256{block_.timestamp}; break;
            case NUMBER: *top++ = uint256{block_.number}; break;
            case PREVRANDAO: *top++ = block_.prevrandao; break;
            case GASLIMIT: *top++ = uint256{block_.gas_limit}; break;
            case CHAINID: *top++ = block_.chain_id; break;
            case SELFBALANCE: *top++ = state_.balance(f.message.recipient); break;
            case BASEFEE: *top++ = block_.base_fee; break;
            case BLOBHASH:
                top[-1] = top[-1] < uint256{blob_hashes_.size()} ? from_big_endian(blob_hashes_[top[-1].low64()].view())
                                                                 : uint256{};
                break;
            case BLOBBASEFEE: *top++ = block_.blob_base_fee; break;
            case POP: --top; break;
            case MLOAD:
                if (!f.expand_word(top[-1], 32)) return;
                top[-1] = from_big_endian({f.memory.data() + top[-1].low64(), 32});
                break;
            case MSTORE: {
                if (!f.expand_word(top[-1], 32)) return;
                const auto word = to_big_endian(top[-2]);
                std::memcpy(f.memory.data() + top[-1].low64(), word.data(), 32);
                top -= 2;
                break;
            }
            case MSTORE8:
                if (!f.expand_word(top[-1], 1)) return;
                f.memory[top[-1].low64()] = static_cast<std::uint8_t>(top[-2].low64());
                top -= 2;
                break;
            case SLOAD: {
                const auto key = top[-1];
                std::int64_t gas = at_least(Revision::Istanbul) ? 800 : at_least(Revision::TangerineWhistle) ? 200 : 50;
                if (at_least(Revision::Berlin)) gas = state_.warm_slot(f.message.recipient, key) ? 2100 : 100;
                if (!f.charge(gas)) return;
                top[-1] = state_.storage(f.message.recipient, key);
                break;
            }
            case SSTORE:
                if (!do_sstore(f)) return;
                break;
            case JUMP: {
                const auto& to = *--top;
                if (!to.fits_u64() || !f.code.is_jump_destination(to.low64()))
                    return f.fail("invalid jump destination");
                pc = to.low64();
                continue;
            }
            case JUMPI: {
                top -= 2;
                if (top[0].is_zero()) break;
                if (!top[1].fits_u64() || !f.code.is_jump_destination(top[1].low64()))
                    return f.fail("invalid jump destination");
                pc = top[1].low64();
                continue;
            }
            case PC: *top++ = uint256{pc}; break;
            case MSIZE: *top++ = uint256{f.memory.size()}; break;
            case GAS: *top++ = uint256{static_cast<std::uint64_t>(f.gas)}; break;
            case JUMPDEST: break;
            case TLOAD: top[-1] = state_.transient_storage(f.message.recipient, top[-1]); break;
            case TSTORE:
                if (f.message.is_static) return f.fail("write protection");
                state_.set_transient_storage(f.message.recipient, top[-1], top[-2]);
                top -= 2;
                break;
            case MCOPY: {
                const auto& to = top[-1];
                const auto& from = top[-2];
                const auto& length = top[-3];
                if (!f.expand(std::max(to, from), length)) return;
                if (!f.charge(3 * Frame::words(length.low64()))) return;
                if (!length.is_zero())
                    std::memmove(f.memory.data() + to.low64(), f.memory.data() + from.low64(), length.low64());
                top -= 3;
                break;
            }
            case PUSH0: *top++ = uint256{}; break;
            case CREATE:
            case CREATE2:
                if (!do_create(f, op == CREATE ? CallKind::create : CallKind::create2)) return;
                break;
            case CALL:
                if (!do_call(f, CallKind::call)) return;
                break;
            case CALLCODE:
                if (!do_call(f, CallKind::callcode)) return;
                break;
            case DELEGATECALL:
                if (!do_call(f, CallKind::delegatecall)) return;
                break;
            case STATICCALL:
                if (!do_call(f, CallKind::staticcall)) return;
                break;
            case RETURN:
            case REVERT: {
                if (!f.expand(top[-1], top[-2])) return;
                const auto view = f.view(top[-1], top[-2]);
                f.output.assign(view.begin(), view.end());
                if (op == REVERT) {
                    f.reverted = true;
                    f.error = "execution reverted";
                }
                return;
            }
            case SELFDESTRUCT: static_cast<void>(do_self_destruct(f)); return;
            default:
                if (op >= PUSH1 && op <= PUSH32) {
                    const auto count = static_cast<std::size_t>(op - PUSH1 + 1);
                    *top++ = count <= 8 ? push_small(code + pc + 1, count) : from_big_endian({code + pc + 1, count});
                    pc += count;
                } else if (op >= DUP1 && op <= DUP16) {
                    *top = top[-(op - DUP1 + 1)];
                    ++top;
                } else if (op >= SWAP1 && op <= SWAP16) {
                    std::swap(top[-1], top[-(op - SWAP1 + 2)]);
                } else if (op >= LOG0 && op <= LOG4) {
                    if (!do_log(f, static_cast<unsigned>(op - LOG0))) return;
                }
                break;
        }
        ++pc;
    }
}

}  // namespace troupe::evm
