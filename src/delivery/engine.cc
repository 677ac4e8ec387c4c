// All subscriptions of one server.
#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "core/bytes.h"
#include "core/event.h"
#include "delivery/delivery.h"
#include "delivery/limits.h"
#include "delivery/receipt_wait.h"
#include "delivery/subscription.h"
#include "runtime/log.h"

namespace postroad::delivery {
namespace {

using store::Mutation;
using store::Table;
using SubscriptionPtr = std::shared_ptr<Subscription>;

constexpr size_t kScanAtOnce = 1000;
constexpr Duration kReceiptSweep = std::chrono::minutes(10);

class Engine final : public DeliveryEngine {
 public:
  Engine(journal::Journal& journal, store::Store& store, CorePool& cores, Clock& clock,
         Metrics& metrics)
      : parts_{journal, store, clock, metrics, saver_.at(0)}, cores_(cores) {
    refresh_ = metrics.OnRender([this] { RefreshGauges(); });
  }
  ~Engine() override { Stop(); }

  Status LoadAll();

  Status Create(std::string_view name, const SubscriptionSettings& settings) override;
  Status Update(std::string_view name, const SubscriptionSettings& settings) override;
  Status Delete(std::string_view name) override;
  Result<SubscriptionInfo> Get(std::string_view name) override;
  std::vector<SubscriptionInfo> List(std::string_view after, size_t limit) override;
  Status Seek(std::string_view name, Start start, Timestamp time, Offset offset) override;
  Result<std::unique_ptr<Member>> Join(std::string_view subscription, const MemberOptions& options,
                                       Executor& executor, MemberSink& sink) override;
  Result<std::vector<DeadLetter>> ListDeadLetters(std::string_view subscription, uint64_t after,
                                                  size_t limit) override;
  Status EditDeadLetter(std::string_view subscription, uint64_t id, std::string record) override;
  Result<uint64_t> ResendDeadLetters(std::string_view subscription,
                                     std::optional<uint64_t> id) override;
  Result<uint64_t> DropDeadLetters(std::string_view subscription,
                                   std::optional<uint64_t> id) override;
  Result<Receipt> GetReceipt(std::string_view topic, std::string_view event_id,
                             std::optional<Offset> offset) override;
  std::unique_ptr<journal::Wait> AwaitReceipt(
      std::string_view topic, std::string_view event_id, Offset offset, MonotonicTime deadline,
      Executor& executor, std::move_only_function<void(Receipt, bool timed_out)> done) override;
  void Drain(Duration timeout) override;
  void Stop() override;

 private:
  Result<SubscriptionPtr> Find(std::string_view name) const;
  std::vector<SubscriptionPtr> All() const;
  Receipt ReceiptAt(const std::string& topic, const std::string& event_id, Offset offset);
  void ArmSweep();
  void SweepReceipts();
  void RefreshGauges();

