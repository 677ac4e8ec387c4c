// Streams over the real journal and store: where they start, what they say, how they end.
#include "broker/event_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "broker/feed_stream.h"
#include "broker/topic_stream.h"
#include "journal/testing.h"

namespace postroad::broker {
namespace {

using journal::TestEvent;

// What a reader saw, in order: event ids, and notices in brackets.
struct Seen {
  std::vector<std::string> all;
  std::string cursor;
  bool caught_up = false;
  bool end = false;
};

class EventStreamTest : public ::testing::Test {
 protected:
  static StreamSpec Spec(const std::vector<std::string>& topics, StreamStart start) {
    return {.topics = *TopicSelector::Parse(topics, "topics"), .start = std::move(start)};
  }
  Result<std::unique_ptr<EventStream>> Open(StreamSpec spec, const std::string& client = "") {
    const StreamContext context{*house.journal, registry, metrics};
    return spec.topics.SingleTopic().empty()
               ? FeedStream::Open(context, *house.store, std::move(spec), client)
               : TopicStream::Open(context, *house.store, std::move(spec), client);
  }
  std::unique_ptr<EventStream> MustOpen(StreamSpec spec, const std::string& client = "") {
    auto stream = Open(std::move(spec), client);
    EXPECT_TRUE(stream) << (stream ? "" : stream.error().ToString());
    return stream ? *std::move(stream) : nullptr;
  }

  static void Note(const StreamBatch& batch, Seen& seen) {
    if (batch.epoch_changed) seen.all.push_back("[epoch]");
    for (const StreamGap& gap : batch.gaps) {
      seen.all.push_back((gap.topic_deleted ? "[deleted " : "[gap ") + gap.topic + " " +
                         std::to_string(gap.first) + "-" + std::to_string(gap.end) + "]");
    }
    for (const StreamRun& run : batch.runs) {
      std::string body;
      for (const std::string_view piece : run.pieces) body.append(piece);
      EXPECT_EQ(body.size(), run.bytes);
      BodyReader reader(body);
      uint32_t count = 0;
      for (; const auto record = reader.Next(); ++count) {
        EventView event;
        EXPECT_TRUE(ParseRecord(*record, event));
        const Offset offset = run.offsets.empty() ? run.first + count : run.offsets[count];
        seen.all.push_back(*run.topic + "@" + std::to_string(offset.value()) + "=" +
                           std::string(event.id));
      }
      EXPECT_EQ(count, run.count);
    }
    seen.cursor = EncodeCursor(batch.cursor);
    seen.caught_up |= batch.caught_up;
    seen.end |= batch.end;
  }
  // All that is there now.
  static Seen ReadAll(EventStream& stream) {
    Seen seen;
    for (int i = 0; i < 10'000; ++i) {
      auto batch = stream.Next();
      EXPECT_TRUE(batch) << (batch ? "" : batch.error().ToString());
      if (!batch) return seen;
      Note(*batch, seen);
      if (batch->Empty() || batch->end) return seen;
    }
    ADD_FAILURE() << "the stream does not come to its end";
    return seen;
  }
  std::vector<std::string> ReadFrom(StreamSpec spec) {
    return ReadAll(*MustOpen(std::move(spec))).all;
  }

  journal::JournalHouse house{[] {
    journal::JournalOptions options;
    options.rules = journal::TopicRules(
        {{.pattern = *TopicPattern::Parse("short", "pattern"), .retention_count = 2}});
    return options;
  }()};
  StreamRegistry registry{house.metrics};
  StreamMetrics metrics{house.metrics.GetCounter("test_events_total", "Events."),
                        house.metrics.GetCounter("test_bytes_total", "Bytes."),
                        house.metrics.GetCounter("test_gaps_total", "Gaps.")};
};

using Strings = std::vector<std::string>;

TEST_F(EventStreamTest, StartsWhereAsked) {
  house.MustPost("t", {{"a"}, {"b"}});
  house.clock.Advance(std::chrono::seconds(10));
  const Timestamp later = house.clock.Now();
  house.MustPost("t", {{"c"}});
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromBeginning{})), (Strings{"t@0=a", "t@1=b", "t@2=c"}));
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromLast{2})), (Strings{"t@1=b", "t@2=c"}));
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromLast{50})), (Strings{"t@0=a", "t@1=b", "t@2=c"}));
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromTime{later})), (Strings{"t@2=c"}));
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromOffset{Offset(1)})), (Strings{"t@1=b", "t@2=c"}));
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromEnd{})), Strings{});
  EXPECT_EQ(ReadFrom(Spec({"t", "u"}, FromLast{2})), (Strings{"t@1=b", "t@2=c"}));
  EXPECT_EQ(ReadFrom(Spec({"*"}, FromTime{later})), (Strings{"t@2=c"}));
}

