// The session's rules as state tables (testing_script.h).
#include <gtest/gtest.h>

#include "rsocket/session/credit.h"
#include "rsocket/session/reassembly.h"
#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

using Options = ScriptedSession::Options;

void Play(const std::string& script, Options options = {}) {
  ScriptedSession(std::move(options)).Run(script);
}
// After a SETUP that was taken.
void PlayOpen(const std::string& script, Options options = {}) {
  Play("> SETUP\n! setup\n" + script, std::move(options));
}

// --- SETUP ---

TEST(SessionSetup, IsTakenWithoutAnAnswer) { Play("> SETUP d=u-7\n! setup d=u-7"); }

TEST(SessionSetup, AnyOtherFirstFrameIsRefused) {
  Play(R"(
    > REQUEST_RESPONSE 1 d=x
    < ERROR code=INVALID_SETUP d=the first frame is REQUEST_RESPONSE; it must be SETUP or RESUME
    ! closed code=INVALID_SETUP d=~first frame
    # and nothing more is looked at
    > SETUP
  )");
  Play(R"(
    > hex 00 00
    < ERROR code=INVALID_SETUP d=~byte 0
    ! closed code=INVALID_SETUP d=~byte 0
  )");
}

TEST(SessionSetup, OnAStreamIsRefused) {
  Play(R"(
    > hex 00 00 00 01 04 00 00 01 00 00 00 00 00 01 00 00 00 01 00 00
    < ERROR code=INVALID_SETUP d=~the stream id must be 0
    ! closed code=INVALID_SETUP d=~stream id
  )");
}

TEST(SessionSetup, WhatCannotBeIsRefused) {
  const struct {
    const char* setup;
    const char* code;
    const char* message;
  } cases[] = {
      {"SETUP version=2", "UNSUPPORTED_SETUP", "RSocket 2.0 is not spoken"},
      {"SETUP version=0", "UNSUPPORTED_SETUP", "RSocket 0.0 is not spoken"},
      {"SETUP keepalive=0", "INVALID_SETUP", "keepalive"},
      {"SETUP lifetime=0", "INVALID_SETUP", "lifetime"},
      {"SETUP token=t", "UNSUPPORTED_SETUP", "not resumed here"},
      {"SETUP token=", "INVALID_SETUP", "token is empty"},
  };
  for (const auto& one : cases) {
    const std::string code(one.code), message(one.message);
    Play("> " + std::string(one.setup) + "\n< ERROR code=" + code + " d=~" + message +
         "\n! closed code=" + code + " d=~" + message);
  }
}

TEST(SessionSetup, TheApplicationMayRefuse) {
  Play(R"(
    > SETUP
    ! setup
    < ERROR code=REJECTED_SETUP d=who are you?
    ! closed code=REJECTED_SETUP d=who are you?
  )",
       {.refusal = "who are you?"});
}

TEST(SessionSetup, MustComeInTime) {
  Play(R"(
    + 9999ms
    + 1ms
    < ERROR code=INVALID_SETUP d=no SETUP came within 10s
    ! closed code=INVALID_SETUP d=~within 10s
  )");
}

TEST(SessionSetup, AgainIsIgnored) {
  PlayOpen(R"(
    > SETUP
    ! ignored d=SETUP again
  )");
}

// --- Interactions, answering ---

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

// --- Interactions, asking ---

TEST(SessionRequester, HasOddIdsAsAClientAndEvenOnesAsAServer) {
  PlayOpen(R"(
    . response 2 question
    < REQUEST_RESPONSE 2 d=question
    . stream 4 go
    < REQUEST_STREAM 4 n=2 d=go
    > PAYLOAD 2 next complete d=answer
    ! payload 2 complete d=answer
  )");
  Play(R"(
    < SETUP keepalive=60000 lifetime=180000
    . response 1 a
    < REQUEST_RESPONSE 1 d=a
    . channel 3 b
    < REQUEST_CHANNEL 3 n=2 d=b
  )",
       {.client = true});
}

TEST(SessionRequester, AResponseIsCompleteWhateverItSays) {
  PlayOpen(R"(
    . response 2 q
    < REQUEST_RESPONSE 2 d=q
    > PAYLOAD 2 next d=a
    ! payload 2 complete d=a
    > PAYLOAD 2 complete
    ! ignored d=~not open
  )");
}

