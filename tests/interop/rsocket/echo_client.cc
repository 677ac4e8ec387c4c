// Our session as a client of another project's RSocket server, which serves what echo_server.cc
// does:
//
//   rsocket_echo_client <transport> <host> <port>              a line "<check>: pass" or "…: fail
//                                                              <why>" for each check
//   rsocket_echo_client bench <host> <port> <seconds> <n>      request-responses a second over one
//   TCP
//                                                              connection with n under way
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstring>
#include <functional>
#include <future>
#include <iostream>
#include <string>

#include "rsocket/coroutine/responder.h"
#include "rsocket/transport/client.h"
#include "rsocket/transport/testing_relay.h"
#include "runtime/asio_executor.h"
#include "runtime/clock.h"
#include "runtime/executor.h"

namespace postroad {
namespace {

using namespace rsocket;  // NOLINT: a program of it
namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPatience(15);

// Answers what the server asks.
class Answers final : public Responder {
 public:
  Async<Result<Payload>> RequestResponse(Payload request) override {
    co_return Payload("re " + request.data);
  }
  void OnResumed() override { ++resumed; }
  void OnClosed(const EndReason& reason) override {
    why = reason.message;
    closed = true;
  }
  int resumed = 0;
  bool closed = false;
  std::string why;
};

struct Failed {
  std::string why;
};
void Check(bool holds, const std::string& why) {
  if (!holds) throw Failed{why};
}

Async<void> Sleep(Duration duration) {
  asio::steady_timer timer(
      co_await asio::this_coro::executor,
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration));
  co_await timer.async_wait(asio::use_awaitable);
}
Async<bool> Eventually(std::function<bool()> holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds() && std::chrono::steady_clock::now() < end) co_await Sleep(milliseconds(5));
  co_return holds();
}

class Checks {
 public:
  explicit Checks(ClientOptions server) : server_(std::move(server)) {}

  // Each over a connection of its own.
  int RunAll() {
    const std::pair<const char*, Async<void> (Checks::*)()> checks[] = {
        {"request-response", &Checks::RequestResponse},
        {"error of a request", &Checks::ErrorOfARequest},
        {"fire-and-forget", &Checks::FireAndForget},
        {"metadata push", &Checks::MetadataPush},
        {"request-stream", &Checks::RequestStream},
        {"backpressure", &Checks::Backpressure},
        {"request-channel", &Checks::RequestChannel},
        {"server asks client", &Checks::ServerAsks},
        {"large payloads", &Checks::LargePayloads},
        {"keepalive past its lifetime", &Checks::Keepalive},
        {"resumption", &Checks::Resumption},
        {"refused SETUP", &Checks::RefusedSetup},
    };
    int failed = 0;
    for (const auto& [name, check] : checks) {
      const std::string outcome = Run(check);
      failed += outcome == "pass" ? 0 : 1;
      std::printf("%s: %s\n", name, outcome.c_str());
      std::fflush(stdout);
    }
    cores_.Stop();
    return failed == 0 ? 0 : 1;
  }

 private:
  std::string Run(Async<void> (Checks::*check)()) {
    std::promise<std::string> outcome;
    options_ = server_;
    told_ = std::make_shared<Answers>();
    asio::co_spawn(io_, (this->*check)(), [&](const std::exception_ptr& thrown) {
      try {
        if (thrown) std::rethrow_exception(thrown);
        outcome.set_value("pass");
      } catch (const Failed& e) {
        outcome.set_value("fail " + e.why);
      } catch (const std::exception& e) {
        outcome.set_value(std::string("fail ") + e.what());
      }
    });
    const std::string result = outcome.get_future().get();
    if (client_) client_->Stop();
    client_.reset();
    if (relay_) relay_->Close();
    relay_.reset();
    return result;
  }

