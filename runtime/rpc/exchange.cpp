#include "runtime/rpc/exchange.hpp"

#include "runtime/base/limits.hpp"

namespace troupe::rpc {
namespace {

class Exchange : public std::enable_shared_from_this<Exchange> {
public:
    Exchange(std::shared_ptr<Load> load, std::shared_ptr<BodyWork> work, Body body,
             std::function<void(std::string)> done)
        : load_(std::move(load)),
          work_(std::move(work)),
          is_batch_(body.is_batch),
          requests_(std::move(body.requests)),
          answers_(requests_.size()),
          left_(requests_.size() + 1),
          done_(std::move(done)) {}

    void start(const ServerOptions& options, Handler& handler, const std::shared_ptr<Peer>& peer);
    void answer(std::size_t i, Outcome outcome);
    void request_finished() noexcept { load_->requests.fetch_sub(1); }

private:
    struct Answer {
        std::string text;
        /// Of the result that the handler gave, whether it is kept or not.
        std::size_t size = 0;
    };

    void keep(std::size_t i, Outcome outcome);
    void refuse(std::size_t i);
    void finish_one();

    std::shared_ptr<Load> load_;
    std::shared_ptr<BodyWork> work_;
    bool is_batch_;
    /// Once a request has been handed over, only its id is left here.
    std::vector<Parsed> requests_;
    /// Under the mutex until all are there.
    std::vector<Answer> answers_;
    std::size_t answered_bytes_ = 0;
    std::vector<std::function<void()>> then_;
    std::mutex mutex_;
    std::atomic<std::size_t> left_;
    std::function<void(std::string)> done_;
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
    if (is_batch_ && load_->requests.load() + requests_.size() <= options.in_flight_max) handler.on_batch(requests_);
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
    {
        const std::lock_guard lock{mutex_};
        if (outcome.then) then_.push_back(std::move(outcome.then));
        if (!requests_[i].request.is_notification) keep(i, std::move(outcome));
    }
    finish_one();
}

/// Which answers of a batch are too large depends on its order, not on which are ready first: those from the one on
/// that exceeds the limit together with those before it. So at any time no more than the limit is held.
void Exchange::keep(std::size_t i, Outcome outcome) {
    auto& answer = answers_[i];
    answer.size = outcome.error ? outcome.error->data_json.size() : outcome.result_json.size();
    answered_bytes_ += answer.size;
    if (!work_->answers().take(answer.size)) {
        answered_bytes_ -= answer.size;
        answer.size = 0;
        answer.text = format_answer(requests_[i].request.id_json,
                                    {"", RpcError{-32005, "too many large answers at once, try again", ""}, {}});
        return;
    }
    answer.text = format_answer(requests_[i].request.id_json, outcome);
    if (answered_bytes_ <= limits::rpc_response_bytes_max) return;
    std::size_t before = 0;
    for (std::size_t k = 0; k < answers_.size(); ++k) {
        before += answers_[k].size;
        if (before > limits::rpc_response_bytes_max && answers_[k].size != 0 && !answers_[k].text.empty()) refuse(k);
    }
}

void Exchange::refuse(std::size_t i) {
    auto& answer = answers_[i];
    const auto& id = requests_[i].request.id_json;
    auto text = format_answer(id, {"", RpcError{-32003, "response too large", ""}, {}});
    if (answer.text.size() <= text.size()) return;  // small enough to stay, or refused before
    work_->answers().give_back(answer.size);
    answer.text = std::move(text);
}

void Exchange::finish_one() {
    if (left_.fetch_sub(1) != 1) return;
    std::string text;
    if (!is_batch_) {
        text = std::move(answers_[0].text);
    } else {
        std::size_t size = 2;
        for (const auto& one : answers_) size += one.text.size() + 1;
        text.reserve(size);
        for (auto& one : answers_) {
            if (one.text.empty()) continue;
            text += text.empty() ? '[' : ',';
            text += one.text;
            one.text = {};
        }
        if (!text.empty()) text += ']';
    }
    done_(std::move(text));
    // The connection, and with it what the handler holds of it, may go now.
    done_ = nullptr;
    work_.reset();
    for (const auto& then : then_) then();
}

}  // namespace

bool Share::take(std::size_t bytes) {
    auto& count = (*load_).*count_;
    if (count.fetch_add(bytes) + bytes > most_) {
        count.fetch_sub(bytes);
        return false;
    }
    taken_ += bytes;
    return true;
}

void Share::give_back(std::size_t bytes) noexcept {
    ((*load_).*count_).fetch_sub(bytes);
    taken_ -= bytes;
}

BodyWork::~BodyWork() {
    if (!load_ || !is_begun_) return;
    const std::lock_guard lock{load_->mutex};
    if (--load_->bodies == 0) load_->bodies_done.notify_all();
}

bool BodyWork::receive(std::size_t total) { return received_.take(total - received_.taken()); }

void BodyWork::begin() {
    const std::lock_guard lock{load_->mutex};
    ++load_->bodies;
    is_begun_ = true;
}

void run_exchange(const std::shared_ptr<Load>& load, const std::shared_ptr<BodyWork>& work,
                  const ServerOptions& options, Handler& handler, const std::shared_ptr<Peer>& peer,
                  std::string_view text, std::function<void(std::string)> done) {
    auto body = parse_body(text);
    if (body.error) {
        done(format_answer("", {"", std::move(body.error), {}}));
        return;
    }
    std::make_shared<Exchange>(load, work, std::move(body), std::move(done))->start(options, handler, peer);
}

}  // namespace troupe::rpc
