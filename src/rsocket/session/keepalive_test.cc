// What goes by the clock, keepalives and leases, as state tables (testing_script.h).
#include <gtest/gtest.h>

#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

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

TEST(SessionKeepalive, AcceptingSideAsksFourTimesASecondAtMost) {
  Play(R"(
    > SETUP keepalive=1 lifetime=60000
    ! setup
    + 249ms
    + 1ms
    < KEEPALIVE respond
    + 249ms
    + 1ms
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

}  // namespace
}  // namespace postroad::rsocket::testing
