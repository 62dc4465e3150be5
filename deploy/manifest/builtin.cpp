#include "deploy/manifest/manifest.hpp"

namespace troupe {

const char* builtin_manifest() {
    return R"(# A Troupe cluster. Check it with `troupe manifest check`, see what would run with `troupe manifest plan`,
# launch it with `troupe up`.
name = "troupe"

# What all nodes must share; fixed by the genesis once the cluster has started. Values shown are the defaults.
[chain]
chain_id = 74123                    # of your own; 1, 31337 and other well-known ones confuse wallets and tools
rules = "troupe"                    # "troupe": prepared certificates are carried through view changes; "dbft2": NEO's
signatures = "ed25519"              # of chunks and blocks; "bls": one signature for all, however many validators
view_time_ms = 1000                 # a view without progress is left after twice this long
block_interval_ms = 100             # between blocks while there is something to include
heartbeat_ms = 1000                 # between empty blocks while there is not
execution_delay = 2                 # blocks between a block and the one that carries its execution result
epoch_ms = 5000                     # builders of account partitions may change this often
rotation_epochs = 120               # and do change this often
chunk_slot_ms = 20                  # a producer has at most one chunk per slot
chunk_lifetime_ms = 4000
transaction_lifetime_ms = 60000     # longest expiry of a native transaction
base_fee_wei = 1000000000
block_gas_limit = 2000000000
checkpoint_blocks = 8               # a state snapshot, and a checkpoint to the arbiter, every so many blocks
validator_deposit_wei = 1000000000000000000  # what a batch validator has at stake
validation_time_ms = 60000          # an assigned batch validator answers within this time
revalidation_permille = 500         # chance in 1000 that a confirmed checkpoint is validated once more

# Development accounts: their keys are public knowledge (`troupe keys list --secret`). Set dev = 0 for anything real.
[accounts]
dev = 64
dev_balance_ether = 1000000

# More accounts at the genesis:
# [[account]]
# address = "0x..."
# balance_ether = 5

# Nodes run on this host unless there are others, each with a `troupe agent` (see `troupe keys ca --help`):
# [[host]]
# name = "alpha"
# address = "10.0.0.1"
# agent_port = 9600
# labels = ["rack-1"]
# A node then says where it runs: host = "alpha"; or hosts = ["alpha", "beta"], which take turns; or hosts = { alpha = 3,
# beta = 1 }; or label = "rack-1"; or nothing, and all hosts take turns.

# `count` makes several nodes: validator-1, validator-2, ... Ports are given out from 9700 (links) and 8545 (RPC) upwards
# unless named. A validator is one process with all five roles of the core.
[[node]]
name = "validator"
count = 4
roles = ["consensus", "chunk_builder", "chunk_signer", "executor", "vm_pool"]

[[node]]
name = "gateway"
count = 1
roles = ["gateway", "executor", "vm_pool"]
rpc_port = 8545                     # Ethereum JSON-RPC, HTTP and WebSocket; on loopback unless rpc_host says otherwise

# More processes for read calls, here or on other hosts: `troupe scale vm_pool=2`, or
# [[node]]
# name = "worker"
# count = 2
# roles = ["vm_pool"]

# Keeps every block's bundle and the state's snapshots by content hash, and signs receipts that later blocks carry.
[[node]]
name = "storage"
count = 1
roles = ["storage_node", "executor", "vm_pool"]

# Keep and check the chain of manifests; checkpoint it to the arbiter.
[[node]]
name = "metadata"
count = 2
roles = ["metadata_node"]

# Replays checkpointed fragments of history, and confirms or reports.
[[node]]
name = "batch"
count = 1
roles = ["batch_validator"]

# Deposits, checkpoints, who validates what.
[[node]]
name = "arbiter"
roles = ["arbiter"]
)";
}

const std::vector<std::string>& known_roles() {
    static const std::vector<std::string> roles{"consensus",       "chunk_builder", "chunk_signer", "executor",
                                                "vm_pool",         "gateway",       "storage_node", "metadata_node",
                                                "batch_validator", "arbiter"};
    return roles;
}

}  // namespace troupe
