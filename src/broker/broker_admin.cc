// The broker's calls on topics, the schedule, receipts, and the server.
#include <algorithm>
#include <filesystem>

#include "broker/broker_impl.h"

namespace postroad::broker {

namespace {

// Whether the caller has anything to do with this topic.
bool MaySee(const Principal& principal, std::string_view topic) {
  return principal.May(auth::Right::kRead, topic) ||
         principal.May(auth::Right::kAdminister, topic) || principal.May(auth::Right::kPost, topic);
}

// How many of `events`, from the first on, have `room` that the caller may see; the last is one.
size_t FitsIn(const Principal& principal, const std::vector<journal::Scheduled>& events,
              size_t room) {
  for (size_t i = 0; i < events.size(); ++i) {
    if (MaySee(principal, events[i].topic) && --room == 0) return i + 1;
  }
  return events.size();
}

Status CheckDue(Timestamp due) {
  if (due >= kEarliestTime && due <= kLatestTime) return {};
  return Invalid("deliver_at", "must be between 1970 and 2200");
}

Result<uint64_t> DirectoryBytes(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, error)) {
    if (entry.is_regular_file(error)) bytes += entry.file_size(error);
  }
  return bytes;
}

}  // namespace

// --- Topics ---

Result<Page<TopicView>> Broker::ListTopics(const Principal& principal, std::string_view pattern,
                                           std::string_view after, size_t limit) {
  POSTROAD_ASSIGN(limit, PageSize(limit));
  POSTROAD_ASSIGN(const TopicPattern wanted,
                  TopicPattern::Parse(pattern.empty() ? "*" : pattern, "pattern"));
  Page<TopicView> page;
  POSTROAD_ASSIGN(std::string at, impl_->hidden.PositionOf(after));
  for (size_t scanned = 0; scanned < kMaxScanned;) {
    POSTROAD_ASSIGN(auto topics,
                    impl_->store.ListTopics(at, wanted.prefix(), limit, /*with_bounds=*/false));
    for (store::TopicInfo& topic : topics) {
      at = topic.name;
      const bool matches = pattern.empty() || wanted.Matches(topic.name);
      if (!matches || !MaySee(principal, topic.name)) continue;
      auto info = impl_->journal.FindTopic(topic.name);  // with bounds; gone in between: left out
      if (info) page.items.push_back({*std::move(info), impl_->journal.rules().For(topic.name)});
      if (page.items.size() < limit) continue;
      page.next = std::move(at);
      return page;
    }
    if (topics.size() < limit) return page;
    scanned += topics.size();
  }
  page.next = impl_->hidden.Hide(std::move(at));
  return page;
}

Result<TopicView> Broker::GetTopic(const Principal& principal, std::string_view name) {
  POSTROAD_TRY(CheckTopicName(name, "name"));
  if (!MaySee(principal, name)) POSTROAD_TRY(principal.Check(auth::Right::kRead, name));
  POSTROAD_ASSIGN(store::TopicInfo info, impl_->journal.FindTopic(name));
  return TopicView{std::move(info), impl_->journal.rules().For(name)};
}

Status Broker::DeleteTopic(const Principal& principal, std::string_view name) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(CheckTopicName(name, "name"));
  POSTROAD_TRY(principal.Check(auth::Right::kAdminister, name));
  POSTROAD_TRY(impl_->journal.DeleteTopic(name));
  impl_->registry.EndTopic(name);
  return {};
}

// --- The schedule ---

Result<journal::ScheduledPage> Broker::ListScheduled(const Principal& principal,
                                                     const journal::ScheduledQuery& query) {
  journal::ScheduledQuery checked = query;
  POSTROAD_ASSIGN(checked.limit, PageSize(query.limit));
  if (!query.topic.empty()) {
    POSTROAD_TRY(CheckTopicName(query.topic, "topic"));
    if (!MaySee(principal, query.topic)) {
      POSTROAD_TRY(principal.Check(auth::Right::kPost, query.topic));
    }
  }
  POSTROAD_ASSIGN(checked.after, impl_->hidden.PositionOf(query.after));
  const size_t limit = checked.limit;
  journal::ScheduledPage page;
  for (size_t scanned = 0;;) {
    // A page of the journal's ends with what the caller sees, or where all of it was looked at.
    checked.limit = limit;
    POSTROAD_ASSIGN(auto some, impl_->journal.ListScheduled(checked));
    const size_t fits = FitsIn(principal, some.events, limit - page.events.size());
    if (fits < some.events.size()) {
      checked.limit = fits;
      POSTROAD_ASSIGN(some, impl_->journal.ListScheduled(checked));
    }
    scanned += some.events.size();
    for (auto& event : some.events) {
      if (MaySee(principal, event.topic)) page.events.push_back(std::move(event));
    }
    checked.after = page.next = std::move(some.next);
    if (page.next.empty() || page.events.size() >= limit) return page;
    if (scanned < kMaxScanned) continue;
    page.next = impl_->hidden.Hide(std::move(page.next));
    return page;
  }
}

