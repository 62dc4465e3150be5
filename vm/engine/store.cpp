#include "vm/engine/store.hpp"

#include <algorithm>
#include <memory>
#include <new>

#include <fmt/format.h>

#include "vm/wasm/optimize.hpp"

namespace troupe::vm {
namespace {

using wasm::ExternKind;
using wasm::ValueType;

constexpr std::uint32_t wasm_pages_max = 65'536;

[[nodiscard]] std::uint32_t slots_of(const std::vector<ValueType>& types) {
    std::uint32_t out = 0;
    for (auto type : types) out += type == ValueType::v128 ? 2 : 1;
    return out;
}

/// Import matching (core specification 2.0, section 4.5.3): `have` may be narrower, but not wider.
[[nodiscard]] bool limits_match(std::uint64_t size, std::optional<std::uint32_t> have_max,
                                const wasm::SizeLimits& want) {
    if (size < want.min) return false;
    return !want.max || (have_max && *have_max <= *want.max);
}

[[nodiscard]] bool matches(const wasm::Module& module, const wasm::Import& import, const Extern& have) {
    if (have.kind != import.kind) return false;
    switch (import.kind) {
        case ExternKind::function: return *have.function_type == module.types[import.type_index];
        case ExternKind::table:
            return have.table_type.element == import.table.element &&
                   limits_match(have.table->elements.size(), have.table_type.limits.max, import.table.limits);
        case ExternKind::memory:
            return limits_match(have.memory->size_bytes / page_bytes, have.memory_type.limits.max,
                                import.memory.limits);
        case ExternKind::global: return have.global_type == import.global;
    }
    return false;
}

Trap prepare_function(Machine&, FunctionObject& function) {
    auto& owner = *static_cast<ModuleInstance*>(function.instance->owner);
    const auto* made = owner.module->made(function.index);
    if (made == nullptr) return Trap::function_too_complex;
    function.code = &made->code;
    if (const auto* compiler = owner.module->compiler()) function.native = compiler->any_stub();
    if (made->is_compiled.load(std::memory_order_acquire)) set_code(function, made->compiled);
    return Trap::none;
}

bool sample_function(Machine& machine, Instance& instance, const Instruction* start, const Instruction* at, Slot* frame,
                     Trap& trap) {
    auto& owner = *static_cast<ModuleInstance*>(instance.owner);
    auto& module = *owner.module;
    const auto warmth = module.warmth().value_or(Warmth{});
    // Not always as many, lest looks keep step with a loop.
    machine.steps_to_sample = warmth.steps_between_looks + machine.steps % (1 + warmth.steps_between_looks / 4);
    if (!module.warmth()) return false;
    const auto warm = module.warm(start, at);
    if (!warm) return false;
    set_code(*instance.functions[module.module().imported_functions + warm->index], warm->made->compiled);
    if (warm->at_block == nullptr) return false;
    trap = module.compiler()->call_at(machine, instance, warm->at_block, frame);
    return true;
}

Trap call_compiled_function(Machine& machine, FunctionObject& function, Slot* frame) {
    auto& owner = *static_cast<ModuleInstance*>(function.instance->owner);
    return owner.module->compiler()->call(machine, function, frame);
}

}  // namespace

void set_code(FunctionObject& function, const CompiledFunction& compiled) {
    if (compiled.entry == nullptr) return;
    function.entry = compiled.entry;
    function.native = compiled.entry;
    if (compiled.fast != nullptr) function.direct = function.fast = compiled.fast;
}

Profile spec_profile() { return {.name = "spec"}; }

Profile deterministic_profile(std::vector<std::string> allowed_hosts) {
    Profile out{.name = "deterministic"};
    out.limits.memory_pages = 4096;
    out.limits.module_bytes = 8U << 20U;
    out.only_allowed_hosts = true;
    out.allowed_hosts = std::move(allowed_hosts);
    return out;
}

Result<dmir::Function> lower(const wasm::Module& module, std::uint32_t index, Passes passes) {
    return passes == Passes::all ? wasm::lower_optimized(module, index) : wasm::lower(module, index);
}

CompiledModule::CompiledModule(std::shared_ptr<const wasm::Module> module, std::shared_ptr<Compiler> compiler,
                               Passes passes, bool charges_chunks)
    : module_(std::move(module)),
      compiler_(std::move(compiler)),
      passes_(passes),
      charges_chunks_(charges_chunks),
      type_stubs_(module_->types.size()),
      made_(module_->functions.size()) {
    if (compiler_ == nullptr) return;
    warmth_ = compiler_->warmth();
    for (const auto& function : module_->functions) {
        auto& stubs = type_stubs_[function.type_index];
        if (stubs.fast == nullptr) stubs = compiler_->type_stubs(module_->types[function.type_index]);
    }
    if (module_->tables.empty()) return;
    for (const auto& type : std::span(module_->types).first(std::min(module_->types.size(), call_types_max)))
        indirect_stubs_.push_back(compiler_->indirect_stub(type));
}

CompiledModule::~CompiledModule() {
    for (auto& slot : made_) {
        const std::unique_ptr<const Made> made(slot.load(std::memory_order_relaxed));
        if (made != nullptr && made->is_compiled) compiler_->release(made->compiled);
    }
}

const CompiledModule::Made* CompiledModule::made(std::uint32_t index) {
    if (const auto* have = made_[index].load(std::memory_order_acquire)) return have;
    const std::lock_guard lock(mutex_);
    if (const auto* have = made_[index].load(std::memory_order_relaxed)) return have;
    const auto function = lower(*module_, index, passes_);
    if (!function) return nullptr;
    auto code = select_code(*function);
    if (!code) return nullptr;
    auto out = std::make_unique<Made>();
    out->code = std::move(*code);
    if (compiler_ != nullptr) {
        const FunctionSource source{module_, index, out->code, passes_, charges_chunks_, std::nullopt};
        out->compiled = warmth_ ? compiler_->find(source) : compiler_->compile(source);
        out->is_compiled = !warmth_ || out->compiled.entry != nullptr;
        if (!out->is_compiled) cold_.emplace(out->code.instructions.data(), Cold{index, 0, nullptr});
    }
    auto* made = out.release();
    made_[index].store(made, std::memory_order_release);
    return made;
}

std::optional<CompiledModule::Warm> CompiledModule::warm(const Instruction* start, const Instruction* at) {
    const std::lock_guard lock(mutex_);
    const auto found = cold_.find(start);
    if (found == cold_.end()) return std::nullopt;
    auto& cold = found->second;
    auto& made = *made_[cold.index].load(std::memory_order_relaxed);
    if (!made.is_compiled.load(std::memory_order_relaxed)) {
        cold.steps += warmth_->steps_between_looks;
        if (cold.steps < std::uint64_t{warmth_->steps_per_instruction} * made.code.instructions.size())
            return std::nullopt;
        cold.entered_at = at;
        made.compiled = compiler_->compile(
            {module_, cold.index, made.code, passes_, charges_chunks_, static_cast<std::uint32_t>(at - start)});
        made.is_compiled.store(true, std::memory_order_release);
    }
    return Warm{cold.index, &made, cold.entered_at == at ? made.compiled.at_block : nullptr};
}

Trap call_until(Machine& machine, FunctionObject& function, Slot* frame, std::uint64_t steps_max) {
    TROUPE_ASSERT(machine.frame_count == 0 && machine.steps <= steps_max);
    machine.paused = {};
    if (function.host != nullptr) return function.host(function.user, machine, nullptr, frame);
    if (function.code == nullptr)
        if (const auto trap = machine.prepare(machine, function); trap != Trap::none) return trap;
    const auto& owner = *static_cast<const ModuleInstance*>(function.instance->owner);
    auto* compiler = owner.module->compiler();
    if (function.entry == nullptr || !compiler->stops())
        return settled(machine, interpret_until(machine, function, frame, steps_max));
    machine.can_stop = true;
    machine.steps_max = steps_max;
    const auto trap = compiler->call(machine, function, frame);
    machine.can_stop = false;
    machine.steps_max = UINT64_MAX;
    return settled(machine, machine.is_paused() ? resume(machine, steps_max) : trap);
}

InstanceBlock::InstanceBlock(std::size_t functions, std::size_t types)
    : instance_(new (::operator new(sizeof(Instance) + functions * sizeof(FunctionObject) + types * sizeof(CallType)))
                    Instance),
      functions_(reinterpret_cast<FunctionObject*>(instance_ + 1), functions),
      types_(reinterpret_cast<CallType*>(functions_.data() + functions), types) {
    static_assert(sizeof(Instance) % alignof(FunctionObject) == 0);
    static_assert(sizeof(FunctionObject) % alignof(CallType) == 0);
    std::ranges::uninitialized_value_construct(functions_);
    std::ranges::uninitialized_value_construct(types_);
}
InstanceBlock::~InstanceBlock() {
    std::ranges::destroy(functions_);
    instance_->~Instance();
    ::operator delete(instance_);
}

ModuleInstance::ModuleInstance(std::shared_ptr<CompiledModule> of)
    : module(std::move(of)),
      block(module->module().functions.size(), module->indirect_stubs().size()),
      instance(block.instance()),
      functions(block.functions()) {}

std::optional<Extern> ModuleInstance::find_export(std::string_view name) const {
    for (const auto& entry : module->module().exports) {
        if (entry.name != name) continue;
        switch (entry.kind) {
            case ExternKind::function: {
                Extern out;
                out.kind = ExternKind::function;
                out.function = instance.functions[entry.index];
                out.function_type = function_types[entry.index];
                return out;
            }
            case ExternKind::table: return tables[entry.index];
            case ExternKind::memory: return memories[entry.index];
            case ExternKind::global: return globals[entry.index];
        }
    }
    return std::nullopt;
}

Store::Store(const Profile& profile) : profile_(profile), machine_(profile.machine) {
    machine_.prepare = prepare_function;
    machine_.call_compiled = call_compiled_function;
}
Store::~Store() = default;

std::uint32_t Store::signature_of(const wasm::FunctionType& type) {
    return signatures_.try_emplace(type, static_cast<std::uint32_t>(signatures_.size())).first->second;
}

Extern Store::make_host_function(const wasm::FunctionType& type, HostCall host, void* user) {
    auto& function = host_functions_.emplace_back();
    const auto entry = signatures_.try_emplace(type, static_cast<std::uint32_t>(signatures_.size())).first;
    function.signature = entry->second;
    function.host = host;
    function.user = user;
    function.parameter_slots = slots_of(type.parameters);
    function.result_slots = slots_of(type.results);
    Extern out;
    out.kind = ExternKind::function;
    out.function = &function;
    out.function_type = &entry->first;
    return out;
}

Extern Store::make_table(const wasm::TableType& type) {
    auto& table = tables_.emplace_back();
    table.elements.resize(type.limits.min);
    table.max = type.limits.max.value_or(0xFFFFFFFF);
    Extern out;
    out.kind = ExternKind::table;
    out.table_type = type;
    out.table = &table;
    return out;
}

Result<Extern> Store::make_memory(const wasm::MemoryType& type) {
    auto& memory = memories_.emplace_back();
    auto max = type.limits.max.value_or(profile_.growth == Growth::declared ? type.limits.min : wasm_pages_max);
    if (profile_.growth == Growth::deny) max = type.limits.min;
    max = std::min(max, profile_.limits.memory_pages);
    if (!memory.open(type.limits.min, max) || (profile_.machine.fuel_per_dirty_chunk > 0 && !memory.track()))
        return make_error(ErrorCode::unavailable, "the system has no room for a linear memory");
    Extern out;
    out.kind = ExternKind::memory;
    out.memory_type = type;
    out.memory = &memory;
    return out;
}

Extern Store::make_global(const wasm::GlobalType& type, std::uint64_t low, std::uint64_t high) {
    auto& global = globals_.emplace_back();
    global.value = {low, high};
    Extern out;
    out.kind = ExternKind::global;
    out.global_type = type;
    out.global = &global;
    return out;
}

std::array<std::uint64_t, 2> Store::evaluate(const ModuleInstance& instance,
                                             const wasm::ConstantExpression& expression) const {
    using Kind = wasm::ConstantExpression::Kind;
    switch (expression.kind) {
        case Kind::constant: return {expression.low, expression.high};
        case Kind::global: return instance.globals[expression.low].global->value;
        case Kind::function: return {reinterpret_cast<Slot>(instance.instance.functions[expression.low]), 0};
        case Kind::null: break;
    }
    return {0, 0};
}

Result<Instantiated> Store::instantiate(std::shared_ptr<CompiledModule> compiled, const Resolver& resolve) {
    auto made = link(std::move(compiled), resolve);
    if (made && made->trap == Trap::none) made->trap = start(*made->instance);
    return made;
}

Trap Store::start(ModuleInstance& made) {
    for (auto& memory : memories_) memory.clean();
    const auto& function = made.module->module().start;
    return function ? vm::call(machine_, *made.instance.functions[*function], &made.instance, machine_.stack)
                    : Trap::none;
}

Result<Instantiated> Store::link(std::shared_ptr<CompiledModule> compiled, const Resolver& resolve) {
    const auto& module = compiled->module();
    if (compiled->charges_chunks() != (profile_.machine.fuel_per_dirty_chunk > 0))
        return make_error(ErrorCode::invalid,
                          "the module's code was made for other charges of memory than the profile's");
    std::vector<Extern> imports;
    for (const auto& import : module.imports) {
        const auto have = resolve(import);
        const auto name = import.module + "." + import.name;
        if (!have)
            return make_error(ErrorCode::invalid, fmt::format("unknown import {} ({})", name, to_string(import.kind)));
        if (!matches(module, import, *have))
            return make_error(ErrorCode::invalid, fmt::format("incompatible import type: {}", name));
        if (profile_.only_allowed_hosts && have->kind == ExternKind::function && have->function->host != nullptr &&
            std::find(profile_.allowed_hosts.begin(), profile_.allowed_hosts.end(), name) ==
                profile_.allowed_hosts.end())
            return make_error(ErrorCode::invalid,
                              fmt::format("host function {} is not allowed by profile {}", name, profile_.name));
        imports.push_back(*have);
    }

    auto& made = instances_.emplace_back(compiled);
    auto& instance = made.instance;
    instance.owner = &made;
    for (const auto& type : module.types) instance.signatures.push_back(signature_of(type));
    for (std::size_t t = 0; t < compiled->indirect_stubs().size(); ++t)
        made.block.types()[t] = {compiled->indirect_stubs()[t], instance.signatures[t]};
    for (const auto& import : imports) {
        switch (import.kind) {
            case ExternKind::function:
                instance.functions.push_back(import.function);
                made.function_types.push_back(import.function_type);
                break;
            case ExternKind::table: made.tables.push_back(import); break;
            case ExternKind::memory: made.memories.push_back(import); break;
            case ExternKind::global: made.globals.push_back(import); break;
        }
    }
    for (std::uint32_t i = 0; i < module.functions.size(); ++i) {
        auto& function = made.functions[i];
        const auto& type = module.types[module.functions[i].type_index];
        function.instance = &instance;
        function.index = i;
        if (compiled->compiler() != nullptr) {
            function.native = compiled->compiler()->lazy_stub();
            const auto& stubs = compiled->stubs(module.functions[i].type_index);
            function.direct = stubs.direct;
            function.fast = stubs.fast;
        }
        function.signature = instance.signatures[module.functions[i].type_index];
        function.parameter_slots = slots_of(type.parameters);
        function.result_slots = slots_of(type.results);
        instance.functions.push_back(&function);
        made.function_types.push_back(&type);
    }
    for (std::size_t i = module.imported_tables; i < module.tables.size(); ++i)
        made.tables.push_back(make_table(module.tables[i]));
    for (std::size_t i = module.imported_memories; i < module.memories.size(); ++i) {
        auto memory = make_memory(module.memories[i]);
        if (!memory) return memory.error();
        made.memories.push_back(*memory);
    }
    for (const auto& global : module.globals) {
        const auto value = evaluate(made, global.initial);
        made.globals.push_back(make_global(global.type, value[0], value[1]));
    }
    for (const auto& table : made.tables) instance.tables.push_back(table.table);
    for (const auto& global : made.globals) instance.globals.push_back(global.global);
    instance.function_table = instance.functions.data();
    instance.global_table = instance.globals.data();
    instance.machine = &machine_;
    if (const auto& warmth = compiled->warmth()) {
        machine_.sample = sample_function;
        machine_.steps_to_sample = warmth->steps_between_looks;
    }
    if (!made.memories.empty()) instance.memory = made.memories[0].memory;
    return Instantiated{&made, initialize(made)};
}

Trap Store::initialize(ModuleInstance& made) {
    auto& instance = made.instance;
    const auto& module = made.module->module();
    for (const auto& segment : module.elements) {
        auto& items = instance.elements.emplace_back();
        for (const auto& item : segment.items) items.push_back(evaluate(made, item)[0]);
    }
    for (const auto& segment : module.data)
        instance.data.push_back({module.bytes.data() + segment.bytes_offset, segment.bytes_size});
    for (std::size_t i = 0; i < module.elements.size(); ++i) {
        const auto& segment = module.elements[i];
        if (segment.mode == wasm::SegmentMode::passive) continue;
        if (segment.mode == wasm::SegmentMode::active) {
            const auto at = static_cast<std::uint32_t>(evaluate(made, segment.offset)[0]);
            auto& table = instance.tables[segment.table]->elements;
            const auto& items = instance.elements[i];
            if (at > table.size() || items.size() > table.size() - at) return Trap::table_out_of_bounds;
            std::copy(items.begin(), items.end(), table.begin() + at);
        }
        instance.elements[i].clear();
    }
    for (std::size_t i = 0; i < module.data.size(); ++i) {
        const auto& segment = module.data[i];
        if (segment.mode != wasm::SegmentMode::active) continue;
        const auto at = static_cast<std::uint32_t>(evaluate(made, segment.offset)[0]);
        const auto bytes = instance.data[i];
        const auto size = instance.memory->size_bytes;
        if (at > size || bytes.size > size - at) return Trap::memory_out_of_bounds;
        if (bytes.size > 0) std::copy_n(bytes.data, bytes.size, instance.memory->base + at);
        instance.data[i] = {};
    }
    return Trap::none;
}

void Store::pass(const std::vector<Value>& arguments) {
    for (auto& memory : memories_) memory.clean();
    auto* frame = machine_.stack;
    for (const auto& value : arguments) {
        const bool narrow = value.type == ValueType::i32 || value.type == ValueType::f32;
        *frame++ = narrow ? value.low & 0xFFFFFFFF : value.low;
        if (value.type == ValueType::v128) *frame++ = value.high;
    }
}

CallResult Store::results_of(const Extern& function, Trap trap) const {
    CallResult out{trap, {}};
    if (trap != Trap::none || machine_.is_paused()) return out;
    const auto* frame = machine_.stack;
    for (auto type : function.function_type->results) {
        Value value{type, *frame++, 0};
        if (type == ValueType::i32 || type == ValueType::f32) value.low &= 0xFFFFFFFF;
        if (type == ValueType::v128) value.high = *frame++;
        out.values.push_back(value);
    }
    return out;
}

CallResult Store::call(const Extern& function, const std::vector<Value>& arguments) {
    pass(arguments);
    return results_of(function, vm::call(machine_, *function.function, nullptr, machine_.stack));
}

CallResult Store::call_until(const Extern& function, const std::vector<Value>& arguments, std::uint64_t steps_max) {
    pass(arguments);
    return results_of(function, vm::call_until(machine_, *function.function, machine_.stack, steps_max));
}

CallResult Store::resume(const Extern& function, std::uint64_t steps_max) {
    return results_of(function, settled(machine_, vm::resume(machine_, steps_max)));
}

}  // namespace troupe::vm
