// See relay.h. While the target works on one page the next is read; a page is settled after its own
// results are there, in the order read.
#include "outbox/relay.h"

#include <pthread.h>

#include <algorithm>
#include <future>
#include <utility>

#include "runtime/log.h"

namespace postroad::outbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kShortestWait = milliseconds(50), kLongestWait = seconds(5);
// As in outbox-event-bus: 50 ms more with each failure of the target, up to a second.
constexpr Duration kSendWait = milliseconds(50), kLongestSendWait = seconds(1);
constexpr Duration kLeadInterval = seconds(1);
constexpr Duration kKeepAliveInterval = seconds(2);
constexpr Duration kLagInterval = seconds(5);
constexpr size_t kShownPoison = 100;
// How long after the last event the table is looked at more often.
constexpr Duration kBusyTime = seconds(1);

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Error Stopping() { return {ErrorCode::kCancelled, "the relay is stopping"}; }

Duration CleanInterval(Duration retention) {
  return std::clamp<Duration>(retention / 100, milliseconds(200), seconds(60));
}

}  // namespace

// A page on its way to the target.
struct Relay::Flight {
  PagePtr page;
  std::vector<EventResult> results;  // one for each event of the page
  std::vector<size_t> open;          // what the batch under way holds of it
  std::future<std::vector<EventResult>> answer;
  MonotonicTime sent{};

  void Send(Target& target, Clock& clock, BatchPtr batch) {
    sent = clock.Monotonic();
    std::promise<std::vector<EventResult>> promise;
    answer = promise.get_future();
    target.Send(std::move(batch), [promise = std::move(promise)](auto given) mutable {
      promise.set_value(std::move(given));
    });
  }
  // The events that failed, in a batch of their own.
  BatchPtr Failed() {
    auto batch = std::make_shared<Batch>();
    batch->storage = page;
    open.clear();
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].outcome != Outcome::kFailed) continue;
      open.push_back(i);
      batch->events.push_back(page->batch->events[i]);
    }
    return batch;
  }
};

Relay::Relay(SourceOptions options, const SourceMaker& maker, std::unique_ptr<Target> target,
             Clock& clock, Metrics& metrics)
    : options_(std::move(options)),
      target_(std::move(target)),
      clock_(clock),
      metrics_(metrics, options_.name),
      source_(maker(options_, waker_)),
      thread_([this] {
        Run();
        source_.reset();  // with its lead: another relay need not wait for this one's end
        ended_.set_value();
      }) {}

Relay::~Relay() { Stop(); }

void Relay::Stop() {
  StartDrain();
  std::call_once(stopped_, [this] {
    (void)ended_.get_future().wait_for(waker_.left());
    target_->Stop();
    thread_.join();
  });
}

RelayState Relay::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

void Relay::SetPhase(RelayState::Phase phase, std::string error) {
  metrics_.leading.Set(phase == RelayState::Phase::kLeading);
  std::lock_guard lock(mutex_);
  state_.phase = phase;
  state_.error = std::move(error);
}

void Relay::Run() {
  pthread_setname_np(pthread_self(), "relay");
  std::string logged;
  while (!waker_.stopped()) {
    const Status ended = Session();
    if (flight_) Land(*flight_);
    flight_.reset();
    if (waker_.stopped()) return;
    const Duration wait = std::min(kShortestWait * (1 << std::min(attempts_++, 10)), kLongestWait);
    metrics_.source_errors.Add();
    SetPhase(RelayState::Phase::kConnecting, ended.error().message);
    if (std::string error = ended.error().ToString(); error != logged || attempts_ % 12 == 0) {
      LogError("outbox source failed; the relay tries again",
               {{"source", options_.name}, {"error", error}, {"wait", FormatDuration(wait)}});
      logged = std::move(error);
    }
    waker_.Wait(wait);
  }
}

// From connecting to the error that ends it.
Status Relay::Session() {
  POSTROAD_TRY(source_->Connect());
  POSTROAD_TRY(AwaitLead());
  SetPhase(RelayState::Phase::kLeading);
  LogInfo("outbox relay works",
          {{"source", options_.name}, {"table", options_.table}, {"target", target_->name()}});
  next_clean_ = next_lag_ = clock_.Monotonic();
  while (!waker_.stopped()) {
    bool busy = false;
    POSTROAD_TRY(Pass(busy));
    if (waker_.stopped()) break;
    POSTROAD_TRY(KeepHouse(busy));
    attempts_ = 0;
    if (!busy) POSTROAD_TRY(Idle());
  }
  return Fail(Stopping());
}

