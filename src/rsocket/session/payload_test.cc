// Payloads in frames and fragments, and put together again.
#include "rsocket/session/payload.h"

#include <gtest/gtest.h>

#include "rsocket/session/reassembly.h"

namespace postroad::rsocket {
namespace {

std::vector<std::string> Cut(const MessageHead& head, const PayloadView& payload,
                             size_t max_frame) {
  std::vector<OutFrame> frames;
  AppendMessage(head, EncodedPayload(payload), max_frame, frames);
  std::vector<std::string> out;
  for (const OutFrame& frame : frames) out.push_back(frame.ToString());
  return out;
}

TEST(EncodedPayload, GivesBackWhatItHolds) {
  const PayloadView cases[] = {{}, {"", ""}, {{}, "data"}, {"meta", ""}, {"meta", "data"}};
  for (const PayloadView& payload : cases) {
    EXPECT_EQ(EncodedPayload(payload).view(), payload);
  }
}

TEST(Message, OfOneFrameIsThatFrame) {
  const auto frames = Cut({.stream = 5, .next = true, .complete = true}, {"m", "d"}, 1000);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(*DecodeFrame(frames[0]), Frame(PayloadFrame{5, false, true, true, {"m", "d"}}));
}

TEST(Message, SharesItsBytes) {
  const EncodedPayload payload({"m", "d"});
  std::vector<OutFrame> frames;
  AppendMessage({.stream = 1, .next = true}, payload, 1000, frames);
  AppendMessage({.stream = 3, .next = true}, payload, 1000, frames);
  EXPECT_EQ(frames[0].body.data(), frames[1].body.data());
}

// Every size of metadata and data around the borders of frames.
TEST(Message, FragmentsObeyTheirRulesAndComeTogether) {
  constexpr size_t kMax = kMinFragmentBytes;
  for (const FrameType type : {FrameType::kRequestChannel, FrameType::kPayload}) {
    for (int metadata = -1; metadata < 150; metadata += 1) {
      for (const size_t data : {0, 1, 47, 48, 54, 55, 58, 59, 110, 111, 117, 200}) {
        const std::string meta(metadata < 0 ? 0 : static_cast<size_t>(metadata), 'm');
        const std::string body(data, 'd');
        PayloadView payload{{}, body};
        if (metadata >= 0) payload.metadata = meta;
        MessageHead head{.stream = 7, .type = type, .next = true, .complete = true};
        if (type == FrameType::kRequestChannel) head.initial_n = 5;
        const auto frames = Cut(head, payload, kMax);
        Reassembly whole;
        for (size_t i = 0; i < frames.size(); ++i) {
          const bool last = i + 1 == frames.size();
          EXPECT_LE(frames[i].size(), kMax);
          const auto frame = DecodeFrame(frames[i]);
          ASSERT_TRUE(frame) << frame.error().message;
          if (const auto* request = std::get_if<RequestFrame>(&*frame)) {
            EXPECT_EQ(i, 0u);
            EXPECT_EQ(request->initial_n, 5u);
            EXPECT_EQ(request->follows, !last);
            EXPECT_EQ(request->complete, last);
            EXPECT_TRUE(whole.Add(request->payload, 1000));
            continue;
          }
          const auto& one = std::get<PayloadFrame>(*frame);
          EXPECT_TRUE(one.next);
          EXPECT_EQ(one.follows, !last);
          EXPECT_EQ(one.complete, last);
          if (i > 0) {
            EXPECT_GT(one.payload.size(), 0u);
          }
          EXPECT_TRUE(whole.Add(one.payload, 1000));
        }
        EXPECT_EQ(whole.view(), payload);
      }
    }
  }
}

}  // namespace
}  // namespace postroad::rsocket
