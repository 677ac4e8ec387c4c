// `postroad subscribe`, `subscriptions`, `dead-letters`, `receipts`, `connections`.
#include <gmock/gmock.h>

#include "cli/shell.h"
#include "tests/support/http_client.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;

class SubscriptionsTest : public CliTest {
 protected:
  boost::json::value Shown(const std::string& name) {
    return shell_.Json("$P subscriptions show " + name);
  }
};

TEST_F(SubscriptionsTest, WhatIsPrintedIsAcked) {
  shell_.Out("printf '1\\n2\\n3\\n' | $P post sub/acked");
  const std::string first =
      shell_.Out("$P subscribe acked --create --topic sub/acked --start beginning --count 2");
  EXPECT_THAT(first, HasSubstr("sub/acked@0  1\n"));
  EXPECT_THAT(first, HasSubstr("sub/acked@1  2\n"));
  const auto rest = shell_.Json("$P subscribe acked --count 1");
  EXPECT_EQ(rest.at("payload"), "3");
  EXPECT_EQ(rest.at("attempt"), 1);
  EXPECT_TRUE(Eventually([&] { return Shown("acked").at("floor") == 3; }));
}

TEST_F(SubscriptionsTest, ASubscriptionThatIsNotThereSaysHowToMakeIt) {
  const Ended ended = shell_("$P subscribe missing");
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.output, HasSubstr("--create --topic TOPIC makes it"));
  ExpectError(shell_("$P subscribe missing --create"), 2,
              "--create: needs --topic: which topics to read");
}

// Joining it all the same would ack what nobody asked for.
TEST_F(SubscriptionsTest, OneThatReadsOtherTopicsIsNotJoinedByCreate) {
  shell_.Out(
      "$P post sub/mine 1; $P subscriptions create other-topics -t sub/mine --start beginning");
  const Ended refused = shell_("$P subscribe other-topics --create --topic sub/yours --count 1");
  EXPECT_EQ(refused.code, 6);
  EXPECT_THAT(refused.output, HasSubstr("is there and reads sub/mine; leave --create out"));
  EXPECT_EQ(Shown("other-topics").at("floor"), 0);
  EXPECT_EQ(
      shell_.Json("$P subscribe other-topics --create --topic sub/mine --count 1").at("payload"),
      "1");
}

TEST_F(SubscriptionsTest, CreateUpdateListSeekDelete) {
  shell_.Out("printf '1\\n2\\n' | $P post sub/admin");
  const auto made = shell_.Json(
      "$P subscriptions create admin -t sub/admin --start beginning --ack-deadline 5s --retry "
      "1s,2m "
      "--max-attempts 4 --max-in-flight 10 --order key --filter-type 'a*'");
  const auto& settings = made.at("settings");
  EXPECT_EQ(settings.at("ack_deadline"), "5s");
  EXPECT_EQ(settings.at("retry_schedule"), (boost::json::array{"1s", "2m"}));
  EXPECT_EQ(settings.at("max_attempts"), 4);
  EXPECT_EQ(settings.at("max_in_flight"), 10);
  EXPECT_EQ(settings.at("order"), "key");
  EXPECT_EQ(settings.at("filter").at("types"), boost::json::array{"a*"});
  EXPECT_EQ(settings.at("start"), "beginning");
  ExpectError(shell_("$P subscriptions update admin --ack-deadline 0s"), 2,
              "--ack-deadline: must not be 0");

  const auto updated = shell_.Json("$P subscriptions update admin --ack-deadline 7s");
  EXPECT_EQ(updated.at("settings").at("ack_deadline"), "7s");
  EXPECT_EQ(updated.at("settings").at("max_attempts"), 4);
  EXPECT_THAT(shell_.Out("$P subscriptions list"), HasSubstr("admin"));
  EXPECT_THAT(shell_.Out("$P subscriptions show admin"), HasSubstr("retry after    1s 2m\n"));

  EXPECT_EQ(shell_.Json("$P subscriptions seek admin end").at("floor"), 2);
  EXPECT_EQ(shell_.Json("$P subscriptions seek admin offset:1").at("floor"), 1);
  EXPECT_EQ(shell_("$P subscriptions create admin -t other").code, 6);
  shell_.Out("$P subscriptions delete admin");
  EXPECT_EQ(shell_("$P subscriptions show admin").code, 4);
  const Ended bad = shell_("$P subscriptions create bad -t sub/admin --retry soon");
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.output, HasSubstr("postroad: --retry: "));
}

