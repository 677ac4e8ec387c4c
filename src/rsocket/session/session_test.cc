// Stream ids, errors and ends, as state tables (testing_script.h).
#include <gtest/gtest.h>

#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

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

TEST(SessionIds, IncompleteRequestsCountAsStreams) {
  PlayOpen(R"(
    > REQUEST_RESPONSE 1 follows d=half
    > REQUEST_STREAM 3 n=1
    < ERROR 3 code=REJECTED d=there are 1 streams open, which is the most a connection may have
    > PAYLOAD 1 next d=whole
    ! response 1 d=halfwhole
    ! room 1
  )",
           {.session = {.max_streams = 1}});
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
