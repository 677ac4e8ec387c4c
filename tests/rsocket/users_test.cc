// Users' connections over real sockets: acks and receipts, questions, limits, presence, posting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/rsocket/rsocket_house.h"

namespace postroad::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kLines = R"({"format":"json"})";
constexpr const char* kRoute = "notifications.stream";

class UsersTest : public RSocketHouse {
 protected:
  // A connection of the user with a stream of lines, whose beginning is read; its name.
  std::string Open(RSocketPeer& peer, const std::string& user, std::string_view request = kLines) {
    peer.Setup(user);
    peer.RequestStream(kRoute, request);
    const auto opened = peer.ReadLine("opened");
    peer.ReadLine("caught_up");
    return std::string(opened.at("opened").at("connection").as_string());
  }
  std::future<HttpReply> AskLater(const std::string& target, const std::string& body) {
    return std::async(std::launch::async,
                      [this, target, body] { return Ask("POST", target, body); });
  }
  static std::string AckOf(const boost::json::value& event, const std::string& more = "") {
    return R"({"topic":"user/u","offset":)" + boost::json::serialize(event.at("offset")) + more +
           "}";
  }
  // What the receipt says of a connection.
  static boost::json::value Of(const boost::json::value& receipt, const std::string& connection) {
    for (const auto& one : receipt.at("connections").as_array()) {
      if (one.at("connection") == boost::json::string_view(connection)) return one;
    }
    return {};
  }
};

TEST_F(UsersTest, LinesTellWhereToGoOnAndWhatWasLost) {
  journal_options.rules =
      journal::TopicRules({{.pattern = *TopicPattern::Parse("*", ""), .retention_count = 1}});
  journal_options.retention_interval = std::chrono::hours(1);
  Start();
  Post("user/u", R"({"payload":0})");
  RSocketPeer first(rsocket_port());
  first.Setup("u");
  first.RequestStream(kRoute, R"({"format":"json","from":"beginning"})");
  first.ReadLine("opened");
  const auto event = first.ReadLine("payload");
  EXPECT_EQ(event.at("payload").as_int64(), 0);
  const std::string cursor(event.at("cursor").as_string());
  first.Close();
  Post("user/u", R"({"payload":1})");
  Post("user/u", R"({"payload":2})");
  ASSERT_TRUE(stack->journal().ApplyRetention());
  RSocketPeer again(rsocket_port());
  again.Setup("u");
  again.RequestStream(kRoute, R"({"format":"json","cursor":")" + cursor + "\"}");
  EXPECT_EQ(again.ReadLine("gap").at("gap"),
            boost::json::parse(R"({"topic":"user/u","first":1,"end":2})"));
  EXPECT_EQ(again.ReadLine("payload").at("payload").as_int64(), 2);
}

TEST_F(UsersTest, AGapEndsAStreamThatHasNoOtherWayToTellIt) {
  journal_options.rules =
      journal::TopicRules({{.pattern = *TopicPattern::Parse("*", ""), .retention_count = 1}});
  journal_options.retention_interval = std::chrono::hours(1);
  Start();
  for (const char* payload : {"0", "1", "2"})
    Post("user/u", R"({"payload":)" + std::string(payload) + "}");
  const std::string cursor(
      AskJson("GET", "/v1/events?topic=user/u&from=beginning&max=1").at("cursor").as_string());
  ASSERT_TRUE(stack->journal().ApplyRetention());
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  peer.RequestStream(kRoute, R"({"cursor":")" + cursor + "\"}");
  const std::string told = peer.Must().message();
  EXPECT_THAT(told, AllOf(StartsWith("GAP: "), HasSubstr("from offset 1 to 1")));
  peer.RequestStream(kRoute, told.substr(told.find('{')));
  EXPECT_EQ(peer.Must().data(), "2");
}

