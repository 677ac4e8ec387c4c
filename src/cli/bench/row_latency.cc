// Latencies at 1,000 posts a second.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include "cli/bench/bare.h"
#include "cli/bench/rows.h"

namespace postroad::cli::bench {
namespace {

constexpr uint32_t kRate = 1000;
// Ours and bare by turns this often a round, since a disk that others use too has bad moments.
constexpr int kTurns = 5;

// When each post was sent, acknowledged and delivered; by its number.
struct Trace {
  explicit Trace(size_t events) : sent(events), acked(events), delivered(events) {}
  std::vector<MonotonicTime> sent, acked, delivered;
  std::atomic<size_t> acks = 0, deliveries = 0;
  std::atomic<bool> failed = false;
};

// Sends at a steady rate, one event each millisecond, whatever the answers do.
Status SendPaced(Publisher& publisher, const std::string& topic, Trace& trace) {
  std::string payload(kPayloadBytes, 'x');
  const MonotonicTime start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < trace.sent.size(); ++i) {
    std::this_thread::sleep_until(start + i * std::chrono::nanoseconds(1'000'000'000 / kRate));
    const std::string number = std::to_string(i) + " ";
    payload.replace(0, number.size(), number);
    trace.sent[i] = std::chrono::steady_clock::now();
    POSTROAD_TRY(publisher.PostAsync(Event{.topic = topic, .payload = payload},
                                     [&trace, i](const auto& answer) {
                                       trace.acked[i] = std::chrono::steady_clock::now();
                                       if (!answer) trace.failed = true;
                                       ++trace.acks;
                                     }));
  }
  POSTROAD_TRY(publisher.Flush());
  if (trace.failed) return Fail(ErrorCode::kUnavailable, "a post failed");
  return {};
}

std::vector<Duration> Between(const std::vector<MonotonicTime>& from,
                              const std::vector<MonotonicTime>& to) {
  std::vector<Duration> all;
  for (size_t i = 0; i < from.size(); ++i)
    all.push_back(std::max(to[i] - from[i], Duration::zero()));
  return all;
}

size_t EventsIn(Duration length) {
  return static_cast<size_t>(std::chrono::duration<double>(length).count() * kRate);
}

}  // namespace

Result<Measured> PostLatency(Bench& bench) {
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  POSTROAD_ASSIGN(const auto publisher, Publisher::Create(client, {.linger = Duration::zero()}));
  const std::string topic = bench.Unique("latency"), folder = bench.Folder("sync");
  std::filesystem::create_directories(folder);
  POSTROAD_ASSIGN(const PostResult connected, publisher->Post(Event{.topic = topic}));
  (void)connected;
  const Duration length = bench.sizes().length / kTurns;
  std::vector<Duration> ours, bare;
  for (int turn = 0; turn < bench.sizes().rounds * kTurns; ++turn) {
    POSTROAD_ASSIGN(const auto syncs, BareSync(folder, kRate, length));
    bare.insert(bare.end(), syncs.begin(), syncs.end());
    Trace trace(EventsIn(length));
    POSTROAD_TRY(SendPaced(*publisher, topic, trace));
    const auto latencies = Between(trace.sent, trace.acked);
    ours.insert(ours.end(), latencies.begin(), latencies.end());
  }
  const Duration mine = Quantile(ours, 0.99), sync = Quantile(bare, 0.99);
  return Measured{"p99 " + Millis(mine) + " (p50 " + Millis(Quantile(ours, 0.5)) + ")",
                  "fdatasync p99 " + Millis(sync) + " (p50 " + Millis(Quantile(bare, 0.5)) + ")",
                  Ratio(double(mine.count()), double(sync.count())), "at most 4 times bare",
                  mine <= 4 * sync};
}

Result<Measured> DeliveryLatency(Bench& bench) {
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  const std::string topic = bench.Unique("delivery");
  Trace trace(EventsIn(bench.sizes().length) * static_cast<size_t>(bench.sizes().rounds));
  std::atomic<bool> ready = false;
  POSTROAD_ASSIGN(
      const auto reader,
      Reader::Start(client, {.topics = {topic},
                             .on_event = [&](const ReadEvent& event) -> Status {
                               const std::string number(event.event().payload.substr(0, 20));
                               trace.delivered[std::stoul(number)] =
                                   std::chrono::steady_clock::now();
                               ++trace.deliveries;
                               trace.deliveries.notify_all();
                               return {};
                             },
                             .on_notice =
                                 [&](const ReadNotice& notice) {
                                   if (std::holds_alternative<CaughtUpNotice>(notice)) ready = true;
                                   ready.notify_all();
                                 }}));
  ready.wait(false);
  POSTROAD_ASSIGN(const auto publisher, Publisher::Create(client, {.linger = Duration::zero()}));
  POSTROAD_TRY(SendPaced(*publisher, topic, trace));
  for (size_t seen = trace.deliveries; seen < trace.sent.size(); seen = trace.deliveries) {
    trace.deliveries.wait(seen);
  }
  reader->Stop();
  const auto latencies = Between(trace.acked, trace.delivered);
  const Duration p50 = Quantile(latencies, 0.5), p99 = Quantile(latencies, 0.99);
  const auto whole = Between(trace.sent, trace.delivered);
  return Measured{"p50 " + Millis(p50) + ", p99 " + Millis(p99),
                  "post to delivered p50 " + Millis(Quantile(whole, 0.5)) + ", p99 " +
                      Millis(Quantile(whole, 0.99)),
                  "", "p50 0.50 ms, p99 2.00 ms",
                  p50 < std::chrono::microseconds(500) && p99 < std::chrono::milliseconds(2)};
}

}  // namespace postroad::cli::bench
