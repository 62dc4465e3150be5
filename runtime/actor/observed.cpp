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

caf::resumable::resume_result take_turn(caf::scheduled_actor& actor, Meter& meter, caf::execution_unit* host,
                                        std::size_t most) {
    using caf::resumable;
    const Meter::Turn turn{meter};
    if (!actor.activate(host)) return resumable::done;
    // Messages of each category that CAF handles before it looks at the next one: as scheduled_actor has it.
    constexpr std::size_t quantum = 3;
    auto& mailbox = actor.mailbox();
    std::size_t handled = 0;
    caf::scheduled_actor::mailbox_visitor visitor{&actor, handled, most};
    while (handled < most) {
        if (mailbox.new_round(quantum, visitor).consumed_items == 0) {
            if (handled > 0) actor.set_receive_timeout();
            if (mailbox.try_block()) return resumable::awaiting_message;
        }
        if (actor.finalize()) return resumable::done;
    }
    actor.set_receive_timeout();
    return mailbox.try_block() ? resumable::awaiting_message : resumable::resume_later;
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

namespace {

[[nodiscard]] ChannelName channel_name(const caf::actor_system& system, const caf::mailbox_element& message) {
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

}  // namespace

bool count_received(Meter& meter, const caf::actor_system& system, const caf::mailbox_element& message) {
    // The element's own type tells its content's, so that no virtual function need be called.
    const auto* type = &typeid(message);
    if (type == &typeid(caf::mailbox_element_vals<QuestionPtr>)) {
        meter.taken_aside();
        return false;
    }
    MessageKey key{type, 0};
    auto source = reinterpret_cast<std::uintptr_t>(message.sender.get());
    std::uint32_t bytes = 0;
    if (type == &typeid(caf::mailbox_element_vals<PeerFrame>)) {
        const auto& frame = std::get<0>(static_cast<const caf::mailbox_element_vals<PeerFrame>&>(message).data());
        key.value = static_cast<std::uint64_t>(frame.kind);
        source = PeerKey::node(frame.from.value).value;
        bytes = static_cast<std::uint32_t>(frame.payload.size());
    } else if (type == &typeid(caf::mailbox_element_vals<caf::atom_value>)) {
        key.value = static_cast<std::uint64_t>(
            std::get<0>(static_cast<const caf::mailbox_element_vals<caf::atom_value>&>(message).data()));
    }
    meter.received(key, source, bytes, [&] { return channel_name(system, message); });
    return true;
}

void count_sent_frame(FrameKind kind, NodeIndex to, std::size_t bytes) {
    auto* sender = Meter::current();
    if (sender == nullptr) return;
    sender->sent({&typeid(caf::mailbox_element_vals<PeerFrame>), static_cast<std::uint64_t>(kind)},
                 PeerKey::node(to.value), static_cast<std::uint32_t>(bytes), [&] { return frame_name(kind); });
}

}  // namespace troupe
