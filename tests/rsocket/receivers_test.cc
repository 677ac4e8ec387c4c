// Which of a user's connections get an event: the newest, or one in turn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rsocket/rsocket_house.h"

namespace postroad::testing {
namespace {

using rsocket_gateway::Receivers;

class ReceiversTest : public RSocketHouse {
 protected:
  void StartWith(Receivers receivers) {
    rsocket_options.routes = {{.route = "r", .topic = "user/{user}", .receivers = receivers}};
    Start();
  }
  void Open(RSocketPeer& peer, uint32_t n = rsocket::kMaxRequestN) {
    peer.Setup("u");
    peer.RequestStream("r", R"({"format":"json"})", n);
    peer.ReadLine("opened");
  }
  void PostNumber(int number) { Post("user/u", R"({"payload":)" + std::to_string(number) + "}"); }
  static int64_t Number(RSocketPeer& peer) {
    return peer.ReadLine("payload").at("payload").as_int64();
  }
  // Who asks for its answer has been sent all that was for it before.
  static std::vector<int64_t> NumbersSoFar(RSocketPeer& peer) {
    std::vector<int64_t> numbers;
    peer.Ask(rsocket::FrameType::kRequestResponse, "postroad.presence", "");
    for (;;) {
      const auto value = peer.Must().Json();
      if (value.as_object().contains("connections")) return numbers;
      if (value.as_object().contains("payload")) numbers.push_back(value.at("payload").as_int64());
    }
  }
};

TEST_F(ReceiversTest, TheNewestReceivesAndTheOneBeforeGoesOnWhereItWas) {
  StartWith(Receivers::kNewest);
  RSocketPeer first(rsocket_port());
  Open(first);
  PostNumber(0);
  EXPECT_EQ(Number(first), 0);
  {
    RSocketPeer second(rsocket_port());
    Open(second);
    PostNumber(1);
    PostNumber(2);
    EXPECT_EQ(Number(second), 1);
    EXPECT_EQ(Number(second), 2);
    EXPECT_THAT(NumbersSoFar(first), ::testing::IsEmpty());
  }
  PostNumber(3);
  EXPECT_EQ(Number(first), 3);
}

TEST_F(ReceiversTest, WhatTheNewestLeftUnackedGoesToTheOneBefore) {
  StartWith(Receivers::kNewest);
  RSocketPeer first(rsocket_port());
  Open(first);
  {
    RSocketPeer second(rsocket_port());
    Open(second);
    for (int i = 0; i < 3; ++i) PostNumber(i);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Number(second), i);
    EXPECT_EQ(second.RequestResponse("postroad.ack", R"({"topic":"user/u","offset":1})").data(),
              "");
  }
  EXPECT_EQ(Number(first), 0);
  EXPECT_EQ(Number(first), 2);
  PostNumber(3);
  EXPECT_EQ(Number(first), 3);
}

TEST_F(ReceiversTest, OneInTurnReceives) {
  StartWith(Receivers::kOne);
  RSocketPeer first(rsocket_port()), second(rsocket_port()), third(rsocket_port());
  for (RSocketPeer* peer : {&first, &second, &third}) Open(*peer);
  for (int i = 0; i < 9; ++i) PostNumber(i);
  std::vector<int64_t> all;
  for (RSocketPeer* peer : {&first, &second, &third}) {
    int64_t before = -1;
    for (int i = 0; i < 3; ++i) {
      all.push_back(Number(*peer));
      EXPECT_GT(all.back(), before);
      before = all.back();
    }
  }
  EXPECT_THAT(all, ::testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(ReceiversTest, WhoAsksForNoMoreIsPassedOver) {
  StartWith(Receivers::kOne);
  RSocketPeer full(rsocket_port()), ready(rsocket_port());
  Open(full, 2);  // which `opened` and `caught_up` use up
  full.ReadLine("caught_up");
  Open(ready);
  for (int i = 0; i < 5; ++i) PostNumber(i);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Number(ready), i);
  full.Send(rsocket::RequestNFrame{.stream = 1, .n = 1});
  ready.Close();
  PostNumber(5);
  EXPECT_EQ(Number(full), 5);
}

TEST_F(ReceiversTest, AReceiptNamesTheOneThatGotIt) {
  StartWith(Receivers::kOne);
  RSocketPeer first(rsocket_port()), second(rsocket_port());
  Open(first);
  Open(second);
  PostNumber(0);
  PostNumber(1);
  const int64_t mine = Number(first), other = Number(second);
  EXPECT_NE(mine, other);
  EXPECT_EQ(first
                .RequestResponse("postroad.ack",
                                 R"({"topic":"user/u","offset":)" + std::to_string(mine) + "}")
                .data(),
            "");
  EXPECT_THAT(second
                  .RequestResponse("postroad.ack",
                                   R"({"topic":"user/u","offset":)" + std::to_string(mine) + "}")
                  .message(),
              ::testing::StartsWith("UNKNOWN_DELIVERY"));
  const auto receipt =
      AskJson("GET", "/v1/receipts?timeout=60s&topic=user/u&offset=" + std::to_string(mine));
  EXPECT_FALSE(receipt.at("timed_out").as_bool());
  ASSERT_EQ(receipt.at("connections").as_array().size(), 1u);
  EXPECT_EQ(receipt.at("connections").at(0).at("state"), "acked");
}

TEST_F(ReceiversTest, AGapIsToldToWhoseTurnItIs) {
  journal_options.rules =
      journal::TopicRules({{.pattern = *TopicPattern::Parse("*", ""), .retention_count = 1}});
  journal_options.retention_interval = std::chrono::hours(1);
  StartWith(Receivers::kNewest);
  PostNumber(0);
  const std::string cursor(
      AskJson("GET", "/v1/events?topic=user/u&from=beginning").at("cursor").as_string());
  for (int i = 1; i < 4; ++i) PostNumber(i);
  ASSERT_TRUE(stack->journal().ApplyRetention());
  RSocketPeer peer(rsocket_port());
  peer.Setup("u");
  peer.RequestStream("r", R"({"format":"json","cursor":")" + cursor + "\"}");
  EXPECT_EQ(peer.ReadLine("gap").at("gap").at("end").as_int64(), 3);
  EXPECT_EQ(Number(peer), 3);
}

}  // namespace
}  // namespace postroad::testing
