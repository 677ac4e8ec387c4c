// Read over a real connection.
#include <gtest/gtest.h>
#include <sanitizer/allocator_interface.h>

#include <fstream>

#include "core/cursor.h"
#include "tests/grpc/grpc_help.h"
#include "tests/grpc/test_server.h"

namespace postroad::testing {
namespace {

using Strings = std::vector<std::string>;

TestServerOptions Options() {
  TestServerOptions options;
  options.journal.rules = journal::TopicRules(
      {{.pattern = *TopicPattern::Parse("short", "pattern"), .retention_count = 2}});
  return options;
}

class ReadGrpc : public ::testing::Test {
 protected:
  Strings ReadAll(v1::ReadRequest request) {
    request.set_stop_at_end(true);
    Reading reading(*stub, request);
    Strings ids = reading.Ids(SIZE_MAX);
    const grpc::Status status = reading.Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return ids;
  }
  ErrorView Refused(const v1::ReadRequest& request) {
    return View(Reading(*stub, request).Finish());
  }

  TestServer server{Options()};
  std::shared_ptr<grpc::Channel> channel = server.NewChannel();
  std::unique_ptr<v1::Postroad::Stub> stub = v1::Postroad::NewStub(channel);
};

TEST_F(ReadGrpc, StartsWhereAsked) {
  MustPost(*stub, Batch("t", {"a", "b", "c"}));
  EXPECT_EQ(ReadAll(FromBeginning({"t"})), (Strings{"t=a", "t=b", "t=c"}));
  EXPECT_EQ(ReadAll(From({"t"})), Strings{});
  v1::ReadRequest request = From({"t"});
  request.set_last(1);
  EXPECT_EQ(ReadAll(request), (Strings{"t=c"}));
  request.set_offset(1);
  EXPECT_EQ(ReadAll(request), (Strings{"t=b", "t=c"}));
  request.mutable_time()->set_seconds(0);
  EXPECT_EQ(ReadAll(request), (Strings{"t=a", "t=b", "t=c"}));
  request.mutable_time()->set_seconds(4'000'000'000);
  EXPECT_EQ(ReadAll(request), Strings{});
}

TEST_F(ReadGrpc, FollowsWhatIsPosted) {
  Reading reading(*stub, From({"t"}));
  v1::ReadResponse response;
  ASSERT_TRUE(reading.Next(response));  // that it has caught up
  EXPECT_TRUE(response.caught_up());
  MustPost(*stub, Batch("t", {"a"}));
  ASSERT_TRUE(reading.Next(response));
  EXPECT_FALSE(response.caught_up());
  ASSERT_EQ(response.batches_size(), 1);
  EXPECT_EQ(response.batches(0).first_offset(), 0u);
  EXPECT_GT(response.batches(0).stored_at().seconds(), 1'600'000'000);
  MustPost(*stub, Batch("t", {"b"}));
  EXPECT_EQ(reading.Ids(1), (Strings{"t=b"}));
  reading.Cancel();
  EXPECT_EQ(reading.Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ReadGrpc, GoesOnFromItsCursorOverReconnects) {
  for (const Strings& topics : {Strings{"t"}, Strings{"t", "u"}, Strings{"*"}}) {
    v1::ReadRequest request = FromBeginning(topics);
    std::string cursor;
    {
      Reading reading(*stub, request);
      v1::ReadResponse response;
      ASSERT_TRUE(reading.Next(response));
      cursor = response.cursor();
      reading.Cancel();
      reading.Finish();
    }
    MustPost(*stub, Batch("t", {"after " + topics.back()}));
    request.set_cursor(cursor);
    const Strings after = ReadAll(request);
    ASSERT_FALSE(after.empty());
    EXPECT_EQ(after.back(), "t=after " + topics.back());
  }
}

TEST_F(ReadGrpc, CompositeStreamsHaveFeedPositions) {
  MustPost(*stub, Batch("user/1", {"a"}));
  MustPost(*stub, Batch("other", {"x"}));
  MustPost(*stub, Batch("user/2", {"b"}));
  EXPECT_EQ(ReadAll(FromBeginning({"user/*"})), (Strings{"user/1=a", "user/2=b"}));
  Reading reading(*stub, FromBeginning({"user/*"}, true));
  v1::ReadResponse response;
  std::vector<uint64_t> positions;
  while (reading.Next(response)) {
    for (const auto& batch : response.batches()) positions.push_back(batch.first_position());
  }
  EXPECT_EQ(positions, (std::vector<uint64_t>{0, 2}));
}

TEST_F(ReadGrpc, FiltersAndSaysTheOffsets) {
  v1::PostRequest request = Batch("t", {"a", "b", "c", "d"});
  for (int i : {0, 2}) request.mutable_events(i)->set_type("order.paid");
  (*request.mutable_events(2)->mutable_headers())["region"] = "eu";
  request.mutable_events(3)->set_key("k");
  MustPost(*stub, request);
  v1::ReadRequest read = FromBeginning({"t"}, true);
  read.mutable_filter()->add_types("order.*");
  Reading reading(*stub, read);
  v1::ReadResponse response;
  ASSERT_TRUE(reading.Next(response));
  ASSERT_EQ(response.batches_size(), 1);
  EXPECT_EQ(response.batches(0).first_offset(), 0u);
  ASSERT_EQ(response.batches(0).offsets_size(), 2);
  EXPECT_EQ(response.batches(0).offsets(1), 2u);
  (*read.mutable_filter()->mutable_headers())["region"] = "eu";
  EXPECT_EQ(ReadAll(read), (Strings{"t=c"}));
  read.clear_filter();
  read.mutable_filter()->add_keys("k");
  EXPECT_EQ(ReadAll(read), (Strings{"t=d"}));
}

TEST_F(ReadGrpc, TellsGapsAndEpochs) {
  MustPost(*stub, Batch("short", {"a"}));
  std::string cursor;
  {
    Reading reading(*stub, FromBeginning({"short"}));
    v1::ReadResponse response;
    ASSERT_TRUE(reading.Next(response));
    cursor = response.cursor();
    reading.Cancel();
  }
  for (const char* id : {"b", "c", "d", "e"}) MustPost(*stub, Batch("short", {id}));
  ASSERT_TRUE(server.journal().ApplyRetention());
  v1::ReadRequest request = From({"short"});
  request.set_cursor(cursor);
  Reading reading(*stub, request);
  v1::ReadResponse response;
  ASSERT_TRUE(reading.Next(response));
  ASSERT_EQ(response.gaps_size(), 1);
  EXPECT_EQ(response.gaps(0).topic(), "short");
  EXPECT_EQ(response.gaps(0).first(), 1u);
  EXPECT_EQ(response.gaps(0).end(), 3u);
  Strings ids;
  Reading::Add(response, ids);
  EXPECT_EQ(ids, (Strings{"short=d", "short=e"}));

  request.set_cursor(EncodeCursor(TopicCursor{Epoch(1), Offset(7), TopicCursorHash("short")}));
  Reading other(*stub, request);
  ASSERT_TRUE(other.Next(response));
  EXPECT_EQ(response.epoch_changed().old_epoch(), "0000000000000001");
  EXPECT_EQ(response.epoch_changed().new_epoch().size(), 16u);
  EXPECT_EQ(response.batches(0).first_offset(), 3u);
}

TEST_F(ReadGrpc, BadRequestsNameTheField) {
  MustPost(*stub, Batch("t", {"a"}));
  const auto with = [](auto change) {
    v1::ReadRequest request = From({"t"});
    change(request);
    return request;
  };
  struct Case {
    v1::ReadRequest request;
    const char* field;
    grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT;
  };
  const Case cases[] = {
      {From({}), "topics"},
      {From({"a b"}), "topics[0]"},
      {with([](auto& r) { r.set_cursor("nonsense"); }), "cursor"},
      {with([](auto& r) { r.set_offset(5); }), "offset", grpc::StatusCode::OUT_OF_RANGE},
      {with([](auto& r) { r.add_topics("u"), r.set_offset(0); }), "offset"},
      {with([](auto& r) { r.set_last(1'000'001); }), "last"},
      {with([](auto& r) { r.mutable_time()->set_seconds(-1); }), "time"},
      {with([](auto& r) { r.set_max_batch_bytes(100); }), "max_batch_bytes"},
      {with([](auto& r) { r.set_max_batch_bytes(5 << 20); }), "max_batch_bytes"},
      {with([](auto& r) { r.mutable_heartbeat()->set_nanos(1000); }), "heartbeat"},
      {with([](auto& r) { r.set_client_id("a b"); }), "client_id"},
      {with([](auto& r) {
         for (int i = 0; i < 101; ++i) r.mutable_filter()->add_keys("k");
       }),
       "filter.keys"},
  };
  for (const Case& c : cases) {
    const ErrorView error = Refused(c.request);
    EXPECT_EQ(error.code, c.code) << c.field;
    EXPECT_EQ(error.field, c.field);
  }
  EXPECT_EQ(ReadAll(FromBeginning({"t"})), (Strings{"t=a"}));
}

TEST_F(ReadGrpc, ANewerStreamOfTheSameClientEndsTheOlder) {
  v1::ReadRequest request = From({"t"});
  request.set_client_id("phone");
  auto older = std::make_unique<Reading>(*stub, request);
  v1::ReadResponse response;
  ASSERT_TRUE(older->Next(response));
  Reading newer(*stub, request);
  ASSERT_TRUE(newer.Next(response));
  const ErrorView error = View(older->Finish());
  EXPECT_EQ(error.code, grpc::StatusCode::ABORTED);
  EXPECT_EQ(error.reason, "REPLACED");
  older.reset();
  MustPost(*stub, Batch("t", {"a"}));
  EXPECT_EQ(newer.Ids(1), (Strings{"t=a"}));
}

TEST_F(ReadGrpc, SendsHeartbeatsWithTheCursor) {
  v1::ReadRequest request = From({"t"});
  request.mutable_heartbeat()->set_seconds(1);
  Reading reading(*stub, request);
  v1::ReadResponse response;
  ASSERT_TRUE(reading.Next(response));
  ASSERT_TRUE(reading.Next(response));
  EXPECT_EQ(response.batches_size(), 0);
  EXPECT_FALSE(response.cursor().empty());
}

TEST_F(ReadGrpc, HonoursTheCallersDeadline) {
  grpc::ClientContext context;
  SetDeadline(context, std::chrono::seconds(1));
  auto stream = stub->Read(&context, From({"t"}));
  v1::ReadResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(Eventually(
      [&] { return server.metrics().GetGauge("postroad_streams_open", "").Value() == 0; }));
}

TEST_F(ReadGrpc, CancelledCallsAreForgotten) {
  Gauge& open = server.metrics().GetGauge("postroad_streams_open", "");
  std::vector<std::unique_ptr<Reading>> readings;
  for (int i = 0; i < 50; ++i) {
    readings.push_back(std::make_unique<Reading>(*stub, From({"t"})));
    readings.back()->WaitForStart();
  }
  EXPECT_EQ(open.Value(), 50);
  for (auto& reading : readings) reading->Cancel();
  EXPECT_TRUE(Eventually([&] { return open.Value() == 0; }));
}

TEST_F(ReadGrpc, ADrainEndsStreamsWithAReason) {
  Reading reading(*stub, From({"t"}));
  v1::ReadResponse response;
  ASSERT_TRUE(reading.Next(response));
  server.broker().Drain(std::chrono::seconds(1));
  const ErrorView error = View(reading.Finish());
  EXPECT_EQ(error.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(error.reason, "DRAINING");
  EXPECT_EQ(Refused(From({"t"})).reason, "DRAINING");
  EXPECT_EQ(View(Post(*stub, Batch("t", {"a"})).status).reason, "DRAINING");
}

// What this process holds: resident, or, under a sanitizer, which keeps books of its own,
// allocated.
size_t HeldBytes() {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return __sanitizer_get_current_allocated_bytes();
#endif
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * 4096;
}

// A hundred readers that take nothing, over 64 MiB of history, cost their windows and no more.
TEST_F(ReadGrpc, ReadersThatDoNotReadCostLittle) {
  const std::string payload(64 << 10, 'x');
  for (int i = 0; i < 64; ++i) MustPost(*stub, Batch("t", Strings(16, ""), payload));
  // Clients with small windows: what grows is the server's.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 64 << 10);
  auto slow = v1::Postroad::NewStub(server.NewChannel(arguments));
  const size_t before = HeldBytes();
  std::vector<std::unique_ptr<Reading>> readings;
  for (int i = 0; i < 100; ++i) {
    readings.push_back(std::make_unique<Reading>(*slow, FromBeginning({"t"})));
    readings.back()->WaitForStart();
  }
  // Another reader gets everything meanwhile.
  EXPECT_EQ(ReadAll(FromBeginning({"t"})).size(), 64u * 16);
  const size_t grown = HeldBytes() - std::min(HeldBytes(), before);
  // One response of 256 KiB each; what gRPC has of it; the reader that reads.
  EXPECT_LT(grown, 150u << 20);
  for (auto& reading : readings) reading->Cancel();
}

TEST_F(ReadGrpc, SeveralTopicsAreFilteredAndReplacedLikeOne) {
  v1::PostRequest request = Batch("a", {"a0", "a1"});
  request.MergeFrom(Batch("b", {"b0", "b1"}));
  for (int i = 0; i < request.events_size(); ++i) {
    request.mutable_events(i)->set_type(i % 2 == 0 ? "even" : "odd");
  }
  MustPost(*stub, request);
  for (const Strings& topics : {Strings{"a", "b"}, Strings{"*"}}) {
    v1::ReadRequest read = FromBeginning(topics);
    read.mutable_filter()->add_types("odd");
    read.set_client_id("phone");
    Reading older(*stub, read);
    EXPECT_EQ(older.Ids(2), (Strings{"a=a1", "b=b1"}));
    Reading newer(*stub, read);
    EXPECT_EQ(newer.Ids(2), (Strings{"a=a1", "b=b1"}));
    const grpc::Status replaced = older.Finish();
    EXPECT_EQ(replaced.error_code(), grpc::StatusCode::ABORTED);
    EXPECT_EQ(View(replaced).reason, "REPLACED");
    MustPost(*stub, Batch("a", {"later" + topics[0]}));
    newer.Cancel();
  }
}

}  // namespace
}  // namespace postroad::testing
