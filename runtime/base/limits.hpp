// Every limit on outside input, with its reason. Checked before anything is allocated.
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::limits {

/// One link frame. Twice a chunk, so that a block with its certificates or a chunk reply always fits.
inline constexpr std::size_t frame_bytes_max = 4 << 20;
/// One chunk of transactions: replicated to every validator before it is certified.
inline constexpr std::size_t chunk_bytes_max = 2 << 20;
/// One transaction (geth's pool limit): larger code is deployed in packages.
inline constexpr std::size_t transaction_bytes_max = 128 << 10;
/// EIP-170.
inline constexpr std::size_t contract_code_bytes_max = 24 << 10;
/// EIP-3860.
inline constexpr std::size_t init_code_bytes_max = 2 * contract_code_bytes_max;
/// A deterministic-VM package.
inline constexpr std::size_t package_bytes_max = 8 << 20;
/// One JSON-RPC body (geth's default).
inline constexpr std::size_t rpc_body_bytes_max = 5 << 20;
/// Requests in one JSON-RPC batch (geth's default).
inline constexpr std::size_t rpc_batch_max = 1000;
/// Nesting of JSON: ordinary requests need 6.
inline constexpr std::size_t json_depth_max = 64;
/// Bytes of all answers to one batch (geth's default, 25 MB).
inline constexpr std::size_t rpc_response_bytes_max = 25 << 20;
/// Validators of a cluster: a signer bitset of 512 bytes.
inline constexpr std::size_t validators_max = 4096;
/// Nodes of a cluster, validators included.
inline constexpr std::size_t nodes_max = 8192;
/// Call depth (yellow paper).
inline constexpr std::size_t call_depth_max = 1024;
/// Elements of one decoded msgpack array: a full chunk of the smallest transactions has fewer.
inline constexpr std::size_t array_elements_max = 65536;
/// Nesting of decoded msgpack and RLP.
inline constexpr std::size_t codec_depth_max = 32;
/// Chunk certificates in one block.
inline constexpr std::size_t block_certificates_max = 4096;
/// Transactions in one chunk.
inline constexpr std::size_t chunk_transactions_max = 16384;
/// EIP-7825: gas of one transaction.
inline constexpr std::uint64_t transaction_gas_max = 1ULL << 24;

}  // namespace troupe::limits
