// Instances of WebAssembly modules, linked to each other and to host functions, and calls into them.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vm/interp/runtime.hpp"
#include "vm/wasm/module.hpp"

namespace troupe::vm {

/// What memory.grow may reach: nothing beyond the pages that the memory begins with; the maximum that the module
/// declares (nothing, if it declares none); or what the profile's limit and the declared maximum allow.
enum class Growth : std::uint8_t { deny, declared, limit };

/// What a machine may do beyond the specification's core, and how much of it.
struct Profile {
    std::string name;
    wasm::Limits limits;
    MachineLimits machine;
    Growth growth = Growth::limit;
    /// If set, a module may import no host function but these ("module.name").
    bool only_allowed_hosts = false;
    std::vector<std::string> allowed_hosts;
};
/// For the specification's test suite: any host function, memories up to 4 GiB.
[[nodiscard]] Profile spec_profile();
/// For replicated execution: memories up to 256 MiB, and only the host functions that the caller allows.
[[nodiscard]] Profile deterministic_profile(std::vector<std::string> allowed_hosts = {});

/// Machine code made from a function's code. See jit/baseline.
struct CompiledFunction {
    const void* entry = nullptr;
    /// Entry with arguments in registers, if it has one.
    const void* fast = nullptr;
    std::size_t size_bytes = 0;
    /// Where it goes on from FunctionSource::enter_at, if it can.
    const void* at_block = nullptr;

    /// Where its own code begins: an entry beside `fast` is shared by all functions of the type.
    [[nodiscard]] const void* code() const noexcept { return fast != nullptr ? fast : entry; }
};
/// From now on calls of the function run it; nothing changes if there is no code.
void set_code(FunctionObject& function, const CompiledFunction& compiled);
/// When a function is compiled that is interpreted at first: once about so many steps were interpreted in it for each
/// instruction of its code, as looks find that are so many steps apart.
struct Warmth {
    std::uint32_t steps_per_instruction = 64;
    std::uint32_t steps_between_looks = 1024;
};
/// Whether the interpreter's and the compiler's code is made from dMIR as it was lowered, or after all passes.
enum class Passes : std::uint8_t { none, all };
[[nodiscard]] Result<dmir::Function> lower(const wasm::Module& module, std::uint32_t index, Passes passes);

/// What a compiler makes code from. `code` outlives what is made.
struct FunctionSource {
    std::shared_ptr<const wasm::Module> module;
    /// Among the functions that the module defines.
    std::uint32_t index = 0;
    const Code& code;
    /// What `code` was made with.
    Passes passes = Passes::none;
    /// For machines whose fuel_per_dirty_chunk is not zero.
    bool charges_chunks = false;
    /// The head of a block at which a call in progress comes in.
    std::optional<std::uint32_t> enter_at;

    /// Functions below this number may be of other instances.
    [[nodiscard]] std::uint32_t imported() const noexcept { return module->imported_functions; }
};
/// `direct` and `fast` of a type's functions without such entries of their own; null if the compiler's code calls none.
struct TypeStubs {
    const void* direct = nullptr;
    const void* fast = nullptr;
};
struct Compiler {
    virtual ~Compiler() = default;
    /// Nothing if this function is left to the interpreter.
    [[nodiscard]] virtual CompiledFunction compile(const FunctionSource& source) = 0;
    /// Gives the room of what compile() made back; no instance of its module is left.
    virtual void release(const CompiledFunction&) noexcept {}
    /// What compiled code calls until a function is prepared: `native` of functions defined in a module, and of others.
    [[nodiscard]] virtual const void* lazy_stub() const noexcept = 0;
    [[nodiscard]] virtual const void* any_stub() const noexcept = 0;
    [[nodiscard]] virtual TypeStubs type_stubs(const wasm::FunctionType&) { return {}; }
    /// CallType::stub.
    [[nodiscard]] virtual const void* indirect_stub(const wasm::FunctionType&) { return nullptr; }
    [[nodiscard]] virtual Trap call(Machine& machine, FunctionObject& function, Slot* frame) = 0;
    /// If set, functions are interpreted until they are warm.
    [[nodiscard]] virtual std::optional<Warmth> warmth() const noexcept { return std::nullopt; }
    /// Code that is there already, so that nothing has to be waited for.
    [[nodiscard]] virtual CompiledFunction find(const FunctionSource&) { return {}; }
    /// Goes on with a call at CompiledFunction::at_block.
    [[nodiscard]] virtual Trap call_at(Machine&, Instance&, const void* /*at_block*/, Slot* /*frame*/) {
        return Trap::host_error;
    }
    /// Its code heeds Machine::can_stop and steps_max: call() may return with the machine paused.
    [[nodiscard]] virtual bool stops() const noexcept { return false; }
};

/// Calls from outside any other call as far as the block that would bring the machine's steps above `steps_max`, or
/// whose check finds its fuel below zero: then the machine is paused and the result is none. Runs compiled code that
/// stops where there is some, and goes on in the interpreter from where that was left.
[[nodiscard]] Trap call_until(Machine& machine, FunctionObject& function, Slot* frame, std::uint64_t steps_max);

/// A module with its functions' code, made at their first call and shared by all instances and threads.
class CompiledModule {
public:
    explicit CompiledModule(std::shared_ptr<const wasm::Module> module, std::shared_ptr<Compiler> compiler = nullptr,
                            Passes passes = Passes::none, bool charges_chunks = false);
    ~CompiledModule();

