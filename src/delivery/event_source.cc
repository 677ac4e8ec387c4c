// Reading along one topic, and along the feed.
#include "delivery/event_source.h"

#include "core/event.h"

namespace postroad::delivery {
namespace {

using journal::Journal;

constexpr size_t kOneRunBytes = 1;  // a read gives at least one run

// The records of `run` from `skip` on; DATA_LOSS if it has fewer than it says.
Result<std::vector<std::string_view>> RecordsFrom(const store::Run& run, uint32_t skip) {
  POSTROAD_ASSIGN(const std::string_view rest, SkipRecords(run.body, skip));
  BodyReader reader(rest);
  std::vector<std::string_view> records;
  records.reserve(run.count - skip);
  while (auto record = reader.Next()) records.push_back(*record);
  if (records.size() != run.count - skip) {
    return Fail(ErrorCode::kDataLoss, "a stored run does not hold the events that it says", {},
                "STORE_CORRUPT");
  }
  return records;
}

class TopicSource final : public EventSource {
 public:
  TopicSource(Journal& journal, store::Store& store, std::string_view topic)
      : journal_(journal), store_(store), topic_(std::make_shared<const std::string>(topic)) {}

  Result<Fetched> Fetch(uint64_t from, size_t max_bytes) override {
    Fetched fetched{.next = from};
    auto info = journal_.FindTopic(*topic_);
    if (!info) {
      if (info.error().code == ErrorCode::kNotFound) return fetched;
      return Fail(std::move(info).error());
    }
    id_ = info->id;
    fetched.topic_id = id_.value();
    if (Offset(from) >= info->next) return fetched;
    POSTROAD_ASSIGN(const journal::TopicRead read,
                    journal_.ReadTopic(info->id, Offset(from), max_bytes));
    if (read.gap) fetched.lost = read.gap->second - read.gap->first;
    for (const journal::RunPtr& run : read.runs) {
      POSTROAD_ASSIGN(SourceRun source, Cut(run, std::max(run->first, Offset(from))));
      fetched.runs.push_back(std::move(source));
    }
    fetched.next = std::max(from, read.next.value());
    return fetched;
  }

  Result<std::optional<SourceRun>> At(uint64_t sequence) override {
    POSTROAD_ASSIGN(const store::TopicInfo info, journal_.FindTopic(*topic_));
    if (Offset(sequence) >= info.next) return std::nullopt;
    POSTROAD_ASSIGN(const journal::TopicRead read,
                    journal_.ReadTopic(info.id, Offset(sequence), kOneRunBytes));
    if (read.runs.empty() || read.runs.front()->first > Offset(sequence)) return std::nullopt;
    POSTROAD_ASSIGN(SourceRun run, Cut(read.runs.front(), Offset(sequence)));
    return run;
  }

  journal::WaitPtr WaitBeyond(uint64_t from, Executor& executor, Task task) override {
    return journal_.WaitForTopic(*topic_, id_, Offset(from), executor, std::move(task));
  }

  Result<uint64_t> End() override {
    auto info = journal_.FindTopic(*topic_);
    if (info) return info->next.value();
    if (info.error().code == ErrorCode::kNotFound) return 0;
    return Fail(std::move(info).error());
  }

  Result<uint64_t> StartAt(Start start, Timestamp time, Offset offset) override {
    auto info = journal_.FindTopic(*topic_);
    if (!info && info.error().code != ErrorCode::kNotFound) return Fail(std::move(info).error());
    switch (start) {
      case Start::kOffset:
        return offset.value();
      case Start::kBeginning:
        return info ? info->first.value() : 0;
      case Start::kEnd:
        return info ? info->next.value() : 0;
      case Start::kTime: {
        if (!info) return 0;
        POSTROAD_ASSIGN(const Offset at, store_.OffsetAtTime(info->id, time));
        return at.value();
      }
    }
    return 0;
  }

  Result<std::optional<uint64_t>> SequenceOf(std::string_view, Offset offset) override {
    return offset.value();
  }

 private:
  Result<SourceRun> Cut(const journal::RunPtr& run, Offset from) const {
    POSTROAD_ASSIGN(auto records, RecordsFrom(*run, static_cast<uint32_t>(from - run->first)));
    return SourceRun{from.value(), topic_, from, run->stored_at, std::move(records), run};
  }

  Journal& journal_;
  store::Store& store_;
  const std::shared_ptr<const std::string> topic_;
  TopicId id_;  // as last seen
};

class FeedSource final : public EventSource {
 public:
  FeedSource(Journal& journal, store::Store& store, TopicSelector topics)
      : journal_(journal), store_(store), topics_(std::move(topics)) {}

