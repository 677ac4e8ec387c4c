// One subscription at work: the state machine, its source, its members, what it keeps in the store.
#ifndef POSTROAD_DELIVERY_SUBSCRIPTION_H_
#define POSTROAD_DELIVERY_SUBSCRIPTION_H_

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "delivery/delivery.h"
#include "delivery/event_source.h"
#include "delivery/member_link.h"
#include "delivery/metrics.h"
#include "delivery/state_codec.h"
#include "delivery/subscription_state.h"

namespace postroad::delivery {

// What all subscriptions work with; outlives them.
struct DeliveryParts {
  journal::Journal& journal;
  store::Store& store;
  Clock& clock;
  Metrics& metrics;
  Executor& saver;  // writes states to the store, which may block
};

// What an event's settlement looked like, for those who await it.
struct Watched {
  uint64_t ticket = 0;
  std::move_only_function<void()> settled;  // called once, with no lock held
};

// The state is guarded by one mutex, held for short: never over I/O or a call out. Reading, saving
// and waiting belong to the executor: Pump runs there, one at a time.
class Subscription : public std::enable_shared_from_this<Subscription> {
 public:
  Subscription(const DeliveryParts& parts, std::string name, Definition definition,
               Executor& executor);
  ~Subscription();

  // Before anything else: a new one (writes its first state, durably) or what was saved.
  Status Begin();
  Status Load();
  void Activate() { Kick(); }

  Status Update(const SubscriptionSettings& settings);
  Status Seek(Start start, Timestamp time, Offset offset);
  SubscriptionInfo Info();
  SubscriptionSettings settings() const;
  const std::string& name() const { return name_; }

  Result<std::unique_ptr<Member>> Join(const MemberOptions& options, Executor& executor,
                                       MemberSink& sink);
  // Of a member that may be gone already.
  void AddCredit(MemberIndex member, uint64_t generation, uint64_t events);
  std::vector<SettleFailure> Settle(MemberIndex member, uint64_t generation,
                                    std::vector<Settlement> settlements);
  void WithdrawCredit(MemberIndex member, uint64_t generation);
  void Leave(MemberIndex member, uint64_t generation);

  Result<std::vector<DeadLetter>> ListDeadLetters(uint64_t after, size_t limit);
  Status EditDeadLetter(uint64_t id, std::string record);
  Result<uint64_t> ResendDeadLetters(std::optional<uint64_t> id);
  Result<uint64_t> DropDeadLetters(std::optional<uint64_t> id);

  // Nothing if it does not cover the event: stored before it began, or of another topic.
  Result<std::optional<SubscriptionReceipt>> ReceiptOf(std::string_view topic, Offset offset);
  // Calls `settled` once the event is settled here; false if it is already, or not covered.
  Result<bool> Watch(std::string_view topic, Offset offset, std::move_only_function<void()> settled,
                     uint64_t& ticket);
  void Unwatch(uint64_t ticket);

  // No more assignments from now on.
  void StartDrain();
  // Waits until nothing is in flight; false at the deadline.
  bool WaitUntilIdle(std::chrono::steady_clock::time_point until);
  void CloseMembers(const Error& reason);
  // Writes what changed, durably.
  Status SaveNow();
  // Ends it; tasks that are still queued do nothing. Saves the state, synced, unless deleted.
  void Stop(bool deleted);

 private:
  struct MemberEntry {
    std::shared_ptr<MemberLink> link;
    std::string client_id;
    Timestamp joined{};
    uint64_t generation = 0;
  };
  struct Dying {
    uint64_t sequence = 0;
    std::string reason;
  };
  // An assignment on its way; nothing in it yet if its record has to be read first.
  struct Outgoing {
    Assignment assignment;
    std::optional<Delivery> delivery;
  };
  using Lock = std::unique_lock<std::mutex>;

  // A receipt to be written at the next save.
  struct PendingReceipt {
    uint64_t sequence = 0;
    SavedReceipt receipt;
  };
  using Calls = std::vector<std::move_only_function<void()>>;

  static StateOptions OptionsOf(const SubscriptionSettings& settings);
  uint64_t KeyOf(const EventView& event) const;

  // subscription_pump.cc: on the executor
  void Kick();
  void Pump();
  bool PumpOnce(Lock& lock);
  bool FetchMore(Lock& lock);
  bool Take(Fetched fetched, Calls& calls);
  void IngestRun(SourceRun run);
  bool LoadResends(Lock& lock);
  bool AssignReady(Lock& lock);
  // Reads what is not at hand; false if the assignments are void by now.
  bool ReadLate(Lock& lock, std::vector<Outgoing>& outgoing);
  // The delivery; nothing if the event is lost to retention.
  Result<std::optional<Delivery>> ReadOne(EventFinder& finder, const Assignment& assignment);
  void LoseLate(uint64_t sequence, Calls& calls);
  static void HandOver(std::vector<Outgoing> outgoing,
                       const std::vector<std::shared_ptr<MemberLink>>& links,
                       MonotonicTime deadline);
  const SourceRun* RunOf(uint64_t sequence) const;
  void ForgetRuns();
  void ArmTimer();
  // Says so, and tries again in a while.
  void RetryLater(std::string_view what, const Error& error);
  // Everything begins again at `at`; dead letters being sent again are sent once more.
  void RestartAt(uint64_t at, Calls& calls);
  void ExpireDue();
  void SetGauges();

