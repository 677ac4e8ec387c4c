// Resumption, backpressure and caps as state tables (testing_script.h), and the buffers they need.
#include <gtest/gtest.h>

#include "rsocket/session/send_queue.h"
#include "rsocket/session/session_impl.h"
#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

SessionOptions Resumable() {
  SessionOptions options;
  options.resume_window = std::chrono::seconds(10);
  return options;
}
void PlayResumable(const std::string& script, SessionOptions options = Resumable()) {
  ScriptedSession session({.session = std::move(options)});
  session.Run("> SETUP token=t\n! setup\n" + script);
}

// A PAYLOAD of one byte counts 7 towards the position, REQUEST_STREAM without payload 10, REQUEST_N
// 10, CANCEL 6.

TEST(SessionResume, SendsAgainWhatWasLost) {
  PlayResumable(R"(
    > REQUEST_STREAM 1 n=9
    ! stream 1
    ! room 1
    . send 1 a
    < PAYLOAD 1 next d=a
    . send 1 b
    < PAYLOAD 1 next d=b
    . disconnect
    ! suspended
    . resume 7 0
    ! resumed
    < RESUME_OK last=10
    < PAYLOAD 1 next d=b
    . send 1 c
    < PAYLOAD 1 next d=c
    > REQUEST_N 1 n=1
    ! room 1
    > KEEPALIVE respond pos=21
    < KEEPALIVE pos=20
  )");
}

TEST(SessionResume, WhatIsSentWhileSuspendedGoesOutThen) {
  PlayResumable(R"(
    > REQUEST_STREAM 1 n=9
    ! stream 1
    ! room 1
    . disconnect
    ! suspended
    . send 1 a
    . resume 0 0
    ! resumed
    < RESUME_OK last=10
    < PAYLOAD 1 next d=a
  )");
}

TEST(SessionResume, ASuspendedSessionPausesItsStreams) {
  SessionOptions options = Resumable();
  options.pause_queued_bytes = 10;
  PlayResumable(R"(
    > REQUEST_STREAM 1 n=9
    ! stream 1
    ! room 1
    . disconnect
    ! suspended
    . send 1 aaaa
    . room 1
    ! has n=0
    . resume 0 0
    ! resumed
    < RESUME_OK last=10
    < PAYLOAD 1 next d=aaaa
    ! room 1
  )",
                options);
}

TEST(SessionResume, KeepaliveFramesDoNotCount) {
  PlayResumable(R"(
    > KEEPALIVE respond
    < KEEPALIVE
    > METADATA_PUSH d=x
    ! push d=x
    . push y
    < METADATA_PUSH d=y
    . disconnect
    ! suspended
    . resume 0 0
    ! resumed
    < RESUME_OK last=0
  )");
}

TEST(SessionResume, AcknowledgedFramesAreForgotten) {
  PlayResumable(R"(
    > REQUEST_STREAM 1 n=9
    ! stream 1
    ! room 1
    . send 1 a
    < PAYLOAD 1 next d=a
    > KEEPALIVE pos=7
    . disconnect
    ! suspended
    . resume 0 0
    ! error 1 code=REJECTED_RESUME d=what was sent from position 0 on is not kept any more
    ! closed code=REJECTED_RESUME d=~position 0
  )");
}

TEST(SessionResume, OffAFramesBoundaryIsRefused) {
  PlayResumable(R"(
    > REQUEST_STREAM 1 n=9
    ! stream 1
    ! room 1
    . send 1 a
    < PAYLOAD 1 next d=a
    . disconnect
    ! suspended
    . resume 3 0
    ! error 1 code=REJECTED_RESUME d=~position 3
    ! closed code=REJECTED_RESUME d=~position 3
  )");
}

TEST(SessionResume, FramesTheClientHasLostAreMissed) {
  PlayResumable(R"(
    . disconnect
    ! suspended
    . resume 0 5
    ! closed code=REJECTED_RESUME d=~from position 5 only, and those from 0 on have not come
  )");
}

