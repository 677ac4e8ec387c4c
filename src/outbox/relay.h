// One source's relay: a thread that reads the table, sends what it finds to the target, and settles
// what the target has confirmed.
#ifndef POSTROAD_OUTBOX_RELAY_H_
#define POSTROAD_OUTBOX_RELAY_H_

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "outbox/options.h"
#include "outbox/relay_metrics.h"
#include "outbox/source.h"
#include "outbox/target.h"
#include "outbox/waker.h"
#include "runtime/clock.h"
#include "runtime/metrics.h"

namespace postroad::outbox {

// How a relay stands, for people.
struct RelayState {
  enum class Phase { kConnecting, kWaiting, kLeading };
  Phase phase = Phase::kConnecting;  // kWaiting: another relay has the source
  std::string error;                 // why there is no connection, or why the target takes nothing
  Lag lag;
  std::vector<PoisonRow> poison;  // the first of those set aside
  uint64_t sent = 0;              // events stored, since the relay began
};

// Makes a source that waits by `waker`, which outlives it.
using SourceMaker = std::function<std::unique_ptr<Source>(const SourceOptions&, Waker&)>;

class Relay {
 public:
  // Starts the thread. `options` are complete. The target and the clock must outlive the relay.
  Relay(SourceOptions options, const SourceMaker& maker, std::unique_ptr<Target> target,
        Clock& clock, Metrics& metrics);
  ~Relay();  // stops
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // How long what is under way may take once a relay is told to stop.
  static constexpr Duration kDrainTime = std::chrono::seconds(5);
  // Reads and sends nothing more. What the target has under way is awaited and settled, so that it
  // is not sent again, until `at_most` is over. Does not block; the first call counts.
  void StartDrain(Duration at_most = kDrainTime) { waker_.Stop(at_most); }
  // StartDrain, and waits for the end. Idempotent.
  void Stop();

  const SourceOptions& options() const { return options_; }
  RelayState state() const;

 private:
  struct Flight;

  void Run();
  Status Session();
  Status AwaitLead();
  Status Pass(bool& busy);
  std::unique_ptr<Flight> Launch(PagePtr page);
  Status Await(Flight& flight);
  Status AwaitAnswer(Flight& flight);
  std::string TakeAnswer(Flight& flight);
  void Land(Flight& flight);
  Status Tend();
  void NoteSendFailure(const std::string& reason, size_t events, int failures);
  Status Settle(Flight& flight);
  Status KeepHouse(bool& busy);
  Status Clean(bool& busy);
  Status Idle();
  void SetPhase(RelayState::Phase phase, std::string error = {});

  const SourceOptions options_;
  const std::unique_ptr<Target> target_;
  Clock& clock_;
  Waker waker_;
  RelayMetrics metrics_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Flight> flight_;  // the page that is being sent
  int attempts_ = 0;                // to connect, since it last led
  MonotonicTime next_clean_{}, next_lag_{}, busy_until_{};
  mutable std::mutex mutex_;
  RelayState state_;  // guarded by mutex_
  std::once_flag stopped_;
  std::promise<void> ended_;  // the thread's work
  std::thread thread_;        // last: uses all of the above
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_RELAY_H_
