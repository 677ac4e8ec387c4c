// From commit to a gRPC subscriber's handler, beside the two steps that no relay can do without: a
// bare LISTEN of the same commits, and posts to the same server.
#include <libpq-fe.h>
#include <poll.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "outbox/common.h"
#include "postroad/postroad.h"

namespace postroad::testing {
namespace {

constexpr int kEvents = 2000;
constexpr auto kInterval = std::chrono::milliseconds(5);

int64_t Nanos() { return Clock::now().time_since_epoch().count(); }

// When each numbered event came; 0: it has not.
using Times = std::vector<std::atomic<int64_t>>;

// `send(i)` 200 times a second; when each was sent.
std::vector<int64_t> Pace(const auto& send) {
  std::vector<int64_t> sent;
  auto next = Clock::now() + std::chrono::seconds(1);
  for (int i = 0; i < kEvents; ++i, next += kInterval) {
    std::this_thread::sleep_until(next);
    sent.push_back(send(i));
  }
  return sent;
}

std::vector<double> Millis(const std::vector<int64_t>& sent, const Times& came) {
  std::vector<double> millis;
  for (size_t i = 0; i < kEvents; ++i) {
    while (came[i] == 0) Sleep(std::chrono::milliseconds(1));
    millis.push_back(static_cast<double>(std::max<int64_t>(came[i] - sent[i], 0)) / 1e6);
  }
  return millis;
}

Result<std::unique_ptr<Subscriber>> Subscribe(Client& client, const std::string& topic,
                                              Times& came) {
  return Subscriber::Start(client, {.subscription = topic,
                                    .create = SubscriptionSettings{.topics = {topic}},
                                    .handler = [&came](Delivery& delivery) -> Status {
                                      const auto i =
                                          std::stoul(std::string(delivery.event().payload));
                                      came[i] = Nanos();
                                      return {};
                                    }});
}

// A session that only listens, and the commits of another.
std::vector<double> BareNotify(const std::string& url) {
  Times came(kEvents);
  PGconn* listener = PQconnectdb(url.c_str());
  PQclear(PQexec(listener, "LISTEN bare"));
  std::thread thread([&] {
    for (int seen = 0; seen < kEvents;) {
      pollfd wait = {.fd = PQsocket(listener), .events = POLLIN, .revents = 0};
      poll(&wait, 1, -1);
      PQconsumeInput(listener);
      while (PGnotify* notice = PQnotifies(listener)) {
        came[std::stoul(notice->extra)] = Nanos();
        PQfreemem(notice);
        ++seen;
      }
    }
  });
  PgSession sql(url);
  sql.Run("CREATE TABLE bare (id int)");
  const auto sent = Pace([&](int i) {
    const std::string n = std::to_string(i);
    sql.Run("BEGIN; INSERT INTO bare VALUES (" + n + "); NOTIFY bare, '" + n + "'; COMMIT");
    return Nanos();
  });
  thread.join();
  PQfinish(listener);
  return Millis(sent, came);
}

void Print(const char* what, const std::vector<double>& millis, const char* more) {
  std::printf("| %s | p50 %.2f ms, p90 %.2f, p99 %.2f | %s |  |\n", what, Quantile(millis, 0.5),
              Quantile(millis, 0.9), Quantile(millis, 0.99), more);
}

}  // namespace

void Latency(PostgresServer& database) {
  const std::string url = database.NewDatabase();
  Install(url);
  ServerProcess server({.config = Source(url)});
  auto client = Client::Create({.addresses = {server.grpc()}});
  Times came(kEvents), posted_came(kEvents);
  auto subscriber = Subscribe(*client, "t", came);
  auto posted_subscriber = Subscribe(*client, "posted", posted_came);
  PgSession sql(url);
  const pid_t session = RelaySession(sql);
  const double server_before = ProcessorSeconds(server.process().pid());
  const double session_before = ProcessorSeconds(session);
  const auto committed = Pace([&](int i) {
    sql.Run("SELECT postroad_post('t', '" + std::to_string(i) + "')");
    return Nanos();
  });
  const std::vector<double> relayed = Millis(committed, came);
  const double server_micros =
      (ProcessorSeconds(server.process().pid()) - server_before) * 1e6 / kEvents;
  const double session_micros = (ProcessorSeconds(session) - session_before) * 1e6 / kEvents;
  auto publisher = Publisher::Create(*client, {});
  const auto sent = Pace([&](int i) {
    const int64_t now = Nanos();
    (void)(*publisher)->Post({.topic = "posted", .payload = std::to_string(i)});
    return now;
  });
  Print("commit to delivered and handled by gRPC, at 200/s", relayed, "");
  std::printf("|  | on the processor %.0f µs an event, PostgreSQL's session %.0f |  |  |\n",
              server_micros, session_micros);
  Print("of it: post to delivered, without the relay", Millis(sent, posted_came), "");
  Print("of it: commit to a bare LISTEN", BareNotify(url), "");
}

}  // namespace postroad::testing
