// Asking: every interaction, as state tables (testing_script.h).
#include <gtest/gtest.h>

#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

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

}  // namespace
}  // namespace postroad::rsocket::testing