TEST(SessionResume, HappensWhileTheOldConnectionSeemsAlive) {
  PlayResumable(R"(
    > REQUEST_STREAM 1 n=9
    ! stream 1
    ! room 1
    . send 1 a
    < PAYLOAD 1 next d=a
    . resume 0 0
    ! suspended
    ! resumed
    < RESUME_OK last=10
    < PAYLOAD 1 next d=a
  )");
}

TEST(SessionResume, TheWindowEnds) {
  PlayResumable(R"(
    > REQUEST_STREAM 1 n=9
    ! stream 1
    ! room 1
    . disconnect
    ! suspended
    + 9999ms
    + 1ms
    ! error 1 code=CONNECTION_CLOSE d=not resumed within 10s
    ! closed code=CONNECTION_CLOSE by_peer d=not resumed within 10s
  )");
}

TEST(SessionResume, SilenceSuspends) {
  PlayResumable(R"(
    + 1500ms
    < KEEPALIVE respond
    + 1500ms
    ! suspended
    . resume 0 0
    ! resumed
    < RESUME_OK last=0
  )");
}

TEST(SessionResume, LeasesBeginAnew) {
  ScriptedSession session({.session = Resumable()});
  session.Run(R"(
    > SETUP token=t lease
    ! setup
    < LEASE ttl=86400000 n=2147483647
    . disconnect
    ! suspended
    . resume 0 0
    ! resumed
    < RESUME_OK last=0
    < LEASE ttl=86400000 n=2147483647
  )");
}

TEST(SessionResume, AsAFirstFrameOrASecondIsRefused) {
  ScriptedSession().Run(R"(
    > RESUME token=t last=0 first=0
    < ERROR code=REJECTED_RESUME d=~there is no session with this token
    ! closed code=REJECTED_RESUME d=~no session
  )");
  PlayResumable(R"(
    > RESUME token=t last=0 first=0
    < ERROR code=CONNECTION_ERROR d=RESUME on a connection that is set up
    ! closed code=CONNECTION_ERROR d=~RESUME
  )");
}

TEST(SessionResume, ConnectingSide) {
  ScriptedSession session(
      {.session = Resumable(),
       .client = true,
       .setup = {.keepalive_ms = 1000, .lifetime_ms = 3000, .resume_token = "t"}});
  session.Run(R"(
    < SETUP keepalive=1000 lifetime=3000 token=t
    . stream 1 q
    < REQUEST_STREAM 1 n=2 d=q
    > PAYLOAD 1 next d=a
    ! payload 1 d=a
    . disconnect
    ! suspended
    . fnf more
    . reconnect
    < RESUME token=t last=7 first=0
    # nothing else goes before the answer
    > RESUME_OK last=0
    ! resumed
    < REQUEST_STREAM 1 n=2 d=q
    < REQUEST_FNF 3 d=more
    > PAYLOAD 1 next d=b
    ! payload 1 d=b
  )");
}

TEST(SessionResume, ConnectingSideIsRejected) {
  ScriptedSession session({.session = Resumable(), .client = true, .setup = {.resume_token = "t"}});
  session.Run(R"(
    < SETUP keepalive=60000 lifetime=180000 token=t
    . disconnect
    ! suspended
    . reconnect
    < RESUME token=t last=0 first=0
    > ERROR code=REJECTED_RESUME d=gone
    ! closed code=REJECTED_RESUME by_peer d=gone
  )");
}

// Sends as long as there is room.
class Pump final : public StreamHandler {
 public:
  Pump(Stream& stream, int& sent) : stream_(stream), sent_(sent) {}
  void OnRoom() override {
    while (stream_.Room() > 0) {
      EXPECT_TRUE(stream_.Send(PayloadView{{}, "1234"}));
      ++sent_;
    }
  }