  Async<Requester> Connect() {
    std::optional<Result<std::shared_ptr<Session>>> ready;
    client_ =
        Client::Start(options_, cores_, 0, SystemClock(), AnswerWith(told_, io_.get_executor()),
                      [&](auto session) { ready.emplace(std::move(session)); });
    Check(co_await Eventually([&] { return ready.has_value(); }), "no connection in time");
    Check(ready->has_value(), *ready ? "" : ready->error().ToString());
    co_return Requester(**ready, io_.get_executor());
  }
  static Async<std::string> Ask(const Requester& requester, std::string what) {
    const auto answer = co_await requester.RequestResponse(Payload(std::move(what)));
    co_return answer ? answer->data : answer.error().message;
  }
  // Takes `count` of "0", "1", …
  static Async<void> Take(Inbound& in, int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto next = co_await in.Next();
      Check(next.has_value(), next ? "" : next.error().ToString());
      Check(next->has_value(), "it ended at " + std::to_string(i));
      Check((*next)->data.starts_with(std::to_string(i)), "out of order at " + std::to_string(i));
    }
  }

  Async<void> RequestResponse() {
    const Requester requester = co_await Connect();
    const auto answer = co_await requester.RequestResponse(Payload("meta", "ping"));
    Check(answer == Payload("meta", "ping"), "the echo differs");
  }
  Async<void> ErrorOfARequest() {
    const Requester requester = co_await Connect();
    const auto answer = co_await requester.RequestResponse(Payload("fail"));
    Check(!answer && answer.error().message == "failed as asked" &&
              answer.error().reason == "APPLICATION_ERROR",
          answer ? "no error" : answer.error().ToString());
  }
  Async<void> FireAndForget() {
    const Requester requester = co_await Connect();
    for (int i = 0; i < 10; ++i)
      Check(requester.FireAndForget(Payload("x")).has_value(), "not sent");
    const std::string counts = co_await Ask(requester, "counts");
    Check(counts == "10 0", "counted " + counts);
  }
  Async<void> MetadataPush() {
    const Requester requester = co_await Connect();
    Check(requester.MetadataPush("m").has_value(), "not sent");
    const std::string counts = co_await Ask(requester, "counts");
    Check(counts == "0 1", "counted " + counts);
  }
  Async<void> RequestStream() {
    const Requester requester = co_await Connect();
    Inbound in = *requester.RequestStream(Payload("1000"));
    co_await Take(in, 0, 1000);
    const auto end = co_await in.Next();
    Check(end && !end->has_value(), "it did not end");
  }
  // What is not taken is not sent: with a window of 4, no more than that lie in wait.
  Async<void> Backpressure() {
    const Requester requester = co_await Connect();
    Inbound in = *requester.RequestStream(Payload("100"), 4);
    (void)co_await Ask(requester, "in between");
    co_await Take(in, 0, 10);
    (void)co_await Ask(requester, "in between");
    co_await Take(in, 10, 15);
    in.Cancel();
    Check(co_await Ask(requester, "after cancel") == "after cancel", "no answer after cancel");
  }
  Async<void> RequestChannel() {
    const Requester requester = co_await Connect();
    Channel channel = *requester.RequestChannel(Payload("0"), 7);
    bool sent = false;
    asio::co_spawn(
        io_,
        [&]() -> Async<void> {
          for (int i = 1; i < 500; ++i) {
            if (!co_await channel.out().Send(Payload(std::to_string(i)))) co_return;
          }
          channel.Complete();
          sent = true;
        },
        [](const std::exception_ptr&) {});
    co_await Take(channel.in(), 0, 500);
    const auto end = co_await channel.in().Next();
    Check(sent && end && !end->has_value(), "it did not end");
  }
  Async<void> ServerAsks() {
    const Requester requester = co_await Connect();
    const std::string answer = co_await Ask(requester, "ask why");
    Check(answer == "re why", "got " + answer);
  }
  Async<void> LargePayloads() {
    options_.session.fragment_bytes = 60'000;
    const Requester requester = co_await Connect();
    const std::string large(1 << 20, '7');
    Check(co_await Ask(requester, large) == large, "the echo differs");
    const std::string answer = co_await Ask(requester, "size 4000000");
    Check(answer.size() == 4'000'000, std::to_string(answer.size()) + " bytes came");
  }
  Async<void> Keepalive() {
    options_.setup.keepalive_ms = 500;
    options_.setup.lifetime_ms = 4'000;
    const Requester requester = co_await Connect();
    Inbound in = *requester.RequestStream(Payload("1000000000 1000"), 64);
    const auto end = std::chrono::steady_clock::now() + seconds(9);
    int next = 0;
    for (; std::chrono::steady_clock::now() < end; next += 50) {
      co_await Take(in, next, next + 50);
      co_await Sleep(milliseconds(20));
    }
    Check(next > 1000 && !told_->closed, told_->why);
  }
  Async<void> Resumption() {
    relay_ = std::make_unique<rsocket::testing::Relay>(cores_.core(1).io, options_.port);
    options_.port = relay_->port();
    options_.session.resume_window = seconds(20);
    options_.setup.resume_token = "ours-" + std::to_string(options_.port);
    const Requester requester = co_await Connect();
    Inbound in = *requester.RequestStream(Payload("300"), 8);
    for (int i = 0; i < 3; ++i) {
      co_await Take(in, 100 * i, 100 * i + 50);
      relay_->Cut();
      co_await Take(in, 100 * i + 50, 100 * i + 100);
    }
    Check(told_->resumed >= 2, std::to_string(told_->resumed) + " times resumed");
  }
  Async<void> RefusedSetup() {
    options_.setup.data = "refuse me";
    const Requester requester = co_await Connect();
    Check(co_await Eventually([this] { return told_->closed; }), "it was not closed");
    Check(told_->why.find("refused as asked") != std::string::npos, "got " + told_->why);
  }

  const ClientOptions server_;
  CorePool cores_{2};
  asio::io_context& io_ = cores_.core(0).io;
  ClientOptions options_;
  std::shared_ptr<Answers> told_;
  std::unique_ptr<rsocket::testing::Relay> relay_;
  std::unique_ptr<Client> client_;
};

