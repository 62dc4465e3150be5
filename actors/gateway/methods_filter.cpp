// Logs, polled filters, and subscriptions over WebSocket.
#include "actors/gateway/handler.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/crypto/random.hpp"

namespace troupe::gateway {

bool LogFilter::may_match(const LogsBloom& bloom) const {
    const auto any = [&](const auto& list) {
        return list.empty() || std::any_of(list.begin(), list.end(), [&](const auto& item) {
                   return bloom_may_contain(bloom, item.view());
               });
    };
    return any(addresses) && std::all_of(topics.begin(), topics.end(), any);
}

bool LogFilter::matches(const LogEntry& log) const {
    if (!addresses.empty() && std::find(addresses.begin(), addresses.end(), log.address) == addresses.end()) return false;
    if (topics.size() > log.topics.size()) return false;
    for (std::size_t i = 0; i < topics.size(); ++i)
        if (!topics[i].empty() && std::find(topics[i].begin(), topics[i].end(), log.topics[i]) == topics[i].end()) return false;
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
                if (value.is_null()) wildcard = true;
                else read_topic(value);
            }
            if (wildcard) any.clear();
        }
    }
    return filter;
}

void Handler::collect_logs(JsonText& out, const ExecutedBlock& block, const LogFilter& filter, std::size_t& count) const {
    if (!filter.may_match(block.logs_bloom)) return;
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < block.transactions.size(); ++i)
        for (const auto& log : block.transactions[i].receipt.logs) {
            if (filter.matches(log)) {
                if (++count > options_.logs_max)
                    throw Failure{{-32005, "query returned more than " + std::to_string(options_.logs_max) +
                                               " results; use a smaller block range", ""}};
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
            throw Failure{{-32005, "block range is larger than " + std::to_string(options_.log_blocks_max) + " blocks", ""}};
        for (const auto height : backend_->chain().blooms(first, last, [&](const LogsBloom& bloom) {
                 return !bloom.is_zero() && filter.may_match(bloom);
             }))
            if (const auto block = backend_->chain().block(height)) collect_logs(out, *block, filter, count);
    }
    return out.end_array().take();
}

std::optional<std::string> Handler::logs(const Call& call) {
    const auto& object = call.parameters.at(0);
    const auto filter = log_filter(object);
    if (object.contains("blockHash") && !object["blockHash"].is_null()) {
        if (object.contains("fromBlock") || object.contains("toBlock"))
            throw invalid_params("cannot specify both blockHash and fromBlock/toBlock");
        const auto height = resolve(Json{{"blockHash", object["blockHash"]}});
        return find_logs(filter, height, height);
    }
    const auto latest = backend_->chain().latest();
    const auto bound = [&](const char* name) {
        return object.contains(name) && !object[name].is_null() ? resolve(object[name]) : latest;
    };
    const auto from = bound("fromBlock");
    const auto to = bound("toBlock");
    if (from > to && to < latest) throw invalid_params("invalid block range params");
    return find_logs(filter, from, std::min(to, latest));
}

// Polled filters ------------------------------------------------------------------------------------------------------

std::string Handler::add_filter(Filter filter) {
    std::array<std::uint8_t, 16> random;
    fill_random(random);
    const auto id = to_hex_prefixed(random);
    const auto now = wall_clock_now();
    filter.used = now;
    filter.next = backend_->chain().latest().next();
    const std::lock_guard lock{filters_mutex_};
    // Clients that went away without a word.
    std::erase_if(filters_, [&](const auto& entry) {
        return !entry.second.peer && now > entry.second.used + options_.filter_idle_max;
    });
    if (filters_.size() >= options_.filters_max) throw Failure{{-32005, "too many filters, try again later", ""}};
    filters_.emplace(id, std::move(filter));
    return "\"" + id + "\"";
}

std::optional<std::string> Handler::new_filter(const Call& call) {
    const auto& object = call.parameters.at(0);
    Filter filter;
    filter.kind = Filter::Kind::logs;
    filter.logs = log_filter(object);
    const auto fixed = [&](const char* name) -> std::optional<Height> {
        if (!object.contains(name) || object[name].is_null() || object[name] == "latest" || object[name] == "pending") return std::nullopt;
        return resolve(object[name]);
    };
    filter.from = fixed("fromBlock");
    filter.to = fixed("toBlock");
    return add_filter(std::move(filter));
}
std::optional<std::string> Handler::new_block_filter(const Call&) {
    Filter filter;
    filter.kind = Filter::Kind::blocks;
    return add_filter(std::move(filter));
}
std::optional<std::string> Handler::new_pending_filter(const Call&) {
    Filter filter;
    filter.kind = Filter::Kind::pending;
    ++pending_watchers_;
    return add_filter(std::move(filter));
}

