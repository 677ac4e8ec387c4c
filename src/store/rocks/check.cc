// `postroad store check`: reads everything, and says what does not agree.
#include <filesystem>

#include "store/rocks/directory_lock.h"
#include "store/rocks/engine.h"
#include "store/rocks/format_file.h"
#include "store/rocks/formats.h"
#include "store/rocks/log_recovery.h"
#include "store/rocks/topic_runs.h"

namespace postroad::store {
namespace {

constexpr size_t kMaxProblems = 100;

class Checker {
 public:
  Checker(Engine& engine, CheckReport& report) : engine_(engine), report_(report) {}

  void Run() {
    if (const auto status = engine_.db().VerifyChecksum(); !status.ok()) {
      Problem("a file fails its checksums: " + status.ToString());
    }
    CheckTopics();
    CheckRuns();
    CheckFeed();
  }

 private:
  void Problem(std::string text) {
    if (report_.problems.size() < kMaxProblems) {
      report_.problems.push_back(std::move(text));
    } else if (report_.problems.size() == kMaxProblems) {
      report_.problems.push_back("… and more");
    }
  }

  void CheckEnd(const rocksdb::Iterator& at, const std::string& what) {
    if (!at.status().ok()) Problem(what + " cannot be read on: " + at.status().ToString());
  }

  void CheckTopics() {
    const auto at = engine_.Iterate(Family::kTopics);
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      ++report_.topics;
      if (!ParseTopicValue(ToView(at->value()))) {
        Problem("the entry of topic " + at->key().ToString() + " is malformed");
      }
    }
    CheckEnd(*at, "the list of topics");
  }

  std::optional<TrimValue> Trim(TopicId topic) {
    rocksdb::PinnableSlice value;
    const auto found = engine_.Get(Family::kTrims, NumberKey(topic.value()), value);
    if (!found) Problem(found.error().message);
    if (!found || !*found) return std::nullopt;
    return ParseTrimValue(ToView(value));
  }

  // Whether `name` is the topic with this id.
  bool IsTopic(std::string_view name, TopicId id) {
    rocksdb::PinnableSlice value;
    const auto found = engine_.Get(Family::kTopics, name, value);
    if (!found || !*found) return false;
    const auto topic = ParseTopicValue(ToView(value));
    return topic && topic->id == id;
  }

  void CheckRuns() {
    const auto at = engine_.Iterate(Family::kRuns);
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      ++report_.runs;
      const auto place = ParseRunKey(ToView(at->key()));
      const auto header = ParseRunHeader(ToView(at->value()));
      if (!place || !header) {
        Problem("a run's key or header is malformed: " + at->key().ToString(true));
        continue;
      }
      CheckRun(*place, *header, *at);
    }
    CheckEnd(*at, "the runs");
  }

  void CheckRun(const RunPlace& place, const RunHeader& header, const rocksdb::Iterator& at) {
    report_.events += header.count;
    const std::string where = "topic " + std::string(header.topic_name) + ", offset " +
                              std::to_string(place.first.value());
    if (!RunChecksumHolds(ToView(at.key()), ToView(at.value()))) {
      Problem(where + ": the run fails its checksum; its events are lost");
    }
    if (place.topic != topic_) {
      topic_ = place.topic;
      const auto trim = Trim(topic_);
      next_ = Offset(trim ? trim->first : 0);
      bytes_ = place.first == next_ ? header.bytes_before : 0;
      if (!IsTopic(header.topic_name, topic_)) Problem(where + ": no such topic is listed");
    }
    if (place.first != next_) {
      Problem(where + ": events are missing, from offset " + std::to_string(next_.value()));
    } else if (header.bytes_before != bytes_) {
      Problem(where + ": its count of bytes disagrees with the run before it");
    }
    next_ = place.first + header.count;
    bytes_ = header.bytes_before + at.value().size() - header.size;
  }

  void CheckFeed() {
    const auto trim = Trim(TopicId(0));
    FeedPosition next(trim ? trim->first : 0);
    const auto at = engine_.Iterate(Family::kFeed);
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      const FeedPosition position(ParseNumberKey(ToView(at->key())).value_or(0));
      const std::string where = "feed position " + std::to_string(position.value());
      if (position != next) {
        Problem(where + ": entries are missing, from " + std::to_string(next.value()));
      }
      std::vector<FeedEntry> entries;
      if (!ParseFeedValue(position, ToView(at->value()), entries) || entries.empty()) {
        Problem(where + " is malformed");
        next = position;
        continue;
      }
      for (const FeedEntry& entry : entries) CheckEntry(entry);
      next = entries.back().position + entries.back().count;
    }
    CheckEnd(*at, "the feed");
  }

  void CheckEntry(const FeedEntry& entry) {
    ++report_.feed_entries;
    rocksdb::PinnableSlice value;
    const auto found = engine_.Get(Family::kRuns, RunKey(entry.topic, entry.first), value);
    if (!found) return;  // told by CheckRuns
    const std::string where = "feed position " + std::to_string(entry.position.value()) +
                              " (topic " + entry.topic_name + ", offset " +
                              std::to_string(entry.first.value()) + ")";
    if (*found) {
      const auto header = ParseRunHeader(ToView(value));
      if (header && (header->count != entry.count || header->topic_name != entry.topic_name)) {
        Problem(where + " disagrees with the run it names");
      }
    } else if (const auto trim = Trim(entry.topic); IsTopic(entry.topic_name, entry.topic) &&
                                                    (!trim || trim->first <= entry.first.value())) {
      Problem(where + " names a run that is not there");
    }
  }

  Engine& engine_;
  CheckReport& report_;
  TopicId topic_;
  Offset next_;
  uint64_t bytes_ = 0;
};

}  // namespace

Result<CheckReport> CheckRocksStore(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return Fail(ErrorCode::kNotFound, "there is no folder " + directory);
  }
  POSTROAD_ASSIGN(const DirectoryLock lock, DirectoryLock::Take(directory));
  CheckReport report;
  const auto format = CheckFormatFile(directory);
  if (!format && format.error().code != ErrorCode::kDataLoss) return Fail(format.error());
  if (!format) {
    report.problems.push_back(format.error().message);
    return report;
  }
  if (!*format) return Fail(ErrorCode::kNotFound, "there is no store in " + directory);
  const RocksOptions options{.directory = directory};
  if (const auto log = CheckLog(options); !log) report.problems.push_back(log.error().message);
  const auto engine = Engine::Open(options, Engine::Mode::kReadOnly);
  if (!engine) {
    report.problems.push_back(engine.error().message);
    return report;
  }
  Checker(**engine, report).Run();
  return report;
}

}  // namespace postroad::store
