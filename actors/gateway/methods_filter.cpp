// Logs, polled filters, and subscriptions over WebSocket.
#include "actors/gateway/handler.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/crypto/random.hpp"

namespace troupe::gateway {
namespace {

/// Blocks that are searched without handing the work on.
constexpr std::uint64_t quick_blocks_max = 64;

}  // namespace

bool LogFilter::may_match(const LogsBloom& bloom) const {
    const auto any = [&](const auto& list) {
        return list.empty() || std::any_of(list.begin(), list.end(),
                                           [&](const auto& item) { return bloom_may_contain(bloom, item.view()); });
    };
    return any(addresses) && std::all_of(topics.begin(), topics.end(), any);
}

bool LogFilter::matches(const LogEntry& log) const {
    if (!addresses.empty() && std::find(addresses.begin(), addresses.end(), log.address) == addresses.end())
        return false;
    if (topics.size() > log.topics.size()) return false;
    for (std::size_t i = 0; i < topics.size(); ++i)
        if (!topics[i].empty() && std::find(topics[i].begin(), topics[i].end(), log.topics[i]) == topics[i].end())
            return false;
    return true;
}

LogFilter Handler::log_filter(const Json& object) const {
    if (!object.is_object()) throw invalid_params("invalid argument 0: expected a filter object");
    LogFilter filter;
    const auto read_address = [&](const Json& value) {
        const auto address = value.is_string() ? fixed_from_hex<Address>(value.get<std::string>()) : std::nullopt;
        if (!address) throw invalid_params("invalid address in filter");
        filter.addresses.push_back(*address);
    };
    if (const auto it = object.find("address"); it != object.end() && !it->is_null()) {
        if (it->is_array()) {
            if (it->size() > 1000) throw invalid_params("too many addresses in filter");
            for (const auto& value : *it) read_address(value);
        } else {
            read_address(*it);
        }
    }
    if (const auto it = object.find("topics"); it != object.end() && !it->is_null()) {
        if (!it->is_array() || it->size() > 4) throw invalid_params("exceed max topics");
        for (const auto& position : *it) {
            auto& any = filter.topics.emplace_back();
            const auto read_topic = [&](const Json& value) {
                const auto topic = value.is_string() ? fixed_from_hex<Hash256>(value.get<std::string>()) : std::nullopt;
                if (!topic) throw invalid_params("invalid topic in filter");
                any.push_back(*topic);
            };
            if (position.is_null()) continue;
            if (!position.is_array()) {
                read_topic(position);
                continue;
            }
            if (position.size() > 1000) throw invalid_params("too many topics in filter");
            bool wildcard = false;
            for (const auto& value : position) {
                if (value.is_null())
                    wildcard = true;
                else
                    read_topic(value);
            }
            if (wildcard) any.clear();
        }
    }
    return filter;
}

void Handler::collect_logs(JsonText& out, const ExecutedBlock& block, const LogFilter& filter,
                           std::size_t& count) const {
    if (!filter.may_match(block.logs_bloom)) return;
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < block.transactions.size(); ++i)
        for (const auto& log : block.transactions[i].receipt.logs) {
            if (filter.matches(log)) {
                if (++count > options_.logs_max)
                    throw Failure{{-32005,
                                   "query returned more than " + std::to_string(options_.logs_max) +
                                       " results; use a smaller block range",
                                   ""}};
                write_log(out, block, i, log, index);
            }
            ++index;
        }
}

std::string Handler::find_logs(const LogFilter& filter, Height first, Height last) const {
    JsonText out;
    out.begin_array();
    std::size_t count = 0;
    if (first <= last) {
        if (last.value - first.value > options_.log_blocks_max)
            throw Failure{
                {-32005, "block range is larger than " + std::to_string(options_.log_blocks_max) + " blocks", ""}};
        for (const auto height : backend_->chain().blooms(
                 first, last, [&](const LogsBloom& bloom) { return !bloom.is_zero() && filter.may_match(bloom); }))
            if (const auto block = backend_->chain().block(height)) collect_logs(out, *block, filter, count);
    }
    return out.end_array().take();
}