TEST(SessionRequester, StreamAsksForMoreCompletesAndFails) {
  PlayOpen(R"(
    . stream 2 q
    < REQUEST_STREAM 2 n=2 d=q
    > PAYLOAD 2 next d=a
    ! payload 2 d=a
    . request 2 1
    < REQUEST_N 2 n=1
    > PAYLOAD 2 next d=b
    ! payload 2 d=b
    > PAYLOAD 2 complete
    ! complete 2
    . stream 4 q
    < REQUEST_STREAM 4 n=2 d=q
    > ERROR 4 code=REJECTED d=no
    ! error 4 code=REJECTED d=no
  )");
}

TEST(SessionRequester, AStreamThatSendsTooMuchIsCancelled) {
  PlayOpen(R"(
    . stream 2 q
    < REQUEST_STREAM 2 n=2 d=q
    > PAYLOAD 2 next d=a
    ! payload 2 d=a
    > PAYLOAD 2 next d=b
    ! payload 2 d=b
    > PAYLOAD 2 next d=c
    < CANCEL 2
    ! error 2 code=INVALID d=~more payloads
  )");
}

TEST(SessionRequester, Cancels) {
  PlayOpen(R"(
    . stream 2 q
    < REQUEST_STREAM 2 n=2 d=q
    . cancel 2
    < CANCEL 2
    > PAYLOAD 2 next d=late
    ! ignored d=~not open
  )");
}

TEST(SessionRequester, ChannelSendsWhenAskedTo) {
  PlayOpen(R"(
    . channel 2 first
    < REQUEST_CHANNEL 2 n=2 d=first
    . send 2 early
    ! refused d=~not asked
    > REQUEST_N 2 n=1
    ! room 2
    . send 2 second
    < PAYLOAD 2 next d=second
    > PAYLOAD 2 next complete d=theirs
    ! payload 2 complete d=theirs
    # the responder wants no more
    > CANCEL 2
    ! cancel 2
    . response 4 x
    < REQUEST_RESPONSE 4 d=x
  )");
}

TEST(SessionRequester, FireAndForgetAndMetadataPush) {
  PlayOpen(R"(
    . fnf data
    < REQUEST_FNF 2 d=data
    . push meta
    < METADATA_PUSH d=meta
  )");
}

TEST(SessionRequester, CannotBeforeSetup) {
  Play(R"(
    . response 2 q
    ! refused d=the session is not open
  )");
}

// --- Stream ids ---

TEST(SessionIds, ARequestOnAStreamInUseIsIgnored) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=1
    ! stream 1
    ! room 1
    > REQUEST_RESPONSE 1
    ! ignored d=REQUEST_RESPONSE on a stream in use
    . last 1 a
    < PAYLOAD 1 next complete d=a
  )");
}

TEST(SessionIds, OfTheWrongSideEndTheConnection) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 2
    < ERROR code=CONNECTION_ERROR d=REQUEST_RESPONSE on stream 2; a client's requests have odd ids
    ! closed code=CONNECTION_ERROR d=~odd ids
  )");
  PlayOpen(R"(
    > REQUEST_FNF 0
    < ERROR code=CONNECTION_ERROR d=~on stream 0
    ! closed code=CONNECTION_ERROR d=~on stream 0
  )");
}

TEST(SessionIds, FramesOfUnknownStreamsAreIgnored) {
  PlayOpen(R"(
    > PAYLOAD 1 next d=x
    ! ignored d=PAYLOAD on a stream that is not open
    > PAYLOAD 0 next d=x
    ! ignored d=PAYLOAD on a stream that is not open
    > REQUEST_N 7 n=1
    ! ignored d=REQUEST_N on a stream that is not open
    > CANCEL 0
    ! ignored d=CANCEL on a stream that is not open
    > ERROR 9 code=INVALID d=x
    ! ignored d=ERROR on a stream that is not open
    > RESUME_OK last=0
    ! ignored d=RESUME_OK without RESUME
    > LEASE ttl=1 n=1
    ! ignored d=LEASE, though SETUP did not ask for leases
  )");
}

TEST(SessionIds, StreamsAreLimited) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=1
    ! stream 1
    ! room 1
    > REQUEST_STREAM 3 n=1
    < ERROR 3 code=REJECTED d=there are 1 streams open, which is the most a connection may have
    > REQUEST_FNF 5
    ! fnf
    > CANCEL 1
    ! cancel 1
    > REQUEST_STREAM 7 n=1
    ! stream 7
    ! room 7
  )",
           {.session = {.max_streams = 1}});
}