TEST_F(UsersTest, APostIsAnsweredWithWhatEachConnectionDid) {
  Start();
  RSocketPeer acks(rsocket_port()), replies(rsocket_port()), fails(rsocket_port()),
      leaves(rsocket_port());
  const std::string acking = Open(acks, "u"), replying = Open(replies, "u"),
                    failing = Open(fails, "u"), leaving = Open(leaves, "u");
  auto reply = AskLater("/v1/events?wait=acked&timeout=60s", R"({"topic":"user/u","payload":1})");
  acks.FireAndForget("postroad.ack", AckOf(acks.ReadLine("payload")));
  const auto taken = replies.RequestResponse(
      "postroad.ack", AckOf(replies.ReadLine("payload"), R"(,"reply":{"a":1})"));
  EXPECT_EQ(taken.data(), "");
  fails.FireAndForget("postroad.ack",
                      "[" + AckOf(fails.ReadLine("payload"), R"(,"failed":"no")") + "]");
  leaves.ReadLine("payload");
  EXPECT_EQ(reply.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  leaves.Close();
  const auto answer = reply.get().Json();
  EXPECT_FALSE(answer.at("wait_timed_out").as_bool());
  const auto receipt = answer.at("receipts").at(0);
  EXPECT_EQ(Of(receipt, acking).at("state"), "acked");
  EXPECT_EQ(Of(receipt, replying).at("state"), "replied");
  EXPECT_EQ(Of(receipt, replying).at("reply"), boost::json::parse(R"({"a":1})"));
  EXPECT_EQ(Of(receipt, failing).at("state"), "failed");
  EXPECT_EQ(Of(receipt, failing).at("reason"), "no");
  EXPECT_EQ(Of(receipt, leaving).at("state"), "gone");
  // And later.
  const auto later = AskJson("GET", "/v1/receipts?topic=user/u&offset=0");
  EXPECT_EQ(Of(later, replying).at("state"), "replied");
}

TEST_F(UsersTest, AClientThatDoesNotAckIsDelivered) {
  Start();
  RSocketPeer peer(rsocket_port());
  const std::string name = Open(peer, "u");
  auto reply = AskLater("/v1/events?wait=acked&timeout=3s", R"({"topic":"user/u","payload":1})");
  peer.ReadLine("payload");
  const auto answer = reply.get().Json();
  EXPECT_TRUE(answer.at("wait_timed_out").as_bool());
  EXPECT_EQ(Of(answer.at("receipts").at(0), name).at("state"), "delivered");
}

TEST_F(UsersTest, AClientThatCannotAckIsWaitedForUntilItWasSent) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  peer.RequestStream(kRoute, "");
  peer.RequestResponse("postroad.presence", "");  // the stream is open
  const auto answer =
      AskJson("POST", "/v1/events?wait=acked&timeout=60s", R"({"topic":"user/u","payload":1})");
  EXPECT_FALSE(answer.at("wait_timed_out").as_bool());
  EXPECT_EQ(answer.at("receipts").at(0).at("connections").at(0).at("state"), "delivered");
}

TEST_F(UsersTest, NobodyConnectedIsAnsweredAtOnce) {
  Start();
  const auto answer =
      AskJson("POST", "/v1/events?wait=acked&timeout=60s", R"({"topic":"user/u","payload":1})");
  EXPECT_FALSE(answer.at("wait_timed_out").as_bool());
  EXPECT_TRUE(answer.at("receipts").at(0).at("connections").as_array().empty());
}

TEST_F(UsersTest, OnlyWhatWasSentCanBeAcked) {
  Start();
  RSocketPeer peer(rsocket_port()), other(rsocket_port());
  Open(peer, "u");
  EXPECT_THAT(peer.RequestResponse("postroad.ack", R"({"topic":"user/u","offset":0})").message(),
              StartsWith("UNKNOWN_DELIVERY"));
  other.Setup("v");
  EXPECT_THAT(other.RequestResponse("postroad.ack", R"({"topic":"user/u","offset":0})").message(),
              StartsWith("UNKNOWN_DELIVERY"));
  EXPECT_THAT(peer.RequestResponse("postroad.ack", R"({"topic":"user/u"})").message(),
              HasSubstr("data.offset"));
  peer.FireAndForget("postroad.ack", R"({"topic":"user/u","offset":9})");
  EXPECT_TRUE(
      Eventually([this] { return Counted("postroad_rsocket_fire_and_forget_failed_total") == 1; }));
}

TEST_F(UsersTest, StreamsOfServerSentEventsAckByHttp) {
  Start();
  HttpClient sse(port());
  sse.Send("GET /v1/events?topic=user/u&format=sse HTTP/1.1\r\nHost: x\r\n\r\n");
  sse.ReadHead();
  sse.ReadEvent();
  const std::string opened = sse.ReadEvent();
  ASSERT_THAT(opened, HasSubstr("event: opened\n"));
  const std::string name = std::string(
      boost::json::parse(opened.substr(opened.find("data: ") + 6)).at("connection").as_string());
  auto reply = AskLater("/v1/events?wait=acked&timeout=60s", R"({"topic":"user/u","payload":1})");
  while (!sse.ReadEvent().contains("\"payload\"")) {
  }
  // The text may be here before the server knows that it was taken.
  EXPECT_TRUE(Eventually([&] {
    const auto said = AskJson(
        "POST", "/v1/acks",
        R"({"connection":")" + name +
            R"(","acks":[{"topic":"user/u","offset":0,"reply":"seen"},{"topic":"t","offset":0}]})");
    EXPECT_EQ(said.at("failures").as_array().back().at("error").at("reason"), "UNKNOWN_DELIVERY");
    return said.at("taken").as_int64() == 1;
  }));
  EXPECT_EQ(Of(reply.get().Json().at("receipts").at(0), name).at("reply"), "seen");
}

