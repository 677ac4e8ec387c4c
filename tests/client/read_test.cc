// Reading from the real server: R1 to R10 of scenarios.md.
#include "client/fixture.h"

namespace postroad::testing {
namespace {

TEST_F(ClientTest, R1AnEventArrivesWhole) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  const Event event{.id = "id",
                    .topic = "orders",
                    .key = "key",
                    .type = "order.paid",
                    .content_type = "text/plain",
                    .payload = std::string("\0\xff", 2),
                    .headers = {{"traceparent", "00-1"}},
                    .time = FromNanos(1'700'000'000'123'456'789)};
  ASSERT_TRUE(publisher->Post(event));
  Event seen;
  ReaderOptions options{.topics = {"orders"}, .from = FromBeginning{}};
  options.stop_at_end = true;
  options.on_event = [&](const ReadEvent& read) -> Status {
    seen = read.event().ToEvent();
    EXPECT_GT(read.stored_at(), FromNanos(1'700'000'000'000'000'000));
    return {};
  };
  ASSERT_TRUE(Start(client, options)->WaitFor(kPatience));
  EXPECT_EQ(seen, event);
}

TEST_F(ClientTest, R2ACursorGoesOnAfterItsEventInAnotherReader) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 10);
  for (const std::string topics : {"orders", "ord*"}) {
    std::string cursor;
    ReaderOptions first{.topics = {topics}, .from = FromBeginning{}, .stop_at_end = true};
    first.on_event = [&](const ReadEvent& read) -> Status {
      if (read.event().payload == "3") cursor = read.Cursor();
      return {};
    };
    ASSERT_TRUE(Start(client, first)->WaitFor(kPatience));
    Seen seen;
    ReaderOptions second = ReadInto(topics, seen);
    second.from = FromCursor{cursor};
    second.stop_at_end = true;
    const Status ended = Start(client, second)->WaitFor(kPatience);
    ASSERT_TRUE(ended) << ended.error().ToString();
    EXPECT_EQ(seen.order(), (std::vector<std::string>{"4", "5", "6", "7", "8", "9"})) << topics;
  }
}

TEST_F(ClientTest, R3AFailingHandlerStopsBeforeItsEvent) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 5);
  Seen seen;
  ReaderOptions options = ReadInto("orders", seen);
  options.on_event = [&](const ReadEvent& read) -> Status {
    if (read.event().payload == "3") throw std::runtime_error("no");
    seen.Add(read.event().payload);
    return {};
  };
  auto reader = Start(client, options);
  const Status ended = reader->WaitFor(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_NE(ended.error().message.find("no"), std::string::npos);
  EXPECT_EQ(seen.order(), Numbers(3));

  Seen rest;
  ReaderOptions next = ReadInto("orders", rest);
  next.from = FromCursor{reader->cursor()};
  next.stop_at_end = true;
  ASSERT_TRUE(Start(client, next)->WaitFor(kPatience));
  EXPECT_EQ(rest.order(), (std::vector<std::string>{"3", "4"}));
}

TEST_F(ClientTest, R4ARetriedHandlerSeesItsEventAgainAndNoOther) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 5);
  Seen seen;
  ReaderOptions options = ReadInto("orders", seen);
  options.on_error = ReaderOptions::OnError::kRetry;
  options.on_event = [&](const ReadEvent& read) -> Status {
    seen.Add(read.event().payload);
    if (read.event().payload == "2" && seen.times("2") < 3) {
      return Fail(ErrorCode::kUnavailable, "later");
    }
    return {};
  };
  auto reader = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return seen.times("4") > 0; }));
  EXPECT_EQ(seen.order(), (std::vector<std::string>{"0", "1", "2", "2", "2", "3", "4"}));
}

TEST_F(ClientTest, R5ReadersOfOneClientIdTakeTurns) {
  Log log;
  const Client client = Connect({.logger = log.Logger()});
  Seen by_one, by_two;
  ReaderOptions options = ReadInto("orders", by_one);
  options.client_id = "one";
  auto one = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return one->state() == State::kConnected; }));
  options.on_event = ReadInto("orders", by_two).on_event;
  auto two = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return log.Count("took the client id \"one\" over") > 3; }));
  auto publisher = NewPublisher(Connect());
  PostNumbers(*publisher, "orders", 5);
  EXPECT_TRUE(Eventually([&] { return by_one.size() >= 5 && by_two.size() >= 5; }));
  EXPECT_EQ(by_one.order(), Numbers(5));
  EXPECT_EQ(by_two.order(), Numbers(5));
  one->Stop();
  two->Stop();
  EXPECT_TRUE(one->Wait());
  EXPECT_TRUE(two->Wait());

  // One that is told to end with it does.
  options.on_replaced = ReaderOptions::OnReplaced::kStop;
  auto ending = Start(Connect(), options);
  ASSERT_TRUE(Eventually([&] { return ending->state() == State::kConnected; }));
  options.on_replaced = ReaderOptions::OnReplaced::kReconnect;
  auto newer = Start(Connect(), options);
  const Status ended = ending->WaitFor(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kAborted);
  EXPECT_EQ(ended.error().reason, "REPLACED");
  EXPECT_EQ(ending->state(), State::kClosed);
}

