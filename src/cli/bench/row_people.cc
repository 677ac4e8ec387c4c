// Browsers: one topic to many of them, what an idle one costs, how soon one sees a post.
#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <optional>
#include <thread>

#include "cli/bench/bare.h"
#include "cli/bench/crowd.h"
#include "cli/bench/rows.h"
#include "cli/text.h"

namespace postroad::cli::bench {
namespace {

enum class Transport { kWebSocket, kSse };

// Readers of a topic of their own, on a fresh server, all of whose streams are open.
class Audience {
 public:
  static Result<std::unique_ptr<Audience>> Gather(Bench& bench, Transport transport, size_t count) {
    auto audience = std::make_unique<Audience>(bench.server(), count);
    POSTROAD_ASSIGN(audience->before_, bench.server().Metric(kStreams));
    const std::string& address = bench.server().http_address();
    POSTROAD_TRY(transport == Transport::kSse
                     ? audience->crowd_->ConnectSse(address, audience->user_, count)
                     : audience->crowd_->ConnectWebSockets(address, audience->user_, count));
    const double all = audience->before_ + static_cast<double>(count);
    POSTROAD_TRY(audience->WaitForStreams([all](double open) { return open >= all; }));
    audience->crowd_->Start();
    return audience;
  }
  Audience(ServerProcess& server, size_t count)
      : server_(server), count_(count), user_("u" + std::to_string(++named_)) {}
  // Whoever comes next finds none of its streams left.
  ~Audience() {
    crowd_.reset();
    (void)WaitForStreams([this](double open) { return open <= before_; });
  }
  Audience(const Audience&) = delete;

  std::string topic() const { return "user/" + user_; }
  Crowd& crowd() { return *crowd_; }
  size_t count() const { return count_; }

  // One event after another, each when all have the one before. Deliveries/s.
  Result<double> OneByOne(const Client& client, Duration length) {
    POSTROAD_ASSIGN(const auto publisher, Publisher::Create(client, {.linger = Duration::zero()}));
    const auto start = std::chrono::steady_clock::now();
    uint64_t sent = 0;
    while (std::chrono::steady_clock::now() - start < length) {
      POSTROAD_ASSIGN(const PostResult posted, publisher->Post(Made()));
      (void)posted;
      POSTROAD_TRY(crowd_->WaitFor(sent += count_));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    POSTROAD_TRY(CountedRight(sent));
    return static_cast<double>(sent) / took.count();
  }
  // So many events at once.
  Result<double> Backlog(const Client& client, uint64_t events) {
    POSTROAD_ASSIGN(const auto publisher, Publisher::Create(client, {}));
    const uint64_t before = crowd_->seen();
    const auto start = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < events; ++i) POSTROAD_TRY(publisher->PostAsync(Made(), [](auto&&) {}));
    POSTROAD_TRY(publisher->Flush());
    POSTROAD_TRY(crowd_->WaitFor(before + events * count_));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    POSTROAD_TRY(CountedRight(before + events * count_));
    return static_cast<double>(events * count_) / took.count();
  }