TEST_F(EventStreamTest, TheLastOfSeveralTopicsAreTheirsWhateverElseWasPosted) {
  house.MustPost("t", {{"a"}, {"b"}});
  house.MustPost("u", {{"c"}, {"d"}, {"e"}});
  for (int i = 0; i < 1500; ++i) house.MustPost("noise", {{""}});
  house.MustPost("t", {{"f"}});
  house.MustPost("noise", {{""}, {""}});
  EXPECT_EQ(ReadFrom(Spec({"t", "u"}, FromLast{1})), (Strings{"t@2=f"}));
  EXPECT_EQ(ReadFrom(Spec({"t", "u"}, FromLast{3})), (Strings{"u@1=d", "u@2=e", "t@2=f"}));
  EXPECT_EQ(ReadFrom(Spec({"t*", "x"}, FromLast{2})), (Strings{"t@1=b", "t@2=f"}));
  EXPECT_EQ(ReadFrom(Spec({"t", "u"}, FromLast{6})),
            (Strings{"t@0=a", "t@1=b", "u@0=c", "u@1=d", "u@2=e", "t@2=f"}));
  EXPECT_EQ(ReadFrom(Spec({"t", "u"}, FromLast{60})).size(), 6u);
  EXPECT_TRUE(ReadFrom(Spec({"x", "y"}, FromLast{2})).empty());
}

TEST_F(EventStreamTest, FollowsTheFeedInTheOrderOfCommits) {
  house.MustPost("user/1", {{"a"}});
  house.MustPost("other", {{"x"}});
  house.MustPost("user/2", {{"b"}});
  house.MustPost("user/1", {{"c"}});
  EXPECT_EQ(ReadFrom(Spec({"user/*"}, FromBeginning{})),
            (Strings{"user/1@0=a", "user/2@0=b", "user/1@1=c"}));
  EXPECT_EQ(ReadFrom(Spec({"other", "user/2"}, FromBeginning{})),
            (Strings{"other@0=x", "user/2@0=b"}));
}

TEST_F(EventStreamTest, GoesOnFromEveryCursor) {
  std::vector<TestEvent> events;
  for (int i = 0; i < 300; ++i) events.push_back({std::to_string(i), std::string(500, 'x')});
  house.MustPost("t", events);
  for (const char* topics : {"t", "t*"}) {
    StreamSpec spec = Spec({topics}, FromBeginning{});
    spec.max_batch_bytes = kMinBatchBytes;
    Seen seen;
    for (int i = 0; i < 300 && !seen.caught_up; ++i) {
      auto stream = MustOpen(spec);
      Note(*stream->Next(), seen);
      spec.start = FromCursor{seen.cursor};
    }
    ASSERT_EQ(seen.all.size(), 300u) << topics;
    for (int i = 0; i < 300; ++i) {
      EXPECT_EQ(seen.all[i], "t@" + std::to_string(i) + "=" + std::to_string(i));
    }
  }
}

TEST_F(EventStreamTest, GivesWholeRunsWithoutCopyingThem) {
  house.MustPost("t", {{"a"}, {"b"}});
  auto stream = MustOpen(Spec({"t"}, FromBeginning{}));
  const auto batch = stream->Next();
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->runs.size(), 1u);
  const StreamRun& run = batch->runs[0];
  ASSERT_EQ(run.pieces.size(), 1u);
  EXPECT_EQ(run.pieces[0].data(), run.owner->body.data());
  EXPECT_EQ(run.pieces[0].size(), run.owner->body.size());
}