// Keeps n requests of 32 bytes under way.
class Bench {
 public:
  Bench(Session& session, uint32_t under_way) : session_(session), under_way_(under_way) {}
  void Begin() {
    for (uint32_t i = 0; i < under_way_; ++i) Ask();
  }
  uint64_t answers() const { return answers_.load(std::memory_order_relaxed); }

 private:
  class Answer final : public StreamHandler {
   public:
    explicit Answer(Bench& bench) : bench_(bench) {}
    void OnPayload(const PayloadView&, bool) override {
      bench_.answers_.store(bench_.answers_.load(std::memory_order_relaxed) + 1,
                            std::memory_order_relaxed);
      bench_.Ask();
    }

   private:
    Bench& bench_;
  };
  void Ask() {
    (void)session_.Request(Interaction::kResponse, payload_, 0, std::make_unique<Answer>(*this));
  }
  Session& session_;
  const uint32_t under_way_;
  const EncodedPayload payload_{PayloadView{{}, "0123456789abcdef0123456789abcdef"}};
  std::atomic<uint64_t> answers_ = 0;
};

int RunBench(ClientOptions options, int length, uint32_t under_way) {
  CorePool cores(1);
  std::promise<Result<std::shared_ptr<Session>>> ready;
  std::unique_ptr<Bench> bench;
  const auto client = Client::Start(options, cores, 0, SystemClock(),
                                    std::make_unique<SessionHandler>(), [&](auto session) {
                                      if (session) {
                                        bench = std::make_unique<Bench>(**session, under_way);
                                        bench->Begin();
                                      }
                                      ready.set_value(std::move(session));
                                    });
  if (auto connected = ready.get_future().get(); !connected) {
    return std::fprintf(stderr, "%s\n", connected.error().ToString().c_str()), 1;
  }
  // The first part is to warm up.
  std::this_thread::sleep_for(seconds(length));
  const uint64_t before = bench->answers();
  const auto began = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(seconds(length));
  const uint64_t after = bench->answers();
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%.0f\n", static_cast<double>(after - before) / took);
  client->Stop();
  cores.Stop();
  return 0;
}

int Main(int argc, char** argv) {
  if (argc < 4) return std::fprintf(stderr, "usage: see echo_client.cc\n"), 2;
  ClientOptions options{.host = argv[2], .port = static_cast<uint16_t>(std::stoi(argv[3]))};
  if (std::strcmp(argv[1], "bench") == 0 && argc == 6) {
    return RunBench(std::move(options), std::stoi(argv[4]),
                    static_cast<uint32_t>(std::stoul(argv[5])));
  }
  options.websocket = std::strcmp(argv[1], "websocket") == 0;
  return Checks(std::move(options)).RunAll();
}

}  // namespace
}  // namespace postroad

int main(int argc, char** argv) { return postroad::Main(argc, argv); }