std::optional<std::string> Handler::filter_changes(const Call& call) {
    const auto& id = call.parameters.at(0);
    const auto latest = backend_->chain().latest();
    Filter filter;
    {
        const std::lock_guard lock{filters_mutex_};
        const auto it = id.is_string() ? filters_.find(id.get<std::string>()) : filters_.end();
        if (it == filters_.end() || it->second.peer) throw Failure{{-32000, "filter not found", ""}};
        it->second.used = wall_clock_now();
        filter = it->second;
        it->second.next = latest.next();
        it->second.hashes.clear();
    }
    JsonText out;
    switch (filter.kind) {
        case Filter::Kind::logs: return find_logs(filter.logs, filter.next, std::min(latest, filter.to.value_or(latest)));
        case Filter::Kind::blocks:
            out.begin_array();
            for (auto height = filter.next; height <= latest; height = height.next())
                if (const auto block = backend_->chain().block(height)) out.bytes(block->hash.view());
            return out.end_array().take();
        case Filter::Kind::pending:
            out.begin_array();
            for (const auto& hash : filter.hashes) out.bytes(hash.view());
            return out.end_array().take();
    }
    return "[]";
}

std::optional<std::string> Handler::filter_logs(const Call& call) {
    const auto& id = call.parameters.at(0);
    Filter filter;
    {
        const std::lock_guard lock{filters_mutex_};
        const auto it = id.is_string() ? filters_.find(id.get<std::string>()) : filters_.end();
        if (it == filters_.end() || it->second.kind != Filter::Kind::logs) throw Failure{{-32000, "filter not found", ""}};
        it->second.used = wall_clock_now();
        filter = it->second;
    }
    const auto latest = backend_->chain().latest();
    return find_logs(filter.logs, filter.from.value_or(latest), std::min(latest, filter.to.value_or(latest)));
}

std::optional<std::string> Handler::uninstall_filter(const Call& call) {
    const auto& id = call.parameters.at(0);
    const std::lock_guard lock{filters_mutex_};
    return id.is_string() && filters_.erase(id.get<std::string>()) != 0 ? "true" : "false";
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
        ++pending_watchers_;
    } else {
        throw Failure{{-32602, "no \"" + (kind.is_string() ? kind.get<std::string>().substr(0, 40) : "?") +
                                   "\" subscription in eth namespace", ""}};
    }
    return add_filter(std::move(filter));
}

std::optional<std::string> Handler::unsubscribe(const Call& call) {
    const auto& id = call.parameters.at(0);
    const std::lock_guard lock{filters_mutex_};
    const auto it = id.is_string() ? filters_.find(id.get<std::string>()) : filters_.end();
    if (it == filters_.end() || !it->second.peer || it->second.peer->id() != call.peer->id()) return "false";
    filters_.erase(it);
    return "true";
}

void Handler::on_closed(std::uint64_t peer) {
    const std::lock_guard lock{filters_mutex_};
    std::erase_if(filters_, [&](const auto& entry) { return entry.second.peer && entry.second.peer->id() == peer; });
}

namespace {

[[nodiscard]] std::string notification(const std::string& id, std::string_view result) {
    return "{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"" + id +
           "\",\"result\":" + std::string{result} + "}}";
}

}  // namespace

void Handler::on_block(const ExecutedBlockPtr& block) {
    if (!block) return;
    std::vector<std::pair<std::string, Filter>> interested;
    {
        const std::lock_guard lock{filters_mutex_};
        for (const auto& [id, filter] : filters_)
            if (filter.peer && filter.kind != Filter::Kind::pending) interested.emplace_back(id, filter);
    }
    if (interested.empty()) return;
    const auto head = block_json(*block, false, true);
    for (const auto& [id, filter] : interested) {
        if (filter.kind == Filter::Kind::blocks) {
            filter.peer->push(notification(id, head));
            continue;
        }
        if (!filter.logs.may_match(block->logs_bloom)) continue;
        std::uint64_t index = 0;
        for (std::size_t i = 0; i < block->transactions.size(); ++i)
            for (const auto& log : block->transactions[i].receipt.logs) {
                if (filter.logs.matches(log)) {
                    JsonText out;
                    write_log(out, *block, i, log, index);
                    filter.peer->push(notification(id, out.take()));
                }
                ++index;
            }
    }
}

void Handler::on_pending(const RecoveredTransactionPtr& transaction) {
    if (pending_watchers_.load() == 0) return;
    const auto hash = quoted_bytes(transaction->hash.view());
    std::vector<std::pair<std::string, std::shared_ptr<rpc::Peer>>> peers;
    {
        const std::lock_guard lock{filters_mutex_};
        for (auto& [id, filter] : filters_) {
            if (filter.kind != Filter::Kind::pending) continue;
            if (filter.peer)
                peers.emplace_back(id, filter.peer);
            else if (filter.hashes.size() < 10'000)
                filter.hashes.push_back(transaction->hash);
        }
    }
    for (const auto& [id, peer] : peers) peer->push(notification(id, hash));
}

}  // namespace troupe::gateway
