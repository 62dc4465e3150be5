// Warnings and errors that an actor's handler logs are the actor's errors: `inspect` shows the last one.
#pragma once

#include <mutex>

#include <spdlog/sinks/base_sink.h>

#include "runtime/actor/meter.hpp"

namespace troupe {

class ActorErrorSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    ActorErrorSink() { set_level(spdlog::level::warn); }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (auto* meter = Meter::current()) meter->note_error({message.payload.data(), message.payload.size()});
    }
    void flush_() override {}
};

}  // namespace troupe