    [[nodiscard]] const wasm::Module& module() const noexcept { return *module_; }
    struct Made {
        Code code;
        /// Valid when `is_compiled`.
        CompiledFunction compiled;
        std::atomic<bool> is_compiled{false};
    };
    /// Of defined function `index`. Null if it is too complex.
    [[nodiscard]] const Made* made(std::uint32_t index);
    struct Warm {
        std::uint32_t index = 0;
        const Made* made = nullptr;
        /// CompiledFunction::at_block, if that is of the block asked for.
        const void* at_block = nullptr;
    };
    /// What is interpreted, by the start of its code and the head of the block that comes next. Nothing unless it is
    /// compiled, perhaps just now.
    [[nodiscard]] std::optional<Warm> warm(const Instruction* start, const Instruction* at);
    [[nodiscard]] Compiler* compiler() const noexcept { return compiler_.get(); }
    /// Of the compiler.
    [[nodiscard]] const std::optional<Warmth>& warmth() const noexcept { return warmth_; }
    [[nodiscard]] bool charges_chunks() const noexcept { return charges_chunks_; }
    /// Of a type of the module that functions have.
    [[nodiscard]] const TypeStubs& stubs(std::uint32_t type) const noexcept { return type_stubs_[type]; }
    [[nodiscard]] const std::vector<const void*>& indirect_stubs() const noexcept { return indirect_stubs_; }

private:
    std::shared_ptr<const wasm::Module> module_;
    std::shared_ptr<Compiler> compiler_;
    Passes passes_;
    bool charges_chunks_;
    std::vector<TypeStubs> type_stubs_;
    /// Of the types that have a CallType.
    std::vector<const void*> indirect_stubs_;
    std::optional<Warmth> warmth_;
    std::vector<std::atomic<Made*>> made_;
    std::mutex mutex_;
    /// What is interpreted until it is warm.
    struct Cold {
        std::uint32_t index = 0;
        std::uint64_t steps = 0;
        /// The block for which it was compiled.
        const Instruction* entered_at = nullptr;
    };
    std::map<const Instruction*, Cold> cold_;
};

/// A typed value. A reference's bits mean something only to the store that it comes from.
struct Value {
    wasm::ValueType type = wasm::ValueType::i32;
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const Value&) const = default;
};

/// What an instance exports or imports.
struct Extern {
    wasm::ExternKind kind{};
    const wasm::FunctionType* function_type = nullptr;
    FunctionObject* function = nullptr;
    wasm::TableType table_type;
    Table* table = nullptr;
    wasm::MemoryType memory_type;
    Memory* memory = nullptr;
    wasm::GlobalType global_type;
    Global* global = nullptr;
};

class Store;

