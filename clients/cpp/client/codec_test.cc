// What the library encodes and decodes by hand, compared with the generated classes.
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/convert.h"
#include "client/post_codec.h"
#include "client/read_response.h"
#include "client/settlements.h"
#include "client/status.h"
#include "client/subscriber_impl.h"
#include "client/wire.h"
#include "google/rpc/error.pb.h"
#include "postroad/v1/postroad.pb.h"

namespace postroad::client {
namespace {

using google::protobuf::util::MessageDifferencer;

Event FullEvent(std::string topic) {
  return {.id = "an-id",
          .topic = std::move(topic),
          .key = "key",
          .type = "order.paid",
          .content_type = "application/json",
          .payload = std::string("\0binary\xff", 8),
          .headers = {{"traceparent", "00-1"}, {"x", ""}},
          .time = FromNanos(1'700'000'000'123'456'789),
          .deliver_at = FromNanos(1'800'000'000'000'000'001),
          .search_keys = {"a", "b"}};
}

TEST(PostCodecTest, EncodesWhatProtobufWould) {
  v1::PostRequest expected;
  std::string request;
  for (const Event& event : {FullEvent("orders"), Event{.id = "2", .topic = "t"},
                             Event{.id = "3", .topic = "u", .payload = std::string(70'000, 'p')}}) {
    AppendPosted(ViewOf(event), request);
    ToProto(event, expected.add_events());
  }
  v1::PostRequest parsed;
  ASSERT_TRUE(parsed.ParseFromString(request));
  EXPECT_TRUE(MessageDifferencer::Equals(parsed, expected)) << parsed.ShortDebugString();
}

TEST(PostCodecTest, ParsesReplies) {
  v1::PostResponse response;
  response.set_durability(v1::DURABILITY_DISK);
  response.add_results()->set_offset(7);
  response.add_results()->set_scheduled(true);
  auto* third = response.add_results();
  third->set_id("made");
  third->set_duplicate(true);
  const auto reply = ParsePostReply(response.SerializeAsString());
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->refused);
  ASSERT_EQ(reply->results.size(), 3u);
  EXPECT_EQ(reply->results[0].offset, Offset(7));
  EXPECT_EQ(reply->results[0].durability, PostDurability::kDisk);
  EXPECT_TRUE(reply->results[1].scheduled);
  EXPECT_EQ(reply->results[2].id, "made");
  EXPECT_TRUE(reply->results[2].duplicate);
}

TEST(PostCodecTest, ParsesRefusals) {
  v1::PostResponse response;
  response.mutable_error()->set_code(8);
  response.mutable_error()->set_message("no room");
  response.mutable_error()->set_reason("DISK_FULL");
  response.mutable_error()->set_field("events[3]");
  (*response.mutable_error()->mutable_metadata())["free"] = "0";
  const auto reply = ParsePostReply(response.SerializeAsString());
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->refused);
  EXPECT_EQ(reply->error.code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(reply->error.message, "no room");
  EXPECT_EQ(reply->error.reason, "DISK_FULL");
  EXPECT_EQ(reply->error.field, "events[3]");
  EXPECT_EQ(reply->error.metadata.at("free"), "0");
}

TEST(PostCodecTest, RefusesBadEventsNamingTheField) {
  const auto field_of = [](const Event& event) {
    const Status status = CheckPosted(ViewOf(event), "events[3]");
    return status ? "none" : status.error().field;
  };
  EXPECT_EQ(field_of({.id = "1", .topic = "t"}), "none");
  EXPECT_EQ(field_of({.id = "1"}), "events[3].topic");
  EXPECT_EQ(field_of({.id = "1", .topic = "_dead/x"}), "events[3].topic");
  EXPECT_EQ(field_of({.id = "1", .topic = "a*"}), "events[3].topic");
  EXPECT_EQ(field_of({.id = "1", .topic = "t", .key = "\xff"}), "events[3].key");
  EXPECT_EQ(field_of({.id = "1", .topic = "t", .payload = std::string(kMaxEventBytes + 1, 'x')}),
            "events[3].payload");
}

TEST(ReadResponseTest, ParsesWhatProtobufWrites) {
  v1::ReadResponse response;
  response.mutable_epoch_changed()->set_old_epoch("a");
  response.mutable_epoch_changed()->set_new_epoch("b");
  auto* gap = response.add_gaps();
  gap->set_topic("orders");
  gap->set_first(3);
  gap->set_end(9);
  gap->set_reason(v1::GAP_REASON_TOPIC_DELETED);
  auto* batch = response.add_batches();
  batch->set_topic("orders");
  batch->set_first_offset(9);
  batch->add_offsets(9);
  batch->add_offsets(12);
  batch->set_first_position(100);
  ToProto(FromNanos(5'000'000'001), batch->mutable_stored_at());
  ToProto(FullEvent(""), batch->add_events());
  batch->add_events()->set_id("second");
  response.set_cursor("c");
  response.set_caught_up(true);

  const std::string bytes = response.SerializeAsString();
  RawReadResponse raw;
  ASSERT_TRUE(ParseReadResponse(bytes, raw));
  EXPECT_EQ(std::get<EpochChangedNotice>(raw.notices.at(0)).new_epoch, "b");
  EXPECT_EQ(std::get<GapNotice>(raw.notices.at(1)).end, 9u);
  EXPECT_EQ(std::get<GapNotice>(raw.notices.at(1)).reason, GapNotice::Reason::kTopicDeleted);
  EXPECT_EQ(raw.cursor, "c");
  EXPECT_TRUE(raw.caught_up);
  RawEventBatch parsed;
  ASSERT_TRUE(ParseEventBatch(raw.batches.at(0), parsed));

  CursorBook book;
  ReadEvents events(book);
  ASSERT_TRUE(events.Fill(parsed, 0));
  Event event = events.event().event().ToEvent();
  std::ranges::sort(event.headers);  // protobuf's maps have no order
  EXPECT_EQ(event, FullEvent("orders"));
  EXPECT_EQ(events.event().stored_at(), FromNanos(5'000'000'001));
  ASSERT_TRUE(events.Fill(parsed, 1));
  EXPECT_EQ(events.event().event().id, "second");
  EXPECT_EQ(events.event().event().key, "") << "left over from the event before";
  EXPECT_EQ(events.event().offset(), Offset(12));
  EXPECT_EQ(events.Place().position, 103u);
}

TEST(ReadResponseTest, RefusesWhatIsCutOff) {
  v1::ReadResponse response;
  response.add_batches()->add_events()->set_payload(std::string(300, 'x'));
  const std::string bytes = response.SerializeAsString();
  RawReadResponse raw;
  for (size_t n = 1; n < bytes.size(); ++n) {
    EXPECT_FALSE(ParseReadResponse(std::string_view(bytes).substr(0, n), raw)) << n;
  }
}

TEST(CursorBookTest, GivesTheCursorAfterAnEvent) {
  CursorBook book;
  const uint32_t hash = TopicCursorHash("orders");
  ASSERT_TRUE(book.Begin(EncodeCursor(TopicCursor{Epoch(7), Offset(20), hash})));
  EXPECT_EQ(book.After(12, 0), EncodeCursor(TopicCursor{Epoch(7), Offset(13), hash}));
  ASSERT_TRUE(book.Begin(EncodeCursor(FeedCursor{Epoch(7), {FeedPosition(500)}})));
  EXPECT_EQ(book.After(12, 440), EncodeCursor(FeedCursor{Epoch(7), {FeedPosition(441)}}));
}

TEST(CursorBookTest, OfSeveralPartitionsGoesBackToWhereTheResponseBegan) {
  CursorBook book;
  const auto first = EncodeCursor(FeedCursor{Epoch(7), {FeedPosition(5), FeedPosition(6)}});
  ASSERT_TRUE(book.Begin(first));
  EXPECT_EQ(book.After(1, 4), "");
  book.Finish();
  ASSERT_TRUE(book.Begin(EncodeCursor(FeedCursor{Epoch(7), {FeedPosition(9), FeedPosition(9)}})));
  EXPECT_EQ(book.After(1, 7), first);
}

TEST(SettlementsTest, EncodeWhatProtobufReads) {
  Settlements settlements;
  settlements.Ack(1);
  settlements.Nack(2, "broken", std::chrono::milliseconds(1500));
  settlements.Nack(3, "", {});
  settlements.Extend(4, std::chrono::seconds(9));
  settlements.Terminate(5, "poison");
  settlements.Reply(6, "answer");
  Settlements more;
  more.Ack(uint64_t{1} << 63);
  settlements.Add(std::move(more));
  EXPECT_EQ(settlements.size(), 7u);
  EXPECT_EQ(settlements.acks(), 3u);
  EXPECT_EQ(settlements.nacks(), 3u);

  v1::SubscribeRequest request;
  ASSERT_TRUE(request.ParseFromString(settlements.Encode()));
  const v1::Settle& settle = request.settle();
  EXPECT_EQ(settle.acks_size(), 2);
  EXPECT_EQ(settle.acks(1), uint64_t{1} << 63);
  EXPECT_EQ(settle.nacks(0).delay().nanos(), 500'000'000);
  EXPECT_EQ(settle.nacks(0).reason(), "broken");
  EXPECT_FALSE(settle.nacks(1).has_delay());
  EXPECT_EQ(settle.extends(0).by().seconds(), 9);
  EXPECT_EQ(settle.terminates(0).reason(), "poison");
  EXPECT_EQ(settle.replies(0).payload(), "answer");
}

TEST(SettlementsTest, CutsReasonsBetweenCharacters) {
  Settlements settlements;
  std::string reason(1023, 'a');
  reason += "é and more";
  settlements.Nack(1, reason, {});
  v1::SubscribeRequest request;
  ASSERT_TRUE(request.ParseFromString(settlements.Encode()));
  EXPECT_EQ(request.settle().nacks(0).reason(), std::string(1023, 'a'));
}

TEST(SettlementsTest, EncodesCredit) {
  v1::SubscribeRequest request;
  ASSERT_TRUE(request.ParseFromString(EncodeCredit(1234)));
  EXPECT_EQ(request.credit().events(), 1234u);
}

TEST(DeliveryTest, ParsesBatchesPackedOrNot) {
  v1::DeliveryBatch batch;
  batch.set_topic("orders");
  for (const uint64_t i : {10, 11}) {
    batch.add_delivery_ids(i);
    batch.add_offsets(i + 100);
    batch.add_attempts(2);
    batch.add_stored_after_ns((i - 10) * 7);
    batch.add_events()->set_payload("p" + std::to_string(i));
  }
  ToProto(FromNanos(5'000'000'000), batch.mutable_stored_at());
  const auto client = Client::Create({});
  const auto source = std::make_shared<Delivery::Source>();
  source->subscriber =
      std::make_shared<Subscriber::Impl>(client->impl(), SubscriberOptions{.subscription = "s"});
  const std::string bytes = batch.SerializeAsString();
  ASSERT_TRUE(source->Parse({}, bytes));
  auto delivery = Delivery::Source::Make(source, 1);
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->event().topic, "orders");
  EXPECT_EQ(delivery->event().payload, "p11");
  EXPECT_EQ(delivery->offset(), Offset(111));
  EXPECT_EQ(delivery->attempt(), 2u);
  EXPECT_EQ(delivery->stored_at(), FromNanos(5'000'000'007));
  EXPECT_EQ(delivery->Ack().error().reason, "CONNECTION_LOST");
  EXPECT_EQ(delivery->Ack().error().reason, "ALREADY_SETTLED");
}

TEST(DeliveryTest, RefusesBatchesWhoseListsDiffer) {
  v1::DeliveryBatch batch;
  batch.add_delivery_ids(1);
  batch.add_events();
  Delivery::Source source;
  EXPECT_FALSE(source.Parse({}, batch.SerializeAsString()));
}

TEST(DeliveryTest, AnEmptyOneCannotBeSettled) {
  Delivery delivery;
  EXPECT_EQ(delivery.Ack().error().reason, "ALREADY_SETTLED");
  EXPECT_EQ(delivery.Extend(std::chrono::seconds(1)).error().reason, "ALREADY_SETTLED");
}

TEST(StatusTest, TakesReasonFieldAndMetadataFromDetails) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_reason("EVENT_TOO_LARGE");
  (*info.mutable_metadata())["limit_bytes"] = "1048576";
  details.add_details()->PackFrom(info);
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("events[3].payload");
  details.add_details()->PackFrom(bad);
  const Error error =
      ToError(grpc::Status(grpc::INVALID_ARGUMENT, "too large", details.SerializeAsString()));
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.message, "too large");
  EXPECT_EQ(error.reason, "EVENT_TOO_LARGE");
  EXPECT_EQ(error.field, "events[3].payload");
  EXPECT_EQ(error.metadata.at("limit_bytes"), "1048576");
}

TEST(StatusTest, LivesWithDetailsThatAreNone) {
  const Error error = ToError(grpc::Status(grpc::UNAVAILABLE, "gone", "\xff\xff\xff"));
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(error.reason, "");
}

TEST(WireTest, RefusesGroupsAndFieldZero) {
  WireField field;
  for (const std::string_view bad : {"\x0b", "\x00\x01", "\x0a\x05x", "\x08"}) {
    WireReader reader(bad);
    EXPECT_FALSE(reader.Next(field));
  }
  WireReader group(std::string_view("\x0b", 1));
  (void)group.Next(field);
  EXPECT_FALSE(group.ok());
}

}  // namespace
}  // namespace postroad::client
