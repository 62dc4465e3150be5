// Messages that more than one role exchanges, and the ranges of type ids that roles take for their own.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include "runtime/actor/network.hpp"

namespace troupe {

/// A timer set earlier has fired.
using timer_atom = caf::atom_constant<caf::atom("timer")>;
/// What the actor is doing, for `troupe status`.
using status_atom = caf::atom_constant<caf::atom("status")>;
/// All actors of the node are there: begin.
using start_atom = caf::atom_constant<caf::atom("start")>;
/// Finish what is under way, then quit.
using stop_atom = caf::atom_constant<caf::atom("stop")>;

/// Delivers frames that peers sent for this role.
using FrameReceiver = caf::typed_actor<caf::reacts_to<PeerFrame>>;

namespace type_ids {
inline constexpr caf::type_id_t shared = caf::first_custom_type_id;
inline constexpr caf::type_id_t consensus = shared + 50;
inline constexpr caf::type_id_t chunk_builder = consensus + 50;
inline constexpr caf::type_id_t chunk_signer = chunk_builder + 50;
inline constexpr caf::type_id_t executor = chunk_signer + 50;
inline constexpr caf::type_id_t vm_pool = executor + 50;
inline constexpr caf::type_id_t gateway = vm_pool + 50;
inline constexpr caf::type_id_t services = gateway + 50;
}  // namespace type_ids

}  // namespace troupe

CAF_BEGIN_TYPE_ID_BLOCK(troupe_shared, troupe::type_ids::shared)
CAF_ADD_TYPE_ID(troupe_shared, (troupe::PeerFrame))
CAF_END_TYPE_ID_BLOCK(troupe_shared)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::PeerFrame)
