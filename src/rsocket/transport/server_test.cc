// Connections over real sockets: how they begin, how they are bounded, and that their end says why.
#include "rsocket/transport/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "rsocket/transport/server_impl.h"

namespace postroad::rsocket {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;  // NOLINT: frames have zero bytes

// Only a failing test waits that long.
constexpr int kPatienceMs = 60'000;

class Echo final : public SessionHandler {
 public:
  StreamHandlerPtr OnRequest(Stream& stream, Interaction, const PayloadView& payload) override {
    if (payload.data == "pause") return std::make_unique<StreamHandler>();
    if (payload.data == "flood") return std::make_unique<Flood>(stream);
    (void)stream.Send(payload, true);
    return std::make_unique<StreamHandler>();
  }

 private:
  class Flood final : public StreamHandler {
   public:
    explicit Flood(Stream& stream) : stream_(stream) {}
    void OnRoom() override {
      while (stream_.Room() > 0) {
        if (!stream_.Send(PayloadView{{}, std::string(10'000, 'x')})) return;
      }
    }

   private:
    Stream& stream_;
  };
};

// A client that speaks bytes.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { Close(); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  void Raw(const std::string& bytes) {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void Send(const Frame& frame) {
    std::string bytes;
    EncodeFrame(frame, bytes);
    const auto size = static_cast<uint32_t>(bytes.size());
    Raw({static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size)});
    Raw(bytes);
  }
  // The next frame's bytes, or nothing at the connection's end.
  std::string Next() {
    while (true) {
      if (received_.size() >= 3) {
        const size_t size = static_cast<uint8_t>(received_[0]) << 16 |
                            static_cast<uint8_t>(received_[1]) << 8 |
                            static_cast<uint8_t>(received_[2]);
        if (received_.size() >= 3 + size) {
          std::string frame = received_.substr(3, size);
          received_.erase(0, 3 + size);
          return frame;
        }
      }
      if (!Receive()) return {};
    }
  }
  ErrorFrame NextError() {
    frame_ = Next();
    const auto decoded = DecodeFrame(frame_);
    if (!decoded || !std::holds_alternative<ErrorFrame>(*decoded)) {
      ADD_FAILURE() << "no ERROR, but " << frame_.size() << " bytes";
      return {};
    }
    return std::get<ErrorFrame>(*decoded);
  }
  bool AtEnd() { return received_.empty() && !Receive(); }

 private:
  bool Receive() {
    pollfd waiting{.fd = fd_, .events = POLLIN};
    if (poll(&waiting, 1, kPatienceMs) != 1) {
      ADD_FAILURE() << "nothing came";
      return false;
    }
    char buffer[65536];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    received_.append(buffer, static_cast<size_t>(got));
    return true;
  }
  int fd_;
  std::string received_, frame_;
};

class ServerTest : public ::testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.host = "127.0.0.1";
    auto server = Server::Start(options, cores_, SystemClock(), metrics_,
                                [](const PeerInfo&) { return std::make_unique<Echo>(); });
    ASSERT_TRUE(server) << server.error().ToString();
    server_ = *std::move(server);
  }
  void TearDown() override {
    if (server_) server_->Stop();
    cores_.Stop();
  }
  bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < kPatienceMs && !condition(); ++i) usleep(1000);
    return condition();
  }
  const SetupFrame setup_{
      .keepalive_ms = 60'000, .lifetime_ms = 180'000, .metadata_mime = "m", .data_mime = "d"};

  CorePool cores_{2};
  Metrics metrics_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersRequestsThatComeInOnePacketAndByteByByte) {
  Start();
  Client client(server_->port());
  std::string all;
  for (const Frame& frame :
       {Frame(setup_),
        Frame(RequestFrame{1, FrameType::kRequestResponse, false, false, 0, {{}, "a"}}),
        Frame(RequestFrame{3, FrameType::kRequestResponse, false, false, 0, {"m", "b"}})}) {
    std::string bytes;
    EncodeFrame(frame, bytes);
    all += "\0\0"s + static_cast<char>(bytes.size()) + bytes;
  }
  client.Raw(all);
  EXPECT_EQ(client.Next(), "\0\0\0\1\x28\x60"s + "a");
  EXPECT_EQ(client.Next(), "\0\0\0\3\x29\x60\0\0\1m"s + "b");
  Client slow(server_->port());
  for (const char byte : all) slow.Raw({byte});
  EXPECT_EQ(slow.Next(), "\0\0\0\1\x28\x60"s + "a");
  EXPECT_EQ(slow.Next(), "\0\0\0\3\x29\x60\0\0\1m"s + "b");
}