std::optional<std::string> Handler::answer_logs(const Call& call, LogFilter filter, Height first, Height last) {
    if (first > last || last.value - first.value < quick_blocks_max) return find_logs(filter, first, last);
    run_later(call, [self = shared_from_this(), filter = std::move(filter), first, last] {
        return self->find_logs(filter, first, last);
    });
    return std::nullopt;
}

std::optional<std::string> Handler::logs(const Call& call) {
    const auto& object = call.parameters.at(0);
    auto filter = log_filter(object);
    const auto named = [&](const char* name) { return object.contains(name) && !object[name].is_null(); };
    if (named("blockHash")) {
        if (named("fromBlock") || named("toBlock"))
            throw invalid_params("cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other");
        const auto height = resolve(Json{{"blockHash", object["blockHash"]}});
        return answer_logs(call, std::move(filter), height, height);
    }
    const auto latest = backend_->chain().latest();
    const auto from = named("fromBlock") ? resolve(object["fromBlock"]) : latest;
    const auto to = named("toBlock") ? resolve(object["toBlock"]) : std::max(latest, from);
    if (from > to) throw invalid_params("invalid block range params");
    return answer_logs(call, std::move(filter), from, std::min(to, latest));
}

// Polled filters ------------------------------------------------------------------------------------------------------

std::string Handler::new_filter_id() {
    std::array<std::uint8_t, 16> random;
    fill_random(random);
    random[0] |= 0x10;  // a quantity has no leading zeros
    return to_hex_prefixed(random);
}

void Handler::erase_filters(const std::function<bool(const std::string&, const Filter&)>& which) {
    std::erase_if(filters_, [&](const auto& entry) {
        if (!which(entry.first, entry.second)) return false;
        if (entry.second.kind == Filter::Kind::pending) --pending_watchers_;
        return true;
    });
    if (pending_watchers_ == 0) {
        pending_first_ += pending_.size();
        pending_.clear();
    }
}

void Handler::forget_idle_filters(TimeMs now) {
    erase_filters([&](const std::string&, const Filter& filter) {
        return !filter.peer && now > filter.used + options_.filter_idle_max;
    });
}

std::string Handler::add_filter(Filter filter) {
    auto id = new_filter_id();
    filter.used = wall_clock_now();
    filter.next = backend_->chain().latest().next();
    const std::lock_guard lock{filters_mutex_};
    forget_idle_filters(filter.used);
    if (filters_.size() >= options_.filters_max) throw Failure{{-32005, "too many filters, try again later", ""}};
    filter.next_pending = pending_first_ + pending_.size();
    if (filter.kind == Filter::Kind::pending) ++pending_watchers_;
    filters_.emplace(id, std::move(filter));
    return id;
}

std::optional<std::string> Handler::new_filter(const Call& call) {
    const auto& object = call.parameters.at(0);
    Filter filter;
    filter.kind = Filter::Kind::logs;
    filter.logs = log_filter(object);
    const auto fixed = [&](const char* name) -> std::optional<Height> {
        if (!object.contains(name) || object[name].is_null() || object[name] == "latest" || object[name] == "pending")
            return std::nullopt;
        return resolve(object[name]);
    };
    filter.from = fixed("fromBlock");
    filter.to = fixed("toBlock");
    if (filter.from && filter.to && *filter.from > *filter.to) throw invalid_params("invalid block range params");
    return "\"" + add_filter(std::move(filter)) + "\"";
}
std::optional<std::string> Handler::new_block_filter(const Call&) {
    Filter filter;
    filter.kind = Filter::Kind::blocks;
    return "\"" + add_filter(std::move(filter)) + "\"";
}
std::optional<std::string> Handler::new_pending_filter(const Call&) {
    Filter filter;
    filter.kind = Filter::Kind::pending;
    return "\"" + add_filter(std::move(filter)) + "\"";
}

