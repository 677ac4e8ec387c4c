// What the embedded store makes of a machine: bare RocksDB and the store side by side, in turns
// within one run, so that the ratios mean something on a noisy machine.
//
//   store_bench [--events N] [--start-events N] [--folder DIR]
#include <rocksdb/db.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "store/rocks/rocks_store.h"

namespace postroad::store {
namespace {

constexpr size_t kEventBytes = 256;

struct Settings {
  uint64_t events = 2'000'000;
  uint64_t start_events = 10'000'000;
  std::string folder = "/tmp/postroad-store-bench";
};

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "store_bench: %s\n", what.c_str());
  std::exit(1);
}

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Half of it random, as events are: neither all alike nor incompressible.
std::string MakeBody(size_t events) {
  std::mt19937_64 random(events);
  std::string body;
  while (body.size() < events * kEventBytes) {
    PutBig64(body, random());
    body += "\"orderId\"";
    body.resize(body.size() - 1);
  }
  body.resize(events * kEventBytes);
  return body;
}

std::unique_ptr<Store> OpenBench(const std::string& folder) {
  auto store = OpenRocksStore({.directory = folder});
  if (!store) Die(store.error().ToString());
  return *std::move(store);
}

std::unique_ptr<rocksdb::DB> OpenBare(const std::string& folder) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  rocksdb::DB* db = nullptr;
  if (!rocksdb::DB::Open(options, folder, &db).ok()) Die("cannot open bare RocksDB");
  return std::unique_ptr<rocksdb::DB>(db);
}

Timestamp Now() { return std::chrono::system_clock::now(); }

void MustAppend(Store& store, const std::vector<RunToAppend>& runs) {
  const auto placed = store.Append({.runs = runs});
  if (!placed) Die(placed.error().ToString());
}

// The group as runs of at most kMaxRunBytes.
std::vector<RunToAppend> Runs(std::string_view topic, std::string_view body) {
  std::vector<RunToAppend> runs;
  for (; !body.empty(); body.remove_prefix(runs.back().body.size())) {
    const std::string_view part = body.substr(0, kMaxRunBytes);
    runs.push_back({topic, static_cast<uint32_t>(part.size() / kEventBytes), part, Now()});
  }
  return runs;
}

double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// Work done in turns with that of another Rate.
struct Rate {
  double events = 0, seconds = 0, cpu_seconds = 0;

  void Turn(uint64_t turn_events, const std::function<void()>& work) {
    const double cpu = CpuSeconds();
    seconds += Seconds(work);
    cpu_seconds += CpuSeconds() - cpu;
    events += static_cast<double>(turn_events);
  }
};

// `base`: what the rate is a ratio of, or null if it is the base itself.
void Line(const std::string& what, const Rate& rate, const Rate* base) {
  const double per_second = rate.events / rate.seconds;
  std::printf("%-54s %11.0f/s %7.2f µs of CPU", what.c_str(), per_second,
              rate.cpu_seconds / rate.events * 1e6);
  if (base != nullptr)
    std::printf("  %5.2f of the base", per_second * base->seconds / base->events);
  std::printf("\n");
  std::fflush(stdout);
}

// Bare RocksDB (one value a group) and the store, in turns of a tenth each.
void BenchOneTopic(const Settings& settings, size_t group) {
  const auto bare = OpenBare(settings.folder + "/bare" + std::to_string(group));
  const auto store = OpenBench(settings.folder + "/store" + std::to_string(group));
  const std::string body = MakeBody(group);
  Rate of_bare, of_store;
  uint64_t next = 0;
  for (int turn = 0; turn < 10; ++turn) {
    const uint64_t groups = settings.events / group / 10;
    of_bare.Turn(groups * group, [&] {
      for (uint64_t i = 0; i < groups; ++i) {
        std::string key;
        PutBig64(key, next++);
        rocksdb::WriteOptions write;
        write.sync = true;
        if (!bare->Put(write, key, body).ok()) Die("bare RocksDB cannot put");
      }
    });
    of_store.Turn(groups * group, [&] {
      for (uint64_t i = 0; i < groups; ++i) MustAppend(*store, Runs("orders", body));
    });
  }
  const std::string size = std::to_string(group);
  Line("bare RocksDB, synced, groups of " + size, of_bare, nullptr);
  Line("store, one topic, synced, groups of " + size, of_store, &of_bare);
}

