#include "vm/spectest/spectest.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "runtime/base/json.hpp"

namespace troupe::vm {
namespace {

using wasm::ExternKind;
using wasm::ValueType;

constexpr std::size_t failures_max = 100;

[[nodiscard]] std::optional<Bytes> read_file(const std::filesystem::path& file) {
    std::ifstream stream{file, std::ios::binary};
    if (!stream) return std::nullopt;
    return Bytes{std::istreambuf_iterator<char>{stream}, {}};
}

[[nodiscard]] std::uint64_t number(std::string_view text) {
    std::uint64_t out = 0;
    if (text.starts_with("-")) {
        std::int64_t negative = 0;
        std::from_chars(text.data(), text.data() + text.size(), negative);
        return static_cast<std::uint64_t>(negative);
    }
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

[[nodiscard]] ValueType type_of(const std::string& name) {
    if (name == "i64") return ValueType::i64;
    if (name == "f32") return ValueType::f32;
    if (name == "f64") return ValueType::f64;
    if (name == "v128") return ValueType::v128;
    if (name == "funcref") return ValueType::funcref;
    if (name == "externref") return ValueType::externref;
    return ValueType::i32;
}

/// A lane or scalar of `bytes` that must equal `bits`, or be a NaN.
struct Expected {
    std::size_t bytes = 0;
    std::uint64_t bits = 0;
    bool is_nan = false;

    [[nodiscard]] bool matches(std::uint64_t have) const {
        if (!is_nan) return have == bits;
        // Ours is always the canonical one, with either sign allowed by the specification.
        return bytes == 4 ? (have & 0x7FFFFFFFU) == 0x7FC00000U
                          : (have & 0x7FFFFFFFFFFFFFFFULL) == 0x7FF8000000000000ULL;
    }
};

[[nodiscard]] std::size_t bytes_of(const std::string& type) {
    if (type == "i8") return 1;
    if (type == "i16") return 2;
    return type == "i32" || type == "f32" ? 4 : 8;
}

[[nodiscard]] std::vector<Expected> expected_parts(const Json& value) {
    const auto type = value["type"].get<std::string>();
    const auto part = [](const std::string& text, std::size_t bytes) {
        Expected out{bytes, 0, text.starts_with("nan:")};
        out.bits = out.is_nan ? 0 : number(text);
        if (bytes < 8) out.bits &= (std::uint64_t{1} << bytes * 8) - 1;
        return out;
    };
    std::vector<Expected> out;
    if (type == "v128") {
        const auto bytes = bytes_of(value["lane_type"].get<std::string>());
        for (const auto& lane : value["value"]) out.push_back(part(lane.get<std::string>(), bytes));
    } else {
        out.push_back(part(value["value"].get<std::string>(), bytes_of(type)));
    }
    return out;
}

[[nodiscard]] Value argument(const Json& value) {
    const auto type = value["type"].get<std::string>();
    Value out{type_of(type), 0, 0};
    if (type == "funcref" || type == "externref") {
        const auto text = value["value"].get<std::string>();
        out.low = text == "null" ? 0 : number(text) + 1;
        return out;
    }
    std::array<std::uint8_t, 16> bytes{};
    std::size_t at = 0;
    for (const auto& part : expected_parts(value)) {
        std::memcpy(bytes.data() + at, &part.bits, part.bytes);
        at += part.bytes;
    }
    std::memcpy(&out.low, bytes.data(), 8);
    std::memcpy(&out.high, bytes.data() + 8, 8);
    return out;
}

[[nodiscard]] bool matches(const Json& expected, const Value& have) {
    const auto type = expected["type"].get<std::string>();
    if (type_of(type) != have.type) return false;
    if (type == "funcref" || type == "externref") {
        // Without a value any reference that is not null will do.
        if (!expected.contains("value")) return have.low != 0;
        const auto text = expected["value"].get<std::string>();
        return text == "null" ? have.low == 0 : have.low == number(text) + 1;
    }
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &have.low, 8);
    std::memcpy(bytes.data() + 8, &have.high, 8);
    std::size_t at = 0;
    for (const auto& part : expected_parts(expected)) {
        std::uint64_t lane = 0;
        std::memcpy(&lane, bytes.data() + at, part.bytes);
        at += part.bytes;
        if (!part.matches(lane)) return false;
    }
    return true;
}

[[nodiscard]] std::string show(const std::vector<Value>& values) {
    std::string out;
    for (const auto& value : values)
        out += fmt::format("{}{}:{:#x}{}", out.empty() ? "" : ", ", to_string(value.type), value.low,
                           value.high != 0 ? fmt::format("|{:#x}", value.high) : "");
    return "(" + out + ")";
}

class Runner {
public:
    Runner(const std::filesystem::path& script, std::shared_ptr<Compiler> compiler, Passes passes)
        : script_(script), compiler_(std::move(compiler)), passes_(passes), store_(spec_profile()) {
        make_host_module();
    }

