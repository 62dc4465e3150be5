# Every library that is not ours, each named once with its reason. All are Debian 12 packages (deploy/packages.txt).
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Boost 1.74 REQUIRED)

function(troupe_dependency name)
  add_library(troupe_deps_${name} INTERFACE)
  add_library(troupe::deps::${name} ALIAS troupe_deps_${name})
  target_link_libraries(troupe_deps_${name} INTERFACE ${ARGN})
endfunction()

# Canonical wire encoding. Boost-free mode is not in Debian's package, so it needs Boost's headers.
troupe_dependency(msgpack Boost::headers)
# JSON of configuration, RPC and inspection.
troupe_dependency(json)
# Parsing RPC bodies: thousands of requests a second.
troupe_dependency(simdjson simdjson)
# TLS 1.3, SHA-256, RIPEMD-160, Ed25519, keystore ciphers.
troupe_dependency(openssl OpenSSL::SSL OpenSSL::Crypto)
# Ethereum signatures with public-key recovery.
troupe_dependency(secp256k1 secp256k1)
# Multiprecision as a test oracle.
troupe_dependency(boost Boost::headers)
# Asio and Beast: links, HTTP, WebSocket.
troupe_dependency(asio Boost::headers Threads::Threads)
# Structured logs.
troupe_dependency(log spdlog fmt)
target_compile_definitions(troupe_deps_log INTERFACE SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
# Actors.
troupe_dependency(caf caf_openssl caf_io caf_core OpenSSL::SSL Threads::Threads)
# x86-64 assembler of the just-in-time compilers. Header only.
troupe_dependency(xbyak)
# Persistence.
troupe_dependency(sqlite sqlite3)
# Manifests with line and column of each value.
troupe_dependency(toml)
# Command line.
troupe_dependency(cli)