// --- Fragments ---

TEST(SessionFragments, OfARequestArePutTogether) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 follows n=5 m=me
    > PAYLOAD 1 follows next m=ta d=da
    > PAYLOAD 1 next d=ta
    ! stream 1 m=meta d=data
    ! room 1
    . room 1
    ! has n=5
  )");
}

TEST(SessionFragments, OfAPayloadCountAsOne) {
  PlayOpen(R"(
    . stream 2 q
    < REQUEST_STREAM 2 n=2 d=q
    > PAYLOAD 2 follows next d=a
    > PAYLOAD 2 follows next d=b
    > PAYLOAD 2 next d=c
    ! payload 2 d=abc
    > PAYLOAD 2 follows next d=d
    > PAYLOAD 2 next complete d=e
    ! payload 2 complete d=de
  )");
}

TEST(SessionFragments, FollowsCountsForNothingWithComplete) {
  PlayOpen(R"(
    . stream 2 q
    < REQUEST_STREAM 2 n=2 d=q
    > PAYLOAD 2 follows next complete d=a
    ! payload 2 complete d=a
  )");
}

TEST(SessionFragments, OfACancelledRequestAreForgotten) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1 follows d=a
    > CANCEL 1
    > PAYLOAD 1 next d=b
    ! ignored d=~not open
  )");
}

TEST(SessionFragments, TooMuchIsInvalid) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1 follows d=12345
    > PAYLOAD 1 follows next d=678901
    < ERROR 1 code=INVALID d=a fragmented message exceeds 10 bytes
    # of fire-and-forget nobody is told but the counter
    > REQUEST_FNF 3 follows d=12345
    > PAYLOAD 3 next d=678901
    ! ignored d=a fragmented message exceeds 10 bytes
    . stream 2 q
    < REQUEST_STREAM 2 n=2 d=q
    > PAYLOAD 2 follows next d=12345
    > PAYLOAD 2 follows next d=678901
    < CANCEL 2
    ! error 2 code=INVALID d=~exceeds 10 bytes
    # what was given back can be used again
    > REQUEST_RESPONSE 5 follows d=12345
    > PAYLOAD 5 next d=67890
    ! response 5 d=1234567890
    ! room 5
  )",
           {.session = {.max_payload_bytes = 10, .max_reassembly_bytes = 15}});
}

TEST(SessionFragments, OfAllStreamsAreLimitedTogether) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1 follows d=123456
    > REQUEST_RESPONSE 3 follows d=12345
    < ERROR 3 code=INVALID d=the connection's incomplete messages exceed 10 bytes
    > PAYLOAD 1 next d=x
    ! response 1 d=123456x
    ! room 1
    > REQUEST_RESPONSE 5 follows d=1234567890
  )",
           {.session = {.max_payload_bytes = 10, .max_reassembly_bytes = 10}});
}

TEST(SessionFragments, EndlessEmptyOnesAreInvalid) {
  ScriptedSession session;
  session.Run("> SETUP\n! setup\n> REQUEST_RESPONSE 1 follows d=x");
  for (int i = 0; i < Reassembly::kMaxEmptyFragments; ++i) {
    session.Run("> PAYLOAD 1 follows next");
  }
  session.Run(R"(
    > PAYLOAD 1 follows next
    < ERROR 1 code=INVALID d=a message came in more than 16 empty fragments
  )");
}

TEST(SessionFragments, MetadataComesBeforeData) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1 follows d=data
    > PAYLOAD 1 next m=late
    < ERROR 1 code=INVALID d=a fragment has metadata although the message's data has begun
  )");
}

// --- Keepalive ---

TEST(SessionKeepalive, IsAnsweredAheadOfData) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=9
    ! stream 1
    ! room 1
    > KEEPALIVE
    > KEEPALIVE respond d=hi
    < KEEPALIVE d=hi
  )");
  ScriptedSession session;
  session.Run("> SETUP\n! setup\n> REQUEST_STREAM 1 n=9\n! stream 1\n! room 1\n");
  session.session().Receive(FrameFrom("REQUEST_STREAM 3 n=9"));
  session.Run("! stream 3\n! room 3\n. send 3 data\n< PAYLOAD 3 next d=data");
}