TEST_F(SubscriptionsTest, DeadLettersAreShownEditedResentDropped) {
  shell_.Out("printf '1\\n2\\n' | $P post sub/dead --type t");
  shell_.Out(
      "$P subscribe dead --create -t sub/dead --start beginning --max-attempts 1 --nack "
      "'no such account' --count 2");
  ASSERT_TRUE(Eventually([&] { return Shown("dead").at("dead_letters") == 2; }));
  const auto letters = shell_.Json("$P dead-letters list dead");
  ASSERT_EQ(letters.as_array().size(), 2u);
  const std::string id = boost::json::serialize(letters.as_array()[0].at("id"));
  EXPECT_EQ(letters.as_array()[0].at("event").at("payload"), "1");
  EXPECT_EQ(letters.as_array()[0].at("attempts").as_array()[0].at("reason"), "no such account");
  EXPECT_THAT(shell_.Out("$P dead-letters show dead " + id), HasSubstr("no such account"));

  const auto edited = shell_.Json("$P dead-letters edit dead " + id +
                                  " '{\"payload\":\"corrected\",\"type\":\"t\"}'");
  EXPECT_EQ(edited.at("event").at("payload"), "corrected");
  EXPECT_EQ(shell_.Json("$P dead-letters resend dead " + id).at("resent"), 1);
  EXPECT_EQ(shell_.Json("$P subscribe dead --count 1").at("payload"), "corrected");
  ASSERT_TRUE(
      Eventually([&] { return shell_.Json("$P dead-letters list dead").as_array().size() == 1; }));
  EXPECT_EQ(Shown("dead").at("dead_letters"), 1);
  EXPECT_EQ(shell_.Json("$P dead-letters drop dead --all").at("dropped"), 1);
  EXPECT_EQ(shell_.Out("$P dead-letters list dead"), "no dead letters\n");
  EXPECT_EQ(shell_("$P dead-letters show dead " + id).code, 4);
  ExpectError(shell_("$P dead-letters drop dead"), 2, "id: give the id of one, or --all");
}

TEST_F(SubscriptionsTest, ReceiptsTellAndCanBeAwaited) {
  shell_.Out("$P subscriptions create receipts -t sub/receipts");
  shell_.Out("$P post sub/receipts x --id r1");
  const auto before = shell_.Json("$P receipts show sub/receipts r1");
  EXPECT_EQ(before.at("settled"), false);
  EXPECT_EQ(before.at("subscriptions").as_array()[0].at("subscription"), "receipts");
  const Ended late = shell_("$P receipts await sub/receipts r1 --for 50ms");
  EXPECT_EQ(late.code, 8);
  EXPECT_THAT(late.output, HasSubstr("not every subscription settled it within 50ms"));
  shell_.Out("$P subscribe receipts --count 1");
  EXPECT_EQ(shell_.Json("$P receipts await sub/receipts r1").at("settled"), true);
  EXPECT_THAT(shell_.Out("$P receipts show sub/receipts --offset 0"), HasSubstr("settled"));
  EXPECT_EQ(shell_("$P receipts show sub/receipts nobody").code, 4);
  ExpectError(shell_("$P receipts show sub/receipts"), 2, "id: give the event's id, or --offset");
}

TEST_F(SubscriptionsTest, ConnectionsTellWhoIsThere) {
  EXPECT_EQ(shell_.Out("$P connections nobody"), "nobody is connected\n");
  HttpClient reader(server_->http_port());
  reader.Send("GET /v1/events?topic=user/cli&format=sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(reader.ReadHead().status, 200);
  reader.ReadEvent();  // where it begins
  EXPECT_THAT(reader.ReadEvent(), HasSubstr("event: opened"));
  const auto there = shell_.Json("$P connections cli").as_array();
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(there[0].at("user"), "cli");
  EXPECT_EQ(there[0].at("transport"), "sse");
  EXPECT_THAT(shell_.Out("$P connections"), HasSubstr("127.0.0.1:"));
  shell_.Out("$P post user/cli hello --id c1");
  const auto receipt = shell_.Json("$P receipts show user/cli c1");
  EXPECT_EQ(receipt.at("connections").as_array().at(0).at("user"), "cli");
  EXPECT_THAT(shell_.Out("$P receipts show user/cli c1"), HasSubstr("CONNECTION"));
}

TEST_F(SubscriptionsTest, APostCanWaitForItsReply) {
  shell_.Out("$P subscriptions create replies -t sub/replies");
  Process subscriber({PostroadProgram(), "subscribe", "replies", "--reply", "done", "--count", "1"},
                     shell_.Variables());
  const auto answer = shell_.Json("$P post sub/replies x --wait-acked 30s");
  EXPECT_EQ(answer.at("timed_out"), false);
  const auto& receipt = answer.at("receipts").as_array()[0];
  EXPECT_EQ(receipt.at("settled"), true);
  EXPECT_EQ(receipt.at("subscriptions").as_array()[0].at("reply"), "done");
  EXPECT_EQ(subscriber.Wait().code, 0);
  const Ended late = shell_("$P post sub/replies y --wait-acked 50ms");
  EXPECT_EQ(late.code, 8);
  EXPECT_THAT(late.output, HasSubstr("posted, but not every subscription settled it within 50ms"));
}

TEST_F(SubscriptionsTest, WhereNobodyIsToAckNobodyIsWaitedFor) {
  const Ended posted = shell_("$P post sub/nobody x --id n1 --wait-acked 1h");
  EXPECT_EQ(posted.code, 6);
  EXPECT_THAT(posted.output, HasSubstr("posted, but no subscription covers the event"));
  const Ended awaited = shell_("$P receipts await sub/nobody n1 --for 1h");
  EXPECT_EQ(awaited.code, 6);
  EXPECT_THAT(awaited.output, HasSubstr("no subscription covers the event"));
}

}  // namespace
}  // namespace postroad::testing
