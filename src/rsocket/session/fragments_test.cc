// Messages in fragments and their limits, as state tables (testing_script.h).
#include <gtest/gtest.h>

#include "rsocket/session/budget.h"
#include "rsocket/session/reassembly.h"
#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

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

TEST(SessionFragments, OfAllSessionsAreLimitedTogether) {
  Metrics metrics;
  Counter& refused = metrics.GetCounter("refused", "");
  const auto budget = std::make_shared<Budget>(10, &refused);
  const Options options{.session = {.incomplete = budget}};
  ScriptedSession first(options), second(options);
  auto third = std::make_unique<ScriptedSession>(options);
  for (ScriptedSession* one : {&first, &second, third.get()}) one->Run("> SETUP\n! setup");
  first.Run("> REQUEST_RESPONSE 1 follows d=1234");
  second.Run(". stream 2 q\n< REQUEST_STREAM 2 n=2 d=q\n> PAYLOAD 2 follows next d=1234");
  third->Run(R"(
    > REQUEST_RESPONSE 1 follows d=123
    < ERROR 1 code=REJECTED d=~OVERLOADED: incomplete messages of all connections
    > REQUEST_RESPONSE 3 follows d=12
    > PAYLOAD 3 next d=3
    < ERROR 3 code=REJECTED d=~OVERLOADED
    > REQUEST_RESPONSE 5 follows d=12
  )");
  EXPECT_EQ(budget->held(), 10u);
  EXPECT_EQ(refused.Value(), 2);
  // What is whole, what was refused and what ends is given back.
  first.Run("> CANCEL 1");
  EXPECT_EQ(budget->held(), 6u);
  second.Run("> PAYLOAD 2 next complete d=5\n! payload 2 complete d=12345");
  EXPECT_EQ(budget->held(), 2u);
  third.reset();
  EXPECT_EQ(budget->held(), 0u);
  second.Run(R"(
    > REQUEST_RESPONSE 7 follows d=1234567
    > RESUME token=t last=0 first=0
    < ERROR code=CONNECTION_ERROR d=RESUME on a connection that is set up
    ! closed code=CONNECTION_ERROR d=RESUME on a connection that is set up
  )");
  EXPECT_EQ(budget->held(), 0u);
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

}  // namespace
}  // namespace postroad::rsocket::testing