TEST(SessionKeepalive, AcceptingSideAsksAfterOneAndAHalfIntervals) {
  PlayOpen(R"(
    + 1499ms
    + 1ms
    < KEEPALIVE respond
    > KEEPALIVE
    + 1500ms
    < KEEPALIVE respond
  )");
}

TEST(SessionKeepalive, AcceptingSideIsQuietWhileTheClientAsks) {
  PlayOpen(R"(
    + 1s
    > KEEPALIVE respond
    < KEEPALIVE
    + 1s
    > KEEPALIVE respond
    < KEEPALIVE
  )");
}

TEST(SessionKeepalive, ConnectingSideAsksEachInterval) {
  Play(R"(
    < SETUP keepalive=1000 lifetime=3000
    + 1s
    < KEEPALIVE respond
    > KEEPALIVE
    + 1s
    < KEEPALIVE respond
  )",
       {.client = true, .setup = {.keepalive_ms = 1000, .lifetime_ms = 3000}});
}

TEST(SessionKeepalive, SilenceForTheLifetimeEndsTheConnection) {
  PlayOpen(R"(
    + 1500ms
    < KEEPALIVE respond
    + 1500ms
    < ERROR code=CONNECTION_ERROR d=nothing came for 3s, the connection is taken for dead
    ! closed code=CONNECTION_ERROR d=~nothing came for 3s
  )");
}

TEST(SessionKeepalive, AnyBytesAreLife) {
  PlayOpen(R"(
    + 1500ms
    < KEEPALIVE respond
    . bytes
    + 1500ms
    < KEEPALIVE respond
    > CANCEL 9
    ! ignored d=~CANCEL
    + 1500ms
    < KEEPALIVE respond
    + 1499ms
    + 1ms
    < ERROR code=CONNECTION_ERROR d=~nothing came for 3s
    ! closed code=CONNECTION_ERROR d=~nothing came for 3s
  )");
}

TEST(SessionKeepalive, ALifetimeHasItsLimit) {
  Play(R"(
    > SETUP keepalive=600000 lifetime=86400000
    ! setup
    + 4m59s
    + 1s
    < ERROR code=CONNECTION_ERROR d=~nothing came for 5m
    ! closed code=CONNECTION_ERROR d=~nothing came for 5m
  )");
}

TEST(SessionKeepalive, FloodsAreEnded) {
  ScriptedSession session({.session = {.keepalives_per_second = 1, .keepalive_burst = 3}});
  session.Run("> SETUP\n! setup");
  for (int i = 0; i < 3; ++i) session.Run("> KEEPALIVE respond\n< KEEPALIVE");
  session.Run("+ 1s\n> KEEPALIVE respond\n< KEEPALIVE");
  session.Run(R"(
    > KEEPALIVE respond
    < ERROR code=CONNECTION_ERROR d=too many KEEPALIVEs: at most 1 a second are answered
    ! closed code=CONNECTION_ERROR d=~too many
  )");
}

TEST(SessionKeepalive, DataToBeEchoedIsLimited) {
  PlayOpen(R"(
    > KEEPALIVE respond d=12345
    < ERROR code=CONNECTION_ERROR d=KEEPALIVE with 5 bytes of data; at most 4 are echoed
    ! closed code=CONNECTION_ERROR d=~at most 4
  )",
           {.session = {.max_keepalive_bytes = 4}});
}

// --- Leases ---

TEST(SessionLease, IsGrantedAndCounted) {
  Play(R"(
    > SETUP lease
    ! setup
    < LEASE ttl=1000 n=2
    > REQUEST_RESPONSE 1
    ! response 1
    ! room 1
    > REQUEST_FNF 3
    ! fnf
    > REQUEST_RESPONSE 5
    < ERROR 5 code=REJECTED d=the lease is used up
    > REQUEST_FNF 7
    ! ignored d=the lease is used up
    + 1s
    < LEASE ttl=1000 n=2
    > REQUEST_RESPONSE 9
    ! response 9
    ! room 9
  )",
       {.session = {.lease_requests = 2, .lease_ttl = std::chrono::seconds(1)}});
}