 private:
  // More marks than deliveries would make all of them worth less.
  Status CountedRight(uint64_t deliveries) const {
    if (crowd_->seen() == deliveries) return {};
    return Fail(ErrorCode::kInternal, std::to_string(crowd_->seen()) + " marks came with " +
                                          std::to_string(deliveries) + " deliveries");
  }
  static constexpr const char* kStreams = "postroad_streams_open";
  Status WaitForStreams(const std::function<bool(double)>& enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    for (;;) {
      POSTROAD_ASSIGN(const double open, server_.Metric(kStreams));
      if (enough(open)) return {};
      if (std::chrono::steady_clock::now() > deadline) {
        return Fail(ErrorCode::kDeadlineExceeded,
                    std::to_string(static_cast<uint64_t>(open)) + " streams are open");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  Event Made() const {
    std::string payload(kPayloadBytes, 'x');
    payload[0] = kMark;
    return Event{.topic = topic(), .payload = payload};
  }

  static inline int named_ = 0;
  ServerProcess& server_;
  const size_t count_;
  const std::string user_;
  double before_ = 0;  // streams of others
  std::optional<Crowd> crowd_{std::in_place};
};

size_t Readers(const Bench& bench) { return bench.sizes().readers; }

}  // namespace

Result<Measured> FanOut(Bench& bench) {
  POSTROAD_TRY(bench.Renew());
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  std::vector<double> ours, bare;
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    POSTROAD_ASSIGN(const double writer,
                    BareFanOut(Readers(bench), kPayloadBytes + 16, bench.sizes().length));
    bare.push_back(writer);
    POSTROAD_ASSIGN(const auto audience,
                    Audience::Gather(bench, Transport::kWebSocket, Readers(bench)));
    POSTROAD_ASSIGN(const double rate, audience->OneByOne(client, bench.sizes().length));
    ours.push_back(rate);
  }
  const double mine = Median(ours), writer = Median(bare);
  return Measured{Rate(mine), "loopback writer " + Rate(writer), Ratio(mine, writer),
                  "0.60 of bare", mine >= 0.6 * writer};
}

Result<Measured> FanOutBacklog(Bench& bench) {
  POSTROAD_TRY(bench.Renew());
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  std::vector<double> ours;
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    POSTROAD_ASSIGN(const auto audience,
                    Audience::Gather(bench, Transport::kWebSocket, Readers(bench)));
    POSTROAD_ASSIGN(const double rate, audience->Backlog(client, 2'000));
    ours.push_back(rate);
  }
  const double mine = Median(ours);
  return Measured{Rate(mine), "", "", "400,000/s", mine >= 400'000};
}

Result<Measured> FanOutSse(Bench& bench) {
  POSTROAD_TRY(bench.Renew());
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  std::vector<double> sse, websocket;
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    for (const Transport transport : {Transport::kWebSocket, Transport::kSse}) {
      POSTROAD_ASSIGN(const auto audience, Audience::Gather(bench, transport, Readers(bench)));
      POSTROAD_ASSIGN(const double rate, audience->OneByOne(client, bench.sizes().length));
      (transport == Transport::kSse ? sse : websocket).push_back(rate);
    }
  }
  const double mine = Median(sse), other = Median(websocket);
  return Measured{Rate(mine), "RSocket on WebSocket " + Rate(other), Ratio(mine, other),
                  "0.50 of RSocket's", mine >= 0.5 * other};
}

Result<Measured> IdleBrowsers(Bench& bench) {
  POSTROAD_TRY(bench.Renew());
  // What is allotted once, by the first ones, is not counted.
  POSTROAD_ASSIGN(const auto first, Audience::Gather(bench, Transport::kWebSocket, 100));
  const uint64_t before = bench.server().ResidentBytes();
  const size_t count = bench.sizes().idle;
  POSTROAD_ASSIGN(const auto audience, Audience::Gather(bench, Transport::kWebSocket, count));
  const uint64_t after = bench.server().ResidentBytes();
  // The connecting is over once the time for a SETUP, 10 s, is: then each timer is set anew.
  std::this_thread::sleep_for(std::chrono::seconds(12));
  const Duration used = bench.server().CpuTime();
  std::this_thread::sleep_for(bench.sizes().length);
  const Duration idle = bench.server().CpuTime() - used;
  const uint64_t each = after > before ? (after - before) / count : 0;
  const double share = 100.0 * double(idle.count()) / double(bench.sizes().length.count());
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.2f KiB resident each, %.1f %% of a core",
                static_cast<double>(each) / 1024, share);
  return Measured{HumanCount(count) + " connections: " + text.data(), "", "",
                  "8 KiB, nothing but keepalives", each < (8 << 10) && share < 1};
}

Result<Measured> BrowserLatency(Bench& bench) {
  POSTROAD_TRY(bench.Renew());
  POSTROAD_ASSIGN(const auto audience, Audience::Gather(bench, Transport::kWebSocket, 1));
  POSTROAD_ASSIGN(const int http, Dial(bench.server().http_address()));
  Crowd answers;  // reads them, so that the connection goes on
  answers.Add(http);
  answers.Start();
  const std::string body = R"({"topic":")" + audience->topic() + R"(","payload":")" +
                           std::string(kPayloadBytes, kMark) + "\"}";
  const std::string request = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body;
  constexpr int kPerSecond = 100;
  const int posts =
      static_cast<int>(std::chrono::duration<double>(bench.sizes().length).count() * kPerSecond) *
      bench.sizes().rounds;
  std::vector<Duration> took;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < posts; ++i) {
    std::this_thread::sleep_until(start + i * std::chrono::milliseconds(1000 / kPerSecond));
    const auto sent = std::chrono::steady_clock::now();
    POSTROAD_TRY(WriteAll(http, request));
    POSTROAD_TRY(audience->crowd().WaitFor(static_cast<uint64_t>(i + 1) * kPayloadBytes));
    took.push_back(std::chrono::steady_clock::now() - sent);
  }
  const Duration p99 = Quantile(took, 0.99);
  return Measured{"p99 " + Millis(p99) + " (p50 " + Millis(Quantile(took, 0.5)) + ")", "", "",
                  "p99 10 ms", p99 < std::chrono::milliseconds(10)};
}

}  // namespace postroad::cli::bench