TEST_F(EventStreamTest, RefusesCursorsThatAreNotItsOwn) {
  house.MustPost("t", {{"a"}});
  house.MustPost("u", {{"b"}});
  const std::string of_topic = EncodeCursor(MustOpen(Spec({"t"}, FromEnd{}))->Cursor());
  const std::string of_feed = EncodeCursor(MustOpen(Spec({"*"}, FromEnd{}))->Cursor());
  struct Case {
    const char* topics;
    std::string cursor;
  };
  for (const Case& c : {Case{"t", "nonsense"}, Case{"u", of_topic}, Case{"t", of_feed},
                        Case{"*", of_topic}, Case{"t", ""}}) {
    const auto stream = Open(Spec({c.topics}, FromCursor{c.cursor}));
    ASSERT_FALSE(stream) << c.topics << " " << c.cursor;
    EXPECT_EQ(stream.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(stream.error().reason, "BAD_CURSOR");
    EXPECT_EQ(stream.error().field, "cursor");
  }
}

TEST_F(EventStreamTest, RefusesPositionsBeyondTheEnd) {
  house.MustPost("t", {{"a"}});
  const Epoch epoch = house.journal->TopicEpoch("t");
  const std::string beyond = EncodeCursor(TopicCursor{epoch, Offset(2), TopicCursorHash("t")});
  EXPECT_EQ(Open(Spec({"t"}, FromCursor{beyond})).error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(Open(Spec({"t"}, FromOffset{Offset(2)})).error().code, ErrorCode::kOutOfRange);
  const std::string feed = EncodeCursor(FeedCursor{house.journal->FeedEpoch(), {FeedPosition(2)}});
  EXPECT_EQ(Open(Spec({"*"}, FromCursor{feed})).error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(Open(Spec({"*"}, FromOffset{Offset(0)})).error().field, "offset");
}

TEST_F(EventStreamTest, TellsThatTheEpochChangedAndGoesOnFromTheOldest) {
  house.MustPost("t", {{"a"}, {"b"}});
  const std::string topic =
      EncodeCursor(TopicCursor{Epoch(12345), Offset(900), TopicCursorHash("t")});
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromCursor{topic})), (Strings{"[epoch]", "t@0=a", "t@1=b"}));
  const std::string feed = EncodeCursor(FeedCursor{Epoch(12345), {FeedPosition(900)}});
  EXPECT_EQ(ReadFrom(Spec({"*"}, FromCursor{feed})), (Strings{"[epoch]", "t@0=a", "t@1=b"}));
}

TEST_F(EventStreamTest, TellsThatTheTopicWasMadeAnew) {
  house.MustPost("t", {{"a"}, {"b"}});
  const auto seen = ReadAll(*MustOpen(Spec({"t"}, FromBeginning{})));
  const auto before = ReadAll(*MustOpen(Spec({"later"}, FromBeginning{})));
  ASSERT_TRUE(house.journal->DeleteTopic("t"));
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromCursor{seen.cursor})), (Strings{"[epoch]"}));
  house.MustPost("t", {{"c"}, {"d"}, {"e"}});
  EXPECT_EQ(ReadFrom(Spec({"t"}, FromCursor{seen.cursor})),
            (Strings{"[epoch]", "t@0=c", "t@1=d", "t@2=e"}));
  house.MustPost("later", {{"x"}});
  EXPECT_EQ(ReadFrom(Spec({"later"}, FromCursor{before.cursor})), (Strings{"later@0=x"}))
      << "the topic was not there when the cursor was made";
}

TEST_F(EventStreamTest, TellsWhatRetentionTook) {
  auto topic = MustOpen(Spec({"short"}, FromBeginning{}));
  auto feed = MustOpen(Spec({"*"}, FromBeginning{}));
  for (const char* id : {"a", "b", "c", "d"}) house.MustPost("short", {{id}});
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(ReadAll(*topic).all, (Strings{"[gap short 0-2]", "short@2=c", "short@3=d"}));
  EXPECT_EQ(ReadAll(*feed).all, (Strings{"[gap short 0-2]", "short@2=c", "short@3=d"}));
  // The beginning is the oldest kept: no gap.
  EXPECT_EQ(ReadFrom(Spec({"short"}, FromBeginning{})), (Strings{"short@2=c", "short@3=d"}));
}

TEST_F(EventStreamTest, TellsOfATopicDeletedAmongSeveral) {
  const auto expect = [&](FeedPosition from) {
    const std::string cursor = EncodeCursor(FeedCursor{house.journal->FeedEpoch(), {from}});
    EXPECT_EQ(ReadFrom(Spec({"*"}, FromCursor{cursor})),
              (Strings{"[gap short 1-2]", "short@2=c", "[deleted t 0-3]", "short@3=d", "t@0=new"}));
  };
  house.MustPost("short", {{"a"}, {"b"}});
  house.MustPost("short", {{"c"}});
  house.MustPost("t", {{"x"}, {"y"}});
  house.MustPost("t", {{"z"}});
  house.MustPost("short", {{"d"}});
  ASSERT_TRUE(house.journal->DeleteTopic("t"));
  house.MustPost("t", {{"new"}});
  ASSERT_TRUE(house.journal->ApplyRetention());
  expect(FeedPosition(1));
  house.Reopen();
  expect(FeedPosition(1));
}