// --- Questions ---

TEST_F(UsersTest, TheFirstAnswerIsReturnedAndTheOthersAreCancelled) {
  Start();
  RSocketPeer answers(rsocket_port()), silent(rsocket_port());
  const std::string answering = Open(answers, "u"), waiting = Open(silent, "u");
  auto reply = AskLater("/v1/questions?user=u&timeout=60s", R"({"ok?":true})");
  const auto asked = answers.Must();
  const auto* request = asked.As<rsocket::RequestFrame>();
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->type, rsocket::FrameType::kRequestResponse);
  EXPECT_EQ(request->payload.data, R"({"ok?":true})");
  EXPECT_EQ(request->payload.metadata, answers.Metadata("postroad.question"));
  const auto other = silent.Must();
  answers.Answer(request->stream, R"({"yes":1})");
  const auto answer = reply.get().Json();
  ASSERT_EQ(answer.at("answers").as_array().size(), 2u);
  EXPECT_EQ(answer.at("answers").at(0).at("connection"), boost::json::string_view(answering));
  EXPECT_EQ(answer.at("answers").at(0).at("answer"), boost::json::parse(R"({"yes":1})"));
  EXPECT_EQ(answer.at("answers").at(1).at("connection"), boost::json::string_view(waiting));
  EXPECT_EQ(answer.at("answers").at(1).at("state"), "cancelled");
  const auto cancelled = silent.Must();
  ASSERT_NE(cancelled.As<rsocket::CancelFrame>(), nullptr);
  EXPECT_EQ(cancelled.As<rsocket::CancelFrame>()->stream,
            other.As<rsocket::RequestFrame>()->stream);
}

TEST_F(UsersTest, AQuestionTellsRefusalsDeparturesAndTime) {
  Start();
  RSocketPeer refuses(rsocket_port()), leaves(rsocket_port()), silent(rsocket_port());
  for (RSocketPeer* peer : {&refuses, &leaves, &silent}) Open(*peer, "u");
  auto reply = AskLater("/v1/questions?user=u&wait=all&timeout=3s&route=my.route", "?");
  const auto asked = refuses.Must();
  EXPECT_EQ(asked.As<rsocket::RequestFrame>()->payload.metadata, refuses.Metadata("my.route"));
  refuses.Send(rsocket::ErrorFrame{.stream = asked.As<rsocket::RequestFrame>()->stream,
                                   .code = rsocket::ErrorFrameCode::kApplicationError,
                                   .message = "not now"});
  leaves.Must();
  leaves.Close();
  silent.Must();
  const auto answers = reply.get().Json().at("answers").as_array();
  EXPECT_EQ(answers.at(0).at("state"), "failed");
  EXPECT_EQ(answers.at(0).at("reason"), "not now");
  EXPECT_EQ(answers.at(1).at("state"), "gone");
  EXPECT_EQ(answers.at(2).at("state"), "timed_out");
}

TEST_F(UsersTest, AQuestionToNobodySaysSo) {
  Start();
  const HttpReply reply = Ask("POST", "/v1/questions?user=u", "?");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.Reason(), "NOT_CONNECTED");
}

TEST_F(UsersTest, StreamsOfServerSentEventsAnswerByHttp) {
  Start();
  HttpClient sse(port());
  sse.Send("GET /v1/events?topic=user/u&format=sse HTTP/1.1\r\nHost: x\r\n\r\n");
  sse.ReadHead();
  std::string opened;
  while (!(opened = sse.ReadEvent()).contains("event: opened")) {
  }
  auto reply = AskLater("/v1/questions?user=u&timeout=60s", R"({"ok?":true})");
  std::string question;
  while (!(question = sse.ReadEvent()).contains("event: question\n")) {
  }
  const auto asked = boost::json::parse(question.substr(question.find("data: ") + 6));
  EXPECT_EQ(asked.at("payload"), boost::json::parse(R"({"ok?":true})"));
  const std::string name(
      boost::json::parse(opened.substr(opened.find("data: ") + 6)).at("connection").as_string());
  const std::string answers = "/v1/questions/" + std::string(asked.at("question").as_string()) +
                              "/answers?connection=" + name;
  EXPECT_EQ(Ask("POST", answers, R"("yes")").status, 204);
  EXPECT_EQ(reply.get().Json().at("answers").at(0).at("answer"), "yes");
  EXPECT_EQ(Ask("POST", answers, R"("yes")").Reason(), "UNKNOWN_QUESTION");
}

// --- Limits, presence ---

