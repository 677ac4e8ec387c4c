#include "cli/bench/bare.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "core/event.h"
#include "core/uuid.h"
#include "store/rocks/rocks_store.h"

namespace postroad::cli::bench {
namespace {

constexpr const char* kTopic = "bench";
constexpr size_t kSyncBytes = 512;

double PerSecond(uint64_t count, MonotonicTime since) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - since;
  return static_cast<double>(count) / took.count();
}

// One group's events as runs of at most kMaxRunBytes.
struct Group {
  std::vector<std::string> bodies;
  std::vector<uint32_t> counts;

  void Fill(uint32_t events, const std::string& payload, Timestamp now) {
    bodies.clear();
    counts.clear();
    EventView event;
    std::string id;
    for (uint32_t i = 0; i < events; ++i) {
      id = NewUuidV7(now);
      event.id = id;
      event.payload = payload;
      event.time = now;
      if (bodies.empty() || bodies.back().size() + payload.size() + 128 > store::kMaxRunBytes) {
        bodies.emplace_back().reserve(store::kMaxRunBytes);
        counts.push_back(0);
      }
      AppendToBody(event, bodies.back());
      ++counts.back();
    }
  }
  std::vector<store::RunToAppend> Runs(Timestamp now) const {
    std::vector<store::RunToAppend> runs;
    for (size_t i = 0; i < bodies.size(); ++i) runs.push_back({kTopic, counts[i], bodies[i], now});
    return runs;
  }
};

}  // namespace

Result<double> BareAppend(const std::string& directory, uint64_t events, uint32_t group) {
  POSTROAD_ASSIGN(const auto store, store::OpenRocksStore({.directory = directory}));
  const std::string payload(kPayloadBytes, 'x');
  Group bodies;
  const MonotonicTime start = std::chrono::steady_clock::now();
  uint64_t done = 0;
  while (done < events) {
    const Timestamp now = std::chrono::system_clock::now();
    bodies.Fill(group, payload, now);
    const auto runs = bodies.Runs(now);
    POSTROAD_TRY(store->Append({.runs = runs, .sync = true}));
    done += group;
  }
  return PerSecond(done, start);
}

Result<double> BareScan(const std::string& directory) {
  POSTROAD_ASSIGN(const auto store, store::OpenRocksStore({.directory = directory}));
  POSTROAD_ASSIGN(const store::TopicInfo topic, store->FindTopic(kTopic));
  const MonotonicTime start = std::chrono::steady_clock::now();
  uint64_t seen = 0;
  EventView event;
  for (Offset at = topic.first; at < topic.next;) {
    POSTROAD_ASSIGN(const auto runs, store->ReadRuns(topic.id, at, 1 << 20));
    if (runs.empty()) break;
    for (const store::RunPtr& run : runs) {
      BodyReader records(run->body);
      while (const auto record = records.Next()) {
        POSTROAD_TRY(ParseRecord(*record, event));
        ++seen;
      }
      at = run->end();
    }
  }
  return PerSecond(seen, start);
}

Result<std::vector<Duration>> BareSync(const std::string& directory, uint32_t rate,
                                       Duration length) {
  const std::string path = directory + "/sync";
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Fail(ErrorCode::kUnavailable, path + ": " + std::strerror(errno));
  // As a log does it: the blocks are there before they are written.
  const double records = std::chrono::duration<double>(length).count() * rate;
  (void)fallocate(file, FALLOC_FL_KEEP_SIZE, 0, kSyncBytes * static_cast<off_t>(records + 1));
  std::string bytes;
  std::vector<Duration> took;
  const MonotonicTime start = std::chrono::steady_clock::now();
  const Duration step = std::chrono::nanoseconds(1'000'000'000 / rate);
  for (MonotonicTime due = start; due < start + length;) {
    std::this_thread::sleep_until(due);
    const MonotonicTime first = due, now = std::chrono::steady_clock::now();
    for (bytes.clear(); due <= now && due < start + length; due += step)
      bytes.append(kSyncBytes, 'x');
    if (write(file, bytes.data(), bytes.size()) < 0 || fdatasync(file) != 0) break;
    const MonotonicTime done = std::chrono::steady_clock::now();
    for (MonotonicTime at = first; at < due; at += step) took.push_back(done - at);
  }
  close(file);
  if (took.empty()) return Fail(ErrorCode::kUnavailable, "cannot sync " + path);
  return took;
}

Duration Quantile(std::vector<Duration> values, double part) {
  if (values.empty()) return Duration::zero();
  const size_t at = std::min(values.size() - 1, static_cast<size_t>(part * double(values.size())));
  std::ranges::nth_element(values, values.begin() + static_cast<ptrdiff_t>(at));
  return values[at];
}

}  // namespace postroad::cli::bench
