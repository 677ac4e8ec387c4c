// The server that other projects' RSocket clients are tried against: every interaction, on TCP and
// WebSocket. Prints "tcp <port>" and "websocket <port>" and serves until its input ends. Arguments:
// --lease <requests> (a lease for a second each), --ports <tcp> <websocket>. Exits with 42 where a
// client asks for a restart, to be started again on the same ports.
//
//   request-response  "fail": ERROR; "counts": what came by fire-and-forget and metadata push;
//                     "ask <text>": asks the client by request-response and gives its answer;
//                     "size <n>": n bytes; "route": the route that the metadata names, or what is
//                     wrong with it; "restart": the server goes down, as if told to by its
//                     operator; anything else: data and metadata come back
//   request-stream    "<n>" or "<n> <size>": so many payloads, "0", "1", … (each of that size)
//   request-channel   every payload comes back
#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "auth/authenticator.h"
#include "gateway/http/http_server.h"
#include "rsocket/framing/metadata.h"
#include "rsocket/transport/server.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "server/rsocket_upgrade.h"
#include "tests/support/stack.h"

namespace postroad {
namespace {

using namespace rsocket;  // NOLINT: a program of it

uint64_t NumberIn(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

class Nothing final : public StreamHandler {};

// Written to by who wants a restart; main reads it.
int restart_pipe[2];
constexpr int kRestartCode = 42;

// Until the input ends (false) or somebody wants a restart (true).
bool ServeOn() {
  pollfd both[] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                   {.fd = restart_pipe[0], .events = POLLIN, .revents = 0}};
  char bytes[256];
  for (;;) {
    if (poll(both, 2, -1) < 0) continue;
    if (both[1].revents != 0) return true;
    if (read(STDIN_FILENO, bytes, sizeof bytes) <= 0) return false;
  }
}

// Gives the client's answer to the stream that asked for it.
class Forward final : public StreamHandler {
 public:
  Forward(uint32_t to, std::shared_ptr<std::map<uint32_t, Stream*>> open)
      : to_(to), open_(std::move(open)) {}
  void OnPayload(const PayloadView& payload, bool) override {
    if (const auto found = open_->find(to_); found != open_->end()) {
      (void)found->second->Send(payload, true);
    }
  }
  void OnError(ErrorFrameCode code, std::string_view message) override {
    if (const auto found = open_->find(to_); found != open_->end()) {
      found->second->Fail(code, message);
    }
  }

 private:
  const uint32_t to_;
  const std::shared_ptr<std::map<uint32_t, Stream*>> open_;
};

class Waiting final : public StreamHandler {
 public:
  Waiting(Stream& stream, std::shared_ptr<std::map<uint32_t, Stream*>> open)
      : id_(stream.id()), open_(std::move(open)) {
    (*open_)[id_] = &stream;
  }
  ~Waiting() override { open_->erase(id_); }

 private:
  const uint32_t id_;
  const std::shared_ptr<std::map<uint32_t, Stream*>> open_;
};

class Counting final : public StreamHandler {
 public:
  Counting(Stream& stream, uint64_t count, size_t size)
      : stream_(stream), count_(count), size_(size) {}
  void OnRoom() override {
    if (count_ == 0) return stream_.Complete();
    while (next_ < count_ && stream_.Room() > 0) {
      std::string data = std::to_string(next_++);
      data.resize(std::max(data.size(), size_), ' ');
      if (!stream_.Send(PayloadView{{}, data}, next_ == count_)) return;
    }
  }

 private:
  Stream& stream_;
  uint64_t count_, next_ = 0;
  const size_t size_;
};

class Echoing final : public StreamHandler {
 public:
  Echoing(Stream& stream, const PayloadView& first) : stream_(stream) {
    waiting_.emplace_back(first);
    stream_.Request(8);
  }
  void OnRoom() override { Send(); }
  void OnPayload(const PayloadView& payload, bool complete) override {
    waiting_.emplace_back(payload);
    complete_ |= complete;
    Send();
  }
  void OnComplete() override {
    complete_ = true;
    Send();
  }