  Result<Fetched> Fetch(uint64_t from, size_t max_bytes) override {
    Fetched fetched{.next = from};
    POSTROAD_ASSIGN(const journal::FeedRead read,
                    journal_.ReadFeed(FeedPosition(from), topics_, max_bytes));
    if (read.gap) fetched.lost += read.gap->second - read.gap->first;
    for (const journal::FeedRun& run : read.runs) {
      const uint64_t first = std::max(from, run.position.value());
      if (!run.run) {
        fetched.lost += run.position.value() + run.count - first;
        continue;
      }
      POSTROAD_ASSIGN(SourceRun source, Cut(run, first));
      fetched.runs.push_back(std::move(source));
    }
    fetched.next = std::max(from, read.next.value());
    return fetched;
  }

  Result<std::optional<SourceRun>> At(uint64_t sequence) override {
    POSTROAD_ASSIGN(const journal::FeedRead read,
                    journal_.ReadFeed(FeedPosition(sequence), topics_, kOneRunBytes));
    for (const journal::FeedRun& run : read.runs) {
      const uint64_t first = run.position.value();
      if (sequence < first || sequence >= first + run.count) continue;
      if (!run.run) return std::nullopt;
      POSTROAD_ASSIGN(SourceRun source, Cut(run, sequence));
      return source;
    }
    return std::nullopt;
  }

  journal::WaitPtr WaitBeyond(uint64_t from, Executor& executor, Task task) override {
    return journal_.WaitForFeed(FeedPosition(from), executor, std::move(task));
  }

  Result<uint64_t> End() override { return journal_.feed_end().value(); }

  Result<uint64_t> StartAt(Start start, Timestamp time, Offset) override {
    if (start == Start::kEnd) return journal_.feed_end().value();
    if (start == Start::kTime) {
      POSTROAD_ASSIGN(const FeedPosition at, store_.PositionAtTime(time));
      return at.value();
    }
    POSTROAD_ASSIGN(const store::FeedBounds bounds, store_.ReadFeedBounds());
    return bounds.first.value();
  }

  // The feed is in the order of time, and the run says when it was stored.
  Result<std::optional<uint64_t>> SequenceOf(std::string_view topic, Offset offset) override {
    POSTROAD_ASSIGN(const store::TopicInfo info, journal_.FindTopic(topic));
    POSTROAD_ASSIGN(const store::RunPtr run, store_.ReadRunAt(info.id, offset));
    if (offset >= run->end()) return std::nullopt;
    POSTROAD_ASSIGN(FeedPosition at, store_.PositionAtTime(run->stored_at));
    constexpr size_t kEntries = 1000;
    while (true) {
      POSTROAD_ASSIGN(const auto entries, store_.ReadFeed(at, kEntries));
      for (const store::FeedEntry& entry : entries) {
        if (entry.stored_at > run->stored_at) return std::nullopt;
        if (entry.topic == info.id && entry.first <= offset && offset < entry.first + entry.count) {
          return entry.position.value() + (offset - entry.first);
        }
      }
      if (entries.empty()) return std::nullopt;
      at = entries.back().position + entries.back().count;
    }
  }

 private:
  static Result<SourceRun> Cut(const journal::FeedRun& run, uint64_t from) {
    const auto skip = static_cast<uint32_t>(from - run.position.value());
    const auto in_run = static_cast<uint32_t>(run.first - run.run->first) + skip;
    POSTROAD_ASSIGN(auto records, RecordsFrom(*run.run, in_run));
    records.resize(std::min<size_t>(records.size(), run.count - skip));
    return SourceRun{
        from, run.topic_name, run.first + skip, run.run->stored_at, std::move(records), run.run};
  }

  Journal& journal_;
  store::Store& store_;
  const TopicSelector topics_;
};

}  // namespace

Result<const SourceRun*> EventFinder::Find(uint64_t sequence) {
  if (!last_ || sequence < last_->first || sequence >= last_->end()) {
    POSTROAD_ASSIGN(last_, source_.At(sequence));
  }
  return last_ ? &*last_ : nullptr;
}

std::unique_ptr<EventSource> MakeEventSource(journal::Journal& journal, store::Store& store,
                                             const TopicSelector& topics) {
  const std::string_view single = topics.SingleTopic();
  if (!single.empty()) return std::make_unique<TopicSource>(journal, store, single);
  return std::make_unique<FeedSource>(journal, store, topics);
}

}  // namespace postroad::delivery