/// An instance and, right behind it, where compiled code finds them without a look-up, the functions that its module
/// defines and then its first types.
class InstanceBlock {
public:
    InstanceBlock(std::size_t functions, std::size_t types);
    ~InstanceBlock();
    InstanceBlock(const InstanceBlock&) = delete;
    InstanceBlock& operator=(const InstanceBlock&) = delete;

    [[nodiscard]] Instance& instance() const noexcept { return *instance_; }
    [[nodiscard]] std::span<FunctionObject> functions() const noexcept { return functions_; }
    [[nodiscard]] std::span<CallType> types() const noexcept { return types_; }

private:
    Instance* instance_;
    std::span<FunctionObject> functions_;
    std::span<CallType> types_;
};

struct ModuleInstance {
    explicit ModuleInstance(std::shared_ptr<CompiledModule> of);

    std::shared_ptr<CompiledModule> module;
    InstanceBlock block;
    Instance& instance;
    std::span<FunctionObject> functions;
    std::vector<Extern> tables;
    std::vector<Extern> memories;
    std::vector<Extern> globals;
    std::vector<const wasm::FunctionType*> function_types;

    [[nodiscard]] std::optional<Extern> find_export(std::string_view name) const;
};

struct Instantiated {
    ModuleInstance* instance = nullptr;
    /// Of an active segment or the start function. The instance is not usable then, but what it wrote stays.
    Trap trap = Trap::none;
};

struct CallResult {
    Trap trap = Trap::none;
    std::vector<Value> values;
};

/// Owns everything that its instances made; references stay valid as long as it lives. Used by one thread at a time.
class Store {
public:
    explicit Store(const Profile& profile);
    ~Store();

    using Resolver = std::function<std::optional<Extern>(const wasm::Import&)>;
    /// An error (invalid) is one of linking: an import that is unknown or of an incompatible type, or code made for
    /// other charges than the profile's.
    [[nodiscard]] Result<Instantiated> instantiate(std::shared_ptr<CompiledModule> module, const Resolver& resolve);
    /// The same without the start function, if it has one.
    [[nodiscard]] Result<Instantiated> link(std::shared_ptr<CompiledModule> module, const Resolver& resolve);
    [[nodiscard]] Trap start(ModuleInstance& instance);

    /// The arguments must be of the function's types.
    [[nodiscard]] CallResult call(const Extern& function, const std::vector<Value>& arguments);
    /// The same as far as the block that would bring the machine's steps above `steps_max`, or whose check finds its
    /// fuel below zero: then the machine is paused, and there are no results. From outside any other call.
    [[nodiscard]] CallResult call_until(const Extern& function, const std::vector<Value>& arguments,
                                        std::uint64_t steps_max);
    /// Goes on with the paused call of `function`, in the same way.
    [[nodiscard]] CallResult resume(const Extern& function, std::uint64_t steps_max);

    [[nodiscard]] Extern make_host_function(const wasm::FunctionType& type, HostCall call, void* user);
    [[nodiscard]] Extern make_table(const wasm::TableType& type);
    [[nodiscard]] Result<Extern> make_memory(const wasm::MemoryType& type);
    [[nodiscard]] Extern make_global(const wasm::GlobalType& type, std::uint64_t low, std::uint64_t high = 0);

    [[nodiscard]] Machine& machine() noexcept { return machine_; }
    [[nodiscard]] const Profile& profile() const noexcept { return profile_; }

private:
    /// Begins a call: all memory is clean.
    void pass(const std::vector<Value>& arguments);
    [[nodiscard]] CallResult results_of(const Extern& function, Trap trap) const;
    [[nodiscard]] std::uint32_t signature_of(const wasm::FunctionType& type);
    /// Active segments.
    [[nodiscard]] Trap initialize(ModuleInstance& instance);
    [[nodiscard]] std::array<std::uint64_t, 2> evaluate(const ModuleInstance& instance,
                                                        const wasm::ConstantExpression& expression) const;

    Profile profile_;
    Machine machine_;
    std::map<wasm::FunctionType, std::uint32_t> signatures_;
    std::deque<ModuleInstance> instances_;
    std::deque<FunctionObject> host_functions_;
    std::deque<Table> tables_;
    std::deque<Memory> memories_;
    std::deque<Global> globals_;
};

}  // namespace troupe::vm
