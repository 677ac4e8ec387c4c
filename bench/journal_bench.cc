// How much of the bare store's speed posts through the journal keep: the same events, in the same
// runs and groups, appended by one thread to a bare store and posted by several through the
// journal, in turn within one run. Prints events per second and ratios; and how soon it is ready
// after a kill.
//
//   journal_bench [events, default 2000000] [payload bytes, default 200: 256 B records]
//   journal_bench open [events, default 10000000]     only how soon it is ready
//   journal_bench topics [events, default 400000]     only many topics of one event each, beside
//   one
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/event.h"
#include "core/uuid.h"
#include "journal/journal.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "store/rocks/rocks_store.h"

namespace {

using namespace postroad;

constexpr uint32_t kBatch = 100;

struct Options {
  uint64_t events = 2'000'000;
  size_t payload = 200;
  unsigned threads = 4;
  unsigned window = 8;  // batches in flight, each thread
};

// Where the events go.
enum class Topics { kOne, kOneAThread, kOneAnEvent };

struct Figures {
  double per_second = 0;
  double group_events = 0;
  double commit_cpu = 0;  // of the committing thread, in seconds an event
};

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

// A folder that is gone with the program.
class Folder {
 public:
  explicit Folder(const char* root) {
    std::string name = std::string(root).append("/postroad-bench-XXXXXX");
    if (mkdtemp(name.data()) == nullptr) std::exit(1);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::unique_ptr<store::Store> OpenStore(const std::string& path) {
  auto store = store::OpenRocksStore({.directory = path});
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().ToString().c_str());
    std::exit(1);
  }
  return std::move(*store);
}

journal::Chunk MakeChunk(const std::string& topic, const Options& options, bool with_ids,
                         uint32_t events) {
  journal::Chunk chunk{.topic = topic};
  const std::string payload(options.payload, 'x');
  for (uint32_t i = 0; i < events; ++i) {
    const Event event{.id = NewUuidV7(SystemClock().Now()), .payload = payload};
    AppendToBody(ViewOf(event), chunk.body);
    if (with_ids) chunk.fingerprints.push_back(EventFingerprint(topic, event.id));
    ++chunk.count;
  }
  return chunk;
}

// What the committing thread used of the processor so far. Unlike the time that passes, it changes
// little with what else runs on the machine.
double CommitCpuSeconds() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    if (name != "commit") continue;
    double nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    return nanoseconds / 1e9;
  }
  return 0;
}

// One thread, `group` events a commit in runs of at most 64 KiB.
Figures RunBare(const Options& options, const char* root, uint64_t group) {
  const Folder folder(root);
  const auto store = OpenStore(folder.path());
  const journal::Chunk chunk = MakeChunk("bench", options, false, kBatch);
  const uint64_t per_run = store::kMaxRunBytes / chunk.body.size();
  std::string body;
  for (uint64_t i = 0; i < per_run; ++i) body += chunk.body;
  std::vector<store::RunToAppend> runs;
  for (uint64_t events = 0; events < group; events += per_run * kBatch) {
    runs.push_back({"bench", static_cast<uint32_t>(per_run * kBatch), body, SystemClock().Now()});
  }
  const uint64_t in_group = runs.size() * per_run * kBatch;
  const auto begin = std::chrono::steady_clock::now();
  uint64_t done = 0;
  for (; done < options.events; done += in_group) {
    if (!store->Append({runs, {}, true})) std::exit(1);
  }
  return {static_cast<double>(done) / Seconds(begin), static_cast<double>(in_group)};
}

// Several threads, each with some batches in flight.
class Poster {
 public:
  Poster(journal::Journal& journal, const Options& options, const std::string& topic, bool with_ids,
         bool spread = false)
      : journal_(journal), options_(options) {
    for (uint64_t i = 0; i < options.events / options.threads / kBatch; ++i) {
      journal::Batch& batch = batches_.emplace_back();
      for (uint32_t j = 0; spread && j < kBatch; ++j) {
        const std::string name = topic + "/" + std::to_string(i * kBatch + j);
        batch.chunks.push_back(MakeChunk(name, options, with_ids, 1));
      }
      if (!spread) batch.chunks.push_back(MakeChunk(topic, options, with_ids, kBatch));
    }
  }
  void Run() {
    for (journal::Batch& batch : batches_) {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return in_flight_ < options_.window; });
      ++in_flight_;
      lock.unlock();
      journal_.Post(std::move(batch), [this](Result<journal::BatchResult> result) {
        if (!result) std::exit(1);
        std::lock_guard guard(mutex_);
        --in_flight_;
        room_.notify_one();
      });
    }
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return in_flight_ == 0; });
  }

 private:
  journal::Journal& journal_;
  const Options& options_;
  std::vector<journal::Batch> batches_;
  std::mutex mutex_;
  std::condition_variable room_;
  unsigned in_flight_ = 0;
};

