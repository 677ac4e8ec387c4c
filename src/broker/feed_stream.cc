// Reading the feed from a cursor on, for the topics a selector matches.
#include "broker/feed_stream.h"

#include <algorithm>

#include "broker/run_slice.h"

namespace postroad::broker {

namespace {

// How often one Next goes on along the feed when nothing it met was of its topics.
constexpr int kReadsPerNext = 16;
// "The last N" looks at this many entries of the feed beside N, this many at once to begin with.
constexpr uint64_t kLastEntries = 200'000;
constexpr uint64_t kLastStep = 1024;

// Where the last `events` of the topics begin: looks back over the feed's entries, ever further.
// Where few of them are of these topics it ends early, to cost a bounded time; then they are fewer.
Result<FeedPosition> PositionOfLast(store::Store& store, const TopicSelector& topics,
                                    const store::FeedBounds& bounds, uint64_t events) {
  uint64_t left = events;
  uint64_t entries_left = kLastEntries + events;
  FeedPosition begin = bounds.next;
  for (uint64_t step = std::max(events, kLastStep); begin > bounds.first; step *= 2) {
    const FeedPosition end = begin;
    begin = end - std::min(step, end - bounds.first);
    std::vector<std::pair<FeedPosition, uint64_t>> matched;  // where, and how many
    for (FeedPosition at = begin; at < end;) {
      POSTROAD_ASSIGN(const auto entries, store.ReadFeed(at, kLastStep));
      const FeedPosition before = at;
      for (const store::FeedEntry& entry : entries) {
        const FeedPosition from = std::max(entry.position, at);
        at = std::max(at, entry.position + entry.count);
        const FeedPosition to = std::min(entry.position + entry.count, end);
        if (from < to && topics.Matches(entry.topic_name)) matched.emplace_back(from, to - from);
      }
      entries_left -= std::min<uint64_t>(entries_left, entries.size());
      if (at == before) break;  // trimmed meanwhile
    }
    for (auto it = matched.rbegin(); it != matched.rend(); ++it) {
      if (it->second >= left) return it->first + (it->second - left);
      left -= it->second;
    }
    if (entries_left == 0) break;
  }
  return begin;
}

// Adds to the gap before it where it continues that.
void AddGap(std::vector<StreamGap>& gaps, StreamGap gap) {
  if (!gaps.empty() && gaps.back().topic == gap.topic && gaps.back().end == gap.first &&
      gaps.back().topic_deleted == gap.topic_deleted) {
    gaps.back().end = gap.end;
  } else {
    gaps.push_back(std::move(gap));
  }
}

}  // namespace

Result<std::unique_ptr<EventStream>> FeedStream::Open(StreamContext context, store::Store& store,
                                                      StreamSpec spec, std::string client) {
  std::unique_ptr<FeedStream> stream(new FeedStream(context, std::move(spec)));
  POSTROAD_ASSIGN(Begin begin, stream->FindBegin(store));
  stream->Start(begin);
  POSTROAD_TRY(stream->Register(std::move(client)));
  return stream;
}

Result<StreamBase::Begin> FeedStream::FindBegin(store::Store& store) {
  POSTROAD_ASSIGN(store::FeedBounds bounds, store.ReadFeedBounds());
  bounds.next = journal().feed_end();  // what may be seen
  bounds.first = std::min(bounds.first, bounds.next);
  Begin begin{.next = bounds.next.value(), .target = bounds.next.value()};
  const StreamStart& start = spec().start;
  if (const auto* cursor = std::get_if<FromCursor>(&start)) {
    return FromCursorText(cursor->cursor, bounds);
  } else if (std::holds_alternative<FromBeginning>(start)) {
    begin.next = bounds.first.value();
  } else if (const auto* last = std::get_if<FromLast>(&start)) {
    POSTROAD_ASSIGN(const FeedPosition position,
                    PositionOfLast(store, spec().topics, bounds, last->events));
    begin.next = position.value();
  } else if (const auto* time = std::get_if<FromTime>(&start)) {
    POSTROAD_ASSIGN(const FeedPosition position, store.PositionAtTime(time->time));
    begin.next = std::min(position, bounds.next).value();
  } else if (std::holds_alternative<FromOffset>(start)) {
    return Invalid("offset", "an offset is of one topic; this stream has several");
  }
  return begin;
}

Result<StreamBase::Begin> FeedStream::FromCursorText(const std::string& text,
                                                     const store::FeedBounds& bounds) {
  POSTROAD_ASSIGN(const postroad::Cursor decoded, DecodeCursor(text, "cursor"));
  const auto* cursor = std::get_if<FeedCursor>(&decoded);
  if (cursor == nullptr) {
    return Invalid("cursor", "this cursor is of a stream over one topic", "BAD_CURSOR");
  }
  if (cursor->next.size() != 1) {
    return Invalid("cursor", "this cursor is of a store with more partitions", "BAD_CURSOR");
  }
  const FeedPosition next = cursor->next.front();
  Begin begin{.next = next.value(), .target = bounds.next.value()};
  if (const Epoch epoch = journal().FeedEpoch(); cursor->epoch != epoch) {
    begin.next = bounds.first.value();
    begin.epoch_changed = EpochChange{cursor->epoch, epoch};
  } else if (next > bounds.next) {
    return Fail(ErrorCode::kOutOfRange, "the cursor is beyond the end of the log", "cursor",
                "BEYOND_END");
  }
  return begin;
}

Status FeedStream::Read(StreamBatch& batch) {
  size_t budget = spec().max_batch_bytes;
  for (int i = 0; i < kReadsPerNext && next() < limit(); ++i) {
    POSTROAD_ASSIGN(const journal::FeedRead read,
                    journal().ReadFeed(FeedPosition(next()), spec().topics, budget));
    if (read.gap) {
      AddGap(batch.gaps, {.first = read.gap->first.value(), .end = read.gap->second.value()});
      set_next(std::min(read.gap->second.value(), limit()));
    }
    for (const journal::FeedRun& run : read.runs) {
      POSTROAD_ASSIGN(const bool more, AddRun(run, budget, batch));
      if (!more) return {};
    }
    set_next(std::min(std::max(next(), read.next.value()), limit()));
    if (read.at_end || !batch.runs.empty()) return {};
  }
  return {};
}

Result<bool> FeedStream::AddRun(const journal::FeedRun& feed, size_t& budget, StreamBatch& batch) {
  const uint64_t begin = std::max(feed.position.value(), next());
  const uint64_t end = std::min(feed.position.value() + feed.count, limit());
  if (begin >= end) return feed.position.value() < limit();
  const Offset from = feed.first + (begin - feed.position.value());
  const Offset to = feed.first + (end - feed.position.value());
  if (feed.run == nullptr) {
    // Told before the batch's runs, so it must not overtake events of its own topic.
    if (!batch.runs.empty()) return false;
    AddGap(batch.gaps, {*feed.topic_name, from.value(), to.value(), feed.topic_deleted});
    set_next(end);
    return true;
  }
  if (!batch.runs.empty() && feed.run->body.size() > budget) return false;
  POSTROAD_ASSIGN(
      RunSlice slice,
      SliceRun(feed.run, {.from = from, .to = to, .budget = budget, .filter = &spec().filter}));
  set_next(begin + (slice.next - from));
  budget -= std::min(budget, slice.run.bytes);
  if (slice.run.count > 0) {
    slice.run.topic = feed.topic_name;
    slice.run.position = FeedPosition(begin) + (slice.run.first - from);
    batch.runs.push_back(std::move(slice.run));
  }
  return slice.next == to;
}

journal::WaitPtr FeedStream::Wait(Executor& executor, Task task) {
  return journal().WaitForFeed(FeedPosition(next()), executor, std::move(task));
}

void FeedStream::Again(journal::Wait& wait) { journal().WaitAgain(wait, FeedPosition(next())); }

postroad::Cursor FeedStream::CursorAt(uint64_t next) const {
  return FeedCursor{journal().FeedEpoch(), {FeedPosition(next)}};
}

}  // namespace postroad::broker
