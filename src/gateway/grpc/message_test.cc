// Messages built by hand against protobuf's own reading of them, and the naming of bad fields.
#include "gateway/grpc/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/event.h"
#include "gateway/grpc/post_message.h"
#include "gateway/grpc/read_message.h"
#include "gateway/grpc/status_map.h"
#include "gateway/grpc/subscribe_message.h"
#include "google/rpc/error.pb.h"
#include "postroad/v1/admin.pb.h"
#include "postroad/v1/postroad.pb.h"

namespace postroad::gateway {
namespace {

template <typename Message>
Message Parsed(const grpc::ByteBuffer& buffer) {
  Message message;
  const FlatMessage flat(buffer);
  EXPECT_TRUE(message.ParseFromArray(flat.bytes().data(), static_cast<int>(flat.bytes().size())));
  return message;
}

// A run of events with these ids and payloads of `bytes`.
std::shared_ptr<store::Run> MakeRun(const std::vector<std::string>& ids, size_t bytes) {
  auto run = std::make_shared<store::Run>();
  run->first = Offset(10);
  for (const std::string& id : ids) {
    AppendToBody(ViewOf(Event{.id = id, .payload = std::string(bytes, 'x')}), run->buffer);
    ++run->count;
  }
  run->body = run->buffer;
  run->stored_at = FromNanos(1'500'000'000'000'000'007);
  return run;
}

TEST(ReadMessage, IsWhatProtobufReads) {
  auto run = MakeRun({"a", "b"}, 3000);
  broker::StreamBatch batch;
  batch.epoch_changed = broker::EpochChange{Epoch(1), Epoch(0xabc)};
  batch.gaps.push_back({.topic = "t", .first = 3, .end = 10});
  batch.gaps.push_back({.topic = "u", .first = 0, .end = 1, .topic_deleted = true});
  broker::StreamRun part{.topic = std::make_shared<const std::string>("t"),
                         .first = Offset(10),
                         .count = 2,
                         .offsets = {Offset(10), Offset(12)},
                         .pieces = {run->body},
                         .bytes = run->body.size(),
                         .owner = run,
                         .stored_at = run->stored_at,
                         .position = FeedPosition(99)};
  batch.runs.push_back(part);
  batch.cursor = TopicCursor{Epoch(1), Offset(12), 3};
  batch.caught_up = true;
  const auto message = Parsed<v1::ReadResponse>(ReadResponse(batch));
  EXPECT_EQ(message.epoch_changed().old_epoch(), "0000000000000001");
  EXPECT_EQ(message.epoch_changed().new_epoch(), "0000000000000abc");
  EXPECT_EQ(message.gaps(0).topic(), "t");
  EXPECT_EQ(message.gaps(0).first(), 3u);
  EXPECT_EQ(message.gaps(0).end(), 10u);
  EXPECT_EQ(message.gaps(0).reason(), v1::GAP_REASON_RETENTION);
  EXPECT_EQ(message.gaps(1).reason(), v1::GAP_REASON_TOPIC_DELETED);
  const v1::EventBatch& events = message.batches(0);
  EXPECT_EQ(events.topic(), "t");
  EXPECT_EQ(events.first_offset(), 10u);
  EXPECT_EQ(events.offsets(1), 12u);
  EXPECT_EQ(events.events(1).id(), "b");
  EXPECT_EQ(events.events(1).payload().size(), 3000u);
  EXPECT_EQ(events.stored_at().seconds(), 1'500'000'000);
  EXPECT_EQ(events.stored_at().nanos(), 7);
  EXPECT_EQ(events.first_position(), 99u);
  EXPECT_EQ(message.cursor(), EncodeCursor(batch.cursor));
  EXPECT_TRUE(message.caught_up());
}

TEST(MessageBuilder, SharesLargePartsAndLetsGoOfThem) {
  auto owner = std::make_shared<const std::string>(100'000, 'x');
  {
    MessageBuilder builder;
    builder.text() = "head";
    builder.Append(*owner, owner);
    builder.text().append("tail");
    const grpc::ByteBuffer buffer = builder.Finish();
    EXPECT_GT(owner.use_count(), 1);
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(buffer.Dump(&slices).ok());
    ASSERT_EQ(slices.size(), 3u);
    EXPECT_EQ(reinterpret_cast<const char*>(slices[1].begin()), owner->data());
    EXPECT_EQ(FlatMessage(buffer).bytes(), "head" + *owner + "tail");
  }
  EXPECT_EQ(owner.use_count(), 1);
}

delivery::Delivery MakeDelivery(const std::shared_ptr<store::Run>& run, std::string_view record,
                                uint64_t id, uint32_t attempt = 1) {
  return {.id = delivery::DeliveryId(id),
          .topic = std::make_shared<const std::string>("t"),
          .offset = Offset(id + 1),
          .attempt = attempt,
          .stored_at = FromNanos(5'000'000'000),
          .record = record,
          .owner = run};
}

TEST(SubscribeMessage, DeliveriesAreWhatProtobufReads) {
  auto run = MakeRun({"a", "b", "c"}, 3000);
  std::vector<delivery::Delivery> deliveries;
  BodyReader reader(run->body);
  for (uint64_t id = 0; const auto record = reader.Next(); ++id) {
    if (id != 1) deliveries.push_back(MakeDelivery(run, *record, id));
  }
  // Of its own, as a dead letter that was edited.
  auto own = std::make_shared<store::Run>();
  own->buffer = EncodeRecord(ViewOf(Event{.id = "d"}));
  deliveries.push_back(MakeDelivery(own, own->buffer, 77, /*attempt=*/3));
  deliveries.back().stored_at = FromNanos(4'000'000'000);
  const auto message = Parsed<v1::SubscribeResponse>(DeliveriesMessage(deliveries));
  const v1::DeliveryBatch& batch = message.deliveries();
  EXPECT_EQ(batch.topic(), "t");
  ASSERT_EQ(batch.events_size(), 3);
  EXPECT_EQ(batch.events(0).id(), "a");
  EXPECT_EQ(batch.events(1).id(), "c");
  EXPECT_EQ(batch.events(2).id(), "d");
  EXPECT_EQ(batch.delivery_ids(2), 77u);
  EXPECT_EQ(batch.offsets(1), 3u);
  ASSERT_EQ(batch.attempts_size(), 3);
  EXPECT_EQ(batch.attempts(2), 3u);
  EXPECT_EQ(batch.stored_at().seconds(), 4);
  EXPECT_THAT(batch.stored_after_ns(), testing::ElementsAre(1'000'000'000, 1'000'000'000, 0));
}

TEST(SubscribeMessage, NeighboursInARunGoOutInOnePiece) {
  auto run = MakeRun({"a", "b", "c"}, 3000);
  std::vector<delivery::Delivery> deliveries;
  BodyReader reader(run->body);
  for (uint64_t id = 0; const auto record = reader.Next(); ++id) {
    deliveries.push_back(MakeDelivery(run, *record, id));
  }
  const grpc::ByteBuffer buffer = DeliveriesMessage(deliveries);
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(buffer.Dump(&slices).ok());
  EXPECT_EQ(slices.size(), 2u);
  EXPECT_EQ(Parsed<v1::SubscribeResponse>(buffer).deliveries().events(2).id(), "c");
}

TEST(SubscribeMessage, ABatchIsOfOneTopicAndBounded) {
  auto run = MakeRun({"a", "b"}, 200'000);
  std::vector<delivery::Delivery> deliveries;
  BodyReader reader(run->body);
  while (const auto record = reader.Next()) deliveries.push_back(MakeDelivery(run, *record, 0));
  EXPECT_EQ(DeliveryBatchCount(deliveries), 1u);  // 400 KB are too much for one message
  auto small = MakeRun({"a", "b", "c"}, 10);
  deliveries.clear();
  BodyReader again(small->body);
  while (const auto record = again.Next()) deliveries.push_back(MakeDelivery(small, *record, 0));
  EXPECT_EQ(DeliveryBatchCount(deliveries), 3u);
  deliveries[2].topic = std::make_shared<const std::string>("other");
  EXPECT_EQ(DeliveryBatchCount(deliveries), 2u);
}

TEST(SubscribeMessage, SettlementsThatAreWrongAreToldByTheirIds) {
  v1::Settle settle;
  settle.add_acks(1);
  settle.set_ack_up_to(9);
  auto* nack = settle.add_nacks();
  nack->set_delivery_id(2);
  nack->mutable_delay()->set_seconds(-1);
  auto* extend = settle.add_extends();
  extend->set_delivery_id(3);
  extend->mutable_by()->set_seconds(25 * 3600);
  auto* reply = settle.add_replies();
  reply->set_delivery_id(4);
  reply->set_payload(std::string(65 << 10, 'x'));
  auto* terminate = settle.add_terminates();
  terminate->set_delivery_id(5);
  terminate->set_reason(std::string(1023, 'x') + "\xc3\xa9");  // é over the cut
  std::vector<FailedSettlement> failed;
  const auto settlements = FromProto(settle, failed);
  ASSERT_EQ(settlements.size(), 3u);
  EXPECT_EQ(settlements[0].kind, delivery::SettleKind::kAck);
  EXPECT_EQ(settlements[1].kind, delivery::SettleKind::kTerminate);
  EXPECT_EQ(settlements[1].reason, std::string(1023, 'x'));
  EXPECT_EQ(settlements[2].kind, delivery::SettleKind::kAckUpTo);
  ASSERT_EQ(failed.size(), 3u);
  std::map<uint64_t, std::string> fields;
  for (const auto& [id, error] : failed) fields[id] = error.field;
  EXPECT_EQ(fields[2], "settle.nacks[0].delay");
  EXPECT_EQ(fields[3], "settle.extends[0].by");
  EXPECT_EQ(fields[4], "settle.replies[0].payload");
}

TEST(PostMessage, ResponseIsWhatProtobufReads) {
  broker::PostOutcome outcome;
  outcome.results = {{.offset = Offset(5), .id_made = true},
                     {.offset = Offset(2), .duplicate = true},
                     {.scheduled = true, .id_made = true}};
  outcome.made_ids = std::string(36, 'a') + std::string(36, 'b');
  outcome.durability = journal::Durability::kMemory;
  outcome.wait_timed_out = true;
  const auto message = Parsed<v1::PostResponse>(PostResponse(outcome));
  ASSERT_EQ(message.results_size(), 3);
  EXPECT_EQ(message.results(0).id(), std::string(36, 'a'));
  EXPECT_EQ(message.results(0).offset(), 5u);
  EXPECT_TRUE(message.results(1).duplicate());
  EXPECT_EQ(message.results(1).id(), "");
  EXPECT_TRUE(message.results(2).scheduled());
  EXPECT_EQ(message.results(2).id(), std::string(36, 'b'));
  EXPECT_EQ(message.durability(), v1::DURABILITY_MEMORY);
  EXPECT_TRUE(message.wait_timed_out());
}

TEST(ParseMessage, NamesTheFieldAtFault) {
  v1::CreateSubscriptionRequest good;
  good.set_name("s");
  good.mutable_settings()->add_topics("a");
  good.mutable_settings()->add_topics("bbb");
  std::string bytes = good.SerializeAsString();
  v1::CreateSubscriptionRequest parsed;
  EXPECT_TRUE(ParseMessage(bytes, parsed));
  bytes.replace(bytes.find("bbb"), 3, "b\xff\xff");
  const Status broken = ParseMessage(bytes, parsed);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(broken.error().field, "settings.topics[1]");
  EXPECT_EQ(broken.error().reason, "MALFORMED");
  const Status cut = ParseMessage(good.SerializeAsString().substr(0, 6), parsed);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().field, "settings");
}

TEST(StatusMap, CarriesReasonFieldAndMetadata) {
  const Error error{ErrorCode::kInvalidArgument,
                    "too large",
                    "events[3].payload",
                    "EVENT_TOO_LARGE",
                    {{"limit_bytes", "7"}}};
  const grpc::Status status = ToGrpcStatus(error);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "events[3].payload: too large");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 3);
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad;
  ASSERT_EQ(details.details_size(), 2);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  ASSERT_TRUE(details.details(1).UnpackTo(&bad));
  EXPECT_EQ(info.reason(), "EVENT_TOO_LARGE");
  EXPECT_EQ(info.domain(), "postroad");
  EXPECT_EQ(info.metadata().at("limit_bytes"), "7");
  EXPECT_EQ(bad.field_violations(0).field(), "events[3].payload");
  // Codes are one to one.
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const auto own = static_cast<ErrorCode>(code);
    EXPECT_NE(ToGrpcCode(own), grpc::StatusCode::OK);
    EXPECT_NE(ToGrpcCode(own), grpc::StatusCode::UNKNOWN);
  }
}

}  // namespace
}  // namespace postroad::gateway