TEST(SessionLease, OfThePeerIsHonoured) {
  Play(R"(
    > SETUP lease
    ! setup
    < LEASE ttl=86400000 n=2147483647
    . response 2 q
    ! refused d=the peer has granted no lease for a request
    > LEASE ttl=1000 n=1
    . response 2 q
    < REQUEST_RESPONSE 2 d=q
    . response 4 q
    ! refused d=~no lease
    > LEASE ttl=1000 n=1
    + 1s
    . response 4 q
    ! refused d=~no lease
    # the last LEASE wins
    > LEASE ttl=1000 n=5
    > LEASE ttl=1000 n=0
    . response 4 q
    ! refused d=~no lease
  )");
}

// --- Errors and ends ---

TEST(SessionEnd, PeersErrorEndsAllStreams) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=1
    ! stream 1
    ! room 1
    . response 2 q
    < REQUEST_RESPONSE 2 d=q
    . cancel 2
    < CANCEL 2
    > ERROR code=CONNECTION_ERROR d=broken
    ! error 1 code=CONNECTION_ERROR d=broken
    ! closed code=CONNECTION_ERROR by_peer d=broken
  )");
}

TEST(SessionEnd, PeersCloseLetsStreamsFinish) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=1
    ! stream 1
    ! room 1
    > ERROR code=CONNECTION_CLOSE d=later
    . response 2 q
    ! refused d=later
    . last 1 a
    ! closed code=CONNECTION_CLOSE by_peer d=later
    < PAYLOAD 1 next complete d=a
  )");
}

TEST(SessionEnd, OurCloseGoesBehindWhatWaits) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=1
    ! stream 1
    ! room 1
    . close
    ! error 1 code=CONNECTION_CLOSE d=bye
    ! closed code=CONNECTION_CLOSE d=bye
    < ERROR code=CONNECTION_CLOSE d=bye
  )");
}

TEST(SessionEnd, ALostConnectionEndsWhatIsOpen) {
  PlayOpen(R"(
    > REQUEST_STREAM 1 n=1
    ! stream 1
    ! room 1
    . disconnect
    ! error 1 code=CONNECTION_CLOSE d=lost
    ! closed code=CONNECTION_CLOSE by_peer d=lost
    . response 2 q
    ! refused d=lost
  )");
}

TEST(SessionEnd, SetupErrorsOfAClientAreIgnored) {
  PlayOpen(R"(
    > ERROR code=REJECTED_SETUP d=x
    ! ignored d=REJECTED_SETUP from a client
  )");
}

TEST(SessionEnd, AClientIsRefused) {
  Play(R"(
    < SETUP keepalive=60000 lifetime=180000
    . response 1 q
    < REQUEST_RESPONSE 1 d=q
    > ERROR code=REJECTED_SETUP d=no
    ! error 1 code=REJECTED_SETUP d=no
    ! closed code=REJECTED_SETUP by_peer d=no
  )",
       {.client = true});
}

TEST(SessionEnd, MalformedFramesNameTheirFault) {
  PlayOpen(R"(
    > hex 00 00 00 01 11 00 ff ff ff 61
    < ERROR code=CONNECTION_ERROR d=~REQUEST_RESPONSE, byte 6: the metadata is said to have 16777215 bytes
    ! closed code=CONNECTION_ERROR d=~byte 6
  )");
}

TEST(SessionEnd, MalformedFramesThatMayBeIgnoredAre) {
  PlayOpen(R"(
    > hex 00 00 00 01 22 00
    ! ignored d=~REQUEST_N, byte 6
  )");
}

TEST(SessionEnd, UnknownFramesAreIgnoredIfTheyMayBe) {
  PlayOpen(R"(
    > EXT 0 ignore n=5
    ! ignored d=EXT
    > EXT 0 n=5
    < ERROR code=CONNECTION_ERROR d=~EXT is not known here
    ! closed code=CONNECTION_ERROR d=~EXT
  )");
}

TEST(SessionEnd, FramesAreLimited) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1 d=123456789012345678
    ! response 1 d=123456789012345678
    ! room 1
    > REQUEST_RESPONSE 3 d=1234567890123456789
    < ERROR code=CONNECTION_ERROR d=a frame of 25 bytes; at most 24 are taken
    ! error 1 code=CONNECTION_ERROR d=~at most 24
    ! closed code=CONNECTION_ERROR d=~at most 24
  )",
           {.session = {.max_frame_bytes = 24}});
}

}  // namespace
}  // namespace postroad::rsocket::testing
