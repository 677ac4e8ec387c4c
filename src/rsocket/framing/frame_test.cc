// Malformed and odd frames; the well-formed ones are in tests/rsocket/formats_test.cc.
#include "rsocket/framing/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postroad::rsocket {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;  // NOLINT: frames have zero bytes

std::string Bytes(const Frame& frame) {
  std::string bytes;
  EncodeFrame(frame, bytes);
  return bytes;
}

FrameFault FaultOf(std::string_view bytes) {
  auto decoded = DecodeFrame(bytes);
  EXPECT_FALSE(decoded);
  return decoded ? FrameFault{} : decoded.error();
}

const SetupFrame kSetup{.keepalive_ms = 1,
                        .lifetime_ms = 2,
                        .resume_token = "token",
                        .metadata_mime = "mm",
                        .data_mime = "dd",
                        .payload = {.metadata = "meta", .data = "data"}};

TEST(Frame, EveryTruncationIsAFaultOrAShorterPayload) {
  const std::string whole = Bytes(kSetup);
  const size_t fixed = whole.size() - 4;  // without the data, which may have any length
  for (size_t size = 0; size < fixed; ++size) {
    const FrameFault fault = FaultOf(std::string_view(whole).substr(0, size));
    EXPECT_LE(fault.offset, size) << size;
    EXPECT_THAT(fault.message, HasSubstr("byte " + std::to_string(fault.offset)));
  }
  EXPECT_TRUE(DecodeFrame(std::string_view(whole).substr(0, fixed)));
}

TEST(Frame, ALengthPastTheEndNamesItsPlaceAndCause) {
  // REQUEST_RESPONSE with the metadata flag and no length before the metadata.
  const FrameFault fault = FaultOf("\0\0\0\1\x11\0notifications"s);
  EXPECT_EQ(fault.type, FrameType::kRequestResponse);
  EXPECT_EQ(fault.stream, 1u);
  EXPECT_EQ(fault.offset, 6u);
  EXPECT_THAT(fault.message, HasSubstr("REQUEST_RESPONSE, byte 6"));
  EXPECT_THAT(fault.message, HasSubstr("likely cause: the metadata flag is set but no metadata"));
}

TEST(Frame, AFaultSaysWhetherTheFrameMayBeIgnored) {
  EXPECT_FALSE(FaultOf("\0\0\0\1\x20\0"s).ignore);
  EXPECT_TRUE(FaultOf("\0\0\0\1\x22\0"s).ignore);
}

TEST(Frame, FramesOfTheConnectionBelongOnStreamZero) {
  std::string keepalive = Bytes(KeepaliveFrame{});
  keepalive[3] = 1;
  EXPECT_THAT(FaultOf(keepalive).message, HasSubstr("the stream id must be 0"));
  std::string push = Bytes(MetadataPushFrame{"m"});
  push[3] = 1;
  EXPECT_EQ(FaultOf(push).stream, 1u);
}

TEST(Frame, MetadataPushIsTakenWithoutItsFlag) {
  EXPECT_EQ(*DecodeFrame("\0\0\0\0\x30\0m"s), Frame(MetadataPushFrame{"m"}));
}

TEST(Frame, ReservedBitsAreNotLookedAt) {
  std::string request_n = Bytes(RequestNFrame{5, 7});
  request_n[0] = static_cast<char>(0x80);
  request_n[6] = static_cast<char>(0x80);
  EXPECT_EQ(*DecodeFrame(request_n), Frame(RequestNFrame{5, 7}));
}

TEST(Frame, CompleteOverridesFollows) {
  const std::string bytes = "\0\0\0\1\x28\xe0x"s;
  EXPECT_EQ(*DecodeFrame(bytes), Frame(PayloadFrame{1, false, true, true, {{}, "x"}}));
}

TEST(Frame, UnknownTypesAreFramesToo) {
  EXPECT_EQ(*DecodeFrame("\0\0\0\1\x42\0abc"s),
            Frame(UnknownFrame{1, static_cast<FrameType>(0x10), 0, true}));
  EXPECT_EQ(FrameTypeName(static_cast<FrameType>(0x2a)), "frame type 0x2a");
}

TEST(Frame, NoMetadataAndEmptyMetadataDiffer) {
  const RequestFrame none{1, FrameType::kRequestFnf, false, false, 0, {{}, "d"}};
  const RequestFrame empty{1, FrameType::kRequestFnf, false, false, 0, {"", "d"}};
  EXPECT_NE(Bytes(none), Bytes(empty));
  EXPECT_EQ(*DecodeFrame(Bytes(none)), Frame(none));
  EXPECT_EQ(*DecodeFrame(Bytes(empty)), Frame(empty));
}

TEST(Frame, ErrorCodesHaveNames) {
  EXPECT_EQ(ErrorFrameCodeName(ErrorFrameCode::kRejectedSetup), "REJECTED_SETUP");
  EXPECT_EQ(ErrorFrameCodeName(static_cast<ErrorFrameCode>(0x301)), "error code 769");
}

}  // namespace
}  // namespace postroad::rsocket
