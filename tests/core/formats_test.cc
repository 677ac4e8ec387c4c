// docs/formats/ and the code must say the same: compares the examples on the pages with what is
// written and read.
#include <gtest/gtest.h>

#include <string>

#include "core/bytes.h"
#include "core/cursor.h"
#include "core/event.h"
#include "support/format_page.h"

namespace postroad {
namespace {

// A page of docs/formats.
class Page : public testing::FormatPage {
 public:
  explicit Page(const std::string& name)
      : FormatPage(std::string(POSTROAD_FORMATS_DIR) + "/" + name) {}
};

Event Minimal() { return {.id = "a", .payload = "hi"}; }

Event Full() {
  return {.id = "01977c2e-aa00-7000-8000-000000000001",
          .key = "customer-7",
          .type = "order.paid",
          .content_type = "application/json",
          .payload = R"({"n":1})",
          .headers = {{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                      {"x-empty", ""}},
          .time = *ParseTime("2026-01-31T08:00:00.25Z", {}),
          .deliver_at = *ParseTime("2026-01-31T09:00:00Z", {}),
          .search_keys = {"order-1", "customer-7"}};
}

Event OnlyKeyAndTime() { return {.key = "é", .time = kEarliestTime}; }

void ExpectRecord(const std::string& bytes, const Event& event) {
  EXPECT_EQ(EncodeRecord(ViewOf(event)), bytes);
  EventView view;
  ASSERT_TRUE(ParseRecord(bytes, view));
  EXPECT_EQ(view.ToEvent(), event);
}

TEST(FormatsTest, Records) {
  const Page page("event.md");
  ExpectRecord(page.Hex("record-minimal"), Minimal());
  ExpectRecord(page.Hex("record-full"), Full());
}

TEST(FormatsTest, Body) {
  const std::string golden = Page("event.md").Hex("body");
  std::string body;
  AppendToBody(ViewOf(Minimal()), body);
  AppendToBody(ViewOf(OnlyKeyAndTime()), body);
  EXPECT_EQ(body, golden);
  BodyReader reader(golden);
  EXPECT_EQ(reader.Next(), EncodeRecord(ViewOf(Minimal())));
  EXPECT_EQ(reader.Next(), EncodeRecord(ViewOf(OnlyKeyAndTime())));
  EXPECT_EQ(reader.Next(), std::nullopt);
  EXPECT_TRUE(reader.ok());
}

TEST(FormatsTest, Fingerprint) {
  const std::string golden = Page("event.md").Hex("fingerprint");
  ASSERT_EQ(golden.size(), 8u);
  EXPECT_EQ(EventFingerprint("orders", "a"), GetBig64(golden.data()));
}

void ExpectCursor(const Page& page, const std::string& name, const Cursor& cursor) {
  EXPECT_EQ(EncodeCursor(cursor), page.Text(name));
  const auto decoded = DecodeCursor(page.Text(name), "cursor");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, cursor);
}

TEST(FormatsTest, Cursors) {
  const Page page("cursor.md");
  const Epoch epoch(0x0123456789abcdef);
  ExpectCursor(page, "cursor-topic", TopicCursor{epoch, Offset(300), TopicCursorHash("orders")});
  ExpectCursor(page, "cursor-feed", FeedCursor{epoch, {FeedPosition(7), FeedPosition(1'000'000)}});
}

// The text on the page is the base64url of the bytes on the page.
TEST(FormatsTest, CursorBytesAreTheirText) {
  const Page page("cursor.md");
  for (const std::string name : {"cursor-topic", "cursor-feed"}) {
    uint32_t buffer = 0;
    int bits = 0;
    std::string bytes;
    for (const char c : page.Text(name)) {
      const std::string_view alphabet =
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      buffer = buffer << 6 | static_cast<uint32_t>(alphabet.find(c));
      bits += 6;
      if (bits < 8) continue;
      bits -= 8;
      bytes.push_back(static_cast<char>(buffer >> bits));
    }
    EXPECT_EQ(bytes, page.Hex(name)) << name;
  }
}

}  // namespace
}  // namespace postroad
