// A subscription's life: its members, its settings, what others ask of it.
#include "delivery/subscription.h"

#include <algorithm>

#include "core/event.h"
#include "delivery/limits.h"
#include "runtime/log.h"

namespace postroad::delivery {
namespace {

// A member's handle.
class MemberHandle final : public Member {
 public:
  MemberHandle(std::shared_ptr<Subscription> subscription, std::shared_ptr<MemberLink> link,
               MemberIndex index, uint64_t generation)
      : subscription_(std::move(subscription)),
        link_(std::move(link)),
        index_(index),
        generation_(generation) {}
  ~MemberHandle() override {
    link_->sink = nullptr;
    subscription_->Leave(index_, generation_);
  }

  void AddCredit(uint64_t events) override {
    subscription_->AddCredit(index_, generation_, events);
  }
  void WithdrawCredit() override { subscription_->WithdrawCredit(index_, generation_); }
  void Settle(std::vector<Settlement> settlements) override {
    auto failures = subscription_->Settle(index_, generation_, std::move(settlements));
    if (failures.empty()) return;
    link_->executor.Post([link = link_, failures = std::move(failures)]() mutable {
      if (link->sink != nullptr) link->sink->OnSettleFailures(std::move(failures));
    });
  }
  void SettleThen(std::vector<Settlement> settlements,
                  std::move_only_function<void(std::vector<SettleFailure>)> done) override {
    auto failures = subscription_->Settle(index_, generation_, std::move(settlements));
    link_->executor.Post([failures = std::move(failures), done = std::move(done)]() mutable {
      done(std::move(failures));
    });
  }