TEST_F(EventStreamTest, FiltersAndKeepsOffsets) {
  journal::Chunk chunk{.topic = "t"};
  for (const auto& [id, type] : std::vector<std::pair<std::string, std::string>>{
           {"a", "order.paid"}, {"b", "order.sent"}, {"c", "order.paid"}, {"d", "user.new"}}) {
    AppendToBody(ViewOf(Event{.id = id, .type = type}), chunk.body);
    chunk.fingerprints.push_back(0);
    ++chunk.count;
  }
  journal::Batch batch;
  batch.chunks.push_back(std::move(chunk));
  ASSERT_TRUE(journal::PostAndWait(*house.journal, std::move(batch)));
  for (const char* topics : {"t", "*"}) {
    StreamSpec spec = Spec({topics}, FromBeginning{});
    spec.filter.types = {"order.paid"};
    EXPECT_EQ(ReadFrom(spec), (Strings{"t@0=a", "t@2=c"}));
    spec.filter.types = {"order.*"};
    EXPECT_EQ(ReadFrom(spec), (Strings{"t@0=a", "t@1=b", "t@2=c"}));
    spec.filter.types = {"none"};
    EXPECT_EQ(ReadFrom(spec), Strings{});
  }
}

TEST_F(EventStreamTest, SaysOnceThatItHasCaughtUp) {
  house.MustPost("t", {{"a"}});
  auto stream = MustOpen(Spec({"t"}, FromBeginning{}));
  const auto first = stream->Next();
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->caught_up);
  house.MustPost("t", {{"b"}});
  const auto second = stream->Next();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->runs.size(), 1u);
  EXPECT_FALSE(second->caught_up);
}

TEST_F(EventStreamTest, StopsWhereTheTopicsEndedWhenItWasOpened) {
  house.MustPost("t", {{"a"}});
  for (const char* topics : {"t", "*"}) {
    StreamSpec spec = Spec({topics}, FromBeginning{});
    spec.stop_at_end = true;
    auto stream = MustOpen(spec);
    const size_t events = ReadAll(*MustOpen(Spec({"t"}, FromBeginning{}))).all.size();
    house.MustPost("t", {{"later"}});
    const Seen seen = ReadAll(*stream);
    EXPECT_TRUE(seen.end);
    EXPECT_EQ(seen.all.size(), events) << topics;
  }
}

TEST_F(EventStreamTest, WakesWhoWaits) {
  auto stream = MustOpen(Spec({"new"}, FromEnd{}));
  ASSERT_TRUE(stream->Next()->caught_up);
  ManualExecutor executor(house.clock);
  bool woken = false;
  auto wait = stream->WaitForMore(executor, [&] { woken = true; });
  executor.RunUntilIdle();
  EXPECT_FALSE(woken);
  house.MustPost("new", {{"a"}});
  EXPECT_TRUE(journal::Eventually([&] { return executor.RunUntilIdle(), woken; }));
  EXPECT_EQ(ReadAll(*stream).all, (Strings{"new@0=a"}));
}

TEST_F(EventStreamTest, WakesWhoWaitsAgain) {
  for (const char* topics : {"new", "n*"}) {
    auto stream = MustOpen(Spec({topics}, FromEnd{}));
    ASSERT_TRUE(stream->Next());
    ManualExecutor executor(house.clock);
    int woken = 0;
    auto wait = stream->WaitForMore(executor, [&] { ++woken; });
    for (int round = 1; round <= 3; ++round) {
      house.MustPost("new", {{"", "a"}});
      EXPECT_TRUE(journal::Eventually([&] { return executor.RunUntilIdle(), woken == round; }));
      ReadAll(*stream);
      executor.RunUntilIdle();
      EXPECT_EQ(woken, round);
      stream->WaitAgain(*wait);
    }
    registry.EndTopic("new");
    if (std::string(topics) == "n*") continue;
    executor.RunUntilIdle();
    EXPECT_EQ(woken, 4) << "by its end";
    stream->WaitAgain(*wait);
    executor.RunUntilIdle();
    EXPECT_EQ(woken, 5) << "it has ended already";
  }
}