Status Relay::AwaitLead() {
  while (!waker_.stopped()) {
    POSTROAD_ASSIGN(const bool leads, source_->Lead());
    if (leads) return {};
    SetPhase(RelayState::Phase::kWaiting);
    waker_.Wait(kLeadInterval);
  }
  return Fail(Stopping());
}

// Reads a page while the one before is with the target; settles that one; sends the new one. Where
// nothing more had been committed, looking for more while that is on its way would mostly be in
// vain: it is awaited first, and what comes meanwhile goes together.
Status Relay::Pass(bool& busy) {
  const MonotonicTime begin = clock_.Monotonic();
  POSTROAD_ASSIGN(PagePtr page, source_->Read());
  busy = page || flight_;
  if (page) metrics_.read_seconds.Observe(Seconds(clock_.Monotonic() - begin));
  const std::unique_ptr<Flight> landed = std::move(flight_);
  if (landed) POSTROAD_TRY(Await(*landed));
  if (page && !waker_.stopped()) flight_ = Launch(std::move(page));
  if (const Status settled = landed ? Settle(*landed) : Status(); !settled) {
    // Pages are settled in the order read: this one is read again, too.
    if (flight_) flight_->answer.wait();
    flight_.reset();
    return settled;
  }
  if (!flight_ || !flight_->page->caught_up) return {};
  const std::unique_ptr<Flight> last = std::move(flight_);
  POSTROAD_TRY(Await(*last));
  POSTROAD_TRY(Settle(*last));
  return source_->Pace();
}

// The session ends with a page on its way: what the target confirms of it at once is settled if the
// database can still be asked, or it would be sent again.
void Relay::Land(Flight& flight) {
  const bool heard = source_->KeepAlive().has_value();
  if (!AwaitAnswer(flight) || !heard) return;
  TakeAnswer(flight);
  if (flight.Failed()->events.empty()) (void)Settle(flight);
}

std::unique_ptr<Relay::Flight> Relay::Launch(PagePtr page) {
  auto flight = std::make_unique<Flight>();
  flight->results.resize(page->batch->events.size());
  for (size_t i = 0; i < flight->results.size(); ++i) flight->open.push_back(i);
  flight->page = std::move(page);
  if (flight->open.empty()) {
    std::promise<std::vector<EventResult>> nothing;
    nothing.set_value({});
    flight->answer = nothing.get_future();
    flight->sent = clock_.Monotonic();
  } else {
    flight->Send(*target_, clock_, flight->page->batch);
  }
  return flight;
}

// Until the batch under way is answered. The target takes no other before.
Status Relay::AwaitAnswer(Flight& flight) {
  Status alive;
  while (flight.answer.wait_for(kKeepAliveInterval) != std::future_status::ready) {
    if (alive) alive = Tend();
  }
  return alive;
}

// While the target takes its time: the source is to hear of the relay, and people of the lag.
Status Relay::Tend() {
  POSTROAD_TRY(source_->KeepAlive());
  if (waker_.stopped()) return {};
  bool busy = false;
  return KeepHouse(busy);
}

// Until the target has answered every event for good: those that failed go again.
Status Relay::Await(Flight& flight) {
  for (int failures = 0;; ++failures) {
    POSTROAD_TRY(AwaitAnswer(flight));
    const std::string reason = TakeAnswer(flight);
    const BatchPtr again = flight.Failed();
    if (again->events.empty()) break;
    if (waker_.stopped()) return Fail(Stopping());
    NoteSendFailure(reason, again->events.size(), failures);
    waker_.Wait(std::min(kSendWait * (failures + 1), kLongestSendWait));
    POSTROAD_TRY(Tend());  // of a session that is lost, another relay may have the rows
    flight.Send(*target_, clock_, again);
  }
  return {};
}

// Why some failed, if they did.
std::string Relay::TakeAnswer(Flight& flight) {
  std::vector<EventResult> answer = flight.answer.get();
  metrics_.send_seconds.Observe(Seconds(clock_.Monotonic() - flight.sent));
  std::string reason;
  for (size_t i = 0; i < flight.open.size(); ++i) {
    if (answer[i].outcome == Outcome::kFailed && reason.empty()) reason = answer[i].reason;
    flight.results[flight.open[i]] = std::move(answer[i]);
  }
  return reason;
}

