// A journal on a real store in a temporary folder, for tests of the journal and of what uses it.
#ifndef POSTROAD_JOURNAL_TESTING_H_
#define POSTROAD_JOURNAL_TESTING_H_

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/event.h"
#include "journal/journal.h"
#include "runtime/executor.h"
#include "runtime/manual_clock.h"
#include "runtime/metrics.h"
#include "store/rocks/rocks_store.h"

namespace postroad::journal {

// Whether `holds` comes true within a time that only a hang reaches.
inline bool Eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

struct TestEvent {
  std::string id;  // empty: none to be recognised by
  std::string payload = "payload";
};

inline Chunk MakeChunk(const std::string& topic, const std::vector<TestEvent>& events) {
  Chunk chunk{.topic = topic};
  for (const TestEvent& test : events) {
    Event event{.id = test.id, .payload = test.payload};
    AppendToBody(ViewOf(event), chunk.body);
    chunk.fingerprints.push_back(test.id.empty() ? 0 : EventFingerprint(topic, test.id));
    ++chunk.count;
  }
  return chunk;
}

// Posts, and waits for the completion.
inline Result<BatchResult> PostAndWait(Journal& journal, Batch batch) {
  auto promise = std::make_shared<std::promise<Result<BatchResult>>>();
  auto future = promise->get_future();
  journal.Post(std::move(batch),
               [promise](Result<BatchResult> result) { promise->set_value(std::move(result)); });
  if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
    return Fail(ErrorCode::kDeadlineExceeded, "The completion did not come.");
  }
  return future.get();
}

// Where a journal lives; reopened as often as a test likes.
class JournalHouse {
 public:
  explicit JournalHouse(JournalOptions options = {}) : options(std::move(options)) {
    std::string name = std::filesystem::temp_directory_path() / "postroad-journal-XXXXXX";
    directory_ = mkdtemp(name.data());
    Open();
  }
  ~JournalHouse() {
    Close();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  void Open() {
    OpenStore();
    if (!store) return;
    auto opened = Journal::Open(*store, options, clock, pool.at(0), metrics);
    ASSERT_TRUE(opened) << opened.error().ToString();
    journal = std::move(*opened);
  }
  void OpenStore() {
    auto opened = store::OpenRocksStore({.directory = directory_, .write_buffer_bytes = 8 << 20});
    ASSERT_TRUE(opened) << opened.error().ToString();
    store = std::move(*opened);
  }
  void Close() {
    journal.reset();
    store.reset();
  }
  void Reopen() {
    Close();
    Open();
  }

  Result<BatchResult> Post(const std::string& topic, const std::vector<TestEvent>& events) {
    Batch batch;
    batch.chunks.push_back(MakeChunk(topic, events));
    return PostAndWait(*journal, std::move(batch));
  }
  // The first chunk's result, of a post that has to work.
  ChunkResult MustPost(const std::string& topic, const std::vector<TestEvent>& events) {
    auto result = Post(topic, events);
    EXPECT_TRUE(result) << (result ? "" : result.error().ToString());
    return result && !result->chunks.empty() ? result->chunks[0] : ChunkResult();
  }
  // The ids (or, where those are empty, payloads) of a topic's events from `from` to its end.
  std::vector<std::string> Ids(const std::string& topic, Offset from = {}) {
    std::vector<std::string> ids;
    const auto info = journal->FindTopic(topic);
    if (!info) return ids;
    while (true) {
      const auto read = journal->ReadTopic(info->id, from, 1 << 20);
      EXPECT_TRUE(read) << (read ? "" : read.error().ToString());
      if (!read || read->runs.empty()) return ids;
      for (const RunPtr& run : read->runs) {
        BodyReader reader(run->body);
        for (Offset offset = run->first; const auto record = reader.Next(); ++offset) {
          EventView event;
          EXPECT_TRUE(ParseRecord(*record, event));
          if (offset >= from) ids.emplace_back(event.id.empty() ? event.payload : event.id);
        }
      }
      from = read->next;
    }
  }

  const std::string& directory() const { return directory_; }

  JournalOptions options;
  ManualClock clock;
  Metrics metrics;
  CorePool pool{1};
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Journal> journal;

 private:
  std::string directory_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_TESTING_H_
