#include "journal/reader.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace postroad::journal {
namespace {

// Of the feed looked at in one step, and in one call (a reader of few topics among many passes over
// the others, but gives its thread back now and then).
constexpr size_t kEntriesPerStep = 128;
constexpr size_t kEntriesPerRead = 16'384;

std::unexpected<Error> Beyond(uint64_t from, uint64_t end) {
  return Fail(ErrorCode::kOutOfRange, "Nothing is there yet to read from " + std::to_string(from) +
                                          "; the end is " + std::to_string(end) + ".");
}

}  // namespace

Result<TopicRead> Reader::ReadTopic(TopicId topic, Offset from, size_t max_bytes) {
  auto part = tail_.ReadTopic(topic, from, max_bytes);
  // Beyond what is in memory: maybe read from the store just before it was published here.
  if (!part || !part->covers || from > part->next) return ReadTopicCold(topic, from, max_bytes);
  metrics_.tail_hits.Add();
  const Offset next = part->runs.empty() ? from : part->runs.back()->end();
  return TopicRead{topic, std::nullopt, std::move(part->runs), next, next == part->next};
}

Result<TopicRead> Reader::ReadTopicCold(TopicId topic, Offset from, size_t max_bytes) {
  metrics_.tail_misses.Add();
  TopicRead read{.topic = topic, .next = from};
  while (true) {
    POSTROAD_ASSIGN(read.runs, store_.ReadRuns(topic, from, max_bytes));
    if (!read.runs.empty()) {
      if (read.runs.front()->first > from) read.gap.emplace(from, read.runs.front()->first);
      read.next = read.runs.back()->end();
      return read;
    }
    POSTROAD_ASSIGN(const store::TopicInfo info, store_.FindTopicById(topic));
    if (from > info.next) return Beyond(from.value(), info.next.value());
    if (from == info.next) return read;
    if (info.first == info.next) {
      read.gap.emplace(from, info.next);
      read.next = info.next;
      return read;
    }
    // It grew between the two looks.
  }
}

// The runs that cold entries of the feed name, read ahead where one topic's follow each other.
class Reader::ColdRuns {
 public:
  ColdRuns(store::Store& store, size_t max_bytes) : store_(store), ahead_bytes_(max_bytes) {}

  // The run of `entry`, null if it is gone.
  Result<RunPtr> Find(const FeedRun& entry, bool more_follow) {
    std::vector<RunPtr>& known = known_[entry.topic];
    auto it = std::ranges::find(known, entry.first, [](const RunPtr& run) { return run->first; });
    if (it == known.end()) {
      POSTROAD_ASSIGN(known,
                      store_.ReadRuns(entry.topic, entry.first, more_follow ? ahead_bytes_ : 1));
      for (const RunPtr& run : known) ahead_bytes_ -= std::min(ahead_bytes_, run->body.size());
      it = known.begin();
    }
    if (it == known.end() || (*it)->first != entry.first) return nullptr;
    RunPtr run = std::move(*it);
    known.erase(known.begin(), it + 1);
    return run;
  }

  // Whether the topic of a run that is gone is gone itself.
  Result<bool> Deleted(TopicId topic) {
    if (const auto it = deleted_.find(topic); it != deleted_.end()) return it->second;
    const auto info = store_.FindTopicById(topic);
    if (!info && info.error().code != ErrorCode::kNotFound) return Fail(info.error());
    return deleted_[topic] = !info;
  }

 private:
  store::Store& store_;
  size_t ahead_bytes_;
  std::unordered_map<TopicId, bool> deleted_;
  std::unordered_map<TopicId, std::vector<RunPtr>> known_;
};

Result<std::vector<Reader::Entry>> Reader::Entries(FeedPosition from, FeedPosition end) {
  std::vector<FeedRun> hot;
  std::vector<Entry> entries;
  if (tail_.ReadFeed(from, kEntriesPerStep, hot)) {
    metrics_.tail_hits.Add();
    for (FeedRun& run : hot) entries.push_back({std::move(run), false});
  } else {
    metrics_.tail_misses.Add();
    POSTROAD_ASSIGN(std::vector<store::FeedEntry> cold, store_.ReadFeed(from, kEntriesPerStep));
    std::shared_ptr<const std::string> name;
    for (store::FeedEntry& entry : cold) {
      if (!name || *name != entry.topic_name) {
        name = std::make_shared<const std::string>(std::move(entry.topic_name));
      }
      entries.push_back(
          {{entry.position, entry.topic, name, entry.first, entry.count, nullptr}, true});
    }
  }
  // What the store has and has not been published yet is not there for readers.
  std::erase_if(entries, [&](const Entry& entry) { return entry.feed.position >= end; });
  return entries;
}

Result<FeedRead> Reader::ReadFeed(FeedPosition from, const TopicSelector& selector,
                                  size_t max_bytes) {
  const FeedPosition end = tail_.feed_end();
  if (from > end) return Beyond(from.value(), end.value());
  FeedRead read{.next = from};
  ColdRuns cold(store_, max_bytes);
  size_t bytes = 0;
  for (size_t scanned = 0; read.next < end && bytes < max_bytes && scanned < kEntriesPerRead;) {
    POSTROAD_ASSIGN(std::vector<Entry> entries, Entries(read.next, end));
    const FeedPosition first = entries.empty() ? end : entries.front().feed.position;
    if (first > read.next) {
      // A gap comes before runs; behind them it is for the next call to tell.
      if (!read.runs.empty() || read.gap) break;
      read.gap.emplace(read.next, first);
      read.next = first;
    }
    scanned += entries.size();
    POSTROAD_ASSIGN(const bool full, Take(entries, selector, max_bytes, cold, read, bytes));
    if (full) break;
  }
  read.at_end = read.next == end;
  return read;
}

Result<bool> Reader::Take(std::vector<Entry>& entries, const TopicSelector& selector,
                          size_t max_bytes, ColdRuns& cold, FeedRead& read, size_t& bytes) {
  for (size_t i = 0; i < entries.size(); ++i) {
    FeedRun& feed = entries[i].feed;
    const FeedPosition next = feed.position + feed.count;
    if (next <= read.next)
      continue;  // the store gives whole commits: runs before what was asked for
    if (selector.Matches(*feed.topic_name)) {
      if (entries[i].cold) {
        const bool more = i + 1 < entries.size() && entries[i + 1].feed.topic == feed.topic;
        POSTROAD_ASSIGN(feed.run, cold.Find(feed, more));
      }
      if (!feed.run) {
        POSTROAD_ASSIGN(feed.topic_deleted, cold.Deleted(feed.topic));
      }
      const size_t size = feed.run ? feed.run->body.size() : 0;
      if (!read.runs.empty() && bytes + size > max_bytes) return true;
      bytes += size;
      read.runs.push_back(std::move(feed));
    }
    read.next = next;
  }
  return false;
}

}  // namespace postroad::journal
