// Answering: every interaction, as state tables (testing_script.h).
#include <gtest/gtest.h>

#include "rsocket/session/credit.h"
#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

TEST(SessionResponder, RequestResponse) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1 m=meta d=ping
    ! response 1 m=meta d=ping
    ! room 1
    . send 1 pong
    < PAYLOAD 1 next complete d=pong
    # the stream is free again
    > REQUEST_RESPONSE 1 d=again
    ! response 1 d=again
    ! room 1
  )");
}

TEST(SessionResponder, RequestResponseFails) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1 d=ping
    ! response 1 d=ping
    ! room 1
    . fail 1 APPLICATION_ERROR no such thing
    < ERROR 1 code=APPLICATION_ERROR d=no such thing
  )");
}

TEST(SessionResponder, RequestResponseCanBeEmpty) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1
    ! response 1
    ! room 1
    . complete 1
    < PAYLOAD 1 complete
  )");
}

TEST(SessionResponder, RequestResponseIsCancelled) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1
    ! response 1
    ! room 1
    > CANCEL 1
    ! cancel 1
    > CANCEL 1
    ! ignored d=CANCEL on a stream that is not open
  )");
}

TEST(SessionResponder, RequestNOfAResponseDoesNothing) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1
    ! response 1
    ! room 1
    > REQUEST_N 1 n=5
    . send 1 a
    < PAYLOAD 1 next complete d=a
  )");
}

TEST(SessionResponder, MayFailWithinTheRequest) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=1
    ! stream 1
    < ERROR 1 code=REJECTED d=no
    > REQUEST_N 1 n=5
    ! ignored d=REQUEST_N on a stream that is not open
  )",
           {.on_request = "fail REJECTED no"});
}

TEST(SessionResponder, FireAndForget) {
  PlayOpen(R"(
    > REQUEST_FNF 1 m=a d=b
    ! fnf m=a d=b
  )");
}

TEST(SessionResponder, MetadataPush) {
  PlayOpen(R"(
    > METADATA_PUSH d=m
    ! push d=m
    > hex 00 00 00 01 31 00 6d
    ! ignored d=~the stream id must be 0
  )");
}

TEST(SessionResponder, StreamSendsAsManyAsAreAskedFor) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=2 d=go
    ! stream 1 d=go
    ! room 1
    . send 1 a
    < PAYLOAD 1 next d=a
    . room 1
    ! has n=1
    . send 1 b
    < PAYLOAD 1 next d=b
    . send 1 c
    ! refused d=the peer has not asked for more payloads
    > REQUEST_N 1 n=1
    ! room 1
    . last 1 c
    < PAYLOAD 1 next complete d=c
  )");
}

TEST(SessionResponder, CreditsAddUpAndNeverRunOver) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=2147483647
    ! stream 1
    ! room 1
    > REQUEST_N 1 n=2147483647
    ! room 1
    . room 1
    ! has n=4294967294
  )");
  Credit credit(UINT64_MAX - 1);
  credit.Add(5);
  EXPECT_EQ(credit.value(), UINT64_MAX);
}

TEST(SessionResponder, ZeroCreditsAreInvalid) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=0
    < ERROR 1 code=INVALID d=the initial request-N must be more than 0
    > REQUEST_STREAM 3 n=1
    ! stream 3
    ! room 3
    > REQUEST_N 3 n=0
    < ERROR 3 code=INVALID d=request-N must be more than 0
    ! error 3 code=INVALID d=request-N must be more than 0
  )");
}

TEST(SessionResponder, StreamCompletesFailsAndIsCancelled) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=1
    ! stream 1
    ! room 1
    . complete 1
    < PAYLOAD 1 complete
    > REQUEST_STREAM 3 n=1
    ! stream 3
    ! room 3
    . fail 3 CANCELED replaced
    < ERROR 3 code=CANCELED d=replaced
    > REQUEST_STREAM 5 n=1
    ! stream 5
    ! room 5
    > CANCEL 5
    ! cancel 5
  )");
}

TEST(SessionResponder, ChannelGoesBothWays) {
  PlayOpen(R"(
    > REQUEST_CHANNEL 1 n=1 d=first
    ! channel 1 d=first
    ! room 1
    . request 1 2
    < REQUEST_N 1 n=2
    > PAYLOAD 1 next d=second
    ! payload 1 d=second
    . send 1 a
    < PAYLOAD 1 next d=a
    > PAYLOAD 1 next complete d=third
    ! payload 1 complete d=third
    # their side is done, ours is not
    > PAYLOAD 1 next d=fourth
    ! ignored d=PAYLOAD on a stream whose peer has completed
    > REQUEST_N 1 n=1
    ! room 1
    . last 1 b
    < PAYLOAD 1 next complete d=b
    > REQUEST_N 1 n=1
    ! ignored d=~not open
  )");
}

TEST(SessionResponder, ChannelOfOnePayload) {
  PlayOpen(R"(
    > REQUEST_CHANNEL 1 complete n=1 d=only
    ! channel 1 d=only
    ! room 1
    . request 1 1
    . last 1 a
    < PAYLOAD 1 next complete d=a
  )");
}

TEST(SessionResponder, ChannelCompletesByAFrameOfItsOwn) {
  PlayOpen(R"(
    > REQUEST_CHANNEL 1 n=1
    ! channel 1
    ! room 1
    . complete 1
    < PAYLOAD 1 complete
    > PAYLOAD 1 complete
    ! complete 1
    > PAYLOAD 1 complete
    ! ignored d=~not open
  )");
}

TEST(SessionResponder, ChannelStopsItsRequester) {
  PlayOpen(R"(
    > REQUEST_CHANNEL 1 n=1
    ! channel 1
    ! room 1
    . request 1 5
    < REQUEST_N 1 n=5
    . cancel 1
    < CANCEL 1
    > PAYLOAD 1 next d=late
    ! ignored d=~completed
    . last 1 a
    < PAYLOAD 1 next complete d=a
  )");
}

TEST(SessionResponder, ChannelEndsByCancelOrErrorOfItsRequester) {
  PlayOpen(R"(
    > REQUEST_CHANNEL 1 n=1
    ! channel 1
    ! room 1
    > CANCEL 1
    ! cancel 1
    > REQUEST_CHANNEL 3 n=1
    ! channel 3
    ! room 3
    > ERROR 3 code=APPLICATION_ERROR d=oops
    ! error 3 code=APPLICATION_ERROR d=oops
  )");
}

TEST(SessionResponder, ChannelMustNotSendMoreThanAskedFor) {
  PlayOpen(R"(
    > REQUEST_CHANNEL 1 n=1
    ! channel 1
    ! room 1
    . request 1 1
    < REQUEST_N 1 n=1
    > PAYLOAD 1 next d=a
    ! payload 1 d=a
    > PAYLOAD 1 next d=b
    < ERROR 1 code=INVALID d=more payloads came than were asked for
    ! error 1 code=INVALID d=~more payloads
  )");
}

}  // namespace
}  // namespace postroad::rsocket::testing