 private:
  const std::shared_ptr<Subscription> subscription_;
  const std::shared_ptr<MemberLink> link_;
  const MemberIndex index_;
  const uint64_t generation_;
};

}  // namespace

Subscription::Subscription(const DeliveryParts& parts, std::string name, Definition definition,
                           Executor& executor)
    : parts_(parts),
      name_(std::move(name)),
      executor_(executor),
      metrics_(parts.metrics, name_),
      definition_(std::move(definition)),
      source_(MakeEventSource(parts.journal, parts.store, definition_.settings.topics)),
      state_(OptionsOf(definition_.settings)) {}

Subscription::~Subscription() = default;

StateOptions Subscription::OptionsOf(const SubscriptionSettings& settings) {
  const auto entries = static_cast<uint32_t>(settings.retry_schedule.size());
  return {.ack_deadline = settings.ack_deadline,
          .retry_schedule = settings.retry_schedule,
          .max_attempts = settings.max_attempts == 0 ? entries + 1 : settings.max_attempts,
          .by_key = settings.ordering == Ordering::kKey,
          .max_in_flight = settings.max_in_flight};
}

// 0 is no key.
uint64_t Subscription::KeyOf(const EventView& event) const {
  if (event.key.empty()) return 0;
  return EventFingerprint({}, event.key);
}

Status Subscription::Update(const SubscriptionSettings& settings) {
  Lock changes(changes_);
  Definition definition;
  {
    Lock lock(mutex_);
    definition = definition_;
  }
  const std::string_view before = definition.settings.topics.SingleTopic();
  const std::string_view now = settings.topics.SingleTopic();
  if (before != now) {
    return Fail(ErrorCode::kFailedPrecondition,
                before.empty()
                    ? "A subscription to several topics or a pattern cannot become one to "
                      "a single topic; make a new one."
                    : "A subscription to the single topic '" + std::string(before) +
                          "' cannot change its topic; make a new one.",
                "settings.topics", "TOPICS_FIXED");
  }
  const Definition old = definition;
  definition.settings = settings;
  definition.settings.start = old.settings.start;
  definition.settings.start_time = old.settings.start_time;
  definition.settings.start_offset = old.settings.start_offset;
  const store::Mutation put{store::Mutation::Kind::kPut, store::Table::kSubscriptions,
                            DefinitionKey(name_), EncodeDefinition(definition)};
  POSTROAD_TRY(parts_.store.Write({&put, 1}, true));
  {
    Lock lock(mutex_);
    definition_ = std::move(definition);
    if (before.empty()) {
      source_ = MakeEventSource(parts_.journal, parts_.store, definition_.settings.topics);
    }
    state_.SetOptions(OptionsOf(definition_.settings), parts_.clock.Monotonic());
  }
  Kick();
  return {};
}

Status Subscription::Seek(Start start, Timestamp time, Offset offset) {
  Lock changes(changes_);
  const auto source = [&] {
    Lock lock(mutex_);
    return source_;
  }();
  POSTROAD_ASSIGN(const uint64_t at, source->StartAt(start, time, offset));
  POSTROAD_ASSIGN(const uint64_t end, source->End());
  if (at > end) {
    return Fail(ErrorCode::kOutOfRange,
                "The topic ends at offset " + std::to_string(end) + "; cannot go to " +
                    std::to_string(at) + ".",
                "offset");
  }
  Calls calls;
  Status status;
  {
    Lock lock(mutex_);
    RestartAt(at, calls);
    origin_ = at;
    status = Save(lock, true);
  }
  for (auto& call : calls) call();
  Kick();
  return status;
}

void Subscription::RestartAt(uint64_t at, Calls& calls) {
  ++generation_;
  state_.Reset(at);
  runs_.clear();
  dying_.clear();
  buried_ahead_.clear();
  while (!attempts_.empty()) Forget(attempts_.begin()->first);
  resends_waiting_.merge(resends_loaded_);
  resends_loaded_.clear();
  while (!watched_.empty()) CallWatchers(watched_.begin()->first, calls);
}

SubscriptionSettings Subscription::settings() const {
  Lock lock(mutex_);
  return definition_.settings;
}

SubscriptionInfo Subscription::Info() {
  const auto source = [&] {
    Lock lock(mutex_);
    return source_;
  }();
  const auto end = source->End();
  Lock lock(mutex_);
  SubscriptionInfo info{.name = name_,
                        .settings = definition_.settings,
                        .created = definition_.created,
                        .floor = state_.floor(),
                        .end = end ? std::max(*end, state_.floor()) : state_.read_end(),
                        .in_flight = state_.in_flight(),
                        .retrying = state_.retrying(),
                        .dead_letters = dead_letters_,
                        .acked_total = state_.acked_total()};
  if (info.floor >= kResendBit) info.floor = state_.read_end();
  for (MemberIndex i = 0; i < members_.size(); ++i) {
    if (!members_[i].link) continue;
    info.members.push_back({members_[i].client_id, state_.member_in_flight(i), members_[i].joined});
  }
  metrics_.backlog.Set(static_cast<double>(info.end - info.floor));
  return info;
}

Result<std::unique_ptr<Member>> Subscription::Join(const MemberOptions& options, Executor& executor,
                                                   MemberSink& sink) {
  auto link = std::make_shared<MemberLink>(executor, sink);
  std::shared_ptr<MemberLink> replaced;
  std::unique_ptr<Member> handle;
  {
    Lock lock(mutex_);
    if (stopped_ || draining_) {
      return Fail(ErrorCode::kUnavailable, "The server is shutting down; reconnect.", {},
                  "DRAINING");
    }
    for (MemberIndex i = 0; i < members_.size() && !options.client_id.empty(); ++i) {
      if (!members_[i].link || members_[i].client_id != options.client_id) continue;
      replaced = std::exchange(members_[i], {}).link;
      state_.Leave(i);
      metrics_.members.Add(-1);
    }
    const MemberIndex index = state_.Join(options.max_in_flight);
    if (index >= members_.size()) members_.resize(index + 1);
    const uint64_t generation = next_member_++;
    members_[index] = {link, options.client_id, parts_.clock.Now(), generation};
    metrics_.members.Add(1);
    handle = std::make_unique<MemberHandle>(shared_from_this(), std::move(link), index, generation);
  }
  if (replaced) {
    MemberLink::Close(replaced, {ErrorCode::kAborted,
                                 "A newer member with client_id '" + options.client_id +
                                     "' took this one's place in '" + name_ + "'.",
                                 {},
                                 "REPLACED"});
  }
  Kick();
  return handle;
}

void Subscription::AddCredit(MemberIndex member, uint64_t generation, uint64_t events) {
  {
    Lock lock(mutex_);
    if (members_[member].generation != generation) return;
    state_.AddCredit(member, events);
  }
  Kick();
}

void Subscription::WithdrawCredit(MemberIndex member, uint64_t generation) {
  Lock lock(mutex_);
  if (members_[member].generation == generation) state_.WithdrawCredit(member);
}

void Subscription::Leave(MemberIndex member, uint64_t generation) {
  {
    Lock lock(mutex_);
    if (members_[member].generation != generation) return;
    members_[member] = {};
    state_.Leave(member);
    metrics_.members.Add(-1);
    if (state_.in_flight() == 0) idle_.notify_all();
  }
  Kick();
}

void Subscription::StartDrain() {
  Lock lock(mutex_);
  draining_ = true;
}

bool Subscription::WaitUntilIdle(std::chrono::steady_clock::time_point until) {
  Lock lock(mutex_);
  return idle_.wait_until(lock, until, [&] { return state_.in_flight() == 0; });
}

void Subscription::CloseMembers(const Error& reason) {
  std::vector<std::shared_ptr<MemberLink>> links;
  {
    Lock lock(mutex_);
    for (MemberIndex i = 0; i < members_.size(); ++i) {
      if (!members_[i].link) continue;
      links.push_back(std::exchange(members_[i], {}).link);
      state_.Leave(i);
      metrics_.members.Add(-1);
    }
  }
  for (const auto& link : links) MemberLink::Close(link, reason);
}

Status Subscription::SaveNow() {
  Lock lock(mutex_);
  if (stopped_) return {};
  return Save(lock, true);
}

void Subscription::Stop(bool deleted) {
  Calls calls;
  {
    Lock lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    // Nothing of this may be at the journal or store when those go.
    if (!executor_.RunsHere()) idle_.wait(lock, [&] { return !busy_; });
    idle_.wait(lock, [&] { return !saving_; });
    // A dead letter stored later would outlive its subscription.
    if (deleted) idle_.wait(lock, [&] { return !storing_burial_; });
    while (!watched_.empty()) CallWatchers(watched_.begin()->first, calls);
    if (!deleted) {
      if (auto status = Save(lock, true); !status) {
        LogError(
            "cannot save a subscription's state; acks of the last moment will be asked for again",
            {{"subscription", name_}, {"error", status.error()}});
      }
    }
  }
  for (auto& call : calls) call();
  executor_.Post([self = shared_from_this()] {
    self->wait_.reset();
    self->timer_.Cancel();
    self->retry_timer_.Cancel();
  });
  parts_.saver.Post([self = shared_from_this()] { self->save_timer_.Cancel(); });
}

}  // namespace postroad::delivery