TEST_F(ClientTest, R6ACursorInAFileSurvivesItsReader) {
  TempFolder folder;
  const std::string file = folder / "cursor";
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 3);
  for (int run = 0; run < 2; ++run) {
    Seen seen;
    ReaderOptions options = ReadInto("orders", seen);
    options.cursor_store = FileCursorStore(file);
    options.stop_at_end = true;
    ASSERT_TRUE(Start(client, options)->WaitFor(kPatience));
    EXPECT_EQ(seen.size(), run == 0 ? 3u : 0u);
  }
  WriteFile(file, "nonsense\n");
  Seen seen;
  ReaderOptions options = ReadInto("orders", seen);
  options.cursor_store = FileCursorStore(file);
  EXPECT_EQ(Start(client, options)->WaitFor(kPatience).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(ClientTest, R7FiltersAndCaughtUp) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  ASSERT_TRUE(publisher->Post({.topic = "orders", .type = "order.paid", .payload = "a"}));
  ASSERT_TRUE(publisher->Post({.topic = "orders", .type = "user.new", .payload = "b"}));
  ASSERT_TRUE(publisher->Post({.topic = "orders", .type = "order.sent", .payload = "c"}));
  Seen seen;
  std::atomic<int> caught_up = 0;
  std::vector<uint64_t> offsets;
  ReaderOptions options = ReadInto("orders", seen);
  options.filter.types = {"order.*"};
  options.on_event = [&](const ReadEvent& read) -> Status {
    offsets.push_back(read.offset().value());
    seen.Add(read.event().payload);
    return {};
  };
  options.on_notice = [&](const ReadNotice& notice) {
    if (std::holds_alternative<CaughtUpNotice>(notice)) ++caught_up;
  };
  auto reader = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return caught_up == 1; }));
  reader->Stop();
  EXPECT_EQ(seen.order(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(offsets, (std::vector<uint64_t>{0, 2}));
}

TEST_F(ClientTest, R8StopFromTheHandlerLeavesTheCursorAfterItsEvent) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 5);
  Seen seen;
  std::unique_ptr<Reader> reader;
  std::mutex started;
  ReaderOptions options = ReadInto("orders", seen);
  options.on_event = [&](const ReadEvent& read) -> Status {
    std::lock_guard lock(started);
    seen.Add(read.event().payload);
    if (read.event().payload == "1") reader->Stop();
    return {};
  };
  {
    std::lock_guard lock(started);
    reader = Start(client, options);
  }
  ASSERT_TRUE(reader->WaitFor(kPatience));
  EXPECT_EQ(seen.order(), Numbers(2));
  Seen rest;
  ReaderOptions next = ReadInto("orders", rest);
  next.from = FromCursor{reader->cursor()};
  next.stop_at_end = true;
  ASSERT_TRUE(Start(client, next)->WaitFor(kPatience));
  EXPECT_EQ(rest.order(), (std::vector<std::string>{"2", "3", "4"}));
}

TEST_F(ClientTest, R9AReaderIsToldThatItsTopicWasDeletedAndReadsTheNewOne) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 3);
  Seen seen;
  ReaderOptions options = ReadInto("orders", seen);
  options.on_event = [&](const ReadEvent& read) -> Status {
    seen.Add(std::to_string(read.offset().value()) + "=" + std::string(read.event().payload));
    return {};
  };
  options.on_notice = [&](const ReadNotice& notice) {
    if (const auto* epoch = std::get_if<EpochChangedNotice>(&notice)) {
      EXPECT_NE(epoch->old_epoch, epoch->new_epoch);
      seen.Add("epoch changed");
    }
  };
  const auto reader = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return seen.size() == 3; }));
  ASSERT_TRUE(Admin(client).DeleteTopic("orders"));
  ASSERT_TRUE(Eventually([&] { return seen.size() == 4; }));
  ASSERT_TRUE(publisher->Post({.topic = "orders", .payload = "new"}));
  ASSERT_TRUE(Eventually([&] { return seen.size() == 5; }));
  EXPECT_EQ(seen.order(),
            (std::vector<std::string>{"0=0", "1=1", "2=2", "epoch changed", "0=new"}));
}

TEST_F(ClientTest, R10AReaderOfSeveralTopicsIsToldWhichEventsWentWithATopic) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders/1", 3);
  PostNumbers(*publisher, "orders/2", 1);
  ASSERT_TRUE(Admin(client).DeleteTopic("orders/1"));
  Seen seen;
  std::vector<GapNotice> gaps;
  ReaderOptions options = ReadInto("orders/*", seen);
  options.stop_at_end = true;
  options.on_notice = [&](const ReadNotice& notice) {
    if (const auto* gap = std::get_if<GapNotice>(&notice)) gaps.push_back(*gap);
  };
  ASSERT_TRUE(Start(client, options)->WaitFor(kPatience));
  EXPECT_EQ(seen.order(), Numbers(1));
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].topic, "orders/1");
  EXPECT_EQ(gaps[0].first, 0u);
  EXPECT_EQ(gaps[0].end, 3u);
  EXPECT_EQ(gaps[0].reason, GapNotice::Reason::kTopicDeleted);
}

}  // namespace
}  // namespace postroad::testing