 private:
  Stream& stream_;
  int& sent_;
};

class Pumps final : public SessionHandler {
 public:
  explicit Pumps(std::map<uint32_t, int>& sent) : sent_(sent) {}
  StreamHandlerPtr OnRequest(Stream& stream, Interaction, const PayloadView&) override {
    return std::make_unique<Pump>(stream, sent_[stream.id()]);
  }

 private:
  std::map<uint32_t, int>& sent_;
};

class CountingTransport final : public SessionTransport {
 public:
  void OutputReady() override { ++ready; }
  int ready = 0;
};

TEST(SessionQueue, StreamsPauseAndGoOnInTurn) {
  CountingTransport transport;
  ManualClock clock;
  std::map<uint32_t, int> sent;
  const auto session =
      Session::Accept({.pause_queued_bytes = 100}, clock, transport, std::make_unique<Pumps>(sent));
  session->Receive(FrameFrom("SETUP"));
  session->Receive(FrameFrom("REQUEST_STREAM 1 n=100"));
  EXPECT_EQ(sent[1], 10);  // of ten bytes each
  session->Receive(FrameFrom("REQUEST_STREAM 3 n=15"));
  EXPECT_EQ(sent[3], 0);
  EXPECT_EQ(transport.ready, 1);
  std::vector<OutFrame> out;
  session->TakeOutput(50, out);
  EXPECT_EQ(out.size(), 5u);
  EXPECT_EQ(sent[3], 0);  // not before half is gone
  session->TakeOutput(50, out);
  // The first in line filled the queue; the second comes next time.
  EXPECT_EQ(sent[1] + sent[3], 20);
  for (int i = 0; i < 100 && session->HasOutput(); ++i) session->TakeOutput(50, out);
  EXPECT_EQ(sent[1], 100);
  EXPECT_EQ(sent[3], 15);
  EXPECT_EQ(out.size(), 115u);
}

TEST(SessionQueue, ThePeerMustRead) {
  class Flood final : public SessionHandler {
   public:
    void OnClosed(const EndReason& reason) override { *closed = reason.message; }
    std::string* closed = nullptr;
  };
  CountingTransport transport;
  ManualClock clock;
  std::string closed;
  auto handler = std::make_unique<Flood>();
  handler->closed = &closed;
  const auto session = Session::Accept({.max_queued_bytes = 4000,
                                        .max_keepalive_bytes = 1000,
                                        .keepalives_per_second = 1'000'000,
                                        .keepalive_burst = 1'000'000},
                                       clock, transport, std::move(handler));
  session->Receive(FrameFrom("SETUP"));
  const std::string ping = FrameFrom("KEEPALIVE respond d=" + std::string(900, 'x'));
  int taken = 0;
  while (!session->ended() && taken < 100) {
    session->Receive(ping);
    ++taken;
    if (taken == 3) EXPECT_TRUE(session->Congested());
  }
  EXPECT_EQ(taken, 6);
  EXPECT_NE(closed.find("bytes wait to be sent, and the peer does not read them"),
            std::string::npos);
  // All that is left is the reason.
  std::vector<OutFrame> out;
  session->TakeOutput(1 << 20, out);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_TRUE(Describe(out[0].ToString()).starts_with("ERROR code=CONNECTION_ERROR"));
}