    SpecReport run() {
        const auto bytes = read_file(script_);
        if (!bytes) {
            fail("can't be read");
            return report_;
        }
        const auto json = parse_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
        if (!json || !json->contains("commands")) {
            fail("is not a script of wast2json");
            return report_;
        }
        for (const auto& command : (*json)["commands"]) {
            line_ = command.value("line", 0);
            run(command);
        }
        return report_;
    }

private:
    void make_host_module() {
        const auto ignore = [](void*, Machine&, Instance*, Slot*) { return Trap::none; };
        using enum ValueType;
        const auto print = [&](const char* name, std::vector<ValueType> parameters) {
            host_[name] = store_.make_host_function({std::move(parameters), {}}, ignore, nullptr);
        };
        print("print", {});
        print("print_i32", {i32});
        print("print_i64", {i64});
        print("print_f32", {f32});
        print("print_f64", {f64});
        print("print_i32_f32", {i32, f32});
        print("print_f64_f64", {f64, f64});
        host_["global_i32"] = store_.make_global({i32, false}, 666);
        host_["global_i64"] = store_.make_global({i64, false}, 666);
        host_["global_f32"] = store_.make_global({f32, false}, std::bit_cast<std::uint32_t>(666.6F));
        host_["global_f64"] = store_.make_global({f64, false}, std::bit_cast<std::uint64_t>(666.6));
        host_["table"] = store_.make_table({funcref, {10, 20}});
        if (auto memory = store_.make_memory({{1, 2}})) host_["memory"] = *memory;
    }

    void pass() { ++report_.passed; }
    void fail(const std::string& what) {
        ++report_.failed;
        if (report_.failures.size() < failures_max)
            report_.failures.push_back(fmt::format("{}:{}: {}", script_.filename().string(), line_, what));
    }
    void judge(bool good, const std::string& what) {
        if (good)
            pass();
        else
            fail(what);
    }

    [[nodiscard]] Result<std::shared_ptr<const wasm::Module>> load(const Json& command) {
        auto bytes = read_file(script_.parent_path() / command["filename"].get<std::string>());
        if (!bytes) return make_error(ErrorCode::io, "module file is missing");
        return wasm::load(std::move(*bytes));
    }
    [[nodiscard]] Result<Instantiated> instantiate(const Json& command) {
        auto module = load(command);
        if (!module) return module.error();
        return store_.instantiate(std::make_shared<CompiledModule>(*module, compiler_, passes_),
                                  [&](const wasm::Import& import) -> std::optional<Extern> {
                                      if (import.module == "spectest") {
                                          const auto found = host_.find(import.name);
                                          if (found == host_.end()) return std::nullopt;
                                          return found->second;
                                      }
                                      const auto found = registered_.find(import.module);
                                      if (found == registered_.end()) return std::nullopt;
                                      return found->second->find_export(import.name);
                                  });
    }

    void module(const Json& command) {
        auto made = instantiate(command);
        if (!made) return fail("module refused: " + made.error().message);
        if (made->trap != Trap::none) return fail(fmt::format("start trapped: {}", message(made->trap)));
        last_ = made->instance;
        if (command.contains("name")) named_[command["name"].get<std::string>()] = last_;
        pass();
    }

