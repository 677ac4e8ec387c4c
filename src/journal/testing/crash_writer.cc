// A process for crash_test.cc to kill: posts to a journal for ever, and says on standard output
// what was acknowledged ("a <topic> <offset> <id>") and what its readers saw ("r <topic> <offset>
// <id>"), a line each. A line is written whole before anything else happens.
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/event.h"
#include "journal/journal.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "store/rocks/rocks_store.h"

namespace {

using namespace postroad;

constexpr int kTopics = 5;

std::string TopicName(int index) { return "topic/" + std::to_string(index); }

void Say(const std::string& lines) {
  if (write(STDOUT_FILENO, lines.data(), lines.size()) != static_cast<ssize_t>(lines.size())) {
    std::_Exit(1);
  }
}

std::string Line(char kind, const std::string& topic, Offset offset, std::string_view id) {
  return std::string(1, kind) + " " + topic + " " + std::to_string(offset.value()) + " " +
         std::string(id) + "\n";
}

// Posts batches of one to five events with ids "<round>-<thread>-<n>", two batches in flight.
void Post(journal::Journal& journal, const std::string& round, int thread) {
  std::mutex mutex;
  std::condition_variable room;
  int in_flight = 0;
  for (uint64_t n = 0;;) {
    journal::Chunk chunk{
        .topic = TopicName(static_cast<int>((n + static_cast<uint64_t>(thread)) % kTopics))};
    std::vector<std::string> ids;
    for (uint64_t i = 0; i <= n % 5; ++i) {
      ids.push_back(round + "-" + std::to_string(thread) + "-" + std::to_string(n) + "-" +
                    std::to_string(i));
      const Event event{.id = ids.back(), .payload = std::string(n % 700, 'x')};
      AppendToBody(ViewOf(event), chunk.body);
      chunk.fingerprints.push_back(EventFingerprint(chunk.topic, ids.back()));
      ++chunk.count;
    }
    ++n;
    {
      std::unique_lock lock(mutex);
      room.wait(lock, [&] { return in_flight < 2; });
      ++in_flight;
    }
    const std::string topic = chunk.topic;
    journal::Batch batch;
    batch.chunks.push_back(std::move(chunk));
    journal.Post(std::move(batch), [&, topic, ids](Result<journal::BatchResult> result) {
      if (!result) std::_Exit(1);
      std::string lines;
      for (size_t i = 0; i < ids.size(); ++i) {
        lines += Line('a', topic, result->chunks[0].first + i, ids[i]);
      }
      Say(lines);
      std::lock_guard lock(mutex);
      --in_flight;
      room.notify_one();
    });
  }
}

// Reads a topic from its end on.
class Reader {
 public:
  Reader(journal::Journal& journal, Executor& executor, std::string topic)
      : journal_(journal), executor_(executor), topic_(std::move(topic)) {
    if (const auto info = journal_.FindTopic(topic_)) next_ = info->next;
    executor_.Post([this] { Step(); });
  }

 private:
  void Step() {
    while (const auto info = journal_.FindTopic(topic_)) {
      const auto read = journal_.ReadTopic(info->id, next_, 100'000);
      if (!read) std::_Exit(1);
      if (read->runs.empty()) break;
      std::string lines;
      for (const auto& run : read->runs) {
        BodyReader reader(run->body);
        for (Offset offset = run->first; const auto record = reader.Next(); ++offset) {
          EventView event;
          if (!ParseRecord(*record, event)) std::_Exit(1);
          if (offset >= next_) lines += Line('r', topic_, offset, event.id);
        }
      }
      Say(lines);
      next_ = read->next;
    }
    wait_ = journal_.WaitForTopic(topic_, TopicId(), next_, executor_, [this] { Step(); });
  }

  journal::Journal& journal_;
  Executor& executor_;
  const std::string topic_;
  Offset next_;
  journal::WaitPtr wait_;
};

}  // namespace

// crash_writer <store folder> <round>
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto store = store::OpenRocksStore({.directory = argv[1], .write_buffer_bytes = 4 << 20});
  if (!store) return 1;
  Metrics metrics;
  CorePool pool(2);
  journal::JournalOptions options;
  options.dedup_memory_bytes = 16'384;  // so that it seals now and then
  options.hot_tail_bytes = 200'000;
  auto journal = journal::Journal::Open(**store, options, SystemClock(), pool.at(0), metrics);
  if (!journal) return 1;
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < kTopics; ++i) {
    readers.push_back(std::make_unique<Reader>(**journal, pool.at(1), TopicName(i)));
  }
  std::vector<std::thread> posters;
  for (int i = 0; i < 3; ++i) {
    posters.emplace_back([&, i] { Post(**journal, argv[2], i); });
  }
  for (std::thread& poster : posters) poster.join();
  return 0;
}
