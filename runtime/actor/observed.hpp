// The base class of every actor: counts what its Meter keeps, and answers questions about the actor's state on the
// actor's own thread, whatever its interface.
//
//     struct State {
//         static inline const char* name = "executor";
//         [[nodiscard]] std::string summary() const;  // optional: one line, "h=812 v=0 backup"
//         [[nodiscard]] StateView view() const;       // optional: a reflected struct, or a Json
//     };
//     Actor::behavior_type behavior(Observed<Actor, State>* self, ...) { ... }
//     system.spawn(behavior, ...);
//
// Where a State or a core sends, it uses tell(): the receiver then knows who sent.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "runtime/actor/messages.hpp"
#include "runtime/actor/registry.hpp"
#include "runtime/actor/trace.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/json.hpp"

namespace troupe {

/// Of a node's actor system: where its actors register, and where they note transactions that pass.
struct ObservedConfig : caf::actor_system_config {
    ObservedConfig();
    std::shared_ptr<ActorRegistry> actors = std::make_shared<ActorRegistry>();
    std::shared_ptr<TraceLog> trace = std::make_shared<TraceLog>();
    std::shared_ptr<CoarseClock> clock = CoarseClock::shared();
};

/// The registry of a system made with an ObservedConfig; null for others.
[[nodiscard]] std::shared_ptr<ActorRegistry> actors_of(const caf::actor_system& system);
/// Where the system's actors note transactions that pass; one that nobody reads for other systems.
[[nodiscard]] std::shared_ptr<TraceLog> trace_of(const caf::actor_system& system);

/// A question to the base class itself, answered ahead of other messages.
struct Question {
    bool with_state = false;
    std::function<void(ActorAnswer)> done;
};
using QuestionPtr = std::shared_ptr<const Question>;

}  // namespace troupe

CAF_BEGIN_TYPE_ID_BLOCK(troupe_observed, troupe::type_ids::shared + 40)
CAF_ADD_TYPE_ID(troupe_observed, (troupe::QuestionPtr))
CAF_END_TYPE_ID_BLOCK(troupe_observed)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::QuestionPtr)

namespace troupe {

void ask_actor(const caf::strong_actor_ptr& actor, Question question);

/// Counts a message that has just been taken from the mailbox; false if it is a Question, which is not counted. A kind
/// is called "submit" for a frame, "timer" for an atom, "executor::NeededChunks" for a struct. Senders that do not
/// register, such as scoped actors, have no name.
[[nodiscard]] bool count_received(Meter& meter, const caf::actor_system& system, const caf::mailbox_element& message);

/// A frame leaves for another node: counts it as the current actor's, if there is one.
void count_sent_frame(FrameKind kind, NodeIndex to, std::size_t bytes);

/// Handles up to `most` messages, in place of scheduled_actor::resume of CAF 0.17. That one also reads the clock for
/// streams, which no actor here has, and tells CAF's logger, which is off, who runs: more than all counting costs.
[[nodiscard]] caf::resumable::resume_result take_turn(caf::scheduled_actor& actor, Meter& meter,
                                                      caf::execution_unit* host, std::size_t most);

/// Puts it in its system's registry, and has exceptions noted as its last error.
void register_actor(caf::scheduled_actor& actor, const std::shared_ptr<Meter>& meter);

template <class Interface, class State>
class Observed;

/// Stands where caf::stateful_actor would: CAF casts dynamically at every turn of an actor, and each further level of
/// inheritance would cost more than all the counting.
template <class... Signatures, class State>
class Observed<caf::typed_actor<Signatures...>, State> final : public caf::typed_event_based_actor<Signatures...> {
public:
    using Super = caf::typed_event_based_actor<Signatures...>;

    explicit Observed(caf::actor_config& config)
        : Super(config), state(state_), meter_(std::make_shared<Meter>(this->ctrl())) {
        new (&state_) State();
    }
    ~Observed() override {}

    const char* name() const override { return State::name; }
    /// The state goes with the actor's life, not with the last handle: it may hold handles that form a circle.
    void on_exit() override { state_.~State(); }

    using Super::enqueue;
    void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override {
        meter_->enqueued();
        Super::enqueue(std::move(message), host);
    }