 private:
  void Send() {
    while (!waiting_.empty() && stream_.Room() > 0) {
      const EncodedPayload payload = waiting_.front();
      waiting_.erase(waiting_.begin());
      if (!stream_.Send(payload)) return;
      stream_.Request(1);
    }
    if (waiting_.empty() && complete_) stream_.Complete();
  }
  Stream& stream_;
  std::vector<EncodedPayload> waiting_;  // at most those asked for
  bool complete_ = false;
};

class Application final : public SessionHandler {
 public:
  std::expected<void, Refusal> OnSetup(Session& session, const SetupInfo& setup) override {
    session_ = &session;
    metadata_mime_ = setup.metadata_mime;
    if (setup.data == "refuse me") return std::unexpected(Refusal{.message = "refused as asked"});
    return {};
  }
  StreamHandlerPtr OnRequest(Stream& stream, Interaction interaction,
                             const PayloadView& payload) override {
    if (interaction == Interaction::kChannel) return std::make_unique<Echoing>(stream, payload);
    if (interaction == Interaction::kResponse) return Respond(stream, payload);
    const size_t blank = std::min(payload.data.find(' '), payload.data.size());
    return std::make_unique<Counting>(
        stream, NumberIn(payload.data),
        NumberIn(payload.data.substr(blank).substr(blank < payload.data.size() ? 1 : 0)));
  }
  void OnFireAndForget(const PayloadView&) override { ++fire_and_forgets_; }
  void OnMetadataPush(std::string_view) override { ++pushes_; }

 private:
  StreamHandlerPtr Respond(Stream& stream, const PayloadView& payload) {
    const std::string_view data = payload.data;
    if (data == "fail") {
      stream.Fail(ErrorFrameCode::kApplicationError, "failed as asked");
    } else if (data == "counts") {
      (void)stream.Send({{}, std::to_string(fire_and_forgets_) + " " + std::to_string(pushes_)});
    } else if (data == "restart") {
      (void)!write(restart_pipe[1], "r", 1);
    } else if (data == "route") {
      AnswerRoute(stream, payload);
    } else if (data.starts_with("size ")) {
      (void)stream.Send({{}, std::string(NumberIn(data.substr(5)), 'x')});
    } else if (data.starts_with("ask ")) {
      auto waiting = std::make_unique<Waiting>(stream, open_);
      const auto asked =
          session_->Request(Interaction::kResponse, EncodedPayload({{}, data.substr(4)}), 0,
                            std::make_unique<Forward>(stream.id(), open_));
      if (asked) return waiting;
      stream.Fail(ErrorFrameCode::kApplicationError, asked.error().message);
    } else {
      (void)stream.Send(payload);
    }
    return std::make_unique<Nothing>();
  }

  void AnswerRoute(Stream& stream, const PayloadView& payload) const {
    const auto metadata = ParseRequestMetadata(metadata_mime_, payload.metadata.value_or(""));
    if (!metadata) return stream.Fail(ErrorFrameCode::kInvalid, metadata.error().message);
    (void)stream.Send({{}, metadata->route}, true);
  }

  Session* session_ = nullptr;
  std::string metadata_mime_;
  int fire_and_forgets_ = 0, pushes_ = 0;
  std::shared_ptr<std::map<uint32_t, Stream*>> open_ =
      std::make_shared<std::map<uint32_t, Stream*>>();
};

int Main(int argc, char** argv) {
  ServerOptions options;
  options.host = "127.0.0.1";
  options.origins = {"*"};
  options.deflate = true;  // some of the clients offer it
  options.session.resume_window = std::chrono::seconds(20);
  gateway::HttpOptions http{.host = "127.0.0.1"};
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--lease") == 0 && i + 1 < argc) {
      options.session.lease_requests = static_cast<uint32_t>(NumberIn(argv[++i]));
      options.session.lease_ttl = std::chrono::seconds(1);
    } else if (std::strcmp(argv[i], "--ports") == 0 && i + 2 < argc) {
      options.port = static_cast<uint16_t>(NumberIn(argv[++i]));
      http.port = static_cast<uint16_t>(NumberIn(argv[++i]));
    }
  }
  if (pipe(restart_pipe) != 0) return 1;
  CorePool cores(2);
  Metrics metrics;
  auto server = Server::Start(options, cores, SystemClock(), metrics,
                              [](const PeerInfo&) { return std::make_unique<Application>(); });
  if (!server) return std::fprintf(stderr, "%s\n", server.error().ToString().c_str()), 1;
  http.upgrades["/rsocket"] = server::ToRSocket(**server);
  testing::Stack stack(cores, metrics);  // what the HTTP server serves besides
  const auto everybody = auth::AllowAll();
  auto web = gateway::HttpServer::Start(
      std::move(http), {stack.broker(), *everybody, cores, SystemClock(), metrics});
  if (!web) return std::fprintf(stderr, "%s\n", web.error().ToString().c_str()), 1;
  std::printf("tcp %d\nwebsocket %d\n", (*server)->port(), (*web)->port());
  std::fflush(stdout);
  const bool restarts = ServeOn();
  if (restarts) {
    (*server)->Drain("the server restarts");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // clients hear of it first
  }
  (*web)->Stop({});
  (*server)->Stop();
  stack.Stop();
  cores.Stop();
  return restarts ? kRestartCode : 0;
}

}  // namespace
}  // namespace postroad

int main(int argc, char** argv) { return postroad::Main(argc, argv); }
