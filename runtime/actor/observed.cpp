#include "runtime/actor/observed.hpp"

#include <algorithm>

#include <caf/uniform_type_info_map.hpp>
#include <cxxabi.h>
#include <spdlog/spdlog.h>

namespace troupe {
namespace {

[[nodiscard]] std::string demangled(const std::type_info& type) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text{abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                           &std::free};
    return status == 0 ? std::string{text.get()} : type.name();
}

/// What says nothing to the reader: our own namespace, and that messages within a process are shared.
[[nodiscard]] std::string shortened(std::string name) {
    constexpr std::string_view shared = "shared_ptr<const ";
    for (const std::string_view prefix : {"(", "troupe::"})
        for (auto at = name.find(prefix); at != std::string::npos; at = name.find(prefix))
            name.erase(at, prefix.size());
    std::erase(name, ')');
    if (name.starts_with(shared) && name.ends_with('>'))
        name = name.substr(shared.size(), name.size() - shared.size() - 1);
    return name;
}

/// CAF marks the names of its own types.
[[nodiscard]] std::string without_mark(const std::string& name) {
    return name.starts_with('@') ? name.substr(1) : name;
}

}  // namespace

ObservedConfig::ObservedConfig() {
    add_message_types<caf::id_block::troupe_shared>();
    add_message_types<caf::id_block::troupe_observed>();
}

std::shared_ptr<ActorRegistry> actors_of(const caf::actor_system& system) {
    const auto* config = dynamic_cast<const ObservedConfig*>(&system.config());
    return config != nullptr ? config->actors : nullptr;
}

void ask_actor(const caf::strong_actor_ptr& actor, Question question) {
    if (!actor) return;
    actor->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(caf::message_priority::high), caf::no_stages,
                                             std::make_shared<const Question>(std::move(question))),
                   nullptr);
}

void register_actor(caf::scheduled_actor& actor, const std::shared_ptr<Meter>& meter) {
    actor.set_exception_handler([meter](caf::scheduled_actor* self, std::exception_ptr& exception) -> caf::error {
        std::string what = "an exception that is no std::exception";
        try {
            std::rethrow_exception(exception);
        } catch (const std::exception& error) {
            what = error.what();
        } catch (...) {
        }
        meter->note_error(what);
        spdlog::error("{} ends by an exception: {}", self->name(), what);
        return caf::exit_reason::unhandled_exception;
    });
    const auto registry = actors_of(actor.system());
    if (!registry) return;
    registry->add(actor.name(), actor.id(), meter,
                  [weak = caf::weak_actor_ptr{actor.ctrl()}](bool with_state, std::function<void(ActorAnswer)> done) {
                      ask_actor(weak.lock(), {with_state, std::move(done)});
                  });
}

std::string kind_name(const caf::actor_system& system, const MessageKey& key) {
    if (key == MessageKey{}) return "other";
    if (key.type != nullptr && *key.type == typeid(PeerFrame)) {
        const auto facts = std::ranges::find(frame_table, static_cast<FrameKind>(key.value), &FrameFacts::kind);
        return facts != frame_table.end() ? std::string{facts->name} : "frame " + std::to_string(key.value);
    }
    if (key.type == nullptr) {
        // The token holds six bits an element behind ones; built-in types have a number in it.
        std::vector<std::uint16_t> numbers;
        for (auto rest = key.token; rest != 0xFFFFFFFFu; rest = 0xFC000000u | rest >> 6)
            numbers.insert(numbers.begin(), rest & 63);
        if (numbers.front() == caf::type_nr<caf::atom_value>::value)
            return caf::to_string(static_cast<caf::atom_value>(key.value));
        std::string name;
        for (const auto number : numbers)
            name += (name.empty() ? "" : ", ") + without_mark(system.types().portable_name(number, nullptr));
        return name;
    }
    const auto& name = system.types().portable_name(0, key.type);
    return shortened(name == system.types().default_type_name() ? demangled(*key.type) : name);
}

}  // namespace troupe