std::optional<std::string> Handler::filter_changes(const Call& call) {
    const auto& id = call.parameters.at(0);
    const auto latest = backend_->chain().latest();
    Filter filter;
    JsonText out;
    {
        const std::lock_guard lock{filters_mutex_};
        const auto now = wall_clock_now();
        forget_idle_filters(now);
        const auto it = id.is_string() ? filters_.find(id.get<std::string>()) : filters_.end();
        if (it == filters_.end() || it->second.peer) throw Failure{{-32000, "filter not found", ""}};
        it->second.used = now;
        filter = it->second;
        it->second.next = std::max(it->second.next, latest.next());
        if (filter.kind == Filter::Kind::pending) {
            out.begin_array();
            const auto end = pending_first_ + pending_.size();
            for (auto i = std::max(filter.next_pending, pending_first_); i < end; ++i)
                out.bytes(pending_[i - pending_first_].view());
            it->second.next_pending = end;
            return out.end_array().take();
        }
    }
    if (filter.kind == Filter::Kind::blocks) {
        out.begin_array();
        for (auto height = filter.next; height <= latest; height = height.next())
            if (const auto block = backend_->chain().block(height)) out.bytes(block->hash.view());
        return out.end_array().take();
    }
    const auto first = std::max(filter.next, filter.from.value_or(filter.next));
    return answer_logs(call, std::move(filter.logs), first, std::min(latest, filter.to.value_or(latest)));
}

std::optional<std::string> Handler::filter_logs(const Call& call) {
    const auto& id = call.parameters.at(0);
    Filter filter;
    {
        const std::lock_guard lock{filters_mutex_};
        const auto it = id.is_string() ? filters_.find(id.get<std::string>()) : filters_.end();
        if (it == filters_.end() || it->second.peer || it->second.kind != Filter::Kind::logs)
            throw Failure{{-32000, "filter not found", ""}};
        it->second.used = wall_clock_now();
        filter = it->second;
    }
    const auto latest = backend_->chain().latest();
    return answer_logs(call, std::move(filter.logs), filter.from.value_or(latest),
                       std::min(latest, filter.to.value_or(latest)));
}

std::optional<std::string> Handler::uninstall_filter(const Call& call) {
    const auto& id = call.parameters.at(0);
    const std::lock_guard lock{filters_mutex_};
    const auto before = filters_.size();
    if (id.is_string())
        erase_filters([&](const std::string& known, const Filter& filter) { return !filter.peer && id == known; });
    return filters_.size() < before ? "true" : "false";
}

// Subscriptions -------------------------------------------------------------------------------------------------------

std::optional<std::string> Handler::subscribe(const Call& call) {
    if (!call.peer->is_websocket()) throw Failure{{-32601, "notifications not supported", ""}};
    const auto& kind = call.parameters.at(0);
    Filter filter;
    filter.peer = call.peer;
    if (kind == "newHeads") {
        filter.kind = Filter::Kind::blocks;
    } else if (kind == "logs") {
        filter.kind = Filter::Kind::logs;
        // cast puts fromBlock and toBlock inside: accepted, a subscription looks ahead only.
        if (call.parameters.has(1)) filter.logs = log_filter(call.parameters.at(1));
    } else if (kind == "newPendingTransactions") {
        filter.kind = Filter::Kind::pending;
        filter.full_transactions = call.parameters.has(1) && call.parameters.at(1) == true;
    } else {
        throw invalid_params("no \"" + (kind.is_string() ? kind.get<std::string>().substr(0, 40) : "?") +
                             "\" subscription in eth namespace");
    }
    // Known at once, so that a following eth_unsubscribe finds it; told of nothing before its id has been answered.
    filter.is_active = false;
    {
        const std::lock_guard lock{filters_mutex_};
        const auto own = std::count_if(filters_.begin(), filters_.end(), [&](const auto& entry) {
            return entry.second.peer && entry.second.peer->id() == call.peer->id();
        });
        if (static_cast<std::size_t>(own) >= options_.peer_filters_max)
            throw Failure{{-32005, "too many subscriptions on this connection", ""}};
    }
    const auto id = add_filter(std::move(filter));
    call.respond({"\"" + id + "\"", std::nullopt, [self = shared_from_this(), id] {
                      const std::lock_guard lock{self->filters_mutex_};
                      if (const auto it = self->filters_.find(id); it != self->filters_.end())
                          it->second.is_active = true;
                  }});
    return std::nullopt;
}