TEST_F(UsersTest, AConnectionTooManyIsRejected) {
  users = {.max_connections = 1, .when_full = broker::WhenFull::kReject};
  Start();
  RSocketPeer first(rsocket_port()), second(rsocket_port()), other(rsocket_port());
  Open(first, "u");
  second.Setup("u");
  const auto refused = second.Must();
  EXPECT_EQ(refused.code(), rsocket::ErrorFrameCode::kRejectedSetup);
  EXPECT_THAT(refused.message(), StartsWith("TOO_MANY_CONNECTIONS"));
  Open(other, "v");
  const HttpReply sse = Ask("GET", "/v1/events?topic=user/u&format=sse");
  EXPECT_EQ(sse.status, 429);
  EXPECT_EQ(sse.Reason(), "TOO_MANY_CONNECTIONS");
  first.Close();
  EXPECT_TRUE(Eventually([this] {
    return AskJson("GET", "/v1/presence?user=u").at("connections").as_array().empty();
  }));
  RSocketPeer third(rsocket_port());
  Open(third, "u");
}

TEST_F(UsersTest, TheOldestMakesRoom) {
  users = {.max_connections = 1, .when_full = broker::WhenFull::kClose};
  Start();
  RSocketPeer first(rsocket_port()), second(rsocket_port());
  Open(first, "u");
  Open(second, "u");
  EXPECT_THAT(first.ReadLastError(), StartsWith("REPLACED: "));
  HttpClient sse(port());
  sse.Send("GET /v1/events?topic=user/u&format=sse HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(sse.ReadHead().status, 200);
  EXPECT_THAT(second.ReadLastError(), StartsWith("REPLACED: "));
  RSocketPeer third(rsocket_port());
  Open(third, "u");
  std::string event, all;
  while (!(event = sse.ReadEvent()).empty()) all += event + "\n";
  EXPECT_THAT(all, AllOf(HasSubstr("event: end"), HasSubstr("REPLACED")));
}

TEST_F(UsersTest, PresenceSaysWhoIsThere) {
  Start();
  RSocketPeer peer(rsocket_port()), other(rsocket_port());
  const std::string name = Open(peer, "u");
  Open(other, "v");
  const auto of_user = AskJson("GET", "/v1/presence?user=u").at("connections").as_array();
  ASSERT_EQ(of_user.size(), 1u);
  EXPECT_EQ(of_user[0].at("connection"), boost::json::string_view(name));
  EXPECT_EQ(of_user[0].at("transport"), "tcp");
  EXPECT_THAT(std::string(of_user[0].at("peer").as_string()), HasSubstr("127.0.0.1"));
  EXPECT_EQ(AskJson("GET", "/v1/presence").at("connections").as_array().size(), 2u);
  const auto first_page = AskJson("GET", "/v1/presence?page_size=1");
  EXPECT_EQ(first_page.at("connections").as_array().size(), 1u);
  const std::string token(first_page.at("next_page_token").as_string());
  const auto next_page = AskJson("GET", "/v1/presence?page_size=1&page_token=" + token);
  ASSERT_EQ(next_page.at("connections").as_array().size(), 1u);
  EXPECT_NE(next_page.at("connections").at(0).at("user"),
            first_page.at("connections").at(0).at("user"));
  // By RSocket: one's own, and another's.
  EXPECT_EQ(peer.RequestResponse("postroad.presence", "").Json().at("connections").at(0).at("user"),
            "u");
  EXPECT_EQ(peer.RequestResponse("postroad.presence", R"({"user":"v"})")
                .Json()
                .at("connections")
                .at(0)
                .at("user"),
            "v");
  EXPECT_EQ(metrics.GetGauge("postroad_users_connections_open", "").Value(), 2);
  peer.Close();
  EXPECT_TRUE(
      Eventually([this] { return metrics.GetGauge("postroad_users_connected", "").Value() == 1; }));
}

// --- Posting ---

TEST_F(UsersTest, PostsByRequestResponseAndFireAndForget) {
  Start();
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  const auto posted = peer.RequestResponse(
      "postroad.post", R"([{"topic":"t","payload":1},{"topic":"t","payload":2}])");
  EXPECT_EQ(posted.Json().at("results").at(1).at("offset").as_int64(), 1);
  peer.FireAndForget("postroad.post", R"({"topic":"t","payload":3})");
  EXPECT_TRUE(Eventually([this] { return Payloads("t") == "1 2 3"; }));
  EXPECT_THAT(peer.RequestResponse("postroad.post", R"({"topic":"t t"})").message(),
              StartsWith("BAD_NAME: events[0].topic"));
  EXPECT_THAT(peer.RequestResponse("postroad.post", "x").message(), StartsWith("NOT_JSON"));
  peer.FireAndForget("postroad.post", "x");
  EXPECT_TRUE(
      Eventually([this] { return Counted("postroad_rsocket_fire_and_forget_failed_total") == 1; }));
  peer.FireAndForget("no.such.route", "x");
  EXPECT_TRUE(Eventually([this] { return Counted("postroad_rsocket_ignored_total") == 1; }));
}

}  // namespace
}  // namespace postroad::testing
