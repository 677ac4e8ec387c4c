// What a subscription costs an event: the state machine alone, and a whole engine over a real
// store, from the journal to an acknowledged delivery.
//
//   delivery_bench [events]
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/event.h"
#include "delivery/delivery.h"
#include "delivery/subscription_state.h"
#include "journal/journal.h"
#include "store/rocks/rocks_store.h"

namespace postroad::delivery {
namespace {

using Clock = std::chrono::steady_clock;

double NanosEach(Clock::time_point begin, uint64_t events) {
  return static_cast<double>((Clock::now() - begin).count()) / static_cast<double>(events);
}

enum class AckBy { kOne, kUpTo, kOneBackwards };

// Of the processor, so that what else runs on the machine counts less.
double CpuNanos() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Events in, given to `members`, acked in batches of 1,000.
double StateCost(uint64_t events, bool by_key, size_t members, AckBy ack_by) {
  constexpr uint64_t kBatch = 1000;
  SubscriptionState state(
      {.retry_schedule = {std::chrono::minutes(1)}, .max_attempts = 2, .by_key = by_key});
  std::vector<MemberIndex> all;
  for (size_t i = 0; i < members; ++i) all.push_back(state.Join(0));
  const MonotonicTime now{std::chrono::hours(1)};
  std::vector<Assignment> out;
  const double begin = CpuNanos();
  for (uint64_t next = 0; next < events;) {
    for (const MemberIndex m : all) state.AddCredit(m, kBatch / members);
    for (uint64_t i = 0; i < kBatch; ++i, ++next)
      state.Ingest(next, by_key ? next * 2654435761 : 0);
    out.clear();
    state.Assign(now, kBatch, out);
    if (ack_by == AckBy::kUpTo) {
      for (const MemberIndex m : all) state.AckUpTo(m, next - 1);
    } else if (ack_by == AckBy::kOne) {
      for (const Assignment& a : out) state.Ack(a.member, a.sequence);
    } else {
      for (size_t i = out.size(); i-- > 0;) state.Ack(out[i].member, out[i].sequence);
    }
  }
  const double cost = (CpuNanos() - begin) / static_cast<double>(events);
  if (state.floor() != events) std::abort();
  return cost;
}

// Acks everything one by one, as an application would, and gives the credit back.
class AckingSink final : public MemberSink {
 public:
  explicit AckingSink(uint64_t events) : left_(events) {}
  void OnDeliveries(std::vector<Delivery> deliveries) override {
    std::vector<Settlement> acks;
    acks.reserve(deliveries.size());
    for (const Delivery& delivery : deliveries) acks.push_back({.id = delivery.id});
    member->Settle(std::move(acks));
    member->AddCredit(deliveries.size());
    left_ -= deliveries.size();
    if (left_ == 0) done.set_value();
  }
  void OnSettleFailures(std::vector<SettleFailure>) override { std::abort(); }
  void OnClosed(Error) override {}

  std::unique_ptr<Member> member;
  std::promise<void> done;

 private:
  uint64_t left_;
};

void Fill(journal::Journal& journal, uint64_t events) {
  const std::string payload(256, 'x');
  std::promise<void> last;
  for (uint64_t i = 0; i < events; i += 1000) {
    journal::Chunk chunk{
        .topic = "bench", .count = 1000, .fingerprints = std::vector<uint64_t>(1000)};
    for (int n = 0; n < 1000; ++n) AppendToBody(EventView{.payload = payload}, chunk.body);
    journal::Batch batch;
    batch.chunks.push_back(std::move(chunk));
    std::promise<void> done;
    journal.Post(std::move(batch), [&done](Result<journal::BatchResult>) { done.set_value(); });
    done.get_future().wait();
  }
}

double EngineRate(uint64_t events) {
  std::string directory = std::filesystem::temp_directory_path() / "delivery-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) std::abort();
  double rate = 0;
  {
    auto store = store::OpenRocksStore({.directory = directory}).value();
    Metrics metrics;
    CorePool cores(2);
    auto journal = journal::Journal::Open(*store, {}, SystemClock(), cores.at(0), metrics).value();
    Fill(*journal, events);
    auto engine = DeliveryEngine::Open(*journal, *store, cores, SystemClock(), metrics).value();
    SubscriptionSettings settings{.topics = TopicSelector::Parse({"bench"}, "topics").value(),
                                  .start = Start::kBeginning};
    if (!engine->Create("bench", settings)) std::abort();
    AckingSink sink(events);
    auto done = sink.done.get_future();
    Executor& executor = cores.at(1);
    const auto begin = Clock::now();
    executor.Post([&] {
      sink.member = engine->Join("bench", {}, executor, sink).value();
      sink.member->AddCredit(10'000);
    });
    done.wait();
    rate = 1e9 / NanosEach(begin, events);
    std::promise<void> left;
    executor.Post([&] {
      sink.member.reset();
      left.set_value();
    });
    left.get_future().wait();
    engine->Stop();
    journal->Stop();
    cores.Stop();
  }
  std::filesystem::remove_all(directory);
  return rate;
}

int Main(uint64_t events) {
  std::printf(
      "state machine, ns of processor time an event (in, given, acked; batches of 1,000):\n");
  const auto line = [&](const char* what, bool by_key, size_t members, AckBy ack_by) {
    std::printf("  %-40s %8.1f\n", what, StateCost(events, by_key, members, ack_by));
  };
  line("1 member, acked one by one", false, 1, AckBy::kOne);
  line("1 member, acked up to the last", false, 1, AckBy::kUpTo);
  line("8 members, acked one by one", false, 8, AckBy::kOne);
  line("1 member, acked last first", false, 1, AckBy::kOneBackwards);
  line("1 member, order by key, acked one by one", true, 1, AckBy::kOne);
  const uint64_t stored = std::min<uint64_t>(events, 1'000'000) / 1000 * 1000;
  std::printf("engine on the embedded store, 256 B events, one member, acked one by one:\n");
  std::printf("  %-40s %8.0f/s\n", "delivered and acked", EngineRate(stored));
  return 0;
}

}  // namespace
}  // namespace postroad::delivery

int main(int argc, char** argv) {
  return postroad::delivery::Main(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5'000'000);
}