// Groups of posts: to one topic as one run, each to a new topic, each to a topic posted to before.
void BenchManyTopics(const Settings& settings, size_t group) {
  const auto store = OpenBench(settings.folder + "/topics" + std::to_string(group));
  const std::string body = MakeBody(group);
  const std::string event = MakeBody(1);
  const uint64_t turn_groups = std::min<uint64_t>(settings.events, 1'000'000) / group / 10;
  Rate one, fresh, old;
  std::vector<std::string> names(group);
  const auto to_topics = [&](uint64_t first) {
    std::vector<RunToAppend> runs;
    for (size_t i = 0; i < group; ++i) {
      // As ids of users are: in no order.
      names[i] = "user/" + std::to_string((first + i) * 2654435761 % 4294967296) + "/inbox";
      runs.push_back({names[i], 1, event, Now()});
    }
    MustAppend(*store, runs);
  };
  for (uint64_t turn = 0; turn < 10; ++turn) {
    const uint64_t first = turn * turn_groups;
    one.Turn(turn_groups * group, [&] {
      for (uint64_t g = 0; g < turn_groups; ++g) MustAppend(*store, Runs("orders", body));
    });
    fresh.Turn(turn_groups * group, [&] {
      for (uint64_t g = 0; g < turn_groups; ++g) to_topics((first + g) * group);
    });
  }
  for (uint64_t turn = 0; turn < 3; ++turn) {
    old.Turn(turn_groups * group, [&] {
      for (uint64_t g = 0; g < turn_groups; ++g) to_topics((turn * 3 * turn_groups + g) * group);
    });
  }
  const std::string groups = "store, synced groups of " + std::to_string(group);
  Line(groups + " to one topic", one, nullptr);
  Line(groups + ", each event to a new topic", fresh, &one);
  Line(groups + ", each to one of a million topics", old, &one);
}

void BenchReads(const Settings& settings) {
  const auto store = OpenBench(settings.folder + "/store1000");
  const auto topic = store->FindTopic("orders");
  if (!topic) Die(topic.error().ToString());
  uint64_t events = 0;
  Rate reading;
  reading.Turn(topic->next - topic->first, [&] {
    for (Offset at = topic->first; at < topic->next;) {
      const auto runs = store->ReadRuns(topic->id, at, 1 << 20);
      if (!runs || runs->empty()) Die("cannot read");
      for (const RunPtr& run : *runs) events += run->count;
      at = runs->back()->end();
    }
  });
  if (events != topic->next - topic->first) Die("events are missing");
  Line("store, reading a topic's history", reading, nullptr);
  constexpr int kSeeks = 200;
  const double seeks = Seconds([&] {
    for (int i = 0; i < kSeeks; ++i) {
      if (!store->OffsetAtTime(topic->id, topic->created + std::chrono::milliseconds(i)))
        Die("time");
      if (!store->PositionAtTime(topic->created + std::chrono::milliseconds(i))) Die("time");
    }
  });
  std::printf("%-54s %12.0f µs each\n", "store, from a time to an offset and to a position",
              seeks / kSeeks / 2 * 1e6);
}

uint64_t ResidentKib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6));
  }
  return 0;
}

// In a process of its own, which is killed in the middle of its last appends.
void FillAndBeKilled(const Settings& settings) {
  const auto store = OpenBench(settings.folder + "/start");
  const std::string body = MakeBody(1000);
  for (uint64_t i = 0; i < settings.start_events; i += 1000) {
    MustAppend(*store, Runs("orders/" + std::to_string(i / 1000 % 10), body));
  }
  kill(getpid(), SIGKILL);
}

void BenchStart(const Settings& settings) {
  const pid_t child = fork();
  if (child == 0) FillAndBeKilled(settings);
  waitpid(child, nullptr, 0);
  std::unique_ptr<Store> store;
  const uint64_t before = ResidentKib();
  const double seconds = Seconds([&] { store = OpenBench(settings.folder + "/start"); });
  const auto bounds = store->ReadFeedBounds();
  std::printf(
      "%-54s %12.2f s\n",
      ("start after kill -9 with " + std::to_string(bounds->next.value()) + " events").c_str(),
      seconds);
  std::printf("%-54s %12llu KiB (%llu KiB before)\n", "resident memory after that start",
              static_cast<unsigned long long>(ResidentKib()),
              static_cast<unsigned long long>(before));
  store.reset();
  const double again = Seconds([&] { store = OpenBench(settings.folder + "/start"); });
  std::printf("%-54s %12.2f s\n", "start after a clean stop", again);
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--events")
      settings.events = std::strtoull(argv[i + 1], nullptr, 10);
    else if (name == "--start-events")
      settings.start_events = std::strtoull(argv[i + 1], nullptr, 10);
    else if (name == "--folder")
      settings.folder = argv[i + 1];
    else
      Die("unknown option " + name);
  }
  return settings;
}

}  // namespace
}  // namespace postroad::store

int main(int argc, char** argv) {
  using namespace postroad::store;
  const Settings settings = Parse(argc, argv);
  std::filesystem::remove_all(settings.folder);
  std::filesystem::create_directories(settings.folder);
  if (settings.start_events > 0) BenchStart(settings);
  if (settings.events > 0) {
    BenchOneTopic(settings, 1000);
    BenchOneTopic(settings, 100);
    BenchManyTopics(settings, 100);
    BenchManyTopics(settings, 1000);
    BenchReads(settings);
  }
  std::filesystem::remove_all(settings.folder);
  return 0;
}
