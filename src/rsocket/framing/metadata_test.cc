// Malformed metadata and requests in every form; golden bytes are in tests/rsocket/formats_test.cc.
#include "rsocket/framing/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postroad::rsocket {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::string_literals;  // NOLINT: metadata has zero bytes

std::string Routing(std::string_view route) {
  std::string out;
  AppendRoutingTag(route, out);
  return out;
}
std::string Composite(std::string_view mime, std::string_view body) {
  std::string out;
  AppendComposite(mime, body, out);
  return out;
}

TEST(Metadata, RouteWithoutItsLengthByteIsRecognised) {
  const auto tags = ParseRouting("notifications.stream");
  ASSERT_FALSE(tags);
  EXPECT_EQ(tags.error().offset, 0u);
  EXPECT_THAT(tags.error().message,
              AllOf(HasSubstr("routing metadata, byte 0"), HasSubstr("110 bytes"),
                    HasSubstr("the route \"notifications.stream\" was sent without its length")));
}

TEST(Metadata, BinaryGarbageIsNotTakenForARoute) {
  const auto tags = ParseRouting("\xff\x01"s);
  ASSERT_FALSE(tags);
  EXPECT_THAT(tags.error().message, ::testing::Not(HasSubstr("likely cause")));
}

TEST(Metadata, AFaultInAnEntryNamesThePlaceInTheWhole) {
  const std::string metadata =
      Composite(mime::kJson, "{}") + Composite(mime::kRouting, "orders.list");
  const auto parsed = ParseRequestMetadata(mime::kComposite, metadata);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().offset, 10u);  // JSON takes 6, the entry's head 4
  EXPECT_THAT(parsed.error().message,
              AllOf(HasSubstr("routing metadata, byte 0"), HasSubstr("byte 10 of the metadata")));
}

TEST(Metadata, RoutingWhereCompositeIsDeclaredIsRecognised) {
  const auto parsed = ParseRequestMetadata(mime::kComposite, Routing("notifications.stream"));
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("composite metadata, byte"));
}

TEST(Metadata, CompositeGivesAllThatItHolds) {
  std::string bearer, mime_type, tracing;
  AppendAuthentication(BearerAuthentication{"secret"}, bearer);
  AppendMimeType(mime::kTextPlain, mime_type);
  AppendTracing({TraceContext::Sampling::kYes, true, 0, 7, 8, {}}, tracing);
  const std::string metadata =
      Composite(mime::kRouting, Routing("a") + Routing("b")) +
      Composite(mime::kAuthentication, bearer) + Composite(mime::kMimeType, mime_type) +
      Composite(mime::kAcceptMimeTypes, mime_type) + Composite(mime::kTracingZipkin, tracing) +
      Composite("x/own", "body");
  const auto parsed = ParseRequestMetadata(mime::kComposite, metadata);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->route, "a");
  EXPECT_THAT(parsed->tags, ElementsAre("a", "b"));
  EXPECT_EQ(parsed->authentication, Authentication(BearerAuthentication{"secret"}));
  EXPECT_EQ(parsed->data_mime, mime::kTextPlain);
  EXPECT_THAT(parsed->accepted_mimes, ElementsAre(mime::kTextPlain));
  EXPECT_EQ(parsed->trace->span, 8u);
  ASSERT_EQ(parsed->others.size(), 1u);
  EXPECT_EQ(parsed->others[0].mime, "x/own");
}

TEST(Metadata, OneTypeAloneIsTakenAsSuch) {
  EXPECT_EQ(ParseRequestMetadata(mime::kRouting, Routing("/"))->route, "/");
  const auto json = ParseRequestMetadata(mime::kJson, "{}");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->route, "");
  EXPECT_EQ(json->others[0].body, "{}");
}

TEST(Metadata, NoMetadataIsNoRoute) {
  EXPECT_EQ(ParseRequestMetadata(mime::kComposite, "")->route, "");
  EXPECT_EQ(ParseRequestMetadata(mime::kRouting, "")->route, "");
}

TEST(Metadata, IdsThatAreNotWellKnownPass) {
  const std::string metadata = "\xe0\0\0\1x"s;
  const auto parsed = ParseRequestMetadata(mime::kComposite, metadata);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->others[0].mime, "");
  EXPECT_EQ(parsed->others[0].id, 0x60);
}

TEST(Metadata, AuthenticationIsCheckedToItsEnd) {
  EXPECT_FALSE(ParseAuthentication(""));
  EXPECT_THAT(ParseAuthentication("\x80\0\x09user"s).error().message,
              AllOf(HasSubstr("byte 1"), HasSubstr("user name")));
  EXPECT_THAT(ParseAuthentication("secret").error().message,
              HasSubstr("credentials are written without their type"));
  EXPECT_EQ(*ParseAuthentication("\x80\0\0"s), Authentication(SimpleAuthentication{}));
}

TEST(Metadata, TracingIsCheckedToItsEnd) {
  EXPECT_EQ(ParseTracing("\x10")->sampling, TraceContext::Sampling::kNo);
  EXPECT_FALSE(ParseTracing("\x80\0"s));
  EXPECT_THAT(ParseTracing("\x10x").error().message, HasSubstr("byte 1"));
}

TEST(Metadata, EveryWellKnownIdHasItsName) {
  size_t known = 0;
  for (int id = 0; id < 128; ++id) {
    const auto mime = WellKnownMime(static_cast<uint8_t>(id));
    if (!mime) continue;
    ++known;
    EXPECT_EQ(WellKnownMimeId(*mime), id);
  }
  EXPECT_EQ(known, 49u);
}

}  // namespace
}  // namespace postroad::rsocket