    [[nodiscard]] std::optional<CallResult> act(const Json& action) {
        auto* instance = last_;
        if (action.contains("module")) {
            const auto found = named_.find(action["module"].get<std::string>());
            instance = found == named_.end() ? nullptr : found->second;
        }
        if (instance == nullptr) {
            fail("no such module");
            return std::nullopt;
        }
        const auto field = action["field"].get<std::string>();
        const auto entry = instance->find_export(field);
        if (!entry) {
            fail("no such export: " + field);
            return std::nullopt;
        }
        if (action["type"] == "get") {
            CallResult out;
            out.values.push_back({entry->global_type.value, entry->global->value[0], entry->global->value[1]});
            return out;
        }
        std::vector<Value> arguments;
        for (const auto& value : action["args"]) arguments.push_back(argument(value));
        return store_.call(*entry, arguments);
    }

    void assert_return(const Json& command) {
        const auto result = act(command["action"]);
        if (!result) return;
        if (result->trap != Trap::none)
            return fail(fmt::format("{} trapped: {}", command["action"]["field"].dump(), message(result->trap)));
        const auto& expected = command["expected"];
        bool good = expected.size() == result->values.size();
        for (std::size_t k = 0; good && k < expected.size(); ++k) good = matches(expected[k], result->values[k]);
        judge(good, good ? ""
                         : fmt::format("{} gave {}, not {}", command["action"].dump(), show(result->values),
                                       expected.dump()));
    }
    void assert_trap(const Json& command) {
        const auto result = act(command["action"]);
        if (!result) return;
        const auto text = command["text"].get<std::string>();
        const auto good = result->trap != Trap::none && text.starts_with(message(result->trap));
        judge(good, good ? ""
                         : fmt::format("{}: expected trap '{}', got '{}'", command["action"]["field"].dump(), text,
                                       message(result->trap)));
    }

    void run(const Json& command) {
        const auto type = command["type"].get<std::string>();
        if (command.value("module_type", "") == "text") {
            ++report_.skipped;
        } else if (type == "module") {
            module(command);
        } else if (type == "register") {
            auto* instance = last_;
            if (command.contains("name")) instance = named_[command["name"].get<std::string>()];
            registered_[command["as"].get<std::string>()] = instance;
        } else if (type == "action") {
            if (const auto result = act(command["action"]))
                judge(result->trap == Trap::none, fmt::format("trapped: {}", message(result->trap)));
        } else if (type == "assert_return") {
            assert_return(command);
        } else if (type == "assert_trap" || type == "assert_exhaustion") {
            assert_trap(command);
        } else if (type == "assert_invalid" || type == "assert_malformed") {
            const auto made = load(command);
            judge(!made, fmt::format("accepted what is {}: {}", type.substr(7), command["text"].dump()));
        } else if (type == "assert_unlinkable") {
            const auto made = instantiate(command);
            judge(!made && made.error().code == ErrorCode::invalid, "linked what can't be");
        } else if (type == "assert_uninstantiable") {
            const auto made = instantiate(command);
            judge(made.ok() && made->trap != Trap::none &&
                      command["text"].get<std::string>().starts_with(message(made->trap)),
                  "expected a trap: " + command["text"].dump());
        } else {
            fail("unknown command: " + type);
        }
    }

    std::filesystem::path script_;
    std::shared_ptr<Compiler> compiler_;
    Passes passes_;
    Store store_;
    SpecReport report_;
    int line_ = 0;
    std::map<std::string, Extern> host_;
    std::map<std::string, ModuleInstance*> registered_;
    std::map<std::string, ModuleInstance*> named_;
    ModuleInstance* last_ = nullptr;
};

}  // namespace

void SpecReport::add(const SpecReport& other) {
    passed += other.passed;
    failed += other.failed;
    skipped += other.skipped;
    for (const auto& failure : other.failures)
        if (failures.size() < failures_max) failures.push_back(failure);
}

std::vector<std::filesystem::path> find_spec_scripts(const std::filesystem::path& path) {
    std::vector<std::filesystem::path> out;
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) return {path};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error))
        if (entry.path().extension() == ".json") out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
}

SpecReport run_spec_script(const std::filesystem::path& script, const std::shared_ptr<Compiler>& compiler,
                           Passes passes) {
    return Runner(script, compiler, passes).run();
}

}  // namespace troupe::vm