TEST_F(ServerTest, AnEndSaysWhyBeforeTheConnectionCloses) {
  ServerOptions options;
  options.session.max_frame_bytes = 1000;
  Start(options);
  const struct {
    std::string bytes;
    ErrorFrameCode code;
    const char* why;
  } cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", ErrorFrameCode::kConnectionError, "at most 1000 are taken"},
      {"\0\0\0"s, ErrorFrameCode::kInvalidSetup, "byte 0"},
      {"\0\0\6\0\0\0\1\x24\0"s, ErrorFrameCode::kInvalidSetup, "the first frame is CANCEL"},
      {"\xff\xff\xff", ErrorFrameCode::kConnectionError, "a frame of 16777215 bytes"},
  };
  for (const auto& one : cases) {
    Client client(server_->port());
    client.Raw(one.bytes);
    const ErrorFrame error = client.NextError();
    EXPECT_EQ(error.code, one.code);
    EXPECT_THAT(std::string(error.message), HasSubstr(one.why));
    EXPECT_TRUE(client.AtEnd());
  }
  EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
}

TEST_F(ServerTest, ASilentConnectionIsClosed) {
  ServerOptions options;
  options.session.setup_timeout = std::chrono::milliseconds(50);
  Start(options);
  Client client(server_->port());
  EXPECT_EQ(client.NextError().code, ErrorFrameCode::kInvalidSetup);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, AHalfOpenConnectionIsClosed) {
  Start();
  Client client(server_->port());
  SetupFrame setup = setup_;
  setup.lifetime_ms = 50;
  client.Send(setup);
  EXPECT_FALSE(client.Next().empty());  // asked whether it lives
  const ErrorFrame error = client.NextError();
  EXPECT_THAT(std::string(error.message), HasSubstr("the connection is taken for dead"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, APeerThatNeverReadsIsClosed) {
  ServerOptions options;
  options.write_timeout = std::chrono::milliseconds(100);
  Start(options);
  Client client(server_->port());
  client.Send(setup_);
  client.Send(
      RequestFrame{1, FrameType::kRequestStream, false, false, kMaxRequestN, {{}, "flood"}});
  EXPECT_TRUE(Eventually([&] { return server_->connections() == 1; }));
  EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
}

TEST_F(ServerTest, DrainTellsEveryClient) {
  Start();
  Client client(server_->port());
  client.Send(setup_);
  client.Send(RequestFrame{1, FrameType::kRequestResponse, false, false, 0, {{}, "a"}});
  EXPECT_FALSE(client.Next().empty());
  server_->Drain("going down");
  const ErrorFrame error = client.NextError();
  EXPECT_EQ(error.code, ErrorFrameCode::kConnectionClose);
  EXPECT_EQ(error.message, "going down");
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, ConnectionsAreLimited) {
  ServerOptions options;
  options.max_connections = 1;
  Start(options);
  Client first(server_->port());
  first.Send(setup_);
  EXPECT_TRUE(Eventually([&] { return server_->connections() == 1; }));
  Client second(server_->port());
  EXPECT_TRUE(second.AtEnd());
  first.Close();
  EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
}

TEST_F(ServerTest, SessionsAreResumedWhicheverCoreTheConnectionComesTo) {
  ServerOptions options;
  options.session.resume_window = std::chrono::seconds(60);
  Start(options);
  SetupFrame setup = setup_;
  setup.resume_token = "token";
  auto client = std::make_unique<Client>(server_->port());
  client->Send(setup);
  client->Send(RequestFrame{1, FrameType::kRequestResponse, false, false, 0, {{}, "a"}});
  const std::string answer = client->Next();
  uint64_t sent = 7;  // by the client
  // One connection after the other takes the session over, from the one before or from its loss.
  for (uint32_t i = 0; i < 4; ++i) {
    auto next = std::make_unique<Client>(server_->port());
    if (i % 2 == 0) client->Close();
    next->Send(ResumeFrame{{}, "token", (i + 1) * answer.size(), 0});
    const std::string ok = next->Next();
    const auto decoded = DecodeFrame(ok);
    ASSERT_TRUE(decoded && std::holds_alternative<ResumeOkFrame>(*decoded)) << i;
    EXPECT_EQ(std::get<ResumeOkFrame>(*decoded).last_received_client, sent);
    next->Send(RequestFrame{3 + 2 * i, FrameType::kRequestResponse, false, false, 0, {{}, "a"}});
    EXPECT_EQ(next->Next().substr(4), answer.substr(4));
    sent += 7;
    client = std::move(next);
  }
  Client late(server_->port());
  late.Send(ResumeFrame{{}, "token", 1, 0});
  EXPECT_EQ(late.NextError().code, ErrorFrameCode::kRejectedResume);
  Client stranger(server_->port());
  stranger.Send(ResumeFrame{{}, "other", 0, 0});
  EXPECT_EQ(stranger.NextError().code, ErrorFrameCode::kRejectedResume);
}

TEST_F(ServerTest, AResumeLooksAtNoOtherConnection) {
  ServerOptions options;
  options.session.resume_window = std::chrono::seconds(60);
  Start(options);
  std::vector<std::unique_ptr<Client>> others;
  for (int i = 0; i < 20; ++i) {
    others.push_back(std::make_unique<Client>(server_->port()));
    SetupFrame setup = setup_;
    const std::string token = "token" + std::to_string(i);
    setup.resume_token = token;
    others.back()->Send(setup);
    others.back()->Send(RequestFrame{1, FrameType::kRequestResponse, false, false, 0, {{}, "a"}});
    EXPECT_FALSE(others.back()->Next().empty());
  }
  for (int i = 0; i < 10; ++i) {
    Client unknown(server_->port()), known(server_->port());
    unknown.Send(ResumeFrame{{}, "unknown", 0, 0});
    EXPECT_EQ(unknown.NextError().code, ErrorFrameCode::kRejectedResume);
    const std::string token = "token" + std::to_string(i);
    known.Send(ResumeFrame{{}, token, 7, 0});
    EXPECT_FALSE(known.Next().empty());
  }
  EXPECT_EQ(static_cast<ServerImpl&>(*server_).visited(), 0u);
  EXPECT_EQ(metrics_.GetCounter("postroad_rsocket_resumes_refused_total", "").Value(), 10);
}

TEST_F(ServerTest, UnfinishedFramesOfAllConnectionsAreLimitedTogether) {
  ServerOptions options;
  options.max_incomplete_bytes = 100'000;
  Start(options);
  const std::string half = "\1\0\0"s + std::string(60'000, '\0');  // of 64 KiB
  Client first(server_->port()), second(server_->port());
  first.Raw(half);
  EXPECT_TRUE(Eventually([&] {
    return metrics_.Render().find("postroad_rsocket_incomplete_bytes 6000") != std::string::npos;
  }));
  second.Raw(half);
  const ErrorFrame error = second.NextError();
  EXPECT_EQ(error.code, ErrorFrameCode::kConnectionError);
  EXPECT_THAT(std::string(error.message), HasSubstr("OVERLOADED: incomplete messages"));
  EXPECT_TRUE(second.AtEnd());
  first.Close();
  EXPECT_TRUE(Eventually([&] {
    return metrics_.Render().find("postroad_rsocket_incomplete_bytes 0") != std::string::npos;
  }));
  EXPECT_EQ(metrics_.GetCounter("postroad_rsocket_incomplete_refused_total", "").Value(), 1);
}

TEST_F(ServerTest, OfTooManySessionsThatWaitToBeResumedTheOldestEnd) {
  ServerOptions options;
  options.session.resume_window = std::chrono::seconds(60);
  options.max_suspended = 4;  // two a core
  Start(options);
  constexpr int kClients = 12;
  for (int i = 0; i < kClients; ++i) {
    Client client(server_->port());
    SetupFrame setup = setup_;
    const std::string token = "token" + std::to_string(i);
    setup.resume_token = token;
    client.Send(setup);
    client.Send(RequestFrame{1, FrameType::kRequestResponse, false, false, 0, {{}, "a"}});
    EXPECT_FALSE(client.Next().empty());
    client.Close();
    EXPECT_TRUE(Eventually([&] { return server_->connections() == 0; }));
  }
  int resumed = 0;
  for (int i = kClients - 1; i >= 0; --i) {
    Client client(server_->port());
    const std::string token = "token" + std::to_string(i);
    client.Send(ResumeFrame{{}, token, 7, 0});
    const std::string answer = client.Next();
    const auto decoded = DecodeFrame(answer);
    const bool ok = decoded && std::holds_alternative<ResumeOkFrame>(*decoded);
    EXPECT_EQ(ok, i >= kClients - 4) << i;
    resumed += ok;
  }
  EXPECT_EQ(resumed, 4);
}

TEST_F(ServerTest, AResumeTokenInUseIsRefused) {
  ServerOptions options;
  options.session.resume_window = std::chrono::seconds(60);
  Start(options);
  SetupFrame setup = setup_;
  setup.resume_token = "token";
  Client first(server_->port()), second(server_->port());
  first.Send(setup);
  first.Send(RequestFrame{1, FrameType::kRequestResponse, false, false, 0, {{}, "a"}});
  EXPECT_FALSE(first.Next().empty());
  second.Send(setup);
  EXPECT_EQ(second.NextError().code, ErrorFrameCode::kRejectedSetup);
}

}  // namespace
}  // namespace postroad::rsocket
