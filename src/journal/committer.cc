#include "journal/committer.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "core/bytes.h"
#include "core/event.h"
#include "runtime/log.h"

namespace postroad::journal {
namespace {

// While future-dated events wait the wall clock is looked at this often, since it may jump.
constexpr auto kLookAgain = std::chrono::milliseconds(100);
constexpr Duration kDueRetry = std::chrono::milliseconds(500);

// A record as the one entry of a body (core/event.h).
std::string Frame(std::string_view record) {
  std::string body(1, '\x22');
  PutVarint(body, record.size());
  return body.append(record);
}

double SecondsSince(MonotonicTime from, MonotonicTime to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void Committer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Committer::Join() {
  if (thread_.joinable()) thread_.join();
}

void Committer::Run() {
  pthread_setname_np(pthread_self(), "commit");
  while (true) {
    CommitQueue::Work work = parts_.queue.Take(parts_.options.max_group_bytes, NextLook());
    if (work.stopped) return;
    for (Task& command : work.commands) command();
    const std::vector<ScheduledItem> due = TakeDue(work.posts);
    if (!work.posts.empty()) Commit(std::move(work.posts), due);
    SetGauges();
  }
}

std::chrono::steady_clock::time_point Committer::NextLook() const {
  const auto next_due = parts_.schedule.next_due();
  if (!next_due) return std::chrono::steady_clock::time_point::max();
  const Duration away =
      std::max(*next_due - parts_.clock.Now(), due_not_before_ - parts_.clock.Monotonic());
  return std::chrono::steady_clock::now() + std::clamp<Duration>(away, Duration(0), kLookAgain);
}

std::vector<ScheduledItem> Committer::TakeDue(std::vector<Posted>& posts) {
  const Timestamp now = parts_.clock.Now();
  const auto next_due = parts_.schedule.next_due();
  if (!next_due || *next_due > now || parts_.clock.Monotonic() < due_not_before_) return {};
  auto due = parts_.schedule.Due(now);
  if (!due) {
    LogError("cannot read future-dated events", {{"error", due.error()}});
    due_not_before_ = parts_.clock.Monotonic() + kDueRetry;
    return {};
  }
  if (due->empty()) return {};
  Posted posted{.posted_at = parts_.clock.Monotonic()};
  posted.batch.internal = true;
  for (const ScheduledItem& item : *due) {
    const Scheduled& event = item.event;
    posted.batch.chunks.push_back(
        {event.topic, 1, Frame(event.record), {EventFingerprint(event.topic, event.id)}});
  }
  posts.insert(posts.begin(), std::move(posted));
  return std::move(*due);
}

void Committer::Commit(std::vector<Posted> posts, std::span<const ScheduledItem> due) {
  Done done{.posts = std::move(posts)};
  done.group = std::make_unique<GroupCommit>(parts_.store, parts_.options.rules, parts_.dedup,
                                             parts_.lookup, parts_.schedule);
  if (auto status = TryCommit(done, due); !status) {
    parts_.dedup.Abort();
    parts_.schedule.Abort();
    parts_.metrics.commit_errors.Add();
    if (!due.empty()) due_not_before_ = parts_.clock.Monotonic() + kDueRetry;
    done.results.clear();
    for (size_t i = 0; i < done.posts.size(); ++i) done.results.push_back(Fail(status.error()));
  } else {
    Count(*done.group);
    parts_.metrics.scheduled_due.Add(static_cast<double>(due.size()));
  }
  Complete(std::move(done));
}

Status Committer::TryCommit(Done& done, std::span<const ScheduledItem> due) {
  const Timestamp stored_at = NextStoredAt();
  GroupCommit& group = *done.group;
  POSTROAD_TRY(group.Plan(done.posts, parts_.tail.feed_end(), stored_at));
  for (const ScheduledItem& item : due) parts_.schedule.Remove(item, group.mutations());
  const GroupCommit::Write write = group.Finish();
  if (write.unsynced) POSTROAD_TRY(parts_.memory_epoch.BeforeUnsynced());
  POSTROAD_ASSIGN(const std::vector<store::Placement> placements, Store(group, write));
  last_stored_at_.store(ToNanos(stored_at));
  parts_.dedup.Commit();
  if (auto status = parts_.schedule.Commit(); !status) {
    LogError("cannot read when the next future-dated event is due", {{"error", status.error()}});
  }
  done.garbage = Publish(group, placements);
  done.results = group.Results(placements);
  return {};
}

Timestamp Committer::NextStoredAt() { return std::max(parts_.clock.Now(), last_stored_at()); }

Result<std::vector<store::Placement>> Committer::Store(GroupCommit& group,
                                                       const GroupCommit::Write& write) {
  const MonotonicTime begin = parts_.clock.Monotonic();
  std::vector<store::Placement> placements;
  if (!write.runs.empty()) {
    POSTROAD_ASSIGN(placements, parts_.store.Append({write.runs, group.mutations(), write.sync}));
  } else if (!group.mutations().empty()) {
    POSTROAD_TRY(parts_.store.Write(group.mutations(), write.sync));
  }
  parts_.metrics.commit_seconds.Observe(SecondsSince(begin, parts_.clock.Monotonic()));
  return placements;
}

HotTail::Garbage Committer::Publish(GroupCommit& group,
                                    std::span<const store::Placement> placements) {
  const std::vector<RunPtr> runs = group.builder().Place(placements);
  std::vector<HotTail::Published> published;
  std::vector<WaitRegistry::Grown> grown;
  published.reserve(runs.size());
  grown.reserve(runs.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    published.push_back({placements[i].position, group.builder().topic(i), runs[i]});
    grown.push_back({group.builder().topic(i), runs[i]->end()});
  }
  HotTail::Garbage garbage = parts_.tail.Publish(published);
  if (!runs.empty()) parts_.waits.Wake(grown, parts_.tail.feed_end());
  return garbage;
}

void Committer::Complete(Done done) {
  const MonotonicTime now = parts_.clock.Monotonic();
  uint64_t bytes = 0;
  for (const Posted& posted : done.posts) {
    bytes += posted.bytes;
    parts_.metrics.post_seconds.Observe(SecondsSince(posted.posted_at, now));
  }
  parts_.completions.Post([done = std::move(done)]() mutable {
    for (size_t i = 0; i < done.posts.size(); ++i) {
      if (done.posts[i].done) done.posts[i].done(std::move(done.results[i]));
    }
  });
  parts_.queue.Settled(bytes);
}

void Committer::SetGauges() {
  JournalMetrics& metrics = parts_.metrics;
  metrics.pending_bytes.Set(static_cast<double>(parts_.queue.pending_bytes()));
  metrics.tail_bytes.Set(static_cast<double>(parts_.tail.bytes()));
  metrics.scheduled.Set(static_cast<double>(parts_.schedule.count()));
  metrics.dedup_bytes.Set(static_cast<double>(parts_.dedup.bytes()));
}

void Committer::Count(const GroupCommit& group) {
  JournalMetrics& metrics = parts_.metrics;
  const GroupCommit::Totals& totals = group.totals();
  constexpr auto kDisk = static_cast<size_t>(Durability::kDisk);
  constexpr auto kMemory = static_cast<size_t>(Durability::kMemory);
  const auto add = [](Counter& counter, uint64_t n) {
    if (n > 0) counter.Add(static_cast<double>(n));
  };
  metrics.commits.Add();
  metrics.group_events.Observe(static_cast<double>(totals.events[0] + totals.events[1]));
  add(metrics.events_disk, totals.events[kDisk]);
  add(metrics.events_memory, totals.events[kMemory]);
  add(metrics.bytes_disk, totals.bytes[kDisk]);
  add(metrics.bytes_memory, totals.bytes[kMemory]);
  add(metrics.duplicates, totals.duplicates);
}

Status Committer::RunBetween(const std::function<Status()>& work) {
  std::mutex mutex;
  std::condition_variable finished;
  std::optional<Status> result;
  const bool queued = parts_.queue.PushCommand([&] {
    Status status = work();
    std::lock_guard lock(mutex);
    result = std::move(status);
    finished.notify_one();
  });
  if (!queued) return Fail(ErrorCode::kUnavailable, "The server is shutting down.", {}, "DRAINING");
  std::unique_lock lock(mutex);
  finished.wait(lock, [&] { return result.has_value(); });
  return std::move(*result);
}

Status Committer::Change(const std::function<Status(std::vector<store::Mutation>&)>& plan) {
  return RunBetween([&]() -> Status {
    std::vector<store::Mutation> mutations;
    auto status = plan(mutations);
    if (status) {
      parts_.schedule.FinishGroup(mutations);
      if (!mutations.empty()) status = parts_.store.Write(mutations, true);
    }
    if (!status) {
      parts_.schedule.Abort();
      return status;
    }
    return parts_.schedule.Commit();
  });
}

}  // namespace postroad::journal