    caf::invoke_message_result consume(caf::mailbox_element& message) override {
        // All but the usual is out of line, so that the usual needs no stack frame.
        if (!meter_->received_again(&typeid(message), reinterpret_cast<std::uintptr_t>(message.sender.get())) &&
            !count_received(*meter_, this->system(), message))
            return answer(message);
        return Super::consume(message);
    }

    caf::resumable::resume_result resume(caf::execution_unit* host, std::size_t most) override {
        return take_turn(*this, *meter_, host, most);
    }

    void launch(caf::execution_unit* host, bool lazy, bool hide) override {
        register_actor(*this, meter_);
        Super::launch(host, lazy, hide);
    }

    bool cleanup(caf::error&& reason, caf::execution_unit* host) override {
        meter_->note_end(reason ? this->system().render(reason) : "stopped");
        return Super::cleanup(std::move(reason), host);
    }

    /// delayed_send to itself, shown among the actor's timers.
    template <class Dest, class Rep, class Period, class... Ts>
    void delayed_send(const Dest& to, std::chrono::duration<Rep, Period> after, Ts&&... message) {
        if constexpr (sizeof...(Ts) == 1)
            meter_->timer_set(timer_name(message...), TickClock::to_unix_us(ticks_now()) + microseconds_of(after));
        Super::delayed_send(to, after, std::forward<Ts>(message)...);
    }

    /// Has timer_atom come at this time, unless a timer set like this comes before.
    void timer_by(TimeMs at) {
        const auto now = wall_clock_now();
        if (timer_at_ > now && timer_at_ <= at) return;
        timer_at_ = std::max(at, now);
        delayed_send(this, std::chrono::milliseconds((timer_at_ - now).value), timer_atom::value);
    }

    [[nodiscard]] Meter& meter() noexcept { return *meter_; }

private:
    union {
        State state_;
    };

public:
    State& state;

private:
    [[gnu::noinline]] caf::invoke_message_result answer(caf::mailbox_element& message) const {
        const auto& question = *message.content().template get_as<QuestionPtr>(0);
        question.done(answer(question.with_state));
        return caf::invoke_message_result::consumed;
    }
    [[nodiscard]] ActorAnswer answer(bool with_state) const {
        ActorAnswer out;
        if constexpr (requires(const State& s) { std::string{s.summary()}; }) out.summary = state_.summary();
        if constexpr (requires(const State& s) { s.view(); }) {
            if (with_state) {
                if constexpr (std::is_same_v<decltype(state_.view()), Json>)
                    out.state = state_.view().dump();
                else
                    out.state = to_json_value(state_.view()).dump();
            }
        }
        return out;
    }
    template <class Rep, class Period>
    [[nodiscard]] static std::uint64_t microseconds_of(std::chrono::duration<Rep, Period> after) {
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(after).count());
    }
    template <class T>
    [[nodiscard]] static std::string timer_name(const T& message) {
        if constexpr (std::is_convertible_v<T, caf::atom_value>)
            return caf::to_string(static_cast<caf::atom_value>(message));
        else
            return "message";
    }

    std::shared_ptr<Meter> meter_;
    /// Of timer_by; in the past when none is set.
    TimeMs timer_at_;
};

/// Sends in the name of the actor whose handler runs on this thread; anonymously outside of all, and where the receiver
/// would answer.
template <caf::message_priority P = caf::message_priority::normal, class Dest, class... Ts>
void tell(const Dest& to, Ts&&... message) {
    using Token = caf::detail::type_list<caf::detail::strip_and_convert_t<Ts>...>;
    using Response = caf::response_type_unbox<caf::signatures_of_t<Dest>, Token>;
    static_assert(Response::valid, "receiver does not accept given message");
    if (!to) return;
    caf::strong_actor_ptr sender;
    if constexpr (caf::is_void_response<typename Response::type>::value)
        if (auto* meter = Meter::current())
            sender = caf::strong_actor_ptr{static_cast<caf::actor_control_block*>(meter->owner())};
    caf::actor_cast<caf::abstract_actor*>(to)->enqueue(
        caf::make_mailbox_element(std::move(sender), caf::make_message_id(P), caf::no_stages,
                                  std::forward<Ts>(message)...),
        nullptr);
}

}  // namespace troupe