Result<journal::Scheduled> Broker::ChangeScheduled(const Principal& principal,
                                                   std::string_view topic, std::string_view id,
                                                   std::optional<Timestamp> due,
                                                   std::optional<Event> event) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(CheckTopicName(topic, "topic"));
  if (id.empty()) return Invalid("id", "must say which event");
  POSTROAD_TRY(principal.Check(auth::Right::kPost, topic));
  if (due) POSTROAD_TRY(CheckDue(*due));
  journal::ScheduledQuery query{.topic = std::string(topic), .id = std::string(id), .limit = 1};
  POSTROAD_ASSIGN(auto page, impl_->journal.ListScheduled(query));
  if (page.events.empty()) {
    return Fail(ErrorCode::kNotFound, "no event of this id waits in this topic");
  }
  journal::Scheduled& waiting = page.events.front();
  if (due) waiting.due = *due;
  EventView old;
  POSTROAD_TRY(ParseRecord(waiting.record, old));
  Event changed = event ? *std::move(event) : old.ToEvent();
  if (!changed.time) changed.time = old.time;
  changed.deliver_at = waiting.due;  // so that who reads it sees when it was due at last
  POSTROAD_TRY(CheckReplacement(changed, topic, id, impl_->journal.rules().For(topic), "event"));
  waiting.record = EncodeRecord(ViewOf(changed));
  POSTROAD_TRY(impl_->journal.ChangeScheduled(topic, id, due, waiting.record));
  return waiting;
}

Status Broker::Impl::CheckScheduled(const Principal& principal,
                                    const journal::ScheduledQuery& query) const {
  POSTROAD_TRY(CheckRunning());
  if (query.topic.empty() && query.id.empty() && query.search_key.empty()) {
    return Invalid("topic", "say which events: a topic, an id, or a search key");
  }
  if (!query.topic.empty()) {
    POSTROAD_TRY(CheckTopicName(query.topic, "topic"));
    return principal.Check(auth::Right::kPost, query.topic);
  }
  POSTROAD_ASSIGN(const TopicSelector all, TopicSelector::Parse({"*"}, "topic"));
  return principal.CheckAll(auth::Right::kPost, all);
}

Result<uint64_t> Broker::Reschedule(const Principal& principal,
                                    const journal::ScheduledQuery& query, Timestamp due) {
  POSTROAD_TRY(impl_->CheckScheduled(principal, query));
  POSTROAD_TRY(CheckDue(due));
  return impl_->journal.Reschedule(query, due);
}

Result<uint64_t> Broker::CancelScheduled(const Principal& principal,
                                         const journal::ScheduledQuery& query) {
  POSTROAD_TRY(impl_->CheckScheduled(principal, query));
  return impl_->journal.CancelScheduled(query);
}

// --- Receipts ---

Status Broker::Impl::CheckReceipt(const Principal& principal, std::string_view topic) {
  POSTROAD_TRY(CheckTopicName(topic, "topic"));
  if (principal.May(auth::Right::kPost, topic)) return {};
  return principal.Check(auth::Right::kRead, topic);
}

Result<Offset> Broker::Impl::FindOffset(std::string_view topic, std::string_view event_id,
                                        std::optional<Offset> offset) {
  if (offset) return *offset;
  if (event_id.empty()) return Invalid("event_id", "say which event: its id or its offset");
  return journal.FindEvent(topic, event_id);
}

Result<EventReceipt> Broker::GetReceipt(const Principal& principal, std::string_view topic,
                                        std::string_view event_id, std::optional<Offset> offset) {
  POSTROAD_TRY(Impl::CheckReceipt(principal, topic));
  if (event_id.empty() && !offset) {
    return Invalid("event_id", "say which event: its id or its offset");
  }
  POSTROAD_ASSIGN(delivery::Receipt found, impl_->delivery.GetReceipt(topic, event_id, offset));
  EventReceipt receipt{std::move(found), {}};
  receipt.connections = impl_->users.receipts.Get(topic, receipt.offset);
  return receipt;
}

Result<journal::WaitPtr> Broker::AwaitReceipt(
    const Principal& principal, std::string_view topic, std::string_view event_id,
    std::optional<Offset> offset, Duration timeout, Executor& executor,
    std::move_only_function<void(EventReceipt, bool timed_out)> done) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(Impl::CheckReceipt(principal, topic));
  POSTROAD_TRY(CheckAwaitTimeout(timeout, "timeout"));
  POSTROAD_ASSIGN(const Offset at, impl_->FindOffset(topic, event_id, offset));
  return AwaitEvent(impl_->receipt_sources(), {std::string(topic), std::string(event_id), at},
                    impl_->clock.Monotonic() + timeout, executor, std::move(done));
}

// --- The server ---

Result<uint64_t> Broker::Backup(const Principal& principal, const std::string& directory) {
  POSTROAD_TRY(principal.CheckServerAdmin());
  if (!std::filesystem::path(directory).is_absolute()) {
    return Invalid("directory", "must be an absolute path on the server's machine");
  }
  POSTROAD_TRY(impl_->store.Backup(directory));
  return DirectoryBytes(directory);
}

Result<BrokerStats> Broker::Stats(const Principal& principal) {
  POSTROAD_TRY(principal.CheckServerAdmin());
  BrokerStats stats{.epoch = impl_->journal.epoch(),
                    .streams = impl_->registry.size(),
                    .started = impl_->started};
  POSTROAD_ASSIGN(stats.store, impl_->store.Stats());
  std::string after;
  for (;;) {
    const auto some = impl_->delivery.List(after, 1'000);
    stats.subscriptions += some.size();
    if (some.size() < 1'000) return stats;
    after = some.back().name;
  }
}

}  // namespace postroad::broker