  // subscription_receipts.cc
  static Result<bool> FilteredOut(EventSource& source, const EventFilter& filter,
                                  uint64_t sequence);
  SubscriptionReceipt ReceiptNow(uint64_t sequence) const;

  // subscription_settlements.cc
  std::optional<Error> Apply(MemberIndex member, Settlement& settlement);
  void NoteFailure(uint64_t sequence, std::string reason);
  void AfterSettled(Calls& calls);
  void Forget(uint64_t sequence);
  void CallWatchers(uint64_t sequence, Calls& calls);

  // subscription_dead.cc
  void BuryDying(Lock& lock);
  void PutBack(std::vector<Dying> dying);
  Result<std::optional<SavedDeadLetter>> MakeDeadLetter(EventFinder& finder, const Dying& dying,
                                                        std::vector<Attempt> attempts);
  // One commit of what dies, and what is lost already.
  struct Burial {
    std::vector<Dying> dying;
    std::vector<Dying> lost;  // to retention
    std::vector<Dying> left;  // for another time
    uint64_t generation = 0;
    journal::Batch batch;
    Status status;  // of reading them
  };
  Burial PrepareBurial(std::vector<Dying> dying, std::vector<std::vector<Attempt>> attempts,
                       EventSource& source, uint64_t generation, uint64_t first_id);
  void StoreBurial(Lock& lock, std::shared_ptr<Burial> burial);
  void Buried(const Burial& burial, const Status& status);
  void StayDead(const Burial& burial);
  void CountBuried(const Burial& burial);
  void SettleBuried(const Dying& dying, bool dead, Calls& calls);
  Result<std::vector<SavedDeadLetter>> ScanDeadLetters(uint64_t after, size_t limit);
  Result<SavedDeadLetter> ReadDeadLetter(uint64_t id);
  Status SaveSettledResends();
  // Of an administrator, who holds changes_: waits for the burial that is being stored, and holds
  // up those to come until it is destroyed. A burial writes dead letters that died again as it has
  // read them, so what is changed in between would be undone.
  class BurialPause;
  bool StopResending(uint64_t id);
  bool Withdraw(uint64_t id);  // with mutex_ held
  // Those that `id` names, or all; `change` says what to write, or nothing to leave one as it is;
  // `done` whether that worked, for some of them at a time.
  Result<uint64_t> ChangeDeadLetters(
      std::optional<uint64_t> id,
      const std::function<std::optional<store::Mutation>(SavedDeadLetter&)>& change,
      const std::function<void(std::span<const SavedDeadLetter>, bool written)>& done);

  // subscription_save.cc
  void MarkDirty();
  SavedState Snapshot() const;
  Status Save(Lock& lock, bool sync);
  void AddReceipt(EventFinder& finder, const PendingReceipt& pending,
                  std::vector<store::Mutation>& out);
  void SaveOnTime();
  void Restore(const SavedState& saved);
  Status ClampToLog(SavedState& saved);
  Status LoadFailures();
  Status LoadDeadLetters(const SavedState& saved);

  const DeliveryParts parts_;
  const std::string name_;
  Executor& executor_;
  DeliveryMetrics metrics_;

  std::mutex changes_;  // one administrator at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  // All below is guarded by mutex_.
  Definition definition_;
  std::shared_ptr<EventSource> source_;
  SubscriptionState state_;
  uint64_t generation_ = 0;  // counts what makes sequences mean something else (seeks)
  uint64_t origin_ = 0;
  uint64_t topic_id_ = 0;
  std::deque<SourceRun> runs_;        // ingested and not yet given to members
  std::vector<MemberEntry> members_;  // by MemberIndex
  uint64_t next_member_ = 1;
  bool draining_ = false, stopped_ = false;
  bool busy_ = false;  // the executor is at work, maybe with the lock released

  std::map<uint64_t, std::vector<Attempt>> attempts_;  // of events that failed
  size_t attempts_bytes_ = 0;
  std::set<uint64_t> failures_unsaved_;
  std::deque<Dying> dying_;
  bool burying_ = false;
  bool storing_burial_ = false;  // the journal has it
  bool burials_paused_ = false;
  bool burial_outdated_ = false;  // dead letters may have changed since the one at hand began
  uint64_t next_dead_letter_ = 1;
  uint64_t dead_letters_ = 0;
  std::set<uint64_t> resends_waiting_;  // dead letters to be sent again, not yet in the state
  std::set<uint64_t> resends_loaded_;   // those that are in the state
  std::set<uint64_t> buried_ahead_;     // dead letters of events that the saved state did not know
  std::map<uint64_t, std::string> replies_;  // of acks in the settlements at hand
  std::vector<PendingReceipt> receipts_unsaved_, receipts_saving_;

  std::multimap<uint64_t, Watched> watched_;  // by sequence
  uint64_t next_ticket_ = 1;

  std::vector<store::Mutation> unsaved_;  // beside the state itself
  bool dirty_ = false, save_armed_ = false;
  bool saving_ = false;  // one at a time, or an older state could be written over a newer one

  std::atomic<bool> kicked_{false};
  // Touched on the executor only.
  journal::WaitPtr wait_;
  Executor::Timer timer_, retry_timer_;
  std::optional<MonotonicTime> armed_;
  Executor::Timer save_timer_;  // touched on the saver only
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_SUBSCRIPTION_H_