TEST_F(EventStreamTest, SaysWhereNothingIsBehind) {
  house.MustPost("t", {{"a"}, {"b"}});
  auto stream = MustOpen(Spec({"t"}, FromBeginning{}));
  EXPECT_TRUE(stream->Next()->at_end);
  house.MustPost("t", {{"", std::string(3000, 'c')}});
  house.MustPost("t", {{"", std::string(3000, 'd')}});
  StreamSpec small = Spec({"t"}, FromBeginning{});
  small.max_batch_bytes = kMinBatchBytes;
  auto slow = MustOpen(std::move(small));
  EXPECT_FALSE(slow->Next()->at_end) << "it did not give all";
  EXPECT_TRUE(slow->Next()->at_end);
}

TEST_F(EventStreamTest, ANewerStreamOfTheClientEndsTheOlder) {
  auto older = MustOpen(Spec({"t"}, FromEnd{}), "ada\nphone");
  auto other = MustOpen(Spec({"t"}, FromEnd{}), "ada\ntablet");
  ASSERT_TRUE(older->Next());
  ManualExecutor executor(house.clock);
  bool ended = false, woken = false;
  older->OnEnded(executor, [&] { ended = true; });
  auto wait = older->WaitForMore(executor, [&] { woken = true; });
  auto newer = MustOpen(Spec({"t"}, FromEnd{}), "ada\nphone");
  executor.RunUntilIdle();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(woken);
  const auto next = older->Next();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kAborted);
  EXPECT_EQ(next.error().reason, "REPLACED");
  EXPECT_TRUE(newer->Next());
  EXPECT_TRUE(other->Next());

  // The old one's late end must not take the new one's place away.
  older.reset();
  EXPECT_EQ(registry.size(), 2u);
  auto newest = MustOpen(Spec({"t"}, FromEnd{}), "ada\nphone");
  EXPECT_EQ(newer->Next().error().reason, "REPLACED");
}

TEST_F(EventStreamTest, ADrainEndsAllAndTakesNoNewOnes) {
  auto stream = MustOpen(Spec({"t"}, FromEnd{}));
  registry.EndAll({ErrorCode::kUnavailable, "going down", "", "DRAINING"});
  EXPECT_EQ(stream->Next().error().reason, "DRAINING");
  EXPECT_EQ(Open(Spec({"t"}, FromEnd{})).error().reason, "DRAINING");
}

TEST_F(EventStreamTest, ADeletedTopicEndsItsStreams) {
  house.MustPost("t", {{"a"}});
  auto stream = MustOpen(Spec({"t"}, FromBeginning{}));
  auto other = MustOpen(Spec({"u"}, FromBeginning{}));
  registry.EndTopic("t");
  EXPECT_EQ(stream->Next().error().reason, "TOPIC_DELETED");
  EXPECT_TRUE(other->Next());
}

TEST_F(EventStreamTest, TenThousandReadersOfATopicAreAllWokenAndReadTheSame) {
  constexpr size_t kReaders = 12'000;
  ManualExecutor executor(house.clock);
  struct Reader {
    std::unique_ptr<EventStream> stream;
    journal::WaitPtr wait;
    int woken = 0;
  };
  std::vector<Reader> readers(kReaders);
  const auto sleep = [&](Reader& reader) {
    reader.wait = reader.stream->WaitForMore(executor, [&reader] { ++reader.woken; });
  };
  for (Reader& reader : readers) {
    reader.stream = MustOpen(Spec({"t"}, FromEnd{}));
    ASSERT_TRUE(reader.stream->Next()->caught_up);
    sleep(reader);
  }
  for (int round = 1; round <= 3; ++round) {
    house.MustPost("other", {{"x"}});
    house.MustPost("t", {{"a" + std::to_string(round)}});
    ASSERT_TRUE(journal::Eventually([&] {
      executor.RunUntilIdle();
      return std::ranges::all_of(readers, [&](const Reader& r) { return r.woken == round; });
    }));
    std::set<const void*> runs;
    for (Reader& reader : readers) {
      const auto batch = reader.stream->Next();
      ASSERT_TRUE(batch && batch->runs.size() == 1);
      EXPECT_EQ(batch->runs[0].first, Offset(round - 1));
      runs.insert(batch->runs[0].owner.get());
      sleep(reader);
    }
    EXPECT_EQ(runs.size(), 1u) << "one copy for all";
  }
  EXPECT_EQ(registry.size(), kReaders);
}

}  // namespace
}  // namespace postroad::broker