std::optional<std::string> Handler::unsubscribe(const Call& call) {
    const auto& id = call.parameters.at(0);
    const std::lock_guard lock{filters_mutex_};
    const auto before = filters_.size();
    if (id.is_string())
        erase_filters([&](const std::string& known, const Filter& filter) {
            return filter.peer && filter.peer->id() == call.peer->id() && id == known;
        });
    return filters_.size() < before ? "true" : "false";
}

void Handler::on_closed(std::uint64_t peer) {
    const std::lock_guard lock{filters_mutex_};
    erase_filters([&](const std::string&, const Filter& filter) { return filter.peer && filter.peer->id() == peer; });
}

namespace {

[[nodiscard]] std::string notification(const std::string& id, std::string_view result) {
    std::string out = "{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"";
    out += id;
    out += "\",\"result\":";
    out += result;
    return out += "}}";
}

}  // namespace

void Handler::on_block(const ExecutedBlockPtr& block) {
    if (!block) return;
    std::vector<std::pair<std::string, Filter>> interested;
    {
        const std::lock_guard lock{filters_mutex_};
        for (const auto& [id, filter] : filters_)
            if (filter.peer && filter.is_active && filter.kind != Filter::Kind::pending)
                interested.emplace_back(id, filter);
    }
    if (interested.empty()) return;
    const auto head = block_json(*block, false, true);
    for (const auto& [id, filter] : interested) {
        bool is_there = true;
        if (filter.kind == Filter::Kind::blocks) {
            is_there = filter.peer->push(notification(id, head));
        } else if (filter.logs.may_match(block->logs_bloom)) {
            std::uint64_t index = 0;
            for (std::size_t i = 0; i < block->transactions.size() && is_there; ++i)
                for (const auto& log : block->transactions[i].receipt.logs) {
                    if (is_there && filter.logs.matches(log)) {
                        JsonText out;
                        write_log(out, *block, i, log, index);
                        is_there = filter.peer->push(notification(id, out.take()));
                    }
                    ++index;
                }
        }
        // It may have left before its subscription was entered.
        if (!is_there) on_closed(filter.peer->id());
    }
}

void Handler::on_pending(const RecoveredTransactionPtr& transaction) {
    if (pending_watchers_ == 0) return;
    struct Subscriber {
        std::string id;
        std::shared_ptr<rpc::Peer> peer;
        bool full_transactions = false;
    };
    std::vector<Subscriber> subscribers;
    {
        const std::lock_guard lock{filters_mutex_};
        pending_.push_back(transaction->hash);
        if (pending_.size() > options_.pending_kept) {
            pending_.pop_front();
            ++pending_first_;
        }
        for (const auto& [id, filter] : filters_)
            if (filter.kind == Filter::Kind::pending && filter.peer && filter.is_active)
                subscribers.push_back({id, filter.peer, filter.full_transactions});
    }
    for (const auto& subscriber : subscribers) {
        JsonText out;
        if (subscriber.full_transactions)
            write_transaction(out, *transaction, std::nullopt);
        else
            out.bytes(transaction->hash.view());
        if (!subscriber.peer->push(notification(subscriber.id, out.take()))) on_closed(subscriber.peer->id());
    }
}

}  // namespace troupe::gateway
