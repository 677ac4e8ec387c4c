#include <gtest/gtest.h>
#include "core/event.h"
#include "core/cursor.h"
#include "core/names.h"
#include "core/uuid.h"
namespace postroad {
TEST(Basic, Record) {
  Event e{.id="a",.key="k",.type="t",.content_type="c",.payload="p",.headers={{"x","y"}},.time=FromNanos(1'500'000'000),.search_keys={"s"}};
  std::string body;
  AppendToBody(ViewOf(e), body);
  BodyReader r(body);
  auto rec = r.Next();
  ASSERT_TRUE(rec);
  EventView v;
  ASSERT_TRUE(ParseRecord(*rec, v));
  EXPECT_EQ(v.ToEvent(), e);
  EXPECT_TRUE(CheckEvent(v, "e"));
  EXPECT_FALSE(r.Next());
  EXPECT_TRUE(r.ok());
  EXPECT_FALSE(ParseRecord("\x0a\x05", v));
}
TEST(Basic, Cursor) {
  for (Cursor c : {Cursor(TopicCursor{Epoch(7), Offset(1234567), 9}), Cursor(FeedCursor{Epoch(~0ull), {FeedPosition(1), FeedPosition(~0ull)}})}) {
    auto d = DecodeCursor(EncodeCursor(c), "cursor");
    ASSERT_TRUE(d);
    EXPECT_EQ(*d, c);
  }
}
TEST(Basic, Misc) {
  EXPECT_TRUE(CheckTopicName("user/42", "t"));
  EXPECT_TRUE(TopicPattern::Parse("user/*", "t")->Matches("user/42"));
  EXPECT_EQ(UuidV7Time(NewUuidV7(FromNanos(5'000'000))), FromNanos(5'000'000));
  EXPECT_EQ(*ParseDuration("1h30m"), std::chrono::minutes(90));
  EXPECT_EQ(FormatTime(*ParseTime("2026-01-31T10:00:00.25+02:00", {})), "2026-01-31T08:00:00.25Z");
}
}
