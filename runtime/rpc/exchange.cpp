#include "runtime/rpc/exchange.hpp"

#include "runtime/base/limits.hpp"

namespace troupe::rpc {
namespace {

class Exchange : public std::enable_shared_from_this<Exchange> {
public:
    Exchange(std::shared_ptr<Load> load, Body body, std::function<void(std::string)> done)
        : load_(std::move(load)),
          is_batch_(body.is_batch),
          requests_(std::move(body.requests)),
          answers_(requests_.size()),
          left_(requests_.size() + 1),
          done_(std::move(done)) {}

    void start(const ServerOptions& options, Handler& handler, const std::shared_ptr<Peer>& peer);
    void answer(std::size_t i, Outcome outcome);
    void request_finished() noexcept { load_->requests.fetch_sub(1); }

private:
    void finish_one();

    std::shared_ptr<Load> load_;
    bool is_batch_;
    /// Once a request has been handed over, only its id is left here.
    std::vector<Parsed> requests_;
    std::vector<std::string> answers_;
    std::atomic<std::size_t> left_;
    std::atomic<std::size_t> bytes_{0};
    std::function<void(std::string)> done_;
    std::mutex then_mutex_;
    std::vector<std::function<void()>> then_;
};

/// The right and the duty to answer one request.
class Ticket {
public:
    Ticket(std::shared_ptr<Exchange> exchange, std::size_t i) : exchange_(std::move(exchange)), index_(i) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() { answer({"", RpcError{-32603, "the node is stopping", ""}, {}}); }

    void answer(Outcome outcome) {
        if (answered_.exchange(true)) return;
        exchange_->request_finished();
        exchange_->answer(index_, std::move(outcome));
    }

private:
    std::shared_ptr<Exchange> exchange_;
    std::size_t index_;
    std::atomic<bool> answered_{false};
};

void Exchange::start(const ServerOptions& options, Handler& handler, const std::shared_ptr<Peer>& peer) {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        auto& parsed = requests_[i];
        if (parsed.error) {
            answer(i, {"", std::move(parsed.error), {}});
            continue;
        }
        if (load_->requests.fetch_add(1) >= options.in_flight_max) {
            load_->requests.fetch_sub(1);
            answer(i, {"", RpcError{-32005, "request limit exceeded, try again", ""}, {}});
            continue;
        }
        Request request;
        request.method = std::move(parsed.request.method);
        request.params_json = std::move(parsed.request.params_json);
        request.id_json = parsed.request.id_json;
        request.is_notification = parsed.request.is_notification;
        const auto ticket = std::make_shared<Ticket>(shared_from_this(), i);
        handler.handle(peer, std::move(request), [ticket](Outcome outcome) { ticket->answer(std::move(outcome)); });
    }
    finish_one();
}

void Exchange::answer(std::size_t i, Outcome outcome) {
    const auto& request = requests_[i].request;
    if (outcome.then) {
        const std::lock_guard lock{then_mutex_};
        then_.push_back(std::move(outcome.then));
    }
    if (!request.is_notification) {
        const auto size = outcome.result_json.size();
        if (bytes_.fetch_add(size) + size > limits::rpc_response_bytes_max) {
            bytes_.fetch_sub(size);
            outcome.error = RpcError{-32003, "response too large", ""};
        }
        answers_[i] = format_answer(request.id_json, outcome);
    }
    finish_one();
}

void Exchange::finish_one() {
    if (left_.fetch_sub(1) != 1) return;
    std::string text;
    if (!is_batch_) {
        text = std::move(answers_[0]);
    } else {
        std::size_t size = 2;
        for (const auto& one : answers_) size += one.size() + 1;
        text.reserve(size);
        for (const auto& one : answers_) {
            if (one.empty()) continue;
            text += text.empty() ? '[' : ',';
            text += one;
        }
        if (!text.empty()) text += ']';
    }
    done_(std::move(text));
    // The connection, and with it what the handler holds of it, may go now.
    done_ = nullptr;
    for (const auto& then : then_) then();
}

}  // namespace

BodyToken::BodyToken(std::shared_ptr<Load> load) : load_(std::move(load)) {
    const std::lock_guard lock{load_->mutex};
    ++load_->bodies;
}

BodyToken::~BodyToken() {
    if (!load_) return;
    const std::lock_guard lock{load_->mutex};
    if (--load_->bodies == 0) load_->bodies_done.notify_all();
}

bool BodyBytes::take(std::size_t bytes) {
    if (load_->body_bytes.fetch_add(bytes) + bytes > most_) {
        load_->body_bytes.fetch_sub(bytes);
        return false;
    }
    taken_ += bytes;
    return true;
}

void BodyBytes::release() noexcept {
    load_->body_bytes.fetch_sub(taken_);
    taken_ = 0;
}

void run_exchange(const std::shared_ptr<Load>& load, const ServerOptions& options, Handler& handler,
                  const std::shared_ptr<Peer>& peer, std::string_view text, std::function<void(std::string)> done) {
    auto body = parse_body(text);
    if (body.error) {
        done(format_answer("", {"", std::move(body.error), {}}));
        return;
    }
    std::make_shared<Exchange>(load, std::move(body), std::move(done))->start(options, handler, peer);
}

}  // namespace troupe::rpc
