// What the tests of relays share: a broker in this process, relays to it, and a target that tests
// can hold up.
#ifndef POSTROAD_TESTS_OUTBOX_OUTBOX_HOUSE_H_
#define POSTROAD_TESTS_OUTBOX_OUTBOX_HOUSE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "outbox/log/log_target.h"
#include "outbox/options.h"
#include "outbox/relay.h"
#include "outbox/target.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "support/process.h"
#include "support/stack.h"

namespace postroad::outbox {

using testing::Eventually;

// Passes batches on to another target as the test says.
class Gate final : public Target {
 public:
  // Shared with the test, which outlives no relay.
  struct Control {
    std::mutex mutex;
    std::condition_variable changed;
    bool closed = false;   // answers are kept back
    bool failing = false;  // everything fails
    uint64_t batches = 0;
    uint64_t kept_back = 0;

    void Set(bool Control::* flag, bool value) {
      std::lock_guard lock(mutex);
      this->*flag = value;
      changed.notify_all();
    }
    uint64_t Count(uint64_t Control::* count) {
      std::lock_guard lock(mutex);
      return this->*count;
    }
  };

  Gate(std::unique_ptr<Target> next, std::shared_ptr<Control> control)
      : next_(std::move(next)), control_(std::move(control)) {}
  ~Gate() override {
    if (waiter_.joinable()) waiter_.join();
  }

  std::string_view name() const override { return "gate"; }
  void Send(BatchPtr batch, SendCompletion done) override {
    std::unique_lock lock(control_->mutex);
    ++control_->batches;
    if (control_->failing) {
      lock.unlock();
      return done(std::vector<EventResult>(batch->events.size(), {Outcome::kFailed, "no road"}));
    }
    lock.unlock();
    next_->Send(std::move(batch), [this, done = std::move(done)](auto results) mutable {
      std::unique_lock held(control_->mutex);
      if (!control_->closed) {
        held.unlock();
        return done(std::move(results));
      }
      ++control_->kept_back;
      if (waiter_.joinable()) waiter_.join();  // it has called back, and is at its end
      // On a thread of its own, so that the executor is not held up; it begins with the lock.
      waiter_ = std::thread([this, done = std::move(done), results = std::move(results)]() mutable {
        KeepBack(std::move(done), std::move(results));
      });
    });
  }
  void Stop() override {
    {
      std::lock_guard lock(control_->mutex);
      stopped_ = true;
      control_->changed.notify_all();
    }
    next_->Stop();
  }

 private:
  void KeepBack(SendCompletion done, std::vector<EventResult> results) {
    std::unique_lock held(control_->mutex);
    control_->changed.wait(held, [&] { return !control_->closed || stopped_; });
    const bool lost = control_->closed;
    held.unlock();
    if (lost) results.assign(results.size(), {Outcome::kFailed, "stopped"});
    done(std::move(results));
  }

  const std::unique_ptr<Target> next_;
  const std::shared_ptr<Control> control_;
  bool stopped_ = false;
  std::thread waiter_;
};

class OutboxHouse {
 public:
  ~OutboxHouse() {
    relays.clear();
    stack.Stop();
    cores.Stop();
  }

  Relay& StartRelay(const SourceOptions& options, const SourceMaker& maker) {
    auto target = std::make_unique<Gate>(NewLogTarget(stack.broker(), cores.at(0)), control);
    relays.push_back(
        std::make_unique<Relay>(options, maker, std::move(target), SystemClock(), metrics));
    return *relays.back();
  }

  // As if their process were killed: what is on its way is neither awaited nor settled.
  void KillRelays() {
    for (const auto& relay : relays) relay->StartDrain({});
    relays.clear();
  }

  std::vector<Event> Stored(const std::string& topic) {
    std::vector<Event> events;
    const auto info = stack.journal().FindTopic(topic);
    if (!info) return events;
    Offset from;
    while (true) {
      const auto read = stack.journal().ReadTopic(info->id, from, 16 << 20);
      if (!read || read->runs.empty()) return events;
      for (const auto& run : read->runs) {
        BodyReader reader(run->body);
        while (const auto record = reader.Next()) {
          EventView event;
          EXPECT_TRUE(ParseRecord(*record, event));
          events.push_back(event.ToEvent());
          ++from;
        }
      }
    }
  }
  std::vector<std::string> Payloads(const std::string& topic) {
    std::vector<std::string> payloads;
    for (Event& event : Stored(topic)) payloads.push_back(std::move(event.payload));
    return payloads;
  }
  // Of one series, as /metrics shows it.
  double Metric(const std::string& series) {
    const std::string text = metrics.Render();
    const size_t at = text.find("\n" + series + " ");
    return at == text.npos ? -1 : std::stod(text.substr(at + series.size() + 2));
  }

  CorePool cores{1};
  Metrics metrics;
  testing::Stack stack{cores, metrics};
  std::shared_ptr<Gate::Control> control = std::make_shared<Gate::Control>();
  std::vector<std::unique_ptr<Relay>> relays;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_TESTS_OUTBOX_OUTBOX_HOUSE_H_
