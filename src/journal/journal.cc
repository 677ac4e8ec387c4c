#include "journal/journal.h"

#include <pthread.h>
#include <limits>

#include <algorithm>

#include "journal/journal_impl.h"
#include "runtime/log.h"

namespace postroad::journal {
namespace {

// The longest that any topic's event ids are to be recognised.
Duration LongestDedupWindow(const TopicRules& rules) {
  Duration longest = TopicSettings().dedup_window;
  for (const TopicRule& rule : rules.rules()) {
    longest = std::max(longest, rule.dedup_window.value_or(Duration::zero()));
  }
  return longest;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::Open(store::Store& store, JournalOptions options,
                                               Clock& clock, Executor& completions,
                                               Metrics& metrics) {
  POSTROAD_ASSIGN(const store::FeedBounds bounds, store.ReadFeedBounds());
  Timestamp last_stored_at = kEarliestTime;
  if (bounds.first < bounds.next) {
    POSTROAD_ASSIGN(const std::vector<store::FeedEntry> last, store.ReadFeed(bounds.next - 1, 1));
    if (!last.empty()) last_stored_at = last.back().stored_at;
  }
  auto journal = std::make_unique<JournalImpl>(store, std::move(options), clock, completions,
                                               metrics, bounds.next, last_stored_at);
  POSTROAD_TRY(journal->Start());
  return journal;
}

JournalImpl::JournalImpl(store::Store& store, JournalOptions options, Clock& clock,
                         Executor& completions, Metrics& metrics, FeedPosition end,
                         Timestamp last_stored_at)
    : store_(store),
      options_(std::move(options)),
      clock_(clock),
      completions_(completions),
      metrics_(metrics),
      queue_(options_.max_pending_bytes),
      tail_(options_.hot_tail_bytes, end),
      memory_epoch_(store),
      dedup_(store, options_.dedup_memory_bytes, LongestDedupWindow(options_.rules), metrics_),
      lookup_(store, tail_, dedup_),
      schedule_(store, options_.max_scheduled),
      reader_(store, tail_, metrics_),
      committer_({store, options_, clock, completions, queue_, tail_, *waits_, dedup_, lookup_,
                  schedule_, memory_epoch_, metrics_},
                 last_stored_at),
      retention_(store, options_.rules, LongestDedupWindow(options_.rules), tail_, metrics_) {}

Status JournalImpl::Start() {
  POSTROAD_TRY(memory_epoch_.Open(ReadBootId()));
  POSTROAD_TRY(dedup_.Load(std::max(clock_.Now(), committer_.last_stored_at())));
  POSTROAD_TRY(schedule_.Load());
  committer_.Start();
  retention_thread_ = std::thread([this] { RunRetention(); });
  started_ = true;
  return {};
}

Epoch JournalImpl::TopicEpoch(std::string_view topic) const {
  const bool memory = options_.rules.For(topic).durability == Durability::kMemory;
  return memory ? memory_epoch_.value() : store_.epoch();
}

void JournalImpl::Post(Batch batch, PostCompletion done) {
  Posted posted{std::move(batch), std::move(done), 0, clock_.Monotonic()};
  auto status = queue_.Push(posted);
  if (status) return;
  metrics_.refused.Add();
  completions_.Post([done = std::move(posted.done), error = std::move(status).error()]() mutable {
    done(Fail(std::move(error)));
  });
}

Result<store::TopicInfo> JournalImpl::FindTopic(std::string_view name) {
  return store_.FindTopic(name);
}

Result<TopicRead> JournalImpl::ReadTopic(TopicId topic, Offset from, size_t max_bytes) {
  return reader_.ReadTopic(topic, from, max_bytes);
}

Result<FeedRead> JournalImpl::ReadFeed(FeedPosition from, const TopicSelector& selector,
                                       size_t max_bytes) {
  return reader_.ReadFeed(from, selector, max_bytes);
}

WaitPtr JournalImpl::WaitForTopic(std::string_view topic, TopicId id, Offset from,
                                  Executor& executor, Task task) {
  WaitPtr wait = waits_->AddTopic(topic, from, executor, std::move(task));
  if (HasGrown(topic, id, from)) waits_->Fire(*wait);
  return wait;
}

void JournalImpl::WaitAgain(Wait& wait, std::string_view topic, TopicId id, Offset from) {
  waits_->Again(wait, from.value());
  if (HasGrown(topic, id, from)) waits_->Fire(wait);
}

bool JournalImpl::HasGrown(std::string_view topic, TopicId id, Offset from) {
  std::optional<Offset> next = tail_.TopicNext(id);
  if (!next) {
    if (const auto info = store_.FindTopic(topic)) next = info->next;
  }
  return next && *next > from;
}

WaitPtr JournalImpl::WaitForFeed(FeedPosition from, Executor& executor, Task task) {
  WaitPtr wait = waits_->AddFeed(from, executor, std::move(task));
  if (tail_.feed_end() > from) waits_->Fire(*wait);
  return wait;
}

void JournalImpl::WaitAgain(Wait& wait, FeedPosition from) {
  waits_->Again(wait, from.value());
  if (tail_.feed_end() > from) waits_->Fire(wait);
}

Result<Offset> JournalImpl::FindEvent(std::string_view topic, std::string_view id) {
  return lookup_.FindEvent(topic, id);
}

Result<ScheduledPage> JournalImpl::ListScheduled(const ScheduledQuery& query) {
  return schedule_.List(query);
}

Status JournalImpl::ChangeScheduled(std::string_view topic, std::string_view id,
                                    std::optional<Timestamp> due,
                                    std::optional<std::string> record) {
  return committer_.Change([&](std::vector<store::Mutation>& mutations) {
    return schedule_.Change(topic, id, due, std::move(record), mutations);
  });
}

Result<uint64_t> JournalImpl::Reschedule(const ScheduledQuery& query, Timestamp due) {
  return ChangeInPieces(query, [&](ScheduledQuery& rest, std::vector<store::Mutation>& mutations) {
    return schedule_.Reschedule(rest, due, mutations);
  });
}

Result<uint64_t> JournalImpl::CancelScheduled(const ScheduledQuery& query) {
  return ChangeInPieces(query, [&](ScheduledQuery& rest, std::vector<store::Mutation>& mutations) {
    return schedule_.Cancel(rest, mutations);
  });
}

Result<uint64_t> JournalImpl::ChangeInPieces(ScheduledQuery query, const Piece& piece) {
  if (query.topic.empty() && query.id.empty() && query.search_key.empty()) {
    return Invalid("query", "Say which events: by topic, id or search key.");
  }
  query.after.clear();
  uint64_t changed = 0;
  do {
    POSTROAD_TRY(committer_.Change([&](std::vector<store::Mutation>& mutations) -> Status {
      POSTROAD_ASSIGN(const uint64_t some, piece(query, mutations));
      changed += some;
      return {};
    }));
  } while (!query.after.empty());
  return changed;
}

Status JournalImpl::DeleteTopic(std::string_view name) {
  // First, so that none that waits makes the topic anew.
  POSTROAD_ASSIGN(const uint64_t cancelled, CancelScheduled({.topic = std::string(name)}));
  const Status deleted = DeleteStored(name);
  const bool had_none = !deleted && deleted.error().code == ErrorCode::kNotFound;
  return had_none && cancelled > 0 ? Status() : deleted;
}

Status JournalImpl::DeleteStored(std::string_view name) {
  return committer_.RunBetween([&]() -> Status {
    POSTROAD_ASSIGN(const store::TopicInfo info, store_.FindTopic(name));
    POSTROAD_TRY(store_.DeleteTopic(name));
    tail_.DropTopic(info.id);
    // Its readers look again, since a new topic of this name begins at 0.
    const WaitRegistry::Grown all{name, Offset(std::numeric_limits<uint64_t>::max())};
    waits_->Wake({&all, 1}, FeedPosition(0));
    return {};
  });
}

Status JournalImpl::ApplyRetention() {
  const Timestamp now = clock_.Now();
  std::lock_guard lock(retention_mutex_);
  POSTROAD_TRY(retention_.Apply(now));
  return dedup_.Expire(std::max(now, committer_.last_stored_at()));
}

void JournalImpl::RunRetention() {
  pthread_setname_np(pthread_self(), "retention");
  std::unique_lock lock(stop_mutex_);
  while (!stop_.wait_for(lock, options_.retention_interval, [this] { return stopping_; })) {
    lock.unlock();
    if (const auto status = ApplyRetention(); !status) {
      LogWarn("retention could not be applied", {{"error", status.error()}});
    }
    lock.lock();
  }
}

void JournalImpl::Drain() {
  queue_.Drain();
  if (started_) queue_.WaitUntilEmpty();
}

void JournalImpl::Stop() {
  Drain();
  queue_.Stop();
  committer_.Join();
  {
    std::lock_guard lock(stop_mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (retention_thread_.joinable()) retention_thread_.join();
  waits_->Close();
  if (!std::exchange(started_, false)) return;
  if (const auto status = memory_epoch_.Close(); !status) {
    LogWarn("cannot note a clean stop", {{"error", status.error()}});
  }
}

}  // namespace postroad::journal
