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

/// Without what says nothing to the reader: our own namespace, and that messages within a process are shared.
[[nodiscard]] std::string shortened(std::string name) {
    constexpr std::string_view ours = "troupe::";
    constexpr std::string_view shared = "std::shared_ptr<";
    for (auto at = name.find(ours); at != std::string::npos; at = name.find(ours)) name.erase(at, ours.size());
    if (name.starts_with(shared) && name.ends_with('>')) {
        name = name.substr(shared.size(), name.size() - shared.size() - 1);
        while (name.ends_with(' ')) name.pop_back();
        if (name.ends_with(" const")) name.resize(name.size() - 6);
        if (name.starts_with("std::function")) name = "job";
    }
    return name;
}

[[nodiscard]] std::string frame_name(FrameKind kind) {
    const auto facts = std::ranges::find(frame_table, kind, &FrameFacts::kind);
    return facts != frame_table.end() ? std::string{facts->name}
                                      : "frame " + std::to_string(static_cast<unsigned>(kind));
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

std::shared_ptr<TraceLog> trace_of(const caf::actor_system& system) {
    const auto* config = dynamic_cast<const ObservedConfig*>(&system.config());
    return config != nullptr ? config->trace : std::make_shared<TraceLog>(1);
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

ChannelName channel_name(const caf::actor_system& system, const caf::mailbox_element& message) {
    const auto& content = message.content();
    ChannelName out;
    if (message.sender) {
        const auto registry = actors_of(system);
        if (registry && registry->find_id(message.sender->id())) out.peer = PeerKey::actor(message.sender->id());
    }
    if (content.match_elements<PeerFrame>()) out.peer = PeerKey::node(content.get_as<PeerFrame>(0).from.value);
    auto& name = out.kind;
    for (std::size_t i = 0; i < content.size(); ++i) {
        const auto type = content.type(i);
        if (i > 0) name += ", ";
        if (type.second != nullptr && *type.second == typeid(PeerFrame))
            name += frame_name(content.get_as<PeerFrame>(i).kind);
        else if (type.first == caf::type_nr<caf::atom_value>::value)
            name += caf::to_string(content.get_as<caf::atom_value>(i));
        else if (type.second == nullptr)
            name += without_mark(system.types().portable_name(type));
        else
            name += shortened(demangled(*type.second));
    }
    return out;
}

void count_sent_frame(FrameKind kind, NodeIndex to, std::size_t bytes) {
    auto* sender = Meter::current();
    if (sender == nullptr) return;
    sender->sent({&typeid(caf::mailbox_element_vals<PeerFrame>), static_cast<std::uint64_t>(kind)},
                 PeerKey::node(to.value), static_cast<std::uint32_t>(bytes), [&] { return frame_name(kind); });
}

}  // namespace troupe
