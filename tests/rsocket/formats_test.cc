// docs/formats/rsocket.md and the code must say the same: compares the page's bytes with what is
// written and read.
#include <gtest/gtest.h>

#include <string>

#include "rsocket/framing/frame.h"
#include "rsocket/framing/metadata.h"
#include "support/format_page.h"

namespace postroad::rsocket {
namespace {

const postroad::testing::FormatPage& Page() {
  static const postroad::testing::FormatPage page(std::string(POSTROAD_FORMATS_DIR) +
                                                  "/rsocket.md");
  return page;
}

void ExpectFrame(const std::string& example, const Frame& frame) {
  SCOPED_TRACE(example);
  const std::string bytes = Page().Hex(example);
  const auto decoded = DecodeFrame(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, frame);
  std::string encoded;
  EncodeFrame(frame, encoded);
  EXPECT_EQ(encoded, bytes);
}

TEST(RSocketFormats, Setup) {
  ExpectFrame("setup", SetupFrame{.keepalive_ms = 60'000,
                                  .lifetime_ms = 180'000,
                                  .metadata_mime = mime::kComposite,
                                  .data_mime = mime::kJson,
                                  .payload = {.data = "u-7"}});
  ExpectFrame("setup-resume-lease", SetupFrame{.keepalive_ms = 100,
                                               .lifetime_ms = 300,
                                               .resume_token = "\xab\xcd",
                                               .lease = true,
                                               .metadata_mime = "m",
                                               .data_mime = "d",
                                               .payload = {.metadata = "x"}});
}

TEST(RSocketFormats, FramesOfTheConnection) {
  ExpectFrame("lease", LeaseFrame{1'000, 5, {}});
  ExpectFrame("lease-metadata", LeaseFrame{1'000, 5, "m"});
  ExpectFrame("keepalive", KeepaliveFrame{true, 258, "hi"});
  ExpectFrame("metadata-push", MetadataPushFrame{"m"});
  ExpectFrame("resume", ResumeFrame{{}, "\xab\xcd", 10, 3});
  ExpectFrame("resume-ok", ResumeOkFrame{20});
  ExpectFrame("ext", UnknownFrame{0, FrameType::kExt, 9, true});
}

TEST(RSocketFormats, Requests) {
  ExpectFrame("request-response",
              RequestFrame{1, FrameType::kRequestResponse, false, false, 0, {"m", "d"}});
  ExpectFrame("request-fnf", RequestFrame{3, FrameType::kRequestFnf, true, false, 0, {"", "d"}});
  ExpectFrame("request-stream",
              RequestFrame{5, FrameType::kRequestStream, false, false, kMaxRequestN, {{}, "d"}});
  ExpectFrame("request-channel",
              RequestFrame{7, FrameType::kRequestChannel, false, true, 1, {{}, "d"}});
}

TEST(RSocketFormats, FramesOfAStream) {
  ExpectFrame("request-n", RequestNFrame{5, 256});
  ExpectFrame("cancel", CancelFrame{5});
  ExpectFrame("payload-next", PayloadFrame{5, false, false, true, {"m", "d"}});
  ExpectFrame("payload-next-complete", PayloadFrame{5, false, true, true, {{}, "d"}});
  ExpectFrame("payload-complete", PayloadFrame{5, false, true, false, {}});
  ExpectFrame("payload-fragment", PayloadFrame{5, true, false, true, {{}, "d"}});
  ExpectFrame("error", ErrorFrame{5, ErrorFrameCode::kInvalid, "no"});
}

TEST(RSocketFormats, CompositeMetadata) {
  const std::string bytes = Page().Hex("composite");
  std::string routing;
  AppendRoutingTag("notifications.stream", routing);
  std::string composite;
  AppendComposite(mime::kRouting, routing, composite);
  AppendComposite(mime::kJson, "{}", composite);
  AppendComposite("a/b", "x", composite);
  EXPECT_EQ(composite, bytes);
  const auto entries = ParseComposite(bytes);
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ(entries->at(0), (MetadataEntry{mime::kRouting, 0x7e, true, routing, 4}));
  EXPECT_EQ(entries->at(1), (MetadataEntry{mime::kJson, 0x05, true, "{}", 29}));
  EXPECT_EQ(entries->at(2), (MetadataEntry{"a/b", 0, false, "x", 38}));
}

TEST(RSocketFormats, Routing) {
  const std::string bytes = Page().Hex("routing");
  std::string routing;
  AppendRoutingTag("/", routing);
  AppendRoutingTag("ab", routing);
  EXPECT_EQ(routing, bytes);
  EXPECT_EQ(ParseRouting(bytes), (std::vector<std::string_view>{"/", "ab"}));
}

void ExpectAuthentication(const std::string& example, const Authentication& authentication) {
  SCOPED_TRACE(example);
  const std::string bytes = Page().Hex(example);
  std::string encoded;
  AppendAuthentication(authentication, encoded);
  EXPECT_EQ(encoded, bytes);
  const auto parsed = ParseAuthentication(bytes);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, authentication);
}

TEST(RSocketFormats, Authentications) {
  ExpectAuthentication("authentication-simple", SimpleAuthentication{"ab", "cd"});
  ExpectAuthentication("authentication-bearer", BearerAuthentication{"t"});
  ExpectAuthentication("authentication-other", OtherAuthentication{"x/y", "z"});
}

TEST(RSocketFormats, MimeTypes) {
  const std::string bytes = Page().Hex("mime-types");
  std::string encoded;
  AppendMimeType(mime::kJson, encoded);
  AppendMimeType("a/b", encoded);
  EXPECT_EQ(encoded, bytes);
  EXPECT_EQ(ParseMimeTypes(bytes), (std::vector<std::string_view>{mime::kJson, "a/b"}));
}

TEST(RSocketFormats, Tracing) {
  const std::string bytes = Page().Hex("tracing");
  const TraceContext context{TraceContext::Sampling::kYes, true, 1, 2, 3, 4};
  std::string encoded;
  AppendTracing(context, encoded);
  EXPECT_EQ(encoded, bytes);
  const auto parsed = ParseTracing(bytes);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, context);
}

}  // namespace
}  // namespace postroad::rsocket