  CorePool saver_{1};  // what writes to the store by itself does not hold up an executor
  const DeliveryParts parts_;
  CorePool& cores_;
  Executor::Timer sweep_;  // touched on the saver only
  const std::shared_ptr<ReceiptWait::Gate> gate_ = std::make_shared<ReceiptWait::Gate>();
  std::mutex changes_;  // one Create or Delete at a time; taken before mutex_
  mutable std::shared_mutex mutex_;
  std::map<std::string, SubscriptionPtr, std::less<>> subscriptions_;  // guarded by mutex_
  bool stopped_ = false;                                               // guarded by changes_
  Metrics::Registration refresh_;
};

Error NoSubscription(std::string_view name) {
  return {ErrorCode::kNotFound,
          "there is no subscription '" + std::string(name) +
              "'; `postroad subscriptions list` shows those there are",
          "subscription", "NO_SUBSCRIPTION"};
}

Error Draining() {
  return {ErrorCode::kUnavailable, "The server is shutting down; reconnect.", {}, "DRAINING"};
}

Status Engine::LoadAll() {
  std::string from = "d";
  while (true) {
    POSTROAD_ASSIGN(const auto entries,
                    parts_.store.Scan(Table::kSubscriptions, from, "e", kScanAtOnce));
    for (const store::Entry& entry : entries) {
      std::string name = entry.key.substr(1, entry.key.size() - 2);
      POSTROAD_ASSIGN(Definition definition, DecodeDefinition(entry.value));
      auto subscription =
          std::make_shared<Subscription>(parts_, name, std::move(definition), cores_.Next());
      POSTROAD_TRY(subscription->Load());
      subscriptions_[std::move(name)] = std::move(subscription);
    }
    if (entries.size() < kScanAtOnce) break;
    from = entries.back().key + '\0';
  }
  for (const auto& [name, subscription] : subscriptions_) subscription->Activate();
  ArmSweep();
  return {};
}

Result<SubscriptionPtr> Engine::Find(std::string_view name) const {
  std::shared_lock lock(mutex_);
  const auto found = subscriptions_.find(name);
  if (found == subscriptions_.end()) return Fail(NoSubscription(name));
  return found->second;
}

std::vector<SubscriptionPtr> Engine::All() const {
  std::shared_lock lock(mutex_);
  std::vector<SubscriptionPtr> all;
  for (const auto& [name, subscription] : subscriptions_) all.push_back(subscription);
  return all;
}

Status Engine::Create(std::string_view name, const SubscriptionSettings& settings) {
  POSTROAD_TRY(CheckName(name, "name"));
  POSTROAD_TRY(CheckTopicName("_dead/" + std::string(name), "name"));
  POSTROAD_TRY(CheckSettings(settings, "settings"));
  std::lock_guard changes(changes_);
  if (stopped_) return Fail(Draining());
  if (const auto there = Find(name)) {
    if ((*there)->settings() == settings) return {};
    return Fail(ErrorCode::kAlreadyExists,
                "Subscription '" + std::string(name) +
                    "' is there with other settings; update it, or leave them out.",
                "name", "OTHER_SETTINGS");
  }
  auto subscription = std::make_shared<Subscription>(
      parts_, std::string(name), Definition{settings, parts_.clock.Now()}, cores_.Next());
  POSTROAD_TRY(subscription->Begin());
  {
    std::unique_lock lock(mutex_);
    subscriptions_[std::string(name)] = subscription;
  }
  subscription->Activate();
  return {};
}

Status Engine::Update(std::string_view name, const SubscriptionSettings& settings) {
  POSTROAD_TRY(CheckSettings(settings, "settings"));
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  return subscription->Update(settings);
}

Status Engine::Delete(std::string_view name) {
  std::lock_guard changes(changes_);
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  {
    std::unique_lock lock(mutex_);
    subscriptions_.erase(subscriptions_.find(name));
  }
  subscription->CloseMembers({ErrorCode::kNotFound,
                              "Subscription '" + std::string(name) + "' was deleted.",
                              {},
                              "NO_SUBSCRIPTION"});
  subscription->Stop(true);
  const std::string failures = FailureKey(name, 0).substr(0, name.size() + 2);
  const std::string dead = DeadLetterKey(name, 0).substr(0, name.size() + 2);
  const std::vector<Mutation> mutations = {
      {Mutation::Kind::kDelete, Table::kSubscriptions, DefinitionKey(name), {}},
      {Mutation::Kind::kDelete, Table::kSubscriptions, StateKey(name), {}},
      {Mutation::Kind::kDeleteRange, Table::kSubscriptions, failures, PrefixEnd(failures)},
      {Mutation::Kind::kDeleteRange, Table::kDeadLetters, dead, PrefixEnd(dead)}};
  return parts_.store.Write(mutations, true);
}

Result<SubscriptionInfo> Engine::Get(std::string_view name) {
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  return subscription->Info();
}

std::vector<SubscriptionInfo> Engine::List(std::string_view after, size_t limit) {
  std::vector<SubscriptionPtr> found;
  {
    std::shared_lock lock(mutex_);
    for (auto it = subscriptions_.upper_bound(after);
         it != subscriptions_.end() && found.size() < limit; ++it) {
      found.push_back(it->second);
    }
  }
  std::vector<SubscriptionInfo> infos;
  for (const auto& subscription : found) infos.push_back(subscription->Info());
  return infos;
}

Status Engine::Seek(std::string_view name, Start start, Timestamp time, Offset offset) {
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  if (start == Start::kOffset && subscription->settings().topics.SingleTopic().empty()) {
    return Invalid("start", "An offset needs a subscription to a single topic.");
  }
  return subscription->Seek(start, time, offset);
}

Result<std::unique_ptr<Member>> Engine::Join(std::string_view name, const MemberOptions& options,
                                             Executor& executor, MemberSink& sink) {
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  return subscription->Join(options, executor, sink);
}

Result<std::vector<DeadLetter>> Engine::ListDeadLetters(std::string_view name, uint64_t after,
                                                        size_t limit) {
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  return subscription->ListDeadLetters(after, limit);
}

Status Engine::EditDeadLetter(std::string_view name, uint64_t id, std::string record) {
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  return subscription->EditDeadLetter(id, std::move(record));
}

Result<uint64_t> Engine::ResendDeadLetters(std::string_view name, std::optional<uint64_t> id) {
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  return subscription->ResendDeadLetters(id);
}

Result<uint64_t> Engine::DropDeadLetters(std::string_view name, std::optional<uint64_t> id) {
  POSTROAD_ASSIGN(const auto subscription, Find(name));
  return subscription->DropDeadLetters(id);
}

Result<Receipt> Engine::GetReceipt(std::string_view topic, std::string_view event_id,
                                   std::optional<Offset> offset) {
  if (!offset) {
    POSTROAD_ASSIGN(offset, parts_.journal.FindEvent(topic, event_id));
  }
  POSTROAD_ASSIGN(const store::TopicInfo info, parts_.journal.FindTopic(topic));
  if (*offset >= info.next) {
    return Fail(ErrorCode::kNotFound,
                "Topic '" + std::string(topic) + "' has no offset " +
                    std::to_string(offset->value()) + "; it ends before " +
                    std::to_string(info.next.value()) + ".",
                "offset");
  }
  std::string id(event_id);
  if (id.empty()) {
    auto run = parts_.store.ReadRunAt(info.id, *offset);
    EventView event;
    if (run && *offset < (*run)->end()) {
      const auto rest = SkipRecords((*run)->body, static_cast<uint32_t>(*offset - (*run)->first));
      if (rest) {
        BodyReader reader(*rest);
        const auto record = reader.Next();
        if (record && ParseRecord(*record, event)) id = std::string(event.id);
      }
    }
  }
  return ReceiptAt(std::string(topic), id, *offset);
}

Receipt Engine::ReceiptAt(const std::string& topic, const std::string& event_id, Offset offset) {
  Receipt receipt{.topic = topic, .event_id = event_id, .offset = offset};
  for (const auto& subscription : All()) {
    auto one = subscription->ReceiptOf(topic, offset);
    if (!one) {
      LogWarn("cannot tell what became of an event",
              {{"subscription", subscription->name()}, {"error", one.error()}});
    } else if (*one) {
      receipt.subscriptions.push_back(**std::move(one));
    }
  }
  return receipt;
}

std::unique_ptr<journal::Wait> Engine::AwaitReceipt(
    std::string_view topic, std::string_view event_id, Offset offset, MonotonicTime deadline,
    Executor& executor, std::move_only_function<void(Receipt, bool timed_out)> done) {
  ReceiptWait::Sources sources{
      [this] { return All(); },
      [this, topic = std::string(topic), id = std::string(event_id), offset] {
        return ReceiptAt(topic, id, offset);
      },
  };
  return ReceiptWait::Begin(gate_, std::move(sources),
                            {std::string(topic), std::string(event_id), offset},
                            std::max(Duration(0), Duration(deadline - parts_.clock.Monotonic())),
                            executor, std::move(done));
}

void Engine::Drain(Duration timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  const auto all = All();
  for (const auto& subscription : all) subscription->StartDrain();
  for (const auto& subscription : all) subscription->WaitUntilIdle(until);
  for (const auto& subscription : all) {
    subscription->CloseMembers(Draining());
    if (const auto status = subscription->SaveNow(); !status) {
      LogError("cannot save a subscription's state",
               {{"subscription", subscription->name()}, {"error", status.error()}});
    }
  }
}

void Engine::Stop() {
  std::lock_guard changes(changes_);
  if (stopped_) return;
  stopped_ = true;
  refresh_.reset();
  gate_->Close();
  for (const auto& subscription : All()) {
    subscription->StartDrain();
    subscription->CloseMembers(Draining());
    subscription->Stop(false);
  }
  saver_.Stop();
}

void Engine::ArmSweep() {
  parts_.saver.Post([this] {
    sweep_ = parts_.saver.PostAfter(kReceiptSweep, [this] {
      SweepReceipts();
      ArmSweep();
    });
  });
}

// Receipts older than a week go, a bounded number at a time.
void Engine::SweepReceipts() {
  std::string end = "a";
  PutBig64(end, static_cast<uint64_t>(ToNanos(parts_.clock.Now() - kReceiptAge)));
  for (int rounds = 0; rounds < 100; ++rounds) {
    const auto entries = parts_.store.Scan(Table::kReceipts, "a", end, kScanAtOnce);
    if (!entries || entries->empty()) return;
    std::vector<Mutation> mutations;
    for (const store::Entry& entry : *entries) {
      mutations.push_back({Mutation::Kind::kDelete, Table::kReceipts, entry.key, {}});
      mutations.push_back({Mutation::Kind::kDelete, Table::kReceipts, entry.value, {}});
    }
    if (!parts_.store.Write(mutations, false)) return;
  }
}

void Engine::RefreshGauges() {
  for (const auto& subscription : All()) subscription->Info();
}

}  // namespace

bool Receipt::Settled() const {
  return !subscriptions.empty() &&
         std::ranges::all_of(subscriptions, [](const SubscriptionReceipt& receipt) {
           return receipt.state == ReceiptState::kAcked || receipt.state == ReceiptState::kDead ||
                  receipt.state == ReceiptState::kFiltered;
         });
}

Result<std::unique_ptr<DeliveryEngine>> DeliveryEngine::Open(journal::Journal& journal,
                                                             store::Store& store, CorePool& cores,
                                                             Clock& clock, Metrics& metrics) {
  auto engine = std::make_unique<Engine>(journal, store, cores, clock, metrics);
  POSTROAD_TRY(engine->LoadAll());
  return engine;
}

}  // namespace postroad::delivery