Figures RunJournal(const Options& options, const char* root, bool with_ids, Topics topics) {
  const Folder folder(root);
  const auto store = OpenStore(folder.path());
  Metrics metrics;
  CorePool pool(1);
  auto journal = journal::Journal::Open(*store, {}, SystemClock(), pool.at(0), metrics);
  if (!journal) std::exit(1);
  std::vector<std::unique_ptr<Poster>> posters;
  for (unsigned i = 0; i < options.threads; ++i) {
    posters.push_back(std::make_unique<Poster>(
        **journal, options, topics == Topics::kOne ? "bench" : "bench/" + std::to_string(i),
        with_ids, topics == Topics::kOneAnEvent));
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (auto& poster : posters) threads.emplace_back([&] { poster->Run(); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = Seconds(begin), cpu = CommitCpuSeconds();
  posters.clear();
  const auto events = static_cast<double>((*journal)->feed_end().value());
  const double commits =
      metrics.GetCounter("postroad_journal_commits_total", "Group commits.").Value();
  return {events / seconds, events / commits, cpu / events};
}

// Many topics of one event each, beside as many events of one topic.
void RunTopics(const Options& options, const char* root) {
  const Figures one = RunJournal(options, root, true, Topics::kOne);
  const Figures many = RunJournal(options, root, true, Topics::kOneAnEvent);
  std::printf("%-30s %9.0f/s in groups of %5.0f, committing thread %5.2f µs an event\n",
              "journal, one topic", one.per_second, one.group_events, one.commit_cpu * 1e6);
  std::printf("%-30s %9.0f/s in groups of %5.0f, committing thread %5.2f µs an event; %.2f\n",
              "journal, a topic an event", many.per_second, many.group_events,
              many.commit_cpu * 1e6, many.per_second / one.per_second);
  std::fflush(stdout);
}

// Posts to a store in `path`, and kills this process.
[[noreturn]] void FillAndDie(const Options& options, const std::string& path) {
  const auto store = OpenStore(path);
  Metrics metrics;
  CorePool pool(1);
  auto journal = journal::Journal::Open(*store, {}, SystemClock(), pool.at(0), metrics);
  if (!journal) std::_Exit(1);
  Options piece = options;
  piece.threads = 1;
  piece.events = 100'000;
  for (uint64_t done = 0; done < options.events; done += piece.events) {
    Poster(**journal, piece, "bench", true).Run();
  }
  kill(getpid(), SIGKILL);
  std::abort();
}

// How long opening takes after a kill: the store's recovery and the journal's.
void RunOpen(const Options& options, const char* root) {
  const Folder folder(root);
  std::string self = "/proc/self/exe";
  std::string events = std::to_string(options.events);
  std::string payload = std::to_string(options.payload);
  std::string path = folder.path();
  char* const arguments[] = {self.data(), events.data(), payload.data(), path.data(), nullptr};
  pid_t child = 0;
  int status = 0;
  // A program of its own, since RocksDB's threads do not live on in a fork.
  if (posix_spawn(&child, self.c_str(), nullptr, nullptr, arguments, environ) != 0 ||
      waitpid(child, &status, 0) != child || !WIFSIGNALED(status)) {
    std::exit(1);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto store = OpenStore(folder.path());
  const double store_seconds = Seconds(begin);
  Metrics metrics;
  CorePool pool(1);
  auto journal = journal::Journal::Open(*store, {}, SystemClock(), pool.at(0), metrics);
  if (!journal) std::exit(1);
  std::printf("ready %.2f s after a kill with %llu events stored (%.2f s of it the store)\n",
              Seconds(begin), static_cast<unsigned long long>((*journal)->feed_end().value()),
              store_seconds);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const char* const root = std::getenv("TMPDIR") != nullptr ? std::getenv("TMPDIR") : "/tmp";
  if (argc > 1 && std::string(argv[1]) == "open") {
    options.events = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10'000'000;
    RunOpen(options, root);
    return 0;
  }
  if (argc > 1 && std::string(argv[1]) == "topics") {
    options.events = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 400'000;
    RunTopics(options, root);
    return 0;
  }
  if (argc > 1) options.events = std::strtoull(argv[1], nullptr, 10);
  if (argc > 2) options.payload = std::strtoull(argv[2], nullptr, 10);
  if (argc > 3) FillAndDie(options, argv[3]);
  std::printf("%llu events of %zu B payload, batches of %u, %u threads with %u in flight\n",
              static_cast<unsigned long long>(options.events), options.payload, kBatch,
              options.threads, options.window);
  struct Case {
    const char* name;
    bool with_ids;
    Topics topics;
  };
  for (const Case& c :
       {Case{"journal, one topic", false, Topics::kOne},
        Case{"journal, one topic, ids recognised", true, Topics::kOne},
        Case{"journal, a topic a thread, ids recognised", true, Topics::kOneAThread}}) {
    const Figures posted = RunJournal(options, root, c.with_ids, c.topics);
    const Figures bare = RunBare(options, root, static_cast<uint64_t>(posted.group_events));
    std::printf("%-44s %9.0f/s in groups of %5.0f; bare store %9.0f/s in groups of %5.0f; %.2f\n",
                c.name, posted.per_second, posted.group_events, bare.per_second, bare.group_events,
                posted.per_second / bare.per_second);
    std::fflush(stdout);
  }
  RunTopics(options, root);
  RunOpen(options, root);
  return 0;
}