void Relay::NoteSendFailure(const std::string& reason, size_t events, int failures) {
  metrics_.send_errors.Add();
  SetPhase(RelayState::Phase::kLeading, reason);
  if (failures % 20 != 0) return;  // one in about 20 s
  LogError("outbox target takes no events; the relay tries again", {{"source", options_.name},
                                                                    {"target", target_->name()},
                                                                    {"events", events},
                                                                    {"error", reason}});
}

Status Relay::Settle(Flight& flight) {
  POSTROAD_TRY(source_->Settle(flight.page, flight.results));
  uint64_t stored = 0, duplicates = 0, poison = flight.page->unreadable;
  for (size_t i = 0; i < flight.results.size(); ++i) {
    const EventResult& result = flight.results[i];
    stored += result.outcome == Outcome::kStored;
    duplicates += result.outcome == Outcome::kDuplicate;
    if (result.outcome != Outcome::kPoison) continue;
    ++poison;
    LogError("outbox row set aside", {{"source", options_.name},
                                      {"event", flight.page->batch->events[i].id},
                                      {"reason", result.reason}});
  }
  if (flight.page->unreadable > 0) {
    LogError("outbox rows set aside that make no event",
             {{"source", options_.name}, {"rows", flight.page->unreadable}});
  }
  metrics_.stored.Add(static_cast<double>(stored));
  metrics_.duplicates.Add(static_cast<double>(duplicates));
  metrics_.poisoned.Add(static_cast<double>(poison));
  if (flight.page->oldest != Timestamp{}) {
    metrics_.delay_seconds.Observe(Seconds(clock_.Now() - flight.page->oldest));
  }
  busy_until_ = clock_.Monotonic() + kBusyTime;
  std::lock_guard lock(mutex_);
  state_.sent += stored + duplicates;
  state_.error.clear();
  return {};
}

// Cleans and measures when it is time to; `busy` says whether rows have come.
Status Relay::KeepHouse(bool& busy) {
  const MonotonicTime now = clock_.Monotonic();
  if (now >= next_clean_) POSTROAD_TRY(Clean(busy));
  if (now < next_lag_) return {};
  POSTROAD_ASSIGN(const Lag lag, source_->MeasureLag());
  // Counting a large backlog takes its time; it shall not take much of the relay's.
  const MonotonicTime measured = clock_.Monotonic();
  next_lag_ = measured + std::max(kLagInterval, 20 * (measured - now));
  metrics_.lag_rows.Set(static_cast<double>(lag.rows));
  metrics_.lag_seconds.Set(Seconds(lag.age));
  metrics_.poison_rows.Set(static_cast<double>(lag.poison));
  std::vector<PoisonRow> poison;
  if (lag.poison > 0) {
    POSTROAD_ASSIGN(poison, source_->ListPoison(kShownPoison));
  }
  std::lock_guard lock(mutex_);
  state_.lag = lag;
  state_.poison = std::move(poison);
  return {};
}

// One batch; the next one with the next pass, if there is more.
Status Relay::Clean(bool& busy) {
  const MonotonicTime begin = clock_.Monotonic();
  const auto cleaned = source_->Clean();
  if (!cleaned) {
    metrics_.cleanup_errors.Add();
    return Fail(cleaned.error());
  }
  metrics_.cleaned.Add(static_cast<double>(cleaned->rows));
  if (cleaned->rows > 0) metrics_.cleanup_seconds.Observe(Seconds(clock_.Monotonic() - begin));
  busy |= cleaned->more;
  if (!cleaned->more) next_clean_ = clock_.Monotonic() + CleanInterval(options_.retention);
  return {};
}

Status Relay::Idle() {
  const bool lately = clock_.Monotonic() < busy_until_;
  Duration left = lately ? options_.busy_poll_interval : options_.poll_interval;
  for (; left > kKeepAliveInterval; left -= kKeepAliveInterval) {
    POSTROAD_ASSIGN(const bool notified, source_->Wait(kKeepAliveInterval));
    if (notified || waker_.stopped()) return {};
    POSTROAD_TRY(source_->KeepAlive());
  }
  POSTROAD_TRY(source_->Wait(left));
  return {};
}

}  // namespace postroad::outbox