// While too much waits to be sent nothing is read, and silence says nothing.
TEST(SessionQueue, WhoeverIsNotReadFromIsNotTakenForDead) {
  CountingTransport transport;
  ManualClock clock;
  std::map<uint32_t, int> sent;
  const auto session = Session::Accept({.pause_queued_bytes = 100, .max_queued_bytes = 200}, clock,
                                       transport, std::make_unique<Pumps>(sent));
  session->Receive(FrameFrom("SETUP keepalive=60000 lifetime=1000"));
  session->Receive(FrameFrom("REQUEST_STREAM 1 n=10"));
  ASSERT_TRUE(session->Congested());
  for (int i = 0; i < 5; ++i) {
    clock.Advance(std::chrono::milliseconds(900));
    session->Tick();
    ASSERT_FALSE(session->ended()) << i;
  }
  std::vector<OutFrame> out;
  session->TakeOutput(1 << 20, out);
  ASSERT_FALSE(session->Congested());
  clock.Advance(std::chrono::milliseconds(900));
  session->Tick();
  EXPECT_FALSE(session->ended());
  clock.Advance(std::chrono::milliseconds(200));
  session->Tick();
  EXPECT_TRUE(session->ended());
}

TEST(SessionQueue, StreamsThatEndedWhileTheyWaitedForRoomAreNotKept) {
  CountingTransport transport;
  ManualClock clock;
  std::map<uint32_t, int> sent;
  const auto session =
      Session::Accept({.pause_queued_bytes = 100}, clock, transport, std::make_unique<Pumps>(sent));
  session->Receive(FrameFrom("SETUP"));
  session->Receive(FrameFrom("REQUEST_STREAM 1 n=100"));
  for (uint32_t id = 3; id < 20'003; id += 2) {
    session->Receive(FrameFrom("REQUEST_STREAM " + std::to_string(id) + " n=1"));
    session->Receive(FrameFrom("CANCEL " + std::to_string(id)));
  }
  EXPECT_LT(static_cast<SessionImpl&>(*session).waiting_for_room(), 100u);
}

// --- Buffers ---

OutFrame FrameOf(size_t size) { return {.head = std::string(size, 'x')}; }

TEST(FrameQueue, KeepsOrderAndCountsBytes) {
  FrameQueue queue;
  for (size_t i = 1; i <= 3000; ++i) queue.Push(FrameOf(i));
  size_t bytes = 3000 * 3001 / 2;
  for (size_t i = 1; i <= 2500; ++i) {
    EXPECT_EQ(queue.bytes(), bytes);
    EXPECT_EQ(queue.Pop().size(), i);
    bytes -= i;
  }
  std::vector<OutFrame> before;
  before.push_back(FrameOf(1));
  queue.PushFront(std::move(before));
  EXPECT_EQ(queue.bytes(), bytes + 1);
  EXPECT_EQ(queue.size(), 501u);
  EXPECT_EQ(queue.Pop().size(), 1u);
  EXPECT_EQ(queue.Pop().size(), 2501u);
}

TEST(ResumeBuffer, ForgetsTheOldestBeyondItsLimit) {
  ResumeBuffer buffer(25);
  for (int i = 0; i < 5; ++i) buffer.Sent(FrameOf(10));
  EXPECT_EQ(buffer.begin(), 30u);
  EXPECT_EQ(buffer.end(), 50u);
  EXPECT_FALSE(buffer.CanResumeFrom(20));
  EXPECT_TRUE(buffer.CanResumeFrom(30));
  EXPECT_FALSE(buffer.CanResumeFrom(35));
  EXPECT_TRUE(buffer.CanResumeFrom(50));
  EXPECT_FALSE(buffer.CanResumeFrom(60));
}

TEST(ResumeBuffer, RewindsToAPosition) {
  ResumeBuffer buffer(1000);
  for (int i = 0; i < 3; ++i) buffer.Sent(FrameOf(10));
  buffer.Acknowledge(15);  // within the second: that is kept
  EXPECT_EQ(buffer.begin(), 10u);
  buffer.Acknowledge(100);  // beyond what was sent: nothing
  EXPECT_EQ(buffer.begin(), 10u);
  EXPECT_EQ(buffer.Rewind(20).size(), 1u);
  EXPECT_EQ(buffer.end(), 20u);
  buffer.Sent(FrameOf(10));
  EXPECT_EQ(buffer.end(), 30u);
}

}  // namespace
}  // namespace postroad::rsocket::testing
