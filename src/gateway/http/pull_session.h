// Members of subscriptions that take their events by request: what lies between one pull and the
// next, as HTTP keeps nothing.
#ifndef POSTROAD_GATEWAY_HTTP_PULL_SESSION_H_
#define POSTROAD_GATEWAY_HTTP_PULL_SESSION_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "core/error.h"
#include "core/time.h"
#include "delivery/delivery.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::gateway {

// Whose: requests of one caller that name the same consumer are one member.
struct PullKey {
  std::string principal;
  std::string subscription;
  std::string consumer;  // may be empty
  auto operator<=>(const PullKey&) const = default;
};

struct Pulled {
  std::optional<Error> error;
  std::vector<delivery::Delivery> deliveries;
};
using PullDone = std::move_only_function<void(Pulled)>;
using SettleDone = std::move_only_function<void(Result<std::vector<delivery::SettleFailure>>)>;

// One member. It is granted credit only while requests wait for deliveries. Lives on one executor;
// the public calls may come from any thread, and answer on the executor they name.
class PullSession final : public std::enable_shared_from_this<PullSession>,
                          private delivery::MemberSink {
 public:
  struct Parts {
    broker::Broker& broker;
    Clock& clock;
    Executor& executor;
    std::function<void()> on_gone;  // on the executor, once it takes no more requests
  };
  PullSession(Parts parts, PullKey key, std::shared_ptr<const auth::Principal> principal,
              Duration ack_deadline);

  // Up to `max` deliveries as soon as there are some, none after `wait`. The ticket is for Cancel.
  void Pull(uint64_t ticket, uint64_t max, Duration wait, Executor& executor, PullDone done);
  // Nobody waits for that pull any more; what it would have got goes to the next.
  void Cancel(uint64_t ticket);
  // What nobody was told of: it is delivered again at once, its attempt not counted.
  void GiveBack(const std::vector<delivery::Delivery>& deliveries);
  void Settle(std::vector<delivery::Settlement> settlements, Executor& executor, SettleDone done);
  // Leaves the subscription; what waits is told `reason`. `done` on the executor.
  void Leave(Error reason, std::function<void()> done);

 private:
  struct Waiting {
    uint64_t ticket = 0;
    uint64_t max = 0;
    Executor* executor = nullptr;
    PullDone done;
    Executor::Timer timer;
  };
  // delivery::MemberSink
  void OnDeliveries(std::vector<delivery::Delivery> deliveries) override;
  void OnSettleFailures(std::vector<delivery::SettleFailure>) override {}
  void OnClosed(Error reason) override;

  Status Join();
  void Begin(Waiting waiting, Duration wait);
  void GrantCredit();
  void Return(const std::vector<delivery::DeliveryId>& ids);
  void Answer(Waiting& waiting, Pulled pulled);
  void End(const Error& reason);
  void KeepFor(Duration time);
  void CheckIdle();

  const Parts parts_;
  const PullKey key_;
  const std::shared_ptr<const auth::Principal> principal_;
  const Duration ack_deadline_;
  // On the executor only.
  std::unique_ptr<delivery::Member> member_;
  std::deque<Waiting> waiting_;
  MonotonicTime keep_until_{};
  Executor::Timer idle_timer_;
  bool over_ = false;
};

// Thread-safe.
class PullSessions {
 public:
  PullSessions(broker::Broker& broker, CorePool& cores, Clock& clock, Metrics& metrics);

  // Null if there is none.
  std::shared_ptr<PullSession> Find(const PullKey& key);
  // The one of this key, made if it is not there. RESOURCE_EXHAUSTED if there are too many.
  Result<std::shared_ptr<PullSession>> Make(const PullKey& key,
                                            std::shared_ptr<const auth::Principal> principal,
                                            Duration ack_deadline);
  uint64_t NextTicket();
  // All leave; blocks. Not on a core.
  void Clear();

 private:
  broker::Broker& broker_;
  CorePool& cores_;
  Clock& clock_;
  Gauge& open_;
  std::mutex mutex_;
  std::map<PullKey, std::shared_ptr<PullSession>> sessions_;
  uint64_t tickets_ = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_PULL_SESSION_H_
